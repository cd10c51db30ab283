// SPDX-License-Identifier: GPL-2.0-only
/*
 * What differs from one kernel to the next: how vfio asks for the description of a region, and
 * whether it attaches PASIDs.
 */
#include <linux/vfio_pci_core.h>

#include "device.h"

static int region_info(struct vfio_device *vdev, struct vfio_region_info *info,
		       struct vfio_info_cap *caps)
{
	if (virt_vfio_region(info))
		return 0;
	return vfio_pci_ioctl_get_region_info(vdev, info, caps);
}

/**
 * virt_vfio_region_ops() - Complete the driver's operations
 * @ops: The operations
 */
void __init virt_vfio_region_ops(struct vfio_device_ops *ops)
{
	ops->get_region_info_caps = region_info;
	ops->match_token_uuid = vfio_pci_core_match_token_uuid;
	ops->pasid_attach_ioas = vfio_iommufd_physical_pasid_attach_ioas;
	ops->pasid_detach_ioas = vfio_iommufd_physical_pasid_detach_ioas;
}
