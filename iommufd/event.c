// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: what happens to trackers, to the multicast group of the netlink family. They
 * are numbered, in the order in which they are sent, so that a listener sees when it
 * has lost one; it also gets ENOBUFS. A dump shows what it has missed.
 *
 * Sent with locks held, perhaps those that a map waits for, so nothing here waits: an
 * event that finds no memory is a lost one.
 */
#include <linux/device.h>
#include <linux/iommufd_dirty.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <net/genetlink.h>
#include <uapi/linux/iommufd_dirty_netlink.h>

#include "context.h"
#include "domain.h"
#include "netlink.h"
#include "tracker.h"

#define EVENT_GFP (GFP_NOWAIT | __GFP_NOWARN)

/* Bytes of attributes that have room in an event */
#define EVENT_ROOM 512

/* READs that follow one another faster are added up */
#define READ_PERIOD (HZ / 10)

static DEFINE_SPINLOCK(event_lock);	/* protects the next one; a leaf */
static u64 event_seq;

/**
 * struct dirty_event - An event
 * @type: enum iommufd_dirty_event_type
 * @ictx: Context
 * @tracker: The tracker it is about, or NULL
 * @idev: The device it is about, or NULL
 * @pasid: The PASID of it, or IOMMU_NO_PASID
 * @now: PLAN: source; FLAGS: out flags; MIGRATION: state
 * @before: The same before; -1 if that is not known
 * @read: READ: what was read
 */
struct dirty_event {
	u32 type;
	const struct iommufd_ctx *ictx;
	const struct iommufd_dirty_tracker *tracker;
	const struct iommufd_device *idev;
	ioasid_t pasid;
	u32 now;
	s64 before;
	const struct dirty_reported *read;
};

static bool event_put_change(struct sk_buff *skb, const struct dirty_event *ev,
			     int now, int before)
{
	return !nla_put_u32(skb, now, ev->now) &&
	       (ev->before < 0 || !nla_put_u32(skb, before, ev->before));
}

static bool event_put_type(struct sk_buff *skb, const struct dirty_event *ev)
{
	switch (ev->type) {
	case IOMMUFD_DIRTY_EVENT_TYPE_PLAN:
		return event_put_change(skb, ev, IOMMUFD_DIRTY_A_KIND,
					IOMMUFD_DIRTY_A_OLD_KIND);
	case IOMMUFD_DIRTY_EVENT_TYPE_FLAGS:
		return event_put_change(skb, ev, IOMMUFD_DIRTY_A_OUT_FLAGS,
					IOMMUFD_DIRTY_A_OLD_FLAGS);
	case IOMMUFD_DIRTY_EVENT_TYPE_MIGRATION:
		return event_put_change(skb, ev, IOMMUFD_DIRTY_A_MIGRATION,
					IOMMUFD_DIRTY_A_OLD_MIGRATION);
	case IOMMUFD_DIRTY_EVENT_TYPE_READ:
		return !nla_put_uint(skb, IOMMUFD_DIRTY_A_READS, ev->read->reads) &&
		       !nla_put_uint(skb, IOMMUFD_DIRTY_A_DIRTY_BYTES,
				     ev->read->bytes) &&
		       !nla_put_uint(skb, IOMMUFD_DIRTY_A_DURATION_NS, ev->read->ns);
	}
	return true;
}

static bool event_put_objects(struct sk_buff *skb, const struct dirty_event *ev)
{
	const struct iommufd_dirty_tracker *tracker = ev->tracker;
	const struct iommufd_device *idev = ev->idev;

	return !nla_put_uint(skb, IOMMUFD_DIRTY_A_CONTEXT, ev->ictx->dirty.number) &&
	       (!tracker ||
		(!nla_put_u32(skb, IOMMUFD_DIRTY_A_IOAS, tracker->ioas->obj.id) &&
		 !nla_put_u32(skb, IOMMUFD_DIRTY_A_TRACKER, tracker->obj.id) &&
		 (!tracker->only ||
		  !nla_put_u32(skb, IOMMUFD_DIRTY_A_TRACKER_HWPT,
			       dirty_domain_id(tracker->only))))) &&
	       (!idev ||
		(!nla_put_u32(skb, IOMMUFD_DIRTY_A_DEVICE, idev->obj.id) &&
		 (!ev->pasid || !nla_put_u32(skb, IOMMUFD_DIRTY_A_PASID, ev->pasid)) &&
		 !nla_put_string(skb, IOMMUFD_DIRTY_A_NAME, dev_name(idev->dev))));
}

static bool event_fill(struct sk_buff *skb, const struct dirty_event *ev, u64 seq)
{
	struct dirty_message msg = {
		.skb = skb,
		.cmd = IOMMUFD_DIRTY_CMD_EVENT,
	};
	void *hdr = dirty_message_begin(&msg);

	return hdr &&
	       !dirty_message_end(&msg, hdr,
			!nla_put_u32(skb, IOMMUFD_DIRTY_A_EVENT, ev->type) &&
			!nla_put_uint(skb, IOMMUFD_DIRTY_A_EVENT_SEQ, seq) &&
			!nla_put_uint(skb, IOMMUFD_DIRTY_A_TIME_NS,
				      ktime_get_real_ns()) &&
			event_put_objects(skb, ev) && event_put_type(skb, ev));
}

/* What a dump shows of a context has changed. Is there a listener for the event? */
static bool event_is_due(void)
{
	dirty_context_changed();
	return dirty_message_wanted();
}

static void event_send(const struct dirty_event *ev)
{
	struct sk_buff *skb;

	skb = genlmsg_new(EVENT_ROOM, EVENT_GFP);
	spin_lock(&event_lock);
	event_seq++;
	if (skb && event_fill(skb, ev, event_seq)) {
		dirty_message_multicast(skb, EVENT_GFP);
	} else {
		nlmsg_free(skb);
		dirty_message_lost();
	}
	spin_unlock(&event_lock);
}

static void event_tracker(const struct iommufd_dirty_tracker *tracker, u32 type)
{
	const struct dirty_event ev = {
		.type = type,
		.ictx = tracker->ictx,
		.tracker = tracker,
	};

	if (event_is_due())
		event_send(&ev);
}

static void reported_clear(struct dirty_reported *reported)
{
	reported->reads = 0;
	reported->bytes = 0;
	reported->ns = 0;
}

/* Send the READs that no event has reported yet; reported.lock is held. */
static void event_reads(struct iommufd_dirty_tracker *tracker)
{
	struct dirty_reported *reported = &tracker->reported;
	const struct dirty_event ev = {
		.type = IOMMUFD_DIRTY_EVENT_TYPE_READ,
		.ictx = tracker->ictx,
		.tracker = tracker,
		.read = reported,
	};

	if (!reported->reads)
		return;
	/* What is pending changes all the time: that interrupts no dump */
	if (dirty_message_wanted())
		event_send(&ev);
	reported_clear(reported);
	reported->next = jiffies + READ_PERIOD;
}

/**
 * dirty_event_created() - A tracker was made
 * @tracker: The tracker
 */
void dirty_event_created(struct iommufd_dirty_tracker *tracker)
{
	event_tracker(tracker, IOMMUFD_DIRTY_EVENT_TYPE_CREATED);
}

/**
 * dirty_event_started() - A tracker runs
 * @tracker: The tracker
 */
void dirty_event_started(struct iommufd_dirty_tracker *tracker)
{
	struct dirty_reported *reported = &tracker->reported;

	spin_lock(&reported->lock);
	WRITE_ONCE(reported->started, true);
	reported_clear(reported);
	WRITE_ONCE(reported->flags, 0);
	reported->next = jiffies;
	event_tracker(tracker, IOMMUFD_DIRTY_EVENT_TYPE_STARTED);
	spin_unlock(&reported->lock);
}

/**
 * dirty_event_stopped() - A tracker does not run any more, if it did
 * @tracker: The tracker; runs is held for write, or nothing else knows it
 */
void dirty_event_stopped(struct iommufd_dirty_tracker *tracker)
{
	struct dirty_reported *reported = &tracker->reported;
	bool started = reported->started;

	/* Without a listener, what it does not know does not matter either */
	WRITE_ONCE(reported->started, false);
	if (!event_is_due())
		return;
	spin_lock(&reported->lock);
	event_reads(tracker);
	if (started)
		event_tracker(tracker, IOMMUFD_DIRTY_EVENT_TYPE_STOPPED);
	spin_unlock(&reported->lock);
}

/**
 * dirty_event_destroyed() - A tracker is being destroyed
 * @tracker: The tracker; its IOAS is still there
 */
void dirty_event_destroyed(struct iommufd_dirty_tracker *tracker)
{
	event_tracker(tracker, IOMMUFD_DIRTY_EVENT_TYPE_DESTROYED);
}

/**
 * dirty_event_plan() - A device of a running tracker gets another source
 * @tracker: The tracker; plan_lock is held
 * @at: The attachment that gets it
 * @from: enum iommu_dirty_source_kind
 * @to: The same from now on; NONE also when it is detached
 */
void dirty_event_plan(struct iommufd_dirty_tracker *tracker,
		      const struct iommufd_dirty_attachment *at, u8 from, u8 to)
{
	if (!event_is_due())
		return;
	event_send(&(const struct dirty_event){
		.type = IOMMUFD_DIRTY_EVENT_TYPE_PLAN,
		.ictx = tracker->ictx,
		.tracker = tracker,
		.idev = at->idev,
		.pasid = at->owner->pasid,
		.now = to,
		.before = from,
	});
}

/**
 * dirty_event_flags() - The out flags of a tracker are asked for
 * @tracker: The tracker
 * @flags: enum iommu_dirty_tracker_out_flags
 */
void dirty_event_flags(struct iommufd_dirty_tracker *tracker, u32 flags)
{
	struct dirty_reported *reported = &tracker->reported;
	struct dirty_event ev = {
		.type = IOMMUFD_DIRTY_EVENT_TYPE_FLAGS,
		.ictx = tracker->ictx,
		.tracker = tracker,
		.now = flags,
	};

	if (READ_ONCE(reported->flags) == flags)
		return;
	spin_lock(&reported->lock);
	ev.before = reported->flags;
	if (READ_ONCE(reported->started) && reported->flags != flags) {
		if (event_is_due())
			event_send(&ev);
		WRITE_ONCE(reported->flags, flags);
	}
	spin_unlock(&reported->lock);
}

/**
 * dirty_event_clock() - A READ begins
 *
 * Return: For dirty_event_read(); 0 when there is no listener.
 */
u64 dirty_event_clock(void)
{
	return dirty_message_wanted() ? ktime_get_ns() : 0;
}

/**
 * dirty_event_read() - A READ has ended
 * @tracker: The tracker
 * @bytes: Bytes that it has delivered
 * @since: From dirty_event_clock()
 */
void dirty_event_read(struct iommufd_dirty_tracker *tracker, u64 bytes,
		      u64 since)
{
	struct dirty_reported *reported = &tracker->reported;

	if (!since)
		return;
	spin_lock(&reported->lock);
	reported->reads++;
	reported->bytes += bytes;
	reported->ns += ktime_get_ns() - since;
	if (time_after_eq(jiffies, reported->next))
		event_reads(tracker);
	spin_unlock(&reported->lock);
}

/**
 * iommufd_dirty_migration() - The migration state of a device was set
 * @idev: The device
 * @state: enum vfio_device_mig_state
 */
void iommufd_dirty_migration(struct iommufd_device *idev, u32 state)
{
	struct dirty_event ev = {
		.type = IOMMUFD_DIRTY_EVENT_TYPE_MIGRATION,
		.ictx = idev->ictx,
		.idev = idev,
		.now = state,
	};

	/* One more than the state; 0 while it is not known */
	ev.before = (s64)xchg(&idev->dirty.migration, state + 1) - 1;
	if (ev.before != state && event_is_due())
		event_send(&ev);
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_migration, "IOMMUFD");
