// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MSI domain of the virtual bus: a parent, of which each device gets a domain of its
 * own. Its interrupts have no other number than Linux's.
 */
#include <linux/irq.h>
#include <linux/irqchip/irq-msi-lib.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>

#include "bus.h"

static struct irq_domain *msix_domain;
static struct fwnode_handle *msix_fwnode;

static int msix_alloc(struct irq_domain *domain, unsigned int virq, unsigned int count,
		      void *arg)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		irq_domain_set_info(domain, virq + i, virq + i, &virt_msix_chip, NULL,
				    handle_edge_irq, NULL, "edge");
	return 0;
}

static void msix_free(struct irq_domain *domain, unsigned int virq, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		virt_msix_forget(virq + i);
}

static const struct irq_domain_ops msix_ops = {
	.alloc = msix_alloc,
	.free = msix_free,
};

static const struct msi_parent_ops msix_parent_ops = {
	.supported_flags = MSI_GENERIC_FLAGS_MASK | MSI_FLAG_PCI_MSIX,
	.required_flags = MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS,
	.chip_flags = MSI_CHIP_FLAG_SET_ACK,
	.bus_select_token = DOMAIN_BUS_VMD_MSI,
	.bus_select_mask = MATCH_PCI_MSI,
	.prefix = "virt-",
	.init_dev_msi_info = msi_lib_init_dev_msi_info,
};

/**
 * virt_msix_domain() - The domain for the host bridge
 *
 * Return: The domain, between virt_msix_init() and its exit.
 */
struct irq_domain *virt_msix_domain(void)
{
	return msix_domain;
}

/**
 * virt_msix_init() - Make the MSI domain
 *
 * Return: 0 or -ENOMEM.
 */
int virt_msix_init(void)
{
	struct irq_domain_info info = {
		.domain_flags = IRQ_DOMAIN_FLAG_ISOLATED_MSI,
		/* As a linear map, which is not used: numbers are higher */
		.size = 1,
		.ops = &msix_ops,
	};

	msix_fwnode = irq_domain_alloc_named_id_fwnode("virt-MSIX", VIRT_BUS_DOMAIN);
	if (!msix_fwnode)
		return -ENOMEM;
	info.fwnode = msix_fwnode;
	msix_domain = msi_create_parent_irq_domain(&info, &msix_parent_ops);
	if (!msix_domain) {
		irq_domain_free_fwnode(msix_fwnode);
		return -ENOMEM;
	}
	return 0;
}

/**
 * virt_msix_exit() - After virt_bus_remove()
 */
void virt_msix_exit(void)
{
	irq_domain_remove(msix_domain);
	irq_domain_free_fwnode(msix_fwnode);
}
