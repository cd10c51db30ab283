// SPDX-License-Identifier: GPL-2.0-only
/*
 * top: what is getting dirty, how fast, by device and tracker. On a terminal a screen
 * that is redrawn every interval, with what is degraded in red; else lines. With
 * --record, the same goes to a file.
 */
#include <inttypes.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "iommufdctl.h"
#include "record.h"

#define MIB (1024.0 * 1024.0)

/**
 * struct sample - What the kernel says at one time
 * @at: Seconds
 * @trackers: Trackers
 * @sources: Their sources
 * @devices: Devices, for their names
 */
struct sample {
	double at;
	struct objects trackers, sources, devices;
};

enum sort { SORT_RATE, SORT_PENDING, SORT_NAME, NR_SORTS };

static const char * const sort_names[NR_SORTS] = { "rate", "pending", "name" };

static enum sort sort;
static volatile sig_atomic_t interrupted;
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void sample_free(struct sample *s)
{
	objects_free(&s->trackers);
	objects_free(&s->sources);
	objects_free(&s->devices);
}

static int sample_take(struct sample *s)
{
	int status;

	memset(s, 0, sizeof(*s));
	s->at = now();
	status = kernel_dump(IOMMUFD_DIRTY_CMD_TRACKER_GET, 0, 0, 0, &s->trackers);
	if (!status)
		status = kernel_dump(IOMMUFD_DIRTY_CMD_SOURCE_GET, 0, 0, 0, &s->sources);
	if (!status)
		status = kernel_dump(IOMMUFD_DIRTY_CMD_DEVICE_GET, 0, 0, 0, &s->devices);
	return status;
}

/* The object of the same name in another answer, or NULL */
static const struct object *find(const struct objects *in, const struct object *like,
				 int attr, int attr2)
{
	unsigned int i;

	for (i = 0; i < in->nr; i++) {
		const struct object *o = &in->object[i];

		if (o->number[IOMMUFD_DIRTY_A_CONTEXT] ==
			    like->number[IOMMUFD_DIRTY_A_CONTEXT] &&
		    o->number[attr] == like->number[attr] &&
		    o->number[attr2] == like->number[attr2])
			return o;
	}
	return NULL;
}

static uint64_t grown(const struct object *now_is, const struct object *was, int attr)
{
	uint64_t before = was ? was->number[attr] : 0;

	/* It has been started again */
	return now_is->number[attr] < before ? now_is->number[attr] :
					       now_is->number[attr] - before;
}

static void row_fill(struct row *row, const struct object *o, const struct sample *s,
		     const struct sample *before)
{
	const struct object *tracker = find(&s->trackers, o, IOMMUFD_DIRTY_A_TRACKER,
					    IOMMUFD_DIRTY_A_TRACKER_HWPT);
	const struct object *device = find(&s->devices, o, IOMMUFD_DIRTY_A_DEVICE,
					   IOMMUFD_DIRTY_A_DEVICE);
	const struct object *was = find(&before->sources, o, IOMMUFD_DIRTY_A_DEVICE,
					IOMMUFD_DIRTY_A_HWPT);
	uint64_t harvests = was ? grown(o, was, IOMMUFD_DIRTY_A_HARVESTS) : 0;
	double seconds = s->at - before->at;

	memset(row, 0, sizeof(*row));
	row->context = o->number[IOMMUFD_DIRTY_A_CONTEXT];
	snprintf(row->tracker, sizeof(row->tracker), "%s", tracker_name(o));
	row->device = o->number[IOMMUFD_DIRTY_A_DEVICE];
	row->hwpt = o->number[IOMMUFD_DIRTY_A_HWPT];
	row->kind = o->number[IOMMUFD_DIRTY_A_KIND];
	if (row->device && device && has(device, IOMMUFD_DIRTY_A_NAME))
		strcpy(row->name, device->string[IOMMUFD_DIRTY_A_NAME]);
	else if (row->device)
		snprintf(row->name, sizeof(row->name), "device %" PRIu64, row->device);
	else
		snprintf(row->name, sizeof(row->name), "hwpt %" PRIu64, row->hwpt);
	if (tracker) {
		row->pending = tracker->number[IOMMUFD_DIRTY_A_PENDING];
		row->failed = tracker->number[IOMMUFD_DIRTY_A_OUT_FLAGS] &
			      IOMMU_DIRTY_TRACKER_DEGRADED;
	}
	row->failed |= o->number[IOMMUFD_DIRTY_A_STATE] == IOMMU_DIRTY_SOURCE_FAILED;
	if (was && seconds > 0)
		row->rate = (double)grown(o, was, IOMMUFD_DIRTY_A_DIRTY_BYTES) / seconds;
	if (harvests)
		row->harvest_ms = (double)grown(o, was, IOMMUFD_DIRTY_A_HARVEST_NS) / 1e6 /
				  (double)harvests;
}

static int compare(const void *va, const void *vb)
{
	const struct row *a = va, *b = vb;

	if (sort == SORT_RATE && a->rate != b->rate)
		return a->rate < b->rate ? 1 : -1;
	if (sort == SORT_PENDING && a->pending != b->pending)
		return a->pending < b->pending ? 1 : -1;
	if (a->context != b->context)
		return a->context < b->context ? -1 : 1;
	return strcmp(a->name, b->name);
}

static struct row *rows_make(const struct sample *s, const struct sample *before,
			     unsigned int *nr)
{
	struct row *rows = calloc(s->sources.nr + 1, sizeof(*rows));
	unsigned int i;

	*nr = 0;
	for (i = 0; rows && i < s->sources.nr; i++)
		if (!has(&s->sources.object[i], IOMMUFD_DIRTY_A_BUSY))
			row_fill(&rows[(*nr)++], &s->sources.object[i], s, before);
	if (rows)
		qsort(rows, *nr, sizeof(*rows), compare);
	return rows;
}

#define HEAD "TRACKER      DEVICE           SOURCE      MiB/s   PENDING KiB  HARVEST ms"

static void row_text(const struct row *row, char *text, size_t len)
{
	snprintf(text, len, "%-12s %-16s %-7s %9.2f %13.1f %11.3f%s", row->tracker, row->name,
		 kind_name(row->kind), row->rate / MIB,
		 (double)row->pending / 1024, row->harvest_ms,
		 row->failed ? "  degraded" : "");
}

static void draw(const struct row *rows, unsigned int nr, double interval, bool paused)
{
	char text[160];
	unsigned int i;

	erase();
	mvprintw(0, 0, "iommufdctl top: %u sources, every %g s, by %s%s   (s sort, p pause, q quit)",
		 nr, interval, sort_names[sort], paused ? ", paused" : "");
	attron(A_REVERSE);
	mvprintw(2, 0, "%-*s", COLS, HEAD);
	attroff(A_REVERSE);
	for (i = 0; i < nr && (int)i + 3 < LINES; i++) {
		row_text(&rows[i], text, sizeof(text));
		if (rows[i].failed)
			attron(COLOR_PAIR(1) | A_BOLD);
		mvaddnstr((int)i + 3, 0, text, COLS);
		if (rows[i].failed)
			attroff(COLOR_PAIR(1) | A_BOLD);
	}
	refresh();
}

static void print_rows(const struct row *rows, unsigned int nr)
{
	char text[160];
	unsigned int i;

	puts(HEAD);
	for (i = 0; i < nr; i++) {
		row_text(&rows[i], text, sizeof(text));
		puts(text);
	}
	fflush(stdout);
}

/* Wait for the next interval. False: the user wants to end it. */
static bool keys(double until, bool *paused, bool *again)
{
	*again = false;
	for (;;) {
		double left = until - now();
		int key;

		if (interrupted)
			return false;
		if (left < 0)
			left = 0;
		timeout((int)(left * 1000));
		key = getch();
		switch (key) {
		case 'q':
			return false;
		case 'p':
			*paused = !*paused;
			*again = true;
			return true;
		case 's':
			sort = (sort + 1) % NR_SORTS;
			*again = true;
			return true;
		case ERR:
			if (now() >= until)
				return true;
		}
	}
}

/* Also before a message is printed */
static void screen_end(void)
{
	if (before_message)
		endwin();
	before_message = NULL;
}

static void screen_begin(void)
{
	initscr();
	before_message = screen_end;
	cbreak();
	noecho();
	curs_set(0);
	if (has_colors()) {
		start_color();
		init_pair(1, COLOR_RED, use_default_colors() == OK ? -1 : COLOR_BLACK);
	}
}

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/* A record is ended in order, also when its user has had enough. */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction action = { .sa_handler = on_signal };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

/* Of an interval that has ended */
static int show_rows(const struct row *rows, unsigned int nr, double seconds, double interval,
		     bool screen)
{
	if (screen)
		draw(rows, nr, interval, false);
	else
		print_rows(rows, nr);
	return record_rows(seconds, rows, nr);
}

/* What is shown: by @count intervals, or until the user ends it. */
static int top_loop(double interval, unsigned long count, bool screen)
{
	bool paused = false, again = false;
	struct sample before, s;
	struct row *rows = NULL;
	unsigned int nr = 0;
	int status;

	status = sample_take(&before);
	while (!status && !interrupted && !ferror(stdout)) {
		if (!screen)
			usleep((useconds_t)(interval * 1e6));
		else if (!keys(paused ? now() + interval : before.at + interval, &paused,
			       &again))
			break;
		if (interrupted)
			break;
		if (again && rows)
			qsort(rows, nr, sizeof(*rows), compare);
		if (again || paused) {
			draw(rows, nr, interval, paused);
			continue;
		}
		status = sample_take(&s);
		if (status)
			break;
		free(rows);
		rows = rows_make(&s, &before, &nr);
		status = rows ? show_rows(rows, nr, s.at - before.at, interval, screen) :
				fail("out of memory");
		sample_free(&before);
		before = s;
		if (count && !--count)
			break;
	}
	free(rows);
	sample_free(&before);
	return status;
}

/** cmd_top() - Top [-d SECONDS] [-n COUNT] [--record FILE] */
int cmd_top(int argc, char **argv)
{
	bool screen = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
	const char *record = NULL;
	double interval = 1;
	unsigned long count = 0;
	char *end;
	int i, status = STATUS_OK;

	for (i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--record")) {
			record = argv[i + 1];
			continue;
		}
		if (!strcmp(argv[i], "-d"))
			interval = strtod(argv[i + 1], &end);
		else if (!strcmp(argv[i], "-n"))
			count = strtoul(argv[i + 1], &end, 10);
		else
			break;
		if (end == argv[i + 1] || *end)
			return fail("top: '%s' is no number", argv[i + 1]);
	}
	if (i < argc)
		return fail("top: '%s' is not an option of it", argv[i]);
	if (!(interval >= 0.1 && interval <= 3600))
		return fail("top: -d is from 0.1 to 3600 seconds");
	if (record)
		status = record_open(record, interval);
	if (screen && !status)
		screen_begin();
	if (record)
		catch_signals();
	if (!status)
		status = top_loop(interval, count, screen);
	screen_end();
	record_close();
	return status;
}
