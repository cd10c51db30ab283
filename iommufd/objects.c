// SPDX-License-Identifier: GPL-2.0-only
/*
 * What netlink shows of contexts and their objects, one message for each. Called with
 * the context locked (context.c), so that objects stay. Locks that are held while a
 * user's memory or a device is waited for are only taken when they are free; else the
 * object is shown as busy, without what the lock protects.
 */
#include <linux/iommu.h>
#include <linux/rwsem.h>
#include <net/genetlink.h>
#include <uapi/linux/iommufd_dirty_netlink.h>

#include "domain.h"
#include "info.h"
#include "log.h"
#include "netlink.h"
#include "platform/platform.h"
#include "tracker.h"

/* Areas that are looked at in one hold of iova_rwsem: maps and unmaps wait for that */
#define WALK_AREAS 1024

/**
 * struct dirty_kind - A kind of object that can be asked for
 * @id: Attribute with its ID
 * @fill: Puts an object, as dirty_object_fill()
 */
struct dirty_kind {
	u16 id;
	int (*fill)(struct dirty_message *msg, struct iommufd_ctx *ictx,
		    struct iommufd_object *obj, struct dirty_dump *dump);
};

static bool put_uint(struct sk_buff *skb, int attr, u64 value)
{
	return !nla_put_uint(skb, attr, value);
}

static bool put_u32(struct sk_buff *skb, int attr, u32 value)
{
	return !nla_put_u32(skb, attr, value);
}

static bool put_flag(struct sk_buff *skb, int attr, bool value)
{
	return !value || !nla_put_flag(skb, attr);
}

static bool put_string(struct sk_buff *skb, int attr, const char *value)
{
	return !nla_put_string(skb, attr, value);
}

/* ---- Contexts and IOASes ---- */

/**
 * struct dirty_mapped - What is mapped in an IOAS
 * @areas: Mappings
 * @mapped: Bytes of IOVA
 * @pinned: Bytes of memory, of those pages only that were not counted yet
 */
struct dirty_mapped {
	u64 areas;
	u64 mapped;
	u64 pinned;
};

/* Pages that are marked with the number of a count are in it already */
static u64 next_count(void)
{
	static atomic64_t count;

	return atomic64_inc_return(&count);
}

static void count_area(struct iopt_area *area, u64 count,
		       struct dirty_mapped *sum)
{
	struct iopt_pages *pages = area->pages;

	/* It is being mapped or unmapped */
	if (!pages)
		return;
	sum->areas++;
	sum->mapped += iopt_area_length(area);
	/* Only areas of one context share pages, and that is locked */
	if (pages->dirty_seen == count)
		return;
	pages->dirty_seen = count;
	sum->pinned += (u64)READ_ONCE(pages->npinned) << PAGE_SHIFT;
}

/* In pieces, so that what is mapped in between need not wait. False: busy. */
static bool count_mapped(struct io_pagetable *iopt, u64 count,
			 struct dirty_mapped *sum)
{
	struct iopt_area *area;
	unsigned long at = 0;
	unsigned int n;

	do {
		if (!down_read_trylock(&iopt->iova_rwsem))
			return false;
		area = iopt_area_iter_first(iopt, at, ULONG_MAX);
		for (n = 0; area && n < WALK_AREAS; n++) {
			count_area(area, count, sum);
			at = iopt_area_last_iova(area) + 1;
			area = iopt_area_iter_next(area, at, ULONG_MAX);
		}
		up_read(&iopt->iova_rwsem);
		cond_resched();
	} while (area);
	return true;
}

/**
 * dirty_context_fill() - Put a context
 * @msg: The message
 * @ictx: The context, locked
 *
 * Return: -EMSGSIZE when there is no room.
 */
int dirty_context_fill(struct dirty_message *msg, struct iommufd_ctx *ictx)
{
	struct dirty_mapped sum = {};
	struct iommufd_object *obj;
	u64 count = next_count();
	unsigned long index;
	bool busy = false;
	void *hdr;

	xa_for_each(&ictx->objects, index, obj)
		if (obj->type == IOMMUFD_OBJ_IOAS)
			busy |= !count_mapped(&container_of(obj, struct iommufd_ioas,
							    obj)->iopt,
					      count, &sum);
	hdr = dirty_message_begin(msg);
	if (!hdr)
		return -EMSGSIZE;
	return dirty_message_end(msg, hdr,
		put_uint(msg->skb, IOMMUFD_DIRTY_A_CONTEXT, ictx->dirty.number) &&
		put_u32(msg->skb, IOMMUFD_DIRTY_A_PID, ictx->dirty.pid) &&
		put_string(msg->skb, IOMMUFD_DIRTY_A_COMM, ictx->dirty.comm) &&
		put_uint(msg->skb, IOMMUFD_DIRTY_A_PINNED, sum.pinned) &&
		put_flag(msg->skb, IOMMUFD_DIRTY_A_BUSY, busy));
}

static int fill_ioas(struct dirty_message *msg, struct iommufd_ctx *ictx,
		     struct iommufd_object *obj, struct dirty_dump *dump)
{
	struct dirty_mapped sum = {};
	struct io_pagetable *iopt;
	bool known;
	void *hdr;

	if (obj->type != IOMMUFD_OBJ_IOAS)
		return -ENOENT;
	iopt = &container_of(obj, struct iommufd_ioas, obj)->iopt;
	known = count_mapped(iopt, next_count(), &sum);
	hdr = dirty_message_begin(msg);
	if (!hdr)
		return -EMSGSIZE;
	return dirty_message_end(msg, hdr,
		put_uint(msg->skb, IOMMUFD_DIRTY_A_CONTEXT, ictx->dirty.number) &&
		put_u32(msg->skb, IOMMUFD_DIRTY_A_IOAS, obj->id) &&
		put_u32(msg->skb, IOMMUFD_DIRTY_A_SMALL_LEAVES,
			READ_ONCE(iopt->dirty.small_leaves)) &&
		put_flag(msg->skb, IOMMUFD_DIRTY_A_BUSY, !known) &&
		(!known ||
		 (put_uint(msg->skb, IOMMUFD_DIRTY_A_AREAS, sum.areas) &&
		  put_uint(msg->skb, IOMMUFD_DIRTY_A_MAPPED, sum.mapped) &&
		  put_uint(msg->skb, IOMMUFD_DIRTY_A_PINNED, sum.pinned))));
}

/* ---- HWPTs and devices ---- */

static bool put_paging(struct sk_buff *skb,
		       const struct iommufd_hwpt_paging *hwpt_paging)
{
	const struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;

	return put_u32(skb, IOMMUFD_DIRTY_A_HWPT_TYPE, IOMMUFD_DIRTY_HWPT_TYPE_PAGING) &&
	       put_u32(skb, IOMMUFD_DIRTY_A_IOAS, hwpt_paging->ioas->obj.id) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_LEAF_SIZES,
			hwpt_paging->common.domain->pgsize_bitmap) &&
	       put_u32(skb, IOMMUFD_DIRTY_A_SMALL_LEAVES, dd->small) &&
	       put_flag(skb, IOMMUFD_DIRTY_A_CAN_TRACK, dd->platform) &&
	       put_flag(skb, IOMMUFD_DIRTY_A_AUTOMATIC, hwpt_paging->auto_domain) &&
	       put_string(skb, IOMMUFD_DIRTY_A_PLATFORM,
			  dd->platform ? dd->platform->name : "none") &&
	       put_u32(skb, IOMMUFD_DIRTY_A_KIND, READ_ONCE(dd->kind)) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_LARGEST, READ_ONCE(dd->largest));
}

static bool put_nested(struct sk_buff *skb,
		       const struct iommufd_hwpt_nested *nested)
{
	return put_u32(skb, IOMMUFD_DIRTY_A_HWPT_TYPE, IOMMUFD_DIRTY_HWPT_TYPE_NESTED) &&
	       put_u32(skb, IOMMUFD_DIRTY_A_IOAS, nested->parent->ioas->obj.id) &&
	       put_u32(skb, IOMMUFD_DIRTY_A_PARENT,
		       nested->parent->common.obj.id);
}

static int fill_hwpt(struct dirty_message *msg, struct iommufd_ctx *ictx,
		     struct iommufd_object *obj, struct dirty_dump *dump)
{
	struct iommufd_hw_pagetable *hwpt;
	void *hdr;

	if (obj->type != IOMMUFD_OBJ_HWPT_PAGING &&
	    obj->type != IOMMUFD_OBJ_HWPT_NESTED)
		return -ENOENT;
	hwpt = container_of(obj, struct iommufd_hw_pagetable, obj);
	hdr = dirty_message_begin(msg);
	if (!hdr)
		return -EMSGSIZE;
	return dirty_message_end(msg, hdr,
		put_uint(msg->skb, IOMMUFD_DIRTY_A_CONTEXT, ictx->dirty.number) &&
		put_u32(msg->skb, IOMMUFD_DIRTY_A_HWPT, obj->id) &&
		(hwpt_is_paging(hwpt) ?
			 put_paging(msg->skb, to_hwpt_paging(hwpt)) :
			 put_nested(msg->skb, to_hwpt_nested(hwpt))));
}

static u32 log_owner(const struct dirty_log *log)
{
	switch (dirty_log_state(log)) {
	case DIRTY_LOG_USER:
		return IOMMUFD_DIRTY_LOG_OWNER_USER;
	case DIRTY_LOG_BUSY:
	case DIRTY_LOG_TRACKER:
		return IOMMUFD_DIRTY_LOG_OWNER_TRACKER;
	case DIRTY_LOG_ENDING:
		return IOMMUFD_DIRTY_LOG_OWNER_ENDING;
	case DIRTY_LOG_FREE:
		break;
	}
	return IOMMUFD_DIRTY_LOG_OWNER_FREE;
}

/* Where it is attached, and its log; the group's lock is held. */
static bool put_attachment(struct sk_buff *skb, struct iommufd_device *idev)
{
	const struct iommufd_dirty_attachment *at = &idev->dirty.rid.now;
	const struct dirty_log *log = idev->dirty.log;
	bool fits = true;

	if (at->dd)
		fits = put_u32(skb, IOMMUFD_DIRTY_A_HWPT, at->hwpt_id) &&
		       put_u32(skb, IOMMUFD_DIRTY_A_IOAS,
			       container_of(at->dd, struct iommufd_hwpt_paging,
					    dirty)->ioas->obj.id) &&
		       put_u32(skb, IOMMUFD_DIRTY_A_KIND, READ_ONCE(at->kind));
	if (log)
		fits = fits &&
		       put_u32(skb, IOMMUFD_DIRTY_A_LOG_OWNER, log_owner(log)) &&
		       put_uint(skb, IOMMUFD_DIRTY_A_GRANULE, log->desc.granule);
	return fits;
}

static bool put_dma_device(struct sk_buff *skb, struct iommufd_device *idev)
{
	/* NULL without an IOMMU (7.x) */
	struct iommu_group *group = idev->igroup->group;
	struct mutex *lock = &idev->igroup->lock;
	bool fits;

	fits = put_string(skb, IOMMUFD_DIRTY_A_NAME, dev_name(idev->dev)) &&
	       (!group || put_u32(skb, IOMMUFD_DIRTY_A_GROUP, iommu_group_id(group)));
	if (READ_ONCE(idev->dirty.policy))
		fits = fits && put_u32(skb, IOMMUFD_DIRTY_A_POLICY,
				       READ_ONCE(idev->dirty.policy));
	if (READ_ONCE(idev->dirty.migration))
		fits = fits && put_u32(skb, IOMMUFD_DIRTY_A_MIGRATION,
				       READ_ONCE(idev->dirty.migration) - 1);
	/* Held while the device is attached */
	if (!mutex_trylock(lock))
		return fits && put_flag(skb, IOMMUFD_DIRTY_A_BUSY, true);
	fits = fits && put_attachment(skb, idev);
	mutex_unlock(lock);
	return fits;
}

/*
 * A driver without DMA. It may have left the IOAS by now, which stays all the same,
 * since the context is locked.
 */
static bool put_access(struct sk_buff *skb, struct iommufd_access *access)
{
	struct iommufd_ioas *ioas = READ_ONCE(access->ioas);

	return put_u32(skb, IOMMUFD_DIRTY_A_KIND, IOMMU_DIRTY_SOURCE_ACCESS) &&
	       (!ioas || put_u32(skb, IOMMUFD_DIRTY_A_IOAS, ioas->obj.id));
}

static int fill_device(struct dirty_message *msg, struct iommufd_ctx *ictx,
		       struct iommufd_object *obj, struct dirty_dump *dump)
{
	void *hdr;

	if (obj->type != IOMMUFD_OBJ_DEVICE && obj->type != IOMMUFD_OBJ_ACCESS)
		return -ENOENT;
	hdr = dirty_message_begin(msg);
	if (!hdr)
		return -EMSGSIZE;
	return dirty_message_end(msg, hdr,
		put_uint(msg->skb, IOMMUFD_DIRTY_A_CONTEXT, ictx->dirty.number) &&
		put_u32(msg->skb, IOMMUFD_DIRTY_A_DEVICE, obj->id) &&
		(obj->type == IOMMUFD_OBJ_DEVICE ?
			 put_dma_device(msg->skb, container_of(obj,
						struct iommufd_device, obj)) :
			 put_access(msg->skb, container_of(obj,
						struct iommufd_access, obj))));
}

/* ---- Trackers and sources ---- */

/* The domain whose own tracker a dump shows when it reaches the HWPT; or NULL. */
static struct iommufd_dirty_domain *tracker_domain(struct iommufd_object *obj)
{
	if (obj->type != IOMMUFD_OBJ_HWPT_PAGING)
		return NULL;
	return &container_of(obj, struct iommufd_hwpt_paging, common.obj)->dirty;
}

/* The IOAS whose tracker an object is, or has without an ID; or NULL. */
static struct iommufd_ioas *tracker_ioas(struct iommufd_object *obj)
{
	if (obj->type == IOMMUFD_OBJ_HWPT_PAGING)
		return container_of(obj, struct iommufd_hwpt_paging,
				    common.obj)->ioas;
	if (obj->type == IOMMUFD_OBJ_DIRTY_TRACKER)
		return container_of(obj, struct iommufd_dirty_tracker, obj)->ioas;
	if (obj->type == IOMMUFD_OBJ_IOAS)
		return container_of(obj, struct iommufd_ioas, obj);
	return NULL;
}

/* A dump shows a tracker without ID when it reaches the IOAS. */
static int tracker_peek(struct iommufd_ctx *ictx, struct iommufd_object *obj,
			struct dirty_info *info)
{
	const struct iommufd_dirty_domain *dd = tracker_domain(obj);
	struct iommufd_ioas *ioas = tracker_ioas(obj);
	bool legacy;
	int rc;

	if (!ioas || (dd && !READ_ONCE(dd->tracker)))
		return -ENOENT;
	legacy = obj == &ioas->obj;
	if (legacy && !READ_ONCE(ictx->dirty.legacy))
		return -ENOENT;
	rc = dirty_info_peek(ioas, dd, info);
	/* It is about to be destroyed, or made */
	if (rc == -ENODEV || (!rc && !dd && legacy == !!info->tracker_id)) {
		dirty_info_free(info);
		return -ENOENT;
	}
	if (rc && legacy && READ_ONCE(ictx->vfio_ioas) != ioas) {
		dirty_info_free(info);
		return -ENOENT;
	}
	return rc;
}

static bool put_tracker(struct sk_buff *skb, const struct dirty_info *info)
{
	return put_u32(skb, IOMMUFD_DIRTY_A_POLICY, info->policy) &&
	       put_u32(skb, IOMMUFD_DIRTY_A_FLAGS, info->alloc_flags) &&
	       put_u32(skb, IOMMUFD_DIRTY_A_OUT_FLAGS, info->flags) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_PAGE_SIZE, info->unit) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_PENDING, info->pending) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_MEMORY, info->memory);
}

static bool put_tracker_name(struct sk_buff *skb, const struct iommufd_ctx *ictx,
			     struct iommufd_object *obj)
{
	bool has_id = obj->type == IOMMUFD_OBJ_DIRTY_TRACKER;
	struct iommufd_ioas *ioas = tracker_ioas(obj);

	return put_uint(skb, IOMMUFD_DIRTY_A_CONTEXT, ictx->dirty.number) &&
	       put_u32(skb, IOMMUFD_DIRTY_A_IOAS, ioas->obj.id) &&
	       put_u32(skb, IOMMUFD_DIRTY_A_TRACKER, has_id ? obj->id : 0) &&
	       (!tracker_domain(obj) ||
		put_u32(skb, IOMMUFD_DIRTY_A_TRACKER_HWPT, obj->id));
}

static int fill_tracker(struct dirty_message *msg, struct iommufd_ctx *ictx,
			struct iommufd_object *obj, struct dirty_dump *dump)
{
	struct dirty_info info;
	void *hdr;
	int rc;

	rc = tracker_peek(ictx, obj, &info);
	if (rc == -ENOENT)
		return rc;
	hdr = dirty_message_begin(msg);
	if (hdr)
		rc = dirty_message_end(msg, hdr,
			put_tracker_name(msg->skb, ictx, obj) &&
			(rc ? put_flag(msg->skb, IOMMUFD_DIRTY_A_BUSY, true) :
			      put_tracker(msg->skb, &info)));
	else
		rc = -EMSGSIZE;
	dirty_info_free(&info);
	return rc;
}

static bool put_source(struct sk_buff *skb,
		       const struct iommu_dirty_source_info *source)
{
	return (!source->dev_id ||
		put_u32(skb, IOMMUFD_DIRTY_A_DEVICE, source->dev_id)) &&
	       (!source->pasid ||
		put_u32(skb, IOMMUFD_DIRTY_A_PASID, source->pasid)) &&
	       (!source->hwpt_id ||
		put_u32(skb, IOMMUFD_DIRTY_A_HWPT, source->hwpt_id)) &&
	       put_u32(skb, IOMMUFD_DIRTY_A_KIND, source->kind) &&
	       put_u32(skb, IOMMUFD_DIRTY_A_STATE, source->state) &&
	       put_u32(skb, IOMMUFD_DIRTY_A_SOURCE_FLAGS, source->flags) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_GRANULE, source->granule) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_LARGEST, source->largest) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_FIRST, source->first) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_LAST, source->last) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_DIRTY_BYTES, source->dirty_bytes) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_HARVESTS, source->harvests) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_HARVEST_NS, source->harvest_ns) &&
	       put_uint(skb, IOMMUFD_DIRTY_A_FAILURES, source->failures) &&
	       put_string(skb, IOMMUFD_DIRTY_A_PLATFORM, source->platform);
}

/* All sources of a tracker, or one message that says that it is busy. */
static int fill_sources(struct dirty_message *msg, struct iommufd_ctx *ictx,
			struct iommufd_object *obj, struct dirty_dump *dump)
{
	struct dirty_info info;
	bool busy;
	int rc;

	rc = tracker_peek(ictx, obj, &info);
	if (rc == -ENOENT)
		return rc;
	busy = rc;
	rc = 0;
	while (dump->source < (busy ? 1 : min(info.nr, info.max))) {
		void *hdr = dirty_message_begin(msg);

		if (!hdr)
			rc = -EMSGSIZE;
		else
			rc = dirty_message_end(msg, hdr,
				put_tracker_name(msg->skb, ictx, obj) &&
				(busy ? put_flag(msg->skb, IOMMUFD_DIRTY_A_BUSY, true) :
					put_source(msg->skb,
						   &info.entry[dump->source])));
		if (rc)
			break;
		dump->source++;
	}
	dirty_info_free(&info);
	return rc;
}

/* ---- By request ---- */

static const struct dirty_kind kinds[] = {
	[IOMMUFD_DIRTY_CMD_IOAS_GET] = { IOMMUFD_DIRTY_A_IOAS, fill_ioas },
	[IOMMUFD_DIRTY_CMD_HWPT_GET] = { IOMMUFD_DIRTY_A_HWPT, fill_hwpt },
	[IOMMUFD_DIRTY_CMD_DEVICE_GET] = { IOMMUFD_DIRTY_A_DEVICE, fill_device },
	[IOMMUFD_DIRTY_CMD_TRACKER_GET] = { IOMMUFD_DIRTY_A_TRACKER, fill_tracker },
	[IOMMUFD_DIRTY_CMD_SOURCE_GET] = { IOMMUFD_DIRTY_A_TRACKER, fill_sources },
};

/**
 * dirty_object_attr() - Attribute with the ID of what a request is about
 * @cmd: enum iommufd_dirty_cmd, one that gets objects
 *
 * Return: The attribute, one of enum iommufd_dirty_attr.
 */
unsigned int dirty_object_attr(u8 cmd)
{
	return kinds[cmd].id;
}

static bool object_is_wanted(const struct dirty_kind *kind,
			     const struct iommufd_object *obj,
			     const struct dirty_wanted *wanted)
{
	enum iommufd_object_type type = IOMMUFD_OBJ_DIRTY_TRACKER;

	if (!wanted->id)
		return true;
	if (kind->id != IOMMUFD_DIRTY_A_TRACKER)
		return obj->id == *wanted->id;
	/* A dump shows trackers without ID when it reaches their HWPT or IOAS */
	if (wanted->hwpt)
		type = IOMMUFD_OBJ_HWPT_PAGING;
	else if (!*wanted->id)
		return obj->type == IOMMUFD_OBJ_IOAS;
	return obj->type == type && obj->id == *wanted->id;
}

/**
 * dirty_object_fill() - Put an object
 * @msg: The message
 * @ictx: The context, locked
 * @obj: The object
 * @wanted: Which one is wanted
 * @dump: Where to continue with an object that has more than one message
 *
 * Return: -EMSGSIZE when there is no room; -ENOENT when it is not asked for.
 */
int dirty_object_fill(struct dirty_message *msg, struct iommufd_ctx *ictx,
		      struct iommufd_object *obj,
		      const struct dirty_wanted *wanted,
		      struct dirty_dump *dump)
{
	const struct dirty_kind *kind = &kinds[msg->cmd];

	if (!object_is_wanted(kind, obj, wanted))
		return -ENOENT;
	return kind->fill(msg, ictx, obj, dump);
}
