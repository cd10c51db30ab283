// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking at a dirty set: runs, chunks and sums. Nothing here changes what is in a
 * set; see dirty_set.h for what it is.
 */
#include <linux/bitmap.h>
#include <linux/minmax.h>
#include <linux/overflow.h>

#include "dirty_set.h"

/* Lowest granule of @set's coarse ranges in @first to @last, and its range's end */
static bool coarse_next(const struct dirty_set *set, unsigned long first,
			unsigned long last, unsigned long *at,
			unsigned long *end)
{
	bool found = false;
	unsigned int i;

	for (i = 0; i < set->nr_coarse; i++) {
		const struct dirty_run *c = &set->coarse[i];
		unsigned long start = max(c->first, first);

		if (start > last || c->last < first)
			continue;
		if (!found || start < *at) {
			*at = start;
			*end = min(c->last, last);
			found = true;
		}
	}
	return found;
}

/* The first run that ends at or after @first, unless it begins after @last. */
static bool runs_next(struct dirty_set *set, unsigned long first,
		      unsigned long last, unsigned long *at, unsigned long *end)
{
	struct dirty_run *run = dirty_runs_next(&set->runs, first);

	if (!run || run->first > last)
		return false;
	*at = run->first;
	*end = run->last;
	return true;
}

/* First dirty granule in chunks, and the last of its run in that chunk. */
static bool chunks_next(struct dirty_set *set, unsigned long first,
			unsigned long last, unsigned long *at,
			unsigned long *end)
{
	unsigned long index = first >> DIRTY_CHUNK_SHIFT;
	unsigned long last_index = last >> DIRTY_CHUNK_SHIFT;
	void *entry;

	for (entry = xa_find(&set->chunks, &index, last_index, XA_PRESENT);
	     entry; entry = xa_find_after(&set->chunks, &index, last_index,
					  XA_PRESENT)) {
		struct dirty_chunk *chunk = entry;
		unsigned long base = dirty_chunk_first(index);
		unsigned long lo = max(first, base) - base;
		unsigned long n = min(last, dirty_chunk_last(index)) - base + 1;
		unsigned long bit;

		if (xa_is_value(entry)) {
			*at = base + lo;
			*end = base + n - 1;
			return true;
		}
		bit = find_next_bit(chunk->words, n, lo);
		if (bit >= n)
			continue;
		*at = base + bit;
		*end = base + find_next_zero_bit(chunk->words, n, bit) - 1;
		return true;
	}
	return false;
}

/**
 * dirty_set_next_run() - Find the next dirty run
 * @set: The set
 * @first: Where to begin, first byte
 * @last: Last byte to look at
 * @run_first: First dirty byte at or after @first
 * @run_last: Last dirty byte of the run, at most @last; more dirty bytes may follow
 *	without a gap
 *
 * Return: false when nothing in the range is dirty.
 */
bool dirty_set_next_run(struct dirty_set *set, unsigned long first,
			unsigned long last, unsigned long *run_first,
			unsigned long *run_last)
{
	unsigned long b = first >> set->shift, e = last >> set->shift;
	unsigned long c_at, c_end, at, end;
	bool found;

	dirty_set_settle(set);
	found = runs_next(set, b, e, &at, &end) ||
		chunks_next(set, b, e, &at, &end);
	if (unlikely(set->nr_coarse) && coarse_next(set, b, e, &c_at, &c_end) &&
	    (!found || c_at <= at)) {
		at = c_at;
		end = c_end;
		found = true;
	}
	if (!found)
		return false;
	*run_first = max(at << set->shift, first);
	*run_last = min(end << set->shift | ((1UL << set->shift) - 1), last);
	return true;
}

/**
 * dirty_set_next_chunk() - Walk the chunks that hold bits
 * @set: The set
 * @index: In: where to begin. Out: index of the chunk returned
 * @last_index: The last index to look at
 *
 * Return: The chunk, or NULL. Stops (NULL) at a chunk that is dirty as a whole
 * too: @index is then its index, and is past @last_index when there was none.
 */
struct dirty_chunk *dirty_set_next_chunk(struct dirty_set *set,
					 unsigned long *index,
					 unsigned long last_index)
{
	void *entry;

	dirty_set_settle(set);
	entry = xa_find(&set->chunks, index, last_index, XA_PRESENT);
	if (!entry)
		*index = last_index + 1;
	return xa_is_value(entry) ? NULL : entry;
}

/**
 * dirty_set_bytes() - How much is dirty, in bytes
 * @set: The set
 *
 * Return: The bytes, counted once each; ULONG_MAX if that is the whole address space.
 */
unsigned long dirty_set_bytes(struct dirty_set *set)
{
	unsigned long at = 0, first, last, bytes = 0;

	while (dirty_set_next_run(set, at, ULONG_MAX, &first, &last)) {
		unsigned long n = last - first + 1;

		/* All of the address space is one more than can be said */
		if (!n || check_add_overflow(bytes, n, &bytes))
			return ULONG_MAX;
		if (last == ULONG_MAX)
			break;
		at = last + 1;
	}
	return bytes;
}

/* Granules in runs */
static unsigned long runs_count(const struct dirty_runs *runs)
{
	const struct dirty_block *block;
	unsigned long count = 0;
	unsigned int i;

	for (block = runs->head; block; block = block->next)
		for (i = 0; i < block->nr; i++)
			count += block->run[i].last - block->run[i].first + 1;
	return count;
}

/**
 * dirty_set_count() - Count what is dirty, in pieces
 * @set: The set
 * @index: Chunk to begin with, 0 the first time; on return where to go on
 * @chunks: How many chunks to count at most
 * @bytes: The bytes found are added
 *
 * Return: true when there is more. The pieces are a snapshot each.
 */
bool dirty_set_count(struct dirty_set *set, unsigned long *index,
		     unsigned int chunks, u64 *bytes)
{
	unsigned long at = *index;
	unsigned int i;
	void *entry;

	dirty_set_settle(set);
	if (!at) {
		*bytes += runs_count(&set->runs) << set->shift;
		for (i = 0; i < set->nr_coarse; i++)
			*bytes += (set->coarse[i].last - set->coarse[i].first + 1)
				  << set->shift;
	}
	xa_for_each_start(&set->chunks, at, entry, *index) {
		struct dirty_chunk *chunk = entry;

		if (!chunks--) {
			*index = at;
			return true;
		}
		*bytes += (xa_is_value(entry) ?
				   DIRTY_CHUNK_BITS :
				   bitmap_weight(chunk->words, DIRTY_CHUNK_BITS))
			  << set->shift;
	}
	return false;
}

/**
 * dirty_set_memory() - Memory held by a set's runs and chunks, in bytes
 * @set: The set
 *
 * Return: Bytes, without the nodes of the tree.
 */
unsigned long dirty_set_memory(const struct dirty_set *set)
{
	return set->nr_chunks * sizeof(struct dirty_chunk) +
	       set->runs.nr_blocks * sizeof(struct dirty_block);
}
