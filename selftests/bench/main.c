// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of bench. Prints a line for each row, and "done" at the end. With "keep" a
 * process stays until the machine ends, and what it has mapped is never unmapped.
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
	{ "large", rows_large },
	{ "devices", rows_devices },
	{ "mappings", rows_mappings },
	{ "latency", rows_latency },
};

/* Gets a byte when this process has done its work, and must not end; -1 when it may */
static int kept = -1;

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

/*
 * What is mapped must not be unmapped: continue in a process that does not end. This one
 * ends, with its status, when the other says that it is done.
 */
static void become_kept(void)
{
	char done = 1;
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	close(fds[!pid ? 0 : 1]);
	if (!pid) {
		kept = fds[1];
		scene_keep();
		return;
	}
	/* Nothing arrives if it has ended. */
	_exit(read(fds[0], &done, 1) == 1 ? done : 1);
}

static int end_of_rows(void)
{
	char done = 0;

	printf("done\n");
	fflush(stdout);
	if (kept < 0)
		return 0;
	if (write(kept, &done, 1) != 1)
		return 1;
	for (;;)
		pause();
}

static const char usage[] =
"Usage: bench upstream|tracker [quick] [keep] GROUP...\n"
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
"  keep       leave a process with all mappings until the machine ends\n"
"  meter      check that an instruction takes this many nanoseconds\n"
"  migration  print the row of one of vmigrate's reports\n";

static bool take_word(char ***argv, const char *word)
{
	bool is_there = **argv && !strcmp(**argv, word);

	*argv += is_there;
	return is_there;
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

	native.quick = take_word(&addresses, "quick");
	while (addresses[nr])
		nr++;
	printf("way %s\n", way->name);
	native_init(addresses, nr);
	native_rows(way);
}

static void run_group(const struct way *way, bool quick, const char *name)
{
	unsigned int g;

	for (g = 0; g < sizeof(groups) / sizeof(*groups); g++)
		if (!strcmp(name, groups[g].name))
			break;
	if (g == sizeof(groups) / sizeof(*groups))
		die("there is no group %s", name);
	groups[g].run(way, quick);
	rows_flush();
}

static void run_groups(const struct way *way, char **names)
{
	bool quick = take_word(&names, "quick");

	seed();
	meter_init();
	if (take_word(&names, "keep"))
		become_kept();
	for (; *names; names++)
		run_group(way, quick, *names);
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
	return end_of_rows();
}
