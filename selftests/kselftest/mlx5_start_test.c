// SPDX-License-Identifier: GPL-2.0-only
/*
 * The firmware does not answer when the tracker starts a VF's log. Maps and unmaps of the
 * running guest continue, every task that waits can be killed, and then the tracker is not
 * running; the next START works.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pair.h"

#define ABOVE 0x80000000ull

FIXTURE(start) {
	struct pair p;
	__u32 tracker_id;
};

FIXTURE_SETUP(start)
{
	struct pair *p = &self->p;

	ASSERT_EQ(0, pair_open(p));
	ASSERT_EQ(0, tracker_alloc(p->fd, p->ioas_id, IOMMU_DIRTY_POLICY_DEVICE, 0, 0,
				   &self->tracker_id));
}

FIXTURE_TEARDOWN(start)
{
	EXPECT_EQ(0, firmware_faults(""));
	pair_close(&self->p);
}

/* A child that makes a call and is in the middle of it. */
static pid_t child_in(FIXTURE_DATA(start) *self, bool info)
{
	struct iommu_dirty_tracker_info out;
	pid_t pid = fork();

	if (!pid) {
		if (info)
			tracker_info(self->p.fd, self->tracker_id, &out, NULL, 0);
		else
			tracker_set(self->p.fd, self->tracker_id,
				    IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL);
		_exit(0);
	}
	return pid;
}

/* How long a process takes to die, in seconds. */
static double kill_child(pid_t pid)
{
	double begin = seconds_now();

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return seconds_now() - begin;
}

TEST_F(start, waits_for_firmware)
{
	struct pair *p = &self->p;
	static __u64 bits[PAIR_PAGES / 64];
	struct tracker_read_out out;
	double begin, ends;
	__u32 flags = ~0u;
	unsigned int i;
	pid_t set, info;
	char late[32];

	snprintf(late, sizeof(late), "0xa00:late=%.0f", time_limit(6) * 1000);
	ASSERT_EQ(0, firmware_faults(late));
	begin = seconds_now();
	set = child_in(self, false);
	ASSERT_LE(0, set);
	ASSERT_TRUE(waits_in_ioctl(set));
	usleep(200000);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, iommufd_ioas_map(p->fd, p->ioas_id, p->ram, 64 * PAGE,
					      ABOVE, IOMMUFD_MAP_RW));
		ASSERT_EQ(0, iommufd_ioas_unmap(p->fd, p->ioas_id, ABOVE, 64 * PAGE,
						NULL));
	}
	info = child_in(self, true);
	ASSERT_LE(0, info);
	usleep(200000);
	EXPECT_GT(time_limit(1.5), kill_child(info));
	EXPECT_GT(time_limit(1.5), kill_child(set));
	ends = seconds_now() - begin;
	/* All of that happened while firmware was silent */
	EXPECT_GT(time_limit(6), ends) {
		TH_LOG("took %.1f s", ends);
	}
	EXPECT_EQ(-ENODATA, tracker_read_bitmap(p->fd, self->tracker_id, PAIR_BASE,
						PAIR_RAM, PAGE, bits, 0, &out));

	ASSERT_EQ(0, firmware_faults(""));
	ASSERT_EQ(0, tracker_set(p->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE,
				 NULL, &flags));
	EXPECT_EQ(0, flags);
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_TRUE(pair_moves(&p->src));
	ASSERT_EQ(0, vf_stop(&p->src));
	ASSERT_EQ(0, tracker_read_bitmap(p->fd, self->tracker_id, PAIR_BASE, PAIR_RAM,
					 PAGE, bits, 0, &out));
	EXPECT_LT(0, out.dirty_bytes);
	EXPECT_GT(PAIR_RAM, out.dirty_bytes);
	EXPECT_EQ(0, out.flags);
}

/* Is the VF's log what the tracker uses? */
static bool log_is_used(FIXTURE_DATA(start) *self)
{
	struct iommu_dirty_source_info sources[4] = {};
	struct iommu_dirty_tracker_info info;
	unsigned int i;

	tracker_info(self->p.fd, self->tracker_id, &info, sources, 4);
	for (i = 0; i < 4; i++)
		if (sources[i].kind == IOMMU_DIRTY_SOURCE_DEVICE)
			return true;
	return false;
}

/* If firmware does not answer START, the tracker does not try smaller ranges. */
TEST_F(start, tries_no_other_range)
{
	struct pair *p = &self->p;
	double begin, took;
	unsigned int i;

	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 1000));
	ASSERT_EQ(0, firmware_faults("0xa00:late=10000"));
	begin = seconds_now();
	EXPECT_EQ(0, tracker_set(p->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE,
				 NULL, NULL));
	took = seconds_now() - begin;
	EXPECT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	EXPECT_GT(time_limit(5), took) {
		TH_LOG("took %.1f s", took);
	}
	EXPECT_FALSE(log_is_used(self));
	ASSERT_EQ(0, firmware_faults(""));
	/* When firmware has answered at last, the log is there for a START */
	for (i = 0; !log_is_used(self) && i < 3; i++)
		ASSERT_EQ(0, tracker_set(p->fd, self->tracker_id,
					 IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	EXPECT_TRUE(log_is_used(self));
}

TEST_HARNESS_MAIN
