/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Takes large leaves of a generic_pt table apart while hardware uses them; a part of the
 * template of pt_walk.h. PT_WALK_DIRTY is the format's D bit, and PT_WALK_ENCRYPTED what an
 * entry has for memory that is encrypted.
 *
 * Each entry of a leaf is replaced by one cmpxchg, so that hardware sees the old or the
 * new one, and a D bit that it sets in between makes the cmpxchg fail and is carried over.
 * Both translate to the same address with the same permissions, so neither AMD's IOMMU nor
 * VT-d needs the entry to be absent for a while. The caller flushes afterwards.
 *
 * What was dirty in a leaf stands for all of it: its parts are born dirty. Of a leaf that is
 * several entries, hardware may have set D in any one, so all of it is reported, too.
 */
#ifndef _PT_SPLIT_H
#define _PT_SPLIT_H

#include <linux/slab.h>

#include "../../../iommu-pages.h"

/* Without memory a leaf stays as it is: no process is to be killed for want of it */
#define PT_SPLIT_GFP (GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN)

static bool pt_split_dirty(u64 entry)
{
	return entry & PT_WALK_DIRTY && !dirty_test_break(DIRTY_BREAK_SPLIT_CLEAN);
}

/* Smallest leaves from @oa on, in all of a table that hardware does not see yet */
static void pt_split_fill(struct pt_state *child, pt_oaddr_t oa,
			  const struct pt_write_attrs *attrs, bool dirty)
{
	unsigned int n = log2_to_int(pt_num_items_lg2(child));
	unsigned int size_lg2 = pt_table_item_lg2sz(child);
	unsigned int i;

	for (i = 0; i < n; i++) {
		child->index = i;
		pt_install_leaf_entry(child, oa + ((pt_oaddr_t)i << size_lg2), size_lg2,
				      attrs);
		if (dirty)
			pt_cur_table(child, u64)[i] |= PT_WALK_DIRTY;
	}
}

/*
 * The entry of @item, whose memory begins at @oa, becomes @table with leaves one level
 * below. Return: whether it was dirty.
 */
static bool pt_split_to_table(struct pt_state *item, pt_oaddr_t oa,
			      struct pt_table_p *table)
{
	struct pt_write_attrs attrs = {};
	bool dirty;

	do {
		struct pt_state child = pt_init(item->range, item->level - 1, table);

		item->entry = READ_ONCE(pt_cur_table(item, u64)[item->index]);
		dirty = pt_split_dirty(item->entry);
		pt_walk_attrs(item, &attrs);
		pt_split_fill(&child, oa, &attrs, dirty);
	} while (!pt_install_table(item, virt_to_phys(table), &attrs));
	return dirty;
}

/* At level 0 a leaf of several entries: this one becomes a leaf of its own. */
static bool pt_split_to_page(struct pt_state *item, pt_oaddr_t oa)
{
	u64 *entry = &pt_cur_table(item, u64)[item->index];
	struct pt_write_attrs attrs = {};
	u64 page = 0, old;

	do {
		struct pt_state child = pt_init(item->range, 0, (struct pt_table_p *)&page);

		item->entry = READ_ONCE(*entry);
		old = item->entry;
		pt_walk_attrs(item, &attrs);
		pt_install_leaf_entry(&child, oa, PT_GRANULE_LG2SZ, &attrs);
		if (pt_split_dirty(old))
			page |= PT_WALK_DIRTY;
	} while (!try_cmpxchg64(entry, &old, page));
	return pt_split_dirty(old);
}

static void pt_split_free(struct pt_table_p **tables, unsigned int n)
{
	while (n--)
		iommu_free_pages(tables[n]);
	kfree(tables);
}

/* All before anything is changed: a leaf is never left half taken apart. */
static struct pt_table_p **pt_split_alloc(unsigned int n)
{
	struct pt_table_p **tables;
	unsigned int i;

	tables = kmalloc_objs(*tables, n, PT_SPLIT_GFP);
	for (i = 0; tables && i < n; i++) {
		if (!dirty_test_fail_alloc())
			tables[i] = iommu_alloc_pages_node_sz(NUMA_NO_NODE, PT_SPLIT_GFP, SZ_4K);
		else
			tables[i] = NULL;
		if (!tables[i]) {
			pt_split_free(tables, i);
			return NULL;
		}
	}
	return tables;
}

/* The leaf that @pts is in */
static int pt_split_leaf(struct pt_state *pts, struct iommu_dirty_bitmap *report)
{
	unsigned int contig_lg2 = pt_entry_num_contig_lg2(pts);
	unsigned int n = log2_to_int(contig_lg2), i;
	unsigned int lg2sz = pt_entry_oa_lg2sz(pts);
	unsigned long iova = log2_set_mod(pts->range->va, 0, lg2sz);
	size_t size = log2_to_int(lg2sz);
	struct pt_table_p **tables = NULL;
	pt_oaddr_t oa = pt_entry_oa(pts);
	struct pt_state item = *pts;
	bool dirty = false;

	if (pts->level) {
		tables = pt_split_alloc(n);
		if (!tables)
			return -ENOMEM;
	}
	iommu_iotlb_gather_add_range(report->gather, iova, size);
	for (i = 0; i < n; i++, oa += log2_to_int(pt_table_item_lg2sz(pts))) {
		item.index = log2_set_mod(pts->index, 0, contig_lg2) + i;
		dirty |= tables ? pt_split_to_table(&item, oa, tables[i]) :
				  pt_split_to_page(&item, oa);
	}
	kfree(tables);
	if (dirty && contig_lg2 && report->bitmap)
		iova_bitmap_set(report->bitmap, iova, size);
	return 0;
}

static int pt_split_level(struct pt_range *range, void *arg, unsigned int level,
			  struct pt_table_p *table)
{
	struct pt_state pts = pt_init(range, level, table);
	int rc;

	for_each_pt_level_entry(&pts) {
		if (pts.type == PT_ENTRY_OA && pt_entry_oa_lg2sz(&pts) > PT_GRANULE_LG2SZ) {
			rc = pt_split_leaf(&pts, arg);
			if (rc)
				return rc;
			pt_load_entry(&pts);
		}
		if (pts.type == PT_ENTRY_TABLE) {
			rc = pt_descend(&pts, arg, pt_split_level);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static int pt_split(struct iommu_domain *domain, unsigned long iova, size_t size,
		    struct iommu_dirty_bitmap *report)
{
	struct pt_range range;
	int rc;

	rc = pt_walk_range_of(domain, iova, iova + size - 1, &range);
	return rc ?: pt_walk_range(&range, pt_split_level, report);
}

#endif
