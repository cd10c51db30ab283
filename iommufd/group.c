// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices of an iommu_group that are attached, which iommufd keeps.
 */
#include "group.h"
#include "iommufd_private.h"

/**
 * dirty_group_next() - The next attached device of a group
 * @igroup: The group; its lock is held
 * @pasid: The PASID with which they are attached, or IOMMU_NO_PASID
 * @idev: The one before, or NULL
 *
 * Return: NULL after the last.
 */
struct iommufd_device *dirty_group_next(struct iommufd_group *igroup, ioasid_t pasid,
					struct iommufd_device *idev)
{
	unsigned long index = idev ? idev->obj.id : 0;
	struct iommufd_attach *attach;

	attach = xa_load(&igroup->pasid_attach, pasid);
	if (!attach)
		return NULL;
	if (!idev)
		return xa_find(&attach->device_array, &index, ULONG_MAX, XA_PRESENT);
	return xa_find_after(&attach->device_array, &index, ULONG_MAX, XA_PRESENT);
}
