// SPDX-License-Identifier: GPL-2.0-only
/*
 * The twin of a domain: what split.c exchanges for it. It has all that the domain
 * has, in leaves of another size, and no device can reach it yet, so it may be wrong
 * for a while. It is filled piece by piece while devices, maps and unmaps go on; what
 * is mapped or unmapped meanwhile is noted and done again. When little is left, the
 * IOAS takes it as it takes any new domain, the rest is filled under the locks for
 * that, and from then on iommufd keeps the two in step.
 */
#include <linux/iommu.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "platform/platform.h"
#include "split.h"
#include "tracker.h"

/* What is copied under one hold of iova_rwsem; a large leaf is within one piece */
#define FINE_PIECE ((unsigned long)SZ_64M)
#define LARGE_PIECE ((unsigned long)SZ_1G)
/* What may be left for the time when nobody can map or unmap */
#define TWIN_REST ((unsigned long)SZ_64M)
/* So often what has changed is copied before the rest is copied, however much */
#define TWIN_ROUNDS 8

/* ---- What the hooks see ---- */

/**
 * iommufd_dirty_twin_is_fine - Has this domain small leaves because of SPLIT?
 * @iopt: Of the IOAS; domains_rwsem is held
 * @domain: A domain of it
 */
bool iommufd_dirty_twin_is_fine(struct io_pagetable *iopt,
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

static void twin_changed(struct dirty_split *split, unsigned long first,
			  unsigned long last)
{
	mutex_lock(&split->lock);
	dirty_set_add(&split->changed, first, last);
	mutex_unlock(&split->lock);
}

/**
 * iommufd_dirty_twin_note - Something is mapped or unmapped
 * @iopt: Of the IOAS; domains_rwsem is held
 * @first: First byte
 * @last: Last byte, inclusive
 */
void iommufd_dirty_twin_note(struct io_pagetable *iopt, unsigned long first,
			      unsigned long last)
{
	struct iommufd_dirty_domain *dd;

	list_for_each_entry(dd, &iopt->dirty.domains, item)
		if (dd->split && !dd->split->adopted)
			twin_changed(dd->split, first, last);
}

/* ---- Fill ---- */

/*
 * Take what the twin has in [first, last] out of it. It has nothing there unless
 * something was unmapped, or mapped anew, while it was filled.
 */
static void twin_empty(struct dirty_split *split, unsigned long first,
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

static int twin_map(struct dirty_split *split, unsigned long iova,
		     phys_addr_t phys, size_t length, int prot)
{
	if (split->fine)
		return iommufd_dirty_map_fine(split->twin, iova, phys, length, prot);
	return iommu_map(split->twin, iova, phys, length, prot,
			 GFP_KERNEL_ACCOUNT);
}

/* The part [first, last] of an area that is mapped in @from and stays so. */
static int twin_copy_area(struct dirty_split *split, struct iommu_domain *from,
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
		rc = twin_map(split, first + done, phys, run, area->iommu_prot);
		done += run;
	}
	return rc;
}

/*
 * Have the twin be like @from in [first, last]. domains_rwsem and iova_rwsem are
 * held; @final: for write, so nothing is being set up or torn down.
 */
static int twin_copy(struct io_pagetable *iopt, struct dirty_split *split,
		      struct iommu_domain *from, unsigned long first,
		      unsigned long last, bool final)
{
	struct iopt_area *area;
	int rc = 0;

	twin_empty(split, first, last);
	for (area = iopt_area_iter_first(iopt, first, last); area && !rc;
	     area = iopt_area_iter_next(area, first, last)) {
		unsigned long begin = max(first, iopt_area_iova(area));
		unsigned long end = min(last, iopt_area_last_iova(area));

		if (area->pages)
			rc = twin_copy_area(split, from, area, begin, end);
		else if (!final)
			twin_changed(split, begin, end);
	}
	return rc;
}

/* What has changed so far; nothing is to be copied in part for lack of memory. */
static int twin_take_changed(struct dirty_split *split, struct dirty_set *todo)
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
static bool twin_next_piece(const struct dirty_split *split,
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
static int twin_round(struct io_pagetable *iopt, struct iommufd_dirty_domain *dd)
{
	struct dirty_split *split = dd->split;
	unsigned long first, last, at = 0;
	struct dirty_set todo;
	int rc;

	rc = twin_take_changed(split, &todo);
	while (!rc && twin_next_piece(split, &todo, at, &first, &last)) {
		rc = down_read_killable(&iopt->domains_rwsem);
		if (rc)
			break;
		down_read(&iopt->iova_rwsem);
		rc = twin_copy(iopt, split, dd->domain, first, last, false);
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
	rc = twin_take_changed(split, &todo);
	while (!rc && twin_next_piece(split, &todo, at, &first, &last)) {
		rc = twin_copy(iopt, split, dd->domain, first, last, true);
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
static struct iommu_domain *twin_alloc(struct iommufd_dirty_domain *dd)
{
	struct iommufd_hwpt_paging *hwpt_paging =
		container_of(dd, struct iommufd_hwpt_paging, dirty);
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
static void twin_show(struct io_pagetable *iopt,
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
	iopt->dirty.plain = false;
	dd->split = split;
	up_write(&iopt->domains_rwsem);
}

static void twin_free(struct dirty_split *split)
{
	/* It has nothing pinned, so that its leaves can go with it */
	if (split->twin)
		iommu_domain_free(split->twin);
	dirty_set_destroy(&split->changed);
	dirty_set_destroy(&split->filled);
	kfree(split);
}

/**
 * iommufd_dirty_twin_drop - A domain has no twin any more
 * @dd: The domain; the caller has a reference to its HWPT, or destroys it. No
 *	device is in the twin, and its dirt has been harvested
 */
void iommufd_dirty_twin_drop(struct iommufd_dirty_domain *dd)
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
	twin_free(split);
}

/**
 * iommufd_dirty_twin_make - Make a twin; it is filled and kept in step
 * @dd: The domain; the caller has a reference to its HWPT and the tracker's
 *	read_mutex
 * @fine: Its leaves are the smallest, and it tracks. Else they are as large as they
 *	can be
 *
 * Return: -EINTR when killed, -ENOMEM, -ENODEV when no device is in the domain, or an
 * error of the IOMMU's driver; nothing is left of it then.
 */
int iommufd_dirty_twin_make(struct iommufd_dirty_domain *dd, bool fine)
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
	split->limit = TWIN_REST;

	mutex_lock(&iopt->dirty.plan_lock);
	split->twin = twin_alloc(dd);
	if (IS_ERR(split->twin)) {
		rc = PTR_ERR(split->twin);
		split->twin = NULL;
	} else if (fine) {
		rc = split->twin->dirty_ops->set_dirty_tracking(split->twin, true);
	}
	mutex_unlock(&iopt->dirty.plan_lock);
	if (rc) {
		twin_free(split);
		return rc;
	}
	twin_show(iopt, dd, split);
	do {
		rc = twin_round(iopt, dd);
		if (rc)
			break;
		if (++round == TWIN_ROUNDS)
			split->limit = ULONG_MAX;
		rc = iopt_table_add_domain(iopt, split->twin);
	} while (rc == -EAGAIN);
	if (!rc && fine && dd->platform->born_dirty)
		rc = iommufd_dirty_discard(iopt, dd, split->twin);
	if (rc)
		iommufd_dirty_twin_drop(dd);
	return rc;
}
