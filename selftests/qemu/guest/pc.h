/* SPDX-License-Identifier: GPL-2.0-only */
/* The few parts of a PC that the guest needs: ports, serial port, PCI. */
#ifndef _GUEST_PC_H
#define _GUEST_PC_H

#include <linux/types.h>

void serial_init(void);
int serial_poll(void);
void print(const char *format, ...);

__u32 pci_read(__u32 devfn, __u32 reg);
void pci_write(__u32 devfn, __u32 reg, __u32 value);

#endif
