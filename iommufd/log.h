/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Device logs inside the tracker, and who has them.
 */
#ifndef __IOMMUFD_DIRTY_LOG_H
#define __IOMMUFD_DIRTY_LOG_H

#include <linux/iommufd_dirty.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "binding.h"
#include "hooks.h"

struct dirty_store;
struct io_pagetable;

/**
 * enum dirty_log_state - Who has a log
 * @DIRTY_LOG_FREE: No owner
 * @DIRTY_LOG_USER: Its user, through VFIO_DEVICE_FEATURE_DMA_LOGGING_*
 * @DIRTY_LOG_BUSY: A tracker that is calling the driver to get it
 * @DIRTY_LOG_TRACKER: A tracker, by a binding
 * @DIRTY_LOG_ENDING: The worker: last harvest of a binding, then the driver's stop
 */
enum dirty_log_state {
	DIRTY_LOG_FREE,
	DIRTY_LOG_USER,
	DIRTY_LOG_BUSY,
	DIRTY_LOG_TRACKER,
	DIRTY_LOG_ENDING,
};

/**
 * struct dirty_log - A device's own log
 * @ref: One for its device, one for a binding, one for each request
 * @desc: What its driver can do
 * @idev: Its device; good while it is registered
 * @dev: The same, for messages; a reference
 * @lock: Protects the next four, and nothing else; a leaf
 * @state: enum dirty_log_state
 * @wanted: Store of the tracker that could not have it, and reconciles when it
 *	becomes free; a reference, or NULL
 * @user_calls: Calls of its user that are under way
 * @user_has: Its user has started it
 * @failed: It is lost, or could not be started. Set at any time, cleared by
 *	START under plan_lock
 * @closed: Its device is being closed: it is not started any more
 * @binding: The binding, in state TRACKER and ENDING. There is at most one, so it
 *	has the log's lifetime and needs no memory
 * @count: What it has done
 */
struct dirty_log {
	struct kref ref;
	struct iommufd_dirty_source_desc desc;
	struct iommufd_device *idev;
	struct device *dev;
	spinlock_t lock;
	enum dirty_log_state state;
	struct dirty_store *wanted;
	unsigned int user_calls;
	bool user_has;
	bool failed;
	bool closed;
	struct dirty_binding binding;
	struct iommufd_dirty_counters count;
};

/* Who has the log? Only a hint, but for the owner. */
static inline enum dirty_log_state dirty_log_state(const struct dirty_log *log)
{
	/* Pairs with dirty_log_start(): with TRACKER, the binding can be seen */
	return smp_load_acquire(&log->state);
}

/*
 * Is the log on, for a tracker with this store? plan_lock is held; only a close of the
 * device can end it at the same time.
 */
static inline bool dirty_log_is_bound(const struct dirty_log *log,
				      const struct dirty_store *store)
{
	return dirty_log_state(log) == DIRTY_LOG_TRACKER &&
	       READ_ONCE(log->binding.store) == store;
}

/* Bytes that it reports and forgets together, where its unit is @granule */
static inline unsigned long dirty_log_batch(const struct dirty_log *log,
					    unsigned long granule)
{
	return granule * (log->desc.batch ?: 1);
}

struct dirty_log *dirty_log_get(struct dirty_log *log);
void dirty_log_drop(struct dirty_log *log);
void dirty_log_release(struct dirty_log *log);
void dirty_log_retire(struct dirty_log *log);
void dirty_log_settle(struct dirty_log *log);
int dirty_log_wait(struct dirty_log *log);

bool dirty_log_usable(struct dirty_log *log, struct dirty_store *store);
int dirty_log_start(struct dirty_log *log, struct dirty_store *store,
		    struct io_pagetable *iopt, unsigned long last);
bool dirty_log_mapped_span(struct io_pagetable *iopt, unsigned long limit,
			   unsigned long *first, unsigned long *last);
bool dirty_logs_grow(struct dirty_store *store, struct io_pagetable *iopt,
		     bool outgrown);

int dirty_log_user_begin(struct dirty_log *log, bool start, bool *had);
void dirty_log_user_end(struct dirty_log *log, int change);

#endif
