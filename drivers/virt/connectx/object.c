// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that a driver creates by commands and names by number: one array per
 * vhca, indexed by kind and number. Only the thread of the vhca uses it.
 *
 * Here are also the objects that are nothing but a number.
 */
#include <linux/slab.h>

#include "connectx.h"
#include "object.h"

#define KIND_SHIFT	24
#define UAR_FIRST	(CX_BAR_UARS / SZ_4K)

/* The numbers that a kind can have. */
static const struct {
	u32 first;
	u32 last;
} numbers[] = {
	[CX_PD] = { 1, 0xffff },
	[CX_TRANSPORT_DOMAIN] = { 1, 0xffff },
	[CX_UAR] = { UAR_FIRST, CX_BAR_SIZE / SZ_4K - 1 },
	[CX_EQ] = { 1, CX_MAX_EQS },
	[CX_MKEY] = { 1, 0x3fffff },
	[CX_CQ] = { 1, 0xffff },
	[CX_QP] = { 1, 0xffff },
	[CX_PAGE_TRACK] = { 1, 0xffff },
};

static u32 index_of(enum cx_kind kind, u32 id)
{
	return kind << KIND_SHIFT | id;
}

/**
 * cx_object_add() - give an object a number
 * @vhca: whose it is
 * @object: kind and release filled in
 *
 * Returns -EBUSY when there are too many of its kind, or -ENOMEM.
 */
int cx_object_add(struct cx_vhca *vhca, struct cx_object *object)
{
	enum cx_kind kind = object->kind;
	u32 index;
	int err;

	err = xa_alloc(&vhca->objects, &index, object,
		       XA_LIMIT(index_of(kind, numbers[kind].first),
				index_of(kind, numbers[kind].last)),
		       GFP_KERNEL);
	object->id = index & (BIT(KIND_SHIFT) - 1);
	return err;
}

/**
 * cx_object_find() - an object, or NULL
 * @vhca: whose it is
 * @kind: what it must be
 * @id: its number
 */
struct cx_object *cx_object_find(struct cx_vhca *vhca, enum cx_kind kind,
				 u32 id)
{
	if (id < numbers[kind].first || id > numbers[kind].last)
		return NULL;
	return xa_load(&vhca->objects, index_of(kind, id));
}

/**
 * cx_object_next() - go through the objects of a kind
 * @vhca: whose they are
 * @kind: what they are
 * @id: 0 at first; set to the number that was found
 *
 * Returns NULL after the last.
 */
struct cx_object *cx_object_next(struct cx_vhca *vhca, enum cx_kind kind,
				 u32 *id)
{
	unsigned long index = index_of(kind, *id + 1);
	struct cx_object *object;

	object = xa_find(&vhca->objects, &index,
			 index_of(kind, numbers[kind].last), XA_PRESENT);
	if (object)
		*id = object->id;
	return object;
}

static void release(struct cx_vhca *vhca, struct cx_object *object)
{
	if (object->release)
		object->release(vhca, object);
	else
		kfree(object);
}

/**
 * cx_object_destroy() - what a destroy command does; returns its status
 * @vhca: whose it is
 * @kind: what it must be
 * @id: its number
 */
u8 cx_object_destroy(struct cx_vhca *vhca, enum cx_kind kind, u32 id)
{
	struct cx_object *object = cx_object_find(vhca, kind, id);

	if (!object)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	xa_erase(&vhca->objects, index_of(kind, id));
	release(vhca, object);
	return MLX5_CMD_STAT_OK;
}

/**
 * cx_objects_reset() - destroy all
 * @vhca: whose they are
 */
void cx_objects_reset(struct cx_vhca *vhca)
{
	struct cx_object *object;
	unsigned long index;

	xa_for_each(&vhca->objects, index, object) {
		xa_erase(&vhca->objects, index);
		release(vhca, object);
	}
}

/* An object that is nothing but a number: returns the status. */
static u8 add_plain(struct cx_vhca *vhca, enum cx_kind kind, u32 *id)
{
	struct cx_object *object = kzalloc(sizeof(*object), GFP_KERNEL);

	if (!object)
		return MLX5_CMD_STAT_NO_RES_ERR;
	object->kind = kind;
	if (cx_object_add(vhca, object)) {
		kfree(object);
		return MLX5_CMD_STAT_NO_RES_ERR;
	}
	*id = object->id;
	return MLX5_CMD_STAT_OK;
}

/* ALLOC_PD */
u8 cx_alloc_pd(struct cx_command *cmd)
{
	u32 id = 0;
	u8 status = add_plain(cmd->vhca, CX_PD, &id);

	MLX5_SET(alloc_pd_out, cmd->out, pd, id);
	return status;
}

/* DEALLOC_PD */
u8 cx_dealloc_pd(struct cx_command *cmd)
{
	return cx_object_destroy(cmd->vhca, CX_PD,
				 MLX5_GET(dealloc_pd_in, cmd->in, pd));
}

/* ALLOC_UAR: the number of a page of BAR 0 */
u8 cx_alloc_uar(struct cx_command *cmd)
{
	u32 id = 0;
	u8 status = add_plain(cmd->vhca, CX_UAR, &id);

	MLX5_SET(alloc_uar_out, cmd->out, uar, id);
	return status;
}

/* DEALLOC_UAR */
u8 cx_dealloc_uar(struct cx_command *cmd)
{
	return cx_object_destroy(cmd->vhca, CX_UAR,
				 MLX5_GET(dealloc_uar_in, cmd->in, uar));
}

/* ALLOC_TRANSPORT_DOMAIN */
u8 cx_alloc_transport_domain(struct cx_command *cmd)
{
	u32 id = 0;
	u8 status = add_plain(cmd->vhca, CX_TRANSPORT_DOMAIN, &id);

	MLX5_SET(alloc_transport_domain_out, cmd->out, transport_domain, id);
	return status;
}

/* DEALLOC_TRANSPORT_DOMAIN */
u8 cx_dealloc_transport_domain(struct cx_command *cmd)
{
	return cx_object_destroy(cmd->vhca, CX_TRANSPORT_DOMAIN,
				 MLX5_GET(dealloc_transport_domain_in, cmd->in,
					  transport_domain));
}
