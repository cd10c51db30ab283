/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_DIRTY_GROUP_H
#define __IOMMUFD_DIRTY_GROUP_H

#include <linux/iommu.h>

struct iommufd_device;
struct iommufd_group;

struct iommufd_device *dirty_group_next(struct iommufd_group *igroup, ioasid_t pasid,
					struct iommufd_device *idev);

#define dirty_group_for_each(idev, igroup, pasid)			\
	for ((idev) = dirty_group_next(igroup, pasid, NULL); (idev);	\
	     (idev) = dirty_group_next(igroup, pasid, idev))

#endif
