/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A window: kernel memory behind a struct iova_bitmap, so that every driver
 * that reports with iova_bitmap_set() can fill a dirty_set.
 */
#ifndef __IOMMUFD_DIRTY_WINDOW_H
#define __IOMMUFD_DIRTY_WINDOW_H

#include <linux/iova_bitmap.h>
#include <linux/types.h>

struct dirty_set;

/**
 * struct dirty_window - Where a source puts dirty pages
 * @set_fn: First member, as in struct iova_bitmap: iova_bitmap_set() calls it
 *	if it is not NULL. Upstream's bitmaps over user memory have NULL there
 * @set: Where dirty pages go
 * @first: What is recorded below this is dropped (bytes)
 * @last: What is recorded above this is dropped
 * @unit_mask: What is recorded is rounded outward to @unit_mask + 1 bytes
 * @records: How often something was recorded
 * @largest: Longest record, in bytes
 * @bytes: What was recorded, in bytes
 *
 * Setting bits is not atomic: one harvester per window.
 */
struct dirty_window {
	void (*set_fn)(struct iova_bitmap *bitmap, unsigned long iova,
		       size_t length);
	struct dirty_set *set;
	unsigned long first;
	unsigned long last;
	unsigned long unit_mask;
	unsigned long records;
	unsigned long largest;
	u64 bytes;
};

void dirty_window_init(struct dirty_window *window, struct dirty_set *set);
void dirty_window_record(struct dirty_window *window, unsigned long iova,
			 unsigned long length);

static inline struct iova_bitmap *dirty_window_bitmap(struct dirty_window *window)
{
	return (struct iova_bitmap *)window;
}

#endif
