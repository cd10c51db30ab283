// SPDX-License-Identifier: GPL-2.0-only
/*
 * A domain as a source: the hooks that see HWPTs come and go, and switching a
 * domain's dirty tracking on and off. Reading it is harvest.c's, when it is used
 * replan.c's.
 *
 * A domain is made ready before its first page is mapped, so that no write by a
 * device that is attached already goes unseen, and gives its last dirt after
 * its last device has left and before its pages do.
 */
#include <linux/iommu.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "platform/platform.h"
#include "tracker.h"

static struct iommufd_hwpt_paging *
to_hwpt(struct iommufd_dirty_domain *dd)
{
	return container_of(dd, struct iommufd_hwpt_paging, dirty);
}

/**
 * iommufd_dirty_domain_granule - Finest unit that a domain can report, in bytes
 * @dd: The domain
 *
 * Return: 0 when it cannot track.
 */
unsigned long
iommufd_dirty_domain_granule(const struct iommufd_dirty_domain *dd)
{
	return dd->platform ? 1UL << __ffs(dd->domain->pgsize_bitmap) : 0;
}

/**
 * iommufd_dirty_domain_find - Find the source of a domain
 * @iopt: Of the IOAS; domains_rwsem held
 * @domain: An entry of iopt->domains
 *
 * Return: NULL when no device is in the domain: it is on its way out and its dirt
 * has been harvested, or it is about to be exchanged for another.
 */
struct iommufd_dirty_domain *
iommufd_dirty_domain_find(struct io_pagetable *iopt, struct iommu_domain *domain)
{
	struct iommufd_dirty_domain *dd;

	lockdep_assert_held(&iopt->domains_rwsem);
	list_for_each_entry(dd, &iopt->dirty.domains, item)
		if (dd->domain == domain || dd->old == domain)
			return dd;
	return NULL;
}

/**
 * iommufd_dirty_domain_iopt - The table of the IOAS that a domain belongs to
 * @dd: The domain
 */
struct io_pagetable *iommufd_dirty_domain_iopt(struct iommufd_dirty_domain *dd)
{
	return &to_hwpt(dd)->ioas->iopt;
}

/**
 * iommufd_dirty_domain_set - Put a kind of source in force
 * @dd: The domain; domains_rwsem is held
 * @kind: enum iommu_dirty_source_kind
 * @state: enum iommu_dirty_source_state
 */
void iommufd_dirty_domain_set(struct iommufd_dirty_domain *dd, u8 kind, u8 state)
{
	WRITE_ONCE(dd->kind, kind);
	WRITE_ONCE(dd->state, state);
}

static void domain_failed(struct iommufd_dirty_domain *dd)
{
	atomic64_inc(&dd->count.failures);
	WRITE_ONCE(dd->failed, true);
	pr_warn_ratelimited("iommufd: HWPT %u: dirty bits cannot be read, all mapped memory counts as dirty until the tracker is started again\n",
			    to_hwpt(dd)->common.obj.id);
}

/**
 * iommufd_dirty_domain_fail - A domain's dirty bits cannot be read any more
 * @dd: The domain; domains_rwsem is held
 *
 * From now on all that is mapped is reported, until the plan is made anew.
 */
void iommufd_dirty_domain_fail(struct iommufd_dirty_domain *dd)
{
	domain_failed(dd);
	iommufd_dirty_domain_set(dd, IOMMU_DIRTY_SOURCE_MAPPED,
				 IOMMU_DIRTY_SOURCE_FAILED);
	set_bit(IOMMUFD_DIRTY_BROKE, &iommufd_dirty_domain_iopt(dd)->dirty.flags);
}

/**
 * iommufd_dirty_domain_enable - Have the IOMMU set dirty bits
 * @dd: The domain, which can; plan_lock is held
 *
 * Return: -errno when it cannot, and then it is taken for failed.
 */
int iommufd_dirty_domain_enable(struct iommufd_dirty_domain *dd)
{
	int rc = dd->domain->dirty_ops->set_dirty_tracking(dd->domain, true);

	if (rc)
		domain_failed(dd);
	else
		dd->tracking = true;
	return rc;
}

/**
 * iommufd_dirty_domain_disable - End that
 * @dd: The domain; plan_lock is held. One that does not track is left alone
 */
void iommufd_dirty_domain_disable(struct iommufd_dirty_domain *dd)
{
	/* What cannot be switched off only costs time */
	if (dd->tracking)
		dd->domain->dirty_ops->set_dirty_tracking(dd->domain, false);
	dd->tracking = false;
}

/**
 * iommufd_dirty_domain_reset - Forget the counters
 * @dd: The domain; plan_lock is held
 */
void iommufd_dirty_domain_reset(struct iommufd_dirty_domain *dd)
{
	dd->largest = 0;
	iommufd_dirty_counters_reset(&dd->count);
}

/**
 * iommufd_dirty_auto_flags - Flags for the HWPT made when a device is attached
 *	to an IOAS
 * @idev: The device
 *
 * Return: IOMMU_HWPT_ALLOC_DIRTY_TRACKING where the IOMMU can, so that a tracker
 * can be started on a running guest.
 */
u32 iommufd_dirty_auto_flags(struct iommufd_device *idev)
{
	if (!dev_iommu_ops(idev->dev)->domain_alloc_user ||
	    !iommufd_dirty_platform(idev->dev))
		return 0;
	return IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
}

static void domain_remove(struct io_pagetable *iopt,
			  struct iommufd_dirty_domain *dd)
{
	down_write(&iopt->domains_rwsem);
	list_del(&dd->item);
	dd->domain = NULL;
	dd->old = NULL;
	up_write(&iopt->domains_rwsem);
}

/**
 * iommufd_dirty_hwpt_add - A HWPT was made; nothing is mapped in it yet
 * @hwpt_paging: The HWPT; ioas->mutex is held
 * @idev: The device that it was made for
 *
 * Return: -ENXIO when a running tracker must be precise and cannot be with this
 * HWPT.
 */
int iommufd_dirty_hwpt_add(struct iommufd_hwpt_paging *hwpt_paging,
			   struct iommufd_device *idev)
{
	struct io_pagetable *iopt = &hwpt_paging->ioas->iopt;
	struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;
	struct iommufd_dirty_tracker *tracker;
	int rc = 0;

	lockdep_assert_held(&hwpt_paging->ioas->mutex);
	dd->domain = hwpt_paging->common.domain;
	if (dd->domain->dirty_ops)
		dd->platform = iommufd_dirty_platform(idev->dev);

	mutex_lock(&iopt->dirty.plan_lock);
	down_write(&iopt->domains_rwsem);
	list_add_tail(&dd->item, &iopt->dirty.domains);
	up_write(&iopt->domains_rwsem);
	tracker = iommufd_dirty_running(iopt);
	if (tracker)
		rc = iommufd_dirty_replan(tracker, false);
	if (rc)
		domain_remove(iopt, dd);
	mutex_unlock(&iopt->dirty.plan_lock);
	return rc;
}

/* One that could not be filled is removed without ever having been mapped. */
static bool domain_is_filled(struct io_pagetable *iopt,
			     const struct iommufd_dirty_domain *dd)
{
	struct iommu_domain *domain;
	unsigned long index;

	xa_for_each(&iopt->domains, index, domain)
		if (domain == dd->domain)
			return true;
	return false;
}

/**
 * iommufd_dirty_hwpt_remove - A HWPT goes; its last device has left
 * @hwpt_paging: The HWPT, still filled if it ever was
 */
void iommufd_dirty_hwpt_remove(struct iommufd_hwpt_paging *hwpt_paging)
{
	struct io_pagetable *iopt = &hwpt_paging->ioas->iopt;
	struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;
	struct iommufd_dirty_tracker *tracker;

	if (!dd->domain)
		return;
	mutex_lock(&iopt->dirty.plan_lock);
	down_read(&iopt->domains_rwsem);
	tracker = iommufd_dirty_running(iopt);
	if (tracker && domain_is_filled(iopt, dd))
		iommufd_dirty_harvest_domain(tracker, dd);
	up_read(&iopt->domains_rwsem);
	iommufd_dirty_domain_disable(dd);
	domain_remove(iopt, dd);
	mutex_unlock(&iopt->dirty.plan_lock);
	iommufd_dirty_twin_drop(dd);
	if (test_and_clear_bit(0, &dd->user))
		atomic_dec(&iopt->dirty.users);
}

/**
 * iommufd_dirty_user_begin - A per-HWPT ioctl wants to touch the dirty bits
 * @hwpt_paging: The HWPT
 *
 * Return: -EBUSY when they belong to a tracker; else to be ended with
 * iommufd_dirty_user_end() or iommufd_dirty_user_set().
 */
int iommufd_dirty_user_begin(struct iommufd_hwpt_paging *hwpt_paging)
{
	atomic_t *users = &hwpt_paging->ioas->iopt.dirty.users;

	return atomic_inc_unless_negative(users) ? 0 : -EBUSY;
}

/**
 * iommufd_dirty_user_end - A per-HWPT ioctl is done with the dirty bits
 * @hwpt_paging: The HWPT
 */
void iommufd_dirty_user_end(struct iommufd_hwpt_paging *hwpt_paging)
{
	atomic_dec(&hwpt_paging->ioas->iopt.dirty.users);
}

/**
 * iommufd_dirty_user_set - IOMMU_HWPT_SET_DIRTY_TRACKING is done
 * @hwpt_paging: The HWPT
 * @enable: What was asked for
 * @rc: How it ended
 *
 * A HWPT whose tracking is on keeps a hold, until it is switched off or
 * destroyed.
 */
void iommufd_dirty_user_set(struct iommufd_hwpt_paging *hwpt_paging,
			    bool enable, int rc)
{
	unsigned long *user = &hwpt_paging->dirty.user;

	if (!rc && enable && !test_and_set_bit(0, user))
		return;
	if (!rc && !enable && test_and_clear_bit(0, user))
		iommufd_dirty_user_end(hwpt_paging);
	iommufd_dirty_user_end(hwpt_paging);
}
