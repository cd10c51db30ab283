/* SPDX-License-Identifier: GPL-2.0-only */
/* BARs of a VFIO device */
#ifndef _DIRTY_COMPAT_VFIO_H
#define _DIRTY_COMPAT_VFIO_H

/* Before, BARs were mapped at the first use, not when the device is enabled. */
#ifndef DIRTY_HAS_GET_IOMAP
#define vfio_pci_core_get_iomap(core, bar)				\
({									\
	int __err = vfio_pci_core_setup_barmap(core, bar);		\
									\
	__err ? IOMEM_ERR_PTR(__err) : (core)->barmap[bar];		\
})
#endif

#endif
