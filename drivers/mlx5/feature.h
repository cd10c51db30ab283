/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _MLX5VF_FEATURE_H
#define _MLX5VF_FEATURE_H

#include <linux/types.h>

struct mlx5vf_device;
struct vfio_device_ops;

void mlx5vf_feature_ops(struct vfio_device_ops *ops);
bool mlx5vf_feature_reinit(struct mlx5vf_device *mv);
void mlx5vf_feature_close(struct mlx5vf_device *mv);

#endif
