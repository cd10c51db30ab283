/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An attach in a thread of its own, on the machine of crowd.h.
 */
#ifndef _KSELFTEST_ATTACHER_H
#define _KSELFTEST_ATTACHER_H

#include <linux/types.h>

#include "crowd.h"

/**
 * struct attacher - An attach in a thread
 * @call: The thread; its rc is 0 or -errno
 * @dev: The device
 * @pt_id: IOAS or HWPT
 */
struct attacher {
	struct call call;
	struct vdev *dev;
	__u32 pt_id;
};

int attacher_attach(void *arg);
int attacher_begin(struct attacher *a);

#endif
