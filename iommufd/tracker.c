// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty tracker object: made and destroyed, started and stopped. READ is in
 * read.c, INFO in info.c; what is on while it runs is reconcile.c's to say.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "collect.h"
#include "domain.h"
#include "harvest.h"
#include "log.h"
#include "policy.h"
#include "reconcile.h"
#include "split.h"
#include "test.h"
#include "tracker.h"

/* A unit is at most so many granules, when parts of it are kept: an add is bounded */
#define UNIT_GRANULES_SHIFT 18

static struct dirty_store *
tracker_new_store(const struct iommufd_dirty_tracker *tracker)
{
	unsigned int shift = ilog2(tracker->unit);
	unsigned int finest = PAGE_SHIFT;

	if (shift > PAGE_SHIFT + UNIT_GRANULES_SHIFT)
		finest = shift - UNIT_GRANULES_SHIFT;
	return dirty_store_alloc(shift, finest, tracker->unit, tracker->event);
}

/* A device that starts its log for an attach has the lock for as long as it likes. */
static int tracker_plan_lock(struct iommufd_dirty_tracker *tracker, bool must)
{
	struct mutex *plan_lock = &dirty_tracker_iopt(tracker)->dirty.plan_lock;

	if (!must)
		return mutex_lock_killable(plan_lock);
	mutex_lock(plan_lock);
	return 0;
}

static void tracker_plan_unlock(struct iommufd_dirty_tracker *tracker)
{
	mutex_unlock(&dirty_tracker_iopt(tracker)->dirty.plan_lock);
}

/* -EINTR when killed, and it runs still; not if it @must stop. */
static int tracker_end(struct iommufd_dirty_tracker *tracker, bool must)
{
	int rc = tracker_plan_lock(tracker, must);

	if (rc)
		return rc;
	dirty_reconcile_end(tracker);
	tracker_plan_unlock(tracker);
	return 0;
}

static int tracker_stop(struct iommufd_dirty_tracker *tracker, bool must)
{
	int rc = tracker_end(tracker, must);

	if (!rc)
		dirty_event_stopped(tracker);
	return rc;
}

/* STOP of a user, after which the IOAS goes on: with large leaves again */
static int tracker_stop_and_join(struct iommufd_dirty_tracker *tracker)
{
	int rc = tracker_end(tracker, false);

	if (rc)
		return rc;
	dirty_join(tracker);
	dirty_event_stopped(tracker);
	return 0;
}

/* A log of an attached device that is ending, with a reference; NULL, or -EINTR. */
static struct dirty_log *tracker_ending_log(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_attachment *at;
	struct dirty_log *found = NULL;
	int rc = tracker_plan_lock(tracker, false);

	if (rc)
		return ERR_PTR(rc);
	dirty_for_each_attachment(at, iopt, tracker) {
		struct dirty_log *log = dirty_pasid_log(at->owner);

		if (log && dirty_log_state(log) == DIRTY_LOG_ENDING) {
			found = dirty_log_get(log);
			break;
		}
	}
	tracker_plan_unlock(tracker);
	return found;
}

/*
 * Logs that are still ending, from a STOP before, from another tracker that was
 * destroyed, or because they are lost: START would have to do without them.
 */
static int tracker_wait_ending(struct iommufd_dirty_tracker *tracker)
{
	struct dirty_log *log;
	int rc = 0;

	while (!rc) {
		log = tracker_ending_log(tracker);
		if (IS_ERR_OR_NULL(log))
			return PTR_ERR_OR_ZERO(log);
		rc = dirty_log_wait(log);
		dirty_log_drop(log);
	}
	return rc;
}

/* After STOP a store is dead, and workers may have it still: get another. */
static int tracker_renew_store(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct dirty_store *old = tracker->store, *store;

	if (!READ_ONCE(old->dead))
		return 0;
	store = tracker_new_store(tracker);
	if (!store)
		return -ENOMEM;
	/* Those who did not see STOP may have it still */
	down_write(&iopt->iova_rwsem);
	tracker->store = store;
	up_write(&iopt->iova_rwsem);
	/* A worker that still has it does not look at what is mapped any more */
	dirty_logs_detach(old);
	dirty_store_put(old);
	return 0;
}

/* START may try again what failed: forget that, except for what still has it. */
static void tracker_forget_failures(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_attachment *at;

	dirty_for_each_attachment(at, iopt, tracker) {
		struct dirty_log *log = dirty_pasid_log(at->owner);

		if (log && dirty_log_state(log) == DIRTY_LOG_FREE)
			WRITE_ONCE(log->failed, false);
	}
}

/**
 * tracker_start() - Start a tracker, or restart what failed of it
 * @tracker: The tracker; runs is held for write
 *
 * Tracking is switched on first and what was dirty before is cleared after that,
 * a piece at a time, so that attach and unmap do not wait for the walk. A restart
 * reports all that is mapped once, if something had failed.
 *
 * Return: -ENXIO when it has to be precise and cannot, -ENOMEM, -EINTR when
 * killed; and a tracker that did not run does not run then.
 */
static int tracker_start(struct iommufd_dirty_tracker *tracker)
{
	const struct dirty_harvest_range all = { .last = ULONG_MAX,
						 .own_last = ULONG_MAX };
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	bool was_running = tracker->running;
	int rc;

	rc = mutex_lock_killable(&iopt->dirty.plan_lock);
	if (rc)
		return rc;
	dirty_reconcile_retry(tracker);
	mutex_unlock(&iopt->dirty.plan_lock);

	rc = tracker_wait_ending(tracker);
	if (!rc)
		rc = mutex_lock_killable(&iopt->dirty.plan_lock);
	if (rc)
		return rc;
	rc = tracker_renew_store(tracker);
	if (!rc) {
		tracker_forget_failures(tracker);
		rc = dirty_reconcile(tracker, false);
		if (!rc && fatal_signal_pending(current))
			rc = -EINTR;
		/* What was refused ends; the answer describes what continues */
		if (rc && was_running)
			dirty_reconcile(tracker, true);
	}
	mutex_unlock(&iopt->dirty.plan_lock);
	if (was_running)
		return rc;
	if (!rc)
		rc = dirty_harvest(tracker, &all, DIRTY_HARVEST_DISCARD, NULL);
	if (rc)
		tracker_stop(tracker, true);
	else
		dirty_event_started(tracker);
	return rc;
}

/* ---- Made and destroyed ---- */

/* The log of a device that user space reads by itself has its owner. */
static bool tracker_can_adopt(struct io_pagetable *iopt)
{
	struct iommufd_dirty_attachment *at;

	list_for_each_entry(at, &iopt->dirty.attachments, item) {
		struct dirty_log *log = dirty_pasid_log(at->owner);

		if (log && (dirty_log_state(log) == DIRTY_LOG_USER ||
			    dirty_log_state(log) == DIRTY_LOG_BUSY))
			return false;
	}
	return true;
}

/* Of a tracker of one HWPT, its user has the dirty bits of the IOAS: hwpt.c */
static int tracker_own(struct iommufd_dirty_tracker *tracker,
		       struct io_pagetable *iopt)
{
	if (tracker->only || atomic_cmpxchg(&iopt->dirty.users, 0, -1) == 0)
		return 0;
	return -EBUSY;
}

static void tracker_disown(struct iommufd_dirty_tracker *tracker,
			   struct io_pagetable *iopt)
{
	if (!tracker->only)
		atomic_set(&iopt->dirty.users, 0);
}

/* It is found from now on, or not any more. plan_lock, domains_rwsem are held. */
static void tracker_link(struct iommufd_dirty_tracker *tracker, bool link)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);

	down_write(&iopt->iova_rwsem);
	if (!tracker->only) {
		WRITE_ONCE(iopt->dirty.tracker, link ? tracker : NULL);
	} else {
		tracker->only->tracker = link ? tracker : NULL;
		iopt->dirty.hwpt_trackers += link ? 1 : -1;
	}
	up_write(&iopt->iova_rwsem);
}

static int tracker_adopt(struct iommufd_dirty_tracker *tracker,
			 struct iommufd_ioas *ioas)
{
	struct io_pagetable *iopt = &ioas->iopt;
	int rc;

	rc = tracker_own(tracker, iopt);
	if (rc)
		return rc;
	tracker->ioas = ioas;
	rc = tracker_plan_lock(tracker, false);
	if (rc)
		goto out_disown;
	rc = dirty_plan_reserve(tracker, 1, 1);
	down_write(&iopt->domains_rwsem);
	if (!rc && !tracker->only && !tracker_can_adopt(iopt))
		rc = -EBUSY;
	if (!rc)
		tracker_link(tracker, true);
	up_write(&iopt->domains_rwsem);
	tracker_plan_unlock(tracker);
	if (rc)
		goto out_disown;
	tracker->adopted = true;
	refcount_inc(&ioas->obj.users);
	return 0;

out_disown:
	tracker_disown(tracker, iopt);
	return rc;
}

/**
 * dirty_tracker_setup() - Make a tracker for an IOAS
 * @tracker: Zeroed memory, but for @only and @bits_only
 * @ictx: The context
 * @ioas: The IOAS, with a reference of the caller's
 * @policy: enum iommu_dirty_policy
 * @flags: enum iommu_dirty_tracker_alloc_flags
 * @page_size: Unit in which dirty pages are reported, in bytes: a power of two,
 *	at least PAGE_SIZE
 * @event: File of an eventfd that is signalled when INFO has changed, or NULL
 *
 * Return: -EBUSY when the IOAS's dirty bits have an owner, -ENOMEM. In any case to
 * be undone with dirty_tracker_teardown().
 */
int dirty_tracker_setup(struct iommufd_dirty_tracker *tracker,
			struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			u32 policy, u32 flags, u64 page_size,
			struct file *event)
{
	int rc;

	tracker->ictx = ictx;
	tracker->policy = dirty_policy_of(policy);
	tracker->flags = flags;
	tracker->unit = page_size;
	if (event)
		tracker->event = get_file(event);
	init_rwsem(&tracker->runs);
	spin_lock_init(&tracker->reported.lock);
	tracker->store = tracker_new_store(tracker);
	if (!tracker->store)
		return -ENOMEM;
	/* Until START nothing is to be kept */
	dirty_store_kill(tracker->store);
	rc = tracker_adopt(tracker, ioas);
	if (!rc)
		dirty_event_created(tracker);
	return rc;
}

static void tracker_leave(struct iommufd_dirty_tracker *tracker)
{
	struct iommufd_ioas *ioas = tracker->ioas;
	struct io_pagetable *iopt = &ioas->iopt;

	if (!tracker->adopted)
		return;
	tracker_stop(tracker, true);
	dirty_logs_detach(tracker->store);
	mutex_lock(&iopt->dirty.plan_lock);
	down_write(&iopt->domains_rwsem);
	tracker_link(tracker, false);
	up_write(&iopt->domains_rwsem);
	mutex_unlock(&iopt->dirty.plan_lock);
	dirty_event_destroyed(tracker);
	tracker->adopted = false;
	tracker_disown(tracker, iopt);
	refcount_dec(&ioas->obj.users);
}

/**
 * dirty_tracker_retire() - Stop a tracker for good and give its IOAS back, while
 *	others may have a reference
 * @tracker: The tracker
 *
 * Waits for READs under way. What they find afterwards is a tracker that does not
 * run.
 *
 * Return: -EINTR when killed.
 */
int dirty_tracker_retire(struct iommufd_dirty_tracker *tracker)
{
	int rc;

	rc = down_write_killable(&tracker->runs);
	if (rc)
		return rc;
	tracker_leave(tracker);
	up_write(&tracker->runs);
	return 0;
}

/**
 * dirty_tracker_teardown() - Undo dirty_tracker_setup()
 * @tracker: The tracker; no other has a reference
 *
 * Logs that are on end by themselves, with what they need; nothing of theirs
 * points to the tracker or the IOAS afterwards.
 */
void dirty_tracker_teardown(struct iommufd_dirty_tracker *tracker)
{
	tracker_leave(tracker);
	kfree(tracker->plan.domains);
	kfree(tracker->plan.devices);
	dirty_store_put(tracker->store);
	if (tracker->event)
		fput(tracker->event);
}

/* One that was given to a device is taken back from that, and from no other. */
static int device_swap_policy(struct iommufd_dirty_tracker *tracker,
			      struct dirty_policy *policy)
{
	static atomic64_t number;
	struct iommufd_object *obj;
	struct iommufd_device *idev;
	u32 old;

	obj = iommufd_get_object(tracker->ictx, policy->dev_id,
				 IOMMUFD_OBJ_DEVICE);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	idev = container_of(obj, struct iommufd_device, obj);
	if (!policy->number || policy->number == idev->dirty.policy_number) {
		old = idev->dirty.policy;
		WRITE_ONCE(idev->dirty.policy, policy->policy);
		policy->policy = old;
		policy->number = atomic64_inc_return(&number);
		idev->dirty.policy_number = policy->number;
	}
	iommufd_put_object(tracker->ictx, obj);
	return 0;
}

/* The next reconcile plans with it. -EINTR when killed, unless it @must. */
static int tracker_swap_policy(struct iommufd_dirty_tracker *tracker,
			       struct dirty_policy *policy, bool must)
{
	int rc = tracker_plan_lock(tracker, must);

	if (rc)
		return rc;
	if (policy->dev_id)
		rc = device_swap_policy(tracker, policy);
	else
		swap(tracker->policy, policy->policy);
	set_bit(DIRTY_STORE_RECONCILE, &tracker->store->flags);
	tracker_plan_unlock(tracker);
	return rc;
}

/**
 * dirty_tracker_set() - START or STOP
 * @tracker: The tracker
 * @flags: ENABLE and SPLIT of enum iommu_dirty_tracker_set_flags
 * @policy: A policy that applies from now on, or NULL. Out: the one before
 *
 * Return: As tracker_start(), -ENOENT when there is no such device, and the policy is
 * as before; -EINTR when killed.
 */
int dirty_tracker_set(struct iommufd_dirty_tracker *tracker, u32 flags,
		      struct dirty_policy *policy)
{
	int rc;

	rc = down_write_killable(&tracker->runs);
	if (rc)
		return rc;
	if (policy)
		rc = tracker_swap_policy(tracker, policy, false);
	if (rc)
		goto out_unlock;
	/* Before the plan, which takes the granule into account, and the walk of START */
	if (flags & IOMMU_DIRTY_TRACKER_SPLIT)
		dirty_split(tracker);
	if (flags & IOMMU_DIRTY_TRACKER_ENABLE)
		rc = tracker_start(tracker);
	else
		rc = tracker_stop_and_join(tracker);
	if (rc && flags & IOMMU_DIRTY_TRACKER_SPLIT && !tracker->running)
		dirty_join(tracker);
	if (rc && policy)
		tracker_swap_policy(tracker, policy, true);
out_unlock:
	up_write(&tracker->runs);
	return rc;
}

/**
 * dirty_tracker_restart() - START from nothing, whether it runs or not
 * @tracker: The tracker
 *
 * READs wait until it has begun again.
 *
 * Return: As tracker_start(); -EINTR when killed.
 */
int dirty_tracker_restart(struct iommufd_dirty_tracker *tracker)
{
	int rc;

	rc = down_write_killable(&tracker->runs);
	if (rc)
		return rc;
	rc = tracker_stop(tracker, false);
	if (!rc)
		rc = tracker_start(tracker);
	up_write(&tracker->runs);
	return rc;
}

/**
 * iommufd_dirty_tracker_destroy() - A tracker is destroyed
 * @obj: The tracker; no other has a reference
 */
void iommufd_dirty_tracker_destroy(struct iommufd_object *obj)
{
	dirty_tracker_teardown(container_of(obj, struct iommufd_dirty_tracker,
					    obj));
}

/* Has each domain whose dirty bits are used nothing but small leaves? */
static bool tracker_is_small(struct iommufd_dirty_tracker *tracker)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iommufd_dirty_domain *dd;
	bool small = true;

	down_read(&iopt->domains_rwsem);
	dirty_for_each_domain(dd, iopt, tracker)
		if (READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_IOMMU &&
		    !dd->small && !iopt->disable_large_pages)
			small = false;
	up_read(&iopt->domains_rwsem);
	return small;
}

static struct file *alloc_event(const struct iommu_dirty_tracker_alloc *cmd)
{
	struct eventfd_ctx *event;
	struct file *file;

	if (!(cmd->flags & IOMMU_DIRTY_TRACKER_EVENTFD))
		return cmd->event_fd ? ERR_PTR(-EOPNOTSUPP) : NULL;
	file = fget(cmd->event_fd);
	if (!file)
		return ERR_PTR(-EBADF);
	event = eventfd_ctx_fileget(file);
	if (IS_ERR(event)) {
		fput(file);
		return ERR_CAST(event);
	}
	eventfd_ctx_put(event);
	return file;
}

static int alloc_check(struct iommu_dirty_tracker_alloc *cmd)
{
	if (cmd->flags & ~(IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE |
			   IOMMU_DIRTY_TRACKER_EVENTFD))
		return -EOPNOTSUPP;
	if (cmd->policy > IOMMU_DIRTY_POLICY_DEVICE)
		return -EINVAL;
	if (!cmd->page_size)
		cmd->page_size = PAGE_SIZE;
	if (cmd->page_size < PAGE_SIZE || !is_power_of_2(cmd->page_size) ||
	    cmd->page_size > BIT_ULL(DIRTY_SET_MAX_SHIFT))
		return -EINVAL;
	return 0;
}

/**
 * iommufd_dirty_tracker_alloc() - ioctl(IOMMU_DIRTY_TRACKER_ALLOC)
 * @ucmd: struct iommu_dirty_tracker_alloc
 *
 * Return: 0 or an error listed at the struct.
 */
int iommufd_dirty_tracker_alloc(struct iommufd_ucmd *ucmd)
{
	struct iommu_dirty_tracker_alloc *cmd = ucmd->cmd;
	struct iommufd_dirty_tracker *tracker;
	struct iommufd_ioas *ioas;
	struct file *event;
	int rc;

	rc = alloc_check(cmd);
	if (rc)
		return rc;
	event = alloc_event(cmd);
	if (IS_ERR(event))
		return PTR_ERR(event);
	ioas = iommufd_get_ioas(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas)) {
		rc = PTR_ERR(ioas);
		goto out_event;
	}
	tracker = iommufd_object_alloc(ucmd->ictx, tracker,
				       IOMMUFD_OBJ_DIRTY_TRACKER);
	if (IS_ERR(tracker)) {
		rc = PTR_ERR(tracker);
		goto out_put;
	}
	rc = dirty_tracker_setup(tracker, ucmd->ictx, ioas, cmd->policy,
				 cmd->flags, cmd->page_size, event);
	if (!rc) {
		cmd->out_tracker_id = tracker->obj.id;
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	}
	if (rc)
		iommufd_object_abort_and_destroy(ucmd->ictx, &tracker->obj);
	else
		iommufd_object_finalize(ucmd->ictx, &tracker->obj);
out_put:
	iommufd_put_object(ucmd->ictx, &ioas->obj);
out_event:
	if (event)
		fput(event);
	return rc;
}

static int set_check(const struct iommu_dirty_tracker_set *cmd)
{
	if (cmd->flags & ~(IOMMU_DIRTY_TRACKER_ENABLE | IOMMU_DIRTY_TRACKER_SPLIT |
			   IOMMU_DIRTY_TRACKER_POLICY))
		return -EOPNOTSUPP;
	if ((cmd->flags & (IOMMU_DIRTY_TRACKER_ENABLE | IOMMU_DIRTY_TRACKER_SPLIT)) ==
	    IOMMU_DIRTY_TRACKER_SPLIT)
		return -EINVAL;
	if (!(cmd->flags & IOMMU_DIRTY_TRACKER_POLICY))
		return cmd->policy || cmd->dev_id ? -EOPNOTSUPP : 0;
	return cmd->policy > IOMMU_DIRTY_POLICY_DEVICE ? -EINVAL : 0;
}

/* Its least size has both; these two are less work than iommufd_ucmd_respond(). */
static int set_respond(struct iommufd_ucmd *ucmd,
		       const struct iommu_dirty_tracker_set *cmd)
{
	struct iommu_dirty_tracker_set __user *user = ucmd->ubuffer;

	if (put_user(cmd->out_flags, &user->out_flags) ||
	    put_user(cmd->out_page_size, &user->out_page_size))
		return -EFAULT;
	return 0;
}

/**
 * iommufd_dirty_tracker_set() - ioctl(IOMMU_DIRTY_TRACKER_SET)
 * @ucmd: struct iommu_dirty_tracker_set
 *
 * Return: 0 or an error listed at the struct.
 */
int iommufd_dirty_tracker_set(struct iommufd_ucmd *ucmd)
{
	struct iommu_dirty_tracker_set *cmd = ucmd->cmd;
	struct dirty_policy policy = {
		.dev_id = cmd->dev_id,
		.policy = cmd->policy,
	};
	bool has_policy = cmd->flags & IOMMU_DIRTY_TRACKER_POLICY;
	struct iommufd_dirty_tracker *tracker;
	int rc;

	rc = set_check(cmd);
	if (rc)
		return rc;
	tracker = iommufd_get_dirty_tracker(ucmd, cmd->tracker_id);
	if (IS_ERR(tracker))
		return PTR_ERR(tracker);
	if (has_policy && !policy.dev_id)
		policy.policy = dirty_policy_of(policy.policy);
	/* Nothing is changed where the answer cannot be written. That of STOP is final */
	cmd->out_flags = 0;
	cmd->out_page_size = tracker->unit;
	rc = set_respond(ucmd, cmd);
	if (!rc)
		rc = dirty_tracker_set(tracker, cmd->flags, has_policy ? &policy : NULL);
	if (!rc && cmd->flags & IOMMU_DIRTY_TRACKER_ENABLE) {
		cmd->out_flags = dirty_tracker_out_flags(tracker);
		if (cmd->flags & IOMMU_DIRTY_TRACKER_SPLIT &&
		    !tracker_is_small(tracker))
			cmd->out_flags |= IOMMU_DIRTY_TRACKER_COARSE;
		rc = set_respond(ucmd, cmd);
	}
	iommufd_put_object(ucmd->ictx, &tracker->obj);
	return rc;
}
