/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_REPORT_H
#define MLX5VF_REPORT_H

#include <linux/mlx5/cq.h>
#include <linux/mlx5/driver.h>
#include <linux/types.h>
#include <linux/wait.h>

struct mlx5vf_buffer;
struct mlx5vf_device;

/**
 * struct mlx5vf_report - Where firmware's reports arrive
 * @wait: For events and messages
 * @events: Counts them
 * @broken: Why there will be no more messages that can be trusted, or NULL
 * @uar: Page with the doorbells
 * @pd: Protection domain
 * @db: Doorbell records: of the CQ (two), behind them in @qp_db that of the QP
 * @cq: The CQ; the interrupt knows it by this
 * @cqes: Its entries, @slots * 2 of them
 * @cqes_dma: And where firmware sees them
 * @qp_db: Doorbell record of the receiving QP
 * @wqes: The receiving QP's entries, @slots of them
 * @wqes_dma: And where firmware sees them
 * @qpn: Number of the receiving QP
 * @fw_qpn: Number of the QP that firmware sends from
 * @buf: Memory for messages; slot i has @message bytes at i * @message
 * @message: Largest message, a power of two
 * @slots: Number of messages that can wait, a power of two
 * @received: Messages taken so far
 */
struct mlx5vf_report {
	wait_queue_head_t wait;
	atomic_t events;
	const char *broken;
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
 * struct mlx5vf_message - One message of a report
 * @offset: Where its entries begin in mlx5vf_report.buf
 * @length: In bytes
 * @state: Of the tracker, enum MLX5_PAGE_TRACK_STATE_*
 */
struct mlx5vf_message {
	size_t offset;
	u32 length;
	u8 state;
};

void mlx5vf_report_init(struct mlx5vf_report *r, u32 message);
int mlx5vf_report_open(struct mlx5vf_device *mv, struct mlx5vf_report *r);
bool mlx5vf_report_close(struct mlx5vf_device *mv, struct mlx5vf_report *r);
void mlx5vf_report_event(struct mlx5vf_report *r);
void mlx5vf_report_break(struct mlx5vf_report *r, const char *why);
int mlx5vf_report_wait(struct mlx5vf_report *r, int seen, unsigned long timeout);
void mlx5vf_report_arm(struct mlx5vf_report *r);
int mlx5vf_report_next(struct mlx5vf_device *mv, struct mlx5vf_report *r,
		       struct mlx5vf_message *message);
void mlx5vf_report_done(struct mlx5vf_device *mv, struct mlx5vf_report *r);

#endif
