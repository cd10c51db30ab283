// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufdctl: the command line.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iommufdctl.h"

static const char usage[] =
"Usage: iommufdctl [options] command [arguments]\n"
"\n"
"Show and watch the dirty trackers of this host, and set its policies.\n"
"\n"
"Commands:\n"
"  show [KIND [CONTEXT[/ID]]]  objects; KIND is context, ioas, hwpt, device or\n"
"                              tracker\n"
"  plan [CONTEXT[/TRACKER]]    the sources of trackers\n"
"  monitor [--since SECONDS]   one line for each event, until interrupted\n"
"  top [-d SECONDS] [-n COUNT] dirty bytes per second, by device and tracker; keys:\n"
"                              s sort, p pause, q quit\n"
"      [--record FILE]         and write them to FILE\n"
"  plot FILE -o DIR            draw such a record, by gnuplot\n"
"  policy [show]               defaults for new trackers, IOASes and HWPTs\n"
"  policy set NAME VALUE       default auto|iommu|device, small-leaves on|off,\n"
"                              serve-hwpt-ioctls on|off\n"
"  policy save [FILE]          keep them over a reboot, in /etc/modprobe.d\n"
"  check [--up-to ADDRESS] [PCI-ADDRESS ...]\n"
"                              how precise a migration would be with these devices,\n"
"                              or with all that are bound to vfio; a VM maps\n"
"                              nothing from ADDRESS on\n"
"\n"
"Options:\n"
"  -j, --json     JSON\n"
"  -p, --pretty   JSON with line breaks\n"
"  -h, --help     this text\n"
"  -V, --version  version\n"
"\n"
"Exit status: 0; 1 check: pages would be reported dirty only because they are\n"
"mapped, or that is not known; 2 wrong usage, no permission, or no answer.\n";

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	bool needs_family;
} commands[] = {
	{ "show", cmd_show, true },
	{ "plan", cmd_plan, true },
	{ "monitor", cmd_monitor, true },
	{ "top", cmd_top, true },
	{ "plot", cmd_plot, false },
	{ "policy", cmd_policy, true },
	{ "check", cmd_check, false },
};

static int run(int argc, char **argv)
{
	unsigned int i;
	int status;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[0], commands[i].name))
			continue;
		status = commands[i].needs_family ? kernel_open() : STATUS_OK;
		if (!status)
			status = commands[i].run(argc, argv);
		kernel_close();
		return status;
	}
	return fail("'%s' is no command: iommufdctl --help lists them", argv[0]);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "pretty", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{},
	};
	int c, status;

	/* + : what follows the command belongs to it */
	while ((c = getopt_long(argc, argv, "+jphV", longs, NULL)) != -1) {
		switch (c) {
		case 'p':
			options.pretty = true;
			/* fallthrough */
		case 'j':
			options.json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return STATUS_OK;
		case 'V':
			puts("iommufdctl " IOMMUFDCTL_VERSION);
			return STATUS_OK;
		default:
			return STATUS_ERROR;
		}
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return STATUS_ERROR;
	}
	status = run(argc - optind, argv + optind);
	if (fflush(stdout) || ferror(stdout))
		status = fail("the output cannot be written");
	return status;
}
