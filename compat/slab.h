/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocations by type: of 7.0, where the flags may be left out, too. Later releases of the
 * 6.12 series have them, earlier ones not, so what counts is the header of that kernel. Our
 * files get this one instead of it (build-aux/compat.sh).
 */
#ifndef _DIRTY_COMPAT_SLAB_H
#define _DIRTY_COMPAT_SLAB_H

#include <linux/slab.h>

#ifndef kmalloc_obj
#define kmalloc_obj(obj, gfp)		kmalloc(sizeof(obj), gfp)
#endif
#ifndef kzalloc_obj
#define kzalloc_obj(obj, gfp)		kzalloc(sizeof(obj), gfp)
#endif
#ifndef kvzalloc_obj
#define kvzalloc_obj(obj, gfp)		kvzalloc(sizeof(obj), gfp)
#endif
#ifndef kmalloc_objs
#define kmalloc_objs(obj, n, gfp)	kmalloc_array(n, sizeof(obj), gfp)
#endif
#ifndef kzalloc_objs
#define kzalloc_objs(obj, n, gfp)	kcalloc(n, sizeof(obj), gfp)
#endif
#ifndef kvmalloc_objs
#define kvmalloc_objs(obj, n, gfp)	kvmalloc_array(n, sizeof(obj), gfp)
#endif
#ifndef kvzalloc_objs
#define kvzalloc_objs(obj, n, gfp)	kvcalloc(n, sizeof(obj), gfp)
#endif
#ifndef kzalloc_flex
#define kzalloc_flex(obj, member, n, gfp)	\
	kzalloc(struct_size_t(typeof(obj), member, n), gfp)
#endif

#endif
