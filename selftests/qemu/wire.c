// SPDX-License-Identifier: GPL-2.0-only
/* Lines over a unix socket, with a deadline for everything. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#define SLOW_FACTOR	6	/* as selftests/run.sh gives the debug kernel */

long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* So many milliseconds from now, more of them where everything is slow. */
long long deadline_in(long long ms)
{
	return now_ms() + ms * (getenv("SLOW") ? SLOW_FACTOR : 1);
}

void sleep_ms(long ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/**
 * wire_connect() - Connect to a socket that may not be there yet
 * @wire: Filled in
 * @path: Of the socket
 * @deadline: When to give up
 *
 * Return: 0 or -errno of the last attempt
 */
int wire_connect(struct wire *wire, const char *path, long long deadline)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int rc;

	wire->length = wire->taken = 0;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (;;) {
		wire->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (wire->fd < 0)
			return -errno;
		if (!connect(wire->fd, (struct sockaddr *)&address, sizeof(address)))
			return 0;
		rc = -errno;
		wire_close(wire);
		if (now_ms() >= deadline)
			return rc;
		sleep_ms(50);
	}
}

void wire_close(struct wire *wire)
{
	if (wire->fd >= 0)
		close(wire->fd);
	wire->fd = -1;
}

int wire_send(struct wire *wire, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	while (left) {
		n = send(wire->fd, text, left, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			left -= (size_t)n;
		}
	}
	return 0;
}

/* Wait for more; 0, or -errno: ETIMEDOUT, EPIPE at the end, E2BIG for no room. */
static int receive(struct wire *wire, long long deadline)
{
	struct pollfd pfd = { .fd = wire->fd, .events = POLLIN };
	long long left = deadline - now_ms();
	ssize_t n;

	if (wire->length == WIRE_ROOM)
		return -E2BIG;
	n = poll(&pfd, 1, left > 0 ? (int)left : 0);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (!n)
		return -ETIMEDOUT;
	n = read(wire->fd, wire->buffer + wire->length,
		 WIRE_ROOM - wire->length);
	if (n <= 0)
		return n ? -errno : -EPIPE;
	wire->length += (size_t)n;
	return 0;
}

/**
 * wire_line() - The next line
 * @wire: The connection
 * @deadline: When to give up
 *
 * Return: The line without its end, valid until the next call, or NULL with
 *	errno set
 */
char *wire_line(struct wire *wire, long long deadline)
{
	char *end;
	int rc;

	wire->length -= wire->taken;
	memmove(wire->buffer, wire->buffer + wire->taken, wire->length);
	wire->taken = 0;
	for (;;) {
		end = memchr(wire->buffer, '\n', wire->length);
		if (end)
			break;
		rc = receive(wire, deadline);
		if (rc) {
			errno = -rc;
			return NULL;
		}
	}
	wire->taken = (size_t)(end - wire->buffer) + 1;
	*end = '\0';
	if (end > wire->buffer && end[-1] == '\r')
		end[-1] = '\0';
	return wire->buffer;
}
