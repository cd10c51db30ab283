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
#include "engine.h"
#include "virt_dma.h"

#define VIRT_DMA_BAR_REGS	0
#define VIRT_DMA_BAR_MSIX	2
#define VIRT_DMA_BAR_HOST	4	/* migration, and the page tracker */
#define VIRT_DMA_ROUNDS		4	/* of the permutation */

struct virt_tracker;

/**
 * struct virt_dma - A device
 * @fn: The PCI function
 * @tracker: Of the pages that it writes, or NULL
 * @index: VIRT_DMA_INDEX
 * @buf: A page, for the data of an access
 * @running: A run is on; the rest is of this or the last run
 * @run: The registers at its START
 * @unit_shift: log2 of UNIT
 * @units: Number of units in the range
 * @steps: Accesses in a sweep
 * @step: Next access, in its sweep
 * @sweep: The sweep
 * @access: Next access, over all sweeps
 * @pace: Since when RATE counts
 * @half_bits: Half the width of the permutation
 * @keys: Of the permutation in this sweep
 * @done: DONE
 * @faults: FAULTS
 * @check: CHECK
 * @no_dma: Suspended: no access, no interrupt
 * @no_regs: Suspended: registers are not looked at
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
	struct virt_pace pace;
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

/* dma_migrate.c */
void virt_dma_migrate_reset(struct virt_dma *dma);
void virt_dma_migrate_poll(struct virt_dma *dma);

#endif
