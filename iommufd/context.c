// SPDX-License-Identifier: GPL-2.0-only
/*
 * All contexts of this host, by number. A netlink request has no file that keeps a
 * context, and must not take references to its objects either: IOMMU_DESTROY
 * would fail for the context's user because of them. So a context is *locked*
 * instead. While it is, it and all objects that can be found in it stay: an object that
 * was taken out of the context, and a context that was closed, wait for the lock before
 * they are freed. Its holder waits for nothing else that could wait for a user or
 * a device, so the wait is short.
 *
 * Locks: a context's walk lock, then contexts_lock. Both are outside of all others, and
 * are static, so that none is freed while it is being released.
 */
#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "context.h"
#include "iommufd_private.h"

#define WALK_LOCK_BITS 6

static DEFINE_MUTEX(contexts_lock);	/* protects the next two */
static struct rb_root contexts = RB_ROOT;
static u64 last_number;

/* One for several contexts: by a hash of the number */
static struct mutex walk_locks[1 << WALK_LOCK_BITS];

/* Changes whenever an answer would; never 0 where netlink sees it */
static atomic_t generation = ATOMIC_INIT(0);

static struct iommufd_ctx *to_context(struct rb_node *node)
{
	return container_of(node, struct iommufd_ctx, dirty.node);
}

static struct mutex *walk_lock(u64 number)
{
	return &walk_locks[hash_64(number, WALK_LOCK_BITS)];
}

/**
 * dirty_contexts_init() - iommufd is loaded
 */
void dirty_contexts_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(walk_locks); i++)
		mutex_init(&walk_locks[i]);
}

/**
 * dirty_context_changed() - What a dump shows of contexts and objects has changed
 */
void dirty_context_changed(void)
{
	atomic_inc(&generation);
}

/**
 * dirty_context_generation() - Has something changed between two calls?
 *
 * Return: A number, not 0, that differs then.
 */
unsigned int dirty_context_generation(void)
{
	return atomic_read(&generation) | 1U << 31;
}

/**
 * dirty_context_add() - A context is opened
 * @ictx: The context
 */
void dirty_context_add(struct iommufd_ctx *ictx)
{
	struct rb_node **link, *parent = NULL;

	ictx->dirty.pid = task_tgid_nr(current);
	get_task_comm(ictx->dirty.comm, current->group_leader);
	mutex_lock(&contexts_lock);
	ictx->dirty.number = ++last_number;
	/* The largest */
	for (link = &contexts.rb_node; *link; link = &parent->rb_right)
		parent = *link;
	rb_link_node(&ictx->dirty.node, parent, link);
	rb_insert_color(&ictx->dirty.node, &contexts);
	mutex_unlock(&contexts_lock);
	dirty_context_changed();
}

/**
 * dirty_context_del() - A context is closed
 * @ictx: The context; its objects are still there
 */
void dirty_context_del(struct iommufd_ctx *ictx)
{
	mutex_lock(&contexts_lock);
	rb_erase(&ictx->dirty.node, &contexts);
	mutex_unlock(&contexts_lock);
	/* It cannot be found any more; wait for those who have */
	iommufd_dirty_object_removed(ictx);
}

/* The first in [from, to]; contexts_lock is held. */
static struct iommufd_ctx *context_find(u64 from, u64 to)
{
	struct rb_node *node = contexts.rb_node;
	struct iommufd_ctx *found = NULL;

	while (node) {
		struct iommufd_ctx *ictx = to_context(node);

		if (ictx->dirty.number >= from) {
			found = ictx;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found && found->dirty.number <= to ? found : NULL;
}

static u64 context_find_number(u64 from, u64 to)
{
	struct iommufd_ctx *ictx;
	u64 number;

	mutex_lock(&contexts_lock);
	ictx = context_find(from, to);
	number = ictx ? ictx->dirty.number : 0;
	mutex_unlock(&contexts_lock);
	return number;
}

/**
 * dirty_context_lock() - Lock the first context of some
 * @from: Lowest number
 * @to: Highest number
 *
 * Return: The context, which stays with all its objects until
 * dirty_context_unlock(); NULL when there is none.
 */
struct iommufd_ctx *dirty_context_lock(u64 from, u64 to)
{
	struct iommufd_ctx *ictx;
	u64 number;

	for (;;) {
		number = context_find_number(from, to);
		if (!number)
			return NULL;
		mutex_lock(walk_lock(number));
		mutex_lock(&contexts_lock);
		ictx = context_find(number, number);
		mutex_unlock(&contexts_lock);
		if (ictx)
			return ictx;
		/* It was closed in between */
		mutex_unlock(walk_lock(number));
		if (number == to)
			return NULL;
		from = number + 1;
	}
}

/**
 * dirty_context_unlock() - Undo dirty_context_lock()
 * @ictx: The context
 */
void dirty_context_unlock(struct iommufd_ctx *ictx)
{
	mutex_unlock(walk_lock(ictx->dirty.number));
}

/**
 * iommufd_dirty_object_added() - An object can be found in its context
 * @ictx: The context
 */
void iommufd_dirty_object_added(struct iommufd_ctx *ictx)
{
	dirty_context_changed();
}

/**
 * iommufd_dirty_object_removed() - An object cannot be found in its context any more,
 *	and is about to be freed
 * @ictx: The context
 *
 * Waits for those who have found it.
 */
void iommufd_dirty_object_removed(struct iommufd_ctx *ictx)
{
	mutex_lock(walk_lock(ictx->dirty.number));
	mutex_unlock(walk_lock(ictx->dirty.number));
	dirty_context_changed();
}
