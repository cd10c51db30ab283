/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the plan is made of.
 */
#ifndef __IOMMUFD_DIRTY_COLLECT_H
#define __IOMMUFD_DIRTY_COLLECT_H

#include <linux/types.h>

struct dirty_plan;
struct io_pagetable;
struct iommufd_device;
struct iommufd_dirty_tracker;

int dirty_plan_reserve(struct iommufd_dirty_tracker *tracker,
		       unsigned int domains, unsigned int devices);
bool dirty_device_is_trackable(struct iommufd_device *idev);
void dirty_plan_collect(struct io_pagetable *iopt,
			const struct iommufd_dirty_tracker *tracker,
			struct dirty_plan *plan);
int dirty_plan_preview(struct io_pagetable *iopt, u32 policy,
		       struct dirty_plan *plan);

#endif
