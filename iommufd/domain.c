// SPDX-License-Identifier: GPL-2.0-only
/*
 * A domain as a source: what is known of it, switching its IOMMU's dirty tracking on
 * and off, and what excludes harvests while the hardware enters or leaves it. It calls
 * no other file. harvest.c reads dirty bits; reconcile.c decides when a domain is used.
 */
#include <linux/iommu.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "domain.h"
#include "platform/platform.h"
#include "test.h"

static struct iommufd_hwpt_paging *to_hwpt(struct iommufd_dirty_domain *dd)
{
	return container_of(dd, struct iommufd_hwpt_paging, dirty);
}

/**
 * dirty_domain_init() - A HWPT was allocated: the identity of its domain
 * @dd: The domain, zeroed
 * @domain: The domain
 * @platform: What is known of its IOMMU driver, or NULL
 * @small: All its leaves are going to be of one page
 */
void dirty_domain_init(struct iommufd_dirty_domain *dd,
		       struct iommu_domain *domain,
		       const struct iommufd_dirty_platform *platform, bool small)
{
	dd->domain = domain;
	dd->platform = domain->dirty_ops ? platform : NULL;
	dd->small = small;
	dd->step_size = DIRTY_STEP_BEGIN;
	spin_lock_init(&dd->lock);
	init_rwsem(&dd->change);
	mutex_init(&dd->user_lock);
	INIT_LIST_HEAD(&dd->steps);
	init_waitqueue_head(&dd->wait);
	/*
	 * A driver that enables tracking for each attached device may lose it to
	 * an attach at the same time. Before the first attach there is none.
	 */
	if (dd->platform && dd->platform->always_on)
		domain->dirty_ops->set_dirty_tracking(domain, true);
	/* iopt_table_add_domain() reserves what is behind the end */
	if (dd->platform && dd->platform->wraps && domain->geometry.aperture_end == ULONG_MAX)
		domain->geometry.aperture_end -= BIT(__ffs(domain->pgsize_bitmap));
}

/**
 * dirty_domain_granule() - Finest unit that a domain can report, in bytes
 * @dd: The domain
 *
 * Return: 0 when it cannot track.
 */
unsigned long dirty_domain_granule(const struct iommufd_dirty_domain *dd)
{
	return dd->platform ? 1UL << __ffs(dd->domain->pgsize_bitmap) : 0;
}

/**
 * dirty_domain_finest() - Unit that the plan expects of a domain, in bytes
 * @dd: The domain
 * @iopt: The IOAS's table
 *
 * How large leaves are that may be large is not known: the plan takes the second
 * smallest size.
 *
 * Return: 0 when it cannot track.
 */
unsigned long dirty_domain_finest(const struct iommufd_dirty_domain *dd,
				  const struct io_pagetable *iopt)
{
	unsigned long granule = dirty_domain_granule(dd);
	unsigned long larger;

	if (!granule || dd->small || iopt->disable_large_pages)
		return granule;
	larger = dd->domain->pgsize_bitmap & ~granule;
	return larger ? 1UL << __ffs(larger) : granule;
}

/**
 * dirty_domain_born_dirty() - Is what is mapped in a domain dirty before it is written?
 * @dd: The domain
 *
 * Return: true if its driver sets the D bit of new writable leaves.
 */
bool dirty_domain_born_dirty(const struct iommufd_dirty_domain *dd)
{
	return dd->platform && dd->platform->born_dirty;
}

/**
 * dirty_domain_filled() - Is what is mapped in the IOAS in a domain?
 * @iopt: The IOAS's table; domains_rwsem is held
 * @dd: The domain. One that is listed and not filled must not be walked
 *
 * Takes the same time for any number of domains, except the first time and after
 * one of them was removed.
 *
 * Return: true if it may be walked.
 */
bool dirty_domain_filled(struct io_pagetable *iopt,
			 struct iommufd_dirty_domain *dd)
{
	struct iommu_domain *domain;
	unsigned long index;

	lockdep_assert_held(&iopt->domains_rwsem);
	if (!READ_ONCE(iopt->dirty.unfilled) ||
	    xa_load(&iopt->domains, READ_ONCE(dd->slot)) == dd->domain)
		return true;
	xa_for_each(&iopt->domains, index, domain)
		if (domain == dd->domain) {
			WRITE_ONCE(dd->slot, index);
			return true;
		}
	return false;
}

/**
 * dirty_domain_iopt() - The table of the IOAS that a domain belongs to
 * @dd: The domain
 *
 * Return: The table; it stays while the HWPT does.
 */
struct io_pagetable *dirty_domain_iopt(struct iommufd_dirty_domain *dd)
{
	return &to_hwpt(dd)->ioas->iopt;
}

/**
 * dirty_domain_failed() - A domain's dirty bits cannot be used any more
 * @dd: The domain; plan_lock or domains_rwsem is held
 */
void dirty_domain_failed(struct iommufd_dirty_domain *dd)
{
	atomic64_inc(&dd->count.failures);
	/* After its kind; pairs with domain_has_bits() of harvest.c */
	smp_store_release(&dd->failed, true);
	pr_warn_ratelimited("iommufd: HWPT %u: dirty bits cannot be read; all mapped memory is reported dirty until the tracker is started again\n",
			    to_hwpt(dd)->common.obj.id);
}

/**
 * dirty_domain_enable() - Have the IOMMU set dirty bits
 * @dd: The domain, which can; plan_lock is held
 *
 * Not while the hardware enters it: intel-iommu refuses a domain with a device that is on
 * its way in.
 *
 * Return: -errno when it cannot, and then it has failed.
 */
int dirty_domain_enable(struct iommufd_dirty_domain *dd)
{
	int rc;

	/* Where it is always on, a user may have switched it off */
	if (dd->tracking && !dd->platform->always_on)
		return 0;
	down_write(&dd->change);
	rc = dd->domain->dirty_ops->set_dirty_tracking(dd->domain, true);
	up_write(&dd->change);
	if (rc)
		dirty_domain_failed(dd);
	else
		dd->tracking = true;
	return rc;
}

/**
 * dirty_domain_disable() - End that
 * @dd: The domain; plan_lock is held. One that does not track is left alone
 */
void dirty_domain_disable(struct iommufd_dirty_domain *dd)
{
	if (!dd->tracking || dd->platform->always_on)
		return;
	/* What cannot be switched off only costs time */
	dd->domain->dirty_ops->set_dirty_tracking(dd->domain, false);
	dd->tracking = false;
}

/**
 * dirty_domain_reset() - Forget the counters
 * @dd: The domain; plan_lock is held
 */
void dirty_domain_reset(struct iommufd_dirty_domain *dd)
{
	WRITE_ONCE(dd->largest, 0);
	atomic64_set(&dd->count.bytes, 0);
	atomic64_set(&dd->count.harvests, 0);
	atomic64_set(&dd->count.harvest_ns, 0);
	atomic64_set(&dd->count.failures, 0);
}

/* In the order of their addresses, each once; either may be NULL */
static void down_write_both(struct rw_semaphore *a, struct rw_semaphore *b)
{
	if (a > b)
		swap(a, b);
	if (a && a != b)
		down_write(a);
	if (b)
		down_write_nested(b, SINGLE_DEPTH_NESTING);
}

static void up_write_both(struct rw_semaphore *a, struct rw_semaphore *b)
{
	if (a && a != b)
		up_write(a);
	if (b)
		up_write(b);
}

/* What is mapped in it gets small leaves. Written with domains_rwsem and change */
static bool maps_small(const struct iommufd_dirty_domain *dd)
{
	return READ_ONCE(dd->small) ||
	       READ_ONCE(dd->leaves) == IOMMUFD_DIRTY_LEAVES_SPLIT;
}

/* What keeps others from mapping in a domain, if its leaves have to stay small */
static struct rw_semaphore *maps_lock(struct iommufd_dirty_domain *dd)
{
	return maps_small(dd) ? &dirty_domain_iopt(dd)->domains_rwsem : NULL;
}

static void domain_widen(struct iommufd_dirty_domain *dd)
{
	if (dd->wide)
		dd->domain->pgsize_bitmap = dd->wide;
}

/**
 * iommufd_dirty_change_begin() - The hardware is about to enter or leave a domain
 * @hwpt: The HWPT that it is about to use, or has used until now
 * @old: In a replace, the one that it has used until now; else @hwpt
 *
 * A driver may invalidate the IOTLB for the domain's devices only, and count a device
 * among them when its hardware uses the domain already, or no more when it still does
 * (intel-iommu). A harvest in between would clear D, not reach the device with its flush,
 * and miss what that writes next. So there is none until iommufd_dirty_change_end().
 *
 * The same driver gives the domain its large leaf sizes back (6.12). Where small ones were
 * asked for, nothing is mapped until they are taken away again.
 *
 * Later kernels refuse a device whose IOMMU does not support the sizes that the domain has. A
 * domain that is split gets them back for that: the device will meet large leaves when they are
 * joined, if it does not already.
 */
void iommufd_dirty_change_begin(struct iommufd_hw_pagetable *hwpt,
				struct iommufd_hw_pagetable *old)
{
	struct iommufd_dirty_domain *a = &find_hwpt_paging(hwpt)->dirty;
	struct iommufd_dirty_domain *b = &find_hwpt_paging(old)->dirty;
	struct rw_semaphore *maps_a, *maps_b;

	for (;;) {
		maps_a = maps_lock(a);
		maps_b = maps_lock(b);
		down_write_both(maps_a, maps_b);
		dirty_test_delay("maps");
		down_write_both(&a->change, &b->change);
		if (maps_a == maps_lock(a) && maps_b == maps_lock(b))
			break;
		/* A split has begun, or what it did is being undone */
		up_write_both(&a->change, &b->change);
		up_write_both(maps_a, maps_b);
	}
	domain_widen(a);
	domain_widen(b);
	a->maps_locked = maps_a;
	b->maps_locked = maps_b;
}

static void keep_small(struct iommufd_dirty_domain *dd)
{
	if (maps_small(dd))
		dd->domain->pgsize_bitmap = BIT(__ffs(dd->domain->pgsize_bitmap));
}

/**
 * iommufd_dirty_change_end() - It has, or could not
 * @hwpt: As for iommufd_dirty_change_begin()
 * @old: As there
 */
void iommufd_dirty_change_end(struct iommufd_hw_pagetable *hwpt,
			      struct iommufd_hw_pagetable *old)
{
	struct iommufd_dirty_domain *a = &find_hwpt_paging(hwpt)->dirty;
	struct iommufd_dirty_domain *b = &find_hwpt_paging(old)->dirty;
	struct rw_semaphore *maps_a = a->maps_locked, *maps_b = b->maps_locked;

	keep_small(a);
	keep_small(b);
	up_write_both(&a->change, &b->change);
	up_write_both(maps_a, maps_b);
}
