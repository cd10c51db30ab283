/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ground truth: what the virtual devices really wrote (/dev/virt-truth, see
 * virt_dma.h). All functions return -errno on failure and print nothing.
 */
#ifndef _SELFTESTS_LIB_TRUTH_H
#define _SELFTESTS_LIB_TRUTH_H

#include "virt_dma.h"

int truth_open(void);
int truth_read(int fd, struct virt_truth_rec *recs, unsigned int nr_recs);

#endif
