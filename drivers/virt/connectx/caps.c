// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capabilities: what a driver may ask of the firmware. What is not set here is
 * not there. The port is InfiniBand, which asks the least of a virtual device.
 */
#include "connectx.h"
#include "ifc.h"
#include "quirks.h"
#include "tracker.h"

static void caps_general(struct cx_vhca *vhca, void *caps)
{
	MLX5_SET(cmd_hca_cap, caps, vhca_id, vhca->vhca_id);
	MLX5_SET(cmd_hca_cap, caps, device_frequency_khz, 1000000);
	MLX5_SET(cmd_hca_cap, caps, log_max_qp_sz, 15);
	MLX5_SET(cmd_hca_cap, caps, log_max_qp, 16);
	MLX5_SET(cmd_hca_cap, caps, log_max_cq_sz, 22);
	MLX5_SET(cmd_hca_cap, caps, log_max_cq, 16);
	MLX5_SET(cmd_hca_cap, caps, log_max_eq_sz, 22);
	MLX5_SET(cmd_hca_cap, caps, log_max_eq, 5);
	MLX5_SET(cmd_hca_cap, caps, max_num_eqs, CX_MAX_EQS);
	MLX5_SET(cmd_hca_cap, caps, log_max_mkey, 22);
	MLX5_SET(cmd_hca_cap, caps, log_max_mrw_sz, 62);
	MLX5_SET(cmd_hca_cap, caps, log_max_pd, 16);
	MLX5_SET(cmd_hca_cap, caps, log_max_msg, CX_LOG_MAX_MSG);
	MLX5_SET(cmd_hca_cap, caps, port_type, MLX5_CAP_PORT_TYPE_IB);
	MLX5_SET(cmd_hca_cap, caps, num_ports, 1);
	MLX5_SET(cmd_hca_cap, caps, log_pg_sz, MLX5_ADAPTER_PAGE_SHIFT);
	MLX5_SET(cmd_hca_cap, caps, uar_sz, ilog2(CX_BAR_SIZE / SZ_1M));
	MLX5_SET(cmd_hca_cap, caps, bf, 1);
	MLX5_SET(cmd_hca_cap, caps, log_bf_reg_size, 9);
	MLX5_SET(cmd_hca_cap, caps, num_of_uars_per_page, 1);
	MLX5_SET(cmd_hca_cap, caps, cqe_version, 1);
	if (!cx_is_pf(vhca))
		return;
	MLX5_SET(cmd_hca_cap, caps, vport_group_manager, 1);
	MLX5_SET(cmd_hca_cap, caps, hca_cap_2, 1);
	MLX5_SET(cmd_hca_cap, caps, migration, cx_has(CX_CAP_MIGRATION));
	MLX5_SET(cmd_hca_cap, caps, adv_virtualization,
		 cx_has(CX_CAP_ADV_VIRT));
	MLX5_SET(cmd_hca_cap, caps, vhca_resource_manager, 1);
	MLX5_SET(cmd_hca_cap, caps, event_cap, 1);
}

static void general_2(struct cx_vhca *vhca, void *caps)
{
	MLX5_SET(cmd_hca_cap_2, caps, migratable,
		 !cx_is_pf(vhca) && cx_has(CX_CAP_MIGRATABLE));
	MLX5_SET(cmd_hca_cap_2, caps, migration_multi_load,
		 cx_has(CX_CAP_MULTI_LOAD));
	MLX5_SET(cmd_hca_cap_2, caps, migration_tracking_state,
		 cx_has(CX_CAP_TRACKING));
	MLX5_SET(cmd_hca_cap_2, caps, migration_in_chunks, cx_save_in_chunks());
	MLX5_SET(cx_cap_2, caps, migration_state, cx_has(CX_CAP_STATE));
}

/* Users may ask for the event that tells of a tracker's change of state. */
static void caps_events(void *caps)
{
	MLX5_SET64(device_event_cap, caps, user_affiliated_events[0],
		   BIT_ULL(MLX5_EVENT_TYPE_OBJECT_CHANGE));
}

/* QUERY_HCA_CAP */
u8 cx_query_hca_cap(struct cx_command *cmd)
{
	void *caps = MLX5_ADDR_OF(query_hca_cap_out, cmd->out, capability);
	bool maximum = (cmd->op_mod & 1) == HCA_CAP_OPMOD_GET_MAX;
	struct cx_vhca *vhca = cmd->vhca;

	if (MLX5_GET(query_hca_cap_in, cmd->in, other_function)) {
		if (!cx_is_pf(vhca))
			return MLX5_CMD_STAT_BAD_PARAM_ERR;
		vhca = cx_by_function_id(vhca, MLX5_GET(query_hca_cap_in,
							cmd->in, function_id));
		if (!vhca)
			return MLX5_CMD_STAT_BAD_PARAM_ERR;
	}
	switch (cmd->op_mod >> 1) {
	case MLX5_CAP_GENERAL:
		if (vhca == cmd->vhca && vhca->caps_set && !maximum)
			memcpy(caps, vhca->caps, sizeof(vhca->caps));
		else
			caps_general(vhca, caps);
		break;
	case MLX5_CAP_GENERAL_2:
		general_2(vhca, caps);
		break;
	case MLX5_CAP_ADV_VIRTUALIZATION:
		if (!cx_has(CX_CAP_ADV_VIRT))
			return MLX5_CMD_STAT_BAD_PARAM_ERR;
		cx_tracker_caps(caps);
		break;
	case MLX5_CAP_DEV_EVENT:
		caps_events(caps);
		break;
	default:
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	}
	return MLX5_CMD_STAT_OK;
}

/* SET_HCA_CAP: the general ones of the own function */
u8 cx_set_hca_cap(struct cx_command *cmd)
{
	struct cx_vhca *vhca = cmd->vhca;

	if (MLX5_GET(set_hca_cap_in, cmd->in, other_function) ||
	    cmd->op_mod >> 1 != MLX5_CAP_GENERAL)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	memcpy(vhca->caps, MLX5_ADDR_OF(set_hca_cap_in, cmd->in, capability),
	       sizeof(vhca->caps));
	vhca->caps_set = true;
	return MLX5_CMD_STAT_OK;
}
