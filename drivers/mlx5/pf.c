// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF, through whose mlx5_core driver all commands go: what its firmware can do
 * for this VF, and what happens when it goes down (reset, unbind, driver reload)
 * and comes back.
 *
 * mlx5_core tells us before it takes the VF away from firmware. What firmware knows
 * of ours is given back then, and from then on the VF cannot be migrated. It stays
 * usable as far as it is usable at all; in other states than RUNNING, what it was
 * has been lost, and it needs a reset.
 */
#include <linux/mlx5/driver.h>
#include <linux/pci.h>

#include "cmd.h"
#include "device.h"

/**
 * mlx5vf_pf_ready - can commands be given now?
 * @mv: the VF; state_lock held
 *
 * Return: 0; -ENOTCONN if the PF is down; -EBUSY if firmware has not answered an
 * earlier command; or an error from finding the VF again, or from letting it go on
 * (mlx5vf_state_let_go()).
 */
int mlx5vf_pf_ready(struct mlx5vf_device *mv)
{
	int ret;

	lockdep_assert_held(&mv->state_lock);
	if (!mv->attached) {
		dev_err_ratelimited(mlx5vf_dev(mv), "the PF is down, so there is no migration\n");
		return -ENOTCONN;
	}
	/* Pairs with cmd_answered(). */
	if (atomic_read_acquire(&mv->orphans)) {
		dev_err_ratelimited(mlx5vf_dev(mv), "the firmware has not answered an earlier command yet\n");
		return -EBUSY;
	}
	if (!mv->vhca_known) {
		ret = mlx5vf_cmd_query_vhca_id(mv);
		if (ret)
			return ret;
		mv->vhca_known = true;
	}
	return mlx5vf_state_let_go(mv);
}

static void pf_detach(struct mlx5vf_device *mv)
{
	/* So that whoever is waiting in there gives up. */
	mlx5vf_tracker_break(mv, "the PF goes down");

	mutex_lock(&mv->state_lock);
	mutex_lock(&mv->track_lock);
	if (mv->attached) {
		mlx5vf_tracker_free(mv);
		mlx5vf_end_sessions(mv);
		mv->attached = false;
		mv->vhca_known = false;
		mv->lost = mv->state != VFIO_DEVICE_STATE_RUNNING;
		if (mv->lost)
			dev_warn(mlx5vf_dev(mv), "the PF goes down, and the device's state is lost; it needs VFIO_DEVICE_RESET\n");
	}
	mutex_unlock(&mv->track_lock);
	mlx5vf_state_unlock(mv);

	/* What is under way still uses the PF; mlx5_core limits the time. */
	mlx5_cmd_cleanup_async_ctx(&mv->async);
	flush_workqueue(mv->wq);
	mlx5_cmd_init_async_ctx(mv->mdev, &mv->async);
}

static void pf_attach(struct mlx5vf_device *mv)
{
	mutex_lock(&mv->state_lock);
	mutex_lock(&mv->track_lock);
	mv->attached = true;
	mutex_unlock(&mv->track_lock);
	mlx5vf_state_unlock(mv);
}

static int pf_event(struct notifier_block *nb, unsigned long event, void *data)
{
	struct mlx5vf_device *mv = container_of(nb, struct mlx5vf_device, nb);

	switch (event) {
	case MLX5_PF_NOTIFY_DISABLE_VF:
		pf_detach(mv);
		break;
	case MLX5_PF_NOTIFY_ENABLE_VF:
		pf_attach(mv);
		break;
	}
	return NOTIFY_OK;
}

/* What the device can do, by what the PF's firmware can. NULL if it is enough. */
static const char *pf_capable(struct mlx5vf_device *mv)
{
	struct mlx5_core_dev *mdev = mv->mdev;
	struct vfio_device *vdev = &mv->core.vdev;
	bool multi, migratable;

	if (!MLX5_CAP_GEN(mdev, migration))
		return "the firmware cannot migrate VFs";
	if (mlx5vf_cmd_query_function(mv, &migratable))
		return "the firmware does not say whether the VF can be migrated";
	if (!migratable)
		return "the VF is not migratable (devlink port function set ... migratable enable)";
	if (mlx5vf_cmd_query_vhca_id(mv))
		return "the firmware does not say how it calls the VF";
	mv->vhca_known = true;

	/* A state that comes in parts must be loaded in parts. */
	multi = MLX5_CAP_GEN_2(mdev, migration_multi_load);
	mv->chunks = multi && MLX5_CAP_GEN_2(mdev, migration_in_chunks);
	vdev->migration_flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P;
	if (multi && MLX5_CAP_GEN_2(mdev, migration_tracking_state))
		vdev->migration_flags |= VFIO_MIGRATION_PRE_COPY;
	return NULL;
}

/**
 * mlx5vf_pf_bind - find out what the PF can do for the VF
 * @mv: the VF, not yet registered
 *
 * A VF that cannot be migrated is still good for being passed through, so this is
 * no error, but a message.
 *
 * Return: 0 or -ENOMEM.
 */
int mlx5vf_pf_bind(struct mlx5vf_device *mv)
{
	struct pci_dev *pdev = mv->core.pdev;
	const char *lacks;
	int ret = 0;

	mutex_init(&mv->state_lock);
	mutex_init(&mv->track_lock);
	mlx5vf_tracker_init(mv);
	mv->state = VFIO_DEVICE_STATE_RUNNING;

	lacks = "it is not a VF";
	if (!pdev->is_virtfn)
		goto none;
	lacks = "mlx5_core does not drive the PF";
	mv->vf_id = pci_iov_vf_id(pdev);
	if (mv->vf_id < 0)
		goto none;
	/* It cannot go away until it is put back. */
	mv->mdev = mlx5_vf_get_core_dev(pdev);
	if (!mv->mdev)
		goto none;
	lacks = pf_capable(mv);
	if (lacks)
		goto put;

	mv->wq = alloc_ordered_workqueue("mlx5vf-%s", 0, pci_name(pdev));
	if (!mv->wq) {
		ret = -ENOMEM;
		goto put;
	}
	INIT_WORK(&mv->late_work, mlx5vf_state_late);
	mlx5_cmd_init_async_ctx(mv->mdev, &mv->async);
	mv->attached = true;
	mv->nb.notifier_call = pf_event;
	ret = mlx5_sriov_blocking_notifier_register(mv->mdev, mv->vf_id, &mv->nb);
	if (ret) {
		destroy_workqueue(mv->wq);
		goto put;
	}
	mv->migratable = true;
	mv->core.vdev.mig_ops = &mlx5vf_migration_ops;
	if (mlx5vf_tracker_capable(mv->mdev))
		mv->core.vdev.log_ops = &mlx5vf_log_ops;
	else
		dev_info(mlx5vf_dev(mv), "the firmware cannot track the pages that the VF writes\n");
put:
	mlx5_vf_put_core_dev(mv->mdev);
none:
	if (lacks)
		dev_info(mlx5vf_dev(mv), "no migration: %s\n", lacks);
	return ret;
}

/**
 * mlx5vf_pf_unbind - leave the PF
 * @mv: the VF, closed, and no longer registered
 */
void mlx5vf_pf_unbind(struct mlx5vf_device *mv)
{
	if (!mv->migratable)
		return;
	mlx5_sriov_blocking_notifier_unregister(mv->mdev, mv->vf_id, &mv->nb);
	/* Nothing is open any more, but an answer may still be on its way. */
	pf_detach(mv);
	destroy_workqueue(mv->wq);
}
