/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults of the firmware on purpose. See faults.c.
 */
#ifndef _VIRT_CONNECTX_FAULTS_H
#define _VIRT_CONNECTX_FAULTS_H

#include <linux/types.h>

bool cx_fault_fail(u16 opcode, u8 *status);
bool cx_fault_deliver(u16 opcode, u8 *status);
bool cx_fault_flip(u16 opcode, u32 *byte);
bool cx_fault_drop(u16 opcode);
unsigned int cx_fault_generation(void);
bool cx_fault_delay(u16 opcode, unsigned long *due);
u32 cx_fault_cut(u16 opcode, u32 size);
bool cx_fault_corrupt(u16 opcode, u32 *offset);
bool cx_fault_fatal(u16 opcode);
bool cx_fault_lose(u16 opcode, u32 *after);
bool cx_fault_event(u16 opcode, u32 *type);
bool cx_fault_overrun(u16 opcode, u32 *entries);
bool cx_fault_mute(u16 opcode);
bool cx_fault_cqe(u16 opcode, u32 *cqe_opcode);

#endif
