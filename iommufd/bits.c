// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads dirty bits out of the page table of a domain: the *iommu* source.
 *
 * A driver's read_and_clear_dirty() clears the D bit of each leaf that it meets, but
 * records (address as passed, size of the leaf) and continues at that address plus that
 * size. A call that begins inside a leaf therefore loses the part before it and may step
 * over smaller leaves that follow. So:
 *
 *  - a call never begins in the middle of a leaf (step_widen(), dirty_leaf_end());
 *  - no other harvest takes the same leaves at the same time: a step is widened to
 *    the borders of leaves, and steps that overlap exclude one another (step.c);
 *  - a leaf that reaches beyond the range is recorded as a whole; what a READ
 *    will not deliver is pending before the step ends;
 *  - a hole is never walked, and neither is an area that is being set up or torn
 *    down (area->pages is NULL).
 *
 * Flush: see harvest.c.
 */
#include <linux/iommu.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/time64.h>

#include "bits.h"
#include "domain.h"
#include "gather.h"
#include "platform/platform.h"
#include "step.h"
#include "test.h"
#include "trace.h"
#include "tracker.h"
#include "walk.h"

/* How long a step should take, and how small and how large it may be */
#define STEP_NS (1 * NSEC_PER_MSEC)
#define STEP_MIN ((unsigned long)SZ_2M)
#define STEP_MAX ((unsigned long)SZ_8G)

/* The part [first, last] of the window, which is mapped in the domain and stays so. */
static int read_mapped(struct harvest *h, unsigned long first, unsigned long last)
{
	struct iommufd_dirty_domain *dd = h->dd;
	bool peek = h->flags & DIRTY_HARVEST_PEEK;
	bool done;
	int rc;

	dirty_walk_choose(dd, first, last);
	if (h->flags & DIRTY_HARVEST_SPLIT) {
		struct iommu_dirty_bitmap dirty = {
			.bitmap = dirty_window_bitmap(&h->window),
			.gather = &h->flush,
		};

		return dirty_walk_split(dd, first, last, &dirty);
	}
	if (h->flags & DIRTY_HARVEST_JOIN)
		return dirty_walk_join(dd, first, last, &h->flush);
	if (h->flags & DIRTY_HARVEST_DISCARD)
		return dirty_leaf_read(h, first, last, true, &h->flush);

	if (READ_ONCE(dd->record) == IOMMUFD_DIRTY_RECORD_UNKNOWN) {
		rc = dirty_gather_learn(h, &first, last, &done);
		if (rc || done)
			return rc;
	}
	if (READ_ONCE(dd->record) == IOMMUFD_DIRTY_RECORD_GATHER)
		return dirty_gather_read(h, first, last);
	return dirty_leaf_read(h, first, last, !peek, &h->flush);
}

/* ---- Pages that are locked ---- */

static bool pages_are_locked(const struct harvest *h, struct iopt_pages *pages)
{
	return iopt_is_dmabuf(pages) || h->flags & DIRTY_HARVEST_JOIN;
}

/*
 * The owner of a dma-buf may revoke its pages at any time: iopt_revoke_notify() takes them
 * out of the domains, tables of leaves included, under their mutex alone, since it is
 * called with locks of vfio's from which no lock of an IOAS can be taken. So who looks at
 * leaves of such pages holds that mutex; otherwise it would walk tables that were freed, or
 * write back a leaf that was taken away. So does who joins leaves, since others look at the
 * leaves of pages that stay mapped under that mutex, too. Return: false if they were revoked:
 * for good, with what their leaves had.
 */
static bool pages_hold(const struct harvest *h, struct iopt_pages *pages)
{
	if (!pages_are_locked(h, pages))
		return true;
	mutex_lock(&pages->mutex);
	if (!iopt_dmabuf_revoked(pages) || dirty_test_break(DIRTY_BREAK_REVOKED))
		return true;
	mutex_unlock(&pages->mutex);
	return false;
}

static void pages_release(const struct harvest *h, struct iopt_pages *pages)
{
	if (pages_are_locked(h, pages))
		mutex_unlock(&pages->mutex);
}

/*
 * What was written before the revoke is not known any more, nor which READ has had it: as
 * long as the area is mapped, it is reported.
 */
static void read_revoked(struct harvest *h, struct iopt_area *area,
			 unsigned long first, unsigned long last)
{
	unsigned long largest = h->window.largest;

	if (h->flags & (DIRTY_HARVEST_DISCARD | DIRTY_HARVEST_LEAVES) ||
	    !(area->iommu_prot & IOMMU_WRITE))
		return;
	h->window.first = first;
	h->window.last = last;
	dirty_window_record(&h->window, first, last - first + 1);
	/* That is of leaves */
	h->window.largest = largest;
}

/*
 * A piece of the part [first, *last] of the window, which is @area or begins with it; all of
 * that if it is small. *last is the end of the piece.
 */
static int read_area(struct harvest *h, struct iopt_area *area,
		     struct iopt_pages *pages, unsigned long first,
		     unsigned long *last)
{
	int rc;

	if (!pages_hold(h, pages)) {
		read_revoked(h, area, first, *last);
		return 0;
	}
	*last = dirty_leaf_end(h, first, *last, HARVEST_STEP - first % HARVEST_STEP);
	rc = read_mapped(h, first, *last);
	pages_release(h, pages);
	return rc;
}

/**
 * dirty_bits_flush() - Have the IOTLB forget what was cleared
 * @h: The harvest
 */
void dirty_bits_flush(struct harvest *h)
{
	struct iommu_domain *domain = h->domain;
	/* iotlb_sync() may tell hardware that only leaves have changed, not tables */
	bool all = h->dd->platform->flush_all ||
		   h->flags & (DIRTY_HARVEST_DISCARD | DIRTY_HARVEST_SPLIT);

	/* When tracking begins, others may have cleared bits and not flushed them */
	if (h->flags & DIRTY_HARVEST_PEEK ||
	    (dirty_gather_is_empty(&h->flush) && !(h->flags & DIRTY_HARVEST_DISCARD)))
		return;
	if (!dirty_test_break(DIRTY_BREAK_EARLY_PUBLISH) &&
	    !dirty_test_break(DIRTY_BREAK_NO_FLUSH)) {
		dirty_test_delay("flush");
		if (all)
			iommu_flush_iotlb_all(domain);
		else
			iommu_iotlb_sync(domain, &h->flush);
		trace_dirty_flush(dirty_domain_id(h->dd), all, h->flush.start,
				  h->flush.end);
	}
	iommu_iotlb_gather_init(&h->flush);
}

static bool harvest_killed(const struct harvest *h)
{
	return !(h->flags & DIRTY_HARVEST_LAST) && fatal_signal_pending(current);
}

/* ---- Dirty bits, step by step ---- */

/* dirty_leaf_block() in an area; if its pages were revoked, @start and @end stay as they are. */
static void area_block(const struct harvest *h, struct iopt_area *area,
		       struct iopt_pages *pages, unsigned long iova,
		       unsigned long *start, unsigned long *end)
{
	if (!pages_hold(h, pages))
		return;
	dirty_leaf_block(h, iopt_area_iova(area), iopt_area_last_iova(area), iova, start, end);
	pages_release(h, pages);
}

/* Widen the step, which begins in @area, to the borders of leaves at its ends. */
static void step_widen(const struct harvest *h, struct iopt_area *area,
		       struct dirty_step *step)
{
	unsigned long first = step->first, last = step->last, other;

	if (dirty_test_break(DIRTY_BREAK_MID_LEAF))
		return;
	if (area->pages && iopt_area_iova(area) < first)
		area_block(h, area, area->pages, first, &step->first, &other);
	if (iopt_area_last_iova(area) < last)
		area = iopt_area_iter_first(h->iopt, last, last);
	if (area && area->pages && iopt_area_last_iova(area) > last)
		area_block(h, area, area->pages, last, &other, &step->last);
}

/* What the caller will not deliver is pending, flushed, before the step ends. */
static void step_publish(struct harvest *h, const struct dirty_step *step)
{
	if (h->flags & (DIRTY_HARVEST_PEEK | DIRTY_HARVEST_DISCARD))
		return;
	if (h->flags & DIRTY_HARVEST_JOIN) {
		dirty_bits_flush(h);
		return;
	}
	if (h->flags & (DIRTY_HARVEST_LAST | DIRTY_HARVEST_SPLIT)) {
		if (dirty_test_break(DIRTY_BREAK_LATE_PUBLISH))
			return;
		dirty_bits_flush(h);
		dirty_store_publish(h->store, h->window.set);
	} else if (step->first < h->range->own_first ||
		   step->last > h->range->own_last) {
		dirty_bits_flush(h);
		dirty_store_publish_outside(h->store, h->window.set,
					    h->range->own_first,
					    h->range->own_last);
	}
}

/*
 * The window is @area, or all areas from there on that are mapped without a hole between
 * them, up to the one that has @enough: no leaf reaches from one area into another, so it
 * makes no difference to the driver, and to call it takes longer than to read a leaf. Areas
 * whose pages may be revoked, or come or go, are windows of their own, and so is each one in
 * which leaves are joined: it may be unmapped by itself. Return: the last area of the window,
 * with the one after it in @next.
 */
static struct iopt_area *window_open(struct harvest *h, struct iopt_area *area,
				     unsigned long first, unsigned long last,
				     unsigned long enough, struct iopt_area **next)
{
	bool alone = !area->pages || iopt_is_dmabuf(area->pages) ||
		     (h->flags & DIRTY_HARVEST_JOIN &&
		      !dirty_test_break(DIRTY_BREAK_JOIN_AREAS));

	h->window.first = iopt_area_iova(area);
	for (;;) {
		h->window.last = iopt_area_last_iova(area);
		*next = iopt_area_iter_next(area, first, last);
		if (alone || h->window.last >= enough || !*next || !(*next)->pages ||
		    iopt_is_dmabuf((*next)->pages) ||
		    iopt_area_iova(*next) != h->window.last + 1)
			return area;
		area = *next;
	}
}

/*
 * Maps and unmaps wait for a step, so the steps of a domain become smaller when they take
 * long, and larger when they are quick, unless little of the @span that they had is @mapped.
 * Steps that run at the same time may undo what the other did.
 */
static void step_adapt(struct iommufd_dirty_domain *dd, unsigned long span,
		       unsigned long mapped, u64 ns)
{
	unsigned long size = READ_ONCE(dd->step_size), old = size;

	if (ns < STEP_NS / 4 && size < STEP_MAX &&
	    (size < DIRTY_STEP_BEGIN || mapped >= size / 2))
		size *= 2;
	/* It may have ended early */
	if (ns > STEP_NS && span < size)
		size = max(roundup_pow_of_two(span), STEP_MIN);
	for (; ns > STEP_NS && size > STEP_MIN; ns /= 2)
		size /= 2;
	if (size != old)
		WRITE_ONCE(dd->step_size, size);
}

/*
 * Should a step end before its time, between two pieces? Someone waits, or where large leaves
 * are followed by small ones, it has become long.
 */
static bool step_is_over(const struct harvest *h, u64 since)
{
	return need_resched() || rwsem_is_contended(&h->iopt->iova_rwsem) ||
	       rwsem_is_contended(&h->iopt->domains_rwsem) ||
	       rwsem_is_contended(&h->dd->change) || ktime_get_ns() - since > STEP_NS;
}

/* Read a step, piece by piece, up to its end or *reached. */
static int step_read(struct harvest *h, struct iopt_area *area,
		     const struct dirty_step *step, unsigned long first,
		     unsigned long last, unsigned long *reached)
{
	unsigned long at = step->first, mapped = 0;
	u64 since = ktime_get_ns();
	int rc = 0;

	while (area) {
		struct iopt_area *last_area, *next;
		unsigned long from, to;

		last_area = window_open(h, area, first, last,
					max(at, iopt_area_iova(area)) | (HARVEST_STEP - 1),
					&next);
		from = max(at, h->window.first);
		to = min(step->last, h->window.last);
		if (area->pages) {
			rc = read_area(h, area, area->pages, from, &to);
			mapped += to - from + 1;
		} else {
			h->skipped = true;
		}
		if (harvest_killed(h))
			rc = -EINTR;
		if (rc)
			break;
		/* The rest of the window is of its last area */
		area = to < min(step->last, h->window.last) ? last_area : next;
		at = to + 1;
		/* Not before what the caller wants: a step may begin a good deal earlier */
		if (area && to >= first && step_is_over(h, since)) {
			*reached = to;
			break;
		}
	}
	step_adapt(h->dd, *reached - step->first, mapped, ktime_get_ns() - since);
	return rc;
}

/**
 * dirty_bits_step() - Take dirty bits of all areas in a range
 * @h: The harvest; iova_rwsem is held for read
 * @area: The area that has @first
 * @first: First byte
 * @end: Last byte. Out: that of the leaf it is in, which is done, too; or of one before, if
 *	someone waits or the step has become long
 *
 * Return: -EINTR when killed, or the driver's error.
 */
int dirty_bits_step(struct harvest *h, struct iopt_area *area, unsigned long first,
		    unsigned long *end)
{
	struct dirty_step step = { .first = first, .last = *end };
	unsigned long reached;
	int rc;

	step_widen(h, area, &step);
	rc = dirty_step_begin(h->dd, &step, !(h->flags & DIRTY_HARVEST_LAST));
	if (rc)
		return rc;
	reached = step.last;
	rc = step_read(h, area, &step, first, *end, &reached);
	dirty_test_delay("step");
	step_publish(h, &step);
	dirty_step_end(h->dd, &step);
	*end = reached;
	return rc;
}

/* ---- Unmap ---- */

/**
 * dirty_bits_read_hidden() - Take dirty bits of an area that is being unmapped
 * @h: The harvest
 * @unmap: Its area is hidden from all others: there is no need for a step
 *
 * Return: The driver's error. It cannot be killed.
 */
int dirty_bits_read_hidden(struct harvest *h, const struct iommufd_dirty_unmap *unmap)
{
	struct iopt_area *area = unmap->area;
	unsigned long first = iopt_area_iova(area);
	unsigned long last = iopt_area_last_iova(area);
	int rc;

	h->window.first = first;
	h->window.last = last;
	for (;;) {
		unsigned long to = last;

		rc = read_area(h, area, unmap->pages, first, &to);
		if (rc || to == last)
			return rc;
		first = to + 1;
		cond_resched();
	}
}
