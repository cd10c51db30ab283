// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads dirty bits out of the page table of a domain: the *iommu* source.
 *
 * A driver's read_and_clear_dirty() clears the D bit of each leaf that it meets, but
 * records (address as passed, size of the leaf) and continues at that address plus that
 * size. A call that begins inside a leaf therefore loses the part before it and may step
 * over smaller leaves that follow. So:
 *
 *  - a call never begins in the middle of a leaf (step_widen(), block_end());
 *  - no other harvest takes the same leaves at the same time: a step is widened to
 *    the borders of leaves, and steps that overlap exclude one another (step.c);
 *  - a leaf that reaches beyond the range is recorded as a whole; what a READ
 *    will not deliver is pending before the step ends;
 *  - a hole is never walked, and neither is an area that is being set up or torn
 *    down (area->pages is NULL).
 *
 * Direct and gather. iommu_dirty_bitmap_record() feeds a bitmap and a flush
 * range. A driver that was built without CONFIG_IOMMUFD_DRIVER has no bitmap:
 * its flush range [start of the first dirty leaf, end of the last] is then all
 * that can be learned. Looking at small enough blocks without clearing finds the
 * leaves, which are cleared one at a time. Which of the two a driver is shows at the
 * first dirty leaf, looked at without clearing. Where the tracker walks the table by
 * itself (walk.c), it reports like a driver of the first kind.
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
#include "platform/platform.h"
#include "step.h"
#include "test.h"
#include "trace.h"
#include "tracker.h"
#include "walk.h"

/* How long a step should take, and its smallest size */
#define STEP_NS (1 * NSEC_PER_MSEC)
#define STEP_MIN ((unsigned long)SZ_2M)
/* Looks between two chances for others to run */
#define GATHER_LOOKS 256
/* Clean leaves in a row until a look is better than to take leaf by leaf */
#define GATHER_TRIES 2
/* Leaves of the smallest block that is worth a look */
#define GATHER_LEAST 4

static bool gather_is_empty(const struct iommu_iotlb_gather *gather)
{
	return gather->start > gather->end;
}

/* Which sizes leaves may have: more than what is mapped now gets, during a split */
static unsigned long leaf_sizes(const struct harvest *h)
{
	if (DIRTY_WALKERS_BUILT && h->dd->leaves)
		return h->dd->wide;
	return h->domain->pgsize_bitmap;
}

/* disable_large_pages is refused to an IOAS with a domain and something mapped */
static bool leaves_are_equal(const struct harvest *h)
{
	return h->iopt->disable_large_pages || is_power_of_2(leaf_sizes(h));
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
	unsigned long sizes = leaf_sizes(h);
	unsigned long differ;
	phys_addr_t phys;

	*start = iova & ~(BIT(__ffs(sizes)) - 1);
	*end = iova | (BIT(__ffs(sizes)) - 1);
	if (leaves_are_equal(h))
		return;
	phys = iommu_iova_to_phys(domain, iova);
	/* No leaf is joined that is larger than this, nor need a step be for it */
	if (h->flags & DIRTY_HARVEST_JOIN)
		sizes &= (SZ_1G << 1) - 1;
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
		if ((iova == base ||
		     iommu_iova_to_phys(domain, base) == phys - (iova - base)) &&
		    (iova == base + mask ||
		     iommu_iova_to_phys(domain, base + mask) == (phys | mask))) {
			*start = base;
			*end = base + mask;
			return;
		}
	}
}

/* One call of the driver, or of a walker; records go to the window and to @gather. */
static int driver_read(struct harvest *h, unsigned long first,
		       unsigned long last, bool clear,
		       struct iommu_iotlb_gather *gather)
{
	struct iommu_domain *domain = h->domain;
	struct iommu_dirty_bitmap dirty = {
		.bitmap = h->window.set ? dirty_window_bitmap(&h->window) : NULL,
		.gather = gather,
	};
	unsigned long flags = clear ? 0 : IOMMU_DIRTY_NO_CLEAR;

	if (dirty_walk_is_ours(h->dd))
		return dirty_walk_read(h->dd, first, last, flags, &dirty);
	return domain->dirty_ops->read_and_clear_dirty(domain, first, last - first + 1,
						       flags, &dirty);
}

/* Where a block of about h->block from @first on ends: at the border of a leaf. */
static unsigned long block_end(const struct harvest *h, unsigned long first,
			       unsigned long limit)
{
	unsigned long start, end;

	if (limit - first < h->block)
		return limit;
	leaf_block(h, h->window.first, h->window.last, first + h->block - 1,
		   &start, &end);
	return min(end, limit);
}

/*
 * Blocks are made of whole leaves, of the size that was found last. They grow by a quarter
 * and shrink by half: to look again at the leaves of a block that has several dirty ones
 * takes longer than to look at a few small blocks.
 */
static void block_grow(struct harvest *h)
{
	h->block = min(roundup(h->block + h->block / 4, h->leaf), HARVEST_STEP);
}

static void block_shrink(struct harvest *h)
{
	unsigned long size = roundup(h->block / 2, h->leaf);

	h->block = min(max(size, GATHER_LEAST * h->leaf), HARVEST_STEP);
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
 * Take what is dirty in [first, last], which begins at the border of a leaf, as one
 * range: that is the leaf, if the range is a page of it. @end is its last byte if
 * @found. Inline, since a leaf takes hardly longer than a call of it.
 */
static __always_inline int gather_leaf(struct harvest *h, unsigned long first,
				       unsigned long last, unsigned long *end,
				       bool *found)
{
	struct iommu_iotlb_gather gather;
	int rc;

	iommu_iotlb_gather_init(&gather);
	rc = driver_read(h, first, last, !(h->flags & DIRTY_HARVEST_PEEK), &gather);
	*found = !gather_is_empty(&gather);
	if (!*found)
		return rc;
	first = max(first, gather.start);
	*end = gather.end;
	dirty_window_record(&h->window, first, *end - first + 1);
	iommu_iotlb_gather_add_range(&h->flush, first, *end - first + 1);
	return rc;
}

/**
 * struct gather_walk - Where in a run of areas a harvest by gather is
 * @first: Where to look next, at the border of a leaf
 * @last: Last byte to look at
 * @several: A block that was looked at has several dirty leaves, not all taken
 * @dirty_last: Last dirty byte of that block
 * @looked: Its last byte
 * @taken: Last byte of the leaf that was taken last
 * @tries: How many leaves to take without a look
 * @pages: Each leaf is a page
 */
struct gather_walk {
	unsigned long first;
	unsigned long last;
	bool several;
	unsigned long dirty_last;
	unsigned long looked;
	unsigned long taken;
	unsigned int tries;
	bool pages;
};

/*
 * A look has found the leaf that begins at @first dirty, and it is not any more. No
 * one should have cleared it; if it was, where it ends is not known, and to continue in
 * the middle of a leaf would lose that. So take all of the block as one.
 */
static noinline int gather_gone(struct harvest *h, unsigned long first,
				unsigned long limit, unsigned long *end)
{
	unsigned long start, last;
	bool found;
	int rc;

	leaf_block(h, h->window.first, h->window.last, first, &start, &last);
	/* What lies behind is another step's */
	last = min(last, limit);
	rc = gather_leaf(h, first, last, end, &found);
	*end = last;
	return rc;
}

/* What is dirty in the block [walk->first, *end] ends at @to; @leaf is taken. */
static void gather_taken(struct harvest *h, struct gather_walk *walk,
			 unsigned long leaf, unsigned long to, unsigned long *end)
{
	walk->taken = leaf;
	if (leaf >= to) {
		*end = max(*end, leaf);
		return;
	}
	block_shrink(h);
	if (!walk->several) {
		walk->several = true;
		walk->dirty_last = to;
		walk->looked = *end;
	}
	*end = leaf;
}

/*
 * Look at a block, take the first dirty leaf of it, and look at what is between
 * that and the last one: what lies outside of the two is clean. A block that
 * has one dirty leaf at most costs one look, so blocks grow where all is clean,
 * and shrink where there is more. Where dirty leaves touch, the next ones are taken
 * without a look. @end is the last byte that is done.
 */
static int gather_next(struct harvest *h, struct gather_walk *walk,
		       unsigned long *end)
{
	unsigned long from = walk->first, leaf, to;
	bool tried = walk->tries, found = false, looked;
	int rc = 0;

	if (tried) {
		rc = gather_leaf(h, from, from + PAGE_SIZE - 1, end, &found);
		if (found) {
			walk->tries = GATHER_TRIES;
			walk->taken = *end;
		}
		if (rc || found)
			return rc;
		walk->tries--;
		*end = from + PAGE_SIZE - 1;
		if (walk->pages)
			return 0;
	}
	*end = block_end(h, from, walk->several ? walk->dirty_last : walk->last);
	to = *end;
	looked = to - from >= PAGE_SIZE;
	if (looked)
		rc = driver_probe(h, &from, &to, &found);
	if (rc)
		return rc;
	/* A page is taken without a look, once */
	if (looked ? !found : tried)
		goto clean;
	rc = gather_leaf(h, from, from + PAGE_SIZE - 1, &leaf, &found);
	if (!rc && !found) {
		if (!looked)
			goto clean;
		rc = gather_gone(h, from, walk->last, &leaf);
	}
	if (rc)
		return rc;
	if (from == walk->taken + 1)
		walk->tries = GATHER_TRIES;
	h->leaf = leaf - from + 1;
	gather_taken(h, walk, leaf, to, end);
	return 0;

clean:
	block_grow(h);
	return 0;
}

static int read_gather(struct harvest *h, unsigned long first, unsigned long last)
{
	struct gather_walk walk = {
		.first = first,
		.last = last,
		.taken = last,
		.pages = leaves_are_equal(h) && h->domain->pgsize_bitmap & PAGE_SIZE,
	};
	unsigned int looks = 0;
	unsigned long end;
	int rc;

	for (;;) {
		rc = gather_next(h, &walk, &end);
		if (rc)
			return rc;
		if (walk.several && end >= walk.dirty_last) {
			walk.several = false;
			end = max(end, walk.looked);
		}
		if (end >= last)
			return 0;
		walk.first = end + 1;
		if (!(++looks % GATHER_LOOKS))
			cond_resched();
	}
}

/*
 * Which of the two is the driver? If there is a dirty leaf, @first is the first byte of the
 * first one then. Clean memory is looked at once, as it would be read.
 */
static int read_unknown(struct harvest *h, unsigned long *first,
			unsigned long last, bool *found)
{
	unsigned long seen = h->window.records;
	u64 bytes = h->window.bytes;
	int rc;

	rc = driver_probe(h, first, &last, found);
	if (rc || !*found)
		return rc;
	/* What is there is read again */
	h->window.bytes = bytes;
	WRITE_ONCE(h->dd->record, h->window.records != seen ?
					  IOMMUFD_DIRTY_RECORD_DIRECT :
					  IOMMUFD_DIRTY_RECORD_GATHER);
	return 0;
}

/* The part [first, last] of the window, which is mapped in the domain and stays so. */
static int read_mapped(struct harvest *h, unsigned long first, unsigned long last)
{
	struct iommufd_dirty_domain *dd = h->dd;
	bool peek = h->flags & DIRTY_HARVEST_PEEK;
	bool found;
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
		return driver_read(h, first, last, true, &h->flush);

	if (READ_ONCE(dd->record) == IOMMUFD_DIRTY_RECORD_UNKNOWN) {
		rc = read_unknown(h, &first, last, &found);
		if (rc || !found)
			return rc;
	}
	if (READ_ONCE(dd->record) == IOMMUFD_DIRTY_RECORD_GATHER)
		return read_gather(h, first, last);
	return driver_read(h, first, last, !peek, &h->flush);
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

/* The part [first, last] of the window, which is @area or begins with it. */
static int read_area(struct harvest *h, struct iopt_area *area,
		     struct iopt_pages *pages, unsigned long first,
		     unsigned long last)
{
	int rc;

	if (!pages_hold(h, pages)) {
		read_revoked(h, area, first, last);
		return 0;
	}
	rc = read_mapped(h, first, last);
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
	    (gather_is_empty(&h->flush) && !(h->flags & DIRTY_HARVEST_DISCARD)))
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

/* leaf_block() in an area; if its pages were revoked, @start and @end stay as they are. */
static void area_block(const struct harvest *h, struct iopt_area *area,
		       struct iopt_pages *pages, unsigned long iova,
		       unsigned long *start, unsigned long *end)
{
	if (!pages_hold(h, pages))
		return;
	leaf_block(h, iopt_area_iova(area), iopt_area_last_iova(area), iova, start, end);
	pages_release(h, pages);
}

/* Widen the step to the borders of leaves at its ends. */
static void step_widen(const struct harvest *h, struct dirty_step *step)
{
	unsigned long first = step->first, last = step->last, other;
	struct iopt_area *area;

	if (dirty_test_break(DIRTY_BREAK_MID_LEAF))
		return;
	area = iopt_area_iter_first(h->iopt, first, first);
	if (area && area->pages && iopt_area_iova(area) < first)
		area_block(h, area, area->pages, first, &step->first, &other);
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
 * them: no leaf reaches from one area into another, so it makes no difference to the driver,
 * and to call it takes longer than to read a leaf. Areas whose pages may be revoked, or
 * come or go, are windows of their own, and so is each one in which leaves are joined: it
 * may be unmapped by itself. Return: the first area after the window.
 */
static struct iopt_area *window_open(struct harvest *h, struct iopt_area *area,
				     unsigned long first, unsigned long last)
{
	bool alone = !area->pages || iopt_is_dmabuf(area->pages) ||
		     (h->flags & DIRTY_HARVEST_JOIN &&
		      !dirty_test_break(DIRTY_BREAK_JOIN_AREAS));
	struct iopt_area *next = area;

	h->window.first = iopt_area_iova(area);
	do {
		h->window.last = iopt_area_last_iova(next);
		next = iopt_area_iter_next(next, first, last);
	} while (next && !alone && next->pages && !iopt_is_dmabuf(next->pages) &&
		 iopt_area_iova(next) == h->window.last + 1);
	return next;
}

/*
 * Maps and unmaps wait for a step, so the steps of a domain become smaller when they take
 * long, and larger when they are quick, unless little of them is @mapped. Where large leaves
 * are followed by small ones, the first step of those may still take long. Steps that run at
 * the same time may undo what the other did.
 */
static void step_adapt(struct iommufd_dirty_domain *dd, unsigned long mapped, u64 ns)
{
	unsigned long size = READ_ONCE(dd->step_size), old = size;

	if (ns < STEP_NS / 4 && size < HARVEST_STEP &&
	    (size < DIRTY_STEP_BEGIN || mapped >= size / 2))
		size *= 2;
	for (; ns > STEP_NS && size > STEP_MIN; ns /= 2)
		size /= 2;
	if (size != old)
		WRITE_ONCE(dd->step_size, size);
}

/**
 * dirty_bits_step() - Take dirty bits of all areas in a range
 * @h: The harvest; iova_rwsem is held for read
 * @first: First byte
 * @end: Last byte. Out: that of the leaf it is in, which is done, too
 *
 * Return: -EINTR when killed, or the driver's error.
 */
int dirty_bits_step(struct harvest *h, unsigned long first, unsigned long *end)
{
	struct dirty_step step = { .first = first, .last = *end };
	unsigned long last = *end;
	struct iopt_area *area, *next;
	unsigned long mapped = 0;
	u64 since;
	int rc;

	step_widen(h, &step);
	rc = dirty_step_begin(h->dd, &step, !(h->flags & DIRTY_HARVEST_LAST));
	if (rc)
		return rc;
	since = ktime_get_ns();
	for (area = iopt_area_iter_first(h->iopt, first, last); area && !rc; area = next) {
		unsigned long from, to;

		next = window_open(h, area, first, last);
		from = max(step.first, h->window.first);
		to = min(step.last, h->window.last);
		if (area->pages) {
			rc = read_area(h, area, area->pages, from, to);
			mapped += to - from + 1;
		} else {
			h->skipped = true;
		}
		if (harvest_killed(h))
			rc = -EINTR;
	}
	step_adapt(h->dd, mapped, ktime_get_ns() - since);
	dirty_test_delay("step");
	step_publish(h, &step);
	dirty_step_end(h->dd, &step);
	*end = step.last;
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

	for (;;) {
		unsigned long to = min(last, first | (HARVEST_STEP - 1));
		unsigned long start;

		if (to != last)
			area_block(h, area, unmap->pages, to, &start, &to);
		h->window.first = iopt_area_iova(area);
		h->window.last = last;
		rc = read_area(h, area, unmap->pages, first, to);
		if (rc || to == last)
			return rc;
		first = to + 1;
		cond_resched();
	}
}

