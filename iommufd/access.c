// SPDX-License-Identifier: GPL-2.0-only
/*
 * The *access* source: what the CPU writes for a driver without DMA (mediated
 * devices) through struct iommufd_access.
 *
 * iommufd_access_rw() is dirty when it has written. A page that is pinned for
 * writing can be written at any time: it is dirty at every READ, and when it is
 * unpinned once more. Pins for reading are not dirty. A driver that says itself
 * what it writes (iommufd_dirty_access_declare()) is taken at its word, and its
 * pins are not dirt either.
 *
 * Pins are kept whether there is a tracker or not, since one can be started at
 * any time. They are known by their range alone when they are undone, so an
 * access's pins of one range are counted together, and one for writing makes all
 * of them so.
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

/**
 * iommufd_dirty_access_rw() - iommufd_access_rw() is done, or has failed half way
 * @access: The access; its ioas_lock and iova_rwsem (read) are held
 * @first: First byte
 * @last: Last byte, inclusive
 * @flags: enum IOMMUFD_ACCESS_RW_*
 */
void iommufd_dirty_access_rw(struct iommufd_access *access, unsigned long first,
			     unsigned long last, unsigned int flags)
{
	if (flags & IOMMUFD_ACCESS_RW_WRITE)
		access_publish(access, first, last);
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

/**
 * iommufd_dirty_access_pin - Pages are about to be pinned
 * @access: The access; its ioas_lock is held
 * @first: First byte
 * @last: Last byte, inclusive
 * @flags: enum IOMMUFD_ACCESS_RW_*
 *
 * Return: -ENOMEM; else to be undone with iommufd_dirty_access_forget().
 */
int iommufd_dirty_access_pin(struct iommufd_access *access, unsigned long first,
			     unsigned long last, unsigned int flags)
{
	struct iommufd_dirty_iopt *dirty = &access->ioas->iopt.dirty;
	struct dirty_pin *pin;
	int rc = 0;

	mutex_lock(&dirty->pins_lock);
	pin = pin_find(access, first, last);
	if (!pin) {
		pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
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
	if (flags & IOMMUFD_ACCESS_RW_WRITE && !access->dirty.declared)
		pin->write = true;
out_unlock:
	mutex_unlock(&dirty->pins_lock);
	return rc;
}

/**
 * iommufd_dirty_access_unpin() - Pages are about to be unpinned
 * @access: The access; its ioas_lock and iova_rwsem (read) are held
 * @first: First byte
 * @last: Last byte, inclusive
 */
void iommufd_dirty_access_unpin(struct iommufd_access *access,
				unsigned long first, unsigned long last)
{
	struct iommufd_dirty_iopt *dirty = &access->ioas_unpin->iopt.dirty;
	struct dirty_pin *pin;
	bool write;

	mutex_lock(&dirty->pins_lock);
	pin = pin_find(access, first, last);
	write = pin && pin->write;
	mutex_unlock(&dirty->pins_lock);
	if (write && !dirty_test_break(DIRTY_BREAK_LATE_UNPIN))
		access_publish(access, first, last);
	dirty_test_delay("unpin");
}

/**
 * iommufd_dirty_access_forget() - Pages were unpinned, or could not be pinned
 * @access: The access; its ioas_lock is held
 * @first: First byte
 * @last: Last byte, inclusive
 */
void iommufd_dirty_access_forget(struct iommufd_access *access,
				 unsigned long first, unsigned long last)
{
	struct iommufd_dirty_iopt *dirty = &access->ioas_unpin->iopt.dirty;
	struct dirty_pin *pin;
	bool write;

	mutex_lock(&dirty->pins_lock);
	pin = pin_find(access, first, last);
	write = pin && pin->write;
	if (!WARN_ON(!pin) && !--pin->count) {
		interval_tree_remove(&pin->node, &dirty->pins);
		kfree(pin);
	}
	mutex_unlock(&dirty->pins_lock);
	if (write && dirty_test_break(DIRTY_BREAK_LATE_UNPIN)) {
		dirty_test_delay("forgotten");
		access_publish(access, first, last);
	}
}

/**
 * dirty_access_harvest() - What is pinned for writing is dirty
 * @tracker: The tracker; runs is held, nothing else
 * @set: Private set of the READ
 * @first: First byte
 * @last: Last byte, inclusive
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

		if (!pin->write)
			continue;
		dirty_store_round(tracker->store, set, from, to);
		atomic64_add(to - from + 1, &pin->access->dirty.bytes);
	}
	mutex_unlock(&dirty->pins_lock);
}

/**
 * iommufd_dirty_access_declare - A driver will say itself what it writes
 * @access: The access, on which nothing is pinned
 *
 * Pages that it pins for writing are not dirty for as long as they are pinned:
 * it calls iommufd_dirty_access_mark() after each write to them, before it tells
 * anybody of it. iommufd_access_rw() goes on marking by itself.
 */
void iommufd_dirty_access_declare(struct iommufd_access *access)
{
	mutex_lock(&access->ioas_lock);
	access->dirty.declared = true;
	mutex_unlock(&access->ioas_lock);
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_access_declare, IOMMUFD);

/* What of [first, last] is mapped writable was written. */
static void publish_mapped(struct iommufd_access *access, unsigned long first,
			   unsigned long last)
{
	struct io_pagetable *iopt = &access->ioas_unpin->iopt;
	struct iopt_area *area;

	down_read(&iopt->iova_rwsem);
	for (area = iopt_area_iter_first(iopt, first, last); area;
	     area = iopt_area_iter_next(area, first, last))
		if (area->iommu_prot & IOMMU_WRITE)
			access_publish(access, max(first, iopt_area_iova(area)),
				       min(last, iopt_area_last_iova(area)));
	up_read(&iopt->iova_rwsem);
}

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
	if (access->ioas_unpin)
		publish_mapped(access, iova, last);
	else
		rc = -ENOENT;
	mutex_unlock(&access->ioas_lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_dirty_access_mark, IOMMUFD);
