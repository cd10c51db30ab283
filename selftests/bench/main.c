// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line. Prints a line for each row, and "done" at the end.
 */
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

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
	{ "parallel", rows_parallel },
};

/*
 * A guest without a source of randomness never has its generator ready, and
 * SLUB then seeds it again for each page that it takes: instructions by the hundred
 * for each allocation, which no real machine has. Say that there is enough.
 */
static void seed(void)
{
	struct {
		struct rand_pool_info info;
		__u32 buf[16];
	} pool = { .info = { .entropy_count = 512, .buf_size = sizeof(pool.buf) } };
	int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool))
		die("RNDADDENTROPY");
	close(fd);
}

static const char usage[] =
"Usage: bench upstream|tracker [quick] GROUP...\n"
"       bench native upstream|tracker [quick] PCI-ADDRESS...\n"
"       bench meter NANOSECONDS\n"
"       bench migration NAME FILE\n"
"\n"
"Measure rows of the benchmark one way: by upstream's ioctls, or the tracker's. Called by\n"
"make bench (run.sh) and make bench-native (native.sh); report makes a table of the output.\n"
"\n"
"  GROUP...   these groups, on the virtual platform, in a VM that counts instructions\n"
"  native     rows that need no virtual platform, on these devices, which are bound to a\n"
"             vfio driver and not in use; they are opened, attached, and reset at the end\n"
"  quick      fewer rows\n"
"  meter      does an instruction take so many nanoseconds?\n"
"  migration  a row out of vmigrate's report\n";

static bool take_quick(char ***argv)
{
	bool quick = **argv && !strcmp(**argv, "quick");

	*argv += quick;
	return quick;
}

static const struct way *way_of(const char *name)
{
	if (name && !strcmp(name, "upstream"))
		return &upstream;
	return name && !strcmp(name, "tracker") ? &tracker : NULL;
}

static void run_native(const struct way *way, char **addresses)
{
	unsigned int nr = 0;

	native.quick = take_quick(&addresses);
	while (addresses[nr])
		nr++;
	printf("way %s\n", way->name);
	native_init(addresses, nr);
	native_rows(way);
}

static void run_groups(const struct way *way, char **names)
{
	bool quick = take_quick(&names);

	seed();
	meter_init();
	for (; *names; names++) {
		unsigned int g;

		for (g = 0; g < sizeof(groups) / sizeof(*groups); g++)
			if (!strcmp(*names, groups[g].name))
				break;
		if (g == sizeof(groups) / sizeof(*groups))
			die("there is no group %s", *names);
		groups[g].run(way, quick);
		rows_flush();
	}
}

int main(int argc, char **argv)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	bool is_native = argc > 1 && !strcmp(argv[1], "native");
	const struct way *way;

	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "meter")) {
		meter_init();
		return meter_check(atof(argv[2]));
	}
	if (argc == 4 && !strcmp(argv[1], "migration"))
		return json_migration(argv[2], argv[3]);
	argv += 1 + is_native;
	way = way_of(*argv);
	if (!way) {
		fputs(usage, stderr);
		return 2;
	}
	setrlimit(RLIMIT_MEMLOCK, &all);
	(is_native ? run_native : run_groups)(way, argv + 1);
	printf("done\n");
	return 0;
}
