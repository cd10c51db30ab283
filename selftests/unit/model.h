/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model of a dirty_set: one byte per granule, in a few regions of the
 * address space. Nothing clever, so that it is right.
 */
#pragma once

#include <stdbool.h>

struct dirty_set;

#define MODEL_REGIONS 3

/**
 * struct region - Granules that the model knows
 * @first: The first of them
 * @n: How many
 * @dirty: For each, 0 or 1
 */
struct region {
	unsigned long first;
	unsigned long n;
	unsigned char *dirty;
};

/**
 * struct model - What should be in a dirty_set
 * @shift: log2 of the granule
 * @nr: Regions in use, sorted and disjoint
 * @r: The regions; all else is clean
 */
struct model {
	unsigned int shift;
	unsigned int nr;
	struct region r[MODEL_REGIONS];
};

void model_init(struct model *m, unsigned int shift, unsigned long n);
void model_init_one(struct model *m, unsigned int shift, unsigned long first,
		    unsigned long n);
void model_copy(struct model *to, const struct model *from);
void model_free(struct model *m);
void model_zero(struct model *m);
void model_add(struct model *m, unsigned long first, unsigned long last);
void model_remove(struct model *m, unsigned long first, unsigned long last);
void model_mark(struct model *m, unsigned long first, unsigned long last,
		unsigned char value);
bool model_full(const struct model *m, unsigned long first, unsigned long last);
void model_also(struct model *dst, const struct model *src, unsigned long first,
		unsigned long last);
void model_move(struct model *dst, struct model *src, unsigned long first,
		unsigned long last);
unsigned long model_count(const struct model *m);
bool model_next(const struct model *m, unsigned long first, unsigned long last,
		unsigned long *found);
unsigned long model_read(struct model *m, struct dirty_set *set);
bool model_equal(const struct model *a, const struct model *b);
bool model_covers(const struct model *all, const struct model *part);
bool model_same(const struct model *m, struct dirty_set *set);
bool model_inside(const struct model *m, struct dirty_set *set);
