/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual DMA device. See dma.c, and virt_dma.h for its registers.
 */
#ifndef _VIRT_DMA_MODEL_H
#define _VIRT_DMA_MODEL_H

struct virt_dma;
struct virt_iommu;

struct virt_dma *virt_dma_create(struct virt_iommu *iommu, unsigned int index,
				 unsigned int devfn);
void virt_dma_destroy(struct virt_dma *dma);

#endif
