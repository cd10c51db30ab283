/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine of the tests of a device's own log and of its migration.
 *
 * Hardware: amd+tracker:1 none+ranges=3+bits=36+space=33+log=512:1 none+page=64K:1 none:1
 */
#ifndef _KSELFTEST_DEVICE_LOG_H
#define _KSELFTEST_DEVICE_LOG_H

enum {
	FULL,		/* a tracker with the default limits, behind an IOMMU that tracks */
	SMALL,		/* 3 ranges, below 2^36, 2^33 in total, 512 pages */
	COARSE,		/* pages of 64 KiB at least */
	WITHOUT,	/* no tracker */
};

#endif
