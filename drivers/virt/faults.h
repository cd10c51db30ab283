/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Faults on purpose, and counters. See faults.c.
 */
#ifndef _VIRT_FAULTS_H
#define _VIRT_FAULTS_H

#include <linux/moduleparam.h>
#include <linux/types.h>

/**
 * enum virt_counter - What is counted
 * @VIRT_FLUSHES: Invalidations of a domain's IOTLB, of a range or all
 * @VIRT_TLB_HITS: Accesses that the IOTLB alone could serve
 * @VIRT_WALKS: Accesses that walked the page table
 * @VIRT_LEAF_VISITS: Leaves that read_and_clear_dirty looked at
 * @VIRT_FAULTS: Accesses refused
 * @VIRT_BLOCKED: Accesses of bus masters that the IOMMU refused
 * @VIRT_TLB_COMMANDS: Commands that the invalidations would be; one each, but those
 *	by address of an SMMUv3 without range invalidation are one a leaf
 * @VIRT_COUNTERS: How many
 */
enum virt_counter {
	VIRT_FLUSHES,
	VIRT_TLB_HITS,
	VIRT_WALKS,
	VIRT_LEAF_VISITS,
	VIRT_FAULTS,
	VIRT_BLOCKED,
	VIRT_TLB_COMMANDS,
	VIRT_COUNTERS,
};

extern const struct kernel_param_ops virt_atomic_ops;

void virt_count(enum virt_counter counter, unsigned long n);
bool virt_break_flush(void);
bool virt_drop_record(void);
bool virt_fail_read(void);
bool virt_fail_map(void);
bool virt_fail_attach(unsigned int device);

bool virt_fail_track_start(unsigned int device);
bool virt_fail_track_report(unsigned int device);
bool virt_lose_track(unsigned int device);
bool virt_drop_track(unsigned int device);
bool virt_track_due(unsigned int device, u64 began_ns);

#endif
