// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small leaves for the time of a migration only (--leaves migration). Each HWPT is
 * made by hand and gets a second one with leaves of one page, which is filled while
 * the guest runs; then the devices stand still, all of them are attached to the
 * second one, and they run on. Back is the same, without a fill.
 *
 * Devices with migration states stand still in RUNNING_P2P. DMA devices and NICs have none
 * and are stopped.
 */
#include <errno.h>
#include <string.h>

#include "vmigrate.h"

static int fill_small(struct vmm *vmm)
{
	struct leaves *leaves = &vmm->leaves;
	u64 begin = now_ns();
	unsigned int n;
	int rc;

	rc = iommufd_ioas_small_leaves(vmm->iommufd, vmm->ioas_id, true);
	if (rc)
		return fail(STATUS_ERROR,
			    "cannot choose small leaves for IOAS %u: %s; load this project's iommufd.ko",
			    vmm->ioas_id, strerror(-rc));
	for (n = 0; n < leaves->nr; n++) {
		struct leaves_hwpt *hwpt = &leaves->hwpts[n];

		rc = hwpt_make(vmm, hwpt->dev_id, &hwpt->small);
		if (rc)
			return fail(STATUS_ERROR,
				    "cannot make an HWPT with small leaves: %s",
				    strerror(-rc));
	}
	leaves->fill_ns = now_ns() - begin;
	return 0;
}

static int attach_all(struct vmm *vmm, bool small)
{
	const struct leaves *leaves = &vmm->leaves;
	unsigned int i;
	int rc;

	for (i = 0; i < hwpt_members(vmm); i++) {
		const struct leaves_hwpt *hwpt = &leaves->hwpts[leaves->of[i]];
		u32 id = small ? hwpt->small : hwpt->large;

		rc = hwpt_member_attach(vmm, i, id);
		if (rc)
			return fail(STATUS_ERROR,
				    "device %s cannot be moved to HWPT %u: %s",
				    hwpt_member_name(vmm, i), id, strerror(-rc));
	}
	return 0;
}

static int resume(struct vmm *vmm, const struct guest *g)
{
	unsigned int i;
	int status = vfs_to(&vmm->vfs, VFIO_DEVICE_STATE_RUNNING);

	/* Other values than before: what is lost must be seen. */
	for (i = 0; i < vmm->nr_devices; i++)
		vmm->jobs[i].seed = virt_dma_value(vmm->jobs[i].seed, i + 1, 2);
	return status ? status : vmm_start_devices(vmm, g);
}

/* Does every device whose dirty bits are used have small leaves? */
static int check_small(struct vmm *vmm)
{
	unsigned int i;
	int status = vmm_read_plan(vmm);

	for (i = 0; !status && i < vmm->nr_sources; i++) {
		const struct iommu_dirty_source_info *src = &vmm->sources[i];

		if (src->dev_id && src->kind == IOMMU_DIRTY_SOURCE_IOMMU &&
		    !(src->flags & IOMMU_DIRTY_SOURCE_FINE))
			status = fail(STATUS_ERROR,
				      "device %u is attached to HWPT %u, which has large leaves",
				      src->dev_id, src->hwpt_id);
	}
	return status;
}

/**
 * leaves_shrink() - Small leaves from here on
 * @vmm: The devices run, and so does the tracker
 * @g: What the old leaves report, as a whole, is taken out of the tracker; all of
 *	RAM is still to be sent
 *
 * Return: A status.
 */
int leaves_shrink(struct vmm *vmm, struct guest *g)
{
	int status = fill_small(vmm);
	u64 begin = now_ns(), dirty;

	if (!status)
		status = vfs_to(&vmm->vfs, VFIO_DEVICE_STATE_RUNNING_P2P);
	if (!status)
		status = vmm_stop_devices(vmm);
	if (!status)
		status = attach_all(vmm, true);
	if (!status)
		status = resume(vmm, g);
	vmm->leaves.pause_ns = now_ns() - begin;
	if (!status)
		status = check_small(vmm);
	if (!status)
		status = vmm_read(vmm, g, false, &dirty);
	vmm->flags &= ~(u32)IOMMU_DIRTY_TRACKER_COARSE;
	return status;
}

/**
 * leaves_grow() - The guest stays here: large leaves again
 * @vmm: VFs RUNNING, DMA devices and NICs stopped. One without small leaves is left alone
 *
 * Return: A status.
 */
int leaves_grow(struct vmm *vmm)
{
	struct leaves *leaves = &vmm->leaves;
	unsigned int n;
	int status;

	if (!leaves->nr || !leaves->hwpts[0].small)
		return 0;
	status = vfs_to(&vmm->vfs, VFIO_DEVICE_STATE_RUNNING_P2P);
	if (!status)
		status = attach_all(vmm, false);
	if (!status)
		status = vfs_to(&vmm->vfs, VFIO_DEVICE_STATE_RUNNING);
	for (n = 0; !status && n < leaves->nr; n++) {
		int rc = iommufd_destroy(vmm->iommufd, leaves->hwpts[n].small);

		if (rc)
			return fail(STATUS_ERROR,
				    "HWPT %u with small leaves cannot be destroyed: %s",
				    leaves->hwpts[n].small, strerror(-rc));
		leaves->hwpts[n].small = 0;
	}
	return status;
}
