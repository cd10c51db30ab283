// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers the log of any driver that has struct vfio_log_ops with iommufd's dirty
 * tracker, without a change to the driver: when the device is first attached or its user
 * first calls for its log, which is after open_device(), until before close_device(), which
 * is where drivers end their log.
 *
 * A device has one log. VFIO_DEVICE_FEATURE_DMA_LOGGING_* come through here too,
 * so that they and a tracker do not steal from one another.
 */
#include <linux/bits.h>
#include <linux/interval_tree.h>
#include <linux/iommufd_dirty.h>
#include <linux/minmax.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/vfio.h>

#include "../vfio.h"
#include "hooks.h"

/* As vfio does around every ioctl: the user may have put the device to sleep. */
static int source_wake(struct vfio_device *vdev)
{
	struct device *dev = vdev->dev;

	if (dev->driver && dev->driver->pm)
		return pm_runtime_resume_and_get(dev);
	return 0;
}

static void source_sleep(struct vfio_device *vdev)
{
	struct device *dev = vdev->dev;

	if (dev->driver && dev->driver->pm)
		pm_runtime_put(dev);
}

static int source_start(void *data, unsigned long first, unsigned long last,
			unsigned long *granule)
{
	struct interval_tree_node range = { .start = first, .last = last };
	struct rb_root_cached ranges = RB_ROOT_CACHED;
	struct vfio_device *vdev = data;
	u64 page_size = *granule;
	int ret;

	ret = source_wake(vdev);
	if (ret)
		return ret;
	interval_tree_insert(&range, &ranges);
	ret = vdev->log_ops->log_start(vdev, &ranges, 1, &page_size);
	source_sleep(vdev);
	*granule = page_size;
	return ret;
}

static void source_stop(void *data)
{
	struct vfio_device *vdev = data;
	bool awake = !source_wake(vdev);
	int ret;

	ret = vdev->log_ops->log_stop(vdev);
	if (ret)
		dev_warn_ratelimited(vdev->dev,
				     "the driver cannot stop its dirty page log (error %d)\n",
				     ret);
	if (awake)
		source_sleep(vdev);
}

static int source_harvest(void *data, unsigned long iova, size_t length,
			  struct iova_bitmap *bitmap)
{
	struct vfio_device *vdev = data;
	int ret;

	ret = source_wake(vdev);
	if (ret)
		return ret;
	ret = vdev->log_ops->log_read_and_clear(vdev, iova, length, bitmap);
	source_sleep(vdev);
	return ret;
}

static const struct iommufd_dirty_source_ops source_ops = {
	.start = source_start,
	.stop = source_stop,
	.harvest = source_harvest,
};

/* The device whose log has an owner; NULL when there is none. */
static struct iommufd_device *source_device(struct vfio_device *vdev)
{
	struct iommufd_device *idev = vdev->iommufd_device;

	return idev && iommufd_dirty_source_registered(idev) ? idev : NULL;
}

/**
 * vfio_dirty_attach() - A device is about to be attached, or its user to call for its log
 * @vdev: The device, open
 *
 * Return: -ENOMEM.
 */
int vfio_dirty_attach(struct vfio_device *vdev)
{
	const struct iommufd_dirty_source_desc desc = {
		.ops = &source_ops,
		.data = vdev,
		.granule = PAGE_SIZE,
		/* pds-vfio-pci forgets words of its bitmap, and begins with a byte of it */
		.batch = BITS_PER_TYPE(u64),
	};
	int ret;

	if (!vdev->log_ops || !vdev->iommufd_device ||
	    iommufd_dirty_source_registered(vdev->iommufd_device))
		return 0;
	ret = iommufd_dirty_source_register(vdev->iommufd_device, &desc);
	/* A concurrent call has registered it */
	return ret == -EEXIST ? 0 : ret;
}

/**
 * vfio_dirty_close() - A device is about to be closed for the last time
 * @vdev: The device; dev_set->lock is held
 *
 * Its log is harvested and stopped while the driver is still there, and after the
 * device has ended its DMA: from then on no source counts it. Bus mastering is cleared,
 * with which close_device() of vfio-pci begins anyway; what is no PCI function is
 * detached instead. Devices without a log are left to where they are detached.
 */
void vfio_dirty_close(struct vfio_device *vdev)
{
	struct iommufd_device *idev = source_device(vdev);

	lockdep_assert_held(&vdev->dev_set->lock);
	if (!idev)
		return;
	if (dev_is_pci(vdev->dev)) {
		bool awake = !source_wake(vdev);

		pci_clear_master(to_pci_dev(vdev->dev));
		if (awake)
			source_sleep(vdev);
	} else {
		vdev->ops->detach_ioas(vdev);
	}
	iommufd_dirty_source_unregister(idev);
}

/*
 * The user is about to call the driver. Registered first, or a first attach in between
 * could give the log to a tracker while the driver is being called. @idev is NULL where no
 * tracker can have the log.
 */
static int source_user_begin(struct vfio_device *vdev, bool start,
			     struct iommufd_device **idev)
{
	int ret;

	ret = vfio_dirty_attach(vdev);
	if (ret)
		return ret;
	*idev = source_device(vdev);
	if (*idev)
		ret = iommufd_dirty_source_user_begin(*idev, start);
	/* Whether it had the log is not asked for */
	return min(ret, 0);
}

/**
 * vfio_dirty_log_start() - VFIO_DEVICE_FEATURE_DMA_LOGGING_START
 * @vdev: The device, open
 * @ranges: struct interval_tree_node
 * @nnodes: How many
 * @page_size: In and out, in bytes
 *
 * Return: -EBUSY when there is a tracker for what the device is attached to, -EINTR
 * when killed, -ENOMEM; else the driver's answer.
 */
int vfio_dirty_log_start(struct vfio_device *vdev, struct rb_root_cached *ranges,
			 u32 nnodes, u64 *page_size)
{
	struct iommufd_device *idev;
	int ret;

	ret = source_user_begin(vdev, true, &idev);
	if (ret)
		return ret;
	/* What a second start is, the driver has to say */
	ret = vdev->log_ops->log_start(vdev, ranges, nnodes, page_size);
	if (idev)
		iommufd_dirty_source_user_end(idev, ret ? 0 : 1);
	return ret;
}

/**
 * vfio_dirty_log_stop() - VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP
 * @vdev: The device, open
 *
 * Return: -EBUSY when the log is a tracker's, -EINTR when killed, -ENOMEM; else the
 * driver's answer.
 */
int vfio_dirty_log_stop(struct vfio_device *vdev)
{
	struct iommufd_device *idev;
	int ret;

	ret = source_user_begin(vdev, false, &idev);
	if (ret)
		return ret;
	ret = vdev->log_ops->log_stop(vdev);
	if (idev)
		iommufd_dirty_source_user_end(idev, ret ? 0 : -1);
	return ret;
}

/**
 * vfio_dirty_log_read() - VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT
 * @vdev: The device, open
 * @iova: First byte
 * @length: Bytes
 * @dirty: Where to
 *
 * Return: -EBUSY when the log is a tracker's, -EINTR when killed, -ENOMEM; else the
 * driver's answer.
 */
int vfio_dirty_log_read(struct vfio_device *vdev, unsigned long iova,
			unsigned long length, struct iova_bitmap *dirty)
{
	struct iommufd_device *idev;
	int ret;

	ret = source_user_begin(vdev, false, &idev);
	if (ret)
		return ret;
	ret = vdev->log_ops->log_read_and_clear(vdev, iova, length, dirty);
	if (idev)
		iommufd_dirty_source_user_end(idev, 0);
	return ret;
}

/**
 * vfio_dirty_migration() - The migration state of a device was set, or it was reset
 * @vdev: The device, open
 * @state: What to, enum vfio_device_mig_state; RUNNING after a reset
 * @failed: It has not got there, so the driver is asked where it is
 */
void vfio_dirty_migration(struct vfio_device *vdev, u32 state, bool failed)
{
	enum vfio_device_mig_state now = state;

	if (!vdev->iommufd_device || !vdev->mig_ops ||
	    (failed && vdev->mig_ops->migration_get_state(vdev, &now)))
		return;
	iommufd_dirty_migration(vdev->iommufd_device, now);
}
