/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SPLIT: what the making of a twin (twin.c) and the exchange (split.c) share.
 */
#ifndef __IOMMUFD_DIRTY_SPLIT_H
#define __IOMMUFD_DIRTY_SPLIT_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "dirty_set.h"

struct iommu_domain;
struct iommufd_dirty_domain;

/**
 * struct dirty_split - A domain is about to be exchanged, or was just now
 * @twin: The other domain: the new one, and after the exchange the old one
 * @fine: The new one has the smallest leaves, the old one may have larger
 * @adopted: iommufd keeps the two in step
 * @limit: What may be left to copy when it begins to, in bytes
 * @lock: Protects @changed
 * @changed: IOVA for which the twin has to be filled, perhaps once more
 * @filled: IOVA for which the twin may have leaves
 *
 * Made, changed and freed by whoever holds a reference to the HWPT besides the
 * tracker's read_mutex, or destroys the HWPT. @lock comes after pages->mutex.
 */
struct dirty_split {
	struct iommu_domain *twin;
	bool fine;
	bool adopted;
	unsigned long limit;
	struct mutex lock;
	struct dirty_set changed;
	struct dirty_set filled;
};

int iommufd_dirty_twin_make(struct iommufd_dirty_domain *dd, bool fine);

#endif
