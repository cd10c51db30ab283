// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many devices in one address space, as many as the virtual platform has, up to 64; and
 * 100,000 mappings.
 */
#include <stdio.h>

#include "bench.h"

#define TIMES		16
#define STARTS		4
#define MAPPINGS	100000ull
/* One of so many is dirty. */
#define DIRTY		100

/* "WHAT-NAMEREST" */
static void add(const char *what, const char *name, const char *rest, struct row row)
{
	snprintf(row.name, sizeof(row.name), "%s%s%s", what, name, rest);
	row_add(&row);
}

static void start_stop(struct scene *s, const struct way *way, const char *name,
		       const char *rest)
{
	struct row start = { .ops = STARTS }, stop = { .ops = STARTS };
	unsigned int i;

	/* The first time is another one: nothing is cached. */
	way->start(s);
	way->stop(s);
	for (i = 0; i < STARTS; i++) {
		meter_begin();
		way->start(s);
		meter_end(&start.cost);
		meter_begin();
		way->stop(s);
		meter_end(&stop.cost);
	}
	add("start.", name, rest, start);
	add("stop.", name, rest, stop);
}

static void read_once(struct scene *s, const struct way *way, const char *name,
		      const char *rest, __u64 leaves, __u64 bits)
{
	struct row row = { .ops = 1, .leaves = leaves, .dirty = bits,
			   .words = s->size / PAGE / 64 };

	meter_begin();
	way->read(s, IOVA, s->size, PAGE, false);
	meter_end(&row.cost);
	if (scene_count(s, s->size) != bits)
		die("%s: %s%s: not the %llu bits that should be set", way->name, name, rest,
		    bits);
	add("read-", name, rest, row);
}

/* ---- Devices ----------------------------------------------------------------- */

static void read_devices(struct scene *s, const struct way *way, const char *name)
{
	__u64 leaves = s->size / s->plan.leaf, part = s->size / s->nr_hwpts;
	__u64 count = dirty_of(leaves, 100) / s->nr_hwpts;
	unsigned int i;

	read_once(s, way, name, ".0.seq", leaves * s->nr_hwpts, 0);
	for (i = 0; i < s->nr_hwpts; i++)
		scene_dirty(s, i, IOVA + i * part, part, s->plan.leaf, count, RANDOM);
	read_once(s, way, name, ".1.random", leaves * s->nr_hwpts,
		  count * s->nr_hwpts * (s->plan.leaf / PAGE));
}

/* The last device of all leaves and arrives again. */
static void attach_last(struct scene *s, const char *name)
{
	struct row attach = { .ops = TIMES }, detach = { .ops = TIMES };
	unsigned int last = s->plan.nr_devices - 1, i;

	for (i = 0; i <= TIMES; i++) {
		if (i == 1)
			attach.cost = detach.cost = (struct cost){};
		meter_begin();
		must(vdev_detach(&s->dev[last]), "detach");
		meter_end(&detach.cost);
		meter_begin();
		must(vdev_attach(&s->dev[last], s->hwpt_id[last % s->nr_hwpts], NULL),
		     "attach");
		meter_end(&attach.cost);
	}
	add("attach.", name, ".running", attach);
	add("detach.", name, ".running", detach);
}

static void devices(const struct way *way, unsigned int nr, bool apart)
{
	struct scene_plan plan = {
		.leaf = apart ? LEAF_2M : PAGE, .nr_devices = nr, .apart = apart,
	};
	char name[32];
	struct scene s;

	snprintf(name, sizeof(name), apart ? "2M-4K-%udevices-apart.16G" : "4K-%udevices.1G", nr);
	scene_open(&s, &plan);
	way->create(&s);
	scene_grow(&s, apart ? 16 * GIB : GIB);
	start_stop(&s, way, name, "");
	way->start(&s);
	read_devices(&s, way, name);
	attach_last(&s, name);
	way->stop(&s);
	way->destroy(&s);
	scene_close(&s);
	rows_flush();
}

/** rows_devices() - 1, 4, 16 and 64 devices in one domain, and in domains of their own */
void rows_devices(const struct way *way, bool quick)
{
	int most = vdev_count();
	int nr;

	must(most, "devices");
	for (nr = 1; nr <= most && nr <= MAX_DEVICES; nr *= 4) {
		devices(way, (unsigned int)nr, false);
		devices(way, (unsigned int)nr, true);
	}
}

/* ---- Mappings ------------------------------------------------------------------ */

#define NAME "100000maps"

static void map_many(struct scene *s)
{
	__u64 i;

	for (i = 0; i < MAPPINGS; i++)
		must(iommufd_ioas_map(s->fd, s->ioas_id, s->mem + i * PAGE % SCENE_MEM, PAGE,
				      IOVA + i * PAGE, IOMMUFD_MAP_RW), "IOAS_MAP");
	scene_make_bitmaps(s, MAPPINGS * PAGE);
}

/* One more is mapped, where it is the last, and unmapped. */
static void map_one(struct scene *s, const char *state)
{
	struct row map = { .ops = TIMES }, unmap = { .ops = TIMES }, both = { .ops = TIMES };
	unsigned int i;

	for (i = 0; i <= TIMES; i++) {
		if (i == 1)
			map.cost = unmap.cost = (struct cost){};
		meter_begin();
		must(iommufd_ioas_map(s->fd, s->ioas_id, s->mem, PAGE, IOVA + TIB,
				      IOMMUFD_MAP_RW), "IOAS_MAP");
		meter_end(&map.cost);
		meter_begin();
		must(iommufd_ioas_unmap(s->fd, s->ioas_id, IOVA + TIB, PAGE, NULL),
		     "IOAS_UNMAP");
		meter_end(&unmap.cost);
	}
	both.cost.busy_ns = map.cost.busy_ns + unmap.cost.busy_ns;
	both.cost.wall_ns = map.cost.wall_ns + unmap.cost.wall_ns;
	add("map.", NAME, state, map);
	add("unmap.", NAME, state, unmap);
	add("map+unmap.", NAME, state, both);
}

/**
 * rows_mappings() - 100,000 mappings of a page, one beside the other: upstream ends at the
 *	first page that is not mapped
 */
void rows_mappings(const struct way *way, bool quick)
{
	struct scene_plan plan = { .leaf = PAGE, .nr_devices = 1 };
	struct scene s;
	__u64 i;

	scene_open(&s, &plan);
	map_many(&s);
	map_one(&s, ".none");
	way->create(&s);
	map_one(&s, ".idle");
	start_stop(&s, way, NAME, "");
	way->start(&s);
	map_one(&s, ".running");
	read_once(&s, way, NAME, ".0.seq", MAPPINGS, 0);
	for (i = 0; i < MAPPINGS; i += DIRTY)
		scene_dirty(&s, 0, IOVA + i * PAGE, PAGE, PAGE, 1, SEQ);
	read_once(&s, way, NAME, ".1.seq", MAPPINGS, MAPPINGS / DIRTY);
	way->stop(&s);
	way->destroy(&s);
	scene_close(&s);
}
