/* SPDX-License-Identifier: GPL-2.0-only */
/* For device.c of a kernel whose vmlinux has no iommufd_sw_msi(); see msi.c */
#ifndef __IOMMUFD_MSI_H
#define __IOMMUFD_MSI_H

#include <linux/types.h>

struct iommufd_hwpt_paging;

int iommufd_msi_cookie(struct iommufd_hwpt_paging *hwpt_paging, phys_addr_t start);

#endif
