// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD IOMMU, v1 page table (drivers/iommu/amd; AMD I/O Virtualization
 * Technology specification 48882, 2.2.3.2 Host Dirty Support).
 *
 * A leaf has any power of two from 4 KiB on, as replicated PTEs of which the
 * hardware may set D in any one; the driver ORs them. A call that begins inside
 * a leaf clears all of it and records from where it began, so the harvest never
 * begins there. iotlb_sync() flushes the gather's range.
 */
#include "platform.h"

static const char *const amd_iommus[] = { "ivhd", "vamd", "bbm-vamd", NULL };
static const char *const amd_atomic[] = { "vamd", NULL };

const struct iommufd_dirty_platform iommufd_dirty_amd = {
	.name = "amd",
	.iommus = amd_iommus,
	.atomic = amd_atomic,
};
