/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of the IOMMU core that wait until a test lets them go on. See hold.c.
 */
#ifndef _VIRT_HOLD_H
#define _VIRT_HOLD_H

#include <linux/types.h>

/**
 * enum virt_hold_point - where a call can wait
 * @VIRT_HOLD_PROBE: read_and_clear_dirty has looked, and cleared nothing
 * @VIRT_HOLD_READ: read_and_clear_dirty has cleared D
 * @VIRT_HOLD_UNTRACK: set_dirty_tracking has switched tracking off
 * @VIRT_HOLD_MAP: map_pages has not begun
 * @VIRT_HOLD_ATTACH: an attach has computed the entry of the device, and has not
 *	written it
 */
enum virt_hold_point {
	VIRT_HOLD_PROBE,
	VIRT_HOLD_READ,
	VIRT_HOLD_UNTRACK,
	VIRT_HOLD_MAP,
	VIRT_HOLD_ATTACH,
	VIRT_HOLD_POINTS,
};

void virt_hold(enum virt_hold_point point, unsigned long first,
	       unsigned long last);

#endif
