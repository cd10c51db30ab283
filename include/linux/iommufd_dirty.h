/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sources for iommufd's dirty tracker: what a driver implements whose device can tell
 * which pages it has written. See Documentation/writing-a-source.rst.
 *
 * A driver that has struct vfio_log_ops needs none of this; vfio registers it.
 */
#ifndef __LINUX_IOMMUFD_DIRTY_H
#define __LINUX_IOMMUFD_DIRTY_H

#include <linux/bits.h>
#include <linux/types.h>

struct iommufd_access;
struct iommufd_device;
struct iova_bitmap;

/**
 * struct iommufd_dirty_source_ops - What a source can do
 * @start: Begin to log all writes of the device to [@first, @last] (IOVA,
 *	bytes, @last is inclusive), with nothing in the log. @granule is the
 *	unit that is wished for, in bytes, and on return the one that is used, a
 *	power of two. It may log more than was asked for. An error means that
 *	the source cannot hold the range; a smaller one may be tried
 * @stop: End the log. Cannot fail, and is not called without a start
 * @harvest: Report every page of [@iova, @iova + @length) that was written since
 *	the last report, with iova_bitmap_set(), and forget it. What is set
 *	outside the range is ignored, so nothing outside may be forgotten. What
 *	was written before the call is reported by it, or was by one before.
 *	After an error the log counts as lost until @stop and @start
 *
 * All may sleep. @start is called with locks of iommufd held: it must not call
 * iommufd or wait for somebody who does. @harvest and @stop are called with none, by
 * a worker, which cannot be killed: a driver that has to wait for its device limits
 * that wait itself. No two of them run at a time.
 */
struct iommufd_dirty_source_ops {
	int (*start)(void *data, unsigned long first, unsigned long last,
		     unsigned long *granule);
	void (*stop)(void *data);
	int (*harvest)(void *data, unsigned long iova, size_t length,
		       struct iova_bitmap *bitmap);
};

/**
 * enum iommufd_dirty_source_flags - What kind of source
 * @IOMMUFD_DIRTY_SOURCE_IS_SCOPE: There is no log. Each harvest reports all
 *	pages that the device may write, whether it has or not, and a page that
 *	is not among them any more once again
 */
enum iommufd_dirty_source_flags {
	IOMMUFD_DIRTY_SOURCE_IS_SCOPE = 1 << 0,
};

/**
 * struct iommufd_dirty_source_desc - A source that is registered
 * @ops: What it can do
 * @data: First argument of @ops
 * @flags: enum iommufd_dirty_source_flags
 * @granule: Finest unit of its log, in bytes: a power of two
 * @addr_bits: It can log addresses below 1 << @addr_bits; 0 when that is not
 *	known, and then it is found out with @ops->start
 */
struct iommufd_dirty_source_desc {
	const struct iommufd_dirty_source_ops *ops;
	void *data;
	unsigned int flags;
	unsigned long granule;
	unsigned int addr_bits;
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
