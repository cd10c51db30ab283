// SPDX-License-Identifier: GPL-2.0-only
/*
 * Completion queues and queue pairs, as far as a page tracker needs them: a
 * firmware QP without memory sends messages with immediate data to a host QP,
 * whose receive entries take them, and each makes an entry in a CQ.
 *
 * A CQ makes an event when it is armed. The driver arms it in its doorbell
 * record, with a sequence number that changes after each event, and the event
 * is due as soon as there is an entry beyond the driver's index. The driver also
 * writes the number to a doorbell register; only with the quirk uar_arm that is looked
 * at, and of CQs that share the register only the one that was written last is seen.
 */
#include <linux/io.h>
#include <linux/mlx5/cq.h>
#include <linux/mlx5/qp.h>
#include <linux/slab.h>

#include "check.h"
#include "connectx.h"
#include "faults.h"
#include "object.h"
#include "quirks.h"
#include "ring.h"

#define MAX_LOG_ENTRIES		15
#define MIN_LOG_RECEIVES	2
#define NEVER			U32_MAX

/**
 * struct cx_cq - A completion queue
 * @object: Its number is the cqn
 * @ring: Its memory
 * @log_size: log2 of the number of entries
 * @room: How many can wait for the driver: all, if nothing else is wanted
 * @eqn: Event queue
 * @uar: Page of BAR 0 with the doorbell register
 * @record: Address of the doorbell record
 * @produced: Entries written so far
 * @fired: Sequence number of the last event, or NEVER
 * @rung: Sequence number that was last in the doorbell register, or NEVER
 */
struct cx_cq {
	struct cx_object object;
	struct cx_ring ring;
	unsigned int log_size;
	u32 room;
	u32 eqn;
	u32 uar;
	u64 record;
	u32 produced;
	u32 fired;
	u32 rung;
};

enum cx_qp_state { RESET, INIT, READY_TO_RECEIVE, READY_TO_SEND };

/**
 * struct cx_qp - A queue pair
 * @object: Its number is the qpn
 * @ring: Its receive queue
 * @log_size: log2 of the number of receive entries
 * @log_stride: log2 of the size of an entry
 * @pd: Protection domain
 * @cqn: Completion queue of what is received
 * @record: Address of the doorbell record
 * @consumed: Receive entries used so far
 * @state: State
 * @remote: Qpn of the other side
 */
struct cx_qp {
	struct cx_object object;
	struct cx_ring ring;
	unsigned int log_size;
	unsigned int log_stride;
	u32 pd;
	u32 cqn;
	u64 record;
	u16 consumed;
	enum cx_qp_state state;
	u32 remote;
};

static struct cx_cq *to_cq(struct cx_object *object)
{
	return container_of(object, struct cx_cq, object);
}

static struct cx_qp *to_qp(struct cx_object *object)
{
	return container_of(object, struct cx_qp, object);
}

static void release_cq(struct cx_vhca *vhca, struct cx_object *object)
{
	struct cx_cq *cq = to_cq(object);

	cx_ring_free(&cq->ring);
	kfree(cq);
}

static void release_qp(struct cx_vhca *vhca, struct cx_object *object)
{
	struct cx_qp *qp = to_qp(object);

	cx_ring_free(&qp->ring);
	kfree(qp);
}

/* CREATE_CQ, with entries of 64 bytes */
u8 cx_create_cq(struct cx_command *cmd)
{
	void *cqc = MLX5_ADDR_OF(create_cq_in, cmd->in, cq_context);
	u32 eqn = MLX5_GET(cqc, cqc, c_eqn_or_apu_element);
	struct cx_cq *cq;
	u8 status;

	if (MLX5_GET(cqc, cqc, cqe_sz) != CQE_STRIDE_64 ||
	    MLX5_GET(cqc, cqc, log_cq_size) > MAX_LOG_ENTRIES ||
	    MLX5_GET64(cqc, cqc, dbr_addr) % 8)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR, "context");
	cq = kzalloc_obj(*cq, GFP_KERNEL);
	if (!cq)
		return MLX5_CMD_STAT_NO_RES_ERR;
	cq->object.kind = CX_CQ;
	cq->object.release = release_cq;
	cq->log_size = MLX5_GET(cqc, cqc, log_cq_size);
	cq->room = BIT(cq->log_size);
	cq->eqn = eqn;
	cq->record = MLX5_GET64(cqc, cqc, dbr_addr);
	cq->uar = MLX5_GET(cqc, cqc, uar_page);
	cq->fired = NEVER;
	cq->rung = NEVER;
	status = cx_ring_init(&cq->ring, cmd,
			      MLX5_ADDR_OF(create_cq_in, cmd->in, pas),
			      (u64)sizeof(struct mlx5_cqe64) << cq->log_size,
			      MLX5_GET(cqc, cqc, log_page_size));
	if (!status)
		status = cx_object_use(cmd, &cq->object, CX_EQ, eqn);
	if (!status)
		status = cx_object_use(cmd, &cq->object, CX_UAR, cq->uar);
	if (!status && cx_object_add(cmd->vhca, &cq->object))
		status = MLX5_CMD_STAT_NO_RES_ERR;
	if (status) {
		cx_object_discard(cmd->vhca, &cq->object);
		return status;
	}
	MLX5_SET(create_cq_out, cmd->out, cqn, cq->object.id);
	return MLX5_CMD_STAT_OK;
}

/* DESTROY_CQ */
u8 cx_destroy_cq(struct cx_command *cmd)
{
	return cx_object_destroy(cmd, CX_CQ,
				 MLX5_GET(destroy_cq_in, cmd->in, cqn));
}

/* What is wrong with a QP, or NULL: a reliable one without a send queue. */
static const char *check_qp(void *qpc)
{
	bool receives = MLX5_GET(qpc, qpc, rq_type) == MLX5_NON_ZERO_RQ;

	if (MLX5_GET(qpc, qpc, st) != MLX5_QP_ST_RC)
		return "type of QP";
	if (MLX5_GET(qpc, qpc, pm_state) != MLX5_QPC_PM_STATE_MIGRATED)
		return "path migration state";
	if (!MLX5_GET(qpc, qpc, no_sq))
		return "send queue";
	if (!receives && MLX5_GET(qpc, qpc, rq_type) != MLX5_ZERO_LEN_RQ)
		return "type of receive queue";
	if (receives && (MLX5_GET(qpc, qpc, log_rq_size) < MIN_LOG_RECEIVES ||
			 MLX5_GET(qpc, qpc, log_rq_size) > MAX_LOG_ENTRIES))
		return "size of the receive queue";
	if (MLX5_GET64(qpc, qpc, dbr_addr) % 8)
		return "address of the doorbell record";
	/* cqe_version 1: each QP has a number for the user, or none. */
	if (MLX5_GET(qpc, qpc, user_index) != 0xffffff)
		return "user index";
	return NULL;
}

/* What a QP refers to. */
static u8 use_objects(struct cx_command *cmd, struct cx_qp *qp, void *qpc)
{
	u8 status;

	status = cx_object_use(cmd, &qp->object, CX_PD,
			       MLX5_GET(qpc, qpc, pd));
	if (!status)
		status = cx_object_use(cmd, &qp->object, CX_UAR,
				       MLX5_GET(qpc, qpc, uar_page));
	if (!status && qp->ring.count)
		status = cx_object_use(cmd, &qp->object, CX_CQ, qp->cqn);
	return status;
}

/* CREATE_QP */
u8 cx_create_qp(struct cx_command *cmd)
{
	void *qpc = MLX5_ADDR_OF(create_qp_in, cmd->in, qpc);
	const char *wrong = check_qp(qpc);
	u64 size = 0;
	struct cx_qp *qp;
	u8 status;

	if (wrong)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR, wrong);
	qp = kzalloc_obj(*qp, GFP_KERNEL);
	if (!qp)
		return MLX5_CMD_STAT_NO_RES_ERR;
	qp->object.kind = CX_QP;
	qp->object.release = release_qp;
	qp->pd = MLX5_GET(qpc, qpc, pd);
	qp->cqn = MLX5_GET(qpc, qpc, cqn_rcv);
	qp->log_size = MLX5_GET(qpc, qpc, log_rq_size);
	qp->log_stride = MLX5_GET(qpc, qpc, log_rq_stride) + 4;
	qp->record = MLX5_GET64(qpc, qpc, dbr_addr);
	if (MLX5_GET(qpc, qpc, rq_type) == MLX5_NON_ZERO_RQ)
		size = BIT_ULL(qp->log_size + qp->log_stride);
	status = cx_ring_init(&qp->ring, cmd,
			      MLX5_ADDR_OF(create_qp_in, cmd->in, pas), size,
			      MLX5_GET(qpc, qpc, log_page_size));
	if (!status)
		status = use_objects(cmd, qp, qpc);
	if (!status && cx_object_add(cmd->vhca, &qp->object))
		status = MLX5_CMD_STAT_NO_RES_ERR;
	if (status) {
		cx_object_discard(cmd->vhca, &qp->object);
		return status;
	}
	MLX5_SET(create_qp_out, cmd->out, qpn, qp->object.id);
	return MLX5_CMD_STAT_OK;
}

/* DESTROY_QP */
u8 cx_destroy_qp(struct cx_command *cmd)
{
	return cx_object_destroy(cmd, CX_QP,
				 MLX5_GET(destroy_qp_in, cmd->in, qpn));
}

static u8 move_qp(struct cx_command *cmd, u32 qpn, enum cx_qp_state from,
		  struct cx_qp **qp)
{
	struct cx_object *object = cx_object_find(cmd->vhca, CX_QP, qpn);

	if (!object)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_RES_ERR,
				  "no such object");
	*qp = to_qp(object);
	if ((*qp)->state != from)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_QP_STATE_ERR,
				  "state of the QP");
	(*qp)->state = from + 1;
	return MLX5_CMD_STAT_OK;
}

/* RST2INIT_QP */
u8 cx_rst2init_qp(struct cx_command *cmd)
{
	void *qpc = MLX5_ADDR_OF(rst2init_qp_in, cmd->in, qpc);
	struct cx_qp *qp;

	if (MLX5_GET(qpc, qpc, primary_address_path.vhca_port_num) != 1 ||
	    MLX5_GET(qpc, qpc, pm_state) != MLX5_QPC_PM_STATE_MIGRATED)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR, "context");
	return move_qp(cmd, MLX5_GET(rst2init_qp_in, cmd->in, qpn),
		       RESET, &qp);
}

/* INIT2RTR_QP */
u8 cx_init2rtr_qp(struct cx_command *cmd)
{
	void *qpc = MLX5_ADDR_OF(init2rtr_qp_in, cmd->in, qpc);
	struct cx_qp *qp;
	u8 status;

	/* IB_MTU_256 to IB_MTU_4096; two ports are connected within the device. */
	if (MLX5_GET(qpc, qpc, primary_address_path.vhca_port_num) != 1 ||
	    !MLX5_GET(qpc, qpc, mtu) || MLX5_GET(qpc, qpc, mtu) > 5 ||
	    MLX5_GET(qpc, qpc, log_msg_max) > CX_LOG_MAX_MSG)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR, "context");
	status = move_qp(cmd, MLX5_GET(init2rtr_qp_in, cmd->in, qpn), INIT, &qp);
	if (!status)
		qp->remote = MLX5_GET(qpc, qpc, remote_qpn);
	return status;
}

/* RTR2RTS_QP */
u8 cx_rtr2rts_qp(struct cx_command *cmd)
{
	struct cx_qp *qp;

	return move_qp(cmd, MLX5_GET(rtr2rts_qp_in, cmd->in, qpn),
		       READY_TO_RECEIVE, &qp);
}

/* Is there room in the CQ? Its first record word is the consumer index. */
static int check_room(struct cx_vhca *vhca, struct cx_cq *cq)
{
	union ev_data data = { .cq_err.cqn = cpu_to_be32(cq->object.id) };
	__be32 index;

	if (cx_read(vhca, cq->record, &index, sizeof(index)))
		return -EFAULT;
	if (((cq->produced - be32_to_cpu(index)) & 0xffffff) < cq->room)
		return 0;
	/* The driver has posted more receive entries than its CQ has room for. */
	data.cq_err.syndrome = 1;
	cx_eq_event(vhca, MLX5_EVENT_TYPE_CQ_ERROR, &data, sizeof(data));
	return -EOVERFLOW;
}

static void post_cqe(struct cx_vhca *vhca, struct cx_cq *cq,
		     struct mlx5_cqe64 *cqe)
{
	u32 entry = cq->produced & (BIT(cq->log_size) - 1);
	u64 offset = (u64)entry * sizeof(*cqe);

	cqe->op_own |= !!(cq->produced & BIT(cq->log_size));
	cx_ring_access(vhca, &cq->ring, offset, cqe,
		       offsetof(struct mlx5_cqe64, op_own), true);
	/* The entry is complete before it is the driver's. */
	smp_wmb();
	cx_ring_access(vhca, &cq->ring,
		       offset + offsetof(struct mlx5_cqe64, op_own),
		       &cqe->op_own, sizeof(cqe->op_own), true);
	cq->produced++;
}

/* Take the next receive entry of @qp. */
static int next_receive(struct cx_vhca *vhca, struct cx_qp *qp,
			struct mlx5_wqe_data_seg *segment)
{
	u32 entry = qp->consumed & (BIT(qp->log_size) - 1);
	__be32 posted;

	/* The first record word counts what was posted. */
	if (cx_read(vhca, qp->record, &posted, sizeof(posted)))
		return -EFAULT;
	if ((u16)be32_to_cpu(posted) == qp->consumed)
		return -EAGAIN;
	return cx_ring_access(vhca, &qp->ring, (u64)entry << qp->log_stride,
			      segment, sizeof(*segment), false);
}

/**
 * cx_qp_send() - Send a message
 * @vhca: Whose QPs; on its thread
 * @qpn: The sender
 * @data: The message
 * @len: Its bytes, or 0
 * @imm: Immediate data
 *
 * Return: 0; -EAGAIN when the receiver has no room yet; another error when it never
 * will.
 */
int cx_qp_send(struct cx_vhca *vhca, u32 qpn, void *data, size_t len, u32 imm)
{
	struct mlx5_cqe64 cqe = { .op_own = MLX5_CQE_RESP_SEND_IMM << 4 };
	struct cx_object *sender = cx_object_find(vhca, CX_QP, qpn);
	struct cx_object *object;
	struct mlx5_wqe_data_seg segment;
	struct cx_qp *qp;
	struct cx_cq *cq;
	u32 opcode;
	int err;

	if (!sender || to_qp(sender)->state != READY_TO_SEND)
		return -ENOTCONN;
	object = cx_object_find(vhca, CX_QP, to_qp(sender)->remote);
	if (!object || to_qp(object)->state < READY_TO_RECEIVE)
		return -ENOTCONN;
	qp = to_qp(object);
	object = cx_object_find(vhca, CX_CQ, qp->cqn);
	if (!object)
		return -ENOTCONN;
	cq = to_cq(object);
	err = next_receive(vhca, qp, &segment);
	if (!err)
		err = check_room(vhca, cq);
	if (err)
		return err;
	if (len > be32_to_cpu(segment.byte_count))
		return -EMSGSIZE;
	if (len && !cx_mkey_is_of(vhca, be32_to_cpu(segment.lkey), qp->pd))
		return -EACCES;
	err = cx_mkey_access(vhca, be32_to_cpu(segment.lkey),
			     be64_to_cpu(segment.addr), data, len, true);
	if (err)
		return err;
	if (cx_fault_cqe(MLX5_CMD_OP_MODIFY_GENERAL_OBJECT, &opcode))
		cqe.op_own = opcode << 4;
	cqe.immediate = cpu_to_be32(imm);
	cqe.byte_cnt = cpu_to_be32(len);
	cqe.wqe_counter = cpu_to_be16(qp->consumed);
	cqe.sop_drop_qpn = cpu_to_be32(qp->object.id);
	qp->consumed++;
	post_cqe(vhca, cq, &cqe);
	return 0;
}

/**
 * cx_qp_event() - Say that a queue has failed
 * @vhca: Whose QPs; on its thread
 * @qpn: A sender
 * @type: MLX5_EVENT_TYPE_CQ_ERROR, of the CQ on the other side, or one of the QP
 */
void cx_qp_event(struct cx_vhca *vhca, u32 qpn, u8 type)
{
	struct cx_object *object = cx_object_find(vhca, CX_QP, qpn);
	union ev_data data = {};

	if (object && type == MLX5_EVENT_TYPE_CQ_ERROR) {
		object = cx_object_find(vhca, CX_QP, to_qp(object)->remote);
		if (object)
			data.cq_err.cqn = cpu_to_be32(to_qp(object)->cqn);
	} else {
		data.qp_srq.type = MLX5_EVENT_QUEUE_TYPE_QP;
		data.qp_srq.qp_srq_n = cpu_to_be32(qpn);
	}
	if (object)
		cx_eq_event(vhca, type, &data, sizeof(data));
}

/**
 * cx_qp_limit() - Let the completion queue of a receiver be small
 * @vhca: Whose QPs; on its thread
 * @qpn: The sender
 * @entries: How many there is room for
 */
void cx_qp_limit(struct cx_vhca *vhca, u32 qpn, u32 entries)
{
	struct cx_object *object = cx_object_find(vhca, CX_QP, qpn);

	if (object)
		object = cx_object_find(vhca, CX_QP, to_qp(object)->remote);
	if (object)
		object = cx_object_find(vhca, CX_CQ, to_qp(object)->cqn);
	if (object)
		to_cq(object)->room = min(to_cq(object)->room, entries);
}

/* Has the sequence number that @arm says been written to the register, too? */
static bool is_rung(struct cx_vhca *vhca, struct cx_cq *cq, u32 arm)
{
	void __iomem *bell = vhca->fn.bar[0] + (u64)cq->uar * SZ_4K +
			     MLX5_CQ_DOORBELL;

	if (!cx_quirk(CX_UAR_ARM))
		return true;
	if ((ioread32be(bell + 4) & 0xffffff) == cq->object.id)
		cq->rung = ioread32be(bell) >> 28 & 3;
	return cq->rung == (arm >> 28 & 3);
}

/**
 * cx_cq_poll() - Make the events that are due
 * @vhca: The function; on its thread
 */
void cx_cq_poll(struct cx_vhca *vhca)
{
	struct cx_object *object;
	u32 id = 0;

	while ((object = cx_object_next(vhca, CX_CQ, &id))) {
		struct cx_cq *cq = to_cq(object);
		__be32 record;
		u32 arm;

		if (!cq->produced ||
		    cx_read(vhca, cq->record + sizeof(record), &record,
			    sizeof(record)))
			continue;
		arm = be32_to_cpu(record);
		if (!is_rung(vhca, cq, arm) || (arm >> 28 & 3) == cq->fired ||
		    !((cq->produced - arm) & 0xffffff))
			continue;
		cq->fired = arm >> 28 & 3;
		cx_eq_completion(vhca, cq->eqn, id);
	}
}
