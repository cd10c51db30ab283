/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stand-in for the kernel's <linux/xarray.h>: an array of slots, found by their
 * index. What the real tree takes to get from node to node is not measured.
 */
#pragma once

#include <stdlib.h>
#include <linux/limits.h>
#include <linux/types.h>

#define XA_FLAGS_ACCOUNT	32u
#define XA_PRESENT		8u
#define XA_SLOTS		8192u

struct xarray {
	void **slots;
	size_t nr;
};

static inline void *xa_mk_value(unsigned long v)
{
	return (void *)((v << 1) | 1);
}

static inline bool xa_is_value(const void *entry)
{
	return (unsigned long)entry & 1;
}

static inline bool xa_is_err(const void *entry)
{
	return entry == (void *)-2ul;
}

static inline void xa_init_flags(struct xarray *xa, gfp_t flags)
{
	(void)flags;
	*xa = (struct xarray){};
}

static inline bool xa_empty(const struct xarray *xa)
{
	return !xa->nr;
}

static inline void *xa_load(struct xarray *xa, unsigned long index)
{
	return xa->slots && index < XA_SLOTS ? xa->slots[index] : NULL;
}

static inline void *xa_store(struct xarray *xa, unsigned long index, void *entry,
			     gfp_t gfp)
{
	void *old;

	(void)gfp;
	if (!xa->slots)
		xa->slots = calloc(XA_SLOTS, sizeof(*xa->slots));
	if (!xa->slots || index >= XA_SLOTS)
		return (void *)-2ul;
	old = xa->slots[index];
	xa->slots[index] = entry;
	xa->nr += !!entry - !!old;
	return old;
}

static inline void *xa_erase(struct xarray *xa, unsigned long index)
{
	return xa_load(xa, index) ? xa_store(xa, index, NULL, 0) : NULL;
}

static inline void *xa_find(struct xarray *xa, unsigned long *index,
			    unsigned long max, unsigned int filter)
{
	unsigned long i;

	(void)filter;
	for (i = *index; xa->nr && i <= max && i < XA_SLOTS; i++) {
		if (!xa->slots[i])
			continue;
		*index = i;
		return xa->slots[i];
	}
	return NULL;
}

static inline void *xa_find_after(struct xarray *xa, unsigned long *index,
				  unsigned long max, unsigned int filter)
{
	unsigned long next = *index + 1;
	void *entry = xa_find(xa, &next, max, filter);

	if (entry)
		*index = next;
	return entry;
}

static inline void xa_destroy(struct xarray *xa)
{
	free(xa->slots);
	*xa = (struct xarray){};
}

#define xa_for_each_range(xa, index, entry, start, last)		\
	for (index = start,						\
	     entry = xa_find(xa, &index, last, XA_PRESENT);		\
	     entry;							\
	     entry = xa_find_after(xa, &index, last, XA_PRESENT))
#define xa_for_each_start(xa, index, entry, start)			\
	xa_for_each_range(xa, index, entry, start, ULONG_MAX)
#define xa_for_each(xa, index, entry)					\
	xa_for_each_range(xa, index, entry, 0, ULONG_MAX)
