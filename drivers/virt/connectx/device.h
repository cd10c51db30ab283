/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual ConnectX. See device.c, and ../virt_connectx.h for what is special
 * to it.
 */
#ifndef _VIRT_CONNECTX_DEVICE_H
#define _VIRT_CONNECTX_DEVICE_H

#define CX_MAX_DEVICES	2
/* Of the PF of device number @index; VFs follow */
#define CX_DEVFN(index)	(0x80 + 0x10 * (index))

struct connectx;
struct virt_iommu;

struct connectx *virt_connectx_create(struct virt_iommu *iommu,
				      unsigned int index, unsigned int vfs);
void virt_connectx_destroy(struct connectx *cx);

#endif
