// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sparse set of dirty IOVA; see dirty_set.h for what it is.
 *
 * Addresses at the interface are bytes, and "last" is inclusive; inside they
 * are granules. A set begins with runs (dirty_runs.c), and changes to chunks for all it
 * has when they are dense somewhere, until it is empty again. Then a granule is found in
 * its chunk, or in a chunk that is dirty as a whole (an xarray value: no memory of its
 * own). A few coarse ranges stand in when memory is short: adding must not fail, because
 * unmap and process exit must not, and because the hardware has forgotten the bit
 * already.
 */
#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "dirty_set.h"
#include "test.h"

#define DIRTY_ALL xa_mk_value(1)

/**
 * dirty_set_init() - Make an empty set
 * @set: The set
 * @shift: log2 of the granule in bytes, at least PAGE_SHIFT
 */
void dirty_set_init(struct dirty_set *set, unsigned int shift)
{
	*set = (struct dirty_set){ .shift = shift, .run_first = ULONG_MAX };
	xa_init_flags(&set->chunks, XA_FLAGS_ACCOUNT);
}

static void chunk_free(struct dirty_set *set, void *entry)
{
	if (!entry || xa_is_value(entry))
		return;
	set->nr_chunks--;
	kfree(entry);
}

/**
 * dirty_set_destroy() - Empty a set and free what it holds
 * @set: The set, which may be used again
 */
void dirty_set_destroy(struct dirty_set *set)
{
	unsigned long index;
	void *entry;

	set->run_first = ULONG_MAX;
	if (dirty_set_empty(set))
		return;
	/* One by one: xa_destroy() frees all nodes with interrupts off */
	xa_for_each(&set->chunks, index, entry) {
		chunk_free(set, xa_erase(&set->chunks, index));
		cond_resched();
	}
	xa_destroy(&set->chunks);
	dirty_runs_destroy(&set->runs);
	set->nr_coarse = 0;
	set->cur = NULL;
}

/**
 * dirty_set_empty() - Is nothing dirty?
 * @set: The set
 *
 * Return: true if the set has no dirty page.
 */
bool dirty_set_empty(const struct dirty_set *set)
{
	return !set->nr_coarse && xa_empty(&set->chunks) &&
	       dirty_runs_empty(&set->runs) && set->run_first == ULONG_MAX;
}

/* Needs no memory: joins a range that touches, or else the nearest one. */
static void coarse_add(struct dirty_set *set, unsigned long first,
		       unsigned long last)
{
	unsigned long best_gap = ULONG_MAX;
	struct dirty_run *best = NULL;
	unsigned int i;

	for (i = 0; i < set->nr_coarse; i++) {
		struct dirty_run *c = &set->coarse[i];
		unsigned long gap = 0;

		if (first > c->last)
			gap = first - c->last - 1;
		else if (c->first > last)
			gap = c->first - last - 1;
		if (!best || gap < best_gap) {
			best = c;
			best_gap = gap;
		}
	}
	if (set->nr_coarse < DIRTY_SET_COARSE && (!best || best_gap)) {
		set->coarse[set->nr_coarse++] =
			(struct dirty_run){ first, last };
		return;
	}
	best->first = min(best->first, first);
	best->last = max(best->last, last);
}

static void coarse_remove(struct dirty_set *set, unsigned long first,
			  unsigned long last)
{
	unsigned int i = 0;

	while (i < set->nr_coarse) {
		struct dirty_run *c = &set->coarse[i];

		if (last < c->first || first > c->last) {
			i++;
		} else if (first <= c->first && last >= c->last) {
			*c = set->coarse[--set->nr_coarse];
		} else if (first <= c->first) {
			c->first = last + 1;
			i++;
		} else if (last >= c->last) {
			c->last = first - 1;
			i++;
		} else {
			/* A hole: without room for two ranges it stays dirty */
			if (set->nr_coarse < DIRTY_SET_COARSE) {
				set->coarse[set->nr_coarse++] =
					(struct dirty_run){ last + 1, c->last };
				c->last = first - 1;
			}
			i++;
		}
	}
}

static struct dirty_chunk *chunk_alloc(struct dirty_set *set)
{
	struct dirty_chunk *chunk;

	if (dirty_test_fail_alloc())
		return NULL;
	chunk = kzalloc_obj(*chunk, DIRTY_SET_GFP);
	if (chunk)
		set->nr_chunks++;
	return chunk;
}

/* Put @entry at @index; false without memory for the tree's node. */
static bool chunk_store(struct dirty_set *set, unsigned long index, void *entry)
{
	void *old;

	if (dirty_test_fail_alloc())
		return false;
	old = xa_store(&set->chunks, index, entry, DIRTY_SET_GFP);
	if (xa_is_err(old))
		return false;
	if (set->cur_index == index)
		set->cur = NULL;
	chunk_free(set, old);
	return true;
}

static struct dirty_chunk *chunk_get(struct dirty_set *set, unsigned long index)
{
	struct dirty_chunk *chunk = chunk_alloc(set);

	if (!chunk)
		return NULL;
	if (!chunk_store(set, index, chunk)) {
		chunk_free(set, chunk);
		return NULL;
	}
	return chunk;
}

/* Mark granules @lo to @hi of the chunk at @index. */
static void chunk_add(struct dirty_set *set, unsigned long index,
		      unsigned int lo, unsigned int hi)
{
	struct dirty_chunk *chunk = set->cur;

	if (!chunk || set->cur_index != index) {
		void *entry = xa_load(&set->chunks, index);

		if (xa_is_value(entry))
			return;
		chunk = entry;
	}
	if (lo == 0 && hi == DIRTY_CHUNK_BITS - 1) {
		if (chunk_store(set, index, DIRTY_ALL))
			return;
		if (!chunk)
			goto no_memory;
	}
	if (!chunk) {
		chunk = chunk_get(set, index);
		if (!chunk && chunk_store(set, index, DIRTY_ALL))
			return;
		if (!chunk)
			goto no_memory;
	}
	set->cur_index = index;
	set->cur = chunk;
	if (lo == hi)
		__set_bit(lo, chunk->words);
	else
		bitmap_set(chunk->words, lo, hi - lo + 1);
	return;

no_memory:
	coarse_add(set, dirty_chunk_first(index), dirty_chunk_last(index));
}

static void chunks_add(struct dirty_set *set, unsigned long b, unsigned long e)
{
	for (;;) {
		unsigned long index = b >> DIRTY_CHUNK_SHIFT;
		unsigned long end = min(e, dirty_chunk_last(index));

		chunk_add(set, index, b & (DIRTY_CHUNK_BITS - 1),
			  end & (DIRTY_CHUNK_BITS - 1));
		if (end == e)
			return;
		b = end + 1;
		cond_resched();
	}
}

/* Runs become chunks. It is called before anything is put into the chunks of a set. */
static void set_spill(struct dirty_set *set)
{
	struct dirty_runs runs = set->runs;
	struct dirty_block *block;
	unsigned int i;

	if (dirty_runs_empty(&runs))
		return;
	set->runs = (struct dirty_runs){};
	for (block = runs.head; block; block = block->next) {
		for (i = 0; i < block->nr; i++)
			chunks_add(set, block->run[i].first, block->run[i].last);
		cond_resched();
	}
	dirty_runs_destroy(&runs);
}

/* Add granules @b to @e: to the runs, unless there are chunks or should be. */
static void granules_add(struct dirty_set *set, unsigned long b, unsigned long e)
{
	int rc = -ENOSPC;

	if (xa_empty(&set->chunks))
		rc = dirty_runs_add(&set->runs, b, e);
	if (rc == -ENOSPC) {
		set_spill(set);
		chunks_add(set, b, e);
	} else if (rc) {
		coarse_add(set, b, e);
	}
}

/**
 * dirty_set_settle() - Put what was added last where the rest is
 * @set: The set
 *
 * All functions that look at a set do it. May sleep.
 */
void dirty_set_settle(struct dirty_set *set)
{
	unsigned long b = set->run_first;

	if (b == ULONG_MAX)
		return;
	set->run_first = ULONG_MAX;
	granules_add(set, b, set->run_last);
}

/**
 * dirty_set_only_run() - Has the set only the range that was added last?
 * @set: The set
 * @first: Its first byte
 * @last: Its last byte
 *
 * Return: true if so, with @first and @last set; else they are unchanged.
 */
bool dirty_set_only_run(const struct dirty_set *set, unsigned long *first,
			unsigned long *last)
{
	if (set->run_first == ULONG_MAX || set->nr_coarse ||
	    !xa_empty(&set->chunks) || !dirty_runs_empty(&set->runs))
		return false;
	*first = set->run_first << set->shift;
	*last = set->run_last << set->shift | ((1UL << set->shift) - 1);
	return true;
}

/* Put what was added last into the word of @cur that has it all; false if none has. */
static bool cur_add(struct dirty_set *set)
{
	unsigned long lo = set->run_first % DIRTY_CHUNK_BITS;

	if (!set->cur || set->run_first >> DIRTY_CHUNK_SHIFT != set->cur_index ||
	    set->run_first / BITS_PER_LONG != set->run_last / BITS_PER_LONG)
		return false;
	set->cur->words[lo / BITS_PER_LONG] |=
		BITMAP_FIRST_WORD_MASK(lo) & BITMAP_LAST_WORD_MASK(set->run_last + 1);
	return true;
}

/* Another run begins. Not inline, so that making the last one longer is short. */
static noinline void begin_run(struct dirty_set *set, unsigned long b,
			       unsigned long e)
{
	/* The usual cases where dirty pages are scattered, and nothing but faster */
	if (set->run_first == ULONG_MAX ||
	    (!cur_add(set) &&
	     !dirty_runs_append(&set->runs, set->run_first, set->run_last)))
		dirty_set_settle(set);
	set->run_first = b;
	set->run_last = e;
}

/**
 * dirty_set_add() - Mark a range dirty
 * @set: The set
 * @first: First byte; its whole granule is marked
 * @last: Last byte
 *
 * Sources report dirty leaves one by one in ascending order, so a range that begins where
 * the last one ended only extends that one. Without
 * memory a larger range is marked. May sleep.
 */
void dirty_set_add(struct dirty_set *set, unsigned long first,
		   unsigned long last)
{
	unsigned long b = first >> set->shift, e = last >> set->shift;

	if (b >= set->run_first && b <= set->run_last + 1)
		set->run_last = max(set->run_last, e);
	else
		begin_run(set, b, e);
}

static void chunk_remove(struct dirty_set *set, unsigned long index,
			 void *entry, unsigned int lo, unsigned int hi)
{
	struct dirty_chunk *chunk = entry;

	if (lo == 0 && hi == DIRTY_CHUNK_BITS - 1) {
		dirty_set_drop_chunk(set, index);
		return;
	}
	if (xa_is_value(entry)) {
		/* Part of a full chunk; without memory all of it stays dirty */
		chunk = chunk_get(set, index);
		if (!chunk)
			return;
		bitmap_fill(chunk->words, DIRTY_CHUNK_BITS);
	}
	bitmap_clear(chunk->words, lo, hi - lo + 1);
	if (bitmap_empty(chunk->words, DIRTY_CHUNK_BITS))
		dirty_set_drop_chunk(set, index);
}

static void granules_remove(struct dirty_set *set, unsigned long b,
			    unsigned long e)
{
	unsigned long index;
	void *entry;

	if (dirty_runs_remove(&set->runs, b, e) == -ENOSPC)
		set_spill(set);
	xa_for_each_range(&set->chunks, index, entry, b >> DIRTY_CHUNK_SHIFT,
			  e >> DIRTY_CHUNK_SHIFT) {
		unsigned int lo, hi;

		dirty_chunk_clip(index, b, e, &lo, &hi);
		chunk_remove(set, index, entry, lo, hi);
	}
}

/**
 * dirty_set_remove() - Mark a range clean
 * @set: The set
 * @first: First byte
 * @last: Last byte
 *
 * Granules that lie in the range only in part stay dirty; so may others when
 * memory is short. May sleep.
 */
void dirty_set_remove(struct dirty_set *set, unsigned long first,
		      unsigned long last)
{
	unsigned long mask = (1UL << set->shift) - 1;
	unsigned long b = (first >> set->shift) + !!(first & mask);
	unsigned long e = last >> set->shift;

	if ((last & mask) != mask) {
		if (!e)
			return;
		e--;
	}
	if (b > e)
		return;
	dirty_set_settle(set);
	if (unlikely(set->nr_coarse))
		coarse_remove(set, b, e);
	granules_remove(set, b, e);
}

/**
 * dirty_set_drop_chunk() - Mark all granules of a chunk clean
 * @set: The set
 * @index: Which chunk
 *
 * Coarse ranges are left alone.
 */
void dirty_set_drop_chunk(struct dirty_set *set, unsigned long index)
{
	dirty_set_settle(set);
	if (set->cur_index == index)
		set->cur = NULL;
	chunk_free(set, xa_erase(&set->chunks, index));
}

/* Move the chunk @entry, which is in no set now, into @dst. */
static void chunk_insert(struct dirty_set *dst, unsigned long index, void *entry)
{
	void *old = xa_load(&dst->chunks, index);

	if (old && !xa_is_value(old) && !xa_is_value(entry)) {
		struct dirty_chunk *to = old, *from = entry;

		bitmap_or(to->words, to->words, from->words, DIRTY_CHUNK_BITS);
		kfree(from);
		return;
	}
	if (!xa_is_value(entry)) {
		if (xa_is_value(old)) {
			kfree(entry);
			return;
		}
		dst->nr_chunks++;
	}
	if (!chunk_store(dst, index, entry)) {
		chunk_free(dst, entry);
		coarse_add(dst, dirty_chunk_first(index), dirty_chunk_last(index));
	}
}

static void chunk_move(struct dirty_set *dst, struct dirty_set *src,
		       unsigned long index)
{
	void *entry = xa_erase(&src->chunks, index);

	if (src->cur_index == index)
		src->cur = NULL;
	if (!xa_is_value(entry))
		src->nr_chunks--;
	chunk_insert(dst, index, entry);
}

/*
 * All of either becomes the other's, in the same time however much it is. That an
 * xarray may move is so because no one else has it now; its nodes go on naming
 * the place where they were added, which only the page cache's shrinker reads.
 */
static void set_swap(struct dirty_set *a, struct dirty_set *b)
{
	swap(*a, *b);
}

/**
 * dirty_set_merge() - Move everything from one set to another
 * @dst: Where to
 * @src: Where from, empty afterwards. Same granule as @dst
 */
void dirty_set_merge(struct dirty_set *dst, struct dirty_set *src)
{
	/* The smaller one moves; into an empty set that is nothing */
	if (src->nr_chunks + src->runs.nr_blocks >
	    dst->nr_chunks + dst->runs.nr_blocks)
		set_swap(dst, src);
	dirty_set_move(dst, src, 0, ULONG_MAX);
	xa_destroy(&src->chunks);
}

/* Move granules @lo to @hi of the chunk @entry of @src; the others stay there. */
static void chunk_split(struct dirty_set *dst, struct dirty_set *src,
			unsigned long index, void *entry, unsigned int lo,
			unsigned int hi)
{
	struct dirty_chunk *from = entry, *to;
	unsigned int bit = lo;

	if (xa_is_value(entry)) {
		chunk_add(dst, index, lo, hi);
		chunk_remove(src, index, entry, lo, hi);
		return;
	}
	if (find_next_bit(from->words, hi + 1, lo) > hi)
		return;
	to = xa_load(&dst->chunks, index);
	if (!to)
		to = chunk_get(dst, index);
	if (!to && !chunk_store(dst, index, DIRTY_ALL))
		coarse_add(dst, dirty_chunk_first(index) + lo, dirty_chunk_first(index) + hi);
	while (to && !xa_is_value(to)) {
		unsigned int end;

		bit = find_next_bit(from->words, hi + 1, bit);
		if (bit > hi)
			break;
		end = find_next_zero_bit(from->words, hi + 1, bit);
		bitmap_set(to->words, bit, end - bit);
		bit = end;
	}
	bitmap_clear(from->words, lo, hi - lo + 1);
	if (bitmap_empty(from->words, DIRTY_CHUNK_BITS))
		dirty_set_drop_chunk(src, index);
}

/* Of coarse range @i of @src move what lies in granules @b to @e. */
static void coarse_split(struct dirty_set *dst, struct dirty_set *src,
			 unsigned int i, unsigned long b, unsigned long e)
{
	struct dirty_run c = src->coarse[i];

	coarse_add(dst, max(c.first, b), min(c.last, e));
	src->coarse[i] = src->coarse[--src->nr_coarse];
	if (c.first < b)
		coarse_add(src, c.first, b - 1);
	if (c.last > e)
		coarse_add(src, e + 1, c.last);
}

/*
 * Take all of @src, if @dst is empty and every chunk of @src touches granules
 * @b to @e; and give back what of the chunks at the ends lies outside. Runs must be
 * inside.
 */
static bool set_take(struct dirty_set *dst, struct dirty_set *src,
		     unsigned long b, unsigned long e)
{
	unsigned long index = 0;
	void *entry;

	if (!dirty_set_empty(dst) || src->nr_coarse)
		return false;
	if (!dirty_runs_empty(&src->runs) &&
	    !dirty_runs_within(&src->runs, b, e))
		return false;
	if (xa_find(&src->chunks, &index, ULONG_MAX, XA_PRESENT) &&
	    index < b >> DIRTY_CHUNK_SHIFT)
		return false;
	index = e >> DIRTY_CHUNK_SHIFT;
	if (xa_find_after(&src->chunks, &index, ULONG_MAX, XA_PRESENT))
		return false;
	set_swap(dst, src);
	index = b >> DIRTY_CHUNK_SHIFT;
	entry = xa_load(&dst->chunks, index);
	if (entry && b > dirty_chunk_first(index))
		chunk_split(src, dst, index, entry, 0,
			    b % DIRTY_CHUNK_BITS - 1);
	index = e >> DIRTY_CHUNK_SHIFT;
	entry = xa_load(&dst->chunks, index);
	if (entry && e < dirty_chunk_last(index))
		chunk_split(src, dst, index, entry, e % DIRTY_CHUNK_BITS + 1,
			    DIRTY_CHUNK_BITS - 1);
	return true;
}

/* Mark in @dst what @src has as runs in granules @b to @e. */
static void runs_copy(struct dirty_set *dst, struct dirty_set *src,
		      unsigned long b, unsigned long e)
{
	struct dirty_run *run;

	while ((run = dirty_runs_next(&src->runs, b)) && run->first <= e) {
		granules_add(dst, max(run->first, b), min(run->last, e));
		if (run->last >= e)
			break;
		b = run->last + 1;
		cond_resched();
	}
}

/* All that is dirty is what was added last: see whether that moves as it is. */
static bool last_run_move(struct dirty_set *dst, struct dirty_set *src,
			  unsigned long b, unsigned long e)
{
	unsigned long first, last;

	if (!dirty_set_only_run(src, &first, &last) || src->run_first < b ||
	    src->run_last > e)
		return false;
	src->run_first = ULONG_MAX;
	dirty_set_add(dst, first, last);
	return true;
}

/**
 * dirty_set_move() - Move what is in a range from one set to another
 * @dst: Where to
 * @src: Where from. Same granule as @dst
 * @first: First byte; its whole granule moves
 * @last: Last byte; ditto
 *
 * When memory is short, more than what was dirty may be marked in @dst, and
 * some of it may stay in @src too. May sleep.
 */
void dirty_set_move(struct dirty_set *dst, struct dirty_set *src,
		    unsigned long first, unsigned long last)
{
	unsigned long b = first >> src->shift, e = last >> src->shift;
	unsigned long index;
	unsigned int i;
	void *entry;

	if (last_run_move(dst, src, b, e))
		return;
	dirty_set_settle(src);
	if (set_take(dst, src, b, e))
		return;
	runs_copy(dst, src, b, e);
	if (dirty_runs_remove(&src->runs, b, e) == -ENOSPC)
		set_spill(src);
	xa_for_each_range(&src->chunks, index, entry, b >> DIRTY_CHUNK_SHIFT,
			  e >> DIRTY_CHUNK_SHIFT) {
		unsigned int lo, hi;

		dirty_chunk_clip(index, b, e, &lo, &hi);
		cond_resched();
		set_spill(dst);
		if (hi - lo == DIRTY_CHUNK_BITS - 1)
			chunk_move(dst, src, index);
		else
			chunk_split(dst, src, index, entry, lo, hi);
	}
	/* What a range leaves behind lies outside, so it is not met again */
	for (i = src->nr_coarse; i-- > 0;)
		if (src->coarse[i].first <= e && src->coarse[i].last >= b)
			coarse_split(dst, src, i, b, e);
}

/* Mark in @dst what the chunk @entry of another set has. */
static void chunk_copy(struct dirty_set *dst, unsigned long index, void *entry)
{
	struct dirty_chunk *to = xa_load(&dst->chunks, index), *from = entry;

	if (xa_is_value(to))
		return;
	if (!to && !xa_is_value(entry))
		to = chunk_get(dst, index);
	if (to && !xa_is_value(entry))
		bitmap_or(to->words, to->words, from->words, DIRTY_CHUNK_BITS);
	else if (!chunk_store(dst, index, DIRTY_ALL))
		coarse_add(dst, dirty_chunk_first(index), dirty_chunk_last(index));
}

/**
 * dirty_set_copy() - Mark at least what is in a range of one set in another, too
 * @dst: Where to
 * @src: Where from. Same granule as @dst
 * @first: First byte
 * @last: Last byte
 *
 * Like dirty_set_move(), and nothing is taken out of @src.
 */
void dirty_set_copy(struct dirty_set *dst, struct dirty_set *src,
		    unsigned long first, unsigned long last)
{
	unsigned long b = first >> src->shift, e = last >> src->shift;
	unsigned long index;
	unsigned int i;
	void *entry;

	dirty_set_settle(src);
	runs_copy(dst, src, b, e);
	xa_for_each_range(&src->chunks, index, entry, b >> DIRTY_CHUNK_SHIFT,
			  e >> DIRTY_CHUNK_SHIFT) {
		set_spill(dst);
		chunk_copy(dst, index, entry);
	}
	for (i = 0; i < src->nr_coarse; i++) {
		const struct dirty_run *c = &src->coarse[i];

		if (c->first <= e && c->last >= b)
			coarse_add(dst, c->first, c->last);
	}
}
