/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine of the tests of groups and of nested translation.
 *
 * Hardware: amd+tracker+group:3 none+tracker+group:2 amd+tracker:1 intel:1 smmu+gather:1
 * Hardware: none+tracker:2 amd+alias+group:2
 */
#ifndef _KSELFTEST_TOPOLOGY_H
#define _KSELFTEST_TOPOLOGY_H

enum {
	GROUP,		/* a group of three behind an IOMMU that tracks; with logs */
	GROUP_2,
	GROUP_3,
	BLIND,		/* a group of two behind one that does not; with logs */
	BLIND_2,
	AMD,		/* an IOMMU that tracks, and a log */
	INTEL,
	SMMU_GATHER,
	LOG,		/* one that does not, and a log; alone in its group */
	LOG_2,
	ALIAS,		/* a group of two, of which this has a DMA alias */
	ALIAS_2,
	NR
};

#endif
