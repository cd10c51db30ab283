// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page tracker of the firmware: what START makes. Decides what firmware is asked
 * to track and to report, what is believed of what it says, and how long a report is
 * waited for; tracker.c decides when there is one.
 *
 * Firmware is limited: in the number of ranges (the closest are merged, which can
 * only track more), in their total length, and in its log, which overflows.
 *
 * Firmware forgets a page when it reports it. So whatever goes wrong in the middle
 * of a report can have lost pages. Then the log is broken: every report fails until
 * it was stopped and started again, and the whole tracked range counts as dirty.
 */
#include <linux/delay.h>
#include <linux/interval_tree.h>
#include <linux/kmemleak.h>
#include <linux/log2.h>
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "buffer.h"
#include "cmd.h"
#include "device.h"
#include "log.h"

static unsigned int report_timeout_ms = 60000;
module_param(report_timeout_ms, uint, 0644);
MODULE_PARM_DESC(report_timeout_ms, "Longest wait for the next part of a page tracker's report, in ms");

/* 64 KiB, which is 8192 pages. */
#define LOG_MESSAGE	16
/* More than this is no message size. */
#define MAX_LOG_MESSAGE	24
/* How long to sleep without looking oneself, in case an event gets lost. */
#define LOOK_AGAIN	max(HZ / 10, 1)
/* How long to sleep without asking firmware how the tracker is. */
#define ASK_AGAIN	HZ
/* How many times as long as for a part of it a report is waited for, whatever arrives. */
#define REPORT_PARTS	10
/* ---- Events ---- */

/* Any event of the PF; in an interrupt. */
static int log_notified(struct notifier_block *nb, unsigned long type, void *data)
{
	struct mlx5vf_log *log = mlx5_nb_cof(nb, struct mlx5vf_log, nb);
	struct mlx5_eqe *eqe = data;
	bool named;
	u32 id;

	switch (type) {
	case MLX5_EVENT_TYPE_WQ_CATAS_ERROR:
	case MLX5_EVENT_TYPE_WQ_ACCESS_ERROR:
	case MLX5_EVENT_TYPE_WQ_INVAL_REQ_ERROR:
		id = be32_to_cpu(eqe->data.qp_srq.qp_srq_n) & 0xffffff;
		if (eqe->data.qp_srq.type == MLX5_EVENT_QUEUE_TYPE_QP &&
		    (id == log->report.qpn || id == log->report.fw_qpn))
			mlx5vf_report_break(&log->report, "its queue pair failed");
		break;
	case MLX5_EVENT_TYPE_OBJECT_CHANGE:
		/* Its name after this; pairs with log_create_object(). */
		named = smp_load_acquire(&log->named);
		/* While it is being made, it is not known yet. */
		if (be16_to_cpu(eqe->data.obj_change.obj_type) != MLX5_OBJ_TYPE_PAGE_TRACK ||
		    (named && be32_to_cpu(eqe->data.obj_change.obj_id) != log->id))
			break;
		WRITE_ONCE(log->changed, true);
		mlx5vf_report_event(&log->report);
		break;
	}
	return NOTIFY_OK;
}

/* ---- Commands ---- */

/* How commands on a page tracker begin. */
static void object_header(void *in, u16 opcode, u32 id)
{
	MLX5_SET(general_obj_in_cmd_hdr, in, opcode, opcode);
	MLX5_SET(general_obj_in_cmd_hdr, in, obj_type, MLX5_OBJ_TYPE_PAGE_TRACK);
	MLX5_SET(general_obj_in_cmd_hdr, in, obj_id, id);
}

static int log_create_object(struct mlx5vf_log *log)
{
	u32 out[MLX5_ST_SZ_DW(general_obj_out_cmd_hdr)] = {};
	size_t one = MLX5_ST_SZ_BYTES(page_track_range), inlen;
	void *in, *obj, *range;
	u32 i;
	int ret;

	inlen = MLX5_ST_SZ_BYTES(create_page_track_obj_in) + log->nranges * one;
	in = kzalloc(inlen, GFP_KERNEL_ACCOUNT);
	if (!in)
		return -ENOMEM;
	object_header(in, MLX5_CMD_OP_CREATE_GENERAL_OBJECT, 0);
	obj = MLX5_ADDR_OF(create_page_track_obj_in, in, obj_context);
	MLX5_SET(page_track, obj, vhca_id, log->vhca_id);
	MLX5_SET(page_track, obj, track_type, 1);
	MLX5_SET(page_track, obj, log_addr_space_size, log->log_space);
	MLX5_SET(page_track, obj, log_page_size, ilog2(log->page_size));
	MLX5_SET(page_track, obj, log_msg_size, ilog2(log->report.message));
	MLX5_SET(page_track, obj, reporting_qpn, log->report.fw_qpn);
	MLX5_SET(page_track, obj, num_ranges, log->nranges);
	range = MLX5_ADDR_OF(page_track, obj, track_range);
	for (i = 0; i < log->nranges; i++, range += one) {
		MLX5_SET64(page_track_range, range, start_address, log->ranges[i].first);
		MLX5_SET64(page_track_range, range, length,
			   log->ranges[i].last - log->ranges[i].first + 1);
	}
	ret = mlx5_cmd_exec(log->mv->mdev, in, inlen, out, sizeof(out));
	kfree(in);
	if (ret)
		return ret;
	log->id = MLX5_GET(general_obj_out_cmd_hdr, out, obj_id);
	/* The name first; pairs with log_notified(). */
	smp_store_release(&log->named, true);
	return 0;
}

static void log_destroy_object(struct mlx5vf_log *log)
{
	u32 in[MLX5_ST_SZ_DW(general_obj_in_cmd_hdr)] = {};
	u32 out[MLX5_ST_SZ_DW(general_obj_out_cmd_hdr)] = {};
	int ret;

	object_header(in, MLX5_CMD_OP_DESTROY_GENERAL_OBJECT, log->id);
	ret = mlx5vf_retry_nomem(mlx5_cmd_exec(log->mv->mdev, in, sizeof(in), out,
					       sizeof(out)));
	if (ret)
		dev_warn(mlx5vf_dev(log->mv), "the firmware does not give back the page tracker (error %d)\n",
			 ret);
}

static int log_query_object(struct mlx5vf_log *log, u8 *state)
{
	u32 in[MLX5_ST_SZ_DW(general_obj_in_cmd_hdr)] = {};
	u32 out[MLX5_ST_SZ_DW(query_page_track_obj_out)];
	struct mlx5vf_result result;

	object_header(in, MLX5_CMD_OP_QUERY_GENERAL_OBJECT, log->id);
	result = mlx5vf_exec(log->mv, "QUERY_GENERAL_OBJECT (page tracker)", in, sizeof(in), out,
			     sizeof(out));
	if (!result.err)
		*state = MLX5_GET(query_page_track_obj_out, out, obj_context.state);
	return result.err;
}

/* Have it report, and forget, what was written in a range. */
static struct mlx5vf_result log_ask_report(struct mlx5vf_log *log, u64 first, u64 last)
{
	u32 in[MLX5_ST_SZ_DW(modify_page_track_obj_in)] = {};
	void *obj = MLX5_ADDR_OF(modify_page_track_obj_in, in, obj_context);

	object_header(in, MLX5_CMD_OP_MODIFY_GENERAL_OBJECT, log->id);
	/* The range, and the state. */
	MLX5_SET64(page_track, obj, modify_field_select, 0x3);
	MLX5_SET64(page_track, obj, range_start_address, first);
	MLX5_SET64(page_track, obj, length, last - first + 1);
	MLX5_SET(page_track, obj, state, MLX5_PAGE_TRACK_STATE_REPORTING);
	return mlx5vf_exec(log->mv, "MODIFY_GENERAL_OBJECT (page tracker)", in, sizeof(in), NULL,
			   MLX5_ST_SZ_BYTES(general_obj_out_cmd_hdr));
}

/* ---- Limits ---- */

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

/* log2 of the length of all ranges, or an error. */
static int choose_space(struct mlx5_core_dev *mdev, const struct mlx5vf_log *log)
{
	u8 lowest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_addr_space);
	u8 highest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_addr_space);
	u64 total = 0;
	int space;
	u32 i;

	for (i = 0; i < log->nranges; i++) {
		u64 length = log->ranges[i].last - log->ranges[i].first + 1;

		/* All of the address space has no length in 64 bits. */
		if (!length || check_add_overflow(total, length, &total))
			return -EOPNOTSUPP;
	}
	/* The smallest power of two that is not below. */
	space = fls64(total - 1);
	return space > highest ? -EOPNOTSUPP : max_t(int, space, lowest);
}

/**
 * mlx5vf_log_capable() - Can the firmware track, within limits that make sense?
 * @mdev: The PF
 *
 * Return: Whether it can.
 */
bool mlx5vf_log_capable(struct mlx5_core_dev *mdev)
{
	u8 lowest, highest;

	if (!MLX5_CAP_GEN(mdev, adv_virtualization) ||
	    !MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_max_num_range))
		return false;
	lowest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_page_size);
	highest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_page_size);
	if (lowest > highest || highest < MLX5VF_PAGE_SHIFT)
		return false;
	lowest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_msg_size);
	highest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_msg_size);
	return lowest <= highest && lowest <= MAX_LOG_MESSAGE && highest >= 6;
}

/* ---- Making and destroying a log ---- */

/**
 * mlx5vf_log_put() - Give back a reference
 * @log: The log; not one that firmware knows, if this is the last
 */
void mlx5vf_log_put(struct mlx5vf_log *log)
{
	if (!refcount_dec_and_test(&log->refs))
		return;
	mlx5vf_pages_destroy(&log->pages);
	mem_cgroup_put(log->memcg);
	/* Firmware may still write to what a stuck log points to: it is kept for ever. */
	if (log->stuck)
		kmemleak_not_leak(log);
	else
		kfree(log);
}

/* Copy ranges, rounded outward to granules; those that meet then become one. */
static void log_take_ranges(struct mlx5vf_log *log, struct rb_root_cached *ranges)
{
	u64 mask = log->page_size - 1;
	struct interval_tree_node *node;
	struct mlx5vf_range *range = NULL;

	for (node = interval_tree_iter_first(ranges, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		u64 first = node->start & ~mask, last = node->last | mask;

		if (range && first <= range->last) {
			range->last = max(range->last, last);
			continue;
		}
		range = &log->ranges[log->nranges++];
		*range = (struct mlx5vf_range){ .first = first, .last = last };
	}
}

/**
 * mlx5vf_log_alloc() - Everything of START that needs no firmware
 * @mv: The VF; ready, state_lock held
 * @ranges: Interval tree of what to track; may be merged to fewer ranges
 * @nranges: Number of them
 * @page_size: Granule that is wanted
 *
 * Return: The log with one reference; or an ERR_PTR: -EINVAL, -EOPNOTSUPP if firmware
 * cannot track, or not so much as the ranges are together, or -ENOMEM.
 */
struct mlx5vf_log *mlx5vf_log_alloc(struct mlx5vf_device *mv, struct rb_root_cached *ranges,
				    u32 nranges, u64 page_size)
{
	u32 most = MLX5_CAP_ADV_VIRTUALIZATION(mv->mdev, pg_track_max_num_range);
	struct interval_tree_node *node;
	struct mlx5vf_log *log;

	if (!nranges || page_size < SZ_4K || !is_power_of_2(page_size))
		return ERR_PTR(-EINVAL);
	/* The firmware can have changed while the PF was down. */
	if (!mlx5vf_log_capable(mv->mdev))
		return ERR_PTR(-EOPNOTSUPP);
	for (node = interval_tree_iter_first(ranges, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX))
		if (node->start > node->last)
			return ERR_PTR(-EINVAL);
	if (nranges > most) {
		vfio_combine_iova_ranges(ranges, nranges, most);
		nranges = most;
	}
	log = kzalloc_flex(*log, ranges, nranges, GFP_KERNEL_ACCOUNT);
	if (!log)
		return ERR_PTR(-ENOMEM);
	refcount_set(&log->refs, 1);
	log->mv = mv;
	log->vhca_id = mv->vhca_id;
	log->memcg = get_mem_cgroup_from_mm(current->mm);
	init_completion(&log->made);
	mlx5vf_pages_init(&log->pages);
	mlx5vf_report_init(&log->report, choose_message(mv->mdev));
	log->page_size = choose_page_size(mv->mdev, page_size);
	log_take_ranges(log, ranges);
	log->log_space = choose_space(mv->mdev, log);
	if (log->log_space < 0) {
		int ret = log->log_space;

		mlx5vf_log_put(log);
		return ERR_PTR(ret);
	}
	return log;
}

/**
 * mlx5vf_log_make() - Have firmware track
 * @log: The log, once
 *
 * Cannot be interrupted.
 *
 * Return: 0 or an error.
 */
int mlx5vf_log_make(struct mlx5vf_log *log)
{
	struct mlx5vf_device *mv = log->mv;
	int ret;

	ret = mlx5vf_report_open(mv, &log->report);
	if (ret) {
		log->stuck = ret == -EADDRINUSE;
		return log->stuck ? -EIO : ret;
	}
	MLX5_NB_INIT(&log->nb, log_notified, NOTIFY_ANY);
	mlx5_eq_notifier_register(mv->mdev, &log->nb);
	ret = log_create_object(log);
	if (!ret)
		return 0;
	mlx5_eq_notifier_unregister(mv->mdev, &log->nb);
	log->stuck = !mlx5vf_report_close(mv, &log->report);
	return ret;
}

/**
 * mlx5vf_log_unmake() - Undo mlx5vf_log_make()
 * @log: The log; the caller is its only user
 *
 * Cannot be interrupted.
 */
void mlx5vf_log_unmake(struct mlx5vf_log *log)
{
	mlx5_eq_notifier_unregister(log->mv->mdev, &log->nb);
	log_destroy_object(log);
	log->stuck = !mlx5vf_report_close(log->mv, &log->report);
}

/* ---- Reports ---- */

static unsigned long report_limit(void)
{
	return msecs_to_jiffies(clamp(READ_ONCE(report_timeout_ms), 1U, 600000U));
}

static int log_lost(struct mlx5vf_log *log, const char *why)
{
	if (why)
		mlx5vf_report_break(&log->report, why);
	dev_err_ratelimited(mlx5vf_dev(log->mv), "page tracker failed: %s; treat the whole tracked range as dirty and restart DMA logging\n",
			    READ_ONCE(log->report.broken));
	return -EIO;
}

/* What an event or firmware said of the tracker. */
static int log_check(struct mlx5vf_log *log)
{
	u8 state;

	if (READ_ONCE(log->report.broken))
		return log_lost(log, NULL);
	if (!READ_ONCE(log->changed))
		return 0;
	WRITE_ONCE(log->changed, false);
	if (log_query_object(log, &state))
		return log_lost(log, "the firmware does not say how it is");
	if (state == MLX5_PAGE_TRACK_STATE_ERROR)
		return log_lost(log, "firmware reports an error, such as a full log");
	return 0;
}

static bool log_tracks(const struct mlx5vf_log *log, u64 page)
{
	u32 i;

	for (i = 0; i < log->nranges; i++)
		if (page >= log->ranges[i].first && page <= log->ranges[i].last)
			return true;
	return false;
}

/* Firmware says that a page was written. */
static int log_take_page(struct mlx5vf_log *log, u64 page)
{
	u64 highest = log->ranges[log->nranges - 1].last;

	page &= ~(log->page_size - 1);
	if (log_tracks(log, page)) {
		mlx5vf_pages_add(&log->pages, page, page + log->page_size - 1);
		return 0;
	}
	/* Beyond the address space as a whole: something else was meant. */
	if (fls64(page) > fls64(highest))
		return log_lost(log, "a report has an address that cannot be");
	if (!log->strange++)
		dev_warn_ratelimited(mlx5vf_dev(log->mv), "the firmware reports %#llx, which is not tracked; such pages are ignored\n",
				     page);
	return 0;
}

static int log_take_message(struct mlx5vf_log *log, const struct mlx5vf_message *message)
{
	size_t at, i, n;
	int ret;

	if (message->length % sizeof(__be64))
		return log_lost(log, "a report has a part of an entry");
	for (at = 0; at < message->length; at += n) {
		__be64 *entry;

		n = message->length - at;
		entry = mlx5vf_buffer_at(log->report.buf, message->offset + at, &n);
		for (i = 0; i < n / sizeof(*entry); i++) {
			ret = log_take_page(log, be64_to_cpu(entry[i]));
			if (ret)
				return ret;
		}
	}
	return 0;
}

/**
 * struct mlx5vf_patience - How a report is waited for
 * @end: It is given up then, in jiffies
 * @ask: Firmware is asked then
 * @over: Firmware has said that it is over, and the message that says so is missing
 */
struct mlx5vf_patience {
	unsigned long end;
	unsigned long ask;
	bool over;
};

static void patience_renew(struct mlx5vf_patience *p)
{
	p->end = jiffies + report_limit();
	p->ask = jiffies + ASK_AGAIN;
	p->over = false;
}

/* Sleep until there is reason to look again. */
static int log_wait_message(struct mlx5vf_log *log, int seen, struct mlx5vf_patience *p)
{
	u8 state;

	if (time_after(jiffies, p->end))
		return log_lost(log, "the firmware did not go on with its report in time");
	if (time_after(jiffies, p->ask)) {
		if (log_query_object(log, &state))
			return log_lost(log, "the firmware does not say how it is");
		if (state == MLX5_PAGE_TRACK_STATE_ERROR)
			return log_lost(log, "firmware reports an error, such as a full log");
		/* Twice, since the message could be on its way the first time. */
		if (state == MLX5_PAGE_TRACK_STATE_TRACKING && p->over)
			return log_lost(log, "the end of a report is missing");
		p->over = state == MLX5_PAGE_TRACK_STATE_TRACKING;
		p->ask = jiffies + ASK_AGAIN;
	}
	if (mlx5vf_report_wait(&log->report, seen, LOOK_AGAIN))
		return log_lost(log, "a report was given up when the task was killed");
	return log_check(log);
}

/* Look for a message, again after it was asked for an event. */
static int log_next_message(struct mlx5vf_log *log, struct mlx5vf_message *message)
{
	int ret;

	ret = mlx5vf_report_next(log->mv, &log->report, message);
	if (ret)
		return ret;
	mlx5vf_report_arm(&log->report);
	return mlx5vf_report_next(log->mv, &log->report, message);
}

static int log_take_report(struct mlx5vf_log *log, u64 first, u64 last)
{
	struct mlx5vf_report *r = &log->report;
	/* A page can be reported again, if it was written since. */
	u64 left = ((last - first) / log->page_size + 1) * 2 * sizeof(__be64) + r->message;
	unsigned long latest = jiffies + REPORT_PARTS * report_limit();
	struct mlx5vf_message message;
	struct mlx5vf_patience p;
	int seen, ret;

	patience_renew(&p);
	for (;;) {
		seen = atomic_read(&r->events);
		ret = log_next_message(log, &message);
		if (ret < 0)
			return log_lost(log, "a report's message failed");
		if (!ret) {
			ret = log_wait_message(log, seen, &p);
			if (ret)
				return ret;
			continue;
		}
		ret = log_take_message(log, &message);
		mlx5vf_report_done(log->mv, r);
		if (ret)
			return ret;
		if (message.state == MLX5_PAGE_TRACK_STATE_TRACKING)
			return 0;
		if (message.state != MLX5_PAGE_TRACK_STATE_REPORTING)
			return log_lost(log, "firmware reports an error, such as a full log");
		/* Who stops the log does not wait for the rest of the report. */
		if (READ_ONCE(r->broken))
			return log_lost(log, NULL);
		if (message.length > left)
			return log_lost(log, "a report has no end");
		left -= message.length;
		if (time_after(jiffies, latest))
			return log_lost(log, "a report takes too long");
		if (message.length)
			patience_renew(&p);
		else if (time_after(jiffies, p.end))
			return log_lost(log, "the firmware did not go on with its report in time");
		if (fatal_signal_pending(current))
			return log_lost(log, "a report was given up when the task was killed");
		cond_resched();
	}
}

/**
 * mlx5vf_log_collect() - Have firmware report what was written in a range, and keep it
 * @log: The log, made, of which the caller is the only user
 * @first: First byte of the range, which is rounded outward to granules
 * @last: Last byte
 *
 * Can be killed, and waits no longer than report_timeout_ms for each message that has
 * pages, and ten times as long for all.
 *
 * Return: 0; -EIO if the log is broken; or why firmware was not asked.
 */
int mlx5vf_log_collect(struct mlx5vf_log *log, u64 first, u64 last)
{
	u64 mask = log->page_size - 1;
	struct mlx5vf_result result;
	int ret;

	ret = log_check(log);
	if (ret)
		return ret;
	/* Of what is not tracked firmware knows nothing. */
	first = max(first & ~mask, log->ranges[0].first);
	last = min(last | mask, log->ranges[log->nranges - 1].last);
	if (first > last)
		return 0;
	result = log_ask_report(log, first, last);
	if (!result.err)
		return log_take_report(log, first, last);
	if (!mlx5vf_had_no_effect(result))
		return log_lost(log, result.outcome == MLX5VF_UNKNOWN ?
				"the firmware did not answer when asked for a report" :
				"the firmware failed when asked for a report");
	return result.err;
}
