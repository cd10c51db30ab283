/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_TRACKER_H
#define MLX5VF_TRACKER_H

#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct iova_bitmap;
struct mlx5vf_device;
struct mlx5vf_log;
struct rb_root_cached;

/* What the page tracker is doing. */
enum mlx5vf_tracker_phase {
	MLX5VF_TRACKER_OFF,
	MLX5VF_TRACKER_STARTING,	/* the work makes the log */
	MLX5VF_TRACKER_ON,
	MLX5VF_TRACKER_STOPPING,	/* the work destroys it, or will */
};

/**
 * struct mlx5vf_tracker - The page tracker of a VF
 * @work: Makes and destroys @log
 * @wait: Woken when something of the following changes
 * @lock: Protects the following
 * @phase: As above
 * @log: What was started; the work's own in STARTING and STOPPING
 * @busy: A reader uses @log, in ON or STOPPING
 * @unwanted: In STARTING: the caller does not wait any more
 * @down: The PF is down, or going down: nothing is started
 */
struct mlx5vf_tracker {
	struct work_struct work;
	wait_queue_head_t wait;
	spinlock_t lock;
	enum mlx5vf_tracker_phase phase;
	struct mlx5vf_log *log;
	bool busy;
	bool unwanted;
	bool down;
};

void mlx5vf_tracker_init(struct mlx5vf_device *mv);
int mlx5vf_tracker_start(struct mlx5vf_device *mv, struct rb_root_cached *ranges,
			 u32 nranges, u64 *page_size);
int mlx5vf_tracker_stop(struct mlx5vf_device *mv);
int mlx5vf_tracker_harvest(struct mlx5vf_device *mv, unsigned long iova,
			   unsigned long length, struct iova_bitmap *bitmap);
void mlx5vf_tracker_down(struct mlx5vf_device *mv);
void mlx5vf_tracker_up(struct mlx5vf_device *mv);

#endif
