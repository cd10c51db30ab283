// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plan: for each domain, the sources with the finest granule that cover
 * every device in it, and no redundant one. See plan.h; the caller collects the
 * input under its locks and carries the result out.
 */
#include <linux/limits.h>
#include <linux/minmax.h>

#include "plan.h"

static bool device_can_track(const struct dirty_plan_device *dev)
{
	return dev->granule && !dev->nested;
}

/*
 * Coarsest granule among the trackers of the devices in @domain; 0 when there
 * is no device, or one of them has no tracker that can be used.
 */
static unsigned long devices_granule(const struct dirty_plan *plan,
				     unsigned int domain)
{
	unsigned long granule = 0;
	unsigned int i;

	for (i = 0; i < plan->nr_devices; i++) {
		const struct dirty_plan_device *dev = &plan->devices[i];

		if (dev->domain != domain)
			continue;
		if (!device_can_track(dev))
			return 0;
		granule = max(granule, dev->granule);
	}
	return granule;
}

/* If the devices of a domain disagree, what covers them all. */
static u32 domain_policy(const struct dirty_plan *plan, unsigned int domain)
{
	u32 policy = IOMMU_DIRTY_POLICY_AUTO;
	unsigned int i;

	for (i = 0; i < plan->nr_devices; i++) {
		const struct dirty_plan_device *dev = &plan->devices[i];

		if (dev->domain != domain)
			continue;
		if (dev->policy == IOMMU_DIRTY_POLICY_IOMMU)
			return dev->policy;
		if (dev->policy != IOMMU_DIRTY_POLICY_AUTO)
			policy = dev->policy;
	}
	return policy == IOMMU_DIRTY_POLICY_AUTO ? plan->policy : policy;
}

static bool use_iommu(const struct dirty_plan *plan, unsigned int domain)
{
	unsigned long iommu = plan->domains[domain].granule;
	unsigned long devices = devices_granule(plan, domain);

	if (!iommu || !devices)
		return iommu;
	switch (domain_policy(plan, domain)) {
	case IOMMU_DIRTY_POLICY_IOMMU:
		return true;
	case IOMMU_DIRTY_POLICY_DEVICE:
		return false;
	default:
		return iommu <= devices;
	}
}

static u8 device_kind(const struct dirty_plan_device *dev)
{
	if (device_can_track(dev))
		return IOMMU_DIRTY_SOURCE_DEVICE;
	return dev->scoped ? IOMMU_DIRTY_SOURCE_SCOPE :
			     IOMMU_DIRTY_SOURCE_MAPPED;
}

/**
 * dirty_plan_make() - Choose the sources
 * @plan: Input and output
 */
void dirty_plan_make(struct dirty_plan *plan)
{
	unsigned int i, j;

	plan->conservative = false;
	for (i = 0; i < plan->nr_domains; i++) {
		bool iommu = use_iommu(plan, i);
		u8 kind = IOMMU_DIRTY_SOURCE_NONE;
		bool mapped = false, any = false;

		for (j = 0; j < plan->nr_devices; j++) {
			struct dirty_plan_device *dev = &plan->devices[j];

			if (dev->domain != i)
				continue;
			any = true;
			dev->kind = iommu ? IOMMU_DIRTY_SOURCE_IOMMU :
					    device_kind(dev);
			mapped |= dev->kind == IOMMU_DIRTY_SOURCE_MAPPED;
		}
		/* No device writes through a domain without a device */
		if (any && iommu)
			kind = IOMMU_DIRTY_SOURCE_IOMMU;
		else if (any)
			kind = mapped ? IOMMU_DIRTY_SOURCE_MAPPED :
					IOMMU_DIRTY_SOURCE_DEVICE;
		plan->domains[i].kind = kind;
		plan->conservative |= kind == IOMMU_DIRTY_SOURCE_MAPPED;
	}
}
