/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/iova_bitmap.h>: opaque, as to drivers */
#pragma once

#include <linux/types.h>

struct iova_bitmap;
