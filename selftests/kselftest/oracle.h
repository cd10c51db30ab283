/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle: compares what READs reported with what devices really wrote.
 *
 * A write of [begin, end] to a mapped page must be reported by the first READ of
 * that page which begins after the write's end, by one that overlaps that READ, or
 * by an earlier one that ended after the write had begun. A READ is
 * not the first if it was killed, though what it has put into memory counts; nor if
 * it overlaps one that ended before it came to the page (a full buffer, a fault, a
 * signal), which may have harvested the page and given it back. Exempt are writes
 * that ended before START returned, be it the first one or one after a STOP, and writes that
 * overlap an unmap of their page, unless it is CONSERVATIVE. Times are CLOCK_MONOTONIC, as in the
 * ground truth.
 */
#ifndef _KSELFTEST_ORACLE_H
#define _KSELFTEST_ORACLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "virt_dma.h"

#define ORACLE_PAGE 4096ull
#define ORACLE_READERS 8

/**
 * struct oracle_event - A READ or an UNMAP
 * @begin_ns: Before the ioctl
 * @end_ns: After it
 * @iova: First byte
 * @length: Bytes up to where it came
 * @tried: Bytes that it was asked for
 * @bits: The pages reported, bit i for @iova + i * ORACLE_PAGE; NULL for an
 *	IOAS_UNMAP. Owned by the oracle
 * @killed: It did not come to its end
 * @unmap: It was an UNMAP
 * @races: Writes that overlap it may be lost: an UNMAP that is not CONSERVATIVE
 * @restart: It was a STOP and a START: writes that ended before may be forgotten
 */
struct oracle_event {
	__u64 begin_ns;
	__u64 end_ns;
	__u64 iova;
	__u64 length;
	__u64 tried;
	__u64 *bits;
	bool killed;
	bool unmap;
	bool races;
	bool restart;
};

/**
 * struct oracle - What was reported, and the verdict
 * @truth_fd: /dev/virt-truth, or -1: only what oracle_wrote() gets was written
 * @leaf: With own records, bytes of the largest leaf, which is dirty as a whole
 * @start_ns: When START had returned
 * @events: READs and UNMAPs; oracle_check() puts them in order of @begin_ns
 * @nr_events: How many
 * @recs: Writes by devices that the platform does not know, and collected ones
 * @nr_recs: How many
 * @maps: With own records, what was mapped and is dirty without having been written
 * @nr_maps: How many
 * @writes: Pages of records checked
 * @reported: Pages reported, by all READs
 * @over: Of these, pages that were not written since they were last reported
 * @strays: Of those, with own records, pages in whose leaf no page had been written either,
 *	without what a CONSERVATIVE unmap reported
 * @lost: Writes that should have been reported
 * @lost_iova: Address of the first of them
 * @lost_begin_ns: When it began
 */
struct oracle {
	int truth_fd;
	__u64 leaf;
	__u64 start_ns;
	struct oracle_event *events;
	unsigned int nr_events;
	struct virt_truth_rec *recs;
	unsigned int nr_recs;
	struct virt_truth_rec *maps;
	unsigned int nr_maps;
	__u64 writes;
	__u64 reported;
	__u64 over;
	__u64 strays;
	__u64 lost;
	__u64 lost_iova;
	__u64 lost_begin_ns;
};

/**
 * struct oracle_loop - READs of random ranges, one after another, in a thread
 * @iova: First byte of what is read
 * @length: Bytes
 * @fd: /dev/iommu
 * @tracker_id: The tracker
 * @random: State of the random numbers; not 0
 * @pause_us: Longest pause between two READs
 * @stop: Ends the loop
 * @rc: Error of a READ, or 0
 * @events: The READs
 * @nr_events: How many
 */
struct oracle_loop {
	__u64 iova;
	__u64 length;
	int fd;
	__u32 tracker_id;
	__u64 random;
	unsigned int pause_us;
	atomic_bool stop;
	int rc;
	struct oracle_event *events;
	unsigned int nr_events;
	pthread_t thread;
};

/** struct oracle_readers - READs of other processes, under way */
struct oracle_readers {
	__u64 iova;
	__u64 length;
	size_t size;
	unsigned int nr;
	struct shared_read *read[ORACLE_READERS];
	int pid[ORACLE_READERS];
};

__u64 oracle_now(void);
int oracle_open(struct oracle *o);
int oracle_open_own(struct oracle *o, __u64 leaf);
void oracle_close(struct oracle *o);
void oracle_started(struct oracle *o);
int oracle_restarted(struct oracle *o, __u64 iova, __u64 length, __u64 begin_ns);
int oracle_unmap(struct oracle *o, int fd, __u32 ioas_id, __u64 iova,
		 __u64 length);
int oracle_tracker_unmap(struct oracle *o, int fd, __u32 tracker_id, __u64 iova,
			 __u64 length, bool conservative);
int oracle_read(struct oracle *o, int fd, __u32 tracker_id, __u64 iova,
		__u64 length);
int oracle_read_ranges(struct oracle *o, int fd, __u32 tracker_id, __u64 iova,
		       __u64 length, unsigned int nr_ranges);
int oracle_read_fault(struct oracle *o, int fd, __u32 tracker_id, __u64 iova,
		      __u64 length, size_t good_pages);
int oracle_readers(struct oracle *o, int fd, __u32 tracker_id, __u64 iova,
		   __u64 length, unsigned int readers, unsigned int kill_us);
int oracle_readers_begin(struct oracle_readers *r, int fd, __u32 tracker_id,
			 __u64 iova, __u64 length, unsigned int readers);
int oracle_readers_end(struct oracle *o, struct oracle_readers *r,
		       unsigned int kill_us);
int oracle_loop_begin(struct oracle_loop *l);
int oracle_loop_end(struct oracle *o, struct oracle_loop *l);
int oracle_collect(struct oracle *o);
int oracle_append(struct virt_truth_rec **all, unsigned int *nr_all,
		  const struct virt_truth_rec *recs, unsigned int nr_recs);
int oracle_mapped(struct oracle *o, __u64 iova, __u32 length, __u64 begin_ns);
int oracle_wrote(struct oracle *o, const struct virt_truth_rec *recs,
		 unsigned int nr_recs);
int oracle_check(struct oracle *o);

#endif
