// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufdctl, as a person or a program uses it: each command, in words and in JSON, its
 * exit status and what it says when something is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <json-c/json.h>

#include "kselftest_harness.h"
#include "fixture.h"

/* On line "netlink" of plan.txt */
enum { CTL_AMD, CTL_AMD_OTHER, CTL_INTEL_GATHER, CTL_SMMU, CTL_NONE, CTL_LOG, CTL_LOW };

#define SIZE (1ull << 20)

/* A run of the program */
struct run {
	int status;
	char out[16384];
	char err[1024];
};

static pid_t ctl_start(const char *arguments, int out, int err, bool privileged)
{
	char copy[256], *argv[16] = { "iommufdctl" };
	unsigned int n = 1;
	pid_t pid = fork();
	char *word;

	if (pid)
		return pid;
	snprintf(copy, sizeof(copy), "%s", arguments);
	for (word = strtok(copy, " "); word && n < 15; word = strtok(NULL, " "))
		argv[n++] = word;
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	if (!privileged && (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534)))
		_exit(126);
	execvp("iommufdctl", argv);
	_exit(127);
}

static void take(int fd, char *text, size_t len)
{
	ssize_t n, sum = 0;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, text + sum, len - 1 - (size_t)sum)) > 0)
		sum += n;
	text[sum] = 0;
	close(fd);
}

static void ctl_as(struct run *r, bool privileged, const char *arguments)
{
	int out = memfd_create("out", 0), err = memfd_create("err", 0), status;
	pid_t pid = ctl_start(arguments, out, err, privileged);

	r->status = -1;
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		r->status = WEXITSTATUS(status);
	take(out, r->out, sizeof(r->out));
	take(err, r->err, sizeof(r->err));
}

static void ctl(struct run *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void ctl(struct run *r, const char *fmt, ...)
{
	char arguments[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(arguments, sizeof(arguments), fmt, args);
	va_end(args);
	ctl_as(r, true, arguments);
}

/* A value of a JSON object, as text; "" if there is none. */
static const char *value(struct json_object *json, const char *name)
{
	struct json_object *v;

	if (!json || !json_object_object_get_ex(json, name, &v))
		return "";
	return json_object_get_string(v);
}

/* An entry of the array @list of @json whose @name is @number; borrowed. */
static struct json_object *entry(struct json_object *json, const char *list,
				 const char *name, uint64_t number)
{
	struct json_object *array;
	size_t i;

	if (!json_object_object_get_ex(json, list, &array))
		return NULL;
	for (i = 0; i < json_object_array_length(array); i++) {
		struct json_object *e = json_object_array_get_idx(array, i);

		if (strtoull(value(e, name), NULL, 10) == number)
			return e;
	}
	return NULL;
}

FIXTURE(ctl) {
	struct run r;
	int fd;
	__u32 ioas_id;
	__u32 tracker_id;
	__u64 context;
	struct vdev dev;
};

FIXTURE_SETUP(ctl)
{
	struct json_object *json;
	char *ram;

	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	/* Leaves of a page, wherever the memory is */
	ASSERT_EQ(0, iommufd_ioas_huge_pages(self->fd, self->ioas_id, false));
	ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, ram);
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, ram, SIZE, IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, vdev_open(&self->dev, self->fd, CTL_AMD));
	ASSERT_EQ(0, vdev_attach(&self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &self->tracker_id));

	ctl(&self->r, "-j show context");
	ASSERT_EQ(0, self->r.status) TH_LOG("%s", self->r.err);
	json = json_tokener_parse(self->r.out);
	ASSERT_NE(NULL, json);
	self->context = strtoull(value(entry(json, "context", "pid", (uint64_t)getpid()),
				       "context"), NULL, 10);
	ASSERT_NE(0, self->context);
	json_object_put(json);
}

FIXTURE_TEARDOWN(ctl)
{
	vdev_close(&self->dev);
	close(self->fd);
}

TEST_F(ctl, show)
{
	struct run *r = &self->r;
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
	EXPECT_STREQ("[ \"running\" ]", value(entry(json, "tracker", "tracker",
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
	struct run *r = &self->r;
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
	EXPECT_STREQ("a?[2J?b??", value(entry(json, "context", "pid", (uint64_t)pid),
					"comm"));
	json_object_put(json);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
}

/* One that upstream's ioctls have made is shown by its HWPT, and found so. */
TEST_F(ctl, hwpt_tracker)
{
	struct run *r = &self->r;
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
	EXPECT_STREQ("0", value(entry(json, "tracker", "tracker-hwpt", hwpt), "tracker"));
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
	struct run *r = &self->r;
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
	EXPECT_STREQ("iommu", value(entry(json, "sources", "device", self->dev.dev_id),
				    "kind"));
	json_object_put(json);
}

TEST_F(ctl, errors)
{
	struct run *r = &self->r;

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
	struct run *r = &self->r;
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

static void read_once(struct vdev *dev, int fd, __u32 tracker)
{
	__u64 bits[SIZE / PAGE / 64] = {};

	tracker_read_bitmap(fd, tracker, IOVA, SIZE, PAGE, bits, 0, NULL);
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
	read_once(&self->dev, self->fd, tracker);
	ASSERT_EQ(0, tracker_set(self->fd, tracker, 0, NULL, NULL));
	ASSERT_EQ(0, iommufd_destroy(self->fd, tracker));
	while (next < ARRAY_SIZE(expected) && line_of(f, 5000, line, sizeof(line))) {
		struct json_object *json = json_tokener_parse(line);

		ASSERT_NE(NULL, json) TH_LOG("%s", line);
		EXPECT_STREQ(expected[next], value(json, "event"));
		EXPECT_EQ(tracker, strtoul(value(json, "tracker"), NULL, 10));
		EXPECT_EQ(self->context, strtoull(value(json, "context"), NULL, 10));
		if (next == 1)
			EXPECT_STREQ(self->dev.name, value(json, "name"));
		json_object_put(json);
		next++;
	}
	EXPECT_EQ(ARRAY_SIZE(expected), next);
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	fclose(f);
	close(null);
}

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
	job.length = SIZE;
	while (!r->stop && !r->rc) {
		r->rc = vdev_run(r->dev, &job, 20000);
		read_once(r->dev, r->fd, r->tracker);
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
	struct run *r = &self->r;
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
	struct run *r = &self->r;
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
	ASSERT_EQ(0, parameter_set("iommufd_virt", "fail_read", "1"));
	read_once(&self->dev, self->fd, self->tracker_id);
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

		if (strtoull(value(r, "context"), NULL, 10) != context)
			continue;
		sum->bad += strtoull(value(r, "first"), NULL, 10) != IOVA ||
			    strtoull(value(r, "length"), NULL, 10) != SIZE;
		sum->read_bytes += strtoull(value(r, "dirty"), NULL, 10);
	}
	if (sum->lines > 1 && json_object_object_get_ex(json, "sources", &list))
		for (i = 0; i < json_object_array_length(list); i++) {
			struct json_object *s = json_object_array_get_idx(list, i);

			if (!strcmp(value(s, "name"), name))
				sum->rate_bytes += strtod(value(s, "rate"), NULL) *
						   strtod(value(json, "seconds"), NULL);
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
	__u64 bits[SIZE / PAGE / 64];
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
			rc = tracker_count(fd, tracker, IOVA, SIZE, PAGE, &out);
		if (!rc)
			rc = tracker_read_bitmap(fd, tracker, IOVA, SIZE, PAGE, bits, 0, &out);
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
	struct run *r = &self->r;
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
	struct run *r = &self->r;

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

/* ---- check ---- */

static struct json_object *check(struct run *r, const char *name)
{
	struct json_object *json, *one;

	ctl(r, "-j check %s", name);
	json = json_tokener_parse(r->out);
	if (!json || json_object_array_length(json) != 1)
		return NULL;
	one = json_object_get(json_object_array_get_idx(json, 0));
	json_object_put(json);
	return one;
}

static void name_of(unsigned int device, char *name, size_t len)
{
	sysfs_pci_find(VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID, device, name, len);
}

FIXTURE(check) {
	struct run r;
	char name[16];
	struct json_object *json;
};

FIXTURE_VARIANT(check) {
	unsigned int device;
	const char *driver;
	int status;
	const char *kind;
};

FIXTURE_VARIANT_ADD(check, amd) { CTL_AMD, "vfio-pci", 0, "iommu" };
FIXTURE_VARIANT_ADD(check, intel_gather) { CTL_INTEL_GATHER, "vfio-pci", 0, "iommu" };
FIXTURE_VARIANT_ADD(check, smmu) { CTL_SMMU, "vfio-pci", 0, "iommu" };
FIXTURE_VARIANT_ADD(check, none) { CTL_NONE, "vfio-pci", 1, "mapped" };
FIXTURE_VARIANT_ADD(check, log) { CTL_LOG, VDEV_TRACKER_DRIVER, 0, "device" };
FIXTURE_VARIANT_ADD(check, log_unused) { CTL_LOG, "vfio-pci", 1, "mapped" };

FIXTURE_SETUP(check)
{
	name_of(variant->device, self->name, sizeof(self->name));
	ASSERT_EQ(0, sysfs_pci_bind(self->name, variant->driver));
}

FIXTURE_TEARDOWN(check)
{
}

/* What the kernel would do, for each kind of IOMMU and driver */
TEST_F(check, personality)
{
	struct json_object *json = check(&self->r, self->name);

	ASSERT_NE(NULL, json) TH_LOG("%s", self->r.err);
	EXPECT_EQ(variant->status, self->r.status);
	EXPECT_STREQ(variant->kind, value(json, "kind"));
	EXPECT_STREQ(variant->status ? "false" : "true", value(json, "tracked"));
	EXPECT_STREQ(strcmp(variant->kind, "device") ? "false" : "true",
		     value(json, "page-log"));
	EXPECT_STREQ(variant->driver, value(json, "driver"));
	json_object_put(json);
	ctl(&self->r, "check %s", self->name);
	EXPECT_EQ(variant->status, self->r.status);
	EXPECT_NE(NULL, strstr(self->r.out, variant->status ?
			       "a VMM gets  everything mapped for it is reported dirty" :
			       "a VMM gets  exact"));
}

/* The advice helps: with small leaves it is exact at pages. */
TEST(check_small_leaves)
{
	struct json_object *json;
	struct run r;
	char name[16];

	name_of(CTL_AMD, name, sizeof(name));
	ASSERT_EQ(0, sysfs_pci_bind(name, "vfio-pci"));
	json = check(&r, name);
	EXPECT_STREQ("false", value(json, "fine"));
	EXPECT_NE(NULL, strstr(value(json, "advice"), "small-leaves on"));
	json_object_put(json);
	ctl(&r, "policy set small-leaves on");
	ASSERT_EQ(0, r.status);
	json = check(&r, name);
	EXPECT_STREQ("true", value(json, "fine"));
	EXPECT_STREQ("", value(json, "advice"));
	json_object_put(json);
	ctl(&r, "policy set small-leaves off");
	ASSERT_EQ(0, r.status);
}

/*
 * A log that ends below what can be mapped may leave something to be reported because it
 * is mapped, unless a VMM maps less.
 */
TEST(check_low_log)
{
	struct json_object *json;
	struct run r;
	char name[16];

	name_of(CTL_LOW, name, sizeof(name));
	ASSERT_EQ(0, sysfs_pci_bind(name, VDEV_TRACKER_DRIVER));
	json = check(&r, name);
	ASSERT_NE(NULL, json) TH_LOG("%s", r.err);
	EXPECT_EQ(1, r.status);
	EXPECT_STREQ("device", value(json, "kind"));
	EXPECT_STREQ("false", value(json, "tracked"));
	EXPECT_NE(NULL, strstr(value(json, "advice"), "--up-to"));
	json_object_put(json);
	ctl(&r, "check --up-to 1G %s", name);
	EXPECT_EQ(0, r.status) TH_LOG("%s", r.out);
	ctl(&r, "check --up-to 0x40001000 %s", name);
	EXPECT_EQ(1, r.status);
	EXPECT_NE(NULL, strstr(r.out, "log covers  IOVA 0 to 0x3fffffff")) TH_LOG("%s", r.out);
	ctl(&r, "check --up-to much %s", name);
	EXPECT_EQ(2, r.status);
}

/* Of a device in use, its user's tracker says it; without one, it is not known. */
TEST_F(ctl, check_in_use)
{
	struct json_object *json;

	json = check(&self->r, self->dev.name);
	ASSERT_NE(NULL, json);
	EXPECT_EQ(0, tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	json_object_put(json);
	json = check(&self->r, self->dev.name);
	EXPECT_EQ(0, self->r.status);
	EXPECT_STREQ("iommu", value(json, "kind"));
	json_object_put(json);
	ASSERT_EQ(0, iommufd_destroy(self->fd, self->tracker_id));
	json = check(&self->r, self->dev.name);
	EXPECT_EQ(1, self->r.status);
	EXPECT_STREQ("not known", value(json, "outcome"));
	json_object_put(json);
}

TEST_HARNESS_MAIN
