/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine of the tests in which several things happen at the same time: a device of
 * each kind, an IOAS with RAM in it, and a second range of memory far away from it.
 *
 * Hardware: none+tracker:2 amd+tracker:2 intel+gather:1 amd+alias:1 smmu:1 smmu+refuse:1
 * Hardware: intel:1 none+bits=30:1 none:1 amd+group:3 smmu+gather:1
 */
#ifndef _KSELFTEST_CROWD_H
#define _KSELFTEST_CROWD_H

#include <stdbool.h>
#include <linux/types.h>

#include "fixture.h"
#include "held.h"

enum {
	LOG,		/* its IOMMU does not track; has a log */
	LOG_2,
	BOTH,		/* AMD, and has a log */
	BOTH_2,
	GATHER,		/* VT-d, whose driver was built without CONFIG_IOMMUFD_DRIVER */
	ALIAS,		/* AMD; its requests arrive under a DMA alias */
	SMMU,
	REFUSING,	/* SMMU that refuses domains with dirty tracking at attach */
	INTEL,
	NARROW,		/* as LOG; its log holds addresses below 2^30 */
	UNTRACKED,	/* its IOMMU does not track, no log */
	GROUP,		/* AMD, three in a group */
	GROUP_2,
	GROUP_3,
	SMMU_GATHER,
	CROWD,
};

/* Farther from RAM than what one piece of a log's harvest spans (256 MiB) */
#define FAR		0x4000000000ull
#define FAR_SIZE	(1ull << 20)
#define FAR_PAGES	(FAR_SIZE / PAGE)

/**
 * struct crowd - The machine
 * @b: IOAS with RAM, and memory for READs; its device is not used
 * @dev: The devices, closed
 * @far: FAR_SIZE bytes, mapped by crowd_map_far()
 */
struct crowd {
	struct testbed b;
	struct vdev dev[CROWD];
	char *far;
};

int crowd_open(struct crowd *c, bool huge);
int crowd_close(struct crowd *c);
int crowd_map_far(struct crowd *c);
int crowd_unmap_far(void *crowd);
int crowd_open_device(struct crowd *c, unsigned int n);
int crowd_attach(struct crowd *c, unsigned int n, __u32 pt_id);
int crowd_detach(struct crowd *c, unsigned int n);
int crowd_start(struct crowd *c, __u32 policy, __u32 flags);
int crowd_kind(struct crowd *c, unsigned int n);
int crowd_hwpt(struct crowd *c, unsigned int n, __u32 ioas_id, __u32 *hwpt_id);
int crowd_copy_ioas(struct crowd *c, __u32 *ioas_id);

int crowd_dma(struct crowd *c, unsigned int n, __u64 iova, __u64 pages);
int crowd_write_on(struct crowd *c, unsigned int n, __u64 iova, __u64 length,
		   __u64 rate);
long crowd_read(struct crowd *c, __u32 tracker_id, __u64 iova, __u64 length);
int crowd_log_is_free(struct crowd *c, unsigned int n);

#endif
