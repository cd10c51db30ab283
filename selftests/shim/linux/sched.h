/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/sched.h> */
#pragma once

#include <linux/types.h>

#include "../shim.h"

#define current NULL

static inline void cond_resched(void)
{
	shim_may_sleep("cond_resched");
}
