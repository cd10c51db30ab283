/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Raw commands to the firmware of the virtual ConnectX, through the debugfs of
 * mlx5_core, as its PF's driver would give them.
 */
#ifndef _KSELFTEST_FIRMWARE_H
#define _KSELFTEST_FIRMWARE_H

#include <stddef.h>
#include <linux/types.h>

#define FIRMWARE_ROOM	4096

/* Opcodes of linux/mlx5/mlx5_ifc.h */
#define CMD_MANAGE_PAGES 0x108
#define CMD_SUSPEND	0x115
#define CMD_RESUME	0x116
#define CMD_QUERY	0x117
#define CMD_SAVE	0x118
#define CMD_LOAD	0x119
#define CMD_CREATE_MKEY	0x200
#define CMD_DESTROY_MKEY 0x202
#define CMD_CREATE_CQ	0x400
#define CMD_DESTROY_CQ	0x401
#define CMD_CREATE_QP	0x500
#define CMD_DESTROY_QP	0x501
#define CMD_ALLOC_PD	0x800
#define CMD_DEALLOC_PD	0x801
#define CMD_ALLOC_UAR	0x802
#define CMD_DEALLOC_UAR	0x803

/* Their status */
#define STAT_OK			0x0
#define STAT_BAD_OP		0x2
#define STAT_BAD_PARAM		0x3
#define STAT_BAD_RES		0x5
#define STAT_RES_BUSY		0x6
#define STAT_BAD_RES_STATE	0x9
#define STAT_BAD_INP_LEN	0x50

/**
 * struct firmware - A command
 * @in: Its input, big-endian
 * @in_len: Bytes of it
 * @out: Its output, after firmware_exec()
 * @out_len: Bytes of it
 */
struct firmware {
	unsigned char in[FIRMWARE_ROOM];
	size_t in_len;
	unsigned char out[FIRMWARE_ROOM];
	size_t out_len;
};

void firmware_begin(struct firmware *fw, unsigned int opcode, size_t in_len,
		    size_t out_len);
void firmware_set(struct firmware *fw, unsigned int bit, unsigned int bits,
		  __u64 value);
__u64 firmware_get(const struct firmware *fw, unsigned int bit,
		   unsigned int bits);
int firmware_exec(struct firmware *fw);

#endif
