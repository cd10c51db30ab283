/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VFIO_DEVICE_FEATURE. Returns 0 or -errno and prints nothing; ENOTTY means that the
 * device does not have the feature.
 */
#ifndef _SELFTESTS_LIB_FEATURE_H
#define _SELFTESTS_LIB_FEATURE_H

#include <stddef.h>
#include <linux/types.h>

int vfio_feature(int fd, __u32 flags, void *data, size_t size);

#endif
