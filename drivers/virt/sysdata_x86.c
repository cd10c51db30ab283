// SPDX-License-Identifier: GPL-2.0-only
/*
 * What x86 looks up a bus's PCI domain and memory node in; other architectures ask the bus.
 */
#include <linux/numa.h>
#include <linux/pci.h>

#include "bus.h"

/**
 * virt_sysdata() - The architecture's data of the host bridge
 * @domain: PCI domain of the bus
 *
 * Return: What its sysdata is to point to; it lasts as long as the module.
 */
void *virt_sysdata(int domain)
{
	static struct pci_sysdata sysdata;

	sysdata.domain = domain;
	sysdata.node = NUMA_NO_NODE;
	return &sysdata;
}
