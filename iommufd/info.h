/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plan and its sources as they are reported: to the tracker's user by INFO, to the
 * host's administrator by netlink.
 */
#ifndef __IOMMUFD_DIRTY_INFO_H
#define __IOMMUFD_DIRTY_INFO_H

#include "plan.h"

struct dirty_store;
struct iommufd_dirty_domain;
struct iommufd_dirty_tracker;
struct iommufd_ioas;

/**
 * struct dirty_info - INFO being collected
 * @ioas: The IOAS; its plan_lock is held
 * @tracker: Its tracker, or that of a HWPT of it; or NULL
 * @running: The tracker runs: report what is applied
 * @peek: For dirty_info_peek()
 * @plan: What START would make of it, if not @running
 * @entry: The lines
 * @max: Room for lines
 * @nr: Lines that there are
 * @store: The tracker's store, a reference; or NULL
 * @tracker_id: By dirty_info_peek(), like what follows: ID of the tracker, 0 for a
 *	legacy one and that of a HWPT
 * @policy: enum iommu_dirty_policy
 * @alloc_flags: enum iommu_dirty_tracker_alloc_flags
 * @flags: enum iommu_dirty_tracker_out_flags
 * @unit: In bytes
 * @pending: Bytes that are pending
 * @memory: Bytes of memory that hold them
 */
struct dirty_info {
	struct iommufd_ioas *ioas;
	struct iommufd_dirty_tracker *tracker;
	bool running;
	bool peek;
	struct dirty_plan plan;
	struct iommu_dirty_source_info *entry;
	u32 max;
	u32 nr;
	struct dirty_store *store;
	u32 tracker_id;
	u32 policy;
	u32 alloc_flags;
	u32 flags;
	u64 unit;
	u64 pending;
	u64 memory;
};

int dirty_info_peek(struct iommufd_ioas *ioas,
		    const struct iommufd_dirty_domain *dd, struct dirty_info *info);
void dirty_info_free(struct dirty_info *info);

#endif
