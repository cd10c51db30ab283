/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bindings: a tracker's hold of a log that is on.
 */
#ifndef __IOMMUFD_DIRTY_BINDING_H
#define __IOMMUFD_DIRTY_BINDING_H

#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "dirty_set.h"

struct dirty_log;
struct dirty_store;
struct io_pagetable;
struct iommufd_device;
struct iommufd_dirty_source_desc;

/* How much is asked for in one report at first, in bytes */
#define DIRTY_LOG_PIECE (1UL << 40)

/**
 * struct dirty_binding - A tracker's hold of a log that is on
 * @item: On dirty_store::bindings, under the store's lock: from the log's start
 *	until the driver has stopped it, whatever happens to the attachment, the
 *	device or the tracker
 * @number: Counts the bindings of the store, in the order of the list; from 1
 * @store: Where dirty pages go; a reference
 * @iopt_lock: Protects @iopt
 * @iopt: What is mapped: what to ask the log for. NULL when the tracker is going
 *	away, and then nothing is asked. Set after @store, so that who holds the lock
 *	and sees its own store sees its own IOAS
 * @first: First byte that the log covers
 * @last: Last byte
 * @granule: Unit of the log, in bytes
 * @narrow: It covers what was mapped, or a part of that, and no more
 * @outgrown: More is mapped now: it is not desired any more, so that the plan is
 *	applied without it before it ends. Under plan_lock
 * @span_first: First byte of what was mapped when it was started
 * @span_last: Last byte of that
 * @piece: How much to ask for in one report, in bytes; by the worker
 * @stale: Unmapped since it was last harvested; under the store's lock. In granules
 *	of dirty_store::finest, since a unit may be mapped in part
 * @stale_asked: The report that is under way is about ranges that were in @stale;
 *	under the store's lock
 * @work: The worker. Runs by itself because a driver may wait uninterruptibly
 * @lock: Protects what follows
 * @requests: Of READs that wait: struct dirty_request::item
 * @pieces: Number of the piece that is harvested, or was last
 * @deadline: When the last harvest has to stop and mark the rest, in jiffies
 * @limited: There is such a deadline
 * @wait: For requests, and for the end of the binding
 */
struct dirty_binding {
	struct list_head item;
	u64 number;
	struct dirty_store *store;
	struct mutex iopt_lock;
	struct io_pagetable *iopt;
	unsigned long first;
	unsigned long last;
	unsigned long granule;
	bool narrow;
	bool outgrown;
	unsigned long span_first;
	unsigned long span_last;
	unsigned long piece;
	struct dirty_set stale;
	bool stale_asked;
	struct work_struct work;

	spinlock_t lock;
	struct list_head requests;
	u64 pieces;
	unsigned long deadline;
	bool limited;
	wait_queue_head_t wait;
};

/**
 * struct dirty_request - What a READ wants of one log
 * @item: On dirty_binding::requests; empty when it is off the list
 * @log: The log; a reference
 * @at: Everything below has been harvested for it
 * @last: Last byte wanted
 * @since: Pieces up to this number began before the request
 * @age: How often another one went first
 * @done: All of it has been harvested, or will not be
 */
struct dirty_request {
	struct list_head item;
	struct dirty_log *log;
	unsigned long at;
	unsigned long last;
	u64 since;
	unsigned int age;
	bool done;
};

int dirty_logs_init(void);
void dirty_logs_exit(void);

struct dirty_log *dirty_log_alloc(struct iommufd_device *idev,
				  const struct iommufd_dirty_source_desc *desc);
void dirty_binding_queue(struct dirty_log *log);
void dirty_log_end(struct dirty_log *log);
void dirty_log_close(struct dirty_log *log);
void dirty_logs_detach(struct dirty_store *store);
void dirty_logs_stale(struct dirty_store *store, unsigned long first,
		      unsigned long last);

#endif
