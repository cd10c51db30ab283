// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the page tracker's reports arrive: a queue pair of ours that receives what
 * a queue pair of the firmware sends, a completion queue, and memory for messages.
 * Decides how much can be under way, and wakes who waits for messages; what a message
 * says is tracker.c's business.
 *
 * Each receive entry always has the same slot of the memory, since firmware takes
 * them in order, which is checked. Firmware waits when no slot is free.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/mlx5/cq.h>
#include <linux/mlx5/driver.h>
#include <linux/mlx5/qp.h>
#include <linux/smp.h>
#include <rdma/ib_verbs.h>

#include "buffer.h"
#include "cmd.h"
#include "device.h"
#include "report.h"

/* Memory for messages, if they are not so large that more is needed. */
#define REPORT_SIZE	SZ_2M
/* With fewer, firmware makes no queue pair. */
#define MIN_SLOTS	4

static size_t cqes_size(const struct mlx5vf_report *r)
{
	return ALIGN(r->slots * 2 * sizeof(*r->cqes), MLX5_ADAPTER_PAGE_SIZE);
}

static size_t wqes_size(const struct mlx5vf_report *r)
{
	return ALIGN(r->slots * sizeof(*r->wqes), MLX5_ADAPTER_PAGE_SIZE);
}

/* Firmware's list of the pages of @size bytes in one piece. */
static void fill_pas(__be64 *pas, dma_addr_t dma, size_t size)
{
	size_t at;

	for (at = 0; at < size; at += MLX5_ADAPTER_PAGE_SIZE)
		*pas++ = cpu_to_be64(dma + at);
}

/**
 * mlx5vf_report_event() - Something may have changed: have the reader look
 * @r: The report
 */
void mlx5vf_report_event(struct mlx5vf_report *r)
{
	atomic_inc(&r->events);
	wake_up_all(&r->wait);
}

/**
 * mlx5vf_report_break() - Let readers fail from now on; the first reason counts
 * @r: The report
 * @why: A string that lives for ever
 */
void mlx5vf_report_break(struct mlx5vf_report *r, const char *why)
{
	cmpxchg(&r->broken, NULL, why);
	mlx5vf_report_event(r);
}

/**
 * mlx5vf_report_wait() - Sleep until there is reason to look
 * @r: The report
 * @seen: r->events when there was none
 * @timeout: Look by oneself after so many jiffies
 *
 * Return: 0, or -EINTR if killed.
 */
int mlx5vf_report_wait(struct mlx5vf_report *r, int seen, unsigned long timeout)
{
	long ret;

	ret = wait_event_killable_timeout(r->wait, atomic_read(&r->events) != seen, timeout);
	return ret < 0 ? -EINTR : 0;
}

/* In an interrupt. */
static void cq_completed(struct mlx5_core_cq *cq, struct mlx5_eqe *eqe)
{
	mlx5vf_report_event(container_of(cq, struct mlx5vf_report, cq));
}

static void cq_failed(struct mlx5_core_cq *cq, enum mlx5_event type)
{
	if (type == MLX5_EVENT_TYPE_CQ_ERROR)
		mlx5vf_report_break(container_of(cq, struct mlx5vf_report, cq),
				    "its completion queue failed");
}

static int create_cq(struct mlx5_core_dev *mdev, struct mlx5vf_report *r)
{
	size_t inlen = MLX5_ST_SZ_BYTES(create_cq_in) +
		       cqes_size(r) / MLX5_ADAPTER_PAGE_SIZE * sizeof(__be64);
	u32 out[MLX5_ST_SZ_DW(create_cq_out)] = {};
	int vector, eqn, ret;
	void *in, *cqc;
	u32 i;

	vector = raw_smp_processor_id() % mlx5_comp_vectors_max(mdev);
	ret = mlx5_comp_eqn_get(mdev, vector, &eqn);
	if (ret)
		return ret;
	r->cqes = dma_alloc_coherent(mdev->device, cqes_size(r), &r->cqes_dma, GFP_KERNEL_ACCOUNT);
	if (!r->cqes)
		return -ENOMEM;
	for (i = 0; i < r->slots * 2; i++)
		r->cqes[i].op_own = MLX5_CQE_INVALID << 4;

	ret = -ENOMEM;
	in = kvzalloc(inlen, GFP_KERNEL);
	if (!in)
		goto free;
	cqc = MLX5_ADDR_OF(create_cq_in, in, cq_context);
	MLX5_SET(cqc, cqc, log_cq_size, ilog2(r->slots * 2));
	MLX5_SET(cqc, cqc, uar_page, r->uar->index);
	MLX5_SET(cqc, cqc, c_eqn_or_apu_element, eqn);
	MLX5_SET64(cqc, cqc, dbr_addr, r->db.dma);
	fill_pas(MLX5_ADDR_OF(create_cq_in, in, pas), r->cqes_dma, cqes_size(r));

	r->cq.cqe_sz = sizeof(*r->cqes);
	r->cq.set_ci_db = r->db.db;
	r->cq.arm_db = r->db.db + 1;
	r->cq.comp = cq_completed;
	r->cq.event = cq_failed;
	ret = mlx5_core_create_cq(mdev, &r->cq, in, inlen, out, sizeof(out));
	kvfree(in);
	if (!ret)
		return 0;
free:
	dma_free_coherent(mdev->device, cqes_size(r), r->cqes, r->cqes_dma);
	return ret;
}

/* A reliable connection, without a send queue; @receives: with a receive queue. */
static int create_qp(struct mlx5_core_dev *mdev, struct mlx5vf_report *r, bool receives, u32 *qpn)
{
	size_t pages = receives ? wqes_size(r) / MLX5_ADAPTER_PAGE_SIZE : 0;
	size_t inlen = MLX5_ST_SZ_BYTES(create_qp_in) + pages * sizeof(__be64);
	u32 out[MLX5_ST_SZ_DW(create_qp_out)] = {};
	void *in, *qpc;
	int ret;

	in = kvzalloc(inlen, GFP_KERNEL);
	if (!in)
		return -ENOMEM;
	MLX5_SET(create_qp_in, in, opcode, MLX5_CMD_OP_CREATE_QP);
	qpc = MLX5_ADDR_OF(create_qp_in, in, qpc);
	MLX5_SET(qpc, qpc, st, MLX5_QP_ST_RC);
	MLX5_SET(qpc, qpc, pm_state, MLX5_QP_PM_MIGRATED);
	MLX5_SET(qpc, qpc, pd, r->pd);
	MLX5_SET(qpc, qpc, uar_page, r->uar->index);
	MLX5_SET(qpc, qpc, ts_format, mlx5_get_qp_default_ts(mdev));
	MLX5_SET(qpc, qpc, no_sq, 1);
	if (MLX5_CAP_GEN(mdev, cqe_version) == 1)
		MLX5_SET(qpc, qpc, user_index, 0xffffff);
	MLX5_SET(qpc, qpc, rq_type, receives ? MLX5_NON_ZERO_RQ : MLX5_ZERO_LEN_RQ);
	if (receives) {
		MLX5_SET(qpc, qpc, cqn_rcv, r->cq.cqn);
		MLX5_SET(qpc, qpc, log_rq_size, ilog2(r->slots));
		/* In units of 16 bytes, which is one data segment. */
		MLX5_SET(qpc, qpc, log_rq_stride, 0);
		MLX5_SET64(qpc, qpc, dbr_addr, r->qp_db.dma);
		fill_pas(MLX5_ADDR_OF(create_qp_in, in, pas), r->wqes_dma, wqes_size(r));
	}
	ret = mlx5_cmd_exec(mdev, in, inlen, out, sizeof(out));
	kvfree(in);
	if (!ret)
		*qpn = MLX5_GET(create_qp_out, out, qpn);
	return ret;
}

static int destroy_qp(struct mlx5_core_dev *mdev, u32 qpn)
{
	u32 in[MLX5_ST_SZ_DW(destroy_qp_in)] = {};

	MLX5_SET(destroy_qp_in, in, opcode, MLX5_CMD_OP_DESTROY_QP);
	MLX5_SET(destroy_qp_in, in, qpn, qpn);
	return mlx5vf_retry_nomem(mlx5_cmd_exec_in(mdev, destroy_qp, in));
}

static int qp_to_init(struct mlx5_core_dev *mdev, u32 qpn)
{
	u32 in[MLX5_ST_SZ_DW(rst2init_qp_in)] = {};
	void *qpc = MLX5_ADDR_OF(rst2init_qp_in, in, qpc);

	MLX5_SET(rst2init_qp_in, in, opcode, MLX5_CMD_OP_RST2INIT_QP);
	MLX5_SET(rst2init_qp_in, in, qpn, qpn);
	MLX5_SET(qpc, qpc, pm_state, MLX5_QP_PM_MIGRATED);
	MLX5_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	MLX5_SET(qpc, qpc, rre, 1);
	MLX5_SET(qpc, qpc, rwe, 1);
	return mlx5_cmd_exec_in(mdev, rst2init_qp, in);
}

static int qp_to_receive(struct mlx5_core_dev *mdev, u32 qpn, u32 remote)
{
	u32 in[MLX5_ST_SZ_DW(init2rtr_qp_in)] = {};
	void *qpc = MLX5_ADDR_OF(init2rtr_qp_in, in, qpc);

	MLX5_SET(init2rtr_qp_in, in, opcode, MLX5_CMD_OP_INIT2RTR_QP);
	MLX5_SET(init2rtr_qp_in, in, qpn, qpn);
	MLX5_SET(qpc, qpc, mtu, IB_MTU_4096);
	MLX5_SET(qpc, qpc, log_msg_max, MLX5_CAP_GEN(mdev, log_max_msg));
	MLX5_SET(qpc, qpc, remote_qpn, remote);
	MLX5_SET(qpc, qpc, min_rnr_nak, 1);
	/* To itself. */
	MLX5_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	MLX5_SET(qpc, qpc, primary_address_path.fl, 1);
	return mlx5_cmd_exec_in(mdev, init2rtr_qp, in);
}

static int qp_to_send(struct mlx5_core_dev *mdev, u32 qpn)
{
	u32 in[MLX5_ST_SZ_DW(rtr2rts_qp_in)] = {};
	void *qpc = MLX5_ADDR_OF(rtr2rts_qp_in, in, qpc);

	MLX5_SET(rtr2rts_qp_in, in, opcode, MLX5_CMD_OP_RTR2RTS_QP);
	MLX5_SET(rtr2rts_qp_in, in, qpn, qpn);
	/* For ever, about every millisecond, if no slot is free. */
	MLX5_SET(qpc, qpc, rnr_retry, 7);
	MLX5_SET(qpc, qpc, retry_count, 7);
	MLX5_SET(qpc, qpc, primary_address_path.ack_timeout, 8);
	return mlx5_cmd_exec_in(mdev, rtr2rts_qp, in);
}

static void report_ring(struct mlx5vf_report *r)
{
	/* What the entries say, before their number. */
	dma_wmb();
	r->qp_db.db[MLX5_RCV_DBR] = cpu_to_be32((r->received + r->slots) & 0xffff);
}

static int connect_qps(struct mlx5_core_dev *mdev, struct mlx5vf_report *r)
{
	u32 i;
	int ret;

	ret = qp_to_init(mdev, r->qpn);
	if (!ret)
		ret = qp_to_init(mdev, r->fw_qpn);
	if (ret)
		return ret;
	for (i = 0; i < r->slots; i++) {
		r->wqes[i].byte_count = cpu_to_be32(r->message);
		r->wqes[i].lkey = cpu_to_be32(r->buf->mkey);
		r->wqes[i].addr = cpu_to_be64((u64)i * r->message);
	}
	r->received = 0;
	report_ring(r);
	ret = qp_to_receive(mdev, r->qpn, r->fw_qpn);
	if (!ret)
		ret = qp_to_receive(mdev, r->fw_qpn, r->qpn);
	if (!ret)
		ret = qp_to_send(mdev, r->fw_qpn);
	return ret;
}

static int alloc_buffer(struct mlx5vf_device *mv, struct mlx5vf_report *r)
{
	size_t size = (size_t)r->slots * r->message;
	int ret;

	r->buf = mlx5vf_buffer_alloc(size, DMA_FROM_DEVICE);
	if (IS_ERR(r->buf))
		return PTR_ERR(r->buf);
	ret = mlx5vf_buffer_grow(r->buf, size);
	if (!ret)
		ret = mlx5vf_buffer_map(mv, r->buf, r->pd);
	if (ret)
		mlx5vf_buffer_put(r->buf);
	return ret;
}

/* Both QPs, connected; *@stuck is set if one cannot be destroyed after an error. */
static int open_qps(struct mlx5_core_dev *mdev, struct mlx5vf_report *r, bool *stuck)
{
	int ret;

	ret = create_qp(mdev, r, true, &r->qpn);
	if (ret)
		return ret;
	ret = create_qp(mdev, r, false, &r->fw_qpn);
	if (ret)
		goto destroy_qp;
	ret = connect_qps(mdev, r);
	if (!ret)
		return 0;
	*stuck = destroy_qp(mdev, r->fw_qpn);
destroy_qp:
	*stuck |= !!destroy_qp(mdev, r->qpn);
	return ret;
}

static void queues_stuck(struct mlx5vf_device *mv)
{
	dev_warn(mlx5vf_dev(mv), "the firmware does not give back the page tracker's queues; their memory is lost until the next boot\n");
}

/**
 * mlx5vf_report_init() - Before anything else
 * @r: The report, otherwise zero
 * @message: Largest message in bytes, a power of two
 */
void mlx5vf_report_init(struct mlx5vf_report *r, u32 message)
{
	init_waitqueue_head(&r->wait);
	r->message = message;
	r->slots = max_t(u32, REPORT_SIZE / message, MIN_SLOTS);
}

/**
 * mlx5vf_report_open() - Make it
 * @mv: The VF; attached
 * @r: What is made; opened once only
 *
 * Return: 0; -EADDRINUSE if it failed, and firmware did not give back all: the
 * memory of @r must not be freed; or another error.
 */
int mlx5vf_report_open(struct mlx5vf_device *mv, struct mlx5vf_report *r)
{
	struct mlx5_core_dev *mdev = mv->mdev;
	bool stuck = false;
	int ret;

	r->uar = mlx5_get_uars_page(mdev);
	if (IS_ERR(r->uar))
		return PTR_ERR(r->uar);
	ret = mlx5_core_alloc_pd(mdev, &r->pd);
	if (ret)
		goto put_uar;
	ret = mlx5_db_alloc(mdev, &r->db);
	if (ret)
		goto dealloc_pd;
	ret = mlx5_db_alloc(mdev, &r->qp_db);
	if (ret)
		goto free_db;
	ret = create_cq(mdev, r);
	if (ret)
		goto free_qp_db;
	ret = -ENOMEM;
	r->wqes = dma_alloc_coherent(mdev->device, wqes_size(r), &r->wqes_dma, GFP_KERNEL_ACCOUNT);
	if (!r->wqes)
		goto destroy_cq;
	ret = alloc_buffer(mv, r);
	if (ret)
		goto free_wqes;
	ret = open_qps(mdev, r, &stuck);
	if (ret)
		goto free_buffer;
	mlx5vf_report_arm(r);
	return 0;

free_buffer:
	mlx5vf_buffer_unmap(mv, r->buf);
	mlx5vf_buffer_put(r->buf);
free_wqes:
	if (!stuck)
		dma_free_coherent(mdev->device, wqes_size(r), r->wqes, r->wqes_dma);
destroy_cq:
	stuck |= !!mlx5vf_retry_nomem(mlx5_core_destroy_cq(mdev, &r->cq));
	if (stuck) {
		queues_stuck(mv);
		goto dealloc_pd;
	}
	dma_free_coherent(mdev->device, cqes_size(r), r->cqes, r->cqes_dma);
free_qp_db:
	mlx5_db_free(mdev, &r->qp_db);
free_db:
	mlx5_db_free(mdev, &r->db);
dealloc_pd:
	mlx5_core_dealloc_pd(mdev, r->pd);
put_uar:
	mlx5_put_uars_page(mdev, r->uar);
	return stuck ? -EADDRINUSE : ret;
}

/**
 * mlx5vf_report_close() - Undo mlx5vf_report_open()
 * @mv: The VF; attached
 * @r: What was made
 *
 * Memory that firmware does not let go of is not freed.
 *
 * Return: false if the memory of @r must not be freed either.
 */
bool mlx5vf_report_close(struct mlx5vf_device *mv, struct mlx5vf_report *r)
{
	struct mlx5_core_dev *mdev = mv->mdev;
	bool stuck;

	stuck = destroy_qp(mdev, r->fw_qpn);
	stuck |= !!destroy_qp(mdev, r->qpn);
	if (!stuck) {
		dma_free_coherent(mdev->device, wqes_size(r), r->wqes, r->wqes_dma);
		mlx5_db_free(mdev, &r->qp_db);
	}
	mlx5vf_buffer_unmap(mv, r->buf);
	mlx5vf_buffer_put(r->buf);
	if (!mlx5vf_retry_nomem(mlx5_core_destroy_cq(mdev, &r->cq))) {
		dma_free_coherent(mdev->device, cqes_size(r), r->cqes, r->cqes_dma);
		mlx5_db_free(mdev, &r->db);
	} else {
		stuck = true;
	}
	mlx5_core_dealloc_pd(mdev, r->pd);
	mlx5_put_uars_page(mdev, r->uar);
	if (stuck)
		queues_stuck(mv);
	return !stuck;
}

/**
 * mlx5vf_report_arm() - Ask for an event when the next message arrives
 * @r: The report
 */
void mlx5vf_report_arm(struct mlx5vf_report *r)
{
	mlx5_cq_arm(&r->cq, MLX5_CQ_DB_REQ_NOT, r->uar->map, r->cq.cons_index);
}

/**
 * mlx5vf_report_next() - Look for a message
 * @mv: The VF
 * @r: The report
 * @message: What was found; its slot is kept until mlx5vf_report_done()
 *
 * Return: 1; 0 if there is none; -EIO if firmware reports an error or nonsense.
 */
int mlx5vf_report_next(struct mlx5vf_device *mv, struct mlx5vf_report *r,
		       struct mlx5vf_message *message)
{
	u32 count = r->slots * 2, at = r->cq.cons_index;
	struct mlx5_cqe64 *cqe = &r->cqes[at & (count - 1)];
	u8 op_own = READ_ONCE(cqe->op_own);
	u32 slot;

	/* Firmware inverts the owner bit with each pass. */
	if (op_own >> 4 == MLX5_CQE_INVALID || (op_own & MLX5_CQE_OWNER_MASK) != !!(at & count))
		return 0;
	/* The owner before the rest. */
	dma_rmb();
	r->cq.cons_index++;
	mlx5_cq_set_ci(&r->cq);
	if (op_own >> 4 != MLX5_CQE_RESP_SEND_IMM)
		return -EIO;

	message->length = be32_to_cpu(cqe->byte_cnt);
	message->state = be32_to_cpu(cqe->immediate) >> 28;
	slot = be16_to_cpu(cqe->wqe_counter) & (r->slots - 1);
	if (slot != (r->received & (r->slots - 1)) || message->length > r->message)
		return -EIO;
	message->offset = (size_t)slot * r->message;
	mlx5vf_buffer_for_cpu(mv, r->buf);
	return 1;
}

/**
 * mlx5vf_report_done() - The message was read: its slot can be used again
 * @mv: The VF
 * @r: The report
 */
void mlx5vf_report_done(struct mlx5vf_device *mv, struct mlx5vf_report *r)
{
	mlx5vf_buffer_for_device(mv, r->buf);
	r->received++;
	report_ring(r);
}
