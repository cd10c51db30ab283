// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO driver for virtual functions of ConnectX: PCI driver and VFIO device, and the
 * tables of what VFIO calls. vfio_pci_core does everything but migration (state.c)
 * and the page tracker (tracker.c).
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/vfio_pci_core.h>

#include "device.h"
#include "feature.h"
#include "log.h"
#include "pf.h"
#include "state.h"
#include "tracker.h"

static const struct vfio_migration_ops migration_ops = {
	.migration_set_state = mlx5vf_set_state,
	.migration_get_state = mlx5vf_get_state,
	.migration_get_data_size = mlx5vf_get_data_size,
};

static int log_start(struct vfio_device *vdev, struct rb_root_cached *ranges, u32 nranges,
		     u64 *page_size)
{
	return mlx5vf_tracker_start(mlx5vf_of(vdev), ranges, nranges, page_size);
}

static int log_stop(struct vfio_device *vdev)
{
	return mlx5vf_tracker_stop(mlx5vf_of(vdev));
}

static int log_read_and_clear(struct vfio_device *vdev, unsigned long iova,
			      unsigned long length, struct iova_bitmap *bitmap)
{
	return mlx5vf_tracker_harvest(mlx5vf_of(vdev), iova, length, bitmap);
}

static const struct vfio_log_ops log_ops = {
	.log_start = log_start,
	.log_stop = log_stop,
	.log_read_and_clear = log_read_and_clear,
};

static void device_find_pf(struct mlx5vf_device *mv)
{
	struct vfio_device *vdev = &mv->core.vdev;

	if (!mlx5vf_pf_bind(mv))
		return;
	vdev->mig_ops = &migration_ops;
	if (mlx5vf_log_capable(mv->mdev))
		vdev->log_ops = &log_ops;
	else
		dev_info(mlx5vf_dev(mv), "the firmware cannot track the pages that the VF writes\n");
}

static int device_init(struct vfio_device *vdev)
{
	struct mlx5vf_device *mv = mlx5vf_of(vdev);
	int ret;

	ret = vfio_pci_core_init_dev(vdev);
	if (ret)
		return ret;
	mlx5vf_device_init(mv);
	mlx5vf_tracker_init(mv);
	device_find_pf(mv);
	return 0;
}

static int device_open(struct vfio_device *vdev)
{
	struct mlx5vf_device *mv = mlx5vf_of(vdev);
	int ret;

	if (mv->find_again)
		device_find_pf(mv);
	ret = vfio_pci_core_enable(&mv->core);
	if (ret)
		return ret;
	mlx5vf_opened(mv);
	vfio_pci_core_finish_enable(&mv->core);
	return 0;
}

static void device_close(struct vfio_device *vdev)
{
	struct mlx5vf_device *mv = mlx5vf_of(vdev);

	mlx5vf_tracker_stop(mv);
	mlx5vf_closing(mv);
	vfio_pci_core_close_device(vdev);
	mlx5vf_feature_close(mv);
}

/* More of it: feature.c */
static struct vfio_device_ops device_ops __ro_after_init = {
	.name = "mlx5-vfio-pci",
	.init = device_init,
	.release = vfio_pci_core_release_dev,
	.open_device = device_open,
	.close_device = device_close,
	.ioctl = vfio_pci_core_ioctl,
	.device_feature = vfio_pci_core_ioctl_feature,
	.read = vfio_pci_core_read,
	.write = vfio_pci_core_write,
	.mmap = vfio_pci_core_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
};

static int driver_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct mlx5vf_device *mv;
	int ret;

	mv = vfio_alloc_device(mlx5vf_device, core.vdev, &pdev->dev, &device_ops);
	if (IS_ERR(mv))
		return PTR_ERR(mv);
	/* vfio_pci_core wants its own part there. */
	dev_set_drvdata(&pdev->dev, &mv->core);
	ret = vfio_pci_core_register_device(&mv->core);
	if (ret) {
		mlx5vf_pf_unbind(mv);
		vfio_put_device(&mv->core.vdev);
	}
	return ret;
}

static struct mlx5vf_device *driver_device(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);

	return container_of(core, struct mlx5vf_device, core);
}

/*
 * vfio_pci_core resets the device when it is closed, if it gets the device's lock. Who
 * unbinds the driver holds that, so a device that is closed because of it was not reset, and
 * may be suspended: then the next driver would wait for it in vain.
 */
static void device_reset_left(struct mlx5vf_device *mv)
{
	int ret;

	if (!mv->migratable || !mv->core.needs_reset)
		return;
	ret = pci_reset_function_locked(mv->core.pdev);
	if (ret)
		dev_warn(mlx5vf_dev(mv), "the device could not be reset, and may be suspended (error %d)\n",
			 ret);
}

static void driver_remove(struct pci_dev *pdev)
{
	struct mlx5vf_device *mv = driver_device(pdev);

	/* Returns when the last user has closed it. */
	vfio_pci_core_unregister_device(&mv->core);
	device_reset_left(mv);
	mlx5vf_pf_unbind(mv);
	vfio_put_device(&mv->core.vdev);
}

static void driver_reset_prepare(struct pci_dev *pdev)
{
	mlx5vf_reset_begins(driver_device(pdev));
}

static void driver_reset_done(struct pci_dev *pdev)
{
	mlx5vf_reset_done(driver_device(pdev));
}

static const struct pci_device_id driver_ids[] = {
	/* Virtual functions of ConnectX-6 Dx, 6 Lx, 7 and of BlueField-2, -3. */
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_VENDOR_ID_MELLANOX, 0x101e) },
	{}
};
MODULE_DEVICE_TABLE(pci, driver_ids);

static const struct pci_error_handlers driver_errors = {
	.error_detected = vfio_pci_core_aer_err_detected,
	.reset_prepare = driver_reset_prepare,
	.reset_done = driver_reset_done,
};

static struct pci_driver mlx5vf_driver = {
	.name = KBUILD_MODNAME,
	.id_table = driver_ids,
	.probe = driver_probe,
	.remove = driver_remove,
	.err_handler = &driver_errors,
	/* iommufd and vfio see to who may do DMA. */
	.driver_managed_dma = true,
};

static int __init driver_init_module(void)
{
	mlx5vf_feature_ops(&device_ops);
	return pci_register_driver(&mlx5vf_driver);
}
module_init(driver_init_module);

static void __exit driver_exit_module(void)
{
	pci_unregister_driver(&mlx5vf_driver);
}
module_exit(driver_exit_module);

/* As MODULE_IMPORT_NS(), of which only newer kernels take a string */
MODULE_INFO(import_ns, "IOMMUFD");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("VFIO driver for ConnectX virtual functions, with migration");
