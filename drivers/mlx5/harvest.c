// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports of the page tracker: asks firmware for what was written in a range, and
 * puts what it says into a bitmap. Decides what is believed, and how long it is
 * waited for.
 *
 * Firmware forgets a page when it reports it. So whatever goes wrong in the middle
 * of a report can have lost pages. Then the tracker is broken: every harvest fails,
 * until it has been stopped and started again, and who asked must take all pages for
 * dirty.
 */
#include <linux/iova_bitmap.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "buffer.h"
#include "cmd.h"
#include "device.h"

static unsigned int report_timeout_ms = 10000;
module_param(report_timeout_ms, uint, 0644);
MODULE_PARM_DESC(report_timeout_ms, "Longest wait for the next part of a page tracker's report, in ms");

/* How long to sleep without looking oneself, in case an event gets lost. */
#define LOOK_AGAIN	max(HZ / 10, 1)

static unsigned long report_limit(void)
{
	return msecs_to_jiffies(clamp(READ_ONCE(report_timeout_ms), 1U, 600000U));
}

static int query_tracker(struct mlx5vf_device *mv, u8 *state)
{
	u32 in[MLX5_ST_SZ_DW(general_obj_in_cmd_hdr)] = {};
	u32 out[MLX5_ST_SZ_DW(query_page_track_obj_out)];
	int ret;

	mlx5vf_tracker_header(in, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, mv->tracker.id);
	ret = mlx5vf_exec(mv, "QUERY_GENERAL_OBJECT (page tracker)", in, sizeof(in), out,
			  sizeof(out));
	if (!ret)
		*state = MLX5_GET(query_page_track_obj_out, out, obj_context.state);
	return ret;
}

/* Have it report, and forget, what was written in a range. */
static int ask_report(struct mlx5vf_device *mv, u64 iova, u64 length)
{
	u32 in[MLX5_ST_SZ_DW(modify_page_track_obj_in)] = {};
	void *obj = MLX5_ADDR_OF(modify_page_track_obj_in, in, obj_context);

	mlx5vf_tracker_header(in, MLX5_CMD_OP_MODIFY_GENERAL_OBJECT, mv->tracker.id);
	/* The range, and the state. */
	MLX5_SET64(page_track, obj, modify_field_select, 0x3);
	MLX5_SET64(page_track, obj, range_start_address, iova);
	MLX5_SET64(page_track, obj, length, length);
	MLX5_SET(page_track, obj, state, MLX5_PAGE_TRACK_STATE_REPORTING);
	return mlx5vf_exec(mv, "MODIFY_GENERAL_OBJECT (page tracker)", in, sizeof(in), NULL,
			   MLX5_ST_SZ_BYTES(general_obj_out_cmd_hdr));
}

static int tracker_lost(struct mlx5vf_device *mv, const char *why)
{
	struct mlx5vf_tracker *t = &mv->tracker;

	cmpxchg(&t->broken, NULL, why);
	dev_err_ratelimited(mlx5vf_dev(mv), "the page tracker is of no use any more: %s; DMA logging must be stopped and started again, and all that was tracked taken for dirty\n",
		READ_ONCE(t->broken));
	return -EIO;
}

/* What an event or firmware said of the tracker. */
static int tracker_check(struct mlx5vf_device *mv)
{
	struct mlx5vf_tracker *t = &mv->tracker;
	u8 state;

	if (READ_ONCE(t->broken))
		return tracker_lost(mv, NULL);
	if (!READ_ONCE(t->changed))
		return 0;
	WRITE_ONCE(t->changed, false);
	if (query_tracker(mv, &state))
		return tracker_lost(mv, "the firmware does not say how it is");
	if (state == MLX5_PAGE_TRACK_STATE_ERROR)
		return tracker_lost(mv, "firmware reports an error, such as a full log");
	return 0;
}

static int take_message(struct mlx5vf_device *mv, const struct mlx5vf_message *message,
			unsigned long iova, unsigned long last, struct iova_bitmap *bitmap)
{
	struct mlx5vf_tracker *t = &mv->tracker;
	size_t at, n;

	if (message->length % sizeof(__be64))
		return tracker_lost(mv, "a report has a part of an entry");
	for (at = 0; at < message->length; at += n) {
		__be64 *entry;
		size_t i;

		n = message->length - at;
		entry = mlx5vf_buffer_at(t->report.buf, message->offset + at, &n);
		for (i = 0; i < n / sizeof(*entry); i++) {
			u64 page = be64_to_cpu(entry[i]);

			/* Both ends of the range are a page's, so it is in or out. */
			page &= ~(t->page_size - 1);
			if (page < iova || page > last)
				return tracker_lost(mv, "a report has a page not asked for");
			iova_bitmap_set(bitmap, page, t->page_size);
		}
	}
	return 0;
}

/* Sleep until there is reason to look again. */
static int wait_message(struct mlx5vf_device *mv, int seen, unsigned long end)
{
	struct mlx5vf_tracker *t = &mv->tracker;
	long ret;

	if (time_after(jiffies, end))
		return tracker_lost(mv, "the firmware did not go on with its report in time");
	ret = wait_event_killable_timeout(t->wait, atomic_read(&t->events) != seen, LOOK_AGAIN);
	if (ret < 0)
		return tracker_lost(mv, "a report was given up when the task was killed");
	return tracker_check(mv);
}

static int take_report(struct mlx5vf_device *mv, unsigned long iova, unsigned long last,
		       struct iova_bitmap *bitmap)
{
	struct mlx5vf_tracker *t = &mv->tracker;
	unsigned long end = jiffies + report_limit();
	/* A page can be reported again, if it was written meanwhile. */
	u64 left = ((last - iova) / t->page_size + 1) * 2 * sizeof(__be64) + t->report.message;
	struct mlx5vf_message message;
	int seen, ret;

	for (;;) {
		seen = atomic_read(&t->events);
		ret = mlx5vf_report_next(mv, &t->report, &message);
		if (!ret) {
			mlx5vf_report_arm(&t->report);
			ret = mlx5vf_report_next(mv, &t->report, &message);
		}
		if (ret < 0)
			return tracker_lost(mv, "a report's message failed");
		if (!ret) {
			ret = wait_message(mv, seen, end);
			if (ret)
				return ret;
			continue;
		}
		ret = take_message(mv, &message, iova, last, bitmap);
		mlx5vf_report_done(mv, &t->report);
		if (ret)
			return ret;
		if (message.state == MLX5_PAGE_TRACK_STATE_TRACKING)
			return 0;
		if (message.state != MLX5_PAGE_TRACK_STATE_REPORTING)
			return tracker_lost(mv, "firmware reports an error, such as a full log");
		if (message.length > left)
			return tracker_lost(mv, "a report has no end");
		left -= message.length;
		if (message.length)
			end = jiffies + report_limit();
		if (fatal_signal_pending(current))
			return tracker_lost(mv, "a report was given up when the task was killed");
		cond_resched();
	}
}

static int harvest(struct mlx5vf_device *mv, unsigned long iova, unsigned long length,
		   struct iova_bitmap *bitmap)
{
	struct mlx5vf_tracker *t = &mv->tracker;
	unsigned long last;
	int ret;

	if (!mv->attached)
		return -ENOTCONN;
	if (!t->active)
		return -EINVAL;
	if (!length)
		return 0;
	/*
	 * Of a page that is only in part in the range, firmware would forget all.
	 */
	if (!IS_ALIGNED(iova | length, t->page_size) ||
	    check_add_overflow(iova, length - 1, &last))
		return -EINVAL;
	ret = tracker_check(mv);
	if (ret)
		return ret;
	ret = ask_report(mv, iova, length);
	if (mlx5vf_outcome_unknown(ret))
		return tracker_lost(mv, "the firmware did not answer when asked for a report");
	return ret ?: take_report(mv, iova, last, bitmap);
}

/**
 * mlx5vf_tracker_harvest - report and clear
 * @mv: the VF
 * @iova: start of the range
 * @length: of the range; both multiples of the granule
 * @bitmap: where pages are set
 *
 * Can be killed, and waits no longer than report_timeout_ms for each message.
 *
 * Return: 0; -EINVAL if it was not started, or a bad range; -ENOTCONN if the PF is
 * down; -EIO if it is broken, and pages may be missing: stop it and start it again.
 */
int mlx5vf_tracker_harvest(struct mlx5vf_device *mv, unsigned long iova,
			   unsigned long length, struct iova_bitmap *bitmap)
{
	int ret;

	if (mutex_lock_killable(&mv->track_lock))
		return -EINTR;
	ret = harvest(mv, iova, length, bitmap);
	mutex_unlock(&mv->track_lock);
	return ret;
}
