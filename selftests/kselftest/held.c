// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <unistd.h>

#include "fixture.h"
#include "held.h"

static void *call_thread(void *arg)
{
	struct call *c = arg;

	c->rc = c->fn(c->arg);
	__atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/** call_begin() - Make a call in a thread; call_end() must follow */
int call_begin(struct call *c, int (*fn)(void *arg), void *arg)
{
	c->fn = fn;
	c->arg = arg;
	c->done = false;
	return -pthread_create(&c->thread, NULL, call_thread, c);
}

/** call_is_done() - Is the call done, now or within @ms milliseconds? */
bool call_is_done(const struct call *c, unsigned int ms)
{
	do {
		if (__atomic_load_n(&c->done, __ATOMIC_ACQUIRE))
			return true;
		usleep(1000);
	} while (ms--);
	return false;
}

/** call_end() - Wait for the end of the call, and return what it did */
int call_end(struct call *c)
{
	pthread_join(c->thread, NULL);
	return c->rc;
}

/** hold_arm() - Let the next call that has to do with @key wait at point @name */
int hold_arm(const char *name, __u64 key)
{
	char value[32];

	snprintf(value, sizeof(value), "%#llx", key);
	return virt_set(name, value);
}

/** hold_is_met() - Does a call wait at point @name, now or within @ms? */
bool hold_is_met(const char *name, unsigned int ms)
{
	do {
		if ((long)virt_get(name) > 0)
			return true;
		usleep(1000);
	} while (ms--);
	return false;
}

/** hold_release() - Let all calls continue that wait at point @name, and disarm it */
int hold_release(const char *name)
{
	return virt_set(name, "0");
}

/** hold_release_all() - At all points */
int hold_release_all(void)
{
	static const char * const names[] = {
		"hold_probe", "hold_read", "hold_untrack", "hold_map",
		"hold_attach", "hold_tags", "hold_track",
	};
	unsigned int i;
	int rc = 0;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		rc = hold_release(names[i]) ?: rc;
	return rc;
}

/**
 * delay_at() - Delay the tracker at one delay point, each time that it is passed
 * @where: The point's name; "" ends it
 * @us: Longest delay, in microseconds; 0 for none
 *
 * Return: 0, or -errno.
 */
int delay_at(const char *where, unsigned int us)
{
	char value[16];
	int rc;

	snprintf(value, sizeof(value), "%u", us);
	rc = parameter_set("iommufd", "dirty_delay_at", *where ? where : "\n");
	rc = rc ?: parameter_set("iommufd", "dirty_delay_one_in", us ? "1" : "4");
	return rc ?: parameter_set("iommufd", "dirty_delay_us", value);
}
