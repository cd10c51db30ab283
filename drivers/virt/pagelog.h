/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log of a page tracker. See pagelog.c.
 */
#ifndef _VIRT_PAGELOG_H
#define _VIRT_PAGELOG_H

#include <linux/types.h>
#include <linux/xarray.h>

/**
 * struct virt_span - A range of IOVA
 * @start: First byte
 * @last: Last byte
 */
struct virt_span {
	u64 start;
	u64 last;
};

/**
 * struct virt_pagelog - Pages that were written and not reported yet
 * @pages: They, by number
 * @count: How many they are
 * @page_shift: log2 of the size of a page
 * @ranges: What is tracked
 * @range_count: How many ranges that is
 *
 * The owner of the log sets @page_shift and the entries of @ranges, and has the lock.
 */
struct virt_pagelog {
	struct xarray pages;
	unsigned int count;
	unsigned int page_shift;
	struct virt_span *ranges;
	unsigned int range_count;
};

void virt_pagelog_init(struct virt_pagelog *log);
bool virt_pagelog_alloc(struct virt_pagelog *log, unsigned int ranges);
void virt_pagelog_end(struct virt_pagelog *log);
bool virt_pagelog_covers(const struct virt_pagelog *log, u64 start, u64 last);
bool virt_pagelog_has(struct virt_pagelog *log, u64 iova);
bool virt_pagelog_add(struct virt_pagelog *log, u64 iova, unsigned int most);
bool virt_pagelog_next(struct virt_pagelog *log, unsigned long *page, unsigned long last);
void virt_pagelog_remove(struct virt_pagelog *log, unsigned long page);

#endif
