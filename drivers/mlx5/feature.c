// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vfio itself does for its drivers, which differs from one kernel to the next.
 */
#include <linux/vfio_pci_core.h>

#include "device.h"
#include "feature.h"

/**
 * mlx5vf_feature_ops() - Complete the driver's operations
 * @ops: The operations
 */
void __init mlx5vf_feature_ops(struct vfio_device_ops *ops)
{
	ops->get_region_info_caps = vfio_pci_ioctl_get_region_info;
	ops->match_token_uuid = vfio_pci_core_match_token_uuid;
}

/**
 * mlx5vf_feature_reinit() - Does the user take VFIO_PRECOPY_INFO_REINIT?
 * @mv: The VF
 *
 * Return: true if so.
 */
bool mlx5vf_feature_reinit(struct mlx5vf_device *mv)
{
	return READ_ONCE(mv->core.vdev.precopy_info_v2);
}

/**
 * mlx5vf_feature_close() - The user closes the device; vfio forgets what he has set
 * @mv: The VF
 */
void mlx5vf_feature_close(struct mlx5vf_device *mv)
{
}
