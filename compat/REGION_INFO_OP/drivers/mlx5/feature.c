// SPDX-License-Identifier: GPL-2.0-only
/*
 * Before 6.19 region info is an ioctl of vfio-pci-core, and before 7.1 vfio does not know
 * VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2.
 */
#include <linux/vfio_pci_core.h>
#include <linux/xarray.h>
#include <uapi/linux/vfio_mig_precopy.h>

#include "device.h"
#include "feature.h"

/* The VFs whose user has set it, by their address */
static DEFINE_XARRAY(reinit);

static int feature_ioctl(struct vfio_device *vdev, u32 flags, void __user *arg, size_t argsz)
{
	int ret;

	if ((flags & VFIO_DEVICE_FEATURE_MASK) != VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2)
		return vfio_pci_core_ioctl_feature(vdev, flags, arg, argsz);
	if (!vdev->mig_ops)
		return -ENOTTY;
	if (!(vdev->migration_flags & VFIO_MIGRATION_PRE_COPY))
		return -EINVAL;
	ret = vfio_check_feature(flags, argsz, VFIO_DEVICE_FEATURE_SET, 0);
	if (ret != 1)
		return ret;
	return xa_err(xa_store(&reinit, (unsigned long)mlx5vf_of(vdev), xa_mk_value(1),
			       GFP_KERNEL));
}

void __init mlx5vf_feature_ops(struct vfio_device_ops *ops)
{
	ops->device_feature = feature_ioctl;
}

bool mlx5vf_feature_reinit(struct mlx5vf_device *mv)
{
	return xa_load(&reinit, (unsigned long)mv);
}

void mlx5vf_feature_close(struct mlx5vf_device *mv)
{
	xa_erase(&reinit, (unsigned long)mv);
}
