// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmigrate: a small VMM that live-migrates guest RAM which devices write to.
 * This file has the command line and the roles.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmigrate.h"

static const char usage[] =
"Usage: vmigrate --demo [options]\n"
"       vmigrate --listen ADDR [--json] [--first-vf N] [--first-device N]\n"
"                [--first-nic N]\n"
"       vmigrate --to ADDR [options]\n"
"\n"
"Live-migrate guest RAM while DMA devices write to it, send what one iommufd\n"
"dirty tracker reports, and prove by checksums that nothing is missing.\n"
"\n"
"Roles:\n"
"  --demo               source and destination in two processes, one report\n"
"  --listen ADDR        the destination; wait for a source at ADDR\n"
"  --to ADDR            the source; ADDR is a path (a unix socket), or\n"
"                       127.0.0.1:PORT\n"
"\n"
"The guest (source and demo):\n"
"  -m, --memory SIZE    guest RAM (default 64M)\n"
"      --guest-slots N  divide it into N mappings, 4 GiB apart (default 2)\n"
"      --iova-base ADDR IOVA of the first mapping (default 0)\n"
"      --hugepages      RAM in huge pages\n"
"      --leaves SIZE    leaves of the IOMMU, if RAM is in huge pages: large (one\n"
"                       dirty bit stands for 2 MiB), small, or migration: small\n"
"                       only during the migration, or split: large, split by the\n"
"                       kernel when tracking starts (default large)\n"
"      --devices N      DMA devices that write all the time (default 2)\n"
"      --vfs N          ConnectX VFs that write and migrate (default 0)\n"
"      --nics N         network controllers, driven in loopback (default 0)\n"
"      --nic-kind KIND  of this kind: igb, igbvf or e1000e (default igb)\n"
"      --rate N         writes per second of each device, 0 = unlimited\n"
"                       (default 640)\n"
"      --working-set SIZE\n"
"                       RAM that each device writes to, 0 = its whole slot\n"
"                       (default 0)\n"
"      --writes PATTERN which of these pages a DMA device or NIC writes, again and again:\n"
"                       random (each page, in random order), ring (each page, in\n"
"                       ascending order) or sparse (the first page of each 2 MiB)\n"
"                       (default random)\n"
"      --first-vf N     number of the first VF to use (default 1)\n"
"      --set-up N       the guest sets the VFs up again after each of the first N\n"
"                       passes, so that all of their state is new (default 0)\n"
"      --first-device N number of the first DMA device (default 0)\n"
"      --first-nic N    number of the first network controller (default 0)\n"
"      --seed N         seed of RAM contents and writes (default: random, shown)\n"
"\n"
"The migration (source and demo):\n"
"      --tracker MODE   auto, iommu, hwpt (no tracker, but the dirty bits of each\n"
"                       HWPT), or off: send everything once and stop\n"
"                       (default auto)\n"
"      --bitmap         READ a bitmap (default)\n"
"      --ranges         READ ranges\n"
"      --bandwidth SIZE bytes per second to send while devices run, 0 = unlimited\n"
"                       (default 16M)\n"
"      --threshold SIZE stop the devices when no more than SIZE is dirty\n"
"                       (default 1M)\n"
"      --passes N       or after N passes (default 30)\n"
"      --timeout N      give up when the destination has been silent for N seconds,\n"
"                       0 = never (default 60)\n"
"\n"
"      --report DIR     write pictures to DIR, by gnuplot, and their data (source\n"
"                       and demo)\n"
"      --json           one JSON object on standard output instead of text\n"
"  -h, --help           this text\n"
"  -V, --version        version\n"
"\n"
"SIZE is in bytes, or with K, M or G. Exit status: 0 every page matched, 1 a\n"
"page differed, 2 wrong usage, or something is missing or failed, 3 the migration\n"
"failed and the guest continues at the source, 130 interrupted.\n";

static int parse_u64(const char *name, const char *text, bool sizes, u64 *out)
{
	unsigned int shift = 0;
	char *end;
	u64 n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (sizes && end != text && *end) {
		static const char units[] = "KMGT";
		const char *unit = strchr(units, *end & ~0x20);

		if (unit) {
			shift = 10 * (unsigned int)(unit - units + 1);
			end++;
		}
	}
	if (errno || end == text || *end || strchr(text, '-') ||
	    (n << shift) >> shift != n)
		return fail(STATUS_ERROR, "--%s: '%s' is not a %s", name, text,
			    sizes ? "size in bytes, or with K, M, G" :
				    "number");
	*out = n << shift;
	return 0;
}

static int parse_uint(const char *name, const char *text, unsigned int min,
		      unsigned int max, unsigned int *out)
{
	u64 n;
	int status = parse_u64(name, text, false, &n);

	if (status)
		return status;
	if (n < min || n > max)
		return fail(STATUS_ERROR, "--%s: %llu is not between %u and %u",
			    name, n, min, max);
	*out = (unsigned int)n;
	return 0;
}

static int parse_tracker(const char *text, enum tracker_mode *out)
{
	if (!strcmp(text, "auto"))
		*out = TRACKER_AUTO;
	else if (!strcmp(text, "iommu"))
		*out = TRACKER_IOMMU;
	else if (!strcmp(text, "hwpt"))
		*out = TRACKER_HWPT;
	else if (!strcmp(text, "off"))
		*out = TRACKER_OFF;
	else
		return fail(STATUS_ERROR,
			    "--tracker: '%s' is none of auto, iommu, hwpt, off",
			    text);
	return 0;
}

static int parse_writes(const char *text, enum write_pattern *out)
{
	if (!strcmp(text, "random"))
		*out = WRITES_RANDOM;
	else if (!strcmp(text, "ring"))
		*out = WRITES_RING;
	else if (!strcmp(text, "sparse"))
		*out = WRITES_SPARSE;
	else
		return fail(STATUS_ERROR,
			    "--writes: '%s' is none of random, ring, sparse",
			    text);
	return 0;
}

static int parse_leaves(const char *text, struct options *opt)
{
	if (!strcmp(text, "large"))
		opt->leaves = LEAVES_LARGE;
	else if (!strcmp(text, "small"))
		opt->leaves = LEAVES_SMALL;
	else if (!strcmp(text, "migration"))
		opt->leaves = LEAVES_MIGRATION;
	else if (!strcmp(text, "split"))
		opt->leaves = LEAVES_SPLIT;
	else
		return fail(STATUS_ERROR,
			    "--leaves: '%s' is none of large, small, migration, split",
			    text);
	return 0;
}

static int parse_nic_kind(const char *text, const char **out)
{
	if (strcmp(text, "igb") && strcmp(text, "igbvf") && strcmp(text, "e1000e"))
		return fail(STATUS_ERROR, "--nic-kind: '%s' is none of igb, igbvf, e1000e", text);
	*out = text;
	return 0;
}

static int set_text(const char **to, const char *text)
{
	*to = text;
	return 0;
}

static int set_true(bool *to)
{
	*to = true;
	return 0;
}

static int set_role(struct options *opt, enum role role, const char *addr)
{
	if (opt->role != ROLE_NONE)
		return fail(STATUS_ERROR,
			    "only one of --demo, --listen and --to is possible");
	opt->role = role;
	opt->addr = addr;
	return 0;
}

static const struct option longopts[] = {
	{ "demo", no_argument, NULL, 'd' },
	{ "listen", required_argument, NULL, 'l' },
	{ "to", required_argument, NULL, 't' },
	{ "memory", required_argument, NULL, 'm' },
	{ "guest-slots", required_argument, NULL, 'g' },
	{ "iova-base", required_argument, NULL, 'i' },
	{ "hugepages", no_argument, NULL, 'H' },
	{ "leaves", required_argument, NULL, 'L' },
	{ "devices", required_argument, NULL, 'n' },
	{ "vfs", required_argument, NULL, 'v' },
	{ "nics", required_argument, NULL, 'N' },
	{ "nic-kind", required_argument, NULL, 'K' },
	{ "first-nic", required_argument, NULL, 'f' },
	{ "first-vf", required_argument, NULL, 'F' },
	{ "set-up", required_argument, NULL, 'u' },
	{ "first-device", required_argument, NULL, 'D' },
	{ "rate", required_argument, NULL, 'r' },
	{ "working-set", required_argument, NULL, 'w' },
	{ "writes", required_argument, NULL, 'W' },
	{ "seed", required_argument, NULL, 's' },
	{ "tracker", required_argument, NULL, 'T' },
	{ "bitmap", no_argument, NULL, 'B' },
	{ "ranges", no_argument, NULL, 'R' },
	{ "bandwidth", required_argument, NULL, 'b' },
	{ "threshold", required_argument, NULL, 'q' },
	{ "passes", required_argument, NULL, 'p' },
	{ "timeout", required_argument, NULL, 'o' },
	{ "report", required_argument, NULL, 'P' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{}
};

/* What describes the guest, and its devices */
static int parse_guest(struct options *opt, int c, const char *name)
{
	switch (c) {
	case 'm':
		return parse_u64(name, optarg, true, &opt->ram);
	case 'g':
		return parse_uint(name, optarg, 1, MAX_SLOTS, &opt->nr_slots);
	case 'i':
		return parse_u64(name, optarg, true, &opt->iova_base);
	case 'n':
		return parse_uint(name, optarg, 0, MAX_DEVICES, &opt->nr_devices);
	case 'v':
		return parse_uint(name, optarg, 0, MAX_VFS, &opt->nr_vfs);
	case 'F':
		return parse_uint(name, optarg, 1, 255, &opt->first_vf);
	case 'u':
		return parse_uint(name, optarg, 0, MAX_PASSES, &opt->set_up);
	case 'N':
		return parse_uint(name, optarg, 0, MAX_NICS, &opt->nr_nics);
	case 'K':
		return parse_nic_kind(optarg, &opt->nic_kind);
	case 'f':
		return parse_uint(name, optarg, 0, 255, &opt->first_nic);
	case 'D':
		return parse_uint(name, optarg, 0, 255, &opt->first_device);
	case 'r':
		return parse_u64(name, optarg, false, &opt->rate);
	case 'w':
		return parse_u64(name, optarg, true, &opt->working_set);
	case 'W':
		return parse_writes(optarg, &opt->writes);
	case 's':
		return parse_u64(name, optarg, false, &opt->seed);
	case 'L':
		return parse_leaves(optarg, opt);
	case 'H':
		return set_true(&opt->hugepages);
	}
	fputs("Try 'vmigrate --help'.\n", stderr);
	return STATUS_ERROR;
}

static int parse_option(struct options *opt, int c, const char *name)
{
	switch (c) {
	case 'd':
		return set_role(opt, ROLE_DEMO, NULL);
	case 'l':
		return set_role(opt, ROLE_DESTINATION, optarg);
	case 't':
		return set_role(opt, ROLE_SOURCE, optarg);
	case 'T':
		return parse_tracker(optarg, &opt->tracker);
	case 'b':
		return parse_u64(name, optarg, true, &opt->bandwidth);
	case 'q':
		return parse_u64(name, optarg, true, &opt->threshold);
	case 'p':
		return parse_uint(name, optarg, 1, MAX_PASSES, &opt->passes);
	case 'o':
		return parse_uint(name, optarg, 0, 86400, &opt->timeout);
	case 'B':
	case 'R':
		opt->ranges = c == 'R';
		return 0;
	case 'P':
		return set_text(&opt->report, optarg);
	case 'j':
		opt->json = true;
		process.json = true;
		return 0;
	case 'h':
		fputs(usage, stdout);
		exit(STATUS_OK);
	case 'V':
		puts("vmigrate " VMIGRATE_VERSION);
		exit(STATUS_OK);
	}
	return parse_guest(opt, c, name);
}

static int check_options(const struct options *opt)
{
	if (opt->role == ROLE_NONE)
		return fail(STATUS_ERROR,
			    "give --demo, --listen ADDR or --to ADDR; --help lists all options");
	if (!opt->ram || opt->ram % GUEST_PAGE)
		return fail(STATUS_ERROR,
			    "--memory: %llu bytes are not whole pages of %u",
			    opt->ram, GUEST_PAGE);
	if (opt->role != ROLE_DESTINATION && !opt->nr_devices && !opt->nr_vfs && !opt->nr_nics)
		return fail(STATUS_ERROR,
			    "--devices 0: with no --vfs or --nics either, nothing would write to RAM");
	if (opt->role == ROLE_DESTINATION && opt->report)
		return fail(STATUS_ERROR,
			    "--report: only the source knows what was dirty when");
	if (opt->tracker == TRACKER_HWPT && opt->nr_vfs)
		return fail(STATUS_ERROR,
			    "--tracker hwpt: nothing reads what VFs write; leave out --vfs");
	if (opt->leaves != LEAVES_LARGE && !opt->hugepages)
		return fail(STATUS_ERROR,
			    "--leaves: without --hugepages all leaves are small");
	if ((opt->leaves == LEAVES_MIGRATION || opt->leaves == LEAVES_SPLIT) &&
	    (opt->tracker == TRACKER_OFF || opt->tracker == TRACKER_HWPT))
		return fail(STATUS_ERROR,
			    "--leaves migration, split: only with a tracker: --tracker auto or iommu");
	if (opt->iova_base % GUEST_PAGE || opt->iova_base >> 52)
		return fail(STATUS_ERROR,
			    "--iova-base: %#llx is not a multiple of %u below 2^52",
			    opt->iova_base, GUEST_PAGE);
	if (opt->working_set % GUEST_PAGE)
		return fail(STATUS_ERROR,
			    "--working-set: %llu bytes are not whole pages of %u",
			    opt->working_set, GUEST_PAGE);
	return 0;
}

static int parse(struct options *opt, int argc, char **argv)
{
	int status, c, i;

	for (;;) {
		i = -1;
		c = getopt_long(argc, argv, "m:hV", longopts, &i);
		if (c < 0)
			break;
		status = parse_option(opt, c, i < 0 ? "memory" :
						      longopts[i].name);
		if (status)
			return status;
	}
	if (optind < argc)
		return fail(STATUS_ERROR, "unexpected argument '%s'",
			    argv[optind]);
	return check_options(opt);
}

static int run_demo(const struct options *opt)
{
	int fds[2], wstatus = 0;
	int status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return fail(STATUS_ERROR, "socketpair: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return fail(STATUS_ERROR, "fork: %s", strerror(errno));
	if (!pid) {
		struct options quiet = *opt;

		close(fds[0]);
		process.who = "destination: ";
		process.json = false;
		quiet.quiet = true;
		/* Devices of its own. */
		quiet.first_vf += opt->nr_vfs;
		quiet.first_device += opt->nr_devices;
		quiet.first_nic += opt->nr_nics;
		_exit(run_destination(&quiet, fds[1]));
	}
	close(fds[1]);
	process.child = pid;
	status = run_source(opt, fds[0]);
	process.child = 0;
	while (waitpid(pid, &wstatus, 0) < 0 && errno == EINTR)
		;
	/* It has said itself what was wrong; a mismatch both have seen. */
	if (!status && wstatus)
		status = fail(STATUS_ERROR, "the destination failed");
	return status;
}

int main(int argc, char **argv)
{
	struct options opt = {
		.ram = 64ull << 20,
		.nr_slots = 2,
		.nr_devices = 2,
		.first_vf = 1,
		.nic_kind = "igb",
		.rate = 640,
		.bandwidth = 16ull << 20,
		.threshold = 1ull << 20,
		.passes = 30,
		.timeout = 60,
	};
	int status, fd;

	if (getrandom(&opt.seed, sizeof(opt.seed), GRND_NONBLOCK) < 0)
		opt.seed = now_ns();
	status = parse(&opt, argc, argv);
	if (!status)
		status = catch_signals();
	if (status)
		return status;

	switch (opt.role) {
	case ROLE_DESTINATION:
		status = net_listen(opt.addr, &fd);
		if (!status)
			status = run_destination(&opt, fd);
		break;
	case ROLE_SOURCE:
		status = net_connect(opt.addr, &fd);
		if (!status)
			status = run_source(&opt, fd);
		break;
	default:
		status = run_demo(&opt);
	}
	if (status == STATUS_INTERRUPTED)
		fail(status, "interrupted: %s", process.handed_over ?
		     "the guest was handed over, but there is no proof that it continues" :
		     "nothing was migrated");
	if (fflush(stdout) || ferror(stdout))
		status = fail(STATUS_ERROR, "cannot write the report: %s",
			      strerror(errno));
	return status;
}
