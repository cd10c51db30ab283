/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects that a driver creates by commands and names by number. See object.c.
 */
#ifndef _VIRT_CONNECTX_OBJECT_H
#define _VIRT_CONNECTX_OBJECT_H

#include <linux/types.h>

struct cx_command;
struct cx_vhca;

#define CX_MAX_USES	4

enum cx_kind {
	CX_PD,
	CX_TRANSPORT_DOMAIN,
	CX_UAR,
	CX_EQ,
	CX_MKEY,
	CX_CQ,
	CX_QP,
	CX_PAGE_TRACK,
};

/**
 * struct cx_object - The head of every object
 * @kind: What it is
 * @id: Its number among its kind
 * @users: How many objects and commands under way refer to it
 * @uses: How many it refers to
 * @use: Which
 * @release: Frees it, after it lost its number; NULL for kfree()
 */
struct cx_object {
	enum cx_kind kind;
	u32 id;
	unsigned int users;
	unsigned int uses;
	struct {
		enum cx_kind kind;
		u32 id;
	} use[CX_MAX_USES];
	void (*release)(struct cx_vhca *vhca, struct cx_object *object);
};

int cx_object_add(struct cx_vhca *vhca, struct cx_object *object);
struct cx_object *cx_object_find(struct cx_vhca *vhca, enum cx_kind kind,
				 u32 id);
struct cx_object *cx_object_next(struct cx_vhca *vhca, enum cx_kind kind,
				 u32 *id);
u8 cx_object_use(struct cx_command *cmd, struct cx_object *user,
		 enum cx_kind kind, u32 id);
void cx_object_unuse(struct cx_vhca *vhca, struct cx_object *user);
u8 cx_object_destroy(struct cx_command *cmd, enum cx_kind kind, u32 id);
void cx_objects_left(struct cx_vhca *vhca);
bool cx_large_ids(void);
void cx_object_remove(struct cx_vhca *vhca, struct cx_object *object);
void cx_object_discard(struct cx_vhca *vhca, struct cx_object *object);
void cx_objects_reset(struct cx_vhca *vhca);

u8 cx_alloc_pd(struct cx_command *cmd);
u8 cx_dealloc_pd(struct cx_command *cmd);
u8 cx_alloc_uar(struct cx_command *cmd);
u8 cx_dealloc_uar(struct cx_command *cmd);
u8 cx_alloc_transport_domain(struct cx_command *cmd);
u8 cx_dealloc_transport_domain(struct cx_command *cmd);

#endif
