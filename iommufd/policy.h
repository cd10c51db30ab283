/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policies of this host: what holds where a user has chosen nothing.
 */
#ifndef __IOMMUFD_DIRTY_POLICY_H
#define __IOMMUFD_DIRTY_POLICY_H

#include <linux/types.h>

u32 dirty_policy_of(u32 chosen);
void dirty_policy_set(u32 policy);
bool dirty_policy_small_leaves(void);
void dirty_policy_set_small_leaves(bool small);

#endif
