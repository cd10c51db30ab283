// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands that bring a function up and down, and those that only have to be
 * answered. And the cleanup after a driver that leaves without them.
 */
#include <linux/random.h>

#include "connectx.h"
#include "object.h"

static const char psid[] = "VRT0000000001";

/* The vhca_ids, which are all different. */
static void choose_vhca_ids(struct connectx *cx)
{
	u16 base = CX_VHCA_ID_BASE + 0x20 * cx->index;
	unsigned int i;

	if (cx_large_ids())
		base = get_random_u32_inclusive(0x10, 0x3ff) * 0x10;
	for (i = 0; i <= cx->vfs; i++)
		WRITE_ONCE(cx->vhca[i].vhca_id, base + i);
}

/**
 * cx_forget() - All that the driver has given or created is the driver's again
 * @vhca: The function; on its thread
 */
void cx_forget(struct cx_vhca *vhca)
{
	unsigned int i;

	if (cx_is_pf(vhca))
		cx_jobs_cancel(vhca);
	cx_objects_reset(vhca);
	vhca->caps_set = false;
	if (cx_is_pf(vhca))
		choose_vhca_ids(vhca->cx);
	for (i = 0; cx_is_pf(vhca) && i <= vhca->cx->vfs; i++)
		cx_pages_reset(&vhca->cx->vhca[i]);
}

/* ENABLE_HCA: of the own function, or a VF by the PF */
u8 cx_enable_hca(struct cx_command *cmd)
{
	u16 function_id = MLX5_GET(enable_hca_in, cmd->in, function_id);
	struct cx_vhca *vhca = cmd->vhca;

	if (!function_id)
		return MLX5_CMD_STAT_OK;
	if (!cx_is_pf(vhca))
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	vhca = cx_by_function_id(vhca, function_id);
	if (!vhca)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	cx_wait_for_reset(vhca, cmd->vhca);
	cx_pages_want(vhca, true);
	return MLX5_CMD_STAT_OK;
}

/* DISABLE_HCA: of the own function, or a VF by the PF */
u8 cx_disable_hca(struct cx_command *cmd)
{
	u16 function_id = MLX5_GET(disable_hca_in, cmd->in, function_id);
	struct cx_vhca *vhca = cmd->vhca;

	if (!function_id) {
		vhca->cmdq.quiesce = true;
		return MLX5_CMD_STAT_OK;
	}
	if (!cx_is_pf(vhca))
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	vhca = cx_by_function_id(vhca, function_id);
	if (!vhca)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	cx_pages_want(vhca, false);
	return MLX5_CMD_STAT_OK;
}

/* QUERY_ISSI: 0 and 1 are supported */
u8 cx_query_issi(struct cx_command *cmd)
{
	MLX5_SET(query_issi_out, cmd->out, supported_issi_dw0, 3);
	return MLX5_CMD_STAT_OK;
}

/* QUERY_ADAPTER: the board's name */
u8 cx_query_adapter(struct cx_command *cmd)
{
	void *vsd = MLX5_ADDR_OF(query_adapter_out, cmd->out,
				 query_adapter_struct.vsd_contd_psid);

	memcpy(vsd, psid, sizeof(psid));
	MLX5_SET(query_adapter_out, cmd->out,
		 query_adapter_struct.ieee_vendor_id, 0x2c9);
	return MLX5_CMD_STAT_OK;
}

/* ACCESS_REG: what is written is read back */
u8 cx_access_reg(struct cx_command *cmd)
{
	const u32 head = MLX5_BYTE_OFF(access_register_in, register_data);

	if (cmd->in_len > head && cmd->out_len > head)
		memcpy(cmd->out + head, cmd->in + head,
		       min(cmd->in_len, cmd->out_len) - head);
	return MLX5_CMD_STAT_OK;
}

/* TEARDOWN_HCA */
u8 cx_teardown_hca(struct cx_command *cmd)
{
	cx_objects_left(cmd->vhca);
	return MLX5_CMD_STAT_OK;
}

/* accepted, and there is nothing to do */
u8 cx_nothing(struct cx_command *cmd)
{
	return MLX5_CMD_STAT_OK;
}
