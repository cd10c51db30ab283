// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that knows nothing of iommufd still works: container, group and
 * type1 as they have been since 2012, with a device whose DMA is checked. With
 * vfio's own container, and with an iommufd in its place, which has the dirty
 * page ioctls too.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "iommufd.h"
#include "type1.h"

#define IOVA	0x40000000ull
#define LENGTH	(64ull << 12)
#define SEED	0x7479706531ull

FIXTURE(type1)
{
	struct type1 t;
	__u64 *mem;
};

FIXTURE_VARIANT(type1)
{
	const char *container;
	bool dirty;
	bool v1;
};

FIXTURE_VARIANT_ADD(type1, container)
{
	.container = "/dev/vfio/vfio",
};

FIXTURE_VARIANT_ADD(type1, iommufd)
{
	.container = "/dev/iommu",
	.dirty = true,
};

/* Of the first version, in which a part of what was mapped can be unmapped */
FIXTURE_VARIANT_ADD(type1, iommufd_v1)
{
	.container = "/dev/iommu",
	.dirty = true,
	.v1 = true,
};

FIXTURE_SETUP(type1)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	struct type1 *t = &self->t;

	ASSERT_EQ(0, type1_open(t, variant->container,
				variant->v1 ? VFIO_TYPE1_IOMMU : VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(VFIO_API_VERSION, ioctl(t->container, VFIO_GET_API_VERSION));
	ASSERT_EQ(1, ioctl(t->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, ioctl(t->group, VFIO_GROUP_GET_STATUS, &status));
	ASSERT_TRUE(status.flags & VFIO_GROUP_FLAGS_VIABLE);
	ASSERT_EQ(VIRT_DMA_MAGIC, vdev_read64(&t->dev, VIRT_DMA_ID));

	self->mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->mem);
}

FIXTURE_TEARDOWN(type1)
{
	type1_close(&self->t);
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

	ASSERT_EQ(0, map(self->t.container, self->mem));
	job_init(&job);
	ASSERT_EQ(0, vdev_run(&self->t.dev, &job, 10000));
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

	ASSERT_EQ(0, map(self->t.container, self->mem));
	ASSERT_EQ(0, ioctl(self->t.container, VFIO_IOMMU_UNMAP_DMA, &cmd));
	ASSERT_EQ(LENGTH, cmd.size);
	job_init(&job);
	vdev_run(&self->t.dev, &job, 10000);
	EXPECT_TRUE(vdev_read64(&self->t.dev, VIRT_DMA_STATUS) & VIRT_DMA_STATUS_FAULT);
	EXPECT_EQ(LENGTH >> 12, vdev_read64(&self->t.dev, VIRT_DMA_FAULTS));
	EXPECT_EQ(0, self->mem[0]);
}

/* One word of bitmap for the 64 pages. */
struct dirty_cmd {
	struct vfio_iommu_type1_dirty_bitmap dirty;
	struct vfio_iommu_type1_dirty_bitmap_get get;
};

static int dirty_pages(int container, __u32 flags, __u64 *bits)
{
	struct dirty_cmd cmd = {
		.dirty = { .argsz = sizeof(cmd), .flags = flags },
		.get = {
			.iova = IOVA,
			.size = LENGTH,
			.bitmap = { .pgsize = 4096, .size = 8,
				    .data = (void *)bits },
		},
	};

	return ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &cmd) ? -errno : 0;
}

#define START	VFIO_IOMMU_DIRTY_PAGES_FLAG_START
#define STOP	VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP
#define GET	VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP

TEST_F(type1, dirty_pages)
{
	struct vdev_job job;
	__u64 bits = ~0ull;

	if (!variant->dirty)
		SKIP(return, "vfio's own container");
	ASSERT_EQ(0, map(self->t.container, self->mem));
	EXPECT_EQ(-EINVAL, dirty_pages(self->t.container, GET, &bits));
	EXPECT_EQ(-EINVAL, dirty_pages(self->t.container, START | STOP, NULL));
	EXPECT_EQ(-EINVAL, dirty_pages(self->t.container, 0, NULL));
	EXPECT_EQ(-EINVAL, dirty_pages(self->t.container, 8, NULL));
	EXPECT_EQ(0, dirty_pages(self->t.container, STOP, NULL));
	ASSERT_EQ(0, dirty_pages(self->t.container, START, NULL));
	EXPECT_EQ(0, dirty_pages(self->t.container, START, NULL));

	/* What is read is written over the bitmap, not ORed into it */
	ASSERT_EQ(0, dirty_pages(self->t.container, GET, &bits));
	EXPECT_EQ(0, bits);
	job_init(&job);
	job.iova = IOVA + (5 << 12);
	job.length = 3 << 12;
	ASSERT_EQ(0, vdev_run(&self->t.dev, &job, 10000));
	EXPECT_EQ(-EFAULT, dirty_pages(self->t.container, GET, (void *)8));
	ASSERT_EQ(0, dirty_pages(self->t.container, GET, &bits));
	EXPECT_EQ(7ull << 5, bits & (7ull << 5));
	/* Leaves may be larger than a page, but not all of it is dirty again */
	ASSERT_EQ(0, dirty_pages(self->t.container, GET, &bits));
	EXPECT_EQ(0, bits);
	EXPECT_EQ(0, dirty_pages(self->t.container, STOP, NULL));
	EXPECT_EQ(-EINVAL, dirty_pages(self->t.container, GET, &bits));
	EXPECT_EQ(0, dirty_pages(self->t.container, START, NULL));
}

static int unmap_dirty_at(int container, __u64 iova, __u64 size, __u64 *bits,
			  __u64 *unmapped)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} cmd = {
		.unmap = {
			.argsz = sizeof(cmd),
			.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = iova,
			.size = size,
		},
		.bitmap = { .pgsize = 4096, .size = 8, .data = (void *)bits },
	};
	int rc = ioctl(container, VFIO_IOMMU_UNMAP_DMA, &cmd) ? -errno : 0;

	*unmapped = cmd.unmap.size;
	return rc;
}

static int unmap_dirty(int container, __u64 size, __u64 *bits, __u64 *unmapped)
{
	return unmap_dirty_at(container, IOVA, size, bits, unmapped);
}

TEST_F(type1, dirty_unmap)
{
	struct vdev_job job;
	__u64 bits = ~0ull, unmapped;

	if (!variant->dirty)
		SKIP(return, "vfio's own container");
	ASSERT_EQ(0, map(self->t.container, self->mem));
	EXPECT_EQ(-EINVAL,
		  unmap_dirty(self->t.container, LENGTH, &bits, &unmapped));
	ASSERT_EQ(0, dirty_pages(self->t.container, START, NULL));
	job_init(&job);
	job.iova = IOVA + (5 << 12);
	job.length = 3 << 12;
	ASSERT_EQ(0, vdev_run(&self->t.dev, &job, 10000));
	EXPECT_EQ(-EINVAL,
		  unmap_dirty(self->t.container, LENGTH + 1, &bits, &unmapped));
	EXPECT_EQ(-EINVAL,
		  unmap_dirty(self->t.container, 2 * LENGTH, &bits, &unmapped));
	ASSERT_EQ(0, unmap_dirty(self->t.container, LENGTH, &bits, &unmapped));
	EXPECT_EQ(LENGTH, unmapped);
	EXPECT_EQ(7ull << 5, bits & (7ull << 5));
	ASSERT_EQ(0, unmap_dirty(self->t.container, LENGTH, &bits, &unmapped));
	EXPECT_EQ(0, unmapped);
	EXPECT_EQ(0, bits);
	ASSERT_EQ(0, map(self->t.container, self->mem));
	ASSERT_EQ(0, dirty_pages(self->t.container, GET, &bits));
}

TEST_F(type1, dirty_unmap_of_a_part)
{
	struct vfio_iommu_type1_dma_unmap *cut;
	struct vdev_job job;
	__u64 bits = 0, unmapped;
	char *two;

	if (!variant->dirty)
		SKIP(return, "vfio's own container");
	ASSERT_EQ(0, map(self->t.container, self->mem));
	ASSERT_EQ(0, dirty_pages(self->t.container, START, NULL));
	job_init(&job);
	job.iova = IOVA + (15 << 12);
	job.length = 18 << 12;
	ASSERT_EQ(0, vdev_run(&self->t.dev, &job, 10000));

	/* A struct of which the second half cannot be read */
	two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)two);
	ASSERT_EQ(0, munmap(two + 4096, 4096));
	cut = (void *)(two + 4096 - sizeof(*cut));
	*cut = (struct vfio_iommu_type1_dma_unmap){
		.argsz = sizeof(*cut) + sizeof(struct vfio_bitmap),
		.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		.iova = IOVA,
		.size = LENGTH,
	};
	EXPECT_EQ(-1, ioctl(self->t.container, VFIO_IOMMU_UNMAP_DMA, cut));
	EXPECT_EQ(EFAULT, errno);
	/* and which does not say that it has one */
	cut->argsz = sizeof(*cut);
	EXPECT_EQ(-1, ioctl(self->t.container, VFIO_IOMMU_UNMAP_DMA, cut));
	EXPECT_EQ(EINVAL, errno);
	munmap(two, 4096);

	if (!variant->v1) {
		EXPECT_EQ(-EINVAL, unmap_dirty_at(self->t.container, IOVA + LENGTH / 4,
						  LENGTH / 4, &bits, &unmapped));
		ASSERT_EQ(0, unmap_dirty(self->t.container, LENGTH, &bits, &unmapped));
		/* Leaves may be larger than a page */
		EXPECT_EQ(0x3ffffull << 15, bits & 0x3ffffull << 15);
		return;
	}
	/* Out of the middle, then what lies before, then what lies behind it */
	ASSERT_EQ(0, unmap_dirty_at(self->t.container, IOVA + LENGTH / 4, LENGTH / 4,
				    &bits, &unmapped));
	EXPECT_EQ(LENGTH / 4, unmapped);
	EXPECT_EQ(0xffffull, bits);
	ASSERT_EQ(0, unmap_dirty_at(self->t.container, IOVA, LENGTH / 4, &bits,
				    &unmapped));
	EXPECT_EQ(LENGTH / 4, unmapped);
	EXPECT_EQ(1ull << 15, bits);
	job.length = 4096;
	EXPECT_NE(0, vdev_run(&self->t.dev, &job, 10000));
	job.iova = IOVA + LENGTH - 4096;
	ASSERT_EQ(0, vdev_run(&self->t.dev, &job, 10000));
	ASSERT_EQ(0, unmap_dirty_at(self->t.container, IOVA + LENGTH / 2, LENGTH / 2,
				    &bits, &unmapped));
	EXPECT_EQ(LENGTH / 2, unmapped);
	EXPECT_EQ(1ull << 31 | 1, bits);
}

TEST_F(type1, migration_capability)
{
	union {
		struct vfio_iommu_type1_info info;
		char bytes[1024];
	} u = { .info = { .argsz = sizeof(u) } };
	struct vfio_iommu_type1_info_cap_migration *cap = NULL;
	__u32 at;

	ASSERT_EQ(0, ioctl(self->t.container, VFIO_IOMMU_GET_INFO, &u));
	ASSERT_TRUE(u.info.flags & VFIO_IOMMU_INFO_CAPS);
	for (at = u.info.cap_offset; at && !cap;) {
		struct vfio_info_cap_header *header = (void *)(u.bytes + at);

		if (header->id == VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION)
			cap = (void *)header;
		at = header->next;
	}
	ASSERT_NE(NULL, cap);
	EXPECT_TRUE(cap->pgsize_bitmap & 4096);
	EXPECT_LE(8, cap->max_dirty_bitmap_size);
}

/* A tracker of iommufd's own is not touched, and the other way round. */
TEST_F(type1, one_owner)
{
	struct iommu_vfio_ioas ioas = { .size = sizeof(ioas),
					.op = IOMMU_VFIO_IOAS_GET };
	__u32 id;

	if (!variant->dirty)
		SKIP(return, "vfio's own container");
	ASSERT_EQ(0, ioctl(self->t.container, IOMMU_VFIO_IOAS, &ioas));
	ASSERT_EQ(0, tracker_alloc(self->t.container, ioas.ioas_id, 0, 0, 0,
				   &id));
	EXPECT_EQ(-EBUSY, dirty_pages(self->t.container, START, NULL));
	EXPECT_EQ(0, dirty_pages(self->t.container, STOP, NULL));
	ASSERT_EQ(0, iommufd_destroy(self->t.container, id));
	EXPECT_EQ(0, dirty_pages(self->t.container, START, NULL));
	EXPECT_EQ(-EBUSY, tracker_alloc(self->t.container, ioas.ioas_id, 0, 0, 0,
					&id));
	EXPECT_EQ(0, dirty_pages(self->t.container, STOP, NULL));
	EXPECT_EQ(0, tracker_alloc(self->t.container, ioas.ioas_id, 0, 0, 0,
				   &id));
}

TEST_HARNESS_MAIN
