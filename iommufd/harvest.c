// SPDX-License-Identifier: GPL-2.0-only
/*
 * Harvest: takes what is dirty out of the domains into private sets, range by range:
 * dirty bits (bits.c), what is reported because it is mapped, and marks. binding.c
 * harvests the logs of devices.
 *
 * Flush. As long as the IOTLB has an entry that says that the page is dirty, a device
 * that writes through it does not set a cleared bit again. So a harvest flushes, holds
 * domains_rwsem and the domain's change until then, and publishes nothing before.
 */
#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "bits.h"
#include "domain.h"
#include "harvest.h"
#include "hidden.h"
#include "log.h"
#include "test.h"
#include "trace.h"
#include "tracker.h"

/* How long the last harvest of a domain may take before the rest is marked */
#define LAST_BUDGET_MS 1000
/* How long a harvest waits for a map or unmap to begin, between two steps */
#define STEP_PAUSE_US 50

static bool harvest_killed(const struct harvest *h)
{
	return !(h->flags & DIRTY_HARVEST_LAST) && fatal_signal_pending(current);
}

/* ---- Everything mapped ---- */

static void mark_area(struct harvest *h, struct iopt_area *area,
		      unsigned long first, unsigned long last)
{
	first = max(first, iopt_area_iova(area));
	last = min(last, iopt_area_last_iova(area));
	if (first > last || !(area->iommu_prot & IOMMU_WRITE))
		return;
	h->window.first = first;
	h->window.last = last;
	dirty_window_record(&h->window, first, last - first + 1);
}

/* What of [first, last] the logs of the domain's devices do not cover. */
static void mark_uncovered(struct harvest *h, struct iopt_area *area,
			   unsigned long first, unsigned long last)
{
	const struct iommufd_dirty_domain *dd = h->dd;

	if (dirty_test_break(DIRTY_BREAK_NO_OUTSIDE))
		return;
	if (dd->first)
		mark_area(h, area, first, min(last, dd->first - 1));
	if (dd->last != ULONG_MAX)
		mark_area(h, area, max(first, dd->last + 1), last);
}

/* One hold of iova_rwsem: what is dirty because it is mapped. */
static int mapped_step(struct harvest *h, unsigned long first,
		       unsigned long last)
{
	struct iopt_area *area;

	for (area = iopt_area_iter_first(h->iopt, first, last); area;
	     area = iopt_area_iter_next(area, first, last)) {
		if (h->unfilled ||
		    READ_ONCE(h->dd->kind) == IOMMU_DIRTY_SOURCE_MAPPED)
			mark_area(h, area, first, last);
		else
			mark_uncovered(h, area, first, last);
		if (harvest_killed(h))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* ---- Ranges ---- */

/*
 * Harvest [first, *reached] by steps: dirty @bits, or what is mapped. Ends early, with
 * *reached set, when another task waits for domains_rwsem or change, or the budget is
 * used up.
 */
static int harvest_steps(struct harvest *h, bool bits, unsigned long first,
			 unsigned long *reached)
{
	unsigned long last = *reached;
	int rc = 0;

	while (!rc) {
		struct iopt_area *area;
		unsigned long to = last, size;

		down_read(&h->iopt->iova_rwsem);
		area = iopt_area_iter_first(h->iopt, first, last);
		if (area) {
			first = max(first, iopt_area_iova(area));
			size = bits ? READ_ONCE(h->dd->step_size) : HARVEST_STEP;
			to = min(last, first | (size - 1));
			rc = bits ? dirty_bits_step(h, area, first, &to) :
				    mapped_step(h, first, to);
		}
		up_read(&h->iopt->iova_rwsem);
		if (to >= last)
			break;
		first = to + 1;
		if (rwsem_is_contended(&h->iopt->domains_rwsem) ||
		    rwsem_is_contended(&h->dd->change) ||
		    (h->flags & DIRTY_HARVEST_LAST &&
		     time_after(jiffies, h->deadline))) {
			*reached = to;
			break;
		}
		/* Else a reader that comes back at once is quicker than the writer it has woken */
		if (rwsem_is_contended(&h->iopt->iova_rwsem))
			usleep_range(STEP_PAUSE_US, 2 * STEP_PAUSE_US);
		else
			cond_resched();
	}
	return rc;
}

static void harvest_begin(struct harvest *h, struct io_pagetable *iopt,
			  struct dirty_store *store,
			  struct iommufd_dirty_domain *dd, unsigned int flags,
			  struct dirty_set *set)
{
	*h = (struct harvest){
		.iopt = iopt,
		.store = store,
		.dd = dd,
		.domain = dd->domain,
		.flags = flags,
		.block = GATHER_BLOCK,
		.leaf = PAGE_SIZE,
	};
	dirty_window_init(&h->window, set);
	/* To its own granule a set rounds by itself */
	if (set && BIT(set->shift) - 1 < store->unit_mask)
		h->window.unit_mask = store->unit_mask;
	iommu_iotlb_gather_init(&h->flush);
}

static void harvest_count(struct harvest *h, unsigned long first,
			  unsigned long last, u64 start_ns)
{
	struct iommufd_dirty_domain *dd = h->dd;
	u64 ns = ktime_get_ns() - start_ns;

	trace_dirty_harvest("", dirty_domain_id(dd), first, last, h->window.bytes,
			    ns, 0);
	if (h->flags & DIRTY_HARVEST_DISCARD)
		return;
	atomic64_add(h->window.bytes, &dd->count.bytes);
	atomic64_inc(&dd->count.harvests);
	atomic64_add(ns, &dd->count.harvest_ns);
	if (READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_IOMMU &&
	    h->window.largest > READ_ONCE(dd->largest))
		WRITE_ONCE(dd->largest, h->window.largest);
}

/*
 * Its dirty bits cannot be read any more: all that is mapped is reported from
 * now on, until the plan has been made again.
 */
static void domain_degrade(struct harvest *h, int error)
{
	trace_dirty_degraded("", dirty_domain_id(h->dd), error);
	/* First: what another harvest does not read any more is mapped to it */
	WRITE_ONCE(h->dd->kind, IOMMU_DIRTY_SOURCE_MAPPED);
	dirty_test_delay("degrade");
	dirty_domain_failed(h->dd);
	dirty_store_reconcile(h->store);
}

/* If not, the kind that is read afterwards says what covers the domain. */
static bool domain_has_bits(const struct iommufd_dirty_domain *dd)
{
	/* Pairs with dirty_domain_failed() */
	return dd->on && !smp_load_acquire(&dd->failed);
}

static void domain_drained(struct harvest *h, unsigned long first,
			   unsigned long last)
{
	struct iommufd_dirty_domain *dd = h->dd;

	if (h->flags || READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_IOMMU)
		return;
	spin_lock(&dd->lock);
	dirty_ranges_remove(&dd->drain, first, last);
	spin_unlock(&dd->lock);
}

/* Clear [first, *reached] of a domain, flushed */
static int take_bits(struct harvest *h, unsigned long first, unsigned long *reached)
{
	int rc = 0;

	if (h->flags & DIRTY_HARVEST_LAST)
		down_read(&h->dd->change);
	else
		rc = down_read_killable(&h->dd->change);
	if (rc)
		return rc;
	rc = harvest_steps(h, true, first, reached);
	dirty_bits_flush(h);
	up_read(&h->dd->change);
	return rc;
}

/* Dirty bits that are not used: what cannot be cleared is reported once more. */
static int domain_clear(struct harvest *h, unsigned long first,
			unsigned long *reached)
{
	int rc = take_bits(h, first, reached);

	return rc == -EINTR ? rc : 0;
}

/* From hardware to the window's set, flushed: [first, *reached] of a domain. */
static int harvest_one(struct harvest *h, unsigned long first,
		       unsigned long *reached)
{
	struct iommufd_dirty_domain *dd = h->dd;
	bool bits = domain_has_bits(dd);
	u64 start_ns = ktime_get_ns();
	int rc = 0;

	if (!bits && h->flags & DIRTY_HARVEST_DISCARD &&
	    dirty_domain_born_dirty(dd))
		return domain_clear(h, first, reached);

	if (bits) {
		rc = take_bits(h, first, reached);
		if (rc && rc != -EINTR) {
			domain_degrade(h, rc);
			rc = 0;
		} else if (!rc) {
			domain_drained(h, first, *reached);
		}
	}
	if (!rc && !(h->flags & DIRTY_HARVEST_DISCARD) &&
	    (READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_MAPPED ||
	     dirty_domain_partial(dd)))
		rc = harvest_steps(h, false, first, reached);
	if (bits || READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_MAPPED ||
	    dirty_domain_partial(dd))
		harvest_count(h, first, *reached, start_ns);
	return rc;
}

/* Split or join those of [first, *reached] of a domain; after a failure the rest stays. */
static int harvest_leaves(struct harvest *h, unsigned long first,
			  unsigned long *reached)
{
	struct iommufd_dirty_domain *dd = h->dd;
	int rc;

	/* A domain that is listed since then maps with the new sizes */
	if (!dd->leaves || dd->leaves_left)
		return 0;
	/* All leaves are pages, and have to stay so: a part of a mapping may be unmapped */
	if (h->iopt->disable_large_pages && !dirty_test_break(DIRTY_BREAK_JOIN_AREAS))
		return 0;
	rc = take_bits(h, first, reached);
	if (rc)
		dd->leaves_left = true;
	return rc == -EINTR ? rc : 0;
}

/*
 * Marks: from "everything mapped in this range" to the private set. The mark goes
 * after its areas were walked, under the same hold of iova_rwsem: an unmap in
 * between finds it, or the walk has found the area.
 */
static int harvest_marks(struct iommufd_dirty_tracker *tracker,
			 const struct dirty_harvest_range *range,
			 unsigned long last, bool peek, struct dirty_set *set)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct dirty_store *store = tracker->store;
	unsigned long at = range->first, first, end;
	struct iopt_area *area;
	unsigned int seq;
	bool found;

	while (at <= last) {
		down_read(&iopt->iova_rwsem);
		mutex_lock(&store->lock);
		seq = store->marks;
		found = dirty_ranges_next(&store->mark, at, last, &first, &end);
		mutex_unlock(&store->lock);
		end = found ? min(end, first | (HARVEST_STEP - 1)) : last;
		area = found ? iopt_area_iter_first(iopt, first, last) : NULL;
		/* Where nothing is mapped there is no need for small pieces */
		if (found && (!area || iopt_area_iova(area) > end))
			end = area ? iopt_area_iova(area) - 1 : last;
		for (; area && iopt_area_iova(area) <= end;
		     area = iopt_area_iter_next(area, first, end))
			if (area->iommu_prot & IOMMU_WRITE)
				dirty_store_round(store, set,
						  max(first, iopt_area_iova(area)),
						  min(end, iopt_area_last_iova(area)));
		dirty_test_delay("mark");
		mutex_lock(&store->lock);
		/* One that was added since stays: it may be of later writes */
		if (found && !peek && seq == store->marks)
			dirty_ranges_remove(&store->mark, first, end);
		mutex_unlock(&store->lock);
		up_read(&iopt->iova_rwsem);
		if (end == last)
			break;
		at = end + 1;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/*
 * A device may have written to a domain whose fill failed half way: it is unfilled
 * by now, with its bits, and the device attached until the error has been dealt with.
 */
static struct iommufd_dirty_domain *
unfilled_domain(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_attachment *at;
	struct iommufd_dirty_domain *dd;

	if (!READ_ONCE(iopt->dirty.unfilled))
		return NULL;
	dirty_for_each_attachment(at, iopt, tracker)
		if (!dirty_domain_filled(iopt, at->dd))
			return at->dd;
	dirty_for_each_domain(dd, iopt, NULL)
		if (!dirty_domain_filled(iopt, dd))
			return NULL;
	/* One that is filled is so for as long as it is listed */
	WRITE_ONCE(iopt->dirty.unfilled, false);
	return NULL;
}

/* All domains of the tracker, from @first to *reached, or less if a task waits for the lock. */
static int harvest_domains(struct iommufd_dirty_tracker *tracker,
			   const struct dirty_harvest_range *range,
			   unsigned long first, unsigned long *reached,
			   unsigned int flags, struct dirty_set *set,
			   bool *skipped)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_domain *dd;
	struct harvest h;
	int rc;

	rc = down_read_killable(&iopt->domains_rwsem);
	if (rc)
		return rc;
	dirty_for_each_domain(dd, iopt, tracker) {
		if (!dirty_domain_filled(iopt, dd))
			continue;
		harvest_begin(&h, iopt, tracker->store, dd, flags, set);
		h.range = range;
		rc = flags & DIRTY_HARVEST_LEAVES ?
			     harvest_leaves(&h, first, reached) :
			     harvest_one(&h, first, reached);
		*skipped |= h.skipped;
		if (rc)
			break;
		cond_resched();
	}
	dd = NULL;
	if (!rc && !(flags & (DIRTY_HARVEST_DISCARD | DIRTY_HARVEST_LEAVES)))
		dd = unfilled_domain(tracker);
	if (dd) {
		harvest_begin(&h, iopt, tracker->store, dd, flags, set);
		h.unfilled = true;
		rc = harvest_steps(&h, false, first, reached);
	}
	up_read(&iopt->domains_rwsem);
	return rc;
}

/**
 * dirty_harvest() - Harvest a range from all domains of a tracker
 * @tracker: The tracker; runs is held, nothing else
 * @range: What to harvest
 * @flags: PEEK, DISCARD, SPLIT or JOIN of enum dirty_harvest_flags
 * @set: Private set that dirty pages move to, NULL to discard them or to JOIN. It may get
 *	some from outside of @range, and has what was taken before an error
 *
 * On return everything in @set has been flushed, and every unmap that was under
 * way in the range has published what was dirty there.
 *
 * Return: -EINTR when killed, -ETIME when an unmap is under way at the deadline. A
 * source that fails is degraded instead.
 */
int dirty_harvest(struct iommufd_dirty_tracker *tracker,
		  const struct dirty_harvest_range *range, unsigned int flags,
		  struct dirty_set *set)
{
	unsigned long first = range->first;
	bool skipped = false;
	int rc;

	for (;;) {
		unsigned long reached = range->last;

		rc = harvest_domains(tracker, range, first, &reached, flags,
				     set, &skipped);
		if (rc || reached == range->last)
			break;
		first = reached + 1;
	}
	/* After the domains, since one of them may have failed */
	if (!rc && !(flags & (DIRTY_HARVEST_DISCARD | DIRTY_HARVEST_LEAVES)))
		rc = harvest_marks(tracker, range, range->last,
				   flags & DIRTY_HARVEST_PEEK, set);
	if (!rc && skipped && !(flags & DIRTY_HARVEST_LEAVES))
		rc = dirty_hidden_wait(dirty_tracker_iopt(tracker), range->first,
				       range->last, range->deadline);
	return rc;
}

/**
 * dirty_harvest_clear() - Clear dirty bits of a domain that no device has used
 * @iopt: Its IOAS's table
 * @dd: The domain, filled, without devices, which has dirty bits
 *
 * Ends early when the caller is killed. What is not cleared is reported once.
 */
void dirty_harvest_clear(struct io_pagetable *iopt,
			 struct iommufd_dirty_domain *dd)
{
	unsigned long first = 0, reached;
	struct harvest h;
	int rc;

	do {
		rc = down_read_killable(&iopt->domains_rwsem);
		if (rc)
			return;
		reached = ULONG_MAX;
		harvest_begin(&h, iopt, NULL, dd, DIRTY_HARVEST_DISCARD, NULL);
		rc = domain_clear(&h, first, &reached);
		up_read(&iopt->domains_rwsem);
		first = reached + 1;
	} while (!rc && reached != ULONG_MAX);
}

/**
 * dirty_harvest_last() - The last harvest of a domain that is going away
 * @iopt: Its IOAS's table; plan_lock is not held
 * @dd: The domain, without devices, listed, filled if it ever was
 *
 * Each step is pending, flushed, before the next. When it takes longer than its
 * budget, or its user is dying, the rest is marked dirty instead: the unfill
 * that follows walks the same table, and that is enough. So it is when the domain's
 * bits cannot be read.
 */
void dirty_harvest_last(struct io_pagetable *iopt,
			struct iommufd_dirty_domain *dd)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(LAST_BUDGET_MS);
	unsigned long first = 0, reached;
	bool more = true, bits, failed;

	while (more) {
		struct iommufd_dirty_tracker *tracker;
		struct dirty_set set;
		struct harvest h;

		more = false;
		down_read(&iopt->domains_rwsem);
		tracker = dirty_tracker_running(iopt);
		bits = domain_has_bits(dd);
		/* No plan has been made without its bits since they could not be read */
		failed = READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_MAPPED;
		if (!tracker || !dirty_domain_filled(iopt, dd) || (!bits && !failed))
			goto out_unlock;
		if (failed || dirty_caller_dying() || time_after(jiffies, deadline)) {
			dirty_store_mark(tracker->store, first, ULONG_MAX);
			goto out_unlock;
		}
		reached = ULONG_MAX;
		dirty_set_init(&set, READ_ONCE(tracker->store->shift));
		harvest_begin(&h, iopt, tracker->store, dd,
			      DIRTY_HARVEST_LAST, &set);
		h.deadline = deadline;
		harvest_one(&h, first, &reached);
		dirty_test_delay("last");
		dirty_store_publish(tracker->store, &set);
		more = reached != ULONG_MAX;
		first = reached + 1;
out_unlock:
		up_read(&iopt->domains_rwsem);
	}
}

/* ---- Unmap ---- */

static void harvest_unmap_domain(struct io_pagetable *iopt,
				 struct dirty_store *store,
				 struct iommufd_dirty_domain *dd,
				 const struct iommufd_dirty_unmap *unmap,
				 struct dirty_set *set)
{
	struct iopt_area *area = unmap->area;
	u64 start_ns = ktime_get_ns();
	struct harvest h;
	int rc;

	harvest_begin(&h, iopt, store, dd, DIRTY_HARVEST_LAST, set);
	if (domain_has_bits(dd)) {
		down_read(&dd->change);
		rc = dirty_bits_read_hidden(&h, unmap);
		if (rc)
			domain_degrade(&h, rc);
		dirty_bits_flush(&h);
		up_read(&dd->change);
	}
	if (READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_MAPPED)
		mark_area(&h, area, 0, ULONG_MAX);
	else if (dirty_domain_partial(dd))
		mark_uncovered(&h, area, 0, ULONG_MAX);
	harvest_count(&h, iopt_area_iova(area), iopt_area_last_iova(area),
		      start_ns);
}

/**
 * dirty_harvest_unmap() - Harvest an area before it is unmapped
 * @tracker: A tracker that runs; domains_rwsem is held for read since before
 *	the area was hidden
 * @unmap: Its area is hidden and, but for pages that were revoked, still mapped in all
 *	domains
 *
 * What is dirty moves from hardware to pending; logs keep what they have, and the
 * area is stale in them.
 */
void dirty_harvest_unmap(struct iommufd_dirty_tracker *tracker,
			 const struct iommufd_dirty_unmap *unmap)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	unsigned long first = unmap->first, last = unmap->last, from, to;
	struct iopt_area *area = unmap->area;
	struct dirty_store *store = tracker->store;
	struct iommufd_dirty_domain *dd;
	struct dirty_set set;
	u64 start_ns = trace_dirty_unmap_enabled() ? ktime_get_ns() : 0;

	dirty_set_init(&set, READ_ONCE(store->shift));
	dirty_for_each_domain(dd, iopt, tracker) {
		if (dirty_domain_filled(iopt, dd) &&
		    !dirty_test_break(DIRTY_BREAK_NO_UNMAP))
			harvest_unmap_domain(iopt, store, dd, unmap, &set);
		cond_resched();
	}
	dirty_test_delay("unmap");
	if (area->iommu_prot & IOMMU_WRITE) {
		/* Else what was written to it is lost with it, before the mark is there */
		if (unfilled_domain(tracker))
			dirty_store_round(store, &set, first, last);
		mutex_lock(&store->lock);
		while (first <= last &&
		       dirty_ranges_next(&store->mark, first, last, &from, &to)) {
			dirty_store_round(store, &set, from, to);
			if (to == last)
				break;
			first = to + 1;
		}
		dirty_logs_stale(store, iopt_area_iova(area), last);
		mutex_unlock(&store->lock);
	}
	dirty_store_publish(store, &set);
	if (start_ns)
		trace_dirty_unmap(dirty_tracker_context(tracker), tracker->obj.id,
				  unmap->first, last, ktime_get_ns() - start_ns);
}

/**
 * dirty_harvest_mapped() - All that is mapped writable in a range
 * @tracker: The tracker; runs is held, nothing else
 * @first: First byte
 * @last: Last byte
 * @set: Where it goes
 *
 * Map and unmap wait for one step of it at most.
 */
void dirty_harvest_mapped(struct iommufd_dirty_tracker *tracker,
			  unsigned long first, unsigned long last,
			  struct dirty_set *set)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iopt_area *area;
	unsigned long to;

	do {
		to = last;
		down_read(&iopt->iova_rwsem);
		area = iopt_area_iter_first(iopt, first, last);
		if (area) {
			first = max(first, iopt_area_iova(area));
			to = min(last, first | (HARVEST_STEP - 1));
		}
		for (; area; area = iopt_area_iter_next(area, first, to)) {
			if (area->iommu_prot & IOMMU_WRITE)
				dirty_store_round(tracker->store, set,
						  max(first, iopt_area_iova(area)),
						  min(to, iopt_area_last_iova(area)));
			dirty_test_delay("mapped");
			cond_resched();
		}
		up_read(&iopt->iova_rwsem);
		first = to + 1;
	} while (to != last);
}

/**
 * dirty_harvest_flush_late() - The flush that DIRTY_BREAK_EARLY_PUBLISH put off
 * @iopt: The IOAS's table
 */
void dirty_harvest_flush_late(struct io_pagetable *iopt)
{
	struct iommu_domain *domain;
	unsigned long index;

	down_read(&iopt->domains_rwsem);
	xa_for_each(&iopt->domains, index, domain)
		iommu_flush_iotlb_all(domain);
	up_read(&iopt->domains_rwsem);
}
