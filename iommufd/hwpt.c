// SPDX-License-Identifier: GPL-2.0-only
/*
 * Upstream's per-HWPT ioctls, IOMMU_HWPT_SET_DIRTY_TRACKING and
 * IOMMU_HWPT_GET_DIRTY_BITMAP. One HWPT is the smallest tracker that there is: SET
 * makes and starts a tracker of that domain alone, which has no ID, and GET is a READ
 * of it. So drivers without a bitmap are read through their flush ranges, all that was
 * cleared is flushed, nothing is lost when it cannot be delivered, and what was dirty
 * when it was unmapped is kept until it is read or the HWPT is destroyed.
 *
 * Such a tracker uses dirty bits, and no log of a device: upstream's ioctls leave
 * those to VFIO_DEVICE_FEATURE_DMA_LOGGING_*. With the module parameter
 * serve_hwpt_ioctls it uses every source, like any other tracker, and devices behind
 * every IOMMU have the capability.
 *
 * A HWPT whose driver has dirty bits and is not described in drivers/platform/ is left
 * to upstream's code.
 */
#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "deliver.h"
#include "tracker.h"

static bool serve_hwpt_ioctls;
module_param(serve_hwpt_ioctls, bool, 0644);
MODULE_PARM_DESC(serve_hwpt_ioctls,
		 "Answer IOMMU_HWPT_SET_DIRTY_TRACKING and IOMMU_HWPT_GET_DIRTY_BITMAP for every device, from its own log or with all that is mapped if its IOMMU has no dirty bits (default: N)");

/**
 * struct dirty_hwpt - The tracker of a HWPT
 * @ref: One for the HWPT as long as it tracks, one for each GET under way
 * @tracker: The tracker
 * @retried: A source that failed was started again since SET. user_lock of the domain
 */
struct dirty_hwpt {
	struct kref ref;
	struct iommufd_dirty_tracker tracker;
	bool retried;
};

/**
 * iommufd_dirty_serves() - Are the ioctls of HWPTs answered for every device?
 *
 * Return: true if serve_hwpt_ioctls is on; it may change at any time.
 */
bool iommufd_dirty_serves(void)
{
	return READ_ONCE(serve_hwpt_ioctls);
}

/**
 * dirty_hwpt_serve() - Shall they be, from now on?
 * @serve: They shall
 */
void dirty_hwpt_serve(bool serve)
{
	WRITE_ONCE(serve_hwpt_ioctls, serve);
}

/**
 * iommufd_dirty_alloc_flags() - Flags for the IOMMU driver when a HWPT is allocated
 * @idev: The device
 * @flags: enum iommufd_hwpt_alloc_flags, as the user has them
 *
 * Return: Without IOMMU_HWPT_ALLOC_DIRTY_TRACKING where that is served and the driver
 * would refuse it.
 */
u32 iommufd_dirty_alloc_flags(struct iommufd_device *idev, u32 flags)
{
	if (iommufd_dirty_serves() &&
	    !device_iommu_capable(idev->dev, IOMMU_CAP_DIRTY_TRACKING))
		flags &= ~IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	return flags;
}

/* Is it answered here, or by upstream's code? */
static bool hwpt_is_ours(const struct iommufd_dirty_domain *dd)
{
	return READ_ONCE(dd->tracker) || dd->platform ||
	       (iommufd_dirty_serves() && !dd->domain->dirty_ops);
}

/* ---- Who owns the dirty bits of the IOAS ---- */

static int hwpt_hold(struct io_pagetable *iopt)
{
	return atomic_inc_unless_negative(&iopt->dirty.users) ? 0 : -EBUSY;
}

static void hwpt_release(struct io_pagetable *iopt)
{
	atomic_dec(&iopt->dirty.users);
}

/* A HWPT that tracks has a hold. user_lock is held, or no other has the HWPT. */
static void hwpt_set_user(struct io_pagetable *iopt,
			  struct iommufd_dirty_domain *dd, bool on)
{
	if (on && !dd->user)
		atomic_inc(&iopt->dirty.users);
	else if (!on && dd->user)
		atomic_dec(&iopt->dirty.users);
	dd->user = on;
}

/* ---- The tracker of a HWPT ---- */

static void hwpt_free(struct kref *ref)
{
	struct dirty_hwpt *own = container_of(ref, struct dirty_hwpt, ref);

	dirty_tracker_teardown(&own->tracker);
	kfree(own);
}

static void hwpt_put(struct dirty_hwpt *own)
{
	kref_put(&own->ref, hwpt_free);
}

static struct dirty_hwpt *hwpt_own(const struct iommufd_dirty_domain *dd)
{
	return dd->tracker ? container_of(dd->tracker, struct dirty_hwpt, tracker) :
			     NULL;
}

/* With a reference; or NULL when it does not track. */
static struct dirty_hwpt *hwpt_get(struct io_pagetable *iopt,
				   const struct iommufd_dirty_domain *dd)
{
	struct dirty_hwpt *own;

	down_read(&iopt->domains_rwsem);
	own = hwpt_own(dd);
	if (own)
		kref_get(&own->ref);
	up_read(&iopt->domains_rwsem);
	return own;
}

/* -EINTR when killed; then it is as it was. */
static int hwpt_stop(struct iommufd_dirty_domain *dd)
{
	struct dirty_hwpt *own = hwpt_own(dd);
	int rc;

	if (!own)
		return 0;
	rc = dirty_tracker_retire(&own->tracker);
	if (!rc)
		hwpt_put(own);
	return rc;
}

static int hwpt_make(struct iommufd_ctx *ictx,
		     struct iommufd_hwpt_paging *hwpt_paging)
{
	struct dirty_hwpt *own;
	int rc;

	own = kzalloc_obj(*own, GFP_KERNEL_ACCOUNT);
	if (!own)
		return -ENOMEM;
	kref_init(&own->ref);
	own->tracker.only = &hwpt_paging->dirty;
	own->tracker.bits_only = !iommufd_dirty_serves();
	rc = dirty_tracker_setup(&own->tracker, ictx, hwpt_paging->ioas,
				 IOMMU_DIRTY_POLICY_IOMMU, 0, PAGE_SIZE, NULL);
	if (rc)
		hwpt_put(own);
	return rc;
}

/* What was dirty before is forgotten, also when it tracks already. */
static int hwpt_start(struct iommufd_ctx *ictx,
		      struct iommufd_hwpt_paging *hwpt_paging)
{
	struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;
	int rc = 0;

	if (!dd->tracker)
		rc = hwpt_make(ictx, hwpt_paging);
	if (rc)
		return rc;
	hwpt_own(dd)->retried = false;
	rc = dirty_tracker_restart(dd->tracker);
	if (rc)
		hwpt_stop(dd);
	return rc;
}

/**
 * iommufd_dirty_user_set() - IOMMU_HWPT_SET_DIRTY_TRACKING
 * @ictx: The context of the HWPT
 * @iopt: The table of the HWPT's IOAS
 * @hwpt_paging: The HWPT, with a reference of the caller's
 * @enable: On
 *
 * Return: -EBUSY when the dirty bits belong to a tracker of the IOAS, -ENOMEM, -EINTR
 * when killed, -EOPNOTSUPP; a HWPT that could not be started does not track.
 */
int iommufd_dirty_user_set(struct iommufd_ctx *ictx, struct io_pagetable *iopt,
			   struct iommufd_hwpt_paging *hwpt_paging, bool enable)
{
	struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;
	int rc;

	rc = mutex_lock_killable(&dd->user_lock);
	if (rc)
		return rc;
	rc = hwpt_hold(iopt);
	if (rc)
		goto out_unlock;
	if (hwpt_is_ours(dd)) {
		rc = enable ? hwpt_start(ictx, hwpt_paging) : hwpt_stop(dd);
		hwpt_set_user(iopt, dd, dd->tracker);
	} else {
		rc = iopt_set_dirty_tracking(iopt, dd->domain, enable);
		if (!rc)
			hwpt_set_user(iopt, dd, enable);
	}
	hwpt_release(iopt);
out_unlock:
	mutex_unlock(&dd->user_lock);
	return rc;
}

/**
 * dirty_hwpt_remove() - A HWPT is destroyed, with what was not read of it
 * @hwpt_paging: The HWPT, without devices, still listed; no other user has it
 */
void dirty_hwpt_remove(struct iommufd_hwpt_paging *hwpt_paging)
{
	struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;

	if (dd->tracker)
		hwpt_put(hwpt_own(dd));
	hwpt_set_user(&hwpt_paging->ioas->iopt, dd, false);
}

static int hwpt_read(struct io_pagetable *iopt, struct dirty_hwpt *own,
		     struct iommu_hwpt_get_dirty_bitmap *cmd)
{
	struct dirty_read rd = {};
	int rc;

	rc = iommufd_check_iova_range(iopt, cmd);
	if (rc)
		return rc;
	if (!is_power_of_2(cmd->page_size) ||
	    (cmd->iova | cmd->length) & (PAGE_SIZE - 1))
		return -EINVAL;
	/* To a READ, no bitmap means that it only counts */
	if (!cmd->data)
		return -EFAULT;
	if (cmd->flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR)
		rd.flags = IOMMU_DIRTY_TRACKER_READ_NO_CLEAR;
	rd.iova = cmd->iova;
	rd.last = cmd->iova + (cmd->length - 1);
	rd.shift = ilog2(cmd->page_size);
	rd.bitmap = u64_to_user_ptr(cmd->data);
	rc = dirty_read_range(&own->tracker, &rd);
	return rc == -ENODATA ? -EINVAL : rc;
}

/*
 * A user of these ioctls cannot restart a failed source, as SET of a tracker does: each
 * GET would report everything that is mapped. So the source is restarted here, once for
 * each SET, and everything that it may have missed is reported once.
 */
static void hwpt_retry(struct iommufd_dirty_domain *dd, struct dirty_hwpt *own)
{
	if (!(dirty_tracker_out_flags(&own->tracker) & IOMMU_DIRTY_TRACKER_DEGRADED))
		return;
	/* A SET is under way: it starts or stops all sources anyway */
	if (!mutex_trylock(&dd->user_lock))
		return;
	if (dd->tracker == &own->tracker && !own->retried)
		own->retried = !dirty_tracker_set(&own->tracker,
						  IOMMU_DIRTY_TRACKER_ENABLE, NULL);
	mutex_unlock(&dd->user_lock);
}

/**
 * iommufd_dirty_user_read() - IOMMU_HWPT_GET_DIRTY_BITMAP
 * @iopt: The table of the HWPT's IOAS
 * @hwpt_paging: The HWPT, with a reference of the caller's
 * @cmd: What is asked for
 *
 * Return: -EBUSY when the dirty bits belong to a tracker of the IOAS, -EINVAL when
 * tracking is off, -EFAULT, -EINTR when killed, and so on, as upstream's.
 */
int iommufd_dirty_user_read(struct io_pagetable *iopt,
			    struct iommufd_hwpt_paging *hwpt_paging,
			    struct iommu_hwpt_get_dirty_bitmap *cmd)
{
	struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;
	struct dirty_hwpt *own;
	int rc;

	rc = hwpt_hold(iopt);
	if (rc)
		return rc;
	own = hwpt_get(iopt, dd);
	if (own) {
		rc = hwpt_read(iopt, own, cmd);
		if (!rc)
			hwpt_retry(dd, own);
		hwpt_put(own);
	} else if (hwpt_is_ours(dd)) {
		rc = -EINVAL;
	} else {
		rc = iopt_read_and_clear_dirty_data(iopt, dd->domain, cmd->flags,
						    cmd);
	}
	hwpt_release(iopt);
	return rc;
}
