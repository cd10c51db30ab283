// SPDX-License-Identifier: GPL-2.0-only
/*
 * Harvest: take dirt out of the domains into a dirty_set. Here live the *iommu*
 * source, which reads a domain's dirty bits, and the *mapped* source, which
 * takes all that is mapped writable for dirty. Devices' own logs are source.c's.
 *
 * Reading dirty bits. A driver's read_and_clear_dirty() clears the D bit of the
 * whole leaf that it meets, but records (address as passed, size of the leaf)
 * and steps on by that size. A call that begins inside a leaf therefore loses
 * the part before it and may step over smaller leaves that follow. So:
 *
 *  - a call begins where no leaf can reach across (leaf_start());
 *  - a leaf that reaches beyond the end is recorded as a whole; what is outside
 *    the window stays in the set, and from there goes to pending;
 *  - a hole is never walked, and neither is an area that is being set up or torn
 *    down (area->pages is NULL).
 *
 * Direct and gather. iommu_dirty_bitmap_record() feeds a bitmap and a flush
 * range. A driver that was built without CONFIG_IOMMUFD_DRIVER has no bitmap:
 * its flush range [start of the first dirty leaf, end of the last] is then all
 * that can be learned, and bisecting it without clearing finds the leaves,
 * which are cleared one at a time. Which of the two a driver is shows at the
 * first dirt, looked at without clearing.
 *
 * Flush. A bit that was cleared means nothing until the IOTLB has forgotten
 * that the page was dirty, because a device that writes through the old entry
 * does not set it again. So harvests return after the flush, with domains_rwsem
 * held until then.
 */
#include <linux/iommu.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "platform/platform.h"
#include "test.h"
#include "tracker.h"
#include "window.h"

/* How much address space is read under one hold of iova_rwsem */
#define HARVEST_STEP SZ_1G
/* How much is looked at in one piece where only the gather tells */
#define GATHER_STEP SZ_2M

/**
 * struct harvest - One harvest of one domain
 * @iopt: The IOAS's table; domains_rwsem is held for read
 * @dd: The domain
 * @window: Where dirt goes
 * @flush: What has to be flushed; the driver adds to it
 * @flags: enum iommufd_dirty_harvest_flags
 * @skipped: An area was passed over because its pages come or go
 */
struct harvest {
	struct io_pagetable *iopt;
	struct iommufd_dirty_domain *dd;
	struct dirty_window window;
	struct iommu_iotlb_gather flush;
	unsigned int flags;
	bool skipped;
};

static bool gather_is_empty(const struct iommu_iotlb_gather *gather)
{
	return gather->start > gather->end;
}

/*
 * Highest address at or below @iova that no leaf reaches across, if the leaf is
 * one that maps [first, last]. Leaves are powers of two, aligned to their size
 * both in IOVA and in physical memory; so the largest block around @iova that
 * could be one leaf, by alignment and by where it points, begins at a border.
 */
static unsigned long leaf_start(struct iommu_domain *domain, unsigned long first,
				unsigned long last, unsigned long iova)
{
	unsigned long sizes = domain->pgsize_bitmap;
	phys_addr_t phys;

	if (iova == first || dirty_test_break(DIRTY_BREAK_MID_LEAF))
		return iova;
	phys = iommu_iova_to_phys(domain, iova);
	while (sizes) {
		unsigned long mask = BIT(__fls(sizes)) - 1;
		unsigned long base = iova & ~mask;

		sizes &= mask;
		if (base < first || last - base < mask ||
		    ((phys ^ iova) & mask))
			continue;
		if (iommu_iova_to_phys(domain, base) == phys - (iova - base) &&
		    iommu_iova_to_phys(domain, base + mask) == (phys | mask))
			return base;
	}
	return iova;
}

/* One call of the driver; records go to the window and to @gather. */
static int driver_read(struct harvest *h, unsigned long first,
		       unsigned long last, bool clear,
		       struct iommu_iotlb_gather *gather)
{
	struct iommu_domain *domain = h->dd->domain;
	struct iommu_dirty_bitmap dirty = {
		.bitmap = h->window.set ? dirty_window_bitmap(&h->window) : NULL,
		.gather = gather,
	};

	return domain->dirty_ops->read_and_clear_dirty(domain, first,
						       last - first + 1,
						       clear ? 0 : IOMMU_DIRTY_NO_CLEAR,
						       &dirty);
}

/* Look without clearing: which part of the range holds all its dirty leaves? */
static int driver_probe(struct harvest *h, unsigned long *first,
			unsigned long *last, bool *found)
{
	struct iommu_iotlb_gather gather;
	int rc;

	iommu_iotlb_gather_init(&gather);
	rc = driver_read(h, *first, *last, false, &gather);
	*found = !gather_is_empty(&gather);
	if (*found) {
		*first = max(*first, gather.start);
		*last = gather.end;
	}
	return rc;
}

/* Take the one leaf that begins at @first; @last is its end on return. */
static int gather_leaf(struct harvest *h, unsigned long first,
		       unsigned long *last)
{
	struct iommu_iotlb_gather gather;
	int rc;

	*last = first + PAGE_SIZE - 1;
	iommu_iotlb_gather_init(&gather);
	rc = driver_read(h, first, *last, !(h->flags & IOMMUFD_DIRTY_PEEK),
			 &gather);
	if (gather_is_empty(&gather))
		return rc;
	*last = gather.end;
	dirty_window_record(&h->window, first, *last - first + 1);
	iommu_iotlb_gather_add_range(&h->flush, first, *last - first + 1);
	return rc;
}

static int gather_range(struct harvest *h, struct iopt_area *area,
			unsigned long first, unsigned long last)
{
	unsigned long area_first = iopt_area_iova(area);
	unsigned long area_last = iopt_area_last_iova(area);
	bool found;
	int rc;

	rc = driver_probe(h, &first, &last, &found);
	while (!rc && found) {
		/* A dirty leaf begins at first, another (or it) ends at last */
		unsigned long end, mid;

		rc = gather_leaf(h, first, &end);
		if (rc || end >= last)
			return rc;
		first = end + 1;
		mid = leaf_start(h->dd->domain, area_first, area_last,
				 first + (last - first) / 2);
		if (mid > first) {
			rc = gather_range(h, area, first, mid - 1);
			if (rc)
				return rc;
			first = mid;
		}
		rc = driver_probe(h, &first, &last, &found);
	}
	return rc;
}

static int read_gather(struct harvest *h, struct iopt_area *area,
		       unsigned long first, unsigned long last)
{
	int rc = 0;

	while (!rc && first <= last) {
		unsigned long end = last;

		if (last - first >= GATHER_STEP) {
			unsigned long next =
				leaf_start(h->dd->domain, iopt_area_iova(area),
					   iopt_area_last_iova(area),
					   first + GATHER_STEP);

			if (next > first)
				end = next - 1;
		}
		rc = gather_range(h, area, first, end);
		if (end == last)
			break;
		first = end + 1;
	}
	return rc;
}

/* The part [first, last] of @area, which is mapped in the domain and stays so. */
static int read_area(struct harvest *h, struct iopt_area *area,
		     unsigned long first, unsigned long last)
{
	struct iommufd_dirty_domain *dd = h->dd;
	bool peek = h->flags & IOMMUFD_DIRTY_PEEK;
	unsigned long seen = h->window.records;
	unsigned long from, to = last;
	bool found;
	int rc;

	h->window.first = iopt_area_iova(area);
	h->window.last = iopt_area_last_iova(area);
	first = leaf_start(dd->domain, h->window.first, h->window.last, first);

	if (h->flags & IOMMUFD_DIRTY_DISCARD)
		return driver_read(h, first, last, true, &h->flush);

	if (READ_ONCE(dd->record) == IOMMUFD_DIRTY_RECORD_UNKNOWN) {
		u64 bytes = h->window.bytes;

		from = first;
		rc = driver_probe(h, &from, &to, &found);
		if (rc || !found)
			return rc;
		/* What is there is read again below */
		h->window.bytes = bytes;
		WRITE_ONCE(dd->record, h->window.records != seen ?
					       IOMMUFD_DIRTY_RECORD_DIRECT :
					       IOMMUFD_DIRTY_RECORD_GATHER);
	}
	if (READ_ONCE(dd->record) == IOMMUFD_DIRTY_RECORD_GATHER)
		return read_gather(h, area, first, last);
	return driver_read(h, first, last, !peek, &h->flush);
}

static void mark_area(struct harvest *h, struct iopt_area *area,
		      unsigned long first, unsigned long last)
{
	if (h->flags & IOMMUFD_DIRTY_DISCARD ||
	    !(area->iommu_prot & IOMMU_WRITE))
		return;
	h->window.first = first;
	h->window.last = last;
	dirty_window_record(&h->window, first, last - first + 1);
}

static bool harvest_killed(const struct harvest *h)
{
	return !(h->flags & IOMMUFD_DIRTY_NOFAIL) &&
	       fatal_signal_pending(current);
}

/* What of [first, last] the logs of the domain's devices do not hold. */
static void mark_outside(struct harvest *h, struct iopt_area *area,
			 unsigned long first, unsigned long last)
{
	struct iommufd_dirty_domain *dd = h->dd;

	if ((first >= dd->first && last <= dd->last) ||
	    dirty_test_break(DIRTY_BREAK_NO_OUTSIDE))
		return;
	WRITE_ONCE(dd->outside, true);
	if (first < dd->first)
		mark_area(h, area, first, min(last, dd->first - 1));
	if (last > dd->last)
		mark_area(h, area, max(first, dd->last + 1), last);
}

/* One hold of iova_rwsem: all areas in [first, last]. */
static int harvest_step(struct harvest *h, u8 kind, unsigned long first,
			unsigned long last)
{
	struct iopt_area *area;
	int rc = 0;

	for (area = iopt_area_iter_first(h->iopt, first, last); area && !rc;
	     area = iopt_area_iter_next(area, first, last)) {
		unsigned long from = max(first, iopt_area_iova(area));
		unsigned long to = min(last, iopt_area_last_iova(area));

		if (kind == IOMMU_DIRTY_SOURCE_MAPPED)
			mark_area(h, area, from, to);
		else if (kind == IOMMU_DIRTY_SOURCE_DEVICE)
			mark_outside(h, area, from, to);
		else if (area->pages)
			rc = read_area(h, area, from, to);
		else
			h->skipped = true;
		if (harvest_killed(h))
			rc = -EINTR;
	}
	return rc;
}

/*
 * Harvest [first, *reached]. Ends early, with *reached set, when somebody waits
 * for domains_rwsem.
 */
static int harvest_areas(struct harvest *h, u8 kind, unsigned long first,
			 unsigned long *reached)
{
	unsigned long last = *reached;
	int rc = 0;

	while (!rc) {
		struct iopt_area *area;
		unsigned long to = last;

		down_read(&h->iopt->iova_rwsem);
		area = iopt_area_iter_first(h->iopt, first, last);
		if (area) {
			first = max(first, iopt_area_iova(area));
			to = min(last, first | (HARVEST_STEP - 1));
			rc = harvest_step(h, kind, first, to);
		}
		up_read(&h->iopt->iova_rwsem);
		if (to == last)
			break;
		first = to + 1;
		if (rwsem_is_contended(&h->iopt->domains_rwsem)) {
			*reached = to;
			break;
		}
		cond_resched();
	}
	return rc;
}

static void harvest_flush(struct harvest *h)
{
	struct iommu_domain *domain = h->dd->domain;

	if (h->flags & IOMMUFD_DIRTY_PEEK || gather_is_empty(&h->flush) ||
	    dirty_test_break(DIRTY_BREAK_EARLY_PUBLISH | DIRTY_BREAK_NO_FLUSH))
		return;
	if (h->dd->platform->sync_pgsize)
		h->flush.pgsize = iommufd_dirty_domain_granule(h->dd);
	iommu_iotlb_sync(domain, &h->flush);
}

static void harvest_begin(struct harvest *h, struct io_pagetable *iopt,
			  struct iommufd_dirty_domain *dd, unsigned int flags,
			  struct dirty_set *set)
{
	*h = (struct harvest){ .iopt = iopt, .dd = dd, .flags = flags };
	dirty_window_init(&h->window, set);
	iommu_iotlb_gather_init(&h->flush);
}

static void harvest_end(struct harvest *h, u64 start_ns)
{
	struct iommufd_dirty_domain *dd = h->dd;

	if (h->flags & IOMMUFD_DIRTY_DISCARD)
		return;
	atomic64_add(h->window.bytes, &dd->bytes);
	atomic64_inc(&dd->harvests);
	atomic64_add(ktime_get_ns() - start_ns, &dd->harvest_ns);
	if (dd->kind == IOMMU_DIRTY_SOURCE_IOMMU &&
	    h->window.largest > READ_ONCE(dd->largest))
		WRITE_ONCE(dd->largest, h->window.largest);
}

static int harvest_one(struct harvest *h, unsigned long first,
		       unsigned long *reached)
{
	struct iommufd_dirty_domain *dd = h->dd;
	u64 start_ns = ktime_get_ns();
	u8 kind = READ_ONCE(dd->kind);
	int rc = 0;

	switch (kind) {
	case IOMMU_DIRTY_SOURCE_IOMMU:
		rc = harvest_areas(h, kind, first, reached);
		harvest_flush(h);
		if (rc && rc != -EINTR) {
			iommufd_dirty_domain_fail(dd);
			rc = harvest_areas(h, IOMMU_DIRTY_SOURCE_MAPPED, first,
					   reached);
		}
		break;
	case IOMMU_DIRTY_SOURCE_DEVICE:
		if (dd->first == 0 && dd->last == ULONG_MAX)
			break;
		fallthrough;
	case IOMMU_DIRTY_SOURCE_MAPPED:
		rc = harvest_areas(h, kind, first, reached);
		break;
	}
	harvest_end(h, start_ns);
	return rc;
}

/* All domains, from @first up to *reached or to where somebody waits. */
static int harvest_domains(struct iommufd_dirty_tracker *tracker,
			   unsigned long first, unsigned long *reached,
			   unsigned int flags, struct dirty_set *set,
			   bool *skipped)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommu_domain *domain;
	unsigned long index;
	int rc;

	rc = down_read_killable(&iopt->domains_rwsem);
	if (rc)
		return rc;
	xa_for_each(&iopt->domains, index, domain) {
		struct iommufd_dirty_domain *dd;
		struct harvest h;

		dd = iommufd_dirty_domain_find(iopt, domain);
		if (!dd)
			continue;
		harvest_begin(&h, iopt, dd, flags, set);
		rc = harvest_one(&h, first, reached);
		*skipped |= h.skipped;
		if (rc)
			break;
	}
	up_read(&iopt->domains_rwsem);
	return rc;
}

/**
 * iommufd_dirty_harvest - Harvest a range of the IOAS from all sources
 * @tracker: The tracker; read_mutex is held, nothing else
 * @first: First byte
 * @last: Last byte, inclusive
 * @flags: enum iommufd_dirty_harvest_flags
 * @set: Where dirt goes, NULL to discard it. It may get dirt from outside the
 *	range, and has what was taken before an error
 *
 * On return every bit in @set has been flushed, and no unmap that was there
 * when the harvest met its area is still about to publish dirt.
 *
 * Return: -EINTR when killed. A source that fails is degraded instead.
 */
int iommufd_dirty_harvest(struct iommufd_dirty_tracker *tracker,
			  unsigned long first, unsigned long last,
			  unsigned int flags, struct dirty_set *set)
{
	bool skipped = false;
	int rc;

	for (;;) {
		unsigned long reached = last;

		rc = harvest_domains(tracker, first, &reached, flags, set,
				     &skipped);
		if (rc || reached == last)
			break;
		first = reached + 1;
	}
	if (!rc && skipped) {
		rc = down_write_killable(&tracker->unmap_sem);
		if (!rc)
			up_write(&tracker->unmap_sem);
	}
	return rc;
}

/**
 * iommufd_dirty_harvest_domain - The last harvest of a domain
 * @tracker: A tracker that runs
 * @dd: The domain, without devices and about to be unfilled; domains_rwsem is
 *	held for read
 */
void iommufd_dirty_harvest_domain(struct iommufd_dirty_tracker *tracker,
				  struct iommufd_dirty_domain *dd)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	unsigned long first = 0, reached;
	struct dirty_set set;
	struct harvest h;

	dirty_set_init(&set, tracker->shift);
	for (;;) {
		reached = ULONG_MAX;
		harvest_begin(&h, iopt, dd, IOMMUFD_DIRTY_NOFAIL, &set);
		harvest_one(&h, first, &reached);
		if (reached == ULONG_MAX)
			break;
		first = reached + 1;
	}
	iommufd_dirty_publish(tracker, &set);
}

static void mark_all(struct iommufd_dirty_tracker *tracker,
		     struct iommufd_dirty_domain *dd, u8 kind)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct dirty_set set;
	struct harvest h;

	dirty_set_init(&set, tracker->shift);
	harvest_begin(&h, iopt, dd, IOMMUFD_DIRTY_NOFAIL, &set);
	down_read(&iopt->iova_rwsem);
	harvest_step(&h, kind, 0, ULONG_MAX);
	up_read(&iopt->iova_rwsem);
	iommufd_dirty_publish(tracker, &set);
}

/**
 * iommufd_dirty_mark_mapped - Take all that is mapped writable for dirty, once
 * @tracker: The tracker; domains_rwsem is held
 */
void iommufd_dirty_mark_mapped(struct iommufd_dirty_tracker *tracker)
{
	if (!dirty_test_break(DIRTY_BREAK_NO_MARK))
		mark_all(tracker, NULL, IOMMU_DIRTY_SOURCE_MAPPED);
}

/**
 * iommufd_dirty_mark_outside - Take what is mapped outside of the logs of a
 *	domain's devices for dirty, once
 * @tracker: The tracker; domains_rwsem is held
 * @dd: The domain, whose kind is DEVICE
 */
void iommufd_dirty_mark_outside(struct iommufd_dirty_tracker *tracker,
				struct iommufd_dirty_domain *dd)
{
	if (dd->first || dd->last != ULONG_MAX)
		mark_all(tracker, dd, IOMMU_DIRTY_SOURCE_DEVICE);
}

/**
 * iommufd_dirty_unmap_begin - An area is about to be hidden from harvests
 * @iopt: Its table; domains_rwsem (read) and iova_rwsem (write) are held
 *
 * A READ that meets the area hidden waits until iommufd_dirty_unmap_area() has
 * published its dirt.
 */
void iommufd_dirty_unmap_begin(struct io_pagetable *iopt)
{
	struct iommufd_dirty_tracker *tracker = iopt->dirty.tracker;

	if (tracker && tracker->running)
		down_read(&tracker->unmap_sem);
}

static int read_hidden_area(struct harvest *h, struct iopt_area *area)
{
	unsigned long first = iopt_area_iova(area);
	unsigned long last = iopt_area_last_iova(area);
	int rc;

	for (;;) {
		unsigned long to = min(last, first | (HARVEST_STEP - 1));

		rc = read_area(h, area, first, to);
		if (rc || to == last)
			return rc;
		first = to + 1;
		cond_resched();
	}
}

/* The logs go on having what was written to it, until they are harvested. */
static void area_gone(struct iommufd_dirty_tracker *tracker,
		      const struct iommufd_dirty_domain *dd,
		      struct iopt_area *area)
{
	unsigned long first = max(iopt_area_iova(area), dd->first);
	unsigned long last = min(iopt_area_last_iova(area), dd->last);

	if (first > last || !(area->iommu_prot & IOMMU_WRITE))
		return;
	mutex_lock(&tracker->pending_lock);
	dirty_set_add(&tracker->gone_next, first, last);
	mutex_unlock(&tracker->pending_lock);
}

/**
 * iommufd_dirty_unmap_area - Harvest an area before it is unmapped
 * @iopt: Its table; domains_rwsem is held for read since before
 *	iommufd_dirty_unmap_begin()
 * @area: The area, its pages hidden and still mapped in all domains
 */
void iommufd_dirty_unmap_area(struct io_pagetable *iopt, struct iopt_area *area)
{
	struct iommufd_dirty_tracker *tracker = iopt->dirty.tracker;
	struct iommu_domain *domain;
	unsigned long index;
	struct dirty_set set;

	if (!tracker || !tracker->running)
		return;
	dirty_set_init(&set, tracker->shift);
	xa_for_each(&iopt->domains, index, domain) {
		unsigned long first = iopt_area_iova(area);
		unsigned long last = iopt_area_last_iova(area);
		struct iommufd_dirty_domain *dd;
		u64 start_ns = ktime_get_ns();
		struct harvest h;

		dd = iommufd_dirty_domain_find(iopt, domain);
		if (!dd || dirty_test_break(DIRTY_BREAK_NO_UNMAP))
			continue;
		harvest_begin(&h, iopt, dd, IOMMUFD_DIRTY_NOFAIL, &set);
		if (READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_IOMMU) {
			if (read_hidden_area(&h, area))
				iommufd_dirty_domain_fail(dd);
			harvest_flush(&h);
		}
		if (READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_DEVICE) {
			mark_outside(&h, area, first, last);
			area_gone(tracker, dd, area);
		}
		if (READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_MAPPED ||
		    READ_ONCE(tracker->unmap_all))
			mark_area(&h, area, first, last);
		harvest_end(&h, start_ns);
	}
	iommufd_dirty_publish(tracker, &set);
	up_read(&tracker->unmap_sem);
}

/**
 * iommufd_dirty_flush_late - The flush that DIRTY_BREAK_EARLY_PUBLISH put off
 * @iopt: The IOAS's table
 */
void iommufd_dirty_flush_late(struct io_pagetable *iopt)
{
	struct iommu_domain *domain;
	unsigned long index;

	down_read(&iopt->domains_rwsem);
	xa_for_each(&iopt->domains, index, domain)
		iommu_flush_iotlb_all(domain);
	up_read(&iopt->domains_rwsem);
}
