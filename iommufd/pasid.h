/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_DIRTY_PASID_H
#define __IOMMUFD_DIRTY_PASID_H

#include <linux/iommu.h>

struct iommufd_device;
struct iommufd_dirty_attachment;
struct iommufd_dirty_pasid;

struct iommufd_dirty_pasid *dirty_pasid_find(struct iommufd_device *idev, ioasid_t pasid);
struct iommufd_dirty_pasid *dirty_pasid_get(struct iommufd_device *idev, ioasid_t pasid);
void dirty_pasid_put(struct iommufd_device *idev, struct iommufd_dirty_pasid *owner);

#endif
