// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a device's log: by STOP, with its tracker, after a READ that was killed, and
 * when its device is detached, closed or its user exits. The device is held while it
 * makes a report, or is slow.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "crowd.h"
#include "oracle.h"
#include "reader.h"

#define GIB (1ull << 30)

FIXTURE(race_end) {
	struct crowd c;
};

FIXTURE_SETUP(race_end)
{
	ASSERT_EQ(0, crowd_open(&self->c, false));
	ASSERT_EQ(0, crowd_map_far(&self->c));
}

FIXTURE_TEARDOWN(race_end)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* ---- STOP and the end of a tracker ------------------------------------------ */

static int stop_tracker(void *arg)
{
	struct crowd *c = arg;

	return tracker_set(c->b.fd, c->b.tracker_id, 0, NULL, NULL);
}

static int destroy_tracker(void *arg)
{
	struct crowd *c = arg;

	return iommufd_destroy(c->b.fd, c->b.tracker_id);
}

/* A process that waits for the device in a READ; it is killed and has exited on return. */
static int kill_a_read(struct crowd *c)
{
	pid_t pid;

	if (virt_set("hold_track", "1"))
		return -1;
	pid = fork();
	if (!pid)
		exit(reader_read(c, c->b.tracker_id, IOVA, RAM_SIZE) < 0);
	if (pid < 0 || !waits_in_ioctl(pid))
		return -1;
	usleep(200000);
	return kill(pid, SIGKILL) || waitpid(pid, NULL, 0) != pid ? -1 : 0;
}

TEST_F(race_end, stop_after_killed_read)
{
	struct crowd *c = &self->c;
	struct call stop, destroy;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 5));
	ASSERT_EQ(0, kill_a_read(c));
	ASSERT_EQ(0, call_begin(&stop, stop_tracker, c));
	call_is_done(&stop, HELD_SHORT_MS);
	ASSERT_EQ(0, hold_release("hold_track"));
	EXPECT_EQ(0, call_end(&stop));
	EXPECT_EQ(0, testbed_start(&c->b));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA + HUGE, 3));
	/* The old report is not the new log's */
	EXPECT_EQ(3, reader_read(c, c->b.tracker_id, IOVA, RAM_SIZE));

	ASSERT_EQ(0, kill_a_read(c));
	ASSERT_EQ(0, call_begin(&destroy, destroy_tracker, c));
	call_is_done(&destroy, HELD_SHORT_MS);
	ASSERT_EQ(0, hold_release("hold_track"));
	EXPECT_EQ(0, call_end(&destroy));
	c->b.tracker_id = 0;
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA + HUGE, 4));
	EXPECT_EQ(4, reader_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
}

/* What was in a READ that was killed is in the next one. */
TEST_F(race_end, read_after_killed_read)
{
	struct crowd *c = &self->c;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 5));
	ASSERT_EQ(0, kill_a_read(c));
	ASSERT_EQ(0, crowd_unmap_far(c));
	ASSERT_EQ(0, hold_release("hold_track"));
	EXPECT_EQ(5, reader_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
}

/* ---- The end of a device ---------------------------------------------------- */

/* 300 mappings that a report cannot have in common, with 5 dirty pages in one. */
static int map_many(struct crowd *c)
{
	unsigned int i;
	int rc = 0;

	for (i = 1; !rc && i <= 300; i++)
		rc = iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far, 8 * PAGE,
				      FAR + i * GIB, IOMMUFD_MAP_RW);
	return rc;
}

static int call_detach(void *dev)
{
	return vdev_detach(dev);
}

static int call_close(void *dev)
{
	vdev_close(dev);
	return 0;
}

static void end_of_device(struct __test_metadata *_metadata, struct crowd *c,
			  int (*end)(void *))
{
	double begin;

	ASSERT_EQ(0, map_many(c));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, LOG, FAR + 300 * GIB, 5));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 5));
	ASSERT_EQ(0, virt_set("slow_track_ms", "20"));
	begin = seconds_now();
	ASSERT_EQ(0, end(&c->dev[LOG]));
	TH_LOG("took %.2f s", seconds_now() - begin);
	EXPECT_GT(time_limit(2), seconds_now() - begin);
	ASSERT_EQ(0, virt_set("slow_track_ms", "0"));
	/* What could not be asked in time is dirty */
	ASSERT_LE(5, reader_read(c, c->b.tracker_id, IOVA, 5 * PAGE));
	EXPECT_EQ(5, reader_read(c, c->b.tracker_id, FAR + 300 * GIB, 5 * PAGE));
}

TEST_F(race_end, detach_does_not_ask_for_ever)
{
	end_of_device(_metadata, &self->c, call_detach);
}

TEST_F(race_end, close_does_not_ask_for_ever)
{
	end_of_device(_metadata, &self->c, call_close);
}

/* A VMM is killed. Another process has the iommufd, and the tracker, too. */
TEST_F(race_end, exit_does_not_ask_for_ever)
{
	struct crowd *c = &self->c;
	int up[2], down[2];
	double begin;
	pid_t pid;
	char x;

	ASSERT_EQ(0, map_many(c));
	ASSERT_EQ(0, pipe(up));
	ASSERT_EQ(0, pipe(down));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		x = crowd_attach(c, LOG, c->b.ioas_id) != 0;
		if (write(up[1], &x, 1) != 1 || read(down[0], &x, 1) != 1)
			exit(1);
		x = crowd_dma(c, LOG, FAR + 300 * GIB, 5) ||
		    crowd_dma(c, LOG, IOVA, 5);
		if (write(up[1], &x, 1) != 1)
			exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(up[0], &x, 1));
	ASSERT_EQ(0, x);
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(1, write(down[1], "", 1));
	ASSERT_EQ(1, read(up[0], &x, 1));
	ASSERT_EQ(0, x);
	ASSERT_EQ(0, virt_set("slow_track_ms", "20"));
	begin = seconds_now();
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	TH_LOG("took %.2f s", seconds_now() - begin);
	EXPECT_GT(time_limit(2), seconds_now() - begin);
	ASSERT_EQ(0, virt_set("slow_track_ms", "0"));
	EXPECT_EQ(5, reader_read(c, c->b.tracker_id, IOVA, 5 * PAGE));
	EXPECT_EQ(5, reader_read(c, c->b.tracker_id, FAR + 300 * GIB, 5 * PAGE));
}

/*
 * A device that is closed while it writes: bus mastering ends before it is blocked by
 * the IOMMU, which on some machines is fatal; and what it wrote is reported.
 */
static void close_while_it_writes(struct __test_metadata *_metadata,
				  struct crowd *c, unsigned int n)
{
	struct oracle o;
	unsigned long blocked;

	ASSERT_EQ(0, oracle_open(&o));
	ASSERT_EQ(0, crowd_attach(c, n, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	oracle_started(&o);
	/* So slow that some pages are clean yet when it is closed */
	ASSERT_EQ(0, crowd_write_on(c, n, IOVA, RAM_SIZE, 2000));
	usleep(20000);
	blocked = virt_get("blocked");
	/* What is written now must not be behind the last harvest */
	ASSERT_EQ(0, delay_at("log", 40000));
	vdev_close(&c->dev[n]);
	ASSERT_EQ(0, delay_at("", 0));
	EXPECT_EQ(blocked, virt_get("blocked"));
	ASSERT_EQ(0, oracle_read(&o, c->b.fd, c->b.tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, oracle_check(&o));
	EXPECT_LT(10, o.writes);
	EXPECT_EQ(0, o.lost);
	oracle_close(&o);
}

TEST_F(race_end, close_while_it_writes)
{
	close_while_it_writes(_metadata, &self->c, LOG);
}

TEST_F(race_end, close_while_it_writes_without_log)
{
	close_while_it_writes(_metadata, &self->c, INTEL);
}

TEST_HARNESS_MAIN
