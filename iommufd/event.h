/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events to the multicast group of the netlink family. Without a listener a call costs
 * the question whether there is one. None waits, so all may be called with locks held.
 */
#ifndef __IOMMUFD_DIRTY_EVENT_H
#define __IOMMUFD_DIRTY_EVENT_H

#include <linux/spinlock.h>
#include <linux/types.h>

struct iommufd_dirty_attachment;
struct iommufd_dirty_tracker;

/**
 * struct dirty_reported - What the events of a tracker have reported
 * @lock: Protects what follows, and the order of its events; a leaf but for
 *	event_lock
 * @started: It is between STARTED and STOPPED. Written by START and STOP, which exclude
 *	one another
 * @flags: enum iommu_dirty_tracker_out_flags
 * @reads: READs that no event has reported yet
 * @bytes: Bytes that they have delivered
 * @ns: Nanoseconds that they took
 * @next: When the next event reports them, in jiffies
 */
struct dirty_reported {
	spinlock_t lock;
	bool started;
	u32 flags;
	u64 reads;
	u64 bytes;
	u64 ns;
	unsigned long next;
};

#ifdef CONFIG_IOMMUFD_DIRTY_NETLINK
void dirty_event_created(struct iommufd_dirty_tracker *tracker);
void dirty_event_started(struct iommufd_dirty_tracker *tracker);
void dirty_event_stopped(struct iommufd_dirty_tracker *tracker);
void dirty_event_destroyed(struct iommufd_dirty_tracker *tracker);
void dirty_event_plan(struct iommufd_dirty_tracker *tracker,
		      const struct iommufd_dirty_attachment *at, u8 from, u8 to);
void dirty_event_flags(struct iommufd_dirty_tracker *tracker, u32 flags);
u64 dirty_event_clock(void);
void dirty_event_read(struct iommufd_dirty_tracker *tracker, u64 bytes,
		      u64 since);
#else
static inline void dirty_event_created(struct iommufd_dirty_tracker *tracker)
{
}

static inline void dirty_event_started(struct iommufd_dirty_tracker *tracker)
{
}

static inline void dirty_event_stopped(struct iommufd_dirty_tracker *tracker)
{
}

static inline void dirty_event_destroyed(struct iommufd_dirty_tracker *tracker)
{
}

static inline void dirty_event_plan(struct iommufd_dirty_tracker *tracker,
				    const struct iommufd_dirty_attachment *at,
				    u8 from, u8 to)
{
}

static inline void dirty_event_flags(struct iommufd_dirty_tracker *tracker,
				     u32 flags)
{
}

static inline u64 dirty_event_clock(void)
{
	return 0;
}

static inline void dirty_event_read(struct iommufd_dirty_tracker *tracker,
				    u64 bytes, u64 since)
{
}
#endif

#endif
