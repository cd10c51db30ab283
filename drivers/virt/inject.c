// SPDX-License-Identifier: GPL-2.0-only
/*
 * Injected dirty bits: the parameter set_dirty sets D in the leaves that a device
 * uses, as if it had written there, but moves no data and fills no IOTLB. So
 * millions of pages become dirty in little time, and a measurement that follows does
 * not include the cost of their invalidation.
 *
 * It uses a domain as a device does, announced by a requester of its own, which keeps
 * the domain while its leaves are changed.
 */
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "inject.h"
#include "virt_iommu.h"

/* Leaves that are changed at once; a flush may have to wait for them */
#define AT_ONCE	512

/**
 * struct injection - Which pages become dirty
 * @device: Number of the requester
 * @iova: First byte
 * @length: Bytes, a multiple of @unit
 * @unit: Bytes from one leaf to the next, a power of two, a page at least
 * @count: How many units become dirty
 * @seed: 0: the first @count; otherwise any @count, which @seed chooses;
 *	@length / @unit is a power of two then
 */
struct injection {
	unsigned int device;
	u64 iova;
	u64 length;
	u64 unit;
	u64 count;
	u64 seed;
};

static DEFINE_MUTEX(inject_lock);
static struct virt_requester inject_requester;
static bool ready;

/* Unit number @n of a permutation of @units, a power of two, that @*x walks. */
static u64 writes_scatter(u64 *x, u64 units, u64 n, u64 seed)
{
	unsigned int bits = ilog2(units);
	u64 mask = units - 1, y;

	if (!seed)
		return n;
	/* A full period needs a multiplier of 8n + 5 and an odd increment. */
	*x = (*x * 0x5851f42d4c957f2dull + (seed | 1)) & mask;
	y = *x ^ *x >> (bits + 1) / 2;
	y = (y * 0x9e3779b97f4a7c15ull) & mask;
	return y ^ y >> (bits + 1) / 2;
}

static int dirty_units(struct virt_requester *whose, const struct injection *d)
{
	u64 units = div64_u64(d->length, d->unit), x = d->seed, n = 0;
	int err = 0;

	while (!err && n < d->count) {
		u64 end = min(n + AT_ONCE, d->count);
		struct virt_iotlb_entry entry;
		struct virt_domain *vdom;

		vdom = virt_requester_borrow(&inject_requester, whose);
		if (!vdom || !READ_ONCE(vdom->tracking))
			err = -EINVAL;
		for (; !err && n < end; n++) {
			u64 at = writes_scatter(&x, units, n, d->seed) * d->unit;

			if (!virt_domain_walk(vdom, d->iova + at, true, true, &entry))
				err = -EFAULT;
		}
		virt_requester_end(&inject_requester);
		cond_resched();
	}
	return err;
}

static int set_dirty(const char *value, const struct kernel_param *kp)
{
	struct virt_requester *whose = NULL;
	struct injection d;
	u64 end;
	int err = -ENODEV;

	if (sscanf(value, "%u %lli %lli %lli %lli %lli", &d.device, &d.iova,
		   &d.length, &d.unit, &d.count, &d.seed) != 6)
		return -EINVAL;
	if (!is_power_of_2(d.unit) || d.unit < SZ_4K || !d.length ||
	    d.length & (d.unit - 1) || d.iova & (SZ_4K - 1) ||
	    check_add_overflow(d.iova, d.length, &end) ||
	    end > BIT_ULL(VIRT_IOVA_BITS) || d.count > d.length / d.unit ||
	    (d.seed && !is_power_of_2(d.length / d.unit)))
		return -EINVAL;

	mutex_lock(&inject_lock);
	if (ready)
		whose = virt_requester_find(d.device);
	if (whose)
		err = dirty_units(whose, &d);
	mutex_unlock(&inject_lock);
	return err;
}

static const struct kernel_param_ops set_dirty_ops = {
	.set = set_dirty,
};
module_param_cb(set_dirty, &set_dirty_ops, NULL, 0200);
MODULE_PARM_DESC(set_dirty,
		 "DEVICE IOVA LENGTH UNIT COUNT SEED: set the D bits of COUNT units of UNIT bytes, out of LENGTH bytes from IOVA on: the first ones if SEED is 0, else random ones");

/**
 * virt_inject_init() - set_dirty may be written from now on
 * @iommu: Any instance
 *
 * After all devices were made.
 */
void virt_inject_init(struct virt_iommu *iommu)
{
	mutex_lock(&inject_lock);
	virt_requester_add(&inject_requester, iommu, VIRT_INJECT_NUMBER);
	ready = true;
	mutex_unlock(&inject_lock);
}

/**
 * virt_inject_exit() - set_dirty may not be written any more
 *
 * Before the devices are removed.
 */
void virt_inject_exit(void)
{
	mutex_lock(&inject_lock);
	if (ready)
		virt_requester_del(&inject_requester);
	ready = false;
	mutex_unlock(&inject_lock);
}
