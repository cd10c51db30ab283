/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * READs in a thread of their own or not, on the machine of crowd.h.
 */
#ifndef _KSELFTEST_READER_H
#define _KSELFTEST_READER_H

#include <stdbool.h>
#include <linux/types.h>

#include "crowd.h"

/* Ranges that a READ has room for */
#define READER_RANGES 512

/**
 * struct reader - A READ in a thread
 * @call: The thread; its rc is the number of pages, or -errno
 * @fd: /dev/iommu
 * @tracker_id: The tracker
 * @iova: First byte
 * @length: Bytes
 * @is_bitmap: It fills @bits and not @ranges
 * @ranges: What it reported
 * @bits: The same, a bit for each page from @iova
 * @flags: Its out flags
 */
struct reader {
	struct call call;
	int fd;
	__u32 tracker_id;
	__u64 iova;
	__u64 length;
	bool is_bitmap;
	struct iommu_dirty_range ranges[READER_RANGES];
	__u64 bits[RAM_WORDS];
	__u32 flags;
};

int reader_begin(struct reader *r, struct crowd *c, __u32 tracker_id, __u64 iova,
		 __u64 length);
int reader_begin_bits(struct reader *r, struct crowd *c, __u64 iova, __u64 length);
int reader_begin_held(struct reader *r, struct crowd *c, __u32 tracker_id,
		      __u64 iova, __u64 length);
int reader_read(struct crowd *c, __u32 tracker_id, __u64 iova, __u64 length);

/* Did a READ with a bitmap report the page with this number from its first byte? */
static inline bool reader_has(const struct reader *r, __u64 page)
{
	return r->bits[page / 64] >> (page % 64) & 1;
}

#endif
