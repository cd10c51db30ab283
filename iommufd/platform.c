// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds what is known of a device's IOMMU driver (drivers/platform). The driver
 * is recognised by the name of its struct iommu_device, which is the only thing
 * of it that can be seen from outside.
 */
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/string.h>

#include "iommufd_private.h"
#include "platform/platform.h"

static const struct iommufd_dirty_platform *const platforms[] = {
#ifdef CONFIG_IOMMUFD_DIRTY_AMD
	&iommufd_dirty_amd,
#endif
#ifdef CONFIG_IOMMUFD_DIRTY_INTEL
	&iommufd_dirty_intel,
#endif
#ifdef CONFIG_IOMMUFD_DIRTY_SMMU_V3
	&iommufd_dirty_smmu_v3,
#endif
};

static bool is_one_of(const char *name, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (strstarts(name, *prefixes))
			return true;
	return false;
}

/**
 * iommufd_dirty_platform() - Find the description of a device's IOMMU driver
 * @dev: A device whose IOMMU has been probed
 *
 * Return: The description; NULL when the IOMMU cannot track, is unknown, or is
 * not to be trusted with it.
 */
const struct iommufd_dirty_platform *iommufd_dirty_platform(struct device *dev)
{
	struct device *iommu = dev->iommu ? dev->iommu->iommu_dev->dev : NULL;
	unsigned int i;

	if (!iommu || !device_iommu_capable(dev, IOMMU_CAP_DIRTY_TRACKING))
		return NULL;
	for (i = 0; i < ARRAY_SIZE(platforms); i++) {
		const struct iommufd_dirty_platform *platform = platforms[i];

		if (is_one_of(dev_name(iommu), platform->iommus))
			return !platform->usable || platform->usable(dev) ?
				       platform : NULL;
	}
	return NULL;
}
