// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine of the tests of devices' own logs; see sources.h.
 */
#include "held.h"
#include "sources.h"

/**
 * sources_open() - Make the IOAS; all devices are closed
 * @s: The machine
 *
 * Return: 0, or -errno.
 */
int sources_open(struct sources *s)
{
	int rc;

	vdevs_init(s->dev, NR);
	rc = testbed_open_empty(&s->b, false);
	return rc ? rc : testbed_map(&s->b);
}

/**
 * sources_close() - Take back all faults and breaks, close everything
 * @s: The machine
 *
 * Return: 0, or -errno when a fault could not be taken back.
 */
int sources_close(struct sources *s)
{
	static const char * const faults[] = {
		"fail_track_start", "fail_track_report", "lose_track",
		"drop_track", "slow_track_ms", "hold_track",
	};
	unsigned int i;
	int rc = 0;

	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		rc = virt_set(faults[i], "0") ?: rc;
	rc = tracker_break("nothing") ?: rc;
	rc = delay_at("", 0) ?: rc;
	vdevs_close(s->dev, NR);
	testbed_close(&s->b);
	return rc;
}

/**
 * source_open() - Open a device, which registers its log
 * @s: The machine
 * @n: Which
 *
 * Return: 0, or -errno.
 */
int source_open(struct sources *s, unsigned int n)
{
	return vdev_open_driver(&s->dev[n], s->b.fd, n, VDEV_TRACKER_DRIVER);
}

/**
 * source_attach() - Attach a device to the IOAS, opened before if it is not
 * @s: The machine
 * @n: Which
 *
 * Return: 0, or -errno.
 */
int source_attach(struct sources *s, unsigned int n)
{
	int rc = s->dev[n].fd < 0 ? source_open(s, n) : 0;

	return rc ? rc : vdev_attach(&s->dev[n], s->b.ioas_id, NULL);
}

/**
 * source_dma() - A device writes to some pages, and is done
 * @s: The machine
 * @n: Which
 * @iova: First byte
 * @pages: How many
 *
 * Return: 0, or -errno.
 */
int source_dma(struct sources *s, unsigned int n, __u64 iova, __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = iova;
	job.length = pages * PAGE;
	job.seed = iova + 1;
	return vdev_run(&s->dev[n], &job, 60000);
}

/**
 * source_find() - The entry of a device in INFO
 * @s: The machine
 * @n: Which
 * @info: Out
 *
 * Return: 0, or -errno.
 */
int source_find(struct sources *s, unsigned int n,
		struct iommu_dirty_source_info *info)
{
	return testbed_source(&s->b, s->dev[n].dev_id, info);
}

/**
 * source_kind() - Source of a device
 * @s: The machine
 * @n: Which
 *
 * Return: enum iommu_dirty_source_kind, or -errno.
 */
int source_kind(struct sources *s, unsigned int n)
{
	return testbed_kind(&s->b, s->dev[n].dev_id);
}

/**
 * sources_start() - START, of a new tracker if there is none
 * @s: The machine
 * @policy: Of a new tracker
 * @flags: Of a new tracker
 *
 * Return: 0, or -errno.
 */
int sources_start(struct sources *s, __u32 policy, __u32 flags)
{
	struct testbed *b = &s->b;
	int rc = 0;

	if (!b->tracker_id)
		rc = tracker_alloc(b->fd, b->ioas_id, policy, flags, 0,
				   &b->tracker_id);
	return rc ? rc : testbed_start(b);
}

/**
 * sources_read() - READ all of RAM
 * @s: The machine; the bitmap is in @s->b.bits
 * @flags: Out: out flags, or NULL
 *
 * Return: The number of pages reported, or -errno.
 */
int sources_read(struct sources *s, __u32 *flags)
{
	struct tracker_read_out out;
	int rc = testbed_read(&s->b, 0, RAM_PAGES, 0, &out);

	if (flags)
		*flags = out.flags;
	return rc ? rc : (int)testbed_count(&s->b);
}

/**
 * sources_reported() - How many of some pages has the last READ reported?
 * @s: The machine
 * @page: First page
 * @pages: How many
 *
 * Return: How many.
 */
unsigned int sources_reported(const struct sources *s, __u64 page, __u64 pages)
{
	unsigned int n = 0;

	while (pages--)
		n += testbed_bit(&s->b, page++);
	return n;
}
