/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device's own log of what it has written, through its VFIO device FD
 * (VFIO_DEVICE_FEATURE_DMA_LOGGING_*). All functions return 0 or -errno and
 * print nothing; ENOTTY means that the device's driver has no log.
 */
#ifndef _SELFTESTS_LIB_LOG_H
#define _SELFTESTS_LIB_LOG_H

#include <linux/types.h>
#include <linux/vfio.h>

int log_start(int fd, const struct vfio_device_feature_dma_logging_range *ranges,
	      unsigned int nr_ranges, __u64 *page_size);
int log_stop(int fd);
int log_report(int fd, __u64 iova, __u64 length, __u64 page_size,
	       __u64 *bitmap);

#endif
