// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaves of 2 MiB, behind every kind of IOMMU: one dirty bit for all their pages, and
 * READs of parts of them.
 */
#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"

FIXTURE(huge) {
	struct testbed b;
};

FIXTURE_VARIANT(huge) {
	unsigned int device;
};

FIXTURE_VARIANT_ADD(huge, amd) { .device = AMD_0 };
FIXTURE_VARIANT_ADD(huge, amd_gather) { .device = AMD_GATHER };
FIXTURE_VARIANT_ADD(huge, intel) { .device = INTEL };
FIXTURE_VARIANT_ADD(huge, intel_gather) { .device = INTEL_GATHER };
FIXTURE_VARIANT_ADD(huge, smmu) { .device = SMMU };
FIXTURE_VARIANT_ADD(huge, smmu_gather) { .device = SMMU_GATHER };

FIXTURE_SETUP(huge)
{
	struct testbed *b = &self->b;
	__u64 at;

	ASSERT_EQ(0, testbed_open(b, variant->device, true));
	/* Neighbours in memory, as two pages may be by chance, are one leaf of AMD's */
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	for (at = 0; at < RAM_SIZE; at += HUGE)
		ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram + at, HUGE,
					      IOVA + at, IOMMUFD_MAP_RW));
}

FIXTURE_TEARDOWN(huge)
{
	testbed_close(&self->b);
}

/*
 * One dirty bit stands for a whole leaf. A READ that begins and ends inside
 * leaves reports its part, and the rest of these leaves comes with later READs.
 */
TEST_F(huge, leaf)
{
	struct testbed *b = &self->b;
	struct tracker_read_out out;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 512 + 300, 1));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	if (testbed_count(b) < 512)
		SKIP(return, "the kernel gave no huge pages");
	EXPECT_TRUE(testbed_bit(b, 512));
	EXPECT_TRUE(testbed_bit(b, 1023));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_COARSE, out.flags);

	ASSERT_EQ(0, testbed_write(b, 512, 1));
	ASSERT_EQ(0, testbed_read(b, 700, 10, 0, NULL));
	EXPECT_EQ(10, testbed_count(b));
	ASSERT_EQ(0, testbed_read(b, 0, 700, 0, NULL));
	EXPECT_TRUE(testbed_bit(b, 512));
	EXPECT_TRUE(testbed_bit(b, 699));
	ASSERT_EQ(0, testbed_read(b, 710, RAM_PAGES - 710, 0, NULL));
	EXPECT_TRUE(testbed_bit(b, 0));
	EXPECT_TRUE(testbed_bit(b, 1023 - 710));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, testbed_count(b));
}

/* Who looks at a part of a leaf without clearing leaves nothing pending. */
TEST_F(huge, peek)
{
	struct iommu_dirty_source_info source;
	struct iommu_dirty_tracker_info info;
	struct testbed *b = &self->b;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 512 + 300, 1));
	ASSERT_EQ(0, testbed_read(b, 700, 10, IOMMU_DIRTY_TRACKER_READ_NO_CLEAR, NULL));
	if (!testbed_count(b))
		SKIP(return, "the kernel gave no huge pages");
	EXPECT_EQ(10, testbed_count(b));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, &source, 1));
	EXPECT_EQ(0, info.out_pending_bytes);
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(512, testbed_count(b));
}

/* The same, from the middle of one leaf to the middle of the next. */
TEST_F(huge, across)
{
	struct testbed *b = &self->b;
	unsigned int i;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 0, RAM_PAGES));
	ASSERT_EQ(0, testbed_read(b, 300, 700, 0, NULL));
	EXPECT_EQ(700, testbed_count(b));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	for (i = 0; i < RAM_PAGES; i++)
		if (testbed_bit(b, i) == (i >= 300 && i < 1000))
			break;
	EXPECT_EQ(RAM_PAGES, i);
}

TEST_HARNESS_MAIN
