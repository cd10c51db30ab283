/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_DIRTY_WAIT_H
#define __IOMMUFD_DIRTY_WAIT_H

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>

/**
 * dirty_wait_killable() - Wait, but not for ever
 * @wq: The wait queue
 * @condition: For what
 * @deadline: When to give up, in jiffies; 0 never
 *
 * Return: 0; -EINTR when killed, -ETIME when @deadline has passed.
 */
#define dirty_wait_killable(wq, condition, deadline)			\
({									\
	unsigned long __deadline = (deadline);				\
	long __left = MAX_SCHEDULE_TIMEOUT;				\
									\
	if (__deadline)							\
		__left = max((long)(__deadline - jiffies), 0L);		\
	__left = wait_event_killable_timeout(wq, condition, __left);	\
	__left < 0 ? -EINTR : __left ? 0 : -ETIME;			\
})

#endif
