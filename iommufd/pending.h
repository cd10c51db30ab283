/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The store: what has left its source and has not reached user memory. It is the
 * one place where dirty pages wait, so everything that moves them meets here.
 *
 * From the moment a write completes until a READ has delivered it, its page is in
 * at least one of
 *
 *  - the hardware: a D bit of a domain, a device's log;
 *  - a harvest that is under way, for which every later READ waits: a *step* of
 *    a domain (step.c), a *hidden* range of an unmap (hidden.c), a *request* of a log;
 *  - @pending, as pages, or @mark, as "everything mapped in this range";
 *  - the private set of a READ, which delivers it or gives it back.
 *
 * A range that was unmapped is *stale* in a log: the log still has what the
 * device wrote there, until it has been harvested. Each binding keeps its stale
 * ranges (log.c), under the store's lock.
 *
 * The store outlives its tracker: iommufd frees an object right after destroy, and
 * a log that is ending may be with its driver for longer. A store that is dead
 * drops what is published to it.
 */
#ifndef __IOMMUFD_DIRTY_PENDING_H
#define __IOMMUFD_DIRTY_PENDING_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "dirty_set.h"
#include "hooks.h"
#include "ranges.h"

struct eventfd_ctx;
struct file;
struct mem_cgroup;

/* How long to wait for a log that is ending, where a wait is worth it */
#define DIRTY_SETTLE_TIME (HZ / 4)

/**
 * enum dirty_store_flags - Bits of struct dirty_store::flags
 * @DIRTY_STORE_RECONCILE: What is on is not what should be: a source failed, a
 *	log has become free, a domain is drained, memory was mapped that a log
 *	does not cover. The next READ reconciles
 */
enum dirty_store_flags {
	DIRTY_STORE_RECONCILE,
};

/**
 * struct dirty_store - Dirty pages on their way to a user
 * @ref: One for the tracker, one for each binding, one for each log that owes it
 *	a wake-up
 * @shift: log2 of the granule of @pending, in bytes. It begins as that of the unit,
 *	and becomes that of a page when a READ wants less (dirty_store_refine());
 *	a private set may have the one from before
 * @finest: What @shift can become; constant
 * @unit_mask: What is published is rounded outward to @unit_mask + 1 bytes
 * @memcg: Who is charged for what a worker finds, or NULL
 * @event: Signalled when the tracker's user should look (INFO), or NULL
 * @flags: Bits of enum dirty_store_flags
 * @wait: For bindings that end
 * @ending: Bindings that are ending
 * @dead: The tracker was stopped or destroyed: drop everything. Set without @lock: one
 *	that adds to the store just then does not see it
 * @lock: Protects what follows, and the stale ranges of the bindings
 * @pending: Dirty pages; flushed
 * @mark: Everything mapped writable in these ranges is dirty, once
 * @marks: Counts what was added to @mark
 * @bindings: Logs that are on: struct dirty_binding::item
 * @bound: How many were ever on
 */
struct dirty_store {
	struct kref ref;
	unsigned int shift;
	unsigned int finest;
	unsigned long unit_mask;
	struct mem_cgroup *memcg;
	struct eventfd_ctx *event;
	unsigned long flags;
	wait_queue_head_t wait;
	atomic_t ending;
	bool dead;
	struct mutex lock;
	struct dirty_set pending;
	struct dirty_ranges mark;
	unsigned int marks;
	struct list_head bindings;
	u64 bound;
};

struct dirty_store *dirty_store_alloc(unsigned int shift, unsigned int finest,
				      unsigned long unit,
				      struct file *event);
void dirty_store_put(struct dirty_store *store);
void dirty_store_kill(struct dirty_store *store);
void dirty_store_reconcile(struct dirty_store *store);
void dirty_store_refine(struct dirty_store *store);
void dirty_store_notify(struct dirty_store *store);
void dirty_store_settle(struct dirty_store *store);

void dirty_store_publish(struct dirty_store *store, struct dirty_set *set);
void dirty_store_absorb(struct dirty_set *dst, struct dirty_set *src);
void dirty_store_publish_range(struct dirty_store *store, unsigned long first,
			       unsigned long last);
void dirty_store_publish_outside(struct dirty_store *store,
				 struct dirty_set *set, unsigned long first,
				 unsigned long last);
void dirty_store_take(struct dirty_store *store, struct dirty_set *set,
		      unsigned long first, unsigned long last);
void dirty_store_copy(struct dirty_store *store, struct dirty_set *set,
		      unsigned long first, unsigned long last);
bool dirty_store_next(struct dirty_store *store, unsigned long first,
		      unsigned long last, unsigned long *next);
void dirty_store_mark(struct dirty_store *store, unsigned long first,
		      unsigned long last);
u64 dirty_store_bytes(struct dirty_store *store, u64 *memory);

/*
 * Is the caller dying, so that no one will read what it harvests now? In a process
 * that exits, killable waits do not end and walks cannot be stopped. Another process
 * may hold the iommufd, so nothing is dropped, but marked.
 */
static inline bool dirty_caller_dying(void)
{
	return current->flags & (PF_EXITING | PF_KTHREAD) ||
	       fatal_signal_pending(current);
}

/* Are there bindings that are ending? */
static inline bool dirty_store_is_ending(const struct dirty_store *store)
{
	return atomic_read(&store->ending);
}

static inline struct dirty_store *dirty_store_get(struct dirty_store *store)
{
	kref_get(&store->ref);
	return store;
}

/* Add to a private set what a source reports, in the unit of the store. */
static inline void dirty_store_round(const struct dirty_store *store,
				     struct dirty_set *set, unsigned long first,
				     unsigned long last)
{
	dirty_set_add(set, first & ~store->unit_mask, last | store->unit_mask);
}

#endif
