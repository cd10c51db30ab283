// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tracker: firmware notes which pages the VF writes in some ranges of its
 * address space, and reports and forgets them when asked. Decides what firmware is
 * asked to track and what is made of its answers. report.c has the queues.
 *
 * Firmware is limited: in the number of ranges (the closest are merged, which can
 * only track more), in their length in all, and in its log, which overflows.
 * Whatever goes wrong in the middle of a report can have lost pages that firmware
 * has forgotten already. Then the tracker is broken: every harvest fails, until it
 * has been stopped and started again, and who asked must take all pages for dirty.
 *
 * The tracker has its own lock, so that migration states can change while a report
 * is waited for; and it goes on when the VF is reset.
 */
#include <linux/interval_tree.h>
#include <linux/iova_bitmap.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "buffer.h"
#include "cmd.h"
#include "device.h"

static unsigned int report_timeout_ms = 10000;
module_param(report_timeout_ms, uint, 0644);
MODULE_PARM_DESC(report_timeout_ms, "Longest wait for the next part of a page tracker's report, in ms");

/* 64 KiB, which is 8192 pages. */
#define LOG_MESSAGE	16
/* More than this is no message size. */
#define MAX_LOG_MESSAGE	24
/* How long to sleep without looking oneself, in case an event gets lost. */
#define LOOK_AGAIN	max(HZ / 10, 1)

static unsigned long report_limit(void)
{
	return msecs_to_jiffies(clamp(READ_ONCE(report_timeout_ms), 1U, 600000U));
}

/**
 * mlx5vf_tracker_event - something may have changed: have a harvest look
 * @t: the tracker
 */
void mlx5vf_tracker_event(struct mlx5vf_tracker *t)
{
	atomic_inc(&t->events);
	wake_up_all(&t->wait);
}

/**
 * mlx5vf_tracker_break - let every harvest fail until the next start
 * @mv: the VF
 * @why: a string that lives for ever
 */
void mlx5vf_tracker_break(struct mlx5vf_device *mv, const char *why)
{
	cmpxchg(&mv->tracker.broken, NULL, why);
	mlx5vf_tracker_event(&mv->tracker);
}

/* Any event of the PF; in an interrupt. */
static int tracker_notified(struct notifier_block *nb, unsigned long type, void *data)
{
	struct mlx5vf_tracker *t = mlx5_nb_cof(nb, struct mlx5vf_tracker, nb);
	struct mlx5_eqe *eqe = data;
	u32 id;

	switch (type) {
	case MLX5_EVENT_TYPE_WQ_CATAS_ERROR:
	case MLX5_EVENT_TYPE_WQ_ACCESS_ERROR:
	case MLX5_EVENT_TYPE_WQ_INVAL_REQ_ERROR:
		id = be32_to_cpu(eqe->data.qp_srq.qp_srq_n) & 0xffffff;
		if (eqe->data.qp_srq.type != MLX5_EVENT_QUEUE_TYPE_QP ||
		    (id != t->report.qpn && id != t->report.fw_qpn))
			return NOTIFY_OK;
		cmpxchg(&t->broken, NULL, "its queue pair failed");
		break;
	case MLX5_EVENT_TYPE_OBJECT_CHANGE:
		/* While it is being made, its name is not known yet. */
		if (READ_ONCE(t->active) && be32_to_cpu(eqe->data.obj_change.obj_id) != t->id)
			return NOTIFY_OK;
		WRITE_ONCE(t->changed, true);
		break;
	default:
		return NOTIFY_OK;
	}
	mlx5vf_tracker_event(t);
	return NOTIFY_OK;
}

/* ---- Commands ---- */

static void set_header(void *in, u16 opcode, u32 id)
{
	MLX5_SET(general_obj_in_cmd_hdr, in, opcode, opcode);
	MLX5_SET(general_obj_in_cmd_hdr, in, obj_type, MLX5_OBJ_TYPE_PAGE_TRACK);
	MLX5_SET(general_obj_in_cmd_hdr, in, obj_id, id);
}

/* Firmware's limits: log2 of the length in all, or an error. */
static int log_space(struct mlx5_core_dev *mdev, struct rb_root_cached *ranges)
{
	u8 lowest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_addr_space);
	u8 highest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_addr_space);
	struct interval_tree_node *node;
	u64 total = 0;
	int log;

	for (node = interval_tree_iter_first(ranges, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		u64 length = node->last - node->start + 1;

		/* All of the address space has no length in 64 bits. */
		if (!length || check_add_overflow(total, length, &total))
			return -EOPNOTSUPP;
	}
	if (!total)
		return -EINVAL;
	/* The smallest log of which the power is not below. */
	log = fls64(total - 1);
	return log > highest ? -EOPNOTSUPP : max_t(int, log, lowest);
}

static int create_tracker(struct mlx5vf_device *mv, struct rb_root_cached *ranges, u32 nranges)
{
	struct mlx5vf_tracker *t = &mv->tracker;
	u32 out[MLX5_ST_SZ_DW(general_obj_out_cmd_hdr)] = {};
	size_t one = MLX5_ST_SZ_BYTES(page_track_range), inlen;
	struct interval_tree_node *node;
	void *in, *obj, *range;
	int log, ret;

	log = log_space(mv->mdev, ranges);
	if (log < 0)
		return log;
	inlen = MLX5_ST_SZ_BYTES(create_page_track_obj_in) + nranges * one;
	in = kzalloc(inlen, GFP_KERNEL_ACCOUNT);
	if (!in)
		return -ENOMEM;
	set_header(in, MLX5_CMD_OP_CREATE_GENERAL_OBJECT, 0);
	obj = MLX5_ADDR_OF(create_page_track_obj_in, in, obj_context);
	MLX5_SET(page_track, obj, vhca_id, mv->vhca_id);
	MLX5_SET(page_track, obj, track_type, 1);
	MLX5_SET(page_track, obj, log_addr_space_size, log);
	MLX5_SET(page_track, obj, log_page_size, ilog2(t->page_size));
	MLX5_SET(page_track, obj, log_msg_size, ilog2(t->report.message));
	MLX5_SET(page_track, obj, reporting_qpn, t->report.fw_qpn);
	MLX5_SET(page_track, obj, num_ranges, nranges);
	range = MLX5_ADDR_OF(page_track, obj, track_range);
	for (node = interval_tree_iter_first(ranges, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		if (WARN_ON(range + one > in + inlen))
			break;
		MLX5_SET64(page_track_range, range, start_address, node->start);
		MLX5_SET64(page_track_range, range, length, node->last - node->start + 1);
		range += one;
	}
	ret = mlx5_cmd_exec(mv->mdev, in, inlen, out, sizeof(out));
	kfree(in);
	if (!ret)
		t->id = MLX5_GET(general_obj_out_cmd_hdr, out, obj_id);
	return ret;
}

static void destroy_tracker(struct mlx5vf_device *mv)
{
	u32 in[MLX5_ST_SZ_DW(general_obj_in_cmd_hdr)] = {};
	u32 out[MLX5_ST_SZ_DW(general_obj_out_cmd_hdr)] = {};
	int ret;

	set_header(in, MLX5_CMD_OP_DESTROY_GENERAL_OBJECT, mv->tracker.id);
	ret = mlx5_cmd_exec(mv->mdev, in, sizeof(in), out, sizeof(out));
	if (ret)
		dev_warn(mlx5vf_dev(mv), "the firmware does not give back the page tracker (error %d)\n",
			 ret);
}

static int query_tracker(struct mlx5vf_device *mv, u8 *state)
{
	u32 in[MLX5_ST_SZ_DW(general_obj_in_cmd_hdr)] = {};
	u32 out[MLX5_ST_SZ_DW(query_page_track_obj_out)];
	int ret;

	set_header(in, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, mv->tracker.id);
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

	set_header(in, MLX5_CMD_OP_MODIFY_GENERAL_OBJECT, mv->tracker.id);
	/* The range, and the state. */
	MLX5_SET64(page_track, obj, modify_field_select, 0x3);
	MLX5_SET64(page_track, obj, range_start_address, iova);
	MLX5_SET64(page_track, obj, length, length);
	MLX5_SET(page_track, obj, state, MLX5_PAGE_TRACK_STATE_REPORTING);
	return mlx5vf_exec(mv, "MODIFY_GENERAL_OBJECT (page tracker)", in, sizeof(in), NULL,
			   MLX5_ST_SZ_BYTES(general_obj_out_cmd_hdr));
}

/* ---- Harvest ---- */

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
		return tracker_lost(mv, "the firmware reports an error of it, such as a full log");
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
				return tracker_lost(mv, "a report has a page that was not asked for");
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
			return tracker_lost(mv, "the firmware reports an error of it, such as a full log");
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

/* ---- Start and stop ---- */

/* Within firmware's limits, and no larger than was wanted if it can be. */
static u64 choose_page_size(struct mlx5_core_dev *mdev, u64 wanted)
{
	u8 lowest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_page_size);
	u8 highest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_page_size);

	return BIT_ULL(clamp_t(u8, ilog2(wanted), lowest, highest));
}

static u32 choose_message(struct mlx5_core_dev *mdev)
{
	u8 lowest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_msg_size);
	u8 highest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_msg_size);

	return BIT(clamp_t(u8, LOG_MESSAGE, lowest, highest));
}

/**
 * mlx5vf_tracker_capable - can the firmware track, within limits that make sense?
 * @mdev: the PF
 *
 * Return: whether it can.
 */
bool mlx5vf_tracker_capable(struct mlx5_core_dev *mdev)
{
	u8 lowest, highest;

	if (!MLX5_CAP_GEN(mdev, adv_virtualization) ||
	    !MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_max_num_range))
		return false;
	lowest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_page_size);
	highest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_page_size);
	if (lowest > highest || highest < 12)
		return false;
	lowest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_msg_size);
	highest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_msg_size);
	return lowest <= highest && lowest <= MAX_LOG_MESSAGE && highest >= 6;
}

static int start(struct mlx5vf_device *mv, struct rb_root_cached *ranges, u32 nranges,
		 u64 *page_size)
{
	u32 most = MLX5_CAP_ADV_VIRTUALIZATION(mv->mdev, pg_track_max_num_range);
	struct mlx5vf_tracker *t = &mv->tracker;
	struct interval_tree_node *node;
	int ret;

	if (t->active)
		return -EBUSY;
	if (!nranges || *page_size < SZ_4K || !is_power_of_2(*page_size))
		return -EINVAL;
	for (node = interval_tree_iter_first(ranges, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX))
		if (node->start > node->last)
			return -EINVAL;
	if (nranges > most) {
		vfio_combine_iova_ranges(ranges, nranges, most);
		nranges = most;
	}
	t->page_size = choose_page_size(mv->mdev, *page_size);
	WRITE_ONCE(t->broken, NULL);
	WRITE_ONCE(t->changed, false);
	ret = mlx5vf_report_open(mv, &t->report, choose_message(mv->mdev));
	if (ret)
		return ret;
	MLX5_NB_INIT(&t->nb, tracker_notified, NOTIFY_ANY);
	mlx5_eq_notifier_register(mv->mdev, &t->nb);
	ret = create_tracker(mv, ranges, nranges);
	if (ret) {
		mlx5_eq_notifier_unregister(mv->mdev, &t->nb);
		mlx5vf_report_close(mv, &t->report);
		return ret;
	}
	WRITE_ONCE(t->active, true);
	*page_size = t->page_size;
	return 0;
}

/**
 * mlx5vf_tracker_start - begin to track, clean
 * @mv: the VF
 * @ranges: interval tree of what to track; may be merged to fewer ranges
 * @nranges: number of them
 * @page_size: granule that is wanted, a power of two of at least 4 KiB; changed to
 *	what it is
 *
 * Return: 0; -EBUSY if it was started already; -EINVAL; -ENOTCONN if the PF is down;
 * -EOPNOTSUPP if the ranges are longer in all than firmware can track; or an error
 * of the firmware.
 */
int mlx5vf_tracker_start(struct mlx5vf_device *mv, struct rb_root_cached *ranges,
			 u32 nranges, u64 *page_size)
{
	int ret;

	/* state_lock is for the VF's name in commands. */
	if (mutex_lock_killable(&mv->state_lock))
		return -EINTR;
	ret = mlx5vf_pf_ready(mv);
	if (!ret) {
		ret = mutex_lock_killable(&mv->track_lock);
		if (!ret) {
			ret = start(mv, ranges, nranges, page_size);
			mutex_unlock(&mv->track_lock);
		}
	}
	mlx5vf_state_unlock(mv);
	return ret;
}

/**
 * mlx5vf_tracker_free - stop tracking
 * @mv: the VF; attached, track_lock held
 */
void mlx5vf_tracker_free(struct mlx5vf_device *mv)
{
	struct mlx5vf_tracker *t = &mv->tracker;

	lockdep_assert_held(&mv->track_lock);
	if (!t->active)
		return;
	WRITE_ONCE(t->active, false);
	mlx5_eq_notifier_unregister(mv->mdev, &t->nb);
	destroy_tracker(mv);
	mlx5vf_report_close(mv, &t->report);
}

/**
 * mlx5vf_tracker_stop - stop tracking
 * @mv: the VF
 *
 * Return: 0, also if it was not started.
 */
int mlx5vf_tracker_stop(struct mlx5vf_device *mv)
{
	mutex_lock(&mv->track_lock);
	mlx5vf_tracker_free(mv);
	mutex_unlock(&mv->track_lock);
	return 0;
}

/**
 * mlx5vf_tracker_init - before anything else is called
 * @mv: the VF
 */
void mlx5vf_tracker_init(struct mlx5vf_device *mv)
{
	init_waitqueue_head(&mv->tracker.wait);
}

/* ---- VFIO_DEVICE_FEATURE_DMA_LOGGING_* ---- */

static int log_start(struct vfio_device *vdev, struct rb_root_cached *ranges, u32 nranges,
		     u64 *page_size)
{
	return mlx5vf_tracker_start(mlx5vf_of(vdev), ranges, nranges, page_size);
}

static int log_stop(struct vfio_device *vdev)
{
	return mlx5vf_tracker_stop(mlx5vf_of(vdev));
}

static int log_read_and_clear(struct vfio_device *vdev, unsigned long iova,
			      unsigned long length, struct iova_bitmap *bitmap)
{
	return mlx5vf_tracker_harvest(mlx5vf_of(vdev), iova, length, bitmap);
}

const struct vfio_log_ops mlx5vf_log_ops = {
	.log_start = log_start,
	.log_stop = log_stop,
	.log_read_and_clear = log_read_and_clear,
};
