// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufdctl, as a person or a program uses it: each command, in words and in JSON, its
 * exit status and what it says when something is wrong.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <json-c/json.h>

#include "kselftest_harness.h"
#include "ctl_fixture.h"

TEST_F(ctl, show)
{
	struct ctl_run *r = &self->r;
	struct json_object *json;
	char line[128];

	ctl(r, "show");
	ASSERT_EQ(0, r->status);
	snprintf(line, sizeof(line), "context %llu: ", self->context);
	EXPECT_NE(NULL, strstr(r->out, line));
	snprintf(line, sizeof(line), "ioas %llu/%u: 1 MiB in 1 mappings, 1 MiB pinned\n",
		 self->context, self->ioas_id);
	EXPECT_NE(NULL, strstr(r->out, line)) TH_LOG("%s", r->out);
	snprintf(line, sizeof(line), "device %llu/%u: %s, group ", self->context,
		 self->dev.dev_id, self->dev.name);
	EXPECT_NE(NULL, strstr(r->out, line)) TH_LOG("%s", r->out);
	EXPECT_NE(NULL, strstr(r->out, ", dirty bits (amd), leaves from 4 KiB, automatic\n"));
	snprintf(line, sizeof(line), "tracker %llu/%u: of ioas %u, not started, policy auto",
		 self->context, self->tracker_id, self->ioas_id);
	EXPECT_NE(NULL, strstr(r->out, line)) TH_LOG("%s", r->out);

	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	ctl(r, "-p show tracker %llu/%u", self->context, self->tracker_id);
	ASSERT_EQ(0, r->status);
	json = json_tokener_parse(r->out);
	EXPECT_STREQ("[ \"running\" ]", ctl_value(ctl_entry(json, "tracker", "tracker",
							    self->tracker_id), "out-flags"));
	json_object_put(json);
	/* One line each with -j, several with -p */
	EXPECT_LT(strchr(r->out, '\n'), r->out + strlen(r->out) - 1);
	ctl(r, "-j show tracker");
	EXPECT_EQ(strchr(r->out, '\n'), r->out + strlen(r->out) - 1);
}

/* A name is a name, whatever a process calls itself. */
TEST_F(ctl, process_names)
{
	struct ctl_run *r = &self->r;
	struct json_object *json;
	char line[128];
	int ready[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		prctl(PR_SET_NAME, "a\033[2J\nb\xff\x7f");
		if (iommufd_open() >= 0 && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ctl(r, "show context");
	snprintf(line, sizeof(line), ": a?[2J?b?? (pid %d), ", pid);
	EXPECT_NE(NULL, strstr(r->out, line)) TH_LOG("%s", r->out);
	ctl(r, "-j show context");
	json = json_tokener_parse(r->out);
	EXPECT_STREQ("a?[2J?b??", ctl_value(ctl_entry(json, "context", "pid", (uint64_t)pid),
					    "comm"));
	json_object_put(json);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
}

/* One that upstream's ioctls have made is shown by its HWPT, and found so. */
TEST_F(ctl, hwpt_tracker)
{
	struct ctl_run *r = &self->r;
	struct json_object *json;
	char line[128];
	__u32 hwpt;

	ASSERT_EQ(0, iommufd_destroy(self->fd, self->tracker_id));
	ASSERT_EQ(0, iommufd_hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt));
	ASSERT_EQ(0, vdev_attach(&self->dev, hwpt, NULL));
	ctl(r, "show tracker %llu/hwpt%u", self->context, hwpt);
	EXPECT_EQ(2, r->status);
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->fd, hwpt, true));
	snprintf(line, sizeof(line), "tracker %llu/hwpt%u: of hwpt %u of ioas %u, running, policy",
		 self->context, hwpt, hwpt, self->ioas_id);
	ctl(r, "show");
	EXPECT_EQ(0, r->status);
	EXPECT_NE(NULL, strstr(r->out, line)) TH_LOG("%s", r->out);
	ctl(r, "show tracker %llu/hwpt%u", self->context, hwpt);
	EXPECT_EQ(0, r->status);
	EXPECT_EQ(0, strncmp(r->out, line, strlen(line)));
	ctl(r, "-j show tracker %llu/hwpt%u", self->context, hwpt);
	json = json_tokener_parse(r->out);
	EXPECT_STREQ("0", ctl_value(ctl_entry(json, "tracker", "tracker-hwpt", hwpt), "tracker"));
	json_object_put(json);
	ctl(r, "plan %llu/hwpt%u", self->context, hwpt);
	EXPECT_EQ(0, r->status);
	snprintf(line, sizeof(line), "dirty tracker %llu/hwpt%u of IOAS %u, in units of 4 KiB\n  device %u on HWPT %u: IOMMU (amd)",
		 self->context, hwpt, self->ioas_id, self->dev.dev_id, hwpt);
	EXPECT_EQ(0, strncmp(r->out, line, strlen(line))) TH_LOG("%s", r->out);
	ctl(r, "show ioas %llu/hwpt%u", self->context, hwpt);
	EXPECT_EQ(2, r->status);
	EXPECT_NE(NULL, strstr(r->err, "only a tracker is named by its HWPT"));
}

TEST_F(ctl, plan)
{
	struct ctl_run *r = &self->r;
	struct json_object *json;
	char line[128];

	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	ctl(r, "plan %llu/%u", self->context, self->tracker_id);
	ASSERT_EQ(0, r->status) TH_LOG("%s", r->err);
	snprintf(line, sizeof(line), "dirty tracker %llu/%u of IOAS %u, in units of 4 KiB\n",
		 self->context, self->tracker_id, self->ioas_id);
	EXPECT_NE(NULL, strstr(r->out, line)) TH_LOG("%s", r->out);
	snprintf(line, sizeof(line), "  device %u on HWPT ", self->dev.dev_id);
	EXPECT_NE(NULL, strstr(r->out, line)) TH_LOG("%s", r->out);
	EXPECT_NE(NULL, strstr(r->out, ": IOMMU (amd), 4 KiB granule")) TH_LOG("%s", r->out);
	ctl(r, "-j plan %llu/%u", self->context, self->tracker_id);
	ASSERT_EQ(0, r->status);
	json = json_tokener_parse(r->out);
	EXPECT_STREQ("iommu", ctl_value(ctl_entry(json, "sources", "device", self->dev.dev_id),
					"kind"));
	json_object_put(json);
}

TEST_F(ctl, errors)
{
	struct ctl_run *r = &self->r;

	ctl(r, "show tracker %llu/9999", self->context);
	EXPECT_EQ(2, r->status);
	EXPECT_NE(NULL, strstr(r->err, "there is no such tracker"));
	ctl(r, "show tracker seven");
	EXPECT_EQ(2, r->status);
	EXPECT_NE(NULL, strstr(r->err, "write CONTEXT or CONTEXT/ID"));
	ctl(r, "show trackers");
	EXPECT_EQ(2, r->status);
	ctl(r, "frobnicate");
	EXPECT_EQ(2, r->status);
	EXPECT_NE(NULL, strstr(r->err, "--help"));
	ctl(r, "check 0000:99:99.9");
	EXPECT_EQ(2, r->status);
	EXPECT_NE(NULL, strstr(r->err, "lspci -D"));
	ctl(r, "--version");
	EXPECT_EQ(0, r->status);
	EXPECT_EQ(0, strncmp(r->out, "iommufdctl ", 11));
	/* Each command that asks the family needs the right, and says which */
	ctl_as(r, false, "show");
	EXPECT_EQ(2, r->status);
	EXPECT_NE(NULL, strstr(r->err, "CAP_NET_ADMIN"));
	EXPECT_STREQ("", r->out);
	ctl_as(r, false, "policy set small-leaves on");
	EXPECT_EQ(2, r->status);
	EXPECT_NE(NULL, strstr(r->err, "CAP_NET_ADMIN"));
	ctl_as(r, false, "monitor");
	EXPECT_EQ(2, r->status);
	EXPECT_NE(NULL, strstr(r->err, "CAP_NET_ADMIN"));
}

TEST_F(ctl, policy)
{
	struct ctl_run *r = &self->r;
	char text[256] = "";
	FILE *f;

	ctl(r, "policy set default device");
	ASSERT_EQ(0, r->status) TH_LOG("%s", r->err);
	ctl(r, "policy set small-leaves on");
	ASSERT_EQ(0, r->status);
	ctl(r, "policy show");
	EXPECT_NE(NULL, strstr(r->out, "default device\nsmall-leaves on\n"));
	ctl(r, "policy save /tmp/saved.conf");
	ASSERT_EQ(0, r->status);
	f = fopen("/tmp/saved.conf", "r");
	ASSERT_NE(NULL, f);
	EXPECT_LT(0, fread(text, 1, sizeof(text) - 1, f));
	fclose(f);
	EXPECT_NE(NULL, strstr(text, "options iommufd dirty_policy=device dirty_small_leaves=1"))
		TH_LOG("%s", text);
	ctl(r, "policy set default auto");
	EXPECT_EQ(0, r->status);
	ctl(r, "policy set small-leaves off");
	EXPECT_EQ(0, r->status);
	ctl(r, "-j policy");
	EXPECT_NE(NULL, strstr(r->out, "\"policy\":\"auto\"")) TH_LOG("%s", r->out);
	ctl(r, "policy set default sometimes");
	EXPECT_EQ(2, r->status);
	ctl(r, "policy set small-leaves perhaps");
	EXPECT_EQ(2, r->status);
	ctl(r, "policy save /proc/no/such/file");
	EXPECT_EQ(2, r->status);
}

/* ---- monitor ---- */

/* A line, or NULL after @ms without one */
static char *line_of(FILE *f, int ms, char *line, int len)
{
	struct pollfd p = { .fd = fileno(f), .events = POLLIN };

	return poll(&p, 1, ms) == 1 ? fgets(line, len, f) : NULL;
}

TEST_F(ctl, monitor)
{
	static const char * const expected[] = {
		"created", "plan", "started", "read", "stopped", "destroyed",
	};
	unsigned int next = 0, i;
	int null = open("/dev/null", O_WRONLY), fds[2], status;
	char line[1024];
	__u32 tracker;
	pid_t pid;
	FILE *f;

	ASSERT_EQ(0, iommufd_destroy(self->fd, self->tracker_id));
	ASSERT_EQ(0, pipe(fds));
	pid = ctl_start("-j monitor", fds[1], null, true);
	close(fds[1]);
	f = fdopen(fds[0], "r");
	setvbuf(f, NULL, _IONBF, 0);
	/* It listens once it has printed something */
	for (i = 0; i < 500; i++) {
		ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
		ASSERT_EQ(0, iommufd_destroy(self->fd, tracker));
		if (line_of(f, 20, line, sizeof(line)))
			break;
	}
	ASSERT_LT(i, 500);
	while (line_of(f, 500, line, sizeof(line)))
		;
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	ctl_read_once(&self->dev, self->fd, tracker);
	ASSERT_EQ(0, tracker_set(self->fd, tracker, 0, NULL, NULL));
	ASSERT_EQ(0, iommufd_destroy(self->fd, tracker));
	while (next < ARRAY_SIZE(expected) && line_of(f, 5000, line, sizeof(line))) {
		struct json_object *json = json_tokener_parse(line);

		ASSERT_NE(NULL, json) TH_LOG("%s", line);
		EXPECT_STREQ(expected[next], ctl_value(json, "event"));
		EXPECT_EQ(tracker, strtoul(ctl_value(json, "tracker"), NULL, 10));
		EXPECT_EQ(self->context, strtoull(ctl_value(json, "context"), NULL, 10));
		if (next == 1)
			EXPECT_STREQ(self->dev.name, ctl_value(json, "name"));
		json_object_put(json);
		next++;
	}
	EXPECT_EQ(ARRAY_SIZE(expected), next);
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	fclose(f);
	close(null);
}

/* What runs until it is interrupted ends when no one gets what it prints. */
TEST_F(ctl, output_cannot_be_written)
{
	static const char * const commands[] = { "monitor", "-j monitor", "top -d 0.1" };
	int full = open("/dev/full", O_WRONLY), err, status;
	unsigned int c, i;
	char text[256];
	ssize_t len;
	pid_t pid;

	ASSERT_LE(0, full);
	for (c = 0; c < ARRAY_SIZE(commands); c++) {
		status = 0;
		err = memfd_create("err", 0);
		pid = ctl_start(commands[c], full, err, true);
		ASSERT_LT(0, pid);
		/* Each change is an event */
		for (i = 0; i < 500 && !waitpid(pid, &status, WNOHANG); i++) {
			ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id,
						 i & 1 ? 0 : IOMMU_DIRTY_TRACKER_ENABLE,
						 NULL, NULL));
			usleep(20000);
		}
		EXPECT_LT(i, 500) {
			TH_LOG("%s", commands[c]);
			kill(pid, SIGTERM);
			waitpid(pid, &status, 0);
		}
		EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 2);
		len = pread(err, text, sizeof(text) - 1, 0);
		text[len > 0 ? len : 0] = 0;
		EXPECT_NE(NULL, strstr(text, "the output cannot be written")) {
			TH_LOG("%s: %s", commands[c], text);
		}
		close(err);
	}
	close(full);
}

TEST_HARNESS_MAIN
