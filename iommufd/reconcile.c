// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes what is on (actual) equal to what should be on (the plan). Every event
 * changes the attachments or a source and then reconciles, so that what is on and
 * not wanted is found by the next reconcile even if the event that made it was
 * lost:
 *
 *  1. the plan is made, and what is new in it is started; what cannot be started
 *     has failed, and the plan is made without it;
 *  2. the plan is applied, with domains_rwsem held for write. What it does not
 *     want any more goes on being harvested: dirty bits are *drained* by READs,
 *     and what was reported because it is mapped is *marked*, to be reported a
 *     last time;
 *  3. logs that are not wanted end by themselves (log.c), and domains that are
 *     drained stop tracking.
 *
 * So in between things are covered twice, and pages may be reported twice. No
 * domain is walked and no device asked here, and no memory is allocated.
 */
#include <linux/iommu.h>

#include "collect.h"
#include "domain.h"
#include "log.h"
#include "reconcile.h"
#include "test.h"
#include "trace.h"
#include "tracker.h"

static bool kind_has_log(u8 kind)
{
	return kind == IOMMU_DIRTY_SOURCE_DEVICE ||
	       kind == IOMMU_DIRTY_SOURCE_SCOPE;
}

/* ---- Make the plan ---- */

/* -EAGAIN: something failed, and the plan has to be made without it. */
static int plan_start(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct dirty_plan *plan = &tracker->plan;
	struct iommufd_dirty_attachment *at;
	struct iommufd_dirty_domain *dd;
	unsigned int i = 0;

	for_each_planned_attachment(at, iopt, tracker) {
		struct dirty_log *log = dirty_pasid_log(at->owner);

		if (at->silent)
			continue;
		if (!kind_has_log(plan->devices[i++].kind) ||
		    dirty_log_is_bound(log, tracker->store))
			continue;
		if (dirty_log_start(log, tracker->store, iopt,
				    at->dd->domain->geometry.aperture_end))
			return -EAGAIN;
	}
	for_each_planned_domain(dd, iopt, tracker)
		if (plan->domains[dd->index].kind == IOMMU_DIRTY_SOURCE_IOMMU &&
		    dirty_domain_enable(dd))
			return -EAGAIN;
	return 0;
}

/*
 * Is nothing, and no part of it, to be reported because it is mapped? domains_rwsem is
 * held for write: what is being mapped is in the table already, or is judged by this
 * plan when it is applied (iommufd_dirty_map()).
 */
static bool plan_is_precise(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct dirty_plan *plan = &tracker->plan;
	struct iommufd_dirty_attachment *at;
	unsigned long first, last;
	unsigned int i = 0;

	if (plan->conservative)
		return false;
	if (!dirty_log_mapped_span(iopt, ULONG_MAX, &first, &last))
		return true;
	for_each_planned_attachment(at, iopt, tracker) {
		struct dirty_log *log = dirty_pasid_log(at->owner);

		if (!at->silent && kind_has_log(plan->devices[i++].kind) &&
		    (first < log->binding.first || last > log->binding.last))
			return false;
	}
	return true;
}

/* ---- Apply it ---- */

/* What the logs of the devices of a domain cover, all of them. */
static void plan_span(struct iommufd_dirty_tracker *tracker,
		      const struct iommufd_dirty_domain *dd,
		      unsigned long *first, unsigned long *last)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	const struct dirty_plan *plan = &tracker->plan;
	struct iommufd_dirty_attachment *at;
	unsigned int i = 0;

	*first = 0;
	*last = ULONG_MAX;
	for_each_planned_attachment(at, iopt, tracker) {
		const struct dirty_log *log = dirty_pasid_log(at->owner);

		if (at->silent)
			continue;
		if (!kind_has_log(plan->devices[i++].kind) || at->dd != dd)
			continue;
		*first = max(*first, log->binding.first);
		*last = min(*last, log->binding.last);
	}
}

/* What was reported because it is mapped is reported once more. */
static void domain_mark(struct dirty_store *store,
			const struct iommufd_dirty_domain *dd)
{
	if (dd->kind == IOMMU_DIRTY_SOURCE_MAPPED) {
		dirty_store_mark(store, 0, ULONG_MAX);
	} else if (dirty_domain_partial(dd)) {
		if (dd->first)
			dirty_store_mark(store, 0, dd->first - 1);
		if (dd->last != ULONG_MAX)
			dirty_store_mark(store, dd->last + 1, ULONG_MAX);
	}
}

static void domain_apply(struct iommufd_dirty_tracker *tracker,
			 struct iommufd_dirty_domain *dd)
{
	u8 kind = tracker->plan.domains[dd->index].kind;
	unsigned long first, last;

	/* It has failed since the plan was made */
	if (kind == IOMMU_DIRTY_SOURCE_IOMMU && READ_ONCE(dd->failed)) {
		kind = IOMMU_DIRTY_SOURCE_MAPPED;
		dirty_store_reconcile(tracker->store);
	}
	plan_span(tracker, dd, &first, &last);
	if (tracker->running &&
	    (dd->kind != kind || dd->first != first || dd->last != last))
		domain_mark(tracker->store, dd);
	spin_lock(&dd->lock);
	if (kind == IOMMU_DIRTY_SOURCE_IOMMU)
		dirty_ranges_clear(&dd->drain);
	else if (dd->kind == IOMMU_DIRTY_SOURCE_IOMMU)
		dirty_ranges_add(&dd->drain, 0, ULONG_MAX);
	spin_unlock(&dd->lock);
	if (kind == IOMMU_DIRTY_SOURCE_IOMMU)
		dd->on = true;
	if (dd->kind != kind && tracker->running)
		dirty_store_notify(tracker->store);
	WRITE_ONCE(dd->kind, kind);
	dd->first = first;
	dd->last = last;
}

/* Where else the device is attached, in the middle of a replace, for @tracker; or NULL */
static const struct iommufd_dirty_attachment *
attachment_other(const struct iommufd_dirty_tracker *tracker,
		 const struct iommufd_dirty_attachment *at)
{
	const struct iommufd_dirty_pasid *owner = at->owner;
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	const struct iommufd_dirty_attachment *other;
	struct iommufd_dirty_attachment *cur;

	other = at == &owner->now ? &owner->next : &owner->now;
	if (!READ_ONCE(other->dd))
		return NULL;
	/* It may be in another IOAS: then it is not for us to look at */
	dirty_for_each_attachment(cur, iopt, tracker)
		if (cur == other)
			return other;
	return NULL;
}

static void plan_event(struct iommufd_dirty_tracker *tracker,
		       const struct iommufd_dirty_attachment *at, u8 from, u8 to)
{
	if (from == to)
		return;
	dirty_event_plan(tracker, at, from, to);
	trace_dirty_plan(dirty_tracker_context(tracker), tracker->obj.id,
			 dev_name(at->idev->dev), at->owner->pasid, from, to);
}

/* Where a device is about to be attached, instead of where it is, is one change. */
static void attachment_event(struct iommufd_dirty_tracker *tracker,
			    const struct iommufd_dirty_attachment *at, u8 kind)
{
	const struct iommufd_dirty_attachment *other = attachment_other(tracker, at);
	u8 from = at->kind;

	if (other && other == &at->owner->now &&
	    from == IOMMU_DIRTY_SOURCE_NONE)
		from = other->kind;
	plan_event(tracker, at, from, kind);
}

/**
 * dirty_reconcile_left() - Send the event that an attachment has ended
 * @tracker: The tracker, running; plan_lock is held
 * @at: The attachment, with the source that it had
 */
void dirty_reconcile_left(struct iommufd_dirty_tracker *tracker,
			  const struct iommufd_dirty_attachment *at)
{
	const struct iommufd_dirty_attachment *other = attachment_other(tracker, at);

	/* An event reported it when that began */
	if (other && other == &at->owner->next)
		return;
	plan_event(tracker, at, at->kind,
		   other ? other->kind : IOMMU_DIRTY_SOURCE_NONE);
}

static void attachment_apply(struct iommufd_dirty_tracker *tracker,
			     struct iommufd_dirty_attachment *at, u8 kind)
{
	if (kind == at->kind)
		return;
	attachment_event(tracker, at, kind);
	WRITE_ONCE(at->kind, kind);
}

/* It runs from now on. For those who hold one of the two locks, domains_rwsem is held. */
static void tracker_run(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);

	down_write(&iopt->iova_rwsem);
	WRITE_ONCE(tracker->running, true);
	up_write(&iopt->iova_rwsem);
}

static int plan_apply(struct iommufd_dirty_tracker *tracker, bool must)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_attachment *at;
	struct iommufd_dirty_domain *dd;
	unsigned int i = 0;

	dirty_test_delay("apply");
	down_write(&iopt->domains_rwsem);
	if (!must && tracker->flags & IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE &&
	    !plan_is_precise(tracker)) {
		up_write(&iopt->domains_rwsem);
		return -ENXIO;
	}
	for_each_planned_domain(dd, iopt, tracker)
		domain_apply(tracker, dd);
	for_each_planned_attachment(at, iopt, tracker)
		attachment_apply(tracker, at,
				 at->silent ? IOMMU_DIRTY_SOURCE_NONE :
					      tracker->plan.devices[i++].kind);
	if (!tracker->running)
		tracker_run(tracker);
	up_write(&iopt->domains_rwsem);
	return 0;
}

/* ---- End what is left over ---- */

static bool log_is_wanted(struct iommufd_dirty_tracker *tracker,
			  const struct dirty_log *log)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_attachment *at;

	/* A device in the middle of a replace has two attachments */
	dirty_for_each_attachment(at, iopt, tracker)
		if (dirty_pasid_log(at->owner) == log && kind_has_log(at->kind))
			return true;
	return false;
}

/* All bindings, not all attachments: what is on and has none is found as well. */
static void end_logs(struct iommufd_dirty_tracker *tracker)
{
	struct dirty_store *store = tracker->store;
	struct dirty_binding *b;

	/* Bindings are added under plan_lock only */
	if (list_empty(&store->bindings))
		return;
	mutex_lock(&store->lock);
	list_for_each_entry(b, &store->bindings, item) {
		struct dirty_log *log = container_of(b, struct dirty_log,
						     binding);

		if (log_is_wanted(tracker, log))
			continue;
		/* It has recorded nothing since it was lost */
		if (READ_ONCE(log->failed) &&
		    dirty_log_state(log) == DIRTY_LOG_TRACKER &&
		    !dirty_test_break(DIRTY_BREAK_NO_MARK)) {
			dirty_ranges_add(&store->mark, b->first, b->last);
			store->marks++;
		}
		dirty_log_end(log);
	}
	mutex_unlock(&store->lock);
}

/* Is there nothing left in a domain that is not harvested by plan? */
static bool domain_is_drained(struct io_pagetable *iopt,
			      struct iommufd_dirty_domain *dd)
{
	unsigned long at = 0, first, last;
	struct dirty_ranges drain;
	bool drained = true;

	if (!dd->on || READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_IOMMU)
		return false;
	if (READ_ONCE(dd->failed))
		return true;
	spin_lock(&dd->lock);
	drain = dd->drain;
	spin_unlock(&dd->lock);
	down_read(&iopt->iova_rwsem);
	while (drained && dirty_ranges_next(&drain, at, ULONG_MAX, &first, &last)) {
		drained = !iopt_area_iter_first(iopt, first, last);
		if (last == ULONG_MAX)
			break;
		at = last + 1;
	}
	up_read(&iopt->iova_rwsem);
	return drained;
}

static void end_domains(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_domain *dd;

	for_each_planned_domain(dd, iopt, tracker) {
		if (domain_is_drained(iopt, dd)) {
			down_write(&iopt->domains_rwsem);
			dd->on = false;
			up_write(&iopt->domains_rwsem);
		}
		/* Started for a plan that was refused, or drained */
		if (!dd->on)
			dirty_domain_disable(dd);
	}
}

/**
 * dirty_reconcile_widen() - Find logs that cover what was mapped, and no more
 * @tracker: The tracker, running; plan_lock is held
 *
 * The caller reconciles, which makes a plan without them and then ends them; waits
 * until they have ended; and reconciles again, which begins them with what is mapped
 * now. A log that ended before such a plan is applied would leave a gap.
 *
 * Return: true if there were any.
 */
bool dirty_reconcile_widen(struct iommufd_dirty_tracker *tracker)
{
	bool widen = dirty_logs_grow(tracker->store, dirty_tracker_iopt(tracker), true);

	dirty_test_delay("widen");
	return widen;
}

/* Reconcile the domain that tracker->planned names, or all of them. */
static int reconcile_tracker(struct iommufd_dirty_tracker *tracker, bool must)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	int rc;

	do {
		tracker->plan.policy = tracker->policy;
		dirty_plan_collect(iopt, tracker, &tracker->plan);
		dirty_plan_make(&tracker->plan);
		rc = plan_start(tracker);
	} while (rc == -EAGAIN);
	rc = plan_apply(tracker, must);
	if (rc)
		return rc;
	dirty_test_delay("applied");
	end_logs(tracker);
	end_domains(tracker);
	/* A map asks a READ to begin logs again, and this was perhaps not that READ */
	if (dirty_logs_grow(tracker->store, iopt, false))
		set_bit(DIRTY_STORE_RECONCILE, &tracker->store->flags);
	return 0;
}

/**
 * dirty_reconcile() - Make what is on equal to what should be on
 * @tracker: The tracker; plan_lock is held. It runs afterwards
 * @must: It cannot be refused: a device has left, or a source failed
 *
 * Return: -ENXIO when the plan is not precise and has to be; the old one stays
 * applied then, and the caller takes back what it did and reconciles again. With
 * @must 0.
 */
int dirty_reconcile(struct iommufd_dirty_tracker *tracker, bool must)
{
	lockdep_assert_held(&dirty_tracker_iopt(tracker)->dirty.plan_lock);
	clear_bit(DIRTY_STORE_RECONCILE, &tracker->store->flags);
	/* What changes behind the plan sets it again; pairs with dirty_store_reconcile() */
	smp_mb__after_atomic();
	return reconcile_tracker(tracker, must);
}

/*
 * A device was attached to a domain, or has left it: no other domain's part of the plan
 * depends on that. The whole plan is made if something else is to be reconciled, or if it
 * has to be precise.
 */
static int reconcile_domain(struct iommufd_dirty_tracker *tracker,
			    struct iommufd_dirty_domain *dd, bool must)
{
	int rc;

	if (READ_ONCE(tracker->store->flags) ||
	    (!must && tracker->flags & IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE))
		return dirty_reconcile(tracker, must);
	tracker->planned = dd;
	rc = reconcile_tracker(tracker, must);
	tracker->planned = NULL;
	return rc;
}

/*
 * Would a new plan be the one that is applied, now that a device was attached to a
 * domain or has left it? As long as a device without a log is in the domain, nothing
 * but the IOMMU covers all that are there, and other domains do not matter. Where
 * something else is to be reconciled the answer is no.
 */
static bool plan_holds(const struct iommufd_dirty_tracker *tracker,
		       const struct iommufd_dirty_domain *dd)
{
	return !READ_ONCE(tracker->store->flags) &&
	       READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_IOMMU &&
	       !READ_ONCE(dd->failed) &&
	       dd->devices > (tracker->bits_only ? 0 : dd->logs);
}

/**
 * dirty_reconcile_attach() - A device is on the list of attachments
 * @tracker: The tracker, running; plan_lock is held
 * @at: The attachment
 *
 * Return: As dirty_reconcile(), with @must 0.
 */
int dirty_reconcile_attach(struct iommufd_dirty_tracker *tracker,
			   struct iommufd_dirty_attachment *at)
{
	if (!plan_holds(tracker, at->dd) || !dirty_device_is_trackable(at->idev) ||
	    tracker->flags & IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE)
		return reconcile_domain(tracker, at->dd, false);
	attachment_apply(tracker, at, IOMMU_DIRTY_SOURCE_IOMMU);
	return 0;
}

/**
 * dirty_reconcile_detach() - A device is not on the list of attachments any more
 * @tracker: The tracker, running; plan_lock is held
 * @dd: The domain that it was attached to
 */
void dirty_reconcile_detach(struct iommufd_dirty_tracker *tracker,
			    struct iommufd_dirty_domain *dd)
{
	if (!plan_holds(tracker, dd))
		reconcile_domain(tracker, dd, true);
}

/**
 * dirty_reconcile_end() - The tracker stops: nothing should be on
 * @tracker: The tracker; plan_lock is held. It does not run afterwards, and its
 *	store is dead
 */
void dirty_reconcile_end(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct dirty_store *store = tracker->store;
	struct iommufd_dirty_attachment *at;
	struct iommufd_dirty_domain *dd;
	struct dirty_binding *b;

	down_write(&iopt->domains_rwsem);
	WRITE_ONCE(tracker->running, false);
	dirty_for_each_domain(dd, iopt, tracker) {
		WRITE_ONCE(dd->kind, IOMMU_DIRTY_SOURCE_NONE);
		dirty_ranges_clear(&dd->drain);
		dd->on = false;
		/* No READ or unmap is under way, or sees one that tracks */
		dirty_domain_disable(dd);
	}
	dirty_for_each_attachment(at, iopt, tracker)
		WRITE_ONCE(at->kind, IOMMU_DIRTY_SOURCE_NONE);
	up_write(&iopt->domains_rwsem);
	dirty_store_kill(store);

	/* Bindings are added under plan_lock only */
	if (list_empty(&store->bindings))
		return;
	mutex_lock(&store->lock);
	list_for_each_entry(b, &store->bindings, item)
		dirty_log_end(container_of(b, struct dirty_log, binding));
	mutex_unlock(&store->lock);
}

/**
 * dirty_reconcile_retry() - Give what has failed another try
 * @tracker: The tracker; plan_lock is held
 *
 * A log that was lost ends; START waits for that before it reconciles. The
 * counters of a tracker that is not running begin at 0.
 */
void dirty_reconcile_retry(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_attachment *at;
	struct iommufd_dirty_domain *dd;

	/* START may be killed before it reconciles */
	set_bit(DIRTY_STORE_RECONCILE, &tracker->store->flags);
	dirty_for_each_domain(dd, iopt, tracker) {
		WRITE_ONCE(dd->failed, false);
		if (!tracker->running)
			dirty_domain_reset(dd);
	}
	dirty_for_each_attachment(at, iopt, tracker) {
		struct dirty_log *log = dirty_pasid_log(at->owner);

		if (!log)
			continue;
		if (READ_ONCE(log->failed) &&
		    dirty_log_is_bound(log, tracker->store)) {
			dirty_store_mark(tracker->store, log->binding.first,
					 log->binding.last);
			dirty_log_end(log);
		}
		if (!tracker->running)
			dirty_counters_reset(&log->count);
	}
}

/**
 * dirty_reconcile_drained() - Is there a domain that need not be harvested any more?
 * @tracker: The tracker; domains_rwsem is held
 *
 * Return: true if a reconcile would switch off its tracking.
 */
bool dirty_reconcile_drained(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_domain *dd;

	dirty_for_each_domain(dd, iopt, tracker)
		if (domain_is_drained(iopt, dd))
			return true;
	return false;
}
