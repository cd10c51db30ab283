/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes what is on equal to what should be on.
 */
#ifndef __IOMMUFD_DIRTY_RECONCILE_H
#define __IOMMUFD_DIRTY_RECONCILE_H

#include <linux/types.h>

struct iommufd_dirty_attachment;
struct iommufd_dirty_domain;
struct iommufd_dirty_tracker;

int dirty_reconcile(struct iommufd_dirty_tracker *tracker, bool must);
int dirty_reconcile_attach(struct iommufd_dirty_tracker *tracker,
			   struct iommufd_dirty_attachment *at);
void dirty_reconcile_detach(struct iommufd_dirty_tracker *tracker,
			    struct iommufd_dirty_domain *dd);
void dirty_reconcile_left(struct iommufd_dirty_tracker *tracker,
			  const struct iommufd_dirty_attachment *at);
bool dirty_reconcile_widen(struct iommufd_dirty_tracker *tracker);
void dirty_reconcile_end(struct iommufd_dirty_tracker *tracker);
void dirty_reconcile_retry(struct iommufd_dirty_tracker *tracker);
bool dirty_reconcile_drained(struct iommufd_dirty_tracker *tracker);

#endif
