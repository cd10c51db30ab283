// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that have left the hardware and are not delivered yet: a READ, an unmap or the end
 * of a HWPT is stopped between the two, and another READ runs in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "crowd.h"
#include "reader.h"
#include "held.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 1000

/* How often a delay, whose length is drawn at random, is tried */
#define TRIES 10

FIXTURE(race_step) {
	struct crowd c;
};

FIXTURE_SETUP(race_step)
{
	struct crowd *c = &self->c;

	ASSERT_EQ(0, crowd_open(c, true));
	ASSERT_EQ(0, crowd_map_far(c));
	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
}

FIXTURE_TEARDOWN(race_step)
{
	EXPECT_EQ(0, delay_at("", 0));
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* A READ of its first page takes the dirty bit of a leaf that another READ needs. */
TEST_F(race_step, rest_of_a_leaf)
{
	struct crowd *c = &self->c;
	struct reader first, rest;
	bool met = false;
	unsigned int i;

	for (i = 0; i < TRIES && !met; i++) {
		ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + 3 * PAGE, 1));
		ASSERT_EQ(0, delay_at("harvested", 3000000));
		ASSERT_EQ(0, reader_begin_bits(&first, c, IOVA, PAGE));
		usleep(300000);
		ASSERT_EQ(0, delay_at("", 0));
		ASSERT_EQ(0, reader_begin_bits(&rest, c, IOVA + PAGE, HUGE - PAGE));
		ASSERT_LE(0, call_end(&rest.call));
		met = !call_is_done(&first.call, 0);
		ASSERT_LE(0, call_end(&first.call));
		EXPECT_TRUE(reader_has(&rest, 2));
	}
	EXPECT_TRUE(met);
}

/* The second of two harvests of one range waits for the first. */
TEST_F(race_step, same_range)
{
	struct crowd *c = &self->c;
	struct reader r[2];

	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, 5));
	ASSERT_EQ(0, hold_arm("hold_read", IOVA));
	ASSERT_EQ(0, reader_begin_bits(&r[0], c, IOVA, RAM_SIZE));
	ASSERT_TRUE(hold_is_met("hold_read", HELD_LONG_MS));
	ASSERT_EQ(0, reader_begin_bits(&r[1], c, IOVA, RAM_SIZE));
	EXPECT_FALSE(call_is_done(&r[1].call, HELD_SHORT_MS));
	ASSERT_EQ(0, hold_release("hold_read"));
	EXPECT_LE(0, call_end(&r[0].call));
	EXPECT_LE(0, call_end(&r[1].call));
	EXPECT_TRUE(reader_has(&r[0], 4) || reader_has(&r[1], 4));
}

static int unmap_ram(void *arg)
{
	struct crowd *c = arg;

	return iommufd_ioas_unmap(c->b.fd, c->b.ioas_id, IOVA, RAM_SIZE, NULL);
}

/* A READ beside an unmap reports what was dirty there. */
TEST_F(race_step, unmap)
{
	struct crowd *c = &self->c;
	struct reader r;
	struct call call;

	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, 5));
	ASSERT_EQ(0, hold_arm("hold_read", IOVA));
	ASSERT_EQ(0, call_begin(&call, unmap_ram, c));
	ASSERT_TRUE(hold_is_met("hold_read", HELD_LONG_MS));
	ASSERT_EQ(0, reader_begin_bits(&r, c, IOVA, RAM_SIZE));
	EXPECT_FALSE(call_is_done(&r.call, HELD_SHORT_MS));
	ASSERT_EQ(0, hold_release("hold_read"));
	EXPECT_EQ(0, call_end(&call));
	EXPECT_LE(0, call_end(&r.call));
	EXPECT_TRUE(reader_has(&r, 0));
	EXPECT_TRUE(reader_has(&r, 4));
}

struct unmapper {
	struct call call;
	struct crowd *c;
	__u64 bits[RAM_WORDS];
};

static int unmap_conservative(void *arg)
{
	struct unmapper *u = arg;
	struct iommu_dirty_tracker_unmap cmd = {
		.flags = IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE,
		.tracker_id = u->c->b.tracker_id,
		.iova = IOVA,
		.length = RAM_SIZE,
		.page_size = PAGE,
		.data = (__u64)(uintptr_t)u->bits,
		.data_len = sizeof(u->bits),
	};

	return tracker_unmap(u->c->b.fd, &cmd);
}

/*
 * What CONSERVATIVE reports because it was mapped, no READ beside it takes: the device
 * writes until the hardware has unmapped it. The READ waits in the middle of its harvest
 * until the unmap has begun; the unmap, in the middle of its own, for the write.
 */
TEST_F(race_step, read_beside_conservative_unmap)
{
	struct crowd *c = &self->c;
	struct unmapper u = { .c = c };
	struct reader r;

	ASSERT_EQ(0, crowd_attach(c, GATHER, c->b.ioas_id));
	ASSERT_EQ(0, crowd_dma(c, GATHER, IOVA + 3 * HUGE, 1));
	ASSERT_EQ(0, hold_arm("hold_probe", IOVA));
	ASSERT_EQ(0, reader_begin_bits(&r, c, IOVA, 3 * HUGE));
	ASSERT_TRUE(hold_is_met("hold_probe", HELD_LONG_MS));
	ASSERT_EQ(0, hold_arm("hold_read", IOVA + 3 * HUGE));
	ASSERT_EQ(0, call_begin(&u.call, unmap_conservative, &u));
	EXPECT_FALSE(call_is_done(&u.call, HELD_SHORT_MS));
	ASSERT_EQ(0, hold_release("hold_probe"));
	/* It may also wait for what the unmap has hidden */
	call_is_done(&r.call, HELD_SHORT_MS);
	ASSERT_TRUE(hold_is_met("hold_read", HELD_LONG_MS));
	ASSERT_EQ(0, crowd_dma(c, GATHER, IOVA, 1));
	ASSERT_EQ(0, hold_release("hold_read"));
	ASSERT_LE(0, call_end(&r.call));
	ASSERT_EQ(0, call_end(&u.call));
	EXPECT_TRUE(u.bits[0] & 1) {
		TH_LOG("the READ has taken it: %d", reader_has(&r, 0));
	}
}

static int detach_untracked(void *arg)
{
	return crowd_detach(arg, UNTRACKED);
}

/* A READ that has walked a mark leaves it if another was added since: that has more. */
TEST_F(race_step, marked_again)
{
	struct crowd *c = &self->c;
	struct reader first, second;
	struct call detach;
	bool met = false;
	unsigned int i;
	__u32 hwpt;

	ASSERT_EQ(0, crowd_hwpt(c, UNTRACKED, c->b.ioas_id, &hwpt));
	for (i = 0; i < TRIES && !met; i++) {
		ASSERT_EQ(0, crowd_attach(c, UNTRACKED, hwpt));
		ASSERT_EQ(0, crowd_detach(c, UNTRACKED));
		ASSERT_EQ(0, crowd_attach(c, UNTRACKED, hwpt));
		ASSERT_EQ(0, delay_at("mark", 3000000));
		ASSERT_EQ(0, reader_begin_bits(&first, c, IOVA, RAM_SIZE));
		usleep(300000);
		ASSERT_EQ(0, delay_at("", 0));
		ASSERT_EQ(0, crowd_dma(c, UNTRACKED, IOVA + 100 * PAGE, 1));
		ASSERT_EQ(0, call_begin(&detach, detach_untracked, c));
		usleep(200000);
		met = !call_is_done(&first.call, 0);
		ASSERT_LE(0, call_end(&first.call));
		ASSERT_EQ(0, call_end(&detach));
		ASSERT_EQ(0, reader_begin_bits(&second, c, IOVA, RAM_SIZE));
		ASSERT_LE(0, call_end(&second.call));
		EXPECT_TRUE(reader_has(&second, 100));
	}
	EXPECT_TRUE(met);
}

TEST_HARNESS_MAIN
