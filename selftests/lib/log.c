// SPDX-License-Identifier: GPL-2.0-only
/* A device's own log of what it has written. */
#include <stdint.h>
#include <stddef.h>

#include "feature.h"
#include "log.h"

/**
 * log_start() - Begin, clean
 * @fd: Of the device
 * @ranges: What to log
 * @nr_ranges: How many
 * @page_size: In: the unit that is wanted; out: the one that it is
 *
 * Return: 0, or -errno.
 */
int log_start(int fd, const struct vfio_device_feature_dma_logging_range *ranges,
	      unsigned int nr_ranges, __u64 *page_size)
{
	struct vfio_device_feature_dma_logging_control cmd = {
		.page_size = *page_size,
		.num_ranges = nr_ranges,
		.ranges = (uintptr_t)ranges,
	};
	int rc = vfio_feature(fd, VFIO_DEVICE_FEATURE_SET |
			      VFIO_DEVICE_FEATURE_DMA_LOGGING_START, &cmd,
			      sizeof(cmd));

	if (!rc)
		*page_size = cmd.page_size;
	return rc;
}

/**
 * log_stop() - End, and forget what was not reported
 * @fd: Of the device
 *
 * Return: 0, or -errno.
 */
int log_stop(int fd)
{
	return vfio_feature(fd, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL, 0);
}

/**
 * log_report() - What was written since it was last reported
 * @fd: Of the device
 * @iova: First byte
 * @length: Bytes
 * @page_size: Bytes of a bit
 * @bitmap: Bits are set in it
 *
 * Return: 0, or -errno.
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

	return vfio_feature(fd, VFIO_DEVICE_FEATURE_GET |
			    VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, &cmd,
			    sizeof(cmd));
}
