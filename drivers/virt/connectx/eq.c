// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event queues. An entry is valid for the driver when its owner bit has the
 * parity of the driver's pass over the queue: the first pass writes 0.
 */
#include <linux/slab.h>

#include "connectx.h"
#include "object.h"
#include "ring.h"

/**
 * struct cx_eq - An event queue
 * @object: Its number is the eqn
 * @ring: Its memory
 * @log_size: log2 of the number of entries
 * @vector: MSI-X vector
 * @produced: Entries written so far
 * @types: Event types that it takes, from bit 0 on; none if for completions
 */
struct cx_eq {
	struct cx_object object;
	struct cx_ring ring;
	unsigned int log_size;
	unsigned int vector;
	u32 produced;
	u64 types;
};

static struct cx_eq *to_eq(struct cx_object *object)
{
	return container_of(object, struct cx_eq, object);
}

static void release_eq(struct cx_vhca *vhca, struct cx_object *object)
{
	struct cx_eq *eq = to_eq(object);

	cx_ring_free(&eq->ring);
	kfree(eq);
}

/* CREATE_EQ */
u8 cx_create_eq(struct cx_command *cmd)
{
	void *eqc = MLX5_ADDR_OF(create_eq_in, cmd->in, eq_context_entry);
	struct cx_eq *eq;
	u8 status;

	if (MLX5_GET(eqc, eqc, intr) >= CX_VECTORS ||
	    MLX5_GET(eqc, eqc, log_eq_size) > 22)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	eq = kzalloc_obj(*eq, GFP_KERNEL);
	if (!eq)
		return MLX5_CMD_STAT_NO_RES_ERR;
	eq->object.kind = CX_EQ;
	eq->object.release = release_eq;
	eq->log_size = MLX5_GET(eqc, eqc, log_eq_size);
	eq->vector = MLX5_GET(eqc, eqc, intr);
	eq->types = MLX5_GET64(create_eq_in, cmd->in, event_bitmask[0]);

	status = cx_ring_init(&eq->ring, cmd,
			      MLX5_ADDR_OF(create_eq_in, cmd->in, pas),
			      (u64)sizeof(struct mlx5_eqe) << eq->log_size,
			      MLX5_GET(eqc, eqc, log_page_size));
	if (!status)
		status = cx_object_use(cmd, &eq->object, CX_UAR,
				       MLX5_GET(eqc, eqc, uar_page));
	if (!status && cx_object_add(cmd->vhca, &eq->object))
		status = MLX5_CMD_STAT_NO_RES_ERR;
	if (status) {
		cx_object_discard(cmd->vhca, &eq->object);
		return status;
	}
	MLX5_SET(create_eq_out, cmd->out, eq_number, eq->object.id);
	return MLX5_CMD_STAT_OK;
}

/* DESTROY_EQ */
u8 cx_destroy_eq(struct cx_command *cmd)
{
	return cx_object_destroy(cmd, CX_EQ,
				 MLX5_GET(destroy_eq_in, cmd->in, eq_number));
}

static struct cx_eq *eq_of_type(struct cx_vhca *vhca, u8 type)
{
	struct cx_object *object;
	u32 id = 0;

	while ((object = cx_object_next(vhca, CX_EQ, &id)))
		if (to_eq(object)->types & BIT_ULL(type))
			return to_eq(object);
	return NULL;
}

static void eq_post(struct cx_vhca *vhca, struct cx_eq *eq, struct mlx5_eqe *eqe)
{
	u32 entry = eq->produced & (BIT(eq->log_size) - 1);
	u64 offset = (u64)entry * sizeof(*eqe);

	eqe->owner = !!(eq->produced & BIT(eq->log_size));
	cx_ring_access(vhca, &eq->ring, offset, eqe,
		       offsetof(struct mlx5_eqe, owner), true);
	/* The entry is complete before it is the driver's. */
	smp_wmb();
	cx_ring_access(vhca, &eq->ring,
		       offset + offsetof(struct mlx5_eqe, owner), &eqe->owner,
		       sizeof(eqe->owner), true);
	eq->produced++;
	virt_msix_raise(&vhca->fn, eq->vector);
}

/**
 * cx_eq_takes() - Is there an event queue for this type
 * @vhca: The function
 * @type: MLX5_EVENT_TYPE_*
 *
 * Return: true if cx_eq_event() would post it.
 */
bool cx_eq_takes(struct cx_vhca *vhca, u8 type)
{
	return eq_of_type(vhca, type);
}

/**
 * cx_eq_event() - Report an event to the driver
 * @vhca: Whose driver
 * @type: MLX5_EVENT_TYPE_*
 * @data: Of the event, as in union ev_data
 * @len: Its bytes
 *
 * Return: false when no event queue takes it.
 */
bool cx_eq_event(struct cx_vhca *vhca, u8 type, const void *data, size_t len)
{
	struct cx_eq *eq = eq_of_type(vhca, type);
	struct mlx5_eqe eqe = { .type = type };

	if (!eq)
		return false;
	memcpy(&eqe.data, data, len);
	eq_post(vhca, eq, &eqe);
	return true;
}

/**
 * cx_eq_completion() - Report to the driver that a completion queue has an entry
 * @vhca: Whose driver
 * @eqn: The event queue
 * @cqn: The completion queue
 */
void cx_eq_completion(struct cx_vhca *vhca, u32 eqn, u32 cqn)
{
	struct cx_object *object = cx_object_find(vhca, CX_EQ, eqn);
	struct mlx5_eqe eqe = { .type = MLX5_EVENT_TYPE_COMP };

	if (!object)
		return;
	eqe.data.comp.cqn = cpu_to_be32(cqn);
	eq_post(vhca, to_eq(object), &eqe);
}
