// SPDX-License-Identifier: GPL-2.0-only
/*
 * The size of leaves. One dirty bit stands for a whole leaf, of which iommufd
 * makes the largest that memory allows. A tracker with FINE_LEAVES has every
 * domain of its IOAS filled with the smallest; what pins and accounts memory goes
 * on in huge pages. SPLIT does it to domains that are in use (split.c).
 *
 * This is decided by what is given to the domain's map_pages(), not by its
 * pgsize_bitmap, which is the driver's and which not every driver looks at.
 */
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/sizes.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "tracker.h"

/*
 * VT-d's driver makes a leaf of 2 MiB of any 512 aligned pages that it is given
 * in one call, whatever size it is asked for. It gets half of that at most.
 */
#define FINE_STEP SZ_1M

/**
 * iommufd_dirty_fill_decide - Memory is about to be mapped: in small leaves?
 * @iopt: Of the IOAS, which may have large leaves; domains_rwsem is held
 * @domain: Where it is mapped
 */
bool iommufd_dirty_fill_decide(struct io_pagetable *iopt,
			       struct iommu_domain *domain)
{
	struct iommufd_dirty_tracker *tracker = iopt->dirty.tracker;

	lockdep_assert_held(&iopt->domains_rwsem);
	if (tracker && tracker->flags & IOMMU_DIRTY_TRACKER_FINE_LEAVES)
		return true;
	if (test_bit(IOMMUFD_DIRTY_SPLIT, &iopt->dirty.flags) &&
	    iommufd_dirty_twin_is_fine(iopt, domain))
		return true;
	WRITE_ONCE(iopt->dirty.coarse, true);
	if (!test_bit(IOMMUFD_DIRTY_SPLIT, &iopt->dirty.flags))
		WRITE_ONCE(iopt->dirty.plain, true);
	return false;
}

/**
 * iommufd_dirty_domain_is_fine - Has a domain nothing in larger leaves?
 * @iopt: Of the IOAS
 * @dd: The domain; plan_lock or domains_rwsem is held, or the answer is a guess
 */
bool iommufd_dirty_domain_is_fine(const struct io_pagetable *iopt,
				  const struct iommufd_dirty_domain *dd)
{
	return READ_ONCE(dd->fine) || !READ_ONCE(iopt->dirty.coarse);
}

/**
 * iommufd_dirty_may_be_fine - Is there nothing in larger leaves?
 * @iopt: Of the IOAS; domains_rwsem (write) is held
 */
bool iommufd_dirty_may_be_fine(struct io_pagetable *iopt)
{
	lockdep_assert_held_write(&iopt->domains_rwsem);
	down_read(&iopt->iova_rwsem);
	/* An area that no domain has is filled later */
	if (xa_empty(&iopt->domains) ||
	    RB_EMPTY_ROOT(&iopt->area_itree.rb_root)) {
		iopt->dirty.coarse = false;
		iopt->dirty.plain = false;
	}
	up_read(&iopt->iova_rwsem);
	return !iopt->dirty.coarse;
}

/**
 * iommufd_dirty_map_fine - iommu_map() with the smallest leaves
 * @domain: The domain
 * @iova: First byte, a multiple of the smallest leaf
 * @phys: First byte, likewise
 * @length: Bytes, likewise
 * @prot: As for iommu_map()
 *
 * Return: 0, or an error of the driver's; nothing is mapped then.
 */
int iommufd_dirty_map_fine(struct iommu_domain *domain, unsigned long iova,
			   phys_addr_t phys, size_t length, int prot)
{
	const struct iommu_domain_ops *ops = domain->ops;
	size_t leaf = 1UL << __ffs(domain->pgsize_bitmap);
	size_t done = 0;
	int rc = 0;

	while (!rc && done < length) {
		unsigned long at = iova + done;
		size_t step = min(length - done, FINE_STEP - at % FINE_STEP);
		size_t mapped = 0;

		rc = ops->map_pages(domain, at, phys + done, leaf, step / leaf,
				    prot, GFP_KERNEL_ACCOUNT, &mapped);
		/* Also after an error */
		done += mapped;
	}
	if (!rc && ops->iotlb_sync_map)
		rc = ops->iotlb_sync_map(domain, iova, length);
	if (rc && done)
		iommu_unmap(domain, iova, done);
	return rc;
}
