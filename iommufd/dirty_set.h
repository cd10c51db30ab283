/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dirty_set: a sparse set of dirty IOVA, the only one inside the kernel. A harvest
 * fills one, what could not be delivered waits in one (the tracker's pending set).
 *
 * It decides how dirty pages are stored, and leaves locking, flushing and delivery to
 * its users. Nothing is allocated for clean memory. No function here fails: when
 * there is no memory for a bit, a larger range that contains it is marked.
 */
#ifndef __IOMMUFD_DIRTY_SET_H
#define __IOMMUFD_DIRTY_SET_H

#include <linux/bits.h>
#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "dirty_runs.h"

#define DIRTY_CHUNK_SHIFT	12
#define DIRTY_CHUNK_BITS	(1UL << DIRTY_CHUNK_SHIFT)
#define DIRTY_CHUNK_WORDS	(DIRTY_CHUNK_BITS / BITS_PER_LONG)
#define DIRTY_SET_COARSE	4
/* A chunk is at most half of the address space */
#define DIRTY_SET_MAX_SHIFT	(BITS_PER_LONG - DIRTY_CHUNK_SHIFT - 1)

/**
 * struct dirty_chunk - The bits of 4096 granules
 * @words: One bit per granule; never all clear while it is in a set for long
 */
struct dirty_chunk {
	unsigned long words[DIRTY_CHUNK_WORDS];
};

/**
 * struct dirty_set - Sparse set of dirty IOVA
 * @runs: Dirty pages as runs, until they are dense. Empty while there are @chunks
 * @chunks: Index granule >> DIRTY_CHUNK_SHIFT. Holds a struct dirty_chunk, or
 *	an xarray value when all granules of the chunk are dirty
 * @shift: log2 of the granule in bytes
 * @nr_chunks: Allocated chunks, for accounting
 * @nr_coarse: Entries of @coarse in use
 * @coarse: Dirty pages for which there was no memory, as ranges. Neither sorted nor
 *	disjoint from @runs and @chunks
 * @cur_index: Index of @cur
 * @cur: The chunk that was used last, or NULL
 * @run_first: First granule of what was added last and is nowhere else yet;
 *	ULONG_MAX when there is none
 * @run_last: Last granule of it
 *
 * Not locked: the owner serialises. Initialise with dirty_set_init(), empty
 * with dirty_set_destroy().
 */
struct dirty_set {
	struct dirty_runs runs;
	struct xarray chunks;
	unsigned int shift;
	unsigned int nr_coarse;
	unsigned long nr_chunks;
	struct dirty_run coarse[DIRTY_SET_COARSE];
	unsigned long cur_index;
	struct dirty_chunk *cur;
	unsigned long run_first;
	unsigned long run_last;
};

/* First granule of the chunk at @index */
static inline unsigned long dirty_chunk_first(unsigned long index)
{
	return index << DIRTY_CHUNK_SHIFT;
}

static inline unsigned long dirty_chunk_last(unsigned long index)
{
	return dirty_chunk_first(index) | (DIRTY_CHUNK_BITS - 1);
}

/* The granules of a chunk, by their numbers in it, that are among @b to @e: some are. */
static inline void dirty_chunk_clip(unsigned long index, unsigned long b, unsigned long e,
				    unsigned int *lo, unsigned int *hi)
{
	*lo = max(b, dirty_chunk_first(index)) % DIRTY_CHUNK_BITS;
	*hi = min(e, dirty_chunk_last(index)) % DIRTY_CHUNK_BITS;
}

void dirty_set_init(struct dirty_set *set, unsigned int shift);
void dirty_set_destroy(struct dirty_set *set);
bool dirty_set_empty(const struct dirty_set *set);
void dirty_set_settle(struct dirty_set *set);
bool dirty_set_only_run(const struct dirty_set *set, unsigned long *first,
			unsigned long *last);
void dirty_set_add(struct dirty_set *set, unsigned long first,
		   unsigned long last);
void dirty_set_remove(struct dirty_set *set, unsigned long first,
		      unsigned long last);
void dirty_set_merge(struct dirty_set *dst, struct dirty_set *src);
void dirty_set_move(struct dirty_set *dst, struct dirty_set *src,
		    unsigned long first, unsigned long last);
void dirty_set_copy(struct dirty_set *dst, struct dirty_set *src,
		    unsigned long first, unsigned long last);
bool dirty_set_next_run(struct dirty_set *set, unsigned long first,
			unsigned long last, unsigned long *run_first,
			unsigned long *run_last);
struct dirty_chunk *dirty_set_next_chunk(struct dirty_set *set,
					 unsigned long *index,
					 unsigned long last_index);
void dirty_set_drop_chunk(struct dirty_set *set, unsigned long index);
unsigned long dirty_set_bytes(struct dirty_set *set);
bool dirty_set_count(struct dirty_set *set, unsigned long *index,
		     unsigned int chunks, u64 *bytes);
unsigned long dirty_set_memory(const struct dirty_set *set);

#endif
