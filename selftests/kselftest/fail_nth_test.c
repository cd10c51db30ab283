// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation and every copy of one ioctl fails in turn. Nothing may be
 * lost by it: what the device wrote is reported by the READ that failed and the
 * next one together, and an ioctl that failed works when it is called again.
 *
 * Needs a kernel with fault injection (make test DEBUG=1), which tells splats
 * and leaks too. FAIL_NTH=all tries each place; without, later ones are sampled.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"

#define EXTRA_IOVA (IOVA + (1ull << 30))
#define EXTRA_PAGES 96
#define LIMIT 3000
#define SECONDS 600

FIXTURE(fail_nth) {
	struct bench b;
	struct vdev second;
	char *extra;
	int nth_fd;
	bool all;
	__u64 before[RAM_WORDS];
};

FIXTURE_VARIANT(fail_nth) {
	unsigned int device;
	unsigned int second;
};

FIXTURE_VARIANT_ADD(fail_nth, amd) {
	.device = AMD_0, .second = INTEL,
};

FIXTURE_VARIANT_ADD(fail_nth, amd_gather) {
	.device = AMD_GATHER, .second = SMMU_GATHER,
};

FIXTURE_VARIANT_ADD(fail_nth, smmu) {
	.device = SMMU, .second = INTEL_GATHER,
};

FIXTURE_VARIANT_ADD(fail_nth, mapped) {
	.device = UNTRACKED, .second = AMD_0,
};

static bool prepare_injection(void)
{
	static const char *const settings[] = {
		"failslab/ignore-gfp-wait", "fail_page_alloc/ignore-gfp-wait",
		"fail_page_alloc/ignore-gfp-highmem",
	};
	static const char *const quiet[] = {
		"failslab", "fail_page_alloc", "fail_usercopy",
	};
	char path[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", settings[i]);
		if (sysfs_write(path, "N"))
			return false;
	}
	for (i = 0; i < ARRAY_SIZE(quiet); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/verbose",
			 quiet[i]);
		sysfs_write(path, "0");
	}
	return true;
}

FIXTURE_SETUP(fail_nth)
{
	const char *all = getenv("FAIL_NTH");

	self->second.fd = -1;
	self->b.fd = -1;
	self->b.dev.fd = -1;
	self->all = all && !strcmp(all, "all");
	self->nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	if (self->nth_fd < 0 || !prepare_injection())
		SKIP(return, "this kernel has no fault injection");
	ASSERT_EQ(0, bench_open(&self->b, variant->device, false));
	ASSERT_EQ(0, vdev_open(&self->second, self->b.fd, variant->second));
	self->extra = mmap(NULL, EXTRA_PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, self->extra);
}

FIXTURE_TEARDOWN(fail_nth)
{
	if (self->second.fd >= 0)
		vdev_close(&self->second);
	bench_close(&self->b);
	if (self->nth_fd >= 0)
		close(self->nth_fd);
}

/* The n-th place of what this thread asks of the kernel from here on fails. */
static void arm(int nth_fd, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(nth_fd, text, len, 0) != len)
		perror("fail-nth");
}

/* Returns whether it came to that. */
static bool disarm(int nth_fd)
{
	char text[16] = "";
	int rc = pread(nth_fd, text, sizeof(text) - 1, 0);
	/* Taking it back may be what fails, when nothing before did */
	bool hit = rc > 0 && atoi(text) == 0;

	while (pwrite(nth_fd, "0", 1, 0) != 1)
		;
	return hit;
}

/* Every place at first, since they differ; of the many later ones some. */
static unsigned int next_n(unsigned int n, bool all)
{
	return all || n < 24 ? n + 1 : n + n / 8;
}

/*
 * Call it with each place failing; @again puts right what is to be called once
 * more. Ends with the first call in which nothing failed.
 */
#define EACH_NTH(n, hit) \
	for (n = 1, hit = true; hit && n < LIMIT; n = next_n(n, self->all))

#define INJECTED(n, hit, rc, call) do {	\
	arm(self->nth_fd, n);		\
	rc = (call);			\
	hit = disarm(self->nth_fd);	\
	if (!hit)			\
		ASSERT_EQ(0, rc);	\
} while (0)

static bool in_both(const struct bench *b, const __u64 *before, __u64 page,
		    __u64 pages)
{
	__u64 i;

	for (i = page; i < page + pages; i++)
		if (!((b->bits[i / 64] | before[i / 64]) >> (i % 64) & 1))
			return false;
	return true;
}

static int write_extra(struct vdev *dev, __u64 page, __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = EXTRA_IOVA + page * PAGE;
	job.length = pages * PAGE;
	job.seed = 2;
	return vdev_run(dev, &job, 20000);
}

/* Dirt of the extra area, up to 64 pages of it. */
static __u64 read_extra(const struct bench *b)
{
	__u64 bits[2] = {};

	if (tracker_read_bitmap(b->fd, b->tracker_id, EXTRA_IOVA,
				EXTRA_PAGES * PAGE, PAGE, bits, 0, NULL))
		return 0;
	return bits[0];
}

TEST_F_TIMEOUT(fail_nth, alloc_start_stop_destroy, SECONDS)
{
	struct bench *b = &self->b;
	unsigned int n;
	bool hit;
	int rc;

	EACH_NTH(n, hit) {
		ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
		INJECTED(n, hit, rc, tracker_alloc(b->fd, b->ioas_id,
						   IOMMU_DIRTY_POLICY_AUTO, 0, 0,
						   &b->tracker_id));
		if (rc)
			ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id,
						   IOMMU_DIRTY_POLICY_AUTO, 0, 0,
						   &b->tracker_id));
	}
	EACH_NTH(n, hit) {
		INJECTED(n, hit, rc, bench_start(b));
		if (rc)
			ASSERT_EQ(0, bench_start(b));
		ASSERT_EQ(0, bench_write(b, 5, 3));
		ASSERT_EQ(0, bench_read(b, 0, RAM_PAGES, 0, NULL));
		memset(self->before, 0, sizeof(self->before));
		ASSERT_TRUE(in_both(b, self->before, 5, 3));
		ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	}
	EACH_NTH(n, hit) {
		ASSERT_EQ(0, bench_start(b));
		INJECTED(n, hit, rc, tracker_set(b->fd, b->tracker_id, 0, NULL,
						 NULL));
		if (rc)
			ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL,
						 NULL));
	}
	EACH_NTH(n, hit) {
		ASSERT_EQ(0, bench_start(b));
		INJECTED(n, hit, rc, iommufd_destroy(b->fd, b->tracker_id));
		if (rc)
			ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
		ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id,
					   IOMMU_DIRTY_POLICY_AUTO, 0, 0,
					   &b->tracker_id));
	}
}

/* To small leaves and back: what fails changes nothing, and all is reported. */
TEST_F_TIMEOUT(fail_nth, split, SECONDS)
{
	struct bench *b = &self->b;
	unsigned int n;
	bool hit;
	int rc;

	bench_close(b);
	ASSERT_EQ(0, bench_open(b, variant->device, true));
	EACH_NTH(n, hit) {
		ASSERT_EQ(0, bench_start(b));
		ASSERT_EQ(0, bench_write(b, 5, 3));
		INJECTED(n, hit, rc, tracker_set(b->fd, b->tracker_id,
						 IOMMU_DIRTY_TRACKER_ENABLE |
							 IOMMU_DIRTY_TRACKER_SPLIT,
						 NULL, NULL));
		ASSERT_EQ(0, bench_write(b, 700, 3)) {
			TH_LOG("after allocation %u failed: %d", n, rc);
		}
		ASSERT_EQ(0, bench_read(b, 0, RAM_PAGES, 0, NULL));
		memset(self->before, 0, sizeof(self->before));
		ASSERT_TRUE(in_both(b, self->before, 5, 3));
		ASSERT_TRUE(in_both(b, self->before, 700, 3));
		ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	}
	EACH_NTH(n, hit) {
		ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id,
					 IOMMU_DIRTY_TRACKER_ENABLE |
						 IOMMU_DIRTY_TRACKER_SPLIT,
					 NULL, NULL));
		INJECTED(n, hit, rc, tracker_set(b->fd, b->tracker_id, 0, NULL,
						 NULL));
		ASSERT_EQ(0, bench_write(b, 0, RAM_PAGES));
	}
}

TEST_F_TIMEOUT(fail_nth, read, SECONDS)
{
	struct bench *b = &self->b;
	unsigned int n;
	bool hit;
	int rc;

	ASSERT_EQ(0, bench_start(b));
	EACH_NTH(n, hit) {
		ASSERT_EQ(0, bench_write(b, 7, 2));
		ASSERT_EQ(0, bench_write(b, 1000, 70));
		ASSERT_EQ(0, bench_write(b, RAM_PAGES - 1, 1));
		INJECTED(n, hit, rc, bench_read(b, 0, RAM_PAGES, 0, NULL));
		memcpy(self->before, b->bits, sizeof(b->bits));
		ASSERT_EQ(0, bench_read(b, 0, RAM_PAGES, 0, NULL));
		ASSERT_TRUE(in_both(b, self->before, 7, 2)) {
			TH_LOG("place %u, status %d", n, rc);
		}
		ASSERT_TRUE(in_both(b, self->before, 1000, 70));
		ASSERT_TRUE(in_both(b, self->before, RAM_PAGES - 1, 1));
	}
}

/* Looking must not take dirt away, whatever fails. */
TEST_F_TIMEOUT(fail_nth, peek_ranges_count_info, SECONDS)
{
	struct bench *b = &self->b;
	struct iommu_dirty_source_info sources[4];
	struct iommu_dirty_tracker_info info;
	struct iommu_dirty_range r[4] = {};
	struct tracker_read_out out;
	unsigned int n;
	bool hit;
	int rc;

	ASSERT_EQ(0, bench_start(b));
	ASSERT_EQ(0, bench_write(b, 20, 3));
	ASSERT_EQ(0, bench_write(b, 3000, 1));
	EACH_NTH(n, hit)
		INJECTED(n, hit, rc,
			 bench_read(b, 0, RAM_PAGES,
				    IOMMU_DIRTY_TRACKER_READ_NO_CLEAR, NULL));
	EACH_NTH(n, hit)
		INJECTED(n, hit, rc,
			 tracker_count(b->fd, b->tracker_id, IOVA, RAM_SIZE,
				       PAGE, &out));
	EACH_NTH(n, hit) {
		arm(self->nth_fd, n);
		rc = tracker_read_ranges(b->fd, b->tracker_id, IOVA, RAM_SIZE,
					 PAGE, r, 4,
					 IOMMU_DIRTY_TRACKER_READ_NO_CLEAR,
					 &out);
		hit = disarm(self->nth_fd);
		if (!hit)
			ASSERT_LE(1, rc);
	}
	EACH_NTH(n, hit)
		INJECTED(n, hit, rc, tracker_info(b->fd, b->tracker_id, &info,
						  sources, 4) < 0);
	memset(self->before, 0, sizeof(self->before));
	ASSERT_EQ(0, bench_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_TRUE(in_both(b, self->before, 20, 3));
	EXPECT_TRUE(in_both(b, self->before, 3000, 1));
}

TEST_F_TIMEOUT(fail_nth, map_unmap, SECONDS)
{
	struct bench *b = &self->b;
	unsigned int n;
	bool hit;
	int rc;

	ASSERT_EQ(0, bench_start(b));
	EACH_NTH(n, hit) {
		INJECTED(n, hit, rc,
			 iommufd_ioas_map(b->fd, b->ioas_id, self->extra,
					  EXTRA_PAGES * PAGE, EXTRA_IOVA,
					  IOMMUFD_MAP_RW));
		/* It is mapped if only the answer failed */
		if (rc)
			iommufd_ioas_map(b->fd, b->ioas_id, self->extra,
					 EXTRA_PAGES * PAGE, EXTRA_IOVA,
					 IOMMUFD_MAP_RW);
		ASSERT_EQ(0, write_extra(&b->dev, 3, 40));
		ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, EXTRA_IOVA,
						EXTRA_PAGES * PAGE, NULL));
		ASSERT_EQ(((1ull << 40) - 1) << 3,
			  read_extra(b) & ((1ull << 40) - 1) << 3);
	}
	EACH_NTH(n, hit) {
		ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, self->extra,
					      EXTRA_PAGES * PAGE, EXTRA_IOVA,
					      IOMMUFD_MAP_RW));
		ASSERT_EQ(0, write_extra(&b->dev, 9, 2));
		INJECTED(n, hit, rc,
			 iommufd_ioas_unmap(b->fd, b->ioas_id, EXTRA_IOVA,
					    EXTRA_PAGES * PAGE, NULL));
		if (rc)
			/* Nothing is there any more if only the answer failed */
			iommufd_ioas_unmap(b->fd, b->ioas_id, EXTRA_IOVA,
					   EXTRA_PAGES * PAGE, NULL);
		ASSERT_EQ(3ull << 9, read_extra(b) & 3ull << 9) {
			TH_LOG("place %u, status %d", n, rc);
		}
	}
}

TEST_F_TIMEOUT(fail_nth, attach_detach, SECONDS)
{
	struct bench *b = &self->b;
	unsigned int n;
	__u32 hwpt_id;
	bool hit;
	int rc;

	ASSERT_EQ(0, bench_start(b));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, self->extra,
				      EXTRA_PAGES * PAGE, EXTRA_IOVA,
				      IOMMUFD_MAP_RW));
	EACH_NTH(n, hit) {
		INJECTED(n, hit, rc, vdev_attach(&self->second, b->ioas_id,
						 &hwpt_id));
		/* Attached, if only the answer failed */
		if (rc)
			vdev_attach(&self->second, b->ioas_id, &hwpt_id);
		ASSERT_EQ(0, write_extra(&self->second, 30, 3));
		ASSERT_EQ(7ull << 30, read_extra(b) & 7ull << 30) {
			TH_LOG("place %u, status %d", n, rc);
		}
		ASSERT_EQ(0, vdev_detach(&self->second));
		read_extra(b);
	}
	EACH_NTH(n, hit) {
		ASSERT_EQ(0, vdev_attach(&self->second, b->ioas_id, &hwpt_id));
		ASSERT_EQ(0, write_extra(&self->second, 50, 4));
		INJECTED(n, hit, rc, vdev_detach(&self->second));
		if (rc)
			ASSERT_EQ(0, vdev_detach(&self->second));
		ASSERT_EQ(15ull << 50, read_extra(b) & 15ull << 50) {
			TH_LOG("place %u, status %d", n, rc);
		}
	}
}

/* Tear-down cannot fail. */
TEST_F_TIMEOUT(fail_nth, close, SECONDS)
{
	unsigned int n;
	bool hit;
	int rc;

	vdev_close(&self->second);
	EACH_NTH(n, hit) {
		bench_close(&self->b);
		ASSERT_EQ(0, bench_open(&self->b, variant->device, false));
		ASSERT_EQ(0, bench_start(&self->b));
		ASSERT_EQ(0, bench_write(&self->b, 0, 100));
		vdev_close(&self->b.dev);
		INJECTED(n, hit, rc, close(self->b.fd));
		self->b.fd = -1;
		munmap(self->b.ram, RAM_SIZE);
	}
}

TEST_HARNESS_MAIN
