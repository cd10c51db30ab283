// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU writes for a mediated device at difficult moments: when pages are unpinned while they
 * are unmapped, when they are pinned twice, and when the driver writes to them for the last
 * time.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "crowd.h"
#include "mediated.h"
#include "virt_cpu.h"

FIXTURE(race_cpu) {
	struct testbed b;
	int cpu;
};

FIXTURE_SETUP(race_cpu)
{
	self->cpu = mediated_testbed(&self->b);
	ASSERT_LE(0, self->cpu);
	ASSERT_EQ(0, testbed_start(&self->b));
}

FIXTURE_TEARDOWN(race_cpu)
{
	close(self->cpu);
	testbed_close(&self->b);
}

/* ---- Pinned twice ----------------------------------------------------------- */

/* A pin for writing is one, whatever other pins of the page there are. */
TEST_F(race_cpu, pinned_for_writing_then_for_reading)
{
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_PIN_WRITE, 5, 7));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_PIN_READ, 5, 7));
	EXPECT_EQ(7, testbed_read_ram(&self->b));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_TOUCH, 5, 7));
	EXPECT_EQ(7, testbed_read_ram(&self->b));
	/* One of the two may be the one for writing */
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_UNPIN, 5, 7));
	ASSERT_LE(0, testbed_read_ram(&self->b));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_TOUCH, 5, 7));
	EXPECT_EQ(7, testbed_read_ram(&self->b));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_TOUCH, 5, 7));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_UNPIN, 5, 7));
	EXPECT_EQ(7, testbed_read_ram(&self->b));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

TEST_F(race_cpu, pinned_for_reading_then_for_writing)
{
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_PIN_READ, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_PIN_WRITE, 5, 3));
	EXPECT_EQ(3, testbed_read_ram(&self->b));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_TOUCH, 5, 3));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_UNPIN, 5, 3));
	EXPECT_EQ(3, testbed_read_ram(&self->b));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_UNPIN, 5, 7));
	ASSERT_LE(0, testbed_read_ram(&self->b));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

/* Pins that are not of single pages are distinguished by both of their ends. */
TEST_F(race_cpu, ranges_that_begin_together)
{
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_PIN_RANGE_READ, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_PIN_RANGE_WRITE, 5, 3));
	EXPECT_EQ(3, testbed_read_ram(&self->b));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_UNPIN_RANGE, 5, 7));
	EXPECT_EQ(3, testbed_read_ram(&self->b));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_UNPIN_RANGE, 5, 3));
	EXPECT_EQ(3, testbed_read_ram(&self->b));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

/* Of a pin, a READ of a part reports the part, and INFO counts it. */
TEST_F(race_cpu, part_of_a_range)
{
	struct iommu_dirty_source_info sources[2] = {};
	struct iommu_dirty_tracker_info info;
	struct testbed *b = &self->b;

	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_PIN_RANGE_WRITE, 8, 16));
	ASSERT_EQ(0, testbed_read(b, 10, 2, 0, NULL));
	EXPECT_EQ(2, testbed_count(b));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, sources, 2));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_ACCESS, sources[0].kind);
	EXPECT_EQ(2 * PAGE, sources[0].dirty_bytes);
	/* Unmapped while it is pinned */
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	EXPECT_EQ(16, testbed_read_ram(b));
	EXPECT_EQ(-ENOENT, mediated_do(self->cpu, VIRT_CPU_UNPIN_RANGE, 8, 16));
	EXPECT_EQ(0, testbed_read_ram(b));
}

/* ---- The last write --------------------------------------------------------- */

/* A driver that marks does so from its dma_unmap callback, too. */
TEST_F(race_cpu, marks_what_is_unmapped)
{
	struct testbed *b = &self->b;
	__u64 unmapped;

	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_DECLARE, 0, 0));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_LATE, 0, 0));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_PIN_WRITE, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(b));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE,
					&unmapped));
	EXPECT_NE(0, b->ram[11 * PAGE]);
	EXPECT_EQ(7, testbed_read_ram(b));
}

TEST_F(race_cpu, marks_when_it_is_detached)
{
	struct testbed *b = &self->b;

	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_DECLARE, 0, 0));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_LATE, 0, 0));
	ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_PIN_WRITE, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(b));
	ASSERT_EQ(0, mediated_detach(self->cpu));
	EXPECT_NE(0, b->ram[11 * PAGE]);
	EXPECT_EQ(7, testbed_read_ram(b));
	ASSERT_EQ(0, mediated_attach(self->cpu, b->ioas_id));
	EXPECT_EQ(0, testbed_read_ram(b));
}

/* ---- Unpin against READ ----------------------------------------------------- */

static int unpin_page(void *arg)
{
	return mediated_do(*(int *)arg, VIRT_CPU_UNPIN, 0, 1);
}

/*
 * READs beside an unpin that is delayed at @where: has one of them found the page
 * clean, and a later one dirty? The CPU had written before either began.
 */
static bool unpin_is_missed(struct __test_metadata *_metadata, struct testbed *b,
			    int cpu, const char *where)
{
	bool clean = false, missed = false, done = false;
	struct call unpin;

	ASSERT_EQ(0, mediated_do(cpu, VIRT_CPU_PIN_WRITE, 0, 1));
	ASSERT_EQ(0, mediated_do(cpu, VIRT_CPU_TOUCH, 0, 1));
	ASSERT_EQ(0, delay_at(where, 1000000));
	ASSERT_EQ(0, call_begin(&unpin, unpin_page, &cpu));
	while (!done) {
		int dirty;

		done = call_is_done(&unpin, 0);
		dirty = testbed_read_ram(b);
		ASSERT_LE(0, dirty);
		missed |= clean && dirty;
		clean |= !dirty;
		usleep(5000);
	}
	ASSERT_EQ(0, call_end(&unpin));
	ASSERT_EQ(0, delay_at("", 0));
	return missed;
}

/* Pinned, or published: there is no moment at which it is neither. */
TEST_F(race_cpu, read_beside_unpin)
{
	EXPECT_FALSE(unpin_is_missed(_metadata, &self->b, self->cpu, "unpin"));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

TEST_F(race_cpu, late_unpin_is_noticed)
{
	bool missed = false;
	unsigned int i;

	ASSERT_EQ(0, tracker_break("late_unpin"));
	for (i = 0; i < 10 && !missed; i++)
		missed = unpin_is_missed(_metadata, &self->b, self->cpu,
					 "forgotten");
	ASSERT_EQ(0, tracker_break("nothing"));
	EXPECT_TRUE(missed);
}

/* ---- Unpin against unmap ---------------------------------------------------- */

struct unpinner {
	pthread_t thread;
	pthread_barrier_t barrier;
	int cpu;
	unsigned int spin;
	bool stop;
};

static void *unpin_again_and_again(void *arg)
{
	struct unpinner *u = arg;

	for (;;) {
		volatile unsigned int n;

		pthread_barrier_wait(&u->barrier);
		if (u->stop)
			return NULL;
		for (n = u->spin; n; n--)
			;
		/* The unmap may have unpinned it before */
		mediated_do(u->cpu, VIRT_CPU_UNPIN, 0, 1);
		pthread_barrier_wait(&u->barrier);
	}
}

/*
 * Written and complete before the unmap begins, which meets the unpin. Where the two
 * meet is up to chance: DURATION is how many seconds to try.
 */
TEST_F(race_cpu, unpin_against_unmap)
{
	const char *duration = getenv("DURATION");
	time_t end = time(NULL) + (duration ? atoi(duration) : 5);
	struct unpinner u = { .cpu = self->cpu };
	struct testbed *b = &self->b;
	unsigned int rounds = 0, lost = 0;
	__u64 unmapped, word;

	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE,
					&unmapped));
	ASSERT_EQ(0, pthread_barrier_init(&u.barrier, NULL, 2));
	ASSERT_EQ(0, pthread_create(&u.thread, NULL, unpin_again_and_again, &u));
	for (; time(NULL) < end; rounds++) {
		ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE, IOVA,
					      IOMMUFD_MAP_RW));
		ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_PIN_WRITE, 0, 1));
		word = 0;
		ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, IOVA, PAGE,
						 PAGE, &word, 0, NULL));
		ASSERT_EQ(0, mediated_do(self->cpu, VIRT_CPU_TOUCH, 0, 1));
		u.spin = rand() % 2000;
		pthread_barrier_wait(&u.barrier);
		ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, PAGE,
						&unmapped));
		pthread_barrier_wait(&u.barrier);
		word = 0;
		ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, IOVA, PAGE,
						 PAGE, &word, 0, NULL));
		lost += word != 1;
	}
	u.stop = true;
	pthread_barrier_wait(&u.barrier);
	pthread_join(u.thread, NULL);
	TH_LOG("%u of %u writes were lost", lost, rounds);
	EXPECT_EQ(0, lost);
	EXPECT_LT(50, rounds);
}

TEST_HARNESS_MAIN
