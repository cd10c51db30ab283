// SPDX-License-Identifier: GPL-2.0-only
/*
 * An example of a source, and of the *scope* kind: the driver of a device that has
 * no log, but that can write to some pages only, because the driver (or a filter in
 * the device) sees to that. Here the administrator does, who says with the module
 * parameters scope_first and scope_last which pages they are, and has to see to it
 * that the user gives the device no others.
 *
 * Documentation/writing-a-source.rst uses this file as its example.
 */
#include <linux/iommufd_dirty.h>
#include <linux/iova_bitmap.h>
#include <linux/minmax.h>
#include <linux/module.h>

#include "device.h"

static unsigned long scope_first;
module_param(scope_first, ulong, 0644);
MODULE_PARM_DESC(scope_first, "First byte (IOVA) that a device without a page tracker can write");

static unsigned long scope_last;
module_param(scope_last, ulong, 0644);
MODULE_PARM_DESC(scope_last, "Last byte (IOVA) that it can write, inclusive (0: not known)");

static int scope_start(void *data, unsigned long first, unsigned long last,
		       unsigned long *granule)
{
	struct virt_vfio_device *vv = data;

	/* What is outside of the range could not be reported */
	if (vv->scope_first < first || vv->scope_last > last)
		return -ERANGE;
	*granule = PAGE_SIZE;
	return 0;
}

static void scope_stop(void *data)
{
}

static int scope_harvest(void *data, unsigned long iova, size_t length,
			 struct iova_bitmap *bitmap)
{
	struct virt_vfio_device *vv = data;
	unsigned long first = max(iova, vv->scope_first);
	unsigned long last = min(iova + (length - 1), vv->scope_last);

	if (first <= last)
		iova_bitmap_set(bitmap, first, last - first + 1);
	return 0;
}

static const struct iommufd_dirty_source_ops scope_ops = {
	.start = scope_start,
	.stop = scope_stop,
	.harvest = scope_harvest,
};

/**
 * virt_vfio_scope_open() - Declare what the device writes, if that is known
 * @vv: The device, without a page tracker; opened through iommufd or not
 *
 * It is taken back when the device is closed for the last time.
 *
 * Return: 0 or -errno.
 */
int virt_vfio_scope_open(struct virt_vfio_device *vv)
{
	struct iommufd_dirty_source_desc desc = {
		.ops = &scope_ops,
		.data = vv,
		.flags = IOMMUFD_DIRTY_SOURCE_IS_SCOPE,
		.granule = PAGE_SIZE,
	};

	vv->scope_first = READ_ONCE(scope_first);
	vv->scope_last = READ_ONCE(scope_last);
	if (!vv->scope_last || !vv->core.vdev.iommufd_device)
		return 0;
	return iommufd_dirty_source_register(vv->core.vdev.iommufd_device, &desc);
}
