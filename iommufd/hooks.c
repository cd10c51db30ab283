// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions that upstream's code calls when a HWPT is allocated or destroyed, a device
 * is attached or detached, and memory is mapped or unmapped. Each hook changes the lists and
 * has reconcile.c apply the change.
 *
 * Order. A domain has its identity when the HWPT is allocated, is listed before
 * its first attachment, and leaves the list after its last harvest, which is after
 * the hardware has left it and before its memory does. An attachment is on its
 * list before its hardware can reach the domain and until after it has left; in a
 * replace there are two.
 */
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/vfio.h>

#include "collect.h"
#include "context.h"
#include "domain.h"
#include "group.h"
#include "harvest.h"
#include "hidden.h"
#include "log.h"
#include "netlink.h"
#include "pasid.h"
#include "platform/platform.h"
#include "policy.h"
#include "reconcile.h"
#include "test.h"
#include "tracker.h"

/**
 * iommufd_dirty_iopt_init() - An IOAS is made
 * @iopt: Its table
 */
void iommufd_dirty_iopt_init(struct io_pagetable *iopt)
{
	mutex_init(&iopt->dirty.plan_lock);
	mutex_init(&iopt->dirty.pins_lock);
	iopt->dirty.pins = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&iopt->dirty.domains);
	INIT_LIST_HEAD(&iopt->dirty.attachments);
	spin_lock_init(&iopt->dirty.hidden_lock);
	INIT_LIST_HEAD(&iopt->dirty.hidden);
	init_waitqueue_head(&iopt->dirty.hidden_wait);
	atomic_set(&iopt->dirty.users, 0);
	iopt->dirty.small_leaves = dirty_policy_small_leaves();
}

/*
 * A distribution's vfio that was configured without iommufd would run beside this module,
 * and bind no device to it. The vfio that belongs to this iommufd exports a symbol that
 * the other lacks; it needs symbols of this module, so it is never loaded before.
 */
static int iommufd_dirty_check_vfio(void)
{
	bool other;

	if (!symbol_get(vfio_register_group_dev))
		return 0;
	other = !symbol_get(vfio_iommufd_physical_bind);
	if (!other)
		symbol_put(vfio_iommufd_physical_bind);
	symbol_put(vfio_register_group_dev);
	if (!other)
		return 0;
	pr_err("iommufd: not loaded: the vfio that is loaded was built without iommufd; unload it (modprobe -r vfio-pci vfio_iommu_type1 vfio) and try again\n");
	return -EBUSY;
}

/**
 * iommufd_dirty_init() - iommufd is loaded
 *
 * Return: -EBUSY beside a vfio that is not of this set, or another -errno; then nothing is
 * left behind.
 */
int iommufd_dirty_init(void)
{
	int rc;

	rc = iommufd_dirty_check_vfio();
	if (rc)
		return rc;
	rc = dirty_logs_init();
	if (rc)
		return rc;
	rc = dirty_netlink_init();
	if (rc)
		dirty_logs_exit();
	return rc;
}

/**
 * iommufd_dirty_exit() - iommufd is unloaded, or could not be loaded
 */
void iommufd_dirty_exit(void)
{
	dirty_netlink_exit();
	dirty_logs_exit();
}

/**
 * iommufd_dirty_ctx_init() - A context is opened
 * @ictx: The context
 */
void iommufd_dirty_ctx_init(struct iommufd_ctx *ictx)
{
	mutex_init(&ictx->dirty.lock);
	dirty_context_add(ictx);
}

/**
 * iommufd_dirty_ctx_release() - A context is closed, and all its objects go
 * @ictx: The context; no device is bound to it any more
 *
 * No user is left who could read, so the stores are dead before the HWPTs go:
 * otherwise each would be harvested a last time.
 */
void iommufd_dirty_ctx_release(struct iommufd_ctx *ictx)
{
	struct iommufd_object *obj;
	unsigned long index;

	dirty_context_del(ictx);
	dirty_legacy_release(ictx);
	xa_for_each(&ictx->objects, index, obj) {
		struct iommufd_dirty_tracker *tracker;
		struct io_pagetable *iopt;

		if (obj->type != IOMMUFD_OBJ_DIRTY_TRACKER)
			continue;
		tracker = container_of(obj, struct iommufd_dirty_tracker, obj);
		iopt = dirty_tracker_iopt(tracker);
		down_write(&iopt->domains_rwsem);
		down_write(&iopt->iova_rwsem);
		WRITE_ONCE(tracker->running, false);
		up_write(&iopt->iova_rwsem);
		up_write(&iopt->domains_rwsem);
		dirty_store_kill(tracker->store);
	}
}

/* ---- HWPTs ---- */

/**
 * iommufd_dirty_auto_flags() - Flags for the HWPT made when a device is attached
 *	to an IOAS
 * @idev: The device
 *
 * Return: IOMMU_HWPT_ALLOC_DIRTY_TRACKING where the IOMMU can, so that a tracker
 * can be started on a running guest.
 */
u32 iommufd_dirty_auto_flags(struct iommufd_device *idev)
{
	if (!iommufd_dirty_platform(idev->dev) ||
	    !dev_iommu_ops(idev->dev)->domain_alloc_paging_flags)
		return 0;
	return IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
}

/**
 * iommufd_dirty_auto_retry() - An automatic HWPT could not be made or attached
 * @rc: Why
 * @flags: Flags that it was made with; to be tried with what is left of them
 *
 * A driver may find only at attach that it cannot track (SMMUv3 whose dirty bits are of stage 1,
 * with a device that has stage 2), or something may be mapped where its dirty bits cannot be read
 * (EADDRINUSE). Such a device has to attach as it does without a tracker.
 *
 * Return: true if the caller should try again with @flags, false if @rc is final.
 */
bool iommufd_dirty_auto_retry(int rc, u32 *flags)
{
	if (!*flags || (rc != -EOPNOTSUPP && rc != -EINVAL && rc != -ENODEV &&
			rc != -EADDRINUSE))
		return false;
	*flags = 0;
	return true;
}

/**
 * iommufd_dirty_hwpt_init() - A HWPT has got its domain; it is not public yet
 * @hwpt_paging: The HWPT; ioas->mutex is held
 * @idev: The device that it was made for
 */
void iommufd_dirty_hwpt_init(struct iommufd_hwpt_paging *hwpt_paging,
			     struct iommufd_device *idev)
{
	struct iommu_domain *domain = hwpt_paging->common.domain;
	bool small = hwpt_paging->ioas->iopt.dirty.small_leaves;

	lockdep_assert_held(&hwpt_paging->ioas->mutex);
	/* Leaves are of the sizes that a domain offers */
	if (small)
		domain->pgsize_bitmap = 1UL << __ffs(domain->pgsize_bitmap);
	dirty_domain_init(&hwpt_paging->dirty, domain,
			  iommufd_dirty_platform(idev->dev), small);
}

/**
 * iommufd_dirty_hwpt_add() - A HWPT is about to be attached and filled
 * @hwpt_paging: The HWPT; ioas->mutex is held
 *
 * Return: -ENOMEM, -EINTR when killed; else to be undone with
 * iommufd_dirty_hwpt_remove().
 */
int iommufd_dirty_hwpt_add(struct iommufd_hwpt_paging *hwpt_paging)
{
	struct io_pagetable *iopt = &hwpt_paging->ioas->iopt;
	struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;
	int rc;

	rc = mutex_lock_killable(&iopt->dirty.plan_lock);
	if (rc)
		return rc;
	if (iopt->dirty.tracker)
		rc = dirty_plan_reserve(iopt->dirty.tracker, 1, 0);
	if (!rc) {
		down_write(&iopt->domains_rwsem);
		list_add_tail(&dd->item, &iopt->dirty.domains);
		iopt->dirty.nr_domains++;
		dd->listed = true;
		WRITE_ONCE(iopt->dirty.unfilled, true);
		up_write(&iopt->domains_rwsem);
		if (dirty_tracker_running(iopt))
			dirty_reconcile(iopt->dirty.tracker, true);
	}
	mutex_unlock(&iopt->dirty.plan_lock);
	return rc;
}

/**
 * iommufd_dirty_hwpt_filled() - A HWPT was filled; it is not public yet
 * @hwpt_paging: The HWPT
 *
 * Leaves that are dirty from birth are cleared, so that the first READ after a device
 * was attached to it reports what that has written. Where a device was attached before
 * the fill it has perhaps written already, and where no tracker runs START clears them.
 */
void iommufd_dirty_hwpt_filled(struct iommufd_hwpt_paging *hwpt_paging)
{
	struct io_pagetable *iopt = &hwpt_paging->ioas->iopt;
	struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;
	bool running;

	if (!dirty_domain_born_dirty(dd) || dd->devices)
		return;
	down_read(&iopt->domains_rwsem);
	running = dirty_tracker_running(iopt);
	up_read(&iopt->domains_rwsem);
	if (running)
		dirty_harvest_clear(iopt, dd);
}

/**
 * iommufd_dirty_hwpt_fill_failed() - A HWPT could not be filled
 * @hwpt_paging: The HWPT
 *
 * What was filled is unfilled again without a harvest, and if a device was attached
 * before, it may have written to it. Until this marks it, READs report all that is mapped.
 */
void iommufd_dirty_hwpt_fill_failed(struct iommufd_hwpt_paging *hwpt_paging)
{
	struct io_pagetable *iopt = &hwpt_paging->ioas->iopt;
	struct iommufd_dirty_tracker *tracker;

	/* It is not visible yet: only this thread can have attached one */
	if (!hwpt_paging->dirty.devices)
		return;
	dirty_test_delay("unfilled");
	down_read(&iopt->domains_rwsem);
	tracker = dirty_tracker_running(iopt);
	if (tracker)
		dirty_store_mark(tracker->store, 0, ULONG_MAX);
	up_read(&iopt->domains_rwsem);
}

/**
 * iommufd_dirty_hwpt_remove() - A HWPT is destroyed; its last device has left
 * @hwpt_paging: The HWPT, still filled if it ever was. One that is not listed is
 *	left alone
 */
void iommufd_dirty_hwpt_remove(struct iommufd_hwpt_paging *hwpt_paging)
{
	struct io_pagetable *iopt = &hwpt_paging->ioas->iopt;
	struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;

	if (!dd->listed)
		return;
	dirty_hwpt_remove(hwpt_paging);
	dirty_harvest_last(iopt, dd);
	dirty_test_delay("harvested");
	mutex_lock(&iopt->dirty.plan_lock);
	/* Unlisted first: no READ takes dirty bits of a domain that does not track */
	down_write(&iopt->domains_rwsem);
	list_del(&dd->item);
	iopt->dirty.nr_domains--;
	dd->listed = false;
	up_write(&iopt->domains_rwsem);
	dirty_domain_disable(dd);
	mutex_unlock(&iopt->dirty.plan_lock);
}

/* ---- Devices ---- */

/* Is there a tracker, of the IOAS or of a HWPT, that runs or can? */
static bool has_tracker(const struct io_pagetable *iopt)
{
	return iopt->dirty.tracker || iopt->dirty.hwpt_trackers;
}

/*
 * Does one of them run? None begins or ends while domains_rwsem is held. That of a HWPT
 * counts from when it is made.
 */
static bool has_running_tracker(const struct io_pagetable *iopt)
{
	return dirty_tracker_running(iopt) || iopt->dirty.hwpt_trackers;
}

/* A tracker may look at the attachments; without one, plan_lock is enough. */
static void attachments_lock(struct io_pagetable *iopt)
{
	if (has_tracker(iopt))
		down_write(&iopt->domains_rwsem);
}

static void attachments_unlock(struct io_pagetable *iopt)
{
	if (has_tracker(iopt))
		up_write(&iopt->domains_rwsem);
}

static void attachment_add(struct iommufd_dirty_attachment *at,
			   struct iommufd_device *idev,
			   struct iommufd_dirty_pasid *owner,
			   struct iommufd_hw_pagetable *hwpt)
{
	struct iommufd_dirty_domain *dd = &find_hwpt_paging(hwpt)->dirty;
	struct io_pagetable *iopt = dirty_domain_iopt(dd);

	*at = (struct iommufd_dirty_attachment){
		.idev = idev,
		.owner = owner,
		.dd = dd,
		.hwpt_id = hwpt->obj.id,
		.nested = hwpt->obj.type == IOMMUFD_OBJ_HWPT_NESTED,
		.has_log = dirty_pasid_log(owner),
		.silent = owner->pasid != IOMMU_NO_PASID &&
			  dirty_test_break(DIRTY_BREAK_NO_PASID),
	};
	dirty_domain_count(at, 1);
	iopt->dirty.nr_attachments++;
	attachments_lock(iopt);
	list_add_tail(&at->item, &iopt->dirty.attachments);
	attachments_unlock(iopt);
}

static void attachment_del(struct iommufd_dirty_attachment *at)
{
	struct io_pagetable *iopt = dirty_domain_iopt(at->dd);

	dirty_domain_count(at, -1);
	iopt->dirty.nr_attachments--;
	attachments_lock(iopt);
	list_del(&at->item);
	at->dd = NULL;
	attachments_unlock(iopt);
}

/* -EINTR when killed, unless it @must be taken */
static int plan_lock_take(struct io_pagetable *iopt, bool must)
{
	if (!must)
		return mutex_lock_killable(&iopt->dirty.plan_lock);
	mutex_lock(&iopt->dirty.plan_lock);
	return 0;
}

/*
 * Take plan_lock. A log that is ending cannot be begun again yet. Most end at once, and
 * then the plan is better for a short wait; else a READ makes it again.
 */
static int plan_lock_settled(struct io_pagetable *iopt,
			     const struct iommufd_dirty_domain *dd, bool must)
{
	struct iommufd_dirty_tracker *tracker;
	struct dirty_store *store;
	int rc;

	/* A START that waits for a device has it */
	rc = plan_lock_take(iopt, must);
	if (rc)
		return rc;
	tracker = dirty_domain_running(iopt, dd);
	if (!tracker || !dirty_store_is_ending(tracker->store))
		return 0;
	store = dirty_store_get(tracker->store);
	mutex_unlock(&iopt->dirty.plan_lock);
	dirty_store_settle(store);
	dirty_store_put(store);
	return plan_lock_take(iopt, must);
}

/* Before the hardware can reach the domain: with a plan that is applied. */
static int attachment_begin(struct iommufd_dirty_attachment *at,
			    struct iommufd_device *idev,
			    struct iommufd_dirty_pasid *owner,
			    struct iommufd_hw_pagetable *hwpt)
{
	struct iommufd_dirty_domain *dd = &find_hwpt_paging(hwpt)->dirty;
	struct io_pagetable *iopt = dirty_domain_iopt(dd);
	struct dirty_log *log = dirty_pasid_log(owner);
	struct iommufd_dirty_tracker *tracker;
	int rc;

	rc = plan_lock_settled(iopt, dd, false);
	if (rc)
		return rc;
	tracker = dirty_domain_tracker(iopt, dd);
	if (tracker)
		rc = dirty_plan_reserve(tracker, 0, 1);
	if (rc)
		goto out_unlock;
	/* What it could not do elsewhere, it may do here */
	if (log && dirty_log_state(log) == DIRTY_LOG_FREE)
		WRITE_ONCE(log->failed, false);
	attachment_add(at, idev, owner, hwpt);
	tracker = dirty_domain_running(iopt, dd);
	if (tracker && !dirty_test_break(DIRTY_BREAK_LATE_SOURCE))
		rc = dirty_reconcile_attach(tracker, at);
	if (rc) {
		attachment_del(at);
		dirty_reconcile(tracker, true);
	}
out_unlock:
	mutex_unlock(&iopt->dirty.plan_lock);
	return rc;
}

/* After the hardware has left, or could not come. */
static void attachment_end(struct iommufd_dirty_attachment *at)
{
	struct iommufd_dirty_domain *dd = at->dd;
	struct io_pagetable *iopt = dirty_domain_iopt(dd);
	struct iommufd_dirty_tracker *tracker;

	dirty_test_delay("detached");
	plan_lock_settled(iopt, dd, true);
	tracker = dirty_domain_running(iopt, dd);
	if (tracker)
		dirty_reconcile_left(tracker, at);
	attachment_del(at);
	if (tracker)
		dirty_reconcile_detach(tracker, dd);
	mutex_unlock(&iopt->dirty.plan_lock);
}

/**
 * iommufd_dirty_attach() - A device is about to be attached
 * @hwpt: Where to; its group->lock is held
 * @idev: The device
 * @pasid: With which PASID, or IOMMU_NO_PASID: each is attached by itself
 *
 * Return: -ENXIO when a running tracker must be precise and cannot be with this
 * device, -ENOMEM, -EINTR when killed. Else to be undone with iommufd_dirty_detach().
 */
int iommufd_dirty_attach(struct iommufd_hw_pagetable *hwpt,
			 struct iommufd_device *idev, ioasid_t pasid)
{
	struct iommufd_dirty_pasid *owner = dirty_pasid_get(idev, pasid);
	int rc;

	if (!owner)
		return -ENOMEM;
	rc = attachment_begin(&owner->now, idev, owner, hwpt);
	if (rc)
		dirty_pasid_put(idev, owner);
	return rc;
}

/**
 * iommufd_dirty_detach() - A device was detached, or could not be attached
 * @idev: The device; its group's lock is held. One that is not attached is left
 *	alone
 * @pasid: With which PASID, or IOMMU_NO_PASID
 */
void iommufd_dirty_detach(struct iommufd_device *idev, ioasid_t pasid)
{
	struct iommufd_dirty_pasid *owner = dirty_pasid_find(idev, pasid);

	if (!owner || !owner->now.dd)
		return;
	attachment_end(&owner->now);
	dirty_pasid_put(idev, owner);
}

/**
 * iommufd_dirty_replace_begin() - A group is about to be attached elsewhere
 * @hwpt: Where to
 * @idev: One of its devices; the group's lock is held
 * @pasid: With which PASID, or IOMMU_NO_PASID
 *
 * Return: As for iommufd_dirty_attach(); to be ended with
 * iommufd_dirty_replace_end(), also when it fails.
 */
int iommufd_dirty_replace_begin(struct iommufd_hw_pagetable *hwpt,
				struct iommufd_device *idev, ioasid_t pasid)
{
	struct iommufd_device *cur;
	int rc = 0;

	dirty_group_for_each(cur, idev->igroup, pasid) {
		struct iommufd_dirty_pasid *owner = dirty_pasid_find(cur, pasid);

		rc = attachment_begin(&owner->next, cur, owner, hwpt);
		if (rc)
			break;
	}
	return rc;
}

/* The new attachment becomes the attachment. */
static void attachment_move(struct iommufd_dirty_pasid *owner)
{
	struct io_pagetable *iopt = dirty_domain_iopt(owner->next.dd);
	struct dirty_log *log = dirty_pasid_log(owner);
	struct iommufd_dirty_tracker *tracker;

	/* Its log was another tracker's until now, perhaps */
	if (log)
		dirty_log_settle(log);
	mutex_lock(&iopt->dirty.plan_lock);
	attachments_lock(iopt);
	owner->now = owner->next;
	list_replace(&owner->next.item, &owner->now.item);
	owner->next.dd = NULL;
	attachments_unlock(iopt);
	tracker = dirty_domain_running(iopt, owner->now.dd);
	if (tracker)
		dirty_reconcile(tracker, true);
	mutex_unlock(&iopt->dirty.plan_lock);
}

/* It stays where it was: a log that is not free has one tracker that waits for it. */
static void attachment_stay(struct iommufd_dirty_attachment *at)
{
	struct io_pagetable *iopt = dirty_domain_iopt(at->dd);
	struct iommufd_dirty_tracker *tracker;

	mutex_lock(&iopt->dirty.plan_lock);
	tracker = dirty_domain_running(iopt, at->dd);
	if (tracker)
		dirty_reconcile(tracker, true);
	mutex_unlock(&iopt->dirty.plan_lock);
}

/**
 * iommufd_dirty_replace_end() - A group was attached elsewhere, or could not be
 * @idev: One of its devices; the group's lock is held
 * @pasid: With which PASID, or IOMMU_NO_PASID
 * @rc: How it ended
 */
void iommufd_dirty_replace_end(struct iommufd_device *idev, ioasid_t pasid, int rc)
{
	struct iommufd_device *cur;

	dirty_group_for_each(cur, idev->igroup, pasid) {
		struct iommufd_dirty_pasid *owner = dirty_pasid_find(cur, pasid);

		if (rc) {
			if (owner->next.dd)
				attachment_end(&owner->next);
			/* Also where the plan with it was refused: that has asked for its log */
			attachment_stay(&owner->now);
			continue;
		}
		attachment_end(&owner->now);
		attachment_move(owner);
	}
}

/* ---- Memory ---- */

static bool is_covered(const struct iommufd_dirty_domain *dd,
		       unsigned long iova, unsigned long length)
{
	return READ_ONCE(dd->kind) != IOMMU_DIRTY_SOURCE_DEVICE ||
	       (iova >= dd->first && iova + (length - 1) <= dd->last);
}

static bool all_covered(struct io_pagetable *iopt, unsigned long iova,
			unsigned long length)
{
	struct iommufd_dirty_domain *dd;

	list_for_each_entry(dd, &iopt->dirty.domains, item)
		if (!is_covered(dd, iova, length))
			return false;
	return true;
}

/**
 * iommufd_dirty_map() - Something is about to be mapped
 * @iopt: The IOAS's table; domains_rwsem is held for read
 * @iova: First byte
 * @length: Bytes
 * @iommu_prot: IOMMU_READ, IOMMU_WRITE, ...
 *
 * Return: -ENXIO when a device's log does not cover it, and a running tracker
 * must be precise.
 */
int iommufd_dirty_map(struct io_pagetable *iopt, unsigned long iova,
		      unsigned long length, int iommu_prot)
{
	struct iommufd_dirty_tracker *tracker = dirty_tracker_running(iopt);

	if (!tracker || !(iommu_prot & IOMMU_WRITE) ||
	    !(tracker->flags & IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE))
		return 0;
	return all_covered(iopt, iova, length) ? 0 : -ENXIO;
}

/**
 * iommufd_dirty_mapped() - Something was mapped
 * @iopt: The IOAS's table; domains_rwsem is held for read
 * @iova: First byte
 * @length: Bytes
 * @iommu_prot: IOMMU_READ, IOMMU_WRITE, ...
 *
 * A log that does not cover it may be begun again; until then it is reported
 * because it is mapped.
 */
void iommufd_dirty_mapped(struct io_pagetable *iopt, unsigned long iova,
			  unsigned long length, int iommu_prot)
{
	struct iommufd_dirty_domain *dd;

	if (!has_running_tracker(iopt) || !(iommu_prot & IOMMU_WRITE))
		return;
	list_for_each_entry(dd, &iopt->dirty.domains, item) {
		struct iommufd_dirty_tracker *tracker =
			dirty_domain_running(iopt, dd);

		if (tracker && !is_covered(dd, iova, length))
			dirty_store_reconcile(tracker->store);
	}
}

/**
 * iommufd_dirty_unmap_begin() - An area is about to be hidden from harvests
 * @iopt: Its table; domains_rwsem (read) and iova_rwsem (write) are held
 * @unmap: Memory of the caller's until iommufd_dirty_unmap_area()
 * @area: The area
 *
 * A READ that meets the area hidden waits until iommufd_dirty_unmap_area() has
 * published what was dirty in it.
 */
void iommufd_dirty_unmap_begin(struct io_pagetable *iopt,
			       struct iommufd_dirty_unmap *unmap,
			       struct iopt_area *area)
{
	if (has_running_tracker(iopt))
		dirty_hidden_add(iopt, unmap, area);
}

/* By all trackers: that of the IOAS, or those of its HWPTs */
static void harvest_unmapped(struct io_pagetable *iopt,
			     const struct iommufd_dirty_unmap *unmap)
{
	struct iommufd_dirty_tracker *tracker = dirty_tracker_running(iopt);
	struct iommufd_dirty_domain *dd;

	if (tracker)
		dirty_harvest_unmap(tracker, unmap);
	if (!iopt->dirty.hwpt_trackers)
		return;
	list_for_each_entry(dd, &iopt->dirty.domains, item)
		if (dd->tracker && dd->tracker->running)
			dirty_harvest_unmap(dd->tracker, unmap);
}

/**
 * iommufd_dirty_unmap_area() - Harvest an area before it is unmapped
 * @iopt: Its table; domains_rwsem is held for read since before
 *	iommufd_dirty_unmap_begin()
 * @unmap: As there; the pages of its area are hidden by now
 */
void iommufd_dirty_unmap_area(struct io_pagetable *iopt,
			      struct iommufd_dirty_unmap *unmap)
{
	if (!has_running_tracker(iopt))
		return;
	dirty_test_delay("hidden");
	if (dirty_test_break(DIRTY_BREAK_EARLY_UNHIDE))
		dirty_hidden_del(iopt, unmap);
	harvest_unmapped(iopt, unmap);
	if (!dirty_test_break(DIRTY_BREAK_EARLY_UNHIDE))
		dirty_hidden_del(iopt, unmap);
}
