// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual platform has the pitfalls of real hardware on which the tests of this line
 * rely; here they are seen through upstream's ioctls, without a tracker.
 */
#include <errno.h>
#include <string.h>

#include "kselftest_harness.h"
#include "crowd.h"

FIXTURE(unkind) {
	struct crowd c;
};

FIXTURE_SETUP(unkind)
{
	ASSERT_EQ(0, crowd_open(&self->c, true));
}

FIXTURE_TEARDOWN(unkind)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

static int get_dirty(struct crowd *c, __u32 hwpt)
{
	struct testbed *b = &c->b;
	int rc;

	memset(b->bits, 0, sizeof(b->bits));
	rc = iommufd_hwpt_get_dirty(b->fd, hwpt, IOVA, RAM_SIZE, PAGE, b->bits, 0);
	return rc ?: (int)testbed_count(b);
}

/* Two writes to a page with a harvest in between; is the second one seen? */
static int second_write(struct crowd *c, unsigned int n)
{
	__u32 hwpt;
	int rc;

	if (crowd_hwpt(c, n, c->b.ioas_id, &hwpt) || crowd_attach(c, n, hwpt) ||
	    iommufd_hwpt_set_dirty(c->b.fd, hwpt, true))
		return -1;
	/* What is born dirty */
	rc = get_dirty(c, hwpt);
	if (rc < 0 || crowd_dma(c, n, IOVA, 1) || get_dirty(c, hwpt) < 1 ||
	    crowd_dma(c, n, IOVA, 1))
		return -2;
	rc = get_dirty(c, hwpt);
	return rc < 0 ? rc : testbed_bit(&c->b, 0);
}

TEST_F(unkind, flushed_by_range)
{
	EXPECT_EQ(1, second_write(&self->c, BOTH));
	EXPECT_EQ(1, second_write(&self->c, INTEL));
}

/* Upstream's ioctl goes through our harvest, which flushes what the driver would not. */
TEST_F(unkind, flushed_by_domain)
{
	EXPECT_EQ(1, second_write(&self->c, SMMU));
}

/* Without that flush the SMMUv3 keeps what it has cached as dirty. */
TEST_F(unkind, smmu_keeps_what_is_not_flushed)
{
	int rc;

	/* DIRTY_BREAK_NO_FLUSH */
	ASSERT_EQ(0, tracker_break("no_flush"));
	rc = second_write(&self->c, SMMU);
	ASSERT_EQ(0, tracker_break("nothing"));
	EXPECT_EQ(0, rc);
}

TEST_F(unkind, refuses_dirty_tracking_at_attach)
{
	struct crowd *c = &self->c;
	__u32 hwpt;

	ASSERT_EQ(0, crowd_hwpt(c, REFUSING, c->b.ioas_id, &hwpt));
	EXPECT_EQ(-EOPNOTSUPP, crowd_attach(c, REFUSING, hwpt));
	ASSERT_EQ(0, iommufd_hwpt_alloc(c->b.fd, c->dev[REFUSING].dev_id,
					c->b.ioas_id, 0, &hwpt));
	EXPECT_EQ(0, crowd_attach(c, REFUSING, hwpt));
	EXPECT_EQ(0, crowd_dma(c, REFUSING, IOVA, 1));
}

/* One of a group fails; the others are brought back to where they were. */
TEST_F(unkind, fail_attach)
{
	struct crowd *c = &self->c;
	unsigned int n;
	__u32 hwpt[2];

	for (n = 0; n < 2; n++)
		ASSERT_EQ(0, crowd_hwpt(c, GROUP, c->b.ioas_id, &hwpt[n]));
	for (n = GROUP; n <= GROUP_3; n++)
		ASSERT_EQ(0, crowd_attach(c, n, hwpt[0]));
	ASSERT_EQ(0, hold_arm("fail_attach", 1 << GROUP_2));
	EXPECT_EQ(-ENOMEM, crowd_attach(c, GROUP, hwpt[1]));
	EXPECT_EQ(0, virt_get("fail_attach"));
	for (n = GROUP; n <= GROUP_3; n++)
		EXPECT_EQ(0, crowd_dma(c, n, IOVA, 1));
	EXPECT_EQ(0, crowd_attach(c, GROUP, hwpt[1]));
	for (n = GROUP; n <= GROUP_3; n++)
		EXPECT_EQ(0, crowd_dma(c, n, IOVA, 1));
}

/* A call waits, the next one does not, and both end. */
TEST_F(unkind, hold)
{
	struct crowd *c = &self->c;
	__u32 hwpt;

	ASSERT_EQ(0, hold_arm("hold_map", FAR));
	ASSERT_EQ(0, crowd_hwpt(c, BOTH, c->b.ioas_id, &hwpt));
	EXPECT_FALSE(hold_is_met("hold_map", 100));
	{
		struct call call;

		ASSERT_EQ(0, call_begin(&call, (int (*)(void *))crowd_map_far, c));
		EXPECT_TRUE(hold_is_met("hold_map", HELD_LONG_MS));
		EXPECT_FALSE(call_is_done(&call, 100));
		ASSERT_EQ(0, hold_release("hold_map"));
		EXPECT_EQ(0, call_end(&call));
	}
	EXPECT_FALSE(hold_is_met("hold_map", 0));
}

/* Requests that a cleared bus master ends are not the IOMMU's to refuse. */
TEST_F(unkind, blocked)
{
	struct crowd *c = &self->c;
	unsigned long blocked;

	ASSERT_EQ(0, crowd_attach(c, INTEL, c->b.ioas_id));
	ASSERT_EQ(0, crowd_write_on(c, INTEL, IOVA, RAM_SIZE, 1000));
	blocked = virt_get("blocked");
	ASSERT_EQ(0, vdev_bus_master(&c->dev[INTEL], 0));
	ASSERT_EQ(0, vdev_stop(&c->dev[INTEL]));
	EXPECT_EQ(blocked, virt_get("blocked"));
	ASSERT_EQ(0, vdev_bus_master(&c->dev[INTEL], 1));
	ASSERT_EQ(0, crowd_detach(c, INTEL));
	EXPECT_EQ(-EFAULT, crowd_dma(c, INTEL, IOVA, 1));
	EXPECT_LT(blocked, virt_get("blocked"));
}

TEST_HARNESS_MAIN
