// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stddef.h>
#include <linux/vfio.h>

#include "../lib/iommufd.h"
#include "fuzz_calls.h"

#define F(type, member, kind, arg)					\
	{ offsetof(struct type, member), sizeof(((struct type *)0)->member), kind, arg }

const struct call fuzz_calls[] = {
	{
		"TRACKER_ALLOC", IOMMU_DIRTY_TRACKER_ALLOC,
		sizeof(struct iommu_dirty_tracker_alloc),
		.errors = { ENOENT, EBUSY, EINVAL, EBADF, EOPNOTSUPP, ENOMEM,
			    E2BIG },
		.field = {
			F(iommu_dirty_tracker_alloc, size, SIZE, 0),
			F(iommu_dirty_tracker_alloc, flags, FLAGS, 3),
			F(iommu_dirty_tracker_alloc, ioas_id, ID, IOAS),
			F(iommu_dirty_tracker_alloc, policy, CHOICE, 3),
			F(iommu_dirty_tracker_alloc, page_size, PAGE_BYTES, 0),
			F(iommu_dirty_tracker_alloc, out_tracker_id, NEW_ID, TRACKER),
			F(iommu_dirty_tracker_alloc, event_fd, ZERO, 0),
		},
	}, {
		"TRACKER_SET", IOMMU_DIRTY_TRACKER_SET,
		sizeof(struct iommu_dirty_tracker_set),
		.errors = { ENOENT, EINVAL, EOPNOTSUPP, ENXIO, ENOMEM, E2BIG, EINTR },
		.field = {
			F(iommu_dirty_tracker_set, size, SIZE, 0),
			F(iommu_dirty_tracker_set, flags, MOSTLY, 5),
			F(iommu_dirty_tracker_set, tracker_id, ID, TRACKER),
			F(iommu_dirty_tracker_set, policy, CHOICE, 3),
			F(iommu_dirty_tracker_set, dev_id, ZERO, 0),
		},
	}, {
		"TRACKER_READ", IOMMU_DIRTY_TRACKER_READ,
		sizeof(struct iommu_dirty_tracker_read), .reports = true,
		.errors = { ENOENT, EINVAL, EOVERFLOW, EOPNOTSUPP, EFAULT, E2BIG,
			    EINTR, ENOMEM, ENODATA },
		.field = {
			F(iommu_dirty_tracker_read, size, SIZE, 0),
			F(iommu_dirty_tracker_read, flags, FLAGS, 7),
			F(iommu_dirty_tracker_read, tracker_id, ID, TRACKER),
			F(iommu_dirty_tracker_read, page_size, PAGE_BYTES, 0),
			F(iommu_dirty_tracker_read, iova, ADDRESS, 0),
			F(iommu_dirty_tracker_read, length, LENGTH, 0),
			F(iommu_dirty_tracker_read, data, POINTER, 0),
			F(iommu_dirty_tracker_read, data_len, BYTES, 0),
			F(iommu_dirty_tracker_read, timeout_ms, ZERO, 0),
			F(iommu_dirty_tracker_read, __reserved, ZERO, 0),
		},
	}, {
		"TRACKER_UNMAP", IOMMU_DIRTY_TRACKER_UNMAP,
		sizeof(struct iommu_dirty_tracker_unmap), .reports = true,
		.errors = { ENOENT, EINVAL, EOVERFLOW, EOPNOTSUPP, EFAULT, E2BIG,
			    EINTR, EBUSY, ENOMEM, ENODATA, ERANGE },
		.field = {
			F(iommu_dirty_tracker_unmap, size, SIZE, 0),
			F(iommu_dirty_tracker_unmap, flags, FLAGS, 7),
			F(iommu_dirty_tracker_unmap, tracker_id, ID, TRACKER),
			F(iommu_dirty_tracker_unmap, page_size, PAGE_BYTES, 0),
			F(iommu_dirty_tracker_unmap, iova, ADDRESS, 0),
			F(iommu_dirty_tracker_unmap, length, LENGTH, 0),
			F(iommu_dirty_tracker_unmap, data, POINTER, 0),
			F(iommu_dirty_tracker_unmap, data_len, BYTES, 0),
		},
	}, {
		"TRACKER_INFO", IOMMU_DIRTY_TRACKER_INFO,
		sizeof(struct iommu_dirty_tracker_info),
		.errors = { ENOENT, EINVAL, EOPNOTSUPP, EFAULT, E2BIG, EINTR, ENOMEM },
		.field = {
			F(iommu_dirty_tracker_info, size, SIZE, 0),
			F(iommu_dirty_tracker_info, flags, FLAGS, 1),
			F(iommu_dirty_tracker_info, tracker_id, ID, TRACKER),
			F(iommu_dirty_tracker_info, sources, POINTER, 0),
			F(iommu_dirty_tracker_info, source_size, CHOICE, 200),
			F(iommu_dirty_tracker_info, nr_sources, CHOICE, 6),
		},
	}, {
		"IOAS_ALLOC", IOMMU_IOAS_ALLOC, sizeof(struct iommu_ioas_alloc),
		.field = {
			F(iommu_ioas_alloc, size, SIZE, 0),
			F(iommu_ioas_alloc, out_ioas_id, NEW_ID, IOAS),
		},
	}, {
		"IOAS_MAP", IOMMU_IOAS_MAP, sizeof(struct iommu_ioas_map),
		.field = {
			F(iommu_ioas_map, size, SIZE, 0),
			F(iommu_ioas_map, flags, FLAGS, 7),
			F(iommu_ioas_map, ioas_id, ID, IOAS),
			F(iommu_ioas_map, user_va, MEMORY, 0),
			F(iommu_ioas_map, length, LENGTH, 0),
			F(iommu_ioas_map, iova, ADDRESS, 0),
		},
	}, {
		"IOAS_UNMAP", IOMMU_IOAS_UNMAP, sizeof(struct iommu_ioas_unmap),
		.field = {
			F(iommu_ioas_unmap, size, SIZE, 0),
			F(iommu_ioas_unmap, ioas_id, ID, IOAS),
			F(iommu_ioas_unmap, iova, ADDRESS, 0),
			F(iommu_ioas_unmap, length, LENGTH, 0),
		},
	}, {
		"IOAS_COPY", IOMMU_IOAS_COPY, sizeof(struct iommu_ioas_copy),
		.field = {
			F(iommu_ioas_copy, size, SIZE, 0),
			F(iommu_ioas_copy, flags, FLAGS, 7),
			F(iommu_ioas_copy, dst_ioas_id, ID, IOAS),
			F(iommu_ioas_copy, src_ioas_id, ID, IOAS),
			F(iommu_ioas_copy, length, LENGTH, 0),
			F(iommu_ioas_copy, dst_iova, ADDRESS, 0),
			F(iommu_ioas_copy, src_iova, ADDRESS, 0),
		},
	}, {
		"HWPT_ALLOC", IOMMU_HWPT_ALLOC, sizeof(struct iommu_hwpt_alloc),
		.field = {
			F(iommu_hwpt_alloc, size, SIZE, 0),
			F(iommu_hwpt_alloc, flags, FLAGS, 3),
			F(iommu_hwpt_alloc, dev_id, ID, DEVICE),
			F(iommu_hwpt_alloc, pt_id, ID, IOAS),
			F(iommu_hwpt_alloc, out_hwpt_id, NEW_ID, HWPT),
		},
	}, {
		"HWPT_SET_DIRTY_TRACKING", IOMMU_HWPT_SET_DIRTY_TRACKING,
		sizeof(struct iommu_hwpt_set_dirty_tracking),
		.field = {
			F(iommu_hwpt_set_dirty_tracking, size, SIZE, 0),
			F(iommu_hwpt_set_dirty_tracking, flags, FLAGS, 1),
			F(iommu_hwpt_set_dirty_tracking, hwpt_id, ID, HWPT),
		},
	}, {
		"HWPT_GET_DIRTY_BITMAP", IOMMU_HWPT_GET_DIRTY_BITMAP,
		sizeof(struct iommu_hwpt_get_dirty_bitmap),
		.field = {
			F(iommu_hwpt_get_dirty_bitmap, size, SIZE, 0),
			F(iommu_hwpt_get_dirty_bitmap, hwpt_id, ID, HWPT),
			F(iommu_hwpt_get_dirty_bitmap, flags, FLAGS, 1),
			F(iommu_hwpt_get_dirty_bitmap, page_size, PAGE_BYTES, 0),
			F(iommu_hwpt_get_dirty_bitmap, iova, ADDRESS, 0),
			F(iommu_hwpt_get_dirty_bitmap, length, LENGTH, 0),
			F(iommu_hwpt_get_dirty_bitmap, data, POINTER, 0),
		},
	}, {
		"DESTROY", IOMMU_DESTROY, sizeof(struct iommu_destroy),
		.field = {
			F(iommu_destroy, size, SIZE, 0),
			F(iommu_destroy, id, ID, TYPES),
		},
	}, {
		"VFIO_IOAS", IOMMU_VFIO_IOAS, sizeof(struct iommu_vfio_ioas),
		.field = {
			F(iommu_vfio_ioas, size, SIZE, 0),
			F(iommu_vfio_ioas, ioas_id, ID, IOAS),
			F(iommu_vfio_ioas, op, CHOICE, 3),
		},
	}, {
		"VFIO_DIRTY_PAGES", VFIO_IOMMU_DIRTY_PAGES,
		sizeof(struct vfio_iommu_type1_dirty_bitmap) +
		sizeof(struct vfio_iommu_type1_dirty_bitmap_get),
		.field = {
			F(vfio_iommu_type1_dirty_bitmap, argsz, SIZE, 0),
			F(vfio_iommu_type1_dirty_bitmap, flags, FLAGS, 7),
			{ 8, 8, ADDRESS, 0 },
			{ 16, 8, LENGTH, 0 },
			{ 24, 8, PAGE_BYTES, 0 },
			{ 32, 8, BYTES, 0 },
			{ 40, 8, POINTER, 0 },
		},
	}, {
		"VFIO_UNMAP_DMA", VFIO_IOMMU_UNMAP_DMA,
		sizeof(struct vfio_iommu_type1_dma_unmap) + sizeof(struct vfio_bitmap),
		.field = {
			F(vfio_iommu_type1_dma_unmap, argsz, SIZE, 0),
			F(vfio_iommu_type1_dma_unmap, flags, FLAGS, 7),
			F(vfio_iommu_type1_dma_unmap, iova, ADDRESS, 0),
			F(vfio_iommu_type1_dma_unmap, size, LENGTH, 0),
			{ 24, 8, PAGE_BYTES, 0 },
			{ 32, 8, BYTES, 0 },
			{ 40, 8, POINTER, 0 },
		},
	}, {
		"ATTACH", VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		sizeof(struct vfio_device_attach_iommufd_pt), .device = true,
		.field = {
			F(vfio_device_attach_iommufd_pt, argsz, SIZE, 0),
			F(vfio_device_attach_iommufd_pt, pt_id, ID, HWPT),
		},
	}, {
		"DETACH", VFIO_DEVICE_DETACH_IOMMUFD_PT,
		sizeof(struct vfio_device_detach_iommufd_pt), .device = true,
		.field = {
			F(vfio_device_detach_iommufd_pt, argsz, SIZE, 0),
		},
	}, {
		/* A feature's own data are 64 bytes of what features begin with */
		"FEATURE", VFIO_DEVICE_FEATURE, sizeof(struct vfio_device_feature) + 64,
		.device = true,
		.field = {
			F(vfio_device_feature, argsz, SIZE, 0),
			{ 4, 2, CHOICE, 12 },
			{ 6, 2, FLAGS, 7 },
			{ 8, 8, PAGE_BYTES, 0 },
			{ 16, 4, CHOICE, 4 },
			{ 24, 8, POINTER, 0 },
			{ 32, 8, POINTER, 0 },
		},
	}, {
		/* struct vfio_device_feature_dma_logging_report */
		"FEATURE_REPORT", VFIO_DEVICE_FEATURE, sizeof(struct vfio_device_feature) + 32,
		.device = true,
		.field = {
			F(vfio_device_feature, argsz, SIZE, 0),
			{ 4, 2, CHOICE, 12 },
			{ 6, 2, FLAGS, 7 },
			{ 8, 8, ADDRESS, 0 },
			{ 16, 8, LENGTH, 0 },
			{ 24, 8, PAGE_BYTES, 0 },
			{ 32, 8, POINTER, 0 },
		},
	}, {
		"RESET", VFIO_DEVICE_RESET, 8, .device = true,
	},
};

const unsigned int fuzz_nr_calls = sizeof(fuzz_calls) / sizeof(*fuzz_calls);
