// SPDX-License-Identifier: GPL-2.0-only
/*
 * INFO: tell the plan, one line for each device, with DMA or without, and for each
 * HWPT that no device is attached to. A snapshot: devices and HWPTs may come and go between
 * two lines.
 */
#include <linux/iommu.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "platform/platform.h"
#include "source.h"
#include "tracker.h"

/**
 * struct dirty_info - INFO being collected
 * @tracker: The tracker
 * @user: Where the entries go
 * @size: Distance of the entries, in bytes
 * @max: Room for entries
 * @nr: Entries there are
 */
struct dirty_info {
	struct iommufd_dirty_tracker *tracker;
	u8 __user *user;
	u32 size;
	u32 max;
	u32 nr;
};

static void info_count(struct iommu_dirty_source_info *source,
		       const struct iommufd_dirty_counters *count)
{
	source->dirty_bytes = atomic64_read(&count->bytes);
	source->harvests = atomic64_read(&count->harvests);
	source->harvest_ns = atomic64_read(&count->harvest_ns);
	source->failures = atomic64_read(&count->failures);
}

static void info_fill(struct iommu_dirty_source_info *source,
		      const struct iommufd_dirty_domain *dd)
{
	const struct iommufd_hwpt_paging *hwpt_paging =
		container_of(dd, struct iommufd_hwpt_paging, dirty);

	source->kind = READ_ONCE(dd->kind);
	source->state = READ_ONCE(dd->state);
	if (READ_ONCE(dd->record) == IOMMUFD_DIRTY_RECORD_GATHER)
		source->flags |= IOMMU_DIRTY_SOURCE_GATHER;
	if (iommufd_dirty_domain_is_fine(&hwpt_paging->ioas->iopt, dd))
		source->flags |= IOMMU_DIRTY_SOURCE_FINE;
	source->granule = iommufd_dirty_domain_granule(dd) ?:
			  1UL << __ffs(dd->domain->pgsize_bitmap);
	source->largest = READ_ONCE(dd->largest);
	info_count(source, &dd->count);
	strscpy(source->platform, dd->platform ? dd->platform->name : "none",
		sizeof(source->platform));
}

/* A device whose own log is used, or was until it failed. */
static void info_fill_device(struct iommu_dirty_source_info *source,
			     const struct iommufd_dirty_device *dev)
{
	const struct iommufd_dirty_source *src = dev->source;

	source->failures += src ? atomic64_read(&src->count.failures) : 0;
	if (dev->seat.kind != IOMMU_DIRTY_SOURCE_DEVICE &&
	    dev->seat.kind != IOMMU_DIRTY_SOURCE_SCOPE)
		return;
	source->flags = 0;
	source->largest = 0;
	if (READ_ONCE(src->failed)) {
		source->kind = IOMMU_DIRTY_SOURCE_MAPPED;
		source->state = IOMMU_DIRTY_SOURCE_FAILED;
	} else {
		source->kind = dev->seat.kind;
		source->state = IOMMU_DIRTY_SOURCE_ON;
	}
	source->nr_ranges = 1;
	source->granule = src->granule;
	info_count(source, &src->count);
}

/* No lock is held: this may fault. */
static int info_emit(struct dirty_info *info,
		     const struct iommu_dirty_source_info *source)
{
	u32 n = info->nr++;
	size_t known = min_t(size_t, info->size, sizeof(*source));
	u8 __user *to = info->user + (u64)n * info->size;

	if (n >= info->max)
		return 0;
	if (copy_to_user(to, source, known) ||
	    clear_user(to + known, info->size - known))
		return -EFAULT;
	return 0;
}

/* Is @idev attached to the tracker's IOAS, and through which HWPT? */
static struct iommufd_hw_pagetable *
info_device_hwpt(struct dirty_info *info, struct iommufd_device *idev)
{
	struct iommufd_hw_pagetable *hwpt = idev->igroup->hwpt;
	struct iommufd_hwpt_paging *paging;
	struct iommufd_device *cur;

	lockdep_assert_held(&idev->igroup->lock);
	paging = hwpt ? find_hwpt_paging(hwpt) : NULL;
	if (!paging || paging->ioas != info->tracker->ioas)
		return NULL;
	list_for_each_entry(cur, &idev->igroup->device_list, group_item)
		if (cur == idev)
			return hwpt;
	return NULL;
}

static int info_device(struct dirty_info *info, struct iommufd_device *idev)
{
	struct iommu_dirty_source_info source = { .dev_id = idev->obj.id };
	struct io_pagetable *iopt = &info->tracker->ioas->iopt;
	struct iommufd_hw_pagetable *hwpt;

	mutex_lock(&idev->igroup->lock);
	hwpt = info_device_hwpt(info, idev);
	if (hwpt) {
		source.hwpt_id = hwpt->obj.id;
		info_fill(&source, &find_hwpt_paging(hwpt)->dirty);
		mutex_lock(&iopt->dirty.plan_lock);
		info_fill_device(&source, &idev->dirty);
		mutex_unlock(&iopt->dirty.plan_lock);
	}
	mutex_unlock(&idev->igroup->lock);
	return hwpt ? info_emit(info, &source) : 0;
}

/* A driver without DMA, if it is attached to the tracker's IOAS. */
static int info_access(struct dirty_info *info, struct iommufd_access *access)
{
	struct iommu_dirty_source_info source = {
		.dev_id = access->obj.id,
		.kind = IOMMU_DIRTY_SOURCE_ACCESS,
		.granule = PAGE_SIZE,
		.platform = "cpu",
	};
	bool attached;

	mutex_lock(&access->ioas_lock);
	attached = access->ioas == info->tracker->ioas;
	mutex_unlock(&access->ioas_lock);
	if (!attached)
		return 0;
	if (READ_ONCE(info->tracker->running))
		source.state = IOMMU_DIRTY_SOURCE_ON;
	else
		source.kind = IOMMU_DIRTY_SOURCE_NONE;
	source.dirty_bytes = atomic64_read(&access->dirty.bytes);
	return info_emit(info, &source);
}

static int info_devices(struct dirty_info *info)
{
	struct iommufd_ctx *ictx = info->tracker->ictx;
	struct iommufd_object *obj;
	unsigned long index;
	int rc = 0;

	xa_for_each(&ictx->objects, index, obj) {
		/* Of another type it must not be held, see info_hwpt() */
		obj = iommufd_get_object(ictx, index, IOMMUFD_OBJ_DEVICE);
		if (IS_ERR(obj))
			obj = iommufd_get_object(ictx, index, IOMMUFD_OBJ_ACCESS);
		if (IS_ERR(obj))
			continue;
		if (obj->type == IOMMUFD_OBJ_DEVICE)
			rc = info_device(info,
					 container_of(obj, struct iommufd_device, obj));
		else
			rc = info_access(info,
					 container_of(obj, struct iommufd_access, obj));
		iommufd_put_object(ictx, obj);
		if (rc)
			break;
	}
	return rc;
}

/* The HWPT number @n without a device; false when there are fewer. */
static bool info_hwpt(struct dirty_info *info, unsigned int n,
		      struct iommu_dirty_source_info *source)
{
	struct io_pagetable *iopt = &info->tracker->ioas->iopt;
	struct iommufd_dirty_domain *dd;
	bool found = false;

	down_read(&iopt->domains_rwsem);
	list_for_each_entry(dd, &iopt->dirty.domains, item) {
		struct iommufd_object *obj =
			&container_of(dd, struct iommufd_hwpt_paging,
				      dirty)->common.obj;

		/*
		 * A reference would keep an automatic HWPT from being destroyed
		 * with its last device. Each device and nested HWPT is a user
		 * besides the ID.
		 */
		if (refcount_read(&obj->users) > 1 || n--)
			continue;
		*source = (struct iommu_dirty_source_info){ .hwpt_id = obj->id };
		info_fill(source, dd);
		found = true;
		break;
	}
	up_read(&iopt->domains_rwsem);
	return found;
}

static int info_hwpts(struct dirty_info *info)
{
	struct iommu_dirty_source_info source;
	unsigned int n = 0;
	int rc = 0;

	while (!rc && info_hwpt(info, n++, &source))
		rc = info_emit(info, &source);
	return rc;
}

/**
 * iommufd_dirty_tracker_info - ioctl(IOMMU_DIRTY_TRACKER_INFO)
 * @ucmd: struct iommu_dirty_tracker_info
 */
int iommufd_dirty_tracker_info(struct iommufd_ucmd *ucmd)
{
	struct iommu_dirty_tracker_info *cmd = ucmd->cmd;
	struct dirty_info info = {
		.user = u64_to_user_ptr(cmd->sources),
		.size = cmd->source_size,
		.max = cmd->nr_sources,
	};
	struct iommufd_dirty_tracker *tracker;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;
	if (cmd->nr_sources &&
	    (cmd->source_size < offsetofend(struct iommu_dirty_source_info,
					    hwpt_id) ||
	     cmd->source_size > PAGE_SIZE))
		return -EINVAL;
	tracker = iommufd_get_dirty_tracker(ucmd, cmd->tracker_id);
	if (IS_ERR(tracker))
		return PTR_ERR(tracker);
	info.tracker = tracker;
	rc = info_devices(&info);
	if (!rc)
		rc = info_hwpts(&info);
	if (rc)
		goto out_put;

	cmd->nr_sources = info.nr;
	cmd->out_flags = iommufd_dirty_out_flags(tracker);
	if (READ_ONCE(tracker->running))
		cmd->out_flags |= IOMMU_DIRTY_TRACKER_RUNNING;
	cmd->out_page_size = BIT(tracker->shift);
	mutex_lock(&tracker->pending_lock);
	cmd->out_pending_bytes = dirty_set_bytes(&tracker->pending);
	cmd->out_memory = dirty_set_memory(&tracker->pending);
	mutex_unlock(&tracker->pending_lock);
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
out_put:
	iommufd_put_object(ucmd->ictx, &tracker->obj);
	return rc;
}
