// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables of the virtual IOMMU: making, taking away, walking. See pgtable.h
 * for the format. When a table page that hardware may be reading is really
 * freed is up to domain.c: it is only put on a list here.
 */
#include <linux/atomic.h>
#include <linux/bitfield.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "pgtable.h"

static u64 *alloc_table(gfp_t gfp)
{
	struct page *page = alloc_page(gfp | __GFP_ZERO);

	return page ? page_address(page) : NULL;
}

static u64 table_pte(u64 *table)
{
	return virt_to_phys(table) | VIRT_PTE_PRESENT;
}

static bool is_table(u64 pte)
{
	return (pte & (VIRT_PTE_PRESENT | VIRT_PTE_LEAF)) == VIRT_PTE_PRESENT;
}

static unsigned int leaf_order(u64 pte)
{
	return FIELD_GET(VIRT_PTE_ORDER, pte);
}

static unsigned int leaf_count(unsigned int order)
{
	return 1U << (order % 9);
}

/* Put a table of @level, and all below it, on @freelist. */
static void free_tables(u64 *table, int level, struct list_head *freelist)
{
	unsigned int i;

	for (i = 0; level && i < VIRT_PT_ENTRIES; i++)
		if (is_table(table[i]))
			free_tables(virt_pte_table(table[i]), level - 1,
				    freelist);
	list_add_tail(&virt_to_page(table)->lru, freelist);
}

/* The table of @level that has the entry for @iova, made if need be. */
static u64 *get_table(struct virt_pgtable *pt, u64 iova, int level, gfp_t gfp)
{
	u64 *table = pt->root;
	int l;

	for (l = VIRT_PT_TOP; l > level; l--) {
		u64 *entry = &table[virt_level_index(iova, l)];
		u64 pte = READ_ONCE(*entry);

		if (!pte) {
			u64 *new = alloc_table(gfp);

			if (!new)
				return ERR_PTR(-ENOMEM);
			pte = cmpxchg64(entry, 0, table_pte(new));
			if (pte)
				free_page((unsigned long)new);
			else
				pte = table_pte(new);
		}
		if (pte & VIRT_PTE_LEAF)
			return ERR_PTR(-EEXIST);
		table = virt_pte_table(pte);
	}
	return table;
}

static int set_leaf(u64 *entry, unsigned int count, u64 pte, int level,
		    struct list_head *freelist)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (READ_ONCE(entry[i]) & VIRT_PTE_LEAF)
			return -EEXIST;
	for (i = 0; i < count; i++) {
		u64 old = xchg(&entry[i], pte);

		if (is_table(old))
			free_tables(virt_pte_table(old), level - 1, freelist);
	}
	return 0;
}

/**
 * virt_pgtable_map() - Map a run of leaves of one size
 * @pt: The table
 * @iova: First byte, a multiple of @size
 * @phys: First byte, a multiple of @size
 * @size: Bytes of a leaf
 * @count: Leaves
 * @bits: VIRT_PTE_READ, WRITE, DIRTY
 * @gfp: For tables
 * @mapped: Bytes mapped are added, also after an error
 * @freelist: Empty tables that a larger leaf has replaced; the caller frees
 *	them when nothing walks them any more
 *
 * Return: 0, -ENOMEM, or -EEXIST if something is mapped there.
 */
int virt_pgtable_map(struct virt_pgtable *pt, u64 iova, phys_addr_t phys,
		     u64 size, size_t count, u64 bits, gfp_t gfp,
		     size_t *mapped, struct list_head *freelist)
{
	unsigned int order = ilog2(size) - 12;
	unsigned int entries = leaf_count(order);
	int level = order / 9;

	bits |= VIRT_PTE_PRESENT | VIRT_PTE_LEAF |
		FIELD_PREP(VIRT_PTE_ORDER, order);
	while (count) {
		u64 *table = get_table(pt, iova, level, gfp);
		unsigned int i = virt_level_index(iova, level);

		if (IS_ERR(table))
			return PTR_ERR(table);
		for (; count && i < VIRT_PT_ENTRIES; i += entries, count--) {
			int err = set_leaf(&table[i], entries, phys | bits,
					   level, freelist);

			if (err)
				return err;
			iova += size;
			phys += size;
			*mapped += size;
		}
	}
	return 0;
}

/* Return: the bytes from @iova to @end or to the first hole. */
static u64 unmap_level(u64 *table, int level, u64 iova, u64 end, u64 *orders,
		       struct list_head *freelist)
{
	u64 entry_size = 1ull << virt_level_shift(level);
	unsigned int i = virt_level_index(iova, level);
	u64 start = iova;

	while (iova < end && i < VIRT_PT_ENTRIES) {
		u64 pte = READ_ONCE(table[i]);
		u64 next = ALIGN_DOWN(iova, entry_size) + entry_size;

		if (!(pte & VIRT_PTE_PRESENT))
			break;
		if (pte & VIRT_PTE_LEAF) {
			unsigned int count = leaf_count(leaf_order(pte));
			unsigned int n;

			*orders |= BIT_ULL(leaf_order(pte));
			i = ALIGN_DOWN(i, count);
			for (n = 0; n < count; n++)
				WRITE_ONCE(table[i++], 0);
			iova = ALIGN_DOWN(iova, entry_size * count) +
			       entry_size * count;
			continue;
		}

		next = min(next, end);
		if (unmap_level(virt_pte_table(pte), level - 1, iova, next,
				orders, freelist) < next - iova)
			break;
		if (next - iova == entry_size) {
			WRITE_ONCE(table[i], 0);
			free_tables(virt_pte_table(pte), level - 1, freelist);
		}
		iova = next;
		i++;
	}
	return iova - start;
}

/**
 * virt_pgtable_unmap() - Clear leaves and the tables that get empty by it
 * @pt: The table
 * @iova: First byte
 * @size: Bytes
 * @orders: Bit n is set if there was a leaf of 4 KiB << n
 * @freelist: Gets the tables; the caller frees them when nothing walks them
 *	any more
 *
 * A leaf that is partly in the range is unmapped as a whole.
 *
 * Return: Bytes from @iova to the end of the last leaf, or to the first hole.
 */
size_t virt_pgtable_unmap(struct virt_pgtable *pt, u64 iova, u64 size,
			  u64 *orders, struct list_head *freelist)
{
	*orders = 0;
	return unmap_level(pt->root, VIRT_PT_TOP, iova, iova + size, orders,
			   freelist);
}

/**
 * virt_pgtable_find() - Walk to an address
 * @pt: The table
 * @iova: The address
 * @leaf: The leaf; only @leaf->size is set when there is none
 *
 * Return: false when nothing is mapped.
 */
bool virt_pgtable_find(const struct virt_pgtable *pt, u64 iova,
		       struct virt_leaf *leaf)
{
	u64 *table = pt->root;
	int level = VIRT_PT_TOP;

	for (;;) {
		unsigned int i = virt_level_index(iova, level);
		u64 pte = READ_ONCE(table[i]);

		if (pte & VIRT_PTE_LEAF) {
			unsigned int order = leaf_order(pte);

			leaf->count = leaf_count(order);
			leaf->entry = &table[i];
			leaf->first = &table[ALIGN_DOWN(i, leaf->count)];
			leaf->value = pte;
			leaf->size = 4096ull << order;
			return true;
		}
		if (!(pte & VIRT_PTE_PRESENT)) {
			leaf->size = 1ull << virt_level_shift(level);
			return false;
		}
		table = virt_pte_table(pte);
		level--;
	}
}

/**
 * virt_pgtable_access() - What hardware does on an IOTLB miss
 * @pt: The table
 * @iova: The address
 * @write: Memory will be written
 * @track: Set A, and D if @write
 * @leaf: The leaf, its value with what was set
 *
 * Return: false when the access is not allowed.
 */
bool virt_pgtable_access(struct virt_pgtable *pt, u64 iova, bool write,
			 bool track, struct virt_leaf *leaf)
{
	u64 need = write ? VIRT_PTE_WRITE : VIRT_PTE_READ;
	u64 set = 0;

	if (track)
		set = VIRT_PTE_ACCESSED | (write ? VIRT_PTE_DIRTY : 0);
	do {
		if (!virt_pgtable_find(pt, iova, leaf) ||
		    !(leaf->value & need))
			return false;
		if ((leaf->value & set) == set)
			return true;
	} while (!try_cmpxchg64(leaf->entry, &leaf->value, leaf->value | set));
	leaf->value |= set;
	return true;
}

/**
 * virt_pgtable_free_tables() - Free tables that are no longer linked
 * @freelist: From virt_pgtable_map() or virt_pgtable_unmap(); empty then
 */
void virt_pgtable_free_tables(struct list_head *freelist)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, freelist, lru)
		__free_page(page);
	INIT_LIST_HEAD(freelist);
}

/**
 * virt_pgtable_init() - Make an empty table
 * @pt: The table
 *
 * Return: 0 or -ENOMEM.
 */
int virt_pgtable_init(struct virt_pgtable *pt)
{
	pt->root = alloc_table(GFP_KERNEL_ACCOUNT);
	return pt->root ? 0 : -ENOMEM;
}

/**
 * virt_pgtable_free() - Free a table that nothing uses
 * @pt: The table
 */
void virt_pgtable_free(struct virt_pgtable *pt)
{
	LIST_HEAD(freelist);

	free_tables(pt->root, VIRT_PT_TOP, &freelist);
	virt_pgtable_free_tables(&freelist);
}
