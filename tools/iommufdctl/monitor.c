// SPDX-License-Identifier: GPL-2.0-only
/*
 * monitor: one line for each event, until interrupted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iommufdctl.h"

static uint64_t last_seq;
static uint64_t since_ns;
static bool missed;

static void print_missing(uint64_t seq)
{
	uint64_t lost = seq - last_seq - 1;
	struct json_object *json;

	missed = false;
	if (!last_seq || !lost)
		return;
	if (options.json) {
		json = json_object_new_object();
		json_object_object_add(json, "event", json_object_new_string("lost"));
		json_object_object_add(json, "lost", json_object_new_uint64(lost));
		print_json(json);
	} else {
		printf("%" PRIu64 " events were lost\n", lost);
	}
}

static int on_event(const struct object *ev)
{
	uint64_t seq = ev->number[IOMMUFD_DIRTY_A_EVENT_SEQ];

	print_missing(seq);
	last_seq = seq;
	if (ev->number[IOMMUFD_DIRTY_A_TIME_NS] >= since_ns) {
		if (options.json)
			print_json(json_of(ev));
		else
			print_event(ev);
	}
	fflush(stdout);
	return 0;
}

/* What was missed, the trackers as they are now make good. */
static int on_lost(void)
{
	if (missed)
		return STATUS_OK;
	missed = true;
	if (options.json)
		return STATUS_OK;
	puts("events were lost, because they came faster than they were read; the trackers now:");
	return show_trackers();
}

static int parse_since(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0) || seconds > 1e10)
		return fail("--since: '%s' is no time in seconds since 1970", text);
	since_ns = (uint64_t)(seconds * 1e9);
	return STATUS_OK;
}

/** cmd_monitor() - Monitor [--since SECONDS] */
int cmd_monitor(int argc, char **argv)
{
	int status = STATUS_OK;

	if (argc == 3 && !strcmp(argv[1], "--since"))
		status = parse_since(argv[2]);
	else if (argc > 1)
		status = fail("monitor: '%s' is not an option of it", argv[1]);
	if (!status)
		status = kernel_listen();
	/* Lines are read by programs, one at a time */
	options.pretty = false;
	/* main() says that the output cannot be written */
	while (!status && !ferror(stdout))
		status = kernel_events(on_event, on_lost);
	return status;
}
