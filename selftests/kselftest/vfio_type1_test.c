// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that knows nothing of iommufd still works: container, group and
 * type1 as they have been since 2012, with a device whose DMA is checked.
 */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "sysfs.h"
#include "vdev.h"

#define IOVA	0x40000000ull
#define LENGTH	(64ull << 12)
#define SEED	0x7479706531ull

/* The IOMMU group of a PCI device; -1 if it has none. */
static int group_of(const char *name)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", name);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return -1;
	link[n] = 0;
	return atoi(basename(link));
}

FIXTURE(type1)
{
	struct vdev dev;
	int container;
	int group;
	__u64 *mem;
};

FIXTURE_SETUP(type1)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	char path[64];
	int nr;

	self->dev.fd = self->group = self->container = -1;
	self->dev.iommufd = -1;
	if (vdev_count() <= 0)
		SKIP(return, "no virtual DMA device");

	ASSERT_EQ(0, sysfs_pci_find(VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID, 0,
				    self->dev.name, sizeof(self->dev.name)));
	ASSERT_EQ(0, sysfs_pci_bind(self->dev.name, "vfio-pci"));
	nr = group_of(self->dev.name);
	ASSERT_LE(0, nr);

	self->container = open("/dev/vfio/vfio", O_RDWR);
	ASSERT_LE(0, self->container);
	ASSERT_EQ(VFIO_API_VERSION, ioctl(self->container, VFIO_GET_API_VERSION));
	ASSERT_EQ(1, ioctl(self->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU));

	snprintf(path, sizeof(path), "/dev/vfio/%d", nr);
	self->group = open(path, O_RDWR);
	ASSERT_LE(0, self->group);
	ASSERT_EQ(0, ioctl(self->group, VFIO_GROUP_GET_STATUS, &status));
	ASSERT_TRUE(status.flags & VFIO_GROUP_FLAGS_VIABLE);
	ASSERT_EQ(0, ioctl(self->group, VFIO_GROUP_SET_CONTAINER, &self->container));
	ASSERT_EQ(0, ioctl(self->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));

	self->dev.fd = ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD, self->dev.name);
	ASSERT_LE(0, self->dev.fd);
	ASSERT_EQ(0, ioctl(self->dev.fd, VFIO_DEVICE_GET_REGION_INFO, &info));
	ASSERT_TRUE(info.flags & VFIO_REGION_INFO_FLAG_MMAP);
	self->dev.bar_size = info.size;
	self->dev.bar = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     self->dev.fd, (off_t)info.offset);
	ASSERT_NE(MAP_FAILED, (void *)self->dev.bar);
	ASSERT_EQ(VIRT_DMA_MAGIC, vdev_read64(&self->dev, VIRT_DMA_ID));
	ASSERT_EQ(0, vdev_bus_master(&self->dev, 1));

	self->mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->mem);
}

FIXTURE_TEARDOWN(type1)
{
	if (self->dev.bar)
		munmap((void *)self->dev.bar, self->dev.bar_size);
	close(self->dev.fd);
	close(self->group);
	close(self->container);
	if (self->mem)
		munmap(self->mem, LENGTH);
}

static int map(int container, void *mem)
{
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)mem,
		.iova = IOVA,
		.size = LENGTH,
	};

	return ioctl(container, VFIO_IOMMU_MAP_DMA, &cmd);
}

static void job_init(struct vdev_job *job)
{
	vdev_job_init(job);
	job->op = VIRT_DMA_OP_WRITE;
	job->iova = IOVA;
	job->length = LENGTH;
	job->seed = SEED;
}

TEST_F(type1, dma_writes_memory)
{
	struct vdev_job job;
	__u64 n, a;

	ASSERT_EQ(0, map(self->container, self->mem));
	job_init(&job);
	ASSERT_EQ(0, vdev_run(&self->dev, &job, 10000));
	for (n = 0; n < LENGTH >> 12; n++) {
		a = IOVA + (n << 12);
		ASSERT_EQ(virt_dma_value(SEED, n, a), self->mem[n << 9]);
		ASSERT_EQ(0, self->mem[(n << 9) + 1]);
	}
}

TEST_F(type1, unmap_ends_access)
{
	struct vfio_iommu_type1_dma_unmap cmd = {
		.argsz = sizeof(cmd),
		.iova = IOVA,
		.size = LENGTH,
	};
	struct vdev_job job;

	ASSERT_EQ(0, map(self->container, self->mem));
	ASSERT_EQ(0, ioctl(self->container, VFIO_IOMMU_UNMAP_DMA, &cmd));
	ASSERT_EQ(LENGTH, cmd.size);
	job_init(&job);
	vdev_run(&self->dev, &job, 10000);
	EXPECT_TRUE(vdev_read64(&self->dev, VIRT_DMA_STATUS) & VIRT_DMA_STATUS_FAULT);
	EXPECT_EQ(LENGTH >> 12, vdev_read64(&self->dev, VIRT_DMA_FAULTS));
	EXPECT_EQ(0, self->mem[0]);
}

TEST_HARNESS_MAIN
