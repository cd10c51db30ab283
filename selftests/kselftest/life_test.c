// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty pages, mappings and interrupts survive while objects change under them: a
 * device that moves from one HWPT to another, a mapping that is cut in pieces,
 * eventfds that are released while their interrupt fires.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"
#include "../lib/feature.h"

FIXTURE(life) {
	struct testbed b;
};

/* @fresh: every page is reported once that is mapped for a domain that is new */
FIXTURE_VARIANT(life) {
	unsigned int device;
	bool fresh;
};

FIXTURE_VARIANT_ADD(life, amd) { .device = AMD_0 };
FIXTURE_VARIANT_ADD(life, smmu_gather) { .device = SMMU_GATHER, .fresh = true };

FIXTURE_SETUP(life)
{
	ASSERT_EQ(0, testbed_open(&self->b, variant->device, false));
	ASSERT_EQ(0, testbed_start(&self->b));
}

FIXTURE_TEARDOWN(life)
{
	testbed_close(&self->b);
}

/* Attached to another HWPT of the IOAS without a detach: nothing is lost. */
TEST_F(life, replaced)
{
	struct testbed *b = &self->b;
	__u32 other, now;
	unsigned int i;

	ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, b->dev.dev_id, b->ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &other));
	for (i = 0; i < 5; i++) {
		now = i % 2 ? b->ioas_id : other;
		ASSERT_EQ(0, testbed_write(b, 100 * i, 30));
		ASSERT_EQ(0, vdev_attach(&b->dev, now, NULL));
		ASSERT_EQ(0, testbed_write(b, 100 * i + 50, 20));
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		EXPECT_TRUE(testbed_count(b) == 50 ||
			    (variant->fresh && testbed_count(b) == RAM_PAGES));
		EXPECT_TRUE(testbed_bit(b, 100 * i) && testbed_bit(b, 100 * i + 69));
	}
	/* The device is in the other one; it leaves, and that is destroyed */
	ASSERT_EQ(0, testbed_write(b, 7, 3));
	ASSERT_EQ(0, vdev_detach(&b->dev));
	ASSERT_EQ(0, iommufd_destroy(b->fd, other));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(3, testbed_count(b));
}

static int vfio_unmap(int fd, __u64 iova, __u64 size)
{
	struct vfio_iommu_type1_dma_unmap cmd = {
		.argsz = sizeof(cmd), .iova = iova, .size = size,
	};

	return ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &cmd) ? -errno : 0;
}

/*
 * A hole in the middle of a mapping, which type1 may make (4 KiB leaves only):
 * the area is split in three, of which one goes.
 */
TEST_F(life, split)
{
	struct testbed *b = &self->b;
	struct iommu_vfio_ioas cmd = {
		.size = sizeof(cmd), .ioas_id = b->ioas_id, .op = IOMMU_VFIO_IOAS_SET,
	};
	unsigned int i;

	ASSERT_EQ(0, ioctl(b->fd, IOMMU_VFIO_IOAS, &cmd));
	ASSERT_EQ(0, testbed_write(b, 0, 100));
	ASSERT_EQ(0, vfio_unmap(b->fd, IOVA + 20 * PAGE, 30 * PAGE));
	ASSERT_EQ(0, testbed_write(b, 90, 20));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(110, testbed_count(b));
	/* The parts are mapped, tracked and flushed as before */
	ASSERT_EQ(0, testbed_write(b, 0, 20));
	ASSERT_EQ(0, testbed_write(b, 50, 50));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(70, testbed_count(b));
	for (i = 20; i < 50; i++)
		EXPECT_FALSE(testbed_bit(b, i));
	/* And the rest can be taken away as a whole */
	ASSERT_EQ(0, vfio_unmap(b->fd, IOVA, RAM_SIZE));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, testbed_count(b));
}

struct irqs {
	struct vdev *d;
	atomic_bool stop;
	atomic_int rc;
};

/* Eventfds come and go; each is closed before its interrupt is taken away. */
static void *change_eventfds(void *arg)
{
	struct irqs *irqs = arg;

	while (!irqs->stop && !irqs->rc) {
		int fd = eventfd(0, EFD_CLOEXEC);

		irqs->rc = vdev_irq_set(irqs->d, fd);
		close(fd);
		if (!irqs->rc)
			irqs->rc = vdev_irq_set(irqs->d, -1);
	}
	return NULL;
}

TEST_F(life, interrupts)
{
	struct testbed *b = &self->b;
	struct irqs irqs = { .d = &b->dev };
	struct vdev_job job;
	pthread_t thread;
	__u64 count = 0;
	unsigned int i;
	int fd;

	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = PAGE;
	job.irq = 1;
	ASSERT_EQ(0, pthread_create(&thread, NULL, change_eventfds, &irqs));
	for (i = 0; i < 300; i++)
		ASSERT_EQ(0, vdev_run(&b->dev, &job, 20000));
	irqs.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, irqs.rc);
	/* And they still work */
	fd = eventfd(0, EFD_CLOEXEC);
	ASSERT_EQ(0, vdev_irq_set(&b->dev, fd));
	ASSERT_EQ(0, vdev_run(&b->dev, &job, 20000));
	ASSERT_EQ(sizeof(count), read(fd, &count, sizeof(count)));
	EXPECT_LT(0, count);
	close(fd);
}

static int feature(int fd, __u32 flags)
{
	__u64 data[7] = {};

	return vfio_feature(fd, flags, data, sizeof(data));
}

/* Nothing is offered that the device cannot do, and none of it can be used. */
TEST_F(life, migration_is_not_offered)
{
	static const __u32 features[] = {
		VFIO_DEVICE_FEATURE_MIGRATION,
		VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
		VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
	};
	unsigned int i;

	for (i = 0; i < sizeof(features) / sizeof(*features); i++) {
		EXPECT_EQ(-ENOTTY, feature(self->b.dev.fd, features[i] |
					   VFIO_DEVICE_FEATURE_PROBE |
					   VFIO_DEVICE_FEATURE_GET));
		EXPECT_EQ(-ENOTTY, feature(self->b.dev.fd, features[i] |
					   VFIO_DEVICE_FEATURE_GET));
		EXPECT_EQ(-ENOTTY, feature(self->b.dev.fd, features[i] |
					   VFIO_DEVICE_FEATURE_SET));
	}
}

TEST_HARNESS_MAIN
