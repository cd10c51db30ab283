/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VF: what the files of this driver share.
 *
 * Who calls whom, from above: main.c; state.c, pf.c; tracker.c, save.c, load.c;
 * log.c, queue.c, compat.c; report.c, pages.c, stream.c; device.c; buffer.c, cmd.c.
 * No file calls one above it.
 *
 * Locks, outermost first: mlx5vf_device.state_lock, then the use of the page
 * tracker's log (tracker.c), then the spinlocks. User memory is touched with none of
 * them held: a page fault can need vfio_pci_core's memory_lock, which a reset holds
 * when it gets to us, and it can last for as long as the user likes (userfaultfd),
 * while the PF waits for these locks when it goes down.
 */
#ifndef MLX5VF_DEVICE_H
#define MLX5VF_DEVICE_H

#include <linux/kref.h>
#include <linux/mlx5/driver.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/vfio_pci_core.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "tracker.h"

struct mlx5vf_session;

/* Bits of mlx5vf_device.flags. */
enum {
	/* Reset, and not yet acted upon; done by mlx5vf_state_lock(), _unlock(). */
	MLX5VF_WAS_RESET,
	/*
	 * Firmware has suspended the initiator or the responder since the last reset began,
	 * or has not said whether, and has not said that it resumed it.
	 */
	MLX5VF_NO_INITIATOR,
	MLX5VF_NO_RESPONDER,
};

/**
 * struct mlx5vf_session_ops - What differs between saving and loading
 * @end: The session ends: readers and writers fail from now on. Gives no command,
 *	waits for nothing. Under state_lock.
 * @wait: Wait for a command under way that no other may overtake, killable and with a
 *	limit; NULL if there is none such. Under state_lock.
 * @release: Destroy what firmware knows of. Under state_lock, after @end, when no
 *	command of the session is under way.
 * @is_busy: Is a command of the session under way? Under state_lock.
 * @free: The last reference was given back
 */
struct mlx5vf_session_ops {
	void (*end)(struct mlx5vf_session *s);
	int (*wait)(struct mlx5vf_session *s);
	void (*release)(struct mlx5vf_session *s);
	bool (*is_busy)(struct mlx5vf_session *s);
	void (*free)(struct mlx5vf_session *s);
};

/**
 * struct mlx5vf_session - A data session, of the saving states or of RESUMING
 * @ref: One of mlx5vf_device.session, one of the file, one of @work while it is
 *	queued or a command of the session is under way
 * @mv: The VF, of which it holds a reference
 * @ops: As above
 * @work: Acts upon answers, and releases the session when it has ended
 * @pd: Protection domain
 * @dead: It has ended; set under state_lock
 * @released: @ops->release was called
 */
struct mlx5vf_session {
	struct kref ref;
	struct mlx5vf_device *mv;
	const struct mlx5vf_session_ops *ops;
	struct work_struct work;
	u32 pd;
	bool dead;
	bool released;
};

/**
 * struct mlx5vf_device - A VF
 * @core: vfio-pci-core's part
 * @mdev: The PF's mlx5_core device; commands only while @attached
 * @nb: Called when the PF takes the VF down and brings it back
 * @wq: For answers that no task waits for, and what must not be waited for
 * @late_work: Resumes the VF if firmware suspended it after a reset
 * @vf_id: Number of the VF, from 0; firmware's function number is one more
 * @find_again: The PF could not be asked yet
 * @migratable: Firmware can migrate the VF, and the other fields are valid
 * @chunks: Firmware can save in chunks, so that no buffer holds the whole state
 * @multi: Firmware can load several images
 * @shows_state: Firmware says when a VF that runs has new initial data
 * @async: Accounts the commands that are under way
 * @abandoned: Commands under way whose answer no task wants
 * @idle: Woken when @abandoned becomes smaller
 * @flags: Bits as above
 * @state_lock: Protects the fields below, and the firmware's migration commands.
 *	Taken and released with mlx5vf_state_lock(), mlx5vf_state_unlock().
 * @attached: The PF is up
 * @lost: The PF went down since the last reset, and with it the VF's state
 * @unsure: Since the last reset, a SUSPEND, RESUME or LOAD had an outcome that is
 *	not known
 * @vhca_known: @vhca_id is valid
 * @vhca_id: firmware's name for the VF in migration commands
 * @state: Migration state
 * @session: The data session, or NULL; owns a reference
 * @tracker: The page tracker, which has a lock of its own
 */
struct mlx5vf_device {
	struct vfio_pci_core_device core;
	struct mlx5_core_dev *mdev;
	struct notifier_block nb;
	struct workqueue_struct *wq;
	struct work_struct late_work;
	int vf_id;
	bool find_again;
	bool migratable;
	bool chunks;
	bool multi;
	bool shows_state;
	struct mlx5_async_ctx async;
	atomic_t abandoned;
	wait_queue_head_t idle;
	unsigned long flags;

	struct mutex state_lock;
	bool attached;
	bool lost;
	bool unsure;
	bool vhca_known;
	u16 vhca_id;
	enum vfio_device_mig_state state;
	struct mlx5vf_session *session;

	struct mlx5vf_tracker tracker;
};

static inline struct mlx5vf_device *mlx5vf_of(struct vfio_device *vdev)
{
	return container_of(vdev, struct mlx5vf_device, core.vdev);
}

/* Why a data session has ended: EAGAIN and EINTR would say that more can come of it. */
static inline int mlx5vf_final_error(int error)
{
	return error == -EAGAIN || error == -EINTR ? -EIO : error;
}

/* For messages: they begin with the VF's address. */
static inline struct device *mlx5vf_dev(struct mlx5vf_device *mv)
{
	return &mv->core.pdev->dev;
}

void mlx5vf_device_init(struct mlx5vf_device *mv);
int mlx5vf_state_lock(struct mlx5vf_device *mv);
void mlx5vf_state_unlock(struct mlx5vf_device *mv);
int mlx5vf_session_wait(struct mlx5vf_device *mv);
int mlx5vf_pf_ready(struct mlx5vf_device *mv);
void mlx5vf_resume_stray(struct mlx5vf_device *mv);
void mlx5vf_opened(struct mlx5vf_device *mv);
void mlx5vf_closing(struct mlx5vf_device *mv);
void mlx5vf_reset_begins(struct mlx5vf_device *mv);
void mlx5vf_reset_done(struct mlx5vf_device *mv);

void mlx5vf_session_init(struct mlx5vf_session *s, struct mlx5vf_device *mv,
			 const struct mlx5vf_session_ops *ops, work_func_t work);
void mlx5vf_session_put(struct mlx5vf_session *s);
void mlx5vf_session_kick(struct mlx5vf_session *s);
void mlx5vf_session_end(struct mlx5vf_device *mv);
void mlx5vf_session_release(struct mlx5vf_session *s);

#endif
