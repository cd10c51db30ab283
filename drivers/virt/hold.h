/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of the IOMMU core that wait until a test lets them go on. See hold.c.
 */
#ifndef _VIRT_HOLD_H
#define _VIRT_HOLD_H

#include <linux/compiler.h>
#include <linux/types.h>

/**
 * enum virt_hold_point - Where a call can wait
 * @VIRT_HOLD_PROBE: read_and_clear_dirty has looked, and cleared nothing
 * @VIRT_HOLD_READ: read_and_clear_dirty has cleared D
 * @VIRT_HOLD_UNTRACK: set_dirty_tracking has switched tracking off
 * @VIRT_HOLD_MAP: map_pages has not begun
 * @VIRT_HOLD_ATTACH: An attach has computed the entry of the device, and has not
 *	written it
 * @VIRT_HOLD_TAGS: A device uses a domain whose invalidations do not reach it yet, or not
 *	any more
 * @VIRT_HOLD_POINTS: How many
 */
enum virt_hold_point {
	VIRT_HOLD_PROBE,
	VIRT_HOLD_READ,
	VIRT_HOLD_UNTRACK,
	VIRT_HOLD_MAP,
	VIRT_HOLD_ATTACH,
	VIRT_HOLD_TAGS,
	VIRT_HOLD_POINTS,
};

extern bool virt_hold_armed;
void virt_hold_wait(enum virt_hold_point point, unsigned long first,
		    unsigned long last);

/**
 * virt_hold() - Wait here, if a test wants that
 * @point: Where
 * @first: The lowest key that the call has to do with
 * @last: The highest
 *
 * Costs next to nothing until a point is armed for the first time: the benchmark counts
 * what is here as if hardware drivers did it too.
 */
static inline void virt_hold(enum virt_hold_point point, unsigned long first,
			     unsigned long last)
{
	if (unlikely(READ_ONCE(virt_hold_armed)))
		virt_hold_wait(point, first, last);
}

#endif
