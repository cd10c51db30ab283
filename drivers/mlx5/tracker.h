/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_TRACKER_H
#define MLX5VF_TRACKER_H

#include <linux/mlx5/cq.h>
#include <linux/mlx5/driver.h>
#include <linux/mlx5/eq.h>
#include <linux/types.h>
#include <linux/wait.h>

struct iova_bitmap;
struct mlx5vf_buffer;
struct mlx5vf_device;
struct rb_root_cached;
struct vfio_log_ops;

/**
 * struct mlx5vf_report - where firmware's reports arrive
 * @uar: page with the doorbells
 * @pd: protection domain
 * @db: doorbell records: of the CQ (two), behind them in @qp_db that of the QP
 * @cq: the CQ; the interrupt knows it by this
 * @cqes: its entries, @slots * 2 of them
 * @cqes_dma: and where firmware sees them
 * @qp_db: doorbell record of the receiving QP
 * @wqes: the receiving QP's entries, @slots of them
 * @wqes_dma: and where firmware sees them
 * @qpn: number of the receiving QP
 * @fw_qpn: number of the QP that firmware sends from
 * @buf: memory for messages; slot i has @message bytes at i * @message
 * @message: largest message, a power of two
 * @slots: number of messages that can wait, a power of two
 * @received: messages taken so far
 */
struct mlx5vf_report {
	struct mlx5_uars_page *uar;
	u32 pd;
	struct mlx5_db db;
	struct mlx5_core_cq cq;
	struct mlx5_cqe64 *cqes;
	dma_addr_t cqes_dma;
	struct mlx5_db qp_db;
	struct mlx5_wqe_data_seg *wqes;
	dma_addr_t wqes_dma;
	u32 qpn;
	u32 fw_qpn;
	struct mlx5vf_buffer *buf;
	u32 message;
	u32 slots;
	u32 received;
};

/**
 * struct mlx5vf_message - one message of a report
 * @offset: where its entries begin in mlx5vf_report.buf
 * @length: in bytes
 * @state: of the tracker, enum MLX5_PAGE_TRACK_STATE_*
 */
struct mlx5vf_message {
	size_t offset;
	u32 length;
	u8 state;
};

/**
 * struct mlx5vf_tracker - a page tracker
 * @active: it was started; the fields up to @wait are valid
 * @id: firmware's name for it
 * @page_size: granule, in bytes
 * @report: where its reports arrive
 * @nb: events of the PF
 * @wait: for events and messages
 * @events: counts them
 * @changed: firmware says that the tracker's state changed
 * @broken: why it has to be stopped and started again, or NULL
 */
struct mlx5vf_tracker {
	bool active;
	u32 id;
	u64 page_size;
	struct mlx5vf_report report;
	struct mlx5_nb nb;

	wait_queue_head_t wait;
	atomic_t events;
	bool changed;
	const char *broken;
};

/* How commands on a page tracker begin. */
static inline void mlx5vf_tracker_header(void *in, u16 opcode, u32 id)
{
	MLX5_SET(general_obj_in_cmd_hdr, in, opcode, opcode);
	MLX5_SET(general_obj_in_cmd_hdr, in, obj_type, MLX5_OBJ_TYPE_PAGE_TRACK);
	MLX5_SET(general_obj_in_cmd_hdr, in, obj_id, id);
}

/* tracker.c */
extern const struct vfio_log_ops mlx5vf_log_ops;
void mlx5vf_tracker_init(struct mlx5vf_device *mv);
bool mlx5vf_tracker_capable(struct mlx5_core_dev *mdev);
int mlx5vf_tracker_start(struct mlx5vf_device *mv, struct rb_root_cached *ranges,
			 u32 nranges, u64 *page_size);
int mlx5vf_tracker_stop(struct mlx5vf_device *mv);
void mlx5vf_tracker_free(struct mlx5vf_device *mv);
void mlx5vf_tracker_break(struct mlx5vf_device *mv, const char *why);
void mlx5vf_tracker_event(struct mlx5vf_tracker *t);

/* harvest.c */
int mlx5vf_tracker_harvest(struct mlx5vf_device *mv, unsigned long iova,
			   unsigned long length, struct iova_bitmap *bitmap);

/* report.c */
int mlx5vf_report_open(struct mlx5vf_device *mv, struct mlx5vf_report *r, u32 message);
void mlx5vf_report_close(struct mlx5vf_device *mv, struct mlx5vf_report *r);
void mlx5vf_report_arm(struct mlx5vf_report *r);
int mlx5vf_report_next(struct mlx5vf_device *mv, struct mlx5vf_report *r,
		       struct mlx5vf_message *message);
void mlx5vf_report_done(struct mlx5vf_device *mv, struct mlx5vf_report *r);

#endif
