// SPDX-License-Identifier: GPL-2.0-only
/*
 * Map and unmap with no tracking, with it made and not started, and with it
 * running; and unmap of what is dirty.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

#define LENGTH (64 * MIB)
#define TIMES 4

enum state { NONE, IDLE, RUNNING };

static const char *const state_names[] = { "none", "idle", "running" };

static void add(const char *what, const char *leaf, const char *state,
		struct cost cost, __u64 leaves)
{
	struct row row = { .cost = cost, .ops = TIMES, .leaves = leaves };

	snprintf(row.name, sizeof(row.name), "%s.%s.%s", what, leaf, state);
	row_add(&row);
}

static void map_unmap(const struct way *way, __u64 leaf, enum state state)
{
	const char *name = leaf == PAGE ? "4K" : "2M";
	struct scene_plan plan = { .leaf = leaf, .nr_devices = 1 };
	struct cost map = {}, unmap = {};
	__u64 at;
	struct scene s;
	int i;

	scene_open(&s, &plan);
	scene_grow(&s, LENGTH);
	at = scene_far();
	if (state >= IDLE)
		way->create(&s);
	if (state == RUNNING)
		way->start(&s);
	for (i = 0; i <= TIMES; i++) {
		/* The first time is another one: nothing is cached. */
		if (i == 1)
			map = unmap = (struct cost){};
		meter_begin();
		must(iommufd_ioas_map(s.fd, s.ioas_id, s.mem, LENGTH, at,
				      IOMMUFD_MAP_RW), "IOAS_MAP");
		meter_end(&map);
		meter_begin();
		must(iommufd_ioas_unmap(s.fd, s.ioas_id, at, LENGTH, NULL),
		     "IOAS_UNMAP");
		meter_end(&unmap);
	}
	add("map", name, state_names[state], map, LENGTH / leaf);
	add("unmap", name, state_names[state], unmap, LENGTH / leaf);
	add("map+unmap", name, state_names[state],
	    (struct cost){ map.busy_ns + unmap.busy_ns,
			   map.wall_ns + unmap.wall_ns }, LENGTH / leaf);
	if (state == RUNNING)
		way->stop(&s);
	if (state >= IDLE)
		way->destroy(&s);
	scene_close(&s);
}

/* Upstream has to read before it unmaps. */
static void take_and_unmap(const struct way *way, struct scene *s, __u64 at)
{
	if (way == &upstream) {
		way->read(s, at, LENGTH, PAGE, false);
		must(iommufd_ioas_unmap(s->fd, s->ioas_id, at, LENGTH, NULL),
		     "IOAS_UNMAP");
	} else {
		struct iommu_dirty_tracker_unmap cmd = {
			.tracker_id = s->tracker_id,
			.iova = at,
			.length = LENGTH,
			.page_size = PAGE,
			.data = (unsigned long)s->bitmap,
			.data_len = LENGTH / PAGE / 8,
		};

		must(tracker_unmap(s->fd, &cmd), "DIRTY_TRACKER_UNMAP");
	}
}

static void unmap_dirty(const struct way *way, unsigned int density)
{
	__u64 dirty = LENGTH / PAGE * density / 10000, at = scene_far();
	struct scene_plan plan = { .leaf = PAGE, .nr_devices = 1 };
	struct row row = { .ops = TIMES, .leaves = LENGTH / PAGE,
			   .dirty = dirty, .words = LENGTH / PAGE / 64 };
	struct scene s;
	int i;

	snprintf(row.name, sizeof(row.name), "unmap-dirty.4K.%g",
		 density / 100.0);
	scene_open(&s, &plan);
	scene_grow(&s, LENGTH);
	way->create(&s);
	way->start(&s);
	for (i = 0; i <= TIMES; i++) {
		if (i == 1)
			row.cost = (struct cost){};
		must(iommufd_ioas_map(s.fd, s.ioas_id, s.mem, LENGTH, at,
				      IOMMUFD_MAP_RW), "IOAS_MAP");
		scene_dirty(&s, 0, at, LENGTH, PAGE, dirty, RANDOM);
		meter_begin();
		take_and_unmap(way, &s, at);
		meter_end(&row.cost);
		if (scene_count(&s, LENGTH) != dirty)
			die("%s: not the %llu pages that are dirty", row.name,
			    dirty);
	}
	row_add(&row);
	way->stop(&s);
	way->destroy(&s);
	scene_close(&s);
}

/** rows_map() - Map and unmap */
void rows_map(const struct way *way, bool quick)
{
	enum state state;

	for (state = NONE; state <= RUNNING; state++) {
		map_unmap(way, PAGE, state);
		if (!quick && (!native.nr || native.huge))
			map_unmap(way, LEAF_2M, state);
		rows_flush();
	}
	if (native.nr) {
		if (native.tracked)
			unmap_dirty(way, 0);
		return;
	}
	unmap_dirty(way, 100);
	unmap_dirty(way, 10000);
}
