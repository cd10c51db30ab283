// SPDX-License-Identifier: GPL-2.0-only
/*
 * The promises of the tracker, one at a time, behind every kind of IOMMU.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"

FIXTURE(track) {
	struct testbed b;
};

FIXTURE_VARIANT(track) {
	unsigned int device;
	const char *platform;
	bool gather;
};

FIXTURE_VARIANT_ADD(track, amd) {
	.device = AMD_0, .platform = "amd",
};

FIXTURE_VARIANT_ADD(track, amd_gather) {
	.device = AMD_GATHER, .platform = "amd", .gather = true,
};

FIXTURE_VARIANT_ADD(track, intel) {
	.device = INTEL, .platform = "intel",
};

FIXTURE_VARIANT_ADD(track, intel_gather) {
	.device = INTEL_GATHER, .platform = "intel", .gather = true,
};

FIXTURE_VARIANT_ADD(track, smmu) {
	.device = SMMU, .platform = "smmu-v3",
};

FIXTURE_VARIANT_ADD(track, smmu_gather) {
	.device = SMMU_GATHER, .platform = "smmu-v3", .gather = true,
};

FIXTURE_SETUP(track)
{
	ASSERT_EQ(0, testbed_open(&self->b, variant->device, false));
}

FIXTURE_TEARDOWN(track)
{
	testbed_close(&self->b);
}

/* With leaves of 4 KiB, what is reported is what was written. */
TEST_F(track, exact)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_source_info source = {};
	struct iommu_dirty_tracker_info info;
	struct tracker_read_out out;
	struct vdev_job job;
	unsigned int i;

	ASSERT_EQ(0, testbed_write(b, 0, 9));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(0, testbed_count(b));

	/* Runs, single pages, first and last page */
	ASSERT_EQ(0, testbed_write(b, 0, 1));
	ASSERT_EQ(0, testbed_write(b, 60, 9));
	ASSERT_EQ(0, testbed_write(b, 700, 1));
	ASSERT_EQ(0, testbed_write(b, 702, 2));
	ASSERT_EQ(0, testbed_write(b, RAM_PAGES - 1, 1));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(14, testbed_count(b));
	EXPECT_EQ(14 * PAGE, out.dirty_bytes);
	EXPECT_EQ(IOVA + RAM_SIZE, out.next_iova);
	EXPECT_EQ(0, out.flags);
	EXPECT_TRUE(testbed_bit(b, 0));
	for (i = 60; i < 69; i++)
		EXPECT_TRUE(testbed_bit(b, i));
	EXPECT_TRUE(testbed_bit(b, 700));
	EXPECT_TRUE(testbed_bit(b, 702));
	EXPECT_TRUE(testbed_bit(b, 703));
	EXPECT_TRUE(testbed_bit(b, RAM_PAGES - 1));

	/* Every third page */
	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = RAM_SIZE;
	job.pattern = VIRT_DMA_PATTERN_STRIDE;
	job.stride = 3;
	ASSERT_EQ(0, vdev_run(&b->dev, &job, 20000));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	for (i = 0; i < RAM_PAGES; i++)
		if (testbed_bit(b, i) != (i % 3 == 0))
			break;
	EXPECT_EQ(RAM_PAGES, i);

	/* What a device reads is not dirty, and neither is what was reported */
	job.op = VIRT_DMA_OP_READ;
	ASSERT_EQ(0, vdev_run(&b->dev, &job, 20000));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(0, testbed_count(b));

	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, &source, 1));
	EXPECT_STREQ(variant->platform, source.platform);
	EXPECT_EQ(variant->gather, !!(source.flags & IOMMU_DIRTY_SOURCE_GATHER));
	EXPECT_EQ(PAGE, source.largest);
	EXPECT_EQ(0, info.out_memory);
}

/* A page that is written again after it was reported is reported again. */
TEST_F(track, again)
{
	struct testbed *b = &self->b;
	unsigned int i;

	ASSERT_EQ(0, testbed_start(b));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, testbed_write(b, 100, 50));
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		EXPECT_EQ(50, testbed_count(b));
	}
}

/* START after STOP is clean, and STOP stops. */
TEST_F(track, stop)
{
	struct testbed *b = &self->b;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 1, 3));
	ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	EXPECT_EQ(-ENODATA, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	ASSERT_EQ(0, testbed_write(b, 5, 3));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, testbed_count(b));
	ASSERT_EQ(0, testbed_write(b, 9, 1));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(1, testbed_count(b));
}

/* Looking takes nothing away; bitmap, ranges and count agree. */
TEST_F(track, formats)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_range r[8] = {};
	struct tracker_read_out out;
	unsigned int i;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 10, 5));
	ASSERT_EQ(0, testbed_write(b, 63, 2));
	ASSERT_EQ(0, testbed_write(b, 4095, 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES,
					  IOMMU_DIRTY_TRACKER_READ_NO_CLEAR,
					  &out));
		EXPECT_EQ(8, testbed_count(b));
		EXPECT_EQ(8 * PAGE, out.dirty_bytes);
		ASSERT_EQ(0, tracker_count(b->fd, b->tracker_id, IOVA, RAM_SIZE,
					   PAGE, &out));
		EXPECT_EQ(8 * PAGE, out.dirty_bytes);
		ASSERT_EQ(0, tracker_count(b->fd, b->tracker_id, IOVA, RAM_SIZE,
					   HUGE, &out));
		EXPECT_EQ(2 * HUGE, out.dirty_bytes);
		ASSERT_EQ(3, tracker_read_ranges(
				     b->fd, b->tracker_id, IOVA, RAM_SIZE, PAGE,
				     r, 8, IOMMU_DIRTY_TRACKER_READ_NO_CLEAR,
				     &out));
		EXPECT_EQ(8 * PAGE, out.dirty_bytes);
	}
	ASSERT_EQ(3, tracker_read_ranges(b->fd, b->tracker_id, IOVA, RAM_SIZE,
					 PAGE, r, 8, 0, &out));
	EXPECT_EQ(IOVA + 10 * PAGE, r[0].iova);
	EXPECT_EQ(5 * PAGE, r[0].length);
	EXPECT_EQ(IOVA + 63 * PAGE, r[1].iova);
	EXPECT_EQ(2 * PAGE, r[1].length);
	EXPECT_EQ(IOVA + 4095 * PAGE, r[2].iova);
	EXPECT_EQ(PAGE, r[2].length);
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, testbed_count(b));
}

/* Bits are numbered from iova, and ORed in; coarser folds. */
TEST_F(track, bits)
{
	struct testbed *b = &self->b;
	struct tracker_read_out out;
	__u64 bits[2] = { 1ull << 40, 0 };

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 64 + 13, 2));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id,
					 IOVA + 13 * PAGE, 100 * PAGE, PAGE,
					 bits, 0, &out));
	EXPECT_EQ(1ull << 40, bits[0]);
	EXPECT_EQ(3, bits[1]);
	EXPECT_EQ(2 * PAGE, out.dirty_bytes);

	ASSERT_EQ(0, testbed_write(b, 512 * 3 + 7, 1));
	bits[0] = 0;
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, IOVA, RAM_SIZE,
					 HUGE, bits, 0, &out));
	EXPECT_EQ(8, bits[0]);
	EXPECT_EQ(HUGE, out.dirty_bytes);
}

/* A full buffer ends a READ, and the rest comes with the next one. */
TEST_F(track, ranges_resume)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_range r[2];
	struct tracker_read_out out;
	unsigned int i, n = 0, calls = 0;
	__u64 at = IOVA;

	ASSERT_EQ(0, testbed_start(b));
	for (i = 0; i < 7; i++)
		ASSERT_EQ(0, testbed_write(b, 100 * i, 3));
	while (at < IOVA + RAM_SIZE && calls++ < 10) {
		int got = tracker_read_ranges(b->fd, b->tracker_id, at,
					      IOVA + RAM_SIZE - at, PAGE, r, 2,
					      0, &out);

		ASSERT_LE(0, got);
		for (i = 0; i < (unsigned int)got; i++, n++) {
			EXPECT_EQ(IOVA + 100 * n * PAGE, r[i].iova);
			EXPECT_EQ(3 * PAGE, r[i].length);
		}
		at = out.next_iova;
	}
	EXPECT_EQ(7, n);
	EXPECT_EQ(4, calls);
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, testbed_count(b));
}

/* The bitmap ends half way: what did not arrive comes with the next READ. */
TEST_F(track, fault)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_read cmd = {
		.tracker_id = b->tracker_id,
		.iova = IOVA,
		.length = RAM_SIZE,
		.page_size = PAGE,
		.data_len = sizeof(b->bits),
	};
	char *map;
	__u64 *half;

	map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, munmap(map + PAGE, PAGE));
	/* The last 16 words before the hole: 1024 of 4096 pages */
	half = (__u64 *)(map + PAGE) - 16;
	cmd.data = (__u64)(uintptr_t)half;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 0, RAM_PAGES));
	EXPECT_EQ(-EFAULT, tracker_read(b->fd, &cmd));
	ASSERT_LE(IOVA, cmd.out_next_iova);
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	/* Everything that was not delivered, and so is below next_iova */
	EXPECT_LE(RAM_PAGES - (cmd.out_next_iova - IOVA) / PAGE,
		  testbed_count(b));
	EXPECT_TRUE(testbed_bit(b, RAM_PAGES - 1));
	munmap(map, PAGE);
}

/* A READ that is killed loses nothing. */
TEST_F(track, killed)
{
	struct testbed *b = &self->b;
	unsigned int i, n, round;
	__u64 *bits;

	bits = mmap(NULL, sizeof(b->bits), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, bits);
	ASSERT_EQ(0, testbed_start(b));
	for (round = 0; round < 8; round++) {
		pid_t pid;

		memset(bits, 0, sizeof(b->bits));
		ASSERT_EQ(0, testbed_write(b, 0, RAM_PAGES));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			for (;;)
				tracker_read_bitmap(b->fd, b->tracker_id, IOVA,
						    RAM_SIZE, PAGE, bits, 0,
						    NULL);
		usleep(round * 300);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		for (i = n = 0; i < RAM_WORDS; i++)
			n += __builtin_popcountll(bits[i] | b->bits[i]);
		EXPECT_EQ(RAM_PAGES, n) {
			for (i = 0; i < RAM_WORDS; i++)
				if (~(bits[i] | b->bits[i]))
					TH_LOG("round %u word %u: killed %llx, then %llx", round, i, bits[i], b->bits[i]);
		}
	}
}

/* What is mapped and attached later is tracked as well. */
TEST_F(track, map_later)
{
	struct testbed *b = &self->b;
	char *more;

	ASSERT_EQ(0, testbed_start(b));
	more = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, more);
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, more, 16 * PAGE,
				      IOVA + RAM_SIZE, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, testbed_write(b, RAM_PAGES + 5, 2));
	ASSERT_EQ(0, testbed_read(b, RAM_PAGES, 16, 0, NULL));
	EXPECT_TRUE(testbed_bit(b, 5));
	EXPECT_TRUE(testbed_bit(b, 6));
}

/* Unmapping keeps the dirty pages; the IOVA is clean after it was read. */
TEST_F(track, unmap)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_info info;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 7, 3));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE,
					NULL));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, NULL, 0));
	EXPECT_EQ(3 * PAGE, info.out_pending_bytes);
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(3, testbed_count(b));
	EXPECT_TRUE(testbed_bit(b, 7));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, testbed_count(b));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, NULL, 0));
	EXPECT_EQ(0, info.out_memory);
}

static int unmap_cmd(struct testbed *b, struct iommu_dirty_tracker_unmap *cmd,
		     __u32 flags)
{
	memset(b->bits, 0, sizeof(b->bits));
	*cmd = testbed_unmap_cmd(b);
	cmd->flags = flags;
	return tracker_unmap(b->fd, cmd);
}

/* UNMAP delivers what was dirty in what it unmaps. */
TEST_F(track, unmap_delivers)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_info info;
	struct iommu_dirty_tracker_unmap cmd;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 7, 3));
	ASSERT_EQ(0, unmap_cmd(b, &cmd, 0));
	EXPECT_EQ(RAM_SIZE, cmd.out_unmapped);
	EXPECT_EQ(3 * PAGE, cmd.out_dirty_bytes);
	EXPECT_EQ(IOVA + RAM_SIZE, cmd.out_next_iova);
	EXPECT_EQ(3, testbed_count(b));
	EXPECT_TRUE(testbed_bit(b, 7));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, NULL, 0));
	EXPECT_EQ(0, info.out_pending_bytes);
	EXPECT_EQ(-ENOENT, unmap_cmd(b, &cmd, 0));
	EXPECT_EQ(0, cmd.out_unmapped);
}

/* With CONSERVATIVE everything writable; a device may be at it right now. */
TEST_F(track, unmap_conservative)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_unmap cmd;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, unmap_cmd(b, &cmd,
			       IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE));
	EXPECT_EQ(RAM_PAGES, testbed_count(b));
	EXPECT_EQ(RAM_SIZE, cmd.out_dirty_bytes);
	/* And only this once */
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE, IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	ASSERT_EQ(0, unmap_cmd(b, &cmd, 0));
	EXPECT_EQ(0, testbed_count(b));
}

/* Also with CONSERVATIVE, what devices can only read is not dirty. */
TEST_F(track, unmap_conservative_read_only)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_unmap cmd;

	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 16 * PAGE, IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 16 * PAGE,
				      IOVA + 32 * PAGE, IOMMU_IOAS_MAP_READABLE));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, unmap_cmd(b, &cmd, IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE));
	EXPECT_EQ(32 * PAGE, cmd.out_unmapped);
	EXPECT_EQ(16, testbed_count(b));
	EXPECT_TRUE(testbed_bit(b, 0) && testbed_bit(b, 15));
}

/* The report fails: it is unmapped, and the next READ has the dirty pages. */
TEST_F(track, unmap_fault)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_unmap cmd = {
		.flags = IOMMU_DIRTY_TRACKER_UNMAP_RANGES,
		.tracker_id = b->tracker_id,
		.iova = IOVA,
		.length = RAM_SIZE,
		.page_size = PAGE,
		.data = 4096,
		.data_len = 160,
	};
	struct iommu_dirty_range range;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 7, 3));
	EXPECT_EQ(-EFAULT, tracker_unmap(b->fd, &cmd));
	EXPECT_EQ(RAM_SIZE, cmd.out_unmapped);
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(3, testbed_count(b));

	/* A buffer that is too small is no failure */
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE, IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	ASSERT_EQ(0, testbed_write(b, 7, 3));
	ASSERT_EQ(0, testbed_write(b, 20, 1));
	cmd.data = (__u64)(uintptr_t)&range;
	cmd.data_len = sizeof(range);
	ASSERT_EQ(0, tracker_unmap(b->fd, &cmd));
	EXPECT_EQ(1, cmd.out_nr_ranges);
	EXPECT_EQ(IOVA + 7 * PAGE, range.iova);
	EXPECT_EQ(3 * PAGE, range.length);
	EXPECT_EQ(IOVA + 20 * PAGE, cmd.out_next_iova);
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(1, testbed_count(b));
	EXPECT_TRUE(testbed_bit(b, 20));
}

/* Detaching the last device destroys its HWPT, and the dirty pages survive. */
TEST_F(track, detach)
{
	struct testbed *b = &self->b;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 7, 3));
	ASSERT_EQ(0, vdev_detach(&b->dev));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(3, testbed_count(b));

	/* And a device that comes back is tracked from its first write on */
	ASSERT_EQ(0, vdev_attach(&b->dev, b->ioas_id, &b->hwpt_id));
	ASSERT_EQ(0, testbed_write(b, 90, 2));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_TRUE(testbed_bit(b, 90));
	EXPECT_TRUE(testbed_bit(b, 91));
}

/* A source that breaks is replaced by "all that is mapped" until START. */
TEST_F(track, degraded)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_source_info source = {};
	struct iommu_dirty_tracker_info info;
	struct tracker_read_out out;

	if (device_has_generic_pt(variant->device))
		SKIP(return, "its driver does not read dirty bits");
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 3, 1));
	ASSERT_EQ(0, virt_set("fail_read", "1"));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_DEGRADED, out.flags);
	EXPECT_EQ(RAM_PAGES, testbed_count(b));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(RAM_PAGES, testbed_count(b));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, &source, 1));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, source.kind);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_FAILED, source.state);
	EXPECT_EQ(1, source.failures);

	ASSERT_EQ(0, testbed_write(b, 5, 1));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(0, out.flags);
	EXPECT_EQ(RAM_PAGES, testbed_count(b));
	ASSERT_EQ(0, testbed_write(b, 8, 1));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(1, testbed_count(b));
}

/* Out of memory for bits: more is reported, never less. */
TEST_F(track, no_memory)
{
	struct testbed *b = &self->b;
	unsigned int i;

	ASSERT_EQ(0, testbed_start(b));
	for (i = 1; i < 6; i++) {
		char every[4];

		snprintf(every, sizeof(every), "%u", i);
		ASSERT_EQ(0, testbed_write(b, 40 * i, 2));
		ASSERT_EQ(0, parameter_set("iommufd", "dirty_fail_alloc", every));
		EXPECT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		ASSERT_EQ(0, parameter_set("iommufd", "dirty_fail_alloc", "0"));
		EXPECT_TRUE(testbed_bit(b, 40 * i));
		EXPECT_TRUE(testbed_bit(b, 40 * i + 1));
	}
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	ASSERT_EQ(0, testbed_write(b, 9, 1));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(1, testbed_count(b));
}

/* No source: all that is mapped writable, at every READ, with the flag. */
TEST(untracked)
{
	struct iommu_dirty_source_info source = {};
	struct iommu_dirty_tracker_info info;
	struct tracker_read_out out;
	__u32 ioas_id, id, flags;
	struct testbed bed, *b = &bed;

	ASSERT_EQ(0, testbed_open(b, UNTRACKED, false));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 4 * PAGE,
				      IOVA + RAM_SIZE,
				      IOMMU_IOAS_MAP_READABLE));
	ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id,
				 IOMMU_DIRTY_TRACKER_ENABLE, NULL, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, flags);
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(RAM_PAGES, testbed_count(b));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, out.flags);
	ASSERT_EQ(0, testbed_read(b, 9, 20, 0, &out));
	EXPECT_EQ(20, testbed_count(b));
	ASSERT_EQ(0, testbed_read(b, RAM_PAGES, 4, 0, &out));
	EXPECT_EQ(0, testbed_count(b));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, &source, 1));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, source.kind);
	EXPECT_STREQ("none", source.platform);

	/* When it has left, what it may have written stays to be read */
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	ASSERT_EQ(0, vdev_detach(&b->dev));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(RAM_PAGES, testbed_count(b));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(0, testbed_count(b));
	EXPECT_EQ(0, out.flags);

	/* REQUIRE_PRECISE: not at START, and not at a later attach */
	ASSERT_EQ(0, iommufd_ioas_alloc(b->fd, &ioas_id));
	ASSERT_EQ(0, tracker_alloc(b->fd, ioas_id, IOMMU_DIRTY_POLICY_AUTO,
				   IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE, 0,
				   &id));
	ASSERT_EQ(0, vdev_attach(&b->dev, ioas_id, NULL));
	EXPECT_EQ(-ENXIO, tracker_set(b->fd, id, IOMMU_DIRTY_TRACKER_ENABLE,
				      NULL, NULL));
	ASSERT_EQ(0, vdev_detach(&b->dev));
	EXPECT_EQ(0, tracker_set(b->fd, id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	EXPECT_EQ(-ENXIO, vdev_attach(&b->dev, ioas_id, NULL));
	EXPECT_EQ(0, tracker_set(b->fd, id, 0, NULL, NULL));
	EXPECT_EQ(0, vdev_attach(&b->dev, ioas_id, NULL));
	testbed_close(b);
}

/* Several IOMMUs in one IOAS: one answer. */
TEST(mixed)
{
	static const unsigned int others[] = { INTEL, SMMU_GATHER, AMD_GATHER };
	struct testbed bed, *b = &bed;
	struct vdev dev[3];
	struct tracker_read_out out;
	unsigned int i;

	ASSERT_EQ(0, testbed_open(b, AMD_0, false));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vdev_open(&dev[i], b->fd, others[i]));
		ASSERT_EQ(0, vdev_attach(&dev[i], b->ioas_id, NULL));
	}
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 1, 1));
	for (i = 0; i < 3; i++) {
		struct vdev_job job;

		vdev_job_init(&job);
		job.iova = IOVA + 100 * (i + 1) * PAGE;
		job.length = 2 * PAGE;
		ASSERT_EQ(0, vdev_run(&dev[i], &job, 20000));
	}
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(7, testbed_count(b));
	EXPECT_EQ(0, out.flags);
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(testbed_bit(b, 100 * (i + 1)));
		EXPECT_TRUE(testbed_bit(b, 100 * (i + 1) + 1));
		vdev_close(&dev[i]);
	}
	testbed_close(b);
}

TEST_HARNESS_MAIN
