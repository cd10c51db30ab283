/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_PAGES_H
#define MLX5VF_PAGES_H

#include <linux/types.h>
#include <linux/xarray.h>

/* The unit in which dirty pages are kept, in bytes. */
#define MLX5VF_PAGE_SHIFT	12
/* How many units mlx5vf_pages_take() delivers at most. */
#define MLX5VF_PAGES_BITS	(8 * 4096)

/**
 * struct mlx5vf_pages - Dirty pages that firmware has reported and no reader has
 *	received yet
 * @chunks: Bitmaps of MLX5VF_PAGES_BITS units each
 * @all: There was no memory: all from @first to @last may be dirty
 * @first: In units
 * @last: In units, inclusive
 */
struct mlx5vf_pages {
	struct xarray chunks;
	bool all;
	u64 first;
	u64 last;
};

void mlx5vf_pages_init(struct mlx5vf_pages *p);
void mlx5vf_pages_destroy(struct mlx5vf_pages *p);
void mlx5vf_pages_add(struct mlx5vf_pages *p, u64 first, u64 last);
bool mlx5vf_pages_take(struct mlx5vf_pages *p, u64 *from, u64 last, unsigned long *bits,
		       u64 *base);
bool mlx5vf_pages_take_all(struct mlx5vf_pages *p, u64 from, u64 last, u64 *first, u64 *end);

#endif
