/* SPDX-License-Identifier: GPL-2.0-only */
/* What the registers' headers need, without a libc and for 32 bits. */
#ifndef _GUEST_LINUX_TYPES_H
#define _GUEST_LINUX_TYPES_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;

#endif
