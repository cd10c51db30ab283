// SPDX-License-Identifier: GPL-2.0-only
/*
 * The random tests of selftests/unit with the fuzzer in the place of the dice:
 * their generators make the structure, their models are the oracle, and coverage
 * decides what is tried next. The first byte picks the test.
 *
 * Compiled with TESTS, the names of a program's random tests; its main() is
 * unit_main() here, and the _exit() after a failure fuzz_exit().
 */
#include <stdio.h>
#include <stdlib.h>

#include "tape.h"

int unit_main(int argc, char **argv);
void fuzz_exit(int status);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

FILE *fuzz_report;
static char *report;
static size_t report_size;

/* greatest's report says which expectation failed. */
void fuzz_exit(int status)
{
	(void)status;
	fflush(fuzz_report);
	fuzz_bug("%s", report);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char *const tests[] = { TESTS };
	char test[64], *argv[] = { "fuzz", "-t", test };

	if (!size)
		return -1;
	snprintf(test, sizeof(test), "%s",
		 tests[*data % (sizeof(tests) / sizeof(*tests))]);
	if (!fuzz_report)
		fuzz_report = open_memstream(&report, &report_size);
	rewind(fuzz_report);
	tape_load(data + 1, size - 1);
	unit_main(3, argv);
	return 0;
}
