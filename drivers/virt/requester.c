// SPDX-License-Identifier: GPL-2.0-only
/*
 * What sends requests to a virtual IOMMU, and how an access of it begins and ends. The
 * head of virt_iommu.h says in which order; iommu.c changes what a request sees.
 */
#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/lockdep.h>

#include "virt_iommu.h"

static LIST_HEAD(requesters);

/**
 * virt_domain_drain() - Wait until accesses that are under way have finished
 * @domain: The domain that they may use
 *
 * An access that begins during the call is not waited for: it sees what the
 * caller changed before. May sleep.
 */
void virt_domain_drain(struct iommu_domain *domain)
{
	struct virt_requester *rq;

	might_sleep();
	smp_mb();	/* pairs with virt_requester_begin() */
	list_for_each_entry(rq, &requesters, list) {
		unsigned long accesses = READ_ONCE(rq->accesses);

		/* Pairs with virt_requester_end(): its memory is written. */
		while (smp_load_acquire(&rq->using) == domain &&
		       READ_ONCE(rq->accesses) == accesses)
			usleep_range(10, 50);
	}
}

/* What the IOMMU looks at for a request of @rq. */
static unsigned long load_entry(const struct virt_requester *rq)
{
	return READ_ONCE(*(rq->alias ? &rq->alias_entry : &rq->entry));
}

/* Say that @rq uses the domain of @whose, and return the entry with that. */
static unsigned long requester_announce(struct virt_requester *rq,
					const struct virt_requester *whose)
{
	unsigned long entry = load_entry(whose);

	WRITE_ONCE(rq->accesses, rq->accesses + 1);
	for (;;) {
		unsigned long now;

		WRITE_ONCE(rq->using, virt_entry_domain(entry));
		/*
		 * Either virt_domain_drain() sees that the domain is used, or
		 * what follows sees what was changed before the drain.
		 */
		smp_mb();
		now = load_entry(whose);
		if (likely(now == entry))
			return entry;
		entry = now;
	}
}

/*
 * The paging domain below what @rq has announced, announced in turn: a task that
 * changes its table waits for that access, or has changed the table before it.
 */
static struct iommu_domain *announce_parent(struct virt_requester *rq,
					    struct iommu_domain *domain,
					    u64 *iova)
{
	struct virt_domain *parent = virt_nested_parent(domain, iova);

	if (!parent)
		return domain;
	WRITE_ONCE(rq->using, &parent->domain);
	smp_mb();	/* as in requester_announce() */
	return &parent->domain;
}

/**
 * virt_requester_begin() - Begin an access and translate its address
 * @rq: The requester; from its only thread
 * @whose: The PASID of it with which it is sent, or @rq
 * @iova: First byte; the access does not cross a 4 KiB page. Becomes the IOVA, if
 *	the device does not send IOVAs because there is a stage 1
 * @write: Memory will be written
 * @phys: Where @iova is
 *
 * Until virt_requester_end(), which must follow even after an error, a flush
 * waits for the access.
 *
 * Return: 0 with @phys set, or -EACCES if the access is refused.
 */
int virt_requester_begin(struct virt_requester *rq, const struct virt_requester *whose, u64 *iova,
			 bool write, phys_addr_t *phys)
{
	unsigned long entry = requester_announce(rq, whose);
	struct iommu_domain *domain =
		announce_parent(rq, virt_entry_domain(entry), iova);

	if (domain->type == IOMMU_DOMAIN_BLOCKED)
		return -EACCES;
	if (domain->type == IOMMU_DOMAIN_IDENTITY) {
		*phys = *iova;
		return 0;
	}
	return virt_domain_translate(to_virt_domain(domain),
				     entry & VIRT_ENTRY_DIRTY, *iova, write, phys);
}

/**
 * virt_requester_borrow() - Look at the domain of another requester
 * @rq: The requester that looks; from its only thread
 * @whose: The other one
 *
 * The domain stays until virt_requester_end(@rq), which must follow.
 *
 * Return: The domain, or NULL when it has no page table.
 */
struct virt_domain *virt_requester_borrow(struct virt_requester *rq,
					  const struct virt_requester *whose)
{
	struct iommu_domain *domain =
		announce_parent(rq, virt_entry_domain(requester_announce(rq, whose)), NULL);

	return domain->type & __IOMMU_DOMAIN_PAGING ? to_virt_domain(domain) :
						      NULL;
}

/**
 * virt_requester_end() - The access is complete, memory has been written
 * @rq: The requester
 */
void virt_requester_end(struct virt_requester *rq)
{
	/* Pairs with virt_domain_drain(). */
	smp_store_release(&rq->using, NULL);
}

static void write_blocked(struct virt_requester *rq)
{
	rq->entry = (unsigned long)&virt_blocked_domain;
	rq->alias_entry = rq->entry;
}

/**
 * virt_requester_add() - Put a requester behind an instance
 * @rq: The requester; blocked until the core attaches a domain
 * @iommu: The instance
 * @number: In ground truth
 */
void virt_requester_add(struct virt_requester *rq, struct virt_iommu *iommu,
			u32 number)
{
	rq->iommu = iommu;
	rq->number = number;
	rq->alias = iommu->alias && !(iommu->group && iommu->requesters);
	iommu->requesters++;
	write_blocked(rq);
	list_add_tail(&rq->list, &requesters);
}

/**
 * virt_requester_init_pasid() - Give a function a PASID
 * @rq: The PASID; blocked until the core attaches a domain
 * @of: The function
 */
void virt_requester_init_pasid(struct virt_requester *rq, const struct virt_requester *of)
{
	rq->iommu = of->iommu;
	rq->number = of->number;
	write_blocked(rq);
}

/**
 * virt_requester_del() - After the bus was removed
 * @rq: The requester
 */
void virt_requester_del(struct virt_requester *rq)
{
	list_del(&rq->list);
}

/**
 * virt_requester_find() - A requester by its number
 * @number: As given to virt_requester_add()
 *
 * Return: The requester, or NULL when there is none.
 */
struct virt_requester *virt_requester_find(u32 number)
{
	struct virt_requester *rq;

	list_for_each_entry(rq, &requesters, list)
		if (rq->number == number)
			return rq;
	return NULL;
}

/**
 * virt_requesters_track() - set_dirty_tracking of a domain with by_device
 * @vdom: The domain, locked; the caller flushes it
 * @enable: Hardware sets D
 *
 * Not the entries of their aliases: amd_iommu_set_dirty_tracking() has no
 * clone_aliases(). Nor that of a requester that is being attached, and is about to
 * write what it has computed before.
 */
void virt_requesters_track(struct virt_domain *vdom, bool enable)
{
	struct virt_requester *rq;

	lockdep_assert_held(&vdom->lock);
	list_for_each_entry(rq, &vdom->requesters, attached) {
		if (enable)
			set_bit(VIRT_ENTRY_DIRTY_BIT, &rq->entry);
		else
			clear_bit(VIRT_ENTRY_DIRTY_BIT, &rq->entry);
	}
}
