// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks of input. For each command: which op_mod there are, whether its length is
 * fixed, and which of its fields mean something to this firmware. All other bits must
 * be zero: they are reserved, or belong to what the firmware does not have. What a
 * command refers to is checked where it is executed, see cx_object_use().
 *
 * Invalid commands fail and are counted, since a driver may well go on after the error;
 * so are objects that a driver leaves behind.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/atomic.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "../faults.h"
#include "check.h"
#include "command.h"
#include "connectx.h"
#include "object.h"

/**
 * struct field - Bits of the input
 * @offset: Of the first
 * @bits: How many
 */
struct field {
	u16 offset;
	u16 bits;
};

#define F(type, name) { __mlx5_bit_off(type, name), __mlx5_bit_sz(type, name) }
/* A field of a structure @in in the command's input */
#define IN(type, in, struct_type, name) {				\
	__mlx5_bit_off(type, in) + __mlx5_bit_off(struct_type, name),	\
	__mlx5_bit_sz(struct_type, name) }

static const struct field enable_hca[] = { F(enable_hca_in, function_id) };
static const struct field disable_hca[] = { F(disable_hca_in, function_id) };
static const struct field set_issi[] = { F(set_issi_in, current_issi) };
static const struct field query_pages[] = { F(query_pages_in, function_id) };
static const struct field manage_pages[] = {
	F(manage_pages_in, function_id), F(manage_pages_in, input_num_entries),
};
static const struct field access_register[] = {
	F(access_register_in, register_id), F(access_register_in, argument),
};
static const struct field query_hca_cap[] = {
	F(query_hca_cap_in, other_function), F(query_hca_cap_in, function_id),
};
static const struct field set_hca_cap[] = {
	F(set_hca_cap_in, other_function), F(set_hca_cap_in, function_id),
	F(set_hca_cap_in, capability),
};
static const struct field init_hca[] = {
	F(init_hca_in, sw_vhca_id), F(init_hca_in, sw_owner_id),
};
static const struct field teardown_hca[] = { F(teardown_hca_in, profile) };
static const struct field hca_vport[] = {
	F(modify_hca_vport_context_in, other_vport),
	F(modify_hca_vport_context_in, port_num),
	F(modify_hca_vport_context_in, vport_number),
	F(modify_hca_vport_context_in, hca_vport_context),
};
static const struct field dealloc_uar[] = { F(dealloc_uar_in, uar) };
static const struct field dealloc_pd[] = { F(dealloc_pd_in, pd) };
static const struct field dealloc_td[] = {
	F(dealloc_transport_domain_in, transport_domain),
};

#define EQC(name) IN(create_eq_in, eq_context_entry, eqc, name)
static const struct field create_eq[] = {
	EQC(log_eq_size), EQC(uar_page), EQC(intr), EQC(log_page_size),
	F(create_eq_in, event_bitmask),
};
static const struct field destroy_eq[] = { F(destroy_eq_in, eq_number) };

#define MKC(name) IN(create_mkey_in, memory_key_mkey_entry, mkc, name)
static const struct field create_mkey[] = {
	F(create_mkey_in, translations_octword_actual_size),
	MKC(access_mode_1_0), MKC(lr), MKC(lw), MKC(rr), MKC(rw), MKC(qpn),
	MKC(mkey_7_0), MKC(pd), MKC(start_addr), MKC(len),
	MKC(translations_octword_size), MKC(log_page_size),
};
static const struct field destroy_mkey[] = { F(destroy_mkey_in, mkey_index) };

#define CQC(name) IN(create_cq_in, cq_context, cqc, name)
static const struct field create_cq[] = {
	CQC(cqe_sz), CQC(log_cq_size), CQC(uar_page), CQC(cq_period),
	CQC(cq_max_count), CQC(c_eqn_or_apu_element), CQC(log_page_size),
	CQC(dbr_addr),
};
static const struct field destroy_cq[] = { F(destroy_cq_in, cqn) };

#define QPC(name) IN(create_qp_in, qpc, qpc, name)
static const struct field create_qp[] = {
	QPC(st), QPC(pm_state), QPC(pd), QPC(log_rq_size), QPC(log_rq_stride),
	QPC(no_sq), QPC(ts_format), QPC(uar_page), QPC(user_index),
	QPC(log_page_size), QPC(cqn_rcv), QPC(dbr_addr), QPC(rq_type),
};
static const struct field destroy_qp[] = { F(destroy_qp_in, qpn) };

#define INIT(name) IN(rst2init_qp_in, qpc, qpc, name)
static const struct field rst2init[] = {
	F(rst2init_qp_in, qpn), INIT(pm_state), INIT(rre), INIT(rwe),
	INIT(primary_address_path.vhca_port_num),
};
#define RTR(name) IN(init2rtr_qp_in, qpc, qpc, name)
static const struct field init2rtr[] = {
	F(init2rtr_qp_in, qpn), RTR(mtu), RTR(log_msg_max), RTR(remote_qpn),
	RTR(min_rnr_nak), RTR(primary_address_path.vhca_port_num),
	RTR(primary_address_path.fl),
};
#define RTS(name) IN(rtr2rts_qp_in, qpc, qpc, name)
static const struct field rtr2rts[] = {
	F(rtr2rts_qp_in, qpn), RTS(retry_count), RTS(rnr_retry),
	RTS(primary_address_path.ack_timeout),
};

static const struct field suspend_vhca[] = { F(suspend_vhca_in, vhca_id) };
static const struct field resume_vhca[] = { F(resume_vhca_in, vhca_id) };
static const struct field query_migration[] = {
	F(query_vhca_migration_state_in, incremental),
	F(query_vhca_migration_state_in, chunk),
	F(query_vhca_migration_state_in, vhca_id),
};
static const struct field save_vhca[] = {
	F(save_vhca_state_in, incremental), F(save_vhca_state_in, set_track),
	F(save_vhca_state_in, vhca_id), F(save_vhca_state_in, va),
	F(save_vhca_state_in, mkey), F(save_vhca_state_in, size),
};
static const struct field load_vhca[] = {
	F(load_vhca_state_in, vhca_id), F(load_vhca_state_in, va),
	F(load_vhca_state_in, mkey), F(load_vhca_state_in, size),
};

/* Of general objects: op_mod is the type. */
#define TRACK(name) IN(create_page_track_obj_in, obj_context, page_track, name)
#define OBJECT_ID							\
	IN(create_page_track_obj_in, general_obj_in_cmd_hdr,		\
	   general_obj_in_cmd_hdr, obj_id)
static const struct field object[] = { OBJECT_ID };
static const struct field create_track[] = {
	TRACK(vhca_id), TRACK(track_type), TRACK(log_addr_space_size),
	TRACK(log_page_size), TRACK(log_msg_size), TRACK(reporting_qpn),
	TRACK(num_ranges),
};
static const struct field modify_track[] = {
	OBJECT_ID, TRACK(modify_field_select), TRACK(state),
	TRACK(range_start_address), TRACK(length),
};

/**
 * struct rule - What is allowed of a command
 * @opcode: The command
 * @fixed: Its input has no other length than @size
 * @size: Bytes that are checked
 * @op_mod: The largest
 * @fields: What means something to the firmware; op_mod is not among them
 * @count: How many
 */
struct rule {
	u16 opcode;
	bool fixed;
	u32 size;
	u16 op_mod;
	const struct field *fields;
	unsigned int count;
};

#define RULE(op, type, is_fixed, last_op_mod, known, n) {		\
	.opcode = MLX5_CMD_OP_##op, .fixed = is_fixed,			\
	.size = MLX5_ST_SZ_BYTES(type), .op_mod = last_op_mod,		\
	.fields = known, .count = n }
#define FIXED(op, type, last_op_mod, known)				\
	RULE(op, type, true, last_op_mod, known, ARRAY_SIZE(known))
#define PLAIN(op, type) RULE(op, type, true, 0, NULL, 0)
#define OPEN(op, type, last_op_mod, known)				\
	RULE(op, type, false, last_op_mod, known, ARRAY_SIZE(known))

static const struct rule rules[] = {
	FIXED(ENABLE_HCA, enable_hca_in, 0, enable_hca),
	FIXED(DISABLE_HCA, disable_hca_in, 0, disable_hca),
	PLAIN(QUERY_ISSI, query_issi_in),
	FIXED(SET_ISSI, set_issi_in, 0, set_issi),
	FIXED(QUERY_PAGES, query_pages_in, 3, query_pages),
	OPEN(MANAGE_PAGES, manage_pages_in, 2, manage_pages),
	OPEN(ACCESS_REG, access_register_in, 1, access_register),
	FIXED(QUERY_HCA_CAP, query_hca_cap_in, U16_MAX, query_hca_cap),
	OPEN(SET_HCA_CAP, set_hca_cap_in, U16_MAX, set_hca_cap),
	FIXED(INIT_HCA, init_hca_in, 0, init_hca),
	FIXED(TEARDOWN_HCA, teardown_hca_in, 0, teardown_hca),
	PLAIN(QUERY_ADAPTER, query_adapter_in),
	FIXED(MODIFY_HCA_VPORT_CONTEXT, modify_hca_vport_context_in, 0,
	      hca_vport),
	PLAIN(ALLOC_UAR, alloc_uar_in),
	FIXED(DEALLOC_UAR, dealloc_uar_in, 0, dealloc_uar),
	PLAIN(ALLOC_PD, alloc_pd_in),
	FIXED(DEALLOC_PD, dealloc_pd_in, 0, dealloc_pd),
	PLAIN(ALLOC_TRANSPORT_DOMAIN, alloc_transport_domain_in),
	FIXED(DEALLOC_TRANSPORT_DOMAIN, dealloc_transport_domain_in, 0,
	      dealloc_td),
	OPEN(CREATE_EQ, create_eq_in, 0, create_eq),
	FIXED(DESTROY_EQ, destroy_eq_in, 0, destroy_eq),
	OPEN(CREATE_MKEY, create_mkey_in, 0, create_mkey),
	FIXED(DESTROY_MKEY, destroy_mkey_in, 0, destroy_mkey),
	OPEN(CREATE_CQ, create_cq_in, 0, create_cq),
	FIXED(DESTROY_CQ, destroy_cq_in, 0, destroy_cq),
	OPEN(CREATE_QP, create_qp_in, 0, create_qp),
	FIXED(DESTROY_QP, destroy_qp_in, 0, destroy_qp),
	FIXED(RST2INIT_QP, rst2init_qp_in, 0, rst2init),
	FIXED(INIT2RTR_QP, init2rtr_qp_in, 0, init2rtr),
	FIXED(RTR2RTS_QP, rtr2rts_qp_in, 0, rtr2rts),
	OPEN(CREATE_GENERAL_OBJECT, general_obj_in_cmd_hdr, U16_MAX, object),
	OPEN(MODIFY_GENERAL_OBJECT, general_obj_in_cmd_hdr, U16_MAX, object),
	FIXED(QUERY_GENERAL_OBJECT, general_obj_in_cmd_hdr, U16_MAX, object),
	FIXED(DESTROY_GENERAL_OBJECT, general_obj_in_cmd_hdr, U16_MAX, object),
	FIXED(SUSPEND_VHCA, suspend_vhca_in, 1, suspend_vhca),
	FIXED(RESUME_VHCA, resume_vhca_in, 1, resume_vhca),
	FIXED(QUERY_VHCA_MIGRATION_STATE, query_vhca_migration_state_in, 0,
	      query_migration),
	FIXED(SAVE_VHCA_STATE, save_vhca_state_in, 0, save_vhca),
	FIXED(LOAD_VHCA_STATE, load_vhca_state_in, 0, load_vhca),
};

static atomic_t invalid;

module_param_cb(connectx_invalid, &virt_atomic_ops, &invalid, 0444);
MODULE_PARM_DESC(connectx_invalid,
		 "Number of firmware commands with input that the interface does not allow");

/**
 * cx_invalid() - The input of a command is not valid
 * @cmd: The command
 * @status: Its status
 * @what: What is wrong with it
 *
 * Return: @status.
 */
u8 cx_invalid(struct cx_command *cmd, u8 status, const char *what)
{
	atomic_inc(&invalid);
	pr_info_ratelimited("ConnectX function %u: command %#x op_mod %#x: %s\n",
			    cmd->vhca->id, MLX5_GET(mbox_in, cmd->in, opcode),
			    cmd->op_mod, what);
	return status;
}

/* Bit 0 is the highest of the first 32. */
static void clear_field(__be32 *words, const struct field *field)
{
	unsigned int bit;

	for (bit = field->offset; bit < field->offset + field->bits; bit++) {
		if (!(bit % 32) && bit + 32 <= field->offset + field->bits) {
			words[bit / 32] = 0;
			bit += 31;
		} else {
			words[bit / 32] &= ~cpu_to_be32(BIT(31 - bit % 32));
		}
	}
}

/* Is a bit set that is in no field? @size: bytes of the input to look at. */
static bool others_set(struct cx_command *cmd, u32 size,
		       const struct field *fields, unsigned int count)
{
	static const struct field always[] = {
		F(mbox_in, opcode), F(mbox_in, op_mod),
	};
	__be32 *words = kmemdup(cmd->in, size, GFP_KERNEL | __GFP_NOFAIL);
	unsigned int i;
	bool set;

	for (i = 0; i < ARRAY_SIZE(always); i++)
		clear_field(words, &always[i]);
	for (i = 0; i < count; i++)
		clear_field(words, &fields[i]);
	set = memchr_inv(words, 0, size);
	kfree(words);
	return set;
}

/**
 * cx_check_input() - Check what all commands have in common
 * @cmd: The command, at least as long as its fixed part
 * @opcode: Its opcode
 *
 * Return: The status with which it fails, or 0.
 */
u8 cx_check_input(struct cx_command *cmd, u16 opcode)
{
	const struct rule *rule = rules;

	while (rule->opcode != opcode)
		if (++rule == rules + ARRAY_SIZE(rules))
			return MLX5_CMD_STAT_OK;
	if (cmd->op_mod > rule->op_mod)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_OP_ERR, "op_mod");
	if (rule->fixed && cmd->in_len != rule->size)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_INP_LEN_ERR,
				  "length of the input");
	if (others_set(cmd, rule->size, rule->fields, rule->count))
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR,
				  "a reserved field is not 0");
	return MLX5_CMD_STAT_OK;
}

/**
 * cx_check_tracker() - Check the context of a page tracker
 * @cmd: Its CREATE or MODIFY, with all of the context
 * @create: CREATE
 *
 * Return: The status with which it fails, or 0.
 */
u8 cx_check_tracker(struct cx_command *cmd, bool create)
{
	u32 size = MLX5_ST_SZ_BYTES(create_page_track_obj_in);
	bool set = create ?
		   others_set(cmd, size, create_track, ARRAY_SIZE(create_track)) :
		   others_set(cmd, size, modify_track, ARRAY_SIZE(modify_track));

	if (set)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR,
				  "a reserved field is not 0");
	return MLX5_CMD_STAT_OK;
}
