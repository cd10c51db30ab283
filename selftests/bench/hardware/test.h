/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tests, and what two files of them share.
 */
#ifndef _HARDWARE_TEST_H
#define _HARDWARE_TEST_H

#include "bed.h"

/**
 * struct test - One test
 * @name: For TAP
 * @small_leaves: With IOMMU_OPTION_DIRTY_SMALL_LEAVES
 * @writes: Needs a device that can be told what to write
 * @run: Returns NULL if it is good or has called test_skip(), or what is wrong
 */
struct test {
	const char *name;
	bool small_leaves;
	bool writes;
	const char *(*run)(struct bed *b);
};

/* Return from a test that has failed */
#define CHECK(condition, ...) do {			\
	if (!(condition))				\
		return test_wrong(__VA_ARGS__);		\
} while (0)

/* The same for a call that returns -errno */
#define MUST(call) do {							\
	int must_rc = (call);						\
									\
	if (must_rc)							\
		return test_wrong("%s: %s", #call, strerror(-must_rc));	\
} while (0)

const char *test_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
void test_skip(const char *why);

extern const struct test tests_quiet[], tests_writes[];

int tests_run(const char *address);

#endif
