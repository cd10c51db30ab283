// SPDX-License-Identifier: GPL-2.0-only
/*
 * Upstream's IOMMU_HWPT_SET_DIRTY_TRACKING and GET_DIRTY_BITMAP, behind every kind of
 * IOMMU: a VMM without support for the tracker must get what the device wrote.
 */
#include <errno.h>
#include <string.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"

FIXTURE(hwpt) {
	struct testbed b;
};

FIXTURE_VARIANT(hwpt) {
	unsigned int device;
};

FIXTURE_VARIANT_ADD(hwpt, amd) { .device = AMD_0 };
FIXTURE_VARIANT_ADD(hwpt, amd_gather) { .device = AMD_GATHER };
FIXTURE_VARIANT_ADD(hwpt, intel) { .device = INTEL };
FIXTURE_VARIANT_ADD(hwpt, intel_gather) { .device = INTEL_GATHER };
FIXTURE_VARIANT_ADD(hwpt, smmu) { .device = SMMU };
FIXTURE_VARIANT_ADD(hwpt, smmu_gather) { .device = SMMU_GATHER };

FIXTURE_SETUP(hwpt)
{
	ASSERT_EQ(0, testbed_open(&self->b, variant->device, false));
	/* The per-HWPT ioctls are refused while there is a tracker */
	ASSERT_EQ(0, iommufd_destroy(self->b.fd, self->b.tracker_id));
	self->b.tracker_id = 0;
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->b.fd, self->b.hwpt_id, true));
}

FIXTURE_TEARDOWN(hwpt)
{
	tracker_break("nothing");
	virt_set("fail_read", "0");
	testbed_close(&self->b);
}

/* Pages that GET_DIRTY_BITMAP reports, now in b->bits; or -errno. */
static int get(struct testbed *b, __u32 flags)
{
	int rc;

	memset(b->bits, 0, sizeof(b->bits));
	rc = iommufd_hwpt_get_dirty(b->fd, b->hwpt_id, IOVA, RAM_SIZE, PAGE,
				    b->bits, flags);
	return rc ? rc : (int)testbed_count(b);
}

TEST_F(hwpt, reports_what_was_written)
{
	struct testbed *b = &self->b;
	unsigned int i, pass;

	/* What is written to a page again and again is reported each time */
	for (pass = 0; pass < 3; pass++) {
		ASSERT_EQ(0, testbed_write(b, 7, 3));
		ASSERT_EQ(0, testbed_write(b, 1000 + pass, 1));
		ASSERT_EQ(4, get(b, 0));
		for (i = 7; i < 10; i++)
			EXPECT_TRUE(testbed_bit(b, i));
		EXPECT_TRUE(testbed_bit(b, 1000 + pass));
	}
	EXPECT_EQ(0, get(b, 0));
}

TEST_F(hwpt, peeks)
{
	struct testbed *b = &self->b;

	ASSERT_EQ(0, testbed_write(b, 20, 5));
	EXPECT_EQ(5, get(b, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR));
	EXPECT_EQ(5, get(b, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR));
	EXPECT_EQ(5, get(b, 0));
	EXPECT_EQ(0, get(b, 0));
}

/* Nothing is cleared that could not be delivered. */
TEST_F(hwpt, keeps_what_was_not_delivered)
{
	struct testbed *b = &self->b;

	ASSERT_EQ(0, testbed_write(b, 33, 4));
	EXPECT_EQ(-EFAULT, iommufd_hwpt_get_dirty(b->fd, b->hwpt_id, IOVA,
						  RAM_SIZE, PAGE, (void *)4096,
						  0));
	EXPECT_EQ(-EFAULT, iommufd_hwpt_get_dirty(b->fd, b->hwpt_id, IOVA,
						  RAM_SIZE, PAGE, NULL, 0));
	EXPECT_EQ(4, get(b, 0));
}

TEST_F(hwpt, keeps_what_is_unmapped)
{
	struct testbed *b = &self->b;

	ASSERT_EQ(0, testbed_write(b, 50, 6));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	EXPECT_EQ(6, get(b, 0));
	EXPECT_TRUE(testbed_bit(b, 50));
	EXPECT_EQ(0, get(b, 0));
}

TEST_F(hwpt, control_unmapped)
{
	struct testbed *b = &self->b;

	ASSERT_EQ(0, tracker_break("no_unmap"));
	ASSERT_EQ(0, testbed_write(b, 50, 6));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	EXPECT_EQ(0, get(b, 0));
}

/* All that is mapped is dirty then, until tracking is started again. */
TEST_F(hwpt, bits_cannot_be_read)
{
	struct testbed *b = &self->b;

	if (device_has_generic_pt(variant->device))
		SKIP(return, "its driver does not read dirty bits");
	ASSERT_EQ(0, testbed_write(b, 60, 2));
	ASSERT_EQ(0, virt_set("fail_read", "1"));
	EXPECT_EQ(RAM_PAGES, get(b, 0));
	EXPECT_EQ(RAM_PAGES, get(b, 0));
	ASSERT_EQ(0, virt_set("fail_read", "0"));
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(b->fd, b->hwpt_id, true));
	ASSERT_EQ(0, testbed_write(b, 60, 2));
	EXPECT_EQ(2, get(b, 0));
}

/* A second start begins clean, and a tracker can follow a stop. */
TEST_F(hwpt, starts_and_stops)
{
	struct testbed *b = &self->b;
	__u32 id;

	ASSERT_EQ(0, testbed_write(b, 1, 9));
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(b->fd, b->hwpt_id, true));
	EXPECT_EQ(0, get(b, 0));
	EXPECT_EQ(-EBUSY, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &id));
	ASSERT_EQ(0, testbed_write(b, 1, 9));
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(b->fd, b->hwpt_id, false));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id));
	EXPECT_EQ(-EBUSY, get(b, 0));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 3, 2));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(2, testbed_count(b));
}

TEST_HARNESS_MAIN
