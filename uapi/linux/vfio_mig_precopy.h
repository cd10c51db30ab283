/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What linux/vfio.h of Linux 7.1 has about VFIO_MIG_GET_PRECOPY_INFO and that of older
 * kernels has not. Numbers and meaning are upstream's.
 */
#ifndef _UAPI_VFIO_MIG_PRECOPY_H
#define _UAPI_VFIO_MIG_PRECOPY_H

#include <linux/vfio.h>

/*
 * VFIO_DEVICE_FEATURE_SET, without data: from now on, and until the device is closed,
 * vfio_precopy_info.flags is valid, and VFIO_PRECOPY_INFO_REINIT can be set in it.
 *
 * EINVAL if the device cannot be saved while it runs (VFIO_MIGRATION_PRE_COPY).
 */
#ifndef VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2
#define VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2	12
#endif

/*
 * Of vfio_precopy_info.flags, output: initial_bytes counts from the beginning again,
 * since the device has new initial data. PRE_COPY is better not left before that was
 * read.
 */
#ifndef VFIO_PRECOPY_INFO_REINIT
#define VFIO_PRECOPY_INFO_REINIT	(1 << 0)
#endif

#endif
