/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ground truth: the log of all writes to memory. See truth.c and virt_dma.h.
 */
#ifndef _VIRT_TRUTH_H
#define _VIRT_TRUTH_H

#include <linux/types.h>

#include "virt_dma.h"

u64 virt_truth_begin(void);
void virt_truth_end(struct virt_truth_rec *rec);
int virt_truth_init(void);
void virt_truth_exit(void);

#endif
