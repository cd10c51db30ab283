/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_PF_H
#define MLX5VF_PF_H

#include <linux/types.h>

struct mlx5vf_device;

bool mlx5vf_pf_bind(struct mlx5vf_device *mv);
void mlx5vf_pf_unbind(struct mlx5vf_device *mv);

#endif
