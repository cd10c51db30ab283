/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Joins the small leaves of a generic_pt table while hardware uses them; a part of the
 * template of pt_walk.h, and the opposite of pt_split.h. PT_WALK_HARDWARE are the bits of a
 * leaf that hardware sets.
 *
 * A table is joined if all of its entries are leaves of contiguous memory: the entry that
 * points to it becomes a leaf in one store, and hardware sees the old or the new one, which
 * translate to the same addresses with the same permissions. The table goes to the gather's
 * freelist, from which the flush of the caller frees it. No task may be looking at it: the
 * caller holds pages->mutex, under which iommufd calls iommu_iova_to_phys() for what stays
 * mapped.
 */
#ifndef _PT_JOIN_H
#define _PT_JOIN_H

#include "../../../iommu-pages.h"

/**
 * struct pt_join - A walk that joins leaves
 * @sizes: Which sizes leaves may have
 * @gather: Gets the ranges to flush, and the tables to free after that
 */
struct pt_join {
	unsigned long sizes;
	struct iommu_iotlb_gather *gather;
};

/* Are all entries leaves that are contiguous with the first one, which is loaded? */
static bool pt_join_contiguous(const struct pt_state *child, u64 *found)
{
	unsigned int n = log2_to_int(pt_num_items_lg2(child)), i;
	u64 size = log2_to_int(pt_table_item_lg2sz(child));
	u64 expected = child->entry & ~PT_WALK_HARDWARE;
	const u64 *entries = pt_cur_table(child, u64);

	*found = 0;
	for (i = 0; i < n; i++, expected += size) {
		u64 entry = READ_ONCE(entries[i]);

		*found |= entry;
		if ((entry & ~PT_WALK_HARDWARE) != expected &&
		    !dirty_test_break(DIRTY_BREAK_JOIN_ANY))
			return false;
	}
	return true;
}

/* The table that @pts points to, all of which is in the range */
static void pt_join_table(struct pt_state *pts, struct pt_join *join)
{
	struct pt_state child = pt_init(pts->range, pts->level - 1, pts->table_lower);
	unsigned int lg2sz = pt_table_item_lg2sz(pts);
	struct pt_write_attrs attrs = {};
	pt_oaddr_t oa;
	unsigned long iova;
	u64 found;

	if (!(pt_possible_sizes(pts) & join->sizes & log2_to_int(lg2sz)))
		return;
	child.index = 0;
	pt_load_entry(&child);
	if (child.type != PT_ENTRY_OA ||
	    pt_entry_oa_lg2sz(&child) != pt_table_item_lg2sz(&child))
		return;
	oa = pt_entry_oa(&child);
	if (dirty_test_break(DIRTY_BREAK_JOIN_ANY))
		oa = oalog2_set_mod(oa, 0, lg2sz);
	if (oalog2_mod(oa, lg2sz) || !pt_join_contiguous(&child, &found))
		return;
	pt_walk_attrs(&child, &attrs);
	/* Where tracking is always on, a D bit may be lost here: no one reads it before START */
	attrs.descriptor_bits |= found & PT_WALK_DIRTY;
	pt_index_to_va(pts);
	iova = log2_set_mod(pts->range->va, 0, lg2sz);
	pt_install_leaf_entry(pts, oa, lg2sz, &attrs);
	iommu_pages_list_add(&join->gather->freelist, pts->table_lower);
	iommu_iotlb_gather_add_range(join->gather, iova, log2_to_int(lg2sz));
}

static int pt_join_level(struct pt_range *range, void *arg, unsigned int level,
			 struct pt_table_p *table)
{
	struct pt_state pts = pt_init(range, level, table);
	int rc;

	if (!level)
		return 0;
	for_each_pt_level_entry(&pts) {
		bool covered;

		if (pts.type != PT_ENTRY_TABLE)
			continue;
		covered = pt_entry_fully_covered(&pts, pt_table_item_lg2sz(&pts));
		rc = pt_descend(&pts, arg, pt_join_level);
		if (rc)
			return rc;
		if (covered)
			pt_join_table(&pts, arg);
	}
	return 0;
}

static int pt_join(struct iommu_domain *domain, unsigned long iova, size_t size,
		   struct iommu_iotlb_gather *gather)
{
	struct pt_join join = { .sizes = domain->pgsize_bitmap, .gather = gather };
	struct pt_range range;
	int rc;

	rc = pt_walk_range_of(domain, iova, iova + size - 1, &range);
	return rc ?: pt_walk_range(&range, pt_join_level, &join);
}

#endif
