/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A user of type1: container, group, one virtual DMA device; and its calls, in which the
 * caller sets every field.
 */
#ifndef _KSELFTEST_TYPE1_H
#define _KSELFTEST_TYPE1_H

#include <stdbool.h>
#include <linux/types.h>
#include <linux/vfio.h>

#include "../lib/vdev.h"

#define TYPE1_VFIO	"/dev/vfio/vfio"
#define TYPE1_IOMMUFD	"/dev/iommu"

#define TYPE1_START	VFIO_IOMMU_DIRTY_PAGES_FLAG_START
#define TYPE1_STOP	VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP
#define TYPE1_GET	VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP

/**
 * struct type1 - An open container with its device
 * @container: What was opened as the container
 * @group: The device's IOMMU group
 * @dev: The device; it may do DMA
 */
struct type1 {
	int container;
	int group;
	struct vdev dev;
};

/**
 * struct type1_range - A range, and a bitmap for it
 * @iova: First byte
 * @size: Bytes; after an unmap, bytes that were unmapped
 * @pgsize: Bytes per bit
 * @bits: The bitmap
 * @bytes: Bytes at @bits
 */
struct type1_range {
	__u64 iova;
	__u64 size;
	__u64 pgsize;
	void *bits;
	__u64 bytes;
};

int type1_open(struct type1 *t, const char *container, int type);
void type1_close(struct type1 *t);
int type1_map(struct type1 *t, __u32 flags, void *va, __u64 iova, __u64 size);
int type1_unmap(struct type1 *t, __u32 flags, struct type1_range *range);
int type1_dirty(struct type1 *t, __u32 flags, const struct type1_range *range);
int type1_write(struct type1 *t, __u64 iova, __u64 pages);

#endif
