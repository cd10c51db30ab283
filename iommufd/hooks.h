/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the lines added to upstream's iommufd (hooks/) call, and the state they
 * need embedded in its structures. Included by iommufd_private.h.
 */
#ifndef __IOMMUFD_DIRTY_HOOKS_H
#define __IOMMUFD_DIRTY_HOOKS_H

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/types.h>
#include <uapi/linux/iommufd_dirty.h>

struct iommu_domain;
struct io_pagetable;
struct iopt_area;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_dirty_platform;
struct iommufd_dirty_tracker;
struct iommufd_hwpt_paging;
struct iommufd_ioas;
struct iommufd_object;
struct iommufd_ucmd;
struct vfio_info_cap_header;

/**
 * struct iommufd_dirty_iopt - Dirty tracking of an IOAS; in struct io_pagetable
 * @tracker: The IOAS's tracker or NULL. Written under ioas->mutex and
 *	domains_rwsem (write), read under either
 * @domains: Of struct iommufd_dirty_domain::item; locked like @tracker
 * @users: Who owns the dirty bits: n > 0 holds of the per-HWPT ioctls (one for
 *	each HWPT whose tracking is on, one for each read in flight), 0 nobody,
 *	-1 a tracker
 */
struct iommufd_dirty_iopt {
	struct iommufd_dirty_tracker *tracker;
	struct list_head domains;
	atomic_t users;
};

/**
 * struct iommufd_dirty_domain - A domain as a source; in struct
 *	iommufd_hwpt_paging
 * @item: On iommufd_dirty_iopt::domains
 * @domain: The domain; NULL while not on the list
 * @platform: What is known of its IOMMU driver; NULL when it cannot track
 * @kind: enum iommu_dirty_source_kind. Written like iommufd_dirty_iopt::tracker,
 *	but that a harvest that fails turns IOMMU into MAPPED at any time
 * @state: enum iommu_dirty_source_state; as @kind
 * @record: enum iommufd_dirty_record; learned by the first harvest that sees
 *	dirt
 * @user: Bit 0: tracking was switched on by IOMMU_HWPT_SET_DIRTY_TRACKING
 * @largest: Largest leaf that was reported dirty, in bytes
 * @bytes: Bytes reported since START
 * @harvests: Harvests since START
 * @harvest_ns: Time they took
 * @failures: Failures since START
 */
struct iommufd_dirty_domain {
	struct list_head item;
	struct iommu_domain *domain;
	const struct iommufd_dirty_platform *platform;
	u8 kind;
	u8 state;
	u8 record;
	unsigned long user;
	unsigned long largest;
	atomic64_t bytes;
	atomic64_t harvests;
	atomic64_t harvest_ns;
	atomic64_t failures;
};

#ifdef CONFIG_IOMMUFD_DIRTY
/* main.c */
int iommufd_dirty_tracker_alloc(struct iommufd_ucmd *ucmd);
int iommufd_dirty_tracker_set(struct iommufd_ucmd *ucmd);
int iommufd_dirty_tracker_read(struct iommufd_ucmd *ucmd);
int iommufd_dirty_tracker_unmap(struct iommufd_ucmd *ucmd);
int iommufd_dirty_tracker_info(struct iommufd_ucmd *ucmd);
void iommufd_dirty_tracker_destroy(struct iommufd_object *obj);

/* vfio_compat.c */
int iommufd_dirty_legacy_ioctl(struct iommufd_ctx *ictx, void __user *arg);
int iommufd_dirty_legacy_unmap(struct iommufd_ctx *ictx, void __user *arg);
int iommufd_dirty_legacy_cap(struct iommufd_ioas *ioas,
			     struct vfio_info_cap_header __user *cur,
			     size_t avail);
#define IOMMUFD_DIRTY_LEGACY_CAP iommufd_dirty_legacy_cap,

/* io_pagetable.c */
void iommufd_dirty_iopt_init(struct io_pagetable *iopt);
void iommufd_dirty_unmap_begin(struct io_pagetable *iopt);
void iommufd_dirty_unmap_area(struct io_pagetable *iopt,
			      struct iopt_area *area);

/* device.c, hw_pagetable.c */
u32 iommufd_dirty_auto_flags(struct iommufd_device *idev);
int iommufd_dirty_hwpt_add(struct iommufd_hwpt_paging *hwpt_paging,
			   struct iommufd_device *idev);
void iommufd_dirty_hwpt_remove(struct iommufd_hwpt_paging *hwpt_paging);
int iommufd_dirty_user_begin(struct iommufd_hwpt_paging *hwpt_paging);
void iommufd_dirty_user_end(struct iommufd_hwpt_paging *hwpt_paging);
void iommufd_dirty_user_set(struct iommufd_hwpt_paging *hwpt_paging,
			    bool enable, int rc);

#else /* upstream's behaviour: no such ioctls, nothing to do elsewhere */

static inline int iommufd_dirty_tracker_alloc(struct iommufd_ucmd *ucmd)
{
	return -ENOTTY;
}

static inline int iommufd_dirty_tracker_set(struct iommufd_ucmd *ucmd)
{
	return -ENOTTY;
}

static inline int iommufd_dirty_tracker_read(struct iommufd_ucmd *ucmd)
{
	return -ENOTTY;
}

static inline int iommufd_dirty_tracker_unmap(struct iommufd_ucmd *ucmd)
{
	return -ENOTTY;
}

static inline int iommufd_dirty_tracker_info(struct iommufd_ucmd *ucmd)
{
	return -ENOTTY;
}

static inline void iommufd_dirty_tracker_destroy(struct iommufd_object *obj)
{
}

static inline int iommufd_dirty_legacy_ioctl(struct iommufd_ctx *ictx,
					     void __user *arg)
{
	return -ENOTTY;
}

static inline int iommufd_dirty_legacy_unmap(struct iommufd_ctx *ictx,
					     void __user *arg)
{
	return -EINVAL;
}

#define IOMMUFD_DIRTY_LEGACY_CAP

static inline void iommufd_dirty_iopt_init(struct io_pagetable *iopt)
{
}

static inline void iommufd_dirty_unmap_begin(struct io_pagetable *iopt)
{
}

static inline void iommufd_dirty_unmap_area(struct io_pagetable *iopt,
					    struct iopt_area *area)
{
}

static inline u32 iommufd_dirty_auto_flags(struct iommufd_device *idev)
{
	return 0;
}

static inline int iommufd_dirty_hwpt_add(struct iommufd_hwpt_paging *hwpt_paging,
					 struct iommufd_device *idev)
{
	return 0;
}

static inline void
iommufd_dirty_hwpt_remove(struct iommufd_hwpt_paging *hwpt_paging)
{
}

static inline int
iommufd_dirty_user_begin(struct iommufd_hwpt_paging *hwpt_paging)
{
	return 0;
}

static inline void
iommufd_dirty_user_end(struct iommufd_hwpt_paging *hwpt_paging)
{
}

static inline void
iommufd_dirty_user_set(struct iommufd_hwpt_paging *hwpt_paging, bool enable,
		       int rc)
{
}
#endif /* CONFIG_IOMMUFD_DIRTY */

#endif
