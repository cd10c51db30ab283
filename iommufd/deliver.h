/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delivery of dirty pages to user memory.
 */
#ifndef __IOMMUFD_DIRTY_DELIVER_H
#define __IOMMUFD_DIRTY_DELIVER_H

#include <linux/types.h>
#include <uapi/linux/iommufd_dirty.h>

#include "dirty_set.h"

/* The buffer is full: not an error, but the end of this READ */
#define DIRTY_DELIVER_FULL 1

/**
 * struct dirty_read - One READ
 * @flags: enum iommu_dirty_tracker_read_flags
 * @iova: First byte asked for
 * @last: Last byte asked for
 * @shift: log2 of the caller's page size
 * @bitmap: The caller's bitmap, or NULL
 * @ranges: The caller's array of ranges, or NULL
 * @max_ranges: Room in @ranges
 * @nr_ranges: Ranges delivered
 * @range: The last of them, which the next run may continue
 * @dirty: Bytes delivered
 * @next: Where to go on
 * @deadline: When to stop, in jiffies; 0 never. Delivery does not look at it
 */
struct dirty_read {
	u32 flags;
	unsigned long iova;
	unsigned long last;
	unsigned int shift;
	u64 __user *bitmap;
	struct iommu_dirty_range __user *ranges;
	u64 max_ranges;
	u64 nr_ranges;
	struct iommu_dirty_range range;
	u64 dirty;
	unsigned long next;
	unsigned long deadline;
};

static inline bool dirty_read_clears(const struct dirty_read *rd)
{
	return !(rd->flags & IOMMU_DIRTY_TRACKER_READ_NO_CLEAR);
}

int dirty_deliver(struct dirty_read *rd, struct dirty_set *set,
		  unsigned long first, unsigned long last);

#endif
