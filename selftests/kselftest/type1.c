// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "type1.h"
#include "../lib/sysfs.h"

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static int group_open(const char *name)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", name);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return -errno;
	link[n] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", basename(link));
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int device_open(struct type1 *t)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};

	t->dev.fd = ioctl(t->group, VFIO_GROUP_GET_DEVICE_FD, t->dev.name);
	if (t->dev.fd < 0 || ioctl(t->dev.fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -errno;
	t->dev.bar = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  t->dev.fd, (off_t)info.offset);
	if (t->dev.bar == MAP_FAILED) {
		t->dev.bar = NULL;
		return -errno;
	}
	t->dev.bar_size = info.size;
	return vdev_bus_master(&t->dev, 1);
}

/**
 * type1_open() - Open a container, and the first virtual DMA device in it
 * @t: Closed by type1_close() also when this fails
 * @container: TYPE1_VFIO or TYPE1_IOMMUFD
 * @type: VFIO_TYPE1v2_IOMMU or VFIO_TYPE1_IOMMU
 *
 * Return: 0, or -errno.
 */
int type1_open(struct type1 *t, const char *container, int type)
{
	int rc;

	memset(t, 0, sizeof(*t));
	t->container = t->group = t->dev.fd = t->dev.iommufd = -1;
	rc = sysfs_pci_find(VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID, 0,
			    t->dev.name, sizeof(t->dev.name));
	if (!rc)
		rc = sysfs_pci_bind(t->dev.name, "vfio-pci");
	if (rc)
		return rc;
	t->container = open(container, O_RDWR | O_CLOEXEC);
	if (t->container < 0)
		return -errno;
	t->group = group_open(t->dev.name);
	if (t->group < 0)
		return t->group;
	rc = call(t->group, VFIO_GROUP_SET_CONTAINER, &t->container);
	if (!rc && ioctl(t->container, VFIO_SET_IOMMU, type))
		rc = -errno;
	return rc ? rc : device_open(t);
}

/** type1_close() - Close everything, which destroys the address space */
void type1_close(struct type1 *t)
{
	if (t->dev.bar)
		munmap((void *)t->dev.bar, t->dev.bar_size);
	if (t->dev.fd >= 0)
		close(t->dev.fd);
	if (t->group >= 0)
		close(t->group);
	if (t->container >= 0)
		close(t->container);
}

/** type1_map() - VFIO_IOMMU_MAP_DMA */
int type1_map(struct type1 *t, __u32 flags, void *va, __u64 iova, __u64 size)
{
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd),
		.flags = flags,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = size,
	};

	return call(t->container, VFIO_IOMMU_MAP_DMA, &cmd);
}

static struct vfio_bitmap bitmap_of(const struct type1_range *range)
{
	return (struct vfio_bitmap){
		.pgsize = range->pgsize,
		.size = range->bytes,
		.data = range->bits,
	};
}

/**
 * type1_unmap() - VFIO_IOMMU_UNMAP_DMA
 * @t: The container
 * @flags: VFIO_DMA_UNMAP_FLAG_*
 * @range: What to unmap; its size is what the kernel says was unmapped
 *
 * Return: 0, or -errno.
 */
int type1_unmap(struct type1 *t, __u32 flags, struct type1_range *range)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} cmd = {
		.unmap = {
			.argsz = sizeof(cmd),
			.flags = flags,
			.iova = range->iova,
			.size = range->size,
		},
		.bitmap = bitmap_of(range),
	};
	int rc = call(t->container, VFIO_IOMMU_UNMAP_DMA, &cmd);

	range->size = rc ? 0 : cmd.unmap.size;
	return rc;
}

/**
 * type1_dirty() - VFIO_IOMMU_DIRTY_PAGES
 * @t: The container
 * @flags: TYPE1_START, TYPE1_STOP, TYPE1_GET, or a wrong combination
 * @range: For TYPE1_GET; else NULL will do
 *
 * Return: 0, or -errno.
 */
int type1_dirty(struct type1 *t, __u32 flags, const struct type1_range *range)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap dirty;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} cmd = { .dirty = { .argsz = sizeof(cmd), .flags = flags } };

	if (range) {
		cmd.get.iova = range->iova;
		cmd.get.size = range->size;
		cmd.get.bitmap = bitmap_of(range);
	}
	return call(t->container, VFIO_IOMMU_DIRTY_PAGES, &cmd);
}

/** type1_write() - The device writes @pages pages from @iova on, and is done */
int type1_write(struct type1 *t, __u64 iova, __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = iova;
	job.length = pages * 4096;
	job.seed = iova + 7;
	return vdev_run(&t->dev, &job, 60000);
}
