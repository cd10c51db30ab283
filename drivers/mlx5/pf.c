// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF, through whose mlx5_core driver all commands go: what its firmware can do
 * for this VF, and what happens when it goes down (reset, unbind, driver reload)
 * and comes back.
 *
 * mlx5_core calls us before it takes the VF away from firmware. The driver then destroys
 * its objects in firmware, and from then on the VF cannot be migrated. It stays
 * usable as far as it is usable at all; in other states than RUNNING, what it was
 * has been lost, and it needs a reset.
 */
#include <linux/mlx5/driver.h>
#include <linux/pci.h>

#include "cmd.h"
#include "device.h"
#include "ifc.h"
#include "pf.h"

static void pf_detach(struct mlx5vf_device *mv)
{
	mlx5vf_tracker_down(mv);
	mutex_lock(&mv->state_lock);
	if (mv->attached) {
		mlx5vf_session_end(mv);
		mv->attached = false;
		mv->vhca_known = false;
		mv->lost = mv->state != VFIO_DEVICE_STATE_RUNNING;
		if (mv->lost)
			dev_warn(mlx5vf_dev(mv), "the PF goes down, and the device's state is lost; it needs VFIO_DEVICE_RESET\n");
	}
	mlx5vf_state_unlock(mv);

	/*
	 * What is under way still uses the PF; mlx5_core limits the time. Then
	 * sessions that have ended release what firmware knows.
	 */
	mlx5_cmd_cleanup_async_ctx(&mv->async);
	flush_workqueue(mv->wq);
	mlx5_cmd_init_async_ctx(mv->mdev, &mv->async);
}

static void pf_attach(struct mlx5vf_device *mv)
{
	mutex_lock(&mv->state_lock);
	mv->attached = true;
	mlx5vf_state_unlock(mv);
	mlx5vf_tracker_up(mv);
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
	bool migratable;

	if (!MLX5_CAP_GEN(mdev, migration))
		return "the firmware cannot migrate VFs";
	if (mlx5vf_cmd_query_function(mv, &migratable))
		return "the firmware does not say whether the VF can be migrated";
	if (!migratable)
		return "the VF is not migratable (devlink port function set ... migratable enable)";
	if (mlx5vf_cmd_query_vhca_id(mv))
		return "the firmware does not say how it calls the VF";
	mv->vhca_known = true;

	/* A state that is saved in parts must be loaded in parts. */
	mv->multi = MLX5_CAP_GEN_2(mdev, migration_multi_load);
	mv->chunks = mv->multi && MLX5_CAP_GEN_2(mdev, migration_in_chunks);
	mv->shows_state = MLX5_GET(mlx5vf_cap_2, mdev->caps.hca[MLX5_CAP_GENERAL_2]->cur,
				   migration_state);
	vdev->migration_flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P;
	if (mv->multi && MLX5_CAP_GEN_2(mdev, migration_tracking_state))
		vdev->migration_flags |= VFIO_MIGRATION_PRE_COPY;
	return NULL;
}

/* mlx5_core takes notifiers when all VFs have come. */
static const char *pf_register(struct mlx5vf_device *mv)
{
	mv->attached = true;
	mv->nb.notifier_call = pf_event;
	if (!mlx5_sriov_blocking_notifier_register(mv->mdev, mv->vf_id, &mv->nb))
		return NULL;
	mv->attached = false;
	mv->find_again = true;
	return "the PF is still making its VFs; it is asked again when the device is opened";
}

static const char *pf_find(struct mlx5vf_device *mv)
{
	struct pci_dev *pdev = mv->core.pdev;
	const char *lacks;

	if (!pdev->is_virtfn)
		return "it is not a VF";
	mv->vf_id = pci_iov_vf_id(pdev);
	if (mv->vf_id < 0)
		return "mlx5_core does not drive the PF";
	/* It cannot go away until it is put back. */
	mv->mdev = mlx5_vf_get_core_dev(pdev);
	if (!mv->mdev)
		return "mlx5_core does not drive the PF";

	lacks = "there is no memory for a workqueue";
	mv->wq = alloc_workqueue("mlx5vf-%s", WQ_UNBOUND, 0, pci_name(pdev));
	if (!mv->wq)
		goto put;
	mlx5_cmd_init_async_ctx(mv->mdev, &mv->async);
	lacks = pf_capable(mv);
	if (!lacks)
		lacks = pf_register(mv);
	if (lacks) {
		mlx5_cmd_cleanup_async_ctx(&mv->async);
		destroy_workqueue(mv->wq);
	}
put:
	mlx5_vf_put_core_dev(mv->mdev);
	return lacks;
}

/**
 * mlx5vf_pf_bind() - Find out what the PF can do for the VF
 * @mv: The VF, not yet registered, or not yet open and @find_again set
 *
 * A VF that cannot be migrated is still good for being passed through, so this is
 * no error, but a message.
 *
 * Return: Whether the VF can be migrated.
 */
bool mlx5vf_pf_bind(struct mlx5vf_device *mv)
{
	const char *lacks;

	mv->find_again = false;
	lacks = pf_find(mv);
	mv->migratable = !lacks;
	if (lacks)
		dev_info(mlx5vf_dev(mv), "no migration: %s\n", lacks);
	return mv->migratable;
}

/**
 * mlx5vf_pf_unbind() - Leave the PF
 * @mv: The VF, closed, and no longer registered
 */
void mlx5vf_pf_unbind(struct mlx5vf_device *mv)
{
	if (!mv->migratable)
		return;
	/*
	 * Until the notifier is unregistered, mlx5_core waits for us when the PF goes
	 * down. So all that uses the PF ends before: close does not wait for the end of a
	 * page tracker, which uses mlx5_core's event queues.
	 */
	mlx5vf_tracker_down(mv);
	/*
	 * Nothing is open any more, but an answer may still be on its way, and leave
	 * the VF suspended to the next driver. mlx5_core limits the time.
	 */
	wait_event(mv->idle, !atomic_read_acquire(&mv->abandoned));
	mutex_lock(&mv->state_lock);
	mlx5vf_resume_stray(mv);
	mlx5vf_state_unlock(mv);
	/* That may have been abandoned, too; and sessions that have ended are released. */
	wait_event(mv->idle, !atomic_read_acquire(&mv->abandoned));
	flush_workqueue(mv->wq);
	mlx5_sriov_blocking_notifier_unregister(mv->mdev, mv->vf_id, &mv->nb);
	pf_detach(mv);
	destroy_workqueue(mv->wq);
}
