// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual PCI bus: a host bridge in a PCI domain of its own, the memory
 * that its BARs lie in, and one thread per function that is its hardware.
 *
 * BARs must be real memory, because drivers and user space map them, and it
 * must not belong to the kernel, because ioremap() refuses that. So the user
 * reserves it on the kernel's command line and names it with memmap_start. The
 * window of the bridge is smaller than the reservation: an equal one would
 * become the parent of the reservation and no BAR could be claimed.
 *
 * Registers are memory: nothing traps. Threads look at them about every
 * millisecond, and only while memory space is enabled.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/irqdomain.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "bus.h"

#define WINDOW_SIZE	(64UL << 20)
#if IS_ENABLED(CONFIG_X86)
#define REMEDY \
	"boot with memmap=65M$0x70000000 (any free 65M of RAM) and load with memmap_start=0x70000000"
#else
#define REMEDY \
	"boot with mem= that leaves out the last 65M of RAM, and load with memmap_start= their address"
#endif

static ulong memmap_start;
module_param(memmap_start, ulong, 0444);
MODULE_PARM_DESC(memmap_start,
		 "Physical address of 65 MiB that are reserved with memmap=65M$ADDRESS, or left out with mem=");

/* Everything is set up before the scan. */
static struct {
	struct mutex lock;		/* scan against removal */
	struct resource window;
	struct resource busn;
	void __iomem *mem;
	size_t used;
	struct pci_host_bridge *bridge;
	struct virt_function *function[VIRT_BUS_FUNCTIONS];
} bus = {
	.lock = __MUTEX_INITIALIZER(bus.lock),
	.window = {
		.name = "virtual PCI bus",
		.flags = IORESOURCE_MEM | IORESOURCE_PREFETCH |
			 IORESOURCE_MEM_64,
	},
	.busn = {
		.name = "virtual PCI bus numbers",
		.flags = IORESOURCE_BUS,
	},
};

static void function_level_reset(struct virt_function *fn)
{
	/* Sees all that was written before the last who asked did. */
	xchg(&fn->flr, VIRT_FLR_RUNS);
	fn->ops->reset(fn);
	virt_msix_reset(fn);
	virt_config_reset(fn);
}

static int function_thread(void *data)
{
	struct virt_function *fn = data;

	while (!kthread_should_stop()) {
		if (READ_ONCE(fn->flr))
			function_level_reset(fn);
		virt_msix_retry(fn);
		if (fn->ops->poll(fn))
			cond_resched_tasks_rcu_qs();
		else if (virt_function_decodes(fn))
			usleep_range_state(1000, 1500, TASK_IDLE);
		else
			wait_event_idle_timeout(fn->wait,
						virt_function_decodes(fn) ||
						virt_function_interrupted(fn),
						HZ);
	}
	return 0;
}

/**
 * virt_function_interrupted() - Should the model drop what it does
 * @fn: The function whose thread asks
 *
 * A model asks between two accesses to memory, at least.
 *
 * Return: true after a function-level reset, or when the thread must end.
 */
bool virt_function_interrupted(struct virt_function *fn)
{
	return READ_ONCE(fn->flr) || kthread_should_stop();
}

/**
 * virt_function_reset() - Ask for a function-level reset
 * @fn: The function
 *
 * Done by the function's thread; config space does not answer until then. Can
 * be called in any context.
 */
void virt_function_reset(struct virt_function *fn)
{
	/* Pairs with the xchg() of function_level_reset() */
	smp_store_release(&fn->flr, VIRT_FLR_ASKED);
	if (fn->thread)
		wake_up_process(fn->thread);
}

/**
 * virt_bus_devfn() - The function at a place of the bus
 * @devfn: The place, below VIRT_BUS_FUNCTIONS
 *
 * Return: The function, or NULL when the place is empty.
 */
struct virt_function *virt_bus_devfn(unsigned int devfn)
{
	return bus.function[devfn];
}

/**
 * virt_bus_function() - The function behind a device
 * @dev: Any device
 *
 * Return: The function, or NULL when the device is not on the virtual bus.
 */
struct virt_function *virt_bus_function(struct device *dev)
{
	struct pci_dev *pdev;

	if (!dev_is_pci(dev))
		return NULL;
	pdev = to_pci_dev(dev);
	if (pdev->bus->ops != &virt_config_ops)
		return NULL;
	return bus.function[pdev->devfn];
}

static int alloc_memory(size_t align, size_t size, size_t *where)
{
	size_t offset = ALIGN(bus.used, align);

	if (offset + size > WINDOW_SIZE) {
		pr_err("no room for BARs of %zu bytes: use fewer devices\n",
		       size);
		return -ENOSPC;
	}
	bus.used = offset + size;
	memset_io(bus.mem + offset, 0, size);
	*where = offset;
	return 0;
}

/**
 * virt_bus_alloc_bar() - Give a function a BAR
 * @fn: A function that is not on the bus yet
 * @bar: 0, 2 or 4: all BARs are 64 bits
 * @size: Bytes, a power of two, a page at least
 *
 * The BAR is mapped at fn->bar[@bar] and zero.
 *
 * Return: 0, or -ENOSPC when the reserved memory is used up.
 */
int virt_bus_alloc_bar(struct virt_function *fn, int bar, size_t size)
{
	size_t offset;
	int err = alloc_memory(size, size, &offset);

	if (err)
		return err;
	fn->bar[bar] = bus.mem + offset;
	virt_config_bar(fn, bar, bus.window.start + offset, size);
	return 0;
}

/**
 * virt_bus_alloc_vf_bars() - Give virtual functions their BAR 0
 * @pf: Their physical function, with its SR-IOV capability
 * @vfs: The functions
 * @count: How many
 * @size: Bytes of each BAR, a power of two, a page at least
 *
 * Return: 0, or -ENOSPC when the reserved memory is used up.
 */
int virt_bus_alloc_vf_bars(struct virt_function *pf, struct virt_function **vfs,
			   unsigned int count, size_t size)
{
	size_t offset;
	unsigned int i;
	int err = alloc_memory(size, count * size, &offset);

	if (err)
		return err;
	for (i = 0; i < count; i++)
		vfs[i]->bar[0] = bus.mem + offset + i * size;
	virt_config_vf_bar(pf, bus.window.start + offset, size);
	return 0;
}

/**
 * virt_bus_add() - Put a function on the bus and start its thread
 * @fn: With ops, config space and BARs set up
 * @devfn: A free place
 *
 * Before virt_bus_scan() only. The function belongs to the caller again after
 * virt_bus_remove().
 *
 * Return: 0, or the error of kthread_run(); the function is not on the bus then.
 */
int virt_bus_add(struct virt_function *fn, unsigned int devfn)
{
	struct task_struct *thread;

	fn->devfn = devfn;
	raw_spin_lock_init(&fn->lock);
	init_waitqueue_head(&fn->wait);
	fn->ops->reset(fn);
	if (fn->msix_count)
		virt_msix_reset(fn);

	thread = kthread_run(function_thread, fn, "virt-%02x.%x",
			     PCI_SLOT(devfn), PCI_FUNC(devfn));
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	fn->thread = thread;
	bus.function[devfn] = fn;
	return 0;
}

/**
 * virt_bus_claim() - The BARs of a new device stay where they are
 * @pdev: The device, before a driver can have it
 *
 * In memory that was reserved on the command line, the PCI core cannot choose
 * others, as it would for a device that it finds when it scans again.
 */
void virt_bus_claim(struct pci_dev *pdev)
{
	struct resource *res;
	int i;

	pci_dev_for_each_resource(pdev, res, i)
		if (res->flags && !res->parent && pci_claim_resource(pdev, i))
			pci_err(pdev, "BAR %d cannot stay where it is\n", i);
}

/**
 * virt_bus_scan() - Make the bus and let the PCI core find what is on it
 *
 * Return: 0 or an error, of which the kernel's log has a message; there is no bus then.
 */
int virt_bus_scan(void)
{
	struct pci_host_bridge *bridge = pci_alloc_host_bridge(0);
	int domain, err;

	if (!bridge)
		return -ENOMEM;
	/* The core gives it back with the bus */
	domain = pci_bus_find_emul_domain_nr(VIRT_BUS_DOMAIN, VIRT_BUS_DOMAIN,
					     VIRT_BUS_DOMAIN);
	if (domain < 0) {
		pr_err("PCI domain %04x is taken: %d\n", VIRT_BUS_DOMAIN, domain);
		pci_free_host_bridge(bridge);
		return domain;
	}

	pci_add_resource(&bridge->windows, &bus.window);
	pci_add_resource(&bridge->windows, &bus.busn);
	bridge->sysdata = virt_sysdata(domain);
	bridge->busnr = bus.busn.start;
	bridge->domain_nr = domain;
	bridge->ops = &virt_config_ops;
	dev_set_msi_domain(&bridge->dev, virt_msix_domain());

	mutex_lock(&bus.lock);
	pci_lock_rescan_remove();
	err = pci_scan_root_bus_bridge(bridge);
	if (!err) {
		bus.bridge = bridge;
		pci_bus_add_devices(bridge->bus);
	}
	pci_unlock_rescan_remove();
	mutex_unlock(&bus.lock);

	if (err) {
		pr_err("PCI domain %04x cannot be scanned: %d\n",
		       VIRT_BUS_DOMAIN, err);
		pci_free_host_bridge(bridge);
	}
	return err;
}

/**
 * virt_bus_remove() - Take the bus away
 *
 * Drivers are unbound, so this can wait for users of the devices to let them
 * go. The functions' threads run on until that has happened.
 */
void virt_bus_remove(void)
{
	unsigned int i;

	mutex_lock(&bus.lock);
	if (bus.bridge) {
		pci_lock_rescan_remove();
		pci_stop_root_bus(bus.bridge->bus);
		pci_remove_root_bus(bus.bridge->bus);
		pci_unlock_rescan_remove();
		pci_free_host_bridge(bus.bridge);
		bus.bridge = NULL;
	}
	for (i = 0; i < VIRT_BUS_FUNCTIONS; i++) {
		if (!bus.function[i])
			continue;
		kthread_stop(bus.function[i]->thread);
		bus.function[i] = NULL;
	}
	mutex_unlock(&bus.lock);
}

/* Is there memory, and do two words of it keep what is written to them? */
static bool window_works(void)
{
	void __iomem *last = bus.mem + WINDOW_SIZE - sizeof(u64);

	writeq(0x5a5a5a5aa5a5a5a5ull, bus.mem);
	writeq(~0x5a5a5a5aa5a5a5a5ull, last);
	return readq(bus.mem) == 0x5a5a5a5aa5a5a5a5ull &&
	       readq(last) == ~0x5a5a5a5aa5a5a5a5ull;
}

/**
 * virt_bus_init() - Take the memory for the BARs
 *
 * Return: 0 or an error, of which the kernel's log has a message with the remedy.
 */
int virt_bus_init(void)
{
	int err;

	if (!memmap_start) {
		pr_err("memmap_start is not set: " REMEDY "\n");
		return -EINVAL;
	}
	if (!IS_ALIGNED(memmap_start, SZ_1M)) {
		pr_err("memmap_start=%#lx is not a multiple of 1 MiB: " REMEDY "\n",
		       memmap_start);
		return -EINVAL;
	}
	if (region_intersects(memmap_start, WINDOW_SIZE,
			      IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
	    REGION_DISJOINT) {
		pr_err("memory at memmap_start=%#lx is in use as System RAM: " REMEDY "\n",
		       memmap_start);
		return -EBUSY;
	}

	bus.window.start = memmap_start;
	bus.window.end = memmap_start + WINDOW_SIZE - 1;
	err = insert_resource(&iomem_resource, &bus.window);
	if (err) {
		pr_err("memory at memmap_start=%#lx is claimed by another driver (see /proc/iomem): "
		       REMEDY "\n", memmap_start);
		return err;
	}
	bus.mem = ioremap(memmap_start, WINDOW_SIZE);
	if (!bus.mem) {
		err = -ENOMEM;
		goto err_resource;
	}
	if (!window_works()) {
		pr_err("there is no memory at memmap_start=%#lx: " REMEDY "\n",
		       memmap_start);
		err = -ENODEV;
		goto err_unmap;
	}
	bus.used = 0;
	return 0;

err_unmap:
	iounmap(bus.mem);
err_resource:
	remove_resource(&bus.window);
	return err;
}

/**
 * virt_bus_exit() - Give the memory back; after virt_bus_remove()
 */
void virt_bus_exit(void)
{
	iounmap(bus.mem);
	remove_resource(&bus.window);
}
