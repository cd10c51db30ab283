/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all commands have in common; mlx5_core keeps these to itself.
 */
#ifndef _VIRT_CONNECTX_COMMAND_H
#define _VIRT_CONNECTX_COMMAND_H

#include <linux/types.h>

#define CX_MBOX_SIZE	16U	/* of the part that is in the queue's entry */
#define CX_MBOX_MIN	8U	/* status and syndrome, or opcode and op_mod */

struct mlx5_ifc_mbox_in_bits {
	u8 opcode[0x10];
	u8 uid[0x10];
	u8 reserved_at_20[0x10];
	u8 op_mod[0x10];
	u8 reserved_at_40[0x40];
};

struct mlx5_ifc_mbox_out_bits {
	u8 status[0x8];
	u8 reserved_at_8[0x18];
	u8 syndrome[0x20];
	u8 reserved_at_40[0x40];
};

#endif
