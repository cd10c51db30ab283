/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dirty_ranges: a few disjoint IOVA ranges in fixed memory. It holds what is
 * "still to do" (a domain that is being drained) or "dirty as a whole" (a mark):
 * facts that begin as the whole address space and shrink as READs pass.
 *
 * A pure container: takes no lock, allocates nothing, calls nothing. When it is
 * full it errs upward: a range is added by joining the nearest one, and a hole
 * that does not fit is not cut.
 */
#ifndef __IOMMUFD_DIRTY_RANGES_H
#define __IOMMUFD_DIRTY_RANGES_H

#include <linux/types.h>

#define DIRTY_RANGES_MAX 8

/**
 * struct dirty_ranges - A few disjoint ranges
 * @nr: Entries of @first and @last in use, in ascending order
 * @first: First byte (IOVA)
 * @last: Last byte
 */
struct dirty_ranges {
	unsigned int nr;
	unsigned long first[DIRTY_RANGES_MAX];
	unsigned long last[DIRTY_RANGES_MAX];
};

static inline bool dirty_ranges_empty(const struct dirty_ranges *ranges)
{
	return !ranges->nr;
}

static inline void dirty_ranges_clear(struct dirty_ranges *ranges)
{
	ranges->nr = 0;
}

void dirty_ranges_add(struct dirty_ranges *ranges, unsigned long first,
		      unsigned long last);
void dirty_ranges_remove(struct dirty_ranges *ranges, unsigned long first,
			 unsigned long last);
bool dirty_ranges_next(const struct dirty_ranges *ranges, unsigned long first,
		       unsigned long last, unsigned long *next_first,
		       unsigned long *next_last);

#endif
