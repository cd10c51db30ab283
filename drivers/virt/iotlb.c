// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOTLB of a domain.
 *
 * It caches the dirty state as hardware does: a write through an entry that is
 * known to be dirty does not touch the page table. And it keeps entries as long
 * as it can, by default until they are invalidated. So a write after a D bit
 * was cleared without a flush is lost, every time, not once in a blue moon.
 *
 * A walk that began before an invalidation must not fill the IOTLB after it:
 * the walker takes the generation first, and filling with an old one does
 * nothing. The access itself is then waited for by virt_domain_drain().
 */
#include <linux/bitfield.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "iotlb.h"

/* An entry as a value of the xarray */
#define TLB_READ	BIT_ULL(0)
#define TLB_WRITE	BIT_ULL(1)
#define TLB_DIRTY	BIT_ULL(2)
#define TLB_ORDER	GENMASK_ULL(8, 3)
#define TLB_PFN		GENMASK_ULL(48, 9)

static uint iotlb_entries;
module_param(iotlb_entries, uint, 0644);
MODULE_PARM_DESC(iotlb_entries,
		 "Leaves in the IOTLB of each new domain, first in, first out (0: no limit)");

/**
 * virt_iotlb_init() - An empty IOTLB
 * @tlb: Zeroed
 *
 * Return: 0 or -ENOMEM.
 */
int virt_iotlb_init(struct virt_iotlb *tlb)
{
	unsigned int size = READ_ONCE(iotlb_entries);

	xa_init(&tlb->xa);
	if (!size)
		return 0;
	tlb->fifo = kvmalloc_objs(*tlb->fifo, size, GFP_KERNEL_ACCOUNT);
	if (!tlb->fifo)
		return -ENOMEM;
	memset(tlb->fifo, 0xff, size * sizeof(*tlb->fifo));
	tlb->size = size;
	return 0;
}

/**
 * virt_iotlb_free() - Free an IOTLB that nothing uses
 * @tlb: The IOTLB
 */
void virt_iotlb_free(struct virt_iotlb *tlb)
{
	xa_destroy(&tlb->xa);
	kvfree(tlb->fifo);
}

/**
 * virt_iotlb_generation() - To be taken before a walk, for virt_iotlb_fill()
 * @tlb: The IOTLB
 *
 * Return: A number that each invalidation changes.
 */
unsigned long virt_iotlb_generation(const struct virt_iotlb *tlb)
{
	/* Pairs with virt_iotlb_invalidate(): the walk sees what led to it. */
	return smp_load_acquire(&tlb->generation);
}

/**
 * virt_iotlb_find() - Look an address up
 * @tlb: The IOTLB
 * @iova: The address
 * @entry: What is cached
 *
 * Return: false on a miss.
 */
bool virt_iotlb_find(struct virt_iotlb *tlb, u64 iova,
		     struct virt_iotlb_entry *entry)
{
	void *found = xa_load(&tlb->xa, iova >> 12);
	u64 value;

	if (!found)
		return false;
	value = xa_to_value(found);
	entry->phys = FIELD_GET(TLB_PFN, value) << 12;
	entry->order = FIELD_GET(TLB_ORDER, value);
	entry->read = value & TLB_READ;
	entry->write = value & TLB_WRITE;
	entry->dirty = value & TLB_DIRTY;
	return true;
}

static void evict_for(struct virt_iotlb *tlb, unsigned long page)
{
	unsigned long old = tlb->fifo[tlb->next];

	tlb->fifo[tlb->next] = page;
	tlb->next = (tlb->next + 1) % tlb->size;
	if (old != ULONG_MAX && old != page)
		__xa_erase(&tlb->xa, old);
}

/**
 * virt_iotlb_fill() - Cache a leaf
 * @tlb: The IOTLB
 * @generation: From before the walk; nothing is cached if it has passed
 * @iova: Any address in the leaf
 * @entry: The leaf
 *
 * Without memory the leaf is not cached, as if it had been evicted at once.
 */
void virt_iotlb_fill(struct virt_iotlb *tlb, unsigned long generation, u64 iova,
		     const struct virt_iotlb_entry *entry)
{
	unsigned long page = ALIGN_DOWN(iova >> 12, 1ull << entry->order);
	XA_STATE_ORDER(xas, &tlb->xa, page, entry->order);
	u64 value = FIELD_PREP(TLB_PFN, entry->phys >> 12) |
		    FIELD_PREP(TLB_ORDER, entry->order) |
		    (entry->read ? TLB_READ : 0) |
		    (entry->write ? TLB_WRITE : 0) |
		    (entry->dirty ? TLB_DIRTY : 0);

	do {
		xas_lock(&xas);
		if (tlb->generation == generation) {
			void *old = xas_store(&xas, xa_mk_value(value));

			if (tlb->fifo && !old && !xas_error(&xas))
				evict_for(tlb, page);
		}
		xas_unlock(&xas);
	} while (xas_nomem(&xas, GFP_KERNEL | __GFP_NOWARN));
}

/**
 * virt_iotlb_invalidate() - Drop entries that have to do with a range
 * @tlb: The IOTLB
 * @iova: First byte
 * @last: Last byte
 * @order: Entries of leaves of 4 KiB << @order only, as if the level were wrong for
 *	all others; or VIRT_IOTLB_ANY
 *
 * May sleep. Accesses under way may still use what they have found.
 */
void virt_iotlb_invalidate(struct virt_iotlb *tlb, u64 iova, u64 last,
			   int order)
{
	unsigned long page;
	void *entry;

	xa_lock(&tlb->xa);
	/* Pairs with virt_iotlb_generation(). */
	smp_store_release(&tlb->generation, tlb->generation + 1);
	xa_unlock(&tlb->xa);

	xa_for_each_range(&tlb->xa, page, entry, iova >> 12, last >> 12) {
		if (order == VIRT_IOTLB_ANY ||
		    FIELD_GET(TLB_ORDER, xa_to_value(entry)) == order)
			xa_erase(&tlb->xa, page);
		cond_resched();
	}
}
