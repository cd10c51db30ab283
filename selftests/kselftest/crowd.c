// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "crowd.h"
#include "../lib/log.h"

/** crowd_open() - Make an IOAS with RAM in it; @huge as for testbed_open_empty() */
int crowd_open(struct crowd *c, bool huge)
{
	int rc;

	vdevs_init(c->dev, CROWD);
	rc = testbed_open_empty(&c->b, huge);
	if (!rc)
		rc = testbed_map(&c->b);
	c->far = mmap(NULL, FAR_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return rc ?: c->far == MAP_FAILED ? -errno : 0;
}

/** crowd_close() - Release all that is held, undo all faults, close everything */
int crowd_close(struct crowd *c)
{
	static const char * const faults[] = {
		"fail_track_start", "fail_track_report", "lose_track",
		"slow_track_ms", "fail_attach", "fail_map", "pass_map", "fail_read",
		"drop_record",
	};
	int rc = hold_release_all();
	unsigned int i;

	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		rc = virt_set(faults[i], "0") ?: rc;
	rc = virt_set("tracker_devices", "0xffff") ?: rc;
	vdevs_close(c->dev, CROWD);
	testbed_close(&c->b);
	return rc;
}

/** crowd_map_far() - Map @c->far at FAR */
int crowd_map_far(struct crowd *c)
{
	return iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far, FAR_SIZE, FAR,
				IOMMUFD_MAP_RW);
}

/** crowd_unmap_far() - Unmap it; @crowd is a struct crowd, as call_begin() wants it */
int crowd_unmap_far(void *crowd)
{
	struct crowd *c = crowd;
	__u64 unmapped;

	return iommufd_ioas_unmap(c->b.fd, c->b.ioas_id, FAR, FAR_SIZE, &unmapped);
}

/** crowd_open_device() - Open a device that is not open */
int crowd_open_device(struct crowd *c, unsigned int n)
{
	if (c->dev[n].fd >= 0)
		return 0;
	return vdev_open_driver(&c->dev[n], c->b.fd, n, VDEV_TRACKER_DRIVER);
}

/** crowd_attach() - Open a device if need be, and attach it to an IOAS or HWPT */
int crowd_attach(struct crowd *c, unsigned int n, __u32 pt_id)
{
	int rc = crowd_open_device(c, n);

	return rc ?: vdev_attach(&c->dev[n], pt_id, NULL);
}

int crowd_detach(struct crowd *c, unsigned int n)
{
	return vdev_detach(&c->dev[n]);
}

/** crowd_start() - Make the IOAS's tracker if need be, and start it */
int crowd_start(struct crowd *c, __u32 policy, __u32 flags)
{
	struct testbed *b = &c->b;
	int rc = 0;

	if (!b->tracker_id)
		rc = tracker_alloc(b->fd, b->ioas_id, policy, flags, 0,
				   &b->tracker_id);
	return rc ?: testbed_start(b);
}

/** crowd_kind() - The kind of source that a device has */
int crowd_kind(struct crowd *c, unsigned int n)
{
	return testbed_kind(&c->b, c->dev[n].dev_id);
}

/**
 * crowd_hwpt() - Make an HWPT for a device, opened if need be, with dirty tracking if
 *	its IOMMU has that
 *
 * Return: 0, or -errno.
 */
int crowd_hwpt(struct crowd *c, unsigned int n, __u32 ioas_id, __u32 *hwpt_id)
{
	int rc = crowd_open_device(c, n);

	if (!rc)
		rc = iommufd_hwpt_alloc(c->b.fd, c->dev[n].dev_id, ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING, hwpt_id);
	if (rc == -EOPNOTSUPP)
		rc = iommufd_hwpt_alloc(c->b.fd, c->dev[n].dev_id, ioas_id, 0,
					hwpt_id);
	return rc;
}

/** crowd_copy_ioas() - Make a second IOAS with the same RAM at the same place */
int crowd_copy_ioas(struct crowd *c, __u32 *ioas_id)
{
	struct testbed *b = &c->b;
	int rc = iommufd_ioas_alloc(b->fd, ioas_id);

	/* Else pages that are neighbours by chance become one leaf */
	if (!rc)
		rc = iommufd_ioas_huge_pages(b->fd, *ioas_id, false);
	return rc ?: iommufd_ioas_copy(b->fd, *ioas_id, b->ioas_id, IOVA, IOVA,
				       RAM_SIZE, IOMMUFD_MAP_RW);
}

/** crowd_dma() - A device writes to @pages pages from @iova on, and is done */
int crowd_dma(struct crowd *c, unsigned int n, __u64 iova, __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = iova;
	job.length = pages * PAGE;
	job.seed = iova + n + 1;
	return vdev_run(&c->dev[n], &job, 60000);
}

/** crowd_write_on() - A device writes to a range in random order, until vdev_stop() */
int crowd_write_on(struct crowd *c, unsigned int n, __u64 iova, __u64 length,
		   __u64 rate)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.pattern = VIRT_DMA_PATTERN_RANDOM;
	job.iova = iova;
	job.length = length;
	job.seed = n + 1;
	job.sweeps = 0;
	job.rate = rate;
	return vdev_start(&c->dev[n], &job);
}

/**
 * crowd_read() - READ a range of at most RAM_SIZE into @c->b.bits, cleared before
 *
 * Return: The number of pages reported, or -errno.
 */
long crowd_read(struct crowd *c, __u32 tracker_id, __u64 iova, __u64 length)
{
	struct testbed *b = &c->b;
	int rc;

	memset(b->bits, 0, sizeof(b->bits));
	rc = tracker_read_bitmap(b->fd, tracker_id, iova, length, PAGE, b->bits,
				 0, NULL);
	return rc ?: (long)testbed_count(b);
}

/** crowd_log_is_free() - Can the user of an open device start and stop its log? */
int crowd_log_is_free(struct crowd *c, unsigned int n)
{
	struct vfio_device_feature_dma_logging_range range = { IOVA, RAM_SIZE };
	__u64 page_size = PAGE;
	int rc = log_start(c->dev[n].fd, &range, 1, &page_size);

	return rc ?: log_stop(c->dev[n].fd);
}
