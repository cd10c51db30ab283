/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages */
#ifndef _DIRTY_COMPAT_MM_H
#define _DIRTY_COMPAT_MM_H

/* Renamed in 6.14 */
#ifndef DIRTY_HAS_ALLOC_PAGES_BULK
#define alloc_pages_bulk(gfp, n, pages)	alloc_pages_bulk_array(gfp, n, pages)
#endif

#endif
