/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual ConnectX: what its parts share.
 *
 * Vocabulary is that of linux/mlx5/mlx5_ifc.h. A *vhca* is one function as the
 * firmware sees it: number 0 is the physical function, 1 and up are the virtual
 * functions, and that number is its function_id in commands. Its vhca_id is
 * another number, of the firmware's choice.
 *
 * Each vhca has a thread, that of its PCI function, which serves its command
 * queue and does its DMA. What commands of the physical function do to a
 * virtual one (suspend, save, load, track) is in struct cx_vhca under @lock;
 * the virtual function's thread holds it for each write of its generator. No
 * thread holds two of these locks.
 */
#ifndef _VIRT_CONNECTX_INTERNAL_H
#define _VIRT_CONNECTX_INTERNAL_H

#include <linux/list.h>
#include <linux/mlx5/device.h>
#include <linux/mlx5/mlx5_ifc.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include "../bus.h"
#include "generator.h"
#include "job.h"
#include "migration.h"
#include "state.h"

#define CX_MAX_VFS		8
#define CX_VHCA_ID_BASE		0x10	/* plus 0x20 for each device */

/* BAR 0; its first 0x2010 bytes are struct mlx5_init_seg. */
#define CX_BAR_SIZE		SZ_1M
#define CX_BAR_MSIX		0x3000
#define CX_BAR_PBA		0x3800
#define CX_BAR_GENERATOR	0x4000
#define CX_BAR_UARS		0x10000
#define CX_VECTORS		8

#define CX_LOG_SLOTS		5
#define CX_SLOTS		BIT(CX_LOG_SLOTS)

#define CX_MAX_EQS		32
#define CX_LOG_MAX_MSG		30

struct connectx;
struct cx_command;

/**
 * struct cx_cmdq - The command queue of a vhca
 * @address: Where its entries are; 0 when it has none
 * @owned: Entries that were the firmware's at the last look and not served
 * @since: Since when, in ns; for those in @owned
 * @early: Entries that were rung and not seen to be owned; for one look
 * @stale: Entries that are to be served without a ring, after a wait
 * @wait: For which end of a wait
 * @wait_since: Since when, in jiffies
 * @dropped: Entries whose answer was left out on purpose
 * @faults: cx_fault_generation() at that time
 * @refused: Of those, the ones that get an error for an answer
 * @held: Entries whose answer is late on purpose
 * @due: When to serve them, in jiffies; for those in @held
 * @running: Entries whose command runs in the background
 * @quiesce: The driver is about to free the queue
 * @last: When a command was served, in jiffies
 */
struct cx_cmdq {
	u64 address;
	u32 owned;
	u64 since[CX_SLOTS];
	u32 early;
	u32 stale;
	unsigned long wait;
	unsigned long wait_since;
	u32 dropped;
	unsigned int faults;
	u32 refused;
	u32 held;
	u32 running;
	unsigned long due[CX_SLOTS];
	bool quiesce;
	unsigned long last;
};

/**
 * struct cx_pages - Pages that a vhca has from the host; of the PF's thread
 * @address: Of each
 * @count: How many
 * @room: How many fit in @address
 * @want: How many it should have
 * @trackers: Those of them that are for page trackers; of the PF
 * @asked: A request or return is under way
 * @refused: The host could not give them; of the PF
 */
struct cx_pages {
	u64 *address;
	u32 count;
	u32 room;
	u32 want;
	u32 trackers;
	bool asked;
	bool refused;
};

/**
 * struct cx_vhca - A function
 * @fn: On the bus
 * @cx: The device it belongs to
 * @id: function_id
 * @vhca_id: vhca_id
 * @cmdq: Its command queue; own thread
 * @objects: What its driver created, see object.c; own thread
 * @caps: Current general capabilities, once the driver has set them
 * @caps_set: It has
 * @pages: Pages from the host
 * @beat: When the health counter last advanced, in jiffies; own thread
 * @lock: All below, of a virtual function
 * @no_initiator: Suspended as initiator: no DMA, no interrupts
 * @no_responder: Suspended as responder: registers are not looked at
 * @generator: Its traffic generator
 * @state: Its device state
 * @migration: How far saving or loading is
 * @job: SAVE or LOAD under way in the background, or NULL; changed by the PF's thread
 * @trackers: Page trackers of its writes
 */
struct cx_vhca {
	struct virt_function fn;
	struct connectx *cx;
	unsigned int id;
	u16 vhca_id;

	struct cx_cmdq cmdq;
	struct xarray objects;
	u8 caps[MLX5_ST_SZ_BYTES(cmd_hca_cap)];
	bool caps_set;
	struct cx_pages pages;
	unsigned long beat;

	struct mutex lock;		/* all below */
	bool no_initiator;
	bool no_responder;
	struct cx_generator generator;
	struct cx_state state;
	struct cx_migration migration;
	struct cx_job *job;
	struct list_head trackers;
};

/**
 * struct connectx - The device
 * @index: Number of the device, from 0
 * @vfs: Virtual functions that it can have
 * @vhca: PF and VFs
 */
struct connectx {
	unsigned int index;
	unsigned int vfs;
	struct cx_vhca vhca[1 + CX_MAX_VFS];
};

/**
 * struct cx_command_ops - What becomes of a command that ran in the background; the
 *	queue that it came through sets them. Both free the command.
 * @answer: It has ended, with this status
 * @forget: The queue has ended, and it is not answered
 */
struct cx_command_ops {
	void (*answer)(struct cx_command *cmd, u8 status);
	void (*forget)(struct cx_command *cmd);
};

/**
 * struct cx_command - A command under way
 * @ops: Of its queue
 * @vhca: Whose queue it came through
 * @in: Input
 * @in_len: Bytes of @in
 * @out: Output, zeroed; the status is filled in by the caller
 * @out_len: Bytes of @out
 * @op_mod: op_mod
 * @syndrome: More about a failure
 * @later: It continues in the background, and ends with one of @ops
 */
struct cx_command {
	const struct cx_command_ops *ops;
	struct cx_vhca *vhca;
	void *in;
	u32 in_len;
	void *out;
	u32 out_len;
	u16 op_mod;
	u32 syndrome;
	bool later;
};

static inline bool cx_is_pf(const struct cx_vhca *vhca)
{
	return !vhca->id;
}

static inline struct cx_vhca *cx_pf(struct cx_vhca *vhca)
{
	return &vhca->cx->vhca[0];
}

static inline struct cx_vhca *to_cx_vhca(struct virt_function *fn)
{
	return container_of(fn, struct cx_vhca, fn);
}

static inline struct mlx5_init_seg __iomem *cx_iseg(struct cx_vhca *vhca)
{
	return vhca->fn.bar[0];
}

static inline int cx_read(struct cx_vhca *vhca, u64 iova, void *buf, size_t len)
{
	u64 fault;

	return virt_function_access(&vhca->fn, iova, buf, len, false, &fault);
}

static inline int cx_write(struct cx_vhca *vhca, u64 iova, void *buf,
			   size_t len)
{
	u64 fault;

	return virt_function_access(&vhca->fn, iova, buf, len, true, &fault);
}

/* vhca.c */
struct cx_vhca *cx_by_function_id(struct cx_vhca *pf, u16 function_id);
void cx_wait_for_reset(struct cx_vhca *vf, struct cx_vhca *pf);
struct cx_vhca *cx_vf_by_vhca_id(struct cx_vhca *pf, u16 vhca_id);

/* cmdq.c */
void cx_cmdq_reset(struct cx_vhca *vhca);
bool cx_cmdq_poll(struct cx_vhca *vhca);
void cx_cmdq_exit(void);

/* command.c */
void cx_command_run(struct cx_command *cmd);
void cx_command_status(struct cx_command *cmd, u8 status);

/* hca.c */
void cx_forget(struct cx_vhca *vhca);
u8 cx_enable_hca(struct cx_command *cmd);
u8 cx_disable_hca(struct cx_command *cmd);
u8 cx_query_issi(struct cx_command *cmd);
u8 cx_query_adapter(struct cx_command *cmd);
u8 cx_access_reg(struct cx_command *cmd);
u8 cx_teardown_hca(struct cx_command *cmd);
u8 cx_nothing(struct cx_command *cmd);

/* caps.c */
u8 cx_query_hca_cap(struct cx_command *cmd);
u8 cx_set_hca_cap(struct cx_command *cmd);

/* pages.c */
u8 cx_query_pages(struct cx_command *cmd);
u8 cx_manage_pages(struct cx_command *cmd);
void cx_pages_want(struct cx_vhca *vhca, bool on);
u32 cx_pages_of_tracker(unsigned int log_space);
bool cx_pages_take(struct cx_vhca *pf, u32 count);
void cx_pages_return(struct cx_vhca *pf, u32 count);
u8 cx_pages_status(struct cx_vhca *pf, bool *there);
void cx_pages_poll(struct cx_vhca *pf);
void cx_pages_reset(struct cx_vhca *vhca);

/* eq.c */
u8 cx_create_eq(struct cx_command *cmd);
u8 cx_destroy_eq(struct cx_command *cmd);
bool cx_eq_takes(struct cx_vhca *vhca, u8 type);
bool cx_eq_event(struct cx_vhca *vhca, u8 type, const void *data, size_t len);
void cx_eq_completion(struct cx_vhca *vhca, u32 eqn, u32 cqn);

/* mkey.c */
u8 cx_create_mkey(struct cx_command *cmd);
u8 cx_destroy_mkey(struct cx_command *cmd);
bool cx_mkey_is_of(struct cx_vhca *vhca, u32 key, u32 pd);
bool cx_mkey_allows(struct cx_vhca *vhca, u32 key, u64 offset, u64 len,
		    bool write);
int cx_mkey_access(struct cx_vhca *vhca, u32 key, u64 offset, void *buf,
		   size_t len, bool write);

/* queue.c */
u8 cx_create_cq(struct cx_command *cmd);
u8 cx_destroy_cq(struct cx_command *cmd);
u8 cx_create_qp(struct cx_command *cmd);
u8 cx_destroy_qp(struct cx_command *cmd);
u8 cx_rst2init_qp(struct cx_command *cmd);
u8 cx_init2rtr_qp(struct cx_command *cmd);
u8 cx_rtr2rts_qp(struct cx_command *cmd);
int cx_qp_send(struct cx_vhca *vhca, u32 qpn, void *data, size_t len, u32 imm);
void cx_qp_event(struct cx_vhca *vhca, u32 qpn, u8 type);
void cx_qp_limit(struct cx_vhca *vhca, u32 qpn, u32 entries);
void cx_cq_poll(struct cx_vhca *vhca);

#endif
