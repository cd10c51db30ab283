/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/xarray.h>: a sorted array, see shim.c */
#pragma once

#include "../xarray_common.h"

#define MAX_ERRNO		4095

typedef unsigned int xa_mark_t;

struct xa_slot {
	unsigned long index;
	void *entry;
};

struct xarray {
	struct xa_slot *slots;
	size_t nr;
};

static inline void *xa_mk_internal(unsigned long v)
{
	return (void *)((v << 2) | 2);
}

static inline bool xa_is_err(const void *entry)
{
	return ((unsigned long)entry & 3) == 2 &&
	       entry >= xa_mk_internal(-MAX_ERRNO);
}

static inline void xa_init_flags(struct xarray *xa, gfp_t flags)
{
	(void)flags;
	*xa = (struct xarray){};
}

static inline void xa_init(struct xarray *xa)
{
	xa_init_flags(xa, 0);
}

static inline bool xa_empty(const struct xarray *xa)
{
	return !xa->nr;
}

void *xa_load(struct xarray *xa, unsigned long index);
void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
void *xa_erase(struct xarray *xa, unsigned long index);
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      xa_mark_t filter);
void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max,
		    xa_mark_t filter);
void xa_destroy(struct xarray *xa);
