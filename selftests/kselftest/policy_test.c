// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_DIRTY_TRACKER_POLICY in SET: the source changes while a device writes,
 * and nothing is lost; a device's own policy; and policies that cannot be met.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "crowd.h"

#define ENABLE	IOMMU_DIRTY_TRACKER_ENABLE

FIXTURE(policy) {
	struct crowd c;
	char *copy;
};

FIXTURE_SETUP(policy)
{
	ASSERT_EQ(0, crowd_open(&self->c, false));
	self->copy = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->copy);
}

FIXTURE_TEARDOWN(policy)
{
	munmap(self->copy, RAM_SIZE);
	EXPECT_EQ(0, crowd_close(&self->c));
}

static int set(struct crowd *c, __u32 flags, __u32 policy, __u32 dev_id)
{
	return tracker_set_policy(c->b.fd, c->b.tracker_id, flags, policy, dev_id);
}

/* READ, and copy what it reports: a migration in small. Pages, or -errno. */
static long copy_dirty(FIXTURE_DATA(policy) *self)
{
	struct testbed *b = &self->c.b;
	unsigned int i;
	long rc = crowd_read(&self->c, b->tracker_id, IOVA, RAM_SIZE);

	for (i = 0; rc > 0 && i < RAM_PAGES; i++)
		if (testbed_bit(b, i))
			memcpy(self->copy + i * PAGE, b->ram + i * PAGE, PAGE);
	return rc;
}

TEST_F(policy, changes_while_a_device_writes)
{
	static const __u32 policies[] = {
		IOMMU_DIRTY_POLICY_DEVICE, IOMMU_DIRTY_POLICY_IOMMU,
		IOMMU_DIRTY_POLICY_DEVICE, IOMMU_DIRTY_POLICY_AUTO,
		IOMMU_DIRTY_POLICY_IOMMU, IOMMU_DIRTY_POLICY_DEVICE,
	};
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	unsigned int i, round;
	long pages;
	__u64 done = 0;

	ASSERT_EQ(0, crowd_attach(c, BOTH, b->ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH));
	memcpy(self->copy, b->ram, RAM_SIZE);
	ASSERT_EQ(0, crowd_write_on(c, BOTH, IOVA, RAM_SIZE, 20000));
	for (round = 0; round < 4; round++) {
		for (i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
			ASSERT_EQ(0, set(c, ENABLE, policies[i], 0));
			EXPECT_EQ(policies[i] == IOMMU_DIRTY_POLICY_DEVICE ?
					  IOMMU_DIRTY_SOURCE_DEVICE :
					  IOMMU_DIRTY_SOURCE_IOMMU,
				  crowd_kind(c, BOTH));
			/* Sometimes the next change is there before a READ */
			if ((i + round) % 3) {
				done = vdev_read64(&c->dev[BOTH], VIRT_DMA_DONE);
				EXPECT_LE(0, copy_dirty(self));
			}
			usleep(1000);
		}
	}
	ASSERT_EQ(0, vdev_stop(&c->dev[BOTH]));
	done = vdev_read64(&c->dev[BOTH], VIRT_DMA_DONE) - done;
	pages = copy_dirty(self);
	EXPECT_LT(0, pages);
	for (i = 0; i < RAM_PAGES; i++)
		if (memcmp(self->copy + i * PAGE, b->ram + i * PAGE, PAGE))
			break;
	EXPECT_EQ(RAM_PAGES, i);
	/* It was not all reported because it is mapped, and it is precise again */
	if (done < RAM_PAGES)
		EXPECT_GT(RAM_PAGES, pages);
	EXPECT_LE(0, copy_dirty(self));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + 7 * PAGE, 3));
	EXPECT_EQ(3, copy_dirty(self));
}

/* What a source has when another is taken in its place is reported still. */
TEST_F(policy, loses_nothing_at_a_change)
{
	struct crowd *c = &self->c;
	unsigned int i;

	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + 3 * PAGE, 5));
	ASSERT_EQ(0, set(c, ENABLE, IOMMU_DIRTY_POLICY_DEVICE, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + 20 * PAGE, 1));
	EXPECT_EQ(6, copy_dirty(self));
	for (i = 3; i < 8; i++)
		EXPECT_TRUE(testbed_bit(&c->b, i));

	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + 30 * PAGE, 4));
	ASSERT_EQ(0, set(c, ENABLE, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + 40 * PAGE, 1));
	EXPECT_EQ(5, copy_dirty(self));
	for (i = 30; i < 34; i++)
		EXPECT_TRUE(testbed_bit(&c->b, i));
}

/* A READ that only looks leaves what the old source has, whatever happens then. */
TEST_F(policy, loses_nothing_to_a_peek)
{
	struct crowd *c = &self->c;
	struct tracker_read_out out;

	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + 3 * PAGE, 5));
	ASSERT_EQ(0, set(c, ENABLE, IOMMU_DIRTY_POLICY_DEVICE, 0));
	ASSERT_EQ(0, tracker_count(c->b.fd, c->b.tracker_id, 0, 1ull << 40, PAGE, &out));
	EXPECT_EQ(5 * PAGE, out.dirty_bytes);
	/* The plan is made again */
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	EXPECT_EQ(5, copy_dirty(self));
}

/* One HWPT has one kind of source, two have each its own. */
TEST_F(policy, of_a_device)
{
	struct crowd *c = &self->c;
	__u32 hwpt, first, second;

	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_attach(c, BOTH_2, c->b.ioas_id));
	first = c->dev[BOTH].dev_id;
	second = c->dev[BOTH_2].dev_id;
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, set(c, ENABLE, IOMMU_DIRTY_POLICY_DEVICE, first));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, BOTH));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, BOTH_2));
	/* They disagree */
	ASSERT_EQ(0, set(c, ENABLE, IOMMU_DIRTY_POLICY_IOMMU, second));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH_2));
	/* An HWPT of its own, where it decides alone; and it remembers */
	ASSERT_EQ(0, crowd_hwpt(c, BOTH_2, c->b.ioas_id, &hwpt));
	ASSERT_EQ(0, crowd_attach(c, BOTH_2, hwpt));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, BOTH));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH_2));
	ASSERT_EQ(0, set(c, ENABLE, IOMMU_DIRTY_POLICY_DEVICE, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH_2));
	/* AUTO is the tracker's */
	ASSERT_EQ(0, set(c, ENABLE, IOMMU_DIRTY_POLICY_AUTO, second));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, BOTH_2));
	/* An attach plans its own domain, a later SET all of them */
	ASSERT_EQ(0, crowd_attach(c, SMMU, c->b.ioas_id));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, SMMU));
	ASSERT_EQ(0, set(c, ENABLE, IOMMU_DIRTY_POLICY_IOMMU, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH_2));
}

/* Without a START: INFO shows what it would be. */
TEST_F(policy, before_start)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;

	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, IOMMU_DIRTY_POLICY_IOMMU, 0, 0,
				   &b->tracker_id));
	ASSERT_EQ(0, crowd_open_device(c, BOTH));
	ASSERT_EQ(0, set(c, 0, IOMMU_DIRTY_POLICY_DEVICE, c->dev[BOTH].dev_id));
	ASSERT_EQ(0, crowd_attach(c, BOTH, b->ioas_id));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, BOTH));
	ASSERT_EQ(0, testbed_start(b));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, BOTH));
	/* Without ENABLE it is a STOP */
	ASSERT_EQ(0, set(c, 0, IOMMU_DIRTY_POLICY_AUTO, c->dev[BOTH].dev_id));
	EXPECT_EQ(-ENODATA, crowd_read(c, b->tracker_id, IOVA, RAM_SIZE));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH));
}

/* And, without a tracker, by the policy of the host: INFO of the IOAS shows it. */
TEST_F(policy, of_the_host)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_source_info source;
	struct iommu_dirty_tracker_info info = {
		.size = sizeof(info),
		.flags = IOMMU_DIRTY_TRACKER_INFO_IOAS,
		.tracker_id = c->b.ioas_id,
		.sources = (__u64)(unsigned long)&source,
		.source_size = sizeof(source),
	};
	unsigned int i;

	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, parameter_set("iommufd", "dirty_policy",
					   i == 1 ? "device" : "auto"));
		info.tracker_id = c->b.ioas_id;
		info.nr_sources = 1;
		ASSERT_EQ(0, ioctl(c->b.fd, IOMMU_DIRTY_TRACKER_INFO, &info));
		EXPECT_EQ(i == 1 ? IOMMU_DIRTY_SOURCE_DEVICE :
				   IOMMU_DIRTY_SOURCE_IOMMU, source.kind);
	}
}

TEST_F(policy, is_as_it_was_after_an_error)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct iommu_dirty_tracker_set cmd = {
		.size = sizeof(cmd),
		.flags = ENABLE,
	};

	ASSERT_EQ(0, crowd_attach(c, BOTH, b->ioas_id));
	ASSERT_EQ(0, crowd_attach(c, UNTRACKED, b->ioas_id));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0,
				   IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE, 0,
				   &b->tracker_id));
	EXPECT_EQ(-ENXIO, set(c, ENABLE, IOMMU_DIRTY_POLICY_DEVICE, 0));
	EXPECT_EQ(-ENXIO, set(c, ENABLE, IOMMU_DIRTY_POLICY_DEVICE,
			      c->dev[BOTH].dev_id));
	EXPECT_EQ(-EINVAL, set(c, ENABLE, 3, 0));
	EXPECT_EQ(-ENOENT, set(c, ENABLE, 0, b->ioas_id));
	EXPECT_EQ(-ENOENT, set(c, ENABLE, 0, 12345));
	cmd.tracker_id = b->tracker_id;
	cmd.policy = 1;
	EXPECT_EQ(-1, ioctl(b->fd, IOMMU_DIRTY_TRACKER_SET, &cmd));
	EXPECT_EQ(EOPNOTSUPP, errno);
	cmd.policy = 0;
	cmd.dev_id = c->dev[BOTH].dev_id;
	EXPECT_EQ(-1, ioctl(b->fd, IOMMU_DIRTY_TRACKER_SET, &cmd));
	EXPECT_EQ(EOPNOTSUPP, errno);
	ASSERT_EQ(0, crowd_detach(c, UNTRACKED));
	ASSERT_EQ(0, testbed_start(b));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH));
}

static int read_ram(void *arg)
{
	struct crowd *c = arg;

	return crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE) < 0;
}

static int set_device(void *arg)
{
	struct crowd *c = arg;

	return set(c, ENABLE, IOMMU_DIRTY_POLICY_DEVICE, c->dev[BOTH].dev_id);
}

static int close_device(void *arg)
{
	struct crowd *c = arg;

	vdev_close(&c->dev[BOTH]);
	return 0;
}

/* A device can be closed while a SET of its policy waits, possibly without end. */
TEST_F(policy, device_goes_while_set_waits)
{
	struct call reader, setter, closer;
	struct crowd *c = &self->c;
	bool closed;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, virt_set("hold_track", "1"));
	ASSERT_EQ(0, call_begin(&reader, read_ram, c));
	usleep(300000);
	EXPECT_FALSE(call_is_done(&reader, 0));
	ASSERT_EQ(0, call_begin(&setter, set_device, c));
	usleep(300000);
	EXPECT_FALSE(call_is_done(&setter, 0));
	ASSERT_EQ(0, call_begin(&closer, close_device, c));
	closed = call_is_done(&closer, HELD_LONG_MS);
	EXPECT_TRUE(closed);
	ASSERT_EQ(0, hold_release("hold_track"));
	EXPECT_EQ(0, call_end(&reader));
	EXPECT_EQ(closed ? -ENOENT : 0, call_end(&setter));
	call_end(&closer);
	/* and come again, with a policy of its own */
	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH));
	ASSERT_EQ(0, set_device(c));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, BOTH));
}

TEST_HARNESS_MAIN
