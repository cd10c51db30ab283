// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tests on a device that the user has given. Prints TAP; ../hardware-report.sh puts it
 * into the report.
 */
#include <stdio.h>
#include <string.h>

#include "test.h"

static const char usage[] =
"Usage: hardware PCI-ADDRESS\n"
"\n"
"Test dirty tracking with this device, which is bound to a vfio driver and not in use. It is\n"
"opened, attached to an address space of its own, and reset at the end of each test. Tests\n"
"of writes need a device that can be told what to write, and are skipped for others.\n"
"\n"
"Output: TAP. Exit status: 0 no test failed, 1 one did, 2 usage.\n";

int main(int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc != 2 || *argv[1] == '-') {
		fputs(usage, stderr);
		return 2;
	}
	return tests_run(argv[1]) ? 1 : 0;
}
