// SPDX-License-Identifier: GPL-2.0-only
/*
 * Upstream's per-HWPT ioctls, IOMMU_HWPT_SET_DIRTY_TRACKING and
 * IOMMU_HWPT_GET_DIRTY_BITMAP: who may use them, and how they are answered. One HWPT
 * is the smallest tracker that there is: its dirty bits go through the same harvest
 * as a tracker's, so that drivers without a bitmap are read through their flush
 * ranges, all that was cleared is flushed, nothing is lost when it cannot be
 * delivered, and what was dirty when it was unmapped is kept until it is read or the
 * HWPT is destroyed.
 *
 * HWPTs of drivers that are not described in drivers/platform/, and bitmaps of units
 * smaller than a page, are left to upstream's code.
 */
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/sizes.h>

#include "deliver.h"
#include "domain.h"
#include "harvest.h"
#include "platform/platform.h"
#include "test.h"
#include "tracker.h"

#define HWPT_WINDOW ((unsigned long)SZ_64G)

/**
 * iommufd_dirty_user_begin() - A per-HWPT ioctl wants to touch the dirty bits
 * @hwpt_paging: The HWPT
 *
 * Return: -EBUSY when they belong to a tracker; else to be ended with
 * iommufd_dirty_user_end() or iommufd_dirty_user_set().
 */
int iommufd_dirty_user_begin(struct iommufd_hwpt_paging *hwpt_paging)
{
	atomic_t *users = &hwpt_paging->ioas->iopt.dirty.users;

	return atomic_inc_unless_negative(users) ? 0 : -EBUSY;
}

/**
 * iommufd_dirty_user_end() - A per-HWPT ioctl is done with the dirty bits
 * @hwpt_paging: The HWPT
 */
void iommufd_dirty_user_end(struct iommufd_hwpt_paging *hwpt_paging)
{
	atomic_dec(&hwpt_paging->ioas->iopt.dirty.users);
}

/* The store of a HWPT whose tracking is on, with a reference; or NULL. */
static struct dirty_store *hwpt_store(struct iommufd_hwpt_paging *hwpt_paging)
{
	struct io_pagetable *iopt = &hwpt_paging->ioas->iopt;
	struct dirty_store *store;

	down_read(&iopt->domains_rwsem);
	store = hwpt_paging->dirty.store;
	if (store)
		dirty_store_get(store);
	up_read(&iopt->domains_rwsem);
	return store;
}

static void hwpt_set_store(struct iommufd_hwpt_paging *hwpt_paging,
			   struct dirty_store *store)
{
	struct io_pagetable *iopt = &hwpt_paging->ioas->iopt;
	struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;
	struct dirty_store *old;

	down_write(&iopt->domains_rwsem);
	down_write(&iopt->iova_rwsem);
	old = dd->store;
	dd->store = store;
	dd->on = store;
	WRITE_ONCE(dd->failed, false);
	WRITE_ONCE(dd->kind, IOMMU_DIRTY_SOURCE_NONE);
	iopt->dirty.stores += !!store - !!old;
	up_write(&iopt->iova_rwsem);
	up_write(&iopt->domains_rwsem);
	dirty_store_put(old);
}

/* Tracking is on: begin clean, with an IOTLB that has forgotten it as well. */
static int hwpt_start(struct iommufd_hwpt_paging *hwpt_paging)
{
	struct iommufd_dirty_domain *dd = &hwpt_paging->dirty;
	struct dirty_store *store;
	int rc;

	if (!dd->platform || !dd->listed)
		return 0;
	store = dirty_store_alloc(PAGE_SHIFT, PAGE_SHIFT, PAGE_SIZE, NULL);
	if (!store)
		return -ENOMEM;
	hwpt_set_store(hwpt_paging, store);
	rc = dirty_harvest_hwpt(&hwpt_paging->ioas->iopt, dd, store, 0,
				ULONG_MAX, DIRTY_HARVEST_DISCARD, NULL);
	if (rc)
		hwpt_set_store(hwpt_paging, NULL);
	return rc;
}

/**
 * iommufd_dirty_user_set() - IOMMU_HWPT_SET_DIRTY_TRACKING is done
 * @hwpt_paging: The HWPT
 * @enable: What was asked for
 * @rc: How it ended
 *
 * A HWPT whose tracking is on keeps a hold, until it is switched off or
 * destroyed.
 *
 * Return: @rc, or -ENOMEM or -EINTR, and then tracking is off.
 */
int iommufd_dirty_user_set(struct iommufd_hwpt_paging *hwpt_paging, bool enable,
			   int rc)
{
	struct iommu_domain *domain = hwpt_paging->common.domain;
	unsigned long *user = &hwpt_paging->dirty.user;

	if (!rc && enable) {
		rc = hwpt_start(hwpt_paging);
		if (rc)
			domain->dirty_ops->set_dirty_tracking(domain, false);
		enable = !rc;
		if (!rc && !test_and_set_bit(0, user))
			return 0;
	}
	if (!enable) {
		hwpt_set_store(hwpt_paging, NULL);
		/* An attach at the same time may lose what is switched on later */
		if (hwpt_paging->dirty.platform &&
		    hwpt_paging->dirty.platform->always_on)
			domain->dirty_ops->set_dirty_tracking(domain, true);
		if (test_and_clear_bit(0, user))
			iommufd_dirty_user_end(hwpt_paging);
	}
	iommufd_dirty_user_end(hwpt_paging);
	return rc;
}

/**
 * dirty_hwpt_remove() - A HWPT goes: so does what was not read of it
 * @hwpt_paging: The HWPT, unlisted
 */
void dirty_hwpt_remove(struct iommufd_hwpt_paging *hwpt_paging)
{
	if (hwpt_paging->dirty.store)
		hwpt_set_store(hwpt_paging, NULL);
	if (test_and_clear_bit(0, &hwpt_paging->dirty.user))
		iommufd_dirty_user_end(hwpt_paging);
}

static int hwpt_window(struct iommufd_hwpt_paging *hwpt_paging,
		       struct dirty_store *store, struct dirty_read *rd,
		       struct dirty_set *set, unsigned long first,
		       unsigned long last)
{
	bool peek = !dirty_read_clears(rd);
	int rc;

	rc = dirty_harvest_hwpt(&hwpt_paging->ioas->iopt, &hwpt_paging->dirty,
				store, first, last,
				peek ? DIRTY_HARVEST_PEEK : 0, set);
	if (!rc && READ_ONCE(hwpt_paging->dirty.failed))
		rc = -EIO;
	if (!rc) {
		if (peek)
			dirty_store_copy(store, set, first, last);
		else
			dirty_store_take(store, set, first, last);
		rc = dirty_deliver(rd, set, first, last);
	}
	if (peek)
		dirty_set_destroy(set);
	return rc;
}

static int hwpt_read(struct iommufd_hwpt_paging *hwpt_paging,
		     struct dirty_store *store, struct dirty_read *rd)
{
	unsigned long window = max(HWPT_WINDOW, BIT(rd->shift));
	unsigned long first = rd->iova, last;
	struct dirty_set set;
	int rc;

	dirty_set_init(&set, store->shift);
	for (;;) {
		last = min(rd->last, first | (window - 1));
		rc = hwpt_window(hwpt_paging, store, rd, &set, first, last);
		if (rc || last == rd->last)
			break;
		first = last + 1;
	}
	dirty_store_publish(store, &set);
	return rc;
}

/**
 * iommufd_dirty_user_read() - IOMMU_HWPT_GET_DIRTY_BITMAP
 * @hwpt_paging: The HWPT
 * @cmd: What is asked for
 *
 * Return: 0, or -errno as upstream's; 1 when it is upstream's to answer.
 */
int iommufd_dirty_user_read(struct iommufd_hwpt_paging *hwpt_paging,
			    struct iommu_hwpt_get_dirty_bitmap *cmd)
{
	struct dirty_read rd = {};
	struct dirty_store *store;
	int rc;

	store = hwpt_store(hwpt_paging);
	if (!store)
		return 1;
	rc = iommufd_check_iova_range(&hwpt_paging->ioas->iopt, cmd);
	if (!rc && !is_power_of_2(cmd->page_size))
		rc = -EINVAL;
	if (!rc && cmd->page_size < PAGE_SIZE)
		rc = 1;
	if (rc)
		goto out_put;
	rd.flags = cmd->flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR ?
			   IOMMU_DIRTY_TRACKER_READ_NO_CLEAR : 0;
	rd.iova = cmd->iova;
	rd.last = cmd->iova + (cmd->length - 1);
	rd.shift = ilog2(cmd->page_size);
	rd.bitmap = u64_to_user_ptr(cmd->data);
	rc = hwpt_read(hwpt_paging, store, &rd);
out_put:
	dirty_store_put(store);
	return rc;
}
