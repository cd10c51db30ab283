/* SPDX-License-Identifier: GPL-2.0-only */
/* What our uAPI header takes from the kernel's <linux/iommufd.h> */
#pragma once

#define IOMMUFD_TYPE (';')
