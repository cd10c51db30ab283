/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The traffic generator of a virtual ConnectX function: what a driver or a test
 * sees.
 *
 * It is in BAR0 of every virtual function, at VIRT_CX_OFFSET, beside what a
 * ConnectX has there. All registers are 64 bits wide, little endian, and are
 * read and written as 64 bits (two 32-bit halves, low half first, work too).
 *
 * The generator writes guest memory, a word of 8 bytes at a time, as a sequence
 * of writes that are numbered from 0 on. What write number n puts where follows
 * from the registers and n alone, and n is device state: where a migrated device
 * goes on, nothing is left out and nothing is done twice. Each write also
 * changes the rest of the device state, of which STATE_SUM is a sum.
 */
#ifndef _VIRT_CONNECTX_H
#define _VIRT_CONNECTX_H

#include <linux/types.h>

#include "virt_dma.h"

#define VIRT_CX_OFFSET		0x4000	/* in BAR0 of a virtual function */

#define VIRT_CX_ID		0x000	/* RO: VIRT_CX_MAGIC */
#define VIRT_CX_MAGIC		0x3130584354524956ull	/* "VIRTCX01" */

/*
 * CTRL is memory that the device looks at about every millisecond. It reads 0
 * again when the command was taken; only from then on STATUS and POSITION are
 * of the new run. The other registers are taken at START.
 */
#define VIRT_CX_CTRL		0x008	/* WO; see VIRT_CX_CTRL_* */
#define VIRT_CX_CTRL_START	1	/* go on from POSITION with the registers as they are */
#define VIRT_CX_CTRL_STOP	2	/* STATUS loses RUNNING when nothing is in flight */
#define VIRT_CX_STATUS		0x010	/* RO; see VIRT_CX_STATUS_* */
#define VIRT_CX_STATUS_RUNNING	1
#define VIRT_CX_STATUS_FAULT	2	/* a write was refused since START */

#define VIRT_CX_BASE		0x018	/* first byte, a multiple of 8 */
#define VIRT_CX_LENGTH		0x020	/* bytes, a multiple of UNIT */
#define VIRT_CX_UNIT		0x028	/* distance of writes: power of two, 8 to 2^30; reset: 4K */
#define VIRT_CX_RATE		0x030	/* writes per second; 0: no limit */
#define VIRT_CX_KEY		0x038	/* part of the values written */
#define VIRT_CX_POSITION	0x040	/* number of the next write; RO while RUNNING */
#define VIRT_CX_END		0x048	/* stop at this position; 0 = never */
#define VIRT_CX_IRQ		0x050	/* MSI-X vector 0 after so many writes each; 0 = never */

#define VIRT_CX_FAULTS		0x058	/* RO: writes refused since START */
#define VIRT_CX_FAULT_IOVA	0x060	/* RO: address of the last of them */
#define VIRT_CX_STATE_SUM	0x068	/* RO: sum of the device state */
#define VIRT_CX_INDEX		0x070	/* RO: number of the device, as in struct virt_truth_rec */

/*
 * The offset from BASE of write number n: unit after unit, and from the start
 * again with the next word of each, so that a word is written twice only after
 * all others were. The word that it puts at address a is virt_dma_value(KEY, n, a).
 */
static inline __u64 virt_connectx_offset(__u64 length, __u64 unit, __u64 n)
{
	__u64 units = length / unit;

	return n % units * unit + n / units % (unit / 8) * 8;
}

#endif
