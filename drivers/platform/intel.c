// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel VT-d, second stage with SSADS (drivers/iommu/intel; VT-d specification,
 * 3.7.2 and 11.4.3).
 *
 * The driver offers dirty tracking only where page walks are coherent in scalable
 * mode (ECAP.SMPWC), which its ssads_supported() asks for. iotlb_sync() flushes the
 * gather's range.
 */
#include "platform.h"

static const char *const intel_iommus[] = {
	"dmar", "vintel", "bbm-vintel", "vvtdss", "bbm-vvtdss", NULL
};

const struct iommufd_dirty_platform iommufd_dirty_intel = {
	.name = "intel",
	.iommus = intel_iommus,
	.walker = IS_BUILTIN(CONFIG_IOMMU_PT_VTDSS) ? &iommufd_dirty_vtdss : NULL,
};
