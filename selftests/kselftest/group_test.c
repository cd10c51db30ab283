// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several devices in one IOMMU group share a domain, are attached as soon as one of them
 * is, and move together. So the tracker must report the writes of all of them, also of
 * those that the user never attached. A log records the writes of its own device only, so
 * the log of a device that is not alone in its group is not used as a source.
 */
#include <errno.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "oracle.h"
#include "topology.h"
#include "../lib/log.h"

FIXTURE(group) {
	struct testbed b;
	struct vdev dev[NR];
	struct oracle o;
};

FIXTURE_SETUP(group)
{
	ASSERT_EQ(0, topology_open(&self->b, self->dev, &self->o));
}

FIXTURE_TEARDOWN(group)
{
	EXPECT_EQ(0, topology_close(&self->b, self->dev, &self->o));
}

/* The second of a group has a driver that knows of no log. */
static int open_device(FIXTURE_DATA(group) *self, unsigned int n)
{
	bool log = n != GROUP_2 && n != BLIND_2;

	return vdev_open_driver(&self->dev[n], self->b.fd, n,
				log ? VDEV_TRACKER_DRIVER : "vfio-pci");
}

static int attach(FIXTURE_DATA(group) *self, unsigned int n)
{
	int rc = self->dev[n].fd < 0 ? open_device(self, n) : 0;

	return rc ? rc : vdev_attach(&self->dev[n], self->b.ioas_id, NULL);
}

static int start(FIXTURE_DATA(group) *self, __u32 policy, __u32 flags)
{
	return topology_start(&self->b, &self->o, policy, flags);
}

static int kind(FIXTURE_DATA(group) *self, unsigned int n)
{
	return testbed_kind(&self->b, self->dev[n].dev_id);
}

static int dma(FIXTURE_DATA(group) *self, unsigned int n, __u64 page, __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = IOVA + page * PAGE;
	job.length = pages * PAGE;
	job.seed = page + 1;
	return vdev_run(&self->dev[n], &job, 60000);
}

/* READ all of RAM, for the oracle too; the number of pages reported, or -errno. */
static int read_ram(FIXTURE_DATA(group) *self)
{
	return topology_read(&self->b, &self->o);
}

static int lost(FIXTURE_DATA(group) *self, __u64 writes)
{
	return topology_lost(&self->o, writes);
}

/* ---- Behind an IOMMU that tracks ------------------------------------------- */

/* They come and go one by one; what was not reported of 16 writes. */
static int come_and_go(FIXTURE_DATA(group) *self, __u32 policy)
{
	int read[3];

	if (attach(self, GROUP) || start(self, policy, 0) ||
	    dma(self, GROUP, 0, 3) || attach(self, GROUP_2) ||
	    dma(self, GROUP_2, 10, 4) || dma(self, GROUP, 20, 2))
		return -1;
	read[0] = read_ram(self);
	/* One leaves, and has DMA nevertheless, since the other is there */
	if (dma(self, GROUP, 30, 1) || vdev_detach(&self->dev[GROUP]) ||
	    dma(self, GROUP, 40, 2) || dma(self, GROUP_2, 50, 1))
		return -2;
	read[1] = read_ram(self);
	/* The last one */
	if (dma(self, GROUP_2, 60, 3) || vdev_detach(&self->dev[GROUP_2]) ||
	    dma(self, GROUP_2, 70, 1) != -EFAULT)
		return -3;
	read[2] = read_ram(self);
	if (read[0] < 0 || read[1] < 0 || read[2] < 0)
		return -4;
	return lost(self, 16);
}

TEST_F(group, come_and_go)
{
	EXPECT_EQ(0, come_and_go(self, IOMMU_DIRTY_POLICY_AUTO));
	EXPECT_EQ(16, self->o.reported);
}

TEST_F(group, come_and_go_with_logs_preferred)
{
	EXPECT_EQ(0, come_and_go(self, IOMMU_DIRTY_POLICY_DEVICE));
	EXPECT_EQ(16, self->o.reported);
}

/* The IOMMU clears the dirty bits, and its driver does not tell. */
TEST_F(group, control_come_and_go)
{
	ASSERT_EQ(0, virt_set("drop_record", "1"));
	EXPECT_EQ(16, come_and_go(self, IOMMU_DIRTY_POLICY_AUTO));
}

/* Only the other one has a DMA alias, whether its user attaches it or not. */
TEST_F(group, other_has_an_alias)
{
	ASSERT_EQ(0, attach(self, ALIAS_2));
	ASSERT_EQ(0, start(self, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, kind(self, ALIAS_2));
	ASSERT_EQ(0, attach(self, ALIAS));
	ASSERT_EQ(0, vdev_detach(&self->dev[ALIAS]));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, kind(self, ALIAS_2));
	ASSERT_EQ(0, dma(self, ALIAS, 10, 5));
	ASSERT_LE(5, read_ram(self));
	EXPECT_EQ(0, lost(self, 5));
}

TEST_F(group, info)
{
	struct iommu_dirty_source_info info;
	unsigned int i;

	ASSERT_EQ(0, attach(self, GROUP));
	ASSERT_EQ(0, start(self, IOMMU_DIRTY_POLICY_DEVICE,
			   IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	ASSERT_EQ(0, attach(self, GROUP_2));
	ASSERT_EQ(0, attach(self, GROUP_3));
	ASSERT_EQ(0, attach(self, LOG));
	for (i = GROUP; i <= GROUP_3; i++) {
		ASSERT_EQ(0, testbed_source(&self->b, self->dev[i].dev_id, &info));
		EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, info.kind);
		EXPECT_EQ(IOMMU_DIRTY_SOURCE_ON, info.state);
		EXPECT_EQ(PAGE, info.granule);
	}
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, LOG));
	ASSERT_EQ(0, vdev_detach(&self->dev[GROUP_2]));
	EXPECT_EQ(-ENOENT, kind(self, GROUP_2));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, kind(self, GROUP_3));
}

/* To another HWPT by way of any of them, and to another IOAS. */
TEST_F(group, replace)
{
	struct testbed *b = &self->b;
	__u32 hwpt, ioas, tracker;

	ASSERT_EQ(0, attach(self, GROUP));
	ASSERT_EQ(0, start(self, 0, 0));
	ASSERT_EQ(0, attach(self, GROUP_2));
	ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, self->dev[GROUP].dev_id, b->ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt));
	ASSERT_EQ(0, dma(self, GROUP, 0, 3));
	ASSERT_EQ(0, dma(self, GROUP_2, 10, 2));
	ASSERT_EQ(0, vdev_attach(&self->dev[GROUP], hwpt, NULL));
	ASSERT_EQ(0, dma(self, GROUP_2, 20, 4));
	EXPECT_EQ(9, read_ram(self));
	ASSERT_EQ(0, dma(self, GROUP_2, 30, 1));

	ASSERT_EQ(0, iommufd_ioas_alloc(b->fd, &ioas));
	/* Else pages that are neighbours by chance become one leaf */
	ASSERT_EQ(0, iommufd_ioas_huge_pages(b->fd, ioas, false));
	ASSERT_EQ(0, iommufd_ioas_copy(b->fd, ioas, b->ioas_id, IOVA, IOVA,
				       RAM_SIZE, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, tracker_alloc(b->fd, ioas, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(b->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	ASSERT_EQ(0, vdev_attach(&self->dev[GROUP_2], ioas, NULL));
	EXPECT_EQ(1, read_ram(self));
	EXPECT_EQ(0, lost(self, 10));
	EXPECT_EQ(-ENOENT, kind(self, GROUP));
	EXPECT_EQ(-ENOENT, kind(self, GROUP_2));

	/* The one that did not ask is there too */
	b->tracker_id = tracker;
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, kind(self, GROUP));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, kind(self, GROUP_2));
	ASSERT_EQ(0, dma(self, GROUP, 40, 5));
	EXPECT_EQ(5, read_ram(self));
}

TEST_F(group, moves_while_all_write)
{
	struct testbed *b = &self->b;
	struct oracle *o = &self->o;
	struct vdev_job job;
	unsigned int i;
	__u32 hwpt[2];

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, open_device(self, i));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, self->dev[0].dev_id,
						b->ioas_id,
						IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
						&hwpt[i]));
	ASSERT_EQ(0, vdev_attach(&self->dev[0], hwpt[0], NULL));
	ASSERT_EQ(0, vdev_attach(&self->dev[1], hwpt[0], NULL));
	ASSERT_EQ(0, start(self, IOMMU_DIRTY_POLICY_DEVICE, 0));
	vdev_job_init(&job);
	job.pattern = VIRT_DMA_PATTERN_RANDOM;
	job.iova = IOVA;
	job.length = RAM_SIZE;
	job.sweeps = 0;
	job.rate = 3000;
	/* The third is in no HWPT, as far as its user knows */
	for (i = 0; i < 3; i++) {
		job.seed = i + 1;
		ASSERT_EQ(0, vdev_start(&self->dev[i], &job));
	}
	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, vdev_attach(&self->dev[i % 2], hwpt[(i + 1) % 2],
					 NULL));
		usleep(10000);
		ASSERT_LE(0, read_ram(self));
		if (i % 5 == 4) {
			ASSERT_EQ(0, vdev_detach(&self->dev[i % 2]));
			ASSERT_EQ(0, vdev_attach(&self->dev[i % 2],
						 hwpt[(i + 1) % 2], NULL));
		}
	}
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vdev_stop(&self->dev[i]));
		EXPECT_EQ(0, vdev_read64(&self->dev[i], VIRT_DMA_FAULTS));
	}
	ASSERT_LE(0, read_ram(self));
	ASSERT_EQ(0, oracle_check(o));
	TH_LOG("%llu writes, %llu pages reported, %llu too many", o->writes,
	       o->reported, o->over);
	EXPECT_LT(1000, o->writes);
	EXPECT_EQ(0, o->lost) {
		TH_LOG("lost %llu, the first at %#llx", o->lost, o->lost_iova);
	}
}

/* ---- Behind one that does not track ---------------------------------------- */

/* The one that was attached has a log, and the other one writes. */
static int in_company(FIXTURE_DATA(group) *self)
{
	if (attach(self, LOG) || start(self, 0, 0) || open_device(self, BLIND_2) ||
	    attach(self, BLIND) || dma(self, BLIND, 0, 2) ||
	    dma(self, BLIND_2, 10, 6) || vdev_detach(&self->dev[BLIND]) ||
	    read_ram(self) < 0)
		return -1;
	return lost(self, 8);
}

TEST_F(group, log_in_company)
{
	EXPECT_EQ(0, in_company(self));
	EXPECT_EQ(RAM_PAGES, testbed_count(&self->b));
	/* Only for as long as they were there */
	ASSERT_EQ(0, dma(self, LOG, 0, 4));
	EXPECT_EQ(4, read_ram(self));
	ASSERT_EQ(0, attach(self, BLIND));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, kind(self, BLIND));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, LOG));
}

TEST_F(group, control_log_in_company)
{
	ASSERT_EQ(0, tracker_break("no_mark"));
	EXPECT_EQ(8, in_company(self));
}

/* The control: the log knows nothing of the other one's writes. */
TEST_F(group, log_is_about_one)
{
	struct vfio_device_feature_dma_logging_range range = {
		.iova = IOVA, .length = RAM_SIZE,
	};
	__u64 page_size = PAGE;

	ASSERT_EQ(0, open_device(self, BLIND_2));
	ASSERT_EQ(0, attach(self, BLIND));
	ASSERT_EQ(0, log_start(self->dev[BLIND].fd, &range, 1, &page_size));
	ASSERT_EQ(0, dma(self, BLIND, 0, 2));
	ASSERT_EQ(0, dma(self, BLIND_2, 10, 6));
	ASSERT_EQ(0, log_report(self->dev[BLIND].fd, IOVA, RAM_SIZE, PAGE,
				self->b.bits));
	EXPECT_EQ(2, testbed_count(&self->b));
	EXPECT_EQ(0, log_stop(self->dev[BLIND].fd));
}

/*
 * A domain in which it would not be precise is no reason to refuse a device that can
 * have another.
 */
TEST_F(group, is_not_precise)
{
	ASSERT_EQ(0, attach(self, LOG));
	ASSERT_EQ(0, start(self, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	EXPECT_EQ(-ENXIO, attach(self, BLIND));
	EXPECT_EQ(-ENXIO, attach(self, BLIND_2));
	/* No device of the group is attached */
	EXPECT_EQ(-EFAULT, dma(self, BLIND, 0, 1));
	ASSERT_EQ(0, attach(self, GROUP));
	ASSERT_EQ(0, attach(self, GROUP_2));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, kind(self, LOG));
	ASSERT_EQ(0, dma(self, LOG, 0, 1));
	ASSERT_EQ(0, dma(self, GROUP_2, 10, 2));
	EXPECT_EQ(3, read_ram(self));
	EXPECT_EQ(0, lost(self, 3));
}

/* The plan applies before the hardware enters the domain, for the second one too. */
static int second_domain(FIXTURE_DATA(group) *self)
{
	if (attach(self, LOG) || start(self, 0, 0) || attach(self, BLIND) ||
	    attach(self, BLIND_2) || dma(self, BLIND_2, 10, 6) ||
	    read_ram(self) < 0)
		return -1;
	return lost(self, 6);
}

TEST_F(group, second_domain)
{
	EXPECT_EQ(0, second_domain(self));
}

TEST_F(group, control_second_domain)
{
	ASSERT_EQ(0, tracker_break("late_source"));
	EXPECT_EQ(6, second_domain(self));
}

TEST_HARNESS_MAIN
