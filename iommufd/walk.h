/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables that the tracker walks by itself.
 */
#ifndef __IOMMUFD_DIRTY_WALK_H
#define __IOMMUFD_DIRTY_WALK_H

struct iommu_dirty_bitmap;
struct iommufd_dirty_domain;

void dirty_walk_choose(struct iommufd_dirty_domain *dd, unsigned long first,
		       unsigned long last);
int dirty_walk_read(struct iommufd_dirty_domain *dd, unsigned long first,
		    unsigned long last, unsigned long flags,
		    struct iommu_dirty_bitmap *dirty);
bool dirty_walk_can_split(const struct iommufd_dirty_domain *dd);
int dirty_walk_split(struct iommufd_dirty_domain *dd, unsigned long first,
		     unsigned long last, struct iommu_dirty_bitmap *dirty);

#endif
