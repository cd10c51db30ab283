/* SPDX-License-Identifier: GPL-2.0-only */
/* Operations of IOMMU drivers */
#ifndef _DIRTY_COMPAT_IOMMU_H
#define _DIRTY_COMPAT_IOMMU_H

/* Renamed in 6.14, and another operation took its parent */
#ifndef DIRTY_HAS_ALLOC_PAGING_FLAGS
#define domain_alloc_paging_flags	domain_alloc_user
#endif

#endif
