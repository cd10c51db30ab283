/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The stage 1 of the virtual IOMMU: what a user gives to IOMMU_HWPT_ALLOC, with an
 * HWPT that was made with IOMMU_HWPT_ALLOC_NEST_PARENT as pt_id.
 */
#ifndef _VIRT_NESTED_H
#define _VIRT_NESTED_H

#include <linux/types.h>

/* data_type of IOMMU_HWPT_ALLOC */
#define VIRT_NESTED_DATA_TYPE	0x76697274

/**
 * struct virt_nested_data - A stage 1, for as long as its HWPT exists
 * @offset: A multiple of 4 KiB, at most 2^48; an address of the device is the IOVA
 *	so many bytes higher
 */
struct virt_nested_data {
	__aligned_u64 offset;
};

#endif
