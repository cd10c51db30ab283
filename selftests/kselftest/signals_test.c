// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads of a VMM get signals all the time: kicks of virtual CPUs, timers. The ioctls
 * of the tracker, and those that wait for it, can be killed, but do not fail with EINTR
 * because of a signal that has a handler without SA_RESTART.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "kselftest_harness.h"
#include "crowd.h"

static volatile unsigned long ticks;

static void tick(int signal)
{
	ticks++;
}

/* A signal every third of a millisecond, or none. */
static void storm(bool on)
{
	struct sigaction action = { .sa_handler = tick };
	struct itimerval timer = { { 0, on ? 333 : 0 }, { 0, on ? 333 : 0 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

FIXTURE(signals) {
	struct crowd c;
};

FIXTURE_VARIANT(signals) { unsigned int device; };
FIXTURE_VARIANT_ADD(signals, iommu) { .device = BOTH };
FIXTURE_VARIANT_ADD(signals, gather) { .device = GATHER };
FIXTURE_VARIANT_ADD(signals, log) { .device = LOG };

FIXTURE_SETUP(signals)
{
	ASSERT_EQ(0, crowd_open(&self->c, true));
	ASSERT_EQ(0, crowd_attach(&self->c, variant->device, self->c.b.ioas_id));
	/* A log takes its time */
	ASSERT_EQ(0, virt_set("slow_track_ms", "20"));
}

FIXTURE_TEARDOWN(signals)
{
	storm(false);
	EXPECT_EQ(0, crowd_close(&self->c));
}

TEST_F(signals, interrupt_nothing)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct iommu_dirty_tracker_unmap cmd;
	struct iommu_dirty_tracker_info info;
	struct tracker_read_out out;
	int i;

	storm(true);
	for (i = 0; i < 10 || ticks < 100; i++) {
		ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0,
					   &b->tracker_id));
		ASSERT_EQ(0, testbed_start(b));
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
		ASSERT_EQ(0, tracker_count(b->fd, b->tracker_id, 0, 1ull << 46, PAGE,
					   &out));
		ASSERT_EQ(0, crowd_map_far(c));
		cmd = (struct iommu_dirty_tracker_unmap){
			.tracker_id = b->tracker_id,
			.iova = FAR,
			.length = FAR_SIZE,
			.page_size = PAGE,
			.data = (unsigned long)b->bits,
			.data_len = sizeof(b->bits),
		};
		ASSERT_EQ(0, tracker_unmap(b->fd, &cmd));
		ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, NULL, 0));
		ASSERT_EQ(0, crowd_detach(c, variant->device));
		ASSERT_EQ(0, crowd_attach(c, variant->device, b->ioas_id));
		ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
		ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
	}
	storm(false);
}

TEST_HARNESS_MAIN
