// SPDX-License-Identifier: GPL-2.0-only
/* Ground truth: what the virtual devices really wrote. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "truth.h"

/**
 * truth_open() - Start a new, empty log
 *
 * Return: A file descriptor that the caller closes, or -errno; EBUSY when
 * another file has it open, ENOENT when the virtual platform is not loaded.
 */
int truth_open(void)
{
	int fd = open("/dev/virt-truth", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/**
 * truth_read() - Take the oldest records out of the log
 * @fd: From truth_open()
 * @recs: Array to fill
 * @nr_recs: Its entries
 *
 * Return: The number of records read, 0 when there is none, or -errno;
 * EOVERFLOW when records were lost since the last call.
 */
int truth_read(int fd, struct virt_truth_rec *recs, unsigned int nr_recs)
{
	ssize_t len = read(fd, recs, (size_t)nr_recs * sizeof(*recs));

	return len < 0 ? -errno : (int)(len / (ssize_t)sizeof(*recs));
}
