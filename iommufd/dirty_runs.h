/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dirty_runs: dirty granules as runs in ascending order, in a list of small blocks.
 * A dirty_set keeps them so while they are far from one another or long; where they
 * are dense, bits need less memory, and dirty_runs_add() says so.
 *
 * Between two runs there is at least one granule that is clean, and no block is empty.
 */
#ifndef __IOMMUFD_DIRTY_RUNS_H
#define __IOMMUFD_DIRTY_RUNS_H

#include <linux/types.h>

/*
 * There is a fallback, so the allocation fails before it calls the OOM killer, which an
 * allocation of one page would do otherwise.
 */
#define DIRTY_SET_GFP (GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN)

/* With these a block has 504 bytes */
#define DIRTY_BLOCK_RUNS	30
/* Where a block of runs spans less, bits take no more memory */
#define DIRTY_BLOCK_SPAN	4096
/* More blocks would take too long to look through */
#define DIRTY_RUNS_BLOCKS	1024

/**
 * struct dirty_run - Granules in a row
 * @first: First granule
 * @last: Last granule
 */
struct dirty_run {
	unsigned long first;
	unsigned long last;
};

/**
 * struct dirty_block - Some runs
 * @next: The block with those that follow, or NULL
 * @prev: The block with those before, or NULL
 * @nr: Entries of @run in use, at least one
 * @run: The runs
 */
struct dirty_block {
	struct dirty_block *next;
	struct dirty_block *prev;
	unsigned long nr;
	struct dirty_run run[DIRTY_BLOCK_RUNS];
};

/**
 * struct dirty_runs - Runs in ascending order; all zero is none
 * @head: The first block, or NULL
 * @tail: The last one, or NULL
 * @cur: The block that was looked up last, or NULL
 * @nr_blocks: Allocated blocks
 */
struct dirty_runs {
	struct dirty_block *head;
	struct dirty_block *tail;
	struct dirty_block *cur;
	unsigned long nr_blocks;
};

static inline bool dirty_runs_empty(const struct dirty_runs *runs)
{
	return !runs->head;
}

/* Add granules behind all others, if that needs no memory; false if nothing was done. */
static inline bool dirty_runs_append(struct dirty_runs *runs, unsigned long first,
				     unsigned long last)
{
	struct dirty_block *block = runs->tail;

	if (!block || block->nr == DIRTY_BLOCK_RUNS ||
	    first <= block->run[block->nr - 1].last + 1)
		return false;
	block->run[block->nr++] = (struct dirty_run){ first, last };
	return true;
}

void dirty_runs_destroy(struct dirty_runs *runs);
int dirty_runs_add(struct dirty_runs *runs, unsigned long first,
		   unsigned long last);
int dirty_runs_remove(struct dirty_runs *runs, unsigned long first,
		      unsigned long last);
struct dirty_block *dirty_runs_block(struct dirty_runs *runs,
				     unsigned long first);
struct dirty_run *dirty_runs_next(struct dirty_runs *runs, unsigned long first);
bool dirty_runs_within(const struct dirty_runs *runs, unsigned long first,
		       unsigned long last);

#endif
