// SPDX-License-Identifier: GPL-2.0-only
/*
 * The events of a whole migration, as "iommufdctl -j monitor" prints them beside
 * vmigrate: each of the source's in its order, none missing, and the migration states of
 * a VF as they follow one another.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <json-c/json.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "../lib/vf.h"

#define MAX_EVENTS 2000

/* What is looked at of an event */
struct event {
	char what[16];
	char name[32];
	char from[24], to[24];
	unsigned long long seq, context, bytes;
};

static pid_t start(const char *program, const char *a, const char *b, int out, int err)
{
	pid_t pid = fork();

	if (!pid) {
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		execlp(program, program, a, b, NULL);
		_exit(127);
	}
	return pid;
}

static void text_of(struct json_object *json, const char *name, char *to, size_t len)
{
	struct json_object *v;

	*to = 0;
	if (json_object_object_get_ex(json, name, &v))
		snprintf(to, len, "%s", json_object_get_string(v));
}

static unsigned long long number_of(struct json_object *json, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(json, name, &v) ? json_object_get_uint64(v) : 0;
}

static int parse(const char *line, struct event *ev)
{
	struct json_object *json = json_tokener_parse(line);

	if (!json)
		return -1;
	text_of(json, "event", ev->what, sizeof(ev->what));
	text_of(json, "name", ev->name, sizeof(ev->name));
	text_of(json, "old-migration", ev->from, sizeof(ev->from));
	text_of(json, "migration", ev->to, sizeof(ev->to));
	ev->seq = number_of(json, "event-seq");
	ev->context = number_of(json, "context");
	ev->bytes = number_of(json, "dirty-bytes");
	json_object_put(json);
	return 0;
}

FIXTURE(events) {
	struct event events[MAX_EVENTS];
	unsigned int nr;
	pid_t monitor;
	FILE *f;
};

/* One line, if one comes within @ms. */
static bool take(FILE *f, int ms, struct event *ev)
{
	struct pollfd p = { .fd = fileno(f), .events = POLLIN };
	char line[1024];

	return poll(&p, 1, ms) == 1 && fgets(line, sizeof(line), f) && !parse(line, ev);
}

FIXTURE_SETUP(events)
{
	int fds[2], null = open("/dev/null", O_WRONLY), fd, i;
	__u32 ioas, tracker;
	struct event ev;

	ASSERT_EQ(0, vf_create(2));
	ASSERT_EQ(0, pipe(fds));
	self->monitor = start("iommufdctl", "-j", "monitor", fds[1], null);
	close(fds[1]);
	close(null);
	self->f = fdopen(fds[0], "r");
	setvbuf(self->f, NULL, _IONBF, 0);
	/* It listens once it has printed something */
	fd = iommufd_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, iommufd_ioas_alloc(fd, &ioas));
	for (i = 0; i < 500; i++) {
		ASSERT_EQ(0, tracker_alloc(fd, ioas, 0, 0, 0, &tracker));
		ASSERT_EQ(0, iommufd_destroy(fd, tracker));
		if (take(self->f, 20, &ev))
			break;
	}
	ASSERT_LT(i, 500);
	close(fd);
	while (take(self->f, 500, &ev))
		;
}

FIXTURE_TEARDOWN(events)
{
	kill(self->monitor, SIGTERM);
	waitpid(self->monitor, NULL, 0);
	fclose(self->f);
	EXPECT_EQ(0, vf_create(0));
}

/* The first of these from @at on; @nr if there is none. */
static unsigned int next(const struct event *events, unsigned int nr, unsigned int at,
			 unsigned long long context, const char *what, const char *to)
{
	for (; at < nr; at++)
		if (events[at].context == context && !strcmp(events[at].what, what) &&
		    (!to || !strcmp(events[at].to, to)))
			break;
	return at;
}

/* Run vmigrate, and take events until it has ended and no more come; its status */
static int run_vmigrate(FIXTURE_DATA(events) *self)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execlp("vmigrate", "vmigrate", "--demo", "-m", "16M", "--vfs", "1",
		       "--devices", "0", NULL);
		_exit(127);
	}
	for (status = -1; status < 0 || self->nr < MAX_EVENTS;) {
		if (take(self->f, status < 0 ? 200 : 2000, &self->events[self->nr])) {
			if (self->nr < MAX_EVENTS - 1)
				self->nr++;
		} else if (status >= 0) {
			break;
		}
		if (status < 0 && waitpid(pid, &status, WNOHANG) != pid)
			status = -1;
	}
	return status;
}

TEST_F(events, migration)
{
	static const struct {
		const char *what, *to;
	} order[] = {
		{ "created" }, { "plan" }, { "started" }, { "migration", "PRE_COPY" },
		{ "read" }, { "migration", "STOP_COPY" }, { "stopped" }, { "destroyed" },
	};
	unsigned long long source;
	unsigned int i, at = 0;
	char state[32] = "";

	ASSERT_EQ(0, run_vmigrate(self));
	ASSERT_LT(0, self->nr);
	for (i = 1; i < self->nr; i++)
		EXPECT_EQ(self->events[i - 1].seq + 1, self->events[i].seq);

	/* The source's context is the one that has a tracker */
	for (i = 0; i < self->nr && strcmp(self->events[i].what, "created"); i++)
		;
	ASSERT_LT(i, self->nr);
	source = self->events[i].context;
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		unsigned int found = next(self->events, self->nr,
					  order[i].to ? 0 : at, source,
					  order[i].what, order[i].to);

		EXPECT_LT(found, self->nr)
			TH_LOG("no %s %s behind event %u of %u", order[i].what,
			       order[i].to ? order[i].to : "", at, self->nr);
		if (!order[i].to)
			at = found;
	}
	/* Each state begins where the one before has ended */
	for (i = 0; i < self->nr; i++) {
		const struct event *ev = &self->events[i];

		if (ev->context != source || strcmp(ev->what, "migration"))
			continue;
		if (*state)
			EXPECT_STREQ(state, ev->from);
		snprintf(state, sizeof(state), "%s", ev->to);
	}
	EXPECT_STRNE("", state);
	TH_LOG("%u events; the source's VF ends in %s", self->nr, state);
}

TEST_HARNESS_MAIN
