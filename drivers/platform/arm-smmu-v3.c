// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arm SMMUv3 with HTTU (drivers/iommu/arm/arm-smmu-v3, io-pgtable-arm; SMMU
 * architecture IHI 0070, 3.13).
 *
 * A writable PTE is dirty from the start, so what is mapped while tracking is
 * reported once without having been written; of a new HWPT it is cleared where no
 * device is attached yet. A walk over a hole warns, so the harvest never does that.
 *
 * iotlb_sync() returns at once unless gather->pgsize is set, and makes the level
 * hint (TTL) of range invalidations of it: with the wrong size of leaf no
 * invalidation may take place (IHI 0070, 4.4.1). Without range invalidations it
 * sends one command for each page. So the whole ASID is invalidated, once.
 */
#include "platform.h"

static const char *const smmu_v3_iommus[] = { "smmu3.", "vsmmu", "bbm-vsmmu", NULL };

const struct iommufd_dirty_platform iommufd_dirty_smmu_v3 = {
	.name = "smmu-v3",
	.iommus = smmu_v3_iommus,
	.born_dirty = true,
	.flush_all = true,
};
