/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stand-in for the kernel's <linux/xarray.h>: a tree of nodes of 64 slots as
 * there, always of three levels, without locks and marks. A node is freed with
 * its last entry.
 */
#pragma once

#include <stdlib.h>

#include "../../xarray_common.h"

#define XA_LEVELS		3
#define XA_SLOTS		(1ul << 6 * XA_LEVELS)

struct xa_node {
	struct xa_node *parent;
	unsigned int offset;
	unsigned int nr;
	void *slots[64];
};

struct xarray {
	struct xa_node *root;
};

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
	return !xa->root;
}

/* The node of the last level, or NULL */
static inline struct xa_node *xa_leaf(const struct xarray *xa, unsigned long index)
{
	struct xa_node *node = index < XA_SLOTS ? xa->root : NULL;
	unsigned int level;

	for (level = XA_LEVELS - 1; node && level; level--)
		node = node->slots[index >> 6 * level & 63];
	return node;
}

static inline void *xa_load(struct xarray *xa, unsigned long index)
{
	struct xa_node *node = xa_leaf(xa, index);

	return node ? node->slots[index & 63] : NULL;
}

static inline struct xa_node *xa_make_node(struct xa_node *parent,
					   unsigned int offset)
{
	struct xa_node *node = calloc(1, sizeof(*node));

	if (!node)
		abort();
	node->parent = parent;
	node->offset = offset;
	if (parent) {
		parent->slots[offset] = node;
		parent->nr++;
	}
	return node;
}

static inline void *xa_store(struct xarray *xa, unsigned long index, void *entry,
			     gfp_t gfp)
{
	struct xa_node *node;
	unsigned int level;
	void *old;

	(void)gfp;
	if (index >= XA_SLOTS)
		return (void *)-2ul;
	if (!xa->root)
		xa->root = xa_make_node(NULL, 0);
	node = xa->root;
	for (level = XA_LEVELS - 1; level; level--) {
		struct xa_node *next = node->slots[index >> 6 * level & 63];

		node = next ? next : xa_make_node(node, index >> 6 * level & 63);
	}
	old = node->slots[index & 63];
	node->slots[index & 63] = entry;
	node->nr += !!entry - !!old;
	return old;
}

static inline void *xa_erase(struct xarray *xa, unsigned long index)
{
	struct xa_node *node = xa_leaf(xa, index);
	void *old = node ? node->slots[index & 63] : NULL;

	if (!old)
		return NULL;
	node->slots[index & 63] = NULL;
	while (!--node->nr) {
		struct xa_node *parent = node->parent;

		if (parent)
			parent->slots[node->offset] = NULL;
		else
			xa->root = NULL;
		free(node);
		if (!parent)
			break;
		node = parent;
	}
	return old;
}

static inline void *xa_find(struct xarray *xa, unsigned long *index,
			    unsigned long max, unsigned int filter)
{
	unsigned long i = *index;

	(void)filter;
	while (i <= max && i < XA_SLOTS && xa->root) {
		struct xa_node *node = xa->root;
		unsigned int level;

		for (level = XA_LEVELS - 1; level; level--) {
			struct xa_node *next = node->slots[i >> 6 * level & 63];

			if (!next)
				break;
			node = next;
		}
		if (!level && node->slots[i & 63]) {
			*index = i;
			return node->slots[i & 63];
		}
		i = ((i >> 6 * level) + 1) << 6 * level;
	}
	return NULL;
}

static inline void *xa_find_after(struct xarray *xa, unsigned long *index,
				  unsigned long max, unsigned int filter)
{
	unsigned long next = *index + 1;
	void *entry = next ? xa_find(xa, &next, max, filter) : NULL;

	if (entry)
		*index = next;
	return entry;
}

static inline void xa_free_node(struct xa_node *node, unsigned int level)
{
	unsigned int i;

	for (i = 0; level && i < 64; i++)
		if (node->slots[i])
			xa_free_node(node->slots[i], level - 1);
	free(node);
}

static inline void xa_destroy(struct xarray *xa)
{
	if (xa->root)
		xa_free_node(xa->root, XA_LEVELS - 1);
	*xa = (struct xarray){};
}
