/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A domain as a source: the passive record.
 */
#ifndef __IOMMUFD_DIRTY_DOMAIN_H
#define __IOMMUFD_DIRTY_DOMAIN_H

#include <linux/sizes.h>

#include "hooks.h"

/* Size of the first steps of a domain, in bytes */
#define DIRTY_STEP_BEGIN ((unsigned long)SZ_64M)

void dirty_domain_init(struct iommufd_dirty_domain *dd,
		       struct iommu_domain *domain,
		       const struct iommufd_dirty_platform *platform, bool small);
unsigned long dirty_domain_granule(const struct iommufd_dirty_domain *dd);
unsigned long dirty_domain_finest(const struct iommufd_dirty_domain *dd,
				  const struct io_pagetable *iopt);
bool dirty_domain_filled(struct io_pagetable *iopt,
			 struct iommufd_dirty_domain *dd);
bool dirty_domain_born_dirty(const struct iommufd_dirty_domain *dd);
struct io_pagetable *dirty_domain_iopt(struct iommufd_dirty_domain *dd);
int dirty_domain_enable(struct iommufd_dirty_domain *dd);
void dirty_domain_disable(struct iommufd_dirty_domain *dd);
void dirty_domain_reset(struct iommufd_dirty_domain *dd);
void dirty_domain_failed(struct iommufd_dirty_domain *dd);

/* An attachment is counted in its domain (@n 1), or not any more (-1); plan_lock is held. */
static inline void dirty_domain_count(struct iommufd_dirty_attachment *at, int n)
{
	if (at->silent)
		return;
	at->dd->devices += n;
	if (at->has_log)
		at->dd->logs += n;
}

/* Does the plan cover something mapped in the domain by nothing but a mark? */
static inline bool dirty_domain_partial(const struct iommufd_dirty_domain *dd)
{
	return READ_ONCE(dd->kind) == IOMMU_DIRTY_SOURCE_DEVICE &&
	       (dd->first || dd->last != ULONG_MAX);
}

#endif
