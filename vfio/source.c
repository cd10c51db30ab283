// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes a source for iommufd's dirty tracker of any driver that has struct
 * vfio_log_ops, without a change to the driver. It is registered when the device
 * is first attached or logged, which is after open_device(), and taken back
 * before close_device(), which is where drivers let go of their log.
 *
 * It also tells whether a device does DMA, if its driver has migration states.
 *
 * A device has one log. VFIO_DEVICE_FEATURE_DMA_LOGGING_* come through here too,
 * so that they and a tracker do not steal from one another.
 */
#include <linux/interval_tree.h>
#include <linux/iommufd_dirty.h>
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

/*
 * By the uAPI a device in RUNNING_P2P does no DMA to its peers. All drivers of this
 * kernel stop all DMA of the device there, since it cannot tell where an
 * address leads.
 */
static bool source_quiet(void *data)
{
	struct vfio_device *vdev = data;
	enum vfio_device_mig_state state;

	if (!vdev->mig_ops ||
	    vdev->mig_ops->migration_get_state(vdev, &state))
		return false;
	switch (state) {
	case VFIO_DEVICE_STATE_STOP:
	case VFIO_DEVICE_STATE_STOP_COPY:
	case VFIO_DEVICE_STATE_RESUMING:
	case VFIO_DEVICE_STATE_RUNNING_P2P:
	case VFIO_DEVICE_STATE_PRE_COPY_P2P:
		return true;
	default:
		return false;
	}
}

static const struct iommufd_dirty_source_ops source_ops = {
	.start = source_start,
	.stop = source_stop,
	.harvest = source_harvest,
	.quiet = source_quiet,
};

static const struct iommufd_dirty_source_ops source_ops_no_log = {
	.quiet = source_quiet,
};

/* The device whose log has an owner; NULL when there is none. */
static struct iommufd_device *source_device(struct vfio_device *vdev)
{
	struct iommufd_device *idev = vdev->iommufd_device;

	return idev && iommufd_dirty_source_registered(idev) ? idev : NULL;
}

/**
 * vfio_dirty_attach - A device is about to be attached, or its log started
 * @vdev: The device, open
 *
 * Return: -ENOMEM.
 */
int vfio_dirty_attach(struct vfio_device *vdev)
{
	const struct iommufd_dirty_source_desc desc = {
		.ops = vdev->log_ops ? &source_ops : &source_ops_no_log,
		.data = vdev,
		.granule = PAGE_SIZE,
	};
	int ret;

	if ((!vdev->log_ops && !vdev->mig_ops) || !vdev->iommufd_device ||
	    iommufd_dirty_source_registered(vdev->iommufd_device))
		return 0;
	ret = iommufd_dirty_source_register(vdev->iommufd_device, &desc);
	/* Somebody else was faster */
	return ret == -EEXIST ? 0 : ret;
}

/**
 * vfio_dirty_close - A device is about to be closed for the last time
 * @vdev: The device; dev_set->lock is held
 *
 * It is detached while its driver can still be asked what it has written.
 */
void vfio_dirty_close(struct vfio_device *vdev)
{
	struct iommufd_device *idev = source_device(vdev);

	lockdep_assert_held(&vdev->dev_set->lock);
	if (!idev)
		return;
	vdev->ops->detach_ioas(vdev);
	iommufd_dirty_source_unregister(idev);
}

/**
 * vfio_dirty_log_start - VFIO_DEVICE_FEATURE_DMA_LOGGING_START
 * @vdev: The device, open
 * @ranges: struct interval_tree_node
 * @nnodes: How many
 * @page_size: In and out, in bytes
 *
 * Return: -EBUSY when there is a tracker for what the device is attached to;
 * else the driver's answer.
 */
int vfio_dirty_log_start(struct vfio_device *vdev, struct rb_root_cached *ranges,
			 u32 nnodes, u64 *page_size)
{
	struct iommufd_device *idev;
	bool claimed = false;
	int ret;

	ret = vfio_dirty_attach(vdev);
	if (ret)
		return ret;
	idev = source_device(vdev);
	/* What a second start is, the driver has to say */
	if (idev && !iommufd_dirty_source_claimed(idev)) {
		ret = iommufd_dirty_source_claim(idev);
		if (ret)
			return ret;
		claimed = true;
	}
	ret = vdev->log_ops->log_start(vdev, ranges, nnodes, page_size);
	if (ret && claimed)
		iommufd_dirty_source_release(idev);
	return ret;
}

/**
 * vfio_dirty_log_stop - VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP
 * @vdev: The device, open
 *
 * Return: -EBUSY when the log is a tracker's; else the driver's answer.
 */
int vfio_dirty_log_stop(struct vfio_device *vdev)
{
	struct iommufd_device *idev = source_device(vdev);
	int ret;

	if (idev && iommufd_dirty_source_taken(idev))
		return -EBUSY;
	ret = vdev->log_ops->log_stop(vdev);
	if (!ret && idev)
		iommufd_dirty_source_release(idev);
	return ret;
}

/**
 * vfio_dirty_log_read - VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT
 * @vdev: The device, open
 * @iova: First byte
 * @length: Bytes
 * @dirty: Where to
 *
 * Return: -EBUSY when the log is a tracker's; else the driver's answer.
 */
int vfio_dirty_log_read(struct vfio_device *vdev, unsigned long iova,
			unsigned long length, struct iova_bitmap *dirty)
{
	struct iommufd_device *idev = source_device(vdev);

	if (idev && iommufd_dirty_source_taken(idev))
		return -EBUSY;
	return vdev->log_ops->log_read_and_clear(vdev, iova, length, dirty);
}
