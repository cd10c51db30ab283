/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/uaccess.h>: a user buffer that can fault */
#pragma once

#include <errno.h>
#include <linux/types.h>

#include "../shim.h"

#define user_access_begin(p, n)	shim_access_begin(p, n)
#define user_access_end()	shim_access_end()

#define unsafe_get_user(x, p, label) do {				\
	if (!shim_get(&(x), (p), sizeof(*(p))))				\
		goto label;						\
} while (0)

#define unsafe_put_user(x, p, label) do {				\
	__typeof__(*(p)) __v = (x);					\
	if (!shim_put((p), &__v, sizeof(__v)))				\
		goto label;						\
} while (0)

#define copy_to_user(to, from, n)	shim_copy_to_user(to, from, n)
