// SPDX-License-Identifier: GPL-2.0-only
/*
 * Personalities: where the IOMMU drivers of this kernel differ in what a user
 * of dirty tracking can observe, traps included.
 *
 * amd and intel walk by address. From an address in the middle of a leaf they
 * take the D of the whole leaf, but record the leaf's size from that address
 * on: the part before is lost and the part after is too much. What is not
 * mapped is stepped over by the size of the empty entry, from the address, not
 * from the entry's beginning. amd has any power of two as a leaf, replicated;
 * hardware sets D in one replica, reading takes it out of all. Whether hardware
 * sets D at all is said by the device table entry of each device (HAD). An attach
 * computes the entry from the domain and writes it later, without the domain's lock;
 * set_dirty_tracking changes the entries of the devices that the domain has, but not
 * those of their aliases.
 *
 * smmu walks by table, with an address that it advances by the size of each
 * leaf. After a start in the middle of a leaf all records to the end of the
 * call are shifted by as much. A hole is an error. An invalidation of a range says
 * of which level the leaves are (IHI 0070, TTL); if that is wrong, none takes place.
 *
 * amdv1-pt and vtdss-pt are amd and intel with page tables of the kernel's generic_pt, as
 * these drivers have them since 6.19: the kernel maps, unmaps and reads dirty bits (pt.c).
 */
#include <linux/bits.h>
#include <linux/iommu.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "faults.h"
#include "virt_iommu.h"

/* As MODULE_IMPORT_NS(), of which only newer kernels take a string */
MODULE_INFO(import_ns, "IOMMUFD");

static void dirty_record(struct virt_domain *vdom, struct iommu_dirty_bitmap *dirty,
			 unsigned long iova, unsigned long size)
{
	if (virt_drop_record())
		return;
	if (!vdom->gather)
		iommu_dirty_bitmap_record(dirty, iova, size);
	else if (dirty->gather)
		iommu_iotlb_gather_add_range(dirty->gather, iova, size);
}

static bool take_dirty(u64 *entry, unsigned int count, bool clear)
{
	bool dirty = false;
	unsigned int i;

	for (i = 0; i < count; i++) {
		unsigned long *word = (unsigned long *)&entry[i];

		if (!test_bit(VIRT_PTE_DIRTY_BIT, word))
			continue;
		dirty = true;
		if (!clear)
			break;
		clear_bit(VIRT_PTE_DIRTY_BIT, word);
	}
	return dirty;
}

static int read_by_address(struct virt_domain *vdom, unsigned long iova,
			   size_t size, unsigned long flags,
			   struct iommu_dirty_bitmap *dirty)
{
	bool clear = !(flags & IOMMU_DIRTY_NO_CLEAR);
	unsigned long last = iova + size - 1;
	unsigned long visits = 0;
	struct virt_leaf leaf;

	if (!READ_ONCE(vdom->tracking) && dirty->bitmap)
		return -EINVAL;

	do {
		if (virt_pgtable_find(&vdom->pt, iova, &leaf)) {
			visits++;
			if (take_dirty(leaf.first, leaf.count, clear))
				dirty_record(vdom, dirty, iova, leaf.size);
		}
		iova += leaf.size;
	} while (iova < last);

	virt_count(VIRT_LEAF_VISITS, visits);
	return 0;
}

/**
 * struct table_walk - A walk by table
 * @vdom: The domain
 * @dirty: Where to record
 * @clear: Take D
 * @addr: Of the next leaf, if it began where the walk thinks that it does
 * @end: Where the walk ends
 * @visits: Leaves seen
 */
struct table_walk {
	struct virt_domain *vdom;
	struct iommu_dirty_bitmap *dirty;
	bool clear;
	u64 addr;
	u64 end;
	unsigned long visits;
};

static int read_table(struct table_walk *walk, u64 *table, int level)
{
	unsigned int i = virt_level_index(walk->addr, level);
	int err;

	for (; i < VIRT_PT_ENTRIES && walk->addr < walk->end; i++) {
		u64 pte = READ_ONCE(table[i]);

		if (!(pte & VIRT_PTE_PRESENT))
			return -EINVAL;
		if (!(pte & VIRT_PTE_LEAF)) {
			err = read_table(walk, virt_pte_table(pte), level - 1);
			if (err)
				return err;
			continue;
		}
		walk->visits++;
		if (take_dirty(&table[i], 1, walk->clear))
			dirty_record(walk->vdom, walk->dirty, walk->addr,
				     1ul << virt_level_shift(level));
		walk->addr += 1ull << virt_level_shift(level);
	}
	return 0;
}

static int read_by_table(struct virt_domain *vdom, unsigned long iova,
			 size_t size, unsigned long flags,
			 struct iommu_dirty_bitmap *dirty)
{
	struct table_walk walk = {
		.vdom = vdom,
		.dirty = dirty,
		.clear = !(flags & IOMMU_DIRTY_NO_CLEAR),
		.addr = iova,
		.end = iova + size,
	};
	int err;

	if (!size || (iova + size - 1) >> VIRT_IOVA_BITS)
		return -EINVAL;
	err = read_table(&walk, vdom->pt.root, VIRT_PT_TOP);
	virt_count(VIRT_LEAF_VISITS, walk.visits);
	return err;
}

static const struct virt_personality personalities[] = {
	{
		.name = "amd",
		.pgsize_bitmap = GENMASK_ULL(38, 12),
		.tracks = true,
		.by_device = true,
		.read_dirty = read_by_address,
	}, {
		.name = "intel",
		.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G,
		.tracks = true,
		.merges = true,
		.gather_pages = true,
		.tagged = true,
		.pasid_tracks = true,
		.regains = true,
		.read_dirty = read_by_address,
	}, {
		.name = "smmu",
		.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G,
		.tracks = true,
		.born_dirty = true,
		.level_hint = true,
		.gather_pages = true,
		.pasid_tracks = true,
		.read_dirty = read_by_table,
	}, {
		.name = "none",
		.pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G,
	}, {
		.name = "amdv1-pt",
		.generic_pt = true,
		.format = IS_BUILTIN(CONFIG_IOMMU_PT_AMDV1) ? &virt_amdv1 : NULL,
		.tracks = true,
		.by_device = true,
	}, {
		.name = "vtdss-pt",
		.generic_pt = true,
		.format = IS_BUILTIN(CONFIG_IOMMU_PT_VTDSS) ? &virt_vtdss : NULL,
		.tracks = true,
		.tagged = true,
	},
};

/**
 * virt_personality_find() - A personality by its name
 * @name: As in iommus=
 *
 * Return: The personality, or NULL when there is none.
 */
const struct virt_personality *virt_personality_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(personalities); i++)
		if (!strcmp(personalities[i].name, name))
			return &personalities[i];
	return NULL;
}
