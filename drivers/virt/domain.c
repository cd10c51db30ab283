// SPDX-License-Identifier: GPL-2.0-only
/*
 * A paging domain of the virtual IOMMU: what the core asks of it (map, unmap,
 * sync, dirty tracking) and what hardware does with it (translate). Where the kernel's own
 * code makes the page table, map, unmap and sync are in pt.c.
 *
 * personality.c decides how dirty bits are read. When an
 * invalidation is complete is said at the head of virt_iommu.h.
 */
#include <linux/gfp.h>
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "faults.h"
#include "hold.h"
#include "virt_iommu.h"

static void flush_leaves(struct virt_domain *vdom, u64 iova, u64 last, int order)
{
	virt_count(VIRT_FLUSHES, 1);
	virt_iotlb_invalidate(&vdom->tlb, iova, last, order);
	virt_domain_drain(&vdom->domain);
}

/**
 * virt_domain_flush_range() - Invalidate what is cached of a range, and drain
 * @vdom: The domain
 * @iova: First byte
 * @last: Last byte
 */
void virt_domain_flush_range(struct virt_domain *vdom, u64 iova, u64 last)
{
	virt_count(VIRT_TLB_COMMANDS, 1);
	flush_leaves(vdom, iova, last, VIRT_IOTLB_ANY);
}

/*
 * SMMUv3: by address, with the level at which leaves of @pgsize are. Where range
 * invalidation is missing, that is a command for each @pgsize.
 */
static void flush_level(struct virt_domain *vdom, u64 iova, u64 last,
			size_t pgsize)
{
	virt_count(VIRT_TLB_COMMANDS, div64_u64(last - iova, pgsize) + 1);
	flush_leaves(vdom, iova, last, ilog2(pgsize) - 12);
}

/**
 * virt_domain_flush() - Invalidate all that is cached of a domain, and drain
 * @vdom: The domain
 */
void virt_domain_flush(struct virt_domain *vdom)
{
	virt_iotlb_invalidate(&vdom->walks, 0, ULONG_MAX, VIRT_IOTLB_ANY);
	virt_domain_flush_range(vdom, 0, ULONG_MAX);
}

/* cache_tag_flush_range() of the Intel driver: only what has a tag. */
static bool flush_reaches(struct virt_domain *vdom)
{
	return !vdom->personality->tagged || atomic_read(&vdom->tags);
}

/* Free tables that are no longer linked, once nothing can be reading them. */
static void free_unlinked(struct virt_domain *vdom, struct list_head *freelist)
{
	if (list_empty(freelist))
		return;
	virt_domain_drain(&vdom->domain);
	virt_pgtable_free_tables(freelist);
}

/* The same of what unmaps have left, each before its own sync. */
static void free_unmapped(struct virt_domain *vdom)
{
	LIST_HEAD(freelist);

	spin_lock(&vdom->unmapped_lock);
	list_splice_init(&vdom->unmapped, &freelist);
	spin_unlock(&vdom->unmapped_lock);
	free_unlinked(vdom, &freelist);
}

/**
 * virt_domain_walk() - What hardware does on an IOTLB miss
 * @vdom: The domain
 * @iova: The address, below 2^VIRT_IOVA_BITS
 * @write: Memory will be written
 * @track: Set A, and D if @write
 * @entry: The leaf, with what was set
 *
 * Return: false when nothing is mapped there, or not for this.
 */
bool virt_domain_walk(struct virt_domain *vdom, u64 iova, bool write, bool track,
		      struct virt_iotlb_entry *entry)
{
	const struct virt_format *format = vdom->personality->format;
	struct virt_leaf leaf;

	if (format)
		return format->walk(vdom, iova, write, track, entry);
	if (!virt_pgtable_access(&vdom->pt, iova, write, track, &leaf))
		return false;
	*entry = (struct virt_iotlb_entry) {
		.phys = leaf.value & VIRT_PTE_ADDR,
		.order = ilog2(leaf.size) - 12,
		.read = leaf.value & VIRT_PTE_READ,
		.write = leaf.value & VIRT_PTE_WRITE,
		.dirty = leaf.value & VIRT_PTE_DIRTY,
	};
	return true;
}

/**
 * virt_domain_translate() - What hardware does with an address
 * @vdom: The domain
 * @dirty: VIRT_ENTRY_DIRTY of the requester, which only counts with by_device
 * @iova: The address
 * @write: Memory will be written
 * @phys: Where it is
 *
 * Between virt_requester_begin() and virt_requester_end() only.
 *
 * Return: 0, or -EACCES when nothing is mapped there, or not for this.
 */
int virt_domain_translate(struct virt_domain *vdom, bool dirty, u64 iova,
			  bool write, phys_addr_t *phys)
{
	unsigned long generation = virt_iotlb_generation(&vdom->tlb);
	bool track = vdom->personality->by_device ? dirty :
						     READ_ONCE(vdom->tracking);
	struct virt_iotlb_entry entry;
	bool hit;

	if (iova >> VIRT_IOVA_BITS)
		return -EACCES;

	hit = virt_iotlb_find(&vdom->tlb, iova, &entry) &&
	      (write ? entry.write && (entry.dirty || !track) : entry.read);
	virt_count(hit ? VIRT_TLB_HITS : VIRT_WALKS, 1);
	if (!hit && !virt_domain_walk(vdom, iova, write, track, &entry))
		return -EACCES;
	if (!hit)
		virt_iotlb_fill(&vdom->tlb, generation, iova, &entry);
	*phys = entry.phys + (iova & ((4096ull << entry.order) - 1));
	return 0;
}

/* VT-d's driver makes the largest leaves that fit, whatever it is asked for. */
static int map_largest(struct virt_domain *vdom, u64 iova, phys_addr_t phys,
		       size_t size, u64 bits, gfp_t gfp, size_t *mapped,
		       struct list_head *freelist)
{
	while (size) {
		size_t leaf = SZ_4K, count, done = 0;
		int err;

		if (IS_ALIGNED(iova | phys, SZ_1G) && size >= SZ_1G)
			leaf = SZ_1G;
		else if (IS_ALIGNED(iova | phys, SZ_2M) && size >= SZ_2M)
			leaf = SZ_2M;
		count = leaf > SZ_4K ? 1 :
			min(size, SZ_2M - (iova & (SZ_2M - 1))) / SZ_4K;
		err = virt_pgtable_map(&vdom->pt, iova, phys, leaf, count, bits,
				       gfp, &done, freelist);
		*mapped += done;
		if (err)
			return err;
		iova += done;
		phys += done;
		size -= done;
	}
	return 0;
}

static int virt_domain_map(struct iommu_domain *domain, unsigned long iova,
			   phys_addr_t phys, size_t pgsize, size_t pgcount,
			   int prot, gfp_t gfp, size_t *mapped)
{
	struct virt_domain *vdom = to_virt_domain(domain);
	LIST_HEAD(freelist);
	u64 bits = 0;
	int err;

	virt_hold(VIRT_HOLD_MAP, iova, iova + pgsize * pgcount - 1);
	if (virt_fail_map())
		return -ENOMEM;
	if (prot & IOMMU_READ)
		bits |= VIRT_PTE_READ;
	if (prot & IOMMU_WRITE)
		bits |= VIRT_PTE_WRITE;
	if (!bits)
		return -EINVAL;
	if ((prot & IOMMU_WRITE) && vdom->tracking &&
	    vdom->personality->born_dirty)
		bits |= VIRT_PTE_DIRTY;

	if (vdom->personality->merges)
		err = map_largest(vdom, iova, phys, pgsize * pgcount, bits,
				  gfp, mapped, &freelist);
	else
		err = virt_pgtable_map(&vdom->pt, iova, phys, pgsize, pgcount,
				       bits, gfp, mapped, &freelist);
	free_unlinked(vdom, &freelist);
	return err;
}

/*
 * Gather what was unmapped, leaves of @orders. Where an invalidation is of leaves
 * of one size, leaves of several sizes are a table that was taken out, as in
 * io-pgtable-arm, and that is flushed at once and without a level.
 */
static void gather_unmapped(struct virt_domain *vdom, u64 iova, size_t size,
			    u64 orders, struct iommu_iotlb_gather *gather)
{
	struct iommu_domain *domain = &vdom->domain;

	if (!vdom->personality->gather_pages) {
		iommu_iotlb_gather_add_range(gather, iova, size);
	} else if (!vdom->personality->level_hint) {
		iommu_iotlb_gather_add_page(domain, gather, iova, size);
	} else if (is_power_of_2(orders)) {
		iommu_iotlb_gather_add_page(domain, gather, iova,
					    (size_t)SZ_4K << ilog2(orders));
		iommu_iotlb_gather_add_range(gather, iova, size);
	} else {
		virt_domain_flush_range(vdom, iova, iova + size - 1);
	}
}

static size_t virt_domain_unmap(struct iommu_domain *domain, unsigned long iova,
				size_t pgsize, size_t pgcount,
				struct iommu_iotlb_gather *gather)
{
	struct virt_domain *vdom = to_virt_domain(domain);
	LIST_HEAD(freelist);
	size_t size;
	u64 orders;

	size = virt_pgtable_unmap(&vdom->pt, iova, pgsize * pgcount, &orders,
				  &freelist);
	if (!size)
		return 0;
	/*
	 * break_flush is about lost dirty pages. Memory that is about to be given back
	 * to the kernel must not be written even then.
	 */
	if (virt_break_flush())
		virt_domain_flush_range(vdom, iova, iova + size - 1);
	gather_unmapped(vdom, iova, size, orders, gather);
	spin_lock(&vdom->unmapped_lock);
	list_splice(&freelist, &vdom->unmapped);
	spin_unlock(&vdom->unmapped_lock);
	return size;
}

/**
 * virt_domain_sync_range() - Flush as iotlb_sync does
 * @vdom: The domain
 * @gather: What to flush
 *
 * Nothing with break_flush, nor while the domain has no tag.
 */
void virt_domain_sync_range(struct virt_domain *vdom, const struct iommu_iotlb_gather *gather)
{
	bool empty = gather->start > gather->end || virt_break_flush() ||
		     !flush_reaches(vdom);

	if (!empty && !vdom->personality->level_hint)
		virt_domain_flush_range(vdom, gather->start, gather->end);
	else if (!empty && gather->pgsize)
		flush_level(vdom, gather->start, gather->end, gather->pgsize);
}

static void virt_domain_sync(struct iommu_domain *domain,
			     struct iommu_iotlb_gather *gather)
{
	struct virt_domain *vdom = to_virt_domain(domain);

	virt_domain_sync_range(vdom, gather);
	free_unmapped(vdom);
}

/**
 * virt_domain_flush_all() - iommu_domain_ops.flush_iotlb_all
 * @domain: The domain
 */
void virt_domain_flush_all(struct iommu_domain *domain)
{
	struct virt_domain *vdom = to_virt_domain(domain);

	if (flush_reaches(vdom))
		virt_domain_flush(vdom);
}

static phys_addr_t virt_domain_iova_to_phys(struct iommu_domain *domain,
					    dma_addr_t iova)
{
	struct virt_leaf leaf;

	if (iova >> VIRT_IOVA_BITS ||
	    !virt_pgtable_find(&to_virt_domain(domain)->pt, iova, &leaf))
		return 0;
	return (leaf.value & VIRT_PTE_ADDR) + (iova & (leaf.size - 1));
}

/**
 * virt_domain_set_tracking() - iommu_dirty_ops.set_dirty_tracking
 * @domain: The domain
 * @enable: Hardware sets A and D
 *
 * Return: 0; -EOPNOTSUPP if the domain is tagged, and being attached to a device.
 */
int virt_domain_set_tracking(struct iommu_domain *domain, bool enable)
{
	struct virt_domain *vdom = to_virt_domain(domain);

	if (vdom->personality->born_dirty)
		return 0;
	/* intel_pasid_setup_dirty_tracking() of a device without an entry yet */
	if (vdom->personality->tagged && atomic_read(&vdom->attaching))
		return -EOPNOTSUPP;
	mutex_lock(&vdom->lock);
	if (vdom->tracking != enable) {
		virt_requesters_track(vdom, enable);
		WRITE_ONCE(vdom->tracking, enable);
		virt_domain_flush(vdom);
	}
	mutex_unlock(&vdom->lock);
	if (!enable)
		virt_hold(VIRT_HOLD_UNTRACK, 0, ULONG_MAX);
	return 0;
}

static int virt_domain_read_dirty(struct iommu_domain *domain,
				  unsigned long iova, size_t size,
				  unsigned long flags,
				  struct iommu_dirty_bitmap *dirty)
{
	struct virt_domain *vdom = to_virt_domain(domain);
	int err;

	if (virt_fail_read())
		return -EIO;
	err = vdom->personality->read_dirty(vdom, iova, size, flags, dirty);
	virt_hold(flags & IOMMU_DIRTY_NO_CLEAR ? VIRT_HOLD_PROBE : VIRT_HOLD_READ,
		  iova, iova + size - 1);
	return err;
}

static const struct iommu_dirty_ops virt_dirty_ops = {
	.set_dirty_tracking = virt_domain_set_tracking,
	.read_and_clear_dirty = virt_domain_read_dirty,
};

static int table_init(struct virt_domain *vdom)
{
	const struct virt_format *format = vdom->personality->format;

	if (format)
		return format->init(vdom);
	vdom->domain.ops = &virt_domain_ops;
	vdom->domain.pgsize_bitmap = vdom->personality->pgsize_bitmap;
	vdom->domain.geometry.aperture_end = BIT_ULL(VIRT_IOVA_BITS) - 1;
	vdom->domain.geometry.force_aperture = true;
	return virt_pgtable_init(&vdom->pt);
}

static void table_free(struct virt_domain *vdom)
{
	if (vdom->personality->format) {
		vdom->personality->format->deinit(vdom);
		return;
	}
	virt_pgtable_free_tables(&vdom->unmapped);
	virt_pgtable_free(&vdom->pt);
}

/**
 * virt_domain_free() - iommu_domain_ops.free
 * @domain: The domain, which no device has
 */
void virt_domain_free(struct iommu_domain *domain)
{
	struct virt_domain *vdom = to_virt_domain(domain);

	table_free(vdom);
	virt_iotlb_free(&vdom->walks);
	virt_iotlb_free(&vdom->tlb);
	kfree(vdom);
}

/* More of it: ops.c */
struct iommu_domain_ops virt_domain_ops __ro_after_init = {
	.map_pages = virt_domain_map,
	.unmap_pages = virt_domain_unmap,
	.flush_iotlb_all = virt_domain_flush_all,
	.iotlb_sync = virt_domain_sync,
	.iova_to_phys = virt_domain_iova_to_phys,
	.free = virt_domain_free,
};

/**
 * virt_domain_alloc() - Make an empty paging domain
 * @iommu: The instance whose format and options it has
 * @dirty: With dirty tracking
 *
 * Return: The domain, or NULL without memory.
 */
struct virt_domain *virt_domain_alloc(const struct virt_iommu *iommu,
				      bool dirty)
{
	const struct virt_format *format = iommu->personality->format;
	struct virt_domain *vdom;

	vdom = kzalloc(format ? format->size : sizeof(*vdom), GFP_KERNEL_ACCOUNT);
	if (!vdom)
		return NULL;
	mutex_init(&vdom->lock);
	INIT_LIST_HEAD(&vdom->requesters);
	INIT_LIST_HEAD(&vdom->unmapped);
	spin_lock_init(&vdom->unmapped_lock);
	vdom->personality = iommu->personality;
	vdom->gather = iommu->gather;
	if (virt_iotlb_init(&vdom->tlb))
		goto err_free;
	if (virt_iotlb_init(&vdom->walks))
		goto err_tlb;
	if (table_init(vdom))
		goto err_walks;
	if (dirty) {
		vdom->domain.dirty_ops = format ? format->dirty_ops : &virt_dirty_ops;
		vdom->tracking = iommu->personality->born_dirty;
	}
	return vdom;

err_walks:
	virt_iotlb_free(&vdom->walks);
err_tlb:
	virt_iotlb_free(&vdom->tlb);
err_free:
	kfree(vdom);
	return NULL;
}
