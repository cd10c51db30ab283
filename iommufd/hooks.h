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
#include <linux/mutex.h>
#include <linux/rbtree_types.h>
#include <linux/types.h>
#include <uapi/linux/iommufd_dirty.h>

struct dirty_split;
struct iommu_domain;
struct io_pagetable;
struct iopt_area;
struct iommufd_access;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_dirty_platform;
struct iommufd_dirty_source;
struct iommufd_dirty_tracker;
struct iommufd_hw_pagetable;
struct iommufd_hwpt_paging;
struct iommufd_ioas;
struct iommufd_object;
struct iommufd_ucmd;
struct vfio_info_cap_header;

/**
 * enum iommufd_dirty_iopt_flags - Bits of struct iommufd_dirty_iopt::flags
 * @IOMMUFD_DIRTY_BROKE: A source broke; the plan is to be made anew
 * @IOMMUFD_DIRTY_GREW: Something was mapped that a device's log does not hold
 * @IOMMUFD_DIRTY_SPLIT: A domain has, or had, a twin with other leaves
 */
enum iommufd_dirty_iopt_flags {
	IOMMUFD_DIRTY_BROKE,
	IOMMUFD_DIRTY_GREW,
	IOMMUFD_DIRTY_SPLIT,
};

/**
 * struct iommufd_dirty_iopt - Dirty tracking of an IOAS; in struct io_pagetable
 * @plan_lock: Held while the plan is made and carried out
 * @tracker: The IOAS's tracker or NULL. Written under @plan_lock and
 *	domains_rwsem (write), read under either
 * @domains: Of struct iommufd_dirty_domain::item; locked like @tracker
 * @seats: Of struct iommufd_dirty_seat::item: the devices; locked like @tracker
 * @pins_lock: Protects @pins
 * @pins: What struct iommufd_access have pinned; struct dirty_pin
 * @flags: Bits of enum iommufd_dirty_iopt_flags
 * @users: Who owns the dirty bits: n > 0 holds of the per-HWPT ioctls (one for
 *	each HWPT whose tracking is on, one for each read in flight), 0 nobody,
 *	-1 a tracker
 * @attempt: Number of the last SPLIT; under the tracker's read_mutex
 * @coarse: Memory was mapped that may be in leaves larger than the smallest, and
 *	may be so still. Set under domains_rwsem, cleared under it (write)
 * @plain: And nothing asks for small leaves: domains are filled as upstream does.
 *	Like @coarse
 */
struct iommufd_dirty_iopt {
	struct mutex plan_lock;
	struct iommufd_dirty_tracker *tracker;
	struct list_head domains;
	struct list_head seats;
	struct mutex pins_lock;
	struct rb_root_cached pins;
	unsigned long flags;
	atomic_t users;
	unsigned int attempt;
	bool coarse;
	bool plain;
};

/**
 * struct iommufd_dirty_counters - What a source has done since START
 * @bytes: Bytes reported
 * @harvests: Harvests
 * @harvest_ns: Time they took
 * @failures: Failures
 */
struct iommufd_dirty_counters {
	atomic64_t bytes;
	atomic64_t harvests;
	atomic64_t harvest_ns;
	atomic64_t failures;
};

/**
 * struct iommufd_dirty_domain - A domain as a source; in struct
 *	iommufd_hwpt_paging
 * @item: On iommufd_dirty_iopt::domains
 * @domain: The domain; NULL while not on the list
 * @old: What was exchanged for @domain, while devices may be in it and its dirt is
 *	to be harvested; or NULL. Locked like @domain
 * @split: The exchange that is under way, or NULL. Written under domains_rwsem
 *	(write) with a reference to the HWPT, read under either
 * @attempt: The last one that has been made to exchange it
 * @fine: All leaves of @domain are the smallest, because of SPLIT. Written like
 *	@domain
 * @platform: What is known of its IOMMU driver; NULL when it cannot track
 * @kind: enum iommu_dirty_source_kind. Written like iommufd_dirty_iopt::tracker,
 *	but that a harvest that fails turns it into MAPPED under domains_rwsem
 *	(read)
 * @state: enum iommu_dirty_source_state; as @kind
 * @failed: Its dirty bits could not be read or switched on; until START
 * @tracking: They are switched on; under plan_lock
 * @index: In the plan that is being made; under plan_lock
 * @first: First byte that the logs of all its devices hold, if @kind is DEVICE
 * @last: Last byte of that, inclusive
 * @outside: Something is mapped that they do not hold
 * @record: enum iommufd_dirty_record; learned by the first harvest that sees
 *	dirt
 * @user: Bit 0: tracking was switched on by IOMMU_HWPT_SET_DIRTY_TRACKING
 * @largest: Largest leaf that was reported dirty, in bytes
 * @count: What it has done
 */
struct iommufd_dirty_domain {
	struct list_head item;
	struct iommu_domain *domain;
	struct iommu_domain *old;
	struct dirty_split *split;
	unsigned int attempt;
	bool fine;
	const struct iommufd_dirty_platform *platform;
	u8 kind;
	u8 state;
	u8 record;
	bool failed;
	bool tracking;
	bool outside;
	unsigned int index;
	unsigned long first;
	unsigned long last;
	unsigned long user;
	unsigned long largest;
	struct iommufd_dirty_counters count;
};

/**
 * struct iommufd_dirty_access - A driver without DMA as a source; in struct
 *	iommufd_access
 * @declared: It says itself what it writes; under access->ioas_lock
 * @bytes: Bytes reported
 */
struct iommufd_dirty_access {
	bool declared;
	atomic64_t bytes;
};

/**
 * struct iommufd_dirty_seat - A device in a domain
 * @item: On iommufd_dirty_iopt::seats
 * @dd: The domain; NULL while not on the list. Written under igroup->lock and
 *	the locks of the list
 * @idev: The device
 * @kind: enum iommu_dirty_source_kind: what the plan has for it
 * @nested: It is there through a nested HWPT, and logs stage-1 addresses
 * @alone: It is the only device of its iommu_group
 */
struct iommufd_dirty_seat {
	struct list_head item;
	struct iommufd_dirty_domain *dd;
	struct iommufd_device *idev;
	u8 kind;
	bool nested;
	bool alone;
};

/**
 * struct iommufd_dirty_device - A device that can be a source; in struct
 *	iommufd_device
 * @seat: Where it is
 * @next: Where it is about to go, during a replace
 * @source: Its own log, or NULL. Changed while it has no seat, under
 *	igroup->lock
 */
struct iommufd_dirty_device {
	struct iommufd_dirty_seat seat;
	struct iommufd_dirty_seat next;
	struct iommufd_dirty_source *source;
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
int iommufd_dirty_map(struct io_pagetable *iopt, unsigned long iova,
		      unsigned long length, int iommu_prot);
void iommufd_dirty_unmap_begin(struct io_pagetable *iopt);
int iommufd_dirty_fill_domain(struct io_pagetable *iopt,
			      struct iommu_domain *domain);
void iommufd_dirty_unmap_area(struct io_pagetable *iopt,
			      struct iopt_area *area);

/* pages.c */
bool iommufd_dirty_fill_decide(struct io_pagetable *iopt,
			       struct iommu_domain *domain);
/* Asked for each run of pages that is mapped; struct io_pagetable comes later */
#define iommufd_dirty_fill_fine(iopt, domain) \
	(!(iopt)->disable_large_pages && !READ_ONCE((iopt)->dirty.plain) && \
	 iommufd_dirty_fill_decide(iopt, domain))
int iommufd_dirty_map_fine(struct iommu_domain *domain, unsigned long iova,
			   phys_addr_t phys, size_t length, int prot);

/* device.c, hw_pagetable.c */
u32 iommufd_dirty_auto_flags(struct iommufd_device *idev);
int iommufd_dirty_hwpt_add(struct iommufd_hwpt_paging *hwpt_paging,
			   struct iommufd_device *idev);
void iommufd_dirty_hwpt_remove(struct iommufd_hwpt_paging *hwpt_paging);
void iommufd_dirty_access_rw(struct iommufd_access *access, unsigned long first,
			     unsigned long last, unsigned int flags);
int iommufd_dirty_access_pin(struct iommufd_access *access, unsigned long first,
			     unsigned long last, unsigned int flags);
void iommufd_dirty_access_unpin(struct iommufd_access *access,
				unsigned long first, unsigned long last);
int iommufd_dirty_attach(struct iommufd_hw_pagetable *hwpt,
			 struct iommufd_device *idev);
void iommufd_dirty_detach(struct iommufd_device *idev);
int iommufd_dirty_replace_begin(struct iommufd_hw_pagetable *hwpt,
				struct iommufd_device *idev);
void iommufd_dirty_replace_end(struct iommufd_device *idev, int rc);
int iommufd_dirty_user_begin(struct iommufd_hwpt_paging *hwpt_paging);
void iommufd_dirty_user_end(struct iommufd_hwpt_paging *hwpt_paging);
void iommufd_dirty_user_set(struct iommufd_hwpt_paging *hwpt_paging,
			    bool enable, int rc);

/**
 * iommufd_dirty_try_next - May a device that one automatic HWPT of an IOAS refused
 *	try another one, or get one of its own?
 * @rc: Why it was refused
 *
 * What would not be precise with it in this HWPT, perhaps one that its IOMMU cannot
 * even use, may be with it in that.
 */
static inline bool iommufd_dirty_try_next(int rc)
{
	return rc == -ENXIO;
}

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

static inline int iommufd_dirty_map(struct io_pagetable *iopt,
				    unsigned long iova, unsigned long length,
				    int iommu_prot)
{
	return 0;
}

static inline void iommufd_dirty_unmap_begin(struct io_pagetable *iopt)
{
}

static inline void iommufd_dirty_unmap_area(struct io_pagetable *iopt,
					    struct iopt_area *area)
{
}

static inline int iommufd_dirty_fill_domain(struct io_pagetable *iopt,
					    struct iommu_domain *domain)
{
	return 1;
}

static inline bool iommufd_dirty_fill_fine(struct io_pagetable *iopt,
					   struct iommu_domain *domain)
{
	return false;
}

static inline int iommufd_dirty_map_fine(struct iommu_domain *domain,
					 unsigned long iova, phys_addr_t phys,
					 size_t length, int prot)
{
	return -EOPNOTSUPP;
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

static inline void iommufd_dirty_access_rw(struct iommufd_access *access,
					   unsigned long first,
					   unsigned long last,
					   unsigned int flags)
{
}

static inline int iommufd_dirty_access_pin(struct iommufd_access *access,
					   unsigned long first,
					   unsigned long last,
					   unsigned int flags)
{
	return 0;
}

static inline void iommufd_dirty_access_unpin(struct iommufd_access *access,
					      unsigned long first,
					      unsigned long last)
{
}

static inline bool iommufd_dirty_try_next(int rc)
{
	return false;
}

static inline int iommufd_dirty_attach(struct iommufd_hw_pagetable *hwpt,
				       struct iommufd_device *idev)
{
	return 0;
}

static inline void iommufd_dirty_detach(struct iommufd_device *idev)
{
}

static inline int
iommufd_dirty_replace_begin(struct iommufd_hw_pagetable *hwpt,
			    struct iommufd_device *idev)
{
	return 0;
}

static inline void iommufd_dirty_replace_end(struct iommufd_device *idev, int rc)
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
