/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * READs that count, in a thread of their own or not, on the machine of crowd.h.
 */
#ifndef _KSELFTEST_READER_H
#define _KSELFTEST_READER_H

#include <linux/types.h>

#include "crowd.h"

/**
 * struct reader - A READ in a thread
 * @call: The thread; its rc is the number of pages, or -errno
 * @fd: /dev/iommu
 * @tracker_id: The tracker
 * @iova: First byte
 * @length: Bytes
 * @ranges: What it reported
 */
struct reader {
	struct call call;
	int fd;
	__u32 tracker_id;
	__u64 iova;
	__u64 length;
	struct iommu_dirty_range ranges[256];
};

int reader_begin(struct reader *r, struct crowd *c, __u32 tracker_id, __u64 iova,
		 __u64 length);
int reader_begin_held(struct reader *r, struct crowd *c, __u32 tracker_id,
		      __u64 iova, __u64 length);
int reader_read(struct crowd *c, __u32 tracker_id, __u64 iova, __u64 length);

#endif
