// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading leaves by calls of the driver, and finding those that are dirty where the driver
 * does not say which.
 *
 * Direct and gather. iommu_dirty_bitmap_record() feeds a bitmap and a flush
 * range. A driver that was built without CONFIG_IOMMUFD_DRIVER has no bitmap:
 * its flush range [start of the first dirty leaf, end of the last] is then all
 * that can be learned. Looking at small enough blocks without clearing finds the
 * leaves, which are cleared one at a time. Which of the two a driver is shows at the
 * first dirty leaf, looked at without clearing. Where the tracker walks the table by
 * itself (walk.c), it reports like a driver of the first kind.
 */
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/sched.h>

#include "bits.h"
#include "gather.h"
#include "test.h"
#include "tracker.h"
#include "walk.h"

/* Leaves of the first piece that is looked at to learn whether a driver records */
#define PROBE_LEAVES 512
/* Looks between two chances for others to run */
#define GATHER_LOOKS 256
/* Clean leaves in a row until a look is better than to take leaf by leaf */
#define GATHER_TRIES 2
/* Leaves of the smallest block that is worth a look */
#define GATHER_LEAST 4

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

/**
 * dirty_leaf_block() - The largest block around an address that could be one leaf
 * @h: The harvest
 * @first: First byte of what the leaf is one of
 * @last: Last byte
 * @iova: The address
 * @start: Out: first byte of the block
 * @end: Out: its last byte
 *
 * No leaf reaches across its ends. Leaves are powers of two, aligned to their size both in
 * IOVA and in physical memory, so this follows from alignment and from where the ends of a
 * block point. It begins at @iova, which is a border of pages, when there is only one page.
 */
void dirty_leaf_block(const struct harvest *h, unsigned long first,
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
		sizes &= SZ_2G - 1;
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

/**
 * dirty_leaf_read() - One call of the driver, or of a walker
 * @h: The harvest; records go to its window
 * @first: First byte, at the border of a leaf
 * @last: Last byte
 * @clear: Clear the dirty bits
 * @gather: What has to be flushed
 *
 * Return: 0, or their error.
 */
int dirty_leaf_read(struct harvest *h, unsigned long first, unsigned long last,
		    bool clear, struct iommu_iotlb_gather *gather)
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

/**
 * dirty_leaf_end() - Where a piece ends, at the border of a leaf
 * @h: The harvest; the piece is in its window
 * @first: First byte of the piece
 * @limit: Its last byte at most
 * @size: Its size, about
 *
 * Return: Its last byte.
 */
unsigned long dirty_leaf_end(const struct harvest *h, unsigned long first,
			     unsigned long limit, unsigned long size)
{
	unsigned long start, end;

	if (limit - first < size)
		return limit;
	dirty_leaf_block(h, h->window.first, h->window.last, first + size - 1, &start, &end);
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
	rc = dirty_leaf_read(h, *first, *last, false, &gather);
	if (dirty_test_break(DIRTY_BREAK_QUIET_LOOK))
		iommu_iotlb_gather_init(&gather);
	*found = !dirty_gather_is_empty(&gather);
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
	rc = dirty_leaf_read(h, first, last, !(h->flags & DIRTY_HARVEST_PEEK), &gather);
	*found = !dirty_gather_is_empty(&gather);
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

	dirty_leaf_block(h, h->window.first, h->window.last, first, &start, &last);
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
	*end = dirty_leaf_end(h, from, walk->several ? walk->dirty_last : walk->last, h->block);
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

/**
 * dirty_gather_read() - Take the dirty leaves of a driver that records nothing
 * @h: The harvest
 * @first: First byte of a part of the window, at the border of a leaf
 * @last: Last byte
 *
 * Return: The driver's error.
 */
int dirty_gather_read(struct harvest *h, unsigned long first, unsigned long last)
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

/* How much is looked at in one piece: at first so many leaves, of the size of the first one */
static unsigned long probe_size(struct harvest *h, unsigned long first)
{
	unsigned long start, end;

	if (!h->probe) {
		dirty_leaf_block(h, h->window.first, h->window.last, first, &start, &end);
		h->probe = min((end - start + 1) * PROBE_LEAVES, HARVEST_STEP);
	}
	return h->probe;
}

/* A look that learns whether the driver records; what it finds is kept only for a peek. */
static int probe_record(struct harvest *h, unsigned long *first, unsigned long *last,
			bool *found)
{
	unsigned long from = h->window.first, to = h->window.last;
	unsigned long seen = h->window.records;
	int rc;

	if (!(h->flags & DIRTY_HARVEST_PEEK)) {
		h->window.first = ULONG_MAX;
		h->window.last = 0;
	}
	rc = driver_probe(h, first, last, found);
	h->window.first = from;
	h->window.last = to;
	/* generic_pt's drivers record, and have nothing to flush where they clear nothing */
	*found |= h->window.records != seen;
	if (!rc && *found)
		WRITE_ONCE(h->dd->record, h->window.records != seen ?
						  IOMMUFD_DIRTY_RECORD_DIRECT :
						  IOMMUFD_DIRTY_RECORD_GATHER);
	return rc;
}

/**
 * dirty_gather_learn() - Which of the two is the driver?
 * @h: The harvest
 * @first: First byte of a part of the window. Out: what is left to read begins there
 * @last: Last byte
 * @done: Out: nothing is left
 *
 * Looks piece by piece until there is a dirty leaf. Clean memory is looked at once, as it
 * would be read. A piece that is not clean is read again, so the first ones are small; but
 * not if a peek has recorded it.
 *
 * Return: The driver's error.
 */
int dirty_gather_learn(struct harvest *h, unsigned long *first, unsigned long last,
		       bool *done)
{
	bool peek = h->flags & DIRTY_HARVEST_PEEK, found;
	int rc;

	do {
		unsigned long from = *first, end, to;

		end = to = dirty_leaf_end(h, from, last, probe_size(h, from));
		rc = probe_record(h, &from, &to, &found);
		if (rc)
			return rc;
		if (found && !(peek && READ_ONCE(h->dd->record) == IOMMUFD_DIRTY_RECORD_DIRECT)) {
			*first = from;
			*done = false;
			return 0;
		}
		*first = end + 1;
		*done = end == last;
		h->probe = min(2 * h->probe, HARVEST_STEP);
	} while (!found && !*done);
	return 0;
}
