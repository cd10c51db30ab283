// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tracker: firmware notes which pages the VF writes in some ranges of its
 * address space, and reports and forgets them when asked. Decides what firmware is
 * asked to track and to report, what is believed, and how long it is waited for.
 *
 * Firmware is limited: in the number of ranges (the closest are merged, which can
 * only track more), in their length in all, and in its log, which overflows.
 *
 * START and STOP are many commands, some given by functions of mlx5_core that
 * cannot be interrupted. So the tracker's work gives them, and the caller waits for
 * the work: killable, and no longer than for the answer to one command. A START
 * that nobody waits for any more is undone when it is done.
 *
 * Firmware forgets a page when it reports it. So whatever goes wrong in the middle
 * of a report can have lost pages. Then the log is broken: every harvest fails until
 * it was stopped and started again, and the whole tracked range counts as dirty.
 *
 * What firmware has reported is kept in the kernel (pages.c), and copied to the
 * reader's bitmap when the reader holds nothing that another has to wait for: the
 * bitmap can be memory of the user.
 *
 * Migration states can change while a report is waited for, and the tracker goes on
 * when the VF is reset.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/interval_tree.h>
#include <linux/iova_bitmap.h>
#include <linux/log2.h>
#include <linux/memcontrol.h>
#include <linux/mlx5/eq.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "buffer.h"
#include "cmd.h"
#include "device.h"
#include "pages.h"
#include "report.h"

static unsigned int report_timeout_ms = 60000;
module_param(report_timeout_ms, uint, 0644);
MODULE_PARM_DESC(report_timeout_ms, "Longest wait for the next part of a page tracker's report, in ms");

static bool serialize_reports = true;
module_param(serialize_reports, bool, 0644);
MODULE_PARM_DESC(serialize_reports, "Report pages only while no migration state of the VF is being changed (Y)");

/* 64 KiB, which is 8192 pages. */
#define LOG_MESSAGE	16
/* More than this is no message size. */
#define MAX_LOG_MESSAGE	24
/* How long to sleep without looking oneself, in case an event gets lost. */
#define LOOK_AGAIN	max(HZ / 10, 1)
/* How long to sleep without asking firmware how the tracker is. */
#define ASK_AGAIN	HZ
/* How long STOP waits for what is destroyed; it goes on without being waited for. */
#define STOP_LIMIT	(2 * HZ)

struct mlx5vf_range {
	u64 first;
	u64 last;
};

/**
 * struct mlx5vf_log - what START makes
 * @refs: one of the tracker, one of who waits for START, one of each harvest
 * @mv: the VF
 * @memcg: who is charged for what the work allocates, or NULL
 * @vhca_id: firmware's name for the VF
 * @made: completed when @result is valid
 * @result: of START
 * @stuck: firmware did not give back all: this memory is never freed
 *
 * @id: firmware's name for the tracker
 * @named: @id is valid
 * @page_size: granule, in bytes
 * @log_space: log2 of the length of @ranges in all, as firmware wants it
 * @report: where its reports arrive
 * @nb: events of the PF
 * @changed: firmware says that the tracker's state changed
 *
 * @pages: what was reported and not delivered; of who is busy with the tracker
 * @strange: pages that were reported and are not in @ranges
 * @nranges: number of ranges
 * @ranges: what is tracked, ascending, both ends on granules
 */
struct mlx5vf_log {
	refcount_t refs;
	struct mlx5vf_device *mv;
	struct mem_cgroup *memcg;
	u16 vhca_id;
	struct completion made;
	int result;
	bool stuck;

	u32 id;
	bool named;
	u64 page_size;
	int log_space;
	struct mlx5vf_report report;
	struct mlx5_nb nb;
	bool changed;

	struct mlx5vf_pages pages;
	unsigned long strange;
	u32 nranges;
	struct mlx5vf_range ranges[];
};

/* ---- Events ---- */

/* Any event of the PF; in an interrupt. */
static int log_notified(struct notifier_block *nb, unsigned long type, void *data)
{
	struct mlx5vf_log *log = mlx5_nb_cof(nb, struct mlx5vf_log, nb);
	struct mlx5_eqe *eqe = data;
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
		/* While it is being made, its name is not known yet. */
		if (be16_to_cpu(eqe->data.obj_change.obj_type) != MLX5_OBJ_TYPE_PAGE_TRACK ||
		    (READ_ONCE(log->named) &&
		     be32_to_cpu(eqe->data.obj_change.obj_id) != log->id))
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
	WRITE_ONCE(log->named, true);
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
	if (lowest > highest || highest < MLX5VF_PAGE_SHIFT)
		return false;
	lowest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_min_msg_size);
	highest = MLX5_CAP_ADV_VIRTUALIZATION(mdev, pg_track_log_max_msg_size);
	return lowest <= highest && lowest <= MAX_LOG_MESSAGE && highest >= 6;
}

/* ---- Making and destroying a log ---- */

static void log_put(struct mlx5vf_log *log)
{
	if (!refcount_dec_and_test(&log->refs))
		return;
	mlx5vf_pages_destroy(&log->pages);
	mem_cgroup_put(log->memcg);
	if (!log->stuck)
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

/* Everything that needs no firmware, so that nothing is tried in vain. */
static struct mlx5vf_log *log_alloc(struct mlx5vf_device *mv, struct rb_root_cached *ranges,
				    u32 nranges, u64 page_size)
{
	u32 most = MLX5_CAP_ADV_VIRTUALIZATION(mv->mdev, pg_track_max_num_range);
	struct interval_tree_node *node;
	struct mlx5vf_log *log;

	if (!nranges || page_size < SZ_4K || !is_power_of_2(page_size))
		return ERR_PTR(-EINVAL);
	for (node = interval_tree_iter_first(ranges, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX))
		if (node->start > node->last)
			return ERR_PTR(-EINVAL);
	if (nranges > most) {
		vfio_combine_iova_ranges(ranges, nranges, most);
		nranges = most;
	}
	log = kzalloc(struct_size(log, ranges, nranges), GFP_KERNEL_ACCOUNT);
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

		log_put(log);
		return ERR_PTR(ret);
	}
	return log;
}

static int log_make(struct mlx5vf_log *log)
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

static void log_unmake(struct mlx5vf_log *log)
{
	mlx5_eq_notifier_unregister(log->mv->mdev, &log->nb);
	log_destroy_object(log);
	log->stuck = !mlx5vf_report_close(log->mv, &log->report);
}

/* ---- Phases ---- */

static enum mlx5vf_tracker_phase tracker_phase(struct mlx5vf_tracker *t)
{
	return READ_ONCE(t->phase);
}

/* Let nobody use the log any more, and have the work destroy it. Under lock. */
static void tracker_give_up(struct mlx5vf_device *mv, const char *why)
{
	struct mlx5vf_tracker *t = &mv->tracker;

	if (t->phase == MLX5VF_TRACKER_STARTING)
		t->unwanted = true;
	if (t->phase != MLX5VF_TRACKER_ON)
		return;
	mlx5vf_report_break(&t->log->report, why);
	t->phase = MLX5VF_TRACKER_STOPPING;
	/* Else by who is busy, at the end. */
	if (!t->busy)
		queue_work(mv->wq, &t->work);
}

/* A log was made, or could not be. Returns whether it is to be destroyed. */
static bool tracker_started(struct mlx5vf_tracker *t, struct mlx5vf_log *log, int ret)
{
	bool destroy;

	spin_lock(&t->lock);
	destroy = t->unwanted || t->down;
	if (destroy && !ret)
		t->phase = MLX5VF_TRACKER_STOPPING;
	else
		t->phase = ret ? MLX5VF_TRACKER_OFF : MLX5VF_TRACKER_ON;
	if (ret)
		t->log = NULL;
	log->result = ret ?: destroy ? -ENOTCONN : 0;
	complete(&log->made);
	spin_unlock(&t->lock);
	if (ret)
		log_put(log);
	wake_up_all(&t->wait);
	return destroy && !ret;
}

static void tracker_work(struct work_struct *work)
{
	struct mlx5vf_tracker *t = container_of(work, struct mlx5vf_tracker, work);
	struct mlx5vf_log *log = t->log;
	struct mem_cgroup *memcg;

	if (tracker_phase(t) == MLX5VF_TRACKER_STARTING) {
		int ret;

		memcg = set_active_memcg(log->memcg);
		ret = log_make(log);
		set_active_memcg(memcg);
		if (!tracker_started(t, log, ret))
			return;
	}
	log_unmake(log);
	spin_lock(&t->lock);
	t->log = NULL;
	t->phase = MLX5VF_TRACKER_OFF;
	spin_unlock(&t->lock);
	log_put(log);
	wake_up_all(&t->wait);
}

static bool tracker_is_settled(struct mlx5vf_tracker *t)
{
	enum mlx5vf_tracker_phase phase = tracker_phase(t);

	return phase == MLX5VF_TRACKER_OFF || phase == MLX5VF_TRACKER_ON;
}

/* Begin to make a log. */
static int tracker_launch(struct mlx5vf_device *mv, struct mlx5vf_log *log)
{
	struct mlx5vf_tracker *t = &mv->tracker;
	int ret = 0;

	spin_lock(&t->lock);
	if (t->phase != MLX5VF_TRACKER_OFF) {
		ret = -EBUSY;
	} else if (t->down) {
		ret = -ENOTCONN;
	} else {
		t->phase = MLX5VF_TRACKER_STARTING;
		t->log = log;
		t->unwanted = false;
		refcount_inc(&log->refs);
		queue_work(mv->wq, &t->work);
	}
	spin_unlock(&t->lock);
	return ret;
}

/* Wait for a log that is being made. */
static int tracker_wait_made(struct mlx5vf_device *mv, struct mlx5vf_log *log, u64 *page_size)
{
	struct mlx5vf_tracker *t = &mv->tracker;
	int ret;
	long left;

	left = wait_for_completion_killable_timeout(&log->made, mlx5vf_cmd_limit());
	spin_lock(&t->lock);
	if (left <= 0 && !completion_done(&log->made)) {
		t->unwanted = true;
		spin_unlock(&t->lock);
		dev_err_ratelimited(mlx5vf_dev(mv), "the page tracker: %s before the firmware had made it\n",
				    left ? "killed" : "the time limit was over");
		return left ? -EINTR : -ETIMEDOUT;
	}
	ret = log->result;
	*page_size = log->page_size;
	spin_unlock(&t->lock);
	return ret;
}

/**
 * mlx5vf_tracker_start - begin to track, clean
 * @mv: the VF
 * @ranges: interval tree of what to track; may be merged to fewer ranges
 * @nranges: number of them
 * @page_size: granule that is wanted, a power of two of at least 4 KiB; changed to
 *	what it is
 *
 * Return: 0; -EBUSY if it was started already, or firmware has not finished with an
 * earlier one; -EINVAL; -ENOTCONN if the PF is down; -EOPNOTSUPP if the ranges are
 * longer in all than firmware can track; -EINTR if killed, -ETIMEDOUT if firmware
 * does not answer, and tracking is off; or an error of the firmware.
 */
int mlx5vf_tracker_start(struct mlx5vf_device *mv, struct rb_root_cached *ranges,
			 u32 nranges, u64 *page_size)
{
	struct mlx5vf_tracker *t = &mv->tracker;
	struct mlx5vf_log *log;
	long left;
	int ret;

	left = wait_event_killable_timeout(t->wait, tracker_is_settled(t), mlx5vf_cmd_limit());
	if (left < 0)
		return -EINTR;
	if (tracker_phase(t) != MLX5VF_TRACKER_OFF)
		return -EBUSY;
	/* For the VF's name in commands. */
	ret = mlx5vf_state_lock(mv);
	if (ret)
		return ret;
	ret = mlx5vf_pf_ready(mv);
	if (ret)
		goto unlock;
	log = log_alloc(mv, ranges, nranges, *page_size);
	if (IS_ERR(log)) {
		ret = PTR_ERR(log);
		goto unlock;
	}
	ret = tracker_launch(mv, log);
	mlx5vf_state_unlock(mv);
	if (!ret)
		ret = tracker_wait_made(mv, log, page_size);
	log_put(log);
	return ret;

unlock:
	mlx5vf_state_unlock(mv);
	return ret;
}

/**
 * mlx5vf_tracker_stop - stop tracking
 * @mv: the VF
 *
 * Return: 0, also if it was not started, or firmware is slow to destroy it.
 */
int mlx5vf_tracker_stop(struct mlx5vf_device *mv)
{
	struct mlx5vf_tracker *t = &mv->tracker;

	spin_lock(&t->lock);
	tracker_give_up(mv, "it was stopped");
	spin_unlock(&t->lock);
	wait_event_killable_timeout(t->wait, tracker_is_settled(t),
				    min_t(unsigned long, STOP_LIMIT, mlx5vf_cmd_limit()));
	return 0;
}

/**
 * mlx5vf_tracker_down - the PF goes down: stop tracking, and start nothing
 * @mv: the VF; state_lock not held
 *
 * Waits until firmware knows of no tracker; mlx5_core limits the time.
 */
void mlx5vf_tracker_down(struct mlx5vf_device *mv)
{
	struct mlx5vf_tracker *t = &mv->tracker;

	spin_lock(&t->lock);
	t->down = true;
	tracker_give_up(mv, "the PF goes down");
	spin_unlock(&t->lock);
	wait_event(t->wait, tracker_phase(t) == MLX5VF_TRACKER_OFF);
	/* And the work does not look at it any more. */
	flush_work(&t->work);
}

/**
 * mlx5vf_tracker_up - the PF is up again
 * @mv: the VF
 */
void mlx5vf_tracker_up(struct mlx5vf_device *mv)
{
	spin_lock(&mv->tracker.lock);
	mv->tracker.down = false;
	spin_unlock(&mv->tracker.lock);
}

/**
 * mlx5vf_tracker_init - before anything else is called
 * @mv: the VF
 */
void mlx5vf_tracker_init(struct mlx5vf_device *mv)
{
	struct mlx5vf_tracker *t = &mv->tracker;

	INIT_WORK(&t->work, tracker_work);
	init_waitqueue_head(&t->wait);
	spin_lock_init(&t->lock);
}

/* ---- Harvest ---- */

static unsigned long report_limit(void)
{
	return msecs_to_jiffies(clamp(READ_ONCE(report_timeout_ms), 1U, 600000U));
}

static bool tracker_enter_now(struct mlx5vf_tracker *t, struct mlx5vf_log **log, int *ret)
{
	bool done = true;

	spin_lock(&t->lock);
	*ret = 0;
	if (t->phase != MLX5VF_TRACKER_ON || (*log && t->log != *log)) {
		*ret = t->down ? -ENOTCONN : -EINVAL;
	} else if (t->busy) {
		done = false;
	} else {
		t->busy = true;
		if (!*log) {
			*log = t->log;
			refcount_inc(&(*log)->refs);
		}
	}
	spin_unlock(&t->lock);
	return done;
}

/*
 * Be the one who uses the log: this one, or, if *@log is NULL, the one there is, to
 * which it is set, with a reference. Killable.
 */
static int tracker_enter(struct mlx5vf_tracker *t, struct mlx5vf_log **log)
{
	int ret;

	if (wait_event_killable(t->wait, tracker_enter_now(t, log, &ret)))
		return -EINTR;
	return ret;
}

static void tracker_leave(struct mlx5vf_device *mv)
{
	struct mlx5vf_tracker *t = &mv->tracker;

	spin_lock(&t->lock);
	t->busy = false;
	if (t->phase == MLX5VF_TRACKER_STOPPING)
		queue_work(mv->wq, &t->work);
	spin_unlock(&t->lock);
	wake_up_all(&t->wait);
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
		dev_warn(mlx5vf_dev(log->mv), "the firmware reports %#llx, which is not tracked; such pages are ignored\n",
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
 * struct mlx5vf_patience - how a report is waited for
 * @end: it is given up then, in jiffies
 * @ask: firmware is asked then
 * @over: firmware has said that it is over, and the message that says so is missing
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
	/* A page can be reported again, if it was written meanwhile. */
	u64 left = ((last - first) / log->page_size + 1) * 2 * sizeof(__be64) + r->message;
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
		if (message.length > left)
			return log_lost(log, "a report has no end");
		left -= message.length;
		if (message.length)
			patience_renew(&p);
		if (fatal_signal_pending(current))
			return log_lost(log, "a report was given up when the task was killed");
		cond_resched();
	}
}

/* Have firmware report on a range, which is rounded outward to granules. */
static int log_collect(struct mlx5vf_log *log, u64 first, u64 last)
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

/* Copy what is kept for a range to the reader; nothing is held then. */
static int tracker_deliver(struct mlx5vf_device *mv, struct mlx5vf_log *log, u64 first,
			   u64 last, unsigned long *bits, struct iova_bitmap *bitmap)
{
	u64 at = first, base, low, high;
	bool more, all;
	int ret;

	do {
		unsigned long from, to;

		ret = tracker_enter(&mv->tracker, &log);
		if (ret)
			return ret == -EINTR ? ret : -EIO;
		all = mlx5vf_pages_take_all(&log->pages, first, last, &low, &high);
		more = mlx5vf_pages_take(&log->pages, &at, last, bits, &base);
		tracker_leave(mv);

		if (all)
			iova_bitmap_set(bitmap, low, high - low + 1);
		if (!more)
			break;
		for_each_set_bitrange(from, to, bits, MLX5VF_PAGES_BITS) {
			low = max(first, base + ((u64)from << MLX5VF_PAGE_SHIFT));
			high = min(last, base + ((u64)to << MLX5VF_PAGE_SHIFT) - 1);
			iova_bitmap_set(bitmap, low, high - low + 1);
		}
		cond_resched();
	} while (at && at <= last);
	return 0;
}

/* Migration states wait for the report, or do not. */
static int tracker_collect(struct mlx5vf_device *mv, struct mlx5vf_log **log, u64 first,
			   u64 last)
{
	bool serialize = READ_ONCE(serialize_reports);
	int ret;

	if (serialize) {
		ret = mlx5vf_state_lock(mv);
		if (ret)
			return ret;
	}
	ret = tracker_enter(&mv->tracker, log);
	if (!ret) {
		ret = log_collect(*log, first, last);
		tracker_leave(mv);
	}
	if (serialize)
		mlx5vf_state_unlock(mv);
	return ret;
}

/**
 * mlx5vf_tracker_harvest - report and clear
 * @mv: the VF
 * @iova: start of the range, in bytes
 * @length: of the range
 * @bitmap: where pages are set
 *
 * Firmware reports whole granules. What is reported and not in the range is kept
 * for the next harvest that asks for it, to 4 KiB.
 *
 * Can be killed, and waits no longer than report_timeout_ms for each message.
 *
 * Return: 0; -EINVAL if it was not started, or a bad range; -ENOTCONN if the PF is
 * down; -EIO if the log is broken, and pages may be missing: stop it and start it
 * again.
 */
int mlx5vf_tracker_harvest(struct mlx5vf_device *mv, unsigned long iova,
			   unsigned long length, struct iova_bitmap *bitmap)
{
	struct mlx5vf_log *log = NULL;
	unsigned long *bits, last;
	int ret;

	if (length && check_add_overflow(iova, length - 1, &last))
		return -EINVAL;
	/* Before firmware forgets anything. */
	bits = bitmap_alloc(MLX5VF_PAGES_BITS, GFP_KERNEL_ACCOUNT);
	if (!bits)
		return -ENOMEM;
	ret = 0;
	if (length)
		ret = tracker_collect(mv, &log, iova, last);
	if (!ret && length)
		ret = tracker_deliver(mv, log, iova, last, bits, bitmap);
	if (log)
		log_put(log);
	bitmap_free(bits);
	return ret;
}
