// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPLIT: the large leaves of a domain that is in use become leaves of 4 KiB, and
 * large again when the tracker stops. A domain cannot be changed while devices
 * use it, so it is exchanged for a twin, in both directions in the same way:
 *
 *  1. a twin is made and filled with what the domain has, in the leaves that are
 *     wanted (twin.c). From then on iommufd keeps both in step;
 *  2. the HWPT gets the twin for its domain, and group after group is attached
 *     to it. This is done only if no access is refused in between: either the
 *     IOMMU's driver replaces domains atomically, or no device is in a state in
 *     which it does DMA. Else the twin waits for the next SET;
 *  3. the domain's last dirt is harvested, and the domain goes.
 *
 * The HWPT is held by a reference all the time. It stays what it is for user space.
 */
#include <linux/iommu.h>
#include <linux/sched/signal.h>

#include "../iommu-priv.h"
#include "io_pagetable.h"
#include "iommufd_private.h"
#include "platform/platform.h"
#include "source.h"
#include "split.h"
#include "test.h"
#include "tracker.h"

static struct iommufd_hwpt_paging *to_hwpt(struct iommufd_dirty_domain *dd)
{
	return container_of(dd, struct iommufd_hwpt_paging, dirty);
}

/* ---- Exchange ---- */

/* Will no access of a device be refused while it changes domains? */
static bool split_is_safe(struct iommufd_dirty_domain *dd)
{
	struct io_pagetable *iopt = iommufd_dirty_domain_iopt(dd);
	struct iommufd_dirty_seat *seat;

	lockdep_assert_held(&iopt->dirty.plan_lock);
	if (dirty_test_break(DIRTY_BREAK_RUDE_SPLIT))
		return true;
	list_for_each_entry(seat, &iopt->dirty.seats, item) {
		struct iommufd_dirty_source *src = seat->idev->dirty.source;

		if (seat->dd != dd ||
		    iommufd_dirty_platform_is_atomic(dd->platform, seat->idev->dev))
			continue;
		/* What else is in the group may do DMA */
		if (!seat->alone || !src || !src->desc.ops->quiet ||
		    !src->desc.ops->quiet(src->desc.data))
			return false;
	}
	return true;
}

/* The twin is the domain from now on, for whoever is attached from now on. */
static void split_swap(struct iommufd_dirty_domain *dd)
{
	struct io_pagetable *iopt = iommufd_dirty_domain_iopt(dd);

	lockdep_assert_held(&iopt->dirty.plan_lock);
	down_write(&iopt->domains_rwsem);
	swap(dd->domain, dd->split->twin);
	dd->old = dd->split->twin;
	dd->fine = !dd->fine;
	dd->largest = 0;
	to_hwpt(dd)->common.domain = dd->domain;
	up_write(&iopt->domains_rwsem);
}

static int split_move_group(struct iommufd_group *igroup,
			    struct iommu_domain *to)
{
	struct iommu_attach_handle *handle;
	struct iommu_domain *from;
	int rc;

	lockdep_assert_held(&igroup->lock);
	handle = iommu_attach_handle_get(igroup->group, IOMMU_NO_PASID, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	from = handle->domain;
	/* It came after the swap, or has been moved */
	if (from == to)
		return 0;
	rc = iommu_replace_group_handle(igroup->group, to, handle);
	if (rc)
		handle->domain = from;
	return rc;
}

/*
 * Take a reference to an object if it is a device, and not on its way out. One that is
 * attached is not: that holds a reference. iommufd_get_object() can fail besides,
 * when a test has it fail, and then a device would stay in a domain that goes.
 */
static struct iommufd_object *split_get_device(struct iommufd_ctx *ictx,
					       unsigned long index)
{
	struct iommufd_object *obj;

	xa_lock(&ictx->objects);
	obj = xa_load(&ictx->objects, index);
	if (obj && (obj->type != IOMMUFD_OBJ_DEVICE || !iommufd_lock_obj(obj)))
		obj = NULL;
	xa_unlock(&ictx->objects);
	return obj;
}

/* Attach all groups that are in the HWPT to the domain that it has now. */
static int split_move(struct iommufd_ctx *ictx, struct iommufd_dirty_domain *dd)
{
	struct iommufd_object *obj;
	unsigned long index;
	int rc = 0;

	xa_for_each(&ictx->objects, index, obj) {
		struct iommufd_group *igroup;

		obj = split_get_device(ictx, index);
		if (!obj)
			continue;
		igroup = container_of(obj, struct iommufd_device, obj)->igroup;
		mutex_lock(&igroup->lock);
		if (igroup->hwpt == &to_hwpt(dd)->common)
			rc = split_move_group(igroup, dd->domain);
		mutex_unlock(&igroup->lock);
		iommufd_put_object(ictx, obj);
		if (rc)
			break;
	}
	return rc;
}

/* Nobody is in the old domain any more. */
static void split_end(struct iommufd_dirty_tracker *tracker,
		      struct iommufd_dirty_domain *dd, bool discard)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;

	mutex_lock(&iopt->dirty.plan_lock);
	down_read(&iopt->domains_rwsem);
	if (tracker->running && !discard &&
	    !dirty_test_break(DIRTY_BREAK_NO_LAST_HARVEST))
		iommufd_dirty_harvest_old(tracker, dd);
	up_read(&iopt->domains_rwsem);
	down_write(&iopt->domains_rwsem);
	dd->old = NULL;
	up_write(&iopt->domains_rwsem);
	mutex_unlock(&iopt->dirty.plan_lock);
	iommufd_dirty_twin_drop(dd);
}

/*
 * -EBUSY: not now. Should the groups be neither all moved nor all moved back, the
 * two domains stay, are kept in step and harvested, until the next attempt.
 */
static int split_exchange(struct iommufd_dirty_tracker *tracker,
			  struct iommufd_dirty_domain *dd, bool discard)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	bool wanted = dd->split->fine;
	int rc = 0;

	mutex_lock(&iopt->dirty.plan_lock);
	/* The plan may have changed while the twin was filled */
	if (wanted && (dd->kind != IOMMU_DIRTY_SOURCE_IOMMU || !dd->tracking))
		rc = -EAGAIN;
	else if (!split_is_safe(dd))
		rc = -EBUSY;
	else if (dd->fine != wanted)
		split_swap(dd);
	mutex_unlock(&iopt->dirty.plan_lock);
	if (rc)
		return rc;

	rc = split_move(tracker->ictx, dd);
	if (rc) {
		pr_warn_ratelimited("iommufd: HWPT %u: a device cannot be attached to a domain with other leaves (error %d)\n",
				    to_hwpt(dd)->common.obj.id, rc);
		mutex_lock(&iopt->dirty.plan_lock);
		split_swap(dd);
		mutex_unlock(&iopt->dirty.plan_lock);
		if (split_move(tracker->ictx, dd))
			return rc;
		discard = false;
	}
	split_end(tracker, dd, discard);
	return rc;
}

/* ---- All HWPTs of an IOAS ---- */

static bool split_is_possible(struct iommufd_dirty_domain *dd)
{
	const struct iommufd_hwpt_paging *hwpt_paging = to_hwpt(dd);

	/*
	 * A nested HWPT's domain points to its parent's. The page for MSIs is
	 * mapped in one domain only. A fault's handle knows its domain.
	 */
	return dd->platform && !hwpt_paging->nest_parent &&
	       !hwpt_paging->msi_cookie && !hwpt_paging->common.fault;
}

static bool split_is_wanted(struct iommufd_dirty_domain *dd, bool fine)
{
	struct io_pagetable *iopt = iommufd_dirty_domain_iopt(dd);

	if (!fine)
		return dd->fine || dd->split;
	return READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_IOMMU &&
	       (!iommufd_dirty_domain_is_fine(iopt, dd) || dd->split) &&
	       split_is_possible(dd);
}

/* The next one that has not been looked at, with a reference; or NULL. */
static struct iommufd_dirty_domain *split_next(struct iommufd_ioas *ioas,
					       unsigned int attempt, bool fine)
{
	struct iommufd_hwpt_paging *hwpt_paging;
	struct iommufd_dirty_domain *dd = NULL;

	mutex_lock(&ioas->mutex);
	list_for_each_entry(hwpt_paging, &ioas->hwpt_list, hwpt_item) {
		dd = &hwpt_paging->dirty;
		if (dd->attempt != attempt && split_is_wanted(dd, fine) &&
		    refcount_inc_not_zero(&hwpt_paging->common.obj.users)) {
			dd->attempt = attempt;
			goto out_unlock;
		}
	}
	dd = NULL;
out_unlock:
	mutex_unlock(&ioas->mutex);
	return dd;
}

static int split_one(struct iommufd_dirty_tracker *tracker,
		     struct iommufd_dirty_domain *dd, bool fine, bool discard)
{
	int rc = 0;

	/* A twin of the other kind has been waiting */
	if (dd->split && !dd->old && dd->split->fine != fine)
		iommufd_dirty_twin_drop(dd);
	if (dd->split && dd->old)
		dd->split->fine = fine;
	if (!dd->split && dd->fine != fine)
		rc = iommufd_dirty_twin_make(dd, fine);
	if (!rc && dd->split)
		rc = split_exchange(tracker, dd, discard);
	/* Not wanted any more */
	if (rc == -EAGAIN)
		iommufd_dirty_twin_drop(dd);
	return rc;
}

/**
 * iommufd_dirty_split - Exchange the leaves of all domains whose dirty bits count
 * @tracker: The tracker; read_mutex is held, or nobody else knows it
 * @fine: For the smallest; it runs. Else for large ones; it has stopped
 * @discard: What was written before need not be reported
 *
 * What cannot be exchanged, or not now, stays as it is: see
 * iommufd_dirty_split_is_done().
 *
 * Return: -EINTR when killed.
 */
int iommufd_dirty_split(struct iommufd_dirty_tracker *tracker, bool fine,
			bool discard)
{
	struct iommufd_ioas *ioas = tracker->ioas;
	struct iommufd_dirty_domain *dd;
	unsigned int attempt;

	if (!test_bit(IOMMUFD_DIRTY_SPLIT, &ioas->iopt.dirty.flags) && !fine)
		return 0;
	attempt = ++ioas->iopt.dirty.attempt;
	while ((dd = split_next(ioas, attempt, fine))) {
		split_one(tracker, dd, fine, discard);
		iommufd_hw_pagetable_put(tracker->ictx, &to_hwpt(dd)->common);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/**
 * iommufd_dirty_split_is_done - Does every dirty bit stand for a page?
 * @tracker: The tracker
 */
bool iommufd_dirty_split_is_done(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_domain *dd;
	bool done = true;

	down_read(&iopt->domains_rwsem);
	list_for_each_entry(dd, &iopt->dirty.domains, item)
		if (READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_IOMMU &&
		    (!iommufd_dirty_domain_is_fine(iopt, dd) || dd->old))
			done = false;
	up_read(&iopt->domains_rwsem);
	return done;
}
