// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on purpose, and counters: the module parameters with which a test
 * breaks the platform and sees what it cost. What a fault means is said here;
 * the code that is broken asks for it by name.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/module.h>
#include <linux/percpu.h>

#include "faults.h"

static bool break_flush;
module_param(break_flush, bool, 0644);
MODULE_PARM_DESC(break_flush, "iotlb_sync invalidates nothing");

static uint drop_record;
module_param(drop_record, uint, 0644);
MODULE_PARM_DESC(drop_record,
		 "every n-th dirty leaf is cleared but not recorded; 0: none");

static uint fail_read;
module_param(fail_read, uint, 0644);
MODULE_PARM_DESC(fail_read,
		 "so many calls of read_and_clear_dirty fail with EIO at once");

static uint fail_map;
module_param(fail_map, uint, 0644);
MODULE_PARM_DESC(fail_map, "so many calls of map_pages fail with ENOMEM at once");

static DEFINE_PER_CPU(u64[VIRT_COUNTERS], counters);

/**
 * virt_count() - count
 * @counter: what
 * @n: how many
 */
void virt_count(enum virt_counter counter, unsigned long n)
{
	this_cpu_add(counters[counter], n);
}

/**
 * virt_break_flush() - should iotlb_sync leave the IOTLB as it is
 */
bool virt_break_flush(void)
{
	return READ_ONCE(break_flush);
}

/**
 * virt_drop_record() - should this dirty leaf go unrecorded
 */
bool virt_drop_record(void)
{
	static atomic_t seen;
	unsigned int n = READ_ONCE(drop_record);

	return n && (unsigned int)atomic_inc_return(&seen) % n == 0;
}

static bool take_one(unsigned int *left)
{
	unsigned int n = READ_ONCE(*left);

	do {
		if (!n)
			return false;
	} while (!try_cmpxchg(left, &n, n - 1));
	return true;
}

/**
 * virt_fail_read() - should this call of read_and_clear_dirty fail
 */
bool virt_fail_read(void)
{
	return take_one(&fail_read);
}

/**
 * virt_fail_map() - should this call of map_pages fail
 */
bool virt_fail_map(void)
{
	return take_one(&fail_map);
}

static int set_splat(const char *value, const struct kernel_param *kp)
{
	WARN(1, "iommufd-virt: a warning was asked for with the parameter splat\n");
	return 0;
}

static const struct kernel_param_ops splat_ops = {
	.set = set_splat,
};
module_param_cb(splat, &splat_ops, NULL, 0200);
MODULE_PARM_DESC(splat, "write anything: a WARN in the kernel log");

static int get_counter(char *buffer, const struct kernel_param *kp)
{
	const enum virt_counter *counter = kp->arg;
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(counters, cpu)[*counter]);
	return sysfs_emit(buffer, "%llu\n", sum);
}

static const struct kernel_param_ops counter_ops = {
	.get = get_counter,
};

static const enum virt_counter counter_ids[] = {
	VIRT_FLUSHES, VIRT_TLB_HITS, VIRT_WALKS, VIRT_LEAF_VISITS, VIRT_FAULTS,
};

module_param_cb(flushes, &counter_ops, (void *)&counter_ids[0], 0444);
MODULE_PARM_DESC(flushes, "invalidations of an IOTLB, of a range or all");
module_param_cb(tlb_hits, &counter_ops, (void *)&counter_ids[1], 0444);
MODULE_PARM_DESC(tlb_hits, "accesses that the IOTLB alone could serve");
module_param_cb(walks, &counter_ops, (void *)&counter_ids[2], 0444);
MODULE_PARM_DESC(walks, "accesses that walked the page table");
module_param_cb(leaf_visits, &counter_ops, (void *)&counter_ids[3], 0444);
MODULE_PARM_DESC(leaf_visits, "leaves that read_and_clear_dirty looked at");
module_param_cb(faults, &counter_ops, (void *)&counter_ids[4], 0444);
MODULE_PARM_DESC(faults, "accesses refused");
