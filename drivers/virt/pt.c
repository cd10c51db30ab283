// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains whose page tables the kernel's generic_pt makes and changes, as for AMD's and Intel's
 * drivers: the core calls it, and not us. The files of the formats (pt_amdv1.c, pt_vtdss.c) are
 * the hardware, which walks these tables and sets A and D in them. They are written from the
 * specifications and share nothing with generic_pt, nor with the tracker's walkers of the same
 * tables, since both are tested against them.
 *
 * Hardware caches the tables that have leaves of 4 KiB, too (virt_domain.walks).
 *
 * Who frees tables: generic_pt puts those that it takes out into the gather, and
 * virt_pt_sync() frees them when no access can be reading them any more. Between two
 * changes of the same addresses the caller excludes itself, as for any iommu_domain.
 */
#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/xarray.h>

#include "../../iommu-pages.h"
#include "faults.h"
#include "hold.h"
#include "pt.h"

MODULE_INFO(import_ns, "GENERIC_PT_IOMMU");

static int pt_map_range(struct pt_iommu *table, dma_addr_t iova, phys_addr_t phys,
			dma_addr_t len, unsigned int prot, gfp_t gfp, size_t *mapped)
{
	virt_hold(VIRT_HOLD_MAP, iova, iova + len - 1);
	if (virt_fail_map())
		return -ENOMEM;
	return to_virt_domain(&table->domain)->pt_ops->map_range(table, iova, phys, len, prot,
								 gfp, mapped);
}

static size_t pt_unmap_range(struct pt_iommu *table, dma_addr_t iova, dma_addr_t len,
			     struct iommu_iotlb_gather *gather)
{
	struct virt_domain *vdom = to_virt_domain(&table->domain);
	size_t size = vdom->pt_ops->unmap_range(table, iova, len, gather);

	/* As virt_domain_unmap() */
	if (size && virt_break_flush())
		virt_domain_flush_range(vdom, iova, iova + size - 1);
	return size;
}

static void pt_get_info(struct pt_iommu *table, struct pt_iommu_info *info)
{
	to_virt_domain(&table->domain)->pt_ops->get_info(table, info);
}

static void pt_deinit(struct pt_iommu *table)
{
	to_virt_domain(&table->domain)->pt_ops->deinit(table);
}

/* The kernel's own, with faults. */
static const struct pt_iommu_ops pt_ops = {
	.map_range = pt_map_range,
	.unmap_range = pt_unmap_range,
	.get_info = pt_get_info,
	.deinit = pt_deinit,
};

/**
 * virt_pt_begin() - After a table was made: have map and unmap come by here
 * @vdom: Its domain
 * @table: The table
 */
void virt_pt_begin(struct virt_domain *vdom, struct pt_iommu *table)
{
	vdom->pt_ops = table->ops;
	table->ops = &pt_ops;
}

/* Hardware would use it as a table after it was freed; here it does not. */
static void walks_check(struct virt_domain *vdom, phys_addr_t table)
{
	unsigned long page;
	void *cached;

	xa_for_each(&vdom->walks.xa, page, cached) {
		struct virt_iotlb_entry entry;

		if (!virt_iotlb_find(&vdom->walks, (u64)page << PAGE_SHIFT, &entry) ||
		    entry.phys != table)
			continue;
		WARN_ONCE(true, "iommufd-virt: a table is freed that the IOMMU has cached\n");
		xa_erase(&vdom->walks.xa, page);
	}
}

/**
 * virt_pt_sync() - iommu_domain_ops.iotlb_sync
 * @domain: The domain
 * @gather: What to flush, and tables that are no longer linked
 *
 * As the drivers do, it tells hardware that only leaves have changed when there are no
 * such tables: those that are cached stay so.
 */
void virt_pt_sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	struct virt_domain *vdom = to_virt_domain(domain);
	struct ioptdesc *table;

	if (!iommu_pages_list_empty(&gather->freelist) && gather->start <= gather->end)
		virt_iotlb_invalidate(&vdom->walks, gather->start, gather->end,
				      VIRT_IOTLB_ANY);
	virt_domain_sync_range(vdom, gather);
	if (iommu_pages_list_empty(&gather->freelist))
		return;
	virt_domain_drain(domain);
	list_for_each_entry(table, &gather->freelist.pages, iopt_freelist_elm)
		walks_check(vdom, virt_to_phys(folio_address(ioptdesc_folio(table))));
	iommu_put_pages_list(&gather->freelist);
}

/**
 * virt_pt_walk_begin() - Hardware begins to walk
 * @walk: Filled in
 * @vdom: The domain
 * @iova: The address
 *
 * Return: whether there is a table to begin with; if not, it is the top one.
 */
bool virt_pt_walk_begin(struct virt_pt_walk *walk, struct virt_domain *vdom, u64 iova)
{
	struct virt_iotlb_entry entry;

	walk->vdom = vdom;
	walk->iova = iova;
	walk->generation = virt_iotlb_generation(&vdom->walks);
	walk->cached = virt_iotlb_find(&vdom->walks, iova, &entry);
	if (walk->cached)
		walk->table = entry.phys;
	return walk->cached;
}

/**
 * virt_pt_walk_note() - Cache a table of leaves of 4 KiB
 * @walk: Has come to it, by tables that allow all
 * @table: The table
 */
void virt_pt_walk_note(const struct virt_pt_walk *walk, phys_addr_t table)
{
	struct virt_iotlb_entry entry = { .phys = table, .order = PT_INDEX_BITS };

	if (!walk->cached)
		virt_iotlb_fill(&walk->vdom->walks, walk->generation, walk->iova, &entry);
}

/**
 * virt_pt_attach() - iommu_domain_ops.attach_dev
 * @domain: The domain
 * @dev: A device of the virtual bus
 * @old: The domain that it had
 *
 * Return: 0 or an error of virt_iommu_attach().
 */
int virt_pt_attach(struct iommu_domain *domain, struct device *dev, struct iommu_domain *old)
{
	return virt_iommu_attach(domain, dev);
}

/**
 * virt_pt_set() - Hardware sets bits in an entry that it has read, atomically
 * @entry: The entry
 * @value: As it was read; gets the bits
 * @bits: A, or A and D
 *
 * Return: false if the entry has changed; hardware then walks again.
 */
bool virt_pt_set(u64 *entry, u64 *value, u64 bits)
{
	if ((*value & bits) != bits && !try_cmpxchg64(entry, value, *value | bits))
		return false;
	*value |= bits;
	return true;
}
