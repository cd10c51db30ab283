// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions that a driver of a device with a log of its own calls
 * (include/linux/iommufd_dirty.h): it registers and unregisters the log, and says when a user
 * of the device starts, reports or stops the log.
 */
#include <linux/iommu.h>
#include <linux/log2.h>

#include "domain.h"
#include "log.h"
#include "reconcile.h"
#include "tracker.h"

/**
 * iommufd_dirty_source_register() - A device has a log of its own
 * @idev: The device, bound and not attached yet
 * @desc: What its driver can do; copied
 *
 * The log is used while the device is attached. It is undone with
 * iommufd_dirty_source_unregister().
 *
 * Return: -EEXIST when the device has a log, -EBUSY when it is attached,
 * -EINVAL for a granule or batch that is no power of two, -ENOMEM.
 */
int iommufd_dirty_source_register(struct iommufd_device *idev,
				  const struct iommufd_dirty_source_desc *desc)
{
	struct dirty_log *log;
	int rc = 0;

	if (!is_power_of_2(desc->granule) || (desc->batch && !is_power_of_2(desc->batch)))
		return -EINVAL;
	log = dirty_log_alloc(idev, desc);
	if (!log)
		return -ENOMEM;
	mutex_lock(&idev->igroup->lock);
	if (idev->dirty.log)
		rc = -EEXIST;
	else if (idev->dirty.rid.now.dd)
		rc = -EBUSY;
	else
		/* With the log, for calls of its user that hold no lock */
		smp_store_release(&idev->dirty.log, log);
	mutex_unlock(&idev->igroup->lock);
	if (rc)
		dirty_log_retire(log);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_register, "IOMMUFD");

/* The device does no DMA any more, and has no log. */
static void attachment_silence(struct iommufd_dirty_attachment *at)
{
	struct io_pagetable *iopt = dirty_domain_iopt(at->dd);
	struct iommufd_dirty_tracker *tracker;

	mutex_lock(&iopt->dirty.plan_lock);
	down_write(&iopt->domains_rwsem);
	dirty_domain_count(at, -1);
	at->silent = true;
	WRITE_ONCE(at->idev->dirty.log, NULL);
	up_write(&iopt->domains_rwsem);
	tracker = dirty_domain_running(iopt, at->dd);
	if (tracker)
		dirty_reconcile(tracker, true);
	mutex_unlock(&iopt->dirty.plan_lock);
}

/**
 * iommufd_dirty_source_unregister() - Undo iommufd_dirty_source_register()
 * @idev: The device; it is detached, or cannot do DMA any more. One without a log
 *	is left alone
 *
 * What is in the log is harvested, if that does not take long, or else all that
 * is mapped is marked dirty. None of the log's functions runs when this returns.
 */
void iommufd_dirty_source_unregister(struct iommufd_device *idev)
{
	struct dirty_log *log;

	mutex_lock(&idev->igroup->lock);
	log = idev->dirty.log;
	if (log) {
		dirty_log_close(log);
		if (idev->dirty.rid.now.dd)
			attachment_silence(&idev->dirty.rid.now);
		WRITE_ONCE(idev->dirty.log, NULL);
	}
	mutex_unlock(&idev->igroup->lock);
	if (log)
		dirty_log_retire(log);
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_unregister, "IOMMUFD");

/**
 * iommufd_dirty_source_registered() - Has the device a log?
 * @idev: The device
 *
 * Return: true between register and unregister.
 */
bool iommufd_dirty_source_registered(struct iommufd_device *idev)
{
	return READ_ONCE(idev->dirty.log);
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_registered, "IOMMUFD");

/* Is there a tracker of the IOAS that the device is attached to? */
static bool device_has_tracker(struct iommufd_device *idev)
{
	struct io_pagetable *iopt;
	bool has = false;

	mutex_lock(&idev->igroup->lock);
	if (idev->dirty.rid.now.dd) {
		iopt = dirty_domain_iopt(idev->dirty.rid.now.dd);
		down_read(&iopt->domains_rwsem);
		has = iopt->dirty.tracker;
		up_read(&iopt->domains_rwsem);
	}
	mutex_unlock(&idev->igroup->lock);
	return has;
}

/**
 * iommufd_dirty_source_user_begin() - The user is about to call the driver's log
 *	functions
 * @idev: The device; it has a log
 * @start: To start the log
 *
 * No tracker gets the log while a call of the user runs, and waits for none.
 *
 * Return: -EBUSY when a tracker has the log, or there is one for what the device
 * is attached to; -EINTR when killed. Else 1 if the user has the log already, or
 * 0; to be ended with iommufd_dirty_source_user_end().
 */
int iommufd_dirty_source_user_begin(struct iommufd_device *idev, bool start)
{
	struct dirty_log *log = READ_ONCE(idev->dirty.log);
	bool had;
	int rc;

	rc = dirty_log_user_begin(log, start, &had);
	if (rc)
		return rc;
	if (start && !had && device_has_tracker(idev)) {
		dirty_log_user_end(log, 0);
		return -EBUSY;
	}
	return had;
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_user_begin, "IOMMUFD");

/**
 * iommufd_dirty_source_user_end() - The user has called the driver
 * @idev: The device
 * @change: 1 the user has the log from now on, -1 not any more, 0 as before
 */
void iommufd_dirty_source_user_end(struct iommufd_device *idev, int change)
{
	dirty_log_user_end(READ_ONCE(idev->dirty.log), change);
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_source_user_end, "IOMMUFD");
