/* SPDX-License-Identifier: GPL-2.0-only */
/* What both stand-ins for the kernel's <linux/xarray.h> have */
#pragma once

#include <linux/limits.h>
#include <linux/types.h>

#define XA_FLAGS_ACCOUNT	32u
#define XA_PRESENT		8u

static inline void *xa_mk_value(unsigned long v)
{
	return (void *)((v << 1) | 1);
}

static inline bool xa_is_value(const void *entry)
{
	return (unsigned long)entry & 1;
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
