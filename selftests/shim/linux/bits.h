/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/bits.h> */
#pragma once

#define BITS_PER_LONG	64
#define BIT(nr)		(1UL << (nr))
