// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_OPTION_DIRTY_SMALL_LEAVES: with memory in huge pages, the tracker reports exactly
 * the pages that were written, behind every kind of IOMMU; without the option it reports
 * whole leaves. Also: which HWPTs get small leaves, what a map leaves that fails half way,
 * and a migration that changes to small leaves and back while a device writes.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"

/* RAM in huge pages, an IOAS, and a tracker before anything is mapped. */
static int open_empty(struct testbed *b, bool small)
{
	int rc = testbed_open_empty(b, true);

	if (!rc && small)
		rc = iommufd_ioas_small_leaves(b->fd, b->ioas_id, true);
	return rc ? rc : tracker_alloc(b->fd, b->ioas_id, IOMMU_DIRTY_POLICY_AUTO,
				       0, 0, &b->tracker_id);
}

static int attach(struct testbed *b, struct vdev *dev, unsigned int device)
{
	int rc = vdev_open(dev, b->fd, device);

	return rc ? rc : vdev_attach(dev, b->ioas_id, NULL);
}

/* Bytes of RAM that the CPU has in huge pages. */
static size_t huge_bytes(const struct testbed *b)
{
	unsigned long from, to, kib, sum = 0;
	bool ours = false;
	char line[256];
	FILE *f = fopen("/proc/self/smaps", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			ours = from < (uintptr_t)b->ram + RAM_SIZE &&
			       to > (uintptr_t)b->ram;
		if (ours && sscanf(line, "AnonHugePages: %lu", &kib) == 1)
			sum += kib << 10;
	}
	if (f)
		fclose(f);
	return sum;
}

/* Every @stride-th page, each once; how many they are. */
static unsigned int write_sparse(struct vdev *dev, unsigned int stride)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = RAM_SIZE;
	job.pattern = VIRT_DMA_PATTERN_STRIDE;
	job.stride = stride;
	return vdev_run(dev, &job, 20000) ? 0 : (RAM_PAGES - 1) / stride + 1;
}

/* Pages that READ reports too many (+) or not at all (-1). */
static int compare(struct testbed *b, unsigned int stride)
{
	unsigned int i;

	for (i = 0; i < RAM_PAGES; i += stride)
		if (!testbed_bit(b, i))
			return -1;
	return testbed_count(b) - ((RAM_PAGES - 1) / stride + 1);
}

FIXTURE(fine) {
	struct testbed b;
};

FIXTURE_VARIANT(fine) {
	unsigned int device;
};

FIXTURE_VARIANT_ADD(fine, amd) { .device = AMD_0 };
FIXTURE_VARIANT_ADD(fine, amd_gather) { .device = AMD_GATHER };
FIXTURE_VARIANT_ADD(fine, intel) { .device = INTEL };
FIXTURE_VARIANT_ADD(fine, intel_gather) { .device = INTEL_GATHER };
FIXTURE_VARIANT_ADD(fine, smmu) { .device = SMMU };
FIXTURE_VARIANT_ADD(fine, smmu_gather) { .device = SMMU_GATHER };

FIXTURE_SETUP(fine)
{
}

FIXTURE_TEARDOWN(fine)
{
	testbed_close(&self->b);
}

TEST_F(fine, reports_pages)
{
	static const unsigned int strides[] = { 3, 100, 512, 1000, 4095 };
	struct iommu_dirty_source_info source = {};
	struct iommu_dirty_tracker_info info;
	struct testbed *b = &self->b;
	struct tracker_read_out out;
	unsigned int i;
	size_t huge;

	ASSERT_EQ(0, open_empty(b, true));
	huge = huge_bytes(b);
	if (!huge)
		SKIP(return, "the kernel gave no huge pages");
	/* What is mapped before there is a domain, and after */
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE / 2,
				      IOVA, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, attach(b, &b->dev, variant->device));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram + RAM_SIZE / 2,
				      RAM_SIZE / 2, IOVA + RAM_SIZE / 2,
				      IOMMUFD_MAP_RW));
	/* Some IOMMUs have what is mapped while they track dirty from birth */
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	for (i = 0; i < ARRAY_SIZE(strides); i++) {
		ASSERT_LT(0, write_sparse(&b->dev, strides[i]));
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
		EXPECT_EQ(0, compare(b, strides[i]));
		EXPECT_EQ(0, out.flags);
	}
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, &source, 1));
	EXPECT_TRUE(source.flags & IOMMU_DIRTY_SOURCE_FINE);
	EXPECT_EQ(PAGE, source.granule);
	EXPECT_EQ(PAGE, source.largest);
	EXPECT_EQ(huge, huge_bytes(b));
}

/* The control: the same without it. */
TEST_F(fine, leaves_are_huge_without)
{
	struct iommu_dirty_source_info source = {};
	struct iommu_dirty_tracker_info info;
	struct testbed *b = &self->b;
	struct tracker_read_out out;

	ASSERT_EQ(0, open_empty(b, false));
	if (huge_bytes(b) != RAM_SIZE)
		SKIP(return, "the kernel gave no huge pages");
	ASSERT_EQ(0, testbed_map(b));
	ASSERT_EQ(0, attach(b, &b->dev, variant->device));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(RAM_PAGES / 512, write_sparse(&b->dev, 512));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(RAM_PAGES, testbed_count(b));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_COARSE, out.flags);
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, &source, 1));
	EXPECT_FALSE(source.flags & IOMMU_DIRTY_SOURCE_FINE);
	EXPECT_LE(HUGE, source.largest);
}

/* Nothing of a map that failed is left, and it can be done again. */
TEST_F(fine, map_fails_half_way)
{
	struct testbed *b = &self->b;
	char pass[8];
	unsigned int i;

	ASSERT_EQ(0, open_empty(b, true));
	ASSERT_EQ(0, attach(b, &b->dev, variant->device));
	ASSERT_EQ(0, testbed_start(b));
	for (i = 0; i < 12; i++) {
		snprintf(pass, sizeof(pass), "%u", i);
		ASSERT_EQ(0, virt_set("pass_map", pass));
		ASSERT_EQ(0, virt_set("fail_map", "1"));
		EXPECT_EQ(-ENOMEM, testbed_map(b));
		EXPECT_EQ(-EFAULT, testbed_write(b, 0, 1));
		EXPECT_EQ(RAM_PAGES,
			  vdev_run(&b->dev, &(struct vdev_job){
				.iova = IOVA, .length = RAM_SIZE,
				.unit = PAGE, .size = 8, .stride = 1,
				.sweeps = 1 }, 20000) == -EFAULT ?
			  vdev_read64(&b->dev, VIRT_DMA_FAULTS) : 0);
	}
	ASSERT_EQ(0, testbed_map(b));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	ASSERT_LT(0, write_sparse(&b->dev, 77));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, compare(b, 77));
}

/* Domains of several kinds, one of which comes when all is mapped. */
TEST(several_domains)
{
	static const unsigned int devices[] = { INTEL, SMMU, AMD_GATHER };
	struct testbed bed, *b = &bed;
	struct vdev dev[3];
	unsigned int i;
	__u32 hwpt_id;

	ASSERT_EQ(0, open_empty(b, true));
	ASSERT_EQ(0, attach(b, &b->dev, AMD_0));
	ASSERT_EQ(0, attach(b, &dev[0], devices[0]));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_map(b));
	ASSERT_EQ(0, attach(b, &dev[1], devices[1]));
	ASSERT_EQ(0, vdev_open(&dev[2], b->fd, devices[2]));
	ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, dev[2].dev_id, b->ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
					&hwpt_id));
	ASSERT_EQ(0, vdev_attach(&dev[2], hwpt_id, NULL));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));

	ASSERT_LT(0, write_sparse(&b->dev, 600));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, compare(b, 600));
	for (i = 0; i < 3; i++) {
		ASSERT_LT(0, write_sparse(&dev[i], 601 + i));
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		EXPECT_EQ(0, compare(b, 601 + i));
	}
	/* And all of them at once */
	ASSERT_LT(0, write_sparse(&b->dev, 1024));
	for (i = 0; i < 3; i++)
		ASSERT_LT(0, write_sparse(&dev[i], 1024));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, compare(b, 1024));
	for (i = 0; i < 3; i++)
		vdev_close(&dev[i]);
	testbed_close(b);
}

/* It is asked when the HWPT is made, at any time; those that exist stay. */
TEST(is_the_hwpts)
{
	struct iommu_dirty_source_info source[2] = {};
	struct iommu_dirty_tracker_info info;
	struct testbed bed, *b = &bed;
	struct vdev dev;
	__u32 hwpt_id;

	ASSERT_EQ(0, open_empty(b, false));
	ASSERT_EQ(0, testbed_map(b));
	ASSERT_EQ(0, attach(b, &b->dev, INTEL));
	ASSERT_EQ(0, iommufd_ioas_small_leaves(b->fd, b->ioas_id, true));
	ASSERT_EQ(0, vdev_open(&dev, b->fd, AMD_0));
	ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, dev.dev_id, b->ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
					&hwpt_id));
	ASSERT_EQ(0, iommufd_ioas_small_leaves(b->fd, b->ioas_id, false));
	ASSERT_EQ(0, vdev_attach(&dev, hwpt_id, NULL));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, source, 2));
	ASSERT_EQ(2, info.nr_sources);
	EXPECT_FALSE(source[0].flags & IOMMU_DIRTY_SOURCE_FINE);
	EXPECT_TRUE(source[1].flags & IOMMU_DIRTY_SOURCE_FINE);
	ASSERT_LT(0, write_sparse(&dev, 1000));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, compare(b, 1000));
	vdev_close(&dev);
	testbed_close(b);
}

TEST(option)
{
	struct testbed bed, *b = &bed;
	struct iommu_option cmd = {
		.size = sizeof(cmd),
		.option_id = IOMMU_OPTION_DIRTY_SMALL_LEAVES,
		.op = IOMMU_OPTION_OP_GET,
	};

	ASSERT_EQ(0, open_empty(b, true));
	cmd.object_id = b->ioas_id;
	ASSERT_EQ(0, ioctl(b->fd, IOMMU_OPTION, &cmd));
	EXPECT_EQ(1, cmd.val64);
	cmd.op = IOMMU_OPTION_OP_SET;
	cmd.val64 = 2;
	EXPECT_EQ(-1, ioctl(b->fd, IOMMU_OPTION, &cmd));
	EXPECT_EQ(EINVAL, errno);
	cmd.op = 7;
	EXPECT_EQ(-1, ioctl(b->fd, IOMMU_OPTION, &cmd));
	EXPECT_EQ(EOPNOTSUPP, errno);
	cmd.object_id = 12345;
	EXPECT_EQ(-1, ioctl(b->fd, IOMMU_OPTION, &cmd));
	EXPECT_EQ(ENOENT, errno);
	testbed_close(b);
}

static __u64 now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ull + t.tv_nsec / 1000;
}

/*
 * For a migration: a second HWPT with small leaves, filled while the device writes,
 * and a replace; and back. Nothing that was written before, in between or after is
 * lost.
 */
TEST_F(fine, migrates_there_and_back)
{
	struct testbed *b = &self->b;
	__u64 fill, pause;
	__u32 large, small;

	ASSERT_EQ(0, testbed_open_empty(b, true));
	if (huge_bytes(b) != RAM_SIZE)
		SKIP(return, "the kernel gave no huge pages");
	ASSERT_EQ(0, testbed_map(b));
	ASSERT_EQ(0, vdev_open(&b->dev, b->fd, variant->device));
	ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, b->dev.dev_id, b->ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &large));
	ASSERT_EQ(0, vdev_attach(&b->dev, large, NULL));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 3, 1));

	ASSERT_EQ(0, iommufd_ioas_small_leaves(b->fd, b->ioas_id, true));
	fill = now_us();
	ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, b->dev.dev_id, b->ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &small));
	fill = now_us() - fill;
	ASSERT_EQ(0, testbed_write(b, 700, 1));
	pause = now_us();
	ASSERT_EQ(0, vdev_attach(&b->dev, small, NULL));
	pause = now_us() - pause;
	TH_LOG("%llu MiB: fill %llu us, replace %llu us", RAM_SIZE >> 20, fill,
	       pause);
	ASSERT_EQ(0, testbed_write(b, 1400, 1));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_TRUE(testbed_bit(b, 3));
	EXPECT_TRUE(testbed_bit(b, 700));
	EXPECT_TRUE(testbed_bit(b, 1400));

	/* From the second READ on it is by pages */
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	ASSERT_LT(0, write_sparse(&b->dev, 513));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, compare(b, 513));

	ASSERT_EQ(0, testbed_write(b, 9, 1));
	ASSERT_EQ(0, vdev_attach(&b->dev, large, NULL));
	ASSERT_EQ(0, iommufd_destroy(b->fd, small));
	ASSERT_EQ(0, testbed_write(b, 2000, 1));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_TRUE(testbed_bit(b, 9));
	EXPECT_TRUE(testbed_bit(b, 2000));
}

/*
 * A HWPT to which a device moves while it is tracked has nothing of its own to report,
 * whether it was made before START or after, and though some IOMMUs have what is mapped
 * dirty from birth.
 */
TEST_F(fine, second_hwpt_is_clean)
{
	struct testbed *b = &self->b;
	__u32 hwpt[3];
	unsigned int i;

	ASSERT_EQ(0, testbed_open_empty(b, false));
	ASSERT_EQ(0, testbed_map(b));
	ASSERT_EQ(0, iommufd_ioas_small_leaves(b->fd, b->ioas_id, true));
	ASSERT_EQ(0, vdev_open(&b->dev, b->fd, variant->device));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, b->dev.dev_id, b->ioas_id,
						IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
						&hwpt[i]));
		if (i != 1)
			continue;
		ASSERT_EQ(0, vdev_attach(&b->dev, hwpt[0], NULL));
		ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0,
					   &b->tracker_id));
		ASSERT_EQ(0, testbed_start(b));
	}
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vdev_attach(&b->dev, hwpt[i], NULL));
		ASSERT_EQ(0, testbed_write(b, 100 * i, 3));
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		EXPECT_EQ(3, testbed_count(b));
		EXPECT_TRUE(testbed_bit(b, 100 * i));
		EXPECT_TRUE(testbed_bit(b, 100 * i + 2));
	}
}

TEST_HARNESS_MAIN
