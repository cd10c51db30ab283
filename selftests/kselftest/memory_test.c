// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process whose control group has no memory left unmaps memory, detaches a device,
 * destroys an HWPT, or reads into a buffer that is not there. None of these calls may fail
 * for lack of memory for dirty pages, nor may the process be killed for it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "cgroup.h"
#include "crowd.h"

#define GIB (1ull << 30)
/* Mappings of a page, each so far from the next that nothing is shared */
#define MAPPINGS 2048ull
/*
 * Mappings of a page with a page between them: so dense that bits are kept and not runs,
 * which would need a fiftieth of the memory
 */
#define DENSE 64ull
/* What is left to the group, far less than they need */
#define LEFT (256 << 10)

FIXTURE(memory) {
	struct crowd c;
	__u32 hwpt;
};

FIXTURE_VARIANT(memory) {
	unsigned int device;
	int (*end)(struct crowd *c, __u32 hwpt);
};

static int end_unmap(struct crowd *c, __u32 hwpt)
{
	__u64 unmapped;

	return iommufd_ioas_unmap(c->b.fd, c->b.ioas_id, FAR, MAPPINGS * GIB,
				  &unmapped);
}

static int end_detach(struct crowd *c, __u32 hwpt)
{
	return crowd_detach(c, BOTH);
}

static int end_destroy(struct crowd *c, __u32 hwpt)
{
	return iommufd_destroy(c->b.fd, hwpt);
}

/* What a READ has taken is to be kept, all of it. */
static int end_read(struct crowd *c, __u32 hwpt)
{
	struct iommu_dirty_tracker_read cmd = {
		.flags = IOMMU_DIRTY_TRACKER_READ_RANGES,
		.tracker_id = c->b.tracker_id,
		.iova = FAR,
		.length = MAPPINGS * GIB,
		.page_size = PAGE,
		.data = 8,
		.data_len = PAGE,
	};

	return tracker_read(c->b.fd, &cmd) != -EFAULT;
}

static int end_unmap_and_report(struct crowd *c, __u32 hwpt)
{
	struct iommu_dirty_tracker_unmap cmd = {
		.flags = IOMMU_DIRTY_TRACKER_UNMAP_RANGES,
		.tracker_id = c->b.tracker_id,
		.iova = FAR,
		.length = MAPPINGS * GIB,
		.page_size = PAGE,
		.data = 8,
		.data_len = PAGE,
	};

	return tracker_unmap(c->b.fd, &cmd) != -EFAULT;
}

FIXTURE_VARIANT_ADD(memory, unmap) { .device = BOTH, .end = end_unmap };
FIXTURE_VARIANT_ADD(memory, detach) { .device = BOTH, .end = end_detach };
FIXTURE_VARIANT_ADD(memory, destroy) { .device = BOTH, .end = end_destroy };
FIXTURE_VARIANT_ADD(memory, read) { .device = BOTH, .end = end_read };
FIXTURE_VARIANT_ADD(memory, unmap_and_report) {
	.device = BOTH,
	.end = end_unmap_and_report,
};
/* The worker that asks a device is charged to the same group */
FIXTURE_VARIANT_ADD(memory, read_log) { .device = LOG, .end = end_read };
FIXTURE_VARIANT_ADD(memory, unmap_and_report_log) {
	.device = LOG,
	.end = end_unmap_and_report,
};

/* The device has written to a page of each unit, or it is as if it had. */
static int make_dirty_each(struct crowd *c, unsigned int device, __u64 unit,
			   __u64 units)
{
	struct vdev_job job;
	char command[128];

	if (device != LOG) {
		snprintf(command, sizeof(command), "%u %#llx %#llx %#llx %llu 0",
			 device, FAR, units * unit, unit, units);
		return virt_set("set_dirty", command);
	}
	vdev_job_init(&job);
	job.iova = FAR;
	job.unit = unit;
	job.size = 8;
	job.length = units * unit;
	return vdev_run(&c->dev[LOG], &job, 60000);
}

static int make_dirty(struct crowd *c, unsigned int device)
{
	int rc = make_dirty_each(c, device, GIB, MAPPINGS);

	return rc ? rc : make_dirty_each(c, device, 2 * PAGE, DENSE);
}

FIXTURE_SETUP(memory)
{
	struct testbed *b = &self->c.b;
	unsigned int i;

	ASSERT_EQ(0, cgroup_make());
	ASSERT_EQ(0, crowd_open(&self->c, false));
	for (i = 0; i < MAPPINGS; i++)
		ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id,
					      self->c.far, PAGE, FAR + i * GIB,
					      IOMMUFD_MAP_RW));
	for (i = 1; i < DENSE; i++)
		ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, self->c.far, PAGE,
					      FAR + i * 2 * PAGE, IOMMUFD_MAP_RW));
	if (variant->end == end_detach) {
		self->hwpt = b->ioas_id;
		ASSERT_EQ(0, crowd_attach(&self->c, BOTH, b->ioas_id));
	} else {
		ASSERT_EQ(0, crowd_hwpt(&self->c, variant->device, b->ioas_id,
					&self->hwpt));
		ASSERT_EQ(0, crowd_attach(&self->c, variant->device, self->hwpt));
	}
	ASSERT_EQ(0, crowd_start(&self->c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, make_dirty(&self->c, variant->device));
	if (variant->end == end_destroy)
		ASSERT_EQ(0, crowd_detach(&self->c, BOTH));
}

FIXTURE_TEARDOWN(memory)
{
	EXPECT_EQ(0, crowd_close(&self->c));
	EXPECT_EQ(0, cgroup_remove());
}

TEST_F(memory, is_not_worth_a_life)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_range *ranges;
	struct tracker_read_out out;
	unsigned int i, n = 0;
	int status, rc;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		rc = cgroup_enter(LEFT);
		if (rc)
			_exit(100);
		_exit(variant->end(c, self->hwpt) ? 1 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_FALSE(WIFSIGNALED(status)) {
		TH_LOG("killed by signal %d", WTERMSIG(status));
	}
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, cgroup_oom_kills());

	/* Nothing is lost for that, though more may be reported. */
	ranges = calloc(2 * MAPPINGS + DENSE, sizeof(*ranges));
	ASSERT_NE(NULL, ranges);
	rc = tracker_read_ranges(c->b.fd, c->b.tracker_id, FAR, MAPPINGS * GIB, PAGE,
				 ranges, 2 * MAPPINGS + DENSE, 0, &out);
	ASSERT_LE(1, rc);
	for (i = 0; i < MAPPINGS; i++) {
		while (n < (unsigned int)rc &&
		       ranges[n].iova + ranges[n].length <= FAR + i * GIB)
			n++;
		if (n == (unsigned int)rc || ranges[n].iova > FAR + i * GIB)
			break;
	}
	EXPECT_EQ(MAPPINGS, i);
	free(ranges);
}

TEST_HARNESS_MAIN
