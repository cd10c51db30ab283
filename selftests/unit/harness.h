/* SPDX-License-Identifier: GPL-2.0-only */
/* greatest, with messages that say how to repeat a failure. */
#pragma once

#include <stdio.h>
#include <unistd.h>

#define GREATEST_USE_LONGJMP 0
#include <greatest.h>

#include "random.h"
#include "../shim/shim.h"

#define EXPECT(cond, ...) do {						\
	static char __message[512];					\
	int __n;							\
									\
	greatest_info.assertions++;					\
	if (cond)							\
		break;							\
	__n = snprintf(__message, sizeof(__message), "%s: ", #cond);	\
	__n += snprintf(__message + __n, sizeof(__message) - __n,	\
			__VA_ARGS__);					\
	snprintf(__message + __n, sizeof(__message) - __n, " (%s)",	\
		 random_repeat());					\
	FAILm(__message);						\
} while (0)

/* A random choice decides; the repeat line says all. */
#define EXPECT_RANDOM(cond) EXPECT(cond, "is false")

/* After a failure, what it left behind is no leak worth a report. */
#define HARNESS_MAIN_END() do {						\
	GREATEST_PRINT_REPORT();					\
	fflush(NULL);							\
	if (!greatest_all_passed())					\
		_exit(1);						\
	return 0;							\
} while (0)
