// SPDX-License-Identifier: GPL-2.0-only
/*
 * A walker of Intel VT-d's second-stage page table, where generic_pt has made it. A leaf is
 * one entry, of any level (VT-d specification, 3.7.2 and 9.8), with one D bit.
 */
#include <linux/generic_pt/common.h>

#define PT_FMT vtdss
#define PTPFX iommufd_dirty_vtdss_
#define PT_SUPPORTED_FEATURES						\
	(BIT(PT_FEAT_FLUSH_RANGE) | BIT(PT_FEAT_VTDSS_FORCE_COHERENCE) |\
	 BIT(PT_FEAT_VTDSS_FORCE_WRITEABLE) | BIT(PT_FEAT_DMA_INCOHERENT))
#define PT_WALKER iommufd_dirty_vtdss
#define PT_WALK_DIRTY VTDSS_FMT_D
#define PT_WALK_HARDWARE (VTDSS_FMT_D | VTDSS_FMT_A)
#define PT_WALK_ENCRYPTED 0
#define PT_WALK_UPSTREAM pt_iommu_vtdss_read_and_clear_dirty

#include "../../../generic_pt/fmt/defs_vtdss.h"
#include "../../../generic_pt/pt_defs.h"
#include "../../../generic_pt/fmt/vtdss.h"
#include "../../../generic_pt/pt_common.h"

#include "pt_walker.h"
