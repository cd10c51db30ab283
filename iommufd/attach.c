// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hooks that see devices come and go. A device takes its seat in a domain
 * before its hardware can reach it, so that the plan with the device in it is in
 * force by then; it leaves after its hardware has left, and then gives its last
 * dirt. During a replace it has two seats.
 */
#include <linux/iommu.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "source.h"
#include "test.h"
#include "tracker.h"

static int count_device(struct device *dev, void *data)
{
	(*(unsigned int *)data)++;
	return 0;
}

/*
 * What shares a group can write to one another's memory, and perhaps with one
 * another's name. So a log speaks only for a device that is alone.
 */
static bool is_alone(struct iommufd_device *idev)
{
	unsigned int devices = 0;

	iommu_group_for_each_dev(idev->igroup->group, &devices, count_device);
	return devices == 1;
}

static void seat_take(struct iommufd_dirty_seat *seat,
		      struct iommufd_device *idev,
		      struct iommufd_dirty_domain *dd, bool nested)
{
	struct io_pagetable *iopt = iommufd_dirty_domain_iopt(dd);

	*seat = (struct iommufd_dirty_seat){
		.idev = idev,
		.dd = dd,
		.nested = nested,
		.alone = is_alone(idev),
	};
	down_write(&iopt->domains_rwsem);
	list_add_tail(&seat->item, &iopt->dirty.seats);
	up_write(&iopt->domains_rwsem);
}

static void seat_leave(struct iommufd_dirty_seat *seat)
{
	struct io_pagetable *iopt = iommufd_dirty_domain_iopt(seat->dd);

	down_write(&iopt->domains_rwsem);
	list_del(&seat->item);
	seat->dd = NULL;
	up_write(&iopt->domains_rwsem);
}

/* Take a seat, with a plan that is in force. */
static int seat_begin(struct iommufd_dirty_seat *seat,
		      struct iommufd_device *idev,
		      struct iommufd_hw_pagetable *hwpt)
{
	struct iommufd_dirty_domain *dd = &find_hwpt_paging(hwpt)->dirty;
	struct io_pagetable *iopt = iommufd_dirty_domain_iopt(dd);
	struct iommufd_dirty_source *src = idev->dirty.source;
	struct iommufd_dirty_tracker *tracker;
	int rc = 0;

	mutex_lock(&iopt->dirty.plan_lock);
	/* What it could not do elsewhere, it may do here */
	if (src && !src->started)
		WRITE_ONCE(src->failed, false);
	seat_take(seat, idev, dd, hwpt->obj.type == IOMMUFD_OBJ_HWPT_NESTED);
	tracker = iommufd_dirty_running(iopt);
	/* A domain without pages is planned for when it gets some */
	if (tracker && dd->domain && !dirty_test_break(DIRTY_BREAK_LATE_SOURCE))
		rc = iommufd_dirty_replan(tracker, false);
	if (rc)
		seat_leave(seat);
	mutex_unlock(&iopt->dirty.plan_lock);
	return rc;
}

/* Leave a seat; what the device did there is reported. */
static void seat_end(struct iommufd_dirty_seat *seat, bool last)
{
	struct io_pagetable *iopt = iommufd_dirty_domain_iopt(seat->dd);
	struct iommufd_dirty_source *src = seat->idev->dirty.source;
	struct iommufd_dirty_tracker *tracker;

	mutex_lock(&iopt->dirty.plan_lock);
	tracker = iommufd_dirty_running(iopt);
	if (tracker && last && iommufd_dirty_source_is_on(src, tracker))
		iommufd_dirty_source_end(src);
	seat_leave(seat);
	/* Without memory the old plan goes on, which is good for those who stay */
	if (tracker)
		iommufd_dirty_replan(tracker, true);
	mutex_unlock(&iopt->dirty.plan_lock);
}

/**
 * iommufd_dirty_map - Something is about to be mapped
 * @iopt: The IOAS's table; domains_rwsem is held for read
 * @iova: First byte
 * @length: Bytes
 * @iommu_prot: IOMMU_READ, IOMMU_WRITE, ...
 *
 * Return: -ENXIO when a device's log does not hold it, and a running tracker
 * must be precise.
 */
int iommufd_dirty_map(struct io_pagetable *iopt, unsigned long iova,
		      unsigned long length, int iommu_prot)
{
	struct iommufd_dirty_tracker *tracker = iommufd_dirty_running(iopt);
	struct iommufd_dirty_domain *dd;

	if (test_bit(IOMMUFD_DIRTY_SPLIT, &iopt->dirty.flags))
		iommufd_dirty_twin_note(iopt, iova, iova + (length - 1));
	if (!tracker || !(iommu_prot & IOMMU_WRITE))
		return 0;
	list_for_each_entry(dd, &iopt->dirty.domains, item) {
		if (READ_ONCE(dd->kind) != IOMMU_DIRTY_SOURCE_DEVICE ||
		    (iova >= dd->first && iova + (length - 1) <= dd->last))
			continue;
		if (tracker->flags & IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE)
			return -ENXIO;
		set_bit(IOMMUFD_DIRTY_GREW, &iopt->dirty.flags);
	}
	return 0;
}

/**
 * iommufd_dirty_attach - A device is about to be attached
 * @hwpt: Where to; its group->lock is held
 * @idev: The device
 *
 * Return: -ENXIO when a running tracker must be precise and cannot be with this
 * device, -ENOMEM. Else to be undone with iommufd_dirty_detach().
 */
int iommufd_dirty_attach(struct iommufd_hw_pagetable *hwpt,
			 struct iommufd_device *idev)
{
	return seat_begin(&idev->dirty.seat, idev, hwpt);
}

/**
 * iommufd_dirty_detach - A device was detached
 * @idev: The device; its group's lock is held. One without a seat is left alone
 */
void iommufd_dirty_detach(struct iommufd_device *idev)
{
	if (idev->dirty.seat.dd)
		seat_end(&idev->dirty.seat, true);
}

/**
 * iommufd_dirty_replace_begin - A group is about to be attached elsewhere
 * @hwpt: Where to
 * @idev: One of its devices; the group's lock is held
 *
 * Return: as for iommufd_dirty_attach(); to be ended with
 * iommufd_dirty_replace_end(), also when it fails.
 */
int iommufd_dirty_replace_begin(struct iommufd_hw_pagetable *hwpt,
				struct iommufd_device *idev)
{
	struct iommufd_device *cur;
	int rc = 0;

	list_for_each_entry(cur, &idev->igroup->device_list, group_item) {
		rc = seat_begin(&cur->dirty.next, cur, hwpt);
		if (rc)
			break;
	}
	return rc;
}

/* The new seat becomes the seat. */
static void seat_move(struct iommufd_dirty_device *dev)
{
	struct io_pagetable *iopt = iommufd_dirty_domain_iopt(dev->next.dd);
	struct iommufd_dirty_tracker *tracker;

	mutex_lock(&iopt->dirty.plan_lock);
	down_write(&iopt->domains_rwsem);
	dev->seat = dev->next;
	list_replace(&dev->next.item, &dev->seat.item);
	dev->next.dd = NULL;
	up_write(&iopt->domains_rwsem);
	/* Its log was another tracker's until now, perhaps */
	tracker = iommufd_dirty_running(iopt);
	if (tracker)
		iommufd_dirty_replan(tracker, true);
	mutex_unlock(&iopt->dirty.plan_lock);
}

/**
 * iommufd_dirty_replace_end - A group was attached elsewhere, or could not be
 * @idev: One of its devices; the group's lock is held
 * @rc: How it ended
 */
void iommufd_dirty_replace_end(struct iommufd_device *idev, int rc)
{
	struct iommufd_device *cur;

	list_for_each_entry(cur, &idev->igroup->device_list, group_item) {
		struct iommufd_dirty_device *dev = &cur->dirty;

		if (!dev->next.dd)
			continue;
		if (rc) {
			seat_end(&dev->next, false);
			continue;
		}
		seat_end(&dev->seat,
			 iommufd_dirty_domain_iopt(dev->seat.dd) !=
				 iommufd_dirty_domain_iopt(dev->next.dd));
		seat_move(dev);
	}
}
