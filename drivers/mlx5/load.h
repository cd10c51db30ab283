/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_LOAD_H
#define MLX5VF_LOAD_H

struct file;
struct mlx5vf_device;

struct file *mlx5vf_load_begin(struct mlx5vf_device *mv);
int mlx5vf_load_finish(struct mlx5vf_device *mv);

#endif
