/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page tracker of a virtual DMA device. See tracker.c, and virt_dma.h for
 * its registers.
 */
#ifndef _VIRT_TRACKER_H
#define _VIRT_TRACKER_H

#include <linux/types.h>

struct virt_function;
struct virt_tracker;

/**
 * struct virt_tracker_limits - What a page tracker can do
 * @present: There is one, with the limits below, or the default of each
 *	that is 0
 * @ranges: MAX_RANGES
 * @bits: ADDR_BITS
 * @space: SPACE_BITS
 * @page: Smallest size of a page, in bytes
 * @log: LOG_SIZE
 */
struct virt_tracker_limits {
	bool present;
	unsigned int ranges;
	unsigned int bits;
	unsigned int space;
	unsigned long page;
	unsigned int log;
};

int virt_tracker_option(struct virt_tracker_limits *limits, char *option);

struct virt_tracker *virt_tracker_create(struct virt_function *fn,
					 const struct virt_tracker_limits *limits);
void virt_tracker_destroy(struct virt_tracker *tracker);

void virt_tracker_reset(struct virt_tracker *tracker);
bool virt_tracker_wants(struct virt_tracker *tracker);
void virt_tracker_poll(struct virt_tracker *tracker);
void virt_tracker_write(struct virt_tracker *tracker, u64 iova, size_t len);

#endif
