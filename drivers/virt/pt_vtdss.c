// SPDX-License-Identifier: GPL-2.0-only
/*
 * The format vtdss of generic_pt, and what Intel's VT-d does with it: second-stage translation
 * with SSADE (VT-d specification, 3.7 and 9.8). It sets A in each entry that it uses, and D in
 * the leaf. Here tables have four levels.
 */
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/log2.h>

#include "pt.h"

#define ENTRY_R		BIT_ULL(0)
#define ENTRY_W		BIT_ULL(1)
#define ENTRY_PS	BIT_ULL(7)
#define ENTRY_A		BIT_ULL(8)
#define ENTRY_D		BIT_ULL(9)
#define ENTRY_ADDR	GENMASK_ULL(51, 12)
#define TOP_LEVEL	3
#define TOP_LEAF	2	/* Largest leaves: 1 GiB */

/* A domain with such a table, vdom and table */
struct vtdss_domain {
	VIRT_PT_DOMAIN(vtdss);
	u64 ssptptr;		/* The table's top, in the PASID entries */
};
PT_IOMMU_CHECK_DOMAIN(struct vtdss_domain, table.iommu, vdom.domain);

static bool vtdss_walk(struct virt_domain *vdom, u64 iova, bool write, bool track,
		       struct virt_iotlb_entry *found)
{
	struct vtdss_domain *domain = container_of(vdom, struct vtdss_domain, vdom);
	unsigned int level, shift;
	struct virt_pt_walk walk;
	u64 entry, allowed;
	bool leaf;
	u64 *at;

again:
	if (virt_pt_walk_begin(&walk, vdom, iova)) {
		entry = walk.table;
		level = 1;
	} else {
		entry = domain->ssptptr;
		level = TOP_LEVEL + 1;
	}
	allowed = ENTRY_R | ENTRY_W;
	do {
		level--;
		if (!level && allowed & ENTRY_R && allowed & ENTRY_W)
			virt_pt_walk_note(&walk, entry & ENTRY_ADDR);
		shift = PAGE_SHIFT + PT_INDEX_BITS * level;
		at = (u64 *)phys_to_virt(entry & ENTRY_ADDR) + (iova >> shift) % PT_ENTRIES;
		entry = READ_ONCE(*at);
		if (!(entry & (ENTRY_R | ENTRY_W)))
			return false;
		allowed &= entry;
		leaf = !level || entry & ENTRY_PS;
		if (!leaf && track && !virt_pt_set(at, &entry, ENTRY_A))
			goto again;
	} while (!leaf);

	/* Reserved bits, and permissions */
	if (level > TOP_LEAF || entry & ENTRY_ADDR & (BIT_ULL(shift) - 1) ||
	    !(allowed & (write ? ENTRY_W : ENTRY_R)))
		return false;
	if (track && !virt_pt_set(at, &entry, write ? ENTRY_A | ENTRY_D : ENTRY_A))
		goto again;
	*found = (struct virt_iotlb_entry) {
		.phys = entry & ENTRY_ADDR,
		.order = shift - PAGE_SHIFT,
		.read = allowed & ENTRY_R,
		.write = allowed & ENTRY_W,
		.dirty = entry & ENTRY_D,
	};
	return true;
}

static const struct iommu_domain_ops vtdss_ops = {
	IOMMU_PT_DOMAIN_OPS(vtdss),
	.attach_dev = virt_pt_attach,
	.flush_iotlb_all = virt_domain_flush_all,
	.iotlb_sync = virt_pt_sync,
	.free = virt_domain_free,
};

static const struct iommu_dirty_ops vtdss_dirty_ops = {
	IOMMU_PT_DIRTY_OPS(vtdss),
	.set_dirty_tracking = virt_domain_set_tracking,
};

static int vtdss_init(struct virt_domain *vdom)
{
	struct vtdss_domain *domain = container_of(vdom, struct vtdss_domain, vdom);
	const struct pt_iommu_vtdss_cfg cfg = {
		.common = {
			.hw_max_vasz_lg2 = VIRT_IOVA_BITS,
			.hw_max_oasz_lg2 = 52,
			.features = BIT(PT_FEAT_FLUSH_RANGE),
		},
		.top_level = TOP_LEVEL,
	};
	struct pt_iommu_vtdss_hw_info info;
	int err;

	domain->table.iommu.nid = NUMA_NO_NODE;
	vdom->domain.ops = &vtdss_ops;
	err = pt_iommu_vtdss_init(&domain->table, &cfg, GFP_KERNEL_ACCOUNT);
	if (err)
		return err;
	pt_iommu_vtdss_hw_info(&domain->table, &info);
	domain->ssptptr = info.ssptptr;
	virt_pt_begin(vdom, &domain->table.iommu);
	return 0;
}

static void vtdss_deinit(struct virt_domain *vdom)
{
	pt_iommu_deinit(&container_of(vdom, struct vtdss_domain, vdom)->table.iommu);
}

const struct virt_format virt_vtdss = {
	.size = sizeof(struct vtdss_domain),
	.dirty_ops = &vtdss_dirty_ops,
	.init = vtdss_init,
	.deinit = vtdss_deinit,
	.walk = vtdss_walk,
};
