// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO driver for virtual DMA devices: vfio-pci, migration (migrate.c), and the page
 * tracker of those devices that have one (log.c).
 *
 * It stands for any vendor's driver. So it talks to the device through
 * registers only and is no part of iommufd-virt: what happens to a device (it is
 * reset, its memory space is disabled, it does not answer) happens to this
 * driver's tracker as it would with hardware. And it knows vfio_log_ops only,
 * nothing of who calls them; but for scope.c, which is about devices without a
 * page tracker.
 *
 * The registers of the tracker and for migration are the host's: a VMM does not see
 * their BAR.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "../virt_dma.h"
#include "device.h"

#define TRACKER_BAR_SIZE	SZ_64K	/* of a device that has one */

static int device_init(struct vfio_device *vdev)
{
	struct virt_vfio_device *vv = to_virt_vfio(vdev);
	int ret = vfio_pci_core_init_dev(vdev);

	if (ret)
		return ret;
	mutex_init(&vv->log_lock);
	virt_vfio_migrate_init(vv);
	if (pci_resource_len(vv->core.pdev, VIRT_VFIO_HOST_BAR) >= TRACKER_BAR_SIZE)
		vdev->log_ops = &virt_vfio_log_ops;
	return 0;
}

static int device_open(struct vfio_device *vdev)
{
	struct virt_vfio_device *vv = to_virt_vfio(vdev);
	int ret = vfio_pci_core_enable(&vv->core);

	if (ret)
		return ret;
	ret = virt_vfio_migrate_open(vv);
	if (!ret)
		ret = vdev->log_ops ? virt_vfio_log_check(vv) : virt_vfio_scope_open(vv);
	if (ret) {
		vfio_pci_core_disable(&vv->core);
		return ret;
	}
	vfio_pci_core_finish_enable(&vv->core);
	return 0;
}

static void device_close(struct vfio_device *vdev)
{
	virt_vfio_migrate_close(to_virt_vfio(vdev));
	virt_vfio_log_close(to_virt_vfio(vdev));
	vfio_pci_core_close_device(vdev);
}

/* ---- The BAR that is the host's ---- */

static bool is_hidden(u64 index)
{
	return index == VIRT_VFIO_HOST_BAR;
}

/**
 * virt_vfio_region() - Is a region the host's? Then it is described as a BAR that is not there
 * @info: What the user asks, and the answer
 *
 * Return: true if so.
 */
bool virt_vfio_region(struct vfio_region_info *info)
{
	if (!is_hidden(info->index))
		return false;
	info->flags = 0;
	info->size = 0;
	info->offset = VFIO_PCI_INDEX_TO_OFFSET(info->index);
	return true;
}

static ssize_t device_read(struct vfio_device *vdev, char __user *buf, size_t count,
			   loff_t *pos)
{
	if (is_hidden(VFIO_PCI_OFFSET_TO_INDEX(*pos)))
		return -EINVAL;
	return vfio_pci_core_read(vdev, buf, count, pos);
}

static ssize_t device_write(struct vfio_device *vdev, const char __user *buf, size_t count,
			    loff_t *pos)
{
	if (is_hidden(VFIO_PCI_OFFSET_TO_INDEX(*pos)))
		return -EINVAL;
	return vfio_pci_core_write(vdev, buf, count, pos);
}

static int device_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	if (is_hidden(VFIO_PCI_OFFSET_TO_INDEX((u64)vma->vm_pgoff << PAGE_SHIFT)))
		return -EINVAL;
	return vfio_pci_core_mmap(vdev, vma);
}

/* More of it: region.c */
static struct vfio_device_ops device_ops __ro_after_init = {
	.name = "iommufd-virt-vfio-pci",
	.init = device_init,
	.release = vfio_pci_core_release_dev,
	.open_device = device_open,
	.close_device = device_close,
	.ioctl = vfio_pci_core_ioctl,
	.device_feature = vfio_pci_core_ioctl_feature,
	.read = device_read,
	.write = device_write,
	.mmap = device_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
};

/* ---- PCI ---- */

static int driver_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct virt_vfio_device *vv;
	int ret;

	vv = vfio_alloc_device(virt_vfio_device, core.vdev, &pdev->dev, &device_ops);
	if (IS_ERR(vv))
		return PTR_ERR(vv);
	dev_set_drvdata(&pdev->dev, &vv->core);
	ret = vfio_pci_core_register_device(&vv->core);
	if (ret)
		vfio_put_device(&vv->core.vdev);
	return ret;
}

static void driver_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);

	vfio_pci_core_unregister_device(core);
	vfio_put_device(&core->vdev);
}

static void driver_reset_done(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);

	virt_vfio_migrate_reset(to_virt_vfio(&core->vdev));
}

static const struct pci_error_handlers driver_err_handlers = {
	.reset_done = driver_reset_done,
	.error_detected = vfio_pci_core_aer_err_detected,
};

static const struct pci_device_id driver_ids[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, driver_ids);

static struct pci_driver virt_vfio_driver = {
	.name = KBUILD_MODNAME,
	.id_table = driver_ids,
	.probe = driver_probe,
	.remove = driver_remove,
	.err_handler = &driver_err_handlers,
	.driver_managed_dma = true,
};

static int __init driver_init_module(void)
{
	virt_vfio_region_ops(&device_ops);
	return pci_register_driver(&virt_vfio_driver);
}
module_init(driver_init_module);

static void __exit driver_exit_module(void)
{
	pci_unregister_driver(&virt_vfio_driver);
}
module_exit(driver_exit_module);

/* As MODULE_IMPORT_NS(), of which only newer kernels take a string */
MODULE_INFO(import_ns, "IOMMUFD");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VFIO driver for virtual DMA devices, with their page tracker");
