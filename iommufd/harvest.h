/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Harvest of domains.
 */
#ifndef __IOMMUFD_DIRTY_HARVEST_H
#define __IOMMUFD_DIRTY_HARVEST_H

#include "hooks.h"

struct dirty_set;
struct dirty_store;
struct iommufd_dirty_tracker;

/**
 * enum dirty_harvest_flags - How to harvest
 * @DIRTY_HARVEST_PEEK: Leave the hardware's bits as they are
 * @DIRTY_HARVEST_DISCARD: Clear and forget
 * @DIRTY_HARVEST_LAST: No READ waits for it: publish each step, do not stop when
 *	killed, mark the rest dirty when the budget is used up
 * @DIRTY_HARVEST_SPLIT: Of domains that are being split: take large leaves apart, and
 *	leave dirty bits where they are
 * @DIRTY_HARVEST_JOIN: Of domains that are being joined: make large leaves again. No
 *	dirty bits are in use
 * @DIRTY_HARVEST_LEAVES: One of the two
 */
enum dirty_harvest_flags {
	DIRTY_HARVEST_PEEK = 1 << 0,
	DIRTY_HARVEST_DISCARD = 1 << 1,
	DIRTY_HARVEST_LAST = 1 << 2,
	DIRTY_HARVEST_SPLIT = 1 << 3,
	DIRTY_HARVEST_JOIN = 1 << 4,
	DIRTY_HARVEST_LEAVES = DIRTY_HARVEST_SPLIT | DIRTY_HARVEST_JOIN,
};

/**
 * struct dirty_harvest_range - What to harvest, for whom
 * @first: First byte
 * @last: Last byte
 * @own_first: First byte that the caller will deliver; what it harvests outside
 *	of these two is pending at once
 * @own_last: Last byte
 * @deadline: When to give up waiting for an unmap, in jiffies; 0 never
 */
struct dirty_harvest_range {
	unsigned long first;
	unsigned long last;
	unsigned long own_first;
	unsigned long own_last;
	unsigned long deadline;
};

int dirty_harvest(struct iommufd_dirty_tracker *tracker,
		  const struct dirty_harvest_range *range, unsigned int flags,
		  struct dirty_set *set);
void dirty_harvest_clear(struct io_pagetable *iopt,
			 struct iommufd_dirty_domain *dd);
void dirty_harvest_last(struct io_pagetable *iopt,
			struct iommufd_dirty_domain *dd);
void dirty_harvest_unmap(struct iommufd_dirty_tracker *tracker,
			 const struct iommufd_dirty_unmap *unmap);
void dirty_harvest_mapped(struct iommufd_dirty_tracker *tracker,
			  unsigned long first, unsigned long last,
			  struct dirty_set *set);
void dirty_harvest_flush_late(struct io_pagetable *iopt);

#endif
