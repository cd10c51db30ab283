/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_COMPAT_H
#define MLX5VF_COMPAT_H

#include <linux/types.h>

struct mlx5vf_device;
struct mlx5vf_start;

void mlx5vf_start_make(struct mlx5vf_device *mv, bool several, struct mlx5vf_start *start);
int mlx5vf_start_check(struct mlx5vf_device *mv, const struct mlx5vf_start *start,
		       const char **why);

#endif
