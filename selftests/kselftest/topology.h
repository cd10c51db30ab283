/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine of the tests of groups, of nested translation, and of PASIDs.
 *
 * Hardware: amd+tracker+group:3 none+tracker+group:2 amd+tracker:1 intel:1 smmu+gather:1
 * Hardware: none+tracker:2 amd+alias+group:2
 */
#ifndef _KSELFTEST_TOPOLOGY_H
#define _KSELFTEST_TOPOLOGY_H

#include <linux/types.h>

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

struct oracle;
struct testbed;
struct vdev;

int topology_open(struct testbed *b, struct vdev *dev, struct oracle *o);
int topology_close(struct testbed *b, struct vdev *dev, struct oracle *o);
int topology_start(struct testbed *b, struct oracle *o, __u32 policy, __u32 flags);
int topology_read(struct testbed *b, struct oracle *o);
int topology_lost(struct oracle *o, __u64 writes);

#endif
