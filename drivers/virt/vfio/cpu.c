// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mediated device that only executes the commands of virt_cpu.h: write
 * memory with the CPU and pin it, so that the *access* source can be tested. It is
 * a platform device of its own, and stands for any driver that uses
 * vfio_dma_rw() and vfio_pin_pages().
 */
#include <linux/highmem.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/iommufd_dirty.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/xarray.h>

#include "../virt_cpu.h"

#define MAX_LENGTH	SZ_16M
#define MAX_RANGES	4
#define RANGE_PAGES	16

/**
 * struct cpu_range - Pages that were pinned with one call
 * @iova: First byte
 * @pages: How many; 0 for none
 */
struct cpu_range {
	u64 iova;
	unsigned int pages;
};

/**
 * struct virt_cpu - The device
 * @vdev: The VFIO device
 * @lock: Protects the rest
 * @pins: What is pinned: struct cpu_pin by IOVA >> PAGE_SHIFT
 * @ranges: What else is pinned
 * @late: What is pinned is written and marked when it is unmapped
 */
struct virt_cpu {
	struct vfio_device vdev;
	struct mutex lock;
	struct xarray pins;
	struct cpu_range ranges[MAX_RANGES];
	bool late;
};

/**
 * struct cpu_pin - A page that is pinned
 * @page: The page
 * @count: How often
 */
struct cpu_pin {
	struct page *page;
	unsigned int count;
};

static struct virt_cpu *to_cpu(struct vfio_device *vdev)
{
	return container_of(vdev, struct virt_cpu, vdev);
}

static int cpu_rw(struct virt_cpu *cpu, u64 iova, bool write)
{
	u8 *data = kmalloc(PAGE_SIZE, GFP_KERNEL);
	int ret;

	if (!data)
		return -ENOMEM;
	memset(data, iova >> PAGE_SHIFT, PAGE_SIZE);
	ret = vfio_dma_rw(&cpu->vdev, iova, data, PAGE_SIZE, write);
	kfree(data);
	return ret;
}

static int cpu_pin_page(struct virt_cpu *cpu, u64 iova, bool write)
{
	struct cpu_pin *pin = xa_load(&cpu->pins, iova >> PAGE_SHIFT);
	struct page *page;
	int ret;

	if (!pin) {
		pin = kzalloc_obj(*pin, GFP_KERNEL);
		if (!pin)
			return -ENOMEM;
		ret = xa_err(xa_store(&cpu->pins, iova >> PAGE_SHIFT, pin,
				      GFP_KERNEL));
		if (ret) {
			kfree(pin);
			return ret;
		}
	}
	ret = vfio_pin_pages(&cpu->vdev, iova, 1,
			     IOMMU_READ | (write ? IOMMU_WRITE : 0), &page);
	if (ret == 1) {
		pin->page = page;
		pin->count++;
		return 0;
	}
	if (!pin->count) {
		xa_erase(&cpu->pins, iova >> PAGE_SHIFT);
		kfree(pin);
	}
	return ret;
}

static int cpu_unpin_page(struct virt_cpu *cpu, u64 iova)
{
	struct cpu_pin *pin = xa_load(&cpu->pins, iova >> PAGE_SHIFT);

	if (!pin)
		return -ENOENT;
	if (!--pin->count) {
		xa_erase(&cpu->pins, iova >> PAGE_SHIFT);
		kfree(pin);
	}
	vfio_unpin_pages(&cpu->vdev, iova, 1);
	return 0;
}

static struct cpu_range *cpu_find_range(struct virt_cpu *cpu, u64 iova,
					unsigned int pages)
{
	unsigned int i;

	for (i = 0; i < MAX_RANGES; i++) {
		struct cpu_range *range = &cpu->ranges[i];

		if (range->pages == pages && (!pages || range->iova == iova))
			return range;
	}
	return NULL;
}

static int cpu_pin_range(struct virt_cpu *cpu, u64 iova, unsigned int pages,
			 bool write)
{
	struct cpu_range *range = cpu_find_range(cpu, 0, 0);
	struct page *pinned[RANGE_PAGES];
	int ret;

	if (!range || pages > RANGE_PAGES)
		return -ENOSPC;
	ret = vfio_pin_pages(&cpu->vdev, iova, pages,
			     IOMMU_READ | (write ? IOMMU_WRITE : 0), pinned);
	if (ret < 0)
		return ret;
	range->iova = iova;
	range->pages = pages;
	return 0;
}

static int cpu_unpin_range(struct virt_cpu *cpu, u64 iova, unsigned int pages)
{
	struct cpu_range *range = cpu_find_range(cpu, iova, pages);

	if (!range)
		return -ENOENT;
	vfio_unpin_pages(&cpu->vdev, iova, pages);
	range->pages = 0;
	return 0;
}

static int cpu_range(struct virt_cpu *cpu, u32 op, u64 iova, u64 length)
{
	if (op == VIRT_CPU_UNPIN_RANGE)
		return cpu_unpin_range(cpu, iova, length >> PAGE_SHIFT);
	return cpu_pin_range(cpu, iova, length >> PAGE_SHIFT,
			     op == VIRT_CPU_PIN_RANGE_WRITE);
}

static int cpu_touch(struct virt_cpu *cpu, u64 iova)
{
	struct cpu_pin *pin = xa_load(&cpu->pins, iova >> PAGE_SHIFT);
	u64 *data;

	if (!pin)
		return -ENOENT;
	data = kmap_local_page(pin->page);
	WRITE_ONCE(*data, iova | 1);
	kunmap_local(data);
	return 0;
}

static int cpu_mark(struct virt_cpu *cpu, u64 iova)
{
	return iommufd_dirty_access_mark(cpu->vdev.iommufd_access, iova,
					 PAGE_SIZE);
}

static int cpu_page(struct virt_cpu *cpu, u32 op, u64 iova)
{
	switch (op) {
	case VIRT_CPU_READ:
		return cpu_rw(cpu, iova, false);
	case VIRT_CPU_WRITE:
		return cpu_rw(cpu, iova, true);
	case VIRT_CPU_PIN_READ:
		return cpu_pin_page(cpu, iova, false);
	case VIRT_CPU_PIN_WRITE:
		return cpu_pin_page(cpu, iova, true);
	case VIRT_CPU_TOUCH:
		return cpu_touch(cpu, iova);
	case VIRT_CPU_MARK:
		return cpu_mark(cpu, iova);
	case VIRT_CPU_UNPIN:
		return cpu_unpin_page(cpu, iova);
	default:
		return -EOPNOTSUPP;
	}
}

static int cpu_command(struct virt_cpu *cpu, const struct virt_cpu_cmd *cmd)
{
	u64 iova;
	int ret = 0;

	if (!cpu->vdev.iommufd_access)
		return -ENODEV;
	if (cmd->op == VIRT_CPU_DECLARE) {
		iommufd_dirty_access_declare(cpu->vdev.iommufd_access);
		return 0;
	}
	if (cmd->op == VIRT_CPU_LATE) {
		mutex_lock(&cpu->lock);
		cpu->late = true;
		mutex_unlock(&cpu->lock);
		return 0;
	}
	if (cmd->__reserved || !cmd->length || cmd->length > MAX_LENGTH ||
	    !PAGE_ALIGNED(cmd->iova | cmd->length) ||
	    cmd->iova + cmd->length < cmd->iova)
		return -EINVAL;
	mutex_lock(&cpu->lock);
	if (cmd->op >= VIRT_CPU_PIN_RANGE_READ && cmd->op <= VIRT_CPU_UNPIN_RANGE) {
		ret = cpu_range(cpu, cmd->op, cmd->iova, cmd->length);
		mutex_unlock(&cpu->lock);
		return ret;
	}
	for (iova = cmd->iova; !ret && iova < cmd->iova + cmd->length;
	     iova += PAGE_SIZE)
		ret = cpu_page(cpu, cmd->op, iova);
	mutex_unlock(&cpu->lock);
	return ret;
}

static ssize_t cpu_write(struct vfio_device *vdev, const char __user *buf,
			 size_t count, loff_t *pos)
{
	struct virt_cpu_cmd cmd;
	int ret;

	if (count != sizeof(cmd))
		return -EINVAL;
	if (copy_from_user(&cmd, buf, sizeof(cmd)))
		return -EFAULT;
	ret = cpu_command(to_cpu(vdev), &cmd);
	return ret ?: count;
}

/* The last that the device does to memory before it unpins it. */
static void cpu_write_late(struct virt_cpu *cpu, u64 iova)
{
	int ret = cpu_touch(cpu, iova) ?: cpu_mark(cpu, iova);

	if (ret)
		dev_warn(cpu->vdev.dev, "IOVA %#llx was written and cannot be marked: %d\n",
			 iova, ret);
}

/* What is unmapped, or left behind, must not stay pinned. */
static void cpu_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct virt_cpu *cpu = to_cpu(vdev);
	unsigned long index, last = (iova + (length - 1)) >> PAGE_SHIFT;
	struct cpu_pin *pin;
	unsigned int i;

	mutex_lock(&cpu->lock);
	for (i = 0; i < MAX_RANGES; i++) {
		struct cpu_range *range = &cpu->ranges[i];

		if (range->pages && range->iova >> PAGE_SHIFT <= last &&
		    range->iova + range->pages * PAGE_SIZE > iova)
			cpu_unpin_range(cpu, range->iova, range->pages);
	}
	xa_for_each_range(&cpu->pins, index, pin, iova >> PAGE_SHIFT, last) {
		u64 page = (u64)index << PAGE_SHIFT;

		if (cpu->late)
			cpu_write_late(cpu, page);
		while (!cpu_unpin_page(cpu, page))
			;
	}
	mutex_unlock(&cpu->lock);
}

static int cpu_setup(struct vfio_device *vdev)
{
	struct virt_cpu *cpu = to_cpu(vdev);

	mutex_init(&cpu->lock);
	xa_init(&cpu->pins);
	return 0;
}

static void cpu_close(struct vfio_device *vdev)
{
	to_cpu(vdev)->late = false;
	cpu_unmap(vdev, 0, U64_MAX);
}

static const struct vfio_device_ops cpu_ops = {
	.name = "iommufd-virt-cpu",
	.init = cpu_setup,
	.close_device = cpu_close,
	.write = cpu_write,
	.dma_unmap = cpu_unmap,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
};

static int cpu_probe(struct platform_device *pdev)
{
	struct virt_cpu *cpu;
	int ret;

	cpu = vfio_alloc_device(virt_cpu, vdev, &pdev->dev, &cpu_ops);
	if (IS_ERR(cpu))
		return PTR_ERR(cpu);
	platform_set_drvdata(pdev, cpu);
	ret = vfio_register_emulated_iommu_dev(&cpu->vdev);
	if (ret)
		vfio_put_device(&cpu->vdev);
	return ret;
}

static void cpu_remove(struct platform_device *pdev)
{
	struct virt_cpu *cpu = platform_get_drvdata(pdev);

	vfio_unregister_group_dev(&cpu->vdev);
	vfio_put_device(&cpu->vdev);
}

static struct platform_driver cpu_driver = {
	.driver.name = "iommufd-virt-cpu",
	.probe = cpu_probe,
	.remove = cpu_remove,
};

/* iommufd-virt-cpu and iommufd-virt-cpu.1: two that pin the same memory. */
static const int cpu_ids[] = { PLATFORM_DEVID_NONE, 1 };
static struct platform_device *cpu_devices[ARRAY_SIZE(cpu_ids)];

static void cpu_devices_unregister(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cpu_ids); i++)
		if (!IS_ERR_OR_NULL(cpu_devices[i]))
			platform_device_unregister(cpu_devices[i]);
	platform_driver_unregister(&cpu_driver);
}

static int __init cpu_module_init(void)
{
	int ret = platform_driver_register(&cpu_driver);
	unsigned int i;

	if (ret)
		return ret;
	for (i = 0; !ret && i < ARRAY_SIZE(cpu_ids); i++) {
		cpu_devices[i] = platform_device_register_simple("iommufd-virt-cpu",
								 cpu_ids[i], NULL, 0);
		ret = PTR_ERR_OR_ZERO(cpu_devices[i]);
	}
	if (ret)
		cpu_devices_unregister();
	return ret;
}
module_init(cpu_module_init);

static void __exit cpu_module_exit(void)
{
	cpu_devices_unregister();
}
module_exit(cpu_module_exit);

/* As MODULE_IMPORT_NS(), of which only newer kernels take a string */
MODULE_INFO(import_ns, "IOMMUFD");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual mediated device that writes memory with the CPU");
