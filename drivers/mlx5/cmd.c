// SPDX-License-Identifier: GPL-2.0-only
/*
 * Firmware commands; linux/mlx5/mlx5_ifc.h has the layouts. Decides how long an
 * answer is waited for, what became of a command, and whether what firmware says
 * can be; what that means for the device's state is the callers' business. All
 * commands go to the PF's firmware and name the VF by its vhca_id.
 *
 * A command cannot be taken back. When the caller is killed, loses patience or
 * has no more use for the answer, the command is abandoned: it is still under way,
 * and no other command of the migration states is given before it was answered
 * (mlx5vf_cmd_wait_abandoned()). So there is at most one SAVE or LOAD of a VF
 * under way, and a VF takes few of the PF's command slots. mlx5_core has a time
 * limit of its own, after which it answers for the firmware.
 *
 * A reset can overtake a command, waited for or not. cmd_answered() notes what
 * firmware said last about suspending the VF, or that its answer is missing
 * (MLX5VF_NO_*), and device.c compares.
 */
#include <linux/delay.h>
#include <linux/mlx5/vport.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "cmd.h"
#include "device.h"
#include "ifc.h"

static unsigned int cmd_timeout_ms = 60000;
module_param(cmd_timeout_ms, uint, 0644);
MODULE_PARM_DESC(cmd_timeout_ms, "Longest wait for the answer to a firmware command, in ms");

enum mlx5vf_phase { CMD_PENDING, CMD_ANSWERED, CMD_ABANDONED };

/**
 * mlx5vf_cmd_limit() - How long an answer is waited for, in jiffies
 *
 * Return: At least one.
 */
unsigned long mlx5vf_cmd_limit(void)
{
	return msecs_to_jiffies(clamp(READ_ONCE(cmd_timeout_ms), 1U, 600000U));
}

/* ---- Outcomes ---- */

/**
 * mlx5vf_refused_state() - Did firmware refuse a command because of an object's state?
 * @result: Of the command
 *
 * Return: true if the firmware answered BAD_RES_STATE.
 */
bool mlx5vf_refused_state(struct mlx5vf_result result)
{
	return result.outcome == MLX5VF_REFUSED &&
	       result.status == MLX5_CMD_STAT_BAD_RES_STATE_ERR;
}

/**
 * mlx5vf_had_no_effect() - Is it certain that firmware did nothing of a command?
 * @result: Of the command
 *
 * An internal error of the firmware may follow a part of the command.
 *
 * Return: true if the command was not given, or was refused with another status.
 */
bool mlx5vf_had_no_effect(struct mlx5vf_result result)
{
	return result.outcome == MLX5VF_NOT_GIVEN ||
	       (result.outcome == MLX5VF_REFUSED && result.status != MLX5_CMD_STAT_INT_ERR);
}

static struct mlx5vf_result not_given(struct mlx5vf_cmd *cmd, int err)
{
	/* Without firmware mlx5_core makes up the answer. */
	err = mlx5_cmd_check(cmd->mv->mdev, err, cmd->in, cmd->out) ?: -EIO;
	dev_err_ratelimited(mlx5vf_dev(cmd->mv), "%s could not be given to the firmware: error %d\n",
			    cmd->what, err);
	return (struct mlx5vf_result){ .outcome = MLX5VF_NOT_GIVEN, .err = err };
}

/*
 * Does the entry in mlx5_core's queue say that the command was not taken from it? These
 * are mlx5_core's errors for that; for an internal error of the firmware it has EIO.
 */
static bool not_delivered(int status)
{
	return status == -EBADR || status == -EFAULT || status == -ENOMEM;
}

/* What became of a command that mlx5_core answered so. */
static enum mlx5vf_outcome outcome_of(int status)
{
	if (!status)
		return MLX5VF_DONE;
	if (status == -EREMOTEIO)
		return MLX5VF_REFUSED;
	return not_delivered(status) ? MLX5VF_NOT_GIVEN : MLX5VF_UNKNOWN;
}

/**
 * mlx5vf_cmd_result() - What became of a command
 * @cmd: The command, answered
 *
 * Return: The result; an error is in the kernel's log.
 */
struct mlx5vf_result mlx5vf_cmd_result(struct mlx5vf_cmd *cmd)
{
	struct mlx5vf_result result = {};

	if (!cmd->status)
		return result;
	result.err = mlx5_cmd_check(cmd->mv->mdev, cmd->status, cmd->in, cmd->out) ?: -EIO;
	result.outcome = outcome_of(cmd->status);
	if (result.outcome == MLX5VF_REFUSED)
		result.status = MLX5_GET(suspend_vhca_out, cmd->out, status);
	dev_err_ratelimited(mlx5vf_dev(cmd->mv), "%s failed: error %d\n", cmd->what, result.err);
	return result;
}

/* ---- The life of a command ---- */

/**
 * mlx5vf_cmd_alloc() - Make a command
 * @mv: The VF
 * @what: The command's name, for messages
 * @outlen: Size of the answer in bytes
 *
 * Return: The command with one reference, or NULL.
 */
struct mlx5vf_cmd *mlx5vf_cmd_alloc(struct mlx5vf_device *mv, const char *what, int outlen)
{
	struct mlx5vf_cmd *cmd;

	cmd = kzalloc_flex(*cmd, out, outlen, GFP_KERNEL_ACCOUNT);
	if (!cmd)
		return NULL;
	cmd->mv = mv;
	cmd->what = what;
	cmd->outlen = outlen;
	init_completion(&cmd->answered);
	atomic_set(&cmd->phase, CMD_PENDING);
	refcount_set(&cmd->refs, 1);
	return cmd;
}

/**
 * mlx5vf_cmd_put() - Give back a reference
 * @cmd: The command, or NULL
 */
void mlx5vf_cmd_put(struct mlx5vf_cmd *cmd)
{
	if (cmd && refcount_dec_and_test(&cmd->refs))
		kfree(cmd);
}

/* What firmware has done, or may have, for when a reset has come in between. */
static void note_suspended(const struct mlx5vf_cmd *cmd, enum mlx5vf_outcome outcome)
{
	u16 op_mod = MLX5_GET(suspend_vhca_in, cmd->in, op_mod);
	unsigned long *flags = &cmd->mv->flags;

	if (outcome != MLX5VF_DONE && outcome != MLX5VF_UNKNOWN)
		return;
	switch (MLX5_GET(suspend_vhca_in, cmd->in, opcode)) {
	case MLX5_CMD_OP_SUSPEND_VHCA:
		set_bit(op_mod == MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_INITIATOR ?
			MLX5VF_NO_INITIATOR : MLX5VF_NO_RESPONDER, flags);
		break;
	case MLX5_CMD_OP_RESUME_VHCA:
		if (outcome == MLX5VF_UNKNOWN)
			break;
		clear_bit(op_mod == MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_INITIATOR ?
			  MLX5VF_NO_INITIATOR : MLX5VF_NO_RESPONDER, flags);
		break;
	}
}

/* Possibly in an interrupt. */
static void cmd_answered(int status, struct mlx5_async_work *work)
{
	struct mlx5vf_cmd *cmd = container_of(work, struct mlx5vf_cmd, work);
	struct mlx5vf_device *mv = cmd->mv;

	cmd->status = status;
	note_suspended(cmd, outcome_of(status));
	complete_all(&cmd->answered);
	if (cmd->done)
		cmd->done(cmd->owner);
	if (atomic_cmpxchg(&cmd->phase, CMD_PENDING, CMD_ANSWERED) == CMD_ABANDONED) {
		/* The note first; pairs with mlx5vf_cmd_wait_abandoned(). */
		atomic_dec_return_release(&mv->abandoned);
		wake_up_all(&mv->idle);
		queue_work(mv->wq, &mv->late_work);
	}
	mlx5vf_cmd_put(cmd);
}

/**
 * mlx5vf_cmd_give() - Give a command to the firmware
 * @cmd: The command, not given before; the VF is attached
 * @in: What is sent
 * @inlen: Bytes of it
 *
 * mlx5_core takes few commands on general objects at a time, and says EBUSY; that
 * is waited for, killable and with a limit.
 *
 * Return: MLX5VF_DONE if it is under way now, or MLX5VF_NOT_GIVEN.
 */
struct mlx5vf_result mlx5vf_cmd_give(struct mlx5vf_cmd *cmd, void *in, int inlen)
{
	unsigned long end = jiffies + mlx5vf_cmd_limit();
	int ret;

	memcpy(cmd->in, in, min_t(size_t, inlen, sizeof(cmd->in)));
	refcount_inc(&cmd->refs);
	for (;;) {
		ret = mlx5_cmd_exec_cb(&cmd->mv->async, in, inlen, cmd->out, cmd->outlen,
				       cmd_answered, &cmd->work);
		if (!ret)
			return (struct mlx5vf_result){};
		if (ret != -EBUSY || time_after(jiffies, end) || fatal_signal_pending(current))
			break;
		usleep_range(500, 2000);
	}
	mlx5vf_cmd_put(cmd);
	return not_given(cmd, ret);
}

/**
 * mlx5vf_cmd_is_answered() - Has the firmware answered?
 * @cmd: A command that was given
 *
 * Return: true if it is answered; mlx5vf_cmd_wait() then returns at once.
 */
bool mlx5vf_cmd_is_answered(struct mlx5vf_cmd *cmd)
{
	return completion_done(&cmd->answered);
}

/**
 * mlx5vf_cmd_wait() - Wait for the answer
 * @cmd: A command that was given
 *
 * Return: 0; -EINTR if killed; -ETIMEDOUT. It is still under way after an error.
 */
int mlx5vf_cmd_wait(struct mlx5vf_cmd *cmd)
{
	long left = wait_for_completion_killable_timeout(&cmd->answered, mlx5vf_cmd_limit());

	if (left > 0)
		return 0;
	dev_err_ratelimited(mlx5vf_dev(cmd->mv), "%s: %s before the firmware answered\n",
			    cmd->what, left ? "killed" : "the time limit was over");
	return left ? -EINTR : -ETIMEDOUT;
}

/**
 * mlx5vf_cmd_abandon() - Stop waiting for the answer
 * @cmd: A command that was given; the reference stays the caller's
 *
 * Return: true if it is still under way, false if it was answered just before.
 */
bool mlx5vf_cmd_abandon(struct mlx5vf_cmd *cmd)
{
	struct mlx5vf_device *mv = cmd->mv;

	atomic_inc(&mv->abandoned);
	if (atomic_cmpxchg(&cmd->phase, CMD_PENDING, CMD_ABANDONED) == CMD_PENDING)
		return true;
	atomic_dec(&mv->abandoned);
	wake_up_all(&mv->idle);
	return false;
}

/**
 * mlx5vf_cmd_wait_abandoned() - Wait until no abandoned command is under way
 * @mv: The VF
 *
 * Killable, and no longer than for the answer to one command.
 *
 * Return: 0; -EINTR if killed; -EBUSY if there still is one.
 */
int mlx5vf_cmd_wait_abandoned(struct mlx5vf_device *mv)
{
	long left;

	/* Pairs with cmd_answered(). */
	left = wait_event_killable_timeout(mv->idle, !atomic_read_acquire(&mv->abandoned),
					   mlx5vf_cmd_limit());
	if (left > 0)
		return 0;
	dev_err_ratelimited(mlx5vf_dev(mv), "the firmware has not answered an earlier command yet\n");
	return left ? -EINTR : -EBUSY;
}

/* Give it, and wait; it is abandoned if there is no answer. */
static struct mlx5vf_result cmd_exec(struct mlx5vf_cmd *cmd, void *in, int inlen)
{
	struct mlx5vf_result result;
	int ret;

	result = mlx5vf_cmd_give(cmd, in, inlen);
	if (result.err)
		return result;
	ret = mlx5vf_cmd_wait(cmd);
	if (ret && mlx5vf_cmd_abandon(cmd))
		return (struct mlx5vf_result){ .outcome = MLX5VF_UNKNOWN, .err = ret };
	return mlx5vf_cmd_result(cmd);
}

/**
 * mlx5vf_exec() - Give a command and wait for its answer
 * @mv: The VF; attached, and stays so during the call
 * @what: The command's name, for messages
 * @in: The command
 * @inlen: Its size
 * @out: The answer, or NULL if only success counts
 * @outlen: Size of the answer
 *
 * Return: What became of it; MLX5VF_UNKNOWN with -EINTR if the caller was killed, or
 * -ETIMEDOUT, and then the command is abandoned.
 */
struct mlx5vf_result mlx5vf_exec(struct mlx5vf_device *mv, const char *what, void *in,
				 int inlen, void *out, int outlen)
{
	struct mlx5vf_result result;
	struct mlx5vf_cmd *cmd;

	cmd = mlx5vf_cmd_alloc(mv, what, outlen);
	if (!cmd)
		return (struct mlx5vf_result){ .outcome = MLX5VF_NOT_GIVEN, .err = -ENOMEM };
	result = cmd_exec(cmd, in, inlen);
	if (!result.err && out)
		memcpy(out, cmd->out, outlen);
	mlx5vf_cmd_put(cmd);
	return result;
}

/* ---- Commands of the migration states; SAVE is in save.c ---- */

/**
 * mlx5vf_cmd_query_function() - Ask whether the VF can be migrated
 * @mv: The VF; its PF stays bound during the call
 * @migratable: The answer
 *
 * Return: 0 or an error.
 */
int mlx5vf_cmd_query_function(struct mlx5vf_device *mv, bool *migratable)
{
	void *out, *cap;
	int ret;

	out = kzalloc(MLX5_ST_SZ_BYTES(query_hca_cap_out), GFP_KERNEL);
	if (!out)
		return -ENOMEM;
	ret = mlx5_vport_get_other_func_cap(mv->mdev, mv->vf_id + 1, out,
					    MLX5_CAP_GENERAL_2);
	cap = MLX5_ADDR_OF(query_hca_cap_out, out, capability);
	*migratable = !ret && MLX5_GET(cmd_hca_cap_2, cap, migratable);
	kfree(out);
	return ret;
}

/**
 * mlx5vf_cmd_query_vhca_id() - Ask for the VF's name in migration commands
 * @mv: The VF, attached, of which vhca_id is set
 *
 * Return: 0 or an error.
 */
int mlx5vf_cmd_query_vhca_id(struct mlx5vf_device *mv)
{
	u32 in[MLX5_ST_SZ_DW(query_hca_cap_in)] = {};
	struct mlx5vf_result result;
	int outlen = MLX5_ST_SZ_BYTES(query_hca_cap_out);
	void *out;

	out = kzalloc(outlen, GFP_KERNEL);
	if (!out)
		return -ENOMEM;
	MLX5_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	MLX5_SET(query_hca_cap_in, in, op_mod, MLX5_CAP_GENERAL << 1 | HCA_CAP_OPMOD_GET_CUR);
	MLX5_SET(query_hca_cap_in, in, other_function, 1);
	MLX5_SET(query_hca_cap_in, in, function_id, mv->vf_id + 1);
	result = mlx5vf_exec(mv, "QUERY_HCA_CAP", in, sizeof(in), out, outlen);
	if (!result.err)
		mv->vhca_id = MLX5_GET(query_hca_cap_out, out, capability.cmd_hca_cap.vhca_id);
	kfree(out);
	return result.err;
}

/**
 * mlx5vf_cmd_suspend() - Stop a part of the VF
 * @mv: The VF; attached, state_lock held
 * @part: The initiator is stopped first, the responder after it
 *
 * Return: What became of it.
 */
struct mlx5vf_result mlx5vf_cmd_suspend(struct mlx5vf_device *mv, enum mlx5vf_part part)
{
	u32 in[MLX5_ST_SZ_DW(suspend_vhca_in)] = {};
	bool initiator = part == MLX5VF_INITIATOR;

	lockdep_assert_held(&mv->state_lock);
	MLX5_SET(suspend_vhca_in, in, opcode, MLX5_CMD_OP_SUSPEND_VHCA);
	MLX5_SET(suspend_vhca_in, in, op_mod, initiator ?
		 MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_INITIATOR :
		 MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_RESPONDER);
	MLX5_SET(suspend_vhca_in, in, vhca_id, mv->vhca_id);
	return mlx5vf_exec(mv, initiator ? "SUSPEND_VHCA (initiator)" :
			   "SUSPEND_VHCA (responder)", in, sizeof(in), NULL,
			   MLX5_ST_SZ_BYTES(suspend_vhca_out));
}

/**
 * mlx5vf_cmd_resume() - Resume a part of the VF
 * @mv: The VF; attached, state_lock held
 * @part: The responder resumes first, the initiator after it
 *
 * Return: What became of it.
 */
struct mlx5vf_result mlx5vf_cmd_resume(struct mlx5vf_device *mv, enum mlx5vf_part part)
{
	u32 in[MLX5_ST_SZ_DW(resume_vhca_in)] = {};
	bool initiator = part == MLX5VF_INITIATOR;

	lockdep_assert_held(&mv->state_lock);
	MLX5_SET(resume_vhca_in, in, opcode, MLX5_CMD_OP_RESUME_VHCA);
	MLX5_SET(resume_vhca_in, in, op_mod, initiator ?
		 MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_INITIATOR :
		 MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_RESPONDER);
	MLX5_SET(resume_vhca_in, in, vhca_id, mv->vhca_id);
	return mlx5vf_exec(mv, initiator ? "RESUME_VHCA (initiator)" :
			   "RESUME_VHCA (responder)", in, sizeof(in), NULL,
			   MLX5_ST_SZ_BYTES(resume_vhca_out));
}

/**
 * mlx5vf_cmd_query_state() - Ask how large the state is
 * @mv: The VF; attached, state_lock held
 * @incremental: Only of what changed since the last SAVE that tracks
 * @size: The answer
 *
 * Return: 0 or an error; the VF is as it was.
 */
int mlx5vf_cmd_query_state(struct mlx5vf_device *mv, bool incremental,
			   struct mlx5vf_size *size)
{
	u32 out[MLX5_ST_SZ_DW(query_vhca_migration_state_out)];
	u32 in[MLX5_ST_SZ_DW(query_vhca_migration_state_in)] = {};
	struct mlx5vf_result result;

	lockdep_assert_held(&mv->state_lock);
	MLX5_SET(query_vhca_migration_state_in, in, opcode,
		 MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE);
	MLX5_SET(query_vhca_migration_state_in, in, incremental, incremental);
	MLX5_SET(query_vhca_migration_state_in, in, chunk, mv->chunks);
	MLX5_SET(query_vhca_migration_state_in, in, vhca_id, mv->vhca_id);
	result = mlx5vf_exec(mv, "QUERY_VHCA_MIGRATION_STATE", in, sizeof(in), out, sizeof(out));
	if (result.outcome == MLX5VF_UNKNOWN)
		return -EIO;
	if (result.err)
		return result.err;

	size->required = MLX5_GET(query_vhca_migration_state_out, out, required_umem_size);
	size->total = size->required;
	if (mv->chunks)
		size->total = max_t(u64, size->total,
				    MLX5_GET64(query_vhca_migration_state_out, out,
					       remaining_total_size));
	size->initial = mv->shows_state &&
			MLX5_GET(mlx5vf_state_out, out, migration_state) ==
			MLX5VF_MIGRATION_INIT;
	/* In the last page of what 32 bits can say: a buffer would not fit. */
	if (size->required > MLX5VF_MAX_IMAGE) {
		dev_err_ratelimited(mlx5vf_dev(mv), "the firmware wants a buffer of %zu bytes to save, and no command can name more than %zu\n",
				    size->required, MLX5VF_MAX_IMAGE);
		size->required = MLX5VF_MAX_IMAGE;
	}
	return 0;
}

/**
 * mlx5vf_cmd_load() - Have the firmware give the VF the state of an image
 * @mv: The VF; attached, state_lock held
 * @mkey: Of the buffer with the image
 * @length: Of the image, in bytes
 * @done: Called when it was answered, possibly in an interrupt
 * @owner: For @done
 * @given: Set to the command, with a reference of the caller's, if it is under way now
 *
 * Unless it is then answered with success, the VF's state is undefined.
 *
 * Return: MLX5VF_DONE if it is under way now, or MLX5VF_NOT_GIVEN.
 */
struct mlx5vf_result mlx5vf_cmd_load(struct mlx5vf_device *mv, u32 mkey, size_t length,
				     void (*done)(void *owner), void *owner,
				     struct mlx5vf_cmd **given)
{
	u32 in[MLX5_ST_SZ_DW(load_vhca_state_in)] = {};
	struct mlx5vf_result result;
	struct mlx5vf_cmd *cmd;

	lockdep_assert_held(&mv->state_lock);
	MLX5_SET(load_vhca_state_in, in, opcode, MLX5_CMD_OP_LOAD_VHCA_STATE);
	MLX5_SET(load_vhca_state_in, in, vhca_id, mv->vhca_id);
	MLX5_SET(load_vhca_state_in, in, mkey, mkey);
	MLX5_SET(load_vhca_state_in, in, size, length);
	cmd = mlx5vf_cmd_alloc(mv, "LOAD_VHCA_STATE", MLX5_ST_SZ_BYTES(load_vhca_state_out));
	if (!cmd)
		return (struct mlx5vf_result){ .outcome = MLX5VF_NOT_GIVEN, .err = -ENOMEM };
	cmd->done = done;
	cmd->owner = owner;
	result = mlx5vf_cmd_give(cmd, in, sizeof(in));
	if (result.err)
		mlx5vf_cmd_put(cmd);
	else
		*given = cmd;
	return result;
}
