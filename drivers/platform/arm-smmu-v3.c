// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arm SMMUv3 with HTTU (drivers/iommu/arm/arm-smmu-v3, io-pgtable-arm; SMMU
 * architecture IHI 0070, 3.13).
 *
 * A writable PTE is dirty from the start, so what is mapped while tracking is
 * reported once without having been written. iotlb_sync() returns at once
 * unless gather->pgsize is set. A walk over a hole warns, so the harvest never
 * does that.
 */
#include "platform.h"

static const char *const smmu_v3_iommus[] = { "smmu3.", "vsmmu", "bbm-vsmmu", NULL };
static const char *const smmu_v3_atomic[] = { "vsmmu", NULL };

const struct iommufd_dirty_platform iommufd_dirty_smmu_v3 = {
	.name = "smmu-v3",
	.iommus = smmu_v3_iommus,
	.atomic = smmu_v3_atomic,
	.born_dirty = true,
	.sync_pgsize = true,
};
