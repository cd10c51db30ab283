/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/minmax.h>: min(), max() of one signedness, swap() */
#pragma once

#define __is_signed(x)	((__typeof__(x))-1 < (__typeof__(x))1)

#define __minmax(x, op, y) ({						\
	__typeof__(x) __x = (x);					\
	__typeof__(y) __y = (y);					\
	_Static_assert(__is_signed(__x) == __is_signed(__y),		\
		       "min() or max() of different signedness");	\
	__x op __y ? __x : __y;						\
})
#define min(x, y)	__minmax(x, <, y)
#define max(x, y)	__minmax(x, >, y)
#define swap(a, b)	({ __typeof__(a) __t = (a); (a) = (b); (b) = __t; })
