// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <json-c/json.h>

#include "ctl.h"
#include "fixture.h"

/**
 * ctl_start() - Begin to run iommufdctl
 * @arguments: Its arguments, between spaces
 * @out: Its standard output
 * @err: Its standard error
 * @privileged: As root, not as nobody
 *
 * Return: The process, or -1.
 */
pid_t ctl_start(const char *arguments, int out, int err, bool privileged)
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

static void output_take(int fd, char *text, size_t len)
{
	ssize_t n, sum = 0;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, text + sum, len - 1 - (size_t)sum)) > 0)
		sum += n;
	text[sum] = 0;
	close(fd);
}

/** ctl_as() - Run iommufdctl to its end, as root or as nobody */
void ctl_as(struct ctl_run *r, bool privileged, const char *arguments)
{
	int out = memfd_create("out", 0), err = memfd_create("err", 0), status;
	pid_t pid = ctl_start(arguments, out, err, privileged);

	r->status = -1;
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		r->status = WEXITSTATUS(status);
	output_take(out, r->out, sizeof(r->out));
	output_take(err, r->err, sizeof(r->err));
}

/** ctl() - Run iommufdctl to its end, as root */
void ctl(struct ctl_run *r, const char *fmt, ...)
{
	char arguments[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(arguments, sizeof(arguments), fmt, args);
	va_end(args);
	ctl_as(r, true, arguments);
}

/** ctl_value() - A value of a JSON object, as text; "" if there is none */
const char *ctl_value(struct json_object *json, const char *name)
{
	struct json_object *v;

	if (!json || !json_object_object_get_ex(json, name, &v))
		return "";
	return json_object_get_string(v);
}

/** ctl_entry() - The entry of the array @list of @json whose @name is @number; borrowed */
struct json_object *ctl_entry(struct json_object *json, const char *list, const char *name,
			      uint64_t number)
{
	struct json_object *array;
	size_t i;

	if (!json_object_object_get_ex(json, list, &array))
		return NULL;
	for (i = 0; i < json_object_array_length(array); i++) {
		struct json_object *e = json_object_array_get_idx(array, i);

		if (strtoull(ctl_value(e, name), NULL, 10) == number)
			return e;
	}
	return NULL;
}

/** ctl_read_once() - READ all of the memory */
void ctl_read_once(struct vdev *dev, int fd, __u32 tracker)
{
	__u64 bits[CTL_SIZE / PAGE / 64] = {};

	tracker_read_bitmap(fd, tracker, IOVA, CTL_SIZE, PAGE, bits, 0, NULL);
}
