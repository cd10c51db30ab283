// SPDX-License-Identifier: GPL-2.0-only
/*
 * The store of a tracker; see pending.h for what may wait in it. Each function
 * says from which place to which it moves dirty pages.
 */
#include <linux/eventfd.h>
#include <linux/memcontrol.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "pending.h"
#include "test.h"
#include "trace.h"

/* Chunks that are counted under one hold of the lock */
#define COUNT_CHUNKS 256

/**
 * dirty_store_alloc() - Make an empty store
 * @shift: log2 of the granule of its sets to begin with, in bytes
 * @finest: log2 of what dirty_store_refine() makes of it
 * @unit: What is published is rounded outward to so many bytes; a power of two
 * @event: File of the eventfd of the tracker's user, or NULL
 *
 * Return: The store with one reference, or NULL. What workers put into it is
 * charged to the caller.
 */
struct dirty_store *dirty_store_alloc(unsigned int shift, unsigned int finest,
				      unsigned long unit,
				      struct file *event)
{
	struct dirty_store *store;

	store = kzalloc_obj(*store, GFP_KERNEL_ACCOUNT);
	if (!store)
		return NULL;
	dirty_test_object(1);
	if (event) {
		store->event = eventfd_ctx_fileget(event);
		/* It was looked at when the tracker was made */
		if (WARN_ON(IS_ERR(store->event)))
			store->event = NULL;
	}
	kref_init(&store->ref);
	store->shift = shift;
	store->finest = finest;
	store->unit_mask = unit - 1;
	store->memcg = get_mem_cgroup_from_mm(current->mm);
	init_waitqueue_head(&store->wait);
	mutex_init(&store->lock);
	dirty_set_init(&store->pending, shift);
	INIT_LIST_HEAD(&store->bindings);
	return store;
}

static void store_free(struct kref *ref)
{
	struct dirty_store *store = container_of(ref, struct dirty_store, ref);

	WARN_ON(!list_empty(&store->bindings));
	dirty_set_destroy(&store->pending);
	if (store->event)
		eventfd_ctx_put(store->event);
	mem_cgroup_put(store->memcg);
	kfree(store);
	dirty_test_object(-1);
}

/**
 * dirty_store_put() - Drop a reference
 * @store: The store, or NULL
 */
void dirty_store_put(struct dirty_store *store)
{
	if (store)
		kref_put(&store->ref, store_free);
}

/**
 * dirty_store_kill() - Its tracker has stopped: drop what waits and what arrives
 * @store: The store
 */
void dirty_store_kill(struct dirty_store *store)
{
	WRITE_ONCE(store->dead, true);
	/* What a publisher adds that did not see this is freed with the store */
	if (data_race(dirty_set_empty(&store->pending) &&
		      dirty_ranges_empty(&store->mark)))
		return;
	mutex_lock(&store->lock);
	dirty_set_destroy(&store->pending);
	dirty_ranges_clear(&store->mark);
	mutex_unlock(&store->lock);
}

/**
 * dirty_store_notify() - Signal the tracker's eventfd: INFO has changed
 * @store: The store
 */
void dirty_store_notify(struct dirty_store *store)
{
	if (store->event && !READ_ONCE(store->dead))
		eventfd_signal(store->event);
}

/**
 * dirty_store_reconcile() - Desired and actual may differ: ask for a reconcile
 * @store: The store. The next READ or INFO reconciles; the eventfd is signalled
 */
void dirty_store_reconcile(struct dirty_store *store)
{
	/* Who sees the flag sees what has changed; pairs with dirty_reconcile() */
	smp_mb__before_atomic();
	set_bit(DIRTY_STORE_RECONCILE, &store->flags);
	dirty_store_notify(store);
}

/**
 * dirty_store_settle() - Wait a moment for bindings that are ending
 * @store: The store
 */
void dirty_store_settle(struct dirty_store *store)
{
	if (dirty_store_is_ending(store))
		wait_event_timeout(store->wait, !dirty_store_is_ending(store),
				   DIRTY_SETTLE_TIME);
}

/**
 * dirty_store_absorb() - Move everything from one set to another of any granule
 * @dst: Where to
 * @src: Where from, empty afterwards
 */
void dirty_store_absorb(struct dirty_set *dst, struct dirty_set *src)
{
	unsigned long at = 0, first, last;

	if (dst->shift == src->shift) {
		dirty_set_merge(dst, src);
		return;
	}
	while (dirty_set_next_run(src, at, ULONG_MAX, &first, &last)) {
		dirty_set_add(dst, first, last);
		if (last == ULONG_MAX)
			break;
		at = last + 1;
		cond_resched();
	}
	dirty_set_destroy(src);
}

static void set_refine(struct dirty_set *set, unsigned int shift)
{
	struct dirty_set fine;

	dirty_set_init(&fine, shift);
	dirty_store_absorb(&fine, set);
	*set = fine;
}

/**
 * dirty_store_refine() - A READ wants less than a unit: keep parts of units
 * @store: The store; runs is held for write, so that no READ has a private set
 */
void dirty_store_refine(struct dirty_store *store)
{
	mutex_lock(&store->lock);
	if (store->shift != store->finest) {
		set_refine(&store->pending, store->finest);
		WRITE_ONCE(store->shift, store->finest);
	}
	mutex_unlock(&store->lock);
}

/**
 * dirty_store_publish() - Move dirty pages: private set to pending
 * @store: The store
 * @set: What was harvested, flushed; empty afterwards
 */
void dirty_store_publish(struct dirty_store *store, struct dirty_set *set)
{
	if (dirty_set_empty(set))
		return;
	dirty_test_delay("publish");
	trace_dirty_publish(store, dirty_set_memory(set));
	mutex_lock(&store->lock);
	if (READ_ONCE(store->dead))
		dirty_set_destroy(set);
	else
		dirty_store_absorb(&store->pending, set);
	mutex_unlock(&store->lock);
}

/**
 * dirty_store_publish_range() - A range is dirty: to pending
 * @store: The store
 * @first: First byte
 * @last: Last byte
 */
void dirty_store_publish_range(struct dirty_store *store, unsigned long first,
			       unsigned long last)
{
	mutex_lock(&store->lock);
	if (!READ_ONCE(store->dead))
		dirty_store_round(store, &store->pending, first, last);
	mutex_unlock(&store->lock);
}

/**
 * dirty_store_publish_outside() - Move dirty pages: what a READ will not deliver,
 *	from its private set to pending
 * @store: The store
 * @set: The private set; flushed
 * @first: First byte that the READ asks for
 * @last: Last byte that it asks for
 */
void dirty_store_publish_outside(struct dirty_store *store,
				 struct dirty_set *set, unsigned long first,
				 unsigned long last)
{
	mutex_lock(&store->lock);
	if (first)
		dirty_set_move(&store->pending, set, 0, first - 1);
	if (last != ULONG_MAX)
		dirty_set_move(&store->pending, set, last + 1, ULONG_MAX);
	mutex_unlock(&store->lock);
}

/**
 * dirty_store_take() - Move dirty pages: pending to the private set of a READ
 * @store: The store
 * @set: The private set
 * @first: First byte
 * @last: Last byte
 */
void dirty_store_take(struct dirty_store *store, struct dirty_set *set,
		      unsigned long first, unsigned long last)
{
	mutex_lock(&store->lock);
	dirty_set_move(set, &store->pending, first, last);
	mutex_unlock(&store->lock);
}

/**
 * dirty_store_copy() - Show what is pending to a READ that does not clear
 * @store: The store
 * @set: Its private set
 * @first: First byte
 * @last: Last byte
 */
void dirty_store_copy(struct dirty_store *store, struct dirty_set *set,
		      unsigned long first, unsigned long last)
{
	mutex_lock(&store->lock);
	dirty_set_copy(set, &store->pending, first, last);
	mutex_unlock(&store->lock);
}

/**
 * dirty_store_next() - Where does something wait next?
 * @store: The store
 * @first: First byte to look at
 * @last: Last byte to look at
 * @next: Out: address of the next pending page
 *
 * Return: false when nothing is pending in the range. A mark is not looked at:
 * only what is mapped counts in it.
 */
bool dirty_store_next(struct dirty_store *store, unsigned long first,
		      unsigned long last, unsigned long *next)
{
	unsigned long run_last;
	bool found;

	mutex_lock(&store->lock);
	found = dirty_set_next_run(&store->pending, first, last, next,
				   &run_last);
	mutex_unlock(&store->lock);
	return found;
}

/**
 * dirty_store_mark() - Everything mapped writable in a range is dirty, once
 * @store: The store
 * @first: First byte
 * @last: Last byte
 *
 * Nothing is walked: READ and unmap find what is mapped there when they come by.
 */
void dirty_store_mark(struct dirty_store *store, unsigned long first,
		      unsigned long last)
{
	if (dirty_test_break(DIRTY_BREAK_NO_MARK))
		return;
	mutex_lock(&store->lock);
	if (!READ_ONCE(store->dead)) {
		dirty_ranges_add(&store->mark, first, last);
		store->marks++;
	}
	mutex_unlock(&store->lock);
}

/**
 * dirty_store_bytes() - How much is pending
 * @store: The store; its lock is dropped between pieces
 * @memory: Out: memory that it takes, in bytes
 *
 * Return: Bytes; of a set that changes in between, about so many.
 */
u64 dirty_store_bytes(struct dirty_store *store, u64 *memory)
{
	unsigned long index = 0;
	bool more = true;
	u64 bytes = 0;

	while (more) {
		mutex_lock(&store->lock);
		more = dirty_set_count(&store->pending, &index, COUNT_CHUNKS,
				       &bytes);
		*memory = dirty_set_memory(&store->pending);
		mutex_unlock(&store->lock);
		cond_resched();
	}
	return bytes;
}
