// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of the virtual bus: the chip of its MSI domain (msix_domain.c), and the
 * delivery that hardware does from the MSI-X table in a BAR.
 *
 * The message carries the interrupt number. User space may have the table
 * mapped and can write any number there, and the domain says that it isolates
 * messages, so a message is delivered only when it is the one that the kernel
 * composed for this very vector.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/io.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/msi.h>
#include <linux/spinlock.h>

#include "bus.h"

/*
 * msix_quiet of all functions, and an interrupt that is being delivered does not go
 * away. Taken outside of interrupt descriptors' locks.
 */
static DEFINE_RAW_SPINLOCK(msix_lock);

static void msix_compose(struct irq_data *data, struct msi_msg *msg)
{
	struct msi_desc *desc = irq_data_get_msi_desc(data);
	struct virt_function *fn = virt_bus_function(desc->dev);

	*msg = (struct msi_msg) {
		.address_lo = VIRT_MSI_ADDRESS,
		.data = data->irq,
	};
	if (!fn || desc->msi_index >= VIRT_MSIX_MAX)
		return;
	/* Under the descriptor's lock, so not under msix_lock. */
	WRITE_ONCE(fn->msix_irq[desc->msi_index], data->irq);
}

static void msix_ack(struct irq_data *data)
{
}

static int msix_set_affinity(struct irq_data *data, const struct cpumask *mask,
			     bool force)
{
	irq_data_update_effective_affinity(data, mask);
	return IRQ_SET_MASK_OK;
}

/* The chip of every vector */
struct irq_chip virt_msix_chip = {
	.name = "virt-MSIX",
	.irq_ack = msix_ack,
	.irq_compose_msi_msg = msix_compose,
	.irq_set_affinity = msix_set_affinity,
};

/**
 * virt_msix_forget() - An interrupt is freed
 * @virq: Its number
 */
void virt_msix_forget(unsigned int virq)
{
	unsigned long flags;
	unsigned int i, v;

	raw_spin_lock_irqsave(&msix_lock, flags);
	for (i = 0; i < VIRT_BUS_FUNCTIONS; i++) {
		struct virt_function *fn = virt_bus_devfn(i);

		for (v = 0; fn && v < fn->msix_count; v++)
			if (READ_ONCE(fn->msix_irq[v]) == virq)
				WRITE_ONCE(fn->msix_irq[v], 0);
	}
	raw_spin_unlock_irqrestore(&msix_lock, flags);
}

/**
 * virt_msix_reset() - All vectors masked, none pending
 * @fn: The function
 */
void virt_msix_reset(struct virt_function *fn)
{
	unsigned int v;

	for (v = 0; v < fn->msix_count; v++) {
		void __iomem *entry = fn->msix_table + v * PCI_MSIX_ENTRY_SIZE;

		memset_io(entry, 0, PCI_MSIX_ENTRY_SIZE);
		writel(PCI_MSIX_ENTRY_CTRL_MASKBIT,
		       entry + PCI_MSIX_ENTRY_VECTOR_CTRL);
	}
	fn->msix_pending = 0;
	if (fn->msix_count)
		writeq(0, fn->msix_pba);
}

static bool may_send(struct virt_function *fn, void __iomem *entry, u8 control)
{
	return !(control & (PCI_MSIX_FLAGS_MASKALL >> 8)) &&
	       virt_function_bus_master(fn) &&
	       !(readl(entry + PCI_MSIX_ENTRY_VECTOR_CTRL) &
		 PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

/* Return: false when it has to stay pending. */
static bool msix_send(struct virt_function *fn, void __iomem *entry,
		      unsigned int vector)
{
	u32 address = readl(entry + PCI_MSIX_ENTRY_LOWER_ADDR);
	u32 data = readl(entry + PCI_MSIX_ENTRY_DATA);
	unsigned long flags;
	bool quiet;

	raw_spin_lock_irqsave(&msix_lock, flags);
	quiet = fn->msix_quiet;
	if (!quiet && data && data == READ_ONCE(fn->msix_irq[vector]) &&
	    address == VIRT_MSI_ADDRESS)
		generic_handle_irq_safe(data);
	raw_spin_unlock_irqrestore(&msix_lock, flags);
	return !quiet;
}

/**
 * virt_msix_quiet() - Keep all interrupts pending, or deliver them again
 * @fn: The function
 * @quiet: From the return of this on none is delivered
 */
void virt_msix_quiet(struct virt_function *fn, bool quiet)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&msix_lock, flags);
	WRITE_ONCE(fn->msix_quiet, quiet);
	raw_spin_unlock_irqrestore(&msix_lock, flags);
}

/**
 * virt_msix_retry() - Deliver what is pending and no longer masked
 * @fn: The function; on its thread
 */
void virt_msix_retry(struct virt_function *fn)
{
	unsigned long pending = fn->msix_pending;
	unsigned int v;
	u8 control;

	if (!pending || READ_ONCE(fn->msix_quiet))
		return;
	control = READ_ONCE(fn->config[fn->msix_cap + PCI_MSIX_FLAGS + 1]);
	if (!(control & (PCI_MSIX_FLAGS_ENABLE >> 8)))
		pending = 0;
	for (v = 0; v < fn->msix_count; v++) {
		void __iomem *entry = fn->msix_table + v * PCI_MSIX_ENTRY_SIZE;

		if (!(pending & BIT(v)) || !may_send(fn, entry, control))
			continue;
		if (msix_send(fn, entry, v))
			pending &= ~BIT(v);
	}
	fn->msix_pending = pending;
	writeq(pending, fn->msix_pba);
}

/**
 * virt_msix_raise() - An interrupt; lost while MSI-X is off, kept while masked
 * @fn: The function; on its thread
 * @vector: Which
 */
void virt_msix_raise(struct virt_function *fn, unsigned int vector)
{
	fn->msix_pending |= BIT(vector);
	virt_msix_retry(fn);
}
