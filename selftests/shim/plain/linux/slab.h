/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/slab.h>: the C library's allocator */
#pragma once

#include <stdlib.h>
#include <linux/gfp.h>
#include <linux/types.h>

#include "compat/slab.h"

static inline void *kzalloc(size_t size, gfp_t gfp)
{
	(void)gfp;
	return calloc(1, size);
}

static inline void *kmalloc(size_t size, gfp_t gfp)
{
	(void)gfp;
	return malloc(size);
}

static inline void kfree(const void *p)
{
	free((void *)p);
}
