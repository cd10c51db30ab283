// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual DMA device: reads, writes or copies ranges of IOVA as its
 * registers say (virt_dma.h is the contract).
 *
 * STATUS and the counters are of the new run before CTRL reads 0 again. What software
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

#include "bus.h"
#include "dma.h"
#include "dma_device.h"
#include "tracker.h"

#define MSIX_TABLE	0x000
#define MSIX_PBA	0x800

/* Should the access that is under way be dropped? */
static bool dma_is_interrupted(struct virt_dma *dma)
{
	return virt_dma_get(dma, VIRT_DMA_CTRL) || virt_function_interrupted(&dma->fn);
}

/* A Feistel network, walked until it falls on a unit that there is. */
static u64 dma_permute(const struct virt_dma *dma, u64 x)
{
	u64 mask = BIT_ULL(dma->half_bits) - 1;

	do {
		u64 left = x >> dma->half_bits;
		u64 right = x & mask;
		unsigned int i;

		for (i = 0; i < VIRT_DMA_ROUNDS; i++) {
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
	switch (dma->run.pattern) {
	case VIRT_DMA_PATTERN_RANDOM:
		return dma_permute(dma, dma->step);
	case VIRT_DMA_PATTERN_STRIDE:
		return dma->step * dma->run.stride;
	default:
		return dma->step;
	}
}

static int write_part(struct virt_dma *dma, u64 iova, size_t len, u64 *fault)
{
	int err = virt_function_access(&dma->fn, iova, dma->buf, len, true,
				       fault);

	if (!err && !dma->run.pasid)
		virt_tracker_write(dma->tracker, iova, len);
	return err;
}

/* One part of an access, within a page. Return: 0 or -EACCES, and where. */
static int do_part(struct virt_dma *dma, u64 iova, size_t len, u64 *fault)
{
	size_t i;
	int err;

	switch (dma->run.op) {
	case VIRT_DMA_OP_WRITE:
		for (i = 0; i < len / sizeof(u64); i++)
			dma->buf[i] = virt_dma_value(dma->run.seed, dma->access,
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
					   dma->run.src + (iova - dma->run.iova),
					   dma->buf, len, false, fault);
		if (err)
			return err;
		return write_part(dma, iova, len, fault);
	}
}

/* Return: false if the access was dropped half way. */
static bool do_access(struct virt_dma *dma)
{
	u64 iova = dma->run.iova + (next_unit(dma) << dma->unit_shift) +
		   dma->run.offset;
	u64 left = dma->run.size;
	u64 fault;

	while (left) {
		size_t len = min_t(u64, left, SZ_4K - (iova & (SZ_4K - 1)));

		if (do_part(dma, iova, len, &fault)) {
			dma->faults++;
			virt_dma_set(dma, VIRT_DMA_FAULT_IOVA, fault);
			virt_dma_set(dma, VIRT_DMA_FAULTS, dma->faults);
			virt_dma_set(dma, VIRT_DMA_STATUS,
				VIRT_DMA_STATUS_RUNNING |
				VIRT_DMA_STATUS_FAULT);
			return true;
		}
		iova += len;
		left -= len;
		if (left && dma_is_interrupted(dma))
			return false;
	}
	dma->done++;
	return true;
}

static void dma_publish(struct virt_dma *dma)
{
	virt_dma_set(dma, VIRT_DMA_DONE, dma->done);
	virt_dma_set(dma, VIRT_DMA_FAULTS, dma->faults);
	virt_dma_set(dma, VIRT_DMA_CHECK, dma->check);
	virt_dma_set(dma, VIRT_DMA_STATUS,
		(dma->running ? VIRT_DMA_STATUS_RUNNING : 0) |
		(dma->faults ? VIRT_DMA_STATUS_FAULT : 0));
}

static void end_run(struct virt_dma *dma)
{
	dma->running = false;
	dma_publish(dma);
	if (virt_dma_get(dma, VIRT_DMA_IRQ) & 1)
		virt_msix_raise(&dma->fn, 0);
}

/**
 * virt_dma_check() - Check the registers of a run
 * @run: The registers
 *
 * Return: The name of the first register that is out of its limits, or NULL.
 */
const char *virt_dma_check(const struct virt_dma_run *run)
{
	u64 end;

	if (run->op > VIRT_DMA_OP_COPY)
		return "OP";
	if (run->pattern > VIRT_DMA_PATTERN_STRIDE)
		return "PATTERN";
	if (!is_power_of_2(run->unit) || run->unit < 8 || run->unit > SZ_1G)
		return "UNIT";
	if (!run->size || run->size % 8 || run->size > run->unit)
		return "SIZE";
	if (run->offset % 8 || run->offset > run->unit - run->size)
		return "OFFSET";
	if (!run->length || run->length % run->unit)
		return "LENGTH";
	if (run->iova % 8 ||
	    check_add_overflow(run->iova, run->length - 1, &end))
		return "IOVA";
	if (run->op == VIRT_DMA_OP_COPY &&
	    (run->src % 8 ||
	     check_add_overflow(run->src, run->length - 1, &end)))
		return "SRC";
	if (!run->stride)
		return "STRIDE";
	if (run->pasid >= VIRT_PASIDS)
		return "PASID";
	return NULL;
}

/**
 * virt_dma_derive() - All that follows from run and sweep
 * @dma: The device; virt_dma_check() found nothing wrong with its run
 */
void virt_dma_derive(struct virt_dma *dma)
{
	unsigned int i;

	dma->fn.pasid = dma->run.pasid;
	dma->unit_shift = ilog2(dma->run.unit);
	dma->units = dma->run.length >> dma->unit_shift;
	dma->steps = dma->units;
	if (dma->run.pattern == VIRT_DMA_PATTERN_STRIDE)
		dma->steps = div64_u64(dma->units - 1, dma->run.stride) + 1;
	dma->half_bits = DIV_ROUND_UP(max(fls64(dma->units - 1), 2), 2);
	for (i = 0; i < VIRT_DMA_ROUNDS; i++)
		dma->keys[i] = virt_dma_value(dma->run.seed, dma->sweep, i);
}

static void take_registers(struct virt_dma *dma)
{
	dma->run = (struct virt_dma_run) {
		.op = virt_dma_get(dma, VIRT_DMA_OP),
		.pattern = virt_dma_get(dma, VIRT_DMA_PATTERN),
		.iova = virt_dma_get(dma, VIRT_DMA_IOVA),
		.length = virt_dma_get(dma, VIRT_DMA_LENGTH),
		.unit = virt_dma_get(dma, VIRT_DMA_UNIT),
		.size = virt_dma_get(dma, VIRT_DMA_SIZE),
		.offset = virt_dma_get(dma, VIRT_DMA_OFFSET),
		.stride = virt_dma_get(dma, VIRT_DMA_STRIDE),
		.src = virt_dma_get(dma, VIRT_DMA_SRC),
		.seed = virt_dma_get(dma, VIRT_DMA_SEED),
		.sweeps = virt_dma_get(dma, VIRT_DMA_SWEEPS),
		.rate = virt_dma_get(dma, VIRT_DMA_RATE),
		.pasid = virt_dma_get(dma, VIRT_DMA_PASID),
	};
}

static void begin_run(struct virt_dma *dma)
{
	const char *wrong;

	take_registers(dma);
	wrong = virt_dma_check(&dma->run);
	dma->running = true;
	dma->sweep = 0;
	dma->step = 0;
	dma->access = 0;
	dma->done = 0;
	dma->faults = 0;
	dma->check = 0;
	virt_pace_begin(&dma->pace, dma->access);
	virt_dma_set(dma, VIRT_DMA_FAULT_IOVA, 0);
	if (wrong) {
		pr_info_ratelimited("DMA device %u: START refused, see the limits of register %s in virt_dma.h\n",
				    dma->index, wrong);
		dma->faults = 1;
		end_run(dma);
		return;
	}
	virt_dma_derive(dma);
}

static void take_command(struct virt_dma *dma)
{
	void __iomem *ctrl = dma->fn.bar[VIRT_DMA_BAR_REGS] + VIRT_DMA_CTRL;
	u64 command = readq(ctrl);

	if (likely(!command))
		return;
	if (command & VIRT_DMA_CTRL_START) {
		begin_run(dma);
		dma_publish(dma);
	} else if (dma->running && (command & VIRT_DMA_CTRL_STOP)) {
		end_run(dma);
	}
	virt_ctrl_done(ctrl, command);
}

static bool virt_dma_poll(struct virt_function *fn)
{
	struct virt_dma *dma = container_of(fn, struct virt_dma, fn);
	unsigned long end = jiffies + 1;

	virt_tracker_poll(dma->tracker);
	virt_dma_migrate_poll(dma);
	if (!dma->no_regs)
		take_command(dma);
	if (dma->no_dma)
		return false;
	while (dma->running && !dma_is_interrupted(dma) &&
	       !virt_tracker_wants(dma->tracker) &&
	       time_before_eq(jiffies, end)) {
		if (!virt_pace_is_due(&dma->pace, dma->access, dma->run.rate)) {
			dma_publish(dma);
			return false;
		}
		if (!do_access(dma))
			break;
		dma->access++;
		virt_dma_set(dma, VIRT_DMA_DONE, dma->done);
		if (++dma->step < dma->steps)
			continue;
		dma->sweep++;
		dma->step = 0;
		virt_dma_derive(dma);
		if (dma->run.sweeps && dma->sweep == dma->run.sweeps)
			end_run(dma);
	}
	return dma->running;
}

static void virt_dma_reset(struct virt_function *fn)
{
	struct virt_dma *dma = container_of(fn, struct virt_dma, fn);

	dma->running = false;
	virt_tracker_reset(dma->tracker);
	virt_dma_migrate_reset(dma);
	memset_io(fn->bar[VIRT_DMA_BAR_REGS], 0, SZ_4K);
	virt_dma_set(dma, VIRT_DMA_ID, VIRT_DMA_MAGIC);
	virt_dma_set(dma, VIRT_DMA_INDEX, dma->index);
	virt_dma_set(dma, VIRT_DMA_UNIT, 4096);
	virt_dma_set(dma, VIRT_DMA_SIZE, 8);
	virt_dma_set(dma, VIRT_DMA_STRIDE, 1);
	virt_dma_set(dma, VIRT_DMA_SWEEPS, 1);
}

static const struct virt_function_ops virt_dma_ops = {
	.reset = virt_dma_reset,
	.poll = virt_dma_poll,
};

/**
 * virt_dma_create() - Make a DMA device and put it on the bus
 * @iommu: The instance that it is behind
 * @index: Its number
 * @devfn: Its place
 *
 * Return: The device, or an ERR_PTR.
 */
struct virt_dma *virt_dma_create(struct virt_iommu *iommu, unsigned int index,
				 unsigned int devfn)
{
	struct virt_dma *dma = kzalloc_obj(*dma, GFP_KERNEL);
	unsigned int i;
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
	virt_config_pasid(&dma->fn);
	err = virt_bus_alloc_bar(&dma->fn, VIRT_DMA_BAR_REGS, SZ_4K);
	if (err)
		goto err_page;
	err = virt_bus_alloc_bar(&dma->fn, VIRT_DMA_BAR_MSIX, SZ_4K);
	if (err)
		goto err_page;
	virt_config_msix(&dma->fn, 1, VIRT_DMA_BAR_MSIX, MSIX_TABLE, MSIX_PBA);
	if (iommu->tracker.present) {
		dma->tracker = virt_tracker_create(&dma->fn, &iommu->tracker);
		if (IS_ERR(dma->tracker)) {
			err = PTR_ERR(dma->tracker);
			goto err_page;
		}
	} else {
		err = virt_bus_alloc_bar(&dma->fn, VIRT_DMA_BAR_HOST, SZ_4K);
		if (err)
			goto err_page;
	}

	virt_requester_add(&dma->fn.dma, iommu, index);
	for (i = 0; i < ARRAY_SIZE(dma->fn.pasids); i++)
		virt_requester_init_pasid(&dma->fn.pasids[i], &dma->fn.dma);
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
 * virt_dma_destroy() - After virt_bus_remove()
 * @dma: The device
 */
void virt_dma_destroy(struct virt_dma *dma)
{
	virt_requester_del(&dma->fn.dma);
	virt_tracker_destroy(dma->tracker);
	free_page((unsigned long)dma->buf);
	kfree(dma);
}
