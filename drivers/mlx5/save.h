/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_SAVE_H
#define MLX5VF_SAVE_H

#include <linux/types.h>

struct file;
struct mlx5vf_device;

struct file *mlx5vf_save_begin(struct mlx5vf_device *mv, bool precopy);
int mlx5vf_save_settle(struct mlx5vf_device *mv);
int mlx5vf_save_final(struct mlx5vf_device *mv);
int mlx5vf_save_untrack(struct mlx5vf_device *mv);

#endif
