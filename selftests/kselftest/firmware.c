// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firmware.h"
#include "../lib/sysfs.h"
#include "../lib/vf.h"

#define CMD	"/sys/kernel/debug/mlx5/" VF_PF "/cmd/"

/**
 * firmware_begin() - A command with all of its input zero
 * @fw: Filled in
 * @opcode: What it is
 * @in_len: Bytes of its input, FIRMWARE_ROOM at most
 * @out_len: And of its output
 */
void firmware_begin(struct firmware *fw, unsigned int opcode, size_t in_len,
		    size_t out_len)
{
	memset(fw, 0, sizeof(*fw));
	fw->in_len = in_len;
	fw->out_len = out_len;
	firmware_set(fw, 0, 16, opcode);
}

/**
 * firmware_set() - Set a field of the input
 * @fw: The command
 * @bit: Its first bit, as linux/mlx5/mlx5_ifc.h counts: 0 is the highest of byte 0
 * @bits: How many, 64 at most
 * @value: What to set it to
 */
void firmware_set(struct firmware *fw, unsigned int bit, unsigned int bits,
		  __u64 value)
{
	unsigned int i;

	for (i = 0; i < bits; i++, bit++) {
		unsigned char mask = 0x80 >> bit % 8;

		if (value >> (bits - 1 - i) & 1)
			fw->in[bit / 8] |= mask;
		else
			fw->in[bit / 8] &= ~mask;
	}
}

/** firmware_get() - A field of the output; see firmware_set() */
__u64 firmware_get(const struct firmware *fw, unsigned int bit,
		   unsigned int bits)
{
	__u64 value = 0;

	for (; bits; bits--, bit++)
		value = value << 1 | (fw->out[bit / 8] >> (7 - bit % 8) & 1);
	return value;
}

static int move(const char *path, int flags, void *data, size_t len)
{
	int fd = open(path, flags | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = flags == O_RDONLY ? read(fd, data, len) : write(fd, data, len);
	close(fd);
	return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EIO;
}

/*
 * mlx5_core keeps both messages until the next ones, and does not free them when the device
 * goes away. A write that fails frees the one before.
 */
static void messages_free(void)
{
	void *unmapped = (void *)16;

	move(CMD "in", O_WRONLY, unmapped, 1);
	move(CMD "out_len", O_WRONLY, unmapped, 1);
}

/**
 * firmware_exec() - Have the firmware execute a command
 * @fw: The command
 *
 * Return: Its status, 0 for OK; or -errno when it was not executed.
 */
int firmware_exec(struct firmware *fw)
{
	char text[16];
	int rc;

	rc = move(CMD "in", O_WRONLY, fw->in, fw->in_len);
	snprintf(text, sizeof(text), "%zu", fw->out_len);
	if (!rc)
		rc = sysfs_write(CMD "out_len", text);
	if (!rc) {
		/* The error says less than the status does. */
		sysfs_write(CMD "run", "go");
		rc = move(CMD "out", O_RDONLY, fw->out, fw->out_len);
	}
	messages_free();
	return rc ? rc : fw->out[0];
}
