// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench WAY [quick] [keep] GROUP...: measure groups of rows in one way, "upstream" or
 * "tracker". Prints a line for each row, and "done" at the end; with "keep" a process is
 * left that ends with the machine, and what it has mapped is never unmapped. Its other
 * commands are for the scripts around it: meter here, migration in json.c.
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
 * ends, with its status, when it says that it is done.
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
	/* Nothing comes when it has ended. */
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
	if (argc == 4 && !strcmp(argv[1], "migration"))
		return json_migration(argv[2], argv[3]);
	if (argc > 1 && !strcmp(argv[1], "upstream"))
		way = &upstream;
	if (argc > 1 && !strcmp(argv[1], "tracker"))
		way = &tracker;
	if (!way) {
		fprintf(stderr, "usage: bench upstream|tracker [quick] [keep] GROUP...; bench meter NANOSECONDS; bench migration NAME FILE\n");
		return 2;
	}
	setrlimit(RLIMIT_MEMLOCK, &all);
	seed();
	meter_init();
	for (i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "quick"))
			quick = true;
		else if (!strcmp(argv[i], "keep"))
			become_kept();
		else
			run_group(way, quick, argv[i]);
	}
	return end_of_rows();
}
