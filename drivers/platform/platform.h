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
 * @IOMMUFD_DIRTY_RECORD_UNKNOWN: Not seen yet; probe without clearing
 * @IOMMUFD_DIRTY_RECORD_DIRECT: Each leaf goes to iova_bitmap_set()
 * @IOMMUFD_DIRTY_RECORD_GATHER: Only the flush range tells, because the driver
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
 * @usable: Optional: are the dirty bits of this device's IOMMU to be trusted?
 * @born_dirty: What is newly mapped writable is dirty
 * @flush_all: Flush the whole domain after a harvest: iotlb_sync() needs the size
 *	of the leaves, which iommu_dirty_bitmap_record() does not pass on
 * @always_on: Switch tracking on when the domain is allocated and leave it on: an
 *	attach at the same time as a switch may lose it
 */
struct iommufd_dirty_platform {
	const char *name;
	const char *const *iommus;
	bool (*usable)(struct device *dev);
	bool born_dirty;
	bool flush_all;
	bool always_on;
};

extern const struct iommufd_dirty_platform iommufd_dirty_amd;
extern const struct iommufd_dirty_platform iommufd_dirty_intel;
extern const struct iommufd_dirty_platform iommufd_dirty_smmu_v3;

const struct iommufd_dirty_platform *iommufd_dirty_platform(struct device *dev);

#endif
