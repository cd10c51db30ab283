// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel-memory mode of struct iova_bitmap; see window.h. A driver may be
 * wrong or hostile (it relays what firmware says), so a record is clipped to
 * where the harvest looks.
 */
#include <linux/minmax.h>
#include <linux/overflow.h>

#include "dirty_set.h"
#include "window.h"

/**
 * dirty_window_record() - Record dirty pages
 * @window: The window
 * @iova: First byte
 * @length: Bytes; a record that wraps ends at the top of the address space
 */
void dirty_window_record(struct dirty_window *window, unsigned long iova,
			 unsigned long length)
{
	unsigned long last;

	window->records++;
	if (!length)
		return;
	if (check_add_overflow(iova, length - 1, &last))
		last = ULONG_MAX;
	iova = max(iova, window->first);
	last = min(last, window->last);
	if (iova > last)
		return;
	length = last - iova + 1;
	window->largest = max(window->largest, length);
	window->bytes += length;
	if (unlikely(window->unit_mask)) {
		iova &= ~window->unit_mask;
		last |= window->unit_mask;
	}
	dirty_set_add(window->set, iova, last);
}

static void window_set(struct iova_bitmap *bitmap, unsigned long iova,
		       size_t length)
{
	dirty_window_record((struct dirty_window *)bitmap, iova, length);
}

/**
 * dirty_window_init() - Make a window that records everything
 * @window: The window
 * @set: Where dirty pages go; outlives the window
 */
void dirty_window_init(struct dirty_window *window, struct dirty_set *set)
{
	*window = (struct dirty_window){
		.set_fn = window_set,
		.set = set,
		.last = ULONG_MAX,
	};
}
