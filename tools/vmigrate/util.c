// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all files use: messages about failures, waits that a signal ends, and the time.
 *
 * INT, TERM and HUP stay blocked and are looked for where the program waits,
 * so that it always ends the same way: devices stopped, tracker destroyed.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "../lib/json.h"
#include "vmigrate.h"

struct process process = { .who = "" };

static int signal_fd = -1;

/* When the source has given up, its destination has nothing to add. */
static void end_child(void)
{
	if (process.child)
		kill(process.child, SIGTERM);
}

/** progress_clear() - Take the progress bar off the terminal, if it is there */
void progress_clear(void)
{
	if (!process.progress)
		return;
	fputs("\r\033[K", stdout);
	fflush(stdout);
	process.progress = false;
}

/* The object of a migration that did not take place */
static void print_json(const char *message)
{
	struct json_object *json = json_object_new_object();

	json_add_text(json, "error", message, (size_t)-1);
	json_write(stdout, json, false);
}

/**
 * fail() - Say on standard error what is wrong
 * @status: To return
 * @fmt: As for printf, without a newline
 *
 * Return: @status.
 */
int fail(int status, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);

	progress_clear();
	fprintf(stderr, "vmigrate: %s%s\n", process.who, text);
	if (process.json)
		print_json(text);
	/* One object; what follows from the first error is for people. */
	process.json = false;
	end_child();
	return status;
}

/**
 * wait_fd() - Wait, for a file descriptor or for a while, or for a signal
 * @fd: To wait for; -1 for none
 * @events: As for poll()
 * @timeout_ms: How long; -1 without limit
 *
 * Return: 0 when @fd is ready or the time has passed; STATUS_INTERRUPTED when
 * a signal asked the program to end, which stays so.
 */
int wait_fd(int fd, short events, int timeout_ms)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = events },
		{ .fd = signal_fd, .events = POLLIN },
	};

	if (poll(fds, 2, timeout_ms) < 0 && errno != EINTR)
		return fail(STATUS_ERROR, "poll: %s", strerror(errno));
	if (!fds[1].revents)
		return 0;
	end_child();
	return STATUS_INTERRUPTED;
}

/** now_ns() - Monotonic time in nanoseconds */
u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

/**
 * catch_signals() - Have wait_fd() look for INT, TERM and HUP
 *
 * Return: A status.
 */
int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		return fail(STATUS_ERROR, "signalfd: %s", strerror(errno));
	return 0;
}
