/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the lines added to upstream's iommufd (hooks/) call, and the state they
 * need embedded in its structures. Included by iommufd_private.h.
 */
#ifndef __IOMMUFD_DIRTY_HOOKS_H
#define __IOMMUFD_DIRTY_HOOKS_H

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/rbtree_types.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <uapi/linux/iommufd_dirty.h>

#include "ranges.h"

/* Upstream's types end where the tracker's is; no array of its own is so long. */
#define IOMMUFD_OBJ_DIRTY_TRACKER	IOMMUFD_OBJ_MAX

struct dirty_legacy;
struct dirty_log;
struct dirty_store;
struct iommu_hwpt_get_dirty_bitmap;
struct io_pagetable;
struct iopt_area;
struct iommufd_access;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_dirty_platform;
struct iommufd_dirty_tracker;
struct iommufd_hw_pagetable;
struct iommufd_hwpt_paging;
struct iommufd_ioas;
struct iommufd_object;
struct iommufd_ucmd;
struct vfio_info_cap_header;

/**
 * struct iommufd_dirty_ctx - Dirty tracking of a context; in struct iommufd_ctx
 * @lock: Serialises START and STOP of VFIO_IOMMU_DIRTY_PAGES
 * @legacy: The tracker that START made, or NULL; under @lock
 * @node: Among all contexts, by @number (context.c)
 * @number: Unique since the module was loaded; constant, like the next two
 * @pid: Process that opened it, in the initial PID namespace
 * @comm: Its name at that time
 */
struct iommufd_dirty_ctx {
	struct mutex lock;
	struct dirty_legacy *legacy;
	struct rb_node node;
	u64 number;
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

/**
 * struct iommufd_dirty_iopt - Dirty tracking of an IOAS; in struct io_pagetable
 * @plan_lock: Held while the plan is made and applied
 * @tracker: The IOAS's tracker or NULL. It, and whether it runs, is written under
 *	@plan_lock, domains_rwsem (write) and iova_rwsem (write), and read under
 *	any of them
 * @domains: Of struct iommufd_dirty_domain::item. Written under @plan_lock and
 *	domains_rwsem (write), read under either
 * @attachments: Of struct iommufd_dirty_attachment::item. Written under @plan_lock
 *	and, while the IOAS or a HWPT of it has a tracker, domains_rwsem (write); read
 *	under either by trackers
 * @nr_domains: Entries of @domains; under @plan_lock
 * @nr_attachments: Entries of @attachments; under @plan_lock
 * @unfilled: A domain is perhaps listed without being filled. Set under
 *	domains_rwsem (write), cleared under domains_rwsem (read) by who has looked
 * @pins_lock: Protects @pins
 * @pins: What struct iommufd_access have pinned while there was a tracker; struct
 *	dirty_pin
 * @users: Who owns the dirty bits: n > 0 holds of the per-HWPT ioctls (one for
 *	each HWPT whose tracking is on, one for each read in flight), 0 none of
 *	them, -1 a tracker
 * @hwpt_trackers: HWPTs that have a tracker of their own, for
 *	IOMMU_HWPT_SET_DIRTY_TRACKING. Locked like @tracker
 * @hidden_lock: Protects the next two; a leaf
 * @hidden: Unmaps under way: struct iommufd_dirty_unmap::item
 * @hidden_seq: Number of the last of them
 * @hidden_wait: For unmaps that end
 * @small_leaves: IOMMU_OPTION_DIRTY_SMALL_LEAVES: HWPTs made from now on have
 *	leaves of one page. Written under ioas->mutex
 */
struct iommufd_dirty_iopt {
	struct mutex plan_lock;
	struct iommufd_dirty_tracker *tracker;
	struct list_head domains;
	struct list_head attachments;
	unsigned int nr_domains;
	unsigned int nr_attachments;
	bool unfilled;
	struct mutex pins_lock;
	struct rb_root_cached pins;
	atomic_t users;
	unsigned int hwpt_trackers;
	spinlock_t hidden_lock;
	struct list_head hidden;
	u64 hidden_seq;
	wait_queue_head_t hidden_wait;
	bool small_leaves;
};

/**
 * struct iommufd_dirty_unmap - An area that is being unmapped; on the stack
 * @item: On iommufd_dirty_iopt::hidden
 * @first: First byte
 * @last: Last byte
 * @seq: Number of the unmap
 * @area: The area
 * @pages: What the area had until it was hidden
 */
struct iommufd_dirty_unmap {
	struct list_head item;
	unsigned long first;
	unsigned long last;
	u64 seq;
	struct iopt_area *area;
	struct iopt_pages *pages;
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
 * enum iommufd_dirty_leaves - What is being done to the leaves of a domain
 * @IOMMUFD_DIRTY_LEAVES_STAY: Nothing
 * @IOMMUFD_DIRTY_LEAVES_SPLIT: Large ones are taken apart
 * @IOMMUFD_DIRTY_LEAVES_JOIN: Small ones whose memory is contiguous are joined
 */
enum iommufd_dirty_leaves {
	IOMMUFD_DIRTY_LEAVES_STAY,
	IOMMUFD_DIRTY_LEAVES_SPLIT,
	IOMMUFD_DIRTY_LEAVES_JOIN,
};

/**
 * struct iommufd_dirty_domain - A domain as a source; in struct
 *	iommufd_hwpt_paging
 * @domain: The domain. Set when the HWPT is allocated, like the next two, and
 *	constant from then on
 * @platform: What is known of its IOMMU driver; NULL when it cannot track
 * @small: All its leaves are of one page. Set when the HWPT is allocated, or by a
 *	split; written with domains_rwsem and change held for write
 * @item: On iommufd_dirty_iopt::domains, if @listed
 * @listed: It is on that list: from before its first attachment until after its
 *	last harvest
 * @slot: Where it was last seen in iopt->domains; a hint
 * @kind: Plan: enum iommu_dirty_source_kind. Written like
 *	iommufd_dirty_iopt::domains, but that a harvest that fails turns it into
 *	MAPPED under domains_rwsem (read)
 * @failed: Plan: its dirty bits could not be read or switched on; until START
 * @index: Plan: its number while the plan is made; under plan_lock
 * @first: Plan: first byte that the logs of all its devices cover, if @kind is
 *	DEVICE
 * @last: Plan: last byte of that
 * @devices: Attachments that are not silent; under plan_lock, like the next one
 * @logs: Those of them whose device has a log of its own
 * @tracking: Hardware: the IOMMU sets dirty bits; under plan_lock
 * @on: Harvest: its dirty bits are harvested, whatever @kind is. Written like
 *	@kind
 * @record: Harvest: enum iommufd_dirty_record; learned by the first harvest, or
 *	the first that sees a dirty leaf
 * @step_size: Harvest: how much address space to read under one hold of iova_rwsem at
 *	most, a power of two; adapts to how long that takes. Written without a lock
 * @wide: Split: the domain's pgsize_bitmap before its leaves were taken apart, until they
 *	have been joined again; else 0. Written with domains_rwsem and change held for write,
 *	like the next one
 * @leaves: Split: enum iommufd_dirty_leaves
 * @leaves_left: Split: not all leaves could be changed; under the tracker's runs
 * @distrusted: Harvest: no walker of ours is to read its table
 * @largest: Harvest: largest leaf that was reported dirty, in bytes
 * @count: Harvest: what it has done
 * @lock: Protects the next three
 * @drain: What is still to be harvested, if @on and @kind is another: a READ
 *	takes out what it has harvested
 * @steps: Harvests under way: struct dirty_step::item
 * @wait: For steps that end
 * @change: Held for write while the hardware enters or leaves the domain, and while
 *	tracking is switched on; for read by harvests, from the first D that they
 *	clear until it is flushed
 * @maps_locked: What else who holds @change for write has locked, or NULL
 * @user_lock: Serialises IOMMU_HWPT_SET_DIRTY_TRACKING; taken before all locks of a
 *	tracker
 * @user: Tracking was switched on by it; under @user_lock
 * @tracker: The tracker of this domain alone that answers its user, or NULL. Locked
 *	like iommufd_dirty_iopt::tracker
 */
struct iommufd_dirty_domain {
	struct iommu_domain *domain;
	const struct iommufd_dirty_platform *platform;
	bool small;

	struct list_head item;
	bool listed;
	unsigned long slot;
	u8 kind;
	bool failed;
	unsigned int index;
	unsigned long first;
	unsigned long last;

	unsigned int devices;
	unsigned int logs;
	bool tracking;
	bool on;
	u8 record;
	bool distrusted;
	unsigned long step_size;
	unsigned long wide;
	u8 leaves;
	bool leaves_left;
	unsigned long largest;
	struct iommufd_dirty_counters count;

	spinlock_t lock;
	struct dirty_ranges drain;
	struct list_head steps;
	wait_queue_head_t wait;
	struct rw_semaphore change;
	struct rw_semaphore *maps_locked;

	struct mutex user_lock;
	bool user;
	struct iommufd_dirty_tracker *tracker;
};

/**
 * struct iommufd_dirty_access - A driver without DMA as a source; in struct
 *	iommufd_access
 * @declared: It says itself what it writes; under access->ioas_lock, like the next two
 * @recorded: Its pins in iommufd_dirty_iopt::pins
 * @old: Its pins from when there was no tracker; looked at without the lock, too
 * @bytes: Bytes reported
 */
struct iommufd_dirty_access {
	bool declared;
	unsigned int recorded;
	unsigned int old;
	atomic64_t bytes;
};

/**
 * struct iommufd_dirty_attachment - A device, or one PASID of it, in a domain
 * @item: On iommufd_dirty_iopt::attachments
 * @dd: The domain; NULL while not on the list. Written under igroup->lock and
 *	the locks of the list, like what follows
 * @idev: The device
 * @owner: Which of its PASIDs, or that of requests without one
 * @hwpt_id: The HWPT, which may be a nested one, for INFO
 * @kind: Plan: enum iommu_dirty_source_kind; under plan_lock
 * @nested: It is there through a nested HWPT, so its log has stage-1 addresses
 * @known: The next one is known: it is not looked up before a plan needs it
 * @alone: It is the only device of its iommu_group
 * @silent: It does no DMA any more: its driver is closing it
 * @has_log: It is among iommufd_dirty_domain::logs
 *
 * That of a PASID counts like that of a device, but that no log covers it: a device logs what it
 * writes without PASID (dirty_pasid_log()).
 */
struct iommufd_dirty_attachment {
	struct list_head item;
	struct iommufd_dirty_domain *dd;
	struct iommufd_device *idev;
	struct iommufd_dirty_pasid *owner;
	u32 hwpt_id;
	u8 kind;
	bool nested;
	bool known;
	bool alone;
	bool silent;
	bool has_log;
};

/**
 * struct iommufd_dirty_pasid - Where a device is attached with one PASID, or without
 * @node: In iommufd_dirty_device::pasids; under igroup->lock
 * @pasid: The PASID; IOMMU_NO_PASID for requests without one. Constant
 * @now: Where it is attached
 * @next: Where it is about to be attached, during a replace
 *
 * Requests without PASID have iommufd_dirty_device::rid. Any other is allocated by the attach of
 * its PASID, belongs to the holder of igroup->lock, and is freed when the detach has taken its
 * attachments off the list. So who has found one of them on the list may use it while the lock
 * of the list is held.
 */
struct iommufd_dirty_pasid {
	struct rb_node node;
	ioasid_t pasid;
	struct iommufd_dirty_attachment now;
	struct iommufd_dirty_attachment next;
};

/**
 * struct iommufd_dirty_device - A device that can be a source; in struct
 *	iommufd_device
 * @rid: Where it is attached for requests without PASID, which have the address space of its
 *	requester ID
 * @pasids: Where its PASIDs are attached; under igroup->lock
 * @log: Its own log, or NULL. Written under igroup->lock and the plan_lock of
 *	where it is attached
 * @policy: enum iommu_dirty_policy of this device; AUTO is its tracker's. Written
 *	under the plan_lock of whichever tracker SET was called for, and looked at
 *	under that of where it is attached
 * @trackable: The dirty bits of its IOMMU see all that it writes: 1 yes, -1 no, 0 not
 *	looked up yet. It does not change while the device is bound
 * @policy_number: Number of the SET that has set @policy
 * @migration: One more than its enum vfio_device_mig_state; 0 until it is set
 */
struct iommufd_dirty_device {
	struct iommufd_dirty_pasid rid;
	struct rb_root pasids;
	struct dirty_log *log;
	u8 policy;
	s8 trackable;
	u64 policy_number;
	u32 migration;
};

/**
 * dirty_pasid_log() - The log that records what a device writes with a PASID, or without
 * @owner: iommufd_dirty_attachment::owner
 *
 * Return: The device's log; NULL if it has none, and for a PASID, whose writes it does not have.
 */
static inline struct dirty_log *dirty_pasid_log(const struct iommufd_dirty_pasid *owner)
{
	if (owner->pasid != IOMMU_NO_PASID)
		return NULL;
	return READ_ONCE(container_of(owner, struct iommufd_dirty_device, rid)->log);
}

#ifdef CONFIG_IOMMUFD_DIRTY
/* main.c */
int iommufd_dirty_tracker_alloc(struct iommufd_ucmd *ucmd);
int iommufd_dirty_tracker_set(struct iommufd_ucmd *ucmd);
int iommufd_dirty_tracker_read(struct iommufd_ucmd *ucmd);
int iommufd_dirty_tracker_unmap(struct iommufd_ucmd *ucmd);
int iommufd_dirty_tracker_info(struct iommufd_ucmd *ucmd);
void iommufd_dirty_tracker_destroy(struct iommufd_object *obj);
void iommufd_dirty_ctx_init(struct iommufd_ctx *ictx);
void iommufd_dirty_ctx_release(struct iommufd_ctx *ictx);
int iommufd_dirty_option(struct iommufd_ucmd *ucmd);
int iommufd_dirty_init(void);
void iommufd_dirty_exit(void);
#ifdef CONFIG_IOMMUFD_DIRTY_NETLINK
void iommufd_dirty_object_added(struct iommufd_ctx *ictx);
void iommufd_dirty_object_removed(struct iommufd_ctx *ictx);
#else
static inline void iommufd_dirty_object_added(struct iommufd_ctx *ictx)
{
}

static inline void iommufd_dirty_object_removed(struct iommufd_ctx *ictx)
{
}
#endif

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
void iommufd_dirty_mapped(struct io_pagetable *iopt, unsigned long iova,
			  unsigned long length, int iommu_prot);
void iommufd_dirty_unmap_begin(struct io_pagetable *iopt,
			       struct iommufd_dirty_unmap *unmap,
			       struct iopt_area *area);
void iommufd_dirty_unmap_area(struct io_pagetable *iopt,
			      struct iommufd_dirty_unmap *unmap);

/* pages.c */
/**
 * iommufd_dirty_small_calls() - Must memory be mapped in small calls?
 * @domain: A domain that is being filled
 *
 * Inline, since maps of single pages pass by.
 *
 * Return: true if the domain has leaves of one size only.
 */
static inline bool iommufd_dirty_small_calls(const struct iommu_domain *domain)
{
	return is_power_of_2(domain->pgsize_bitmap);
}

int iommufd_dirty_map_small(struct iommu_domain *domain, unsigned long iova,
			    phys_addr_t phys, size_t length, int prot);

/* device.c, hw_pagetable.c */
u32 iommufd_dirty_auto_flags(struct iommufd_device *idev);
bool iommufd_dirty_auto_retry(int rc, u32 *flags);
void iommufd_dirty_hwpt_init(struct iommufd_hwpt_paging *hwpt_paging,
			     struct iommufd_device *idev);
int iommufd_dirty_hwpt_add(struct iommufd_hwpt_paging *hwpt_paging);
void iommufd_dirty_hwpt_filled(struct iommufd_hwpt_paging *hwpt_paging);
void iommufd_dirty_hwpt_fill_failed(struct iommufd_hwpt_paging *hwpt_paging);
void iommufd_dirty_hwpt_remove(struct iommufd_hwpt_paging *hwpt_paging);
void iommufd_dirty_access_rw(struct iommufd_access *access, unsigned long first,
			     unsigned long last, unsigned int flags);
int iommufd_dirty_access_pin(struct iommufd_access *access, unsigned long first,
			     unsigned long last, unsigned int flags);
void iommufd_dirty_access_unpin(struct iommufd_access *access,
				unsigned long first, unsigned long last);
void iommufd_dirty_access_forget(struct iommufd_access *access,
				 unsigned long first, unsigned long last);
int iommufd_dirty_attach(struct iommufd_hw_pagetable *hwpt,
			 struct iommufd_device *idev, ioasid_t pasid);
void iommufd_dirty_detach(struct iommufd_device *idev, ioasid_t pasid);
int iommufd_dirty_replace_begin(struct iommufd_hw_pagetable *hwpt,
				struct iommufd_device *idev, ioasid_t pasid);
void iommufd_dirty_replace_end(struct iommufd_device *idev, ioasid_t pasid, int rc);
void iommufd_dirty_change_begin(struct iommufd_hw_pagetable *hwpt,
				struct iommufd_hw_pagetable *old);
void iommufd_dirty_change_end(struct iommufd_hw_pagetable *hwpt,
			      struct iommufd_hw_pagetable *old);
bool iommufd_dirty_serves(void);
u32 iommufd_dirty_alloc_flags(struct iommufd_device *idev, u32 flags);
int iommufd_dirty_user_set(struct iommufd_ctx *ictx, struct io_pagetable *iopt,
			   struct iommufd_hwpt_paging *hwpt_paging, bool enable);
int iommufd_dirty_user_read(struct io_pagetable *iopt,
			    struct iommufd_hwpt_paging *hwpt_paging,
			    struct iommu_hwpt_get_dirty_bitmap *cmd);

/**
 * iommufd_dirty_try_next() - May a device that one automatic HWPT of an IOAS
 *	refused try another one, or get one of its own?
 * @rc: Why it was refused
 *
 * What would not be precise with it in this HWPT, perhaps one that its IOMMU
 * cannot even use, may be with it in that.
 *
 * Return: true if so; false if @rc is the result of the attach.
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

static inline int iommufd_dirty_option(struct iommufd_ucmd *ucmd)
{
	return -EOPNOTSUPP;
}

static inline int iommufd_dirty_init(void)
{
	return 0;
}

static inline void iommufd_dirty_exit(void)
{
}

static inline void iommufd_dirty_ctx_init(struct iommufd_ctx *ictx)
{
}

static inline void iommufd_dirty_ctx_release(struct iommufd_ctx *ictx)
{
}

static inline void iommufd_dirty_tracker_destroy(struct iommufd_object *obj)
{
}

static inline void iommufd_dirty_object_added(struct iommufd_ctx *ictx)
{
}

static inline void iommufd_dirty_object_removed(struct iommufd_ctx *ictx)
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

static inline void iommufd_dirty_mapped(struct io_pagetable *iopt,
					unsigned long iova,
					unsigned long length, int iommu_prot)
{
}

static inline void iommufd_dirty_unmap_begin(struct io_pagetable *iopt,
					     struct iommufd_dirty_unmap *unmap,
					     struct iopt_area *area)
{
}

static inline void iommufd_dirty_unmap_area(struct io_pagetable *iopt,
					    struct iommufd_dirty_unmap *unmap)
{
}

static inline bool iommufd_dirty_small_calls(const struct iommu_domain *domain)
{
	return false;
}

static inline int iommufd_dirty_map_small(struct iommu_domain *domain,
					  unsigned long iova, phys_addr_t phys,
					  size_t length, int prot)
{
	return -EOPNOTSUPP;
}

static inline u32 iommufd_dirty_auto_flags(struct iommufd_device *idev)
{
	return 0;
}

static inline bool iommufd_dirty_auto_retry(int rc, u32 *flags)
{
	return false;
}

static inline void
iommufd_dirty_hwpt_init(struct iommufd_hwpt_paging *hwpt_paging,
			struct iommufd_device *idev)
{
}

static inline int iommufd_dirty_hwpt_add(struct iommufd_hwpt_paging *hwpt_paging)
{
	return 0;
}

static inline void
iommufd_dirty_hwpt_filled(struct iommufd_hwpt_paging *hwpt_paging)
{
}

static inline void
iommufd_dirty_hwpt_fill_failed(struct iommufd_hwpt_paging *hwpt_paging)
{
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

static inline void iommufd_dirty_access_forget(struct iommufd_access *access,
					       unsigned long first,
					       unsigned long last)
{
}

static inline bool iommufd_dirty_try_next(int rc)
{
	return false;
}

static inline int iommufd_dirty_attach(struct iommufd_hw_pagetable *hwpt,
				       struct iommufd_device *idev, ioasid_t pasid)
{
	return 0;
}

static inline void iommufd_dirty_detach(struct iommufd_device *idev, ioasid_t pasid)
{
}

static inline int
iommufd_dirty_replace_begin(struct iommufd_hw_pagetable *hwpt,
			    struct iommufd_device *idev, ioasid_t pasid)
{
	return 0;
}

static inline void iommufd_dirty_replace_end(struct iommufd_device *idev,
					     ioasid_t pasid, int rc)
{
}

static inline void iommufd_dirty_change_begin(struct iommufd_hw_pagetable *hwpt,
					      struct iommufd_hw_pagetable *old)
{
}

static inline void iommufd_dirty_change_end(struct iommufd_hw_pagetable *hwpt,
					    struct iommufd_hw_pagetable *old)
{
}

static inline bool iommufd_dirty_serves(void)
{
	return false;
}

static inline u32 iommufd_dirty_alloc_flags(struct iommufd_device *idev, u32 flags)
{
	return flags;
}

#define iommufd_dirty_user_set(ictx, iopt, hwpt_paging, enable)		\
	((void)(ictx), iopt_set_dirty_tracking(iopt,			\
					       (hwpt_paging)->common.domain, enable))
#define iommufd_dirty_user_read(iopt, hwpt_paging, cmd)			\
	iopt_read_and_clear_dirty_data(iopt, (hwpt_paging)->common.domain,	\
				       (cmd)->flags, cmd)
#endif /* CONFIG_IOMMUFD_DIRTY */

#endif
