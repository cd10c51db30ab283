/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/overflow.h> */
#pragma once

#define check_add_overflow(a, b, d)	__builtin_add_overflow(a, b, d)
