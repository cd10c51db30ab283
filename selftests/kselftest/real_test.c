// SPDX-License-Identifier: GPL-2.0-only
/*
 * A real IOMMU driver and a device of another project: QEMU's intel-iommu
 * or amd-iommu, and its edu device (docs/specs/edu in QEMU's source). Neither
 * IOMMU of QEMU can track, so the tracker's answer is "all that is mapped".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "fixture.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

#define EDU_ID		0x00
#define EDU_LIVENESS	0x04
#define EDU_IRQ_RAISE	0x60
#define EDU_IRQ_ACK	0x64
#define EDU_DMA_SRC	0x80
#define EDU_DMA_DST	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_CMD	0x98
#define EDU_DMA_START	0x01
#define EDU_DMA_TO_RAM	0x02
#define EDU_BUFFER	0x40000ull

/* The device has 28 address bits */
#define EDU_IOVA	0x100000ull
#define EDU_PAGES	16

FIXTURE(edu) {
	int fd;
	int dev;
	__u32 ioas_id;
	__u32 tracker_id;
	volatile __u32 *reg;
	char *ram;
	__u64 bits;
};

static int attach(int dev, __u32 ioas_id)
{
	struct vfio_device_attach_iommufd_pt cmd = { .argsz = sizeof(cmd),
						     .pt_id = ioas_id };

	return ioctl(dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd) ? -errno : 0;
}

static int detach(int dev)
{
	struct vfio_device_detach_iommufd_pt cmd = { .argsz = sizeof(cmd) };

	return ioctl(dev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd) ? -errno : 0;
}

static int bus_master(int dev)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	__u16 command;

	if (ioctl(dev, VFIO_DEVICE_GET_REGION_INFO, &info) ||
	    pread(dev, &command, 2, (off_t)info.offset + PCI_COMMAND) != 2)
		return -errno;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(dev, &command, 2, (off_t)info.offset + PCI_COMMAND) != 2)
		return -errno;
	return 0;
}

static volatile __u32 *map_registers(int dev)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	void *map;

	if (ioctl(dev, VFIO_DEVICE_GET_REGION_INFO, &info))
		return NULL;
	map = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, dev,
		   (off_t)info.offset);
	return map == MAP_FAILED ? NULL : map;
}

FIXTURE_SETUP(edu)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	char name[16], path[64];

	ASSERT_EQ(0, sysfs_pci_find(EDU_VENDOR, EDU_DEVICE, 0, name,
				    sizeof(name)));
	ASSERT_EQ(0, sysfs_pci_bind(name, "vfio-pci"));
	ASSERT_EQ(0, sysfs_vfio_cdev(name, path, sizeof(path)));
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	self->dev = open(path, O_RDWR);
	ASSERT_LE(0, self->dev);
	bind.iommufd = self->fd;
	ASSERT_EQ(0, ioctl(self->dev, VFIO_DEVICE_BIND_IOMMUFD, &bind));

	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	self->ram = mmap(NULL, EDU_PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->ram);
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, self->ram,
				      EDU_PAGES * PAGE, EDU_IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, attach(self->dev, self->ioas_id));
	ASSERT_EQ(0, bus_master(self->dev));
	self->reg = map_registers(self->dev);
	ASSERT_NE(NULL, self->reg);
	ASSERT_EQ(0xed, self->reg[EDU_ID / 4] & 0xff);
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id,
				   IOMMU_DIRTY_POLICY_AUTO, 0, 0,
				   &self->tracker_id));
}

FIXTURE_TEARDOWN(edu)
{
	close(self->dev);
	close(self->fd);
}

static void write64(volatile __u32 *reg, unsigned int at, __u64 value)
{
	*(volatile __u64 *)(reg + at / 4) = value;
}

/* Returns 0, or -ETIMEDOUT. */
static int dma(volatile __u32 *reg, __u64 src, __u64 dst, __u64 count,
	       __u64 direction)
{
	unsigned int ms;

	write64(reg, EDU_DMA_SRC, src);
	write64(reg, EDU_DMA_DST, dst);
	write64(reg, EDU_DMA_COUNT, count);
	write64(reg, EDU_DMA_CMD, EDU_DMA_START | direction);
	for (ms = 0; ms < 10000; ms++) {
		if (!(reg[EDU_DMA_CMD / 4] & EDU_DMA_START))
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
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
	ASSERT_EQ(0, dma(self->reg, EDU_IOVA + 3 * PAGE, EDU_BUFFER, 256, 0));
	ASSERT_EQ(0, dma(self->reg, EDU_BUFFER, EDU_IOVA + 9 * PAGE, 256,
			 EDU_DMA_TO_RAM));
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
	ASSERT_EQ(0, dma(self->reg, EDU_BUFFER, EDU_IOVA + 5 * PAGE, 64,
			 EDU_DMA_TO_RAM));
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
		ASSERT_EQ(0, detach(self->dev));
		ASSERT_EQ(0, read_bits(self->fd, self->tracker_id, &self->bits,
				       &out));
		EXPECT_EQ((1ull << EDU_PAGES) - 1, self->bits);
		ASSERT_EQ(0, read_bits(self->fd, self->tracker_id, &self->bits,
				       &out));
		EXPECT_EQ(0, self->bits);
		ASSERT_EQ(0, attach(self->dev, self->ioas_id));
		ASSERT_EQ(0, iommufd_ioas_unmap(self->fd, self->ioas_id,
						EDU_IOVA, EDU_PAGES * PAGE,
						NULL));
		ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id,
					      self->ram, EDU_PAGES * PAGE,
					      EDU_IOVA, IOMMUFD_MAP_RW));
		self->ram[0] = i;
		ASSERT_EQ(0, dma(self->reg, EDU_IOVA, EDU_BUFFER, 64, 0));
		ASSERT_EQ(0, dma(self->reg, EDU_BUFFER, EDU_IOVA + 2 * PAGE, 64,
				 EDU_DMA_TO_RAM));
		EXPECT_EQ((char)i, self->ram[2 * PAGE]);
		ASSERT_EQ(0, read_bits(self->fd, self->tracker_id, &self->bits,
				       &out));
		EXPECT_EQ((1ull << EDU_PAGES) - 1, self->bits);
	}
}

TEST_F(edu, reset)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	ASSERT_EQ(0, ioctl(self->dev, VFIO_DEVICE_GET_INFO, &info));
	if (!(info.flags & VFIO_DEVICE_FLAGS_RESET))
		SKIP(return, "the device has no reset of its own");
	ASSERT_EQ(0, ioctl(self->dev, VFIO_DEVICE_RESET));
	ASSERT_EQ(0, bus_master(self->dev));
	self->reg[EDU_LIVENESS / 4] = 0x12345678;
	EXPECT_EQ(~0x12345678u, self->reg[EDU_LIVENESS / 4]);
	EXPECT_EQ(0, dma(self->reg, EDU_BUFFER, EDU_IOVA, 64, EDU_DMA_TO_RAM));
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
	ASSERT_EQ(0, ioctl(self->dev, VFIO_DEVICE_SET_IRQS, &irq));
	self->reg[EDU_IRQ_RAISE / 4] = 1;
	ASSERT_EQ(1, poll(&poll_fd, 1, 10000));
	ASSERT_EQ(sizeof(count), read(irq.fd, &count, sizeof(count)));
	EXPECT_EQ(1, count);
	self->reg[EDU_IRQ_ACK / 4] = 1;
}

TEST_HARNESS_MAIN
