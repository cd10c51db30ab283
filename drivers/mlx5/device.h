/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VF: what the files of this driver share.
 *
 * Locks, outermost first: mlx5vf_device.state_lock, then track_lock, then
 * vfio_pci_core's igate and memory_lock, then the spinlocks. No lock that a reset
 * or a close needs is held while user memory is touched: a fault can need
 * memory_lock, which a reset holds when it gets to us.
 */
#ifndef MLX5VF_DEVICE_H
#define MLX5VF_DEVICE_H

#include <linux/mlx5/driver.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/vfio_pci_core.h>
#include <linux/workqueue.h>

#include "tracker.h"

struct mlx5vf_loader;
struct mlx5vf_saver;

/* Bits of mlx5vf_device.flags. */
enum {
	/* Reset, and not yet acted upon; who unlocks state_lock does. */
	MLX5VF_WAS_RESET,
	/*
	 * Firmware has said, since the last reset began, that it suspended the
	 * initiator or the responder, and not that it let it go on.
	 */
	MLX5VF_NO_INITIATOR,
	MLX5VF_NO_RESPONDER,
};

/**
 * struct mlx5vf_device - a VF
 * @core: vfio-pci-core's part
 * @mdev: the PF's mlx5_core device; commands only while @attached
 * @nb: tells when the PF takes the VF down and brings it back
 * @wq: where answers are acted upon that nobody waits for, one at a time
 * @late_work: mlx5vf_state_late()
 * @vf_id: number of the VF, from 0; firmware's function number is one more
 * @migratable: firmware can migrate the VF, and the other fields are valid
 * @chunks: firmware can save in chunks, so that no buffer holds the whole state
 * @async: accounts the commands that are under way
 * @orphans: commands of which nobody waits for the answer any more, but which
 *	firmware has not answered
 * @flags: bits as above
 * @state_lock: protects the fields below, and the firmware's migration commands.
 *	Released with mlx5vf_state_unlock().
 * @attached: the PF is up; changed with @track_lock held too, so either lock will
 *	do to read it
 * @lost: the PF went down since the last reset, and with it the VF's state
 * @vhca_known: @vhca_id is valid
 * @vhca_id: firmware's name for the VF in migration commands
 * @state: migration state
 * @saver: data session of the saving states, or NULL; owns a reference
 * @loader: data session of RESUMING, or NULL; owns a reference
 * @track_lock: protects @tracker
 * @tracker: the page tracker
 */
struct mlx5vf_device {
	struct vfio_pci_core_device core;
	struct mlx5_core_dev *mdev;
	struct notifier_block nb;
	struct workqueue_struct *wq;
	struct work_struct late_work;
	int vf_id;
	bool migratable;
	bool chunks;
	struct mlx5_async_ctx async;
	atomic_t orphans;
	unsigned long flags;

	struct mutex state_lock;
	bool attached;
	bool lost;
	bool vhca_known;
	u16 vhca_id;
	enum vfio_device_mig_state state;
	struct mlx5vf_saver *saver;
	struct mlx5vf_loader *loader;

	struct mutex track_lock;
	struct mlx5vf_tracker tracker;
};

static inline struct mlx5vf_device *mlx5vf_of(struct vfio_device *vdev)
{
	return container_of(vdev, struct mlx5vf_device, core.vdev);
}

/* For messages: they begin with the VF's address. */
static inline struct device *mlx5vf_dev(struct mlx5vf_device *mv)
{
	return &mv->core.pdev->dev;
}

/* pf.c */
int mlx5vf_pf_bind(struct mlx5vf_device *mv);
void mlx5vf_pf_unbind(struct mlx5vf_device *mv);
int mlx5vf_pf_ready(struct mlx5vf_device *mv);

/* state.c */
extern const struct vfio_migration_ops mlx5vf_migration_ops;
void mlx5vf_state_unlock(struct mlx5vf_device *mv);
void mlx5vf_state_opened(struct mlx5vf_device *mv);
void mlx5vf_state_reset_begins(struct mlx5vf_device *mv);
void mlx5vf_state_reset(struct mlx5vf_device *mv);
void mlx5vf_state_late(struct work_struct *work);
int mlx5vf_state_let_go(struct mlx5vf_device *mv);
void mlx5vf_end_sessions(struct mlx5vf_device *mv);

#endif
