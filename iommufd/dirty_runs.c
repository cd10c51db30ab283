// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs of dirty granules in ascending order; see dirty_runs.h. They mostly come in that
 * order, so that the next one goes to the end of the last block.
 */
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "dirty_runs.h"
#include "test.h"

static unsigned long block_first(const struct dirty_block *block)
{
	return block->run[0].first;
}

static unsigned long block_last(const struct dirty_block *block)
{
	return block->run[block->nr - 1].last;
}

/* Would bits take no more memory than this full block? */
static bool block_is_dense(const struct dirty_block *block)
{
	return block_last(block) - block_first(block) < DIRTY_BLOCK_SPAN;
}

/**
 * dirty_runs_destroy() - Forget all runs
 * @runs: The runs
 */
void dirty_runs_destroy(struct dirty_runs *runs)
{
	struct dirty_block *block, *next;

	for (block = runs->head; block; block = next) {
		next = block->next;
		kfree(block);
	}
	*runs = (struct dirty_runs){};
}

/*
 * Another block, still without a run, behind the full block @prev, which is NULL for
 * the first one. Return: 0, -ENOMEM, or -ENOSPC if bits are better.
 */
static int block_add(struct dirty_runs *runs, struct dirty_block *prev,
		     struct dirty_block **new)
{
	struct dirty_block *block;

	if (runs->nr_blocks == DIRTY_RUNS_BLOCKS || (prev && block_is_dense(prev)))
		return -ENOSPC;
	block = dirty_test_fail_alloc() ? NULL :
					  kmalloc_obj(*block, DIRTY_SET_GFP);
	if (!block)
		return -ENOMEM;
	block->nr = 0;
	block->prev = prev;
	block->next = prev ? prev->next : NULL;
	*(prev ? &prev->next : &runs->head) = block;
	*(block->next ? &block->next->prev : &runs->tail) = block;
	runs->nr_blocks++;
	*new = block;
	return 0;
}

/* Take @n runs out of a block, beginning with the one at @i. */
static void block_drop(struct dirty_runs *runs, struct dirty_block *block,
		       unsigned int i, unsigned int n)
{
	block->nr -= n;
	if (block->nr) {
		memmove(&block->run[i], &block->run[i + n],
			(block->nr - i) * sizeof(block->run[0]));
		return;
	}
	*(block->prev ? &block->prev->next : &runs->head) = block->next;
	*(block->next ? &block->next->prev : &runs->tail) = block->prev;
	if (runs->cur == block)
		runs->cur = NULL;
	runs->nr_blocks--;
	kfree(block);
}

/* The first run of a block that ends at or after @at; there is one. */
static unsigned int block_find(const struct dirty_block *block, unsigned long at)
{
	unsigned int i = 0;

	while (block->run[i].last < at)
		i++;
	return i;
}

/**
 * dirty_runs_block() - Find the first block with a run that ends at or after a granule
 * @runs: The runs
 * @first: The granule
 *
 * Return: The block, or NULL.
 */
struct dirty_block *dirty_runs_block(struct dirty_runs *runs, unsigned long first)
{
	struct dirty_block *block = runs->cur;

	if (!runs->tail || block_last(runs->tail) < first)
		return NULL;
	if (!block || block_first(block) > first)
		block = runs->head;
	while (block_last(block) < first)
		block = block->next;
	runs->cur = block;
	return block;
}

/**
 * dirty_runs_next() - Find the first run that ends at or after a granule
 * @runs: The runs
 * @first: The granule
 *
 * Return: The run, or NULL.
 */
struct dirty_run *dirty_runs_next(struct dirty_runs *runs, unsigned long first)
{
	struct dirty_block *block = dirty_runs_block(runs, first);

	return block ? &block->run[block_find(block, first)] : NULL;
}

/**
 * dirty_runs_within() - Are all runs inside a range?
 * @runs: The runs, at least one
 * @first: First granule of the range
 * @last: Last granule of it
 *
 * Return: true if so.
 */
bool dirty_runs_within(const struct dirty_runs *runs, unsigned long first,
		       unsigned long last)
{
	return block_first(runs->head) >= first && block_last(runs->tail) <= last;
}

/* The run at @i has become longer: it takes in those that it touches now. */
static void run_join(struct dirty_runs *runs, struct dirty_block *block,
		     unsigned int i)
{
	struct dirty_run *run = &block->run[i++];

	while (block) {
		struct dirty_block *next = block->next;
		unsigned int n = 0;

		while (i + n < block->nr &&
		       block->run[i + n].first <= run->last + 1) {
			run->last = max(run->last, block->run[i + n].last);
			n++;
		}
		if (i + n < block->nr)
			next = NULL;
		if (n)
			block_drop(runs, block, i, n);
		block = next;
		i = 0;
	}
}

/* Put a run that touches none before the one at @i of a block. */
static int run_insert(struct dirty_runs *runs, struct dirty_block *block,
		      unsigned int i, struct dirty_run run)
{
	struct dirty_block *half;
	int rc;

	if (block->nr == DIRTY_BLOCK_RUNS) {
		rc = block_add(runs, block, &half);
		if (rc)
			return rc;
		half->nr = DIRTY_BLOCK_RUNS / 2;
		block->nr -= half->nr;
		memcpy(half->run, &block->run[block->nr],
		       half->nr * sizeof(half->run[0]));
		if (i > block->nr) {
			i -= block->nr;
			block = half;
		}
	}
	memmove(&block->run[i + 1], &block->run[i],
		(block->nr - i) * sizeof(block->run[0]));
	block->run[i] = run;
	block->nr++;
	return 0;
}

/* Add a run that begins below the last one. */
static int run_add_below(struct dirty_runs *runs, unsigned long first,
			 unsigned long last)
{
	unsigned long before = first ? first - 1 : 0;
	struct dirty_block *block = dirty_runs_block(runs, before);
	unsigned int i = block_find(block, before);
	struct dirty_run *run = &block->run[i];

	if (run->first > last + 1)
		return run_insert(runs, block, i, (struct dirty_run){ first, last });
	run->first = min(run->first, first);
	if (last > run->last) {
		run->last = last;
		run_join(runs, block, i);
	}
	return 0;
}

/**
 * dirty_runs_add() - Add granules
 * @runs: The runs
 * @first: First granule
 * @last: Last granule
 *
 * Return: 0; -ENOMEM; or -ENOSPC when bits would take less memory or be found in
 * less time. Nothing has changed after an error.
 */
int dirty_runs_add(struct dirty_runs *runs, unsigned long first,
		   unsigned long last)
{
	struct dirty_block *block = runs->tail;
	struct dirty_run *end;
	int rc;

	if (dirty_runs_append(runs, first, last))
		return 0;
	if (block) {
		end = &block->run[block->nr - 1];
		if (first < end->first)
			return run_add_below(runs, first, last);
		if (first <= end->last + 1) {
			end->last = max(end->last, last);
			return 0;
		}
	}
	rc = block_add(runs, block, &block);
	if (!rc)
		block->run[block->nr++] = (struct dirty_run){ first, last };
	return rc;
}

/**
 * dirty_runs_remove() - Remove granules
 * @runs: The runs
 * @first: First granule
 * @last: Last granule
 *
 * Return: as dirty_runs_add(), since a run that is cut becomes two.
 */
int dirty_runs_remove(struct dirty_runs *runs, unsigned long first,
		      unsigned long last)
{
	struct dirty_block *block = dirty_runs_block(runs, first), *next;

	for (; block && block_first(block) <= last; block = next) {
		unsigned int i = block_find(block, first), n = 0;
		struct dirty_run *run = &block->run[i];

		next = block->next;
		if (run->first < first && run->last > last) {
			unsigned long end = run->last;
			int rc;

			run->last = first - 1;
			rc = dirty_runs_add(runs, last + 1, end);
			if (rc)
				run->last = end;
			return rc;
		}
		if (run->first < first) {
			run->last = first - 1;
			i++;
		}
		if (block_last(block) <= last)
			n = block->nr - i;
		while (i + n < block->nr && block->run[i + n].last <= last)
			n++;
		if (i + n < block->nr && block->run[i + n].first <= last)
			block->run[i + n].first = last + 1;
		if (n)
			block_drop(runs, block, i, n);
	}
	return 0;
}
