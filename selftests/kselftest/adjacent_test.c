// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many mappings side by side, which a harvest reads as one: with a hole between them,
 * with one that is being unmapped, without looking twice at much of them, and without
 * keeping maps waiting.
 */
#include <stdlib.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "crowd.h"
#include "reader.h"

/* Of one page each; one of them is missing */
#define MAPPINGS 64ull
#define HOLE 32ull

FIXTURE(adjacent) {
	struct crowd c;
};

FIXTURE_VARIANT(adjacent) {
	unsigned int device;
};

FIXTURE_VARIANT_ADD(adjacent, amd) { .device = BOTH };
FIXTURE_VARIANT_ADD(adjacent, gather) { .device = GATHER };
FIXTURE_VARIANT_ADD(adjacent, intel) { .device = INTEL };
FIXTURE_VARIANT_ADD(adjacent, smmu) { .device = SMMU };
FIXTURE_VARIANT_ADD(adjacent, smmu_gather) { .device = SMMU_GATHER };

FIXTURE_SETUP(adjacent)
{
	struct crowd *c = &self->c;
	__u64 i;

	ASSERT_EQ(0, crowd_open(c, false));
	for (i = 0; i < MAPPINGS; i++) {
		if (i == HOLE)
			continue;
		ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far + i * PAGE, PAGE,
					      FAR + i * PAGE, IOMMUFD_MAP_RW));
	}
	ASSERT_EQ(0, crowd_attach(c, variant->device, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
}

FIXTURE_TEARDOWN(adjacent)
{
	EXPECT_EQ(0, hold_release_all());
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* At the ends, at both sides of the hole, and from the middle of the mappings on. */
TEST_F(adjacent, each_page_once)
{
	static const __u64 written[] = { 0, 1, 7, HOLE - 1, HOLE + 1, MAPPINGS - 1 };
	const unsigned int pages = sizeof(written) / sizeof(*written);
	struct crowd *c = &self->c;
	unsigned int i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < pages; i++)
			ASSERT_EQ(0, crowd_dma(c, variant->device, FAR + written[i] * PAGE, 1));
		ASSERT_EQ(pages - 2, crowd_read(c, c->b.tracker_id, FAR + 2 * PAGE,
						FAR_SIZE - 2 * PAGE));
		for (i = 2; i < pages; i++)
			EXPECT_TRUE(testbed_bit(&c->b, written[i] - 2));
		ASSERT_EQ(2, crowd_read(c, c->b.tracker_id, FAR, FAR_SIZE));
		EXPECT_TRUE(testbed_bit(&c->b, 0));
		EXPECT_TRUE(testbed_bit(&c->b, 1));
	}
	/* The driver was never asked for the hole, which some take for an error */
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, variant->device));
}

#define UNMAPPED 5ull

static int unmap_one(void *arg)
{
	struct crowd *c = arg;

	return iommufd_ioas_unmap(c->b.fd, c->b.ioas_id, FAR + UNMAPPED * PAGE, PAGE, NULL);
}

/* A READ leaves that mapping to the unmap, and waits for it. */
TEST_F(adjacent, one_is_being_unmapped)
{
	struct crowd *c = &self->c;
	struct call unmap;
	struct reader r;

	ASSERT_EQ(0, crowd_dma(c, variant->device, FAR + UNMAPPED * PAGE, 1));
	ASSERT_EQ(0, crowd_dma(c, variant->device, FAR + 40 * PAGE, 1));
	ASSERT_EQ(0, hold_arm("hold_read", FAR + UNMAPPED * PAGE));
	ASSERT_EQ(0, call_begin(&unmap, unmap_one, c));
	ASSERT_TRUE(hold_is_met("hold_read", HELD_LONG_MS));
	ASSERT_EQ(0, reader_begin_bits(&r, c, FAR, FAR_SIZE));
	EXPECT_FALSE(call_is_done(&r.call, HELD_SHORT_MS));
	ASSERT_EQ(0, hold_release("hold_read"));
	EXPECT_EQ(0, call_end(&unmap));
	EXPECT_EQ(2, call_end(&r.call));
	EXPECT_TRUE(reader_has(&r, UNMAPPED));
	EXPECT_TRUE(reader_has(&r, 40));
}

/* ---- The first harvest that finds a dirty leaf ---- */

/* 16 MiB of leaves of 4 KiB; the first piece that is looked at is of 512 leaves */
#define FIRST (FAR + (16ull << 30))
#define FIRST_LEAVES (RAM_SIZE / PAGE)
#define FIRST_PIECE 512

FIXTURE(first) {
	struct crowd c;
	unsigned long visits;
};

FIXTURE_SETUP(first)
{
	struct crowd *c = &self->c;
	__u64 at;

	ASSERT_EQ(0, crowd_open(c, false));
	ASSERT_EQ(0, crowd_attach(c, INTEL, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	for (at = 0; at < RAM_SIZE; at += FAR_SIZE)
		ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far, FAR_SIZE,
					      FIRST + at, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_dma(c, INTEL, FIRST + 3 * PAGE, 1));
	ASSERT_EQ(0, crowd_dma(c, INTEL, FIRST + RAM_SIZE - PAGE, 1));
	self->visits = virt_get("leaf_visits");
}

FIXTURE_TEARDOWN(first)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* What it has seen before it knows the driver is what it reports. */
TEST_F(first, peek_looks_once)
{
	struct tracker_read_out out;
	struct crowd *c = &self->c;

	ASSERT_EQ(0, tracker_count(c->b.fd, c->b.tracker_id, FIRST, RAM_SIZE, PAGE, &out));
	EXPECT_EQ(2 * PAGE, out.dirty_bytes);
	EXPECT_EQ(FIRST_LEAVES, virt_get("leaf_visits") - self->visits);
	EXPECT_EQ(2, crowd_read(c, c->b.tracker_id, FIRST, RAM_SIZE));
	EXPECT_EQ(0, crowd_read(c, c->b.tracker_id, FIRST, RAM_SIZE));
}

/* It has to read the piece with the first dirty leaf again, to clear it; no more. */
TEST_F(first, read_looks_twice_at_one_piece)
{
	struct iommu_dirty_source_info info;
	struct crowd *c = &self->c;

	EXPECT_EQ(2, crowd_read(c, c->b.tracker_id, FIRST, RAM_SIZE));
	EXPECT_TRUE(testbed_bit(&c->b, 3));
	EXPECT_TRUE(testbed_bit(&c->b, FIRST_LEAVES - 1));
	EXPECT_GE(FIRST_LEAVES + FIRST_PIECE, virt_get("leaf_visits") - self->visits);
	ASSERT_EQ(0, testbed_source(&c->b, c->dev[INTEL].dev_id, &info));
	EXPECT_EQ(2 * PAGE, info.dirty_bytes);
	EXPECT_EQ(0, crowd_read(c, c->b.tracker_id, FIRST, RAM_SIZE));
}

/* A driver may flush nothing where it clears nothing: what it records is dirty. */
TEST_F(first, driver_flushes_what_it_clears)
{
	struct crowd *c = &self->c;
	int dirty;

	ASSERT_EQ(0, tracker_break("quiet_look"));
	dirty = crowd_read(c, c->b.tracker_id, FIRST, RAM_SIZE);
	ASSERT_EQ(0, tracker_break("nothing"));
	EXPECT_EQ(2, dirty);
	EXPECT_EQ(0, crowd_read(c, c->b.tracker_id, FIRST, RAM_SIZE));
}

/* ---- Maps beside READs ---- */

#define LARGE (FAR + (32ull << 30))
#define DENSE (FAR + (64ull << 30))
#define DENSE_SIZE (1ull << 30)
#define CALLS 31

FIXTURE(dense) {
	struct crowd c;
};

/* A GiB of leaves of 2 MiB, and one of leaves of 4 KiB */
FIXTURE_SETUP(dense)
{
	struct crowd *c = &self->c;
	__u64 at;

	ASSERT_EQ(0, crowd_open(c, true));
	ASSERT_EQ(0, crowd_attach(c, INTEL, c->b.ioas_id));
	for (at = 0; at < DENSE_SIZE; at += RAM_SIZE)
		ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->b.ram, RAM_SIZE,
					      LARGE + at, IOMMUFD_MAP_RW));
	for (at = 0; at < DENSE_SIZE; at += FAR_SIZE)
		ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far, FAR_SIZE,
					      DENSE + at, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
}

FIXTURE_TEARDOWN(dense)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

struct loop {
	struct call call;
	struct crowd *c;
	__u64 *bits;
	double least;
	unsigned int reads;
	bool end;
};

static int read_again_and_again(void *arg)
{
	struct loop *loop = arg;
	int rc = 0;

	while (!rc && !__atomic_load_n(&loop->end, __ATOMIC_RELAXED)) {
		double begin = seconds_now(), took;

		rc = tracker_read_bitmap(loop->c->b.fd, loop->c->b.tracker_id, DENSE,
					 DENSE_SIZE, PAGE, loop->bits, 0, NULL);
		took = seconds_now() - begin;
		if (!loop->reads || took < loop->least)
			loop->least = took;
		__atomic_fetch_add(&loop->reads, 1, __ATOMIC_RELAXED);
	}
	return rc;
}

static int compare_seconds(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * How long the quickest quarter of CALLS maps and unmaps beside the READs takes at most;
 * negative if one fails. Where each waits for a READ, next to none is so quick; of the
 * others some wait for a processor.
 */
static double quarter_of_maps(struct crowd *c)
{
	double took[CALLS];
	unsigned int i;

	for (i = 0; i < CALLS; i++) {
		double begin;

		/* Not right after the last one, while the READ has not gone on yet */
		usleep(5000 + 700 * i);
		begin = seconds_now();
		if (iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far, PAGE, FAR / 2,
				     IOMMUFD_MAP_RW) ||
		    iommufd_ioas_unmap(c->b.fd, c->b.ioas_id, FAR / 2, PAGE, NULL))
			return -1;
		took[i] = seconds_now() - begin;
	}
	qsort(took, CALLS, sizeof(*took), compare_seconds);
	return took[CALLS / 4];
}

/* Steps that are quick become long, and short again where there are more leaves. */
TEST_F(dense, maps_wait_for_short_steps)
{
	struct loop loop = { .c = &self->c };
	struct crowd *c = &self->c;
	double quarter;

	loop.bits = calloc(1, DENSE_SIZE / PAGE / 8);
	ASSERT_NE(NULL, loop.bits);
	ASSERT_EQ(0, tracker_read_bitmap(c->b.fd, c->b.tracker_id, LARGE, DENSE_SIZE, PAGE,
					 loop.bits, 0, NULL));
	ASSERT_EQ(0, call_begin(&loop.call, read_again_and_again, &loop));
	while (__atomic_load_n(&loop.reads, __ATOMIC_RELAXED) < 2 &&
	       !call_is_done(&loop.call, 20))
		;
	quarter = quarter_of_maps(c);
	__atomic_store_n(&loop.end, true, __ATOMIC_RELAXED);
	EXPECT_EQ(0, call_end(&loop.call));
	TH_LOG("a READ takes %.1f ms, a quarter of the maps and unmaps less than %.1f ms",
	       loop.least * 1e3, quarter * 1e3);
	EXPECT_LT(0, quarter);
	EXPECT_GT(loop.least / 4, quarter);
	free(loop.bits);
}

TEST_HARNESS_MAIN
