// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests: what a READ wants of the logs that are on. A READ leaves one with each
 * log for its whole range and waits for it window by window; binding.c's worker
 * serves it. A killed READ takes its requests back.
 */
#include <linux/kref.h>
#include <linux/slab.h>

#include "log.h"
#include "pending.h"
#include "request.h"
#include "test.h"
#include "wait.h"

static void request_add(struct dirty_request *req, struct dirty_log *log,
			unsigned long first, unsigned long last)
{
	struct dirty_binding *b = &log->binding;

	*req = (struct dirty_request){ .log = log, .at = first, .last = last };
	kref_get(&log->ref);
	spin_lock(&b->lock);
	req->since = b->pieces;
	list_add_tail(&req->item, &b->requests);
	spin_unlock(&b->lock);
	/* One that is ending is being drained already */
	dirty_binding_queue(log);
}

/* Has the log something that "everything mapped" does not include? */
static bool binding_is_needed(struct dirty_binding *b)
{
	struct dirty_log *log = container_of(b, struct dirty_log, binding);

	return dirty_log_state(log) == DIRTY_LOG_ENDING || b->stale_asked ||
	       !dirty_set_empty(&b->stale);
}

/* Take back what was asked, done or not. */
static void requests_drop(struct dirty_requests *reqs)
{
	while (reqs->nr) {
		struct dirty_request *req = &reqs->request[--reqs->nr];
		struct dirty_binding *b = &req->log->binding;

		spin_lock(&b->lock);
		list_del_init(&req->item);
		spin_unlock(&b->lock);
		dirty_log_drop(req->log);
	}
}

/* Make room for @nr requests, or without memory for a few. Return: how many there is room for. */
static unsigned int requests_room(struct dirty_requests *reqs, unsigned int nr)
{
	reqs->request = reqs->few;
	if (nr <= DIRTY_REQUESTS_FEW)
		return DIRTY_REQUESTS_FEW;
	if (!dirty_test_break(DIRTY_BREAK_NO_REQUESTS))
		reqs->allocated = kvzalloc_objs(*reqs->request, nr,
						GFP_KERNEL_ACCOUNT | __GFP_NORETRY |
							__GFP_NOWARN);
	if (!reqs->allocated)
		return DIRTY_REQUESTS_FEW;
	reqs->request = reqs->allocated;
	return nr;
}

/*
 * Ask the logs behind number @after, in the order in which they were started, as far
 * as there is room. Return: true if there are more; @after is then the last one asked.
 */
static bool requests_ask(struct dirty_store *store, struct dirty_requests *reqs,
			 unsigned int room, bool mapped, u64 *after,
			 unsigned long first, unsigned long last)
{
	struct dirty_binding *b;
	bool more = false;

	mutex_lock(&store->lock);
	list_for_each_entry(b, &store->bindings, item) {
		if (b->number <= *after || (mapped && !binding_is_needed(b)))
			continue;
		more = reqs->nr == room;
		if (more)
			break;
		request_add(&reqs->request[reqs->nr++],
			    container_of(b, struct dirty_log, binding), first,
			    last);
		*after = b->number;
	}
	mutex_unlock(&store->lock);
	return more;
}

static bool request_is_past(const struct dirty_request *req, unsigned long last)
{
	return READ_ONCE(req->done) || READ_ONCE(req->at) > last;
}

/**
 * dirty_requests_wait() - Wait until the logs have reported what lies below
 * @reqs: The requests
 * @last: Last byte
 * @deadline: When to give up, in jiffies; 0 never
 *
 * Return: -EINTR when killed, -ETIME.
 */
int dirty_requests_wait(struct dirty_requests *reqs, unsigned long last,
			unsigned long deadline)
{
	unsigned int i;
	int rc;

	for (i = 0; i < reqs->nr; i++) {
		struct dirty_request *req = &reqs->request[i];

		rc = dirty_wait_killable(req->log->binding.wait,
					 request_is_past(req, last), deadline);
		if (rc)
			return rc;
	}
	return 0;
}

/**
 * dirty_requests_make() - Ask all logs for a range
 * @store: The tracker's store
 * @reqs: Out: the requests, to be freed with dirty_requests_free() in any case
 * @mapped: All that is mapped is reported anyway: ask only logs that know of more
 * @first: First byte
 * @last: Last byte
 * @deadline: When to give up, in jiffies; 0 never
 *
 * What the logs report goes to pending, whether the caller waits or not. Without memory
 * for a request to each log, a few are asked at a time, and all but the last few have
 * reported when this returns.
 *
 * Return: -EINTR when killed, -ETIME.
 */
int dirty_requests_make(struct dirty_store *store, struct dirty_requests *reqs,
			bool mapped, unsigned long first, unsigned long last,
			unsigned long deadline)
{
	unsigned int nr, room;
	u64 after = 0;
	int rc;

	*reqs = (struct dirty_requests){};
	mutex_lock(&store->lock);
	nr = list_count_nodes(&store->bindings);
	mutex_unlock(&store->lock);
	room = requests_room(reqs, nr);
	while (requests_ask(store, reqs, room, mapped, &after, first, last)) {
		rc = dirty_requests_wait(reqs, last, deadline);
		if (rc)
			return rc;
		requests_drop(reqs);
	}
	return 0;
}

/**
 * dirty_requests_free() - Take requests back, done or not
 * @reqs: The requests
 */
void dirty_requests_free(struct dirty_requests *reqs)
{
	requests_drop(reqs);
	kvfree(reqs->allocated);
}
