// SPDX-License-Identifier: GPL-2.0-only
/*
 * top --record: what it shows, in a file that "plot" draws. A line is a JSON object: the
 * first says what the file is, each of the others is an interval. All of a line is
 * written at once, so a record that was interrupted ends with a whole interval, or with
 * a part of a line that can be left out.
 *
 * A tracepoint shows where READs found dirty pages, in a trace of its own
 * (instances/ of tracefs); what devices do that migrate, by events.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../lib/json.h"
#include "iommufdctl.h"
#include "record.h"

#define TRACING "/sys/kernel/tracing"

/* READs of different ranges in an interval; what is more is left out, and counted */
#define MAX_READS 1024

/**
 * struct dirty_read - READs of one range in an interval
 * @context: Number of the context
 * @first: First byte
 * @length: Bytes
 * @dirty: Bytes that they delivered
 */
struct dirty_read {
	uint64_t context, first, length, dirty;
};

static const char *path;
static FILE *file;
static uint64_t begin_ns;

static char instance[64];
static int pipe_fd = -1;
static char rest[512];		/* a line that has not come to its end */
static struct dirty_read reads[MAX_READS];
static unsigned int nr_reads, left_out;

static struct json_object *migration;
static unsigned int lost;

/* ---- The trace ---- */

static int write_text(const char *name, const char *text)
{
	ssize_t len = (ssize_t)strlen(text);
	char full[160];
	int fd, rc = 0;

	snprintf(full, sizeof(full), "%s/%s", instance, name);
	fd = open(full, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, (size_t)len) != len)
		rc = -errno;
	close(fd);
	return rc;
}

static void trace_end(void)
{
	if (pipe_fd >= 0)
		close(pipe_fd);
	pipe_fd = -1;
	if (*instance) {
		write_text("events/iommufd_dirty/dirty_read/enable", "0");
		rmdir(instance);
	}
	*instance = 0;
}

static int trace_begin(void)
{
	char full[160];
	int rc;

	snprintf(instance, sizeof(instance), TRACING "/instances/iommufdctl-%d", getpid());
	if (mkdir(instance, 0700)) {
		rc = -errno;
		*instance = 0;
		return rc;
	}
	snprintf(full, sizeof(full), "%s/trace_pipe", instance);
	pipe_fd = open(full, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	rc = pipe_fd < 0 ? -errno : write_text("events/iommufd_dirty/dirty_read/enable", "1");
	if (rc)
		trace_end();
	return rc;
}

static void trace_line(const char *line)
{
	const char *at = strstr(line, " dirty_read: ");
	struct dirty_read r;
	unsigned int tracker, i;
	uint64_t ns;
	int peek;

	if (!at || sscanf(at, " dirty_read: context=%" SCNu64 " tracker=%u first=%" SCNx64
			  " length=%" SCNu64 " dirty=%" SCNu64 " ns=%" SCNu64 " peek=%d",
			  &r.context, &tracker, &r.first, &r.length, &r.dirty, &ns,
			  &peek) != 7 || peek || !r.length)
		return;
	for (i = 0; i < nr_reads; i++) {
		if (reads[i].context == r.context && reads[i].first == r.first &&
		    reads[i].length == r.length) {
			reads[i].dirty += r.dirty;
			return;
		}
	}
	if (nr_reads < MAX_READS)
		reads[nr_reads++] = r;
	else
		left_out++;
}

static void trace_take(void)
{
	char text[4096 + sizeof(rest)], *line, *end;
	size_t kept;
	ssize_t n;

	while (pipe_fd >= 0) {
		kept = strlen(rest);
		memcpy(text, rest, kept);
		n = read(pipe_fd, text + kept, sizeof(text) - kept - 1);
		if (n <= 0)
			break;
		text[kept + (size_t)n] = 0;
		for (line = text; (end = strchr(line, '\n')); line = end + 1) {
			*end = 0;
			trace_line(line);
		}
		/* No line of ours is that long */
		kept = strlen(line);
		if (kept >= sizeof(rest))
			kept = 0;
		memcpy(rest, line, kept);
		rest[kept] = 0;
	}
}

/* ---- Events ---- */

static double since_begin(uint64_t ns)
{
	return ns > begin_ns ? (double)(ns - begin_ns) / 1e9 : 0;
}

static int on_event(const struct object *ev)
{
	struct json_object *entry, *all;

	if (ev->number[IOMMUFD_DIRTY_A_EVENT] != IOMMUFD_DIRTY_EVENT_TYPE_MIGRATION)
		return 0;
	all = json_of(ev);
	entry = json_add_entry(migration);
	json_object_object_add(entry, "time", json_object_new_double(
				since_begin(ev->number[IOMMUFD_DIRTY_A_TIME_NS])));
	json_add_number(entry, "context", ev->number[IOMMUFD_DIRTY_A_CONTEXT]);
	json_add_text(entry, "name", ev->string[IOMMUFD_DIRTY_A_NAME], 32);
	json_object_object_add(entry, "state",
		json_object_get(json_object_object_get(all, "migration")));
	json_object_put(all);
	return 0;
}

static int on_lost(void)
{
	lost++;
	return STATUS_OK;
}

/* ---- The file ---- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int put_line(struct json_object *json)
{
	int rc = json_write(file, json, false);

	if (fflush(file) && !rc)
		rc = -errno;
	return rc ? fail("--record %s: %s", path, strerror(-rc)) : STATUS_OK;
}

/**
 * record_open() - Begin a record
 * @name: Of the file, which is overwritten
 * @interval: Seconds
 *
 * Return: STATUS_OK, or the exit status after a message.
 */
int record_open(const char *name, double interval)
{
	struct json_object *json;
	int rc;

	path = name;
	file = fopen(path, "we");
	if (!file)
		return fail("--record %s: %s", path, strerror(errno));
	rc = kernel_listen();
	if (rc)
		return rc;
	rc = trace_begin();
	if (rc)
		fprintf(stderr, "iommufdctl: --record: no heat map, since there is no trace in " TRACING ": %s\n",
			strerror(-rc));
	begin_ns = now_ns();
	migration = json_object_new_array();
	json = json_object_new_object();
	json_add_number(json, "iommufdctl-record", RECORD_VERSION);
	json_add_text(json, "version", IOMMUFDCTL_VERSION, 16);
	json_add_number(json, "begin-ns", begin_ns);
	json_object_object_add(json, "interval", json_object_new_double(interval));
	json_add_bool(json, "reads", !rc);
	return put_line(json);
}

static void add_rows(struct json_object *json, const struct row *rows, unsigned int nr)
{
	struct json_object *list = json_add_list(json, "sources"), *entry;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		entry = json_add_entry(list);
		json_add_text(entry, "tracker", rows[i].tracker, sizeof(rows[i].tracker));
		json_add_text(entry, "name", rows[i].name, sizeof(rows[i].name));
		json_add_text(entry, "kind", kind_name(rows[i].kind), 16);
		json_object_object_add(entry, "rate", json_object_new_double(rows[i].rate));
		json_add_number(entry, "pending", rows[i].pending);
		json_object_object_add(entry, "harvest-ms",
				       json_object_new_double(rows[i].harvest_ms));
		json_add_bool(entry, "degraded", rows[i].failed);
	}
}

static void add_reads(struct json_object *json)
{
	struct json_object *list = json_add_list(json, "reads"), *entry;
	unsigned int i;

	trace_take();
	for (i = 0; i < nr_reads; i++) {
		entry = json_add_entry(list);
		json_add_number(entry, "context", reads[i].context);
		json_add_number(entry, "first", reads[i].first);
		json_add_number(entry, "length", reads[i].length);
		json_add_number(entry, "dirty", reads[i].dirty);
	}
	if (left_out)
		json_add_number(json, "reads-left-out", left_out);
	nr_reads = left_out = 0;
}

/**
 * record_rows() - Record an interval, if there is a record
 * @seconds: How long it was
 * @rows: What top shows
 * @nr: How many
 *
 * Return: STATUS_OK, or the exit status after a message.
 */
int record_rows(double seconds, const struct row *rows, unsigned int nr)
{
	struct json_object *json;
	int status = STATUS_OK;

	if (!file)
		return STATUS_OK;
	while (!status && kernel_has_event())
		status = kernel_events(on_event, on_lost);
	if (status)
		return status;
	json = json_object_new_object();
	json_object_object_add(json, "time", json_object_new_double(since_begin(now_ns())));
	json_object_object_add(json, "seconds", json_object_new_double(seconds));
	add_rows(json, rows, nr);
	add_reads(json);
	json_object_object_add(json, "migration", migration);
	migration = json_object_new_array();
	if (lost)
		json_add_number(json, "events-lost", lost);
	lost = 0;
	return put_line(json);
}

/** record_close() - End a record, if there is one */
void record_close(void)
{
	trace_end();
	json_object_put(migration);
	migration = NULL;
	if (file)
		fclose(file);
	file = NULL;
}
