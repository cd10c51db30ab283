/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VFIO driver for virtual DMA devices. See main.c.
 */
#ifndef _VIRT_VFIO_DEVICE_H
#define _VIRT_VFIO_DEVICE_H

#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/vfio_pci_core.h>

#define VIRT_VFIO_HOST_BAR	4

/**
 * struct virt_vfio_device - A device
 * @core: The VFIO device
 * @state_lock: @state, @data_file and the registers for migration. Before memory_lock
 * @reset_lock: @was_reset, and that no holder of @state_lock misses it
 * @was_reset: A reset has not been acted upon
 * @state: Of migration
 * @data_file: The data FD of STOP_COPY or RESUMING
 * @log_lock: The registers of its page tracker, and the rest
 * @logging: It was started
 * @log_broken: A report was lost, and pages with it; until it is stopped
 * @log_first: First byte that is logged
 * @scope_first: First byte that a device without a log writes
 * @scope_last: Last byte of that, inclusive; 0 when it is not known
 */
struct virt_vfio_device {
	struct vfio_pci_core_device core;
	struct mutex state_lock;
	spinlock_t reset_lock;
	bool was_reset;
	enum vfio_device_mig_state state;
	struct file *data_file;
	struct mutex log_lock;
	bool logging;
	bool log_broken;
	u64 log_first;
	unsigned long scope_first;
	unsigned long scope_last;
};

static inline struct virt_vfio_device *to_virt_vfio(struct vfio_device *vdev)
{
	return container_of(vdev, struct virt_vfio_device, core.vdev);
}

/* main.c */
bool virt_vfio_region(struct vfio_region_info *info);

/* region.c */
void virt_vfio_region_ops(struct vfio_device_ops *ops);

/* log.c */
extern const struct vfio_log_ops virt_vfio_log_ops;
int virt_vfio_log_check(struct virt_vfio_device *vv);
void virt_vfio_log_close(struct virt_vfio_device *vv);

/* migrate.c */
void virt_vfio_migrate_init(struct virt_vfio_device *vv);
int virt_vfio_migrate_open(struct virt_vfio_device *vv);
void virt_vfio_migrate_close(struct virt_vfio_device *vv);
void virt_vfio_migrate_reset(struct virt_vfio_device *vv);

/* scope.c */
#ifdef CONFIG_IOMMUFD_DIRTY
int virt_vfio_scope_open(struct virt_vfio_device *vv);
#else
static inline int virt_vfio_scope_open(struct virt_vfio_device *vv)
{
	return 0;
}
#endif

#endif
