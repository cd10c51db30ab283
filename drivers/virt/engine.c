// SPDX-License-Identifier: GPL-2.0-only
/*
 * What makes traffic, in a virtual DMA device (dma.c) and in a ConnectX
 * (connectx/generator.c): the rate at which accesses are made, and the register that takes
 * a command. That register is memory, so a command is noticed when the thread looks.
 */
#include <linux/io.h>
#include <linux/math64.h>
#include <linux/timekeeping.h>

#include "engine.h"

/**
 * virt_pace_begin() - RATE counts from now on
 * @pace: Set by it
 * @access: The next access, by number
 */
void virt_pace_begin(struct virt_pace *pace, u64 access)
{
	pace->access = access;
	pace->began_ns = ktime_get_ns();
}

/**
 * virt_pace_is_due() - Is it time for an access
 * @pace: Since when RATE counts
 * @access: The access, by number
 * @rate: Accesses per second, 0 for no limit
 *
 * Return: true if so.
 */
bool virt_pace_is_due(const struct virt_pace *pace, u64 access, u64 rate)
{
	u64 elapsed;

	if (!rate)
		return true;
	elapsed = ktime_get_ns() - pace->began_ns;
	return access - pace->access <=
	       mul_u64_u64_div_u64(elapsed, rate, NSEC_PER_SEC);
}

/**
 * virt_ctrl_done() - Let a command register read 0: its command is done
 * @ctrl: The register
 * @command: What was read from it
 *
 * Software that reads 0 sees all that the device has written before. A command that was
 * written over @command stays, and is taken at the next look.
 */
void virt_ctrl_done(void __iomem *ctrl, u64 command)
{
	/* A full barrier where it succeeds */
	cmpxchg((__force u64 *)ctrl, command, 0);
}
