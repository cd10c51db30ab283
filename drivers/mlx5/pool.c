// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for saving: pieces with buffers that are mapped for firmware, kept to be used
 * again. Decides which of them is large enough; how much is needed is save.c's business.
 */
#include <linux/err.h>

#include "buffer.h"
#include "pool.h"
#include "queue.h"

/**
 * mlx5vf_pool_init() - Before anything else
 * @pool: The pool, otherwise zero; @pd and @chunk are set before a piece is got
 * @mv: The VF
 */
void mlx5vf_pool_init(struct mlx5vf_pool *pool, struct mlx5vf_device *mv)
{
	pool->mv = mv;
	INIT_LIST_HEAD(&pool->idle);
}

/* Take a piece away from firmware, and forget it. */
static void drop_piece(struct mlx5vf_pool *pool, struct mlx5vf_piece *piece)
{
	if (piece->buf)
		mlx5vf_buffer_unmap(pool->mv, piece->buf);
	mlx5vf_piece_put(piece);
}

static struct mlx5vf_piece *make_piece(struct mlx5vf_pool *pool, size_t size)
{
	struct mlx5vf_piece *piece = mlx5vf_piece_alloc();
	int ret;

	if (!piece)
		return ERR_PTR(-ENOMEM);
	piece->buf = mlx5vf_buffer_alloc(size, DMA_FROM_DEVICE);
	if (IS_ERR(piece->buf)) {
		ret = PTR_ERR(piece->buf);
		piece->buf = NULL;
		goto put;
	}
	ret = mlx5vf_buffer_grow(piece->buf, size);
	if (!ret)
		ret = mlx5vf_buffer_map(pool->mv, piece->buf, pool->pd);
	if (!ret)
		return piece;
put:
	mlx5vf_piece_put(piece);
	return ERR_PTR(ret);
}

/**
 * mlx5vf_pool_get() - Get a piece to be filled
 * @pool: The pool
 * @size: Bytes of its buffer at least
 *
 * Return: The piece with its reference, or an ERR_PTR.
 */
struct mlx5vf_piece *mlx5vf_pool_get(struct mlx5vf_pool *pool, size_t size)
{
	struct mlx5vf_piece *piece;

	size = max(size, pool->chunk);
	while (!list_empty(&pool->idle)) {
		piece = list_first_entry(&pool->idle, struct mlx5vf_piece, link);
		list_del(&piece->link);
		if (mlx5vf_buffer_size(piece->buf) >= size)
			return piece;
		drop_piece(pool, piece);
	}
	return make_piece(pool, size);
}

/**
 * mlx5vf_pool_put() - Give a piece back, with its reference
 * @pool: The pool
 * @piece: Firmware does not fill it, and no reader is going to get it
 */
void mlx5vf_pool_put(struct mlx5vf_pool *pool, struct mlx5vf_piece *piece)
{
	list_add(&piece->link, &pool->idle);
}

/**
 * mlx5vf_pool_prepare() - Have unused pieces
 * @pool: The pool
 * @count: How many
 *
 * Return: 0 or an error; then there are fewer.
 */
int mlx5vf_pool_prepare(struct mlx5vf_pool *pool, unsigned int count)
{
	struct mlx5vf_piece *piece;
	LIST_HEAD(pieces);
	int ret = 0;

	while (count-- && !ret) {
		piece = mlx5vf_pool_get(pool, 0);
		ret = PTR_ERR_OR_ZERO(piece);
		if (!ret)
			list_add(&piece->link, &pieces);
	}
	list_splice(&pieces, &pool->idle);
	return ret;
}

/**
 * mlx5vf_pool_drain() - Take all buffers away from firmware
 * @pool: The pool; the VF is attached
 */
void mlx5vf_pool_drain(struct mlx5vf_pool *pool)
{
	struct mlx5vf_piece *piece, *tmp;

	list_for_each_entry_safe(piece, tmp, &pool->idle, link)
		drop_piece(pool, piece);
	INIT_LIST_HEAD(&pool->idle);
}
