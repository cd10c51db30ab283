/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines over a unix socket, and time limits. Deadlines are of now_ms(). What a
 * function returns beyond 0 or a pointer is -errno; nothing is printed.
 */
#ifndef _SELFTESTS_QEMU_WIRE_H
#define _SELFTESTS_QEMU_WIRE_H

#include <stddef.h>

#define WIRE_ROOM	(64 * 1024)

/**
 * struct wire - A connection that is read in lines
 * @fd: The socket; -1 if it is not connected
 * @length: Bytes in @buffer
 * @taken: Bytes of them that the last line took, with its end
 * @buffer: What was received; the last line is at its start, terminated
 */
struct wire {
	int fd;
	size_t length;
	size_t taken;
	char buffer[WIRE_ROOM];
};

long long now_ms(void);
long long deadline_in(long long ms);
void sleep_ms(long ms);

int wire_connect(struct wire *wire, const char *path, long long deadline);
void wire_close(struct wire *wire);
int wire_send(struct wire *wire, const char *text);
char *wire_line(struct wire *wire, long long deadline);

#endif
