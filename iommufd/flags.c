// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flags of a tracker: what a user has to know about the answers of READ, UNMAP, SET
 * and INFO.
 */
#include <linux/iommu.h>

#include "domain.h"
#include "event.h"
#include "log.h"
#include "tracker.h"

/* Is something mapped writable in [first, last]? */
static bool mapped_writable(struct io_pagetable *iopt, unsigned long first,
			    unsigned long last)
{
	struct iopt_area *area;

	for (area = iopt_area_iter_first(iopt, first, last); area;
	     area = iopt_area_iter_next(area, first, last)) {
		if (area->iommu_prot & IOMMU_WRITE)
			return true;
		cond_resched();
	}
	return false;
}

/*
 * Is something mapped that the logs of the domain's devices do not cover? With
 * @locked, iova_rwsem is held.
 */
static bool domain_is_uncovered(struct io_pagetable *iopt,
				const struct iommufd_dirty_domain *dd,
				bool locked)
{
	bool uncovered = false;

	if (!dirty_domain_partial(dd))
		return false;
	if (!locked)
		down_read(&iopt->iova_rwsem);
	if (dd->first)
		uncovered = mapped_writable(iopt, 0, dd->first - 1);
	if (!uncovered && dd->last != ULONG_MAX)
		uncovered = mapped_writable(iopt, dd->last + 1, ULONG_MAX);
	if (!locked)
		up_read(&iopt->iova_rwsem);
	return uncovered;
}

/* Is a log lost that is used, or would be, for a device of the domain? */
static bool domain_lost_log(struct io_pagetable *iopt,
			    const struct iommufd_dirty_domain *dd)
{
	struct iommufd_dirty_attachment *at;

	list_for_each_entry(at, &iopt->dirty.attachments, item) {
		const struct dirty_log *log = dirty_pasid_log(at->owner);

		if (at->dd == dd && log && READ_ONCE(log->failed) &&
		    READ_ONCE(at->kind) != IOMMU_DIRTY_SOURCE_IOMMU)
			return true;
	}
	return false;
}

/* A domain is reported because it is mapped: did something fail, or is it so? */
static u32 domain_out_flags(struct io_pagetable *iopt,
			    const struct iommufd_dirty_domain *dd, bool locked)
{
	u8 kind = READ_ONCE(dd->kind);

	if ((kind == IOMMU_DIRTY_SOURCE_MAPPED && READ_ONCE(dd->failed)) ||
	    (kind != IOMMU_DIRTY_SOURCE_NONE && domain_lost_log(iopt, dd)))
		return IOMMU_DIRTY_TRACKER_DEGRADED;
	if (kind == IOMMU_DIRTY_SOURCE_MAPPED ||
	    domain_is_uncovered(iopt, dd, locked))
		return IOMMU_DIRTY_TRACKER_CONSERVATIVE;
	return 0;
}

/* domains_rwsem is held, and with @locked iova_rwsem. */
static u32 tracker_out_flags(struct iommufd_dirty_tracker *tracker, bool locked)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_attachment *at;
	struct iommufd_dirty_domain *dd;
	u32 flags = 0;

	/* There is no next answer; and only for one that runs are attachments locked */
	if (!READ_ONCE(tracker->running))
		return 0;
	dirty_for_each_domain(dd, iopt, tracker) {
		flags |= domain_out_flags(iopt, dd, locked);
		if (READ_ONCE(dd->largest) > tracker->unit)
			flags |= IOMMU_DIRTY_TRACKER_COARSE;
	}
	dirty_for_each_attachment(at, iopt, tracker) {
		const struct dirty_log *log = dirty_pasid_log(at->owner);

		if (log && READ_ONCE(at->kind) == IOMMU_DIRTY_SOURCE_DEVICE &&
		    READ_ONCE(log->binding.granule) > tracker->unit)
			flags |= IOMMU_DIRTY_TRACKER_COARSE;
	}
	return flags;
}

/**
 * dirty_tracker_out_flags() - What a user has to know about the next answer
 * @tracker: The tracker
 *
 * Return: enum iommu_dirty_tracker_out_flags.
 */
u32 dirty_tracker_out_flags(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	u32 flags;

	down_read(&iopt->domains_rwsem);
	flags = tracker_out_flags(tracker, false);
	up_read(&iopt->domains_rwsem);
	dirty_event_flags(tracker, flags);
	return flags;
}

/**
 * dirty_tracker_peek_flags() - dirty_tracker_out_flags() that waits for no lock
 * @tracker: The tracker
 * @flags: Out: enum iommu_dirty_tracker_out_flags
 *
 * Return: false when a lock is taken.
 */
bool dirty_tracker_peek_flags(struct iommufd_dirty_tracker *tracker, u32 *flags)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	bool locked = false;

	if (!down_read_trylock(&iopt->domains_rwsem))
		return false;
	locked = down_read_trylock(&iopt->iova_rwsem);
	if (locked) {
		*flags = tracker_out_flags(tracker, true);
		up_read(&iopt->iova_rwsem);
	}
	up_read(&iopt->domains_rwsem);
	return locked;
}
