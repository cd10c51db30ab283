/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables of the kernel's generic_pt under the virtual IOMMU: what all formats share.
 * See pt.c.
 */
#ifndef _VIRT_PT_H
#define _VIRT_PT_H

#include <linux/generic_pt/iommu.h>
#include <linux/stddef.h>

#include "virt_iommu.h"

/* Of a table, in all formats */
#define PT_INDEX_BITS	9
#define PT_ENTRIES	BIT(PT_INDEX_BITS)

/*
 * Members of a domain with a table of a format: what the core knows is one struct in both, as
 * PT_IOMMU_CHECK_DOMAIN() demands.
 */
#define VIRT_PT_DOMAIN(format)						\
	union {								\
		struct virt_domain vdom;				\
		struct {						\
			u8 before[offsetof(struct virt_domain, domain)];\
			struct pt_iommu_##format table;			\
		};							\
	}

static_assert(offsetofend(struct virt_domain, domain) == sizeof(struct virt_domain));

/**
 * struct virt_pt_walk - A walk, which may begin at a table that is cached
 * @vdom: The domain
 * @iova: The address
 * @generation: Of virt_domain.walks, from before the walk
 * @table: The table of leaves of 4 KiB that has the address, if it is cached
 * @cached: It is
 */
struct virt_pt_walk {
	struct virt_domain *vdom;
	u64 iova;
	unsigned long generation;
	phys_addr_t table;
	bool cached;
};

bool virt_pt_walk_begin(struct virt_pt_walk *walk, struct virt_domain *vdom, u64 iova);
void virt_pt_walk_note(const struct virt_pt_walk *walk, phys_addr_t table);
void virt_pt_begin(struct virt_domain *vdom, struct pt_iommu *table);
void virt_pt_sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather);
int virt_pt_attach(struct iommu_domain *domain, struct device *dev, struct iommu_domain *old);
bool virt_pt_set(u64 *entry, u64 *value, u64 bits);

#endif
