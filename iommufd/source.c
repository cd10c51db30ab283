// SPDX-License-Identifier: GPL-2.0-only
/*
 * The *device* source: a device's own log of what it has written, and the
 * *scope* source, which is harvested like one. Decides who owns a log, which
 * range it is started with, and how it is harvested. Which logs are used is
 * replan.c's to say.
 *
 * A driver may wait for its device, and not only killably. So a harvest is done
 * by a worker that publishes what it finds; a READ waits for it, and when it is
 * killed leaves it behind. Whoever takes the source away waits to the end.
 *
 * A log knows IOVA, not mappings: what a device wrote to memory that has been
 * unmapped since is still in it. Until it has been harvested, such ranges are
 * kept in the tracker's set @gone, so that they can be taken for dirty when the
 * log gets lost.
 */
#include <linux/iommu.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "source.h"
#include "test.h"
#include "tracker.h"
#include "window.h"

/* Areas with less between them are asked for in one go */
#define HARVEST_GAP ((unsigned long)SZ_256M)

static void source_free(struct kref *ref)
{
	kfree(container_of(ref, struct iommufd_dirty_source, ref));
}

/* ---- Harvest ---- */

/* The next range that was unmapped; pending_lock is held. */
static bool next_gone(struct iommufd_dirty_tracker *tracker, unsigned long at,
		      unsigned long to, unsigned long *first,
		      unsigned long *last)
{
	unsigned long next_first, next_last;
	bool found = dirty_set_next_run(&tracker->gone, at, to, first, last);

	/* Also what was unmapped since the last READ, for the last harvest */
	if (dirty_set_next_run(&tracker->gone_next, at, to, &next_first,
			       &next_last) &&
	    (!found || next_first < *first)) {
		*first = next_first;
		*last = next_last;
		found = true;
	}
	return found;
}

/*
 * The next piece of [at, to] in which the device can have written something
 * that was not reported.
 */
static bool next_piece(struct iommufd_dirty_tracker *tracker, unsigned long at,
		       unsigned long to, unsigned long *first,
		       unsigned long *last)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	unsigned long gone_first, gone_last;
	struct iopt_area *area;
	bool found = false;

	down_read(&iopt->iova_rwsem);
	for (area = iopt_area_iter_first(iopt, at, to); area;
	     area = iopt_area_iter_next(area, at, to)) {
		if (!(area->iommu_prot & IOMMU_WRITE))
			continue;
		if (!found)
			*first = max(at, iopt_area_iova(area));
		else if (iopt_area_iova(area) - *last > HARVEST_GAP)
			break;
		*last = min(to, iopt_area_last_iova(area));
		found = true;
	}
	up_read(&iopt->iova_rwsem);

	mutex_lock(&tracker->pending_lock);
	if (next_gone(tracker, at, to, &gone_first, &gone_last) &&
	    (!found || gone_first < *first)) {
		*first = gone_first;
		*last = gone_last;
		found = true;
	}
	mutex_unlock(&tracker->pending_lock);
	return found;
}

static int harvest_piece(struct iommufd_dirty_source *src,
			 struct dirty_set *set, unsigned long first,
			 unsigned long last)
{
	struct dirty_window window;
	int rc;

	dirty_window_init(&window, set);
	window.first = first;
	window.last = last;
	rc = src->desc.ops->harvest(src->desc.data, first, last - first + 1,
				    dirty_window_bitmap(&window));
	atomic64_add(window.bytes, &src->count.bytes);
	return rc;
}

/*
 * Take what is in the log of [from, to] to pending. Returns false when the log
 * is lost.
 */
static bool source_harvest(struct iommufd_dirty_source *src, unsigned long from,
			   unsigned long to)
{
	struct iommufd_dirty_tracker *tracker = src->tracker;
	unsigned long mask = src->granule - 1;
	unsigned long first, last;
	u64 start = ktime_get_ns();
	struct dirty_set set;
	int rc = 0;

	from = max(from, src->first);
	to = min(to, src->last);
	dirty_set_init(&set, tracker->shift);
	while (!rc && from <= to &&
	       next_piece(tracker, from, to, &first, &last)) {
		/* It reports, and forgets, whole granules */
		first = max(first & ~mask, src->first);
		last = min(last | mask, src->last);
		rc = harvest_piece(src, &set, first, last);
		if (last >= to)
			break;
		from = last + 1;
		cond_resched();
	}
	iommufd_dirty_publish(tracker, &set);
	atomic64_inc(&src->count.harvests);
	atomic64_add(ktime_get_ns() - start, &src->count.harvest_ns);
	if (!rc)
		return true;

	atomic64_inc(&src->count.failures);
	dev_warn_ratelimited(src->idev->dev,
			     "the device's dirty page log cannot be read (error %d), all memory mapped for it counts as dirty until the tracker is started again\n",
			     rc);
	return false;
}

static void harvest_work(struct work_struct *work)
{
	struct iommufd_dirty_source *src =
		container_of(work, struct iommufd_dirty_source, work);
	struct mem_cgroup *memcg = set_active_memcg(src->tracker->memcg);
	unsigned long from, to;
	u64 seq;

	spin_lock(&src->lock);
	seq = src->wanted;
	from = src->from;
	to = src->to;
	spin_unlock(&src->lock);

	if (!READ_ONCE(src->failed) && !source_harvest(src, from, to))
		iommufd_dirty_source_failed(src);

	spin_lock(&src->lock);
	src->done = seq;
	spin_unlock(&src->lock);
	wake_up_all(&src->wait);
	set_active_memcg(memcg);
}

static bool source_is_done(struct iommufd_dirty_source *src)
{
	bool done;

	spin_lock(&src->lock);
	done = src->done >= src->seq;
	spin_unlock(&src->lock);
	return done;
}

/* Ask for [first, last]; a harvest that a killed READ left goes on before. */
static void source_ask(struct iommufd_dirty_source *src, unsigned long first,
		       unsigned long last)
{
	spin_lock(&src->lock);
	src->seq = ++src->wanted;
	src->from = first;
	src->to = last;
	spin_unlock(&src->lock);
	queue_work(system_unbound_wq, &src->work);
}

/**
 * iommufd_dirty_sources_harvest - Harvest the logs of all devices to pending
 * @tracker: The tracker; read_mutex is held, nothing else
 * @first: First byte
 * @last: Last byte, inclusive
 *
 * Return: -EINTR when killed; the harvests end by themselves then, and what they
 * find is pending. A log that is lost leaves its domains MAPPED, which the
 * domain harvest that follows sees.
 */
int iommufd_dirty_sources_harvest(struct iommufd_dirty_tracker *tracker,
				  unsigned long first, unsigned long last)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_source *src, *tmp;
	struct iommufd_dirty_seat *seat;
	LIST_HEAD(asked);
	int rc;

	rc = mutex_lock_killable(&iopt->dirty.plan_lock);
	if (rc)
		return rc;
	mutex_lock(&tracker->pending_lock);
	dirty_set_merge(&tracker->gone, &tracker->gone_next);
	mutex_unlock(&tracker->pending_lock);
	list_for_each_entry(seat, &iopt->dirty.seats, item) {
		src = seat->idev->dirty.source;
		/* A device in the middle of a replace has two seats */
		if (!iommufd_dirty_source_is_on(src, tracker) ||
		    !list_empty(&src->item))
			continue;
		kref_get(&src->ref);
		list_add_tail(&src->item, &asked);
		source_ask(src, first, last);
	}
	mutex_unlock(&iopt->dirty.plan_lock);

	list_for_each_entry_safe(src, tmp, &asked, item) {
		if (!rc)
			rc = wait_event_killable(src->wait, source_is_done(src));
		list_del_init(&src->item);
		kref_put(&src->ref, source_free);
	}
	if (rc)
		return -EINTR;

	mutex_lock(&tracker->pending_lock);
	if (test_bit(IOMMUFD_DIRTY_BROKE, &iopt->dirty.flags)) {
		dirty_set_merge(&tracker->gone, &tracker->gone_next);
		dirty_set_merge(&tracker->pending, &tracker->gone);
	} else {
		dirty_set_remove(&tracker->gone, first, last);
	}
	mutex_unlock(&tracker->pending_lock);
	return 0;
}

/* ---- Start and stop ---- */

/**
 * iommufd_dirty_source_usable - Can a tracker have this log?
 * @tracker: The tracker
 * @src: The source, or NULL
 */
bool iommufd_dirty_source_usable(struct iommufd_dirty_tracker *tracker,
				 struct iommufd_dirty_source *src)
{
	void *owner;

	if (!src || !src->desc.ops->start || READ_ONCE(src->failed))
		return false;
	owner = READ_ONCE(src->owner);
	return !owner || owner == tracker;
}

static int source_try(struct iommufd_dirty_tracker *tracker,
		      struct iommufd_dirty_source *src, unsigned long first,
		      unsigned long last)
{
	unsigned long granule = max(src->desc.granule, BIT(tracker->shift));
	int rc;

	rc = src->desc.ops->start(src->desc.data, first, last, &granule);
	if (rc)
		return rc;
	if (!is_power_of_2(granule)) {
		dev_warn(src->idev->dev,
			 "the driver logs dirty pages in units of %lu bytes, which is no power of two; not used\n",
			 granule);
		src->desc.ops->stop(src->desc.data);
		return -EINVAL;
	}
	src->granule = granule;
	src->first = first;
	src->last = last;
	return 0;
}

/**
 * iommufd_dirty_mapped_span - First and last byte that a device can write
 * @iopt: The IOAS's table
 * @first: First byte
 * @last: Last byte, inclusive
 *
 * Return: false when there is none.
 */
bool iommufd_dirty_mapped_span(struct io_pagetable *iopt, unsigned long *first,
			       unsigned long *last)
{
	struct iopt_area *area;
	bool found = false;

	down_read(&iopt->iova_rwsem);
	for (area = iopt_area_iter_first(iopt, 0, ULONG_MAX); area;
	     area = iopt_area_iter_next(area, 0, ULONG_MAX)) {
		if (!(area->iommu_prot & IOMMU_WRITE))
			continue;
		if (!found)
			*first = iopt_area_iova(area);
		*last = iopt_area_last_iova(area);
		found = true;
	}
	up_read(&iopt->iova_rwsem);
	return found;
}

/*
 * Wide, so that what is mapped later is in it, since to start a log anew has a
 * gap: the whole address space; all below a power of two that is above
 * everything mapped; what is mapped and no more; and if even that is too much,
 * the largest piece from 0 on.
 */
static int source_find_range(struct iommufd_dirty_tracker *tracker,
			     struct iommufd_dirty_source *src,
			     unsigned long last)
{
	unsigned long mapped_first = 0, mapped_last = 0;
	unsigned int bits;
	int rc;

	if (src->desc.addr_bits && src->desc.addr_bits < BITS_PER_LONG)
		last = min(last, BIT(src->desc.addr_bits) - 1);
	src->narrow = false;
	rc = source_try(tracker, src, 0, last);
	if (!rc)
		return 0;
	iommufd_dirty_mapped_span(&tracker->ioas->iopt, &mapped_first,
				  &mapped_last);
	for (bits = __fls(last); bits >= 30; bits--) {
		if (BIT(bits) - 1 < mapped_last)
			break;
		rc = source_try(tracker, src, 0, BIT(bits) - 1);
		if (!rc)
			return 0;
	}
	if (mapped_last && mapped_last <= last) {
		rc = source_try(tracker, src, mapped_first & ~(SZ_2M - 1UL),
				mapped_last | (SZ_2M - 1UL));
		src->narrow = !rc;
		if (!rc)
			return 0;
	}
	for (; bits >= 30; bits--) {
		rc = source_try(tracker, src, 0, BIT(bits) - 1);
		if (!rc)
			return 0;
	}
	return rc;
}

/**
 * iommufd_dirty_source_start - Begin to log
 * @tracker: The tracker that will own the log; plan_lock is held
 * @src: The source, usable and not started
 * @last: Last address of the domain, inclusive
 *
 * Return: -errno when it cannot, and then it is taken for failed.
 */
int iommufd_dirty_source_start(struct iommufd_dirty_tracker *tracker,
			       struct iommufd_dirty_source *src,
			       unsigned long last)
{
	int rc;

	lockdep_assert_held(&tracker->ioas->iopt.dirty.plan_lock);
	if (cmpxchg(&src->owner, NULL, tracker))
		return -EBUSY;
	rc = source_find_range(tracker, src, last);
	if (rc) {
		dev_warn(src->idev->dev,
			 "the device's dirty page log cannot be started (error %d)\n",
			 rc);
		atomic64_inc(&src->count.failures);
		WRITE_ONCE(src->failed, true);
		WRITE_ONCE(src->owner, NULL);
		return rc;
	}
	src->tracker = tracker;
	src->started = true;
	return 0;
}

/**
 * iommufd_dirty_source_stop - Give a log back
 * @src: The source; plan_lock is held. One that is not started is left alone
 *
 * Waits for a harvest that is under way.
 */
void iommufd_dirty_source_stop(struct iommufd_dirty_source *src)
{
	if (!src->started)
		return;
	flush_work(&src->work);
	src->desc.ops->stop(src->desc.data);
	src->started = false;
	src->tracker = NULL;
	WRITE_ONCE(src->owner, NULL);
}

/**
 * iommufd_dirty_source_finish - Harvest a log for the last time, and stop it
 * @src: The source, started; plan_lock is held. Its device has left the domain,
 *	or another source has taken over
 *
 * Return: false when the log was lost: the caller then has to take all that is
 * mapped for dirty.
 */
bool iommufd_dirty_source_finish(struct iommufd_dirty_source *src)
{
	bool good;

	flush_work(&src->work);
	good = !src->failed;
	if (good && !dirty_test_break(DIRTY_BREAK_NO_LAST_HARVEST))
		good = source_harvest(src, 0, ULONG_MAX);
	iommufd_dirty_source_stop(src);
	return good;
}

/* ---- Registration, and the users of DMA_LOGGING ---- */

/**
 * iommufd_dirty_source_register - A device has a log of its own
 * @idev: The device, bound and not attached yet
 * @desc: What its driver can do; copied
 *
 * The source is used while the device is attached. It is undone with
 * iommufd_dirty_source_unregister().
 *
 * Return: -EEXIST when the device has a source, -EBUSY when it is attached,
 * -EINVAL for a granule that is no power of two, -ENOMEM.
 */
int iommufd_dirty_source_register(struct iommufd_device *idev,
				  const struct iommufd_dirty_source_desc *desc)
{
	struct iommufd_dirty_source *src;
	int rc = 0;

	if (!is_power_of_2(desc->granule))
		return -EINVAL;
	src = kzalloc(sizeof(*src), GFP_KERNEL_ACCOUNT);
	if (!src)
		return -ENOMEM;
	src->desc = *desc;
	src->idev = idev;
	kref_init(&src->ref);
	INIT_WORK(&src->work, harvest_work);
	INIT_LIST_HEAD(&src->item);
	spin_lock_init(&src->lock);
	init_waitqueue_head(&src->wait);

	mutex_lock(&idev->igroup->lock);
	if (idev->dirty.source)
		rc = -EEXIST;
	else if (idev->dirty.seat.dd)
		rc = -EBUSY;
	else
		idev->dirty.source = src;
	mutex_unlock(&idev->igroup->lock);
	if (rc)
		kfree(src);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_register, IOMMUFD);

/**
 * iommufd_dirty_source_unregister - Undo iommufd_dirty_source_register()
 * @idev: The device, detached. One without a source is left alone
 *
 * None of the source's functions runs when this returns.
 */
void iommufd_dirty_source_unregister(struct iommufd_device *idev)
{
	struct iommufd_dirty_source *src;

	mutex_lock(&idev->igroup->lock);
	src = idev->dirty.source;
	if (WARN_ON(src && idev->dirty.seat.dd))
		src = NULL;
	else
		idev->dirty.source = NULL;
	mutex_unlock(&idev->igroup->lock);
	if (src)
		kref_put(&src->ref, source_free);
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_unregister, IOMMUFD);

/**
 * iommufd_dirty_source_registered - Has the device a source?
 * @idev: The device
 */
bool iommufd_dirty_source_registered(struct iommufd_device *idev)
{
	return READ_ONCE(idev->dirty.source);
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_registered, IOMMUFD);

/* The IOAS's table that a seat is in */
static struct io_pagetable *seat_iopt(const struct iommufd_dirty_seat *seat)
{
	return seat->dd ? iommufd_dirty_domain_iopt(seat->dd) : NULL;
}

/**
 * iommufd_dirty_source_claim - User space wants to use the log by itself
 * @idev: The device; it has a source
 *
 * Return: -EBUSY when there is a tracker for the IOAS that the device is
 * attached to, or user space has the log. Else to be undone with
 * iommufd_dirty_source_release().
 */
int iommufd_dirty_source_claim(struct iommufd_device *idev)
{
	struct io_pagetable *iopt;
	int rc = 0;

	mutex_lock(&idev->igroup->lock);
	iopt = seat_iopt(&idev->dirty.seat);
	if (iopt)
		down_read(&iopt->domains_rwsem);
	if ((iopt && iopt->dirty.tracker) ||
	    cmpxchg(&idev->dirty.source->owner, NULL, DIRTY_SOURCE_USER))
		rc = -EBUSY;
	if (iopt)
		up_read(&iopt->domains_rwsem);
	mutex_unlock(&idev->igroup->lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_claim, IOMMUFD);

/**
 * iommufd_dirty_source_release - User space is done with the log
 * @idev: The device; it has a source
 */
void iommufd_dirty_source_release(struct iommufd_device *idev)
{
	cmpxchg(&idev->dirty.source->owner, DIRTY_SOURCE_USER, NULL);
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_release, IOMMUFD);

/**
 * iommufd_dirty_source_claimed - Does user space have the log?
 * @idev: The device; it has a source
 */
bool iommufd_dirty_source_claimed(struct iommufd_device *idev)
{
	return READ_ONCE(idev->dirty.source->owner) == DIRTY_SOURCE_USER;
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_claimed, IOMMUFD);

/**
 * iommufd_dirty_source_taken - Has a tracker the log?
 * @idev: The device; it has a source
 */
bool iommufd_dirty_source_taken(struct iommufd_device *idev)
{
	void *owner = READ_ONCE(idev->dirty.source->owner);

	return owner && owner != DIRTY_SOURCE_USER;
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_taken, IOMMUFD);
