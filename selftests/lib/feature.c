// SPDX-License-Identifier: GPL-2.0-only
/* VFIO_DEVICE_FEATURE. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/vfio.h>

#include "feature.h"

/**
 * vfio_feature() - VFIO_DEVICE_FEATURE
 * @fd: Of the device
 * @flags: Number of the feature, and VFIO_DEVICE_FEATURE_GET, _SET or _PROBE
 * @data: Goes in, and comes back
 * @size: Bytes of it, at most 120
 *
 * Return: 0, or -errno; -EINVAL also for more than 120 bytes.
 */
int vfio_feature(int fd, __u32 flags, void *data, size_t size)
{
	__u64 buffer[16] = {};
	struct vfio_device_feature *f = (void *)buffer;

	if (size > sizeof(buffer) - sizeof(*f))
		return -EINVAL;
	f->argsz = (__u32)(sizeof(*f) + size);
	f->flags = flags;
	if (size)
		memcpy(f->data, data, size);
	if (ioctl(fd, VFIO_DEVICE_FEATURE, f) < 0)
		return -errno;
	if (size)
		memcpy(data, f->data, size);
	return 0;
}
