// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual DMA device: reads, writes or copies ranges of IOVA as its
 * registers say (virt_dma.h is the contract).
 *
 * The registers are memory, so a command is noticed when the thread looks. CTRL
 * is taken with xchg, or a command written in that moment would be lost; STATUS
 * and the counters are of the new run before CTRL reads 0 again. What software
 * writes to a read-only register stays until the device writes it next.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/bits.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "bus.h"
#include "dma.h"
#include "tracker.h"
#include "virt_dma.h"

#define BAR_REGS	0
#define BAR_MSIX	2
#define MSIX_TABLE	0x000
#define MSIX_PBA	0x800

#define ROUNDS		4	/* of the permutation */

/**
 * struct virt_dma - a device
 * @fn: the PCI function
 * @tracker: of the pages that it writes, or NULL
 * @index: VIRT_DMA_INDEX
 * @buf: a page, for the data of an access
 * @running: a run is on; the rest is of this or the last run
 * @op: the register at START, as all to @rate
 * @pattern: PATTERN
 * @iova: IOVA
 * @size: SIZE
 * @offset: OFFSET
 * @stride: STRIDE
 * @src: SRC
 * @seed: SEED
 * @sweeps: SWEEPS
 * @rate: RATE
 * @unit_shift: log2 of UNIT
 * @units: number of units in the range
 * @steps: accesses in a sweep
 * @step: next access, in its sweep
 * @sweep: the sweep
 * @access: next access, over all sweeps
 * @start_ns: time of START
 * @half_bits: half the width of the permutation
 * @keys: of the permutation in this sweep
 * @done: DONE
 * @faults: FAULTS
 * @check: CHECK
 */
struct virt_dma {
	struct virt_function fn;
	struct virt_tracker *tracker;
	unsigned int index;
	u64 *buf;

	bool running;
	u64 op;
	u64 pattern;
	u64 iova;
	u64 size;
	u64 offset;
	u64 stride;
	u64 src;
	u64 seed;
	u64 sweeps;
	u64 rate;
	unsigned int unit_shift;
	u64 units;
	u64 steps;

	u64 step;
	u64 sweep;
	u64 access;
	u64 start_ns;
	unsigned int half_bits;
	u64 keys[ROUNDS];

	u64 done;
	u64 faults;
	u64 check;
};

static u64 get_reg(struct virt_dma *dma, unsigned int reg)
{
	return readq(dma->fn.bar[BAR_REGS] + reg);
}

static void set_reg(struct virt_dma *dma, unsigned int reg, u64 value)
{
	writeq(value, dma->fn.bar[BAR_REGS] + reg);
}

/* Should the access that is under way be dropped? */
static bool interrupted(struct virt_dma *dma)
{
	return get_reg(dma, VIRT_DMA_CTRL) || virt_function_interrupted(&dma->fn);
}

static void begin_sweep(struct virt_dma *dma)
{
	unsigned int i;

	dma->step = 0;
	for (i = 0; i < ROUNDS; i++)
		dma->keys[i] = virt_dma_value(dma->seed, dma->sweep, i);
}

/* A Feistel network, walked until it falls on a unit that there is. */
static u64 permute(const struct virt_dma *dma, u64 x)
{
	u64 mask = BIT_ULL(dma->half_bits) - 1;

	do {
		u64 left = x >> dma->half_bits;
		u64 right = x & mask;
		unsigned int i;

		for (i = 0; i < ROUNDS; i++) {
			u64 mixed = virt_dma_value(dma->keys[i], right, i);

			swap(left, right);
			right ^= mixed & mask;
		}
		x = left << dma->half_bits | right;
	} while (x >= dma->units);
	return x;
}

static u64 next_unit(const struct virt_dma *dma)
{
	switch (dma->pattern) {
	case VIRT_DMA_PATTERN_RANDOM:
		return permute(dma, dma->step);
	case VIRT_DMA_PATTERN_STRIDE:
		return dma->step * dma->stride;
	default:
		return dma->step;
	}
}

static int write_part(struct virt_dma *dma, u64 iova, size_t len, u64 *fault)
{
	int err = virt_function_access(&dma->fn, iova, dma->buf, len, true,
				       fault);

	if (!err)
		virt_tracker_write(dma->tracker, iova, len);
	return err;
}

/* One part of an access, within a page. Returns 0 or -EACCES, and where. */
static int do_part(struct virt_dma *dma, u64 iova, size_t len, u64 *fault)
{
	size_t i;
	int err;

	switch (dma->op) {
	case VIRT_DMA_OP_WRITE:
		for (i = 0; i < len / sizeof(u64); i++)
			dma->buf[i] = virt_dma_value(dma->seed, dma->access,
						     iova + i * sizeof(u64));
		return write_part(dma, iova, len, fault);
	case VIRT_DMA_OP_READ:
		err = virt_function_access(&dma->fn, iova, dma->buf, len, false,
					   fault);
		for (i = 0; !err && i < len / sizeof(u64); i++)
			dma->check ^= dma->buf[i];
		return err;
	default:
		err = virt_function_access(&dma->fn,
					   dma->src + (iova - dma->iova),
					   dma->buf, len, false, fault);
		if (err)
			return err;
		return write_part(dma, iova, len, fault);
	}
}

/* Returns false if the access was dropped half way. */
static bool do_access(struct virt_dma *dma)
{
	u64 iova = dma->iova + (next_unit(dma) << dma->unit_shift) +
		   dma->offset;
	u64 left = dma->size;
	u64 fault;

	while (left) {
		size_t len = min_t(u64, left, SZ_4K - (iova & (SZ_4K - 1)));

		if (do_part(dma, iova, len, &fault)) {
			dma->faults++;
			set_reg(dma, VIRT_DMA_FAULT_IOVA, fault);
			set_reg(dma, VIRT_DMA_FAULTS, dma->faults);
			set_reg(dma, VIRT_DMA_STATUS,
				VIRT_DMA_STATUS_RUNNING |
				VIRT_DMA_STATUS_FAULT);
			return true;
		}
		iova += len;
		left -= len;
		if (left && interrupted(dma))
			return false;
	}
	dma->done++;
	return true;
}

static void publish(struct virt_dma *dma)
{
	set_reg(dma, VIRT_DMA_DONE, dma->done);
	set_reg(dma, VIRT_DMA_FAULTS, dma->faults);
	set_reg(dma, VIRT_DMA_CHECK, dma->check);
	set_reg(dma, VIRT_DMA_STATUS,
		(dma->running ? VIRT_DMA_STATUS_RUNNING : 0) |
		(dma->faults ? VIRT_DMA_STATUS_FAULT : 0));
}

static void end_run(struct virt_dma *dma)
{
	dma->running = false;
	publish(dma);
	if (get_reg(dma, VIRT_DMA_IRQ) & 1)
		virt_msix_raise(&dma->fn, 0);
}

/* Take the registers. Returns what is wrong with them, or NULL. */
static const char *load_registers(struct virt_dma *dma)
{
	u64 length = get_reg(dma, VIRT_DMA_LENGTH);
	u64 unit = get_reg(dma, VIRT_DMA_UNIT);
	u64 end;

	dma->op = get_reg(dma, VIRT_DMA_OP);
	dma->pattern = get_reg(dma, VIRT_DMA_PATTERN);
	dma->iova = get_reg(dma, VIRT_DMA_IOVA);
	dma->size = get_reg(dma, VIRT_DMA_SIZE);
	dma->offset = get_reg(dma, VIRT_DMA_OFFSET);
	dma->stride = get_reg(dma, VIRT_DMA_STRIDE);
	dma->src = get_reg(dma, VIRT_DMA_SRC);
	dma->seed = get_reg(dma, VIRT_DMA_SEED);
	dma->sweeps = get_reg(dma, VIRT_DMA_SWEEPS);
	dma->rate = get_reg(dma, VIRT_DMA_RATE);

	if (dma->op > VIRT_DMA_OP_COPY)
		return "OP";
	if (dma->pattern > VIRT_DMA_PATTERN_STRIDE)
		return "PATTERN";
	if (!is_power_of_2(unit) || unit < 8 || unit > SZ_1G)
		return "UNIT";
	if (!dma->size || dma->size % 8 || dma->size > unit)
		return "SIZE";
	if (dma->offset % 8 || dma->offset > unit - dma->size)
		return "OFFSET";
	if (!length || length % unit)
		return "LENGTH";
	if (dma->iova % 8 || check_add_overflow(dma->iova, length - 1, &end))
		return "IOVA";
	if (dma->op == VIRT_DMA_OP_COPY &&
	    (dma->src % 8 || check_add_overflow(dma->src, length - 1, &end)))
		return "SRC";
	if (!dma->stride)
		return "STRIDE";

	dma->unit_shift = ilog2(unit);
	dma->units = length >> dma->unit_shift;
	dma->steps = dma->units;
	if (dma->pattern == VIRT_DMA_PATTERN_STRIDE)
		dma->steps = div64_u64(dma->units - 1, dma->stride) + 1;
	dma->half_bits = DIV_ROUND_UP(max(fls64(dma->units - 1), 2), 2);
	return NULL;
}

static void begin_run(struct virt_dma *dma)
{
	const char *wrong = load_registers(dma);

	dma->running = true;
	dma->sweep = 0;
	dma->access = 0;
	dma->done = 0;
	dma->faults = 0;
	dma->check = 0;
	dma->start_ns = ktime_get_ns();
	begin_sweep(dma);
	set_reg(dma, VIRT_DMA_FAULT_IOVA, 0);
	if (wrong) {
		pr_info_ratelimited("DMA device %u: START refused, see the limits of register %s in virt_dma.h\n",
				    dma->index, wrong);
		dma->faults = 1;
		end_run(dma);
	}
}

static void take_command(struct virt_dma *dma)
{
	u64 __iomem *ctrl = dma->fn.bar[BAR_REGS] + VIRT_DMA_CTRL;
	bool start = false;
	u64 command;

	if (likely(!readq(ctrl)))
		return;
	/*
	 * The new run must be visible before CTRL reads 0. If a STOP comes in
	 * between, it is of this run.
	 */
	if (readq(ctrl) & VIRT_DMA_CTRL_START) {
		begin_run(dma);
		publish(dma);
		start = true;
	}
	command = xchg((__force u64 *)ctrl, 0);
	if (dma->running &&
	    ((command & VIRT_DMA_CTRL_STOP) && !(command & VIRT_DMA_CTRL_START)))
		end_run(dma);
	else if ((command & VIRT_DMA_CTRL_START) && !start)
		begin_run(dma);
}

/* Is the next access due? */
static bool due(const struct virt_dma *dma)
{
	u64 elapsed;

	if (!dma->rate)
		return true;
	elapsed = ktime_get_ns() - dma->start_ns;
	return dma->access <=
	       mul_u64_u64_div_u64(elapsed, dma->rate, NSEC_PER_SEC);
}

static bool virt_dma_poll(struct virt_function *fn)
{
	struct virt_dma *dma = container_of(fn, struct virt_dma, fn);
	unsigned long end = jiffies + 1;

	virt_tracker_poll(dma->tracker);
	take_command(dma);
	while (dma->running && !interrupted(dma) &&
	       !virt_tracker_wants(dma->tracker) &&
	       time_before_eq(jiffies, end)) {
		if (!due(dma)) {
			publish(dma);
			return false;
		}
		if (!do_access(dma))
			break;
		dma->access++;
		set_reg(dma, VIRT_DMA_DONE, dma->done);
		if (++dma->step < dma->steps)
			continue;
		dma->sweep++;
		begin_sweep(dma);
		if (dma->sweeps && dma->sweep == dma->sweeps)
			end_run(dma);
	}
	return dma->running;
}

static void virt_dma_reset(struct virt_function *fn)
{
	struct virt_dma *dma = container_of(fn, struct virt_dma, fn);

	dma->running = false;
	virt_tracker_reset(dma->tracker);
	memset_io(fn->bar[BAR_REGS], 0, SZ_4K);
	set_reg(dma, VIRT_DMA_ID, VIRT_DMA_MAGIC);
	set_reg(dma, VIRT_DMA_INDEX, dma->index);
	set_reg(dma, VIRT_DMA_UNIT, 4096);
	set_reg(dma, VIRT_DMA_SIZE, 8);
	set_reg(dma, VIRT_DMA_STRIDE, 1);
	set_reg(dma, VIRT_DMA_SWEEPS, 1);
}

static const struct virt_function_ops virt_dma_ops = {
	.reset = virt_dma_reset,
	.poll = virt_dma_poll,
};

/**
 * virt_dma_create() - make a DMA device and put it on the bus
 * @iommu: the instance that it is behind
 * @index: its number
 * @devfn: its place
 */
struct virt_dma *virt_dma_create(struct virt_iommu *iommu, unsigned int index,
				 unsigned int devfn)
{
	struct virt_dma *dma = kzalloc(sizeof(*dma), GFP_KERNEL);
	int err = -ENOMEM;

	if (!dma)
		return ERR_PTR(-ENOMEM);
	dma->index = index;
	dma->fn.ops = &virt_dma_ops;
	dma->buf = (u64 *)__get_free_page(GFP_KERNEL);
	if (!dma->buf)
		goto err_free;

	virt_config_init(&dma->fn, VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID,
			 PCI_CLASS_SYSTEM_OTHER << 8);
	err = virt_bus_alloc_bar(&dma->fn, BAR_REGS, SZ_4K);
	if (err)
		goto err_page;
	err = virt_bus_alloc_bar(&dma->fn, BAR_MSIX, SZ_4K);
	if (err)
		goto err_page;
	virt_config_msix(&dma->fn, 1, BAR_MSIX, MSIX_TABLE, MSIX_PBA);
	if (iommu->tracker.present) {
		dma->tracker = virt_tracker_create(&dma->fn, &iommu->tracker);
		if (IS_ERR(dma->tracker)) {
			err = PTR_ERR(dma->tracker);
			goto err_page;
		}
	}

	virt_requester_add(&dma->fn.dma, iommu, index);
	err = virt_bus_add(&dma->fn, devfn);
	if (err)
		goto err_requester;
	return dma;

err_requester:
	virt_requester_del(&dma->fn.dma);
	virt_tracker_destroy(dma->tracker);
err_page:
	free_page((unsigned long)dma->buf);
err_free:
	kfree(dma);
	return ERR_PTR(err);
}

/**
 * virt_dma_destroy() - after virt_bus_remove()
 * @dma: the device
 */
void virt_dma_destroy(struct virt_dma *dma)
{
	virt_requester_del(&dma->fn.dma);
	virt_tracker_destroy(dma->tracker);
	free_page((unsigned long)dma->buf);
	kfree(dma);
}
