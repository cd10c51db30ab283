// SPDX-License-Identifier: GPL-2.0-only
/*
 * out_flags tell a VMM whether convergence can be expected. A flag is set as long as its
 * reason lasts, and no longer; a map that has failed is no reason.
 */
#include <errno.h>
#include <string.h>

#include "kselftest_harness.h"
#include "sources.h"

#define ABOVE	(1ull << 40)
#define CONSERVATIVE IOMMU_DIRTY_TRACKER_CONSERVATIVE
#define DEGRADED IOMMU_DIRTY_TRACKER_DEGRADED

FIXTURE(flags) {
	struct testbed b;
	struct vdev other;
};

FIXTURE_VARIANT(flags) { unsigned int device; };
FIXTURE_VARIANT_ADD(flags, low) { .device = LOW };
FIXTURE_VARIANT_ADD(flags, narrow) { .device = NARROW };

FIXTURE_SETUP(flags)
{
	struct testbed *b = &self->b;

	self->other.fd = -1;
	ASSERT_EQ(0, testbed_open_empty(b, false));
	ASSERT_EQ(0, testbed_map(b));
	ASSERT_EQ(0, vdev_open_driver(&b->dev, b->fd, variant->device,
				      VDEV_TRACKER_DRIVER));
	ASSERT_EQ(0, vdev_attach(&b->dev, b->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id));
	ASSERT_EQ(0, testbed_start(b));
}

FIXTURE_TEARDOWN(flags)
{
	EXPECT_EQ(0, virt_set("lose_track", "0"));
	vdev_close(&self->other);
	testbed_close(&self->b);
}

/* READ of everything; pages reported, or -errno. */
static long look(struct testbed *b, __u32 *flags)
{
	struct tracker_read_out out;
	struct iommu_dirty_range r[16];
	int rc = tracker_read_ranges(b->fd, b->tracker_id, 0, ~0ull, PAGE, r, 16, 0,
				     &out);

	*flags = out.flags;
	return rc < 0 ? rc : (long)(out.dirty_bytes / PAGE);
}

/* BARs are mapped for P2P and cannot be; a guest that moves them does it again. */
TEST_F(flags, a_map_that_fails)
{
	struct testbed *b = &self->b;
	unsigned int i;
	__u32 flags;

	ASSERT_EQ(0, look(b, &flags));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, testbed_write(b, 10 + i, 2));
		ASSERT_EQ(-EFAULT, iommufd_ioas_map(b->fd, b->ioas_id,
						    (void *)b->dev.bar, PAGE,
						    ABOVE + i * HUGE,
						    IOMMUFD_MAP_RW));
		EXPECT_EQ(2, look(b, &flags));
		EXPECT_EQ(0, flags);
	}
}

/* A DIMM above what the log holds is plugged and unplugged. */
TEST_F(flags, memory_above_the_log_goes)
{
	struct testbed *b = &self->b;
	unsigned int i;
	__u32 flags;

	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, look(b, &flags));
		EXPECT_EQ(0, flags);
		ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, HUGE, ABOVE,
					      IOMMUFD_MAP_RW));
		EXPECT_LE(HUGE / PAGE, look(b, &flags));
		EXPECT_EQ(CONSERVATIVE, flags);
		/* Only what lies above, and that each time */
		EXPECT_EQ(HUGE / PAGE, look(b, &flags));
		EXPECT_EQ(CONSERVATIVE, flags);
		ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, ABOVE, HUGE, NULL));
		EXPECT_LE(0, look(b, &flags));
		EXPECT_EQ(0, look(b, &flags));
		EXPECT_EQ(0, flags);
		ASSERT_EQ(0, testbed_write(b, 10, 2));
		EXPECT_EQ(2, look(b, &flags));
	}
}

/* A log that begins where memory does: what is mapped below is reported until it grows. */
TEST_F(flags, memory_below_the_log)
{
	struct iommu_dirty_source_info sources[4];
	struct iommu_dirty_tracker_info info;
	struct testbed *b = &self->b;
	__u32 flags;

	if (variant->device != NARROW)
		SKIP(return, "its log begins at 0");
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, sources, 4));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_RUNNING, info.out_flags);
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, HUGE, IOVA - 2 * HUGE,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, sources, 4));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_RUNNING | CONSERVATIVE, info.out_flags);
	EXPECT_LE(HUGE / PAGE, look(b, &flags));
	EXPECT_EQ(0, look(b, &flags));
	EXPECT_EQ(0, flags);
}

TEST_F(flags, untracked_device_goes)
{
	struct testbed *b = &self->b;
	__u32 flags;

	ASSERT_EQ(0, vdev_open(&self->other, b->fd, UNTRACKED));
	ASSERT_EQ(0, vdev_attach(&self->other, b->ioas_id, NULL));
	EXPECT_EQ(RAM_PAGES, look(b, &flags));
	EXPECT_EQ(CONSERVATIVE, flags);
	vdev_close(&self->other);
	EXPECT_LE(0, look(b, &flags));
	EXPECT_EQ(0, look(b, &flags));
	EXPECT_EQ(0, flags);
}

TEST_F(flags, device_with_a_lost_log_goes)
{
	struct testbed *b = &self->b;
	__u32 flags;

	ASSERT_EQ(0, vdev_open_driver(&self->other, b->fd, LOG, VDEV_TRACKER_DRIVER));
	ASSERT_EQ(0, vdev_attach(&self->other, b->ioas_id, NULL));
	ASSERT_EQ(0, vdev_reset(&self->other));
	EXPECT_EQ(RAM_PAGES, look(b, &flags));
	EXPECT_EQ(DEGRADED, flags);
	vdev_close(&self->other);
	EXPECT_LE(0, look(b, &flags));
	EXPECT_EQ(0, look(b, &flags));
	EXPECT_EQ(0, flags);
}

TEST_HARNESS_MAIN
