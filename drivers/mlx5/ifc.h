/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fields of the firmware's interface that linux/mlx5/mlx5_ifc.h of 6.12 does not have;
 * that of 7.1 has them in the same places. For MLX5_GET().
 */
#ifndef MLX5VF_IFC_H
#define MLX5VF_IFC_H

#include <linux/types.h>

/* Of the capabilities GENERAL_2: QUERY_VHCA_MIGRATION_STATE answers migration_state. */
struct mlx5_ifc_mlx5vf_cap_2_bits {
	u8 reserved_at_0[0xd9];
	u8 migration_state[0x1];
	u8 reserved_at_da[0x26];
};

/* Of the answer to QUERY_VHCA_MIGRATION_STATE. */
struct mlx5_ifc_mlx5vf_query_out_bits {
	u8 reserved_at_0[0x60];
	u8 migration_state[0x4];
	u8 reserved_at_64[0x1c];
};

/* Of migration_state: what is to be saved is initial data. */
#define MLX5VF_MIGRATION_INIT	4

#endif
