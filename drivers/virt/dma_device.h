/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual DMA device: what its parts share. dma.c has the engine and its
 * registers, dma_migrate.c takes it from one device to another.
 */
#ifndef _VIRT_DMA_DEVICE_H
#define _VIRT_DMA_DEVICE_H

#include <linux/io.h>
#include <linux/types.h>

#include "bus.h"
#include "virt_dma.h"

#define VIRT_DMA_BAR_REGS	0
#define VIRT_DMA_BAR_MSIX	2
#define VIRT_DMA_BAR_HOST	4	/* migration, and the page tracker */
#define VIRT_DMA_ROUNDS		4	/* of the permutation */

struct virt_tracker;

/**
 * struct virt_dma - a device
 * @fn: the PCI function
 * @tracker: of the pages that it writes, or NULL
 * @index: VIRT_DMA_INDEX
 * @buf: a page, for the data of an access
 * @running: a run is on; the rest is of this or the last run
 * @run: the registers at its START
 * @unit_shift: log2 of UNIT
 * @units: number of units in the range
 * @steps: accesses in a sweep
 * @step: next access, in its sweep
 * @sweep: the sweep
 * @access: next access, over all sweeps
 * @since: access from which on RATE counts
 * @since_ns: and when that was
 * @half_bits: half the width of the permutation
 * @keys: of the permutation in this sweep
 * @done: DONE
 * @faults: FAULTS
 * @check: CHECK
 * @no_dma: suspended: no access, no interrupt
 * @no_regs: suspended: registers are not looked at
 */
struct virt_dma {
	struct virt_function fn;
	struct virt_tracker *tracker;
	unsigned int index;
	u64 *buf;

	bool running;
	struct virt_dma_run run;
	unsigned int unit_shift;
	u64 units;
	u64 steps;

	u64 step;
	u64 sweep;
	u64 access;
	u64 since;
	u64 since_ns;
	unsigned int half_bits;
	u64 keys[VIRT_DMA_ROUNDS];

	u64 done;
	u64 faults;
	u64 check;

	bool no_dma;
	bool no_regs;
};

static inline u64 virt_dma_get(struct virt_dma *dma, unsigned int reg)
{
	return readq(dma->fn.bar[VIRT_DMA_BAR_REGS] + reg);
}

static inline void virt_dma_set(struct virt_dma *dma, unsigned int reg,
				u64 value)
{
	writeq(value, dma->fn.bar[VIRT_DMA_BAR_REGS] + reg);
}

/* dma.c */
const char *virt_dma_check(const struct virt_dma_run *run);
void virt_dma_derive(struct virt_dma *dma);
void virt_dma_rebase(struct virt_dma *dma);

/* dma_migrate.c */
void virt_dma_migrate_reset(struct virt_dma *dma);
void virt_dma_migrate_poll(struct virt_dma *dma);

#endif
