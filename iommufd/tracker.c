// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty tracker object: made and destroyed, started and stopped. READ is in
 * read.c, INFO in info.c, where dirt comes from in harvest.c and domain.c.
 */
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/memcontrol.h>
#include <linux/sched/signal.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "source.h"
#include "tracker.h"

/**
 * iommufd_dirty_iopt_init - An IOAS is made
 * @iopt: Its table
 */
void iommufd_dirty_iopt_init(struct io_pagetable *iopt)
{
	mutex_init(&iopt->dirty.plan_lock);
	mutex_init(&iopt->dirty.pins_lock);
	iopt->dirty.pins = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&iopt->dirty.domains);
	INIT_LIST_HEAD(&iopt->dirty.seats);
	atomic_set(&iopt->dirty.users, 0);
}

/**
 * iommufd_dirty_publish - Move dirt to the pending set
 * @tracker: The tracker
 * @set: Dirt whose flush is done; empty afterwards
 */
void iommufd_dirty_publish(struct iommufd_dirty_tracker *tracker,
			   struct dirty_set *set)
{
	if (dirty_set_empty(set))
		return;
	mutex_lock(&tracker->pending_lock);
	dirty_set_merge(&tracker->pending, set);
	mutex_unlock(&tracker->pending_lock);
}

/**
 * iommufd_dirty_out_flags - What a user has to know about the next answer
 * @tracker: The tracker
 *
 * Return: enum iommu_dirty_tracker_out_flags.
 */
u32 iommufd_dirty_out_flags(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	struct iommufd_dirty_domain *dd;
	struct iommufd_dirty_seat *seat;
	u32 flags = 0;

	down_read(&iopt->domains_rwsem);
	list_for_each_entry(dd, &iopt->dirty.domains, item) {
		if (READ_ONCE(dd->state) == IOMMU_DIRTY_SOURCE_FAILED)
			flags |= IOMMU_DIRTY_TRACKER_DEGRADED;
		else if (READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_MAPPED ||
			 READ_ONCE(dd->outside))
			flags |= IOMMU_DIRTY_TRACKER_CONSERVATIVE;
		if (READ_ONCE(dd->largest) > BIT(tracker->shift))
			flags |= IOMMU_DIRTY_TRACKER_COARSE;
	}
	list_for_each_entry(seat, &iopt->dirty.seats, item)
		if (seat->kind == IOMMU_DIRTY_SOURCE_DEVICE &&
		    READ_ONCE(seat->idev->dirty.source->granule) >
			    BIT(tracker->shift))
			flags |= IOMMU_DIRTY_TRACKER_COARSE;
	up_read(&iopt->domains_rwsem);
	return flags;
}

static void tracker_stop(struct iommufd_dirty_tracker *tracker)
{
	struct mutex *plan_lock = &tracker->ioas->iopt.dirty.plan_lock;

	mutex_lock(plan_lock);
	iommufd_dirty_replan_stop(tracker);
	mutex_unlock(plan_lock);

	mutex_lock(&tracker->pending_lock);
	dirty_set_destroy(&tracker->pending);
	dirty_set_destroy(&tracker->gone);
	dirty_set_destroy(&tracker->gone_next);
	mutex_unlock(&tracker->pending_lock);
}

/**
 * iommufd_dirty_tracker_start - Start a tracker, or restart what failed of it
 * @tracker: The tracker; read_mutex is held, or nobody else knows it yet
 *
 * Tracking is switched on first and the old dirt cleared after that, a piece at
 * a time, so that attach and unmap do not wait for the walk. A restart takes all
 * that is mapped for dirty once, if something had failed.
 *
 * Return: -ENXIO when it has to be precise and cannot, -ENOMEM, -EINTR when
 * killed; and a tracker that did not run does not run then.
 */
int iommufd_dirty_tracker_start(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = &tracker->ioas->iopt;
	bool was_running = tracker->running;
	int rc;

	rc = mutex_lock_killable(&iopt->dirty.plan_lock);
	if (rc)
		return rc;
	iommufd_dirty_replan_forgive(tracker);
	rc = iommufd_dirty_replan(tracker, false);
	if (!rc) {
		down_write(&iopt->domains_rwsem);
		WRITE_ONCE(tracker->running, true);
		up_write(&iopt->domains_rwsem);
	}
	mutex_unlock(&iopt->dirty.plan_lock);
	if (was_running)
		return rc;
	if (!rc)
		rc = iommufd_dirty_harvest(tracker, 0, ULONG_MAX,
					   IOMMUFD_DIRTY_DISCARD, NULL);
	if (rc)
		tracker_stop(tracker);
	return rc;
}

static int tracker_start_fine(struct iommufd_dirty_tracker *tracker)
{
	bool was_running = tracker->running;
	int rc;

	rc = iommufd_dirty_tracker_start(tracker);
	if (rc)
		return rc;
	rc = iommufd_dirty_split(tracker, true, !was_running);
	if (rc && !was_running)
		tracker_stop(tracker);
	return rc;
}

/* The log of a device that user space reads by itself has its owner. */
static bool tracker_can_adopt(struct io_pagetable *iopt)
{
	struct iommufd_dirty_seat *seat;

	list_for_each_entry(seat, &iopt->dirty.seats, item)
		if (seat->idev->dirty.source &&
		    iommufd_dirty_source_claimed(seat->idev))
			return false;
	return true;
}

static int tracker_adopt(struct iommufd_dirty_tracker *tracker,
			 struct iommufd_ioas *ioas)
{
	struct io_pagetable *iopt = &ioas->iopt;
	int rc = 0;

	if (atomic_cmpxchg(&iopt->dirty.users, 0, -1) != 0)
		return -EBUSY;
	mutex_lock(&iopt->dirty.plan_lock);
	down_write(&iopt->domains_rwsem);
	if (!tracker_can_adopt(iopt))
		rc = -EBUSY;
	else if (tracker->flags & IOMMU_DIRTY_TRACKER_FINE_LEAVES &&
		 !iommufd_dirty_may_be_fine(iopt))
		rc = -ENOTEMPTY;
	else
		iopt->dirty.tracker = tracker;
	up_write(&iopt->domains_rwsem);
	mutex_unlock(&iopt->dirty.plan_lock);
	if (rc) {
		atomic_set(&iopt->dirty.users, 0);
		return rc;
	}
	refcount_inc(&ioas->obj.users);
	tracker->ioas = ioas;
	return 0;
}

/**
 * iommufd_dirty_tracker_destroy - A tracker goes
 * @obj: The tracker; nobody else has a reference
 */
void iommufd_dirty_tracker_destroy(struct iommufd_object *obj)
{
	struct iommufd_dirty_tracker *tracker =
		container_of(obj, struct iommufd_dirty_tracker, obj);
	struct iommufd_ioas *ioas = tracker->ioas;

	if (!ioas)
		goto out_put;
	tracker_stop(tracker);
	/* What cannot be exchanged now keeps its leaves */
	iommufd_dirty_split(tracker, false, true);
	mutex_lock(&ioas->iopt.dirty.plan_lock);
	down_write(&ioas->iopt.domains_rwsem);
	ioas->iopt.dirty.tracker = NULL;
	up_write(&ioas->iopt.domains_rwsem);
	mutex_unlock(&ioas->iopt.dirty.plan_lock);
	atomic_set(&ioas->iopt.dirty.users, 0);
	refcount_dec(&ioas->obj.users);
out_put:
	mem_cgroup_put(tracker->memcg);
}

/**
 * iommufd_dirty_tracker_create - Make a tracker
 * @ictx: The context
 * @ioas: The IOAS, with a reference of the caller's
 * @policy: enum iommu_dirty_policy
 * @flags: enum iommu_dirty_tracker_alloc_flags
 * @page_size: Unit in which dirt is kept: a power of two, at least PAGE_SIZE
 *	and at most 1 << DIRTY_SET_MAX_SHIFT
 *
 * Return: The tracker, to be finalized or aborted with
 * iommufd_object_abort_and_destroy(); -EBUSY when the IOAS's dirty bits have an
 * owner; -ENOTEMPTY when it is too late for FINE_LEAVES.
 */
struct iommufd_dirty_tracker *
iommufd_dirty_tracker_create(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			     u32 policy, u32 flags, u64 page_size)
{
	struct iommufd_dirty_tracker *tracker;
	int rc;

	tracker = iommufd_object_alloc(ictx, tracker,
				       IOMMUFD_OBJ_DIRTY_TRACKER);
	if (IS_ERR(tracker))
		return tracker;
	tracker->ictx = ictx;
	tracker->policy = policy;
	tracker->flags = flags;
	tracker->shift = ilog2(page_size);
	mutex_init(&tracker->read_mutex);
	mutex_init(&tracker->pending_lock);
	init_rwsem(&tracker->unmap_sem);
	dirty_set_init(&tracker->pending, tracker->shift);
	dirty_set_init(&tracker->gone, tracker->shift);
	dirty_set_init(&tracker->gone_next, tracker->shift);
	tracker->memcg = get_mem_cgroup_from_mm(current->mm);

	rc = tracker_adopt(tracker, ioas);
	if (rc) {
		iommufd_object_abort_and_destroy(ictx, &tracker->obj);
		return ERR_PTR(rc);
	}
	return tracker;
}

/**
 * iommufd_dirty_tracker_alloc - ioctl(IOMMU_DIRTY_TRACKER_ALLOC)
 * @ucmd: struct iommu_dirty_tracker_alloc
 */
int iommufd_dirty_tracker_alloc(struct iommufd_ucmd *ucmd)
{
	struct iommu_dirty_tracker_alloc *cmd = ucmd->cmd;
	struct iommufd_dirty_tracker *tracker;
	struct iommufd_ioas *ioas;
	int rc;

	if ((cmd->flags & ~(IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE |
			    IOMMU_DIRTY_TRACKER_FINE_LEAVES)) ||
	    cmd->__reserved)
		return -EOPNOTSUPP;
	if (cmd->policy > IOMMU_DIRTY_POLICY_DEVICE)
		return -EINVAL;
	if (!cmd->page_size)
		cmd->page_size = PAGE_SIZE;
	if (cmd->page_size < PAGE_SIZE || !is_power_of_2(cmd->page_size) ||
	    cmd->page_size > BIT_ULL(DIRTY_SET_MAX_SHIFT))
		return -EINVAL;

	ioas = iommufd_get_ioas(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	tracker = iommufd_dirty_tracker_create(ucmd->ictx, ioas, cmd->policy,
					       cmd->flags, cmd->page_size);
	if (IS_ERR(tracker)) {
		rc = PTR_ERR(tracker);
		goto out_put;
	}
	cmd->out_tracker_id = tracker->obj.id;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		iommufd_object_abort_and_destroy(ucmd->ictx, &tracker->obj);
	else
		iommufd_object_finalize(ucmd->ictx, &tracker->obj);
out_put:
	iommufd_put_object(ucmd->ictx, &ioas->obj);
	return rc;
}

/**
 * iommufd_dirty_tracker_set - ioctl(IOMMU_DIRTY_TRACKER_SET)
 * @ucmd: struct iommu_dirty_tracker_set
 */
int iommufd_dirty_tracker_set(struct iommufd_ucmd *ucmd)
{
	struct iommu_dirty_tracker_set *cmd = ucmd->cmd;
	struct iommufd_dirty_tracker *tracker;
	int rc;

	if (cmd->flags & ~(IOMMU_DIRTY_TRACKER_ENABLE | IOMMU_DIRTY_TRACKER_SPLIT))
		return -EOPNOTSUPP;
	if (cmd->flags == IOMMU_DIRTY_TRACKER_SPLIT)
		return -EINVAL;

	tracker = iommufd_get_dirty_tracker(ucmd, cmd->tracker_id);
	if (IS_ERR(tracker))
		return PTR_ERR(tracker);
	rc = mutex_lock_killable(&tracker->read_mutex);
	if (rc)
		goto out_put;
	if (!(cmd->flags & IOMMU_DIRTY_TRACKER_ENABLE)) {
		tracker_stop(tracker);
		rc = iommufd_dirty_split(tracker, false, true);
	} else if (cmd->flags & IOMMU_DIRTY_TRACKER_SPLIT) {
		rc = tracker_start_fine(tracker);
	} else {
		rc = iommufd_dirty_tracker_start(tracker);
	}
	if (!rc) {
		cmd->out_flags = iommufd_dirty_out_flags(tracker);
		if (cmd->flags & IOMMU_DIRTY_TRACKER_SPLIT &&
		    !iommufd_dirty_split_is_done(tracker))
			cmd->out_flags |= IOMMU_DIRTY_TRACKER_COARSE;
		cmd->out_page_size = BIT(tracker->shift);
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	}
	mutex_unlock(&tracker->read_mutex);
out_put:
	iommufd_put_object(ucmd->ictx, &tracker->obj);
	return rc;
}
