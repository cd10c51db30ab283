// SPDX-License-Identifier: GPL-2.0-only
/*
 * SET with SPLIT: takes the large leaves of all domains of a tracker apart, step by step
 * like a harvest, under devices that use them and beside maps and unmaps. What is mapped
 * from then on has small leaves, too: the domain's pgsize_bitmap is narrowed first. A
 * domain in which that fails half way goes on with the leaves that it has.
 *
 * STOP is the opposite: it gives the domain its sizes back and joins leaves again.
 */
#include <linux/iommu.h>

#include "harvest.h"
#include "split.h"
#include "tracker.h"
#include "walk.h"

static const struct dirty_harvest_range all = {
	.last = ULONG_MAX,
	.own_last = ULONG_MAX,
};

/* Maps that are under way end before the lock is given: later ones are small */
static bool split_begin(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_domain *dd;
	bool any = false;

	down_write(&iopt->domains_rwsem);
	dirty_for_each_domain(dd, iopt, tracker) {
		struct iommu_domain *domain = dd->domain;

		if (dd->small || !dirty_walk_can_split(dd))
			continue;
		down_write(&dd->change);
		if (!dd->wide)
			dd->wide = domain->pgsize_bitmap;
		dd->leaves_left = false;
		WRITE_ONCE(dd->leaves, IOMMUFD_DIRTY_LEAVES_SPLIT);
		domain->pgsize_bitmap = BIT(__ffs(dd->wide));
		up_write(&dd->change);
		any = true;
	}
	up_write(&iopt->domains_rwsem);
	return any;
}

static void split_end(struct iommufd_dirty_tracker *tracker, bool complete)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_domain *dd;

	down_write(&iopt->domains_rwsem);
	dirty_for_each_domain(dd, iopt, tracker) {
		if (dd->leaves != IOMMUFD_DIRTY_LEAVES_SPLIT)
			continue;
		down_write(&dd->change);
		if (complete && !dd->leaves_left) {
			WRITE_ONCE(dd->small, true);
			WRITE_ONCE(dd->largest, 0);
		} else {
			dd->domain->pgsize_bitmap = dd->wide;
		}
		WRITE_ONCE(dd->leaves, IOMMUFD_DIRTY_LEAVES_STAY);
		up_write(&dd->change);
	}
	up_write(&iopt->domains_rwsem);
}

/**
 * dirty_split() - Take large leaves apart where that can be done in place
 * @tracker: The tracker; runs is held for write
 *
 * Best effort: domains that have small leaves are marked so.
 */
void dirty_split(struct iommufd_dirty_tracker *tracker)
{
	struct dirty_set set;
	int rc;

	if (!split_begin(tracker))
		return;
	dirty_set_init(&set, READ_ONCE(tracker->store->shift));
	rc = dirty_harvest(tracker, &all, DIRTY_HARVEST_SPLIT, &set);
	dirty_store_publish(tracker->store, &set);
	split_end(tracker, !rc);
}

/* ---- Joined again ---- */

static bool was_split(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_domain *dd;
	bool any = false;

	down_read(&iopt->domains_rwsem);
	dirty_for_each_domain(dd, iopt, tracker)
		any |= dd->wide;
	up_read(&iopt->domains_rwsem);
	return any;
}

/* What is mapped from now on may have large leaves */
static void join_begin(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_domain *dd;

	down_write(&iopt->domains_rwsem);
	dirty_for_each_domain(dd, iopt, tracker) {
		if (!dd->wide)
			continue;
		down_write(&dd->change);
		WRITE_ONCE(dd->small, false);
		dd->leaves_left = false;
		WRITE_ONCE(dd->leaves, IOMMUFD_DIRTY_LEAVES_JOIN);
		dd->domain->pgsize_bitmap = dd->wide;
		up_write(&dd->change);
	}
	up_write(&iopt->domains_rwsem);
}

static void join_end(struct iommufd_dirty_tracker *tracker, bool complete)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_domain *dd;

	down_write(&iopt->domains_rwsem);
	dirty_for_each_domain(dd, iopt, tracker) {
		if (dd->leaves != IOMMUFD_DIRTY_LEAVES_JOIN)
			continue;
		down_write(&dd->change);
		if (complete && !dd->leaves_left)
			dd->wide = 0;
		WRITE_ONCE(dd->leaves, IOMMUFD_DIRTY_LEAVES_STAY);
		up_write(&dd->change);
	}
	up_write(&iopt->domains_rwsem);
}

/**
 * dirty_join() - Undo dirty_split() where the memory of leaves is contiguous
 * @tracker: The tracker; runs is held for write, and it does not run
 *
 * Leaves are joined where a table is full of them, within what was mapped by one call. Ends
 * early when the caller is killed: the next STOP joins the rest.
 */
void dirty_join(struct iommufd_dirty_tracker *tracker)
{
	int rc;

	if (!DIRTY_WALKERS_BUILT || !was_split(tracker))
		return;
	join_begin(tracker);
	rc = dirty_harvest(tracker, &all, DIRTY_HARVEST_JOIN, NULL);
	join_end(tracker, !rc);
}
