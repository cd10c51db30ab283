// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation and each copy of an ioctl fails in turn, or all allocations fail that
 * exceed a small amount of memory. Nothing may be lost: the READ that failed and the
 * next one together report what the device wrote, and an ioctl that failed works when
 * it is called again.
 *
 * Needs a kernel with fault injection (make test DEBUG=1), which also reports splats
 * and leaks. FAIL_NTH=all tries each place; without it later places are sampled.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"
#include "inject.h"

#define EXTRA_IOVA (IOVA + (1ull << 30))
#define EXTRA_PAGES 96
/* More places, far apart, than a set without memory has ranges */
#define PLACES 12
#define PLACE_SIZE (1ull << 30)
#define STARVED_UP_TO 8192
#define LIMIT 3000
#define SECONDS 600

FIXTURE(fail_nth) {
	struct testbed b;
	struct vdev second;
	char *extra;
	struct injector in;
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

FIXTURE_SETUP(fail_nth)
{
	self->second.fd = -1;
	self->b.fd = -1;
	self->b.dev.fd = -1;
	if (inject_open(&self->in))
		SKIP(return, "this kernel has no fault injection");
	ASSERT_EQ(0, testbed_open(&self->b, variant->device, false));
	ASSERT_EQ(0, vdev_open(&self->second, self->b.fd, variant->second));
	self->extra = mmap(NULL, EXTRA_PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, self->extra);
}

FIXTURE_TEARDOWN(fail_nth)
{
	if (self->second.fd >= 0)
		vdev_close(&self->second);
	testbed_close(&self->b);
	inject_close(&self->in);
}

/*
 * Call it with each place failing; @again puts right what is to be called once
 * more. Ends with the first call in which nothing failed.
 */
#define EACH_NTH(n, hit) \
	for (n = 1, hit = true; hit && n < LIMIT; n = inject_next(n, 24))

#define INJECTED(n, hit, rc, call) do {	\
	inject_nth(&self->in, n);	\
	rc = (call);			\
	hit = inject_done(&self->in);	\
	if (!hit)			\
		ASSERT_EQ(0, rc);	\
} while (0)

static bool in_both(const struct testbed *b, const __u64 *before, __u64 page,
		    __u64 pages)
{
	__u64 i;

	for (i = page; i < page + pages; i++)
		if (!((b->bits[i / 64] | before[i / 64]) >> (i % 64) & 1))
			return false;
	return true;
}

static int write_at(struct vdev *dev, __u64 iova, __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = iova;
	job.length = pages * PAGE;
	job.seed = 2;
	return vdev_run(dev, &job, 20000);
}

static int write_extra(struct vdev *dev, __u64 page, __u64 pages)
{
	return write_at(dev, EXTRA_IOVA + page * PAGE, pages);
}

/* Dirty pages of the extra area, up to 64 of them. */
static __u64 read_extra(const struct testbed *b)
{
	__u64 bits[2] = {};

	if (tracker_read_bitmap(b->fd, b->tracker_id, EXTRA_IOVA,
				EXTRA_PAGES * PAGE, PAGE, bits, 0, NULL))
		return 0;
	return bits[0];
}

/* Is this page dirty? */
static int read_page(const struct testbed *b, __u64 iova)
{
	__u64 bit = 0;
	int rc = tracker_read_bitmap(b->fd, b->tracker_id, iova, PAGE, PAGE, &bit,
				     0, NULL);

	return rc ? rc : (int)(bit & 1);
}

TEST_F_TIMEOUT(fail_nth, alloc_start_stop_destroy, SECONDS)
{
	struct testbed *b = &self->b;
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
		INJECTED(n, hit, rc, testbed_start(b));
		if (rc)
			ASSERT_EQ(0, testbed_start(b));
		ASSERT_EQ(0, testbed_write(b, 5, 3));
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		memset(self->before, 0, sizeof(self->before));
		ASSERT_TRUE(in_both(b, self->before, 5, 3));
		ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	}
	EACH_NTH(n, hit) {
		ASSERT_EQ(0, testbed_start(b));
		INJECTED(n, hit, rc, tracker_set(b->fd, b->tracker_id, 0, NULL,
						 NULL));
		if (rc)
			ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL,
						 NULL));
	}
	EACH_NTH(n, hit) {
		ASSERT_EQ(0, testbed_start(b));
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
	struct testbed *b = &self->b;
	unsigned int n;
	bool hit;
	int rc;

	testbed_close(b);
	ASSERT_EQ(0, testbed_open(b, variant->device, true));
	EACH_NTH(n, hit) {
		ASSERT_EQ(0, testbed_start(b));
		ASSERT_EQ(0, testbed_write(b, 5, 3));
		INJECTED(n, hit, rc, tracker_set(b->fd, b->tracker_id,
						 IOMMU_DIRTY_TRACKER_ENABLE |
							 IOMMU_DIRTY_TRACKER_SPLIT,
						 NULL, NULL));
		ASSERT_EQ(0, testbed_write(b, 700, 3)) {
			TH_LOG("after allocation %u failed: %d", n, rc);
		}
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
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
		ASSERT_EQ(0, testbed_write(b, 0, RAM_PAGES));
	}
}

TEST_F_TIMEOUT(fail_nth, read, SECONDS)
{
	struct testbed *b = &self->b;
	unsigned int n;
	bool hit;
	int rc;

	ASSERT_EQ(0, testbed_start(b));
	EACH_NTH(n, hit) {
		ASSERT_EQ(0, testbed_write(b, 7, 2));
		ASSERT_EQ(0, testbed_write(b, 1000, 70));
		ASSERT_EQ(0, testbed_write(b, RAM_PAGES - 1, 1));
		INJECTED(n, hit, rc, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		memcpy(self->before, b->bits, sizeof(b->bits));
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		ASSERT_TRUE(in_both(b, self->before, 7, 2)) {
			TH_LOG("place %u, status %d", n, rc);
		}
		ASSERT_TRUE(in_both(b, self->before, 1000, 70));
		ASSERT_TRUE(in_both(b, self->before, RAM_PAGES - 1, 1));
	}
}

/* A peek must not take dirty pages away, whatever fails. */
TEST_F_TIMEOUT(fail_nth, peek_ranges_count_info, SECONDS)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_source_info sources[4];
	struct iommu_dirty_tracker_info info;
	struct iommu_dirty_range r[4] = {};
	struct tracker_read_out out;
	unsigned int n;
	bool hit;
	int rc;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 20, 3));
	ASSERT_EQ(0, testbed_write(b, 3000, 1));
	EACH_NTH(n, hit)
		INJECTED(n, hit, rc,
			 testbed_read(b, 0, RAM_PAGES,
				      IOMMU_DIRTY_TRACKER_READ_NO_CLEAR, NULL));
	EACH_NTH(n, hit)
		INJECTED(n, hit, rc,
			 tracker_count(b->fd, b->tracker_id, IOVA, RAM_SIZE,
				       PAGE, &out));
	EACH_NTH(n, hit) {
		inject_nth(&self->in, n);
		rc = tracker_read_ranges(b->fd, b->tracker_id, IOVA, RAM_SIZE,
					 PAGE, r, 4,
					 IOMMU_DIRTY_TRACKER_READ_NO_CLEAR,
					 &out);
		hit = inject_done(&self->in);
		if (!hit)
			ASSERT_LE(1, rc);
	}
	EACH_NTH(n, hit)
		INJECTED(n, hit, rc, tracker_info(b->fd, b->tracker_id, &info,
						  sources, 4) < 0);
	memset(self->before, 0, sizeof(self->before));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_TRUE(in_both(b, self->before, 20, 3));
	EXPECT_TRUE(in_both(b, self->before, 3000, 1));
}

TEST_F_TIMEOUT(fail_nth, map_unmap, SECONDS)
{
	struct testbed *b = &self->b;
	unsigned int n;
	bool hit;
	int rc;

	ASSERT_EQ(0, testbed_start(b));
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
	struct testbed *b = &self->b;
	unsigned int n;
	__u32 hwpt_id;
	bool hit;
	int rc;

	ASSERT_EQ(0, testbed_start(b));
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

/*
 * Not one place fails, but all for which there is not enough, and so what stands in
 * for memory, too: what is unmapped then is in ranges that are much too large, but
 * it is there.
 */
TEST_F_TIMEOUT(fail_nth, starved, SECONDS)
{
	struct testbed *b = &self->b;
	__u64 bits[PLACES * PLACE_SIZE / HUGE / 64];
	unsigned int space, i;
	__u64 at, any;
	__u32 ioas_id;
	int rc;

	/* The control: there is nothing left */
	ASSERT_EQ(0, inject_starve(&self->in, 0));
	rc = iommufd_ioas_alloc(b->fd, &ioas_id);
	inject_feed(&self->in);
	ASSERT_EQ(-ENOMEM, rc);
	ASSERT_EQ(0, iommufd_ioas_alloc(b->fd, &ioas_id));

	ASSERT_EQ(0, testbed_start(b));
	for (space = 0; space < STARVED_UP_TO; space += space < 1024 ? 32 : 512) {
		for (i = 0; i < PLACES; i++) {
			at = EXTRA_IOVA + i * PLACE_SIZE;
			ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id,
						      self->extra,
						      EXTRA_PAGES * PAGE, at,
						      IOMMUFD_MAP_RW));
			ASSERT_EQ(0, write_at(&b->dev, at + PAGE * i, 3));
		}
		for (i = 0; i < PLACES; i++) {
			at = EXTRA_IOVA + i * PLACE_SIZE;
			ASSERT_EQ(0, inject_starve(&self->in, space));
			rc = iommufd_ioas_unmap(b->fd, b->ioas_id, at,
						EXTRA_PAGES * PAGE, NULL);
			inject_feed(&self->in);
			if (rc)
				ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id,
								at,
								EXTRA_PAGES * PAGE,
								NULL));
		}
		/* From the middle of a range, its end, and its beginning */
		for (i = 0; i < PLACES; i++) {
			at = EXTRA_IOVA + i * PLACE_SIZE + PAGE * i;
			EXPECT_EQ(1, read_page(b, at + PAGE));
			EXPECT_EQ(1, read_page(b, at + 2 * PAGE));
			EXPECT_EQ(1, read_page(b, at)) {
				TH_LOG("place %u, %u bytes of memory", i, space);
			}
		}
		/* Pages that were not written may be in it, once */
		ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id,
						 EXTRA_IOVA, PLACES * PLACE_SIZE,
						 HUGE, bits, 0, NULL));
		memset(bits, 0, sizeof(bits));
		ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id,
						 EXTRA_IOVA, PLACES * PLACE_SIZE,
						 HUGE, bits, 0, NULL));
		for (any = 0, i = 0; i < ARRAY_SIZE(bits); i++)
			any |= bits[i];
		ASSERT_EQ(0, any);
	}
}

/* READ without memory: reported by it, or by the next one. */
TEST_F_TIMEOUT(fail_nth, starved_read, SECONDS)
{
	struct testbed *b = &self->b;
	unsigned int space;

	ASSERT_EQ(0, testbed_start(b));
	for (space = 0; space < STARVED_UP_TO; space += space < 1024 ? 32 : 512) {
		ASSERT_EQ(0, testbed_write(b, 7, 2));
		ASSERT_EQ(0, testbed_write(b, RAM_PAGES - 1, 1));
		ASSERT_EQ(0, inject_starve(&self->in, space));
		testbed_read(b, 0, RAM_PAGES, 0, NULL);
		inject_feed(&self->in);
		memcpy(self->before, b->bits, sizeof(b->bits));
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		ASSERT_TRUE(in_both(b, self->before, 7, 2)) {
			TH_LOG("%u bytes of memory", space);
		}
		ASSERT_TRUE(in_both(b, self->before, RAM_PAGES - 1, 1));
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
		testbed_close(&self->b);
		ASSERT_EQ(0, testbed_open(&self->b, variant->device, false));
		ASSERT_EQ(0, testbed_start(&self->b));
		ASSERT_EQ(0, testbed_write(&self->b, 0, 100));
		vdev_close(&self->b.dev);
		INJECTED(n, hit, rc, close(self->b.fd));
		self->b.fd = -1;
		munmap(self->b.ram, RAM_SIZE);
	}
}

TEST_HARNESS_MAIN
