// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs: each is attached by itself, beside its device or without it. What a device writes with
 * a PASID is in the dirty bits of the PASID's domain, or everything mapped is dirty. The log of
 * the device does not have it; the controls show what is lost if the plan leaves PASIDs out.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "oracle.h"
#include "topology.h"
#include "../lib/cdev.h"

#define PASID 1
#define PASID_2 2
#define NO_PASIDS "this kernel attaches no PASIDs"

FIXTURE(pasid) {
	struct testbed b;
	struct vdev dev[NR];
	struct oracle o;
	__u32 hwpt[2];
	bool none;
};

FIXTURE_VARIANT(pasid) {
	unsigned int device;
	__u32 flags;		/* of its HWPTs */
	int kind;
};

FIXTURE_VARIANT_ADD(pasid, intel) {
	.device = INTEL,
	.flags = HWPT_ALLOC_PASID | IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
	.kind = IOMMU_DIRTY_SOURCE_IOMMU,
};

FIXTURE_VARIANT_ADD(pasid, smmu_gather) {
	.device = SMMU_GATHER,
	.flags = HWPT_ALLOC_PASID | IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
	.kind = IOMMU_DIRTY_SOURCE_IOMMU,
};

/* It has no domain with dirty bits that a PASID can be attached to */
FIXTURE_VARIANT_ADD(pasid, amd) {
	.device = AMD,
	.flags = HWPT_ALLOC_PASID,
	.kind = IOMMU_DIRTY_SOURCE_MAPPED,
};

FIXTURE_VARIANT_ADD(pasid, log) {
	.device = LOG,
	.flags = HWPT_ALLOC_PASID,
	.kind = IOMMU_DIRTY_SOURCE_MAPPED,
};

/* Since 6.15 of upstream; of the kernels that are supported, those after 6.12 do */
static bool kernel_has_pasids(void)
{
	struct utsname name;

	return !uname(&name) && atoi(name.release) > 6;
}

FIXTURE_SETUP(pasid)
{
	struct testbed *b = &self->b;
	struct vdev *d = &self->dev[variant->device];
	unsigned int i;
	int rc;

	ASSERT_EQ(0, topology_open(b, self->dev, &self->o));
	ASSERT_EQ(0, vdev_open_driver(d, b->fd, variant->device, VDEV_TRACKER_DRIVER));
	for (i = 0; i < 2; i++) {
		rc = iommufd_hwpt_alloc(b->fd, d->dev_id, b->ioas_id, variant->flags,
					&self->hwpt[i]);
		self->none = rc == -EOPNOTSUPP && !kernel_has_pasids();
		if (self->none)
			break;
		ASSERT_EQ(0, rc);
	}
}

FIXTURE_TEARDOWN(pasid)
{
	EXPECT_EQ(0, topology_close(&self->b, self->dev, &self->o));
}

static int attach(FIXTURE_DATA(pasid) *self, unsigned int n, __u32 pasid, unsigned int hwpt)
{
	return cdev_attach_pasid(self->dev[n].fd, pasid, self->hwpt[hwpt]);
}

static int detach(FIXTURE_DATA(pasid) *self, unsigned int n, __u32 pasid)
{
	return cdev_detach_pasid(self->dev[n].fd, pasid);
}

static int start(FIXTURE_DATA(pasid) *self, __u32 policy)
{
	return topology_start(&self->b, &self->o, policy, 0);
}

/* The kind of source of a device with a PASID, or of the device with 0; or -errno. */
static int kind(FIXTURE_DATA(pasid) *self, unsigned int n, __u32 pasid)
{
	struct iommu_dirty_source_info sources[16];
	struct iommu_dirty_tracker_info info;
	unsigned int i;
	int rc;

	rc = tracker_info(self->b.fd, self->b.tracker_id, &info, sources, 16);
	for (i = 0; !rc && i < info.nr_sources && i < 16; i++)
		if (sources[i].dev_id == self->dev[n].dev_id && sources[i].pasid == pasid)
			return (int)sources[i].kind;
	return rc ?: -ENOENT;
}

static int dma(FIXTURE_DATA(pasid) *self, unsigned int n, __u32 pasid, __u64 page, __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = IOVA + page * PAGE;
	job.length = pages * PAGE;
	job.seed = page + 1;
	job.pasid = pasid;
	return vdev_run(&self->dev[n], &job, 60000);
}

static int read_ram(FIXTURE_DATA(pasid) *self)
{
	return topology_read(&self->b, &self->o);
}

/* How many writes were not reported, by ground truth, which has @writes. */
static int lost(FIXTURE_DATA(pasid) *self, __u64 writes)
{
	return topology_lost(&self->o, writes);
}

/* The same pages twice; what was not reported of ten writes. */
static int write_twice(FIXTURE_DATA(pasid) *self, unsigned int n)
{
	if (attach(self, n, PASID, 0) || start(self, IOMMU_DIRTY_POLICY_DEVICE) ||
	    dma(self, n, PASID, 100, 5) || read_ram(self) < 0 ||
	    dma(self, n, PASID, 100, 5) || read_ram(self) < 0)
		return -1;
	return lost(self, 10);
}

TEST_F(pasid, writes_are_reported)
{
	if (self->none)
		SKIP(return, NO_PASIDS);
	EXPECT_EQ(0, write_twice(self, variant->device));
	EXPECT_EQ(variant->kind, kind(self, variant->device, PASID));
	EXPECT_EQ(-ENOENT, kind(self, variant->device, 0));
	EXPECT_EQ(variant->kind == IOMMU_DIRTY_SOURCE_IOMMU ? 5 : RAM_PAGES,
		  testbed_count(&self->b));
}

/* The domain is not seen to have anything attached: nothing is harvested. */
TEST_F(pasid, control_not_in_the_plan)
{
	if (self->none)
		SKIP(return, NO_PASIDS);
	ASSERT_EQ(0, tracker_break("no_pasid"));
	EXPECT_EQ(10, write_twice(self, variant->device));
}

/* Attached, moved and detached while the tracker runs; what was not reported of 14 writes. */
static int come_and_go(FIXTURE_DATA(pasid) *self, unsigned int n)
{
	if (start(self, 0) || dma(self, n, PASID, 0, 1) != -EFAULT ||
	    attach(self, n, PASID, 0) || dma(self, n, PASID, 10, 3) ||
	    attach(self, n, PASID, 1) || dma(self, n, PASID, 20, 4) ||
	    attach(self, n, PASID_2, 1) || dma(self, n, PASID_2, 30, 2) ||
	    detach(self, n, PASID) || dma(self, n, PASID, 40, 1) != -EFAULT ||
	    dma(self, n, PASID_2, 50, 5) || detach(self, n, PASID_2) || read_ram(self) < 0)
		return -1;
	return lost(self, 14);
}

TEST_F(pasid, come_and_go)
{
	if (self->none)
		SKIP(return, NO_PASIDS);
	EXPECT_EQ(0, come_and_go(self, variant->device));
	EXPECT_EQ(-ENOENT, kind(self, variant->device, PASID));
	EXPECT_EQ(-ENOENT, kind(self, variant->device, PASID_2));
}

TEST_F(pasid, control_come_and_go)
{
	if (self->none)
		SKIP(return, NO_PASIDS);
	ASSERT_EQ(0, tracker_break("no_pasid"));
	EXPECT_EQ(14, come_and_go(self, variant->device));
}

/* What was not read before its HWPT went. */
TEST_F(pasid, hwpt_is_destroyed)
{
	if (self->none)
		SKIP(return, NO_PASIDS);
	ASSERT_EQ(0, attach(self, variant->device, PASID, 0));
	ASSERT_EQ(0, start(self, 0));
	ASSERT_EQ(0, dma(self, variant->device, PASID, 10, 3));
	ASSERT_EQ(0, attach(self, variant->device, PASID, 1));
	ASSERT_EQ(0, iommufd_destroy(self->b.fd, self->hwpt[0]));
	ASSERT_EQ(0, dma(self, variant->device, PASID, 20, 3));
	ASSERT_LE(6, read_ram(self));
	EXPECT_EQ(0, lost(self, 6));
}

/*
 * With its device in the same domain, whose log does not have what it writes with the PASID; what
 * was not reported of nine writes.
 */
static int beside_its_device(FIXTURE_DATA(pasid) *self, unsigned int n)
{
	if (vdev_attach(&self->dev[n], self->hwpt[0], NULL) ||
	    start(self, IOMMU_DIRTY_POLICY_DEVICE) || dma(self, n, 0, 0, 3) ||
	    attach(self, n, PASID, 0) || dma(self, n, PASID, 10, 4) || dma(self, n, 0, 20, 2) ||
	    read_ram(self) < 0)
		return -1;
	return lost(self, 9);
}

TEST_F(pasid, beside_its_device)
{
	unsigned int n = variant->device;

	if (self->none)
		SKIP(return, NO_PASIDS);
	EXPECT_EQ(0, beside_its_device(self, n));
	EXPECT_EQ(variant->kind, kind(self, n, PASID));
	/* Alone again, its log is enough */
	ASSERT_EQ(0, detach(self, n, PASID));
	ASSERT_EQ(0, dma(self, n, 0, 30, 1));
	ASSERT_LE(1, read_ram(self));
	EXPECT_EQ(0, lost(self, 10));
	EXPECT_EQ(n == AMD || n == LOG ? IOMMU_DIRTY_SOURCE_DEVICE : IOMMU_DIRTY_SOURCE_IOMMU,
		  kind(self, n, 0));
}

TEST_F(pasid, control_beside_its_device)
{
	if (self->none)
		SKIP(return, NO_PASIDS);
	if (variant->kind == IOMMU_DIRTY_SOURCE_IOMMU)
		SKIP(return, "the dirty bits of its device's domain have it anyway");
	ASSERT_EQ(0, tracker_break("no_pasid"));
	EXPECT_EQ(4, beside_its_device(self, variant->device));
}

/* In another IOAS than its device, each with a tracker. */
TEST_F(pasid, another_ioas)
{
	unsigned int n = variant->device;
	struct testbed *b = &self->b;
	__u32 ioas, hwpt, tracker;

	if (self->none)
		SKIP(return, NO_PASIDS);
	ASSERT_EQ(0, iommufd_ioas_alloc(b->fd, &ioas));
	ASSERT_EQ(0, iommufd_ioas_huge_pages(b->fd, ioas, false));
	ASSERT_EQ(0, iommufd_ioas_copy(b->fd, ioas, b->ioas_id, IOVA, IOVA, RAM_SIZE,
				       IOMMUFD_MAP_RW));
	ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, self->dev[n].dev_id, ioas, variant->flags, &hwpt));
	ASSERT_EQ(0, vdev_attach(&self->dev[n], hwpt, NULL));
	ASSERT_EQ(0, tracker_alloc(b->fd, ioas, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(b->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));

	/* From there to here */
	ASSERT_EQ(0, cdev_attach_pasid(self->dev[n].fd, PASID, hwpt));
	ASSERT_EQ(0, start(self, 0));
	EXPECT_EQ(-ENOENT, kind(self, n, PASID));
	ASSERT_EQ(0, attach(self, n, PASID, 0));
	EXPECT_EQ(variant->kind, kind(self, n, PASID));
	EXPECT_EQ(-ENOENT, kind(self, n, 0));
	ASSERT_EQ(0, dma(self, n, PASID, 10, 3));
	ASSERT_LE(3, read_ram(self));
	EXPECT_EQ(0, lost(self, 3));
	b->tracker_id = tracker;
	EXPECT_EQ(-ENOENT, kind(self, n, PASID));
	EXPECT_LT(0, kind(self, n, 0));
}

/* The device is closed with both attached, and opened again. */
TEST_F(pasid, close)
{
	unsigned int n = variant->device;

	if (self->none)
		SKIP(return, NO_PASIDS);
	ASSERT_EQ(0, vdev_attach(&self->dev[n], self->hwpt[1], NULL));
	ASSERT_EQ(0, attach(self, n, PASID, 0));
	ASSERT_EQ(0, start(self, 0));
	ASSERT_EQ(0, dma(self, n, PASID, 10, 3));
	vdev_close(&self->dev[n]);
	ASSERT_LE(3, read_ram(self));
	EXPECT_EQ(0, lost(self, 3));
	ASSERT_EQ(0, vdev_open_driver(&self->dev[n], self->b.fd, n, VDEV_TRACKER_DRIVER));
	EXPECT_EQ(-ENOENT, kind(self, n, PASID));
	ASSERT_EQ(0, attach(self, n, PASID, 1));
	EXPECT_EQ(variant->kind, kind(self, n, PASID));
}

/* Attach, replace, detach, while the device writes and another thread READs. */
static int moves(FIXTURE_DATA(pasid) *self, unsigned int n, unsigned int rounds)
{
	struct oracle_loop loop = {
		.iova = IOVA,
		.length = RAM_SIZE,
		.fd = self->b.fd,
		.tracker_id = self->b.tracker_id,
		.random = rounds,
		.pause_us = 1000,
	};
	struct vdev_job job;
	unsigned int i;
	int rc;

	vdev_job_init(&job);
	job.pattern = VIRT_DMA_PATTERN_RANDOM;
	job.iova = IOVA;
	job.length = RAM_SIZE;
	job.sweeps = 0;
	job.rate = 3000;
	job.pasid = PASID;
	rc = vdev_start(&self->dev[n], &job);
	if (!rc)
		rc = oracle_loop_begin(&loop);
	if (rc)
		return rc;
	for (i = 0; i < rounds && !rc; i++) {
		rc = attach(self, n, PASID, i % 2);
		usleep(3000);
		if (!rc && i % 3 == 2)
			rc = detach(self, n, PASID);
		if (!rc && i % 4 == 3)
			rc = attach(self, n, PASID_2, i / 4 % 2);
		if (!rc && i % 8 == 7)
			rc = detach(self, n, PASID_2);
	}
	vdev_stop(&self->dev[n]);
	return oracle_loop_end(&self->o, &loop) ?: rc;
}

TEST_F(pasid, moves_while_it_writes)
{
	if (self->none)
		SKIP(return, NO_PASIDS);
	ASSERT_EQ(0, start(self, 0));
	ASSERT_EQ(0, moves(self, variant->device, 120));
	ASSERT_LE(0, read_ram(self));
	ASSERT_EQ(0, oracle_check(&self->o));
	EXPECT_EQ(0, self->o.lost);
	EXPECT_LT(100, self->o.writes);
	TH_LOG("%llu writes, %llu pages reported", self->o.writes, self->o.reported);
}

TEST_F(pasid, control_moves_while_it_writes)
{
	if (self->none)
		SKIP(return, NO_PASIDS);
	ASSERT_EQ(0, tracker_break("no_pasid"));
	ASSERT_EQ(0, start(self, 0));
	ASSERT_EQ(0, moves(self, variant->device, 40));
	ASSERT_LE(0, read_ram(self));
	ASSERT_EQ(0, oracle_check(&self->o));
	EXPECT_LT(0, self->o.lost);
}

TEST_HARNESS_MAIN
