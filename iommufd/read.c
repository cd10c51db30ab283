// SPDX-License-Identifier: GPL-2.0-only
/*
 * READ: harvest a window, and deliver it. UNMAP: unmap, which harvests into
 * pending, and deliver that. The logs of devices are harvested into pending
 * before either, all windows in one go, since to ask a device takes long.
 *
 * A window is at most 64 GiB. Its harvest (flushed) and what was pending for it
 * are brought together in the READ's private set, which gets all that is pending
 * at the beginning if that costs nothing; from there they go to user memory with
 * no lock held that anybody else needs, and are removed from the set as they
 * arrive. What is left in the set at the end, because the copy failed, the
 * buffer is full, the caller was killed, or it lies outside the window, goes
 * (back) to pending. So at any time a bit is in hardware, in pending, in the
 * private set, or with the user.
 */
#include <linux/delay.h>
#include <linux/log2.h>
#include <linux/sizes.h>

#include "deliver.h"
#include "io_pagetable.h"
#include "iommufd_private.h"
#include "source.h"
#include "test.h"
#include "tracker.h"

#define READ_WINDOW ((unsigned long)SZ_64G)

/*
 * First byte at or after @first where there may be something to report: mapped,
 * or pending (perhaps in @set already) from what was mapped.
 */
static bool next_work(struct dirty_read *rd, struct dirty_set *set,
		      unsigned long *first)
{
	struct iommufd_dirty_tracker *tracker = rd->tracker;
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	unsigned long at = *first, run_first, run_last;
	struct iopt_area *area;
	bool found = false;

	down_read(&iopt->iova_rwsem);
	area = iopt_area_iter_first(iopt, at, rd->last);
	if (area) {
		*first = max(at, iopt_area_iova(area));
		found = true;
	}
	up_read(&iopt->iova_rwsem);

	if (dirty_set_next_run(set, at, rd->last, &run_first, &run_last) &&
	    (!found || run_first < *first)) {
		*first = run_first;
		found = true;
	}
	mutex_lock(&tracker->pending_lock);
	if (dirty_set_next_run(&tracker->pending, at, rd->last, &run_first,
			       &run_last) &&
	    (!found || run_first < *first)) {
		*first = run_first;
		found = true;
	}
	mutex_unlock(&tracker->pending_lock);
	*first &= ~(BIT(rd->shift) - 1);
	return found;
}

/*
 * What a peek has harvested is in the hardware still, so it is forgotten, and what
 * is pending is copied: a peek holds no memory afterwards.
 */
static int read_window(struct dirty_read *rd, struct dirty_set *set,
		       unsigned long first, unsigned long last)
{
	struct iommufd_dirty_tracker *tracker = rd->tracker;
	bool peek = !dirty_read_clears(rd);
	int rc;

	rc = iommufd_dirty_harvest(tracker, first, last,
				   peek ? IOMMUFD_DIRTY_PEEK : 0, set);
	if (!rc) {
		mutex_lock(&tracker->pending_lock);
		if (peek)
			dirty_set_copy(set, &tracker->pending, first, last);
		else
			dirty_set_move(set, &tracker->pending, first, last);
		mutex_unlock(&tracker->pending_lock);
		rc = dirty_deliver(rd, set, first, last);
	}
	if (dirty_test_break(DIRTY_BREAK_EARLY_PUBLISH)) {
		msleep(50);
		iommufd_dirty_flush_late(&tracker->ioas->iopt);
	}
	if (peek || (rc && dirty_test_break(DIRTY_BREAK_LOSE_UNDELIVERED)))
		dirty_set_destroy(set);
	return rc;
}

/* Something has happened to a source: perhaps there is a better plan now. */
static int read_replan(struct iommufd_dirty_tracker *tracker)
{
	struct iommufd_dirty_iopt *dirty = &tracker->ioas->iopt.dirty;
	int rc;

	if (!READ_ONCE(dirty->flags))
		return 0;
	rc = mutex_lock_killable(&dirty->plan_lock);
	if (rc)
		return rc;
	iommufd_dirty_replan_broke(tracker);
	mutex_unlock(&dirty->plan_lock);
	return 0;
}

static int read_windows(struct dirty_read *rd)
{
	struct iommufd_dirty_tracker *tracker = rd->tracker;
	unsigned long window = max(READ_WINDOW, BIT(rd->shift));
	unsigned long first = rd->iova;
	struct dirty_set set;
	int rc;

	rc = read_replan(tracker);
	if (!rc)
		rc = iommufd_dirty_sources_harvest(tracker, rd->iova, rd->last);
	if (rc)
		return rc;
	iommufd_dirty_access_harvest(tracker, rd->iova, rd->last);
	dirty_set_init(&set, tracker->shift);
	if (dirty_read_clears(rd)) {
		mutex_lock(&tracker->pending_lock);
		dirty_set_take(&set, &tracker->pending, rd->iova, rd->last);
		mutex_unlock(&tracker->pending_lock);
	}
	while (next_work(rd, &set, &first)) {
		unsigned long last = min(rd->last, first | (window - 1));

		rd->next = first;
		rc = read_window(rd, &set, first, last);
		if (rc)
			break;
		rd->next = last + 1;
		if (last == rd->last)
			break;
		first = last + 1;
	}
	iommufd_dirty_publish(tracker, &set);
	if (!rc)
		rd->next = rd->last + 1;
	return rc == DIRTY_DELIVER_FULL ? 0 : rc;
}

static int read_check(struct iommu_dirty_tracker_read *cmd,
		      struct dirty_read *rd)
{
	const u32 formats = IOMMU_DIRTY_TRACKER_READ_RANGES |
			    IOMMU_DIRTY_TRACKER_READ_COUNT;
	u64 mask = cmd->page_size - 1;
	unsigned long data_end;
	u64 end;

	if (cmd->flags & ~(IOMMU_DIRTY_TRACKER_READ_NO_CLEAR | formats))
		return -EOPNOTSUPP;
	if ((cmd->flags & formats) == formats)
		return -EINVAL;
	if (cmd->page_size < SZ_4K || !is_power_of_2(cmd->page_size) ||
	    !cmd->length || cmd->iova & mask || cmd->length & mask)
		return -EINVAL;
	if (check_add_overflow(cmd->iova, cmd->length, &end) ||
	    check_add_overflow(cmd->data, cmd->data_len, &data_end))
		return -EOVERFLOW;

	rd->flags = cmd->flags;
	rd->iova = cmd->iova;
	rd->last = end - 1;
	rd->shift = ilog2(cmd->page_size);
	rd->next = rd->iova;
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
		    (cmd->data_len / sizeof(u64) <
			     DIV_ROUND_UP(cmd->length >> rd->shift, 64) &&
		     !dirty_test_break(DIRTY_BREAK_NO_LENGTH)))
			return -EINVAL;
	}
	return 0;
}

/**
 * iommufd_dirty_read - READ
 * @tracker: The tracker, with a reference of the caller's
 * @cmd: In and out, @cmd->tracker_id aside
 *
 * Return: 0, or -errno as the uAPI says; the out fields are good either way.
 */
int iommufd_dirty_read(struct iommufd_dirty_tracker *tracker,
		       struct iommu_dirty_tracker_read *cmd)
{
	struct dirty_read rd = { .tracker = tracker };
	int rc;

	rc = read_check(cmd, &rd);
	if (rc)
		return rc;
	rc = mutex_lock_killable(&tracker->read_mutex);
	if (rc)
		return rc;
	if (!tracker->running)
		rc = -EINVAL;
	else
		rc = read_windows(&rd);
	cmd->out_flags = iommufd_dirty_out_flags(tracker);
	cmd->out_dirty_bytes = rd.dirty;
	cmd->out_next_iova = rd.next;
	cmd->out_nr_ranges = rd.nr_ranges;
	mutex_unlock(&tracker->read_mutex);
	return rc;
}

/**
 * iommufd_dirty_tracker_read - ioctl(IOMMU_DIRTY_TRACKER_READ)
 * @ucmd: struct iommu_dirty_tracker_read
 */
int iommufd_dirty_tracker_read(struct iommufd_ucmd *ucmd)
{
	struct iommu_dirty_tracker_read *cmd = ucmd->cmd;
	struct iommufd_dirty_tracker *tracker;
	int rc;

	tracker = iommufd_get_dirty_tracker(ucmd, cmd->tracker_id);
	if (IS_ERR(tracker))
		return PTR_ERR(tracker);
	rc = iommufd_dirty_read(tracker, cmd);
	iommufd_put_object(ucmd->ictx, &tracker->obj);
	if (iommufd_ucmd_respond(ucmd, sizeof(*cmd)) && !rc)
		rc = -EFAULT;
	return rc;
}

/*
 * The unmap hook takes all of an area for dirty while @unmap_all is set. It is
 * in the tracker, so a plain IOAS_UNMAP at the same time over-reports as well.
 */
static int read_unmap(struct dirty_read *rd, bool conservative, u64 *unmapped)
{
	struct iommufd_dirty_tracker *tracker = rd->tracker;
	unsigned long bytes = 0;
	struct dirty_set set;
	int rc;

	WRITE_ONCE(tracker->unmap_all, conservative);
	rc = iopt_unmap_iova(&tracker->ioas->iopt, rd->iova,
			     rd->last - rd->iova + 1, &bytes);
	WRITE_ONCE(tracker->unmap_all, false);
	*unmapped = bytes;
	if (rc)
		return rc;
	if (!bytes)
		return -ENOENT;
	/* Exact: no device can write to it any more */
	rc = iommufd_dirty_sources_harvest(tracker, rd->iova, rd->last);
	if (rc)
		return rc;

	dirty_set_init(&set, tracker->shift);
	mutex_lock(&tracker->pending_lock);
	dirty_set_move(&set, &tracker->pending, rd->iova, rd->last);
	mutex_unlock(&tracker->pending_lock);
	rc = dirty_deliver(rd, &set, rd->iova, rd->last);
	if (!rc)
		rd->next = rd->last + 1;
	if (rc && dirty_test_break(DIRTY_BREAK_LOSE_UNDELIVERED))
		dirty_set_destroy(&set);
	iommufd_dirty_publish(tracker, &set);
	return rc == DIRTY_DELIVER_FULL ? 0 : rc;
}

/**
 * iommufd_dirty_unmap - UNMAP
 * @tracker: The tracker, with a reference of the caller's
 * @cmd: In and out, @cmd->tracker_id aside
 *
 * Return: 0, or -errno as the uAPI says; the out fields are good either way.
 */
int iommufd_dirty_unmap(struct iommufd_dirty_tracker *tracker,
			struct iommu_dirty_tracker_unmap *cmd)
{
	struct iommu_dirty_tracker_read read = {
		.iova = cmd->iova,
		.length = cmd->length,
		.page_size = cmd->page_size,
		.data = cmd->data,
		.data_len = cmd->data_len,
	};
	struct dirty_read rd = { .tracker = tracker };
	int rc;

	cmd->out_unmapped = 0;
	if (cmd->flags & ~(IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE |
			   IOMMU_DIRTY_TRACKER_UNMAP_RANGES))
		return -EOPNOTSUPP;
	if (cmd->flags & IOMMU_DIRTY_TRACKER_UNMAP_RANGES)
		read.flags = IOMMU_DIRTY_TRACKER_READ_RANGES;
	rc = read_check(&read, &rd);
	if (rc)
		return rc;
	rc = mutex_lock_killable(&tracker->read_mutex);
	if (rc)
		return rc;
	if (!tracker->running)
		rc = -EINVAL;
	else
		rc = read_unmap(&rd,
				cmd->flags & IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE,
				&cmd->out_unmapped);
	cmd->out_flags = iommufd_dirty_out_flags(tracker);
	cmd->out_dirty_bytes = rd.dirty;
	cmd->out_next_iova = rd.next;
	cmd->out_nr_ranges = rd.nr_ranges;
	mutex_unlock(&tracker->read_mutex);
	return rc;
}

/**
 * iommufd_dirty_tracker_unmap - ioctl(IOMMU_DIRTY_TRACKER_UNMAP)
 * @ucmd: struct iommu_dirty_tracker_unmap
 */
int iommufd_dirty_tracker_unmap(struct iommufd_ucmd *ucmd)
{
	struct iommu_dirty_tracker_unmap *cmd = ucmd->cmd;
	struct iommufd_dirty_tracker *tracker;
	int rc;

	tracker = iommufd_get_dirty_tracker(ucmd, cmd->tracker_id);
	if (IS_ERR(tracker))
		return PTR_ERR(tracker);
	rc = iommufd_dirty_unmap(tracker, cmd);
	iommufd_put_object(ucmd->ictx, &tracker->obj);
	if (iommufd_ucmd_respond(ucmd, sizeof(*cmd)) && !rc)
		rc = -EFAULT;
	return rc;
}
