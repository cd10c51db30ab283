// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device logs: a device's own record of what it has written (the *device* source),
 * and the *scope* source, which is harvested like one. Decides who has a log and
 * which range it is started with. binding.c harvests and ends a log; reconcile.c decides
 * which logs are used.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "log.h"
#include "pending.h"
#include "test.h"

/* How long smaller ranges are tried when a log is started, in jiffies */
#define LOG_SEARCH_TIME (5 * HZ)

static void log_free(struct kref *ref)
{
	struct dirty_log *log = container_of(ref, struct dirty_log, ref);

	dirty_store_put(log->wanted);
	put_device(log->dev);
	kfree(log);
	dirty_test_object(-1);
}

/**
 * dirty_log_get() - Take another reference
 * @log: The log
 *
 * Return: @log.
 */
struct dirty_log *dirty_log_get(struct dirty_log *log)
{
	kref_get(&log->ref);
	return log;
}

/**
 * dirty_log_drop() - Give up a reference
 * @log: The log, which the last reference frees
 */
void dirty_log_drop(struct dirty_log *log)
{
	kref_put(&log->ref, log_free);
}

/* The log has no owner any more; who could not have it is returned. */
static struct dirty_store *log_free_locked(struct dirty_log *log)
{
	struct dirty_store *wanted = log->wanted;

	WRITE_ONCE(log->state, DIRTY_LOG_FREE);
	log->wanted = NULL;
	return wanted;
}

static void log_tell(struct dirty_store *wanted)
{
	if (wanted)
		dirty_store_reconcile(wanted);
	dirty_store_put(wanted);
}

/**
 * dirty_log_release() - A log has no owner any more
 * @log: The log
 *
 * Tells who could not have it.
 */
void dirty_log_release(struct dirty_log *log)
{
	struct dirty_store *wanted;

	spin_lock(&log->lock);
	wanted = log_free_locked(log);
	spin_unlock(&log->lock);
	wake_up_all(&log->binding.wait);
	log_tell(wanted);
}

/**
 * dirty_log_retire() - A device has no log any more
 * @log: Its log, closed
 *
 * Waits for the worker: for the report that is under way, and the driver's stop.
 * None of the driver's functions runs when this returns.
 */
void dirty_log_retire(struct dirty_log *log)
{
	wait_event(log->binding.wait,
		   dirty_log_state(log) != DIRTY_LOG_ENDING &&
		   dirty_log_state(log) != DIRTY_LOG_TRACKER);
	dirty_log_drop(log);
}

/**
 * dirty_log_settle() - Wait a moment for a log that is ending
 * @log: The log
 */
void dirty_log_settle(struct dirty_log *log)
{
	wait_event_timeout(log->binding.wait,
			   dirty_log_state(log) != DIRTY_LOG_ENDING,
			   DIRTY_SETTLE_TIME);
}

/**
 * dirty_log_wait() - Wait for a log that is ending
 * @log: The log
 *
 * Return: -EINTR when killed.
 */
int dirty_log_wait(struct dirty_log *log)
{
	if (wait_event_killable(log->binding.wait,
				dirty_log_state(log) != DIRTY_LOG_ENDING))
		return -EINTR;
	return 0;
}

/* ---- Start ---- */

/**
 * dirty_log_usable() - Can a tracker have this log?
 * @log: The log, or NULL
 * @store: The tracker's store, or NULL to ask without consequences
 *
 * If the log has another owner, or is to begin again, it keeps a reference to the
 * store, and its release asks the tracker to reconcile.
 *
 * Return: true if the log is free, or this tracker's already.
 */
bool dirty_log_usable(struct dirty_log *log, struct dirty_store *store)
{
	struct dirty_store *drop = NULL;
	bool usable = false;

	if (!log || READ_ONCE(log->failed))
		return false;
	spin_lock(&log->lock);
	if (log->state == DIRTY_LOG_FREE) {
		usable = !log->closed;
	} else if (log->state == DIRTY_LOG_TRACKER &&
		   log->binding.store == store && !log->binding.outgrown) {
		usable = true;
	} else if (store && log->wanted != store) {
		drop = log->wanted;
		log->wanted = dirty_store_get(store);
	}
	spin_unlock(&log->lock);
	dirty_store_put(drop);
	return usable;
}

static int log_try(struct dirty_log *log, unsigned long wish,
		   unsigned long first, unsigned long last)
{
	struct dirty_binding *b = &log->binding;
	unsigned long granule = max(log->desc.granule, wish);
	int rc;

	rc = log->desc.ops->start(log->desc.data, first, last, &granule);
	if (rc)
		return rc;
	if (!is_power_of_2(granule)) {
		dev_warn(log->dev,
			 "the driver logs dirty pages in units of %lu bytes, which is no power of two; not used\n",
			 granule);
		log->desc.ops->stop(log->desc.data);
		return -EINVAL;
	}
	/* Who asks for the tracker's flags may look just now */
	WRITE_ONCE(b->granule, granule);
	b->first = first;
	b->last = last;
	return 0;
}

/* The last area that begins at or below @limit, or NULL. */
static struct rb_node *last_area(struct io_pagetable *iopt, unsigned long limit)
{
	struct rb_node *node = iopt->area_itree.rb_root.rb_node, *found = NULL;

	while (node) {
		if (iopt_area_iova(rb_entry(node, struct iopt_area, node.rb)) <= limit) {
			found = node;
			node = node->rb_right;
		} else {
			node = node->rb_left;
		}
	}
	return found;
}

/**
 * dirty_log_mapped_span() - First and last byte that a device can write
 * @iopt: The IOAS's table
 * @limit: Last byte to look at
 * @first: Out: first byte
 * @last: Out: last byte
 *
 * Looks at both ends; what lies between them is not walked.
 *
 * Return: false when there is none.
 */
bool dirty_log_mapped_span(struct io_pagetable *iopt, unsigned long limit,
			   unsigned long *first, unsigned long *last)
{
	struct rb_node *node;
	struct iopt_area *area;

	down_read(&iopt->iova_rwsem);
	area = iopt_area_iter_first(iopt, 0, limit);
	while (area && !(area->iommu_prot & IOMMU_WRITE)) {
		area = iopt_area_iter_next(area, 0, limit);
		cond_resched();
	}
	if (area)
		*first = iopt_area_iova(area);
	/* Areas do not overlap: the last to begin is the last to end */
	node = area ? last_area(iopt, limit) : NULL;
	for (; node; node = rb_prev(node)) {
		struct iopt_area *other = rb_entry(node, struct iopt_area, node.rb);

		*last = min(iopt_area_last_iova(other), limit);
		if (other->iommu_prot & IOMMU_WRITE)
			break;
		cond_resched();
	}
	up_read(&iopt->iova_rwsem);
	return area;
}

/**
 * dirty_logs_grow() - Would logs cover more if they were started again?
 * @store: The store that they are bound to
 * @iopt: The IOAS's table; plan_lock is held
 * @outgrown: Mark those that would, so that no plan uses them
 *
 * Once for what is mapped now: a log that is refused that has a part of it, as before.
 *
 * Return: There are any.
 */
bool dirty_logs_grow(struct dirty_store *store, struct io_pagetable *iopt, bool outgrown)
{
	unsigned long first, last;
	struct dirty_binding *b;
	bool grow = false;

	/* Bindings are added under plan_lock only */
	if (list_empty(&store->bindings) ||
	    !dirty_log_mapped_span(iopt, ULONG_MAX, &first, &last))
		return false;
	mutex_lock(&store->lock);
	list_for_each_entry(b, &store->bindings, item) {
		if (!b->narrow || (first >= b->first && last <= b->last) ||
		    (first == b->span_first && last == b->span_last))
			continue;
		b->outgrown |= outgrown;
		grow = true;
	}
	mutex_unlock(&store->lock);
	return grow;
}

/* What is mapped writable in [0, @limit], and no more. */
static int log_try_mapped(struct dirty_log *log, struct io_pagetable *iopt,
			  unsigned long wish, unsigned long limit)
{
	unsigned long batch = dirty_log_batch(log, max(log->desc.granule, wish));
	unsigned long mask = max_t(unsigned long, batch, SZ_2M) - 1, first, last;
	int rc;

	if (!dirty_log_mapped_span(iopt, limit, &first, &last))
		return -ENOENT;
	rc = log_try(log, wish, first & ~mask, last | mask);
	log->binding.narrow = !rc;
	return rc;
}

/*
 * Is it of no use to try a smaller range? What waits for a device that does not
 * answer, or for one that is not there, is not waited for once more.
 */
static bool search_is_over(int rc)
{
	return !rc || rc == -EINTR || rc == -ETIMEDOUT || rc == -EBUSY ||
	       rc == -ENOTCONN || rc == -ENODEV || fatal_signal_pending(current);
}

/*
 * Wide, so that what is mapped later is in it, since to start a log again has a
 * gap: the whole address space; all below a power of two that is above
 * everything mapped; what is mapped and no more; and if even that is too much,
 * the same of the largest piece from 0 on.
 */
static int log_find_range(struct dirty_log *log, struct io_pagetable *iopt,
			  unsigned long wish, unsigned long last)
{
	unsigned long mapped_first = 0, mapped_last = 0;
	unsigned long end;
	unsigned int bits;
	int rc;

	log->binding.narrow = false;
	log->binding.outgrown = false;
	rc = log_try(log, wish, 0, last);
	if (search_is_over(rc))
		return rc;
	/* The first may have waited for an end; and others wait for plan_lock */
	end = jiffies + LOG_SEARCH_TIME;
	dirty_log_mapped_span(iopt, ULONG_MAX, &mapped_first, &mapped_last);
	log->binding.span_first = mapped_first;
	log->binding.span_last = mapped_last;
	for (bits = __fls(last); bits >= 30; bits--) {
		if (BIT(bits) - 1 < mapped_last)
			break;
		rc = log_try(log, wish, 0, BIT(bits) - 1);
		if (search_is_over(rc) || time_after(jiffies, end))
			return rc;
	}
	if (mapped_last && mapped_last <= last) {
		rc = log_try_mapped(log, iopt, wish, last);
		if (search_is_over(rc) || time_after(jiffies, end))
			return rc;
	}
	for (; bits >= 30; bits--) {
		rc = log_try(log, wish, 0, BIT(bits) - 1);
		if (!search_is_over(rc) &&
		    !log_try_mapped(log, iopt, wish, BIT(bits) - 1))
			rc = 0;
		if (search_is_over(rc) || time_after(jiffies, end))
			return rc;
	}
	return rc;
}

/**
 * dirty_log_start() - Begin to log
 * @log: The log
 * @store: Store of the tracker that is going to have it; plan_lock is held
 * @iopt: The tracker's IOAS
 * @last: Last address of the domain
 *
 * Return: 0, -EBUSY if the log has another owner, or the driver's error if it cannot be
 * started; then the log has failed.
 */
int dirty_log_start(struct dirty_log *log, struct dirty_store *store,
		    struct io_pagetable *iopt, unsigned long last)
{
	struct dirty_binding *b = &log->binding;
	int rc = 0;

	spin_lock(&log->lock);
	if (log->state != DIRTY_LOG_FREE || log->closed)
		rc = -EBUSY;
	else
		WRITE_ONCE(log->state, DIRTY_LOG_BUSY);
	spin_unlock(&log->lock);
	if (rc)
		return rc;
	rc = log_find_range(log, iopt, store->unit_mask + 1, last);
	if (rc) {
		/* Its user can have it tried again and again */
		dev_warn_ratelimited(log->dev,
				     "dirty page log cannot be started (error %d); all memory mapped for the device is reported dirty\n",
				     rc);
		atomic64_inc(&log->count.failures);
		WRITE_ONCE(log->failed, true);
		dirty_log_release(log);
		return rc;
	}
	kref_get(&log->ref);
	WRITE_ONCE(b->store, dirty_store_get(store));
	mutex_lock(&b->iopt_lock);
	WRITE_ONCE(b->iopt, iopt);
	mutex_unlock(&b->iopt_lock);
	b->piece = DIRTY_LOG_PIECE;
	mutex_lock(&store->lock);
	dirty_set_init(&b->stale, store->finest);
	/* Together: who finds it listed may ask it, and end it */
	b->number = ++store->bound;
	list_add_tail(&b->item, &store->bindings);
	spin_lock(&log->lock);
	/* With the binding, for those who look without the lock */
	smp_store_release(&log->state, DIRTY_LOG_TRACKER);
	spin_unlock(&log->lock);
	mutex_unlock(&store->lock);
	return 0;
}

/* ---- The user of VFIO_DEVICE_FEATURE_DMA_LOGGING_* ---- */

/**
 * dirty_log_user_begin() - The user is about to call the driver
 * @log: The log
 * @start: To start it: one that is ending is waited for
 * @had: Out: the user has it already
 *
 * The user's calls may run at the same time; what that does is the driver's to say.
 * No tracker gets the log while one runs.
 *
 * Return: -EBUSY when a tracker has it, -EINTR when killed; else to be ended with
 * dirty_log_user_end().
 */
int dirty_log_user_begin(struct dirty_log *log, bool start, bool *had)
{
	int rc = 0;

	if (start)
		rc = dirty_log_wait(log);
	if (rc)
		return rc;
	spin_lock(&log->lock);
	*had = log->user_has;
	if (log->state == DIRTY_LOG_FREE || log->state == DIRTY_LOG_USER) {
		WRITE_ONCE(log->state, DIRTY_LOG_USER);
		log->user_calls++;
	} else {
		rc = -EBUSY;
	}
	spin_unlock(&log->lock);
	return rc;
}

/**
 * dirty_log_user_end() - The user has called the driver
 * @log: The log
 * @change: 1 the user has it from now on, -1 not any more, 0 as before
 */
void dirty_log_user_end(struct dirty_log *log, int change)
{
	struct dirty_store *wanted = NULL;

	spin_lock(&log->lock);
	if (change)
		log->user_has = change > 0;
	log->user_calls--;
	if (!log->user_calls && !log->user_has)
		wanted = log_free_locked(log);
	spin_unlock(&log->lock);
	log_tell(wanted);
}
