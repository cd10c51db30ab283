// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses and sockets. An address with a slash in it is the path of a unix
 * socket; HOST:PORT is TCP, on the loopback interface only: the stream is
 * guest memory in the clear, and to another machine it belongs into a tunnel.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmigrate.h"

/**
 * struct addr - A socket address of either family
 * @len: Bytes of it
 * @any: What socket calls take
 * @un: Unix
 * @in: TCP
 */
struct addr {
	socklen_t len;
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
	};
};

static int parse_path(const char *text, struct addr *a)
{
	if (strlen(text) >= sizeof(a->un.sun_path))
		return fail(STATUS_ERROR,
			    "%s: the path of a socket has less than %zu characters",
			    text, sizeof(a->un.sun_path));
	a->un.sun_family = AF_UNIX;
	strcpy(a->un.sun_path, text);
	a->len = sizeof(a->un);
	return 0;
}

static int parse_addr(const char *text, struct addr *a)
{
	const char *colon = strrchr(text, ':');
	char host[16] = "";
	unsigned long port;
	char *end;

	memset(a, 0, sizeof(*a));
	if (strchr(text, '/'))
		return parse_path(text, a);
	if (!colon)
		return fail(STATUS_ERROR,
			    "%s is no address: give a path with a slash in it, or 127.0.0.1:PORT",
			    text);
	port = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || *end || !port || port > 65535)
		return fail(STATUS_ERROR, "%s: the port is a number up to 65535",
			    text);
	if ((size_t)(colon - text) < sizeof(host))
		memcpy(host, text, (size_t)(colon - text));
	if (!strcmp(host, "localhost"))
		strcpy(host, "127.0.0.1");
	a->in.sin_family = AF_INET;
	a->in.sin_port = htons((u16)port);
	if (inet_pton(AF_INET, host, &a->in.sin_addr) != 1 ||
	    ntohl(a->in.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
		return fail(STATUS_ERROR,
			    "%s: only 127.0.0.1:PORT is possible, since guest memory is sent in the clear; use a tunnel (ssh -L) to reach another machine",
			    text);
	a->len = sizeof(a->in);
	return 0;
}

static int open_socket(const struct addr *a, int *fd)
{
	*fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return fail(STATUS_ERROR, "socket: %s", strerror(errno));
	return 0;
}

/* An old socket without a listener may be in our way. */
static void remove_stale(const struct addr *a)
{
	struct stat st;
	int fd;

	if (a->any.sa_family != AF_UNIX || lstat(a->un.sun_path, &st) ||
	    !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, &a->any, a->len) && errno == ECONNREFUSED)
		unlink(a->un.sun_path);
	close(fd);
}

static int accept_one(int fd, int *conn)
{
	for (;;) {
		int status = wait_fd(fd, POLLIN, -1);

		if (status)
			return status;
		*conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (*conn >= 0)
			return 0;
		if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED)
			return fail(STATUS_ERROR, "accept: %s",
				    strerror(errno));
	}
}

/**
 * net_listen() - Wait for one connection
 * @addr: Where
 * @fd: The connection
 *
 * Return: A status.
 */
int net_listen(const char *addr, int *fd)
{
	int status, listener, on = 1;
	struct addr a;

	status = parse_addr(addr, &a);
	if (!status)
		status = open_socket(&a, &listener);
	if (status)
		return status;
	remove_stale(&a);
	if (a.any.sa_family == AF_INET)
		setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	else
		fchmod(listener, 0600);
	if (bind(listener, &a.any, a.len) || listen(listener, 1)) {
		status = fail(STATUS_ERROR, "cannot listen on %s: %s%s", addr,
			      strerror(errno), errno == EADDRINUSE ?
			      "; choose another address" : "");
		close(listener);
		return status;
	}
	status = accept_one(listener, fd);
	close(listener);
	if (a.any.sa_family == AF_UNIX)
		unlink(a.un.sun_path);
	return status;
}

/**
 * net_connect() - Connect to a destination that listens
 * @addr: Where
 * @fd: The connection
 *
 * Return: A status.
 */
int net_connect(const char *addr, int *fd)
{
	struct addr a;
	int status;

	status = parse_addr(addr, &a);
	if (!status)
		status = open_socket(&a, fd);
	if (status)
		return status;
	if (connect(*fd, &a.any, a.len)) {
		status = fail(STATUS_ERROR,
			      "cannot connect to %s: %s; start the destination first: vmigrate --listen %s",
			      addr, strerror(errno), addr);
		close(*fd);
	}
	return status;
}
