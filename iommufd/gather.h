/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Leaves: where they end, and which of them are dirty.
 */
#ifndef __IOMMUFD_DIRTY_GATHER_H
#define __IOMMUFD_DIRTY_GATHER_H

#include <linux/iommu.h>

struct harvest;

void dirty_leaf_block(const struct harvest *h, unsigned long first,
		      unsigned long last, unsigned long iova,
		      unsigned long *start, unsigned long *end);
int dirty_leaf_read(struct harvest *h, unsigned long first, unsigned long last,
		    bool clear, struct iommu_iotlb_gather *gather);
unsigned long dirty_leaf_end(const struct harvest *h, unsigned long first,
			     unsigned long limit, unsigned long size);
int dirty_gather_learn(struct harvest *h, unsigned long *first, unsigned long last,
		       bool *done);
int dirty_gather_read(struct harvest *h, unsigned long first, unsigned long last);

static inline bool dirty_gather_is_empty(const struct iommu_iotlb_gather *gather)
{
	return gather->start > gather->end;
}

#endif
