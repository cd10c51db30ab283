/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables that the tracker walks by itself.
 */
#ifndef __IOMMUFD_DIRTY_WALK_H
#define __IOMMUFD_DIRTY_WALK_H

#include "hooks.h"
#include "platform/platform.h"

struct iommu_dirty_bitmap;
struct iommu_iotlb_gather;

void dirty_walk_choose(struct iommufd_dirty_domain *dd, unsigned long first,
		       unsigned long last);
int dirty_walk_read(struct iommufd_dirty_domain *dd, unsigned long first,
		    unsigned long last, unsigned long flags,
		    struct iommu_dirty_bitmap *dirty);
bool dirty_walk_can_split(const struct iommufd_dirty_domain *dd);
int dirty_walk_split(struct iommufd_dirty_domain *dd, unsigned long first,
		     unsigned long last, struct iommu_dirty_bitmap *dirty);
int dirty_walk_join(struct iommufd_dirty_domain *dd, unsigned long first,
		    unsigned long last, struct iommu_iotlb_gather *gather);

/* The kernel has tables that we can walk; where it has none, nothing is asked at run time */
#define DIRTY_WALKERS_BUILT (IS_ENABLED(CONFIG_IOMMU_PT_AMDV1) ||	\
			     IS_ENABLED(CONFIG_IOMMU_PT_VTDSS))

/* Does a walker read the domain? */
static inline bool dirty_walk_is_ours(const struct iommufd_dirty_domain *dd)
{
	return DIRTY_WALKERS_BUILT &&
	       READ_ONCE(dd->record) == IOMMUFD_DIRTY_RECORD_WALKER;
}

#endif
