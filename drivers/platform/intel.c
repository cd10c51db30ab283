// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel VT-d, second stage with SSADS (drivers/iommu/intel; VT-d specification,
 * 3.7.2 and 11.4.3).
 *
 * The driver clears D with an atomic operation and does not write the line
 * back, so hardware that walks page tables incoherently could keep seeing D set
 * and not set it again: refused. iotlb_sync() flushes the gather's range.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "../../../iommu-priv.h"
#include "platform.h"

/* Extended Capability Register, bit 0 (C): page walk coherency */
#define VTD_ECAP_COHERENT BIT_ULL(0)

static bool intel_usable(struct device *dev)
{
	const struct iommu_ops *ops = dev_iommu_ops(dev);
	struct iommu_hw_info_vtd *vtd;
	u32 length, type;
	bool coherent;
	void *info;

	if (!ops->hw_info)
		return true;
	info = ops->hw_info(dev, &length, &type);
	if (IS_ERR(info))
		return false;
	vtd = info;
	coherent = type == IOMMU_HW_INFO_TYPE_INTEL_VTD &&
		   length >= sizeof(*vtd) && vtd->ecap_reg & VTD_ECAP_COHERENT;
	kfree(info);
	return coherent;
}

static const char *const intel_iommus[] = { "dmar", "vintel", "bbm-vintel", NULL };
static const char *const intel_atomic[] = { "vintel", NULL };

const struct iommufd_dirty_platform iommufd_dirty_intel = {
	.name = "intel",
	.iommus = intel_iommus,
	.atomic = intel_atomic,
	.usable = intel_usable,
};
