// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of a dma-buf, here the registers of another device, whose owner revokes the pages
 * while they are mapped (kernel 7.x).
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"

/* Newer than the oldest kernel that the tests are compiled for */
#define FEATURE_DMA_BUF	11

struct feature_dma_buf {
	__u32 argsz;
	__u32 feature;
	__u32 region_index;
	__u32 open_flags;
	__u32 flags;
	__u32 nr_ranges;
	__u64 offset;
	__u64 length;
};

/* The registers are a page, mapped so often behind RAM: one bit of a READ for each */
#define BARS 8u
#define BAR_IOVA (IOVA + RAM_SIZE)
#define BARS_BITS ((1u << BARS) - 1)

FIXTURE(revoke) {
	struct testbed b;
	struct vdev owner;	/* AMD_1 in every variant */
};

FIXTURE_VARIANT(revoke) {
	unsigned int device;
};

FIXTURE_VARIANT_ADD(revoke, amd) {
	.device = AMD_0,
};

FIXTURE_VARIANT_ADD(revoke, amd_gather) {
	.device = AMD_GATHER,
};

FIXTURE_VARIANT_ADD(revoke, intel) {
	.device = INTEL,
};

FIXTURE_VARIANT_ADD(revoke, smmu) {
	.device = SMMU,
};

FIXTURE_VARIANT_ADD(revoke, smmu_gather) {
	.device = SMMU_GATHER,
};

FIXTURE_VARIANT_ADD(revoke, untracked) {
	.device = UNTRACKED,
};

/* A file of the owner's registers, or -errno */
static int dma_buf(const struct vdev *owner)
{
	struct feature_dma_buf cmd = {
		.argsz = sizeof(cmd),
		.feature = VFIO_DEVICE_FEATURE_GET | FEATURE_DMA_BUF,
		.nr_ranges = 1,
		.length = PAGE,
	};
	int fd = ioctl(owner->fd, VFIO_DEVICE_FEATURE, &cmd);

	return fd < 0 ? -errno : fd;
}

static int map_bars(FIXTURE_DATA(revoke) *self)
{
	int fd = dma_buf(&self->owner), rc = fd < 0 ? fd : 0;
	unsigned int i;

	for (i = 0; !rc && i < BARS; i++)
		rc = iommufd_ioas_map_file(self->b.fd, self->b.ioas_id, fd, PAGE,
					   BAR_IOVA + i * PAGE, IOMMUFD_MAP_RW);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int unmap_bars(FIXTURE_DATA(revoke) *self)
{
	return iommufd_ioas_unmap(self->b.fd, self->b.ioas_id, BAR_IOVA, BARS * PAGE, NULL);
}

FIXTURE_SETUP(revoke)
{
	int fd;

	self->owner.fd = -1;
	ASSERT_EQ(0, testbed_open(&self->b, variant->device, false));
	ASSERT_EQ(0, vdev_open(&self->owner, self->b.fd, AMD_1));
	fd = dma_buf(&self->owner);
	if (fd == -ENOTTY)
		SKIP(return, "this kernel has no dma-bufs of devices' memory");
	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, map_bars(self));
}

FIXTURE_TEARDOWN(revoke)
{
	tracker_break("nothing");
	vdev_close(&self->owner);
	testbed_close(&self->b);
}

/* It does not get there, but its IOMMU has seen a write to page @i of them. */
static void write_bar(FIXTURE_DATA(revoke) *self, unsigned int i)
{
	testbed_write(&self->b, RAM_PAGES + i, 1);
}

/* Which of them are dirty; @flags of the answer */
static __u64 read_bars(struct __test_metadata *_metadata, FIXTURE_DATA(revoke) *self,
		       __u32 *flags)
{
	struct tracker_read_out out;

	ASSERT_EQ(0, testbed_read(&self->b, RAM_PAGES, BARS, 0, &out));
	if (flags)
		*flags = out.flags;
	return self->b.bits[0] & BARS_BITS;
}

/* RAM beside them is tracked as before. */
static void expect_ram(struct __test_metadata *_metadata, FIXTURE_DATA(revoke) *self)
{
	struct testbed *b = &self->b;
	struct tracker_read_out out;

	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	ASSERT_EQ(0, testbed_write(b, RAM_PAGES - 1, 1));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(0, out.flags & IOMMU_DIRTY_TRACKER_DEGRADED);
	EXPECT_EQ(1, testbed_count(b));
	EXPECT_TRUE(testbed_bit(b, RAM_PAGES - 1));
}

/* What was written is reported after a revoke, too, and nothing of RAM is. */
TEST_F(revoke, is_reported)
{
	struct testbed *b = &self->b;
	__u64 unmapped;
	__u32 flags;

	if (variant->device == UNTRACKED)
		SKIP(return, "everything is reported");
	ASSERT_EQ(0, testbed_start(b));
	read_bars(_metadata, self, NULL);
	write_bar(self, 3);
	EXPECT_EQ(1 << 3, read_bars(_metadata, self, NULL));
	EXPECT_EQ(0, read_bars(_metadata, self, NULL));
	write_bar(self, 5);
	ASSERT_EQ(0, vdev_reset(&self->owner));
	EXPECT_EQ(BARS_BITS, read_bars(_metadata, self, &flags));
	EXPECT_EQ(0, flags & IOMMU_DIRTY_TRACKER_DEGRADED);
	expect_ram(_metadata, self);
	/* Until it is unmapped, and then once */
	EXPECT_EQ(BARS_BITS, read_bars(_metadata, self, NULL));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, BAR_IOVA, BARS * PAGE, &unmapped));
	EXPECT_EQ(BARS * PAGE, unmapped);
	EXPECT_EQ(BARS_BITS, read_bars(_metadata, self, NULL));
	EXPECT_EQ(0, read_bars(_metadata, self, NULL));
	expect_ram(_metadata, self);
}

/* START, SPLIT, a second HWPT and its end with pages that were revoked before */
TEST_F(revoke, before_start)
{
	struct testbed *b = &self->b;
	__u32 split = IOMMU_DIRTY_TRACKER_ENABLE | IOMMU_DIRTY_TRACKER_SPLIT;
	__u32 hwpt_id, flags;

	ASSERT_EQ(0, vdev_reset(&self->owner));
	ASSERT_EQ(0, testbed_start(b));
	EXPECT_EQ(BARS_BITS, read_bars(_metadata, self, NULL));
	ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, split, NULL, NULL));
	if (variant->device == UNTRACKED)
		return;
	ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, b->dev.dev_id, b->ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt_id));
	ASSERT_EQ(0, vdev_attach(&b->dev, hwpt_id, NULL));
	EXPECT_EQ(BARS_BITS, read_bars(_metadata, self, &flags));
	EXPECT_EQ(0, flags & IOMMU_DIRTY_TRACKER_DEGRADED);
	expect_ram(_metadata, self);
	ASSERT_EQ(0, vdev_attach(&b->dev, b->ioas_id, NULL));
	ASSERT_EQ(0, iommufd_destroy(b->fd, hwpt_id));
	expect_ram(_metadata, self);
}

/* Control: who looks for dirty bits there finds none, or cannot read them. */
TEST_F(revoke, control)
{
	__u64 found;
	__u32 flags;

	if (variant->device == UNTRACKED)
		SKIP(return, "there are no dirty bits");
	ASSERT_EQ(0, tracker_break("revoked"));
	ASSERT_EQ(0, testbed_start(&self->b));
	read_bars(_metadata, self, NULL);
	write_bar(self, 5);
	ASSERT_EQ(0, vdev_reset(&self->owner));
	found = read_bars(_metadata, self, &flags);
	TH_LOG("dirty: %llx, flags %x", (unsigned long long)found, flags);
	EXPECT_TRUE(found != BARS_BITS || flags & IOMMU_DIRTY_TRACKER_DEGRADED);
}

struct beside {
	FIXTURE_DATA(revoke) *self;
	atomic_bool stop;
	atomic_uint rounds;
	int rc;
};

static void *revoke_thread(void *arg)
{
	struct beside *r = arg;

	while (!r->stop && !r->rc) {
		r->rc = vdev_reset(&r->self->owner);
		if (!r->rc)
			r->rc = unmap_bars(r->self);
		if (!r->rc)
			r->rc = map_bars(r->self);
		r->rounds++;
	}
	return NULL;
}

/* READs beside revokes, unmaps and maps: RAM is exact, and no source fails. */
TEST_F(revoke, beside_reads)
{
	struct beside r = { .self = self };
	struct testbed *b = &self->b;
	pthread_t thread;
	unsigned int i;
	__u32 flags;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, pthread_create(&thread, NULL, revoke_thread, &r));
	for (i = 0; i < 200 || (r.rounds < 5 && !r.rc); i++) {
		write_bar(self, i % BARS);
		read_bars(_metadata, self, &flags);
		if (variant->device == UNTRACKED)
			continue;
		EXPECT_EQ(0, flags & IOMMU_DIRTY_TRACKER_DEGRADED);
		if (i % 20 == 0)
			expect_ram(_metadata, self);
	}
	r.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, r.rc);
	EXPECT_LE(5, r.rounds);
	TH_LOG("%u READs beside %u revokes", i, (unsigned int)r.rounds);
}

TEST_HARNESS_MAIN
