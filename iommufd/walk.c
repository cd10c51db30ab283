// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who reads the dirty bits of a domain: a walker of ours, where there is one for the
 * format of its page table (drivers/platform/pt_*.c), or the IOMMU driver. A walker has the
 * exact leaves and needs nothing of the driver. It must know the table's format exactly,
 * so it is compared with iommu_iova_to_phys() where the domain is read first, and not used
 * if they differ.
 */
#include <linux/iommu.h>
#include <linux/printk.h>

#include "hooks.h"
#include "platform/platform.h"
#include "walk.h"

/**
 * dirty_walk_choose() - Decide who reads a domain, if that is not decided yet
 * @dd: The domain
 * @first: First byte of what is mapped in it and stays so
 * @last: Last byte
 *
 * Two callers at the same time come to the same decision.
 */
void dirty_walk_choose(struct iommufd_dirty_domain *dd, unsigned long first,
		       unsigned long last)
{
	const struct iommufd_dirty_walker *walker = dd->platform->walker;

	if (READ_ONCE(dd->record) != IOMMUFD_DIRTY_RECORD_UNKNOWN || !walker ||
	    READ_ONCE(dd->distrusted))
		return;
	if (!walker->fits(dd->domain)) {
		WRITE_ONCE(dd->distrusted, true);
	} else if (!walker->check(dd->domain, first, last)) {
		pr_warn_ratelimited("iommufd: page table of the %s driver differs from iommu_iova_to_phys(); its driver reads the dirty bits\n",
				    dd->platform->name);
		WRITE_ONCE(dd->distrusted, true);
	} else {
		WRITE_ONCE(dd->record, IOMMUFD_DIRTY_RECORD_WALKER);
	}
}

/**
 * dirty_walk_read() - Read dirty bits, and clear them, by a walker
 * @dd: The domain; dirty_walk_is_ours()
 * @first: First byte
 * @last: Last byte
 * @flags: IOMMU_DIRTY_NO_CLEAR or 0
 * @dirty: Where they go, and what has to be flushed
 *
 * Return: 0, or the walker's error.
 */
int dirty_walk_read(struct iommufd_dirty_domain *dd, unsigned long first,
		    unsigned long last, unsigned long flags,
		    struct iommu_dirty_bitmap *dirty)
{
	return dd->platform->walker->read(dd->domain, first, last - first + 1, flags, dirty);
}

/**
 * dirty_walk_can_split() - Could leaves of a domain be taken apart in place?
 * @dd: The domain
 *
 * Return: false if there is no walker of its format, or it is not trusted.
 */
bool dirty_walk_can_split(const struct iommufd_dirty_domain *dd)
{
	const struct iommufd_dirty_walker *walker;

	walker = dd->platform ? dd->platform->walker : NULL;
	return walker && !READ_ONCE(dd->distrusted) && walker->fits(dd->domain);
}

/**
 * dirty_walk_split() - Take large leaves of a range apart
 * @dd: The domain; the range is mapped in it and stays so
 * @first: First byte
 * @last: Last byte
 * @dirty: Where what is dirty goes, and what has to be flushed
 *
 * Return: 0; -EOPNOTSUPP its table is not to be walked; -ENOMEM some are still large.
 */
int dirty_walk_split(struct iommufd_dirty_domain *dd, unsigned long first,
		     unsigned long last, struct iommu_dirty_bitmap *dirty)
{
	if (READ_ONCE(dd->record) != IOMMUFD_DIRTY_RECORD_WALKER)
		return -EOPNOTSUPP;
	return dd->platform->walker->split(dd->domain, first, last - first + 1, dirty);
}

/**
 * dirty_walk_join() - Make large leaves of small ones in a range
 * @dd: The domain; the range is mapped in it and stays so, and its dirty bits are not used
 * @first: First byte
 * @last: Last byte, of the same area, whose pages->mutex is held
 * @gather: Gets what has to be flushed, and tables that iommu_iotlb_sync() frees
 *
 * Return: 0; -EOPNOTSUPP its table is not to be walked.
 */
int dirty_walk_join(struct iommufd_dirty_domain *dd, unsigned long first,
		    unsigned long last, struct iommu_iotlb_gather *gather)
{
	if (READ_ONCE(dd->record) != IOMMUFD_DIRTY_RECORD_WALKER)
		return -EOPNOTSUPP;
	return dd->platform->walker->join(dd->domain, first, last - first + 1, gather);
}
