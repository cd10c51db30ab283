// SPDX-License-Identifier: GPL-2.0-only
/*
 * What has left the hardware and has not been delivered yet: a READ, an unmap or the end
 * of a HWPT is stopped between the two, and another READ comes in between.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "crowd.h"
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

/**
 * struct reading - A READ in a thread
 * @call: The thread
 * @b: The tracker's
 * @iova: First byte
 * @length: Bytes, at most RAM_SIZE
 * @bits: What was reported
 */
struct reading {
	struct call call;
	struct bench *b;
	__u64 iova;
	__u64 length;
	__u64 bits[RAM_WORDS];
};

static int reading_read(void *arg)
{
	struct reading *r = arg;
	struct tracker_read_out out;

	return tracker_read_bitmap(r->b->fd, r->b->tracker_id, r->iova, r->length,
				   PAGE, r->bits, 0, &out);
}

static int reading_begin(struct reading *r, struct crowd *c, __u64 iova,
			 __u64 length)
{
	*r = (struct reading){ .b = &c->b, .iova = iova, .length = length };
	return call_begin(&r->call, reading_read, r);
}

static bool reading_has(const struct reading *r, __u64 page)
{
	return r->bits[page / 64] >> (page % 64) & 1;
}

/* A READ of its first page takes the dirty bit of a leaf that another READ needs. */
TEST_F(race_step, rest_of_a_leaf)
{
	struct crowd *c = &self->c;
	struct reading first, rest;
	bool met = false;
	unsigned int i;

	for (i = 0; i < TRIES && !met; i++) {
		ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + 3 * PAGE, 1));
		ASSERT_EQ(0, delay_at("harvested", 3000000));
		ASSERT_EQ(0, reading_begin(&first, c, IOVA, PAGE));
		usleep(300000);
		ASSERT_EQ(0, delay_at("", 0));
		ASSERT_EQ(0, reading_begin(&rest, c, IOVA + PAGE, HUGE - PAGE));
		ASSERT_EQ(0, call_end(&rest.call));
		met = !call_is_done(&first.call, 0);
		ASSERT_EQ(0, call_end(&first.call));
		EXPECT_TRUE(reading_has(&rest, 2));
	}
	EXPECT_TRUE(met);
}

/* The second of two harvests of one range waits for the first. */
TEST_F(race_step, same_range)
{
	struct crowd *c = &self->c;
	struct reading r[2];

	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, 5));
	ASSERT_EQ(0, hold_arm("hold_read", IOVA));
	ASSERT_EQ(0, reading_begin(&r[0], c, IOVA, RAM_SIZE));
	ASSERT_TRUE(hold_is_met("hold_read", HELD_LONG_MS));
	ASSERT_EQ(0, reading_begin(&r[1], c, IOVA, RAM_SIZE));
	EXPECT_FALSE(call_is_done(&r[1].call, HELD_SHORT_MS));
	ASSERT_EQ(0, hold_release("hold_read"));
	EXPECT_EQ(0, call_end(&r[0].call));
	EXPECT_EQ(0, call_end(&r[1].call));
	EXPECT_TRUE(reading_has(&r[0], 4) || reading_has(&r[1], 4));
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
	struct reading r;
	struct call call;

	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, 5));
	ASSERT_EQ(0, hold_arm("hold_read", IOVA));
	ASSERT_EQ(0, call_begin(&call, unmap_ram, c));
	ASSERT_TRUE(hold_is_met("hold_read", HELD_LONG_MS));
	ASSERT_EQ(0, reading_begin(&r, c, IOVA, RAM_SIZE));
	EXPECT_FALSE(call_is_done(&r.call, HELD_SHORT_MS));
	ASSERT_EQ(0, hold_release("hold_read"));
	EXPECT_EQ(0, call_end(&call));
	EXPECT_EQ(0, call_end(&r.call));
	EXPECT_TRUE(reading_has(&r, 0));
	EXPECT_TRUE(reading_has(&r, 4));
}

TEST_HARNESS_MAIN
