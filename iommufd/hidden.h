/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unmaps under way: ranges that are hidden from harvests.
 */
#ifndef __IOMMUFD_DIRTY_HIDDEN_H
#define __IOMMUFD_DIRTY_HIDDEN_H

struct io_pagetable;
struct iommufd_dirty_unmap;
struct iopt_area;

void dirty_hidden_add(struct io_pagetable *iopt,
		      struct iommufd_dirty_unmap *unmap, struct iopt_area *area);
void dirty_hidden_del(struct io_pagetable *iopt,
		      struct iommufd_dirty_unmap *unmap);
int dirty_hidden_wait(struct io_pagetable *iopt, unsigned long first,
		      unsigned long last, unsigned long deadline);

#endif
