// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration states. vfio_mig_get_next_state() says which arcs lead from one
 * state to another; the table here says what each does, which is one thing with
 * the firmware. What save.c and load.c do with the data is theirs.
 *
 * An arc that fails leaves the VF in the state in which the arc began, from which
 * the user can continue or go back, unless the state of the VF is unknown: the
 * firmware did not answer, the PF went down, or a load failed. Then the state is
 * ERROR, and only a reset leads out of it.
 */
#include <linux/file.h>
#include <linux/mlx5/driver.h>

#include "cmd.h"
#include "device.h"
#include "load.h"
#include "save.h"
#include "state.h"
#include "stream.h"

static const char * const state_names[] = {
	[VFIO_DEVICE_STATE_ERROR]	 = "ERROR",
	[VFIO_DEVICE_STATE_STOP]	 = "STOP",
	[VFIO_DEVICE_STATE_RUNNING]	 = "RUNNING",
	[VFIO_DEVICE_STATE_STOP_COPY]	 = "STOP_COPY",
	[VFIO_DEVICE_STATE_RESUMING]	 = "RESUMING",
	[VFIO_DEVICE_STATE_RUNNING_P2P]	 = "RUNNING_P2P",
	[VFIO_DEVICE_STATE_PRE_COPY]	 = "PRE_COPY",
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] = "PRE_COPY_P2P",
};

/* ---- Arcs: NULL, the file of a new session, or an ERR_PTR ---- */

/* Of a command, as an arc ends. */
static struct file *arc_result(struct mlx5vf_device *mv, struct mlx5vf_result result)
{
	if (result.outcome == MLX5VF_UNKNOWN)
		mv->unsure = true;
	return ERR_PTR(result.err);
}

static struct file *suspend_initiator(struct mlx5vf_device *mv)
{
	/* Firmware may not be turning its tracking on just now. */
	int ret = mlx5vf_save_settle(mv);

	return ret ? ERR_PTR(ret) : arc_result(mv, mlx5vf_cmd_suspend(mv, MLX5VF_INITIATOR));
}

static struct file *resume_initiator(struct mlx5vf_device *mv)
{
	int ret = mlx5vf_save_settle(mv);

	return ret ? ERR_PTR(ret) : arc_result(mv, mlx5vf_cmd_resume(mv, MLX5VF_INITIATOR));
}

static struct file *suspend_responder(struct mlx5vf_device *mv)
{
	return arc_result(mv, mlx5vf_cmd_suspend(mv, MLX5VF_RESPONDER));
}

static struct file *resume_responder(struct mlx5vf_device *mv)
{
	return arc_result(mv, mlx5vf_cmd_resume(mv, MLX5VF_RESPONDER));
}

static struct file *save_running(struct mlx5vf_device *mv)
{
	return mlx5vf_save_begin(mv, true);
}

static struct file *save_stopped(struct mlx5vf_device *mv)
{
	return mlx5vf_save_begin(mv, false);
}

/* Two things with the firmware, of which the first can be taken back. */
static struct file *save_rest(struct mlx5vf_device *mv)
{
	struct file *failed;
	int ret;

	ret = mlx5vf_save_settle(mv);
	if (ret)
		return ERR_PTR(ret);
	failed = suspend_responder(mv);
	if (failed)
		return failed;
	ret = mlx5vf_save_final(mv);
	/*
	 * If it does not resume, PRE_COPY_P2P would be wrong. What has failed may be a
	 * question that is still under way.
	 */
	if (ret && (mlx5vf_cmd_wait_abandoned(mv) || resume_responder(mv)))
		mv->unsure = true;
	return ERR_PTR(ret);
}

static struct file *save_untrack(struct mlx5vf_device *mv)
{
	return ERR_PTR(mlx5vf_save_untrack(mv));
}

/* The next arc resumes the VF, which firmware must not be saving then. */
static struct file *save_end(struct mlx5vf_device *mv)
{
	int ret = mlx5vf_save_settle(mv);

	if (!ret)
		mlx5vf_session_end(mv);
	return ERR_PTR(ret);
}

static struct file *load_finish(struct mlx5vf_device *mv)
{
	int ret = mlx5vf_load_finish(mv);

	/* What was loaded is not a state to run in. */
	if (ret && ret != -ENODATA)
		mv->unsure = true;
	return ERR_PTR(ret);
}

#define ARC(from_, to_, go_) { VFIO_DEVICE_STATE_##from_, VFIO_DEVICE_STATE_##to_, go_ }

static const struct mlx5vf_arc {
	enum vfio_device_mig_state from;
	enum vfio_device_mig_state to;
	struct file *(*go)(struct mlx5vf_device *mv);
} arcs[] = {
	ARC(RUNNING,		RUNNING_P2P,	suspend_initiator),
	ARC(RUNNING_P2P,	RUNNING,	resume_initiator),
	ARC(RUNNING_P2P,	STOP,		suspend_responder),
	ARC(STOP,		RUNNING_P2P,	resume_responder),

	ARC(RUNNING,		PRE_COPY,	save_running),
	ARC(RUNNING_P2P,	PRE_COPY_P2P,	save_running),
	ARC(PRE_COPY,		PRE_COPY_P2P,	suspend_initiator),
	ARC(PRE_COPY_P2P,	PRE_COPY,	resume_initiator),
	ARC(PRE_COPY_P2P,	STOP_COPY,	save_rest),
	ARC(PRE_COPY,		RUNNING,	save_untrack),
	ARC(PRE_COPY_P2P,	RUNNING_P2P,	save_untrack),
	ARC(STOP,		STOP_COPY,	save_stopped),
	ARC(STOP_COPY,		STOP,		save_end),

	ARC(STOP,		RESUMING,	mlx5vf_load_begin),
	ARC(RESUMING,		STOP,		load_finish),
};

static struct file *arc_step(struct mlx5vf_device *mv, enum vfio_device_mig_state to)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(arcs); i++)
		if (arcs[i].from == mv->state && arcs[i].to == to)
			return arcs[i].go(mv);
	/* vfio_mig_get_next_state() names no other. */
	return ERR_PTR(-EINVAL);
}

static void arc_failed(struct mlx5vf_device *mv, enum vfio_device_mig_state to, int err)
{
	/* Its state is unknown. */
	bool fatal = mv->unsure || mv->lost;

	dev_err_ratelimited(mlx5vf_dev(mv), "migration state %s could not become %s (error %d)%s\n",
			    state_names[mv->state], state_names[to], err,
			    fatal ? "; it is ERROR until VFIO_DEVICE_RESET" : "");
	if (!fatal)
		return;
	mlx5vf_session_end(mv);
	mv->state = VFIO_DEVICE_STATE_ERROR;
}

static struct file *set_state_locked(struct mlx5vf_device *mv, enum vfio_device_mig_state to)
{
	enum vfio_device_mig_state next;
	struct file *file = NULL;
	int ret;

	/* What mlx5vf_get_state() says of a device that has lost its state is ERROR. */
	if (mv->state == to && to != VFIO_DEVICE_STATE_ERROR)
		return mv->lost ? ERR_PTR(-ENOTCONN) : NULL;
	/* vfio_mig_get_next_state() must not be asked for the way out: there is none. */
	if (mv->state == VFIO_DEVICE_STATE_ERROR)
		return ERR_PTR(-EINVAL);
	while (mv->state != to) {
		/* An answer that is no surprise is not worth a message. */
		ret = vfio_mig_get_next_state(&mv->core.vdev, mv->state, to, &next);
		if (ret)
			return ERR_PTR(ret);
		ret = mv->lost ? -ENOTCONN : mlx5vf_pf_ready(mv);
		/* Only the last arc can open a session. */
		file = ret ? ERR_PTR(ret) : arc_step(mv, next);
		if (IS_ERR(file)) {
			arc_failed(mv, next, PTR_ERR(file));
			return file;
		}
		mv->state = next;
	}
	return file;
}

/**
 * mlx5vf_set_state() - migration_set_state of struct vfio_migration_ops
 * @vdev: The VF
 * @to: The new state
 *
 * Return: The data file if there is a new one, NULL, or an ERR_PTR.
 */
struct file *mlx5vf_set_state(struct vfio_device *vdev, enum vfio_device_mig_state to)
{
	struct mlx5vf_device *mv = mlx5vf_of(vdev);
	struct file *file;

	if (mlx5vf_state_lock(mv))
		return ERR_PTR(-EINTR);
	file = set_state_locked(mv, to);
	mlx5vf_state_unlock(mv);
	return file;
}

/**
 * mlx5vf_get_state() - migration_get_state of struct vfio_migration_ops
 * @vdev: The VF
 * @state: The state
 *
 * Return: 0, or -EINTR if killed.
 */
int mlx5vf_get_state(struct vfio_device *vdev, enum vfio_device_mig_state *state)
{
	struct mlx5vf_device *mv = mlx5vf_of(vdev);

	if (mlx5vf_state_lock(mv))
		return -EINTR;
	*state = mv->lost ? VFIO_DEVICE_STATE_ERROR : mv->state;
	mlx5vf_state_unlock(mv);
	return 0;
}

/**
 * mlx5vf_get_data_size() - migration_get_data_size of struct vfio_migration_ops
 * @vdev: The VF
 * @length: What a migration that stops the VF now would have to move, in bytes; an
 *	estimate
 *
 * Return: 0 or an error.
 */
int mlx5vf_get_data_size(struct vfio_device *vdev, unsigned long *length)
{
	struct mlx5vf_device *mv = mlx5vf_of(vdev);
	struct mlx5vf_size size;
	int ret;

	if (mlx5vf_state_lock(mv))
		return -EINTR;
	ret = mlx5vf_pf_ready(mv);
	if (!ret)
		ret = mlx5vf_cmd_query_state(mv, false, &size);
	if (!ret)
		*length = mlx5vf_stream_size(size.total, size.required);
	mlx5vf_state_unlock(mv);
	return ret;
}
