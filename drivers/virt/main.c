// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual platform: which IOMMU instances and devices there are, and the
 * order in which everything comes and goes. Documentation/virtual-platform.rst
 * is for its users.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bus.h"
#include "connectx/connectx.h"
#include "connectx/device.h"
#include "inject.h"
#include "dma.h"
#include "virt_iommu.h"
#include "truth.h"

/*
 * DMA devices sit in slots 0 to 15; the other half of the bus is for models
 * with virtual functions.
 */
#define MAX_DEVICES	16

#define USAGE \
	"use personality[+option...][:devices],...; personalities amd intel smmu none amdv1-pt vtdss-pt; options gather bbm group alias refuse tracker ranges= bits= space= page= log="

static char *iommus = "amd:2,none:1";
module_param(iommus, charp, 0444);
MODULE_PARM_DESC(iommus,
		 "IOMMU instances: personality[+option...][:devices],... (amd intel smmu none amdv1-pt vtdss-pt; gather bbm group alias refuse tracker ranges= bits= space= page= log=)");

static char *connectx = "";
module_param(connectx, charp, 0444);
MODULE_PARM_DESC(connectx,
		 "ConnectX devices, at most 2: VFS[:INSTANCE],...; VFS: virtual functions, 0 to 8; INSTANCE: index of the IOMMU in iommus= (default: 0)");

static LIST_HEAD(instances);
static struct virt_dma *devices[MAX_DEVICES];
static unsigned int device_count;
static struct connectx *connectx_devices[CX_MAX_DEVICES];

static int parse_options(struct virt_iommu *iommu, char *options)
{
	char *option;

	while ((option = strsep(&options, "+"))) {
		int err = virt_tracker_option(&iommu->tracker, option);

		if (!err)
			continue;
		if (err == -EINVAL) {
			pr_err("iommus: the value of option \"%s\" is not a number within its limits: "
			       USAGE "\n", option);
			return err;
		}
		if (!strcmp(option, "gather")) {
			iommu->gather = true;
		} else if (!strcmp(option, "bbm")) {
			iommu->bbm = true;
		} else if (!strcmp(option, "group")) {
			iommu->group = true;
		} else if (!strcmp(option, "alias")) {
			iommu->alias = true;
		} else if (!strcmp(option, "refuse")) {
			iommu->refuse = true;
		} else {
			pr_err("iommus: unknown option \"%s\": " USAGE "\n",
			       option);
			return -EINVAL;
		}
	}
	return 0;
}

static int parse_instance(struct virt_iommu *iommu, char *text)
{
	char *options = strsep(&text, ":");
	char *name = strsep(&options, "+");

	iommu->personality = virt_personality_find(name);
	if (!iommu->personality) {
		pr_err("iommus: unknown personality \"%s\": " USAGE "\n", name);
		return -EINVAL;
	}
	if (iommu->personality->generic_pt && !iommu->personality->format) {
		pr_err("iommus: %s is not supported: this kernel has no such page tables\n", name);
		return -EOPNOTSUPP;
	}
	iommu->devices = 1;
	if (text && (kstrtouint(text, 10, &iommu->devices) ||
		     iommu->devices > MAX_DEVICES)) {
		pr_err("iommus: \"%s\" is no number of devices up to %u: " USAGE "\n",
		       text, MAX_DEVICES);
		return -EINVAL;
	}
	return parse_options(iommu, options);
}

static unsigned int count_instances(const struct virt_personality *p)
{
	struct virt_iommu *iommu;
	unsigned int n = 0;

	list_for_each_entry(iommu, &instances, list)
		n += iommu->personality == p;
	return n;
}

static int add_instance(char *text)
{
	struct virt_iommu *iommu = kzalloc_obj(*iommu, GFP_KERNEL);
	int err;

	if (!iommu)
		return -ENOMEM;
	err = parse_instance(iommu, text);
	if (err)
		goto err_free;
	iommu->number = count_instances(iommu->personality);
	err = virt_iommu_register(iommu);
	if (err)
		goto err_free;
	list_add_tail(&iommu->list, &instances);
	return 0;

err_free:
	kfree(iommu);
	return err;
}

static int add_instances(void)
{
	char *copy = kstrdup(iommus, GFP_KERNEL);
	char *rest = copy;
	char *text;
	int err = 0;

	if (!copy)
		return -ENOMEM;
	while (!err && (text = strsep(&rest, ",")))
		err = add_instance(text);
	kfree(copy);
	return err;
}

static void remove_instances(void)
{
	struct virt_iommu *iommu, *next;

	list_for_each_entry_safe(iommu, next, &instances, list) {
		virt_iommu_unregister(iommu);
		kfree(iommu);
	}
}

static int add_devices(void)
{
	struct virt_iommu *iommu;
	unsigned int i;

	list_for_each_entry(iommu, &instances, list) {
		for (i = 0; i < iommu->devices; i++) {
			struct virt_dma *dma;

			if (device_count == MAX_DEVICES) {
				pr_err("iommus: more than %u devices\n",
				       MAX_DEVICES);
				return -EINVAL;
			}
			dma = virt_dma_create(iommu, device_count,
					      PCI_DEVFN(device_count, 0));
			if (IS_ERR(dma))
				return PTR_ERR(dma);
			devices[device_count++] = dma;
		}
	}
	return 0;
}

static struct virt_iommu *find_instance(unsigned int number)
{
	struct virt_iommu *iommu;

	list_for_each_entry(iommu, &instances, list)
		if (!number--)
			return iommu;
	return NULL;
}

static int add_connectx(unsigned int index, const char *text)
{
	struct virt_iommu *iommu = NULL;
	unsigned int vfs, number = 0;
	struct connectx *cx;
	char end;
	int n;

	n = sscanf(text, "%u:%u%c", &vfs, &number, &end);
	if (n == 2 || (n == 1 && !strchr(text, ':')))
		iommu = find_instance(number);
	if (!iommu || vfs > CX_MAX_VFS || index == CX_MAX_DEVICES) {
		pr_err("connectx: \"%s\" is not VFS[:INSTANCE] with up to %u virtual functions and an instance of iommus=, for up to %u devices\n",
		       text, CX_MAX_VFS, CX_MAX_DEVICES);
		return -EINVAL;
	}
	cx = virt_connectx_create(iommu, index, vfs);
	if (IS_ERR(cx))
		return PTR_ERR(cx);
	connectx_devices[index] = cx;
	return 0;
}

static int add_connectx_devices(void)
{
	unsigned int index = 0;
	char *copy, *rest, *text;
	int err = 0;

	if (!*connectx)
		return 0;
	copy = kstrdup(connectx, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	rest = copy;
	while (!err && (text = strsep(&rest, ",")))
		err = add_connectx(index++, text);
	kfree(copy);
	return err;
}

static void destroy_devices(void)
{
	unsigned int i;

	for (i = 0; i < CX_MAX_DEVICES; i++)
		virt_connectx_destroy(connectx_devices[i]);
	while (device_count)
		virt_dma_destroy(devices[--device_count]);
}

/*
 * The IOMMU core holds a reference to the module for each device, so the bus
 * has to be removed before the module can. This can wait for the users of the devices;
 * without the lock other parameters can be used during the wait.
 */
static int set_remove(const char *value, const struct kernel_param *kp)
{
	kernel_param_unlock(THIS_MODULE);
	virt_bus_remove();
	kernel_param_lock(THIS_MODULE);
	return 0;
}

static const struct kernel_param_ops remove_ops = {
	.set = set_remove,
};
module_param_cb(remove, &remove_ops, NULL, 0200);
MODULE_PARM_DESC(remove,
		 "Write anything to remove the bus, which must be done before rmmod");

static int __init virt_init(void)
{
	int err;

	virt_ops_init();
	err = virt_bus_init();
	if (err)
		return err;
	err = virt_msix_init();
	if (err)
		goto err_bus;
	err = virt_iommu_init();
	if (err)
		goto err_msix;
	err = add_instances();
	if (err)
		goto err_instances;
	err = add_devices();
	if (err)
		goto err_devices;
	err = add_connectx_devices();
	if (err)
		goto err_devices;
	err = virt_truth_init();
	if (err)
		goto err_devices;
	virt_inject_init(find_instance(0));
	err = virt_bus_scan();
	if (err)
		goto err_inject;
	return 0;

err_inject:
	virt_inject_exit();
	virt_truth_exit();
err_devices:
	virt_bus_remove();
	destroy_devices();
err_instances:
	remove_instances();
	virt_iommu_exit();
err_msix:
	virt_msix_exit();
err_bus:
	virt_bus_exit();
	return err;
}
module_init(virt_init);

static void __exit virt_exit(void)
{
	virt_bus_remove();
	virt_inject_exit();
	virt_truth_exit();
	destroy_devices();
	remove_instances();
	virt_iommu_exit();
	virt_msix_exit();
	virt_bus_exit();
}
module_exit(virt_exit);

MODULE_DESCRIPTION("Virtual PCI bus, IOMMU and DMA devices for tests of dirty tracking");
MODULE_LICENSE("GPL");
