// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the plan is made of: the domains and attachments of an IOAS or a HWPT, and which
 * sources they could have.
 */
#include <linux/iommu.h>
#include <linux/slab.h>

#include "collect.h"
#include "domain.h"
#include "log.h"
#include "platform/platform.h"
#include "tracker.h"

/**
 * dirty_plan_reserve() - Have room for a plan
 * @tracker: The tracker; plan_lock is held
 * @domains: Domains that are about to be added
 * @devices: Attachments that are about to be added
 *
 * Return: -ENOMEM.
 */
int dirty_plan_reserve(struct iommufd_dirty_tracker *tracker,
		       unsigned int domains, unsigned int devices)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct dirty_plan *plan = &tracker->plan;
	void *more;

	domains += iopt->dirty.nr_domains;
	devices += iopt->dirty.nr_attachments;
	if (domains > tracker->max_domains) {
		more = krealloc_array(plan->domains, domains + 4,
				      sizeof(*plan->domains),
				      GFP_KERNEL_ACCOUNT);
		if (!more)
			return -ENOMEM;
		plan->domains = more;
		tracker->max_domains = domains + 4;
	}
	if (devices > tracker->max_devices) {
		more = krealloc_array(plan->devices, devices + 4,
				      sizeof(*plan->devices),
				      GFP_KERNEL_ACCOUNT);
		if (!more)
			return -ENOMEM;
		plan->devices = more;
		tracker->max_devices = devices + 4;
	}
	return 0;
}

static int count_device(struct device *dev, void *data)
{
	(*(unsigned int *)data)++;
	return 0;
}

/*
 * What shares a group can write to one another's memory, and perhaps with one
 * another's name. So a log speaks only for a device that is alone.
 */
static bool is_alone(struct iommufd_device *idev)
{
	unsigned int devices = 0;

	if (!idev->igroup->group)
		return false;
	iommu_group_for_each_dev(idev->igroup->group, &devices, count_device);
	return devices == 1;
}

static void attachment_learn(struct iommufd_dirty_attachment *at)
{
	at->alone = is_alone(at->idev);
	at->known = true;
}

static int cannot_track(struct device *dev, void *data)
{
	return !iommufd_dirty_platform(dev);
}

/**
 * dirty_device_is_trackable() - Do the dirty bits of its IOMMU see all that a device writes?
 * @idev: The device
 *
 * Hardware attaches a group as a whole: also those write that its user has not attached.
 *
 * Return: false also if that is not known.
 */
bool dirty_device_is_trackable(struct iommufd_device *idev)
{
	struct iommu_group *group = idev->igroup->group;
	s8 trackable = READ_ONCE(idev->dirty.trackable);

	if (!trackable) {
		trackable = group && !iommu_group_for_each_dev(group, NULL, cannot_track) ?
				    1 : -1;
		WRITE_ONCE(idev->dirty.trackable, trackable);
	}
	return trackable > 0;
}

static void plan_device(const struct iommufd_dirty_tracker *tracker,
			const struct iommufd_dirty_attachment *at,
			struct dirty_plan_device *dev)
{
	struct dirty_store *store = tracker ? tracker->store : NULL;
	struct dirty_log *log = dirty_pasid_log(at->owner);

	*dev = (struct dirty_plan_device){
		.domain = at->dd->index,
		.nested = at->nested,
		.policy = READ_ONCE(at->idev->dirty.policy),
	};
	if (!at->alone || (tracker && tracker->bits_only) ||
	    !dirty_log_usable(log, store))
		return;
	if (log->desc.flags & IOMMUFD_DIRTY_SOURCE_IS_SCOPE)
		dev->scoped = !at->nested;
	else
		dev->granule = store && dirty_log_is_bound(log, store) ?
				       log->binding.granule :
				       log->desc.granule;
}

/**
 * dirty_plan_collect() - Fill in what the plan is made of
 * @iopt: The IOAS's table; plan_lock is held
 * @tracker: The tracker; NULL for what would be possible
 * @plan: Its arrays have room for all domains and attachments
 *
 * Of a tracker that plans one domain, that domain with its attachments.
 */
void dirty_plan_collect(struct io_pagetable *iopt,
			const struct iommufd_dirty_tracker *tracker,
			struct dirty_plan *plan)
{
	struct iommufd_dirty_attachment *at;
	struct iommufd_dirty_domain *dd;

	plan->nr_domains = 0;
	plan->nr_devices = 0;
	for_each_planned_domain(dd, iopt, tracker) {
		dd->index = plan->nr_domains++;
		plan->domains[dd->index] = (struct dirty_plan_domain){
			.granule = READ_ONCE(dd->failed) ?
					   0 : dirty_domain_finest(dd, iopt),
		};
	}
	for_each_planned_attachment(at, iopt, tracker) {
		if (at->silent)
			continue;
		if (!at->known)
			attachment_learn(at);
		plan_device(tracker, at, &plan->devices[plan->nr_devices++]);
		if (!dirty_device_is_trackable(at->idev))
			plan->domains[at->dd->index].granule = 0;
	}
}

/**
 * dirty_plan_preview() - What plan would START make?
 * @iopt: The IOAS's table; plan_lock is held
 * @policy: enum iommu_dirty_policy
 * @plan: Out: the plan, in the order of the lists; its arrays are to be freed
 *
 * A log may still refuse when it is started.
 *
 * Return: -ENOMEM.
 */
int dirty_plan_preview(struct io_pagetable *iopt, u32 policy,
		       struct dirty_plan *plan)
{
	size_t domains = list_count_nodes(&iopt->dirty.domains);
	size_t devices = list_count_nodes(&iopt->dirty.attachments);

	plan->policy = policy;
	/* One more, so that none is not an error */
	plan->domains = kzalloc_objs(*plan->domains, domains + 1,
				     GFP_KERNEL_ACCOUNT);
	plan->devices = kzalloc_objs(*plan->devices, devices + 1,
				     GFP_KERNEL_ACCOUNT);
	if (!plan->domains || !plan->devices)
		return -ENOMEM;
	dirty_plan_collect(iopt, NULL, plan);
	dirty_plan_make(plan);
	return 0;
}
