/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The walker PT_WALKER: what a format's file includes last. See pt_walk.h, pt_split.h and
 * pt_join.h.
 */
#ifndef _PT_WALKER_H
#define _PT_WALKER_H

#include <linux/module.h>

#include "pt_walk.h"
#include "pt_split.h"
#include "pt_join.h"

const struct iommufd_dirty_walker PT_WALKER = {
	.fits = pt_walk_fits,
	.check = pt_walk_check,
	.read = pt_walk_read,
	.split = pt_split,
	.join = pt_join,
};

MODULE_IMPORT_NS("GENERIC_PT_IOMMU");

#endif
