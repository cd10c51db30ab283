/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/slab.h>: allocations that can fail */
#pragma once

#include <linux/types.h>

#include "compat/slab.h"
#include "../shim.h"

#define GFP_KERNEL		0x01u
#define GFP_KERNEL_ACCOUNT	0x02u
#define __GFP_NOWARN		0x04u
#define __GFP_NORETRY		0x08u

static inline void *kzalloc(size_t size, gfp_t gfp)
{
	(void)gfp;
	return shim_alloc(size);
}

static inline void *kmalloc(size_t size, gfp_t gfp)
{
	void *p = kzalloc(size, gfp);

	/* What it was before */
	if (p)
		memset(p, 0xa5, size);
	return p;
}

static inline void kfree(const void *p)
{
	shim_free((void *)p);
}
