/* SPDX-License-Identifier: GPL-2.0-only */
/* Allocations by type */
#ifndef _DIRTY_COMPAT_SLAB_H
#define _DIRTY_COMPAT_SLAB_H

/* Since 7.0, where the flags may be left out, too */
#ifndef DIRTY_HAS_KZALLOC_OBJ
#define kmalloc_obj(obj, gfp)		((typeof(obj) *)kmalloc(sizeof(obj), gfp))
#define kzalloc_obj(obj, gfp)		((typeof(obj) *)kzalloc(sizeof(obj), gfp))
#define kmalloc_objs(obj, n, gfp)	((typeof(obj) *)kmalloc_array(n, sizeof(obj), gfp))
#define kzalloc_objs(obj, n, gfp)	((typeof(obj) *)kcalloc(n, sizeof(obj), gfp))
#define kvzalloc_obj(obj, gfp)		((typeof(obj) *)kvzalloc(sizeof(obj), gfp))
#define kvmalloc_objs(obj, n, gfp)	((typeof(obj) *)kvmalloc_array(n, sizeof(obj), gfp))
#define kvzalloc_objs(obj, n, gfp)	((typeof(obj) *)kvcalloc(n, sizeof(obj), gfp))
#define kzalloc_flex(obj, member, n, gfp)				\
	((typeof(obj) *)kzalloc(struct_size_t(typeof(obj), member, n), gfp))
#endif

#endif
