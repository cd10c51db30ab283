/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices with HWPTs that have dirty tracking under serve_hwpt_ioctls, as a part of a
 * test: included after kselftest_harness.h. Runs on the machine of source_test.
 */
#ifndef _KSELFTEST_SERVE_FIXTURE_H
#define _KSELFTEST_SERVE_FIXTURE_H

#include <string.h>

#include "held.h"
#include "sources.h"

#define DIRTY IOMMU_HWPT_ALLOC_DIRTY_TRACKING

FIXTURE(serve) {
	struct testbed b;
	struct vdev dev[NR];
	__u32 hwpt[NR];
};

static inline int serve(bool on)
{
	return parameter_set("iommufd", "serve_hwpt_ioctls", on ? "Y" : "N");
}

FIXTURE_SETUP(serve)
{
	vdevs_init(self->dev, NR);
	ASSERT_EQ(0, testbed_open_empty(&self->b, false));
	ASSERT_EQ(0, testbed_map(&self->b));
	ASSERT_EQ(0, serve(true));
}

FIXTURE_TEARDOWN(serve)
{
	EXPECT_EQ(0, serve(false));
	EXPECT_EQ(0, virt_set("lose_track", "0"));
	EXPECT_EQ(0, virt_set("drop_track", "0"));
	EXPECT_EQ(0, virt_set("hold_track", "0"));
	EXPECT_EQ(0, delay_at("", 0));
	EXPECT_EQ(0, tracker_break("nothing"));
	vdevs_close(self->dev, NR);
	testbed_close(&self->b);
}

/* Open the device, and make a HWPT for it. */
static inline int make(FIXTURE_DATA(serve) *self, unsigned int n)
{
	struct testbed *b = &self->b;
	int rc = 0;

	if (self->dev[n].fd < 0)
		rc = vdev_open_driver(&self->dev[n], b->fd, n, VDEV_TRACKER_DRIVER);
	return rc ? rc : iommufd_hwpt_alloc(b->fd, self->dev[n].dev_id, b->ioas_id,
					    DIRTY, &self->hwpt[n]);
}

static inline int attach(FIXTURE_DATA(serve) *self, unsigned int n)
{
	int rc = make(self, n);

	return rc ? rc : vdev_attach(&self->dev[n], self->hwpt[n], NULL);
}

static inline int set(FIXTURE_DATA(serve) *self, unsigned int n, bool on)
{
	return iommufd_hwpt_set_dirty(self->b.fd, self->hwpt[n], on);
}

/* Attached to a HWPT of its own that tracks. */
static inline int start(FIXTURE_DATA(serve) *self, unsigned int n)
{
	int rc = attach(self, n);

	return rc ? rc : set(self, n, true);
}

/* The device writes to @pages pages from page @page of RAM on, and is done. */
static inline int dma(FIXTURE_DATA(serve) *self, unsigned int n, __u64 page, __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = IOVA + page * PAGE;
	job.length = pages * PAGE;
	job.seed = page + 1;
	return vdev_run(&self->dev[n], &job, 60000);
}

/* Pages of RAM that GET_DIRTY_BITMAP reports, now in b->bits; or -errno. */
static inline int get_flags(FIXTURE_DATA(serve) *self, unsigned int n, __u32 flags)
{
	struct testbed *b = &self->b;
	int rc;

	memset(b->bits, 0, sizeof(b->bits));
	rc = iommufd_hwpt_get_dirty(b->fd, self->hwpt[n], IOVA, RAM_SIZE, PAGE,
				    b->bits, flags);
	return rc ? rc : (int)testbed_count(b);
}

static inline int get(FIXTURE_DATA(serve) *self, unsigned int n)
{
	return get_flags(self, n, 0);
}

/* How many of [page, page + pages) the last GET reported. */
static inline unsigned int reported(const FIXTURE_DATA(serve) *self, __u64 page,
			     __u64 pages)
{
	unsigned int n = 0;

	while (pages--)
		n += testbed_bit(&self->b, page++);
	return n;
}

#endif
