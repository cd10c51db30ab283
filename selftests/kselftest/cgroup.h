/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A control group whose memory is limited.
 */
#ifndef _KSELFTEST_CGROUP_H
#define _KSELFTEST_CGROUP_H

int cgroup_make(void);
int cgroup_remove(void);
int cgroup_enter(long left);
long cgroup_oom_kills(void);

#endif
