/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tracker must know of an IOMMU driver whose dirty bits it takes: one
 * struct per driver, in a file of its own beside this one.
 */
#ifndef __IOMMUFD_DIRTY_PLATFORM_H
#define __IOMMUFD_DIRTY_PLATFORM_H

#include <linux/types.h>

struct device;

/**
 * enum iommufd_dirty_record - How a driver's read_and_clear_dirty() reports
 * @IOMMUFD_DIRTY_RECORD_UNKNOWN: not seen yet; probe without clearing
 * @IOMMUFD_DIRTY_RECORD_DIRECT: each leaf goes to iova_bitmap_set()
 * @IOMMUFD_DIRTY_RECORD_GATHER: only the flush range tells, because the driver
 *	was built without CONFIG_IOMMUFD_DRIVER
 */
enum iommufd_dirty_record {
	IOMMUFD_DIRTY_RECORD_UNKNOWN,
	IOMMUFD_DIRTY_RECORD_DIRECT,
	IOMMUFD_DIRTY_RECORD_GATHER,
};

/**
 * struct iommufd_dirty_platform - One IOMMU driver
 * @name: For INFO; at most 15 characters
 * @iommus: Prefixes of the names of its struct iommu_device, as under
 *	/sys/class/iommu; NULL at the end
 * @atomic: Optional, like @iommus: those for which a group can be attached to
 *	another domain without an access being blocked in between. No driver of
 *	hardware is: amd_iommu_attach_device() detaches first,
 *	intel_iommu_attach_dev() begins with device_block_translation(),
 *	arm_smmu_attach_dev() may have to break the stream table entry
 * @usable: Optional: are the dirty bits of this device's IOMMU to be trusted?
 * @born_dirty: What is newly mapped writable is dirty
 * @sync_pgsize: iotlb_sync() does nothing unless gather->pgsize is set, which
 *	iommu_dirty_bitmap_record() never does
 */
struct iommufd_dirty_platform {
	const char *name;
	const char *const *iommus;
	const char *const *atomic;
	bool (*usable)(struct device *dev);
	bool born_dirty;
	bool sync_pgsize;
};

extern const struct iommufd_dirty_platform iommufd_dirty_amd;
extern const struct iommufd_dirty_platform iommufd_dirty_intel;
extern const struct iommufd_dirty_platform iommufd_dirty_smmu_v3;

const struct iommufd_dirty_platform *iommufd_dirty_platform(struct device *dev);
bool iommufd_dirty_platform_is_atomic(const struct iommufd_dirty_platform *platform,
				      struct device *dev);

#endif
