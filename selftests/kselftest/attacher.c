// SPDX-License-Identifier: GPL-2.0-only
/*
 * An attach in a thread of its own; see attacher.h.
 */
#include "attacher.h"

/**
 * attacher_attach() - Attach in this thread
 * @arg: struct attacher, with device and ID
 *
 * Return: 0, or -errno.
 */
int attacher_attach(void *arg)
{
	struct attacher *a = arg;

	return vdev_attach(a->dev, a->pt_id, NULL);
}

/**
 * attacher_begin() - Begin the attach in a thread; to be ended with call_end(&@a->call)
 * @a: With device and ID
 *
 * Return: 0, or -errno.
 */
int attacher_begin(struct attacher *a)
{
	return call_begin(&a->call, attacher_attach, a);
}
