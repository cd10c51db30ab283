// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration states. vfio_mig_get_next_state() says which arcs lead from one
 * state to another; the table here says what each does, which is one thing with
 * the firmware. What save.c and load.c do with the data is theirs.
 *
 * An arc that fails leaves the VF in the state in which the arc began, from which
 * the user can go on or back, unless nobody knows what became of the VF: the
 * firmware did not answer, the PF went down, or a load failed. Then the state is
 * ERROR, and only a reset leads out of it.
 *
 * A reset is told to us with vfio_pci_core's memory_lock held, which a holder of
 * state_lock may be waiting for. So the reset only leaves a note, and whoever
 * holds state_lock, or takes it, acts upon the note before he lets it go.
 *
 * A reset can overtake a suspend: the command is given, the VF is reset, and then
 * firmware suspends it. After the reset the state is RUNNING, and the VF must be.
 * A suspend that was answered before the reset began was undone by it; one that is
 * answered later may have come after it. So the bits MLX5VF_NO_* are cleared when a
 * reset begins and set by answers, and a VF that is RUNNING with one of them set is
 * told to go on: as soon as this is so, by late_work, and before any other command.
 * It may be that the reset came last after all, and then firmware says that there
 * is nothing to resume.
 */
#include <linux/file.h>
#include <linux/mlx5/driver.h>

#include "cmd.h"
#include "device.h"
#include "load.h"
#include "save.h"

#define NOT_RUNNING	(BIT(MLX5VF_NO_INITIATOR) | BIT(MLX5VF_NO_RESPONDER))

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

/**
 * mlx5vf_end_sessions - end whatever data session there is
 * @mv: the VF; attached, state_lock held
 */
void mlx5vf_end_sessions(struct mlx5vf_device *mv)
{
	mlx5vf_save_end(mv);
	mlx5vf_load_end(mv);
}

static void after_reset(struct mlx5vf_device *mv)
{
	mlx5vf_end_sessions(mv);
	mv->lost = false;
	mv->state = VFIO_DEVICE_STATE_RUNNING;
	if (READ_ONCE(mv->flags) & NOT_RUNNING)
		queue_work(mv->wq, &mv->late_work);
}

/**
 * mlx5vf_state_unlock - release state_lock
 * @mv: the VF
 *
 * To be used instead of mutex_unlock(): acts upon resets that came meanwhile.
 */
void mlx5vf_state_unlock(struct mlx5vf_device *mv)
{
	do {
		while (test_and_clear_bit(MLX5VF_WAS_RESET, &mv->flags))
			after_reset(mv);
		mutex_unlock(&mv->state_lock);
		/*
		 * Pairs with mlx5vf_state_reset(): either it gets the lock, or
		 * its note is seen here.
		 */
		smp_mb();
	} while (test_bit(MLX5VF_WAS_RESET, &mv->flags) && mutex_trylock(&mv->state_lock));
}

/**
 * mlx5vf_state_reset_begins - the VF is about to be reset
 * @mv: the VF
 *
 * Waits for nothing.
 */
void mlx5vf_state_reset_begins(struct mlx5vf_device *mv)
{
	clear_bit(MLX5VF_NO_INITIATOR, &mv->flags);
	clear_bit(MLX5VF_NO_RESPONDER, &mv->flags);
}

/**
 * mlx5vf_state_reset - the VF was reset, so it is running
 * @mv: the VF
 *
 * Waits for nothing.
 */
void mlx5vf_state_reset(struct mlx5vf_device *mv)
{
	if (!mv->migratable)
		return;
	set_bit(MLX5VF_WAS_RESET, &mv->flags);
	/* Pairs with mlx5vf_state_unlock(). */
	smp_mb__after_atomic();
	if (mutex_trylock(&mv->state_lock))
		mlx5vf_state_unlock(mv);
}

/**
 * mlx5vf_state_opened - the VF is opened, and vfio_pci_core has reset it
 * @mv: the VF
 */
void mlx5vf_state_opened(struct mlx5vf_device *mv)
{
	mutex_lock(&mv->state_lock);
	after_reset(mv);
	mlx5vf_state_unlock(mv);
}

/* One part goes on. If firmware says that it does already, so much the better. */
static int let_go(struct mlx5vf_device *mv, enum mlx5vf_part part, int bit)
{
	int ret;

	if (!test_bit(bit, &mv->flags))
		return 0;
	ret = mlx5vf_cmd_resume(mv, part);
	if (ret && ret != -EINVAL)
		return ret;
	clear_bit(bit, &mv->flags);
	return 0;
}

/**
 * mlx5vf_state_let_go - have the VF go on if firmware suspended it after a reset
 * @mv: the VF; attached, state_lock held, no command under way
 *
 * Return: 0, or an error, and then the state is ERROR.
 */
int mlx5vf_state_let_go(struct mlx5vf_device *mv)
{
	int ret;

	lockdep_assert_held(&mv->state_lock);
	if (mv->state != VFIO_DEVICE_STATE_RUNNING || !(READ_ONCE(mv->flags) & NOT_RUNNING))
		return 0;
	dev_warn(mlx5vf_dev(mv), "the firmware may have suspended the device after a reset; letting it go on\n");
	ret = let_go(mv, MLX5VF_RESPONDER, MLX5VF_NO_RESPONDER);
	if (!ret)
		ret = let_go(mv, MLX5VF_INITIATOR, MLX5VF_NO_INITIATOR);
	if (ret) {
		dev_err(mlx5vf_dev(mv), "the device may be suspended, so its migration state is ERROR until VFIO_DEVICE_RESET\n");
		mv->state = VFIO_DEVICE_STATE_ERROR;
	}
	return ret;
}

/**
 * mlx5vf_state_late - an answer has come that nobody waited for, or a reset has
 *	overtaken a suspend
 * @work: of the VF
 */
void mlx5vf_state_late(struct work_struct *work)
{
	struct mlx5vf_device *mv = container_of(work, struct mlx5vf_device, late_work);

	mutex_lock(&mv->state_lock);
	/* With another command under way, its answer brings us here again. */
	if (mv->attached && mv->vhca_known && !atomic_read(&mv->orphans))
		mlx5vf_state_let_go(mv);
	mlx5vf_state_unlock(mv);
}

/* ---- Arcs: NULL, the file of a new session, or an ERR_PTR ---- */

static struct file *suspend_initiator(struct mlx5vf_device *mv)
{
	/* Firmware may not be turning its tracking on just now. */
	int ret = mlx5vf_save_settle(mv);

	return ERR_PTR(ret ?: mlx5vf_cmd_suspend(mv, MLX5VF_INITIATOR));
}

static struct file *resume_initiator(struct mlx5vf_device *mv)
{
	int ret = mlx5vf_save_settle(mv);

	return ERR_PTR(ret ?: mlx5vf_cmd_resume(mv, MLX5VF_INITIATOR));
}

static struct file *suspend_responder(struct mlx5vf_device *mv)
{
	return ERR_PTR(mlx5vf_cmd_suspend(mv, MLX5VF_RESPONDER));
}

static struct file *resume_responder(struct mlx5vf_device *mv)
{
	return ERR_PTR(mlx5vf_cmd_resume(mv, MLX5VF_RESPONDER));
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
	int ret, undone;

	ret = mlx5vf_save_settle(mv);
	if (!ret)
		ret = mlx5vf_cmd_suspend(mv, MLX5VF_RESPONDER);
	if (ret)
		return ERR_PTR(ret);
	ret = mlx5vf_save_final(mv);
	if (!ret)
		return NULL;
	undone = mlx5vf_cmd_resume(mv, MLX5VF_RESPONDER);
	/* With this, PRE_COPY_P2P would be a lie. */
	return ERR_PTR(undone ? -ECANCELED : ret);
}

static struct file *save_untrack(struct mlx5vf_device *mv)
{
	mlx5vf_save_untrack(mv);
	return NULL;
}

static struct file *save_end(struct mlx5vf_device *mv)
{
	mlx5vf_save_end(mv);
	return NULL;
}

static struct file *load_finish(struct mlx5vf_device *mv)
{
	return ERR_PTR(mlx5vf_load_finish(mv));
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

static struct file *step(struct mlx5vf_device *mv, enum vfio_device_mig_state to)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(arcs); i++)
		if (arcs[i].from == mv->state && arcs[i].to == to)
			return arcs[i].go(mv);
	/* vfio_mig_get_next_state() names no other. */
	return ERR_PTR(-EINVAL);
}

/* Does this error leave nothing but ERROR? */
static bool is_fatal(struct mlx5vf_device *mv, int err)
{
	if (mlx5vf_outcome_unknown(err) || mv->lost)
		return true;
	return mv->state == VFIO_DEVICE_STATE_RESUMING && err != -ENODATA;
}

static void arc_failed(struct mlx5vf_device *mv, enum vfio_device_mig_state to, int err)
{
	bool fatal = is_fatal(mv, err);

	dev_err_ratelimited(mlx5vf_dev(mv), "migration state %s could not become %s (error %d)%s\n",
		state_names[mv->state], state_names[to], err,
		fatal ? "; it is ERROR until VFIO_DEVICE_RESET" : "");
	if (!fatal)
		return;
	mlx5vf_end_sessions(mv);
	mv->state = VFIO_DEVICE_STATE_ERROR;
}

static struct file *set_state_locked(struct mlx5vf_device *mv, enum vfio_device_mig_state to)
{
	enum vfio_device_mig_state next;
	struct file *file = NULL;
	int ret;

	if (mv->state == to && to != VFIO_DEVICE_STATE_ERROR)
		return NULL;
	/* vfio_mig_get_next_state() must not be asked for the way out: there is none. */
	if (mv->state == VFIO_DEVICE_STATE_ERROR)
		return ERR_PTR(-EINVAL);
	/* An answer that is no surprise is not worth a message. */
	ret = vfio_mig_get_next_state(&mv->core.vdev, mv->state, to, &next);
	if (ret)
		return ERR_PTR(ret);
	ret = mv->lost ? -ENOTCONN : mlx5vf_pf_ready(mv);
	if (ret) {
		arc_failed(mv, next, ret);
		return ERR_PTR(ret);
	}
	while (mv->state != to) {
		ret = vfio_mig_get_next_state(&mv->core.vdev, mv->state, to, &next);
		if (ret)
			return ERR_PTR(ret);
		/* Only the last arc can open a session. */
		file = step(mv, next);
		if (IS_ERR(file)) {
			arc_failed(mv, next, PTR_ERR(file));
			return file;
		}
		mv->state = next;
	}
	return file;
}

static struct file *set_state(struct vfio_device *vdev, enum vfio_device_mig_state to)
{
	struct mlx5vf_device *mv = mlx5vf_of(vdev);
	struct file *file;

	if (mutex_lock_killable(&mv->state_lock))
		return ERR_PTR(-EINTR);
	file = set_state_locked(mv, to);
	mlx5vf_state_unlock(mv);
	return file;
}

static int get_state(struct vfio_device *vdev, enum vfio_device_mig_state *state)
{
	struct mlx5vf_device *mv = mlx5vf_of(vdev);

	if (mutex_lock_killable(&mv->state_lock))
		return -EINTR;
	*state = mv->lost ? VFIO_DEVICE_STATE_ERROR : mv->state;
	mlx5vf_state_unlock(mv);
	return 0;
}

/* What a migration that stops the VF now would have to move; an estimate. */
static int get_data_size(struct vfio_device *vdev, unsigned long *length)
{
	struct mlx5vf_device *mv = mlx5vf_of(vdev);
	struct mlx5vf_size size;
	int ret;

	if (mutex_lock_killable(&mv->state_lock))
		return -EINTR;
	ret = mlx5vf_pf_ready(mv);
	if (!ret)
		ret = mlx5vf_cmd_query_state(mv, false, &size);
	if (!ret)
		*length = size.total + 3 * sizeof(struct mlx5vf_record) + 2 * MLX5VF_SMALL;
	mlx5vf_state_unlock(mv);
	return ret;
}

const struct vfio_migration_ops mlx5vf_migration_ops = {
	.migration_set_state = set_state,
	.migration_get_state = get_state,
	.migration_get_data_size = get_data_size,
};
