// SPDX-License-Identifier: GPL-2.0-only
/*
 * Before 6.19 it is an ioctl of the driver like others. PASIDs cannot be attached (6.15).
 */
#include <linux/uaccess.h>
#include <linux/vfio_pci_core.h>

#include "device.h"

static long region_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info __user *user = (void __user *)arg;
	struct vfio_region_info info;

	if (cmd != VFIO_DEVICE_GET_REGION_INFO)
		return vfio_pci_core_ioctl(vdev, cmd, arg);
	if (copy_from_user(&info, user, minsz))
		return -EFAULT;
	if (!virt_vfio_region(&info))
		return vfio_pci_core_ioctl(vdev, cmd, arg);
	if (info.argsz < minsz)
		return -EINVAL;
	return copy_to_user(user, &info, minsz) ? -EFAULT : 0;
}

void __init virt_vfio_region_ops(struct vfio_device_ops *ops)
{
	ops->ioctl = region_ioctl;
}
