// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench WAY [quick] GROUP...: measure groups of rows in one way, "upstream" or
 * "tracker". Prints a line for each row, and "done" at the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"

static const struct {
	const char *name;
	void (*run)(const struct way *way, bool quick);
} groups[] = {
	{ "read", rows_read },
	{ "gather", rows_gather },
	{ "domains", rows_domains },
	{ "logs", rows_logs },
	{ "mixed", rows_mixed },
	{ "over", rows_over },
	{ "formats", rows_formats },
	{ "control", rows_control },
	{ "attach", rows_attach },
	{ "map", rows_map },
	{ "memory", rows_memory },
};

int main(int argc, char **argv)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	const struct way *way = NULL;
	bool quick = false;
	int i;

	if (argc == 3 && !strcmp(argv[1], "meter")) {
		meter_init();
		return meter_check(atof(argv[2]));
	}
	if (argc > 1 && !strcmp(argv[1], "upstream"))
		way = &upstream;
	if (argc > 1 && !strcmp(argv[1], "tracker"))
		way = &tracker;
	if (!way) {
		fprintf(stderr, "usage: bench upstream|tracker [quick] GROUP...; bench meter NANOSECONDS\n");
		return 2;
	}
	setrlimit(RLIMIT_MEMLOCK, &all);
	meter_init();
	for (i = 2; i < argc; i++) {
		unsigned int g;

		if (!strcmp(argv[i], "quick")) {
			quick = true;
			continue;
		}
		for (g = 0; g < sizeof(groups) / sizeof(*groups); g++)
			if (!strcmp(argv[i], groups[g].name))
				break;
		if (g == sizeof(groups) / sizeof(*groups))
			die("there is no group %s", argv[i]);
		groups[g].run(way, quick);
		rows_flush();
	}
	printf("done\n");
	return 0;
}
