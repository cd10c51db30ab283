// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults on purpose, and counters: the module parameters with which a test
 * breaks the platform and sees what it cost. What a fault means is said here;
 * the code that is broken asks for it by name.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/bug.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "faults.h"

static bool break_flush;
module_param(break_flush, bool, 0644);
MODULE_PARM_DESC(break_flush, "Y: iotlb_sync() invalidates nothing");

static uint drop_record;
module_param(drop_record, uint, 0644);
MODULE_PARM_DESC(drop_record,
		 "Clear every n-th dirty leaf without recording it (0: none)");

static uint fail_read;
module_param(fail_read, uint, 0644);
MODULE_PARM_DESC(fail_read,
		 "Number of the next calls of read_and_clear_dirty() that fail with EIO");

static uint fail_map;
module_param(fail_map, uint, 0644);
MODULE_PARM_DESC(fail_map, "Number of the next calls of map_pages() that fail with ENOMEM");

static uint pass_map;
module_param(pass_map, uint, 0644);
MODULE_PARM_DESC(pass_map, "Number of calls of map_pages() that succeed before those of fail_map");

static ulong fail_attach;
module_param(fail_attach, ulong, 0644);
MODULE_PARM_DESC(fail_attach,
		 "Bitmask of the DMA devices whose next attach to a paging domain fails with ENOMEM");

static ulong tracker_devices = ~0ul;
module_param(tracker_devices, ulong, 0644);
MODULE_PARM_DESC(tracker_devices,
		 "Bitmask of the DMA devices whose page trackers have the faults of the parameters *_track*");

static uint fail_track_start;
module_param(fail_track_start, uint, 0644);
MODULE_PARM_DESC(fail_track_start, "Number of the next starts of page trackers that fail");

static uint fail_track_report;
module_param(fail_track_report, uint, 0644);
MODULE_PARM_DESC(fail_track_report,
		 "Number of the next reports of page trackers that fail, and leave the log as it is");

static uint lose_track;
module_param(lose_track, uint, 0644);
MODULE_PARM_DESC(lose_track, "Number of the next reports of page trackers that fail, with the log lost");

static uint drop_track;
module_param(drop_track, uint, 0644);
MODULE_PARM_DESC(drop_track,
		 "Leave every n-th written page out of the log of a page tracker (0: none)");

static uint slow_track_ms;
module_param(slow_track_ms, uint, 0644);
MODULE_PARM_DESC(slow_track_ms, "Time that each report of a page tracker takes, in milliseconds");

static bool hold_track;
module_param(hold_track, bool, 0644);
MODULE_PARM_DESC(hold_track, "Y: no report of a page tracker ends");

static DEFINE_PER_CPU(u64[VIRT_COUNTERS], counters);

/**
 * virt_count() - Count
 * @counter: What
 * @n: How many
 */
void virt_count(enum virt_counter counter, unsigned long n)
{
	this_cpu_add(counters[counter], n);
}

/**
 * virt_break_flush() - Should iotlb_sync leave the IOTLB as it is
 *
 * Return: true if break_flush is set.
 */
bool virt_break_flush(void)
{
	return READ_ONCE(break_flush);
}

static bool is_nth(atomic_t *seen, unsigned int n)
{
	return n && (unsigned int)atomic_inc_return(seen) % n == 0;
}

/**
 * virt_drop_record() - Should this dirty leaf go unrecorded
 *
 * Return: true for each drop_record-th leaf.
 */
bool virt_drop_record(void)
{
	static atomic_t seen;

	return is_nth(&seen, READ_ONCE(drop_record));
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
 * virt_fail_read() - Should this call of read_and_clear_dirty fail
 *
 * Return: true if so; counts down fail_read.
 */
bool virt_fail_read(void)
{
	return take_one(&fail_read);
}

/**
 * virt_fail_map() - Should this call of map_pages fail
 *
 * Return: true if so; counts down pass_map, then fail_map.
 */
bool virt_fail_map(void)
{
	return READ_ONCE(fail_map) && !take_one(&pass_map) &&
	       take_one(&fail_map);
}

/**
 * virt_fail_attach() - Should this attach fail
 * @device: Number of the device
 *
 * Return: true if so, once for each bit of fail_attach.
 */
bool virt_fail_attach(unsigned int device)
{
	return device < BITS_PER_LONG && READ_ONCE(fail_attach) &&
	       test_and_clear_bit(device, &fail_attach);
}

static bool track_suffers(unsigned int device)
{
	return READ_ONCE(tracker_devices) & BIT(device);
}

/**
 * virt_fail_track_start() - Should this page tracker not start
 * @device: Number of the device, below 16
 *
 * Return: true if so; counts down fail_track_start.
 */
bool virt_fail_track_start(unsigned int device)
{
	return track_suffers(device) && take_one(&fail_track_start);
}

/**
 * virt_fail_track_report() - Should this report fail
 * @device: Number of the device
 *
 * Return: true if so; counts down fail_track_report.
 */
bool virt_fail_track_report(unsigned int device)
{
	return track_suffers(device) && take_one(&fail_track_report);
}

/**
 * virt_lose_track() - Should the log be lost in this report
 * @device: Number of the device
 *
 * Return: true if so; counts down lose_track.
 */
bool virt_lose_track(unsigned int device)
{
	return track_suffers(device) && take_one(&lose_track);
}

/**
 * virt_drop_track() - Should this page stay out of the log
 * @device: Number of the device
 *
 * Return: true for each drop_track-th page.
 */
bool virt_drop_track(unsigned int device)
{
	static atomic_t seen;

	return track_suffers(device) && is_nth(&seen, READ_ONCE(drop_track));
}

/**
 * virt_track_due() - May a report be done by now
 * @device: Number of the device
 * @began_ns: When it began
 *
 * Return: false before slow_track_ms have passed, and while hold_track is set.
 */
bool virt_track_due(unsigned int device, u64 began_ns)
{
	u64 takes_ns = (u64)READ_ONCE(slow_track_ms) * NSEC_PER_MSEC;

	return !track_suffers(device) ||
	       (!READ_ONCE(hold_track) && ktime_get_ns() - began_ns >= takes_ns);
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
MODULE_PARM_DESC(splat, "Write anything for a WARN in the kernel log");

/* Not marked, and without a lock: that is what it is for */
static unsigned long race_count;

static void race_count_up(void)
{
	unsigned long end = jiffies + HZ;

	while (time_before(jiffies, end)) {
		race_count++;
		cond_resched();
		barrier();
	}
}

static void race_work(struct work_struct *work)
{
	race_count_up();
}

static int set_race(const char *value, const struct kernel_param *kp)
{
	static DECLARE_WORK(work, race_work);

	queue_work(system_dfl_wq, &work);
	race_count_up();
	flush_work(&work);
	return 0;
}

static const struct kernel_param_ops race_ops = {
	.set = set_race,
};
module_param_cb(race, &race_ops, NULL, 0200);
MODULE_PARM_DESC(race, "Write anything for a data race, which KCSAN has to report");

static int get_atomic(char *buffer, const struct kernel_param *kp)
{
	const atomic_t *counter = kp->arg;

	return sysfs_emit(buffer, "%u\n", (unsigned int)atomic_read(counter));
}

/* A parameter that shows an atomic_t; to be read only */
const struct kernel_param_ops virt_atomic_ops = {
	.get = get_atomic,
};

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
	VIRT_BLOCKED, VIRT_TLB_COMMANDS,
};

module_param_cb(flushes, &counter_ops, (void *)&counter_ids[0], 0444);
MODULE_PARM_DESC(flushes, "Number of IOTLB invalidations, of a range or of everything");
module_param_cb(tlb_hits, &counter_ops, (void *)&counter_ids[1], 0444);
MODULE_PARM_DESC(tlb_hits, "Number of accesses that the IOTLB served");
module_param_cb(walks, &counter_ops, (void *)&counter_ids[2], 0444);
MODULE_PARM_DESC(walks, "Number of accesses that walked the page table");
module_param_cb(leaf_visits, &counter_ops, (void *)&counter_ids[3], 0444);
MODULE_PARM_DESC(leaf_visits, "Number of leaves that read_and_clear_dirty() read");
module_param_cb(faults, &counter_ops, (void *)&counter_ids[4], 0444);
MODULE_PARM_DESC(faults, "Number of accesses that were refused");
module_param_cb(blocked, &counter_ops, (void *)&counter_ids[5], 0444);
MODULE_PARM_DESC(blocked, "Number of accesses of bus masters that the IOMMU refused");
module_param_cb(tlb_commands, &counter_ops, (void *)&counter_ids[6], 0444);
MODULE_PARM_DESC(tlb_commands, "Number of hardware commands that these invalidations would take");
