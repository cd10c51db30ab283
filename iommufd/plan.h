/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plan: which sources cover an address space. A pure function of what is
 * attached and of the policy; it takes no lock, allocates nothing and calls
 * nothing, so that it is tested on the host.
 */
#ifndef __IOMMUFD_DIRTY_PLAN_H
#define __IOMMUFD_DIRTY_PLAN_H

#include <linux/types.h>
#include <uapi/linux/iommufd_dirty.h>

/**
 * struct dirty_plan_device - A device, as the plan sees it
 * @domain: Index of the domain that it is attached to
 * @granule: Unit of its own tracker, in bytes; 0 when it has none that works
 * @nested: It is attached through a nested HWPT, so its log has stage-1
 *	addresses
 * @scoped: It declared the only pages that it may write
 * @policy: enum iommu_dirty_policy; AUTO is the policy of the plan
 * @kind: Out: enum iommu_dirty_source_kind
 */
struct dirty_plan_device {
	unsigned int domain;
	unsigned long granule;
	bool nested;
	bool scoped;
	u8 policy;
	u8 kind;
};

/**
 * struct dirty_plan_domain - A domain, as the plan sees it
 * @granule: Unit of its dirty bits, in bytes; 0 when it cannot track
 * @kind: Out: IOMMU_DIRTY_SOURCE_IOMMU when it covers all its devices,
 *	IOMMU_DIRTY_SOURCE_DEVICE when each of them has a source of its own,
 *	IOMMU_DIRTY_SOURCE_MAPPED when one of them can only be reported as all
 *	that is mapped, IOMMU_DIRTY_SOURCE_NONE when no device is in it
 */
struct dirty_plan_domain {
	unsigned long granule;
	u8 kind;
};

/**
 * struct dirty_plan - Input and output of dirty_plan_make()
 * @domains: What to plan for
 * @devices: What is attached to them
 * @nr_domains: Entries of @domains
 * @nr_devices: Entries of @devices
 * @policy: enum iommu_dirty_policy, for devices that have none of their own
 * @conservative: Out: something is IOMMU_DIRTY_SOURCE_MAPPED
 */
struct dirty_plan {
	struct dirty_plan_domain *domains;
	struct dirty_plan_device *devices;
	unsigned int nr_domains;
	unsigned int nr_devices;
	u32 policy;
	bool conservative;
};

void dirty_plan_make(struct dirty_plan *plan);

#endif
