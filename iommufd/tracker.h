/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The dirty tracker object: what its files share.
 */
#ifndef __IOMMUFD_DIRTY_TRACKER_H
#define __IOMMUFD_DIRTY_TRACKER_H

#include <linux/mutex.h>
#include <linux/rwsem.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "dirty_set.h"

/**
 * struct iommufd_dirty_tracker - One dirty tracker for one IOAS
 * @obj: Its ID
 * @ictx: The context that it and the IOAS belong to
 * @ioas: The IOAS; a users reference is held
 * @policy: enum iommu_dirty_policy
 * @flags: enum iommu_dirty_tracker_alloc_flags
 * @shift: log2 of the unit in which dirt is kept, in bytes
 * @running: Between START and STOP. Locked like iommufd_dirty_iopt::tracker
 * @memcg: Who is charged for what a worker finds, or NULL
 * @legacy: Made by VFIO_IOMMU_DIRTY_PAGES; set before the object is finalized
 * @unmap_all: An UNMAP asks for all of what it removes; under @read_mutex, and
 *	read by the unmap hook
 * @read_mutex: Serialises READ, UNMAP and SET; always taken killable, by no
 *	hook
 * @unmap_sem: Read: an unmap has hidden an area and has not harvested it yet.
 *	Write: wait for those that have
 * @pending_lock: Protects the next three
 * @pending: Dirt that left its source and has not reached user memory
 * @gone: What was unmapped and may be in the log of a device
 * @gone_next: The same, but not yet when the harvest under way began
 *
 * Lock order, outermost first: vfio's dev_set->lock, read_mutex, ioas->mutex,
 * igroup->lock, plan_lock, domains_rwsem, iova_rwsem, unmap_sem (read),
 * pages->mutex, a dirty_split's lock, pending_lock. A source's start and stop are called with
 * plan_lock, its harvest with nothing or, at its end, with plan_lock. unmap_sem
 * is taken for write with read_mutex alone, and user memory is touched with
 * read_mutex alone.
 */
struct iommufd_dirty_tracker {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	struct iommufd_ioas *ioas;
	u32 policy;
	u32 flags;
	unsigned int shift;
	bool running;
	bool legacy;
	bool unmap_all;
	struct mem_cgroup *memcg;
	struct mutex read_mutex;
	struct rw_semaphore unmap_sem;
	struct mutex pending_lock;
	struct dirty_set pending;
	struct dirty_set gone;
	struct dirty_set gone_next;
};

static inline struct iommufd_dirty_tracker *
iommufd_get_dirty_tracker(struct iommufd_ucmd *ucmd, u32 id)
{
	return container_of(iommufd_get_object(ucmd->ictx, id,
					       IOMMUFD_OBJ_DIRTY_TRACKER),
			    struct iommufd_dirty_tracker, obj);
}

/**
 * iommufd_dirty_running - The tracker of an IOAS, if it runs
 * @iopt: The IOAS's table; plan_lock or domains_rwsem is held
 */
static inline struct iommufd_dirty_tracker *
iommufd_dirty_running(const struct io_pagetable *iopt)
{
	struct iommufd_dirty_tracker *tracker = iopt->dirty.tracker;

	return tracker && tracker->running ? tracker : NULL;
}

static inline void iommufd_dirty_counters_reset(struct iommufd_dirty_counters *count)
{
	atomic64_set(&count->bytes, 0);
	atomic64_set(&count->harvests, 0);
	atomic64_set(&count->harvest_ns, 0);
	atomic64_set(&count->failures, 0);
}

/* tracker.c */
struct iommufd_dirty_tracker *
iommufd_dirty_tracker_create(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			     u32 policy, u32 flags, u64 page_size);
int iommufd_dirty_tracker_start(struct iommufd_dirty_tracker *tracker);
void iommufd_dirty_publish(struct iommufd_dirty_tracker *tracker,
			   struct dirty_set *set);
u32 iommufd_dirty_out_flags(struct iommufd_dirty_tracker *tracker);

/* read.c */
int iommufd_dirty_read(struct iommufd_dirty_tracker *tracker,
		       struct iommu_dirty_tracker_read *cmd);
int iommufd_dirty_unmap(struct iommufd_dirty_tracker *tracker,
			struct iommu_dirty_tracker_unmap *cmd);

/* leaves.c */
bool iommufd_dirty_domain_is_fine(const struct io_pagetable *iopt,
				  const struct iommufd_dirty_domain *dd);
bool iommufd_dirty_may_be_fine(struct io_pagetable *iopt);

/* split.c */
int iommufd_dirty_split(struct iommufd_dirty_tracker *tracker, bool fine,
			bool discard);
bool iommufd_dirty_split_is_done(struct iommufd_dirty_tracker *tracker);

/* twin.c */
void iommufd_dirty_twin_drop(struct iommufd_dirty_domain *dd);
bool iommufd_dirty_twin_is_fine(struct io_pagetable *iopt,
				 const struct iommu_domain *domain);
void iommufd_dirty_twin_note(struct io_pagetable *iopt, unsigned long first,
			      unsigned long last);

/* domain.c */
struct io_pagetable *iommufd_dirty_domain_iopt(struct iommufd_dirty_domain *dd);
unsigned long iommufd_dirty_domain_granule(const struct iommufd_dirty_domain *dd);
struct iommufd_dirty_domain *iommufd_dirty_domain_find(struct io_pagetable *iopt,
						       struct iommu_domain *domain);
void iommufd_dirty_domain_set(struct iommufd_dirty_domain *dd, u8 kind, u8 state);
int iommufd_dirty_domain_enable(struct iommufd_dirty_domain *dd);
void iommufd_dirty_domain_disable(struct iommufd_dirty_domain *dd);
void iommufd_dirty_domain_reset(struct iommufd_dirty_domain *dd);
void iommufd_dirty_domain_fail(struct iommufd_dirty_domain *dd);

/* access.c */
void iommufd_dirty_access_harvest(struct iommufd_dirty_tracker *tracker,
				  unsigned long first, unsigned long last);

/* replan.c */
int iommufd_dirty_replan(struct iommufd_dirty_tracker *tracker, bool must);
void iommufd_dirty_replan_broke(struct iommufd_dirty_tracker *tracker);
void iommufd_dirty_replan_stop(struct iommufd_dirty_tracker *tracker);
void iommufd_dirty_replan_forgive(struct iommufd_dirty_tracker *tracker);
void iommufd_dirty_log_lost(struct iommufd_dirty_tracker *tracker);

/**
 * enum iommufd_dirty_harvest_flags - How to harvest
 * @IOMMUFD_DIRTY_PEEK: leave the hardware's bits as they are
 * @IOMMUFD_DIRTY_DISCARD: clear and forget
 * @IOMMUFD_DIRTY_NOFAIL: go on although the caller is being killed
 */
enum iommufd_dirty_harvest_flags {
	IOMMUFD_DIRTY_PEEK = 1 << 0,
	IOMMUFD_DIRTY_DISCARD = 1 << 1,
	IOMMUFD_DIRTY_NOFAIL = 1 << 2,
};

/* harvest.c */
int iommufd_dirty_harvest(struct iommufd_dirty_tracker *tracker,
			  unsigned long first, unsigned long last,
			  unsigned int flags, struct dirty_set *set);
void iommufd_dirty_harvest_domain(struct iommufd_dirty_tracker *tracker,
				  struct iommufd_dirty_domain *dd);
void iommufd_dirty_harvest_old(struct iommufd_dirty_tracker *tracker,
			       struct iommufd_dirty_domain *dd);
int iommufd_dirty_discard(struct io_pagetable *iopt,
			  struct iommufd_dirty_domain *dd,
			  struct iommu_domain *domain);
void iommufd_dirty_mark_mapped(struct iommufd_dirty_tracker *tracker);
void iommufd_dirty_mark_outside(struct iommufd_dirty_tracker *tracker,
				struct iommufd_dirty_domain *dd);
void iommufd_dirty_flush_late(struct io_pagetable *iopt);

#endif
