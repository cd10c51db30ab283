// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two ways. Upstream's: each domain is asked with ioctls of its own, into a
 * bitmap of its own where there are several, and the VMM merges. The tracker's:
 * one object, one ioctl.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "../lib/log.h"

static void nothing(struct scene *s)
{
}

/* Domains that track: the first ones */
static unsigned int tracked(const struct scene *s)
{
	return s->plan.untracked ? 0 : s->nr_hwpts - s->plan.nr_untracked;
}

static void upstream_set(struct scene *s, bool enable)
{
	unsigned int i;

	for (i = 0; i < tracked(s); i++)
		must(iommufd_hwpt_set_dirty(s->fd, s->hwpt_id[i], enable),
		     "HWPT_SET_DIRTY_TRACKING");
	for (i = 0; s->plan.logs && i < s->plan.nr_devices; i++) {
		struct vfio_device_feature_dma_logging_range range = {
			.iova = IOVA,
			.length = s->size,
		};
		__u64 unit = PAGE;

		must(enable ? log_start(s->dev[i].fd, &range, 1, &unit) :
			      log_stop(s->dev[i].fd), "DMA_LOGGING");
	}
}

static void upstream_start(struct scene *s)
{
	upstream_set(s, true);
}

static void upstream_stop(struct scene *s)
{
	upstream_set(s, false);
}

static void merge(struct scene *s, __u64 length, __u64 page_size)
{
	__u64 words = length / page_size / 64, i;

	for (i = 0; i < words; i++)
		s->bitmap[i] |= s->part[i];
}

static void upstream_read(struct scene *s, __u64 iova, __u64 length,
			  __u64 page_size, bool peek)
{
	__u32 flags = peek ? IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR : 0;
	unsigned int logs = s->plan.logs ? s->plan.nr_devices : 0, i;
	bool several = tracked(s) + logs > 1;
	__u64 *to = several ? s->part : s->bitmap;

	for (i = 0; i < tracked(s) + logs; i++) {
		if (several)
			memset(to, 0, length / page_size / 8);
		if (i < tracked(s))
			must(iommufd_hwpt_get_dirty(s->fd, s->hwpt_id[i], iova,
						    length, page_size, to, flags),
			     "HWPT_GET_DIRTY_BITMAP");
		else
			must(log_report(s->dev[i - tracked(s)].fd, iova, length,
					page_size, to), "DMA_LOGGING_REPORT");
		if (several)
			merge(s, length, page_size);
	}
}

const struct way upstream = {
	.name = "upstream",
	.create = nothing,
	.destroy = nothing,
	.start = upstream_start,
	.stop = upstream_stop,
	.read = upstream_read,
};

static void tracker_create(struct scene *s)
{
	must(tracker_alloc(s->fd, s->ioas_id, IOMMU_DIRTY_POLICY_AUTO, 0,
			   s->unit, &s->tracker_id), "DIRTY_TRACKER_ALLOC");
}

static void tracker_destroy(struct scene *s)
{
	must(iommufd_destroy(s->fd, s->tracker_id), "DESTROY");
	s->tracker_id = 0;
}

static void tracker_start(struct scene *s)
{
	must(tracker_set(s->fd, s->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
			 NULL), "DIRTY_TRACKER_SET");
}

static void tracker_stop(struct scene *s)
{
	must(tracker_set(s->fd, s->tracker_id, 0, NULL, NULL),
	     "DIRTY_TRACKER_SET");
}

static void tracker_do_read(struct scene *s, __u64 iova, __u64 length,
			    __u64 page_size, bool peek)
{
	must(tracker_read_bitmap(s->fd, s->tracker_id, iova, length, page_size,
				 s->bitmap,
				 peek ? IOMMU_DIRTY_TRACKER_READ_NO_CLEAR : 0,
				 NULL), "DIRTY_TRACKER_READ");
}

const struct way tracker = {
	.name = "tracker",
	.create = tracker_create,
	.destroy = tracker_destroy,
	.start = tracker_start,
	.stop = tracker_stop,
	.read = tracker_do_read,
};
