// SPDX-License-Identifier: GPL-2.0-only
/*
 * READ: harvest a window, and deliver it. UNMAP: unmap, which harvests into
 * pending, and deliver that. READ asks the logs of devices for the whole range at the
 * beginning, because a device takes long to answer, and waits for them window by window.
 *
 * A window is at most 64 GiB. Its harvest (flushed) and what was pending for it
 * are merged in the READ's private set; the READ copies them from there to user
 * memory with no lock held that other ioctls need, and removes them from the set
 * as they arrive. What is left in the set at the end, because the copy failed, the
 * buffer is full or the caller was killed, is pending again.
 *
 * READs run in parallel. Those of disjoint ranges have nothing in common but
 * short locks. Of two that overlap, each page goes to at least one; so it does
 * when an UNMAP runs beside a READ.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/sizes.h>

#include "deliver.h"
#include "domain.h"
#include "harvest.h"
#include "log.h"
#include "reconcile.h"
#include "request.h"
#include "test.h"
#include "trace.h"
#include "tracker.h"

#define READ_WINDOW ((unsigned long)SZ_64G)

/*
 * First byte at or after @first where there may be something to report: mapped,
 * or pending (perhaps in @set already) from what was mapped.
 */
static bool next_work(struct iommufd_dirty_tracker *tracker,
		      struct dirty_read *rd, struct dirty_set *set,
		      unsigned long *first)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	unsigned long at = *first, next, last;
	struct iopt_area *area;
	bool found = false;

	down_read(&iopt->iova_rwsem);
	area = iopt_area_iter_first(iopt, at, rd->last);
	if (area) {
		*first = max(at, iopt_area_iova(area));
		found = true;
	}
	up_read(&iopt->iova_rwsem);

	if (dirty_set_next_run(set, at, rd->last, &next, &last) &&
	    (!found || next < *first)) {
		*first = next;
		found = true;
	}
	if (dirty_store_next(tracker->store, at, rd->last, &next) &&
	    (!found || next < *first)) {
		*first = next;
		found = true;
	}
	*first &= ~(max(BIT(rd->shift), tracker->unit) - 1);
	*first = max(*first, at);
	return found;
}

static unsigned long window_last(struct iommufd_dirty_tracker *tracker,
				 const struct dirty_read *rd, unsigned long first)
{
	unsigned long size = max3(READ_WINDOW, BIT(rd->shift), tracker->unit);

	return min(rd->last, first | (size - 1));
}

/*
 * The next window, with the logs joined up to its end: what they report of memory
 * that is not mapped any more is pending by then.
 */
static int next_window(struct iommufd_dirty_tracker *tracker,
		       struct dirty_read *rd, struct dirty_set *set,
		       struct dirty_requests *reqs, unsigned long *first,
		       unsigned long *last, bool *found)
{
	unsigned long begin = *first, joined = 0;
	int rc;

	for (;;) {
		*first = begin;
		*found = next_work(tracker, rd, set, first);
		*last = *found ? window_last(tracker, rd, *first) : rd->last;
		if (!reqs->nr || joined >= *last)
			return 0;
		rc = dirty_requests_wait(reqs, *last, rd->deadline);
		if (rc)
			return rc;
		joined = *last;
	}
}

/*
 * What a peek has harvested is in the hardware still, so it is forgotten, and what
 * is pending is copied: a peek holds no memory afterwards.
 */
static int read_window(struct iommufd_dirty_tracker *tracker,
		       struct dirty_read *rd, struct dirty_set *set,
		       unsigned long first, unsigned long last)
{
	const struct dirty_harvest_range range = {
		.first = first,
		.last = last,
		.own_first = rd->iova,
		.own_last = rd->last,
		.deadline = rd->deadline,
	};
	bool peek = !dirty_read_clears(rd);
	int rc;

	/* Before pending is looked at, since that is where an unpin puts it */
	if (!tracker->only)
		dirty_access_harvest(tracker, set, first, last);
	rc = dirty_harvest(tracker, &range, peek ? DIRTY_HARVEST_PEEK : 0, set);
	dirty_test_delay("harvested");
	if (!rc) {
		if (peek)
			dirty_store_copy(tracker->store, set, first, last);
		else
			dirty_store_take(tracker->store, set, first, last);
		rc = dirty_deliver(rd, set, first, last);
	}
	if (dirty_test_break(DIRTY_BREAK_EARLY_PUBLISH)) {
		msleep(50);
		dirty_harvest_flush_late(dirty_tracker_iopt(tracker));
	}
	if (peek || (rc && dirty_test_break(DIRTY_BREAK_LOSE_UNDELIVERED)))
		dirty_set_destroy(set);
	return rc;
}

/* Something has happened to a source: perhaps there is a better plan now. */
static int read_reconcile(struct iommufd_dirty_tracker *tracker)
{
	struct iommufd_dirty_iopt *dirty = &tracker->ioas->iopt.dirty;
	struct dirty_store *store = tracker->store;
	bool again = false;
	int rc;

	if (!READ_ONCE(store->flags))
		return 0;
	do {
		rc = mutex_lock_killable(&dirty->plan_lock);
		if (rc)
			return rc;
		again = !again && dirty_reconcile_widen(tracker);
		dirty_reconcile(tracker, true);
		mutex_unlock(&dirty->plan_lock);
		/* One that takes longer reconciles once more when it has ended */
		if (again)
			dirty_store_settle(store);
	} while (again);
	return 0;
}

/* A READ has passed: what it has drained need not stay on. */
static void read_drained(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	bool drained;

	down_read(&iopt->domains_rwsem);
	drained = dirty_reconcile_drained(tracker);
	up_read(&iopt->domains_rwsem);
	if (drained)
		set_bit(DIRTY_STORE_RECONCILE, &tracker->store->flags);
}

static bool read_is_late(const struct dirty_read *rd)
{
	return rd->deadline && time_after(jiffies, rd->deadline);
}

/* Is all that is mapped reported anyway, because one domain is? (If not any more: a mark.) */
static bool all_is_mapped(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_domain *dd;
	bool mapped = false;

	down_read(&iopt->domains_rwsem);
	dirty_for_each_domain(dd, iopt, tracker)
		mapped |= READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_MAPPED &&
			  dirty_domain_filled(iopt, dd);
	up_read(&iopt->domains_rwsem);
	return mapped;
}

/* Window by window, as far as @reqs have been answered. */
static int read_requested(struct iommufd_dirty_tracker *tracker,
			  struct dirty_read *rd, struct dirty_requests *reqs)
{
	unsigned long first = rd->iova, last;
	struct dirty_set set;
	bool found;
	int rc;

	dirty_set_init(&set, tracker->store->shift);
	/* At once if that costs nothing, else window by window */
	if (dirty_read_clears(rd))
		dirty_store_take(tracker->store, &set, rd->iova, rd->last);
	for (;;) {
		rd->next = first;
		rc = next_window(tracker, rd, &set, reqs, &first, &last, &found);
		if (rc || !found)
			break;
		rd->next = first;
		rc = read_is_late(rd) ? -ETIME :
				read_window(tracker, rd, &set, first, last);
		if (rc || last == rd->last)
			break;
		first = last + 1;
		/* What is pending may be as wide as the address space, in one run */
		if (fatal_signal_pending(current)) {
			rd->next = first;
			rc = -EINTR;
			break;
		}
		cond_resched();
	}
	dirty_store_publish(tracker->store, &set);
	return rc;
}

static int read_windows(struct iommufd_dirty_tracker *tracker,
			struct dirty_read *rd)
{
	struct dirty_requests reqs;
	int rc;

	rc = read_reconcile(tracker);
	if (rc)
		return rc;
	rc = dirty_requests_make(tracker->store, &reqs, all_is_mapped(tracker),
				 rd->iova, rd->last, rd->deadline);
	if (!rc)
		rc = read_requested(tracker, rd, &reqs);
	dirty_requests_free(&reqs);
	if (!rc)
		rd->next = rd->last + 1;
	if (dirty_read_clears(rd))
		read_drained(tracker);
	/* A full buffer and the end of the time are ends of this READ, not errors */
	return rc == DIRTY_DELIVER_FULL || rc == -ETIME ? 0 : rc;
}

static int read_check_data(struct iommu_dirty_tracker_read *cmd,
			   struct dirty_read *rd)
{
	u64 words = DIV_ROUND_UP(((cmd->length - 1) >> rd->shift) + 1, 64);

	if (cmd->flags & IOMMU_DIRTY_TRACKER_READ_COUNT) {
		if (cmd->data || cmd->data_len)
			return -EINVAL;
		rd->flags |= IOMMU_DIRTY_TRACKER_READ_NO_CLEAR;
	} else if (cmd->flags & IOMMU_DIRTY_TRACKER_READ_RANGES) {
		rd->ranges = u64_to_user_ptr(cmd->data);
		rd->max_ranges = cmd->data_len / sizeof(*rd->ranges);
		if (!rd->max_ranges || !rd->ranges)
			return -EINVAL;
	} else {
		rd->bitmap = u64_to_user_ptr(cmd->data);
		if (!rd->bitmap ||
		    (cmd->data_len / sizeof(u64) < words &&
		     !dirty_test_break(DIRTY_BREAK_NO_LENGTH)))
			return -EINVAL;
	}
	return 0;
}

static int read_check(struct iommufd_dirty_tracker *tracker,
		      struct iommu_dirty_tracker_read *cmd,
		      struct dirty_read *rd)
{
	const u32 formats = IOMMU_DIRTY_TRACKER_READ_RANGES |
			    IOMMU_DIRTY_TRACKER_READ_COUNT;
	u64 mask = cmd->page_size - 1, data_end, last;
	bool all;

	if (cmd->flags & ~(IOMMU_DIRTY_TRACKER_READ_NO_CLEAR | formats) ||
	    cmd->__reserved)
		return -EOPNOTSUPP;
	if ((cmd->flags & formats) == formats)
		return -EINVAL;
	if (cmd->page_size < SZ_4K || !is_power_of_2(cmd->page_size) ||
	    !cmd->length)
		return -EINVAL;
	all = !cmd->iova && cmd->length == U64_MAX;
	if (!all && (cmd->iova & mask || cmd->length & mask))
		return -EINVAL;
	/* The last page of the address space ends at 2^64 */
	if (check_add_overflow(cmd->iova, cmd->length - !all, &last) ||
	    check_add_overflow(cmd->data, cmd->data_len, &data_end) ||
	    last > ULONG_MAX || data_end > ULONG_MAX)
		return -EOVERFLOW;
	/* The set of a very large unit cannot represent its parts */
	if (cmd->page_size < BIT(tracker->store->finest))
		return -EINVAL;

	rd->flags = cmd->flags;
	rd->iova = cmd->iova;
	rd->last = last;
	rd->shift = ilog2(cmd->page_size);
	rd->next = rd->iova;
	/* 0 is none */
	if (cmd->timeout_ms)
		rd->deadline = (jiffies + msecs_to_jiffies(cmd->timeout_ms)) | 1;
	return read_check_data(cmd, rd);
}

/* A READ or UNMAP begins; parts of units are kept from the first that wants one on. */
static int runs_begin(struct iommufd_dirty_tracker *tracker, u64 page_size)
{
	int rc;

	rc = down_read_killable(&tracker->runs);
	if (rc || page_size >= BIT(tracker->store->shift))
		return rc;
	up_read(&tracker->runs);
	rc = down_write_killable(&tracker->runs);
	if (rc)
		return rc;
	dirty_store_refine(tracker->store);
	downgrade_write(&tracker->runs);
	return 0;
}

/* A READ begins: the time, for read_event(); 0 if it is neither traced nor listened to. */
static u64 read_clock(void)
{
	return trace_dirty_read_enabled() ? ktime_get_ns() : dirty_event_clock();
}

/* A READ has ended with @rc; runs is held. */
static void read_event(struct iommufd_dirty_tracker *tracker,
		      const struct dirty_read *rd, u64 since, int rc)
{
	if (!since)
		return;
	if (tracker->running)
		dirty_event_read(tracker, rd->dirty, since);
	trace_dirty_read(dirty_tracker_context(tracker), tracker->obj.id,
			 rd->iova, rd->last - rd->iova + 1, rd->dirty,
			 ktime_get_ns() - since, !dirty_read_clears(rd), rc);
}

/**
 * dirty_read_range() - READ, without a uAPI
 * @tracker: The tracker, with a reference of the caller's
 * @rd: What is wanted, checked by the caller
 *
 * Return: As dirty_read(); -ENODATA when the tracker does not run.
 */
int dirty_read_range(struct iommufd_dirty_tracker *tracker,
		     struct dirty_read *rd)
{
	u64 since = read_clock();
	int rc;

	rc = runs_begin(tracker, BIT(rd->shift));
	if (rc)
		return rc;
	rd->next = rd->iova;
	rc = tracker->running ? read_windows(tracker, rd) : -ENODATA;
	/* The caller does not need the flags, but their change is an event */
	if (since)
		dirty_tracker_out_flags(tracker);
	read_event(tracker, rd, since, rc);
	up_read(&tracker->runs);
	return rc;
}

/**
 * dirty_read() - READ
 * @tracker: The tracker, with a reference of the caller's
 * @cmd: In and out, @cmd->tracker_id aside
 *
 * Return: 0, or -errno as the uAPI says; the out fields are good either way.
 */
int dirty_read(struct iommufd_dirty_tracker *tracker,
	       struct iommu_dirty_tracker_read *cmd)
{
	u64 since = read_clock();
	struct dirty_read rd = {};
	int rc;

	rc = runs_begin(tracker, cmd->page_size);
	if (rc)
		return rc;
	rc = read_check(tracker, cmd, &rd);
	if (rc)
		goto out_unlock;
	rc = tracker->running ? read_windows(tracker, &rd) : -ENODATA;
	cmd->out_flags = dirty_tracker_out_flags(tracker);
	cmd->out_dirty_bytes = rd.dirty;
	cmd->out_next_iova = rd.next;
	cmd->out_nr_ranges = rd.nr_ranges;
	read_event(tracker, &rd, since, rc);
out_unlock:
	up_read(&tracker->runs);
	return rc;
}

/*
 * Can the answer be written? If not, what @data gets would be cleared, and nobody told how much of
 * @data it is. The struct goes back as it came.
 */
static int answer_check(struct iommufd_ucmd *ucmd, size_t size)
{
	return iommufd_ucmd_respond(ucmd, size);
}

/**
 * iommufd_dirty_tracker_read() - ioctl(IOMMU_DIRTY_TRACKER_READ)
 * @ucmd: struct iommu_dirty_tracker_read
 *
 * Return: 0 or an error listed at the struct, whose out fields are written in both
 * cases.
 */
int iommufd_dirty_tracker_read(struct iommufd_ucmd *ucmd)
{
	struct iommu_dirty_tracker_read *cmd = ucmd->cmd;
	struct iommufd_dirty_tracker *tracker;
	int rc;

	rc = answer_check(ucmd, sizeof(*cmd));
	if (rc)
		return rc;
	tracker = iommufd_get_dirty_tracker(ucmd, cmd->tracker_id);
	if (IS_ERR(tracker))
		return PTR_ERR(tracker);
	rc = dirty_read(tracker, cmd);
	iommufd_put_object(ucmd->ictx, &tracker->obj);
	if (iommufd_ucmd_respond(ucmd, sizeof(*cmd)) && !rc)
		rc = -EFAULT;
	return rc;
}

/* What the logs have of a range that was unmapped: no device can write it now. */
static int unmap_join_logs(struct iommufd_dirty_tracker *tracker,
			   const struct dirty_read *rd)
{
	struct dirty_requests reqs;
	int rc;

	rc = dirty_requests_make(tracker->store, &reqs, false, rd->iova, rd->last, 0);
	if (!rc)
		rc = dirty_requests_wait(&reqs, rd->last, 0);
	dirty_requests_free(&reqs);
	return rc;
}

static int unmap_range(struct io_pagetable *iopt, unsigned long first,
		       unsigned long last, unsigned long *bytes)
{
	if (!first && last == ULONG_MAX)
		return iopt_unmap_all(iopt, bytes);
	return iopt_unmap_iova(iopt, first, last - first + 1, bytes);
}

/* Unmap [first, last], which cuts no mapping, and deliver what is dirty in it. */
static int unmap_step(struct iommufd_dirty_tracker *tracker,
		      struct dirty_read *rd, u32 flags, unsigned long first,
		      unsigned long last, u64 *unmapped)
{
	struct dirty_store *store = tracker->store;
	unsigned long bytes = 0;
	struct dirty_set set;
	int rc;

	rd->next = first;
	dirty_set_init(&set, store->shift);
	if (flags & IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE)
		dirty_harvest_mapped(tracker, first, last, &set);
	rc = unmap_range(dirty_tracker_iopt(tracker), first, last, &bytes);
	*unmapped += bytes;
	/* Not before: a READ would take it, and miss what is written after that */
	dirty_store_publish(store, &set);
	/* Another thread has mapped something since this was looked at */
	if (rc)
		return rc == -ENOENT ? -ERANGE : rc;
	if (!(flags & IOMMU_DIRTY_TRACKER_UNMAP_STOP))
		rc = unmap_join_logs(tracker, rd);
	if (rc)
		return rc;

	dirty_set_init(&set, store->shift);
	dirty_store_take(store, &set, first, last);
	rc = dirty_deliver(rd, &set, first, last);
	if (!rc)
		rd->next = last + 1;
	if (rc && dirty_test_break(DIRTY_BREAK_LOSE_UNDELIVERED))
		dirty_set_destroy(&set);
	dirty_store_publish(store, &set);
	return rc;
}

/*
 * How far a step of STOP goes: to the end of the next mapping, and of those that
 * have a page of the caller's in common with it.
 */
static unsigned long unmap_step_last(struct io_pagetable *iopt,
				     const struct dirty_read *rd,
				     unsigned long first)
{
	unsigned long mask = BIT(rd->shift) - 1, last = rd->last;
	struct iopt_area *area;

	down_read(&iopt->iova_rwsem);
	area = iopt_area_iter_first(iopt, first, rd->last);
	if (area) {
		last = iopt_area_last_iova(area) | mask;
		while ((area = iopt_area_iter_next(area, first, rd->last)) &&
		       iopt_area_iova(area) <= last) {
			last = iopt_area_last_iova(area) | mask;
			cond_resched();
		}
	}
	up_read(&iopt->iova_rwsem);
	return min(last, rd->last);
}

static int unmap_steps(struct iommufd_dirty_tracker *tracker,
		       struct dirty_read *rd, u32 flags, u64 *unmapped)
{
	unsigned long first = rd->iova, last;
	int rc;

	/* What was written before the call; once, since to ask a device takes long */
	rc = unmap_join_logs(tracker, rd);
	while (!rc) {
		last = unmap_step_last(dirty_tracker_iopt(tracker), rd, first);
		rc = unmap_step(tracker, rd, flags, first, last, unmapped);
		if (last == rd->last)
			break;
		if (!rc && fatal_signal_pending(current))
			rc = -EINTR;
		first = last + 1;
		cond_resched();
	}
	return rc;
}

/**
 * dirty_unmap_cuts() - Does a mapping reach out of a range?
 * @iopt: The IOAS's table
 * @first: First byte of the range
 * @last: Last byte
 *
 * Return: true if an unmap of the range would cut a mapping. It may change when the
 * lock is released.
 */
bool dirty_unmap_cuts(struct io_pagetable *iopt, unsigned long first,
		      unsigned long last)
{
	struct iopt_area *area;
	bool cuts;

	down_read(&iopt->iova_rwsem);
	area = iopt_area_iter_first(iopt, first, first);
	cuts = area && iopt_area_iova(area) < first;
	area = iopt_area_iter_first(iopt, last, last);
	cuts |= area && iopt_area_last_iova(area) > last;
	up_read(&iopt->iova_rwsem);
	return cuts;
}

static int read_unmap(struct iommufd_dirty_tracker *tracker,
		      struct dirty_read *rd, u32 flags, u64 *unmapped)
{
	int rc;

	if (dirty_unmap_cuts(dirty_tracker_iopt(tracker), rd->iova, rd->last))
		return -ERANGE;
	if (flags & IOMMU_DIRTY_TRACKER_UNMAP_STOP)
		rc = unmap_steps(tracker, rd, flags, unmapped);
	else
		rc = unmap_step(tracker, rd, flags, rd->iova, rd->last, unmapped);
	if (rc == DIRTY_DELIVER_FULL)
		rc = 0;
	return rc || *unmapped || rd->dirty ? rc : -ENOENT;
}

/**
 * dirty_unmap() - UNMAP
 * @tracker: The tracker, with a reference of the caller's
 * @cmd: In and out, @cmd->tracker_id aside
 *
 * Return: 0, or -errno as the uAPI says; the out fields are good either way.
 */
int dirty_unmap(struct iommufd_dirty_tracker *tracker,
		struct iommu_dirty_tracker_unmap *cmd)
{
	struct iommu_dirty_tracker_read read = {
		.iova = cmd->iova,
		.length = cmd->length,
		.page_size = cmd->page_size,
		.data = cmd->data,
		.data_len = cmd->data_len,
	};
	struct dirty_read rd = {};
	int rc;

	cmd->out_unmapped = 0;
	if (cmd->flags & ~(IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE |
			   IOMMU_DIRTY_TRACKER_UNMAP_RANGES |
			   IOMMU_DIRTY_TRACKER_UNMAP_STOP))
		return -EOPNOTSUPP;
	if (cmd->flags & IOMMU_DIRTY_TRACKER_UNMAP_RANGES)
		read.flags = IOMMU_DIRTY_TRACKER_READ_RANGES;
	else if (cmd->flags & IOMMU_DIRTY_TRACKER_UNMAP_STOP)
		return -EINVAL;
	rc = runs_begin(tracker, cmd->page_size);
	if (rc)
		return rc;
	rc = read_check(tracker, &read, &rd);
	if (rc)
		goto out_unlock;
	rc = tracker->running ?
		     read_unmap(tracker, &rd, cmd->flags, &cmd->out_unmapped) :
		     -ENODATA;
	cmd->out_flags = dirty_tracker_out_flags(tracker);
	cmd->out_dirty_bytes = rd.dirty;
	cmd->out_next_iova = rd.next;
	cmd->out_nr_ranges = rd.nr_ranges;
out_unlock:
	up_read(&tracker->runs);
	return rc;
}

/**
 * iommufd_dirty_tracker_unmap() - ioctl(IOMMU_DIRTY_TRACKER_UNMAP)
 * @ucmd: struct iommu_dirty_tracker_unmap
 *
 * Return: 0 or an error listed at the struct, whose out fields are written in both
 * cases.
 */
int iommufd_dirty_tracker_unmap(struct iommufd_ucmd *ucmd)
{
	struct iommu_dirty_tracker_unmap *cmd = ucmd->cmd;
	struct iommufd_dirty_tracker *tracker;
	int rc;

	rc = answer_check(ucmd, sizeof(*cmd));
	if (rc)
		return rc;
	tracker = iommufd_get_dirty_tracker(ucmd, cmd->tracker_id);
	if (IS_ERR(tracker))
		return PTR_ERR(tracker);
	rc = dirty_unmap(tracker, cmd);
	iommufd_put_object(ucmd->ictx, &tracker->obj);
	if (iommufd_ucmd_respond(ucmd, sizeof(*cmd)) && !rc)
		rc = -EFAULT;
	return rc;
}
