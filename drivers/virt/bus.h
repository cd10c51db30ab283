/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual PCI bus: what a device model fills in and may call.
 *
 * A device model embeds a struct virt_function, describes it with the
 * virt_config_*() calls, and hands it to virt_bus_add(). From then on the
 * function's own thread is its hardware: reset, poll and every DMA run there
 * and nowhere else, so a model needs no lock for its own state.
 */
#ifndef _VIRT_BUS_H
#define _VIRT_BUS_H

#include <linux/bits.h>
#include <linux/pci.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "virt_iommu.h"

#define VIRT_BUS_DOMAIN		0x10
#define VIRT_BUS_FUNCTIONS	256
#define VIRT_MSIX_MAX		8

struct task_struct;
struct virt_function;

/**
 * struct virt_function_ops - A device model
 * @reset: Bring the registers to their defaults and stop everything; called
 *	once before the function is visible and then, on the function's thread,
 *	for each function-level reset
 * @config_write: Optional; after @size bytes at @where of config space have
 *	changed. Under a raw spinlock: note what happened, act in @poll
 * @poll: Do what the registers ask for, for about a millisecond at most, or as
 *	long as the reset of another function takes (ENABLE_HCA). Return: false
 *	when there is nothing to do for a millisecond
 */
struct virt_function_ops {
	void (*reset)(struct virt_function *fn);
	void (*config_write)(struct virt_function *fn, int where, int size);
	bool (*poll)(struct virt_function *fn);
};

/**
 * enum virt_flr - How far a function-level reset is
 * @VIRT_FLR_NONE: There is none
 * @VIRT_FLR_RUNS: On the function's thread
 * @VIRT_FLR_ASKED: It has not begun, or it runs and another one follows
 */
enum virt_flr {
	VIRT_FLR_NONE,
	VIRT_FLR_RUNS,
	VIRT_FLR_ASKED,
};

/**
 * struct virt_function - One PCI function on the virtual bus
 * @ops: The device model
 * @devfn: Where it sits on the bus
 * @dma: The function as the IOMMU sees it
 * @pasids: Its PASIDs, from 1 on, as the IOMMU sees them; those of a DMA device are initialized
 * @pasid: With which PASID it sends requests, 0: without one; @thread only
 * @bar: BARs by their first index, mapped; NULL where there is none
 * @config: Configuration space, little endian; written under @lock
 * @writable: The bits of @config that software can write
 * @cap_end: Bytes of @config used by capabilities; set up before the scan
 * @cap_last: Byte that links the next capability
 * @exp: Offset of the PCI Express capability
 * @lock: @config
 * @flr: function-level reset; config space reads all ones until it is done
 * @vf: Is a virtual function; its memory space is enabled with its presence
 * @absent: A virtual function that is not enabled; its config space does not
 *	answer
 * @wait: Woken when @thread has something to look at while memory is disabled
 * @thread: The hardware
 * @msix_cap: Offset of the MSI-X capability
 * @msix_count: Vectors
 * @msix_table: In the BAR
 * @msix_pba: In the BAR
 * @msix_pending: Raised and not delivered; @thread only
 * @msix_quiet: Nothing is delivered; msix.c
 * @msix_irq: Interrupt number of each vector, 0 for none; see msix.c
 */
struct virt_function {
	const struct virt_function_ops *ops;
	unsigned int devfn;
	struct virt_requester dma;
	struct virt_requester pasids[VIRT_PASIDS - 1];
	unsigned int pasid;
	void __iomem *bar[PCI_STD_NUM_BARS];

	u8 config[PCI_CFG_SPACE_EXP_SIZE];
	u8 writable[PCI_CFG_SPACE_EXP_SIZE];
	u8 cap_end;
	u8 cap_last;
	u8 exp;
	raw_spinlock_t lock;

	enum virt_flr flr;
	bool vf;
	bool absent;
	wait_queue_head_t wait;
	struct task_struct *thread;

	u8 msix_cap;
	unsigned int msix_count;
	void __iomem *msix_table;
	void __iomem *msix_pba;
	unsigned long msix_pending;
	bool msix_quiet;
	unsigned int msix_irq[VIRT_MSIX_MAX];
};

/* bus.c */
int virt_bus_init(void);
void virt_bus_exit(void);
int virt_bus_add(struct virt_function *fn, unsigned int devfn);
void virt_bus_claim(struct pci_dev *pdev);
int virt_bus_scan(void);
void virt_bus_remove(void);
int virt_bus_alloc_bar(struct virt_function *fn, int bar, size_t size);
int virt_bus_alloc_vf_bars(struct virt_function *pf, struct virt_function **vfs,
			   unsigned int count, size_t size);
struct virt_function *virt_bus_function(struct device *dev);
struct virt_function *virt_bus_devfn(unsigned int devfn);
bool virt_function_interrupted(struct virt_function *fn);
void virt_function_reset(struct virt_function *fn);

/* sysdata_x86.c */
#if IS_ENABLED(CONFIG_X86)
void *virt_sysdata(int domain);
#else
static inline void *virt_sysdata(int domain)
{
	return NULL;
}
#endif

/* config.c */
extern struct pci_ops virt_config_ops;
void virt_config_init(struct virt_function *fn, u16 vendor, u16 device,
		      u32 class);
void virt_config_bar(struct virt_function *fn, int bar, u64 base, size_t size);
void virt_config_vf(struct virt_function *fn, u32 class);
void virt_config_pasid(struct virt_function *fn);
void virt_config_sriov(struct virt_function *fn, unsigned int devfn,
		       u16 vf_device, unsigned int count, unsigned int offset);
void virt_config_vf_bar(struct virt_function *fn, u64 base, size_t size);
void virt_config_msix(struct virt_function *fn, unsigned int count, int bar,
		      u32 table, u32 pba);
void virt_config_reset(struct virt_function *fn);
unsigned int virt_config_vfs(const struct virt_function *fn);

/**
 * virt_function_decodes() - Can what software writes to a BAR mean something
 * @fn: The function
 *
 * Memory space is enabled; a virtual function has no such bit, and is of
 * interest when it may send requests.
 *
 * Return: true if the device is to look at its registers.
 */
static inline bool virt_function_decodes(const struct virt_function *fn)
{
	u8 command = READ_ONCE(fn->config[PCI_COMMAND]);

	if (fn->vf)
		return !READ_ONCE(fn->absent) && (command & PCI_COMMAND_MASTER);
	return command & PCI_COMMAND_MEMORY;
}

/**
 * virt_function_bus_master() - May the function send requests
 * @fn: The function
 *
 * Return: true if Bus Master is set.
 */
static inline bool virt_function_bus_master(const struct virt_function *fn)
{
	return READ_ONCE(fn->config[PCI_COMMAND]) & PCI_COMMAND_MASTER;
}

/* msix_domain.c */
struct irq_domain;

int virt_msix_init(void);
void virt_msix_exit(void);
struct irq_domain *virt_msix_domain(void);

/* msix.c */
extern struct irq_chip virt_msix_chip;
void virt_msix_forget(unsigned int virq);
void virt_msix_reset(struct virt_function *fn);
void virt_msix_quiet(struct virt_function *fn, bool quiet);
void virt_msix_raise(struct virt_function *fn, unsigned int vector);
void virt_msix_retry(struct virt_function *fn);

/* access.c */
int virt_function_access(struct virt_function *fn, u64 iova, void *buf,
			 size_t len, bool write, u64 *fault);

#endif
