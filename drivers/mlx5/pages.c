// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages that firmware has reported and no reader has got yet. Firmware
 * forgets a page when it reports it, so that here it must not be lost: everything
 * between the pages for which there was no memory is reported dirty.
 *
 * A reader that asks for a part of a unit gets the unit, and it is kept for who asks
 * for the rest.
 *
 * Nothing is locked here.
 */
#include <linux/bitmap.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "pages.h"

#define GFP_CHUNK	(GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN)

/**
 * mlx5vf_pages_init() - Before anything else
 * @p: The pages; none then
 */
void mlx5vf_pages_init(struct mlx5vf_pages *p)
{
	xa_init(&p->chunks);
	p->all = false;
}

/**
 * mlx5vf_pages_destroy() - Forget all
 * @p: The pages
 */
void mlx5vf_pages_destroy(struct mlx5vf_pages *p)
{
	unsigned long index;
	void *chunk;

	xa_for_each(&p->chunks, index, chunk)
		kfree(chunk);
	xa_destroy(&p->chunks);
	p->all = false;
}

static unsigned long *chunk_get(struct mlx5vf_pages *p, unsigned long index)
{
	unsigned long *chunk = xa_load(&p->chunks, index);

	if (chunk)
		return chunk;
	chunk = kzalloc(MLX5VF_PAGES_BITS / 8, GFP_CHUNK);
	if (chunk && xa_is_err(xa_store(&p->chunks, index, chunk, GFP_CHUNK))) {
		kfree(chunk);
		chunk = NULL;
	}
	return chunk;
}

/* The parts of chunk @index that are between two units. */
static unsigned int chunk_part(unsigned long index, u64 first, u64 last, unsigned int *n)
{
	u64 base = (u64)index * MLX5VF_PAGES_BITS;
	u64 from = max(first, base), to = min(last, base + MLX5VF_PAGES_BITS - 1);

	*n = to - from + 1;
	return from - base;
}

/**
 * mlx5vf_pages_add() - Keep some pages
 * @p: The pages
 * @first: First byte
 * @last: Last byte
 */
void mlx5vf_pages_add(struct mlx5vf_pages *p, u64 first, u64 last)
{
	unsigned long *chunk;
	unsigned int at, n;
	u64 index;

	first >>= MLX5VF_PAGE_SHIFT;
	last >>= MLX5VF_PAGE_SHIFT;
	for (index = first / MLX5VF_PAGES_BITS; index <= last / MLX5VF_PAGES_BITS; index++) {
		chunk = chunk_get(p, index);
		if (!chunk) {
			p->first = p->all ? min(p->first, first) : first;
			p->last = p->all ? max(p->last, last) : last;
			p->all = true;
			return;
		}
		at = chunk_part(index, first, last, &n);
		bitmap_set(chunk, at, n);
	}
}

/* The units that are wholly between two bytes; false if there is none. */
static bool whole_units(u64 from, u64 last, u64 *first, u64 *end)
{
	u64 mask = BIT(MLX5VF_PAGE_SHIFT) - 1;

	*first = (from >> MLX5VF_PAGE_SHIFT) + !!(from & mask);
	*end = last >> MLX5VF_PAGE_SHIFT;
	if ((last & mask) == mask)
		return *first <= *end;
	/* It ends in the middle of a unit. */
	if (!*end)
		return false;
	*end -= 1;
	return *first <= *end;
}

/**
 * mlx5vf_pages_take() - Take some out
 * @p: The pages
 * @from: First byte of the range; moved behind what was looked at
 * @last: Last byte of the range
 * @bits: Set to what is dirty in the range from *@base on, MLX5VF_PAGES_BITS units
 * @base: Byte of the first bit
 *
 * Return: Whether there was any.
 */
bool mlx5vf_pages_take(struct mlx5vf_pages *p, u64 *from, u64 last, unsigned long *bits,
		       u64 *base)
{
	u64 first = *from >> MLX5VF_PAGE_SHIFT, end = last >> MLX5VF_PAGE_SHIFT;
	u64 first_whole, last_whole;
	unsigned long index = first / MLX5VF_PAGES_BITS;
	unsigned long *chunk;
	unsigned int at, n;

	chunk = xa_find(&p->chunks, &index, end / MLX5VF_PAGES_BITS, XA_PRESENT);
	if (!chunk)
		return false;
	at = chunk_part(index, first, end, &n);
	bitmap_zero(bits, MLX5VF_PAGES_BITS);
	bitmap_set(bits, at, n);
	bitmap_and(bits, bits, chunk, MLX5VF_PAGES_BITS);
	*base = (u64)index * MLX5VF_PAGES_BITS << MLX5VF_PAGE_SHIFT;

	if (whole_units(*from, last, &first_whole, &last_whole) &&
	    first_whole < (u64)(index + 1) * MLX5VF_PAGES_BITS &&
	    last_whole >= (u64)index * MLX5VF_PAGES_BITS) {
		at = chunk_part(index, first_whole, last_whole, &n);
		bitmap_clear(chunk, at, n);
	}
	if (bitmap_empty(chunk, MLX5VF_PAGES_BITS)) {
		xa_erase(&p->chunks, index);
		kfree(chunk);
	}
	*from = *base + ((u64)MLX5VF_PAGES_BITS << MLX5VF_PAGE_SHIFT);
	return true;
}

/**
 * mlx5vf_pages_take_all() - Take what is dirty because there was no memory
 * @p: The pages
 * @from: First byte of the range
 * @last: Last byte of the range
 * @first: Set to the first byte that is dirty
 * @end: Set to the last
 *
 * It is kept as well if there is more on both sides of the range.
 *
 * Return: Whether there is any.
 */
bool mlx5vf_pages_take_all(struct mlx5vf_pages *p, u64 from, u64 last, u64 *first, u64 *end)
{
	u64 low = p->first << MLX5VF_PAGE_SHIFT;
	u64 high = (p->last << MLX5VF_PAGE_SHIFT) | (BIT(MLX5VF_PAGE_SHIFT) - 1);

	if (!p->all || from > high || last < low)
		return false;
	*first = max(from, low);
	*end = min(last, high);
	if (*first == low && *end == high)
		p->all = false;
	else if (*first == low)
		p->first = (*end + 1) >> MLX5VF_PAGE_SHIFT;
	else if (*end == high)
		p->last = (*first - 1) >> MLX5VF_PAGE_SHIFT;
	return true;
}
