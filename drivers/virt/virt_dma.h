/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Virtual DMA device and ground truth: what a driver or a test sees.
 *
 * PCI 1d55:d0a0 (class 0x088000), BAR0 of 4 KiB with the registers below and
 * BAR2 of 4 KiB with the MSI-X table (one vector). A device with a page tracker
 * has its registers in BAR4 of 64 KiB. All registers are 64 bits wide, little
 * endian, and are read and written as 64 bits (two 32-bit halves, low half
 * first, work too).
 */
#ifndef _VIRT_DMA_H
#define _VIRT_DMA_H

#include <linux/types.h>
#include <linux/ioctl.h>

#define VIRT_DMA_VENDOR_ID	0x1d55
#define VIRT_DMA_DEVICE_ID	0xd0a0

#define VIRT_DMA_ID		0x000	/* RO: VIRT_DMA_MAGIC */
#define VIRT_DMA_MAGIC		0x31414d4454524956ull	/* "VIRTDMA1" */

/*
 * CTRL is memory that the device looks at about every millisecond. It reads 0
 * again when the command was taken; only from then on STATUS and the counters
 * are of the new run. So: write START, wait until CTRL is 0, then poll STATUS.
 */
#define VIRT_DMA_CTRL		0x008	/* WO; see VIRT_DMA_CTRL_* */
#define VIRT_DMA_CTRL_START	1	/* begin at access 0 with the registers as they are */
#define VIRT_DMA_CTRL_STOP	2	/* STATUS loses RUNNING when nothing is in flight */
#define VIRT_DMA_STATUS		0x010	/* RO; see VIRT_DMA_STATUS_* */
#define VIRT_DMA_STATUS_RUNNING	1
#define VIRT_DMA_STATUS_FAULT	2	/* an access was refused since START */

#define VIRT_DMA_OP		0x018
#define VIRT_DMA_OP_WRITE	0
#define VIRT_DMA_OP_READ	1	/* XOR of all words read is in CHECK */
#define VIRT_DMA_OP_COPY	2	/* from SRC + (address - IOVA) */
#define VIRT_DMA_PATTERN	0x020
#define VIRT_DMA_PATTERN_SEQ	0
#define VIRT_DMA_PATTERN_RANDOM	1	/* a permutation of the units: each once a sweep */
#define VIRT_DMA_PATTERN_STRIDE	2	/* units 0, STRIDE, 2*STRIDE ...; no wrap */

#define VIRT_DMA_IOVA		0x028	/* first byte */
#define VIRT_DMA_LENGTH		0x030	/* bytes, a multiple of UNIT */
#define VIRT_DMA_UNIT		0x038	/* distance of accesses: power of 2, 8 to 2^30; reset: 4K */
#define VIRT_DMA_SIZE		0x040	/* bytes per access, multiple of 8, 8 to UNIT; reset: 8 */
#define VIRT_DMA_OFFSET		0x048	/* of the access in its unit, multiple of 8; reset: 0 */
#define VIRT_DMA_STRIDE		0x050	/* in units; reset: 1 */
#define VIRT_DMA_SRC		0x058	/* COPY: first byte to read */
#define VIRT_DMA_SEED		0x060	/* of RANDOM, and part of the values written */
#define VIRT_DMA_SWEEPS		0x068	/* how often to go through; 0 = until STOP; reset: 1 */
#define VIRT_DMA_RATE		0x070	/* accesses per second; 0: no limit */

#define VIRT_DMA_DONE		0x078	/* RO: accesses completed since START */
#define VIRT_DMA_FAULTS		0x080	/* RO: accesses refused since START */
#define VIRT_DMA_FAULT_IOVA	0x088	/* RO: address of the last refused access */
#define VIRT_DMA_CHECK		0x090	/* RO */
#define VIRT_DMA_IRQ		0x098	/* 1: MSI-X vector 0 when a run ends; reset: 0 */
#define VIRT_DMA_INDEX		0x0a0	/* RO: number of the device, as in struct virt_truth_rec */
#define VIRT_DMA_PASID		0x0a8	/* of all requests, 1 to 3; 0: they have none; reset: 0 */

/*
 * The word that access number n (from 0 over all sweeps) of a WRITE puts at
 * address a (8 bytes aligned) with SEED s; never 0 in practice.
 */
static inline __u64 virt_dma_value(__u64 s, __u64 n, __u64 a)
{
	__u64 x = s ^ (n * 0x9e3779b97f4a7c15ull) ^ (a * 0xc2b2ae3d27d4eb4full);

	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 32;
	return x;
}

/*
 * The page tracker, BAR4: a log of the pages that the device has written without a PASID. START
 * makes an empty one and REPORT takes out of it; there is one at a time.
 *
 * Write the arguments, then CTRL; when CTRL reads 0 again, RESULT is what came of
 * the command. A command that is written over one that is not done yet takes its
 * place, and what that one had taken out of the log is lost.
 *
 * A page is in the log before the access that wrote it is counted in DONE. A log
 * that has LOG_SIZE pages and gets another is lost: every REPORT fails with
 * VIRT_TRACK_LOST until STOP. A function-level reset ends the log.
 */
#define VIRT_TRACK_ID		0x000	/* RO: VIRT_TRACK_MAGIC */
#define VIRT_TRACK_MAGIC	0x314b434152545256ull	/* "VRTRACK1" */
#define VIRT_TRACK_CTRL		0x008	/* WO; reads 0 when the command is done */
#define VIRT_TRACK_CTRL_START	1	/* with PAGE_SIZE, NR_RANGES, the ranges */
#define VIRT_TRACK_CTRL_STOP	2	/* free the log, if there is one */
#define VIRT_TRACK_CTRL_REPORT	3	/* with IOVA, LENGTH */
#define VIRT_TRACK_RESULT	0x010	/* RO: of the last command; 0 after a reset */
#define VIRT_TRACK_OK		1
#define VIRT_TRACK_BUSY		2	/* START: there is a log */
#define VIRT_TRACK_NO_LOG	3	/* REPORT: there is none */
#define VIRT_TRACK_LOST		4	/* REPORT: the log overflowed or broke */
#define VIRT_TRACK_FAILED	5	/* for this time; a log is as it was */
#define VIRT_TRACK_BAD_RANGES	6	/* START: none, too many, or an empty one */
#define VIRT_TRACK_BAD_ADDRESS	7	/* START: too high, or too many bytes */
#define VIRT_TRACK_BAD_ARGUMENT	8	/* anything else */

#define VIRT_TRACK_MAX_RANGES	0x020	/* RO */
#define VIRT_TRACK_ADDR_BITS	0x028	/* RO: addresses are below 2 to this power */
#define VIRT_TRACK_SPACE_BITS	0x030	/* RO: and the bytes of all ranges not above */
#define VIRT_TRACK_PAGE_SIZES	0x038	/* RO: the sum of those that there are */
#define VIRT_TRACK_LOG_SIZE	0x040	/* RO: pages */

#define VIRT_TRACK_PAGE_SIZE	0x080	/* START: bytes, one of PAGE_SIZES */
#define VIRT_TRACK_NR_RANGES	0x088	/* START: entries from RANGES on */
#define VIRT_TRACK_IOVA		0x090	/* REPORT: first byte */
#define VIRT_TRACK_LENGTH	0x098	/* REPORT: bytes */

#define VIRT_TRACK_LOOKED_AT	0x0a0	/* RO, REPORT: bytes from IOVA on that it covers */
#define VIRT_TRACK_COUNT	0x0a8	/* RO, REPORT: entries from PAGES on */

/* START: first and last byte of each range, of any alignment. */
#define VIRT_TRACK_RANGES	0x1000
#define VIRT_TRACK_RANGE_MAX	256
/*
 * REPORT: addresses of pages, in order. A page that lies partly outside of what
 * was asked for is reported, and stays in the log. When there is no room for all
 * pages, LOOKED_AT is less than LENGTH.
 */
#define VIRT_TRACK_PAGES	0x2000
#define VIRT_TRACK_PAGE_MAX	((0x10000 - VIRT_TRACK_PAGES) / 8)

/*
 * Migration, BAR4 from 0x800 on; a BAR4 of 4 KiB has nothing else. It is for the
 * host: a driver that gives the device to a VMM does not map it for the guest.
 *
 * Write CTRL; when it reads 0 again, RESULT is what came of the command. A
 * function-level reset resumes the device.
 *
 * SUSPEND_DMA: when it is done the device makes no access and no interrupt, and
 * none is in flight; registers work, a run that is started waits. SUSPEND_REGS, after
 * that: registers are not looked at either. RESUME_* in the opposite order. SAVE and
 * LOAD want both, and move struct virt_dma_image, which is all of the device's state,
 * to and from IMAGE. A LOAD is done as a whole or not at all.
 */
#define VIRT_MIG_ID		0x800	/* RO: VIRT_MIG_MAGIC */
#define VIRT_MIG_MAGIC		0x3147494d54524956ull	/* "VIRTMIG1" */
#define VIRT_MIG_CTRL		0x808	/* WO; reads 0 when the command is done */
#define VIRT_MIG_SUSPEND_DMA	1
#define VIRT_MIG_SUSPEND_REGS	2
#define VIRT_MIG_RESUME_REGS	3
#define VIRT_MIG_RESUME_DMA	4
#define VIRT_MIG_SAVE		5
#define VIRT_MIG_LOAD		6
#define VIRT_MIG_RESULT		0x810	/* RO: of the last command; 0 after a reset */
#define VIRT_MIG_OK		1
#define VIRT_MIG_BAD_STATE	2	/* not in this state, or no such command */
#define VIRT_MIG_BAD_IMAGE	3	/* LOAD: see the kernel log */
#define VIRT_MIG_STATE		0x818	/* RO: 1 no DMA, 2 registers are not looked at */
#define VIRT_MIG_IMAGE		0x900

/* The registers of the same names, as they were at START. */
struct virt_dma_run {
	__u64 op;
	__u64 pattern;
	__u64 iova;
	__u64 length;
	__u64 unit;
	__u64 size;
	__u64 offset;
	__u64 stride;
	__u64 src;
	__u64 seed;
	__u64 sweeps;
	__u64 rate;
	__u64 pasid;
};

#define VIRT_DMA_REGS		22	/* up to PASID */

/**
 * struct virt_dma_image - The state of a device
 * @magic: VIRT_MIG_MAGIC
 * @checksum: virt_dma_sum() of what follows
 * @regs: BAR0, from 0 on
 * @running: A run is on
 * @run: With these registers
 * @sweep: Next sweep
 * @step: Next access in it
 * @access: And over all sweeps
 * @done: DONE
 * @faults: FAULTS
 * @check: CHECK
 * @pending: Interrupts that were not delivered
 */
struct virt_dma_image {
	__u64 magic;
	__u64 checksum;
	__u64 regs[VIRT_DMA_REGS];
	__u64 running;
	struct virt_dma_run run;
	__u64 sweep;
	__u64 step;
	__u64 access;
	__u64 done;
	__u64 faults;
	__u64 check;
	__u64 pending;
};

static inline __u64 virt_dma_sum(const struct virt_dma_image *image)
{
	const __u64 *word = image->regs;
	__u64 sum = 0;
	unsigned int i;

	for (i = 0; i < sizeof(*image) / 8 - 2; i++)
		sum = virt_dma_value(sum, i, word[i]);
	return sum;
}

/*
 * Ground truth, /dev/virt-truth: one record for every DMA write that reached
 * memory. open() starts with an empty log; one opener at a time (EBUSY);
 * logging is off while it is not open. read() gives whole records, oldest
 * first, and takes them out of the log; 0 when there is none. When the log
 * (module parameter truth_records) overflows, read() fails with EOVERFLOW once
 * and the log starts again, empty. Times are CLOCK_MONOTONIC.
 */
struct virt_truth_rec {
	__u64 iova;
	__u64 begin_ns;		/* before the address was translated */
	__u64 end_ns;		/* after memory was written */
	__u32 length;
	__u32 device;		/* VIRT_DMA_INDEX */
};

#endif
