// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD IOMMU, v1 page table (drivers/iommu/amd; AMD I/O Virtualization
 * Technology specification 48882, 2.2.3.2 Host Dirty Support).
 *
 * A leaf has any power of two from 4 KiB on, as replicated PTEs of which the
 * hardware may set D in any one; the driver ORs them. A call that begins inside
 * a leaf clears all of it and records from where it began, so the harvest never
 * begins there. iotlb_sync() flushes the gather's range.
 *
 * HAD is a bit of each device's DTE. attach_device() of 6.12 reads
 * domain->dirty_tracking and writes the DTE after it has given up domain->lock, so
 * a set_dirty_tracking() in between is lost: tracking is always on.
 * set_dirty_tracking() does not reach the DTEs of DMA aliases, either before or
 * after an attach, so a device that has them is not trackable.
 *
 * Before 6.19, which has the page table of generic_pt, the loop of read_and_clear_dirty()
 * goes on while the next address is below the last one: behind the last page of the 64-bit
 * address space that is 0, and the loop begins again for ever. So the domain ends a page
 * earlier.
 */
#include <linux/pci.h>

#include "platform.h"

/* Can requests of the function arrive with the name of another one? */
static bool has_alias(struct pci_dev *pdev)
{
	struct pci_bus *bus;

	if (pdev->dma_alias_mask)
		return true;
	/* A bridge to conventional PCI takes what is behind it for its own */
	for (bus = pdev->bus; !pci_is_root_bus(bus); bus = bus->parent) {
		struct pci_dev *bridge = bus->self;

		if (bridge && (!pci_is_pcie(bridge) ||
			       pci_pcie_type(bridge) == PCI_EXP_TYPE_PCI_BRIDGE))
			return true;
	}
	return false;
}

static bool amd_usable(struct device *dev)
{
	return !dev_is_pci(dev) || !has_alias(to_pci_dev(dev));
}

static const char *const amd_iommus[] = { "ivhd", "vamd", "bbm-vamd", NULL };

const struct iommufd_dirty_platform iommufd_dirty_amd = {
	.name = "amd",
	.iommus = amd_iommus,
	.usable = amd_usable,
	.always_on = true,
	.wraps = !IS_ENABLED(CONFIG_IOMMU_PT_AMDV1),
	.walker = IS_BUILTIN(CONFIG_IOMMU_PT_AMDV1) ? &iommufd_dirty_amdv1 : NULL,
};
