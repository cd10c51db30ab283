// SPDX-License-Identifier: GPL-2.0-only
/*
 * The *access* source: what the CPU writes for a driver without DMA (mediated
 * devices) through struct iommufd_access.
 *
 * iommufd_access_rw() is dirty when it has written. A page that is pinned for
 * writing can be written at any time: it is dirty at every READ, and when it is
 * unpinned once more. Pins for reading are not dirty. A driver that says itself
 * what it writes (iommufd_dirty_access_declare()) is trusted, and its pins are not
 * dirty either.
 *
 * Pins are recorded while there is a tracker. They are known by their range alone when
 * they are undone, so an access's pins of one range are counted together, and one for
 * writing makes all of them so. Without a tracker pins are only counted. Such a pin is
 * *old* to a tracker that is made later: it counts as one for writing, and its range
 * is looked up where upstream keeps it, in the pages.
 *
 * An undone pin that could be a recorded one or an old one is a recorded one. What
 * remains is at least as dirty: the range is still pinned, and old.
 */
#include <linux/interval_tree.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/iommufd_dirty.h>
#include <linux/slab.h>

#include "test.h"
#include "tracker.h"

/**
 * struct dirty_pin - A range that is pinned
 * @node: The range; in iommufd_dirty_iopt::pins
 * @access: Who has pinned it; attached for as long
 * @count: Pins of just this range
 * @write: One of them was for writing, by a driver that does not say what it
 *	writes
 */
struct dirty_pin {
	struct interval_tree_node node;
	struct iommufd_access *access;
	unsigned int count;
	bool write;
};

/* [first, last] was written; iova_rwsem is held, and the pages are accessed. */
static void access_publish(struct iommufd_access *access, unsigned long first,
			   unsigned long last)
{
	struct iommufd_dirty_tracker *tracker =
		dirty_tracker_running(&access->ioas_unpin->iopt);

	if (!tracker || dirty_test_break(DIRTY_BREAK_NO_ACCESS))
		return;
	atomic64_add(last - first + 1, &access->dirty.bytes);
	dirty_store_publish_range(tracker->store, first, last);
}

/*
 * What of [first, last] is mapped writable was written; iova_rwsem is held, and the
 * pages are accessed.
 */
static void publish_mapped(struct iommufd_access *access, unsigned long first,
			   unsigned long last)
{
	struct io_pagetable *iopt = &access->ioas_unpin->iopt;
	struct iopt_area *area;

	for (area = iopt_area_iter_first(iopt, first, last); area;
	     area = iopt_area_iter_next(area, first, last))
		if (area->iommu_prot & IOMMU_WRITE)
			access_publish(access, max(first, iopt_area_iova(area)),
				       min(last, iopt_area_last_iova(area)));
}

/**
 * iommufd_dirty_access_rw() - iommufd_access_rw() is done, or has failed half way
 * @access: The access; its ioas_lock and iova_rwsem (read) are held
 * @first: First byte
 * @last: Last byte
 * @flags: enum IOMMUFD_ACCESS_RW_*
 */
void iommufd_dirty_access_rw(struct iommufd_access *access, unsigned long first,
			     unsigned long last, unsigned int flags)
{
	/* Where it has failed, perhaps nothing is mapped */
	if (flags & IOMMUFD_ACCESS_RW_WRITE)
		publish_mapped(access, first, last);
}

static struct dirty_pin *pin_find(struct iommufd_access *access,
				  unsigned long first, unsigned long last)
{
	struct iommufd_dirty_iopt *dirty = &access->ioas_unpin->iopt.dirty;
	struct interval_tree_node *node;

	lockdep_assert_held(&dirty->pins_lock);
	for (node = interval_tree_iter_first(&dirty->pins, first, first); node;
	     node = interval_tree_iter_next(node, first, first)) {
		struct dirty_pin *pin =
			container_of(node, struct dirty_pin, node);

		if (pin->access == access && node->start == first &&
		    node->last == last)
			return pin;
	}
	return NULL;
}

static int pin_record(struct iommufd_access *access, unsigned long first,
		      unsigned long last, unsigned int flags)
{
	struct iommufd_dirty_iopt *dirty = &access->ioas->iopt.dirty;
	struct dirty_pin *pin;
	int rc = 0;

	mutex_lock(&dirty->pins_lock);
	pin = pin_find(access, first, last);
	if (!pin) {
		pin = kzalloc_obj(*pin, GFP_KERNEL_ACCOUNT);
		if (!pin) {
			rc = -ENOMEM;
			goto out_unlock;
		}
		pin->access = access;
		pin->node.start = first;
		pin->node.last = last;
		interval_tree_insert(&pin->node, &dirty->pins);
	}
	pin->count++;
	access->dirty.recorded++;
	if (flags & IOMMUFD_ACCESS_RW_WRITE && !access->dirty.declared)
		pin->write = true;
out_unlock:
	mutex_unlock(&dirty->pins_lock);
	return rc;
}

/* Is there a pin of just this range, and may what it has pinned be written? */
static bool pin_is_for_writing(struct iommufd_access *access,
			       unsigned long first, unsigned long last)
{
	struct iommufd_dirty_iopt *dirty = &access->ioas_unpin->iopt.dirty;
	bool write = access->dirty.old;
	struct dirty_pin *pin;

	if (!access->dirty.recorded)
		return write;
	mutex_lock(&dirty->pins_lock);
	pin = pin_find(access, first, last);
	if (pin)
		write = pin->write;
	mutex_unlock(&dirty->pins_lock);
	return write;
}

/* Forget a recorded pin; false when there is none. */
static bool pin_forget(struct iommufd_access *access, unsigned long first,
		       unsigned long last)
{
	struct iommufd_dirty_iopt *dirty = &access->ioas_unpin->iopt.dirty;
	struct dirty_pin *pin;

	if (!access->dirty.recorded)
		return false;
	mutex_lock(&dirty->pins_lock);
	pin = pin_find(access, first, last);
	if (pin) {
		access->dirty.recorded--;
		if (!--pin->count) {
			interval_tree_remove(&pin->node, &dirty->pins);
			kfree(pin);
		}
	}
	mutex_unlock(&dirty->pins_lock);
	return pin;
}

/**
 * iommufd_dirty_access_pin() - Pages are about to be pinned
 * @access: The access; its ioas_lock is held
 * @first: First byte
 * @last: Last byte
 * @flags: enum IOMMUFD_ACCESS_RW_*
 *
 * Return: -ENOMEM; else to be undone with iommufd_dirty_access_forget().
 */
int iommufd_dirty_access_pin(struct iommufd_access *access, unsigned long first,
			     unsigned long last, unsigned int flags)
{
	/* A tracker that is made from now on finds it old */
	if (READ_ONCE(access->ioas->iopt.dirty.tracker))
		return pin_record(access, first, last, flags);
	if (!access->dirty.declared)
		WRITE_ONCE(access->dirty.old, access->dirty.old + 1);
	return 0;
}

/**
 * iommufd_dirty_access_unpin() - Pages are about to be unpinned
 * @access: The access; its ioas_lock and iova_rwsem (read) are held
 * @first: First byte
 * @last: Last byte
 */
void iommufd_dirty_access_unpin(struct iommufd_access *access,
				unsigned long first, unsigned long last)
{
	if (!dirty_test_break(DIRTY_BREAK_LATE_UNPIN) &&
	    pin_is_for_writing(access, first, last))
		access_publish(access, first, last);
	dirty_test_delay("unpin");
}

/**
 * iommufd_dirty_access_forget() - Pages were unpinned, or could not be pinned
 * @access: The access; its ioas_lock is held
 * @first: First byte
 * @last: Last byte
 */
void iommufd_dirty_access_forget(struct iommufd_access *access,
				 unsigned long first, unsigned long last)
{
	bool late = dirty_test_break(DIRTY_BREAK_LATE_UNPIN) &&
		    pin_is_for_writing(access, first, last);

	/* After what was written is pending, for harvest_old() */
	if (!pin_forget(access, first, last) && access->dirty.old)
		WRITE_ONCE(access->dirty.old, access->dirty.old - 1);
	if (late) {
		dirty_test_delay("forgotten");
		access_publish(access, first, last);
	}
}

/* Are there pins that a tracker does not know? iova_rwsem is held. */
static bool has_old_pins(struct io_pagetable *iopt)
{
	struct iommufd_access *access;
	unsigned long index;

	xa_for_each(&iopt->access_list, index, access)
		if (READ_ONCE(access->dirty.old))
			return true;
	return false;
}

/* First byte of a page of an area: @index counts pages of what the area maps. */
static unsigned long area_page(struct iopt_area *area, unsigned long index)
{
	unsigned long pages = index - iopt_area_index(area);

	return iopt_area_iova(area) +
	       (pages ? pages * PAGE_SIZE - area->page_offset : 0);
}

/*
 * What is pinned of [first, last], a part of an area, is dirty. While pages are being
 * pinned, which may wait for their user, all of it is.
 */
static void harvest_old_area(const struct dirty_store *store,
			     struct dirty_set *set, struct iopt_area *area,
			     unsigned long first, unsigned long last)
{
	unsigned long from = iopt_area_iova_to_index(area, first);
	unsigned long to = iopt_area_iova_to_index(area, last);
	struct iopt_pages *pages = area->pages;
	struct interval_tree_node *node;

	if (!mutex_trylock(&pages->mutex)) {
		dirty_store_round(store, set, first, last);
		return;
	}
	for (node = interval_tree_iter_first(&pages->access_itree, from, to); node;
	     node = interval_tree_iter_next(node, from, to))
		dirty_store_round(store, set,
				  max(first, area_page(area, max(from, node->start))),
				  node->last >= to ?
					  last : area_page(area, node->last + 1) - 1);
	mutex_unlock(&pages->mutex);
}

/* What was pinned when there was no tracker is dirty. */
static void harvest_old(struct iommufd_dirty_tracker *tracker,
			struct dirty_set *set, unsigned long first,
			unsigned long last)
{
	struct io_pagetable *iopt = dirty_tracker_iopt(tracker);
	struct iopt_area *area;

	if (xa_empty(&iopt->access_list))
		return;
	down_read(&iopt->iova_rwsem);
	area = has_old_pins(iopt) ? iopt_area_iter_first(iopt, first, last) : NULL;
	for (; area; area = iopt_area_iter_next(area, first, last)) {
		/* Only added to under iova_rwsem (read), by who has written nothing yet */
		if (area->pages && data_race(area->num_accesses) &&
		    area->iommu_prot & IOMMU_WRITE)
			harvest_old_area(tracker->store, set, area,
					 max(first, iopt_area_iova(area)),
					 min(last, iopt_area_last_iova(area)));
		cond_resched();
	}
	up_read(&iopt->iova_rwsem);
}

/**
 * dirty_access_harvest() - What is pinned for writing is dirty
 * @tracker: The tracker; runs is held, nothing else
 * @set: Private set of the READ
 * @first: First byte
 * @last: Last byte
 */
void dirty_access_harvest(struct iommufd_dirty_tracker *tracker,
			  struct dirty_set *set, unsigned long first,
			  unsigned long last)
{
	struct iommufd_dirty_iopt *dirty = &tracker->ioas->iopt.dirty;
	struct interval_tree_node *node;

	if (dirty_test_break(DIRTY_BREAK_NO_ACCESS))
		return;
	mutex_lock(&dirty->pins_lock);
	for (node = interval_tree_iter_first(&dirty->pins, first, last); node;
	     node = interval_tree_iter_next(node, first, last)) {
		struct dirty_pin *pin =
			container_of(node, struct dirty_pin, node);
		unsigned long from = max(first, node->start);
		unsigned long to = min(last, node->last);

		cond_resched();
		if (!pin->write)
			continue;
		dirty_store_round(tracker->store, set, from, to);
		atomic64_add(to - from + 1, &pin->access->dirty.bytes);
	}
	mutex_unlock(&dirty->pins_lock);
	harvest_old(tracker, set, first, last);
}

/**
 * iommufd_dirty_access_declare() - A driver will say itself what it writes
 * @access: The access, on which nothing is pinned
 *
 * Pages that it pins for writing are not dirty for as long as they are pinned:
 * it calls iommufd_dirty_access_mark() after each write to them, before it signals
 * that the write is complete. iommufd_access_rw() still marks by itself.
 */
void iommufd_dirty_access_declare(struct iommufd_access *access)
{
	mutex_lock(&access->ioas_lock);
	access->dirty.declared = true;
	mutex_unlock(&access->ioas_lock);
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_access_declare, "IOMMUFD");

/**
 * iommufd_dirty_access_mark() - A driver has written to pages that it has pinned
 * @access: The access
 * @iova: First byte
 * @length: Bytes
 *
 * Return: -EINVAL for no bytes, -EOVERFLOW when the range wraps, -ENOENT when
 * the access is not attached.
 */
int iommufd_dirty_access_mark(struct iommufd_access *access, unsigned long iova,
			      unsigned long length)
{
	unsigned long last;
	int rc = 0;

	if (!length)
		return -EINVAL;
	if (check_add_overflow(iova, length - 1, &last))
		return -EOVERFLOW;
	mutex_lock(&access->ioas_lock);
	/* What is being detached may still be written */
	if (access->ioas_unpin) {
		down_read(&access->ioas_unpin->iopt.iova_rwsem);
		publish_mapped(access, iova, last);
		up_read(&access->ioas_unpin->iopt.iova_rwsem);
	} else {
		rc = -ENOENT;
	}
	mutex_unlock(&access->ioas_lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_access_mark, "IOMMUFD");
