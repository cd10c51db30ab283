/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/gfp.h> */
#pragma once

#define GFP_KERNEL		0x01u
#define GFP_KERNEL_ACCOUNT	0x02u
#define __GFP_NOWARN		0x04u
#define __GFP_NORETRY		0x08u
