// SPDX-License-Identifier: GPL-2.0-only
/*
 * The largest address spaces: START and READ of 12 TiB in leaves of 2 MiB and of 1 TiB in
 * leaves of 4 KiB, or of as much as the run may map. Unmapping them takes as long as
 * measuring them, so the scenes stay mapped until the machine ends ("keep").
 */
#include <stdio.h>

#include "bench.h"

/*
 * What a VMM asks for with one call. Upstream's keeps the processor until it is done, and
 * that must not be so long that the kernel complains.
 */
#define AT_ONCE	(64 * GIB)

/* Of 10,000 leaves */
static const unsigned int densities[] = { 0, 1, 100 };

/* @count leaves anywhere: set_dirty scatters them in a power of two only. */
static void make_dirty(struct scene *s, __u64 count)
{
	__u64 part = s->size & -s->size, parts = s->size / part, i;

	for (i = 0; i < parts; i++)
		scene_dirty(s, 0, IOVA + i * part, part, s->plan.leaf, count / parts, RANDOM);
}

static void read_all(struct scene *s, const struct way *way, struct row *row, __u64 at_once)
{
	__u64 *bitmap = s->bitmap, at;

	meter_begin();
	for (at = 0; at < s->size; at += at_once) {
		s->bitmap = bitmap + at / s->unit / 64;
		way->read(s, IOVA + at, at_once, s->unit, false);
	}
	meter_end(&row->cost);
	s->bitmap = bitmap;
}

static void read_row(struct scene *s, const struct way *way, const char *what,
		     const char *size, unsigned int density, __u64 at_once)
{
	__u64 leaves = s->size / s->plan.leaf, parts = s->size / (s->size & -s->size);
	struct row row = { .ops = 1, .leaves = leaves, .words = s->size / s->unit / 64 };

	row.dirty = dirty_of(leaves, density) / parts * parts;
	snprintf(row.name, sizeof(row.name), "read-%s.%s.%g.%s", what, size, density / 100.0,
		 density ? "random" : "seq");
	if (row.dirty)
		make_dirty(s, row.dirty);
	read_all(s, way, &row, at_once);
	if (scene_count(s, s->size / (s->unit / PAGE)) != row.dirty)
		die("%s: %s: not the %llu bits that should be set", way->name, row.name,
		    row.dirty);
	row_add(&row);
	rows_flush();
}

static void large(const struct way *way, const struct scene_plan *plan, const char *what,
		  __u64 size, __u64 at_once)
{
	struct row start = { .ops = 1 };
	char text[32];
	struct scene s;
	unsigned int d;

	if (size > scene_max())
		size = scene_max();
	snprintf(text, sizeof(text), "%llu%s", size < TIB ? size / GIB : size / TIB,
		 size < TIB ? "G" : "T");
	scene_open(&s, plan);
	s.unit = plan->leaf;
	way->create(&s);
	scene_grow(&s, size);
	start.leaves = size / plan->leaf;
	snprintf(start.name, sizeof(start.name), "start.%s.%s", what, text);
	meter_begin();
	way->start(&s);
	meter_end(&start.cost);
	row_add(&start);
	for (d = 0; d < sizeof(densities) / sizeof(*densities); d++)
		read_row(&s, way, what, text, densities[d], at_once < size ? at_once : size);
	way->stop(&s);
	way->destroy(&s);
	scene_close(&s);
}

/** rows_large() - 12 TiB in leaves of 2 MiB, and 1 TiB in leaves of 4 KiB */
void rows_large(const struct way *way, bool quick)
{
	struct scene_plan plan = { .leaf = LEAF_2M, .nr_devices = 1, .anew = true };

	large(way, &plan, "2M", 12 * TIB, 12 * TIB);
	plan.device = 1;
	plan.leaf = PAGE;
	plan.shifted = true;
	large(way, &plan, "4K", TIB, AT_ONCE);
}
