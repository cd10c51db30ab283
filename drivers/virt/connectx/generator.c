// SPDX-License-Identifier: GPL-2.0-only
/*
 * The traffic generator of a virtual function (../virt_connectx.h is the
 * contract). It runs on the thread of the function, and each write is made,
 * recorded by the trackers and counted under the lock of the vhca: when a
 * command of the PF has that lock, nothing is in flight.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/overflow.h>

#include "../engine.h"
#include "../virt_connectx.h"
#include "connectx.h"
#include "quirks.h"
#include "report.h"

static u64 get_reg(struct cx_vhca *vhca, unsigned int reg)
{
	return readq(vhca->fn.bar[0] + CX_BAR_GENERATOR + reg);
}

static void set_reg(struct cx_vhca *vhca, unsigned int reg, u64 value)
{
	writeq(value, vhca->fn.bar[0] + CX_BAR_GENERATOR + reg);
}

static void generator_publish(struct cx_vhca *vhca)
{
	const struct cx_generator_registers *r = &vhca->generator.r;

	set_reg(vhca, VIRT_CX_POSITION, r->position);
	set_reg(vhca, VIRT_CX_FAULTS, r->faults);
	set_reg(vhca, VIRT_CX_FAULT_IOVA, r->fault_iova);
	set_reg(vhca, VIRT_CX_STATE_SUM, vhca->state.sum);
	set_reg(vhca, VIRT_CX_STATUS,
		(r->running ? VIRT_CX_STATUS_RUNNING : 0) |
		(r->faults ? VIRT_CX_STATUS_FAULT : 0));
}

/**
 * cx_generator_check() - Are these registers within their limits
 * @r: The registers
 *
 * Return: true if so.
 */
bool cx_generator_check(const struct cx_generator_registers *r)
{
	u64 last;

	return is_power_of_2(r->unit) && r->unit >= sizeof(u64) &&
	       r->unit <= SZ_1G && r->length && !(r->length & (r->unit - 1)) &&
	       !(r->base % sizeof(u64)) &&
	       !check_add_overflow(r->base, r->length - 1, &last);
}

/**
 * cx_generator_resume() - RATE counts from now on
 * @vhca: The function
 */
void cx_generator_resume(struct cx_vhca *vhca)
{
	virt_pace_begin(&vhca->generator.pace, vhca->generator.r.position);
}

/**
 * cx_generator_loaded() - Show registers that have come from an image
 * @vhca: The function
 */
void cx_generator_loaded(struct cx_vhca *vhca)
{
	const struct cx_generator_registers *r = &vhca->generator.r;

	set_reg(vhca, VIRT_CX_CTRL, 0);
	set_reg(vhca, VIRT_CX_BASE, r->base);
	set_reg(vhca, VIRT_CX_LENGTH, r->length);
	set_reg(vhca, VIRT_CX_UNIT, r->unit);
	set_reg(vhca, VIRT_CX_RATE, r->rate);
	set_reg(vhca, VIRT_CX_KEY, r->key);
	set_reg(vhca, VIRT_CX_END, r->end);
	set_reg(vhca, VIRT_CX_IRQ, r->irq);
	generator_publish(vhca);
}

static void generator_start(struct cx_vhca *vhca)
{
	struct cx_generator_registers *r = &vhca->generator.r;

	*r = (struct cx_generator_registers) {
		.base = get_reg(vhca, VIRT_CX_BASE),
		.length = get_reg(vhca, VIRT_CX_LENGTH),
		.unit = get_reg(vhca, VIRT_CX_UNIT),
		.rate = get_reg(vhca, VIRT_CX_RATE),
		.key = get_reg(vhca, VIRT_CX_KEY),
		.end = get_reg(vhca, VIRT_CX_END),
		.irq = get_reg(vhca, VIRT_CX_IRQ),
		.position = get_reg(vhca, VIRT_CX_POSITION),
	};
	r->running = !r->end || r->position < r->end;
	if (!cx_generator_check(r)) {
		pr_info_ratelimited("ConnectX function %u: START refused, see the limits of BASE, LENGTH and UNIT in virt_connectx.h\n",
				    vhca->id);
		r->running = false;
		r->faults = 1;
	}
	cx_generator_resume(vhca);
	/* A driver inside of the guest has set up the function again. */
	if (vhca->migration.tracking && cx_quirk(CX_REINIT)) {
		cx_state_change_all(&vhca->state);
		vhca->migration.reinit = true;
	}
}

/* The new run is visible before CTRL reads 0. */
static void take_command(struct cx_vhca *vhca)
{
	void __iomem *ctrl = vhca->fn.bar[0] + CX_BAR_GENERATOR + VIRT_CX_CTRL;
	u64 command = readq(ctrl);

	if (!command)
		return;
	if (command & VIRT_CX_CTRL_START)
		generator_start(vhca);
	else if (command & VIRT_CX_CTRL_STOP)
		vhca->generator.r.running = false;
	generator_publish(vhca);
	virt_ctrl_done(ctrl, command);
}

static void write_next(struct cx_vhca *vhca)
{
	struct cx_generator_registers *r = &vhca->generator.r;
	u64 iova = r->base + virt_connectx_offset(r->length, r->unit,
						  r->position);
	u64 value = virt_dma_value(r->key, r->position, iova);
	u64 left;

	if (cx_write(vhca, iova, &value, sizeof(value))) {
		r->faults++;
		r->fault_iova = iova;
	} else {
		cx_report_record(vhca, iova);
	}
	/* Out of memory: the state lacks this write, on every side. */
	cx_state_write(&vhca->state, r->position, value);
	r->position++;
	if (r->position == r->end)
		r->running = false;
	if (!r->irq)
		return;
	div64_u64_rem(r->position, r->irq, &left);
	if (!left)
		virt_msix_raise(&vhca->fn, 0);
}

/**
 * cx_generator_poll() - write what is due
 * @vhca: A virtual function; on its thread, without its lock
 *
 * Return: true when there is more to do at once.
 */
bool cx_generator_poll(struct cx_vhca *vhca)
{
	struct cx_generator *generator = &vhca->generator;
	unsigned long end = jiffies + 1;
	bool more = true;

	while (more && time_before_eq(jiffies, end) &&
	       !virt_function_interrupted(&vhca->fn)) {
		mutex_lock(&vhca->lock);
		if (!vhca->no_responder)
			take_command(vhca);
		more = generator->r.running && !vhca->no_initiator &&
		       virt_pace_is_due(&generator->pace, generator->r.position,
					generator->r.rate);
		if (more) {
			write_next(vhca);
			generator_publish(vhca);
		}
		mutex_unlock(&vhca->lock);
	}
	return more;
}

/**
 * cx_generator_reset() - Stopped, registers at their defaults
 * @vhca: A virtual function
 */
void cx_generator_reset(struct cx_vhca *vhca)
{
	vhca->generator = (struct cx_generator) { .r.unit = SZ_4K };
	memset_io(vhca->fn.bar[0] + CX_BAR_GENERATOR, 0, SZ_4K);
	set_reg(vhca, VIRT_CX_ID, VIRT_CX_MAGIC);
	set_reg(vhca, VIRT_CX_INDEX, vhca->fn.dma.number);
	cx_generator_loaded(vhca);
}
