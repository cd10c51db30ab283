// SPDX-License-Identifier: GPL-2.0-only
/*
 * The firmware's commands: one table. What is not in it does not exist, which
 * is counted, so that a test can see that a driver wanted more than there is.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "../faults.h"
#include "connectx.h"
#include "check.h"
#include "command.h"
#include "faults.h"
#include "object.h"
#include "quirks.h"
#include "tracker.h"

/**
 * struct entry - A command
 * @opcode: Opcode
 * @pf: Only the physical function may
 * @in: Bytes of input, at least
 * @out: Bytes of output, at least
 * @run: Does it and returns its status
 */
struct entry {
	u16 opcode;
	bool pf;
	u32 in;
	u32 out;
	u8 (*run)(struct cx_command *cmd);
};

#define ENTRY(op, name, only_pf, function) {			\
	.opcode = MLX5_CMD_OP_##op,				\
	.pf = only_pf,						\
	.in = MLX5_ST_SZ_BYTES(name##_in),			\
	.out = MLX5_ST_SZ_BYTES(name##_out),			\
	.run = function,					\
}

/* A general object: the length is that of its head, the rest is its own. */
#define OBJECT_ENTRY(op, function) {				\
	.opcode = MLX5_CMD_OP_##op##_GENERAL_OBJECT,		\
	.pf = true,						\
	.in = MLX5_ST_SZ_BYTES(general_obj_in_cmd_hdr),		\
	.out = MLX5_ST_SZ_BYTES(general_obj_out_cmd_hdr),	\
	.run = function,					\
}

static const struct entry table[] = {
	/* A function comes and goes */
	ENTRY(ENABLE_HCA, enable_hca, false, cx_enable_hca),
	ENTRY(DISABLE_HCA, disable_hca, false, cx_disable_hca),
	ENTRY(QUERY_ISSI, query_issi, false, cx_query_issi),
	ENTRY(SET_ISSI, set_issi, false, cx_nothing),
	ENTRY(QUERY_PAGES, query_pages, false, cx_query_pages),
	ENTRY(MANAGE_PAGES, manage_pages, true, cx_manage_pages),
	ENTRY(ACCESS_REG, access_register, false, cx_access_reg),
	ENTRY(QUERY_HCA_CAP, query_hca_cap, false, cx_query_hca_cap),
	ENTRY(SET_HCA_CAP, set_hca_cap, false, cx_set_hca_cap),
	ENTRY(INIT_HCA, init_hca, false, cx_nothing),
	ENTRY(TEARDOWN_HCA, teardown_hca, false, cx_teardown_hca),
	ENTRY(QUERY_ADAPTER, query_adapter, false, cx_query_adapter),
	ENTRY(MODIFY_HCA_VPORT_CONTEXT, modify_hca_vport_context, true, cx_nothing),

	/* Objects */
	ENTRY(ALLOC_UAR, alloc_uar, false, cx_alloc_uar),
	ENTRY(DEALLOC_UAR, dealloc_uar, false, cx_dealloc_uar),
	ENTRY(ALLOC_PD, alloc_pd, false, cx_alloc_pd),
	ENTRY(DEALLOC_PD, dealloc_pd, false, cx_dealloc_pd),
	ENTRY(ALLOC_TRANSPORT_DOMAIN, alloc_transport_domain, false,
	      cx_alloc_transport_domain),
	ENTRY(DEALLOC_TRANSPORT_DOMAIN, dealloc_transport_domain, false,
	      cx_dealloc_transport_domain),
	ENTRY(CREATE_EQ, create_eq, false, cx_create_eq),
	ENTRY(DESTROY_EQ, destroy_eq, false, cx_destroy_eq),
	ENTRY(CREATE_MKEY, create_mkey, false, cx_create_mkey),
	ENTRY(DESTROY_MKEY, destroy_mkey, false, cx_destroy_mkey),
	ENTRY(CREATE_CQ, create_cq, false, cx_create_cq),
	ENTRY(DESTROY_CQ, destroy_cq, false, cx_destroy_cq),
	ENTRY(CREATE_QP, create_qp, false, cx_create_qp),
	ENTRY(DESTROY_QP, destroy_qp, false, cx_destroy_qp),
	ENTRY(RST2INIT_QP, rst2init_qp, false, cx_rst2init_qp),
	ENTRY(INIT2RTR_QP, init2rtr_qp, false, cx_init2rtr_qp),
	ENTRY(RTR2RTS_QP, rtr2rts_qp, false, cx_rtr2rts_qp),

	/* Page tracker */
	OBJECT_ENTRY(CREATE, cx_create_tracker),
	OBJECT_ENTRY(MODIFY, cx_modify_tracker),
	OBJECT_ENTRY(QUERY, cx_query_tracker),
	OBJECT_ENTRY(DESTROY, cx_destroy_tracker),

	/* Migration */
	ENTRY(SUSPEND_VHCA, suspend_vhca, true, cx_suspend_vhca),
	ENTRY(RESUME_VHCA, resume_vhca, true, cx_resume_vhca),
	ENTRY(QUERY_VHCA_MIGRATION_STATE, query_vhca_migration_state, true,
	      cx_query_migration_state),
	ENTRY(SAVE_VHCA_STATE, save_vhca_state, true, cx_save_vhca_state),
	ENTRY(LOAD_VHCA_STATE, load_vhca_state, true, cx_load_vhca_state),
};

static atomic_t commands;
static atomic_t unknown;

module_param_cb(connectx_commands, &virt_atomic_ops, &commands, 0444);
MODULE_PARM_DESC(connectx_commands, "Number of firmware commands that were executed");
module_param_cb(connectx_unknown, &virt_atomic_ops, &unknown, 0444);
MODULE_PARM_DESC(connectx_unknown, "Number of firmware commands with an unknown opcode");

/* Does a command belong to a capability that is missing? */
static bool opcode_is_missing(u16 opcode)
{
	switch (opcode) {
	case MLX5_CMD_OP_SUSPEND_VHCA:
	case MLX5_CMD_OP_RESUME_VHCA:
	case MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE:
	case MLX5_CMD_OP_SAVE_VHCA_STATE:
	case MLX5_CMD_OP_LOAD_VHCA_STATE:
		return !cx_has(CX_CAP_MIGRATION);
	case MLX5_CMD_OP_CREATE_GENERAL_OBJECT:
		return !cx_has(CX_CAP_ADV_VIRT);
	default:
		return false;
	}
}

static u8 command_execute(struct cx_command *cmd, u16 opcode)
{
	unsigned int i;
	u8 status;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		const struct entry *entry = &table[i];

		if (entry->opcode != opcode)
			continue;
		if (entry->pf && !cx_is_pf(cmd->vhca))
			return MLX5_CMD_STAT_BAD_OP_ERR;
		if (opcode_is_missing(opcode))
			return cx_invalid(cmd, MLX5_CMD_STAT_BAD_OP_ERR,
					  "without the capability");
		if (cmd->in_len < entry->in)
			return MLX5_CMD_STAT_BAD_INP_LEN_ERR;
		if (cmd->out_len < entry->out)
			return MLX5_CMD_STAT_BAD_OUTP_LEN_ERR;
		status = cx_check_input(cmd, opcode);
		return status ?: entry->run(cmd);
	}
	atomic_inc(&unknown);
	pr_info_ratelimited("ConnectX function %u: unknown command %#x op_mod %#x\n",
			    cmd->vhca->id, opcode, cmd->op_mod);
	return MLX5_CMD_STAT_BAD_OP_ERR;
}

/**
 * cx_command_status() - How a command ended
 * @cmd: The command
 * @status: Its status
 */
void cx_command_status(struct cx_command *cmd, u8 status)
{
	MLX5_SET(mbox_out, cmd->out, status, status);
	if (status)
		MLX5_SET(mbox_out, cmd->out, syndrome, cmd->syndrome);
}

/**
 * cx_command_run() - Do what a command says
 * @cmd: At least CX_MBOX_SIZE bytes are there of input and output, even if less
 *	is used; op_mod is filled in here
 */
void cx_command_run(struct cx_command *cmd)
{
	u16 opcode = MLX5_GET(mbox_in, cmd->in, opcode);
	u8 status;

	cmd->op_mod = MLX5_GET(mbox_in, cmd->in, op_mod);
	atomic_inc(&commands);
	if (!cx_fault_fail(opcode, &status))
		status = command_execute(cmd, opcode);
	cx_command_status(cmd, status);
}
