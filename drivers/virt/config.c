// SPDX-License-Identifier: GPL-2.0-only
/*
 * Configuration space of the virtual bus: registers, which of their bits can be
 * written, and the two writes that mean something to the platform itself: the
 * command register and function-level reset. What else a write means is up to
 * the device model (virt_function_ops.config_write).
 *
 * The kernel does not serialise configuration accesses on this architecture,
 * and user space can make them in atomic context: a raw spinlock, and nothing
 * is done here that could wait.
 */
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>

#include "bus.h"

#define CAP_FIRST	0x40
#define EXP_CAP_SIZE	0x3c	/* version 2 of the capability */
#define MSIX_CAP_SIZE	PCI_CAP_MSIX_SIZEOF
#define ARI		0x100	/* offsets of the extended capabilities */
#define SRIOV		0x140
#define PASID		0x100	/* of a function without ARI */
#define VF_PAGE_SIZES	0x553	/* those that the specification demands */

static void set_field(struct virt_function *fn, int where, int size, u32 value,
		      u32 writable)
{
	int i;

	for (i = 0; i < size; i++) {
		fn->config[where + i] = value >> (8 * i);
		fn->writable[where + i] = writable >> (8 * i);
	}
}

static u8 add_capability(struct virt_function *fn, u8 id, u8 size)
{
	u8 where = fn->cap_end;

	fn->config[fn->cap_last] = where;
	fn->config[where + PCI_CAP_LIST_ID] = id;
	fn->cap_last = where + PCI_CAP_LIST_NEXT;
	fn->cap_end = ALIGN(where + size, 4);
	return where;
}

static void add_express(struct virt_function *fn)
{
	u8 exp = add_capability(fn, PCI_CAP_ID_EXP, EXP_CAP_SIZE);

	set_field(fn, exp + PCI_EXP_FLAGS, 2, 2 | PCI_EXP_TYPE_ENDPOINT << 4,
		  0);
	set_field(fn, exp + PCI_EXP_DEVCAP, 4,
		  PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER, 0);
	set_field(fn, exp + PCI_EXP_DEVCTL, 2, 0, 0xffff);
	set_field(fn, exp + PCI_EXP_LNKCAP, 4,
		  PCI_EXP_LNKCAP_SLS_16_0GB | 16 << 4, 0);
	set_field(fn, exp + PCI_EXP_LNKSTA, 2,
		  PCI_EXP_LNKSTA_CLS_16_0GB | PCI_EXP_LNKSTA_NLW_X1 << 4, 0);
	set_field(fn, exp + PCI_EXP_DEVCTL2, 2, 0, 0x3f);
	fn->exp = exp;
}

/**
 * virt_config_init() - Configuration space of a PCI Express endpoint with FLR
 * @fn: The function, zeroed
 * @vendor: Vendor ID, also of the subsystem
 * @device: Device ID, also of the subsystem
 * @class: Class code, 24 bits
 */
void virt_config_init(struct virt_function *fn, u16 vendor, u16 device,
		      u32 class)
{
	set_field(fn, PCI_VENDOR_ID, 2, vendor, 0);
	set_field(fn, PCI_DEVICE_ID, 2, device, 0);
	set_field(fn, PCI_COMMAND, 2, 0,
		  PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		  PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
		  PCI_COMMAND_INTX_DISABLE);
	set_field(fn, PCI_STATUS, 2, PCI_STATUS_CAP_LIST, 0);
	set_field(fn, PCI_CLASS_REVISION, 4, class << 8, 0);
	set_field(fn, PCI_CACHE_LINE_SIZE, 1, 0, 0xff);
	set_field(fn, PCI_SUBSYSTEM_VENDOR_ID, 2, vendor, 0);
	set_field(fn, PCI_SUBSYSTEM_ID, 2, device, 0);
	set_field(fn, PCI_INTERRUPT_LINE, 1, 0, 0xff);
	fn->cap_last = PCI_CAPABILITY_LIST;
	fn->cap_end = CAP_FIRST;
	add_express(fn);
}

/**
 * virt_config_vf() - Configuration space of a virtual function
 * @fn: The function, zeroed
 * @class: Class code, 24 bits
 */
void virt_config_vf(struct virt_function *fn, u32 class)
{
	virt_config_init(fn, 0xffff, 0xffff, class);
	set_field(fn, PCI_COMMAND, 2, 0, PCI_COMMAND_MASTER);
	set_field(fn, PCI_INTERRUPT_LINE, 1, 0, 0);
	set_field(fn, PCI_CACHE_LINE_SIZE, 1, 0, 0);
	set_field(fn, ARI, 4, PCI_EXT_CAP_ID_ARI | 1 << 16, 0);
	fn->vf = true;
	fn->absent = true;
}

/**
 * virt_config_pasid() - A function that sends requests with PASIDs
 * @fn: The function
 *
 * Its IOMMU is there whenever it is, so they are always enabled.
 */
void virt_config_pasid(struct virt_function *fn)
{
	set_field(fn, PASID, 4, PCI_EXT_CAP_ID_PASID | 1 << 16, 0);
	set_field(fn, PASID + PCI_PASID_CAP, 2, ilog2(VIRT_PASIDS) << 8, 0);
	set_field(fn, PASID + PCI_PASID_CTRL, 2, PCI_PASID_CTRL_ENABLE, 0);
}

/**
 * virt_config_sriov() - Make a function a physical function
 * @fn: The function
 * @devfn: Its place, which it says it depends on
 * @vf_device: Device ID of its virtual functions
 * @count: How many they are
 * @offset: From the physical function to the first; they follow one another
 */
void virt_config_sriov(struct virt_function *fn, unsigned int devfn,
		       u16 vf_device, unsigned int count, unsigned int offset)
{
	set_field(fn, ARI, 4, PCI_EXT_CAP_ID_ARI | 1 << 16 | SRIOV << 20, 0);
	set_field(fn, SRIOV, 4, PCI_EXT_CAP_ID_SRIOV | 1 << 16, 0);
	set_field(fn, SRIOV + PCI_SRIOV_CTRL, 2, 0,
		  PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE |
		  PCI_SRIOV_CTRL_ARI);
	set_field(fn, SRIOV + PCI_SRIOV_INITIAL_VF, 2, count, 0);
	set_field(fn, SRIOV + PCI_SRIOV_TOTAL_VF, 2, count, 0);
	set_field(fn, SRIOV + PCI_SRIOV_NUM_VF, 2, 0, 0xffff);
	set_field(fn, SRIOV + PCI_SRIOV_FUNC_LINK, 1, devfn, 0);
	set_field(fn, SRIOV + PCI_SRIOV_VF_OFFSET, 2, offset, 0);
	set_field(fn, SRIOV + PCI_SRIOV_VF_STRIDE, 2, 1, 0);
	set_field(fn, SRIOV + PCI_SRIOV_VF_DID, 2, vf_device, 0);
	set_field(fn, SRIOV + PCI_SRIOV_SUP_PGSIZE, 4, VF_PAGE_SIZES, 0);
	set_field(fn, SRIOV + PCI_SRIOV_SYS_PGSIZE, 4, 1, 0);
}

/**
 * virt_config_vf_bar() - BAR 0 of all virtual functions
 * @fn: The physical function
 * @base: Physical address of that of the first
 * @size: Bytes of each, a power of two
 */
void virt_config_vf_bar(struct virt_function *fn, u64 base, size_t size)
{
	int bar = (SRIOV + PCI_SRIOV_BAR - PCI_BASE_ADDRESS_0) / 4;

	virt_config_bar(fn, bar, base, size);
}

/**
 * virt_config_vfs() - How many virtual functions are enabled
 * @fn: The physical function
 *
 * Return: Their number; 0 while VF Enable is off.
 */
unsigned int virt_config_vfs(const struct virt_function *fn)
{
	u8 control = READ_ONCE(fn->config[SRIOV + PCI_SRIOV_CTRL]);

	if (!(control & PCI_SRIOV_CTRL_VFE))
		return 0;
	return READ_ONCE(fn->config[SRIOV + PCI_SRIOV_NUM_VF]);
}

/**
 * virt_config_bar() - A 64-bit prefetchable memory BAR
 * @fn: The function
 * @bar: 0, 2 or 4
 * @base: Physical address
 * @size: Bytes, a power of two
 */
void virt_config_bar(struct virt_function *fn, int bar, u64 base, size_t size)
{
	int where = PCI_BASE_ADDRESS_0 + 4 * bar;
	u64 writable = ~((u64)size - 1);

	set_field(fn, where, 4,
		  lower_32_bits(base) | PCI_BASE_ADDRESS_MEM_TYPE_64 |
		  PCI_BASE_ADDRESS_MEM_PREFETCH, lower_32_bits(writable));
	set_field(fn, where + 4, 4, upper_32_bits(base),
		  upper_32_bits(writable));
}

/**
 * virt_config_msix() - An MSI-X capability
 * @fn: The function
 * @count: Vectors, VIRT_MSIX_MAX at most
 * @bar: BAR of table and pending bits, already made
 * @table: Offset of the table in the BAR
 * @pba: Offset of the pending bits in the BAR
 */
void virt_config_msix(struct virt_function *fn, unsigned int count, int bar,
		      u32 table, u32 pba)
{
	u8 cap = add_capability(fn, PCI_CAP_ID_MSIX, MSIX_CAP_SIZE);

	set_field(fn, cap + PCI_MSIX_FLAGS, 2, count - 1,
		  PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	set_field(fn, cap + PCI_MSIX_TABLE, 4, table | bar, 0);
	set_field(fn, cap + PCI_MSIX_PBA, 4, pba | bar, 0);
	fn->msix_cap = cap;
	fn->msix_count = count;
	fn->msix_table = fn->bar[bar] + table;
	fn->msix_pba = fn->bar[bar] + pba;
}

/**
 * virt_config_reset() - The end of a function-level reset
 * @fn: The function
 *
 * All that can be written is zero again, BARs included, and configuration
 * space answers again.
 */
void virt_config_reset(struct virt_function *fn)
{
	unsigned long flags;
	int i;

	raw_spin_lock_irqsave(&fn->lock, flags);
	for (i = 0; i < PCI_CFG_SPACE_EXP_SIZE; i++)
		fn->config[i] &= ~fn->writable[i];
	cmpxchg(&fn->flr, VIRT_FLR_RUNS, VIRT_FLR_NONE);
	raw_spin_unlock_irqrestore(&fn->lock, flags);
}

static int virt_config_read(struct pci_bus *bus, unsigned int devfn, int where,
			    int size, u32 *value)
{
	struct virt_function *fn = virt_bus_devfn(devfn);
	int i;

	*value = ~0u;
	if (!fn || READ_ONCE(fn->absent))
		return PCIBIOS_DEVICE_NOT_FOUND;
	/* In reset: the core waits until something else than ones is read. */
	if (READ_ONCE(fn->flr))
		return PCIBIOS_SUCCESSFUL;
	*value = 0;
	for (i = 0; i < size; i++)
		*value |= (u32)READ_ONCE(fn->config[where + i]) << (8 * i);
	return PCIBIOS_SUCCESSFUL;
}

static int virt_config_write(struct pci_bus *bus, unsigned int devfn, int where,
			     int size, u32 value)
{
	struct virt_function *fn = virt_bus_devfn(devfn);
	unsigned long flags;
	u8 *devctl;
	int i;

	if (!fn || READ_ONCE(fn->absent))
		return PCIBIOS_DEVICE_NOT_FOUND;

	raw_spin_lock_irqsave(&fn->lock, flags);
	for (i = 0; i < size; i++) {
		u8 *byte = &fn->config[where + i];
		u8 mask = fn->writable[where + i];

		WRITE_ONCE(*byte,
			   (*byte & ~mask) | ((value >> (8 * i)) & mask));
	}
	devctl = &fn->config[fn->exp + PCI_EXP_DEVCTL + 1];
	if (*devctl & (PCI_EXP_DEVCTL_BCR_FLR >> 8)) {
		*devctl &= ~(PCI_EXP_DEVCTL_BCR_FLR >> 8);
		/* Pairs with the xchg() of function_level_reset() */
		smp_store_release(&fn->flr, VIRT_FLR_ASKED);
	}
	if (fn->ops->config_write)
		fn->ops->config_write(fn, where, size);
	raw_spin_unlock_irqrestore(&fn->lock, flags);

	wake_up(&fn->wait);
	return PCIBIOS_SUCCESSFUL;
}

struct pci_ops virt_config_ops = {
	.read = virt_config_read,
	.write = virt_config_write,
};
