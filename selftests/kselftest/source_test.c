// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices' own logs as sources of the tracker, alone and mixed with IOMMUs that
 * track and devices that nobody tracks: what they report, their limits, their
 * failures, and every way in which a device comes and goes. Each scenario that
 * could lose a write is run once more with the tracker broken in that place.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "schedules.h"
#include "../lib/log.h"

/* As in plan.txt, line "source" */
enum {
	BOTH,		/* behind an IOMMU that tracks, and with a log */
	BOTH_2,
	LOG,		/* behind one that does not, with a log */
	LOG_2,
	LOW,		/* a log of addresses below 2^30 */
	NARROW,		/* a log of 2^26 bytes in all */
	COARSE,		/* a log in units of 64 KiB */
	NOBODY,		/* nobody can tell */
	MIDDLING,	/* a log of 2^31 bytes in all */
	NR
};

#define DEV(n) (1u << (n))
#define HIGH (1ull << 31)
#define FAR (IOVA + (1ull << 26))

/* enum dirty_test_break */
#define NO_LAST_HARVEST "32"
#define LATE_SOURCE "64"
#define NO_MARK "128"
#define NO_OUTSIDE "256"
#define NO_STALE "32768"

FIXTURE(source) {
	struct bench b;
	struct vdev dev[NR];
};

static int fault(const char *name, const char *value)
{
	return parameter_set("iommufd_virt", name, value);
}

static int broken(const char *value)
{
	return parameter_set("iommufd", "dirty_break", value);
}

FIXTURE_SETUP(source)
{
	struct bench *b = &self->b;
	unsigned int i;

	for (i = 0; i < NR; i++)
		self->dev[i].fd = -1;
	ASSERT_EQ(0, bench_open_empty(b, false));
	ASSERT_EQ(0, bench_map(b));
}

FIXTURE_TEARDOWN(source)
{
	static const char * const faults[] = {
		"fail_track_start", "fail_track_report", "lose_track",
		"drop_track", "slow_track_ms", "hold_track",
	};
	unsigned int i;

	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		EXPECT_EQ(0, fault(faults[i], "0"));
	EXPECT_EQ(0, broken("0"));
	for (i = 0; i < NR; i++) {
		if (self->dev[i].fd < 0)
			continue;
		vdev_stop(&self->dev[i]);
		vdev_close(&self->dev[i]);
	}
	bench_close(&self->b);
}

static int open_device(FIXTURE_DATA(source) *self, unsigned int n)
{
	return vdev_open_driver(&self->dev[n], self->b.fd, n,
				VDEV_TRACKER_DRIVER);
}

static int attach(FIXTURE_DATA(source) *self, unsigned int n)
{
	int rc = self->dev[n].fd < 0 ? open_device(self, n) : 0;

	return rc ? rc : vdev_attach(&self->dev[n], self->b.ioas_id, NULL);
}

static int start(FIXTURE_DATA(source) *self, __u32 policy, __u32 flags)
{
	struct bench *b = &self->b;
	int rc = 0;

	if (!b->tracker_id)
		rc = tracker_alloc(b->fd, b->ioas_id, policy, flags, 0,
				   &b->tracker_id);
	return rc ? rc : bench_start(b);
}

/* The device writes to @pages pages from @iova on, and is done. */
static int dma(struct vdev *dev, __u64 iova, __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = iova;
	job.length = pages * PAGE;
	job.seed = iova + 1;
	return vdev_run(dev, &job, 60000);
}

/* READ all of RAM; the number of pages reported, or -errno. */
static int read_ram(FIXTURE_DATA(source) *self, __u32 *flags)
{
	struct tracker_read_out out;
	int rc = bench_read(&self->b, 0, RAM_PAGES, 0, &out);

	if (flags)
		*flags = out.flags;
	return rc ? rc : (int)bench_count(&self->b);
}

/* How many of [page, page + pages) the last READ reported. */
static unsigned int reported(const FIXTURE_DATA(source) *self, __u64 page,
			     __u64 pages)
{
	unsigned int n = 0;

	while (pages--)
		n += bench_bit(&self->b, page++);
	return n;
}

static int find_source(FIXTURE_DATA(source) *self, unsigned int n,
		       struct iommu_dirty_source_info *source)
{
	return bench_source(&self->b, self->dev[n].dev_id, source);
}

static int kind(FIXTURE_DATA(source) *self, unsigned int n)
{
	return bench_kind(&self->b, self->dev[n].dev_id);
}

/* ---- What the plan makes of them ---- */

TEST_F(source, auto_takes_iommus_first)
{
	struct iommu_dirty_source_info info;

	ASSERT_EQ(0, attach(self, BOTH));
	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, start(self, IOMMU_DIRTY_POLICY_AUTO, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, kind(self, BOTH));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, LOG));
	ASSERT_EQ(0, dma(&self->dev[BOTH], IOVA, 3));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA + 10 * PAGE, 7));
	EXPECT_EQ(10, read_ram(self, NULL));
	EXPECT_EQ(3, reported(self, 0, 3));
	EXPECT_EQ(7, reported(self, 10, 7));
	EXPECT_EQ(0, read_ram(self, NULL));

	ASSERT_EQ(0, find_source(self, LOG, &info));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_ON, info.state);
	EXPECT_EQ(0, info.first);
	EXPECT_EQ(PAGE, info.granule);
	EXPECT_EQ(7 * PAGE, info.dirty_bytes);
	EXPECT_EQ(2, info.harvests);
	EXPECT_LT(0, info.harvest_ns);
	EXPECT_EQ(0, info.failures);
}

/* Where a dirty bit stands for more than a page, a log of pages is finer. */
TEST_F(source, auto_takes_the_finer)
{
	struct bench *b = &self->b;
	__u32 ioas;

	ASSERT_EQ(0, iommufd_ioas_alloc(b->fd, &ioas));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, ioas, b->ram, RAM_SIZE, IOVA,
				      IOMMUFD_MAP_RW));
	b->ioas_id = ioas;
	ASSERT_EQ(0, attach(self, BOTH));
	ASSERT_EQ(0, start(self, IOMMU_DIRTY_POLICY_AUTO, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, BOTH));
	ASSERT_EQ(0, dma(&self->dev[BOTH], IOVA, 5));
	EXPECT_EQ(5, read_ram(self, NULL));
	/* and one without a log makes the IOMMU the finest that covers both */
	ASSERT_EQ(0, vdev_open(&self->dev[BOTH_2], b->fd, BOTH_2));
	ASSERT_EQ(0, attach(self, BOTH_2));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, kind(self, BOTH));
}

TEST_F(source, policy_device)
{
	ASSERT_EQ(0, attach(self, BOTH));
	ASSERT_EQ(0, start(self, IOMMU_DIRTY_POLICY_DEVICE, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, BOTH));
	ASSERT_EQ(0, dma(&self->dev[BOTH], IOVA, 5));
	EXPECT_EQ(5, read_ram(self, NULL));

	/* A device of the same domain without a log: the IOMMU covers both */
	ASSERT_EQ(0, vdev_open(&self->dev[BOTH_2], self->b.fd, BOTH_2));
	ASSERT_EQ(0, dma(&self->dev[BOTH], IOVA, 2));
	ASSERT_EQ(0, attach(self, BOTH_2));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, kind(self, BOTH));
	ASSERT_EQ(0, dma(&self->dev[BOTH_2], IOVA + 4 * PAGE, 2));
	/* AMD's bits are always on: what was written before counts once more */
	EXPECT_EQ(6, read_ram(self, NULL));

	/* and when it goes, the log again */
	ASSERT_EQ(0, dma(&self->dev[BOTH_2], IOVA + 6 * PAGE, 1));
	ASSERT_EQ(0, vdev_detach(&self->dev[BOTH_2]));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, BOTH));
	ASSERT_EQ(0, dma(&self->dev[BOTH], IOVA + 8 * PAGE, 1));
	EXPECT_EQ(2, read_ram(self, NULL));
	EXPECT_EQ(0, read_ram(self, NULL));
}

TEST_F(source, cannot_peek)
{
	struct tracker_read_out out;

	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, start(self, 0, 0));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 9));
	ASSERT_EQ(0, tracker_count(self->b.fd, self->b.tracker_id, IOVA, RAM_SIZE,
				   PAGE, &out));
	EXPECT_EQ(9 * PAGE, out.dirty_bytes);
	ASSERT_EQ(0, bench_read(&self->b, 0, RAM_PAGES,
				IOMMU_DIRTY_TRACKER_READ_NO_CLEAR, NULL));
	EXPECT_EQ(9, bench_count(&self->b));
	EXPECT_EQ(9, read_ram(self, NULL));
	EXPECT_EQ(0, read_ram(self, NULL));
}

/* A READ of a part takes only that out of the log. */
TEST_F(source, reads_of_a_part)
{
	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, start(self, 0, 0));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 100));
	ASSERT_EQ(0, bench_read(&self->b, 10, 20, 0, NULL));
	EXPECT_EQ(20, bench_count(&self->b));
	ASSERT_EQ(0, bench_read(&self->b, 0, 64, 0, NULL));
	EXPECT_EQ(44, bench_count(&self->b));
	EXPECT_EQ(36, read_ram(self, NULL));
}

TEST_F(source, coarse_granule)
{
	struct iommu_dirty_source_info info;
	__u32 flags;

	ASSERT_EQ(0, attach(self, COARSE));
	ASSERT_EQ(0, start(self, 0, 0));
	ASSERT_EQ(0, find_source(self, COARSE, &info));
	EXPECT_EQ(65536, info.granule);
	ASSERT_EQ(0, dma(&self->dev[COARSE], IOVA + 5 * PAGE, 1));
	/* Begins and ends inside of a unit */
	ASSERT_EQ(0, bench_read(&self->b, 5, 2, 0, NULL));
	EXPECT_EQ(2, bench_count(&self->b));
	EXPECT_EQ(14, read_ram(self, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_COARSE, flags);
	EXPECT_EQ(0, read_ram(self, NULL));
}

/* ---- Devices come and go ---- */

/* Pages of RAM that were written and not reported, in a scenario. */
static int detach_with_dirt(FIXTURE_DATA(source) *self)
{
	if (attach(self, LOG) || start(self, 0, 0) ||
	    dma(&self->dev[LOG], IOVA, 6) || vdev_detach(&self->dev[LOG]) ||
	    read_ram(self, NULL) < 0)
		return -1;
	return 6 - reported(self, 0, 6);
}

TEST_F(source, detach)
{
	EXPECT_EQ(0, detach_with_dirt(self));
	EXPECT_EQ(6, bench_count(&self->b));
	EXPECT_EQ(0, read_ram(self, NULL));
}

TEST_F(source, detach_control)
{
	ASSERT_EQ(0, broken(NO_LAST_HARVEST));
	EXPECT_EQ(6, detach_with_dirt(self));
}

static int close_with_dirt(FIXTURE_DATA(source) *self)
{
	if (attach(self, LOG) || start(self, 0, 0) ||
	    dma(&self->dev[LOG], IOVA, 6))
		return -1;
	vdev_close(&self->dev[LOG]);
	if (read_ram(self, NULL) < 0)
		return -1;
	return 6 - reported(self, 0, 6);
}

TEST_F(source, close)
{
	EXPECT_EQ(0, close_with_dirt(self));
	EXPECT_EQ(6, bench_count(&self->b));
	/* and it can be opened and tracked again */
	ASSERT_EQ(0, attach(self, LOG));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, LOG));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 2));
	EXPECT_EQ(2, read_ram(self, NULL));
}

TEST_F(source, close_control)
{
	ASSERT_EQ(0, broken(NO_LAST_HARVEST));
	EXPECT_EQ(6, close_with_dirt(self));
}

/* Into a domain that is there: the plan is in force before the hardware is. */
static int attach_while_tracking(FIXTURE_DATA(source) *self)
{
	if (attach(self, LOG) || start(self, 0, 0) || attach(self, LOG_2) ||
	    dma(&self->dev[LOG_2], IOVA, 6) || read_ram(self, NULL) < 0)
		return -1;
	return 6 - reported(self, 0, 6);
}

TEST_F(source, attach)
{
	EXPECT_EQ(0, attach_while_tracking(self));
	EXPECT_EQ(6, bench_count(&self->b));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, LOG_2));
}

TEST_F(source, attach_control)
{
	ASSERT_EQ(0, broken(LATE_SOURCE));
	EXPECT_EQ(6, attach_while_tracking(self));
}

/* A device that nobody tracks was there for a while. */
static int visit(FIXTURE_DATA(source) *self)
{
	if (attach(self, LOG) || start(self, 0, 0) || attach(self, NOBODY) ||
	    dma(&self->dev[NOBODY], IOVA, 6) ||
	    vdev_detach(&self->dev[NOBODY]) || read_ram(self, NULL) < 0)
		return -1;
	return 6 - reported(self, 0, 6);
}

TEST_F(source, visit)
{
	__u32 flags;

	EXPECT_EQ(0, visit(self));
	EXPECT_EQ(RAM_PAGES, bench_count(&self->b));
	/* It is exact again, without a gap for the others */
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 1));
	EXPECT_EQ(1, read_ram(self, &flags));
	EXPECT_EQ(0, flags);
	/* and conservative while it is there */
	ASSERT_EQ(0, attach(self, NOBODY));
	EXPECT_EQ(RAM_PAGES, read_ram(self, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, flags);
	EXPECT_EQ(RAM_PAGES, read_ram(self, &flags));
}

TEST_F(source, visit_control)
{
	ASSERT_EQ(0, broken(NO_MARK));
	EXPECT_EQ(6, visit(self));
}

TEST_F(source, replace)
{
	struct bench *b = &self->b;
	__u32 hwpt;

	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, self->dev[LOG].dev_id, b->ioas_id,
					0, &hwpt));
	ASSERT_EQ(0, start(self, 0, 0));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 1));
	ASSERT_EQ(0, vdev_attach(&self->dev[LOG], hwpt, NULL));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, LOG));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA + 2 * PAGE, 1));
	/* The log went on, and nothing was mapped for a moment */
	EXPECT_EQ(2, read_ram(self, NULL));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 3));
	ASSERT_EQ(0, vdev_attach(&self->dev[LOG], b->ioas_id, NULL));
	EXPECT_EQ(3, read_ram(self, NULL));
}

/* From a tracked address space to another: the log changes hands. */
TEST_F(source, replace_to_another_ioas)
{
	struct bench *b = &self->b;
	__u32 ioas, tracker, flags;
	struct tracker_read_out out;

	ASSERT_EQ(0, iommufd_ioas_alloc(b->fd, &ioas));
	ASSERT_EQ(0, iommufd_ioas_copy(b->fd, ioas, b->ioas_id, IOVA, IOVA,
				       RAM_SIZE, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, start(self, 0, 0));
	ASSERT_EQ(0, tracker_alloc(b->fd, ioas, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(b->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE,
				 NULL, NULL));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 4));
	ASSERT_EQ(0, vdev_attach(&self->dev[LOG], ioas, NULL));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA + 8 * PAGE, 5));
	EXPECT_EQ(4, read_ram(self, NULL));
	EXPECT_EQ(4, reported(self, 0, 4));

	/* The other could not have the log before: all is dirty once */
	ASSERT_EQ(0, tracker_count(b->fd, tracker, IOVA, RAM_SIZE, PAGE, &out));
	EXPECT_EQ(RAM_SIZE, out.dirty_bytes);
	memset(b->bits, 0, sizeof(b->bits));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, tracker, IOVA, RAM_SIZE, PAGE,
					 b->bits, 0, NULL));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA + 8 * PAGE, 5));
	memset(b->bits, 0, sizeof(b->bits));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, tracker, IOVA, RAM_SIZE, PAGE,
					 b->bits, 0, &out));
	flags = out.flags;
	EXPECT_EQ(0, flags);
	EXPECT_EQ(5, bench_count(b));
	ASSERT_EQ(0, vdev_detach(&self->dev[LOG]));
}

/* ---- Limits ---- */

static int write_outside(FIXTURE_DATA(source) *self, __u32 *flags)
{
	struct bench *b = &self->b;
	struct tracker_read_out out;
	__u64 high[2] = {};

	if (iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 128 * PAGE, HIGH,
			     IOMMUFD_MAP_RW) ||
	    attach(self, LOW) || start(self, 0, 0) ||
	    dma(&self->dev[LOW], HIGH + 5 * PAGE, 3) ||
	    dma(&self->dev[LOW], IOVA, 2) ||
	    tracker_read_bitmap(b->fd, b->tracker_id, HIGH, 128 * PAGE, PAGE,
				high, 0, &out) ||
	    read_ram(self, NULL) != 2)
		return -1;
	*flags = out.flags;
	return 128 - __builtin_popcountll(high[0]) -
	       __builtin_popcountll(high[1]);
}

/* What a log cannot hold is taken for dirty, and only that. */
TEST_F(source, outside)
{
	__u32 flags;

	EXPECT_EQ(0, write_outside(self, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, flags);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, LOW));
}

TEST_F(source, outside_control)
{
	__u32 flags;

	ASSERT_EQ(0, broken(NO_OUTSIDE));
	EXPECT_EQ(128, write_outside(self, &flags));
}

/* All memory is above what the log could hold from 0 on: it begins at the memory. */
TEST_F(source, high_memory)
{
	struct bench *b = &self->b;
	__u64 iova = 1ull << 34;

	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE, iova,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, attach(self, MIDDLING));
	ASSERT_EQ(0, start(self, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	ASSERT_EQ(0, dma(&self->dev[MIDDLING], iova + 7 * PAGE, 3));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, iova, RAM_SIZE, PAGE,
					 b->bits, 0, NULL));
	EXPECT_EQ(3, bench_count(b));
	EXPECT_EQ(3, reported(self, 7, 3));
}

TEST_F(source, outside_is_not_precise)
{
	struct bench *b = &self->b;

	ASSERT_EQ(0, attach(self, LOW));
	ASSERT_EQ(0, start(self, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	EXPECT_EQ(-ENXIO, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE, HIGH,
					   IOMMUFD_MAP_RW));
	/* The last page that it covers */
	EXPECT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE,
				      (1ull << 30) - PAGE, IOMMUFD_MAP_RW));
	/* What it cannot write is nothing to it */
	EXPECT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE, HIGH,
				      IOMMU_IOAS_MAP_READABLE));
	ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	EXPECT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE,
				      HIGH + PAGE, IOMMUFD_MAP_RW));
	EXPECT_EQ(-ENXIO, bench_start(b));
}

TEST_F(source, not_precise)
{
	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, start(self, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	EXPECT_EQ(-ENXIO, attach(self, NOBODY));
	/* nothing has changed */
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 2));
	EXPECT_EQ(2, read_ram(self, NULL));
	EXPECT_EQ(0, attach(self, BOTH));
	EXPECT_EQ(0, attach(self, LOG_2));
}

/* A log of what was mapped is begun anew when more is. */
TEST_F(source, grows)
{
	struct bench *b = &self->b;
	struct tracker_read_out out;
	__u64 far = 0;
	__u32 flags;

	ASSERT_EQ(0, attach(self, NARROW));
	ASSERT_EQ(0, start(self, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, NARROW));
	ASSERT_EQ(0, dma(&self->dev[NARROW], IOVA, 2));
	EXPECT_EQ(2, read_ram(self, &flags));
	EXPECT_EQ(0, flags);

	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 64 * PAGE,
				      FAR - 64 * PAGE, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, dma(&self->dev[NARROW], FAR - 64 * PAGE, 1));
	/* In between, nobody knows */
	EXPECT_EQ(RAM_PAGES, read_ram(self, NULL));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, FAR - 64 * PAGE,
					 64 * PAGE, PAGE, &far, 0, NULL));
	EXPECT_EQ(~0ull, far);
	far = 0;
	ASSERT_EQ(0, dma(&self->dev[NARROW], FAR - 64 * PAGE, 1));
	ASSERT_EQ(0, dma(&self->dev[NARROW], IOVA, 2));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, FAR - 64 * PAGE,
					 64 * PAGE, PAGE, &far, 0, &out));
	EXPECT_EQ(1, far);
	EXPECT_EQ(0, out.flags);
	EXPECT_EQ(2, read_ram(self, NULL));
}

/* ---- Unmap ---- */

TEST_F(source, unmap_keeps_dirt)
{
	struct bench *b = &self->b;

	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, start(self, 0, 0));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 6));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	EXPECT_EQ(6, read_ram(self, NULL));
	EXPECT_EQ(6, reported(self, 0, 6));
	EXPECT_EQ(0, read_ram(self, NULL));
}

/* The last harvest of a log finds what was unmapped before. */
TEST_F(source, unmap_then_detach)
{
	struct bench *b = &self->b;

	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, start(self, 0, 0));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 6));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	ASSERT_EQ(0, vdev_detach(&self->dev[LOG]));
	EXPECT_EQ(6, read_ram(self, NULL));
	EXPECT_EQ(6, reported(self, 0, 6));
}

TEST_F(source, unmap_delivers)
{
	struct iommu_dirty_tracker_unmap cmd = {
		.iova = IOVA, .length = RAM_SIZE, .page_size = PAGE,
		.data = (uintptr_t)self->b.bits, .data_len = sizeof(self->b.bits),
	};

	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, start(self, 0, 0));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 6));
	cmd.tracker_id = self->b.tracker_id;
	ASSERT_EQ(0, tracker_unmap(self->b.fd, &cmd));
	EXPECT_EQ(RAM_SIZE, cmd.out_unmapped);
	EXPECT_EQ(6, bench_count(&self->b));
	EXPECT_EQ(6, reported(self, 0, 6));
}

/* What is gone, and was in a log that was lost. */
static int lose_what_is_gone(FIXTURE_DATA(source) *self)
{
	struct bench *b = &self->b;

	if (attach(self, LOG) || start(self, 0, 0) ||
	    dma(&self->dev[LOG], IOVA, 6) ||
	    iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL) ||
	    fault("lose_track", "1") || read_ram(self, NULL) < 0)
		return -1;
	return 6 - reported(self, 0, 6);
}

TEST_F(source, lost_after_unmap)
{
	EXPECT_EQ(0, lose_what_is_gone(self));
}

TEST_F(source, lost_after_unmap_control)
{
	ASSERT_EQ(0, broken(NO_MARK));
	EXPECT_EQ(6, lose_what_is_gone(self));
}

/* ---- Failures ---- */

static int lose(FIXTURE_DATA(source) *self, __u32 *flags)
{
	if (attach(self, LOG) || start(self, 0, 0) ||
	    dma(&self->dev[LOG], IOVA, 6) || fault("lose_track", "1") ||
	    read_ram(self, flags) < 0)
		return -1;
	return 6 - reported(self, 0, 6);
}

/* A log that was lost tells nothing of what is unmapped afterwards. */
static int unmap_what_a_lost_log_has(FIXTURE_DATA(source) *self)
{
	struct bench *b = &self->b;
	__u32 flags;

	if (lose(self, &flags) || dma(&self->dev[LOG], IOVA, 6) ||
	    iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL) ||
	    read_ram(self, NULL) < 0)
		return -1;
	return 6 - reported(self, 0, 6);
}

TEST_F(source, unmap_after_lost)
{
	EXPECT_EQ(0, unmap_what_a_lost_log_has(self));
}

TEST_F(source, degrades_and_recovers)
{
	struct iommu_dirty_source_info info;
	__u32 flags;

	EXPECT_EQ(0, lose(self, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_DEGRADED, flags);
	EXPECT_EQ(RAM_PAGES, bench_count(&self->b));
	EXPECT_EQ(RAM_PAGES, read_ram(self, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_DEGRADED, flags);
	ASSERT_EQ(0, find_source(self, LOG, &info));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_FAILED, info.state);
	EXPECT_EQ(1, info.failures);

	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 6));
	ASSERT_EQ(0, bench_start(&self->b));
	EXPECT_EQ(RAM_PAGES, read_ram(self, &flags));
	EXPECT_EQ(0, flags);
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 3));
	EXPECT_EQ(3, read_ram(self, NULL));
}

TEST_F(source, degrades_control)
{
	__u32 flags;

	ASSERT_EQ(0, broken(NO_MARK));
	EXPECT_EQ(6, lose(self, &flags));
}

/* Where the IOMMU can stand in, it does. */
TEST_F(source, another_stands_in)
{
	__u32 flags;

	ASSERT_EQ(0, attach(self, BOTH));
	ASSERT_EQ(0, start(self, IOMMU_DIRTY_POLICY_DEVICE, 0));
	ASSERT_EQ(0, dma(&self->dev[BOTH], IOVA, 6));
	ASSERT_EQ(0, fault("lose_track", "1"));
	EXPECT_EQ(RAM_PAGES, read_ram(self, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_DEGRADED, flags);
	EXPECT_EQ(RAM_PAGES, read_ram(self, &flags));
	EXPECT_EQ(0, flags);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, kind(self, BOTH));
	ASSERT_EQ(0, dma(&self->dev[BOTH], IOVA, 2));
	EXPECT_EQ(2, read_ram(self, NULL));
	ASSERT_EQ(0, bench_start(&self->b));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, BOTH));
	ASSERT_EQ(0, dma(&self->dev[BOTH], IOVA, 2));
	EXPECT_EQ(2, read_ram(self, NULL));
}

TEST_F(source, cannot_start)
{
	__u32 flags;

	ASSERT_EQ(0, attach(self, LOG));
	/* Every range that is tried */
	ASSERT_EQ(0, fault("fail_track_start", "100"));
	ASSERT_EQ(0, start(self, 0, 0));
	EXPECT_EQ(RAM_PAGES, read_ram(self, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_DEGRADED, flags);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, kind(self, LOG));
	ASSERT_EQ(0, fault("fail_track_start", "0"));
	ASSERT_EQ(0, bench_start(&self->b));
	EXPECT_EQ(RAM_PAGES, read_ram(self, NULL));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 2));
	EXPECT_EQ(2, read_ram(self, &flags));
	EXPECT_EQ(0, flags);
}

/* A detach that finds the log lost: all that is mapped, and what is gone. */
TEST_F(source, lost_at_detach)
{
	struct bench *b = &self->b;

	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, start(self, 0, 0));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 6));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE, HIGH,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, fault("lose_track", "1"));
	ASSERT_EQ(0, vdev_detach(&self->dev[LOG]));
	EXPECT_EQ(RAM_PAGES, read_ram(self, NULL));
	memset(b->bits, 0, sizeof(b->bits));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, HIGH, PAGE, PAGE,
					 b->bits, 0, NULL));
	EXPECT_EQ(1, bench_count(b));
}

/* A READ that waits for a device dies when it is killed, and nothing is lost. */
TEST_F(source, killed_while_waiting)
{
	struct timespec begin, end;
	pid_t child;
	int status;

	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, start(self, 0, 0));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 6));
	ASSERT_EQ(0, fault("hold_track", "1"));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(read_ram(self, NULL) < 0);
	ASSERT_TRUE(waits_in_ioctl(child));
	ASSERT_EQ(0, waitpid(child, &status, WNOHANG));
	clock_gettime(CLOCK_MONOTONIC, &begin);
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	clock_gettime(CLOCK_MONOTONIC, &end);
	EXPECT_LT(end.tv_sec - begin.tv_sec, 10);
	EXPECT_TRUE(WIFSIGNALED(status));

	/* The address space is not blocked by it either */
	ASSERT_EQ(0, iommufd_ioas_map(self->b.fd, self->b.ioas_id, self->b.ram,
				      PAGE, HIGH, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, iommufd_ioas_unmap(self->b.fd, self->b.ioas_id, HIGH, PAGE,
					NULL));
	ASSERT_EQ(0, fault("hold_track", "0"));
	EXPECT_EQ(6, read_ram(self, NULL));
	EXPECT_EQ(0, read_ram(self, NULL));
}

/* ---- One log, one owner ---- */

TEST_F(source, one_owner)
{
	struct vfio_device_feature_dma_logging_range range = { IOVA, RAM_SIZE };
	struct bench *b = &self->b;
	__u64 page_size = PAGE;
	__u32 id;

	/* Before it is attached, the user has it */
	ASSERT_EQ(0, open_device(self, LOG));
	ASSERT_EQ(0, log_start(self->dev[LOG].fd, &range, 1, &page_size));
	ASSERT_EQ(0, attach(self, LOG));
	EXPECT_EQ(-EBUSY, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &id));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 4));
	ASSERT_EQ(0, log_report(self->dev[LOG].fd, IOVA, RAM_SIZE, PAGE, b->bits));
	EXPECT_EQ(4, bench_count(b));
	ASSERT_EQ(0, log_stop(self->dev[LOG].fd));

	/* A tracker, running or not */
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id));
	EXPECT_EQ(-EBUSY, log_start(self->dev[LOG].fd, &range, 1, &page_size));
	ASSERT_EQ(0, bench_start(b));
	EXPECT_EQ(-EBUSY, log_start(self->dev[LOG].fd, &range, 1, &page_size));
	EXPECT_EQ(-EBUSY, log_stop(self->dev[LOG].fd));
	EXPECT_EQ(-EBUSY, log_report(self->dev[LOG].fd, IOVA, RAM_SIZE, PAGE,
				     b->bits));
	ASSERT_EQ(0, dma(&self->dev[LOG], IOVA, 3));
	EXPECT_EQ(3, read_ram(self, NULL));

	/* A user's log of a device that comes later is left alone */
	ASSERT_EQ(0, open_device(self, LOG_2));
	ASSERT_EQ(0, log_start(self->dev[LOG_2].fd, &range, 1, &page_size));
	ASSERT_EQ(0, attach(self, LOG_2));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, kind(self, LOG_2));
	ASSERT_EQ(0, log_stop(self->dev[LOG_2].fd));

	ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
	ASSERT_EQ(0, log_start(self->dev[LOG].fd, &range, 1, &page_size));
	/* given back on last close */
	vdev_close(&self->dev[LOG]);
	ASSERT_EQ(0, attach(self, LOG));
	EXPECT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id));
}

/* ---- Random schedules ---- */

FIXTURE(mix) {
};

FIXTURE_VARIANT(mix) {
	unsigned int devices;
	__u32 policy;
	bool failures;
};

FIXTURE_VARIANT_ADD(mix, logs) {
	.devices = DEV(LOG) | DEV(LOG_2),
};

FIXTURE_VARIANT_ADD(mix, limits) {
	.devices = DEV(LOW) | DEV(NARROW) | DEV(COARSE) | DEV(LOG),
};

FIXTURE_VARIANT_ADD(mix, both) {
	.devices = DEV(BOTH) | DEV(BOTH_2) | DEV(LOG),
	.policy = IOMMU_DIRTY_POLICY_DEVICE,
};

FIXTURE_VARIANT_ADD(mix, failing) {
	.devices = DEV(BOTH) | DEV(BOTH_2) | DEV(LOG) | DEV(LOG_2),
	.policy = IOMMU_DIRTY_POLICY_DEVICE,
	.failures = true,
};

FIXTURE_VARIANT_ADD(mix, everything) {
	.devices = DEV(NR) - 1,
	.failures = true,
};

FIXTURE_SETUP(mix)
{
}

FIXTURE_TEARDOWN(mix)
{
	fault("lose_track", "0");
	fault("drop_track", "0");
	broken("0");
}

TEST_F_TIMEOUT(mix, loses_nothing, 100000)
{
	struct schedule s = {
		.devices = variant->devices,
		.driver = VDEV_TRACKER_DRIVER,
		.policy = variant->policy,
		.failures = variant->failures,
	};

	schedules_run(_metadata, &s, 5);
}

static __u64 mix_losses(struct __test_metadata *_metadata)
{
	__u64 lost = 0, seed;

	for (seed = 1; seed < 20 && !lost; seed++) {
		struct schedule s = {
			.seed = seed,
			.steps = 60,
			.devices = DEV(LOG) | DEV(LOG_2),
			.driver = VDEV_TRACKER_DRIVER,
		};

		EXPECT_EQ(0, schedule_run(&s));
		lost = s.lost;
	}
	return lost;
}

/* The device forgets every 40th page: that is noticed. */
TEST(mix_control)
{
	ASSERT_EQ(0, fault("drop_track", "40"));
	EXPECT_LT(0, mix_losses(_metadata));
	ASSERT_EQ(0, fault("drop_track", "0"));
}

/* What is unmapped and may be in a log is forgotten: that, too. */
TEST(mix_control_stale)
{
	ASSERT_EQ(0, broken(NO_STALE));
	EXPECT_LT(0, mix_losses(_metadata));
	ASSERT_EQ(0, broken("0"));
}

TEST_HARNESS_MAIN
