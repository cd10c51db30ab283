// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages on the socket. Each has a head with a magic number, a version, the
 * length of what follows and checksums of both, so that a stream that was cut
 * off or changed on its way ends the migration rather than the guest.
 * What the messages mean is in vmigrate.h at enum wire_type.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vmigrate.h"

/**
 * stream_new() - Take over a connected socket
 * @fd: The socket; closed by stream_free()
 * @peer: Who is at the other end
 * @timeout: Seconds that it may be silent; 0 for no limit
 *
 * Return: The stream, or NULL after saying why.
 */
struct stream *stream_new(int fd, const char *peer, unsigned int timeout)
{
	struct stream *s = malloc(sizeof(*s));
	int flags = fcntl(fd, F_GETFL);

	if (!s || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK)) {
		fail(STATUS_ERROR, "cannot use the socket: %s",
		     strerror(errno));
		close(fd);
		free(s);
		return NULL;
	}
	s->fd = fd;
	s->peer = peer;
	s->bytes = 0;
	s->timeout = timeout;
	return s;
}

/**
 * stream_free() - Close the socket
 * @s: May be NULL
 */
void stream_free(struct stream *s)
{
	if (!s)
		return;
	close(s->fd);
	free(s);
}

/* Wait for @events. @since: when the last byte went through. */
static int wait_peer(struct stream *s, short events, u64 since)
{
	const u64 limit = s->timeout * 1000ull;
	u64 passed = (now_ns() - since) / 1000000;

	if (!limit)
		return wait_fd(s->fd, events, -1);
	if (passed >= limit)
		return fail(STATUS_ERROR, "the %s %s nothing for %u s (--timeout)", s->peer,
			    events == POLLIN ? "has sent" : "has taken", s->timeout);
	return wait_fd(s->fd, events, (int)(limit - passed));
}

static u64 head_sum(const struct wire_msg *msg)
{
	return sum64(0, msg, offsetof(struct wire_msg, sum));
}

/**
 * stream_send() - Send one message
 * @s: The stream
 * @type: What it is
 * @iova: See enum wire_type
 * @count: See enum wire_type
 * @payload: May be NULL when @length is 0; must not change during the call
 * @length: Bytes, a multiple of 8, up to WIRE_MAX
 *
 * Return: A status.
 */
int stream_send(struct stream *s, enum wire_type type, u64 iova, u64 count,
		const void *payload, u32 length)
{
	struct wire_msg msg = {
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.type = type,
		.iova = iova,
		.count = count,
		.length = length,
		.page_size = GUEST_PAGE,
	};
	struct iovec iov[2] = {
		{ .iov_base = &msg, .iov_len = sizeof(msg) },
		{ .iov_base = (void *)payload, .iov_len = length },
	};
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	u64 since = now_ns();

	msg.payload_sum = sum64(0, payload, length);
	msg.sum = head_sum(&msg);
	s->bytes += sizeof(msg) + length;
	while (iov[0].iov_len + iov[1].iov_len) {
		int status = wait_peer(s, POLLOUT, since);
		unsigned int i;
		ssize_t n;

		if (status)
			return status;
		n = sendmsg(s->fd, &mh, MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return fail(STATUS_ERROR,
				    "cannot send to the %s: %s; its own message, if any, says why",
				    s->peer, strerror(errno));
		since = now_ns();
		for (i = 0; i < 2; i++) {
			size_t part = (size_t)n < iov[i].iov_len ?
				      (size_t)n : iov[i].iov_len;

			iov[i].iov_base = (u8 *)iov[i].iov_base + part;
			iov[i].iov_len -= part;
			n -= (ssize_t)part;
		}
	}
	return 0;
}

/* Read all of @length bytes; @what says what they are. */
static int recv_all(struct stream *s, void *buf, size_t length,
		    const char *what)
{
	size_t done = 0;
	u64 since = now_ns();

	while (done < length) {
		int status = wait_peer(s, POLLIN, since);
		ssize_t n;

		if (status)
			return status;
		n = read(s->fd, (u8 *)buf + done, length - done);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return fail(STATUS_ERROR, "cannot read from the %s: %s",
				    s->peer, strerror(errno));
		if (!n)
			return fail(STATUS_ERROR,
				    "the %s closed the connection before the migration was complete (%zu of %zu bytes of a %s)",
				    s->peer, done, length, what);
		done += (size_t)n;
		since = now_ns();
	}
	return 0;
}

/**
 * stream_recv() - Receive one message and check its form
 * @s: The stream; the payload is left in it
 * @msg: The head
 *
 * Return: A status.
 */
int stream_recv(struct stream *s, struct wire_msg *msg)
{
	int status = recv_all(s, msg, sizeof(*msg), "message head");

	if (status)
		return status;
	if (msg->magic != WIRE_MAGIC)
		return fail(STATUS_ERROR,
			    "the stream of the %s is corrupt, or not vmigrate's: magic number %#x instead of %#x",
			    s->peer, msg->magic, WIRE_MAGIC);
	if (msg->version != WIRE_VERSION)
		return fail(STATUS_ERROR,
			    "the %s speaks version %u of the stream, this side version %u: use the same vmigrate on both",
			    s->peer, msg->version, WIRE_VERSION);
	if (head_sum(msg) != msg->sum || msg->length > WIRE_MAX ||
	    msg->length % 8)
		return fail(STATUS_ERROR,
			    "the stream of the %s is corrupt: wrong checksum of a message head",
			    s->peer);
	if (msg->page_size != GUEST_PAGE)
		return fail(STATUS_ERROR,
			    "the %s has pages of %u bytes, this side of %u",
			    s->peer, msg->page_size, GUEST_PAGE);
	status = recv_all(s, s->payload, msg->length, "payload");
	if (status)
		return status;
	if (sum64(0, s->payload, msg->length) != msg->payload_sum)
		return fail(STATUS_ERROR,
			    "the stream of the %s is corrupt: wrong checksum of a message of type %u with %u bytes",
			    s->peer, msg->type, msg->length);
	return 0;
}

/**
 * stream_expect() - Receive one message of a type
 * @s: The stream
 * @type: The only type that is right here
 * @msg: The head
 *
 * Return: A status.
 */
int stream_expect(struct stream *s, enum wire_type type, struct wire_msg *msg)
{
	int status = stream_recv(s, msg);

	if (!status && msg->type != type)
		return fail(STATUS_ERROR,
			    "the %s sent a message of type %u where type %u was expected",
			    s->peer, msg->type, type);
	return status;
}

/**
 * stream_send_sums() - Send the checksums of all pages
 * @s: The stream
 * @sums: One for each page
 * @pages: How many
 *
 * Return: A status.
 */
int stream_send_sums(struct stream *s, const u64 *sums, u64 pages)
{
	const u64 most = WIRE_MAX / sizeof(*sums);
	u64 at;

	for (at = 0; at < pages; at += most) {
		u64 n = pages - at < most ? pages - at : most;
		int status = stream_send(s, WIRE_SUMS, at, n, sums + at,
					 (u32)(n * sizeof(*sums)));

		if (status)
			return status;
	}
	return 0;
}

/**
 * stream_recv_sums() - Receive the checksums of all pages
 * @s: The stream
 * @sums: Filled in
 * @pages: How many there must be
 *
 * Return: A status.
 */
int stream_recv_sums(struct stream *s, u64 *sums, u64 pages)
{
	struct wire_msg msg;
	u64 at = 0;

	while (at < pages) {
		int status = stream_expect(s, WIRE_SUMS, &msg);

		if (status)
			return status;
		if (msg.iova != at || !msg.count || msg.count > pages - at ||
		    msg.length != msg.count * sizeof(*sums))
			return fail(STATUS_ERROR,
				    "the %s sent %llu checksums from page %llu on where page %llu of %llu was expected",
				    s->peer, msg.count, msg.iova, at, pages);
		memcpy(sums + at, s->payload, msg.length);
		at += msg.count;
	}
	return 0;
}
