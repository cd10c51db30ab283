/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/slab.h>: allocations that can fail */
#pragma once

#include <linux/gfp.h>
#include <linux/types.h>

#include "compat/slab.h"
#include "../shim.h"

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
