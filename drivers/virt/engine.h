/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What makes traffic, in a virtual DMA device and in a ConnectX. See engine.c.
 */
#ifndef _VIRT_ENGINE_H
#define _VIRT_ENGINE_H

#include <linux/types.h>

/**
 * struct virt_pace - Since when RATE counts
 * @access: The first access that counts, by number
 * @began_ns: When it was due
 */
struct virt_pace {
	u64 access;
	u64 began_ns;
};

void virt_pace_begin(struct virt_pace *pace, u64 access);
bool virt_pace_is_due(const struct virt_pace *pace, u64 access, u64 rate);
void virt_ctrl_done(void __iomem *ctrl, u64 command);

#endif
