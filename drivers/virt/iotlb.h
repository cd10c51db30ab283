/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IOTLB: what hardware has cached of a domain's page table. See iotlb.c.
 */
#ifndef _VIRT_IOTLB_H
#define _VIRT_IOTLB_H

#include <linux/types.h>
#include <linux/xarray.h>

#define VIRT_IOTLB_ANY	(-1)

/**
 * struct virt_iotlb - The cached leaves of a domain
 * @xa: Indexed by 4 KiB page of IOVA; an entry spans its leaf
 * @generation: Of the last invalidation; written under the lock of @xa
 * @fifo: Pages of the leaves in the order of their filling, NULL if unlimited
 * @size: Entries of @fifo
 * @next: The entry of @fifo to be evicted next
 */
struct virt_iotlb {
	struct xarray xa;
	unsigned long generation;
	unsigned long *fifo;
	unsigned int size;
	unsigned int next;
};

/**
 * struct virt_iotlb_entry - A cached leaf
 * @phys: First byte of the leaf
 * @order: The leaf is 4 KiB << order
 * @read: May be read
 * @write: May be written
 * @dirty: D was set in the page table: writes do not look there again
 */
struct virt_iotlb_entry {
	phys_addr_t phys;
	unsigned int order;
	bool read;
	bool write;
	bool dirty;
};

int virt_iotlb_init(struct virt_iotlb *tlb);
void virt_iotlb_free(struct virt_iotlb *tlb);
unsigned long virt_iotlb_generation(const struct virt_iotlb *tlb);
bool virt_iotlb_find(struct virt_iotlb *tlb, u64 iova,
		     struct virt_iotlb_entry *entry);
void virt_iotlb_fill(struct virt_iotlb *tlb, unsigned long generation, u64 iova,
		     const struct virt_iotlb_entry *entry);
void virt_iotlb_invalidate(struct virt_iotlb *tlb, u64 iova, u64 last,
			   int order);

#endif
