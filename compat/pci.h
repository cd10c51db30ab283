/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers of PCI domains */
#ifndef _DIRTY_COMPAT_PCI_H
#define _DIRTY_COMPAT_PCI_H

/* Before, no one kept account of numbers that a host bridge brings along. */
#ifndef DIRTY_HAS_EMUL_DOMAIN_NR
#include <linux/types.h>

static inline int pci_bus_find_emul_domain_nr(u32 hint, u32 min, u32 max)
{
	return hint;
}
#endif

#endif
