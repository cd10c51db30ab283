/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the plan is made of.
 */
#ifndef __IOMMUFD_DIRTY_COLLECT_H
#define __IOMMUFD_DIRTY_COLLECT_H

#include "tracker.h"

/* Is the plan about this domain? With @tracker NULL it is about all. */
static inline bool dirty_is_planned(const struct iommufd_dirty_tracker *tracker,
				    const struct iommufd_dirty_domain *dd)
{
	return !tracker || !tracker->planned || tracker->planned == dd;
}

static inline struct iommufd_dirty_domain *
dirty_next_planned_domain(struct io_pagetable *iopt,
			  const struct iommufd_dirty_tracker *tracker,
			  struct iommufd_dirty_domain *dd)
{
	if (!tracker || !tracker->planned)
		return dirty_next_domain(iopt, tracker, dd);
	return !dd && tracker->planned->listed ? tracker->planned : NULL;
}

static inline struct iommufd_dirty_attachment *
dirty_next_planned_attachment(struct io_pagetable *iopt,
			      const struct iommufd_dirty_tracker *tracker,
			      struct iommufd_dirty_attachment *at)
{
	do
		at = dirty_next_attachment(iopt, tracker, at);
	while (at && !dirty_is_planned(tracker, at->dd));
	return at;
}

#define for_each_planned_domain(dd, iopt, tracker)			\
	for (dd = dirty_next_planned_domain(iopt, tracker, NULL); dd;	\
	     dd = dirty_next_planned_domain(iopt, tracker, dd))

#define for_each_planned_attachment(at, iopt, tracker)			\
	for (at = dirty_next_planned_attachment(iopt, tracker, NULL); at; \
	     at = dirty_next_planned_attachment(iopt, tracker, at))

int dirty_plan_reserve(struct iommufd_dirty_tracker *tracker,
		       unsigned int domains, unsigned int devices);
bool dirty_device_is_trackable(struct iommufd_device *idev);
void dirty_plan_collect(struct io_pagetable *iopt,
			const struct iommufd_dirty_tracker *tracker,
			struct dirty_plan *plan);
int dirty_plan_preview(struct io_pagetable *iopt, u32 policy,
		       struct dirty_plan *plan);

#endif
