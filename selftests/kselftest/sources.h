/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine of the tests of devices' own logs: an IOAS with RAM in it, and devices with
 * logs of different limits.
 *
 * Hardware: amd+tracker:2 none+tracker:2 none+bits=30:1 none+space=26:1 none+page=64K:1
 * Hardware: none:1 none+space=31:1
 */
#ifndef _KSELFTEST_SOURCES_H
#define _KSELFTEST_SOURCES_H

#include <linux/types.h>

#include "fixture.h"

enum {
	BOTH,		/* behind an IOMMU that tracks, and with a log */
	BOTH_2,
	LOG,		/* behind one that does not, with a log */
	LOG_2,
	LOW,		/* a log of addresses below 2^30 */
	NARROW,		/* a log of 2^26 bytes in total */
	COARSE,		/* a log in units of 64 KiB */
	UNTRACKED,		/* no source */
	MIDDLING,	/* a log of 2^31 bytes in total */
	NR
};

#define DEV(n) (1u << (n))
#define HIGH (1ull << 31)

/**
 * struct sources - The machine
 * @b: IOAS with RAM, and memory for READs; its device is not used
 * @dev: The devices, closed
 */
struct sources {
	struct testbed b;
	struct vdev dev[NR];
};

int sources_open(struct sources *s);
int sources_close(struct sources *s);

int source_open(struct sources *s, unsigned int n);
int source_attach(struct sources *s, unsigned int n);
int source_dma(struct sources *s, unsigned int n, __u64 iova, __u64 pages);
int source_find(struct sources *s, unsigned int n,
		struct iommu_dirty_source_info *info);
int source_kind(struct sources *s, unsigned int n);

int sources_start(struct sources *s, __u32 policy, __u32 flags);
int sources_read(struct sources *s, __u32 *flags);
unsigned int sources_reported(const struct sources *s, __u64 page, __u64 pages);

#endif
