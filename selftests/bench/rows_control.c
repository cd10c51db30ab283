// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations that are rare: START and STOP, small leaves, attach and detach, and the memory
 * that the kernel holds for them.
 */
#include <errno.h>
#include <stdio.h>

#include "bench.h"

#define TIMES 16

static void add(const char *name, struct cost cost, __u64 ops, __u64 leaves)
{
	struct row row = { .cost = cost, .ops = ops, .leaves = leaves };

	snprintf(row.name, sizeof(row.name), "%s", name);
	row_add(&row);
}

static void start_stop(const struct way *way, __u64 leaf, __u64 size,
		       const char *name)
{
	struct scene_plan plan = { .leaf = leaf, .nr_devices = 1 };
	struct cost start = {}, stop = {};
	char text[64];
	struct scene s;
	int i;

	scene_open(&s, &plan);
	scene_grow(&s, size);
	way->create(&s);
	/* The first time is another one: nothing is cached. */
	way->start(&s);
	way->stop(&s);
	for (i = 0; i < TIMES; i++) {
		meter_begin();
		way->start(&s);
		meter_end(&start);
		meter_begin();
		way->stop(&s);
		meter_end(&stop);
	}
	snprintf(text, sizeof(text), "start.%s", name);
	add(text, start, TIMES, size / leaf);
	snprintf(text, sizeof(text), "stop.%s", name);
	add(text, stop, TIMES, 0);
	way->destroy(&s);
	scene_close(&s);
}

/*
 * All that is mapped, with leaves of another size: unmapped and mapped again, since
 * there is no other way upstream. DMA of the device fails during it.
 */
static void map_anew(struct scene *s, bool small)
{
	__u64 at;

	must(iommufd_ioas_unmap(s->fd, s->ioas_id, IOVA, s->size, NULL),
	     "IOAS_UNMAP");
	must(iommufd_ioas_huge_pages(s->fd, s->ioas_id, !small),
	     "IOMMU_OPTION_HUGE_PAGES");
	for (at = 0; at < s->size; at += SCENE_MEM)
		must(iommufd_ioas_map(s->fd, s->ioas_id, s->mem, SCENE_MEM,
				      IOVA + at, IOMMUFD_MAP_RW), "IOAS_MAP");
}

/* A second HWPT with small leaves, to which the device is moved. */
static __u32 to_small_leaves(struct scene *s)
{
	__u32 hwpt_id;

	must(iommufd_ioas_small_leaves(s->fd, s->ioas_id, true),
	     "IOMMU_OPTION_DIRTY_SMALL_LEAVES");
	must(scene_hwpt(s, 0, &hwpt_id), "HWPT_ALLOC");
	must(vdev_attach(&s->dev[0], hwpt_id, NULL), "attach");
	return hwpt_id;
}

static void to_large_leaves(struct scene *s, __u32 small)
{
	must(vdev_attach(&s->dev[0], s->hwpt_id[0], NULL), "attach");
	must(iommufd_destroy(s->fd, small), "DESTROY");
	must(iommufd_ioas_small_leaves(s->fd, s->ioas_id, false),
	     "IOMMU_OPTION_DIRTY_SMALL_LEAVES");
}

/* To small leaves when tracking begins, and back when it ends. */
static void small_leaves(const struct way *way, __u64 size)
{
	struct scene_plan plan = { .leaf = LEAF_2M, .nr_devices = 1 };
	struct cost there = {}, back = {};
	__u32 small = 0;
	struct scene s;
	int i;

	scene_open(&s, &plan);
	scene_grow(&s, size);
	way->create(&s);
	for (i = 0; i < 3; i++) {
		meter_begin();
		if (s.tracker_id)
			small = to_small_leaves(&s);
		else
			map_anew(&s, true);
		way->start(&s);
		meter_end(&there);
		meter_begin();
		way->stop(&s);
		if (s.tracker_id)
			to_large_leaves(&s, small);
		else
			map_anew(&s, false);
		meter_end(&back);
	}
	add("small.2M.1G", there, 3, size / PAGE);
	add("small-back.2M.1G", back, 3, size / PAGE);
	way->destroy(&s);
	scene_close(&s);
}

/** rows_control() - START and STOP, with small leaves too */
void rows_control(const struct way *way, bool quick)
{
	bool huge = !native.nr || native.huge;

	if (native_only_log() || (native_no_source() && way == &upstream))
		return;
	if (!quick && huge)
		small_leaves(way, GIB);
	start_stop(way, PAGE, GIB, "4K.1G");
	if (huge)
		start_stop(way, LEAF_2M, 64 * GIB, "2M.64G");
	if (!quick && !native.nr && 256 * GIB <= scene_max())
		start_stop(way, LEAF_2M, 256 * GIB, "2M.256G");
}

enum state { NONE, IDLE, RUNNING };

static const char *const state_names[] = { "none", "idle", "running" };

/* WHAT.STATE: of a device beside another, or of the only one */
static void add_moved(const struct scene *s, const char *what, enum state state,
		      struct cost cost, __u64 ops, __u64 leaves)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%s.%s", what,
		 s->plan.nr_devices == 1 ? "-alone" : "", state_names[state]);
	add(text, cost, ops, leaves);
}

/* Detach from a domain that is full, and attach to it again. */
static void attach_detach(const struct way *way, enum state state)
{
	struct scene_plan plan = { .leaf = PAGE, .nr_devices = native.nr == 1 ? 1 : 2 };
	struct cost attach = {}, detach = {};
	unsigned int moved = plan.nr_devices - 1;
	struct scene s;
	int i;

	scene_open(&s, &plan);
	scene_grow(&s, SCENE_MEM);
	if (state >= IDLE)
		way->create(&s);
	if (state == RUNNING)
		way->start(&s);
	for (i = 0; i < TIMES; i++) {
		meter_begin();
		must(vdev_detach(&s.dev[moved]), "detach");
		meter_end(&detach);
		meter_begin();
		must(vdev_attach(&s.dev[moved], s.hwpt_id[0], NULL), "attach");
		meter_end(&attach);
	}
	add_moved(&s, "attach", state, attach, TIMES, 0);
	add_moved(&s, "detach", state, detach, TIMES, 0);

	/* A domain of its own, which is filled and emptied */
	attach = (struct cost){};
	detach = (struct cost){};
	must(vdev_detach(&s.dev[moved]), "detach");
	for (i = 0; i < 2; i++) {
		__u32 hwpt;

		meter_begin();
		must(scene_hwpt(&s, moved, &hwpt), "HWPT_ALLOC");
		must(vdev_attach(&s.dev[moved], hwpt, NULL), "attach");
		meter_end(&attach);
		meter_begin();
		must(vdev_detach(&s.dev[moved]), "detach");
		must(iommufd_destroy(s.fd, hwpt), "DESTROY");
		meter_end(&detach);
	}
	add_moved(&s, "attach-fill", state, attach, 2, s.size / PAGE);
	add_moved(&s, "detach-empty", state, detach, 2, s.size / PAGE);
	if (state == RUNNING)
		way->stop(&s);
	if (state >= IDLE)
		way->destroy(&s);
	scene_close(&s);
	rows_flush();
}

/** rows_attach() - Attach and detach: no tracker, an idle one, a running one */
void rows_attach(const struct way *way, bool quick)
{
	attach_detach(way, NONE);
	attach_detach(way, IDLE);
	attach_detach(way, RUNNING);
}

static __u64 held(struct scene *s)
{
	struct iommu_dirty_tracker_info info;

	must(tracker_info(s->fd, s->tracker_id, &info, NULL, 0), "INFO");
	return info.out_memory;
}

/*
 * What is held when nothing of it could be delivered: READ into a bitmap that is
 * not there takes all dirty pages out of the IOMMU, and keeps them.
 */
static void memory_row(struct scene *s, unsigned int density,
		       enum pattern pattern)
{
	struct iommu_dirty_tracker_read cmd = {
		.tracker_id = s->tracker_id,
		.iova = IOVA,
		.length = s->size,
		.page_size = PAGE,
		.data = PAGE,
		.data_len = s->bitmap_len,
	};
	struct row row = { .ops = 1 };
	int rc;

	scene_dirty(s, 0, IOVA, s->size, PAGE, s->size / PAGE * density / 10000,
		    pattern);
	rc = tracker_read(s->fd, &cmd);
	if (rc != (density ? -EFAULT : 0))
		die("a READ into nowhere: %d", rc);
	row.dirty = s->size / PAGE * density / 10000;
	row.bytes = held(s);
	snprintf(row.name, sizeof(row.name), "held.%g.%s", density / 100.0,
		 pattern ? "random" : "seq");
	row_add(&row);

	must(tracker_read_bitmap(s->fd, s->tracker_id, IOVA, s->size, PAGE,
				 s->bitmap, 0, NULL), "READ");
	if (scene_count(s, s->size) != row.dirty)
		die("%s: not what was held", row.name);
	if (held(s))
		die("%s: %llu bytes are held for clean memory", row.name, held(s));
}

/** rows_memory() - Bytes held for 1 GiB, leaves of 4 KiB */
void rows_memory(const struct way *way, bool quick)
{
	struct scene_plan plan = { .leaf = PAGE, .nr_devices = 1 };
	struct scene s;

	if (way == &upstream)
		return;
	scene_open(&s, &plan);
	scene_grow(&s, GIB);
	way->create(&s);
	way->start(&s);
	memory_row(&s, 0, SEQ);
	memory_row(&s, 1, SEQ);
	memory_row(&s, 1, RANDOM);
	memory_row(&s, 100, SEQ);
	memory_row(&s, 100, RANDOM);
	memory_row(&s, 5000, RANDOM);
	memory_row(&s, 10000, SEQ);
	way->stop(&s);
	way->destroy(&s);
	scene_close(&s);
}
