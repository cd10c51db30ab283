/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A schedule: devices write, the tracker is read, memory is mapped and unmapped, all at
 * random; then the oracle decides whether anything was lost.
 */
#ifndef _KSELFTEST_SCHEDULE_H
#define _KSELFTEST_SCHEDULE_H

#include <stdbool.h>
#include <linux/types.h>

#include "requester.h"

/**
 * struct schedule - Input and result of schedule_run()
 * @seed: Everything random comes from it
 * @steps: How many
 * @devices: Bit i: device number i takes part
 * @kind: Of the devices; QEMU's are behind an IOMMU of QEMU's
 * @small: Without the virtual platform, IOMMU_OPTION_DIRTY_SMALL_LEAVES
 * @leaf: Without the virtual platform, bytes of the largest leaf
 * @driver: PCI driver for the devices; NULL for vfio-pci
 * @policy: Enum iommu_dirty_policy
 * @failures: Devices lose their logs, and the tracker is started again
 * @splits: Large leaves are split (SPLIT) and, unless there are @readers, joined (STOP)
 * @readers: Threads that READ all the time, beside the steps
 * @pause_us: Longest pause between two of their READs; 0 for 2000
 * @delay_us: Longest delay at the tracker's delay points (iommufd.dirty_delay_us)
 * @what: Error: which call failed; NULL otherwise
 * @rc: Error: -errno
 * @writes: Pages written, and checked
 * @reported: Pages reported
 * @over: Reported without having been written since
 * @strays: Of these, pages that share no leaf with one that was written, and were
 *	not reported by a CONSERVATIVE unmap
 * @lost: Written and not reported
 * @lost_iova: The first of those
 */
struct schedule {
	__u64 seed;
	unsigned int steps;
	unsigned int devices;
	enum requester_kind kind;
	bool small;
	__u64 leaf;
	const char *driver;
	__u32 policy;
	bool failures;
	bool splits;
	unsigned int readers;
	unsigned int pause_us;
	unsigned int delay_us;
	const char *what;
	int rc;
	__u64 writes;
	__u64 reported;
	__u64 over;
	__u64 strays;
	__u64 lost;
	__u64 lost_iova;
};

int schedule_run(struct schedule *s);

#endif
