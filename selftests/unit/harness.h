/* SPDX-License-Identifier: GPL-2.0-only */
/* greatest, with messages that say how to repeat a failure, and with results in TAP. */
#pragma once

#include <stdio.h>
#include <unistd.h>

#define GREATEST_USE_LONGJMP 0
/* selftests/fuzz has another place for what greatest prints, and needs no TAP. */
#ifndef GREATEST_STDOUT
#define GREATEST_STDOUT tap_stream()
#define HARNESS_TAP
#endif
#include <greatest.h>

#include "random.h"
#include "tap.h"
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

#ifdef HARNESS_TAP
#undef RUN_TEST
#define RUN_TEST(test) do {						\
	const greatest_suite_info __was = greatest_info.suite;		\
									\
	tap_begin();							\
	GREATEST_RUN_TEST(test);					\
	tap_end(#test,							\
		greatest_info.suite.failed != __was.failed ? TAP_NOT_OK :	\
		greatest_info.suite.skipped != __was.skipped ? TAP_SKIP :	\
		greatest_info.suite.passed != __was.passed ? TAP_OK :	\
		TAP_NOT_RUN, greatest_info.msg);			\
} while (0)

/* After a failure, what it left behind is no leak worth a report. */
#define HARNESS_MAIN_END() do {						\
	int __status = tap_finish();					\
									\
	fflush(NULL);							\
	if (__status)							\
		_exit(__status);					\
	return 0;							\
} while (0)
#else
#define HARNESS_MAIN_END() do {						\
	GREATEST_PRINT_REPORT();					\
	fflush(NULL);							\
	if (!greatest_all_passed())					\
		_exit(1);						\
	return 0;							\
} while (0)
#endif
