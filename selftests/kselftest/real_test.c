// SPDX-License-Identifier: GPL-2.0-only
/*
 * A real IOMMU driver and a device of another project: QEMU's intel-iommu
 * or amd-iommu, and its edu device (docs/specs/edu in QEMU's source). Neither
 * IOMMU of QEMU can track, so the tracker's answer is "all that is mapped".
 */
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "../lib/edu.h"
#include "fixture.h"

/* The device has 28 address bits */
#define EDU_IOVA	0x100000ull
#define EDU_PAGES	16

FIXTURE(edu) {
	int fd;
	struct edu dev;
	__u32 ioas_id;
	__u32 tracker_id;
	char *ram;
	__u64 bits;
};

FIXTURE_SETUP(edu)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, edu_open(&self->dev, self->fd, 0));

	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	self->ram = mmap(NULL, EDU_PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->ram);
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, self->ram,
				      EDU_PAGES * PAGE, EDU_IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, edu_attach(&self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id,
				   IOMMU_DIRTY_POLICY_AUTO, 0, 0,
				   &self->tracker_id));
}

FIXTURE_TEARDOWN(edu)
{
	edu_close(&self->dev);
	close(self->fd);
}

static int read_bits(int fd, __u32 tracker_id, __u64 *bits,
		     struct tracker_read_out *out)
{
	*bits = 0;
	return tracker_read_bitmap(fd, tracker_id, EDU_IOVA, EDU_PAGES * PAGE,
				   PAGE, bits, 0, out);
}

/* Memory to the device and back to another page. */
TEST_F(edu, dma_both_ways)
{
	unsigned int i;

	for (i = 0; i < 256; i++)
		self->ram[3 * PAGE + i] = i * 7;
	ASSERT_EQ(0, edu_read(&self->dev, EDU_IOVA + 3 * PAGE, 0, 256));
	ASSERT_EQ(0, edu_write(&self->dev, EDU_IOVA + 9 * PAGE, 0, 256));
	EXPECT_EQ(0, memcmp(self->ram + 3 * PAGE, self->ram + 9 * PAGE, 256));
}

/* The plan says what it is: this IOMMU cannot track. */
TEST_F(edu, tracker_falls_back)
{
	struct iommu_dirty_source_info source = {};
	struct iommu_dirty_tracker_info info;
	struct tracker_read_out out;
	__u32 flags;

	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id,
				 IOMMU_DIRTY_TRACKER_ENABLE, NULL, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, flags);
	ASSERT_EQ(0, edu_write(&self->dev, EDU_IOVA + 5 * PAGE, 0, 64));
	ASSERT_EQ(0, read_bits(self->fd, self->tracker_id, &self->bits, &out));
	EXPECT_EQ((1ull << EDU_PAGES) - 1, self->bits);
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, out.flags);
	ASSERT_EQ(0, tracker_info(self->fd, self->tracker_id, &info, &source,
				  1));
	EXPECT_EQ(1, info.nr_sources);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, source.kind);
	EXPECT_STREQ("none", source.platform);
}

/* Map, unmap, attach and detach under a running tracker. */
TEST_F(edu, comes_and_goes)
{
	struct tracker_read_out out;
	unsigned int i;

	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id,
				 IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, edu_detach(&self->dev));
		ASSERT_EQ(0, read_bits(self->fd, self->tracker_id, &self->bits,
				       &out));
		EXPECT_EQ((1ull << EDU_PAGES) - 1, self->bits);
		ASSERT_EQ(0, read_bits(self->fd, self->tracker_id, &self->bits,
				       &out));
		EXPECT_EQ(0, self->bits);
		ASSERT_EQ(0, edu_attach(&self->dev, self->ioas_id, NULL));
		ASSERT_EQ(0, iommufd_ioas_unmap(self->fd, self->ioas_id,
						EDU_IOVA, EDU_PAGES * PAGE,
						NULL));
		ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id,
					      self->ram, EDU_PAGES * PAGE,
					      EDU_IOVA, IOMMUFD_MAP_RW));
		self->ram[0] = i;
		ASSERT_EQ(0, edu_read(&self->dev, EDU_IOVA, 0, 64));
		ASSERT_EQ(0, edu_write(&self->dev, EDU_IOVA + 2 * PAGE, 0, 64));
		EXPECT_EQ((char)i, self->ram[2 * PAGE]);
		ASSERT_EQ(0, read_bits(self->fd, self->tracker_id, &self->bits,
				       &out));
		EXPECT_EQ((1ull << EDU_PAGES) - 1, self->bits);
	}
}

TEST_F(edu, reset)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	ASSERT_EQ(0, ioctl(self->dev.fd, VFIO_DEVICE_GET_INFO, &info));
	if (!(info.flags & VFIO_DEVICE_FLAGS_RESET))
		SKIP(return, "the device has no reset of its own");
	ASSERT_EQ(0, ioctl(self->dev.fd, VFIO_DEVICE_RESET));
	ASSERT_EQ(0, edu_bus_master(&self->dev));
	self->dev.reg[EDU_LIVENESS / 4] = 0x12345678;
	EXPECT_EQ(~0x12345678u, self->dev.reg[EDU_LIVENESS / 4]);
	EXPECT_EQ(0, edu_write(&self->dev, EDU_IOVA, 0, 64));
}

TEST_F(edu, interrupt)
{
	struct {
		struct vfio_irq_set set;
		__s32 fd;
	} irq = {
		.set = {
			.argsz = sizeof(irq),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_MSI_IRQ_INDEX,
			.count = 1,
		},
	};
	struct pollfd poll_fd = { .events = POLLIN };
	__u64 count;

	poll_fd.fd = irq.fd = eventfd(0, EFD_NONBLOCK);
	ASSERT_LE(0, irq.fd);
	ASSERT_EQ(0, ioctl(self->dev.fd, VFIO_DEVICE_SET_IRQS, &irq));
	self->dev.reg[EDU_IRQ_RAISE / 4] = 1;
	ASSERT_EQ(1, poll(&poll_fd, 1, 10000));
	ASSERT_EQ(sizeof(count), read(irq.fd, &count, sizeof(count)));
	EXPECT_EQ(1, count);
	self->dev.reg[EDU_IRQ_ACK / 4] = 1;
}

TEST_HARNESS_MAIN
