// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is true of the VF whatever it does: may commands be given, what does a
 * reset mean, and when does a data session end.
 *
 * vfio_pci_core reports a reset with its memory_lock held, which a holder of
 * state_lock may be waiting for. So the reset only sets a flag, and the task that takes
 * state_lock next, or holds it and releases it, acts upon it.
 *
 * A reset can overtake a suspend: the command is given, the VF is reset, and then
 * firmware suspends it. After the reset the state is RUNNING, and the VF must be.
 * A suspend that was answered before the reset began was undone by it; one that is
 * answered later may have come after it. So the bits MLX5VF_NO_* are cleared when a
 * reset begins and set by answers, and a VF that is RUNNING with one of them set is
 * resumed: as soon as this is so, by late_work, and before any other command. It
 * may be that the reset came last after all; then firmware refuses to resume.
 *
 * A session ends at once and without a command, since a reset ends it too. What
 * firmware knows of it is destroyed by the session's work, after the answer to the
 * session's last command.
 */
#include <linux/slab.h>

#include "cmd.h"
#include "device.h"

#define NOT_RUNNING	(BIT(MLX5VF_NO_INITIATOR) | BIT(MLX5VF_NO_RESPONDER))

/* ---- Sessions ---- */

/**
 * mlx5vf_session_init() - Begin the life of a session
 * @s: Embedded in a structure that is otherwise zero
 * @mv: The VF
 * @ops: What kind it is
 * @work: Called by mlx5vf_session_kick(); calls mlx5vf_session_release() under
 *	state_lock, and gives back a reference at its end
 */
void mlx5vf_session_init(struct mlx5vf_session *s, struct mlx5vf_device *mv,
			 const struct mlx5vf_session_ops *ops, work_func_t work)
{
	kref_init(&s->ref);
	s->mv = mv;
	s->ops = ops;
	INIT_WORK(&s->work, work);
	get_device(&mv->core.vdev.device);
}

static void session_free(struct kref *ref)
{
	struct mlx5vf_session *s = container_of(ref, struct mlx5vf_session, ref);
	struct mlx5vf_device *mv = s->mv;

	s->ops->free(s);
	vfio_put_device(&mv->core.vdev);
}

/**
 * mlx5vf_session_put() - Give back a reference
 * @s: The session
 */
void mlx5vf_session_put(struct mlx5vf_session *s)
{
	kref_put(&s->ref, session_free);
}

/**
 * mlx5vf_session_kick() - Have the work look at the session
 * @s: The session; its VF's workqueue exists, which a command under way and a
 *	session that is not released warrant
 */
void mlx5vf_session_kick(struct mlx5vf_session *s)
{
	kref_get(&s->ref);
	if (!queue_work(s->mv->wq, &s->work))
		mlx5vf_session_put(s);
}

/**
 * mlx5vf_session_release() - Destroy what firmware knows of a session, if it can be now
 * @s: The session; state_lock held
 */
void mlx5vf_session_release(struct mlx5vf_session *s)
{
	lockdep_assert_held(&s->mv->state_lock);
	if (!s->dead || s->released || s->ops->is_busy(s))
		return;
	s->released = true;
	s->ops->release(s);
}

/**
 * mlx5vf_session_end() - End the data session, if there is one
 * @mv: The VF; state_lock held
 *
 * Waits for nothing.
 */
void mlx5vf_session_end(struct mlx5vf_device *mv)
{
	struct mlx5vf_session *s = mv->session;

	lockdep_assert_held(&mv->state_lock);
	if (!s)
		return;
	mv->session = NULL;
	WRITE_ONCE(s->dead, true);
	s->ops->end(s);
	mlx5vf_session_kick(s);
	mlx5vf_session_put(s);
}

/**
 * mlx5vf_session_wait() - Wait for a LOAD that is under way
 * @mv: The VF; state_lock held
 *
 * A SAVE is not waited for.
 *
 * Return: 0; -EBUSY if killed or it takes too long, and it is still under way.
 */
int mlx5vf_session_wait(struct mlx5vf_device *mv)
{
	struct mlx5vf_session *s = mv->session;

	lockdep_assert_held(&mv->state_lock);
	return s && s->ops->wait && s->ops->wait(s) ? -EBUSY : 0;
}

/* ---- The lock, and resets ---- */

/* What is true of the VF after a reset */
static void state_set_running(struct mlx5vf_device *mv)
{
	mv->lost = false;
	mv->unsure = false;
	mv->state = VFIO_DEVICE_STATE_RUNNING;
}

static void after_reset(struct mlx5vf_device *mv)
{
	mlx5vf_session_end(mv);
	state_set_running(mv);
	if (READ_ONCE(mv->flags) & NOT_RUNNING)
		queue_work(mv->wq, &mv->late_work);
}

static void act_upon_reset(struct mlx5vf_device *mv)
{
	while (test_and_clear_bit(MLX5VF_WAS_RESET, &mv->flags))
		after_reset(mv);
}

/**
 * mlx5vf_state_lock() - Take state_lock
 * @mv: The VF
 *
 * A reset that has returned is seen by who takes the lock after it.
 *
 * Return: 0, or -EINTR if killed.
 */
int mlx5vf_state_lock(struct mlx5vf_device *mv)
{
	if (mutex_lock_killable(&mv->state_lock))
		return -EINTR;
	act_upon_reset(mv);
	return 0;
}

/**
 * mlx5vf_state_unlock() - Release state_lock
 * @mv: The VF
 *
 * To be used instead of mutex_unlock(): acts upon resets that arrived under the lock.
 */
void mlx5vf_state_unlock(struct mlx5vf_device *mv)
{
	do {
		act_upon_reset(mv);
		mutex_unlock(&mv->state_lock);
		/*
		 * Pairs with mlx5vf_reset_done(): either it gets the lock, or
		 * its note is seen here.
		 */
		smp_mb();
	} while (test_bit(MLX5VF_WAS_RESET, &mv->flags) && mutex_trylock(&mv->state_lock));
}

/**
 * mlx5vf_reset_begins() - The VF is about to be reset
 * @mv: The VF
 *
 * Waits for nothing.
 */
void mlx5vf_reset_begins(struct mlx5vf_device *mv)
{
	clear_bit(MLX5VF_NO_INITIATOR, &mv->flags);
	clear_bit(MLX5VF_NO_RESPONDER, &mv->flags);
}

/**
 * mlx5vf_reset_done() - The VF was reset, so it is running
 * @mv: The VF
 *
 * Waits for nothing, and gives no command.
 */
void mlx5vf_reset_done(struct mlx5vf_device *mv)
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
 * mlx5vf_opened() - The VF is opened, and vfio_pci_core has reset it
 * @mv: The VF
 */
void mlx5vf_opened(struct mlx5vf_device *mv)
{
	if (!mv->migratable)
		return;
	mutex_lock(&mv->state_lock);
	after_reset(mv);
	mlx5vf_state_unlock(mv);
}

/**
 * mlx5vf_closing() - The VF is about to be closed, and vfio_pci_core resets it then
 * @mv: The VF
 *
 * Waits for commands under way, as long as an answer is waited for.
 */
void mlx5vf_closing(struct mlx5vf_device *mv)
{
	if (!mv->migratable)
		return;
	mutex_lock(&mv->state_lock);
	mlx5vf_session_end(mv);
	mlx5vf_cmd_wait_abandoned(mv);
	state_set_running(mv);
	/* Before anyone takes the lock, and sees a device that is RUNNING and suspended. */
	mlx5vf_reset_begins(mv);
	mlx5vf_state_unlock(mv);
}

/* ---- May commands be given? ---- */

/* One part resumes. If firmware refuses, it runs already. */
static int resume_part(struct mlx5vf_device *mv, enum mlx5vf_part part, int bit)
{
	struct mlx5vf_result result;

	if (!test_bit(bit, &mv->flags))
		return 0;
	result = mlx5vf_cmd_resume(mv, part);
	if (result.outcome == MLX5VF_NOT_GIVEN || result.outcome == MLX5VF_UNKNOWN)
		return result.err;
	clear_bit(bit, &mv->flags);
	return 0;
}

/* Resume the VF if firmware suspended it after a reset; no command is under way. */
static int resume_both(struct mlx5vf_device *mv)
{
	int ret;

	lockdep_assert_held(&mv->state_lock);
	if (mv->state != VFIO_DEVICE_STATE_RUNNING || !(READ_ONCE(mv->flags) & NOT_RUNNING))
		return 0;
	dev_warn_ratelimited(mlx5vf_dev(mv), "the firmware may have suspended the device after a reset; resuming it\n");
	ret = resume_part(mv, MLX5VF_RESPONDER, MLX5VF_NO_RESPONDER);
	if (!ret)
		ret = resume_part(mv, MLX5VF_INITIATOR, MLX5VF_NO_INITIATOR);
	if (ret) {
		dev_err_ratelimited(mlx5vf_dev(mv), "the device may be suspended, so its migration state is ERROR until VFIO_DEVICE_RESET\n");
		mv->state = VFIO_DEVICE_STATE_ERROR;
	}
	return ret;
}

/**
 * mlx5vf_pf_ready() - Can commands of the migration states be given now?
 * @mv: The VF; state_lock held
 *
 * Waits for commands under way that were abandoned, and for a LOAD, killable and with
 * a limit.
 *
 * Return: 0; -ENOTCONN if the PF is down; -EBUSY if firmware does not answer an
 * earlier command; -EINTR if killed; or an error from finding the VF again, or from
 * resuming it.
 */
int mlx5vf_pf_ready(struct mlx5vf_device *mv)
{
	int ret;

	lockdep_assert_held(&mv->state_lock);
	if (!mv->attached) {
		dev_err_ratelimited(mlx5vf_dev(mv), "the PF is down, so there is no migration\n");
		return -ENOTCONN;
	}
	ret = mlx5vf_cmd_wait_abandoned(mv);
	if (!ret)
		ret = mlx5vf_session_wait(mv);
	if (ret)
		return ret;
	if (!mv->vhca_known) {
		ret = mlx5vf_cmd_query_vhca_id(mv);
		if (ret)
			return ret;
		mv->vhca_known = true;
	}
	return resume_both(mv);
}

/**
 * mlx5vf_resume_stray() - Resume the VF if firmware suspended it after a reset
 * @mv: The VF; state_lock held
 *
 * Does nothing while a command is under way, whose answer brings it here again.
 */
void mlx5vf_resume_stray(struct mlx5vf_device *mv)
{
	lockdep_assert_held(&mv->state_lock);
	if (mv->attached && mv->vhca_known && !atomic_read(&mv->abandoned))
		resume_both(mv);
}

/* An answer has come that no task waited for, or a reset has overtaken a suspend. */
static void late_work(struct work_struct *work)
{
	struct mlx5vf_device *mv = container_of(work, struct mlx5vf_device, late_work);

	mutex_lock(&mv->state_lock);
	mlx5vf_resume_stray(mv);
	mlx5vf_state_unlock(mv);
}

/**
 * mlx5vf_device_init() - Before anything else is called
 * @mv: The VF, otherwise zero
 */
void mlx5vf_device_init(struct mlx5vf_device *mv)
{
	mutex_init(&mv->state_lock);
	init_waitqueue_head(&mv->idle);
	INIT_WORK(&mv->late_work, late_work);
	mv->state = VFIO_DEVICE_STATE_RUNNING;
}
