/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All contexts of this host, for those who look at them from outside.
 */
#ifndef __IOMMUFD_DIRTY_CONTEXT_H
#define __IOMMUFD_DIRTY_CONTEXT_H

#include <linux/types.h>

struct iommufd_ctx;

#ifdef CONFIG_IOMMUFD_DIRTY_NETLINK
void dirty_contexts_init(void);
void dirty_context_add(struct iommufd_ctx *ictx);
void dirty_context_del(struct iommufd_ctx *ictx);
struct iommufd_ctx *dirty_context_lock(u64 from, u64 to);
void dirty_context_unlock(struct iommufd_ctx *ictx);
void dirty_context_changed(void);
unsigned int dirty_context_generation(void);
#else
static inline void dirty_context_add(struct iommufd_ctx *ictx)
{
}

static inline void dirty_context_del(struct iommufd_ctx *ictx)
{
}

static inline void dirty_context_changed(void)
{
}
#endif

#endif
