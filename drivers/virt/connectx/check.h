/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is the input of a command what the firmware's interface allows? See check.c.
 */
#ifndef _VIRT_CONNECTX_CHECK_H
#define _VIRT_CONNECTX_CHECK_H

#include <linux/types.h>

struct cx_command;

u8 cx_check_input(struct cx_command *cmd, u16 opcode);
u8 cx_check_tracker(struct cx_command *cmd, bool create);
u8 cx_invalid(struct cx_command *cmd, u8 status, const char *what);

#endif
