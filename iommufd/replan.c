// SPDX-License-Identifier: GPL-2.0-only
/*
 * Carries out the plan: collects what plan.c decides upon, starts what it wants
 * and stops what it does not want any more. Everything is done by one function,
 * iommufd_dirty_replan(), whatever has changed, in an order in which no write
 * goes unseen:
 *
 *  1. what is new is started; what cannot be started has failed, and the plan is
 *     made without it;
 *  2. the kinds that end give their dirt while they are still in force, so that
 *     an unmap in between goes on doing the same: dirty bits are harvested, and
 *     *mapped* takes all that is mapped for dirty a last time;
 *  3. the new kinds are put in force;
 *  4. what is left over is stopped. A log is harvested after that, since it
 *     does not change when memory is unmapped.
 *
 * So in between things are covered twice, and pages may be reported twice.
 */
#include <linux/iommu.h>
#include <linux/slab.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "plan.h"
#include "source.h"
#include "test.h"
#include "tracker.h"

static bool kind_has_source(u8 kind)
{
	return kind == IOMMU_DIRTY_SOURCE_DEVICE ||
	       kind == IOMMU_DIRTY_SOURCE_SCOPE;
}

static unsigned long domain_last(const struct iommufd_dirty_domain *dd)
{
	return dd->domain->geometry.aperture_end;
}

/* ---- Collect ---- */

/* How large leaves are that may be large is not known; larger than the smallest. */
static unsigned long domain_granule(const struct io_pagetable *iopt,
				    const struct iommufd_dirty_domain *dd)
{
	unsigned long granule = iommufd_dirty_domain_granule(dd);
	unsigned long larger;

	if (!granule || iommufd_dirty_domain_is_fine(iopt, dd))
		return granule;
	larger = dd->domain->pgsize_bitmap & ~granule;
	return larger ? 1UL << __ffs(larger) : granule;
}

static void plan_device(struct iommufd_dirty_tracker *tracker,
			const struct iommufd_dirty_seat *seat,
			struct dirty_plan_device *dev)
{
	struct iommufd_dirty_source *src = seat->idev->dirty.source;

	*dev = (struct dirty_plan_device){
		.domain = seat->dd->index,
		.nested = seat->nested,
	};
	if (!seat->alone || !iommufd_dirty_source_usable(tracker, src))
		return;
	if (src->desc.flags & IOMMUFD_DIRTY_SOURCE_IS_SCOPE)
		dev->scoped = !seat->nested;
	else
		dev->granule = src->started ? src->granule : src->desc.granule;
}

static void plan_free(struct dirty_plan *plan)
{
	kfree(plan->domains);
	kfree(plan->devices);
}

static int plan_collect(struct iommufd_dirty_tracker *tracker,
			struct dirty_plan *plan)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_domain *dd;
	struct iommufd_dirty_seat *seat;
	unsigned int i = 0;

	*plan = (struct dirty_plan){
		.policy = tracker->policy,
		.nr_domains = list_count_nodes(&iopt->dirty.domains),
		.nr_devices = list_count_nodes(&iopt->dirty.seats),
	};
	/* One more, so that none is not an error */
	plan->domains = kcalloc(plan->nr_domains + 1, sizeof(*plan->domains),
				GFP_KERNEL_ACCOUNT);
	plan->devices = kcalloc(plan->nr_devices + 1, sizeof(*plan->devices),
				GFP_KERNEL_ACCOUNT);
	if (!plan->domains || !plan->devices) {
		plan_free(plan);
		return -ENOMEM;
	}
	list_for_each_entry(dd, &iopt->dirty.domains, item) {
		if (!dd->failed)
			plan->domains[i].granule = domain_granule(iopt, dd);
		dd->index = i++;
	}
	i = 0;
	list_for_each_entry(seat, &iopt->dirty.seats, item)
		plan_device(tracker, seat, &plan->devices[i++]);
	return 0;
}

/* ---- Start what is new ---- */

/* -EAGAIN: something failed, and the plan has to be made without it. */
static int plan_start(struct iommufd_dirty_tracker *tracker,
		      const struct dirty_plan *plan)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_domain *dd;
	struct iommufd_dirty_seat *seat;
	unsigned int i = 0;

	list_for_each_entry(seat, &iopt->dirty.seats, item) {
		struct iommufd_dirty_source *src = seat->idev->dirty.source;

		if (!kind_has_source(plan->devices[i++].kind) || src->started)
			continue;
		if (iommufd_dirty_source_start(tracker, src,
					       domain_last(seat->dd)))
			return -EAGAIN;
	}
	list_for_each_entry(dd, &iopt->dirty.domains, item) {
		if (plan->domains[dd->index].kind != IOMMU_DIRTY_SOURCE_IOMMU ||
		    dd->tracking)
			continue;
		if (iommufd_dirty_domain_enable(dd))
			return -EAGAIN;
	}
	return 0;
}

/* Make a plan of which everything runs. */
static int plan_make(struct iommufd_dirty_tracker *tracker,
		     struct dirty_plan *plan)
{
	int rc;

	do {
		rc = plan_collect(tracker, plan);
		if (rc)
			return rc;
		dirty_plan_make(plan);
		rc = plan_start(tracker, plan);
		if (rc)
			plan_free(plan);
	} while (rc == -EAGAIN);
	return rc;
}

/* Is nothing, and no part of it, to be taken for dirty because it is mapped? */
static bool plan_is_precise(struct iommufd_dirty_tracker *tracker,
			    const struct dirty_plan *plan)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_seat *seat;
	unsigned long first, last;
	unsigned int i = 0;

	if (plan->conservative)
		return false;
	if (!iommufd_dirty_mapped_span(iopt, &first, &last))
		return true;
	list_for_each_entry(seat, &iopt->dirty.seats, item) {
		struct iommufd_dirty_source *src = seat->idev->dirty.source;

		if (kind_has_source(plan->devices[i++].kind) &&
		    (first < src->first || last > src->last))
			return false;
	}
	return true;
}

/* ---- Put it in force ---- */

/* The last dirt of the kinds that end, while they are in force. */
static void plan_collect_dirt(struct iommufd_dirty_tracker *tracker,
			      const struct dirty_plan *plan)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_domain *dd;
	bool mark = false;

	down_read(&iopt->domains_rwsem);
	list_for_each_entry(dd, &iopt->dirty.domains, item) {
		u8 was = READ_ONCE(dd->kind);

		/* The logs may hold another range from now on */
		if (was == IOMMU_DIRTY_SOURCE_DEVICE)
			iommufd_dirty_mark_outside(tracker, dd);
		if (was == plan->domains[dd->index].kind)
			continue;
		if (was == IOMMU_DIRTY_SOURCE_IOMMU)
			iommufd_dirty_harvest_domain(tracker, dd);
		/* A harvest that fails leaves the domain MAPPED */
		mark |= READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_MAPPED;
	}
	if (mark)
		iommufd_dirty_mark_mapped(tracker);
	up_read(&iopt->domains_rwsem);
}

/* What the logs of all devices of a domain hold. */
static void seat_limits(const struct iommufd_dirty_seat *seat)
{
	const struct iommufd_dirty_source *src = seat->idev->dirty.source;
	struct iommufd_dirty_domain *dd = seat->dd;

	if (!kind_has_source(seat->kind))
		return;
	if (src->failed)
		iommufd_dirty_domain_set(dd, IOMMU_DIRTY_SOURCE_MAPPED,
					 IOMMU_DIRTY_SOURCE_FAILED);
	dd->first = max(dd->first, src->first);
	dd->last = min(dd->last, src->last);
}

static bool seat_failed(const struct iommufd_dirty_seat *seat)
{
	const struct iommufd_dirty_source *src = seat->idev->dirty.source;

	return src && READ_ONCE(src->failed);
}

static void plan_apply(struct iommufd_dirty_tracker *tracker,
		       const struct dirty_plan *plan)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_domain *dd;
	struct iommufd_dirty_seat *seat;
	unsigned int i = 0;

	down_write(&iopt->domains_rwsem);
	list_for_each_entry(dd, &iopt->dirty.domains, item) {
		u8 kind = plan->domains[dd->index].kind;

		iommufd_dirty_domain_set(dd, kind,
					 kind == IOMMU_DIRTY_SOURCE_MAPPED && dd->failed ?
						 IOMMU_DIRTY_SOURCE_FAILED :
						 IOMMU_DIRTY_SOURCE_ON);
		dd->outside = false;
		dd->first = 0;
		dd->last = ULONG_MAX;
	}
	list_for_each_entry(seat, &iopt->dirty.seats, item) {
		seat->kind = plan->devices[i++].kind;
		if (seat->kind == IOMMU_DIRTY_SOURCE_MAPPED && seat_failed(seat))
			WRITE_ONCE(seat->dd->state, IOMMU_DIRTY_SOURCE_FAILED);
		seat_limits(seat);
	}
	up_write(&iopt->domains_rwsem);
}

/* ---- Stop what is left over ---- */

/* A device in the middle of a replace has two seats. */
static bool source_is_wanted(struct io_pagetable *iopt,
			     const struct iommufd_device *idev)
{
	struct iommufd_dirty_seat *seat;

	list_for_each_entry(seat, &iopt->dirty.seats, item)
		if (seat->idev == idev && kind_has_source(seat->kind))
			return true;
	return false;
}

/**
 * iommufd_dirty_source_end - Stop a source, and report what is in its log
 * @src: The source, started; plan_lock is held
 */
void iommufd_dirty_source_end(struct iommufd_dirty_source *src)
{
	struct iommufd_dirty_tracker *tracker = src->tracker;

	if (!iommufd_dirty_source_finish(src))
		iommufd_dirty_log_lost(tracker);
}

static void plan_stop(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_domain *dd;
	struct iommufd_dirty_seat *seat;

	list_for_each_entry(seat, &iopt->dirty.seats, item) {
		struct iommufd_dirty_source *src = seat->idev->dirty.source;

		if (iommufd_dirty_source_is_on(src, tracker) &&
		    !source_is_wanted(iopt, seat->idev))
			iommufd_dirty_source_end(src);
	}
	list_for_each_entry(dd, &iopt->dirty.domains, item)
		if (dd->kind != IOMMU_DIRTY_SOURCE_IOMMU)
			iommufd_dirty_domain_disable(dd);
}

/**
 * iommufd_dirty_replan - Make the plan anew, and carry it out
 * @tracker: The tracker, running or about to; plan_lock is held
 * @must: It cannot be refused: somebody has left, or a source broke
 *
 * Return: -ENXIO when the plan is not precise and has to be, -ENOMEM; the old
 * plan goes on then. With @must that is safe: whoever has left needs nothing.
 */
int iommufd_dirty_replan(struct iommufd_dirty_tracker *tracker, bool must)
{
	struct dirty_plan plan;
	int rc;

	lockdep_assert_held(&tracker->ioas->iopt.dirty.plan_lock);
	rc = plan_make(tracker, &plan);
	if (rc)
		goto out_stop;
	if (!must && tracker->flags & IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE &&
	    !plan_is_precise(tracker, &plan)) {
		rc = -ENXIO;
	} else {
		plan_collect_dirt(tracker, &plan);
		plan_apply(tracker, &plan);
	}
	plan_free(&plan);
out_stop:
	plan_stop(tracker);
	return rc;
}

/**
 * iommufd_dirty_replan_broke - A source broke, or something was mapped that one
 *	does not hold
 * @tracker: The tracker, running; plan_lock is held
 *
 * A log that holds what was mapped is begun anew, with what is mapped now. What
 * was written in between nobody knows.
 */
void iommufd_dirty_replan_broke(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_seat *seat;

	clear_bit(IOMMUFD_DIRTY_BROKE, &iopt->dirty.flags);
	if (test_and_clear_bit(IOMMUFD_DIRTY_GREW, &iopt->dirty.flags)) {
		list_for_each_entry(seat, &iopt->dirty.seats, item) {
			struct iommufd_dirty_source *src =
				seat->idev->dirty.source;

			if (!iommufd_dirty_source_is_on(src, tracker) ||
			    !src->narrow)
				continue;
			iommufd_dirty_source_finish(src);
			iommufd_dirty_source_start(tracker, src,
						   domain_last(seat->dd));
			iommufd_dirty_log_lost(tracker);
		}
	}
	/* Without memory all that is mapped goes on being dirty */
	if (iommufd_dirty_replan(tracker, true))
		set_bit(IOMMUFD_DIRTY_BROKE, &iopt->dirty.flags);
}

/**
 * iommufd_dirty_replan_stop - Stop all sources
 * @tracker: The tracker; plan_lock is held
 */
void iommufd_dirty_replan_stop(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_domain *dd;
	struct iommufd_dirty_seat *seat;

	down_write(&iopt->domains_rwsem);
	WRITE_ONCE(tracker->running, false);
	list_for_each_entry(dd, &iopt->dirty.domains, item)
		iommufd_dirty_domain_set(dd, IOMMU_DIRTY_SOURCE_NONE,
					 IOMMU_DIRTY_SOURCE_OFF);
	list_for_each_entry(seat, &iopt->dirty.seats, item)
		seat->kind = IOMMU_DIRTY_SOURCE_NONE;
	up_write(&iopt->domains_rwsem);

	list_for_each_entry(dd, &iopt->dirty.domains, item)
		iommufd_dirty_domain_disable(dd);
	list_for_each_entry(seat, &iopt->dirty.seats, item) {
		struct iommufd_dirty_source *src = seat->idev->dirty.source;

		if (iommufd_dirty_source_is_on(src, tracker))
			iommufd_dirty_source_stop(src);
	}
}

/**
 * iommufd_dirty_replan_forgive - Give what has failed another try
 * @tracker: The tracker; plan_lock is held
 *
 * The counters of a tracker that is not running begin anew.
 */
void iommufd_dirty_replan_forgive(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_domain *dd;
	struct iommufd_dirty_seat *seat;

	list_for_each_entry(dd, &iopt->dirty.domains, item) {
		dd->failed = false;
		if (!tracker->running)
			iommufd_dirty_domain_reset(dd);
	}
	list_for_each_entry(seat, &iopt->dirty.seats, item) {
		struct iommufd_dirty_source *src = seat->idev->dirty.source;

		if (!src || (src->started && src->tracker != tracker))
			continue;
		/* Its log is lost: it has to begin anew */
		if (src->started && src->failed)
			iommufd_dirty_source_end(src);
		WRITE_ONCE(src->failed, false);
		if (!tracker->running)
			iommufd_dirty_counters_reset(&src->count);
	}
	clear_bit(IOMMUFD_DIRTY_BROKE, &iopt->dirty.flags);
}

/* ---- A source breaks ---- */

/**
 * iommufd_dirty_source_failed - A log was lost
 * @src: The source; its worker runs
 *
 * All that is mapped is dirty from now on, until the plan has been made anew.
 */
void iommufd_dirty_source_failed(struct iommufd_dirty_source *src)
{
	struct io_pagetable *iopt = &src->tracker->ioas->iopt;
	struct iommufd_dirty_seat *seat;

	/* Before the rwsem: plan_apply() looks at it behind the rwsem */
	WRITE_ONCE(src->failed, true);
	if (dirty_test_break(DIRTY_BREAK_NO_MARK))
		return;
	down_read(&iopt->domains_rwsem);
	list_for_each_entry(seat, &iopt->dirty.seats, item)
		if (seat->idev == src->idev && kind_has_source(seat->kind))
			iommufd_dirty_domain_set(seat->dd,
						 IOMMU_DIRTY_SOURCE_MAPPED,
						 IOMMU_DIRTY_SOURCE_FAILED);
	set_bit(IOMMUFD_DIRTY_BROKE, &iopt->dirty.flags);
	up_read(&iopt->domains_rwsem);
}

/**
 * iommufd_dirty_log_lost - A log was lost whose device is gone, or is covered
 *	by another source from now on
 * @tracker: The tracker; plan_lock is held
 */
void iommufd_dirty_log_lost(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;

	down_read(&iopt->domains_rwsem);
	iommufd_dirty_mark_mapped(tracker);
	up_read(&iopt->domains_rwsem);
	mutex_lock(&tracker->pending_lock);
	dirty_set_merge(&tracker->gone, &tracker->gone_next);
	dirty_set_merge(&tracker->pending, &tracker->gone);
	mutex_unlock(&tracker->pending_lock);
}
