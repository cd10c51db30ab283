/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading dirty bits of a domain.
 */
#ifndef __IOMMUFD_DIRTY_BITS_H
#define __IOMMUFD_DIRTY_BITS_H

#include <linux/iommu.h>

#include "harvest.h"
#include "window.h"

/* How much address space is looked at in one piece; more if a leaf is larger */
#define HARVEST_STEP ((unsigned long)SZ_1G)
/* How much is read in one piece at first, where only the gather records */
#define GATHER_BLOCK SZ_2M

struct dirty_store;
struct io_pagetable;
struct iopt_area;
struct iommufd_dirty_unmap;

/**
 * struct harvest - One harvest of one domain
 * @iopt: The IOAS's table; domains_rwsem is held for read
 * @store: The tracker's
 * @dd: The source
 * @domain: Its domain
 * @window: Where dirty pages go
 * @flush: What has to be flushed; the driver adds to it
 * @flags: enum dirty_harvest_flags
 * @range: What is harvested, for whom
 * @deadline: LAST: when to stop, in jiffies
 * @block: How much is read in one piece where only the gather records
 * @leaf: Size of the leaf that was found last there
 * @probe: How much is looked at in one piece until it is known which of the two a driver
 *	is; 0 before the first
 * @unfilled: Nothing of the IOAS is mapped in it, and a device may have written
 * @skipped: An area was passed over because its pages come or go
 */
struct harvest {
	struct io_pagetable *iopt;
	struct dirty_store *store;
	struct iommufd_dirty_domain *dd;
	struct iommu_domain *domain;
	struct dirty_window window;
	struct iommu_iotlb_gather flush;
	unsigned int flags;
	const struct dirty_harvest_range *range;
	unsigned long deadline;
	unsigned long block;
	unsigned long leaf;
	unsigned long probe;
	bool unfilled;
	bool skipped;
};

int dirty_bits_step(struct harvest *h, struct iopt_area *area, unsigned long first,
		    unsigned long *end);
int dirty_bits_read_hidden(struct harvest *h, const struct iommufd_dirty_unmap *unmap);
void dirty_bits_flush(struct harvest *h);

#endif
