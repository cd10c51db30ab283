/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tracker must know of an IOMMU driver whose dirty bits it takes: one
 * struct per driver, in a file of its own beside this one.
 */
#ifndef __IOMMUFD_DIRTY_PLATFORM_H
#define __IOMMUFD_DIRTY_PLATFORM_H

#include <linux/types.h>

struct device;
struct iommu_dirty_bitmap;
struct iommu_domain;
struct iommu_iotlb_gather;

/**
 * enum iommufd_dirty_record - How a driver's read_and_clear_dirty() reports
 * @IOMMUFD_DIRTY_RECORD_UNKNOWN: Not seen yet; probe without clearing
 * @IOMMUFD_DIRTY_RECORD_DIRECT: Each leaf goes to iova_bitmap_set()
 * @IOMMUFD_DIRTY_RECORD_GATHER: Only the flush range tells, because the driver
 *	was built without CONFIG_IOMMUFD_DRIVER
 * @IOMMUFD_DIRTY_RECORD_WALKER: Not asked: a walker reads its table, which reports
 *	like @IOMMUFD_DIRTY_RECORD_DIRECT
 */
enum iommufd_dirty_record {
	IOMMUFD_DIRTY_RECORD_UNKNOWN,
	IOMMUFD_DIRTY_RECORD_DIRECT,
	IOMMUFD_DIRTY_RECORD_GATHER,
	IOMMUFD_DIRTY_RECORD_WALKER,
};

/**
 * struct iommufd_dirty_walker - Reads dirty bits out of page tables of one format
 * @fits: Is the page table of this domain of the format, and can it be walked?
 * @check: Are the leaves in [first, last], which is mapped, where
 *	iommu_iova_to_phys() says? Looks at the first few
 * @read: As iommu_dirty_ops::read_and_clear_dirty, with exact leaves: a dirty one is
 *	reported and cleared as a whole wherever the range begins
 * @split: Take all leaves in the range apart that are larger than the smallest; report
 *	what has to be reported at once, and have the gather flush all of it. -ENOMEM leaves
 *	those that are left as they are
 * @join: Make large leaves of small ones in the range whose memory is contiguous; the gather
 *	gets what has to be flushed, and the tables, which iommu_iotlb_sync() frees. The caller
 *	holds pages->mutex, and no one reads dirty bits before all are cleared
 */
struct iommufd_dirty_walker {
	bool (*fits)(struct iommu_domain *domain);
	bool (*check)(struct iommu_domain *domain, unsigned long first,
		      unsigned long last);
	int (*read)(struct iommu_domain *domain, unsigned long iova, size_t size,
		    unsigned long flags, struct iommu_dirty_bitmap *dirty);
	int (*split)(struct iommu_domain *domain, unsigned long iova, size_t size,
		     struct iommu_dirty_bitmap *dirty);
	int (*join)(struct iommu_domain *domain, unsigned long iova, size_t size,
		    struct iommu_iotlb_gather *gather);
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
 * @wraps: read_and_clear_dirty() does not end if it is called for the last page of the
 *	64-bit address space: nothing is to be mapped there
 * @walker: Of the driver's page tables, or NULL
 */
struct iommufd_dirty_platform {
	const char *name;
	const char *const *iommus;
	bool (*usable)(struct device *dev);
	bool born_dirty;
	bool flush_all;
	bool always_on;
	bool wraps;
	const struct iommufd_dirty_walker *walker;
};

extern const struct iommufd_dirty_walker iommufd_dirty_amdv1;
extern const struct iommufd_dirty_walker iommufd_dirty_vtdss;

extern const struct iommufd_dirty_platform iommufd_dirty_amd;
extern const struct iommufd_dirty_platform iommufd_dirty_intel;
extern const struct iommufd_dirty_platform iommufd_dirty_smmu_v3;

const struct iommufd_dirty_platform *iommufd_dirty_platform(struct device *dev);

#endif
