// SPDX-License-Identifier: GPL-2.0-only
/*
 * The format amdv1 of generic_pt, and what AMD's IOMMU does with it (AMD I/O Virtualization
 * Technology specification 48882, 2.2.3).
 *
 * A leaf of a size between those of two levels is several entries, all the same but for A and
 * D, which hardware sets in the one that the address selects. The device table entry has the
 * table's address and its level in one word, since the table grows upwards while it is used.
 */
#include <linux/bitfield.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/mem_encrypt.h>
#include <linux/sizes.h>

#include "pt.h"

#define ENTRY_PR	BIT_ULL(0)
#define ENTRY_A		BIT_ULL(5)
#define ENTRY_D		BIT_ULL(6)
/* Of the next table, where 0 and 7 are none; of the DTE, Mode */
#define ENTRY_LEVEL	GENMASK_ULL(11, 9)
#define ENTRY_ADDR	GENMASK_ULL(51, 12)
#define ENTRY_IR	BIT_ULL(61)
#define ENTRY_IW	BIT_ULL(62)
#define LEVEL_SIZED	7			/* The size is in the address */

/* A domain with such a table, vdom and table */
struct amdv1_domain {
	VIRT_PT_DOMAIN(amdv1);
	spinlock_t top_lock;	/* Changes of the table's top */
	u64 dte;		/* As an entry of a table above the top one */
};
PT_IOMMU_CHECK_DOMAIN(struct amdv1_domain, table.iommu, vdom.domain);

static struct amdv1_domain *table_domain(struct pt_iommu *table)
{
	return container_of(table, struct amdv1_domain, table.iommu);
}

static u64 table_entry(u64 table, unsigned int level)
{
	return ENTRY_PR | ENTRY_IR | ENTRY_IW | table | FIELD_PREP(ENTRY_LEVEL, level);
}

static u64 *entry_table(u64 entry)
{
	return phys_to_virt(__sme_clr(entry) & ENTRY_ADDR);
}

/* Bits of the address that are within the leaf, or 0 if it cannot be one of @shift */
static unsigned int leaf_bits(u64 entry, unsigned int shift)
{
	unsigned int bits = shift;

	if (FIELD_GET(ENTRY_LEVEL, entry) == LEVEL_SIZED)
		bits = PAGE_SHIFT + ffz((entry & ENTRY_ADDR) >> PAGE_SHIFT) + 1;
	else if (entry & ENTRY_ADDR & (BIT_ULL(shift) - 1))
		return 0;
	return bits >= shift && bits < shift + PT_INDEX_BITS ? bits : 0;
}

static bool amdv1_walk(struct virt_domain *vdom, u64 iova, bool write, bool track,
		       struct virt_iotlb_entry *found)
{
	struct amdv1_domain *domain = container_of(vdom, struct amdv1_domain, vdom);
	unsigned int bits, level, next, shift;
	u64 entry, allowed, left;
	struct virt_pt_walk walk;
	u64 *at;

again:
	if (virt_pt_walk_begin(&walk, vdom, iova)) {
		entry = table_entry(walk.table, 1);
		left = iova % SZ_2M;
	} else {
		entry = READ_ONCE(domain->dte);
		left = iova;
	}
	allowed = entry;
	next = FIELD_GET(ENTRY_LEVEL, entry);
	do {
		level = next;
		if (level == 1 && allowed & ENTRY_IR && allowed & ENTRY_IW)
			virt_pt_walk_note(&walk, __sme_clr(entry) & ENTRY_ADDR);
		shift = PAGE_SHIFT + PT_INDEX_BITS * (level - 1);
		/* Levels that are left out are of zeros */
		if (left >> shift >= PT_ENTRIES)
			return false;
		at = &entry_table(entry)[left >> shift];
		left &= BIT_ULL(shift) - 1;
		entry = READ_ONCE(*at);
		if (!(entry & ENTRY_PR))
			return false;
		allowed &= entry;
		next = FIELD_GET(ENTRY_LEVEL, entry);
		if (next && next != LEVEL_SIZED && track && !virt_pt_set(at, &entry, ENTRY_A))
			goto again;
	} while (next && next < level);

	bits = next && next != LEVEL_SIZED ? 0 : leaf_bits(entry, shift);
	if (!bits || !(allowed & (write ? ENTRY_IW : ENTRY_IR)))
		return false;
	if (track && !virt_pt_set(at, &entry, write ? ENTRY_A | ENTRY_D : ENTRY_A))
		goto again;
	*found = (struct virt_iotlb_entry) {
		.phys = __sme_clr(entry) & ENTRY_ADDR & ~(BIT_ULL(bits) - 1),
		.order = bits - PAGE_SHIFT,
		.read = allowed & ENTRY_IR,
		.write = allowed & ENTRY_IW,
		.dirty = entry & ENTRY_D,
	};
	return true;
}

static spinlock_t *amdv1_top_lock(struct pt_iommu *table)
{
	return &table_domain(table)->top_lock;
}

/* Nothing to flush: what was cached is of lower tables, which stay. */
static void amdv1_change_top(struct pt_iommu *table, phys_addr_t top, unsigned int level)
{
	WRITE_ONCE(table_domain(table)->dte, table_entry(top, level + 1));
}

static const struct pt_iommu_driver_ops amdv1_driver_ops = {
	.change_top = amdv1_change_top,
	.get_top_lock = amdv1_top_lock,
};

static const struct iommu_domain_ops amdv1_ops = {
	IOMMU_PT_DOMAIN_OPS(amdv1),
	.attach_dev = virt_pt_attach,
	.flush_iotlb_all = virt_domain_flush_all,
	.iotlb_sync = virt_pt_sync,
	.free = virt_domain_free,
};

static const struct iommu_dirty_ops amdv1_dirty_ops = {
	IOMMU_PT_DIRTY_OPS(amdv1),
	.set_dirty_tracking = virt_domain_set_tracking,
};

static int amdv1_init(struct virt_domain *vdom)
{
	struct amdv1_domain *domain = container_of(vdom, struct amdv1_domain, vdom);
	const struct pt_iommu_amdv1_cfg cfg = {
		.common = {
			.hw_max_vasz_lg2 = VIRT_IOVA_BITS,
			.hw_max_oasz_lg2 = 52,
			.features = BIT(PT_FEAT_DYNAMIC_TOP) | BIT(PT_FEAT_FLUSH_RANGE) |
				    BIT(PT_FEAT_AMDV1_ENCRYPT_TABLES) |
				    BIT(PT_FEAT_AMDV1_FORCE_COHERENCE),
		},
		.starting_level = 2,
	};
	struct pt_iommu_amdv1_hw_info info;
	int err;

	spin_lock_init(&domain->top_lock);
	domain->table.iommu.nid = NUMA_NO_NODE;
	domain->table.iommu.driver_ops = &amdv1_driver_ops;
	vdom->domain.ops = &amdv1_ops;
	err = pt_iommu_amdv1_init(&domain->table, &cfg, GFP_KERNEL_ACCOUNT);
	if (err)
		return err;
	pt_iommu_amdv1_hw_info(&domain->table, &info);
	domain->dte = table_entry(info.host_pt_root, info.mode);
	virt_pt_begin(vdom, &domain->table.iommu);
	return 0;
}

static void amdv1_deinit(struct virt_domain *vdom)
{
	pt_iommu_deinit(&container_of(vdom, struct amdv1_domain, vdom)->table.iommu);
}

const struct virt_format virt_amdv1 = {
	.size = sizeof(struct amdv1_domain),
	.dirty_ops = &amdv1_dirty_ops,
	.init = amdv1_init,
	.deinit = amdv1_deinit,
	.walk = amdv1_walk,
};
