// SPDX-License-Identifier: GPL-2.0-only
/*
 * READ: what it costs against the size of the address space, how much of it is
 * dirty, how that is spread, and the number of domains.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

/* Of 10,000 leaves */
static const unsigned int densities[] = { 0, 1, 100, 5000, 10000 };

/* Of the virtual platform; bench.sh has the same */
enum { DIRECT = 0, GATHER = 4, AMD = 5 };

static void name_row(struct row *row, const char *what, __u64 size,
		     unsigned int density, const char *pattern)
{
	snprintf(row->name, sizeof(row->name), "%s.%llu%s.%g.%s", what,
		 size < TIB ? size / GIB : size / TIB, size < TIB ? "G" : "T",
		 density / 100.0, pattern);
}

/* One READ, and is what it says what was written? */
static void read_once(struct scene *s, const struct way *way, struct row *row,
		      __u64 page_size, bool peek, __u64 bits)
{
	row->cost = (struct cost){};
	meter_begin();
	way->read(s, IOVA, s->size, page_size, peek);
	meter_end(&row->cost);
	if (scene_count(s, s->size / (page_size / PAGE)) != bits)
		die("%s: %s: not the %llu bits that should be set", way->name,
		    row->name, bits);
	row->ops = 1;
	row->dirty = bits;
	row->words = s->size / page_size / 64;
	row->leaves = s->size / s->plan.leaf * s->nr_hwpts;
	row_add(row);
}

/* Each domain gets its part of @count dirty leaves in its part of the space. */
static void make_dirty(struct scene *s, __u64 count, enum pattern pattern)
{
	__u64 length = s->size / s->nr_hwpts;
	unsigned int i;

	for (i = 0; i < s->nr_hwpts; i++)
		scene_dirty(s, i, IOVA + i * length, length, s->plan.leaf,
			    count / s->nr_hwpts, pattern);
}

static void read_pattern(struct scene *s, const struct way *way,
			 const char *what, __u64 page_size,
			 unsigned int density, enum pattern pattern)
{
	__u64 leaves = s->size / s->plan.leaf;
	__u64 count = leaves * density / 10000 / s->nr_hwpts * s->nr_hwpts;
	__u64 bits = scene_expected(s, count * (s->plan.leaf / page_size),
				    s->size / page_size);
	char peek[32];
	struct row row = {};

	make_dirty(s, count, pattern);
	snprintf(peek, sizeof(peek), "peek-%s", what);
	name_row(&row, peek, s->size, density, pattern ? "random" : "seq");
	read_once(s, way, &row, page_size, true, bits);
	snprintf(peek, sizeof(peek), "read-%s", what);
	name_row(&row, peek, s->size, density, pattern ? "random" : "seq");
	read_once(s, way, &row, page_size, false, bits);
}

/* All densities of a scene that tracks */
static void read_densities(struct scene *s, const struct way *way,
			   const char *what, __u64 page_size)
{
	unsigned int d;

	if (native.nr) {
		read_pattern(s, way, what, page_size, 0, SEQ);
		rows_flush();
		return;
	}
	for (d = 0; d < sizeof(densities) / sizeof(*densities); d++) {
		read_pattern(s, way, what, page_size, densities[d], SEQ);
		/* Where nothing or everything is dirty, that is all. */
		if (densities[d] && densities[d] < 10000)
			read_pattern(s, way, what, page_size, densities[d],
				     RANDOM);
	}
	rows_flush();
}

static void read_sizes(const struct way *way, const struct scene_plan *plan,
		       const char *what, __u64 page_size, const __u64 *sizes)
{
	struct scene s;

	scene_open(&s, plan);
	s.unit = page_size;
	way->create(&s);
	for (; *sizes && *sizes <= scene_max(); sizes++) {
		scene_grow(&s, *sizes);
		way->start(&s);
		read_densities(&s, way, what, page_size);
		way->stop(&s);
	}
	way->destroy(&s);
	scene_close(&s);
}

/* The same memory on a machine of its own: clean, or reported because it is mapped */
static void read_native(const struct way *way)
{
	static const __u64 one[] = { GIB, 0 }, some[] = { 64 * GIB, 0 };
	struct scene_plan plan = { .leaf = PAGE, .nr_devices = 1 };
	bool mapped = native_no_source();

	if (native_only_log() || (mapped && way == &upstream))
		return;
	read_sizes(way, &plan, mapped ? "4K-mapped" : "4K", PAGE, one);
	if (!native.huge)
		return;
	plan.leaf = LEAF_2M;
	read_sizes(way, &plan, mapped ? "2M-mapped" : "2M", LEAF_2M, some);
	read_sizes(way, &plan, mapped ? "2M-4K-mapped" : "2M-4K", PAGE, some);
}

/** rows_read() - One domain, read directly, leaves of 4 KiB and of 2 MiB */
void rows_read(const struct way *way, bool quick)
{
	static const __u64 small[] = { GIB, 2 * GIB, 4 * GIB, 8 * GIB, 16 * GIB, 0 };
	static const __u64 large[] = { GIB, 16 * GIB, 64 * GIB, 256 * GIB,
				       TIB, 0 };
	static const __u64 one[] = { GIB, 0 }, some[] = { 64 * GIB, 0 };
	struct scene_plan plan = { .leaf = PAGE, .device = DIRECT, .nr_devices = 1 };

	if (native.nr) {
		read_native(way);
		return;
	}
	read_sizes(way, &plan, "4K", PAGE, quick ? one : small);
	plan.leaf = LEAF_2M;
	read_sizes(way, &plan, "2M", LEAF_2M, quick ? some : large);
	/* What a VMM that counts in guest pages sees */
	read_sizes(way, &plan, "2M-4K", PAGE, quick ? some : large);
	if (quick)
		return;
	plan.leaf = PAGE;
	plan.device = AMD;
	read_sizes(way, &plan, "4K-amd", PAGE, one);
}

/** rows_gather() - The same with a driver that records nothing */
void rows_gather(const struct way *way, bool quick)
{
	static const __u64 one[] = { GIB, 0 }, some[] = { 64 * GIB, 0 };
	struct scene_plan plan = { .leaf = PAGE, .device = GATHER, .nr_devices = 1 };

	/* Upstream reads nothing there: the tracker alone. */
	if (way == &upstream)
		return;
	read_sizes(way, &plan, "4K-gather", PAGE, one);
	plan.leaf = LEAF_2M;
	read_sizes(way, &plan, "2M-gather", LEAF_2M, some);
}

/** rows_domains() - Four domains in one address space */
void rows_domains(const struct way *way, bool quick)
{
	static const __u64 one[] = { GIB, 0 }, some[] = { 64 * GIB, 0 };
	struct scene_plan plan = {
		.leaf = PAGE, .device = DIRECT, .nr_devices = 4, .apart = true,
	};

	read_sizes(way, &plan, "4K-4domains", PAGE, one);
	plan.leaf = LEAF_2M;
	read_sizes(way, &plan, "2M-4K-4domains", PAGE, some);
}
