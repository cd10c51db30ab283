/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A step: one harvest of a range of a domain, under one hold of iova_rwsem.
 * Steps that overlap exclude one another, so that no two harvests take the same
 * leaf; disjoint ones run in parallel.
 */
#ifndef __IOMMUFD_DIRTY_STEP_H
#define __IOMMUFD_DIRTY_STEP_H

#include <linux/list.h>

#include "hooks.h"

/**
 * struct dirty_step - A harvest under way; on the stack
 * @item: On iommufd_dirty_domain::steps
 * @first: First byte, at the border of a leaf
 * @last: Last byte; ditto
 */
struct dirty_step {
	struct list_head item;
	unsigned long first;
	unsigned long last;
};

int dirty_step_begin(struct iommufd_dirty_domain *dd, struct dirty_step *step,
		     bool killable);
void dirty_step_end(struct iommufd_dirty_domain *dd, struct dirty_step *step);

#endif
