/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables of the virtual IOMMU: 48 bits of IOVA in four levels of 512
 * entries of 64 bits. Level 0 maps 4 KiB an entry, level 3 512 GiB.
 *
 * A leaf may be any power of two from 4 KiB up; which sizes are used is up to
 * the personality. One that is no entry size is *replicated*: it fills 2 to 256
 * entries of the level below the next larger entry size, all the same but for A
 * and D, which hardware sets in the one entry that it walked to.
 *
 * Entries are read without a lock. Hardware changes one with cmpxchg only, so
 * it never brings back what software has cleared. Two callers of map or unmap
 * must not work on the same addresses; neighbours may share tables.
 */
#ifndef _VIRT_PGTABLE_H
#define _VIRT_PGTABLE_H

#include <linux/bits.h>
#include <linux/io.h>
#include <linux/list.h>
#include <linux/types.h>

#define VIRT_PTE_PRESENT	BIT_ULL(0)
#define VIRT_PTE_READ		BIT_ULL(1)
#define VIRT_PTE_WRITE		BIT_ULL(2)
#define VIRT_PTE_ACCESSED	BIT_ULL(3)
#define VIRT_PTE_DIRTY_BIT	4
#define VIRT_PTE_DIRTY		BIT_ULL(VIRT_PTE_DIRTY_BIT)
#define VIRT_PTE_LEAF		BIT_ULL(5)
#define VIRT_PTE_ORDER		GENMASK_ULL(11, 6)	/* leaf of 4 KiB << order */
#define VIRT_PTE_ADDR		GENMASK_ULL(51, 12)

#define VIRT_PT_TOP		3	/* level of the root */
#define VIRT_PT_ENTRIES		512

/**
 * struct virt_pgtable - A page table
 * @root: The table of level VIRT_PT_TOP
 */
struct virt_pgtable {
	u64 *root;
};

/**
 * struct virt_leaf - What a walk found
 * @entry: The entry that maps the address
 * @first: The first of its replicas
 * @count: Number of replicas
 * @value: Of @entry
 * @size: Bytes of the leaf, or, when there is none, of the entry that is empty
 */
struct virt_leaf {
	u64 *entry;
	u64 *first;
	unsigned int count;
	u64 value;
	u64 size;
};

int virt_pgtable_init(struct virt_pgtable *pt);
void virt_pgtable_free(struct virt_pgtable *pt);
int virt_pgtable_map(struct virt_pgtable *pt, u64 iova, phys_addr_t phys,
		     u64 size, size_t count, u64 bits, gfp_t gfp,
		     size_t *mapped, struct list_head *freelist);
void virt_pgtable_free_tables(struct list_head *freelist);
size_t virt_pgtable_unmap(struct virt_pgtable *pt, u64 iova, u64 size,
			  u64 *orders, struct list_head *freelist);
bool virt_pgtable_find(const struct virt_pgtable *pt, u64 iova,
		       struct virt_leaf *leaf);
bool virt_pgtable_access(struct virt_pgtable *pt, u64 iova, bool write,
			 bool track, struct virt_leaf *leaf);

static inline unsigned int virt_level_shift(unsigned int level)
{
	return 12 + 9 * level;
}

static inline unsigned int virt_level_index(u64 iova, unsigned int level)
{
	return (iova >> virt_level_shift(level)) % VIRT_PT_ENTRIES;
}

static inline u64 *virt_pte_table(u64 pte)
{
	return phys_to_virt(pte & VIRT_PTE_ADDR);
}

#endif
