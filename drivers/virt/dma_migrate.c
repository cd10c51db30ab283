// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of the virtual DMA device: what the registers from VIRT_MIG_ID on do
 * (virt_dma.h is the contract). On the device's thread, between two accesses.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/bits.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "dma_device.h"

#define STATE_NO_DMA	1
#define STATE_NO_REGS	2

static void __iomem *mig_reg(struct virt_dma *dma, unsigned int reg)
{
	return dma->fn.bar[VIRT_DMA_BAR_HOST] + reg;
}

static void image_save(struct virt_dma *dma, struct virt_dma_image *image)
{
	unsigned int i;

	image->magic = VIRT_MIG_MAGIC;
	for (i = 0; i < VIRT_DMA_REGS; i++)
		image->regs[i] = virt_dma_get(dma, i * sizeof(u64));
	image->running = dma->running;
	image->run = dma->run;
	image->sweep = dma->sweep;
	image->step = dma->step;
	image->access = dma->access;
	image->done = dma->done;
	image->faults = dma->faults;
	image->check = dma->check;
	image->pending = READ_ONCE(dma->fn.msix_pending);
	image->checksum = virt_dma_sum(image);
}

/* What is wrong with an image, or NULL. */
static const char *image_check(const struct virt_dma_image *image)
{
	struct virt_dma *test;
	const char *wrong;

	if (image->magic != VIRT_MIG_MAGIC)
		return "magic";
	if (image->checksum != virt_dma_sum(image))
		return "checksum";
	if (image->running > 1)
		return "running";
	if (image->pending & ~1ull)
		return "pending";
	if (!image->running)
		return NULL;
	wrong = virt_dma_check(&image->run);
	if (wrong)
		return wrong;
	/* How many steps there are follows from the run. */
	test = kzalloc_obj(*test, GFP_KERNEL);
	if (!test)
		return "size, no memory";
	test->run = image->run;
	virt_dma_derive(test);
	if (image->step >= test->steps ||
	    (image->run.sweeps && image->sweep >= image->run.sweeps))
		wrong = "position";
	kfree(test);
	return wrong;
}

static void image_load(struct virt_dma *dma, const struct virt_dma_image *image)
{
	unsigned int i;

	for (i = 0; i < VIRT_DMA_REGS; i++)
		virt_dma_set(dma, i * sizeof(u64), image->regs[i]);
	/* It is another device. */
	virt_dma_set(dma, VIRT_DMA_ID, VIRT_DMA_MAGIC);
	virt_dma_set(dma, VIRT_DMA_INDEX, dma->index);
	dma->running = image->running;
	dma->run = image->run;
	dma->sweep = image->sweep;
	dma->step = image->step;
	dma->access = image->access;
	dma->done = image->done;
	dma->faults = image->faults;
	dma->check = image->check;
	dma->fn.msix_pending = image->pending;
	if (dma->running)
		virt_dma_derive(dma);
}

static u64 move_image(struct virt_dma *dma, u64 command)
{
	struct virt_dma_image *image = kzalloc_obj(*image, GFP_KERNEL);
	const char *wrong = "size, no memory";
	u64 result = VIRT_MIG_OK;

	if (!image)
		return VIRT_MIG_BAD_STATE;
	if (command == VIRT_MIG_SAVE) {
		image_save(dma, image);
		memcpy_toio(mig_reg(dma, VIRT_MIG_IMAGE), image, sizeof(*image));
		goto out;
	}
	memcpy_fromio(image, mig_reg(dma, VIRT_MIG_IMAGE), sizeof(*image));
	wrong = image_check(image);
	if (wrong) {
		pr_info_ratelimited("DMA device %u: image refused because of its %s\n",
				    dma->index, wrong);
		result = VIRT_MIG_BAD_IMAGE;
	} else {
		image_load(dma, image);
	}
out:
	kfree(image);
	return result;
}

static u64 migration_execute(struct virt_dma *dma, u64 command)
{
	bool *what = command == VIRT_MIG_SUSPEND_DMA ||
		     command == VIRT_MIG_RESUME_DMA ? &dma->no_dma :
						      &dma->no_regs;

	switch (command) {
	case VIRT_MIG_SUSPEND_DMA:
	case VIRT_MIG_SUSPEND_REGS:
		if (*what || (what == &dma->no_regs && !dma->no_dma))
			return VIRT_MIG_BAD_STATE;
		*what = true;
		virt_msix_quiet(&dma->fn, true);
		return VIRT_MIG_OK;
	case VIRT_MIG_RESUME_REGS:
	case VIRT_MIG_RESUME_DMA:
		if (!*what || (what == &dma->no_dma && dma->no_regs))
			return VIRT_MIG_BAD_STATE;
		*what = false;
		if (dma->no_dma)
			return VIRT_MIG_OK;
		virt_pace_begin(&dma->pace, dma->access);
		virt_msix_quiet(&dma->fn, false);
		return VIRT_MIG_OK;
	case VIRT_MIG_SAVE:
	case VIRT_MIG_LOAD:
		if (!dma->no_regs)
			return VIRT_MIG_BAD_STATE;
		return move_image(dma, command);
	default:
		return VIRT_MIG_BAD_STATE;
	}
}

/**
 * virt_dma_migrate_poll() - Do what CTRL says
 * @dma: The device
 */
void virt_dma_migrate_poll(struct virt_dma *dma)
{
	void __iomem *ctrl = mig_reg(dma, VIRT_MIG_CTRL);
	u64 command = readq(ctrl);

	if (likely(!command))
		return;
	writeq(migration_execute(dma, command), mig_reg(dma, VIRT_MIG_RESULT));
	writeq((dma->no_dma ? STATE_NO_DMA : 0) |
	       (dma->no_regs ? STATE_NO_REGS : 0),
	       mig_reg(dma, VIRT_MIG_STATE));
	virt_ctrl_done(ctrl, command);
}

/**
 * virt_dma_migrate_reset() - function-level reset: the device is not suspended
 * @dma: The device
 */
void virt_dma_migrate_reset(struct virt_dma *dma)
{
	dma->no_dma = false;
	dma->no_regs = false;
	virt_msix_quiet(&dma->fn, false);
	memset_io(mig_reg(dma, VIRT_MIG_ID), 0, SZ_2K);
	writeq(VIRT_MIG_MAGIC, mig_reg(dma, VIRT_MIG_ID));
}
