/* SPDX-License-Identifier: GPL-2.0-only */
/* The system's workqueues */
#ifndef _DIRTY_COMPAT_WORKQUEUE_H
#define _DIRTY_COMPAT_WORKQUEUE_H

/* Renamed in 6.17 */
#ifndef DIRTY_HAS_DFL_WQ
#define system_dfl_wq	system_unbound_wq
#endif

#endif
