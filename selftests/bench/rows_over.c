// SPDX-License-Identifier: GPL-2.0-only
/*
 * Over-reporting: how many pages are reported for those that a device has written,
 * a hundred of them, far from one another. Nothing is measured here but that.
 */
#include <stdio.h>

#include "bench.h"

/* Of the virtual platform; run.sh has the same */
enum { DIRECT = 0, UNTRACKED = 6 };

#define WRITTEN 100ull

static void over(const char *what, __u64 reported)
{
	printf("over\t%s\t%llu\t%llu\n", what, WRITTEN, reported);
}

static void over_row(const struct way *way, const struct scene_plan *plan,
		     const char *what)
{
	struct vdev_job job;
	struct scene s;

	scene_open(&s, plan);
	way->create(&s);
	scene_grow(&s, GIB);
	way->start(&s);
	vdev_job_init(&job);
	job.iova = IOVA;
	job.pattern = VIRT_DMA_PATTERN_STRIDE;
	job.stride = GIB / PAGE / WRITTEN;
	job.length = WRITTEN * job.stride * PAGE;
	must(vdev_run(&s.dev[0], &job, 60000), "device");
	way->read(&s, IOVA, s.size, PAGE, false);
	over(what, scene_count(&s, s.size));
	way->stop(&s);
	way->destroy(&s);
	scene_close(&s);
}

/** rows_over() - Pages reported for 100 that were written, in 1 GiB */
void rows_over(const struct way *way, bool quick)
{
	struct scene_plan plan = {
		.leaf = PAGE, .device = DIRECT, .nr_devices = 1, .writes = true,
	};

	over_row(way, &plan, "leaves of 4 KiB");
	plan.leaf = LEAF_2M;
	over_row(way, &plan, "leaves of 2 MiB");
	if (way == &upstream) {
		/* No source: a VMM sends all that is mapped. */
		over("no source", GIB / PAGE);
		return;
	}
	plan.fine = true;
	over_row(way, &plan, "memory in 2 MiB, small leaves");
	plan.fine = false;
	plan.device = UNTRACKED;
	plan.untracked = true;
	over_row(way, &plan, "no source");
}
