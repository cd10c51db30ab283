// SPDX-License-Identifier: GPL-2.0-only
/*
 * A walker of the AMD IOMMU's v1 page table, where generic_pt has made it. Of a leaf that
 * is several PTEs, hardware may set D in any one (AMD I/O Virtualization Technology
 * specification 48882, 2.2.3.2 Host Dirty Support): they are ORed, and all cleared.
 */
#include <linux/generic_pt/common.h>

#define PT_FMT amdv1
#define PTPFX iommufd_dirty_amdv1_
#define PT_SUPPORTED_FEATURES						\
	(BIT(PT_FEAT_FULL_VA) | BIT(PT_FEAT_DYNAMIC_TOP) |		\
	 BIT(PT_FEAT_FLUSH_RANGE) | BIT(PT_FEAT_FLUSH_RANGE_NO_GAPS) |	\
	 BIT(PT_FEAT_AMDV1_ENCRYPT_TABLES) |				\
	 BIT(PT_FEAT_AMDV1_FORCE_COHERENCE))
#define PT_FORCE_ENABLED_FEATURES					\
	(BIT(PT_FEAT_DYNAMIC_TOP) | BIT(PT_FEAT_AMDV1_ENCRYPT_TABLES) |	\
	 BIT(PT_FEAT_AMDV1_FORCE_COHERENCE))
#define PT_WALKER iommufd_dirty_amdv1
#define PT_WALK_DIRTY AMDV1PT_FMT_D
/* And A, which is bit 5 (the same, 2.2.3.1 Host Access Support) */
#define PT_WALK_HARDWARE (AMDV1PT_FMT_D | BIT(5))
/* In a leaf of memory, not of MMIO; pt_attr_from_entry() leaves it out */
#define PT_WALK_ENCRYPTED __sme_set(0ULL)
#define PT_WALK_UPSTREAM pt_iommu_amdv1_read_and_clear_dirty

#include "../../../generic_pt/fmt/defs_amdv1.h"
#include "../../../generic_pt/pt_defs.h"
#include "../../../generic_pt/fmt/amdv1.h"
#include "../../../generic_pt/pt_common.h"

#include "pt_walker.h"
