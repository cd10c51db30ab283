/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_LOG_H
#define MLX5VF_LOG_H

#include <linux/completion.h>
#include <linux/mlx5/eq.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "pages.h"
#include "report.h"

struct mem_cgroup;
struct mlx5_core_dev;
struct mlx5vf_device;
struct rb_root_cached;

struct mlx5vf_range {
	u64 first;
	u64 last;
};

/**
 * struct mlx5vf_log - What START makes
 * @refs: One of the tracker, one of who waits for START, one of each harvest
 * @mv: The VF
 * @memcg: Who is charged for what the work allocates, or NULL
 * @vhca_id: firmware's name for the VF
 * @made: Completed when @result is valid
 * @result: Of START
 * @stuck: Firmware did not give back all: this memory is never freed
 *
 * @id: firmware's name for the tracker
 * @named: @id is valid
 * @page_size: Granule, in bytes
 * @log_space: log2 of the total length of @ranges, as firmware wants it
 * @report: Where its reports arrive
 * @nb: Events of the PF
 * @changed: Firmware says that the tracker's state changed
 *
 * @pages: What was reported and not delivered; of who is busy with the tracker
 * @strange: Pages that were reported and are not in @ranges
 * @nranges: Number of ranges
 * @ranges: What is tracked, ascending, both ends on granules
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

bool mlx5vf_log_capable(struct mlx5_core_dev *mdev);
struct mlx5vf_log *mlx5vf_log_alloc(struct mlx5vf_device *mv, struct rb_root_cached *ranges,
				    u32 nranges, u64 page_size);
void mlx5vf_log_put(struct mlx5vf_log *log);
int mlx5vf_log_make(struct mlx5vf_log *log);
void mlx5vf_log_unmake(struct mlx5vf_log *log);
int mlx5vf_log_collect(struct mlx5vf_log *log, u64 first, u64 last);

#endif
