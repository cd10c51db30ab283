// SPDX-License-Identifier: GPL-2.0-only
/*
 * INFO: tell the plan, one line for each device, with DMA or without, and for each
 * HWPT that no device is attached to. Before START, and for an IOAS without a
 * tracker, it is the plan that START would make. A snapshot of one moment, taken
 * under plan_lock into kernel memory.
 */
#include <linux/iommu.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "collect.h"
#include "domain.h"
#include "info.h"
#include "log.h"
#include "platform/platform.h"
#include "policy.h"
#include "reconcile.h"
#include "tracker.h"

static void info_count(struct iommu_dirty_source_info *source,
		       const struct iommufd_dirty_counters *count)
{
	source->dirty_bytes = atomic64_read(&count->bytes);
	source->harvests = atomic64_read(&count->harvests);
	source->harvest_ns = atomic64_read(&count->harvest_ns);
	source->failures = atomic64_read(&count->failures);
}

static void info_domain(struct dirty_info *info,
			struct iommu_dirty_source_info *source,
			struct iommufd_dirty_domain *dd)
{
	bool failed = READ_ONCE(dd->failed);

	if (info->running)
		source->kind = READ_ONCE(dd->kind);
	else if (info->plan.domains)
		source->kind = info->plan.domains[dd->index].kind;
	source->state = IOMMU_DIRTY_SOURCE_OFF;
	if (info->running && source->kind != IOMMU_DIRTY_SOURCE_NONE)
		source->state = failed ? IOMMU_DIRTY_SOURCE_FAILED :
					 IOMMU_DIRTY_SOURCE_ON;
	if (READ_ONCE(dd->record) == IOMMUFD_DIRTY_RECORD_GATHER)
		source->flags |= IOMMU_DIRTY_SOURCE_GATHER;
	if (dd->small || info->ioas->iopt.disable_large_pages)
		source->flags |= IOMMU_DIRTY_SOURCE_FINE;
	source->granule = dirty_domain_granule(dd) ?:
			  1UL << __ffs(dd->domain->pgsize_bitmap);
	source->largest = READ_ONCE(dd->largest);
	source->last = ULONG_MAX;
	info_count(source, &dd->count);
	strscpy(source->platform, dd->platform ? dd->platform->name : "none",
		sizeof(source->platform));
}

/* A device whose own log is used, or was until it failed. */
static void info_log(struct dirty_info *info,
		     struct iommu_dirty_source_info *source,
		     const struct iommufd_dirty_attachment *at, u8 kind)
{
	const struct dirty_log *log = dirty_pasid_log(at->owner);

	source->kind = kind;
	if (!log)
		return;
	source->failures += atomic64_read(&log->count.failures);
	if (info->running && READ_ONCE(log->failed) &&
	    kind == IOMMU_DIRTY_SOURCE_MAPPED)
		source->state = IOMMU_DIRTY_SOURCE_FAILED;
	if (kind != IOMMU_DIRTY_SOURCE_DEVICE && kind != IOMMU_DIRTY_SOURCE_SCOPE)
		return;
	source->flags = 0;
	source->largest = 0;
	source->granule = log->desc.granule;
	if (!info->running)
		return;
	source->state = READ_ONCE(log->failed) ? IOMMU_DIRTY_SOURCE_FAILED :
						 IOMMU_DIRTY_SOURCE_ON;
	if (READ_ONCE(log->failed))
		source->kind = IOMMU_DIRTY_SOURCE_MAPPED;
	source->granule = log->binding.granule;
	source->first = log->binding.first;
	source->last = log->binding.last;
	info_count(source, &log->count);
}

static void info_add(struct dirty_info *info,
		     const struct iommu_dirty_source_info *source)
{
	if (info->nr < info->max)
		info->entry[info->nr] = *source;
	info->nr++;
}

static void info_devices(struct dirty_info *info)
{
	struct io_pagetable *iopt = &info->ioas->iopt;
	struct iommufd_dirty_attachment *at;
	unsigned int i = 0;

	dirty_for_each_attachment(at, iopt, info->tracker) {
		struct iommu_dirty_source_info source = {
			.dev_id = at->idev->obj.id,
			.hwpt_id = at->hwpt_id,
			.pasid = at->owner->pasid,
		};
		u8 kind = at->kind;

		if (!info->running && info->plan.devices)
			kind = at->silent ? IOMMU_DIRTY_SOURCE_NONE :
					    info->plan.devices[i++].kind;
		/* A device in the middle of a replace has two attachments */
		if (at != &at->owner->now)
			continue;
		info_domain(info, &source, at->dd);
		info_log(info, &source, at, kind);
		info_add(info, &source);
	}
}

static bool domain_has_device(struct iommufd_dirty_iopt *dirty,
			      const struct iommufd_dirty_domain *dd)
{
	struct iommufd_dirty_attachment *at;

	list_for_each_entry(at, &dirty->attachments, item)
		if (at->dd == dd)
			return true;
	return false;
}

static void info_hwpts(struct dirty_info *info)
{
	struct io_pagetable *iopt = &info->ioas->iopt;
	struct iommufd_dirty_domain *dd;

	dirty_for_each_domain(dd, iopt, info->tracker) {
		const struct iommufd_hwpt_paging *hwpt_paging =
			container_of(dd, struct iommufd_hwpt_paging, dirty);
		struct iommu_dirty_source_info source = {
			.hwpt_id = hwpt_paging->common.obj.id,
		};

		if (domain_has_device(&iopt->dirty, dd))
			continue;
		info_domain(info, &source, dd);
		info_add(info, &source);
	}
}

/* Drivers without DMA that are attached to the IOAS; a tracker of a HWPT has none. */
static void info_accesses(struct dirty_info *info)
{
	struct io_pagetable *iopt = &info->ioas->iopt;
	struct iommufd_access *access;
	unsigned long index;

	if (info->tracker && info->tracker->only)
		return;
	xa_lock(&iopt->access_list);
	xa_for_each(&iopt->access_list, index, access) {
		struct iommu_dirty_source_info source = {
			.dev_id = access->obj.id,
			.kind = IOMMU_DIRTY_SOURCE_ACCESS,
			.state = info->running ? IOMMU_DIRTY_SOURCE_ON :
						 IOMMU_DIRTY_SOURCE_OFF,
			.granule = PAGE_SIZE,
			.last = ULONG_MAX,
			.dirty_bytes = atomic64_read(&access->dirty.bytes),
			.platform = "cpu",
		};

		info_add(info, &source);
	}
	xa_unlock(&iopt->access_list);
}

/* Is there a plan that START would make, and can it be made without waiting? */
static bool info_can_preview(const struct dirty_info *info)
{
	const struct iommufd_dirty_attachment *at;

	/* That of a HWPT is made when it starts */
	if (info->running || (info->tracker && info->tracker->only))
		return false;
	if (info->peek)
		list_for_each_entry(at, &info->ioas->iopt.dirty.attachments, item)
			if (!at->known)
				return false;
	return true;
}

static int info_collect(struct dirty_info *info, u32 room)
{
	struct io_pagetable *iopt = &info->ioas->iopt;
	unsigned int accesses = 0;
	u32 policy = dirty_policy_of(IOMMU_DIRTY_POLICY_AUTO);
	struct iommufd_access *access;
	unsigned long index;
	int rc = 0;

	if (info->tracker)
		policy = info->tracker->policy;
	info->running = info->tracker && info->tracker->running;
	if (info->running && !info->peek &&
	    test_bit(DIRTY_STORE_RECONCILE, &info->tracker->store->flags))
		dirty_reconcile(info->tracker, true);
	if (info_can_preview(info))
		rc = dirty_plan_preview(iopt, policy, &info->plan);
	if (rc)
		return rc;
	xa_for_each(&iopt->access_list, index, access)
		accesses++;
	/* What is attached in between is counted and left out */
	info->max = min(room, list_count_nodes(&iopt->dirty.domains) +
				      list_count_nodes(&iopt->dirty.attachments) +
				      accesses);
	info->entry = kvzalloc_objs(*info->entry, info->max + 1,
				    GFP_KERNEL_ACCOUNT);
	if (!info->entry)
		return -ENOMEM;
	info_devices(info);
	info_accesses(info);
	info_hwpts(info);
	return 0;
}

static void info_pending(struct dirty_info *info)
{
	if (info->store)
		info->pending = dirty_store_bytes(info->store, &info->memory);
}

/**
 * dirty_info_peek() - INFO for a bystander
 * @ioas: The IOAS, which stays
 * @dd: The domain of a HWPT of it whose own tracker is meant, which stays; or NULL
 * @info: Out: to be freed with dirty_info_free(), also after an error
 *
 * Waits for no lock that is held while a user or a device is waited for, and changes
 * nothing: before START, the plan is left out of the sources where it is not known.
 *
 * Return: -ENODEV when there is no tracker, -EBUSY when a lock is taken, -ENOMEM.
 */
int dirty_info_peek(struct iommufd_ioas *ioas,
		    const struct iommufd_dirty_domain *dd, struct dirty_info *info)
{
	struct mutex *plan_lock = &ioas->iopt.dirty.plan_lock;
	int rc;

	*info = (struct dirty_info){ .ioas = ioas, .peek = true };
	if (!mutex_trylock(plan_lock))
		return -EBUSY;
	info->tracker = dd ? dd->tracker : ioas->iopt.dirty.tracker;
	rc = info->tracker ? info_collect(info, U32_MAX) : -ENODEV;
	if (rc)
		goto out_unlock;
	if (!dirty_tracker_peek_flags(info->tracker, &info->flags))
		rc = -EBUSY;
	if (info->running)
		info->flags |= IOMMU_DIRTY_TRACKER_RUNNING;
	info->tracker_id = info->tracker->obj.id;
	info->policy = info->tracker->policy;
	info->alloc_flags = info->tracker->flags;
	info->unit = info->tracker->unit;
	info->store = dirty_store_get(info->tracker->store);
out_unlock:
	/* It may be destroyed from here on */
	info->tracker = NULL;
	mutex_unlock(plan_lock);
	if (!rc)
		info_pending(info);
	return rc;
}

/**
 * dirty_info_free() - Undo dirty_info_peek()
 * @info: What it has filled
 */
void dirty_info_free(struct dirty_info *info)
{
	dirty_store_put(info->store);
	kvfree(info->entry);
	kfree(info->plan.domains);
	kfree(info->plan.devices);
}

static int info_copy(const struct dirty_info *info,
		     const struct iommu_dirty_tracker_info *cmd)
{
	size_t known = min_t(size_t, cmd->source_size, sizeof(*info->entry));
	u8 __user *to = u64_to_user_ptr(cmd->sources);
	u32 i;

	for (i = 0; i < min(info->nr, info->max); i++) {
		if (copy_to_user(to, &info->entry[i], known) ||
		    clear_user(to + known, cmd->source_size - known))
			return -EFAULT;
		to += cmd->source_size;
	}
	return 0;
}

static int info_ioas(struct iommu_dirty_tracker_info *cmd,
		     struct iommufd_ioas *ioas)
{
	struct dirty_info info = { .ioas = ioas };
	int rc;

	rc = mutex_lock_killable(&ioas->iopt.dirty.plan_lock);
	if (rc)
		return rc;
	info.tracker = ioas->iopt.dirty.tracker;
	rc = info_collect(&info, cmd->nr_sources);
	cmd->out_flags = 0;
	cmd->tracker_id = info.tracker ? info.tracker->obj.id : 0;
	cmd->out_page_size = PAGE_SIZE;
	if (!info.running && info.plan.conservative)
		cmd->out_flags = IOMMU_DIRTY_TRACKER_CONSERVATIVE;
	if (info.tracker) {
		info.store = dirty_store_get(info.tracker->store);
		cmd->out_flags |= dirty_tracker_out_flags(info.tracker);
		if (info.running)
			cmd->out_flags |= IOMMU_DIRTY_TRACKER_RUNNING;
		cmd->out_page_size = info.tracker->unit;
	}
	mutex_unlock(&ioas->iopt.dirty.plan_lock);
	if (!rc)
		rc = info_copy(&info, cmd);
	cmd->nr_sources = info.nr;
	info_pending(&info);
	cmd->out_pending_bytes = info.pending;
	cmd->out_memory = info.memory;
	dirty_info_free(&info);
	return rc;
}

/**
 * iommufd_dirty_tracker_info() - ioctl(IOMMU_DIRTY_TRACKER_INFO)
 * @ucmd: struct iommu_dirty_tracker_info
 *
 * Return: 0 or an error listed at the struct.
 */
int iommufd_dirty_tracker_info(struct iommufd_ucmd *ucmd)
{
	struct iommu_dirty_tracker_info *cmd = ucmd->cmd;
	struct iommufd_dirty_tracker *tracker;
	struct iommufd_ioas *ioas;
	int rc;

	if (cmd->flags & ~IOMMU_DIRTY_TRACKER_INFO_IOAS)
		return -EOPNOTSUPP;
	if (cmd->nr_sources &&
	    (cmd->source_size < offsetofend(struct iommu_dirty_source_info,
					    hwpt_id) ||
	     cmd->source_size > PAGE_SIZE))
		return -EINVAL;
	if (cmd->flags & IOMMU_DIRTY_TRACKER_INFO_IOAS) {
		ioas = iommufd_get_ioas(ucmd->ictx, cmd->tracker_id);
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		rc = info_ioas(cmd, ioas);
		iommufd_put_object(ucmd->ictx, &ioas->obj);
	} else {
		tracker = iommufd_get_dirty_tracker(ucmd, cmd->tracker_id);
		if (IS_ERR(tracker))
			return PTR_ERR(tracker);
		rc = info_ioas(cmd, tracker->ioas);
		iommufd_put_object(ucmd->ictx, &tracker->obj);
	}
	return rc ? rc : iommufd_ucmd_respond(ucmd, sizeof(*cmd));
}
