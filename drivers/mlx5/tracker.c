// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tracker: firmware notes which pages the VF writes in some ranges of its
 * address space, and reports and forgets them when asked. Decides what firmware is
 * asked to track. harvest.c is about its reports, report.c about their queues.
 *
 * Firmware is limited: in the number of ranges (the closest are merged, which can
 * only track more), in their length in all, and in its log, which overflows.
 *
 * The tracker has its own lock, so that migration states can change while a report
 * is waited for; and it goes on when the VF is reset.
 */
#include <linux/delay.h>
#include <linux/interval_tree.h>
#include <linux/log2.h>

#include "cmd.h"
#include "device.h"

/* 64 KiB, which is 8192 pages. */
#define LOG_MESSAGE	16
/* More than this is no message size. */
#define MAX_LOG_MESSAGE	24

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
	mlx5vf_tracker_header(in, MLX5_CMD_OP_CREATE_GENERAL_OBJECT, 0);
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

	mlx5vf_tracker_header(in, MLX5_CMD_OP_DESTROY_GENERAL_OBJECT, mv->tracker.id);
	ret = mlx5vf_insist(mlx5_cmd_exec(mv->mdev, in, sizeof(in), out, sizeof(out)));
	if (ret)
		dev_warn(mlx5vf_dev(mv), "the firmware does not give back the page tracker (error %d)\n",
			 ret);
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
