// SPDX-License-Identifier: GPL-2.0-only
/*
 * Orders: chunks of bits for pages, others for 2 MiB, others for 1 GiB. A leaf is
 * one bit of the order that it fills; what is added continues where the last range
 * ended, as in the tracker's set.
 */
#include <stdlib.h>

#include <linux/bitmap.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "candidate.h"

#define CHUNK_SHIFT	12
#define CHUNK_BITS	(1UL << CHUNK_SHIFT)
#define CHUNK_WORDS	(CHUNK_BITS / BITS_PER_LONG)
#define CHUNK_BYTES	(CHUNK_BITS / 8)
#define ORDERS		3

const char *const candidate_name = "orders";

static const unsigned int order_shift[ORDERS] = { 0, 9, 18 };

static struct order {
	struct xarray chunks;
	unsigned long cur_index;
	unsigned long *cur;
} orders[ORDERS];

static unsigned long run_first, run_last, nr_chunks;

void candidate_init(void)
{
	unsigned int i;

	for (i = 0; i < ORDERS; i++)
		xa_init_flags(&orders[i].chunks, 0);
	run_first = ULONG_MAX;
}

/* Bits @b to @e of an order, from one chunk or several. */
static void order_add(struct order *o, unsigned long b, unsigned long e)
{
	while (b <= e) {
		unsigned long index = b >> CHUNK_SHIFT, n;

		if (!o->cur || o->cur_index != index) {
			o->cur_index = index;
			o->cur = xa_load(&o->chunks, index);
		}
		if (!o->cur) {
			o->cur = kzalloc(CHUNK_BYTES, 0);
			xa_store(&o->chunks, index, o->cur, 0);
			nr_chunks++;
		}
		n = min(e - b + 1, CHUNK_BITS - b % CHUNK_BITS);
		bitmap_set(o->cur, b % CHUNK_BITS, n);
		b += n;
	}
}

/* A range is as much of the largest order as fits, and what is left on both sides. */
static void range_add(unsigned int i, unsigned long b, unsigned long e)
{
	unsigned long size = 1UL << order_shift[i];
	unsigned long lo = (b + size - 1) / size, hi = (e + 1) / size;

	if (!i) {
		order_add(&orders[0], b, e);
	} else if (lo >= hi) {
		range_add(i - 1, b, e);
	} else {
		order_add(&orders[i], lo, hi - 1);
		if (b < lo * size)
			range_add(i - 1, b, lo * size - 1);
		if (e >= hi * size)
			range_add(i - 1, hi * size, e);
	}
}

static void settle(void)
{
	if (run_first != ULONG_MAX)
		range_add(ORDERS - 1, run_first, run_last);
	run_first = ULONG_MAX;
}

void candidate_add(unsigned long first, unsigned long last)
{
	if (first >= run_first && first <= run_last + 1) {
		run_last = max(run_last, last);
		return;
	}
	settle();
	run_first = first;
	run_last = last;
}

unsigned long candidate_bytes(void)
{
	settle();
	return nr_chunks * CHUNK_BYTES;
}

static void deliver_order(unsigned int i, unsigned long *bitmap)
{
	unsigned int shift = order_shift[i], words;
	unsigned long index, b, e, w;
	void *entry;

	xa_for_each(&orders[i].chunks, index, entry) {
		unsigned long *from = entry, *to;

		to = bitmap + (index << CHUNK_SHIFT << shift) / BITS_PER_LONG;
		words = (1UL << shift) / BITS_PER_LONG;
		for (w = 0; !i && w < CHUNK_WORDS; w++)
			if (from[w])
				to[w] |= from[w];
		for (b = 0; i && b < CHUNK_BITS; b = e) {
			b = find_next_bit(from, CHUNK_BITS, b);
			if (b >= CHUNK_BITS)
				break;
			e = find_next_zero_bit(from, CHUNK_BITS, b);
			for (w = b * words; w < e * words; w++)
				to[w] = ~0UL;
		}
		kfree(from);
	}
	xa_destroy(&orders[i].chunks);
	orders[i].cur = NULL;
}

void candidate_deliver(unsigned long *bitmap, unsigned long pages)
{
	unsigned int i;

	(void)pages;
	settle();
	for (i = 0; i < ORDERS; i++)
		deliver_order(i, bitmap);
	nr_chunks = 0;
}
