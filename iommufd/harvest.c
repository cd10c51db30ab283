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
 * that can be learned. Looking at small enough blocks without clearing finds the
 * leaves, which are cleared one at a time. Which of the two a driver is shows at the
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
#define HARVEST_STEP ((unsigned long)SZ_1G)
/* How much is looked at in one piece at first, where only the gather tells */
#define GATHER_STEP SZ_2M

/**
 * struct harvest - One harvest of one domain
 * @iopt: The IOAS's table; domains_rwsem is held for read
 * @dd: The source
 * @domain: Its domain, or the one that is exchanged for it
 * @window: Where dirt goes
 * @flush: What has to be flushed; the driver adds to it
 * @flags: enum iommufd_dirty_harvest_flags
 * @step: How much is looked at in one piece where only the gather tells
 * @skipped: An area was passed over because its pages come or go
 */
struct harvest {
	struct io_pagetable *iopt;
	struct iommufd_dirty_domain *dd;
	struct iommu_domain *domain;
	struct dirty_window window;
	struct iommu_iotlb_gather flush;
	unsigned int flags;
	unsigned long step;
	bool skipped;
};

static bool gather_is_empty(const struct iommu_iotlb_gather *gather)
{
	return gather->start > gather->end;
}

/*
 * The largest block around @iova that could be one leaf, if the leaf is one that
 * maps [first, last]: no leaf reaches across its ends. Leaves are powers of two,
 * aligned to their size both in IOVA and in physical memory, so this follows from
 * alignment and from where the ends of a block point. It begins at @iova, which
 * is a border of pages, when there is only one page.
 */
static void leaf_block(const struct harvest *h, unsigned long first,
		       unsigned long last, unsigned long iova,
		       unsigned long *start, unsigned long *end)
{
	struct iommu_domain *domain = h->domain;
	unsigned long sizes = domain->pgsize_bitmap;
	unsigned long differ;
	phys_addr_t phys;

	*start = iova;
	*end = iova | (BIT(__ffs(sizes)) - 1);
	/* Then none was mapped larger: the option is refused to an IOAS in use */
	if (h->iopt->disable_large_pages)
		return;
	phys = iommu_iova_to_phys(domain, iova);
	/* A block of this size and more is not aligned in the same way */
	differ = phys ^ iova;
	if (differ)
		sizes &= (BIT(__ffs(differ)) << 1) - 1;
	while (sizes) {
		unsigned long mask = BIT(__fls(sizes)) - 1;
		unsigned long base = iova & ~mask;

		sizes &= mask;
		if (base < first || last - base < mask)
			continue;
		if (iommu_iova_to_phys(domain, base) == phys - (iova - base) &&
		    iommu_iova_to_phys(domain, base + mask) == (phys | mask)) {
			*start = base;
			*end = base + mask;
			return;
		}
	}
}

/* Highest address at or below @iova that no leaf of [first, last] reaches across */
static unsigned long leaf_start(const struct harvest *h, unsigned long first,
				unsigned long last, unsigned long iova)
{
	unsigned long start, end;

	if (iova == first || dirty_test_break(DIRTY_BREAK_MID_LEAF))
		return iova;
	leaf_block(h, first, last, iova, &start, &end);
	return start;
}

/* One call of the driver; records go to the window and to @gather. */
static int driver_read(struct harvest *h, unsigned long first,
		       unsigned long last, bool clear,
		       struct iommu_iotlb_gather *gather)
{
	struct iommu_domain *domain = h->domain;
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

/*
 * Take the one leaf that begins at @first, if it is dirty; @last is its end on
 * return. @found may be NULL.
 */
static int gather_leaf(struct harvest *h, unsigned long first,
		       unsigned long *last, bool *found)
{
	struct iommu_iotlb_gather gather;
	int rc;

	*last = first + PAGE_SIZE - 1;
	iommu_iotlb_gather_init(&gather);
	rc = driver_read(h, first, *last, !(h->flags & IOMMUFD_DIRTY_PEEK),
			 &gather);
	if (found)
		*found = !gather_is_empty(&gather);
	if (gather_is_empty(&gather))
		return rc;
	*last = gather.end;
	dirty_window_record(&h->window, first, *last - first + 1);
	iommu_iotlb_gather_add_range(&h->flush, first, *last - first + 1);
	return rc;
}

/*
 * Look at a block, take the first dirty leaf of it, and look at what is between
 * that and the last one: what lies outside of the two is clean. A block that
 * has one dirty leaf at most costs one look, so blocks grow where all is clean,
 * and shrink where there is more.
 */
static int read_gather(struct harvest *h, struct iopt_area *area,
		       unsigned long first, unsigned long last)
{
	unsigned long area_first = iopt_area_iova(area);
	unsigned long area_last = iopt_area_last_iova(area);
	/* Of the last block that had several: the last dirty byte, and its end */
	unsigned long dirty_last = 0, looked = 0;
	bool several = false;

	for (;;) {
		unsigned long limit = several ? dirty_last : last;
		unsigned long start, end, from, to;
		bool page, found;
		int rc = 0;

		end = limit;
		if (limit - first >= h->step) {
			leaf_block(h, area_first, area_last,
				   first + h->step - 1, &start, &end);
			end = min(end, limit);
		}
		from = first;
		to = end;
		/* A page is taken without a look. */
		page = end - first < PAGE_SIZE;
		found = page;
		if (!page)
			rc = driver_probe(h, &from, &to, &found);
		if (!rc && found)
			rc = gather_leaf(h, from, &from, page ? &found : NULL);
		if (rc)
			return rc;
		if (!found) {
			h->step = min(h->step * 2, HARVEST_STEP);
		} else if (from < to) {
			h->step = max(h->step / 2, PAGE_SIZE);
			if (!several) {
				several = true;
				dirty_last = to;
				looked = end;
			}
			end = from;
		}
		if (several && end >= dirty_last) {
			several = false;
			end = max(end, looked);
		}
		if (end >= last)
			return 0;
		first = end + 1;
	}
}

/* The part [first, last] of @area, which is mapped in the domain and stays so. */
static int read_area(struct harvest *h, struct iopt_area *area,
		     unsigned long first, unsigned long last)
{
	struct iommufd_dirty_domain *dd = h->dd;
	bool peek = h->flags & IOMMUFD_DIRTY_PEEK;
	unsigned long seen = h->window.records;
	u64 bytes = h->window.bytes;
	bool found;
	int rc;

	h->window.first = iopt_area_iova(area);
	h->window.last = iopt_area_last_iova(area);
	first = leaf_start(h, h->window.first, h->window.last, first);

	if (h->flags & IOMMUFD_DIRTY_DISCARD)
		return driver_read(h, first, last, true, &h->flush);

	if (READ_ONCE(dd->record) == IOMMUFD_DIRTY_RECORD_UNKNOWN) {
		rc = driver_probe(h, &first, &last, &found);
		if (rc || !found)
			return rc;
		/* What is there, from the first leaf to the last, is read again */
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
	struct iommu_domain *domain = h->domain;

	if (h->flags & IOMMUFD_DIRTY_PEEK || gather_is_empty(&h->flush) ||
	    dirty_test_break(DIRTY_BREAK_EARLY_PUBLISH | DIRTY_BREAK_NO_FLUSH))
		return;
	if (h->dd->platform->sync_pgsize)
		h->flush.pgsize = iommufd_dirty_domain_granule(h->dd);
	iommu_iotlb_sync(domain, &h->flush);
}

static void harvest_begin(struct harvest *h, struct io_pagetable *iopt,
			  struct iommufd_dirty_domain *dd,
			  struct iommu_domain *domain, unsigned int flags,
			  struct dirty_set *set)
{
	*h = (struct harvest){
		.iopt = iopt,
		.dd = dd,
		.domain = domain,
		.flags = flags,
		.step = GATHER_STEP,
	};
	dirty_window_init(&h->window, set);
	iommu_iotlb_gather_init(&h->flush);
}

static void harvest_end(struct harvest *h, u64 start_ns)
{
	struct iommufd_dirty_domain *dd = h->dd;

	if (h->flags & IOMMUFD_DIRTY_DISCARD)
		return;
	atomic64_add(h->window.bytes, &dd->count.bytes);
	atomic64_inc(&dd->count.harvests);
	atomic64_add(ktime_get_ns() - start_ns, &dd->count.harvest_ns);
	if (dd->kind == IOMMU_DIRTY_SOURCE_IOMMU && h->domain == dd->domain &&
	    h->window.largest > READ_ONCE(dd->largest))
		WRITE_ONCE(dd->largest, h->window.largest);
}

/* A domain that was exchanged goes on tracking, whatever the plan has now. */
static u8 harvest_kind(const struct harvest *h)
{
	return h->domain == h->dd->old ? IOMMU_DIRTY_SOURCE_IOMMU :
					 READ_ONCE(h->dd->kind);
}

static int harvest_one(struct harvest *h, unsigned long first,
		       unsigned long *reached)
{
	struct iommufd_dirty_domain *dd = h->dd;
	u64 start_ns = ktime_get_ns();
	u8 kind = harvest_kind(h);
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
		if (dd->first <= first && dd->last >= *reached)
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
		harvest_begin(&h, iopt, dd, domain, flags, set);
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

static void harvest_last(struct iommufd_dirty_tracker *tracker,
			 struct iommufd_dirty_domain *dd,
			 struct iommu_domain *domain)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	unsigned long first = 0, reached;
	struct dirty_set set;
	struct harvest h;

	dirty_set_init(&set, tracker->shift);
	for (;;) {
		reached = ULONG_MAX;
		harvest_begin(&h, iopt, dd, domain, IOMMUFD_DIRTY_NOFAIL, &set);
		harvest_one(&h, first, &reached);
		if (reached == ULONG_MAX)
			break;
		first = reached + 1;
	}
	iommufd_dirty_publish(tracker, &set);
}

/**
 * iommufd_dirty_harvest_old - The last harvest of a domain that was exchanged
 * @tracker: A tracker that runs
 * @dd: The source; domains_rwsem is held for read. No device is in dd->old
 */
void iommufd_dirty_harvest_old(struct iommufd_dirty_tracker *tracker,
			       struct iommufd_dirty_domain *dd)
{
	if (dd->old)
		harvest_last(tracker, dd, dd->old);
}

/**
 * iommufd_dirty_harvest_domain - The last harvest of a source
 * @tracker: A tracker that runs
 * @dd: The source, without devices and about to be unfilled; domains_rwsem is
 *	held for read
 */
void iommufd_dirty_harvest_domain(struct iommufd_dirty_tracker *tracker,
				  struct iommufd_dirty_domain *dd)
{
	iommufd_dirty_harvest_old(tracker, dd);
	harvest_last(tracker, dd, dd->domain);
}

/**
 * iommufd_dirty_discard - Clear the dirty bits of a domain that no device is in
 * @iopt: Of the IOAS
 * @dd: The source that the domain is to be for
 * @domain: The domain, filled
 *
 * Return: -EINTR when killed, or the driver's error.
 */
int iommufd_dirty_discard(struct io_pagetable *iopt,
			  struct iommufd_dirty_domain *dd,
			  struct iommu_domain *domain)
{
	unsigned long first = 0, reached;
	struct harvest h;
	int rc;

	for (;;) {
		reached = ULONG_MAX;
		rc = down_read_killable(&iopt->domains_rwsem);
		if (rc)
			return rc;
		harvest_begin(&h, iopt, dd, domain, IOMMUFD_DIRTY_DISCARD, NULL);
		rc = harvest_areas(&h, IOMMU_DIRTY_SOURCE_IOMMU, first, &reached);
		harvest_flush(&h);
		up_read(&iopt->domains_rwsem);
		if (rc || reached == ULONG_MAX)
			return rc;
		first = reached + 1;
	}
}

static void mark_all(struct iommufd_dirty_tracker *tracker,
		     struct iommufd_dirty_domain *dd, u8 kind)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct dirty_set set;
	struct harvest h;

	dirty_set_init(&set, tracker->shift);
	harvest_begin(&h, iopt, dd, NULL, IOMMUFD_DIRTY_NOFAIL, &set);
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
	struct iommufd_dirty_tracker *tracker = iommufd_dirty_running(iopt);

	if (tracker)
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
	struct iommufd_dirty_tracker *tracker = iommufd_dirty_running(iopt);
	struct iommu_domain *domain;
	unsigned long index;
	struct dirty_set set;

	if (test_bit(IOMMUFD_DIRTY_SPLIT, &iopt->dirty.flags))
		iommufd_dirty_twin_note(iopt, iopt_area_iova(area),
					 iopt_area_last_iova(area));
	if (!tracker)
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
		harvest_begin(&h, iopt, dd, domain, IOMMUFD_DIRTY_NOFAIL, &set);
		if (harvest_kind(&h) == IOMMU_DIRTY_SOURCE_IOMMU) {
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
