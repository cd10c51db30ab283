// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log of a page tracker, of a virtual DMA device and of a ConnectX alike: which pages
 * of a few ranges were written and not reported yet. When it is full the tracker is of no
 * use any more. How it says so, and how it reports pages, is its own
 * (tracker.c, connectx/report.c).
 */
#include <linux/slab.h>

#include "pagelog.h"

/**
 * virt_pagelog_init() - An empty log without ranges
 * @log: The log
 */
void virt_pagelog_init(struct virt_pagelog *log)
{
	*log = (struct virt_pagelog){};
	xa_init(&log->pages);
}

/**
 * virt_pagelog_alloc() - Allocate the ranges of a log that has none
 * @log: The log
 * @ranges: How many
 *
 * Return: false without memory.
 */
bool virt_pagelog_alloc(struct virt_pagelog *log, unsigned int ranges)
{
	log->ranges = kzalloc_objs(*log->ranges, ranges, GFP_KERNEL);
	log->range_count = log->ranges ? ranges : 0;
	return log->ranges;
}

/**
 * virt_pagelog_end() - Forget the ranges and the pages
 * @log: The log; is as virt_pagelog_init() leaves it
 */
void virt_pagelog_end(struct virt_pagelog *log)
{
	xa_destroy(&log->pages);
	kfree(log->ranges);
	virt_pagelog_init(log);
}

/**
 * virt_pagelog_covers() - Are some of these bytes tracked
 * @log: The log
 * @start: First byte
 * @last: Last byte
 *
 * Return: true if so.
 */
bool virt_pagelog_covers(const struct virt_pagelog *log, u64 start, u64 last)
{
	unsigned int i;

	for (i = 0; i < log->range_count; i++)
		if (start <= log->ranges[i].last && last >= log->ranges[i].start)
			return true;
	return false;
}

/**
 * virt_pagelog_has() - Is the page of a byte in the log
 * @log: The log
 * @iova: The byte
 *
 * Return: true if so.
 */
bool virt_pagelog_has(struct virt_pagelog *log, u64 iova)
{
	return xa_load(&log->pages, iova >> log->page_shift);
}

/**
 * virt_pagelog_add() - Add the page of a byte
 * @log: The log
 * @iova: The byte
 * @most: How many pages the log holds
 *
 * Return: false if it was not there and there is no room for it, or no memory: the log is
 * lost.
 */
bool virt_pagelog_add(struct virt_pagelog *log, u64 iova, unsigned int most)
{
	if (virt_pagelog_has(log, iova))
		return true;
	if (log->count >= most ||
	    xa_is_err(xa_store(&log->pages, iova >> log->page_shift,
			       xa_mk_value(1), GFP_KERNEL)))
		return false;
	log->count++;
	return true;
}

/**
 * virt_pagelog_next() - Find a page
 * @log: The log
 * @page: Number of the first page to look at, and of the one that was found
 * @last: Number of the last page to look at
 *
 * Return: false if there is none.
 */
bool virt_pagelog_next(struct virt_pagelog *log, unsigned long *page, unsigned long last)
{
	return xa_find(&log->pages, page, last, XA_PRESENT);
}

/**
 * virt_pagelog_remove() - Take a page out of the log
 * @log: The log
 * @page: Number of a page that is in it
 */
void virt_pagelog_remove(struct virt_pagelog *log, unsigned long page)
{
	xa_erase(&log->pages, page);
	log->count--;
}
