/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Injected dirty bits; see inject.c.
 */
#ifndef _VIRT_INJECT_H
#define _VIRT_INJECT_H

struct virt_iommu;

/* No device has this number */
#define VIRT_INJECT_NUMBER	0xffffffffu

void virt_inject_init(struct virt_iommu *iommu);
void virt_inject_exit(void);

#endif
