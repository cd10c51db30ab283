/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the plan is made of.
 */
#ifndef __IOMMUFD_DIRTY_COLLECT_H
#define __IOMMUFD_DIRTY_COLLECT_H

#include "tracker.h"

/* The one domain that a plan is about; NULL: all that the tracker covers */
static inline struct iommufd_dirty_domain *
dirty_planned_only(const struct iommufd_dirty_tracker *tracker)
{
	return tracker && tracker->planned ? tracker->planned :
					     dirty_tracker_only(tracker);
}

#define for_each_planned_domain(dd, iopt, tracker)			\
	dirty_for_each_domain_of(dd, iopt, dirty_planned_only(tracker))

#define for_each_planned_attachment(at, iopt, tracker)			\
	dirty_for_each_attachment_to(at, iopt, dirty_planned_only(tracker))

int dirty_plan_reserve(struct iommufd_dirty_tracker *tracker,
		       unsigned int domains, unsigned int devices);
bool dirty_device_is_trackable(struct iommufd_device *idev);
void dirty_plan_collect(struct io_pagetable *iopt,
			const struct iommufd_dirty_tracker *tracker,
			struct dirty_plan *plan);
int dirty_plan_preview(struct io_pagetable *iopt, u32 policy,
		       struct dirty_plan *plan);

#endif
