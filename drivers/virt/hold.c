// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of the IOMMU core that wait in the middle of what they do, so that a test
 * can do something else in just that moment, and need not hope to meet it.
 *
 * Each point has a parameter hold_*. Writing a key other than 0 arms it: the next
 * call that has to do with the key waits, and disarms it, so no other call does.
 * Writing 0 disarms it and lets all calls go on that wait there. Reading gives the
 * number of these. They keep whatever locks their callers hold.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/moduleparam.h>
#include <linux/sysfs.h>

#include "hold.h"

/**
 * struct hold - A point
 * @key: What the call that is to wait has to do with; 0 for none
 * @round: Changed to release what waits
 * @waiting: Calls that wait
 */
struct hold {
	unsigned long key;
	unsigned long round;
	atomic_t waiting;
};

static struct hold holds[VIRT_HOLD_POINTS];
/* A point was armed, now or before */
bool virt_hold_armed;

/**
 * virt_hold_wait() - virt_hold(), once a point was armed
 * @point: Where
 * @first: The lowest key that the call has to do with
 * @last: The highest
 *
 * Sleeps in short pieces, so that however long it takes nothing looks hung.
 */
void virt_hold_wait(enum virt_hold_point point, unsigned long first,
		    unsigned long last)
{
	struct hold *hold = &holds[point];
	unsigned long key = READ_ONCE(hold->key), round;

	if (likely(!key) || key < first || key > last)
		return;
	round = READ_ONCE(hold->round);
	/* Orders the two: a release changes @round after @key. */
	if (cmpxchg(&hold->key, key, 0) != key)
		return;
	atomic_inc(&hold->waiting);
	while (READ_ONCE(hold->round) == round)
		usleep_range(500, 1000);
	atomic_dec(&hold->waiting);
}

static int hold_set(const char *value, const struct kernel_param *kp)
{
	struct hold *hold = kp->arg;
	unsigned long key;
	int err = kstrtoul(value, 0, &key);

	if (err)
		return err;
	if (key)
		WRITE_ONCE(virt_hold_armed, true);
	xchg(&hold->key, key);
	if (!key)
		WRITE_ONCE(hold->round, hold->round + 1);
	return 0;
}

static int hold_get(char *buffer, const struct kernel_param *kp)
{
	struct hold *hold = kp->arg;

	return sysfs_emit(buffer, "%d\n", atomic_read(&hold->waiting));
}

static const struct kernel_param_ops hold_ops = {
	.set = hold_set,
	.get = hold_get,
};

module_param_cb(hold_probe, &hold_ops, &holds[VIRT_HOLD_PROBE], 0644);
MODULE_PARM_DESC(hold_probe, "IOVA: hold the next read of its D bit that does not clear, at its end");
module_param_cb(hold_read, &hold_ops, &holds[VIRT_HOLD_READ], 0644);
MODULE_PARM_DESC(hold_read, "IOVA: hold the next call that clears its D bit, at its end");
module_param_cb(hold_untrack, &hold_ops, &holds[VIRT_HOLD_UNTRACK], 0644);
MODULE_PARM_DESC(hold_untrack, "1: hold the next call that switches dirty tracking off, at its end");
module_param_cb(hold_map, &hold_ops, &holds[VIRT_HOLD_MAP], 0644);
MODULE_PARM_DESC(hold_map, "IOVA: hold the next map_pages() of it, at its start");
module_param_cb(hold_attach, &hold_ops, &holds[VIRT_HOLD_ATTACH], 0644);
MODULE_PARM_DESC(hold_attach, "1 + DEVICE: hold the next attach of that device, before the hardware has the new domain");
module_param_cb(hold_tags, &hold_ops, &holds[VIRT_HOLD_TAGS], 0644);
MODULE_PARM_DESC(hold_tags, "1 + DEVICE: hold the next attach or detach of that intel device, while no invalidation reaches it");
