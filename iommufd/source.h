/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device sources inside the tracker.
 */
#ifndef __IOMMUFD_DIRTY_SOURCE_H
#define __IOMMUFD_DIRTY_SOURCE_H

#include <linux/iommufd_dirty.h>
#include <linux/kref.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct io_pagetable;
struct iommufd_dirty_tracker;

/**
 * struct iommufd_dirty_source - A device's own log
 * @desc: What its driver said
 * @ref: One for its device, one for each READ that waits
 * @idev: Its device; good while it is registered
 * @owner: Whose log it is: NULL nobody's, a tracker's, or DIRTY_SOURCE_USER: it
 *	is used through VFIO_DEVICE_FEATURE_DMA_LOGGING_*. Changed with cmpxchg()
 * @failed: Its log is lost, or it could not be started. Set at any time,
 *	cleared by START under plan_lock
 * @started: Between start and stop; under plan_lock, like the next three
 * @granule: Unit of its log, in bytes
 * @first: First byte that it logs
 * @last: Last byte that it logs, inclusive
 * @narrow: It holds what was mapped, and no more
 * @work: The harvest. Runs by itself because a driver may wait uninterruptibly
 * @tracker: Where the harvest goes; set while @started
 * @lock: Protects the next four
 * @wanted: Number of the last harvest asked for
 * @done: Number of the last that has ended
 * @from: First byte of the harvest asked for
 * @to: Last byte of it, inclusive
 * @wait: For @done
 * @item: On the list of a READ that waits; under the tracker's read_mutex
 * @seq: The number that READ waits for; like @item
 * @count: What it has done
 */
struct iommufd_dirty_source {
	struct iommufd_dirty_source_desc desc;
	struct kref ref;
	struct iommufd_device *idev;
	void *owner;
	bool failed;
	bool started;
	unsigned long granule;
	unsigned long first;
	unsigned long last;
	bool narrow;

	struct work_struct work;
	struct iommufd_dirty_tracker *tracker;
	spinlock_t lock;
	u64 wanted;
	u64 done;
	unsigned long from;
	unsigned long to;
	wait_queue_head_t wait;
	struct list_head item;
	u64 seq;

	struct iommufd_dirty_counters count;
};

/* The owner of a log that user space reads by itself */
#define DIRTY_SOURCE_USER ((void *)1UL)

/* Is the source one that a tracker has started? plan_lock is held. */
static inline bool iommufd_dirty_source_is_on(const struct iommufd_dirty_source *src,
					      const struct iommufd_dirty_tracker *tracker)
{
	return src && src->started && src->tracker == tracker;
}

/* source.c */
bool iommufd_dirty_source_usable(struct iommufd_dirty_tracker *tracker,
				 struct iommufd_dirty_source *src);
int iommufd_dirty_source_start(struct iommufd_dirty_tracker *tracker,
			       struct iommufd_dirty_source *src,
			       unsigned long last);
void iommufd_dirty_source_stop(struct iommufd_dirty_source *src);
bool iommufd_dirty_source_finish(struct iommufd_dirty_source *src);
int iommufd_dirty_sources_harvest(struct iommufd_dirty_tracker *tracker,
				  unsigned long first, unsigned long last);
bool iommufd_dirty_mapped_span(struct io_pagetable *iopt, unsigned long *first,
			       unsigned long *last);

/* replan.c */
void iommufd_dirty_source_end(struct iommufd_dirty_source *src);
void iommufd_dirty_source_failed(struct iommufd_dirty_source *src);

#endif
