// SPDX-License-Identifier: GPL-2.0-only
/*
 * How things end: a log, an HWPT, a READ that is killed or whose timeout expires, an attach
 * or an unmap that fails. Each end takes no longer than it has to, keeps what it had time
 * to harvest, and leaves no tracking on.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "crowd.h"

#define GIB (1ull << 30)
/* Of a mapping; each is farther from the next than a step is long */
#define PART (8 * PAGE)

FIXTURE(end) {
	struct crowd c;
};

FIXTURE_SETUP(end)
{
	ASSERT_EQ(0, crowd_open(&self->c, false));
}

FIXTURE_TEARDOWN(end)
{
	EXPECT_EQ(0, delay_at("", 0));
	EXPECT_EQ(0, parameter_set("iommufd_virt_vfio_pci", "odd_granule", "0"));
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* @n mappings, one in a GiB each: @n steps of a harvest. */
static int map_parts(struct crowd *c, unsigned int n)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < n; i++)
		rc = iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far, PART,
				      FAR + i * GIB, IOMMUFD_MAP_RW);
	return rc;
}

/* A READ of everything from FAR on, or an unmap, in a thread. */
struct span_call {
	struct call call;
	struct crowd *c;
	__u64 iova;
	__u64 length;
};

static int span_read(void *arg)
{
	struct span_call *s = arg;
	struct iommu_dirty_range ranges[16];
	int rc;

	rc = tracker_read_ranges(s->c->b.fd, s->c->b.tracker_id, s->iova, s->length,
				 PAGE, ranges, 16, 0, NULL);
	return rc < 0 ? rc : 0;
}

static int span_unmap(void *arg)
{
	struct span_call *s = arg;

	return iommufd_ioas_unmap(s->c->b.fd, s->c->b.ioas_id, s->iova, s->length,
				  NULL);
}

static int span_begin(struct span_call *s, struct crowd *c, int (*fn)(void *arg),
		      __u64 iova, __u64 length)
{
	*s = (struct span_call){ .c = c, .iova = iova, .length = length };
	return call_begin(&s->call, fn, s);
}

/* ---- Logs ------------------------------------------------------------------- */

/* A close that has the time asks for all that there is, and guesses nothing. */
TEST_F(end, close_asks_while_there_is_time)
{
	struct crowd *c = &self->c;

	ASSERT_EQ(0, crowd_map_far(c));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 5));
	ASSERT_EQ(0, crowd_dma(c, LOG, FAR, 3));
	ASSERT_EQ(0, virt_set("slow_track_ms", "50"));
	vdev_close(&c->dev[LOG]);
	ASSERT_EQ(0, virt_set("slow_track_ms", "0"));
	EXPECT_EQ(5, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	EXPECT_EQ(3, crowd_read(c, c->b.tracker_id, FAR, FAR_SIZE));
}

/* Written after the log was lost, and closed before the next READ makes a new plan. */
TEST_F(end, written_between_loss_and_close)
{
	struct crowd *c = &self->c;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, virt_set("lose_track", "1"));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 1));
	EXPECT_EQ(RAM_PAGES, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 6));
	vdev_close(&c->dev[LOG]);
	EXPECT_EQ(RAM_PAGES, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	EXPECT_EQ(0, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
}

/* An attach waits for a log that is ending, and not for the longest time it may. */
TEST_F(end, attach_waits_for_the_log_alone)
{
	struct crowd *c = &self->c;
	double begin, took = 0;
	unsigned int i;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, virt_set("slow_track_ms", "20"));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 2));
		ASSERT_EQ(0, crowd_detach(c, LOG));
		begin = seconds_now();
		ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
		took += seconds_now() - begin;
		EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
		EXPECT_EQ(2, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	}
	TH_LOG("took %.2f s", took);
	EXPECT_GT(time_limit(2), took);
}

/* Nor for long, if it does not end: the next READ finds it when it has. */
TEST_F(end, attach_beside_a_log_that_does_not_end)
{
	struct crowd *c = &self->c;
	double begin;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, virt_set("hold_track", "1"));
	ASSERT_EQ(0, crowd_detach(c, LOG));
	begin = seconds_now();
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	TH_LOG("took %.2f s", seconds_now() - begin);
	EXPECT_GT(time_limit(2.5), seconds_now() - begin);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, crowd_kind(c, LOG));
	ASSERT_EQ(0, hold_release("hold_track"));
	EXPECT_EQ(RAM_PAGES, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
}

static int start_log(void *arg)
{
	struct crowd *c = arg;

	return crowd_log_is_free(c, LOG);
}

/* The user of a device gets its log when the tracker has done with it. */
TEST_F(end, user_waits_for_the_log)
{
	struct crowd *c = &self->c;
	struct call user;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, virt_set("hold_track", "1"));
	ASSERT_EQ(0, crowd_detach(c, LOG));
	ASSERT_EQ(0, call_begin(&user, start_log, c));
	EXPECT_FALSE(call_is_done(&user, HELD_SHORT_MS));
	ASSERT_EQ(0, hold_release("hold_track"));
	EXPECT_EQ(0, call_end(&user));
}

/* START of a process that is killed: then the tracker does not run. */
TEST_F(end, killed_start)
{
	struct crowd *c = &self->c;
	int i, status = 0;
	pid_t pid;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, tracker_alloc(c->b.fd, c->b.ioas_id, 0, 0, 0, &c->b.tracker_id));
	ASSERT_EQ(0, delay_at("apply", 3000000));
	/* How long it is delayed is drawn at random */
	for (i = 0; i < 10 && !WIFSIGNALED(status); i++) {
		ASSERT_EQ(0, tracker_set(c->b.fd, c->b.tracker_id, 0, NULL, NULL));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(testbed_start(&c->b) != 0);
		usleep(100000);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
	}
	EXPECT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(0, delay_at("", 0));
	EXPECT_EQ(-ENODATA, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, testbed_start(&c->b));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
}

/* What was started for an attach that is refused does not stay on. */
TEST_F(end, refused_attach_leaves_no_log)
{
	struct crowd *c = &self->c;

	ASSERT_EQ(0, crowd_map_far(c));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	EXPECT_EQ(-ENXIO, crowd_attach(c, NARROW, c->b.ioas_id));
	EXPECT_EQ(0, crowd_log_is_free(c, NARROW));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 2));
	EXPECT_EQ(2, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
}

/* A driver whose granule is no power of two: not used, and its log is not left on. */
TEST_F(end, granule_that_is_none)
{
	struct crowd *c = &self->c;

	ASSERT_EQ(0, parameter_set("iommufd_virt_vfio_pci", "odd_granule", "1"));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, crowd_kind(c, LOG));
	ASSERT_EQ(0, parameter_set("iommufd_virt_vfio_pci", "odd_granule", "0"));
	ASSERT_EQ(0, iommufd_destroy(c->b.fd, c->b.tracker_id));
	c->b.tracker_id = 0;
	EXPECT_EQ(0, crowd_log_is_free(c, LOG));
}

/* ---- Harvests --------------------------------------------------------------- */

/* The last harvest of an HWPT has a budget of a second; the rest is marked. */
TEST_F(end, detach_does_not_walk_for_ever)
{
	struct crowd *c = &self->c;
	double begin;

	ASSERT_EQ(0, map_parts(c, 200));
	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, FAR + 199 * GIB, 5));
	ASSERT_EQ(0, delay_at("step", 80000));
	begin = seconds_now();
	ASSERT_EQ(0, crowd_detach(c, BOTH));
	TH_LOG("took %.2f s", seconds_now() - begin);
	EXPECT_GT(time_limit(4), seconds_now() - begin);
	ASSERT_EQ(0, delay_at("", 0));
	EXPECT_EQ(8, crowd_read(c, c->b.tracker_id, FAR + 199 * GIB, PART));
}

/* A READ of a part meets an error, and the HWPT goes before there is another plan. */
TEST_F(end, hwpt_that_failed)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	__u32 hwpt;

	ASSERT_EQ(0, crowd_hwpt(c, BOTH, b->ioas_id, &hwpt));
	ASSERT_EQ(0, crowd_attach(c, BOTH, hwpt));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + 100 * PAGE, 3));
	ASSERT_EQ(0, crowd_detach(c, BOTH));
	ASSERT_EQ(0, virt_set("fail_read", "1"));
	EXPECT_EQ(8, crowd_read(c, b->tracker_id, IOVA, 8 * PAGE));
	ASSERT_EQ(0, iommufd_destroy(b->fd, hwpt));
	EXPECT_EQ(3, crowd_read(c, b->tracker_id, IOVA + 100 * PAGE, 3 * PAGE));
}

/* Who changes the IOAS waits for a step of a READ, not for a window of 64 GiB. */
TEST_F(end, attach_beside_long_harvest)
{
	struct crowd *c = &self->c;
	struct span_call all;
	double begin;

	ASSERT_EQ(0, map_parts(c, 64));
	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, delay_at("step", 150000));
	ASSERT_EQ(0, span_begin(&all, c, span_read, FAR, 64 * GIB));
	usleep(300000);
	begin = seconds_now();
	ASSERT_EQ(0, crowd_attach(c, UNTRACKED, c->b.ioas_id));
	TH_LOG("took %.2f s", seconds_now() - begin);
	EXPECT_GT(time_limit(3), seconds_now() - begin);
	ASSERT_EQ(0, delay_at("", 0));
	EXPECT_EQ(0, call_end(&all.call));
}

/* A READ that is killed ends with the step that is under way. */
TEST_F(end, killed_in_a_window)
{
	struct crowd *c = &self->c;
	struct span_call all = { .c = c, .iova = FAR, .length = 64 * GIB };
	double begin;
	pid_t pid;

	ASSERT_EQ(0, map_parts(c, 64));
	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, FAR, 5));
	ASSERT_EQ(0, delay_at("step", 150000));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(span_read(&all) != 0);
	usleep(500000);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	begin = seconds_now();
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	TH_LOG("took %.2f s", seconds_now() - begin);
	EXPECT_GT(time_limit(2), seconds_now() - begin);
	ASSERT_EQ(0, delay_at("", 0));
	EXPECT_EQ(5, crowd_read(c, c->b.tracker_id, FAR, PART));
}

/* ---- Unmaps ----------------------------------------------------------------- */

/* What is unmapped just when its dirty bits cannot be read is dirty, all of it. */
static void unmap_cannot_be_read(struct __test_metadata *_metadata, struct crowd *c,
				 unsigned int n)
{
	struct tracker_read_out out;
	struct testbed *b = &c->b;

	ASSERT_EQ(0, crowd_attach(c, n, b->ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_dma(c, n, IOVA, 3));
	ASSERT_EQ(0, virt_set("fail_read", "1"));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	memset(b->bits, 0, sizeof(b->bits));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, IOVA, RAM_SIZE, PAGE,
					 b->bits, 0, &out));
	EXPECT_EQ(RAM_PAGES, testbed_count(b));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_DEGRADED, out.flags);
}

TEST_F(end, unmap_cannot_be_read)
{
	unmap_cannot_be_read(_metadata, &self->c, INTEL);
}

TEST_F(end, unmap_cannot_be_read_gather)
{
	unmap_cannot_be_read(_metadata, &self->c, GATHER);
}

static int read_eight(void *arg)
{
	struct crowd *c = arg;

	return crowd_read(c, c->b.tracker_id, IOVA, 8 * PAGE);
}

/* What is unmapped just when a READ elsewhere finds that dirty bits cannot be read */
TEST_F(end, unmap_beside_failure)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct call read;

	ASSERT_EQ(0, crowd_attach(c, BOTH, b->ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + 100 * PAGE, 3));
	ASSERT_EQ(0, virt_set("fail_read", "1"));
	ASSERT_EQ(0, delay_at("degrade", 2000000));
	ASSERT_EQ(0, call_begin(&read, read_eight, c));
	usleep(200000);
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	EXPECT_EQ(8, call_end(&read));
	ASSERT_EQ(0, delay_at("", 0));
	EXPECT_EQ(3, crowd_read(c, b->tracker_id, IOVA + 100 * PAGE, 3 * PAGE));
}

/* An unmap of FAR waits for its IOMMU, with the area hidden. */
static int hold_unmap(struct crowd *c, struct span_call *unmap)
{
	if (crowd_map_far(c) || crowd_attach(c, BOTH, c->b.ioas_id) ||
	    crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0) ||
	    crowd_dma(c, BOTH, FAR, 3) || hold_arm("hold_read", FAR) ||
	    span_begin(unmap, c, span_unmap, FAR, FAR_SIZE))
		return -1;
	return hold_is_met("hold_read", HELD_LONG_MS) ? 0 : -1;
}

/* A READ whose time is over while it waits for an unmap does not pass it. */
TEST_F(end, timeout_beside_unmap)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_range range = {};
	struct iommu_dirty_tracker_read cmd = {
		.flags = IOMMU_DIRTY_TRACKER_READ_RANGES,
		.iova = FAR,
		.length = FAR_SIZE,
		.page_size = PAGE,
		.data = (__u64)(unsigned long)&range,
		.data_len = sizeof(range),
		.timeout_ms = 300,
	};
	struct span_call unmap;

	ASSERT_EQ(0, hold_unmap(c, &unmap));
	cmd.tracker_id = c->b.tracker_id;
	EXPECT_EQ(0, tracker_read(c->b.fd, &cmd));
	EXPECT_EQ(0, cmd.out_dirty_bytes);
	EXPECT_EQ(FAR, cmd.out_next_iova);
	ASSERT_EQ(0, hold_release("hold_read"));
	EXPECT_EQ(0, call_end(&unmap.call));
	EXPECT_EQ(3, crowd_read(c, c->b.tracker_id, FAR, FAR_SIZE));
}

/* A READ that waits for an unmap in its range waits for no other. */
TEST_F(end, read_waits_for_its_unmaps)
{
	struct crowd *c = &self->c;
	struct span_call far, near, reader;

	ASSERT_EQ(0, hold_unmap(c, &far));
	ASSERT_EQ(0, delay_at("hidden", 2000000));
	ASSERT_EQ(0, span_begin(&near, c, span_unmap, IOVA, RAM_SIZE));
	usleep(100000);
	ASSERT_EQ(0, span_begin(&reader, c, span_read, IOVA, RAM_SIZE));
	EXPECT_TRUE(call_is_done(&reader.call, 10000));
	EXPECT_FALSE(call_is_done(&far.call, 0));
	ASSERT_EQ(0, hold_release("hold_read"));
	EXPECT_EQ(0, call_end(&far.call));
	EXPECT_EQ(0, call_end(&near.call));
	EXPECT_EQ(0, call_end(&reader.call));
}

TEST_HARNESS_MAIN
