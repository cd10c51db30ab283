// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module parameters that break and delay the tracker on purpose; see test.h.
 * Built only with CONFIG_IOMMUFD_DIRTY_TEST.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "test.h"

static const char * const break_names[] = {
	[DIRTY_BREAK_NOTHING] = "nothing",
	[DIRTY_BREAK_EARLY_PUBLISH] = "early_publish",
	[DIRTY_BREAK_MID_LEAF] = "mid_leaf",
	[DIRTY_BREAK_NO_FLUSH] = "no_flush",
	[DIRTY_BREAK_LOSE_UNDELIVERED] = "lose_undelivered",
	[DIRTY_BREAK_NO_UNMAP] = "no_unmap",
	[DIRTY_BREAK_NO_LAST_HARVEST] = "no_last_harvest",
	[DIRTY_BREAK_LATE_SOURCE] = "late_source",
	[DIRTY_BREAK_NO_MARK] = "no_mark",
	[DIRTY_BREAK_NO_OUTSIDE] = "no_outside",
	[DIRTY_BREAK_NO_ACCESS] = "no_access",
	[DIRTY_BREAK_NO_LENGTH] = "no_length",
	[DIRTY_BREAK_NO_REQUESTS] = "no_requests",
	[DIRTY_BREAK_NO_STEP] = "no_step",
	[DIRTY_BREAK_NO_HIDDEN] = "no_hidden",
	[DIRTY_BREAK_EARLY_UNHIDE] = "early_unhide",
	[DIRTY_BREAK_NO_STALE] = "no_stale",
	[DIRTY_BREAK_LATE_PUBLISH] = "late_publish",
	[DIRTY_BREAK_LATE_UNPIN] = "late_unpin",
	[DIRTY_BREAK_WALK_WRONG] = "walk_wrong",
	[DIRTY_BREAK_SPLIT_CLEAN] = "split_clean",
	[DIRTY_BREAK_REVOKED] = "revoked",
	[DIRTY_BREAK_QUIET_LOOK] = "quiet_look",
	[DIRTY_BREAK_JOIN_ANY] = "join_any",
	[DIRTY_BREAK_JOIN_AREAS] = "join_areas",
	[DIRTY_BREAK_NO_PASID] = "no_pasid",
};

static enum dirty_test_break dirty_break;

static int break_set(const char *value, const struct kernel_param *kp)
{
	int what = sysfs_match_string(break_names, value);

	if (what < 0)
		return what;
	WRITE_ONCE(dirty_break, what);
	return 0;
}

static int break_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", break_names[READ_ONCE(dirty_break)]);
}

static const struct kernel_param_ops break_ops = {
	.set = break_set,
	.get = break_get,
};
module_param_cb(dirty_break, &break_ops, NULL, 0644);
MODULE_PARM_DESC(dirty_break, "Break the dirty tracker: a name of enum dirty_test_break, or nothing");

static unsigned int dirty_fail_alloc;
module_param(dirty_fail_alloc, uint, 0644);
MODULE_PARM_DESC(dirty_fail_alloc, "Fail every n-th allocation of a dirty set (0: none)");

static unsigned int dirty_delay_us;
module_param(dirty_delay_us, uint, 0644);
MODULE_PARM_DESC(dirty_delay_us, "Longest delay at a delay point, in microseconds (0: none)");

static unsigned int dirty_delay_one_in = 4;
module_param(dirty_delay_one_in, uint, 0644);
MODULE_PARM_DESC(dirty_delay_one_in, "One in so many passes of a delay point is delayed");

static char dirty_delay_at[32];
module_param_string(dirty_delay_at, dirty_delay_at, sizeof(dirty_delay_at), 0644);
MODULE_PARM_DESC(dirty_delay_at, "Name of the only delay point that delays (empty: all)");

static atomic_t alloc_count = ATOMIC_INIT(0);
static atomic_t objects = ATOMIC_INIT(0);

/**
 * dirty_test_break() - Should this be broken?
 * @what: What
 *
 * Return: true if the test has asked for it.
 */
bool dirty_test_break(enum dirty_test_break what)
{
	return READ_ONCE(dirty_break) == what;
}

/**
 * dirty_test_fail_alloc() - Should this allocation fail?
 *
 * Return: true for each n-th, if dirty_fail_alloc is n.
 */
bool dirty_test_fail_alloc(void)
{
	unsigned int n = READ_ONCE(dirty_fail_alloc);

	return n && (unsigned int)atomic_inc_return(&alloc_count) % n == 0;
}

/**
 * dirty_test_delay() - A gap between two steps of a protocol
 * @where: Its name
 *
 * Sleeps at random if the parameters ask for it, so that other tasks run in between. Where
 * each pass is delayed, it sleeps for half of the longest delay at least: tests rely on it.
 */
void dirty_test_delay(const char *where)
{
	unsigned int us = READ_ONCE(dirty_delay_us);
	unsigned int one_in = READ_ONCE(dirty_delay_one_in);

	if (likely(!us))
		return;
	if (dirty_delay_at[0] && !sysfs_streq(dirty_delay_at, where))
		return;
	if (one_in > 1 && get_random_u32_below(one_in))
		return;
	us -= get_random_u32_below(one_in > 1 ? us : us / 2 + 1);
	usleep_range(us, us + us / 4 + 1);
}

/**
 * dirty_test_object() - An object with a reference count is allocated or freed
 * @n: 1 or -1
 */
void dirty_test_object(int n)
{
	atomic_add(n, &objects);
}

/**
 * dirty_test_objects() - Objects that exist
 *
 * Return: Their number.
 */
int dirty_test_objects(void)
{
	return atomic_read(&objects);
}
