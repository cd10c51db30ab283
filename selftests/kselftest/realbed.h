/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An address space on a real IOMMU driver whose IOMMU sets dirty bits, with RAM in huge
 * pages, a tracker, and QEMU's edu, each transfer of which is commanded by the test.
 */
#ifndef _KSELFTEST_REALBED_H
#define _KSELFTEST_REALBED_H

#include "../lib/edu.h"
#include "fixture.h"

/* Of edu's memory; zero */
#define REAL_BYTES 64u

/**
 * struct realbed - The address space
 * @fd: /dev/iommu
 * @dev: The device
 * @ioas_id: IOAS
 * @hwpt_id: HWPT of the device, with dirty tracking
 * @tracker_id: Tracker
 * @ram: RAM_SIZE bytes in huge pages
 */
struct realbed {
	int fd;
	struct edu dev;
	__u32 ioas_id;
	__u32 hwpt_id;
	__u32 tracker_id;
	char *ram;
};

int realbed_open(struct realbed *b, bool hugetlb);
void realbed_close(struct realbed *b);
int realbed_map(struct realbed *b, __u64 length, __u64 piece);
int realbed_hwpt(struct realbed *b, __u32 *hwpt_id);
int realbed_start(struct realbed *b, __u32 *flags);
int realbed_write(struct realbed *b, __u64 page);

#endif
