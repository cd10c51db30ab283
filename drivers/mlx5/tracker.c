// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tracker of a VF: firmware notes which pages the VF writes in some ranges
 * of its address space, and reports and forgets them when asked. Decides when there is
 * a log (log.c), who uses it, and how long a caller waits for it.
 *
 * START and STOP are many commands, some given by functions of mlx5_core that
 * cannot be interrupted. So the tracker's work gives them, and the caller waits for
 * the work: killable, and no longer than for the answer to one command. A START
 * whose caller does not wait any more is undone when it is done.
 *
 * What firmware has reported is kept in the kernel (pages.c), and copied to the
 * reader's bitmap when the reader holds nothing that another has to wait for: the
 * bitmap can be memory of the user.
 *
 * The tracker continues when the VF is reset.
 */
#include <linux/bitmap.h>
#include <linux/iova_bitmap.h>
#include <linux/module.h>
#include <linux/sched/mm.h>

#include "cmd.h"
#include "device.h"
#include "log.h"
#include "tracker.h"

static bool serialize_reports = true;
module_param(serialize_reports, bool, 0644);
MODULE_PARM_DESC(serialize_reports, "Report pages only while no migration state of the VF is being changed (Y)");

/* How long STOP waits for objects that are destroyed; the work finishes without it. */
#define STOP_LIMIT	(2 * HZ)

/* ---- Phases ---- */

static enum mlx5vf_tracker_phase tracker_phase(struct mlx5vf_tracker *t)
{
	return READ_ONCE(t->phase);
}

/* Take the log from its readers, and have the work destroy it. Under lock. */
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

/* A log was made, or could not be. Return: whether it is to be destroyed. */
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
		mlx5vf_log_put(log);
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
		ret = mlx5vf_log_make(log);
		set_active_memcg(memcg);
		if (!tracker_started(t, log, ret))
			return;
	}
	mlx5vf_log_unmake(log);
	spin_lock(&t->lock);
	t->log = NULL;
	t->phase = MLX5VF_TRACKER_OFF;
	spin_unlock(&t->lock);
	mlx5vf_log_put(log);
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
 * mlx5vf_tracker_start() - Begin to track, clean
 * @mv: The VF
 * @ranges: Interval tree of what to track; may be merged to fewer ranges
 * @nranges: Number of them
 * @page_size: Granule that is wanted, a power of two of at least 4 KiB; changed to
 *	what it is
 *
 * Return: 0; -EBUSY if it was started already, or firmware has not finished with an
 * earlier one; -EINVAL; -ENOTCONN if the PF is down; -EOPNOTSUPP if their total
 * length is more than firmware can track; -EINTR if killed, -ETIMEDOUT if firmware
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
	log = mlx5vf_log_alloc(mv, ranges, nranges, *page_size);
	if (IS_ERR(log)) {
		ret = PTR_ERR(log);
		goto unlock;
	}
	ret = tracker_launch(mv, log);
	mlx5vf_state_unlock(mv);
	if (!ret)
		ret = tracker_wait_made(mv, log, page_size);
	mlx5vf_log_put(log);
	return ret;

unlock:
	mlx5vf_state_unlock(mv);
	return ret;
}

/**
 * mlx5vf_tracker_stop() - Stop tracking
 * @mv: The VF
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
 * mlx5vf_tracker_down() - The PF is going down: stop tracking, and start nothing
 * @mv: The VF; state_lock not held
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
 * mlx5vf_tracker_up() - The PF is up again
 * @mv: The VF
 */
void mlx5vf_tracker_up(struct mlx5vf_device *mv)
{
	spin_lock(&mv->tracker.lock);
	mv->tracker.down = false;
	spin_unlock(&mv->tracker.lock);
}

/**
 * mlx5vf_tracker_init() - Before anything else is called
 * @mv: The VF
 */
void mlx5vf_tracker_init(struct mlx5vf_device *mv)
{
	struct mlx5vf_tracker *t = &mv->tracker;

	INIT_WORK(&t->work, tracker_work);
	init_waitqueue_head(&t->wait);
	spin_lock_init(&t->lock);
}

/* ---- Harvest ---- */

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
		/* Once, since it is kept if it is wider than the range. */
		all = at == first &&
		      mlx5vf_pages_take_all(&log->pages, first, last, &low, &high);
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

/*
 * Wait for commands that change the state of the VF, also those that no task waits for. A
 * log that is broken may have left one itself, and says so at once.
 */
static int tracker_wait_states(struct mlx5vf_device *mv)
{
	struct mlx5vf_tracker *t = &mv->tracker;
	int ret = 0;
	bool works;

	spin_lock(&t->lock);
	works = t->phase == MLX5VF_TRACKER_ON && !READ_ONCE(t->log->report.broken);
	spin_unlock(&t->lock);
	if (works)
		ret = mlx5vf_cmd_wait_abandoned(mv);
	return ret ?: mlx5vf_session_wait(mv);
}

/* Migration states wait for the report, or do not. */
static int tracker_collect(struct mlx5vf_device *mv, struct mlx5vf_log **log, u64 first,
			   u64 last)
{
	bool serialize = READ_ONCE(serialize_reports);
	int ret = 0;

	if (serialize) {
		ret = mlx5vf_state_lock(mv);
		if (ret)
			return ret;
		ret = tracker_wait_states(mv);
	}
	if (!ret)
		ret = tracker_enter(&mv->tracker, log);
	if (!ret) {
		ret = mlx5vf_log_collect(*log, first, last);
		tracker_leave(mv);
	}
	if (serialize)
		mlx5vf_state_unlock(mv);
	return ret;
}

/**
 * mlx5vf_tracker_harvest() - Report and clear
 * @mv: The VF
 * @iova: Start of the range, in bytes
 * @length: Of the range
 * @bitmap: Where pages are set
 *
 * Firmware reports whole granules. What is reported and not in the range is kept
 * for the next harvest that asks for it, to 4 KiB.
 *
 * Can be killed, and waits no longer than report_timeout_ms for each message that has
 * pages, and ten times as long for all.
 *
 * Return: 0; -EINVAL if it was not started, or a bad range; -ENOTCONN if the PF is
 * down; -EBUSY if the firmware does not answer an earlier command; -EIO if the log is
 * broken, and pages may be missing: stop it and start it again.
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
		mlx5vf_log_put(log);
	bitmap_free(bits);
	return ret;
}
