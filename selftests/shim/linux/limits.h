/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/limits.h>; the C library includes it too */
#pragma once

#include_next <linux/limits.h>
#include <limits.h>

#ifndef U64_MAX
#define U64_MAX	(~0ULL)
#endif
