/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual IOMMU.
 *
 * Vocabulary: a *requester* is what sends requests (a PCI function); an
 * *access* is one request of at most a page, from translation to the last byte
 * moved; an *instance* is one IOMMU of a *personality*; a *leaf* is an entry of
 * the page table that maps memory; "last" is inclusive, "end" is open.
 *
 * Ordering: translation is done without a lock. A requester announces the
 * domain that it uses for the time of one access (@using). A task that changes what
 * an access may have seen (an entry, the tracking of the domain, the domain of
 * a requester) changes it first, then invalidates the IOTLB, then waits until
 * no access that was under way with the domain is under way still
 * (virt_domain_drain()). Only then the change is complete: memory can be
 * unpinned, table pages freed, dirty pages reported. The wait sleeps; so do iotlb_sync
 * and everything that leads there. It is never called in atomic context, since the
 * only DMA-API domain is identity.
 */
#ifndef _VIRT_IOMMU_H
#define _VIRT_IOMMU_H

#include <linux/bits.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "iotlb.h"
#include "pgtable.h"
#include "tracker.h"

#define VIRT_MSI_ADDRESS	0xfee00000u
#define VIRT_IOVA_BITS		48
/* PASIDs of a DMA device: 1 to one less; a power of two */
#define VIRT_PASIDS		4

struct pt_iommu_ops;
struct virt_domain;

/* In virt_requester.entry beside the domain: hardware sets A and D (AMD: HAD) */
#define VIRT_ENTRY_DIRTY_BIT	0
#define VIRT_ENTRY_DIRTY	BIT(VIRT_ENTRY_DIRTY_BIT)

/**
 * struct virt_format - Page tables that the kernel's own code makes and changes (generic_pt)
 * @size: Bytes of a domain with such a table, which begins with a struct virt_domain
 * @dirty_ops: With the kernel's read_and_clear_dirty
 * @init: Make an empty table; the domain then has the operations, sizes and geometry of one
 * @deinit: Free what @init made, and the table
 * @walk: virt_domain_walk()
 */
struct virt_format {
	size_t size;
	const struct iommu_dirty_ops *dirty_ops;
	int (*init)(struct virt_domain *vdom);
	void (*deinit)(struct virt_domain *vdom);
	bool (*walk)(struct virt_domain *vdom, u64 iova, bool write, bool track,
		     struct virt_iotlb_entry *entry);
};

extern const struct virt_format virt_amdv1;
extern const struct virt_format virt_vtdss;

/**
 * struct virt_personality - What one kind of IOMMU driver does
 * @name: In iommus=; the instances are v<name>0, v<name>1 ... in sysfs
 * @generic_pt: Its tables are the kernel's, where the kernel has @format
 * @format: Of these; NULL where the kernel has none
 * @pgsize_bitmap: Leaf sizes, unless generic_pt says
 * @tracks: Has dirty tracking
 * @merges: map_pages makes the largest leaves that fit, not those asked for
 * @born_dirty: Tracking cannot be switched off, a fresh writable leaf is dirty
 * @level_hint: iotlb_sync says of which level the leaves are, by gather.pgsize:
 *	entries of leaves of another size survive it, and without pgsize it does
 *	nothing
 * @gather_pages: Unmap gathers by page, so that gather.pgsize is set
 * @tagged: Invalidations of a domain reach it while it has tags. A detach takes the tag
 *	before it changes the entry, an attach adds it afterwards
 * @regains: With the first tag and the last the domain regains all leaf sizes
 * @by_device: Whether D is set is a bit of each requester's own entry, which an
 *	attach computes and then writes without a lock
 * @pasid_tracks: A domain can have dirty tracking and be attached to a PASID
 * @read_dirty: iommu_dirty_ops.read_and_clear_dirty
 */
struct virt_personality {
	const char *name;
	bool generic_pt;
	const struct virt_format *format;
	unsigned long pgsize_bitmap;
	bool tracks;
	bool merges;
	bool born_dirty;
	bool level_hint;
	bool gather_pages;
	bool tagged;
	bool regains;
	bool by_device;
	bool pasid_tracks;
	int (*read_dirty)(struct virt_domain *vdom, unsigned long iova,
			  size_t size, unsigned long flags,
			  struct iommu_dirty_bitmap *dirty);
};

/**
 * struct virt_iommu - An instance
 * @iommu: For the core
 * @personality: What it behaves like
 * @number: Among the instances of its personality, from 0
 * @fwnode: Ties its devices to it
 * @gather: Its domains record dirty pages in the gather only
 * @bbm: Replacing a domain is break before make
 * @group: All devices are in one group
 * @alias: Requests of its DMA devices arrive under another requester ID; with @group, of the
 *	first only
 * @refuse: Claims dirty tracking, and refuses to attach a domain that has it
 * @tracker: Of each DMA device behind it
 * @devices: Number of devices behind it
 * @requesters: Of these, so many have been added
 * @list: All instances, main.c
 */
struct virt_iommu {
	struct iommu_device iommu;
	const struct virt_personality *personality;
	unsigned int number;
	struct fwnode_handle *fwnode;
	bool gather;
	bool bbm;
	bool group;
	bool alias;
	bool refuse;
	struct virt_tracker_limits tracker;
	unsigned int devices;
	unsigned int requesters;
	struct list_head list;
};

/**
 * struct virt_domain - A paging domain
 * @personality: The format
 * @gather: Record dirty pages in the gather only
 * @tracking: Hardware sets A and D; of a personality with by_device, for those
 *	requesters whose entry says so
 * @lock: @requesters, and setting @tracking
 * @requesters: Attached to it, or to a domain on top of it
 * @tags: Requesters that invalidations reach
 * @attaching: Requesters on their way in
 * @pt: The page table
 * @tlb: What hardware has cached of @pt
 * @unmapped_lock: @unmapped; a leaf
 * @unmapped: Tables that unmaps have taken out, until the next sync
 * @walks: With a format, as all that follows, and in place of @pt and @unmapped: tables of leaves
 *	of 4 KiB that hardware has cached, as @tlb with leaves of 2 MiB
 * @pt_ops: What the kernel's table can do, for pt.c
 * @domain: For the core. Last, since generic_pt's tables begin with it
 */
struct virt_domain {
	const struct virt_personality *personality;
	bool gather;
	bool tracking;
	struct mutex lock;
	struct list_head requesters;
	atomic_t tags;
	atomic_t attaching;
	struct virt_pgtable pt;
	struct virt_iotlb tlb;
	spinlock_t unmapped_lock;
	struct list_head unmapped;
	struct virt_iotlb walks;
	const struct pt_iommu_ops *pt_ops;
	struct iommu_domain domain;
};

/**
 * struct virt_requester - A function, or a PASID of it, as the IOMMU sees it
 * @iommu: The instance it is behind
 * @number: In ground truth
 * @alias: Its requests arrive under another requester ID
 * @entry: What translates, with VIRT_ENTRY_DIRTY; changed under the group's
 *	mutex, but for that bit
 * @alias_entry: A copy of @entry from the last attach, which is what an IOMMU with
 *	aliases looks at: a change of VIRT_ENTRY_DIRTY alone does not reach it
 * @table: The domain with the page table that @entry leads to, or NULL; under the
 *	group's mutex
 * @attached: In the list of @table
 * @using: The domain of the access under way, NULL between accesses; first a
 *	nested one, then its parent
 * @accesses: Begun so far; distinguishes one access from the next
 * @list: All requesters; complete before the bus is scanned
 *
 * One thread sends all requests of a requester. Those with a PASID are sent by the function, which
 * announces them, too; so that of a PASID is not in the list.
 */
struct virt_requester {
	struct virt_iommu *iommu;
	u32 number;
	bool alias;
	unsigned long entry;
	unsigned long alias_entry;
	struct virt_domain *table;
	struct list_head attached;
	struct iommu_domain *using;
	unsigned long accesses;
	struct list_head list;
};

static inline struct virt_domain *to_virt_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct virt_domain, domain);
}

/* The domain of virt_requester.entry */
static inline struct iommu_domain *virt_entry_domain(unsigned long entry)
{
	return (struct iommu_domain *)(entry & ~VIRT_ENTRY_DIRTY);
}

/* iommu.c */
extern struct iommu_ops virt_iommu_ops;
extern struct iommu_domain_ops virt_fixed_ops;
extern struct iommu_domain virt_blocked_domain;
int virt_iommu_register(struct virt_iommu *iommu);
void virt_iommu_unregister(struct virt_iommu *iommu);
int virt_iommu_init(void);
void virt_iommu_exit(void);
int virt_iommu_attach_stages(struct virt_domain *table, struct iommu_domain *domain,
			     struct device *dev);
int virt_iommu_attach(struct iommu_domain *domain, struct device *dev);
int virt_iommu_attach_fixed(struct iommu_domain *domain, struct device *dev);
int virt_iommu_attach_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid);
int virt_iommu_detach_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid);
struct iommu_domain *virt_iommu_alloc_flags(struct device *dev, u32 flags,
					    const struct iommu_user_data *user_data);

/* requester.c */
void virt_requester_add(struct virt_requester *rq, struct virt_iommu *iommu,
			u32 number);
void virt_requester_init_pasid(struct virt_requester *rq, const struct virt_requester *of);
void virt_requester_del(struct virt_requester *rq);
int virt_requester_begin(struct virt_requester *rq, const struct virt_requester *whose, u64 *iova,
			 bool write, phys_addr_t *phys);
struct virt_domain *virt_requester_borrow(struct virt_requester *rq,
					  const struct virt_requester *whose);
void virt_requester_end(struct virt_requester *rq);
void virt_requesters_track(struct virt_domain *vdom, bool enable);
struct virt_requester *virt_requester_find(u32 number);
void virt_domain_drain(struct iommu_domain *domain);

/* ops.c */
void virt_ops_init(void);

/* domain.c */
extern struct iommu_domain_ops virt_domain_ops;
struct virt_domain *virt_domain_alloc(const struct virt_iommu *iommu,
				      bool dirty);
bool virt_domain_walk(struct virt_domain *vdom, u64 iova, bool write, bool track,
		      struct virt_iotlb_entry *entry);
int virt_domain_translate(struct virt_domain *vdom, bool dirty, u64 iova,
			  bool write, phys_addr_t *phys);
void virt_domain_flush(struct virt_domain *vdom);
void virt_domain_flush_range(struct virt_domain *vdom, u64 iova, u64 last);
void virt_domain_sync_range(struct virt_domain *vdom, const struct iommu_iotlb_gather *gather);
void virt_domain_flush_all(struct iommu_domain *domain);
int virt_domain_set_tracking(struct iommu_domain *domain, bool enable);
void virt_domain_free(struct iommu_domain *domain);

/* nested.c */
extern struct iommu_domain_ops virt_nested_ops;
int virt_nested_attach(struct iommu_domain *domain, struct device *dev);
struct iommu_domain *virt_nested_alloc(struct virt_domain *parent,
				       const struct iommu_user_data *data);
struct virt_domain *virt_nested_parent(struct iommu_domain *domain, u64 *iova);

/* personality.c */
const struct virt_personality *virt_personality_find(const char *name);

#endif
