/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Schedules that are forced: a call in a thread of its own, and calls of the
 * virtual IOMMU that wait until they are released (hold_* of
 * Documentation/virtual-platform.rst).
 */
#ifndef _KSELFTEST_HELD_H
#define _KSELFTEST_HELD_H

#include <pthread.h>
#include <stdbool.h>
#include <linux/types.h>

/* For what must happen; and for what need not, with a tracker that prevents it. */
#define HELD_LONG_MS	30000
#define HELD_SHORT_MS	500

/**
 * struct call - A call in a thread of its own
 * @thread: The thread
 * @fn: What it calls
 * @arg: With this
 * @rc: What came of it; valid when it is done
 * @done: It is
 */
struct call {
	pthread_t thread;
	int (*fn)(void *arg);
	void *arg;
	int rc;
	bool done;
};

int call_begin(struct call *c, int (*fn)(void *arg), void *arg);
bool call_is_done(const struct call *c, unsigned int ms);
int call_end(struct call *c);

int hold_arm(const char *name, __u64 key);
bool hold_is_met(const char *name, unsigned int ms);
int hold_release(const char *name);
int hold_release_all(void);

int delay_at(const char *where, unsigned int us);


#endif
