/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A walker of page tables that drivers/iommu/generic_pt has made: a template, like
 * iommu_pt.h there. A format's file defines PT_FMT, PTPFX, PT_SUPPORTED_FEATURES and
 * what else iommu_FORMAT.c defines, includes the format's headers, and then pt_walker.h.
 *
 * The walk is that of generic_pt's read_and_clear_dirty(), which a kernel without
 * CONFIG_IOMMUFD_DRIVER has compiled to -EOPNOTSUPP: each dirty leaf is reported as a
 * whole, from its aligned start, wherever in it the range begins or ends. The caller
 * holds what generic_pt asks of it: no one maps or unmaps anything in the range.
 *
 * Clearing is not atomic. A D bit that hardware sets between its read and its write is
 * lost, which is allowed: the leaf was dirty before, so it is reported, and the caller
 * flushes the IOTLB before anyone sees the report. What is written after that sets D again.
 */
#ifndef _PT_WALK_H
#define _PT_WALK_H

#include <linux/iommu.h>
#include <linux/overflow.h>

#include "../../../generic_pt/pt_iter.h"
#include "platform.h"
#include "test.h"

/* Leaves that are compared until a walker is trusted */
#define PT_WALK_LEAVES 64

/* An incoherent walker's D bits would not be seen, and no driver offers them. */
static bool pt_walk_fits(struct iommu_domain *domain)
{
	struct pt_iommu *iommu = iommupt_from_domain(domain);

	return iommu && domain->dirty_ops &&
	       domain->dirty_ops->read_and_clear_dirty == PT_WALK_UPSTREAM &&
	       !pt_feature(common_from_iommu(iommu), PT_FEAT_DMA_INCOHERENT);
}

static int pt_walk_range_of(struct iommu_domain *domain, unsigned long iova,
			    unsigned long last, struct pt_range *range)
{
	*range = pt_make_range(common_from_iommu(iommupt_from_domain(domain)), iova, last);
	if (range->va != iova || range->last_va != last)
		return -EOVERFLOW;
	return pt_check_range(range);
}

/* What a leaf that replaces the loaded one has in common with it */
static __maybe_unused void pt_walk_attrs(const struct pt_state *pts,
					 struct pt_write_attrs *attrs)
{
	pt_attr_from_entry(pts, attrs);
	attrs->descriptor_bits |= pts->entry & PT_WALK_ENCRYPTED;
}

/**
 * struct pt_walk_read - What a walk for dirty bits does with them
 * @dirty: Where it reports; the bitmap may be NULL
 * @clear: Clear them, and have the gather flush them
 */
struct pt_walk_read {
	struct iommu_dirty_bitmap *dirty;
	bool clear;
};

static void pt_walk_leaf(struct pt_state *pts, struct pt_walk_read *rd)
{
	unsigned int lg2sz = pt_entry_oa_lg2sz(pts);
	unsigned long iova = log2_set_mod(pts->range->va, 0, lg2sz);
	size_t size = log2_to_int(lg2sz);

	if (rd->dirty->bitmap)
		iova_bitmap_set(rd->dirty->bitmap, iova, size);
	if (!rd->clear)
		return;
	pt_entry_make_write_clean(pts);
	iommu_iotlb_gather_add_range(rd->dirty->gather, iova, size);
}

static int pt_walk_read_level(struct pt_range *range, void *arg, unsigned int level,
			      struct pt_table_p *table)
{
	struct pt_state pts = pt_init(range, level, table);
	int rc;

	for_each_pt_level_entry(&pts) {
		if (pts.type == PT_ENTRY_TABLE) {
			rc = pt_descend(&pts, arg, pt_walk_read_level);
			if (rc)
				return rc;
		} else if (pts.type == PT_ENTRY_OA && pt_entry_is_write_dirty(&pts)) {
			pt_walk_leaf(&pts, arg);
		}
	}
	return 0;
}

static int pt_walk_read(struct iommu_domain *domain, unsigned long iova, size_t size,
			unsigned long flags, struct iommu_dirty_bitmap *dirty)
{
	struct pt_walk_read rd = {
		.dirty = dirty,
		.clear = !(flags & IOMMU_DIRTY_NO_CLEAR),
	};
	struct pt_range range;
	int rc;

	rc = pt_walk_range_of(domain, iova, iova + size - 1, &range);
	return rc ?: pt_walk_range(&range, pt_walk_read_level, &rd);
}

/**
 * struct pt_walk_check - A walk that is compared with iommu_iova_to_phys()
 * @domain: The domain
 * @next: First byte that no leaf has been seen for yet
 * @last: Last byte that is mapped, inclusive
 * @leaves: How many more to compare
 */
struct pt_walk_check {
	struct iommu_domain *domain;
	unsigned long next;
	unsigned long last;
	unsigned int leaves;
};

static int pt_walk_compare(struct pt_state *pts, struct pt_walk_check *check)
{
	unsigned int lg2sz = pt_entry_oa_lg2sz(pts);
	unsigned long first = log2_set_mod(pts->range->va, 0, lg2sz);
	unsigned long end = first | (log2_to_int(lg2sz) - 1);
	phys_addr_t phys = pt_entry_oa(pts);

	if (dirty_test_break(DIRTY_BREAK_WALK_WRONG))
		phys += PAGE_SIZE;
	end = min(end, check->last);
	if (first > check->next || end < check->next ||
	    iommu_iova_to_phys(check->domain, check->next) != phys + (check->next - first) ||
	    iommu_iova_to_phys(check->domain, end) != phys + (end - first))
		return -EINVAL;
	/* The last of them ends the walk, with what is no error */
	if (end == check->last || !--check->leaves)
		return -ECANCELED;
	check->next = end + 1;
	return 0;
}

static int pt_walk_check_level(struct pt_range *range, void *arg, unsigned int level,
			       struct pt_table_p *table)
{
	struct pt_state pts = pt_init(range, level, table);
	int rc = 0;

	for_each_pt_level_entry(&pts) {
		if (pts.type == PT_ENTRY_TABLE)
			rc = pt_descend(&pts, arg, pt_walk_check_level);
		else if (pts.type == PT_ENTRY_OA)
			rc = pt_walk_compare(&pts, arg);
		if (rc)
			return rc;
	}
	return 0;
}

static bool pt_walk_check(struct iommu_domain *domain, unsigned long first,
			  unsigned long last)
{
	struct pt_walk_check check = {
		.domain = domain,
		.next = first,
		.last = last,
		.leaves = PT_WALK_LEAVES,
	};
	struct pt_range range;

	return !pt_walk_range_of(domain, first, last, &range) &&
	       pt_walk_range(&range, pt_walk_check_level, &check) == -ECANCELED;
}

#endif
