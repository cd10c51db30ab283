// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPLIT: the large leaves of a domain that is in use become leaves of 4 KiB, and
 * large again when the tracker stops. A domain cannot be changed while devices
 * use it, so it is exchanged for a twin, in both directions in the same way:
 *
 *  1. a twin is made and filled with what the domain has, in the leaves that are
 *     wanted, piece by piece while devices, maps and unmaps go on. What is mapped
 *     or unmapped meanwhile is noted and done again (struct dirty_split::changed).
 *     No device can reach the twin, so it may be wrong for a while;
 *  2. the rest is filled under the locks with which the IOAS takes any new
 *     domain; from then on iommufd keeps both in step;
 *  3. the HWPT gets the twin for its domain, and group after group is attached
 *     to it. This is done only if no access is refused in between: either the
 *     IOMMU's driver replaces domains atomically, or no device is in a state in
 *     which it does DMA. Else the twin waits for the next SET;
 *  4. the domain's last dirt is harvested, and the domain goes.
 *
 * The HWPT is held by a reference all the time. It stays what it is for user space.
 */
#include <linux/iommu.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../iommu-priv.h"
#include "io_pagetable.h"
#include "iommufd_private.h"
#include "platform/platform.h"
#include "source.h"
#include "test.h"
#include "tracker.h"

/* What is copied under one hold of iova_rwsem; a large leaf is within one piece */
#define FINE_PIECE ((unsigned long)SZ_64M)
#define LARGE_PIECE ((unsigned long)SZ_1G)
/* What may be left for the time when nobody can map or unmap */
#define SPLIT_REST ((unsigned long)SZ_64M)
/* So often what has changed is copied before the rest is copied, however much */
#define SPLIT_ROUNDS 8

/**
 * struct dirty_split - A domain is about to be exchanged, or was just now
 * @twin: The other domain: the new one, and after the exchange the old one
 * @fine: The new one has the smallest leaves, the old one may have larger
 * @adopted: iommufd keeps the two in step
 * @limit: What may be left to copy when it begins to, in bytes
 * @lock: Protects @changed
 * @changed: IOVA for which the twin has to be filled, perhaps once more
 * @filled: IOVA for which the twin may have leaves
 *
 * Made, changed and freed by whoever holds a reference to the HWPT besides the
 * tracker's read_mutex, or destroys the HWPT. @lock comes after pages->mutex.
 */
struct dirty_split {
	struct iommu_domain *twin;
	bool fine;
	bool adopted;
	unsigned long limit;
	struct mutex lock;
	struct dirty_set changed;
	struct dirty_set filled;
};

static struct iommufd_hwpt_paging *to_hwpt(struct iommufd_dirty_domain *dd)
{
	return container_of(dd, struct iommufd_hwpt_paging, dirty);
}

/* ---- What the hooks see ---- */

/**
 * iommufd_dirty_split_is_fine - Has this domain small leaves because of SPLIT?
 * @iopt: Of the IOAS; domains_rwsem is held
 * @domain: A domain of it
 */
bool iommufd_dirty_split_is_fine(struct io_pagetable *iopt,
				 const struct iommu_domain *domain)
{
	struct iommufd_dirty_domain *dd;

	list_for_each_entry(dd, &iopt->dirty.domains, item) {
		if (dd->domain == domain)
			return dd->fine;
		/* Of the two one has small leaves */
		if (dd->split && dd->split->twin == domain)
			return !dd->fine;
	}
	return false;
}

static void split_changed(struct dirty_split *split, unsigned long first,
			  unsigned long last)
{
	mutex_lock(&split->lock);
	dirty_set_add(&split->changed, first, last);
	mutex_unlock(&split->lock);
}

/**
 * iommufd_dirty_split_note - Something is mapped or unmapped
 * @iopt: Of the IOAS; domains_rwsem is held
 * @first: First byte
 * @last: Last byte, inclusive
 */
void iommufd_dirty_split_note(struct io_pagetable *iopt, unsigned long first,
			      unsigned long last)
{
	struct iommufd_dirty_domain *dd;

	list_for_each_entry(dd, &iopt->dirty.domains, item)
		if (dd->split && !dd->split->adopted)
			split_changed(dd->split, first, last);
}

/* ---- Fill ---- */

/*
 * Take what the twin has in [first, last] out of it. It has nothing there unless
 * something was unmapped, or mapped anew, while it was filled.
 */
static void split_empty(struct dirty_split *split, unsigned long first,
			unsigned long last)
{
	struct iommu_domain *twin = split->twin;
	unsigned long step = 1UL << __ffs(twin->pgsize_bitmap);
	unsigned long from, to, at = first;
	struct dirty_set stale;

	dirty_set_init(&stale, PAGE_SHIFT);
	dirty_set_move(&stale, &split->filled, first, last);
	while (dirty_set_next_run(&stale, at, last, &from, &to)) {
		unsigned long length = to - from + 1;
		unsigned long done = 0;

		while (done < length) {
			unsigned long run = 0;

			/* Drivers differ in what they do with a hole */
			while (done + run < length &&
			       iommu_iova_to_phys(twin, from + done + run))
				run += step;
			if (run)
				iommu_unmap(twin, from + done, run);
			else
				run = step;
			done += run;
		}
		if (to >= last)
			break;
		at = to + 1;
	}
	/* It came in chunks */
	dirty_set_remove(&stale, first, last);
	dirty_set_merge(&split->filled, &stale);
	dirty_set_destroy(&stale);
}

static int split_map(struct dirty_split *split, unsigned long iova,
		     phys_addr_t phys, size_t length, int prot)
{
	if (split->fine)
		return iommufd_dirty_map_fine(split->twin, iova, phys, length, prot);
	return iommu_map(split->twin, iova, phys, length, prot,
			 GFP_KERNEL_ACCOUNT);
}

/* The part [first, last] of an area that is mapped in @from and stays so. */
static int split_copy_area(struct dirty_split *split, struct iommu_domain *from,
			   struct iopt_area *area, unsigned long first,
			   unsigned long last)
{
	unsigned long step = 1UL << __ffs(from->pgsize_bitmap);
	unsigned long length = last - first + 1;
	unsigned long done = 0;
	int rc = 0;

	dirty_set_add(&split->filled, first, last);
	while (!rc && done < length) {
		phys_addr_t phys = iommu_iova_to_phys(from, first + done);
		unsigned long run = step;

		if (!phys)
			return -EFAULT;
		while (done + run < length &&
		       iommu_iova_to_phys(from, first + done + run) == phys + run)
			run += step;
		rc = split_map(split, first + done, phys, run, area->iommu_prot);
		done += run;
	}
	return rc;
}

/*
 * Have the twin be like @from in [first, last]. domains_rwsem and iova_rwsem are
 * held; @final: for write, so nothing is being set up or torn down.
 */
static int split_copy(struct io_pagetable *iopt, struct dirty_split *split,
		      struct iommu_domain *from, unsigned long first,
		      unsigned long last, bool final)
{
	struct iopt_area *area;
	int rc = 0;

	split_empty(split, first, last);
	for (area = iopt_area_iter_first(iopt, first, last); area && !rc;
	     area = iopt_area_iter_next(area, first, last)) {
		unsigned long begin = max(first, iopt_area_iova(area));
		unsigned long end = min(last, iopt_area_last_iova(area));

		if (area->pages)
			rc = split_copy_area(split, from, area, begin, end);
		else if (!final)
			split_changed(split, begin, end);
	}
	return rc;
}

/* What has changed so far; nothing is to be copied in part for lack of memory. */
static int split_take_changed(struct dirty_split *split, struct dirty_set *todo)
{
	int rc;

	mutex_lock(&split->lock);
	dirty_set_init(todo, PAGE_SHIFT);
	dirty_set_merge(todo, &split->changed);
	dirty_set_settle(todo);
	rc = todo->nr_coarse ? -ENOMEM : 0;
	mutex_unlock(&split->lock);
	return rc;
}

/* The next piece that is to be copied, as far as it goes without a gap. */
static bool split_next_piece(const struct dirty_split *split,
			     struct dirty_set *todo, unsigned long at,
			     unsigned long *first, unsigned long *last)
{
	unsigned long piece = split->fine ? FINE_PIECE : LARGE_PIECE;
	unsigned long end, next;

	if (!dirty_set_next_run(todo, at, ULONG_MAX, first, last))
		return false;
	end = *first | (piece - 1);
	while (*last < end &&
	       dirty_set_next_run(todo, *last + 1, end, &next, &at) &&
	       next == *last + 1)
		*last = at;
	*last = min(*last, end);
	return true;
}

/* One round of copying, a piece at a time. */
static int split_round(struct io_pagetable *iopt, struct iommufd_dirty_domain *dd)
{
	struct dirty_split *split = dd->split;
	unsigned long first, last, at = 0;
	struct dirty_set todo;
	int rc;

	rc = split_take_changed(split, &todo);
	while (!rc && split_next_piece(split, &todo, at, &first, &last)) {
		rc = down_read_killable(&iopt->domains_rwsem);
		if (rc)
			break;
		down_read(&iopt->iova_rwsem);
		rc = split_copy(iopt, split, dd->domain, first, last, false);
		up_read(&iopt->iova_rwsem);
		up_read(&iopt->domains_rwsem);
		if (!rc && fatal_signal_pending(current))
			rc = -EINTR;
		if (last == ULONG_MAX)
			break;
		at = last + 1;
		cond_resched();
	}
	dirty_set_destroy(&todo);
	return rc;
}

/**
 * iommufd_dirty_fill_domain - The IOAS takes a domain: is it a twin?
 * @iopt: Of the IOAS; domains_rwsem and iova_rwsem are held for write
 * @domain: The domain
 *
 * Return: 1 when it is not; 0 when it is, and is filled now; -EAGAIN when too
 * much of it is not, or another error: nothing was done then that matters.
 */
int iommufd_dirty_fill_domain(struct io_pagetable *iopt,
			      struct iommu_domain *domain)
{
	struct iommufd_dirty_domain *dd;
	struct dirty_split *split = NULL;
	unsigned long first, last, at = 0;
	struct dirty_set todo;
	int rc;

	lockdep_assert_held_write(&iopt->domains_rwsem);
	lockdep_assert_held_write(&iopt->iova_rwsem);
	list_for_each_entry(dd, &iopt->dirty.domains, item) {
		if (dd->split && dd->split->twin == domain) {
			split = dd->split;
			break;
		}
	}
	if (!split)
		return 1;
	if (dirty_set_bytes(&split->changed) > split->limit)
		return -EAGAIN;
	rc = split_take_changed(split, &todo);
	while (!rc && split_next_piece(split, &todo, at, &first, &last)) {
		rc = split_copy(iopt, split, dd->domain, first, last, true);
		if (last == ULONG_MAX)
			break;
		at = last + 1;
	}
	dirty_set_destroy(&todo);
	split->adopted = !rc;
	return rc;
}

/* ---- Make a twin ---- */

static bool domains_are_alike(const struct iommu_domain *a,
			      const struct iommu_domain *b)
{
	return a->pgsize_bitmap == b->pgsize_bitmap &&
	       a->geometry.aperture_start == b->geometry.aperture_start &&
	       a->geometry.aperture_end == b->geometry.aperture_end;
}

/* For one of the devices that are in the domain; plan_lock is held. */
static struct iommu_domain *split_alloc_twin(struct iommufd_dirty_domain *dd)
{
	struct iommufd_hwpt_paging *hwpt_paging = to_hwpt(dd);
	struct iommufd_dirty_seat *seat;
	const struct iommu_ops *ops;
	struct iommu_domain *twin;

	list_for_each_entry(seat, &hwpt_paging->ioas->iopt.dirty.seats, item)
		if (seat->dd == dd)
			goto found;
	return ERR_PTR(-ENODEV);
found:
	ops = dev_iommu_ops(seat->idev->dev);
	twin = ops->domain_alloc_user(seat->idev->dev,
				      IOMMU_HWPT_ALLOC_DIRTY_TRACKING, NULL, NULL);
	if (IS_ERR(twin))
		return twin;
	twin->owner = ops;
	/* Before anything is mapped: it may be a bit in each leaf */
	if (!domains_are_alike(twin, dd->domain) ||
	    (hwpt_paging->enforce_cache_coherency &&
	     (!twin->ops->enforce_cache_coherency ||
	      !twin->ops->enforce_cache_coherency(twin)))) {
		iommu_domain_free(twin);
		return ERR_PTR(-EOPNOTSUPP);
	}
	return twin;
}

/* Show a twin to the hooks, with all that is mapped still to be copied. */
static void split_begin(struct io_pagetable *iopt,
			struct iommufd_dirty_domain *dd, struct dirty_split *split)
{
	struct iopt_area *area;

	set_bit(IOMMUFD_DIRTY_SPLIT, &iopt->dirty.flags);
	down_write(&iopt->domains_rwsem);
	down_read(&iopt->iova_rwsem);
	for (area = iopt_area_iter_first(iopt, 0, ULONG_MAX); area;
	     area = iopt_area_iter_next(area, 0, ULONG_MAX))
		dirty_set_add(&split->changed, iopt_area_iova(area),
			      iopt_area_last_iova(area));
	up_read(&iopt->iova_rwsem);
	dd->split = split;
	up_write(&iopt->domains_rwsem);
}

static void split_free(struct dirty_split *split)
{
	/* It has nothing pinned, so that its leaves can go with it */
	if (split->twin)
		iommu_domain_free(split->twin);
	dirty_set_destroy(&split->changed);
	dirty_set_destroy(&split->filled);
	kfree(split);
}

/**
 * iommufd_dirty_split_drop - A domain has no twin any more
 * @dd: The domain; the caller has a reference to its HWPT, or destroys it. No
 *	device is in the twin, and its dirt has been harvested
 */
void iommufd_dirty_split_drop(struct iommufd_dirty_domain *dd)
{
	struct io_pagetable *iopt = iommufd_dirty_domain_iopt(dd);
	struct dirty_split *split = dd->split;

	if (!split)
		return;
	down_write(&iopt->domains_rwsem);
	dd->split = NULL;
	up_write(&iopt->domains_rwsem);
	if (split->adopted)
		iopt_table_remove_domain(iopt, split->twin);
	split_free(split);
}

/* A twin that is filled, tracks if it is to, and is kept in step. */
static int split_prepare(struct iommufd_dirty_domain *dd, bool fine)
{
	struct io_pagetable *iopt = iommufd_dirty_domain_iopt(dd);
	struct dirty_split *split;
	unsigned int round = 0;
	int rc = 0;

	split = kzalloc(sizeof(*split), GFP_KERNEL_ACCOUNT);
	if (!split)
		return -ENOMEM;
	mutex_init(&split->lock);
	dirty_set_init(&split->changed, PAGE_SHIFT);
	dirty_set_init(&split->filled, PAGE_SHIFT);
	split->fine = fine;
	split->limit = SPLIT_REST;

	mutex_lock(&iopt->dirty.plan_lock);
	split->twin = split_alloc_twin(dd);
	if (IS_ERR(split->twin)) {
		rc = PTR_ERR(split->twin);
		split->twin = NULL;
	} else if (fine) {
		rc = split->twin->dirty_ops->set_dirty_tracking(split->twin, true);
	}
	mutex_unlock(&iopt->dirty.plan_lock);
	if (rc) {
		split_free(split);
		return rc;
	}
	split_begin(iopt, dd, split);
	do {
		rc = split_round(iopt, dd);
		if (rc)
			break;
		if (++round == SPLIT_ROUNDS)
			split->limit = ULONG_MAX;
		rc = iopt_table_add_domain(iopt, split->twin);
	} while (rc == -EAGAIN);
	if (!rc && fine && dd->platform->born_dirty)
		rc = iommufd_dirty_discard(iopt, dd, split->twin);
	if (rc)
		iommufd_dirty_split_drop(dd);
	return rc;
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

/* Attach all groups that are in the HWPT to the domain that it has now. */
static int split_move(struct iommufd_ctx *ictx, struct iommufd_dirty_domain *dd)
{
	struct iommufd_object *obj;
	unsigned long index;
	int rc = 0;

	xa_for_each(&ictx->objects, index, obj) {
		struct iommufd_group *igroup;

		obj = iommufd_get_object(ictx, index, IOMMUFD_OBJ_DEVICE);
		if (IS_ERR(obj))
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
	iommufd_dirty_split_drop(dd);
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
		iommufd_dirty_split_drop(dd);
	if (dd->split && dd->old)
		dd->split->fine = fine;
	if (!dd->split && dd->fine != fine)
		rc = split_prepare(dd, fine);
	if (!rc && dd->split)
		rc = split_exchange(tracker, dd, discard);
	/* Not wanted any more */
	if (rc == -EAGAIN)
		iommufd_dirty_split_drop(dd);
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
