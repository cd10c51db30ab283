/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The traffic generator of a virtual function. See generator.c, and
 * ../virt_connectx.h for its registers.
 */
#ifndef _VIRT_CONNECTX_GENERATOR_H
#define _VIRT_CONNECTX_GENERATOR_H

#include <linux/types.h>

#include "../engine.h"

struct cx_vhca;

/**
 * struct cx_generator_registers - What migrates, as it is in an image
 * @base: The register at START, as all to @irq
 * @length: LENGTH
 * @unit: UNIT
 * @rate: RATE
 * @key: KEY
 * @end: END
 * @irq: IRQ
 * @position: Number of the next write
 * @faults: FAULTS
 * @fault_iova: FAULT_IOVA
 * @running: It runs
 */
struct cx_generator_registers {
	u64 base;
	u64 length;
	u64 unit;
	u64 rate;
	u64 key;
	u64 end;
	u64 irq;
	u64 position;
	u64 faults;
	u64 fault_iova;
	u64 running;
};

/**
 * struct cx_generator - The generator
 * @r: Registers
 * @pace: Since when RATE counts, by position
 *
 * Under the lock of the vhca.
 */
struct cx_generator {
	struct cx_generator_registers r;
	struct virt_pace pace;
};

void cx_generator_reset(struct cx_vhca *vhca);
void cx_generator_loaded(struct cx_vhca *vhca);
void cx_generator_resume(struct cx_vhca *vhca);
bool cx_generator_check(const struct cx_generator_registers *r);
bool cx_generator_poll(struct cx_vhca *vhca);

#endif
