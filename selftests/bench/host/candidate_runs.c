// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs: a list of ranges in ascending order, in blocks of 256 bytes to 4 KiB, and
 * nothing else. What is added continues where the last range ended, as in the
 * tracker's set.
 */
#include <stdlib.h>

#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/types.h>

#include "candidate.h"

#define BITS_PER_WORD	64ul
#define MIN_BLOCK	256ul
#define MAX_BLOCK	4096ul

const char *const candidate_name = "runs";

struct run {
	unsigned long first;
	unsigned long last;
};

static struct block {
	struct block *next;
	unsigned long nr;
	struct run run[];
} *head, *tail;

static unsigned long run_first, run_last, size, held;

void candidate_init(void)
{
	run_first = ULONG_MAX;
}

static void settle(void)
{
	if (run_first == ULONG_MAX)
		return;
	if (!tail || tail->nr == (size - sizeof(*tail)) / sizeof(struct run)) {
		struct block *block;

		size = tail ? min(2 * size, MAX_BLOCK) : MIN_BLOCK;
		block = kmalloc(size, 0);
		if (!block)
			abort();
		block->next = NULL;
		block->nr = 0;
		if (tail)
			tail->next = block;
		else
			head = block;
		tail = block;
		held += size;
	}
	tail->run[tail->nr++] = (struct run){ run_first, run_last };
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
	return held;
}

static void deliver_run(unsigned long *bitmap, unsigned long first,
			unsigned long last)
{
	unsigned long word = first / BITS_PER_WORD, end = last / BITS_PER_WORD;
	unsigned long head_mask = ~0ul << first % BITS_PER_WORD;
	unsigned long tail_mask = ~0ul >> (BITS_PER_WORD - 1 - last % BITS_PER_WORD);

	if (word == end) {
		bitmap[word] |= head_mask & tail_mask;
		return;
	}
	bitmap[word++] |= head_mask;
	while (word < end)
		bitmap[word++] = ~0ul;
	bitmap[word] |= tail_mask;
}

void candidate_deliver(unsigned long *bitmap, unsigned long pages)
{
	unsigned long i;

	(void)pages;
	settle();
	while (head) {
		struct block *next = head->next;

		for (i = 0; i < head->nr; i++)
			deliver_run(bitmap, head->run[i].first, head->run[i].last);
		kfree(head);
		head = next;
	}
	tail = NULL;
	held = 0;
}
