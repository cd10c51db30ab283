// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufdctl top, on a terminal and into a file, and the record that plot draws.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <json-c/json.h>

#include "kselftest_harness.h"
#include "ctl_fixture.h"

/* ---- top ---- */

/* From the machine that made the VM (plan.txt); the VM itself has no terminfo */
#define TERMINFO_FILE "/job/bin/xterm-color"

struct reader {
	pthread_t thread;
	atomic_bool stop;
	int fd, rc;
	__u32 tracker;
	struct vdev *dev;
};

static void *reader_thread(void *arg)
{
	struct reader *r = arg;
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = CTL_SIZE;
	while (!r->stop && !r->rc) {
		r->rc = vdev_run(r->dev, &job, 20000);
		ctl_read_once(r->dev, r->fd, r->tracker);
		usleep(20000);
	}
	return NULL;
}

/* A row that says that the device has a rate: its rate, or -1 */
static double rate_of(const char *text, const char *name)
{
	const char *row = strstr(text, name);
	double rate, max = -1;

	for (; row; row = strstr(row + 1, name))
		if (sscanf(row + strlen(name), " iommu %lf", &rate) == 1 && rate > max)
			max = rate;
	return max;
}

TEST_F(ctl, top_lines)
{
	struct ctl_run *r = &self->r;
	struct reader reader = {
		.fd = self->fd, .tracker = self->tracker_id, .dev = &self->dev,
	};

	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	/* Control: nothing writes, nothing has a rate */
	ctl(r, "top -d 0.2 -n 2");
	ASSERT_EQ(0, r->status) TH_LOG("%s", r->err);
	EXPECT_EQ(0, rate_of(r->out, self->dev.name)) TH_LOG("%s", r->out);
	ASSERT_EQ(0, pthread_create(&reader.thread, NULL, reader_thread, &reader));
	ctl(r, "top -d 1 -n 3");
	reader.stop = true;
	pthread_join(reader.thread, NULL);
	ASSERT_EQ(0, reader.rc);
	ASSERT_EQ(0, r->status);
	EXPECT_LT(0.1, rate_of(r->out, self->dev.name)) TH_LOG("%s", r->out);
}

/* All that it draws until it is quiet for a while, or has drawn @until */
static bool drawn(int fd, const char *until, char *text, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t sum = 0;
	ssize_t n;
	int i;

	*text = 0;
	for (i = 0; i < 300 && !strstr(text, until) && sum < len - 1; i++) {
		if (poll(&p, 1, 100) != 1)
			continue;
		n = read(fd, text + sum, len - 1 - sum);
		if (n <= 0)
			break;
		sum += (size_t)n;
		text[sum] = 0;
	}
	return strstr(text, until);
}

/* On a terminal: a screen, keys, and what is degraded in red */
TEST_F(ctl, top_screen)
{
	struct winsize size = { .ws_row = 24, .ws_col = 100 };
	struct ctl_run *r = &self->r;
	struct vdev_job job;
	int master, status;
	pid_t pid;

	if (access(TERMINFO_FILE, F_OK))
		SKIP(return, "no terminfo; \"make kselftest TESTS=netlink\" has it");
	mkdir("/tmp/terminfo", 0755);
	mkdir("/tmp/terminfo/x", 0755);
	if (symlink(TERMINFO_FILE, "/tmp/terminfo/x/xterm-color"))
		ASSERT_EQ(EEXIST, errno);
	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	pid = forkpty(&master, NULL, NULL, &size);
	if (!pid) {
		setenv("TERM", "xterm-color", 1);
		setenv("TERMINFO", "/tmp/terminfo", 1);
		execlp("iommufdctl", "iommufdctl", "top", "-d", "0.3", NULL);
		_exit(127);
	}
	ASSERT_LT(0, pid);
	EXPECT_TRUE(drawn(master, self->dev.name, r->out, sizeof(r->out)))
		TH_LOG("%s", r->out);
	EXPECT_NE(NULL, strstr(r->out, "by rate"));
	EXPECT_EQ(NULL, strstr(r->out, "\033[31m"));
	ASSERT_EQ(1, write(master, "s", 1));
	EXPECT_TRUE(drawn(master, "pending", r->out, sizeof(r->out)));
	ASSERT_EQ(1, write(master, "p", 1));
	EXPECT_TRUE(drawn(master, "paused", r->out, sizeof(r->out)));
	ASSERT_EQ(1, write(master, "p", 1));

	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = PAGE;
	ASSERT_EQ(0, vdev_run(&self->dev, &job, 20000));
	ASSERT_EQ(0, virt_set("fail_read", "1"));
	ctl_read_once(&self->dev, self->fd, self->tracker_id);
	EXPECT_TRUE(drawn(master, "\033[31m", r->out, sizeof(r->out)))
		TH_LOG("%s", r->out);
	ASSERT_EQ(1, write(master, "q", 1));
	/* It gives the terminal back, and ends */
	drawn(master, "nothing like that", r->out, sizeof(r->out));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	close(master);
}

/* ---- top --record, plot ---- */

#define RECORD "/tmp/record"
#define INSTANCES "/sys/kernel/tracing/instances"

static unsigned int lines_of(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned int n = 0;
	int c;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

/* Wait until the record has @more lines more than it has. */
static bool recorded(unsigned int more)
{
	unsigned int from = lines_of(RECORD), i;

	for (i = 0; i < 600; i++) {
		if (lines_of(RECORD) >= from + more)
			return true;
		usleep(50000);
	}
	return false;
}

/* What is in a record of a device in a context */
struct sum {
	unsigned int lines, bad;
	bool reads;
	uint64_t read_bytes;
	double rate_bytes;
};

static void sum_line(struct sum *sum, const char *line, uint64_t context, const char *name)
{
	struct json_object *json = json_tokener_parse(line), *list;
	size_t i;

	if (!json || !json_object_object_get_ex(json, "reads", &list)) {
		sum->bad++;
		json_object_put(json);
		return;
	}
	if (!sum->lines++)
		sum->reads = json_object_get_boolean(list);
	for (i = 0; sum->lines > 1 && i < json_object_array_length(list); i++) {
		struct json_object *r = json_object_array_get_idx(list, i);

		if (strtoull(ctl_value(r, "context"), NULL, 10) != context)
			continue;
		sum->bad += strtoull(ctl_value(r, "first"), NULL, 10) != IOVA ||
			    strtoull(ctl_value(r, "length"), NULL, 10) != CTL_SIZE;
		sum->read_bytes += strtoull(ctl_value(r, "dirty"), NULL, 10);
	}
	if (sum->lines > 1 && json_object_object_get_ex(json, "sources", &list))
		for (i = 0; i < json_object_array_length(list); i++) {
			struct json_object *s = json_object_array_get_idx(list, i);

			if (!strcmp(ctl_value(s, "name"), name))
				sum->rate_bytes += strtod(ctl_value(s, "rate"), NULL) *
						   strtod(ctl_value(json, "seconds"), NULL);
		}
	json_object_put(json);
}

static struct sum sum_record(uint64_t context, const char *name)
{
	FILE *f = fopen(RECORD, "r");
	static char line[65536];
	struct sum sum = {};

	while (f && fgets(line, sizeof(line), f))
		sum_line(&sum, line, context, name);
	if (f)
		fclose(f);
	return sum;
}

/* Three times a few pages are written and READ; a look in between takes nothing. */
static int write_and_read(struct vdev *dev, int fd, __u32 tracker)
{
	__u64 bits[CTL_SIZE / PAGE / 64];
	struct tracker_read_out out;
	struct vdev_job job;
	unsigned int i;
	int rc = 0;

	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = 3 * PAGE;
	for (i = 0; i < 3 && !rc; i++) {
		rc = vdev_run(dev, &job, 20000);
		memset(bits, 0, sizeof(bits));
		if (!rc)
			rc = tracker_count(fd, tracker, IOVA, CTL_SIZE, PAGE, &out);
		if (!rc)
			rc = tracker_read_bitmap(fd, tracker, IOVA, CTL_SIZE, PAGE, bits, 0, &out);
		if (!rc && out.dirty_bytes != 3 * PAGE)
			rc = -EBADMSG;
	}
	return rc;
}

/*
 * What was READ is in the record, to the byte and once. A record that is interrupted is
 * whole, one that is cut is good up to there, and the trace goes with the program.
 */
TEST_F(ctl, record)
{
	int null = open("/dev/null", O_WRONLY), status;
	struct ctl_run *r = &self->r;
	char path[64];
	struct sum sum;
	struct stat st;
	pid_t pid;

	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	unlink(RECORD);
	pid = ctl_start("top -d 0.2 --record " RECORD, null, null, true);
	ASSERT_LT(0, pid);
	ASSERT_TRUE(recorded(2));
	snprintf(path, sizeof(path), INSTANCES "/iommufdctl-%d", pid);
	EXPECT_EQ(0, access(path, F_OK));
	EXPECT_EQ(0, write_and_read(&self->dev, self->fd, self->tracker_id));
	EXPECT_TRUE(recorded(2));
	ASSERT_EQ(0, kill(pid, SIGINT));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_NE(0, access(path, F_OK));
	sum = sum_record(self->context, self->dev.name);
	EXPECT_EQ(0, sum.bad);
	EXPECT_LE(4, sum.lines);
	EXPECT_TRUE(sum.reads);
	EXPECT_EQ(9 * PAGE, sum.read_bytes);
	/* The source has shown the look, too; a busy one does later */
	EXPECT_LT(0, sum.rate_bytes);
	EXPECT_GT(18.1 * PAGE, sum.rate_bytes);

	/* Without gnuplot, which this VM does not have, all but the pictures */
	ctl(r, "plot " RECORD " -o /tmp/pictures");
	EXPECT_EQ(2, r->status);
	EXPECT_NE(NULL, strstr(r->err, "gnuplot-nox")) TH_LOG("%s", r->err);
	snprintf(path, sizeof(path), "/tmp/pictures/heat-%llu.dat", self->context);
	EXPECT_LE(1, lines_of(path));
	EXPECT_LE(4, lines_of("/tmp/pictures/rate.dat"));

	ASSERT_EQ(0, stat(RECORD, &st));
	ASSERT_EQ(0, truncate(RECORD, st.st_size - 10));
	ctl(r, "plot " RECORD " -o /tmp/pictures");
	EXPECT_NE(NULL, strstr(r->err, "ends within line")) TH_LOG("%s", r->err);
	close(null);
}

TEST_F(ctl, record_errors)
{
	struct ctl_run *r = &self->r;

	ctl(r, "top -d 0.2 -n 3 --record /dev/full");
	EXPECT_EQ(2, r->status);
	EXPECT_NE(NULL, strstr(r->err, "No space left")) TH_LOG("%s", r->err);
	ctl(r, "top -n 1 --record /no/such/folder/record");
	EXPECT_EQ(2, r->status);
	ctl(r, "top -n 1 --record");
	EXPECT_EQ(2, r->status);
	ctl(r, "plot /tmp/record");
	EXPECT_EQ(2, r->status);
	ctl(r, "plot /no/such/record -o /tmp/pictures");
	EXPECT_EQ(2, r->status);
	ctl(r, "plot /proc/cmdline -o /tmp/pictures");
	EXPECT_EQ(2, r->status);
	EXPECT_NE(NULL, strstr(r->err, "is not a record")) TH_LOG("%s", r->err);
}

TEST_HARNESS_MAIN
