// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested HWPTs: a device behind a stage 1 that its user made. Its writes are in the
 * dirty bits of the parent. Its own log has other addresses, so the log is not used as a
 * source; the controls show what would be lost if it were, or if the parent were not read.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "oracle.h"
#include "topology.h"
#include "virt_nested.h"
#include "../lib/log.h"

/* The device sends addresses that are this many pages below the IOVA, and mapped, too. */
#define SHIFT 64

struct stages {
	struct testbed b;
	struct vdev dev[NR];
	__u32 parent;
	__u32 nested;
	struct oracle o;
};

static int make_nested(struct stages *s, unsigned int n, __u64 offset, __u32 *hwpt)
{
	struct virt_nested_data data = { .offset = offset };

	return iommufd_hwpt_nested_alloc(s->b.fd, s->dev[n].dev_id, s->parent,
					 VIRT_NESTED_DATA_TYPE, &data,
					 sizeof(data), hwpt);
}

/* A device; the first one makes the parent and the nested HWPT. */
static int open_device(struct stages *s, unsigned int n)
{
	__u32 flags = IOMMU_HWPT_ALLOC_NEST_PARENT;
	struct testbed *b = &s->b;
	int rc;

	if (n < LOG)
		flags |= IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	rc = vdev_open_driver(&s->dev[n], b->fd, n, VDEV_TRACKER_DRIVER);
	if (!rc && !s->parent)
		rc = iommufd_hwpt_alloc(b->fd, s->dev[n].dev_id, b->ioas_id,
					flags, &s->parent);
	if (!rc && !s->nested)
		rc = make_nested(s, n, SHIFT * PAGE, &s->nested);
	return rc;
}

static int attach(struct stages *s, unsigned int n, __u32 hwpt)
{
	return vdev_attach(&s->dev[n], hwpt, NULL);
}

static int start(struct stages *s, __u32 policy, __u32 flags)
{
	return topology_start(&s->b, &s->o, policy, flags);
}

static int kind(struct stages *s, unsigned int n)
{
	return testbed_kind(&s->b, s->dev[n].dev_id);
}

/* Pages of RAM, which a device behind the stage 1 knows under other addresses. */
static int dma(struct stages *s, unsigned int n, bool nested, __u64 page,
	       __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = IOVA + (page - (nested ? SHIFT : 0)) * PAGE;
	job.length = pages * PAGE;
	job.seed = page + 1;
	return vdev_run(&s->dev[n], &job, 60000);
}

/* READ all of RAM, for the oracle too; the number of pages reported, or -errno. */
static int read_ram(struct stages *s)
{
	return topology_read(&s->b, &s->o);
}

static unsigned int reported(const struct stages *s, __u64 page, __u64 pages)
{
	unsigned int n = 0;

	while (pages--)
		n += testbed_bit(&s->b, page++);
	return n;
}

/* How many writes were not reported, by ground truth, which has @writes. */
static int lost(struct stages *s, __u64 writes)
{
	return topology_lost(&s->o, writes);
}

/* ---- Behind an IOMMU that tracks ------------------------------------------- */

FIXTURE(tracked) {
	struct stages s;
};

FIXTURE_VARIANT(tracked) {
	unsigned int device;
};

FIXTURE_VARIANT_ADD(tracked, amd) { .device = AMD };
FIXTURE_VARIANT_ADD(tracked, intel) { .device = INTEL };
FIXTURE_VARIANT_ADD(tracked, smmu_gather) { .device = SMMU_GATHER };

FIXTURE_SETUP(tracked)
{
	ASSERT_EQ(0, topology_open(&self->s.b, self->s.dev, &self->s.o));
	ASSERT_EQ(0, open_device(&self->s, variant->device));
}

FIXTURE_TEARDOWN(tracked)
{
	EXPECT_EQ(0, topology_close(&self->s.b, self->s.dev, &self->s.o));
}

/* The same pages twice; what was not reported of ten writes. */
static int write_twice(struct stages *s, unsigned int n)
{
	if (attach(s, n, s->nested) || start(s, IOMMU_DIRTY_POLICY_AUTO, 0) ||
	    kind(s, n) != IOMMU_DIRTY_SOURCE_IOMMU ||
	    dma(s, n, true, 100, 5) || read_ram(s) < 0 ||
	    dma(s, n, true, 100, 5) || read_ram(s) < 0)
		return -1;
	return lost(s, 10);
}

TEST_F(tracked, writes_are_in_the_parent)
{
	struct stages *s = &self->s;

	EXPECT_EQ(0, write_twice(s, variant->device));
	EXPECT_EQ(5, testbed_count(&s->b));
	EXPECT_EQ(5, reported(s, 100, 5));
	EXPECT_EQ(0, s->o.over);
	EXPECT_EQ(0, read_ram(s));
}

/* The IOMMU clears the dirty bits, and its driver does not tell. */
TEST_F(tracked, control_not_recorded)
{
	ASSERT_EQ(0, virt_set("drop_record", "1"));
	EXPECT_EQ(10, write_twice(&self->s, variant->device));
}

/* What is behind the stage 1 is cached, and must be flushed. */
TEST_F(tracked, control_not_flushed)
{
	ASSERT_EQ(0, tracker_break("no_flush"));
	EXPECT_EQ(5, write_twice(&self->s, variant->device));
}

/* From the parent to the nested HWPT and back; what was not reported of nine. */
static int there_and_back(struct stages *s, unsigned int n)
{
	if (attach(s, n, s->parent) || start(s, IOMMU_DIRTY_POLICY_DEVICE, 0) ||
	    kind(s, n) != (n == AMD ? IOMMU_DIRTY_SOURCE_DEVICE :
				      IOMMU_DIRTY_SOURCE_IOMMU) ||
	    dma(s, n, false, 200, 4) || attach(s, n, s->nested) ||
	    kind(s, n) != IOMMU_DIRTY_SOURCE_IOMMU ||
	    dma(s, n, true, 300, 3) || attach(s, n, s->parent) ||
	    dma(s, n, false, 400, 2) || read_ram(s) < 0)
		return -1;
	return lost(s, 9);
}

TEST_F(tracked, there_and_back)
{
	EXPECT_EQ(0, there_and_back(&self->s, variant->device));
	EXPECT_EQ(9, testbed_count(&self->s.b));
}

TEST_F(tracked, there_and_back_while_it_writes)
{
	struct stages *s = &self->s;
	unsigned int i, n = variant->device;
	struct vdev_job job;

	ASSERT_EQ(0, attach(s, n, s->parent));
	ASSERT_EQ(0, start(s, IOMMU_DIRTY_POLICY_DEVICE, 0));
	vdev_job_init(&job);
	job.pattern = VIRT_DMA_PATTERN_RANDOM;
	job.iova = IOVA;
	job.length = RAM_SIZE / 2;
	job.seed = 1;
	job.sweeps = 0;
	job.rate = 5000;
	ASSERT_EQ(0, vdev_start(&s->dev[n], &job));
	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, attach(s, n, i % 2 ? s->parent : s->nested));
		usleep(10000);
		ASSERT_LE(0, read_ram(s));
	}
	ASSERT_EQ(0, vdev_stop(&s->dev[n]));
	EXPECT_EQ(0, vdev_read64(&s->dev[n], VIRT_DMA_FAULTS));
	ASSERT_LE(0, read_ram(s));
	ASSERT_EQ(0, oracle_check(&s->o));
	TH_LOG("%llu writes, %llu pages reported, %llu too many", s->o.writes,
	       s->o.reported, s->o.over);
	EXPECT_LT(500, s->o.writes);
	EXPECT_EQ(0, s->o.lost) {
		TH_LOG("lost %llu, the first at %#llx", s->o.lost, s->o.lost_iova);
	}
}

/* Its last dirty pages stay when a device leaves, and both HWPTs are destroyed. */
TEST_F(tracked, leaves_its_dirty_pages)
{
	unsigned int n = variant->device;
	struct stages *s = &self->s;

	ASSERT_EQ(0, attach(s, n, s->nested));
	ASSERT_EQ(0, start(s, IOMMU_DIRTY_POLICY_AUTO, 0));
	ASSERT_EQ(0, dma(s, n, true, 100, 5));
	ASSERT_EQ(0, vdev_detach(&s->dev[n]));
	ASSERT_EQ(0, attach(s, n, s->nested));
	ASSERT_EQ(0, dma(s, n, true, 200, 3));
	vdev_close(&s->dev[n]);
	ASSERT_EQ(0, iommufd_destroy(s->b.fd, s->nested));
	ASSERT_EQ(0, iommufd_destroy(s->b.fd, s->parent));
	EXPECT_EQ(8, read_ram(s));
	EXPECT_EQ(0, lost(s, 8));
}

/* ---- Behind one that does not track ---------------------------------------- */

FIXTURE(untracked) {
	struct stages s;
};

FIXTURE_SETUP(untracked)
{
	ASSERT_EQ(0, topology_open(&self->s.b, self->s.dev, &self->s.o));
	ASSERT_EQ(0, open_device(&self->s, LOG));
}

FIXTURE_TEARDOWN(untracked)
{
	EXPECT_EQ(0, topology_close(&self->s.b, self->s.dev, &self->s.o));
}

TEST_F(untracked, log_is_no_source)
{
	struct stages *s = &self->s;

	ASSERT_EQ(0, attach(s, LOG, s->nested));
	ASSERT_EQ(0, start(s, IOMMU_DIRTY_POLICY_DEVICE, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, kind(s, LOG));
	ASSERT_EQ(0, dma(s, LOG, true, 100, 5));
	EXPECT_EQ(RAM_PAGES, read_ram(s));
	EXPECT_EQ(0, lost(s, 5));
}

/* The control: what it would say. */
TEST_F(untracked, log_has_other_addresses)
{
	struct vfio_device_feature_dma_logging_range range = {
		.iova = IOVA, .length = RAM_SIZE,
	};
	struct stages *s = &self->s;
	__u64 page_size = PAGE;

	ASSERT_EQ(0, attach(s, LOG, s->nested));
	ASSERT_EQ(0, log_start(s->dev[LOG].fd, &range, 1, &page_size));
	ASSERT_EQ(0, dma(s, LOG, true, 100, 5));
	ASSERT_EQ(0, log_report(s->dev[LOG].fd, IOVA, RAM_SIZE, PAGE, s->b.bits));
	EXPECT_EQ(5, testbed_count(&s->b));
	EXPECT_EQ(0, reported(s, 100, 5));
	EXPECT_EQ(5, reported(s, 100 - SHIFT, 5));
	EXPECT_EQ(0, log_stop(s->dev[LOG].fd));
}

TEST_F(untracked, is_not_precise)
{
	struct stages *s = &self->s;

	ASSERT_EQ(0, attach(s, LOG, s->parent));
	ASSERT_EQ(0, start(s, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	EXPECT_EQ(-ENXIO, attach(s, LOG, s->nested));
	/* It stays where it was */
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(s, LOG));
	ASSERT_EQ(0, dma(s, LOG, false, 200, 4));
	EXPECT_EQ(4, read_ram(s));
	EXPECT_EQ(0, lost(s, 4));

	ASSERT_EQ(0, tracker_set(s->b.fd, s->b.tracker_id, 0, NULL, NULL));
	ASSERT_EQ(0, attach(s, LOG, s->nested));
	EXPECT_EQ(-ENXIO, testbed_start(&s->b));
}

static int log_there_and_back(struct stages *s)
{
	if (attach(s, LOG, s->parent) || start(s, 0, 0) ||
	    dma(s, LOG, false, 200, 4) || attach(s, LOG, s->nested) ||
	    kind(s, LOG) != IOMMU_DIRTY_SOURCE_MAPPED ||
	    dma(s, LOG, true, 300, 3) || attach(s, LOG, s->parent) ||
	    kind(s, LOG) != IOMMU_DIRTY_SOURCE_DEVICE ||
	    dma(s, LOG, false, 400, 2) || read_ram(s) < 0)
		return -1;
	return lost(s, 9);
}

TEST_F(untracked, there_and_back)
{
	struct stages *s = &self->s;

	EXPECT_EQ(0, log_there_and_back(s));
	EXPECT_EQ(RAM_PAGES, testbed_count(&s->b));
	/* The log is exact again */
	ASSERT_EQ(0, dma(s, LOG, false, 500, 6));
	EXPECT_EQ(6, read_ram(s));
}

TEST_F(untracked, control_there_and_back)
{
	ASSERT_EQ(0, tracker_break("no_mark"));
	EXPECT_EQ(3, log_there_and_back(&self->s));
}

/* In one domain: the one whose log has IOVAs keeps it. */
TEST_F(untracked, one_of_two)
{
	struct stages *s = &self->s;

	ASSERT_EQ(0, open_device(s, LOG_2));
	ASSERT_EQ(0, attach(s, LOG, s->parent));
	ASSERT_EQ(0, start(s, 0, 0));
	ASSERT_EQ(0, attach(s, LOG_2, s->nested));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(s, LOG));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, kind(s, LOG_2));
	ASSERT_EQ(0, dma(s, LOG, false, 200, 4));
	ASSERT_EQ(0, dma(s, LOG_2, true, 300, 3));
	ASSERT_EQ(0, vdev_detach(&s->dev[LOG_2]));
	EXPECT_EQ(RAM_PAGES, read_ram(s));
	ASSERT_EQ(0, dma(s, LOG, false, 400, 2));
	EXPECT_EQ(2, read_ram(s));
	EXPECT_EQ(0, lost(s, 9));
}

/* ---- The platform's stage 1 ------------------------------------------------- */

TEST_F(untracked, stage_1_is_checked)
{
	struct virt_nested_data data = {};
	struct iommu_hwpt_invalidate invalidate = {
		.size = sizeof(invalidate), .data_type = VIRT_NESTED_DATA_TYPE,
		.entry_len = sizeof(data), .entry_num = 1,
		.data_uptr = (uintptr_t)&data,
	};
	struct stages *s = &self->s;
	__u32 hwpt;

	EXPECT_EQ(-EINVAL, make_nested(s, LOG, PAGE / 2, &hwpt));
	EXPECT_EQ(-EINVAL, make_nested(s, LOG, (1ull << 48) + PAGE, &hwpt));
	EXPECT_EQ(-EINVAL,
		  iommufd_hwpt_nested_alloc(s->b.fd, s->dev[LOG].dev_id, s->parent,
					    VIRT_NESTED_DATA_TYPE + 1, &data,
					    sizeof(data), &hwpt));
	invalidate.hwpt_id = s->nested;
	EXPECT_EQ(-1, ioctl(s->b.fd, IOMMU_HWPT_INVALIDATE, &invalidate));
	EXPECT_EQ(EOPNOTSUPP, errno);
	/* For devices behind IOMMUs of its kind */
	ASSERT_EQ(0, open_device(s, INTEL));
	EXPECT_EQ(-EINVAL, attach(s, INTEL, s->nested));
	/* An address that is out of reach is refused */
	ASSERT_EQ(0, make_nested(s, LOG, 1ull << 48, &hwpt));
	ASSERT_EQ(0, attach(s, LOG, hwpt));
	EXPECT_EQ(-EFAULT, dma(s, LOG, true, 100, 1));
}

TEST_HARNESS_MAIN
