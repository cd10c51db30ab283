// SPDX-License-Identifier: GPL-2.0-only
/*
 * A leaf of 1 GiB, as large as what a harvest reads in one piece: it is read once, and a
 * write to any of its pages makes all of it dirty. Several of them are one step, which ends
 * early if a map waits.
 */
#include <errno.h>
#include <linux/mman.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "crowd.h"
#include "reader.h"

#define GIB (1ull << 30)
#define GIGANTIC (FAR + 32 * GIB)
/* Leaves that may be looked at for one; a driver without bitmaps is asked for it again */
#define VISITS 4

FIXTURE(gigantic) {
	struct crowd c;
	void *mem;
	unsigned long visits;		/* of START */
};

FIXTURE_VARIANT(gigantic) {
	unsigned int device;
};

FIXTURE_VARIANT_ADD(gigantic, amd) { .device = BOTH };
FIXTURE_VARIANT_ADD(gigantic, intel) { .device = INTEL };
FIXTURE_VARIANT_ADD(gigantic, smmu) { .device = SMMU };
FIXTURE_VARIANT_ADD(gigantic, gather) { .device = GATHER };

FIXTURE_SETUP(gigantic)
{
	struct crowd *c = &self->c;

	ASSERT_EQ(0, crowd_open(c, true));
	self->mem = mmap(NULL, GIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id, self->mem, GIB, GIGANTIC,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_attach(c, variant->device, c->b.ioas_id));
	self->visits = virt_get("leaf_visits");
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	self->visits = virt_get("leaf_visits") - self->visits;
}

FIXTURE_TEARDOWN(gigantic)
{
	EXPECT_EQ(0, crowd_close(&self->c));
	EXPECT_EQ(0, munmap(self->mem, GIB));
}

/* START, whose steps are of 64 MiB at first, visits it once, and so does each look. */
TEST_F(gigantic, is_read_once)
{
	struct iommu_dirty_source_info info;
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct tracker_read_out out;
	unsigned long before;
	unsigned int i;

	/* RAM is there, too */
	EXPECT_GE(RAM_SIZE / HUGE + 2, self->visits);
	ASSERT_EQ(0, crowd_dma(c, variant->device, GIGANTIC + 3 * PAGE, 1));
	for (i = 1; i <= 2; i++) {
		before = virt_get("leaf_visits");
		ASSERT_EQ(0, tracker_count(b->fd, b->tracker_id, GIGANTIC, GIB, PAGE, &out));
		EXPECT_EQ(GIB, out.dirty_bytes);
		EXPECT_GE(VISITS, virt_get("leaf_visits") - before);
		ASSERT_EQ(0, testbed_source(b, c->dev[variant->device].dev_id, &info));
		EXPECT_EQ(i * GIB, info.dirty_bytes);
		EXPECT_EQ(GIB, info.largest);
	}
}

/* What a READ of a part does not deliver is in the next one. */
TEST_F(gigantic, is_read_in_parts)
{
	struct iommu_dirty_range range;
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct tracker_read_out out;

	ASSERT_EQ(0, crowd_dma(c, variant->device, GIGANTIC + GIB - PAGE, 1));
	ASSERT_EQ(1, tracker_read_ranges(b->fd, b->tracker_id, GIGANTIC + GIB / 2, 2 * PAGE,
					 PAGE, &range, 1, 0, &out));
	EXPECT_EQ(GIGANTIC + GIB / 2, range.iova);
	EXPECT_EQ(2 * PAGE, range.length);
	ASSERT_EQ(1, tracker_read_ranges(b->fd, b->tracker_id, GIGANTIC, GIB / 2, PAGE,
					 &range, 1, 0, &out));
	EXPECT_EQ(GIGANTIC, range.iova);
	EXPECT_EQ(GIB / 2, range.length);
	ASSERT_EQ(1, tracker_read_ranges(b->fd, b->tracker_id, GIGANTIC, GIB, PAGE, &range,
					 1, 0, &out));
	EXPECT_EQ(GIGANTIC + GIB / 2 + 2 * PAGE, range.iova);
	EXPECT_EQ(GIB / 2 - 2 * PAGE, range.length);
	ASSERT_EQ(0, tracker_read_ranges(b->fd, b->tracker_id, GIGANTIC, GIB, PAGE, &range,
					 1, 0, &out));
}

/* A device writes, and an unmap takes what no READ had. */
TEST_F(gigantic, is_unmapped)
{
	struct iommu_dirty_range range;
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct tracker_read_out out;
	__u64 unmapped;

	ASSERT_EQ(0, crowd_dma(c, variant->device, GIGANTIC + 7 * PAGE, 2));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, GIGANTIC, GIB, &unmapped));
	EXPECT_EQ(GIB, unmapped);
	ASSERT_EQ(1, tracker_read_ranges(b->fd, b->tracker_id, GIGANTIC, GIB, PAGE, &range,
					 1, 0, &out));
	EXPECT_EQ(GIGANTIC, range.iova);
	EXPECT_EQ(GIB, range.length);
}

/* ---- Several of them, in one step ---- */

#define LEAVES 8

FIXTURE(row) {
	struct crowd c;
	void *mem;
};

/* The same GiB of memory, side by side; small steps become large where they are quick. */
FIXTURE_SETUP(row)
{
	struct crowd *c = &self->c;
	struct tracker_read_out out;
	unsigned int i;

	ASSERT_EQ(0, crowd_open(c, true));
	self->mem = mmap(NULL, GIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	for (i = 0; i < LEAVES; i++)
		ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id, self->mem, GIB,
					      GIGANTIC + i * GIB, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_attach(c, GATHER, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, tracker_count(c->b.fd, c->b.tracker_id, GIGANTIC, LEAVES * GIB,
					   PAGE, &out));
}

FIXTURE_TEARDOWN(row)
{
	EXPECT_EQ(0, hold_release_all());
	EXPECT_EQ(0, crowd_close(&self->c));
	EXPECT_EQ(0, munmap(self->mem, GIB));
}

/* As a map does, but once: take iova_rwsem for write */
static int allow_all(void *crowd)
{
	struct crowd *c = crowd;
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = c->b.ioas_id,
	};

	return ioctl(c->b.fd, IOMMU_IOAS_ALLOW_IOVAS, &cmd) ? -errno : 0;
}

/* A READ is held in the first leaf, and then in the third: the call has passed it by then. */
TEST_F(row, writer_waits_for_one_piece)
{
	struct crowd *c = &self->c;
	struct reader r;
	struct call call;

	ASSERT_EQ(0, crowd_dma(c, GATHER, GIGANTIC + 2 * GIB, 1));
	ASSERT_EQ(0, hold_arm("hold_probe", GIGANTIC));
	ASSERT_EQ(0, hold_arm("hold_read", GIGANTIC + 2 * GIB));
	ASSERT_EQ(0, reader_begin(&r, c, c->b.tracker_id, GIGANTIC, LEAVES * GIB));
	ASSERT_TRUE(hold_is_met("hold_probe", HELD_LONG_MS));
	ASSERT_EQ(0, call_begin(&call, allow_all, c));
	EXPECT_FALSE(call_is_done(&call, HELD_SHORT_MS));
	ASSERT_EQ(0, hold_release("hold_probe"));
	ASSERT_TRUE(hold_is_met("hold_read", HELD_LONG_MS));
	EXPECT_TRUE(call_is_done(&call, HELD_LONG_MS));
	ASSERT_EQ(0, hold_release("hold_read"));
	EXPECT_EQ(0, call_end(&call));
	EXPECT_EQ(GIB / PAGE, call_end(&r.call));
}

TEST_HARNESS_MAIN
