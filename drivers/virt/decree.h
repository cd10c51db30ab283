/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dirt by decree; see decree.c.
 */
#ifndef _VIRT_DECREE_H
#define _VIRT_DECREE_H

struct virt_iommu;

/* No device has this number */
#define VIRT_DECREE_NUMBER	0xffffffffu

void virt_decree_init(struct virt_iommu *iommu);
void virt_decree_exit(void);

#endif
