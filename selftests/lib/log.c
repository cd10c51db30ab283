// SPDX-License-Identifier: GPL-2.0-only
/* A device's own log of what it has written. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "log.h"

/* @data goes in, and comes back. */
static int feature(int fd, __u32 flags, void *data, size_t size)
{
	union {
		struct vfio_device_feature feature;
		__u8 room[sizeof(struct vfio_device_feature) + 64];
	} arg = {};

	if (size > sizeof(arg.room) - sizeof(arg.feature))
		return -EINVAL;
	arg.feature.argsz = sizeof(arg.feature) + size;
	arg.feature.flags = flags;
	if (size)
		memcpy(arg.feature.data, data, size);
	if (ioctl(fd, VFIO_DEVICE_FEATURE, &arg) < 0)
		return -errno;
	if (size)
		memcpy(data, arg.feature.data, size);
	return 0;
}

/**
 * log_start - Begin, clean
 * @fd: of the device
 * @ranges: what to log
 * @nr_ranges: how many
 * @page_size: in: the unit that is wanted; out: the one that it is
 */
int log_start(int fd, const struct vfio_device_feature_dma_logging_range *ranges,
	      unsigned int nr_ranges, __u64 *page_size)
{
	struct vfio_device_feature_dma_logging_control cmd = {
		.page_size = *page_size,
		.num_ranges = nr_ranges,
		.ranges = (uintptr_t)ranges,
	};
	int rc = feature(fd, VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_DMA_LOGGING_START, &cmd,
			 sizeof(cmd));

	if (!rc)
		*page_size = cmd.page_size;
	return rc;
}

/**
 * log_stop - End, and forget what was not reported
 * @fd: of the device
 */
int log_stop(int fd)
{
	return feature(fd, VFIO_DEVICE_FEATURE_SET |
		       VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL, 0);
}

/**
 * log_report - What was written since it was last reported
 * @fd: of the device
 * @iova: first byte
 * @length: bytes
 * @page_size: bytes of a bit
 * @bitmap: bits are set in it
 */
int log_report(int fd, __u64 iova, __u64 length, __u64 page_size,
	       __u64 *bitmap)
{
	struct vfio_device_feature_dma_logging_report cmd = {
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.bitmap = (uintptr_t)bitmap,
	};

	return feature(fd, VFIO_DEVICE_FEATURE_GET |
		       VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, &cmd,
		       sizeof(cmd));
}
