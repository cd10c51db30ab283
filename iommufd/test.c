// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module parameters that break the tracker on purpose; see test.h. Built only
 * with CONFIG_IOMMUFD_DIRTY_TEST.
 */
#include <linux/atomic.h>
#include <linux/module.h>

#include "test.h"

static unsigned int dirty_break;
module_param(dirty_break, uint, 0644);
MODULE_PARM_DESC(dirty_break, "Break the dirty tracker: bits of enum dirty_test_break");

static unsigned int dirty_fail_alloc;
module_param(dirty_fail_alloc, uint, 0644);
MODULE_PARM_DESC(dirty_fail_alloc, "Fail every n-th allocation of a dirty set (0: none)");

static atomic_t alloc_count = ATOMIC_INIT(0);

/**
 * dirty_test_break - Should this be broken?
 * @what: Bits of enum dirty_test_break
 */
bool dirty_test_break(unsigned int what)
{
	return READ_ONCE(dirty_break) & what;
}

/** dirty_test_fail_alloc - Should this allocation fail? */
bool dirty_test_fail_alloc(void)
{
	unsigned int n = READ_ONCE(dirty_fail_alloc);

	return n && (unsigned int)atomic_inc_return(&alloc_count) % n == 0;
}
