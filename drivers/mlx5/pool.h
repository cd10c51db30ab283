/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_POOL_H
#define MLX5VF_POOL_H

#include <linux/list.h>
#include <linux/types.h>

struct mlx5vf_device;
struct mlx5vf_piece;

/**
 * struct mlx5vf_pool - Pieces whose buffers firmware can fill; under state_lock
 * @mv: The VF
 * @pd: Protection domain of the buffers
 * @chunk: Size of a buffer at least, in bytes
 * @idle: Unused pieces
 */
struct mlx5vf_pool {
	struct mlx5vf_device *mv;
	u32 pd;
	size_t chunk;
	struct list_head idle;
};

void mlx5vf_pool_init(struct mlx5vf_pool *pool, struct mlx5vf_device *mv);
struct mlx5vf_piece *mlx5vf_pool_get(struct mlx5vf_pool *pool, size_t size);
void mlx5vf_pool_put(struct mlx5vf_pool *pool, struct mlx5vf_piece *piece);
int mlx5vf_pool_prepare(struct mlx5vf_pool *pool, unsigned int count);
void mlx5vf_pool_drain(struct mlx5vf_pool *pool);

#endif
