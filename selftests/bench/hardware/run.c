// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the tests, each with a new address space and a device that was reset.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

static char wrong[256];
static const char *skipped;

/** test_wrong() - What is wrong, for a test to return */
const char *test_wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(wrong, sizeof(wrong), format, args);
	va_end(args);
	return wrong;
}

/** test_skip() - The test cannot be made here */
void test_skip(const char *why)
{
	skipped = why;
}

static const char *run(const struct test *test, const char *address)
{
	const char *what;
	struct bed b;
	int rc = bed_open(&b, address, test->small_leaves);

	skipped = NULL;
	if (rc)
		what = test_wrong("the device cannot be opened and attached: %s", strerror(-rc));
	else if (test->writes && !b.writer)
		what = NULL, test_skip("this device cannot be told what to write; an NVMe controller can");
	else
		what = test->run(&b);
	bed_close(&b);
	return what;
}

static int run_list(const struct test *test, const char *address, unsigned int *n)
{
	int failed = 0;

	for (; test->name; test++) {
		const char *what = run(test, address);

		printf("%sok %u %s", what ? "not " : "", ++*n, test->name);
		if (!what && skipped)
			printf(" # SKIP %s", skipped);
		printf("\n");
		if (what)
			printf("# %s\n", what);
		fflush(stdout);
		failed += !!what;
	}
	return failed;
}

/** tests_run() - Run all on the device with this PCI address; the number that failed */
int tests_run(const char *address)
{
	unsigned int n = 0;
	int failed;

	failed = run_list(tests_quiet, address, &n);
	failed += run_list(tests_writes, address, &n);
	printf("1..%u\n", n);
	return failed;
}
