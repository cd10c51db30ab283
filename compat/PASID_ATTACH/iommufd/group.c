// SPDX-License-Identifier: GPL-2.0-only
/*
 * Before 6.15 a group has one list of the devices that are attached.
 */
#include "group.h"
#include "iommufd_private.h"

struct iommufd_device *dirty_group_next(struct iommufd_group *igroup, ioasid_t pasid,
					struct iommufd_device *idev)
{
	struct list_head *at = idev ? &idev->group_item : &igroup->device_list;

	at = at->next;
	if (at == &igroup->device_list)
		return NULL;
	return list_entry(at, struct iommufd_device, group_item);
}
