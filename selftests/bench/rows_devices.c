// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices with a log of their own: alone, and together with an IOMMU that tracks.
 * They really write, and the virtual hardware polls their registers; so the figures of both
 * ways include the work of the virtual hardware during the measurement.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

/* Of the virtual platform; run.sh has the same */
enum { TRACKED = 0, UNTRACKED = 4 };

/* All devices together write @pages different pages, evenly spread. */
static void write_pages(struct scene *s, __u64 pages)
{
	__u64 each = s->size / s->plan.nr_devices;
	unsigned int i;

	pages /= s->plan.nr_devices;
	if (!pages)
		return;
	for (i = 0; i < s->plan.nr_devices; i++) {
		struct vdev_job job;

		vdev_job_init(&job);
		job.iova = IOVA + i * each;
		job.pattern = VIRT_DMA_PATTERN_STRIDE;
		job.stride = each / PAGE / pages;
		job.length = pages * job.stride * PAGE;
		must(vdev_run(&s->dev[i], &job, 60000), "device");
	}
}

static void read_written(const struct way *way, const struct scene_plan *plan,
			 __u64 size, __u64 pages, const char *name)
{
	struct row row = { .ops = 4, .words = size / PAGE / 64 };
	struct row start = { .ops = 1 }, stop = { .ops = 1 };
	struct scene s;
	unsigned int i;
	__u64 n;

	scene_open(&s, plan);
	scene_grow(&s, size);
	way->create(&s);
	meter_begin();
	way->start(&s);
	meter_end(&start.cost);
	for (i = 0; i <= row.ops; i++) {
		if (i == 1)
			memset(&row.cost, 0, sizeof(row.cost));
		write_pages(&s, pages);
		meter_begin();
		way->read(&s, IOVA, s.size, PAGE, false);
		meter_end(&row.cost);
		/* An IOMMU reports leaves. */
		n = scene_count(&s, s.size);
		row.dirty = pages / plan->nr_devices * plan->nr_devices;
		if (n != row.dirty)
			die("%s: %llu pages instead of %llu", name, n, row.dirty);
	}
	meter_begin();
	way->stop(&s);
	meter_end(&stop.cost);
	snprintf(row.name, sizeof(row.name), "read-%s", name);
	row_add(&row);
	snprintf(start.name, sizeof(start.name), "start-%s", name);
	row_add(&start);
	snprintf(stop.name, sizeof(stop.name), "stop-%s", name);
	row_add(&stop);
	way->destroy(&s);
	scene_close(&s);
	rows_flush();
}

/** rows_logs() - Nothing but devices' logs */
void rows_logs(const struct way *way, bool quick)
{
	struct scene_plan plan = {
		.leaf = LEAF_2M, .untracked = true, .logs = true,
	};

	plan.nr_devices = 1;
	if (native.nr) {
		/* A device that no one has told to write */
		read_written(way, &plan, GIB, 0, "logs-1.1G.0");
		return;
	}
	read_written(way, &plan, GIB, 1000, "logs-1.1G");
	read_written(way, &plan, 16 * GIB, 1000, "logs-1.16G");
	if (!quick && TIB <= scene_max())
		read_written(way, &plan, TIB, 1000, "logs-1.1T");
	plan.nr_devices = 4;
	read_written(way, &plan, GIB, 1000, "logs-4.1G");
	if (quick)
		return;
	plan.nr_devices = 16;
	read_written(way, &plan, GIB, 1000, "logs-16.1G");
}

/** rows_mixed() - Devices with logs, behind IOMMUs that track and that do not */
void rows_mixed(const struct way *way, bool quick)
{
	struct scene_plan plan = {
		.leaf = PAGE, .device = TRACKED, .nr_devices = 4, .logs = true,
	};

	read_written(way, &plan, GIB, 2400, "mixed-1domain.1G");
	if (quick)
		return;
	plan.apart = true;
	read_written(way, &plan, GIB, 2400, "mixed-4domains.1G");
	/* Two behind one that tracks, two behind one that does not */
	plan.device = UNTRACKED - 2;
	plan.nr_untracked = 2;
	read_written(way, &plan, GIB, 2400, "mixed-2+2domains.1G");
}
