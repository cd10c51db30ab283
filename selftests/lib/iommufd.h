/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Thin wrappers of the ioctls on /dev/iommu, upstream's and the dirty
 * tracker's. Every function returns 0 (or what it says) or -errno, prints
 * nothing, and writes its out parameters on success only, unless it says
 * otherwise. An out parameter that is not wanted may be NULL.
 */
#ifndef _SELFTESTS_LIB_IOMMUFD_H
#define _SELFTESTS_LIB_IOMMUFD_H

#include <stdbool.h>
#include <linux/types.h>
#include <linux/iommufd.h>
#include <linux/iommufd_dirty.h>

#define IOMMUFD_MAP_RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)

int iommufd_open(void);
int iommufd_destroy(int fd, __u32 id);

int iommufd_ioas_alloc(int fd, __u32 *out_ioas_id);
int iommufd_ioas_map(int fd, __u32 ioas_id, void *va, __u64 length, __u64 iova,
		     __u32 flags);
int iommufd_ioas_map_file(int fd, __u32 ioas_id, int file, __u64 length, __u64 iova,
			  __u32 flags);
int iommufd_change_process(int fd);
int iommufd_ioas_unmap(int fd, __u32 ioas_id, __u64 iova, __u64 length,
		       __u64 *out_unmapped);
int iommufd_ioas_copy(int fd, __u32 dst_ioas_id, __u32 src_ioas_id,
		      __u64 dst_iova, __u64 src_iova, __u64 length,
		      __u32 flags);
int iommufd_ioas_huge_pages(int fd, __u32 ioas_id, bool enable);
int iommufd_ioas_small_leaves(int fd, __u32 ioas_id, bool enable);

/* IOMMU_HWPT_ALLOC_PASID, which headers before 6.15 lack */
#define HWPT_ALLOC_PASID (1u << 3)

int iommufd_hwpt_alloc(int fd, __u32 dev_id, __u32 pt_id, __u32 flags,
		       __u32 *out_hwpt_id);
int iommufd_hwpt_nested_alloc(int fd, __u32 dev_id, __u32 parent_id,
			      __u32 data_type, const void *data, __u32 len,
			      __u32 *out_hwpt_id);
int iommufd_hwpt_set_dirty(int fd, __u32 hwpt_id, bool enable);
int iommufd_hwpt_get_dirty(int fd, __u32 hwpt_id, __u64 iova, __u64 length,
			   __u64 page_size, void *bitmap, __u32 flags);

int tracker_alloc(int fd, __u32 ioas_id, __u32 policy, __u32 flags,
		  __u64 page_size, __u32 *out_tracker_id);
int tracker_set(int fd, __u32 tracker_id, __u32 flags, __u64 *out_page_size,
		__u32 *out_flags);

/**
 * struct tracker_read_out - What a READ returns besides the dirty pages
 * @dirty_bytes: Bytes reported, in units of the page size asked for
 * @next_iova: Where to continue; the end of the range when the READ is complete
 * @flags: Combination of enum iommu_dirty_tracker_out_flags
 */
struct tracker_read_out {
	__u64 dirty_bytes;
	__u64 next_iova;
	__u32 flags;
};

int tracker_set_policy(int fd, __u32 tracker_id, __u32 flags, __u32 policy,
		       __u32 dev_id);
int tracker_read(int fd, struct iommu_dirty_tracker_read *cmd);
int tracker_read_bitmap(int fd, __u32 tracker_id, __u64 iova, __u64 length,
			__u64 page_size, __u64 *bitmap, __u32 flags,
			struct tracker_read_out *out);
int tracker_read_ranges(int fd, __u32 tracker_id, __u64 iova, __u64 length,
			__u64 page_size, struct iommu_dirty_range *ranges,
			unsigned int nr_ranges, __u32 flags,
			struct tracker_read_out *out);
int tracker_unmap(int fd, struct iommu_dirty_tracker_unmap *cmd);
int tracker_count(int fd, __u32 tracker_id, __u64 iova, __u64 length,
		  __u64 page_size, struct tracker_read_out *out);
int tracker_info(int fd, __u32 tracker_id, struct iommu_dirty_tracker_info *out,
		 struct iommu_dirty_source_info *sources,
		 unsigned int nr_sources);

const char *iommufd_source_words(__u64 kind);

#endif
