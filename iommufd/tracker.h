/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * DOC: Glossary of the dirty tracker
 *
 * tracker:	the object: collects from all sources of one IOAS
 * source:	a record of writes: an IOMMU's dirty bits, a device's own log, the CPU
 *		accesses, or "everything mapped"
 * device log:	a device's own record of what it wrote (struct dirty_log)
 * binding:	a tracker's hold of a log that is on (struct dirty_binding)
 * attachment:	a device, or a PASID of it, in a domain; two of them during a replace
 * plan:	which source covers which domain and device
 * harvest:	take dirty bits or a log out of hardware
 * step:	one harvest of a range of a domain; excludes overlapping ones
 * drain:	harvest a source that is on and no longer planned, until a READ has
 *		covered it
 * pending:	dirty pages that have left their source and wait for a READ
 * mark:	a range in which everything mapped is dirty, once
 * stale range:	unmapped since a log was last harvested
 * leaf:	an entry of the IOMMU's page table that maps memory; has one D bit
 * granule:	smallest unit that a source can report, in bytes
 * last:		last byte of a range, inclusive
 */
#ifndef __IOMMUFD_DIRTY_TRACKER_H
#define __IOMMUFD_DIRTY_TRACKER_H

#include <linux/mutex.h>
#include <linux/rwsem.h>

#include "event.h"
#include "io_pagetable.h"
#include "iommufd_private.h"
#include "pending.h"
#include "plan.h"

struct dirty_read;
struct file;

/**
 * struct iommufd_dirty_tracker - One dirty tracker, for one IOAS or one HWPT of it
 * @obj: Its ID; unused in that of a legacy user or of a HWPT, which has none
 * @ictx: The context that it and the IOAS belong to
 * @ioas: The IOAS; a users reference is held
 * @only: The one domain that it tracks, for the ioctls of its HWPT; NULL: all domains
 *	of @ioas. Constant, like the next one
 * @bits_only: No log of a device is used, and no other owner of one is affected
 * @adopted: It is the tracker of @ioas, or of @only; under plan_lock
 * @policy: enum iommu_dirty_policy; under plan_lock
 * @flags: enum iommu_dirty_tracker_alloc_flags
 * @unit: Unit in which dirty pages are reported at the finest, in bytes
 * @running: Between START and STOP. Locked like iommufd_dirty_iopt::tracker, but that
 *	STOP does not wait for those who hold iova_rwsem alone: they may go on for a
 *	moment with a store that is dead
 * @event: File of the eventfd that is signalled when INFO has changed, or NULL
 * @store: Where dirty pages wait; dead while it does not run. Written under
 *	plan_lock and iova_rwsem (write), with @runs held for write
 * @plan: The plan, with arrays that hold all domains and attachments; under
 *	plan_lock
 * @planned: The one domain that @plan is about; NULL: all that the tracker covers. Under
 *	plan_lock
 * @max_domains: Room in plan.domains
 * @max_devices: Room in plan.devices
 * @runs: Read: READ, UNMAP. Write: SET. Always killable, never nested
 * @reported: What events have reported
 *
 * Lock order, outermost first: vfio's dev_set->lock, a domain's user_lock, runs,
 * ioas->mutex, igroup->lock, plan_lock, domains_rwsem, a domain's change,
 * iova_rwsem, a domain's step, pages->mutex, pins_lock, the store's lock; and as leaves the
 * spinlocks of a log, of a binding, of a domain and of the hidden ranges. Two domains_rwsem
 * or changes are taken in the order of their addresses. User memory is touched with runs
 * (read) alone. A log's driver is called with plan_lock (start), or with nothing (harvest
 * and stop, by the worker).
 */
struct iommufd_dirty_tracker {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	struct iommufd_ioas *ioas;
	u32 policy;
	u32 flags;
	unsigned long unit;
	struct iommufd_dirty_domain *only;
	bool bits_only;
	bool adopted;
	bool running;
	struct file *event;
	struct dirty_store *store;
	struct dirty_plan plan;
	struct iommufd_dirty_domain *planned;
	unsigned int max_domains;
	unsigned int max_devices;
	struct rw_semaphore runs;
	struct dirty_reported reported;
};

/**
 * struct dirty_policy - A policy that is about to apply, or has applied before
 * @dev_id: ID of the device that it is for; 0 for the tracker
 * @policy: enum iommu_dirty_policy
 * @number: iommufd_dirty_device::policy_number of the device to which it was given,
 *	or 0: another device may have got the ID since
 *
 * No reference: who closes a device waits for those of ioctls, and fails after a
 * minute, but SET may have to wait for a READ whose user does not let it end.
 */
struct dirty_policy {
	u32 dev_id;
	u32 policy;
	u64 number;
};

static inline struct iommufd_dirty_tracker *
iommufd_get_dirty_tracker(struct iommufd_ucmd *ucmd, u32 id)
{
	return container_of(iommufd_get_object(ucmd->ictx, id,
					       IOMMUFD_OBJ_DIRTY_TRACKER),
			    struct iommufd_dirty_tracker, obj);
}

/* The tracker of an IOAS, if it runs; locked as iommufd_dirty_iopt::tracker says */
static inline struct iommufd_dirty_tracker *
dirty_tracker_running(const struct io_pagetable *iopt)
{
	struct iommufd_dirty_tracker *tracker = iopt->dirty.tracker;

	return tracker && READ_ONCE(tracker->running) ? tracker : NULL;
}

static inline struct io_pagetable *
dirty_tracker_iopt(const struct iommufd_dirty_tracker *tracker)
{
	return &tracker->ioas->iopt;
}

/* ID of a domain's HWPT */
static inline u32 dirty_domain_id(const struct iommufd_dirty_domain *dd)
{
	return container_of(dd, struct iommufd_hwpt_paging, dirty)->common.obj.id;
}

/* Number of its context */
static inline u64 dirty_tracker_context(const struct iommufd_dirty_tracker *tracker)
{
	return tracker->ictx->dirty.number;
}

/* The tracker of a domain: its own or that of its IOAS; locked likewise */
static inline struct iommufd_dirty_tracker *
dirty_domain_tracker(const struct io_pagetable *iopt,
		     const struct iommufd_dirty_domain *dd)
{
	return dd->tracker ?: iopt->dirty.tracker;
}

/* The same, if it runs */
static inline struct iommufd_dirty_tracker *
dirty_domain_running(const struct io_pagetable *iopt,
		     const struct iommufd_dirty_domain *dd)
{
	struct iommufd_dirty_tracker *tracker = dirty_domain_tracker(iopt, dd);

	return tracker && READ_ONCE(tracker->running) ? tracker : NULL;
}

/* The one domain that a tracker covers; NULL: all of the IOAS's, as with no tracker */
static inline struct iommufd_dirty_domain *
dirty_tracker_only(const struct iommufd_dirty_tracker *tracker)
{
	return tracker ? tracker->only : NULL;
}

/* The first domain, with @dd NULL, or the next: of all, or that one @only */
static inline struct iommufd_dirty_domain *
dirty_next_domain(struct io_pagetable *iopt, struct iommufd_dirty_domain *only,
		  struct iommufd_dirty_domain *dd)
{
	if (only)
		return !dd && only->listed ? only : NULL;
	dd = list_prepare_entry(dd, &iopt->dirty.domains, item);
	dd = list_next_entry(dd, item);
	return list_entry_is_head(dd, &iopt->dirty.domains, item) ? NULL : dd;
}

/* The first attachment, with @at NULL, or the next: to any domain, or to that one @only */
static inline struct iommufd_dirty_attachment *
dirty_next_attachment(struct io_pagetable *iopt,
		      const struct iommufd_dirty_domain *only,
		      struct iommufd_dirty_attachment *at)
{
	at = list_prepare_entry(at, &iopt->dirty.attachments, item);
	list_for_each_entry_continue(at, &iopt->dirty.attachments, item)
		if (!only || only == at->dd)
			return at;
	return NULL;
}

/* Loops over them. Locked as the lists are */
#define dirty_for_each_domain_of(dd, iopt, only)			\
	for (dd = dirty_next_domain(iopt, only, NULL); dd;		\
	     dd = dirty_next_domain(iopt, only, dd))

#define dirty_for_each_attachment_to(at, iopt, only)			\
	for (at = dirty_next_attachment(iopt, only, NULL); at;		\
	     at = dirty_next_attachment(iopt, only, at))

/* What a tracker covers; with NULL, everything */
#define dirty_for_each_domain(dd, iopt, tracker)			\
	dirty_for_each_domain_of(dd, iopt, dirty_tracker_only(tracker))

#define dirty_for_each_attachment(at, iopt, tracker)			\
	dirty_for_each_attachment_to(at, iopt, dirty_tracker_only(tracker))

static inline void dirty_counters_reset(struct iommufd_dirty_counters *count)
{
	atomic64_set(&count->bytes, 0);
	atomic64_set(&count->harvests, 0);
	atomic64_set(&count->harvest_ns, 0);
	atomic64_set(&count->failures, 0);
}

/* tracker.c */
int dirty_tracker_setup(struct iommufd_dirty_tracker *tracker,
			struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			u32 policy, u32 flags, u64 page_size,
			struct file *event);
int dirty_tracker_retire(struct iommufd_dirty_tracker *tracker);
void dirty_tracker_teardown(struct iommufd_dirty_tracker *tracker);
int dirty_tracker_set(struct iommufd_dirty_tracker *tracker, u32 flags,
		      struct dirty_policy *policy);
int dirty_tracker_restart(struct iommufd_dirty_tracker *tracker);
u32 dirty_tracker_out_flags(struct iommufd_dirty_tracker *tracker);
bool dirty_tracker_peek_flags(struct iommufd_dirty_tracker *tracker, u32 *flags);

/* hwpt.c */
void dirty_hwpt_serve(bool serve);
void dirty_hwpt_remove(struct iommufd_hwpt_paging *hwpt_paging);

/* legacy.c */
void dirty_legacy_release(struct iommufd_ctx *ictx);

/* read.c */
int dirty_read_range(struct iommufd_dirty_tracker *tracker,
		     struct dirty_read *rd);
int dirty_read(struct iommufd_dirty_tracker *tracker,
	       struct iommu_dirty_tracker_read *cmd);
int dirty_unmap(struct iommufd_dirty_tracker *tracker,
		struct iommu_dirty_tracker_unmap *cmd);
bool dirty_unmap_cuts(struct io_pagetable *iopt, unsigned long first,
		      unsigned long last);

/* access.c */
void dirty_access_harvest(struct iommufd_dirty_tracker *tracker,
			  struct dirty_set *set, unsigned long first,
			  unsigned long last);

#endif
