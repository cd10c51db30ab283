/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sources for iommufd's dirty tracker: the interface for drivers of devices that record
 * which pages they have written. See Documentation/writing-a-source.rst.
 *
 * A driver that has struct vfio_log_ops needs none of this; vfio registers its log.
 */
#ifndef __LINUX_IOMMUFD_DIRTY_H
#define __LINUX_IOMMUFD_DIRTY_H

#include <linux/bits.h>
#include <linux/types.h>

struct iommufd_access;
struct iommufd_device;
struct iova_bitmap;

/**
 * struct iommufd_dirty_source_ops - Operations of a source
 * @start: Begin to log all writes of the device without PASID to [@first, @last] (IOVA,
 *	bytes, @last is inclusive), with an empty log. In: @granule is the unit that
 *	the tracker prefers, in bytes. Out: the unit that the source uses, a
 *	power of two. The source may log more than the range. An error means that
 *	the source cannot log the range; the tracker may try a smaller one
 * @stop: End the log. Cannot fail; the tracker calls it only after a successful start
 * @harvest: Report every page of [@iova, @iova + @length) that was written since
 *	the last report, with iova_bitmap_set(), and forget it. The tracker ignores
 *	bits outside the range, so the source must not forget pages there, but for those of
 *	@batch, to which the range is widened. Every write
 *	that completed before the call is reported by it or by an earlier one.
 *	After an error the tracker treats the log as lost until @stop and @start
 *
 * All may sleep. The tracker calls @start with locks of iommufd held: it must not call
 * iommufd or wait for a task that does. A worker that cannot be killed calls @harvest
 * and @stop with no lock held: a driver that waits for its device limits the wait
 * itself. The tracker never runs two of them for one source at the same time.
 */
struct iommufd_dirty_source_ops {
	int (*start)(void *data, unsigned long first, unsigned long last,
		     unsigned long *granule);
	void (*stop)(void *data);
	int (*harvest)(void *data, unsigned long iova, size_t length,
		       struct iova_bitmap *bitmap);
};

/**
 * enum iommufd_dirty_source_flags - Kind of a source
 * @IOMMUFD_DIRTY_SOURCE_IS_SCOPE: There is no log. Each harvest reports all
 *	pages that the device can write, whether it has written them or not, and once
 *	more each page that has left the set
 */
enum iommufd_dirty_source_flags {
	IOMMUFD_DIRTY_SOURCE_IS_SCOPE = 1 << 0,
};

/**
 * struct iommufd_dirty_source_desc - Description of a source
 * @ops: Its operations
 * @data: First argument of each of @ops
 * @flags: enum iommufd_dirty_source_flags
 * @granule: Finest unit of its log, in bytes: a power of two
 * @batch: How many units it reports and forgets together, counted from the first byte of
 *	the log: harvests begin and end with them. A power of two; 0 is 1
 */
struct iommufd_dirty_source_desc {
	const struct iommufd_dirty_source_ops *ops;
	void *data;
	unsigned int flags;
	unsigned long granule;
	unsigned int batch;
};

int iommufd_dirty_source_register(struct iommufd_device *idev,
				  const struct iommufd_dirty_source_desc *desc);
void iommufd_dirty_source_unregister(struct iommufd_device *idev);
bool iommufd_dirty_source_registered(struct iommufd_device *idev);

int iommufd_dirty_source_user_begin(struct iommufd_device *idev, bool start);
void iommufd_dirty_source_user_end(struct iommufd_device *idev, int change);

#ifdef CONFIG_IOMMUFD_DIRTY_NETLINK
void iommufd_dirty_migration(struct iommufd_device *idev, u32 state);
#else
static inline void iommufd_dirty_migration(struct iommufd_device *idev, u32 state)
{
}
#endif

void iommufd_dirty_access_declare(struct iommufd_access *access);
int iommufd_dirty_access_mark(struct iommufd_access *access, unsigned long iova,
			      unsigned long length);

#endif
