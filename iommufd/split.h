/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Large leaves taken apart in place, and joined again.
 */
#ifndef __IOMMUFD_DIRTY_SPLIT_H
#define __IOMMUFD_DIRTY_SPLIT_H

struct iommufd_dirty_tracker;

void dirty_split(struct iommufd_dirty_tracker *tracker);
void dirty_join(struct iommufd_dirty_tracker *tracker);

#endif
