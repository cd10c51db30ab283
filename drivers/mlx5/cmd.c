// SPDX-License-Identifier: GPL-2.0-only
/*
 * Firmware commands, one function each; linux/mlx5/mlx5_ifc.h has the layouts.
 * Decides how long an answer is waited for, and whether what firmware says can
 * be; what it means for the device's state is the callers' business. All go to
 * the PF's firmware and name the VF by its vhca_id.
 *
 * A command cannot be taken back. Who waits for it can be killed or lose
 * patience, and then the command goes on without him as an orphan: whether it was
 * obeyed is unknown, and no other is given until it has been answered. (mlx5_core
 * has a limit of its own, after which it answers for the firmware.)
 *
 * A reset can overtake a command, waited for or not. So it is noted what firmware
 * said last about suspending the VF (MLX5VF_NO_*), and state.c compares.
 *
 * SAVE_VHCA_STATE is in save.c, and the commands of the page tracker in report.c
 * and tracker.c.
 */
#include <linux/delay.h>
#include <linux/mlx5/vport.h>
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>

#include "cmd.h"
#include "device.h"

static unsigned int cmd_timeout_ms = 60000;
module_param(cmd_timeout_ms, uint, 0644);
MODULE_PARM_DESC(cmd_timeout_ms, "Longest wait for the answer to a firmware command, in ms");

enum mlx5vf_phase { WAITED_FOR, ANSWERED, ORPHANED };

/**
 * struct mlx5vf_cmd - a command that was given
 * @work: mlx5_core's part
 * @mv: the VF
 * @refs: one of who waits, one of mlx5_core until it has answered
 * @phase: enum mlx5vf_phase; who changes it from WAITED_FOR decides what it is
 * @opcode: of the command
 * @op_mod: of the command
 * @answered: by firmware, or by mlx5_core for it
 * @status: the answer, as mlx5_cmd_check() takes it
 * @out: what firmware wrote
 */
struct mlx5vf_cmd {
	struct mlx5_async_work work;
	struct mlx5vf_device *mv;
	refcount_t refs;
	atomic_t phase;
	u16 opcode;
	u16 op_mod;
	struct completion answered;
	int status;
	u8 out[] __aligned(8);
};

static void cmd_put(struct mlx5vf_cmd *cmd)
{
	if (refcount_dec_and_test(&cmd->refs))
		kfree(cmd);
}

/* What firmware has done, for when a reset has come in between. */
static void note_obeyed(const struct mlx5vf_cmd *cmd)
{
	unsigned long *flags = &cmd->mv->flags;

	if (cmd->opcode == MLX5_CMD_OP_SUSPEND_VHCA)
		set_bit(cmd->op_mod == MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_INITIATOR ?
			MLX5VF_NO_INITIATOR : MLX5VF_NO_RESPONDER, flags);
	else if (cmd->opcode == MLX5_CMD_OP_RESUME_VHCA)
		clear_bit(cmd->op_mod == MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_INITIATOR ?
			  MLX5VF_NO_INITIATOR : MLX5VF_NO_RESPONDER, flags);
}

/* Possibly in an interrupt. */
static void cmd_answered(int status, struct mlx5_async_work *work)
{
	struct mlx5vf_cmd *cmd = container_of(work, struct mlx5vf_cmd, work);

	cmd->status = status;
	if (!status)
		note_obeyed(cmd);
	if (atomic_cmpxchg(&cmd->phase, WAITED_FOR, ANSWERED) == ORPHANED) {
		/* The note first; pairs with mlx5vf_pf_ready(). */
		atomic_dec_return_release(&cmd->mv->orphans);
		queue_work(cmd->mv->wq, &cmd->mv->late_work);
	}
	complete(&cmd->answered);
	cmd_put(cmd);
}

/* True if the command is an orphan now, false if it was answered just before. */
static bool cmd_abandon(struct mlx5vf_cmd *cmd)
{
	atomic_inc(&cmd->mv->orphans);
	if (atomic_cmpxchg(&cmd->phase, WAITED_FOR, ORPHANED) == WAITED_FOR)
		return true;
	atomic_dec(&cmd->mv->orphans);
	return false;
}

/**
 * mlx5vf_cmd_limit - how long an answer is waited for, in jiffies
 *
 * Return: at least one.
 */
unsigned long mlx5vf_cmd_limit(void)
{
	return msecs_to_jiffies(clamp(READ_ONCE(cmd_timeout_ms), 1U, 600000U));
}

/* mlx5_core takes few commands on general objects at a time, and says EBUSY. */
static int cmd_give(struct mlx5vf_cmd *cmd, void *in, int inlen, int outlen)
{
	unsigned long end = jiffies + mlx5vf_cmd_limit();
	int ret;

	for (;;) {
		ret = mlx5_cmd_exec_cb(&cmd->mv->async, in, inlen, cmd->out, outlen,
				       cmd_answered, &cmd->work);
		if (ret != -EBUSY || time_after(jiffies, end))
			return ret;
		if (fatal_signal_pending(current))
			return ret;
		usleep_range(500, 2000);
	}
}

/**
 * mlx5vf_exec - give a command and wait for its answer
 * @mv: the VF; attached, and state_lock or track_lock held
 * @what: the command's name, for messages
 * @in: the command
 * @inlen: its size
 * @out: the answer, or NULL if only success counts
 * @outlen: size of the answer
 *
 * Return: 0; -EINTR if killed or -ETIMEDOUT while waiting, see
 * mlx5vf_outcome_unknown(); or the firmware's error.
 */
int mlx5vf_exec(struct mlx5vf_device *mv, const char *what, void *in, int inlen,
		void *out, int outlen)
{
	struct mlx5vf_cmd *cmd;
	long left;
	int ret;

	cmd = kzalloc(struct_size(cmd, out, outlen), GFP_KERNEL_ACCOUNT);
	if (!cmd)
		return -ENOMEM;
	cmd->mv = mv;
	/* All commands begin with it. */
	cmd->opcode = MLX5_GET(suspend_vhca_in, in, opcode);
	cmd->op_mod = MLX5_GET(suspend_vhca_in, in, op_mod);
	init_completion(&cmd->answered);
	atomic_set(&cmd->phase, WAITED_FOR);
	refcount_set(&cmd->refs, 2);

	ret = cmd_give(cmd, in, inlen, outlen);
	if (ret) {
		ret = mlx5_cmd_check(mv->mdev, ret, in, cmd->out);
		dev_err_ratelimited(mlx5vf_dev(mv), "%s could not be given to the firmware: error %d\n",
			what, ret);
		kfree(cmd);
		/* What mlx5_core answers for a firmware that is gone. */
		return ret ?: -EIO;
	}

	left = wait_for_completion_killable_timeout(&cmd->answered, mlx5vf_cmd_limit());
	if (left <= 0 && cmd_abandon(cmd)) {
		ret = left ? -EINTR : -ETIMEDOUT;
		dev_err_ratelimited(mlx5vf_dev(mv), "%s: %s before the firmware answered\n", what,
			left ? "killed" : "the time limit was over");
		cmd_put(cmd);
		return ret;
	}
	ret = mlx5_cmd_check(mv->mdev, cmd->status, in, cmd->out);
	if (ret)
		dev_err_ratelimited(mlx5vf_dev(mv), "%s failed: error %d\n", what, ret);
	else if (out)
		memcpy(out, cmd->out, outlen);
	cmd_put(cmd);
	return ret;
}

/**
 * mlx5vf_cmd_query_function - ask whether the VF can be migrated
 * @mv: the VF; its PF cannot go away meanwhile
 * @migratable: the answer
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
 * mlx5vf_cmd_query_vhca_id - ask for the VF's name in migration commands
 * @mv: the VF, of which vhca_id is set
 *
 * Return: 0 or an error.
 */
int mlx5vf_cmd_query_vhca_id(struct mlx5vf_device *mv)
{
	u32 in[MLX5_ST_SZ_DW(query_hca_cap_in)] = {};
	void *out;
	int ret;

	out = kzalloc(MLX5_ST_SZ_BYTES(query_hca_cap_out), GFP_KERNEL);
	if (!out)
		return -ENOMEM;
	MLX5_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	MLX5_SET(query_hca_cap_in, in, op_mod, MLX5_CAP_GENERAL << 1 | HCA_CAP_OPMOD_GET_CUR);
	MLX5_SET(query_hca_cap_in, in, other_function, 1);
	MLX5_SET(query_hca_cap_in, in, function_id, mv->vf_id + 1);
	ret = mlx5_cmd_exec_inout(mv->mdev, query_hca_cap, in, out);
	if (!ret)
		mv->vhca_id = MLX5_GET(query_hca_cap_out, out, capability.cmd_hca_cap.vhca_id);
	kfree(out);
	return ret;
}

/**
 * mlx5vf_cmd_suspend - stop a part of the VF
 * @mv: the VF; attached, state_lock held
 * @part: the initiator is stopped first, the responder after it
 *
 * Return: 0 or an error.
 */
int mlx5vf_cmd_suspend(struct mlx5vf_device *mv, enum mlx5vf_part part)
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
 * mlx5vf_cmd_resume - let a part of the VF go on
 * @mv: the VF; attached, state_lock held
 * @part: the responder goes on first, the initiator after it
 *
 * Return: 0 or an error.
 */
int mlx5vf_cmd_resume(struct mlx5vf_device *mv, enum mlx5vf_part part)
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
 * mlx5vf_cmd_query_state - ask how large the state is
 * @mv: the VF; attached, state_lock held
 * @incremental: only of what changed since the last SAVE that tracks
 * @size: the answer
 *
 * Return: 0; -EFBIG if firmware wants a buffer above MLX5VF_MAX_IMAGE; or an error.
 */
int mlx5vf_cmd_query_state(struct mlx5vf_device *mv, bool incremental,
			   struct mlx5vf_size *size)
{
	u32 out[MLX5_ST_SZ_DW(query_vhca_migration_state_out)];
	u32 in[MLX5_ST_SZ_DW(query_vhca_migration_state_in)] = {};
	int ret;

	lockdep_assert_held(&mv->state_lock);
	MLX5_SET(query_vhca_migration_state_in, in, opcode,
		 MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE);
	MLX5_SET(query_vhca_migration_state_in, in, incremental, incremental);
	MLX5_SET(query_vhca_migration_state_in, in, chunk, mv->chunks);
	MLX5_SET(query_vhca_migration_state_in, in, vhca_id, mv->vhca_id);
	ret = mlx5vf_exec(mv, "QUERY_VHCA_MIGRATION_STATE", in, sizeof(in), out, sizeof(out));
	if (ret)
		/* Whatever became of it, the VF is as it was. */
		return mlx5vf_outcome_unknown(ret) ? -EIO : ret;

	size->required = MLX5_GET(query_vhca_migration_state_out, out, required_umem_size);
	if (size->required > MLX5VF_MAX_IMAGE) {
		dev_err_ratelimited(mlx5vf_dev(mv), "the firmware wants a buffer of %zu bytes to save; at most %u are given\n",
			size->required, MLX5VF_MAX_IMAGE);
		return -EFBIG;
	}
	size->total = size->required;
	if (mv->chunks)
		size->total = max_t(u64, size->total,
				    MLX5_GET64(query_vhca_migration_state_out, out,
					       remaining_total_size));
	return 0;
}

/**
 * mlx5vf_cmd_load - give the VF the state of an image
 * @mv: the VF; attached, state_lock held
 * @mkey: of the buffer with the image
 * @length: of the image, in bytes
 *
 * Return: 0 or an error; after an error the VF's state is undefined.
 */
int mlx5vf_cmd_load(struct mlx5vf_device *mv, u32 mkey, size_t length)
{
	u32 in[MLX5_ST_SZ_DW(load_vhca_state_in)] = {};

	lockdep_assert_held(&mv->state_lock);
	MLX5_SET(load_vhca_state_in, in, opcode, MLX5_CMD_OP_LOAD_VHCA_STATE);
	MLX5_SET(load_vhca_state_in, in, vhca_id, mv->vhca_id);
	MLX5_SET(load_vhca_state_in, in, mkey, mkey);
	MLX5_SET(load_vhca_state_in, in, size, length);
	return mlx5vf_exec(mv, "LOAD_VHCA_STATE", in, sizeof(in), NULL,
			   MLX5_ST_SZ_BYTES(load_vhca_state_out));
}
