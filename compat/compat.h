/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The code is written for the newest kernel of kernels/series. What an older one has
 * under another name gets the new name here. Included before the first line of each of
 * our files where anything of compat/features.list is missing, and nowhere else.
 */
#ifndef _DIRTY_COMPAT_H
#define _DIRTY_COMPAT_H

#include <dirty/features.h>

#include <dirty/export.h>
#include <dirty/iommu.h>
#include <dirty/iommufd.h>
#include <dirty/mm.h>
#include <dirty/pci.h>
#include <dirty/vfio.h>
#include <dirty/workqueue.h>

#endif
