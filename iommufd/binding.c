// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bindings: a tracker's hold of a log that is on, from the log's start until the
 * driver has stopped it. A driver may wait for its device, and not only killably;
 * so a worker harvests and stops the log. READs leave requests and wait for them; a
 * killed READ takes its request back.
 *
 * One harvest at a time, shared: the worker takes the smallest request first and
 * harvests it in pieces, and each piece advances every request that it covers,
 * if the request was made before the piece began. A request that others overtook
 * several times goes first.
 *
 * A log knows IOVA, not mappings: what a device wrote to memory that has been
 * unmapped since is still in it. Such ranges are stale in the binding until they
 * were asked for, and are dirty when the log is lost.
 */
#include <linux/iommu.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "log.h"
#include "pending.h"
#include "test.h"
#include "trace.h"
#include "window.h"

/* Areas with less between them are asked for in one report */
#define LOG_GAP ((unsigned long)SZ_256M)
/* How much is asked for in one report, at least */
#define LOG_PIECE_MIN ((unsigned long)SZ_1G)
/* A report that takes longer halves the piece, a quicker one doubles it */
#define LOG_SLOW_NS (100 * NSEC_PER_MSEC)
#define LOG_QUICK_NS (20 * NSEC_PER_MSEC)
/* A request that was overtaken so often goes first */
#define REQUEST_AGE 4
/* How long the last harvest of a log may take when its device is closed */
#define CLOSE_BUDGET_MS 1000

static struct workqueue_struct *log_wq;

/**
 * dirty_logs_init() - iommufd is loaded
 *
 * Return: -ENOMEM.
 */
int dirty_logs_init(void)
{
	log_wq = alloc_workqueue("iommufd-dirty", WQ_UNBOUND, 0);
	return log_wq ? 0 : -ENOMEM;
}

/**
 * dirty_logs_exit() - iommufd is unloaded: no log is left, but workers may return
 */
void dirty_logs_exit(void)
{
	destroy_workqueue(log_wq);
	/* A reference that was not dropped */
	WARN_ON(dirty_test_objects());
}

/* ---- What to ask for ---- */

/* The next stale range; the store's lock is held. */
static bool next_stale(struct dirty_binding *b, unsigned long at,
		       unsigned long to, unsigned long *first,
		       unsigned long *last)
{
	return dirty_set_next_run(&b->stale, at, to, first, last);
}

/* The next range of [at, to] that is mapped writable, small gaps included. */
static bool next_mapped(struct io_pagetable *iopt, unsigned long at,
			unsigned long to, unsigned long piece,
			unsigned long *first, unsigned long *last)
{
	struct iopt_area *area;
	bool found = false;

	down_read(&iopt->iova_rwsem);
	for (area = iopt_area_iter_first(iopt, at, to); area;
	     area = iopt_area_iter_next(area, at, to)) {
		if (!(area->iommu_prot & IOMMU_WRITE))
			continue;
		if (!found)
			*first = max(at, iopt_area_iova(area));
		else if (iopt_area_iova(area) - *last > LOG_GAP)
			break;
		*last = min(to, iopt_area_last_iova(area));
		found = true;
		if (*last - *first >= piece)
			break;
	}
	up_read(&iopt->iova_rwsem);
	return found;
}

/*
 * The next piece of [at, to] in which the device can have written something
 * that was not reported: what is mapped, and what is stale.
 */
static bool next_piece(struct dirty_binding *b, unsigned long at,
		       unsigned long to, unsigned long *first,
		       unsigned long *last)
{
	unsigned long stale_first, stale_last;
	bool found = false;

	mutex_lock(&b->iopt_lock);
	if (b->iopt)
		found = next_mapped(b->iopt, at, to, b->piece, first, last);
	mutex_unlock(&b->iopt_lock);

	mutex_lock(&b->store->lock);
	if (next_stale(b, at, to, &stale_first, &stale_last) &&
	    (!found || stale_first < *first)) {
		*first = stale_first;
		*last = stale_last;
		found = true;
	}
	mutex_unlock(&b->store->lock);
	return found;
}

/* ---- Harvest ---- */

/* All requests are as good as they will get. */
static void requests_finish(struct dirty_binding *b)
{
	struct dirty_request *req, *next;

	spin_lock(&b->lock);
	list_for_each_entry_safe(req, next, &b->requests, item) {
		list_del_init(&req->item);
		WRITE_ONCE(req->done, true);
	}
	spin_unlock(&b->lock);
	wake_up_all(&b->wait);
}

/*
 * The log is lost: what is mapped in its range, and what was unmapped since the
 * last harvest, is dirty. Called before the READs are woken that wait for it.
 */
static void log_lost(struct dirty_log *log, struct dirty_set *stale, int rc)
{
	struct dirty_binding *b = &log->binding;
	struct dirty_store *store = b->store;

	trace_dirty_degraded(dev_name(log->dev), 0, rc);
	atomic64_inc(&log->count.failures);
	dev_warn_ratelimited(log->dev,
			     "dirty page log cannot be read (error %d); all memory mapped for the device is reported dirty until the tracker is started again\n",
			     rc);
	mutex_lock(&store->lock);
	WRITE_ONCE(log->failed, true);
	if (!READ_ONCE(store->dead) && !dirty_test_break(DIRTY_BREAK_NO_MARK)) {
		dirty_store_absorb(&store->pending, stale);
		dirty_store_absorb(&store->pending, &b->stale);
		dirty_ranges_add(&store->mark, b->first, b->last);
		store->marks++;
	}
	/* With the mark: when a READ has taken that, the next one plans without the log */
	dirty_store_reconcile(store);
	mutex_unlock(&store->lock);
	dirty_set_destroy(stale);
}

static void piece_adapt(struct dirty_binding *b, u64 ns)
{
	if (ns > LOG_SLOW_NS)
		b->piece = max(b->piece / 2, LOG_PIECE_MIN);
	else if (ns < LOG_QUICK_NS && b->piece < BIT(BITS_PER_LONG - 2))
		b->piece *= 2;
}

/* From the log to pending: what the driver reports of [first, last]. */
static int log_report(struct dirty_log *log, unsigned long first,
		      unsigned long last)
{
	struct dirty_binding *b = &log->binding;
	struct dirty_store *store = b->store;
	struct dirty_window window;
	struct dirty_set set, stale;
	u64 start = ktime_get_ns(), ns;
	int rc;

	dirty_set_init(&set, READ_ONCE(store->shift));
	mutex_lock(&store->lock);
	dirty_set_init(&stale, b->stale.shift);
	dirty_set_move(&stale, &b->stale, first, last);
	b->stale_asked = !dirty_set_empty(&stale);
	mutex_unlock(&store->lock);

	dirty_window_init(&window, &set);
	window.unit_mask = store->unit_mask;
	window.first = first;
	window.last = last;
	rc = log->desc.ops->harvest(log->desc.data, first, last - first + 1,
				    dirty_window_bitmap(&window));
	dirty_test_delay("log");
	dirty_store_publish(store, &set);
	ns = ktime_get_ns() - start;
	trace_dirty_harvest(dev_name(log->dev), 0, first, last, window.bytes, ns, rc);
	atomic64_add(window.bytes, &log->count.bytes);
	atomic64_add(ns, &log->count.harvest_ns);
	atomic64_inc(&log->count.harvests);
	piece_adapt(b, ns);
	if (rc)
		log_lost(log, &stale, rc);
	else
		dirty_set_destroy(&stale);
	mutex_lock(&store->lock);
	b->stale_asked = false;
	mutex_unlock(&store->lock);
	return rc;
}

/*
 * Harvest the next piece of [at, last]; *lost is set when there is no use in asking
 * further. Return: the last byte that is done.
 */
static unsigned long log_piece(struct dirty_log *log, unsigned long at,
			       unsigned long last, bool *lost)
{
	struct dirty_binding *b = &log->binding;
	unsigned long mask = max(dirty_log_batch(log, b->granule), BIT(b->stale.shift)) - 1;
	unsigned long from = max(at, b->first), to = min(last, b->last);
	unsigned long first, end;

	if (from > to || !next_piece(b, from, to, &first, &end))
		return last;
	if (end - first >= b->piece)
		end = first + (b->piece - 1);
	/* It reports, and forgets, whole batches; and so are stale ranges forgotten */
	first = max(first & ~mask, b->first);
	end = min(end | mask, b->last);
	*lost = log_report(log, first, end);
	return end;
}

/* The request that goes first; the binding's lock is held. */
static struct dirty_request *request_pick(struct dirty_binding *b)
{
	struct dirty_request *req, *best = NULL;

	list_for_each_entry(req, &b->requests, item) {
		if (req->age >= REQUEST_AGE) {
			best = req;
			break;
		}
		if (!best || req->last - req->at < best->last - best->at)
			best = req;
	}
	list_for_each_entry(req, &b->requests, item)
		if (req != best)
			req->age++;
	if (best)
		best->age = 0;
	return best;
}

/* Piece @number has harvested [from, end]. */
static void requests_advance(struct dirty_binding *b, u64 number,
			     unsigned long from, unsigned long end)
{
	struct dirty_request *req, *next;

	spin_lock(&b->lock);
	list_for_each_entry_safe(req, next, &b->requests, item) {
		/* What began before it was asked for may have missed something */
		if (req->since >= number || req->at < from || req->at > end)
			continue;
		if (end >= req->last) {
			list_del_init(&req->item);
			WRITE_ONCE(req->done, true);
		} else {
			WRITE_ONCE(req->at, end + 1);
		}
	}
	spin_unlock(&b->lock);
	wake_up_all(&b->wait);
}

/* One piece for the request that goes first; false when no READ waits. */
static bool binding_serve(struct dirty_log *log)
{
	struct dirty_binding *b = &log->binding;
	unsigned long at, last, end;
	struct dirty_request *req;
	bool lost = false;
	u64 number;

	spin_lock(&b->lock);
	req = request_pick(b);
	if (!req) {
		spin_unlock(&b->lock);
		return false;
	}
	at = req->at;
	last = req->last;
	number = ++b->pieces;
	spin_unlock(&b->lock);

	if (READ_ONCE(log->failed) || READ_ONCE(b->store->dead)) {
		requests_finish(b);
		return true;
	}
	end = log_piece(log, at, last, &lost);
	if (lost)
		requests_finish(b);
	else
		requests_advance(b, number, at, end);
	return true;
}

/* ---- The end of a binding ---- */

static bool binding_is_late(struct dirty_binding *b)
{
	bool late;

	spin_lock(&b->lock);
	late = b->limited && time_after(jiffies, b->deadline);
	spin_unlock(&b->lock);
	return late;
}

/* What was not asked for is marked instead, from @at on. */
static void binding_mark(struct dirty_binding *b, unsigned long at)
{
	struct dirty_store *store = b->store;

	dirty_store_mark(store, at, b->last);
	mutex_lock(&store->lock);
	if (!READ_ONCE(store->dead))
		dirty_store_absorb(&store->pending, &b->stale);
	mutex_unlock(&store->lock);
}

/*
 * The last harvest: ask for everything that may be in the log. Smaller requests of READs
 * that arrive in between are served first, as always.
 */
static void binding_drain(struct dirty_log *log)
{
	struct dirty_binding *b = &log->binding;
	struct dirty_request all = { .at = b->first, .last = b->last };

	if (dirty_test_break(DIRTY_BREAK_NO_LAST_HARVEST))
		return;
	spin_lock(&b->lock);
	all.since = b->pieces;
	list_add_tail(&all.item, &b->requests);
	spin_unlock(&b->lock);
	while (!READ_ONCE(all.done)) {
		if (binding_is_late(b)) {
			binding_mark(b, READ_ONCE(all.at));
			requests_finish(b);
			break;
		}
		binding_serve(log);
		cond_resched();
	}
}

static void binding_finish(struct dirty_log *log)
{
	struct dirty_binding *b = &log->binding;
	struct dirty_store *store = b->store;

	binding_drain(log);
	log->desc.ops->stop(log->desc.data);
	mutex_lock(&store->lock);
	list_del(&b->item);
	dirty_set_destroy(&b->stale);
	mutex_unlock(&store->lock);
	/* Those who came since the last piece: there is nothing more to have */
	requests_finish(b);
	WRITE_ONCE(b->store, NULL);
	dirty_log_release(log);
	atomic_dec(&store->ending);
	wake_up_all(&store->wait);
	dirty_store_put(store);
	dirty_log_drop(log);
}

static void binding_work(struct work_struct *work)
{
	struct dirty_log *log = container_of(work, struct dirty_log,
					     binding.work);
	enum dirty_log_state state;
	struct mem_cgroup *memcg;

	for (;;) {
		state = dirty_log_state(log);
		/* It was queued again while it came to its end */
		if (state != DIRTY_LOG_TRACKER && state != DIRTY_LOG_ENDING)
			break;
		memcg = set_active_memcg(log->binding.store->memcg);
		if (state == DIRTY_LOG_ENDING)
			binding_finish(log);
		else if (!binding_serve(log))
			state = DIRTY_LOG_FREE;
		set_active_memcg(memcg);
		if (state != DIRTY_LOG_TRACKER)
			break;
		cond_resched();
	}
	dirty_log_drop(log);
}

static void binding_init(struct dirty_binding *b)
{
	INIT_WORK(&b->work, binding_work);
	mutex_init(&b->iopt_lock);
	spin_lock_init(&b->lock);
	INIT_LIST_HEAD(&b->requests);
	init_waitqueue_head(&b->wait);
}

/**
 * dirty_log_alloc() - A device has a log of its own
 * @idev: The device
 * @desc: What its driver can do; copied
 *
 * Return: The log with one reference, or NULL.
 */
struct dirty_log *dirty_log_alloc(struct iommufd_device *idev,
				  const struct iommufd_dirty_source_desc *desc)
{
	struct dirty_log *log = kzalloc_obj(*log, GFP_KERNEL_ACCOUNT);

	if (!log)
		return NULL;
	dirty_test_object(1);
	log->desc = *desc;
	log->idev = idev;
	log->dev = get_device(idev->dev);
	kref_init(&log->ref);
	spin_lock_init(&log->lock);
	binding_init(&log->binding);
	return log;
}

/**
 * dirty_binding_queue() - There is something to do for the worker
 * @log: The log. One that no tracker has is left alone
 */
void dirty_binding_queue(struct dirty_log *log)
{
	kref_get(&log->ref);
	if (!queue_work(log_wq, &log->binding.work))
		dirty_log_drop(log);
}

/**
 * dirty_log_end() - Take a log from its tracker
 * @log: The log. One that no tracker has is left alone
 *
 * Does not wait: the worker harvests what is in it, and READs wait for that; then
 * it stops the log and frees it for others.
 */
void dirty_log_end(struct dirty_log *log)
{
	bool end;

	spin_lock(&log->lock);
	end = log->state == DIRTY_LOG_TRACKER;
	if (end) {
		WRITE_ONCE(log->state, DIRTY_LOG_ENDING);
		atomic_inc(&log->binding.store->ending);
	}
	spin_unlock(&log->lock);
	if (end)
		dirty_binding_queue(log);
}

/**
 * dirty_log_close() - The device is being closed: end its log, soon
 * @log: The log, of a device that does no DMA any more
 */
void dirty_log_close(struct dirty_log *log)
{
	struct dirty_binding *b = &log->binding;
	struct dirty_store *lost = NULL;

	spin_lock(&log->lock);
	log->closed = true;
	if (log->state == DIRTY_LOG_TRACKER && READ_ONCE(log->failed))
		lost = dirty_store_get(b->store);
	spin_unlock(&log->lock);
	/* It has recorded nothing since it was lost */
	if (lost)
		dirty_store_mark(lost, b->first, b->last);
	dirty_store_put(lost);
	spin_lock(&b->lock);
	b->limited = true;
	b->deadline = jiffies;
	if (!dirty_caller_dying())
		b->deadline += msecs_to_jiffies(CLOSE_BUDGET_MS);
	spin_unlock(&b->lock);
	dirty_log_end(log);
}

/**
 * dirty_logs_detach() - A tracker is destroyed, or starts again: its bindings forget
 *	the IOAS
 * @store: The tracker's store, dead; its bindings are ending
 */
void dirty_logs_detach(struct dirty_store *store)
{
	struct dirty_binding *b;
	struct dirty_log *log;

	do {
		log = NULL;
		mutex_lock(&store->lock);
		list_for_each_entry(b, &store->bindings, item) {
			if (!READ_ONCE(b->iopt))
				continue;
			log = container_of(b, struct dirty_log, binding);
			WARN_ON(dirty_log_state(log) != DIRTY_LOG_ENDING);
			kref_get(&log->ref);
			break;
		}
		mutex_unlock(&store->lock);
		if (log) {
			dirty_test_delay("logs_detach");
			mutex_lock(&log->binding.iopt_lock);
			/* Another tracker, of this IOAS too, may have it by now */
			if (READ_ONCE(log->binding.store) == store)
				WRITE_ONCE(log->binding.iopt, NULL);
			mutex_unlock(&log->binding.iopt_lock);
			dirty_log_drop(log);
		}
	} while (log);
}

/* ---- Unmap ---- */

/**
 * dirty_logs_stale() - Memory is being unmapped: all logs still have what was
 *	written to it
 * @store: The tracker's store; its lock is held
 * @first: First byte, mapped writable
 * @last: Last byte
 */
void dirty_logs_stale(struct dirty_store *store, unsigned long first,
		      unsigned long last)
{
	struct dirty_binding *b;

	if (dirty_test_break(DIRTY_BREAK_NO_STALE))
		return;
	list_for_each_entry(b, &store->bindings, item) {
		struct dirty_log *log = container_of(b, struct dirty_log,
						     binding);
		unsigned long from = max(first, b->first);
		unsigned long to = min(last, b->last);

		if (from > to)
			continue;
		/* A log that is lost cannot report it */
		if (READ_ONCE(log->failed))
			dirty_store_round(store, &store->pending, from, to);
		else
			dirty_set_add(&b->stale, from, to);
	}
}
