// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that the firmware has from the host. Nothing is kept in them; they are
 * asked for and given back as hardware does, so that a driver's bookkeeping is
 * exercised: for the PF itself at boot and init, for VFs and for page trackers through
 * events to the PF. All of this is on the PF's thread.
 */
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "connectx.h"

#define BOOT_PAGES	4
#define INIT_PAGES	8
#define VF_PAGES	16
#define MAX_PAGES	65536

static uint connectx_icm;
module_param(connectx_icm, uint, 0644);
MODULE_PARM_DESC(connectx_icm,
		 "log2 of the address space, in bytes, for which a page tracker needs one page of host memory (0: it needs none)");

static uint connectx_icm_pages = 4096;
module_param(connectx_icm_pages, uint, 0644);
MODULE_PARM_DESC(connectx_icm_pages, "Pages of host memory that all page trackers together can have");

/* QUERY_PAGES */
u8 cx_query_pages(struct cx_command *cmd)
{
	u32 count = 0;

	if (cx_is_pf(cmd->vhca) && cmd->op_mod == 1)
		count = BOOT_PAGES;
	else if (cx_is_pf(cmd->vhca) && cmd->op_mod == 2)
		count = INIT_PAGES;
	MLX5_SET(query_pages_out, cmd->out, function_id, 0);
	MLX5_SET(query_pages_out, cmd->out, num_pages, count);
	return MLX5_CMD_STAT_OK;
}

static u8 pages_give(struct cx_pages *pages, struct cx_command *cmd, u32 count)
{
	u32 room = (cmd->in_len - MLX5_ST_SZ_BYTES(manage_pages_in)) /
		   MLX5_FLD_SZ_BYTES(manage_pages_in, pas[0]);
	u64 *address;
	u32 i;

	if (count > room)
		return MLX5_CMD_STAT_BAD_INP_LEN_ERR;
	if (pages->count + count > MAX_PAGES)
		return MLX5_CMD_STAT_LIM_ERR;
	if (pages->count + count > pages->room) {
		address = kvrealloc(pages->address,
				    (pages->count + count) * sizeof(*address),
				    GFP_KERNEL);
		if (!address)
			return MLX5_CMD_STAT_NO_RES_ERR;
		pages->address = address;
		pages->room = pages->count + count;
	}
	for (i = 0; i < count; i++)
		pages->address[pages->count++] =
			MLX5_GET64(manage_pages_in, cmd->in, pas[i]);
	return MLX5_CMD_STAT_OK;
}

static u8 pages_take(struct cx_pages *pages, struct cx_command *cmd, u32 count)
{
	u32 room = (cmd->out_len - MLX5_ST_SZ_BYTES(manage_pages_out)) /
		   MLX5_FLD_SZ_BYTES(manage_pages_out, pas[0]);
	u32 i;

	count = min3(count, room, pages->count);
	for (i = 0; i < count; i++)
		MLX5_ARRAY_SET64(manage_pages_out, cmd->out, pas, i,
				 pages->address[--pages->count]);
	MLX5_SET(manage_pages_out, cmd->out, output_num_entries, count);
	return MLX5_CMD_STAT_OK;
}

/* MANAGE_PAGES. What the PF was not asked for belongs to its coming and going. */
u8 cx_manage_pages(struct cx_command *cmd)
{
	u32 count = MLX5_GET(manage_pages_in, cmd->in, input_num_entries);
	struct cx_vhca *vhca;
	bool asked;
	u32 before;
	u8 status;

	vhca = cx_by_function_id(cmd->vhca, MLX5_GET(manage_pages_in, cmd->in,
						     function_id));
	if (!vhca)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	asked = vhca->pages.asked;
	before = vhca->pages.count;
	vhca->pages.asked = false;
	switch (cmd->op_mod) {
	case 0:		/* the host cannot give them: do without */
		if (cx_is_pf(vhca))
			vhca->pages.refused = true;
		else
			vhca->pages.want = vhca->pages.count;
		return MLX5_CMD_STAT_OK;
	case 1:
		status = pages_give(&vhca->pages, cmd, count);
		break;
	case 2:
		status = pages_take(&vhca->pages, cmd, count);
		break;
	default:
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	}
	if (cx_is_pf(vhca) && !asked)
		vhca->pages.want += vhca->pages.count - before;
	return status;
}

/**
 * cx_pages_of_tracker() - How many pages a page tracker needs
 * @log_space: log2 of its address space
 *
 * Return: Their number; 0 without connectx_icm.
 */
u32 cx_pages_of_tracker(unsigned int log_space)
{
	unsigned int unit = READ_ONCE(connectx_icm);

	if (!unit)
		return 0;
	return log_space <= unit ? 1 : BIT(min(log_space - unit, 31U));
}

/**
 * cx_pages_take() - A page tracker needs pages
 * @pf: The physical function
 * @count: How many; they are asked for, see cx_pages_status()
 *
 * Return: false when all trackers together would have too many.
 */
bool cx_pages_take(struct cx_vhca *pf, u32 count)
{
	u32 limit = min(READ_ONCE(connectx_icm_pages), MAX_PAGES / 2);

	if (count > limit || pf->pages.trackers > limit - count)
		return false;
	pf->pages.trackers += count;
	pf->pages.want += count;
	return true;
}

/**
 * cx_pages_return() - A page tracker does not need them any more
 * @pf: The physical function
 * @count: As was taken
 */
void cx_pages_return(struct cx_vhca *pf, u32 count)
{
	/* A reset has forgotten them already. */
	count = min(count, pf->pages.trackers);
	pf->pages.trackers -= count;
	pf->pages.want -= count;
}

/**
 * cx_pages_status() - Has the host given the pages that page trackers wait for
 * @pf: The physical function
 * @there: It has
 *
 * Return: The status with which the CREATEs fail when the host has none, or 0.
 */
u8 cx_pages_status(struct cx_vhca *pf, bool *there)
{
	*there = pf->pages.count >= pf->pages.want;
	return pf->pages.refused ? MLX5_CMD_STAT_NO_RES_ERR : MLX5_CMD_STAT_OK;
}

/**
 * cx_pages_want() - A virtual function appears or disappears
 * @vhca: The function
 * @on: It appears
 */
void cx_pages_want(struct cx_vhca *vhca, bool on)
{
	vhca->pages.want = on ? VF_PAGES : 0;
}

/**
 * cx_pages_poll() - Ask for and give back pages of virtual functions and page trackers
 * @pf: The physical function; page trackers have looked at cx_pages_status()
 */
void cx_pages_poll(struct cx_vhca *pf)
{
	unsigned int i;

	pf->pages.refused = false;
	for (i = 0; i <= pf->cx->vfs; i++) {
		struct cx_vhca *vhca = &pf->cx->vhca[i];
		struct cx_pages *pages = &vhca->pages;
		struct mlx5_eqe_page_req request = {
			.func_id = cpu_to_be16(i),
			.num_pages = cpu_to_be32(pages->want - pages->count),
		};

		if (pages->asked || pages->want == pages->count)
			continue;
		pages->asked = cx_eq_event(pf, MLX5_EVENT_TYPE_PAGE_REQUEST,
					   &request, sizeof(request));
	}
}

/**
 * cx_pages_reset() - The PF was reset: all pages are the host's again
 * @vhca: A function
 */
void cx_pages_reset(struct cx_vhca *vhca)
{
	kvfree(vhca->pages.address);
	vhca->pages = (struct cx_pages) {};
}
