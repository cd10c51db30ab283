// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmaps under way. An unmap hides an area before it harvests it, so that a READ
 * passes it over; the READ then waits until what was dirty there is pending.
 */
#include "hidden.h"
#include "io_pagetable.h"
#include "iommufd_private.h"
#include "test.h"
#include "wait.h"

/**
 * dirty_hidden_add() - An unmap is about to hide an area
 * @iopt: The IOAS's table; iova_rwsem is held for write
 * @unmap: The unmap; lives until dirty_hidden_del()
 * @area: The area, not hidden yet
 */
void dirty_hidden_add(struct io_pagetable *iopt,
		      struct iommufd_dirty_unmap *unmap, struct iopt_area *area)
{
	struct iommufd_dirty_iopt *dirty = &iopt->dirty;

	unmap->first = iopt_area_iova(area);
	unmap->last = iopt_area_last_iova(area);
	unmap->area = area;
	unmap->pages = area->pages;
	spin_lock(&dirty->hidden_lock);
	unmap->seq = ++dirty->hidden_seq;
	list_add_tail(&unmap->item, &dirty->hidden);
	spin_unlock(&dirty->hidden_lock);
}

/**
 * dirty_hidden_del() - What was dirty in a hidden area is pending
 * @iopt: The IOAS's table
 * @unmap: The unmap
 */
void dirty_hidden_del(struct io_pagetable *iopt,
		      struct iommufd_dirty_unmap *unmap)
{
	struct iommufd_dirty_iopt *dirty = &iopt->dirty;

	spin_lock(&dirty->hidden_lock);
	list_del(&unmap->item);
	spin_unlock(&dirty->hidden_lock);
	/* Almost always no one waits, and waking takes the lock of the queue */
	if (wq_has_sleeper(&dirty->hidden_wait))
		wake_up_all(&dirty->hidden_wait);
}

static bool is_hidden(struct iommufd_dirty_iopt *dirty, unsigned long first,
		      unsigned long last, u64 seq)
{
	struct iommufd_dirty_unmap *unmap;
	bool hidden = false;

	spin_lock(&dirty->hidden_lock);
	list_for_each_entry(unmap, &dirty->hidden, item) {
		if (unmap->seq > seq)
			break;
		if (unmap->first <= last && unmap->last >= first)
			hidden = true;
	}
	spin_unlock(&dirty->hidden_lock);
	return hidden;
}

/**
 * dirty_hidden_wait() - Wait for the unmaps of a range that are under way
 * @iopt: The IOAS's table; the caller holds nothing that an unmap needs
 * @first: First byte
 * @last: Last byte
 * @deadline: When to give up, in jiffies; 0 never
 *
 * Unmaps that begin later are not waited for.
 *
 * Return: -EINTR when killed, -ETIME when @deadline has passed.
 */
int dirty_hidden_wait(struct io_pagetable *iopt, unsigned long first,
		      unsigned long last, unsigned long deadline)
{
	struct iommufd_dirty_iopt *dirty = &iopt->dirty;
	u64 seq;

	if (dirty_test_break(DIRTY_BREAK_NO_HIDDEN))
		return 0;
	spin_lock(&dirty->hidden_lock);
	seq = dirty->hidden_seq;
	spin_unlock(&dirty->hidden_lock);
	return dirty_wait_killable(dirty->hidden_wait,
				   !is_hidden(dirty, first, last, seq), deadline);
}
