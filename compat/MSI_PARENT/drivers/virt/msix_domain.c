// SPDX-License-Identifier: GPL-2.0-only
/*
 * Before MSI parent domains are all that there is, one domain serves all devices.
 */
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>

#include "bus.h"

static struct irq_domain *msix_domain;
static struct fwnode_handle *msix_fwnode;

static void msix_free(struct irq_domain *domain, struct msi_domain_info *info,
		      unsigned int virq)
{
	virt_msix_forget(virq);
}

static struct msi_domain_ops msix_ops = {
	.msi_free = msix_free,
};

static struct msi_domain_info msix_info = {
	.flags = MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS |
		 MSI_FLAG_PCI_MSIX,
	.ops = &msix_ops,
	.chip = &virt_msix_chip,
	.handler = handle_edge_irq,
	.handler_name = "edge",
};

struct irq_domain *virt_msix_domain(void)
{
	return msix_domain;
}

int virt_msix_init(void)
{
	msix_fwnode = irq_domain_alloc_named_id_fwnode("virt-MSIX", VIRT_BUS_DOMAIN);
	if (!msix_fwnode)
		return -ENOMEM;
	msix_domain = pci_msi_create_irq_domain(msix_fwnode, &msix_info, NULL);
	if (!msix_domain) {
		irq_domain_free_fwnode(msix_fwnode);
		return -ENOMEM;
	}
	irq_domain_update_bus_token(msix_domain, DOMAIN_BUS_VMD_MSI);
	msix_domain->flags |= IRQ_DOMAIN_FLAG_ISOLATED_MSI;
	return 0;
}

void virt_msix_exit(void)
{
	irq_domain_remove(msix_domain);
	irq_domain_free_fwnode(msix_fwnode);
}
