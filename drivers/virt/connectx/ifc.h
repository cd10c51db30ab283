/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fields of the firmware's interface that linux/mlx5/mlx5_ifc.h of 6.12 does not have;
 * that of 7.1 has them in the same places. For MLX5_SET() and MLX5_GET().
 */
#ifndef _VIRT_CONNECTX_IFC_H
#define _VIRT_CONNECTX_IFC_H

#include <linux/types.h>

/* Of the capabilities GENERAL_2: there is migration_state. */
struct mlx5_ifc_cx_cap_2_bits {
	u8 reserved_at_0[0xd9];
	u8 migration_state[0x1];
	u8 reserved_at_da[0x26];
};

/* Of the answer to QUERY_VHCA_MIGRATION_STATE. */
struct mlx5_ifc_cx_query_state_out_bits {
	u8 reserved_at_0[0x60];
	u8 migration_state[0x4];
	u8 reserved_at_64[0x1c];
};

/* Values of migration_state. */
enum {
	CX_MIGRATION_IDLE	= 1,
	CX_MIGRATION_READY	= 2,
	CX_MIGRATION_DIRTY	= 3,
	CX_MIGRATION_INIT	= 4,
};

#endif
