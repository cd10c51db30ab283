// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that a driver creates by commands and names by number: one array per
 * vhca, indexed by kind and number. Only the thread of the vhca uses it.
 *
 * An object that refers to others uses them, and one that is used cannot be destroyed.
 * Numbers are the lowest that are free; with connectx_ids they are any that the
 * interface has room for.
 *
 * Here are also the objects that are nothing but a number.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/atomic.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "../faults.h"
#include "check.h"
#include "connectx.h"
#include "object.h"

#define KIND_SHIFT	32
#define UAR_FIRST	(CX_BAR_UARS / SZ_4K)
#define TRIES		64	/* for a free number */

/* The numbers that a kind can have, and the last with connectx_ids. */
static const struct {
	u32 first;
	u32 last;
	u32 large;
} numbers[] = {
	[CX_PD] = { 1, 0xffff, 0xffffff },
	[CX_TRANSPORT_DOMAIN] = { 1, 0xffff, 0xffffff },
	[CX_UAR] = { UAR_FIRST, CX_BAR_SIZE / SZ_4K - 1,
		     CX_BAR_SIZE / SZ_4K - 1 },
	[CX_EQ] = { 1, CX_MAX_EQS, 0xff },
	[CX_MKEY] = { 1, 0x3fffff, 0xffffff },
	[CX_CQ] = { 1, 0xffff, 0xffffff },
	[CX_QP] = { 1, 0xffff, 0xffffff },
	[CX_PAGE_TRACK] = { 1, 0xffff, 0xffffffff },
};

static bool connectx_ids;
module_param(connectx_ids, bool, 0644);
MODULE_PARM_DESC(connectx_ids,
		 "Y: choose the numbers of objects at random, and new vhca_ids at each reset of the PF");

static atomic_t left;
static atomic_t objects;

module_param_cb(connectx_left, &virt_atomic_ops, &left, 0444);
MODULE_PARM_DESC(connectx_left, "Number of objects that still existed at TEARDOWN_HCA");
module_param_cb(connectx_objects, &virt_atomic_ops, &objects, 0444);
MODULE_PARM_DESC(connectx_objects, "Number of objects that exist");

/**
 * cx_large_ids() - Are numbers any that fit
 *
 * Return: true with connectx_ids.
 */
bool cx_large_ids(void)
{
	return READ_ONCE(connectx_ids);
}

static unsigned long index_of(enum cx_kind kind, u32 id)
{
	return (unsigned long)kind << KIND_SHIFT | id;
}

static u32 choose_number(enum cx_kind kind, unsigned int try)
{
	u32 first = numbers[kind].first;

	if (!cx_large_ids())
		return first + try;
	return first + get_random_u32_below(numbers[kind].large - first) + 1;
}

/**
 * cx_object_add() - Give an object a number
 * @vhca: Whose it is
 * @object: Kind and release filled in
 *
 * Return: 0, -EBUSY when there are too many of its kind, or -ENOMEM.
 */
int cx_object_add(struct cx_vhca *vhca, struct cx_object *object)
{
	enum cx_kind kind = object->kind;
	unsigned int tries = cx_large_ids() ? TRIES :
			     numbers[kind].last - numbers[kind].first + 1;
	unsigned int try;
	int err = -EBUSY;

	for (try = 0; err == -EBUSY && try < tries; try++) {
		object->id = choose_number(kind, try);
		err = xa_insert(&vhca->objects, index_of(kind, object->id),
				object, GFP_KERNEL);
	}
	if (!err)
		atomic_inc(&objects);
	return err;
}

/**
 * cx_object_find() - Find an object by its number
 * @vhca: Whose it is
 * @kind: What it must be
 * @id: Its number
 *
 * Return: The object, or NULL.
 */
struct cx_object *cx_object_find(struct cx_vhca *vhca, enum cx_kind kind,
				 u32 id)
{
	return xa_load(&vhca->objects, index_of(kind, id));
}

/**
 * cx_object_use() - An object refers to another one, until it is destroyed
 * @cmd: The command that says so
 * @user: The object; not visible yet, or about to change
 * @kind: What the other must be
 * @id: Its number
 *
 * Return: The status of the command.
 */
u8 cx_object_use(struct cx_command *cmd, struct cx_object *user,
		 enum cx_kind kind, u32 id)
{
	struct cx_object *used = cx_object_find(cmd->vhca, kind, id);

	if (!used)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_RES_ERR,
				  "no such object");
	if (WARN_ON(user->uses == CX_MAX_USES))
		return MLX5_CMD_STAT_INT_ERR;
	user->use[user->uses].kind = kind;
	user->use[user->uses++].id = id;
	used->users++;
	return MLX5_CMD_STAT_OK;
}

/**
 * cx_object_unuse() - An object does not refer to others any more
 * @vhca: Whose they are
 * @user: The object
 */
void cx_object_unuse(struct cx_vhca *vhca, struct cx_object *user)
{
	while (user->uses) {
		struct cx_object *used;

		user->uses--;
		used = cx_object_find(vhca, user->use[user->uses].kind,
				      user->use[user->uses].id);
		/* When all are destroyed, it may have been destroyed before. */
		if (used)
			used->users--;
	}
}

/**
 * cx_object_next() - Go through the objects of a kind
 * @vhca: Whose they are
 * @kind: What they are
 * @id: 0 at first; set to the number that was found
 *
 * Return: The next object, or NULL after the last.
 */
struct cx_object *cx_object_next(struct cx_vhca *vhca, enum cx_kind kind,
				 u32 *id)
{
	unsigned long index = index_of(kind, *id) + 1;
	struct cx_object *object;

	object = xa_find(&vhca->objects, &index, index_of(kind, U32_MAX),
			 XA_PRESENT);
	if (object)
		*id = object->id;
	return object;
}

/**
 * cx_object_discard() - Free an object that has no number, or none any more
 * @vhca: Whose it is
 * @object: The object
 */
void cx_object_discard(struct cx_vhca *vhca, struct cx_object *object)
{
	cx_object_unuse(vhca, object);
	if (object->release)
		object->release(vhca, object);
	else
		kfree(object);
}

/**
 * cx_object_remove() - Take away an object's number, and free it
 * @vhca: Whose it is
 * @object: The object, which no other uses
 */
void cx_object_remove(struct cx_vhca *vhca, struct cx_object *object)
{
	xa_erase(&vhca->objects, index_of(object->kind, object->id));
	atomic_dec(&objects);
	cx_object_discard(vhca, object);
}

/**
 * cx_object_destroy() - What a destroy command does
 * @cmd: The command
 * @kind: What it must be
 * @id: Its number
 *
 * Return: The status of the command.
 */
u8 cx_object_destroy(struct cx_command *cmd, enum cx_kind kind, u32 id)
{
	struct cx_object *object = cx_object_find(cmd->vhca, kind, id);

	if (!object)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_RES_ERR,
				  "no such object");
	if (object->users)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_RES_STATE_ERR,
				  "the object is in use");
	cx_object_remove(cmd->vhca, object);
	return MLX5_CMD_STAT_OK;
}

/**
 * cx_objects_left() - TEARDOWN_HCA: count what was created and not destroyed
 * @vhca: Whose driver leaves
 */
void cx_objects_left(struct cx_vhca *vhca)
{
	struct cx_object *object;
	unsigned int count = 0;
	unsigned long index;

	xa_for_each(&vhca->objects, index, object)
		count++;
	if (!count)
		return;
	atomic_add(count, &left);
	pr_info("ConnectX function %u: %u objects are left at TEARDOWN_HCA\n",
		vhca->id, count);
}

/**
 * cx_objects_reset() - Destroy all
 * @vhca: Whose they are
 */
void cx_objects_reset(struct cx_vhca *vhca)
{
	struct cx_object *object;
	unsigned long index;

	xa_for_each(&vhca->objects, index, object)
		cx_object_remove(vhca, object);
}

/* An object that is nothing but a number: returns the status. */
static u8 add_plain(struct cx_vhca *vhca, enum cx_kind kind, u32 *id)
{
	struct cx_object *object = kzalloc_obj(*object, GFP_KERNEL);

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
	return cx_object_destroy(cmd, CX_PD,
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
	return cx_object_destroy(cmd, CX_UAR,
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
	return cx_object_destroy(cmd, CX_TRANSPORT_DOMAIN,
				 MLX5_GET(dealloc_transport_domain_in, cmd->in,
					  transport_domain));
}
