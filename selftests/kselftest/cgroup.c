// SPDX-License-Identifier: GPL-2.0-only
/*
 * A control group whose memory is limited. There is one.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/sysfs.h"
#include "cgroup.h"

#define CGROUP "/tmp/memory-cgroup"
#define GROUP_DIR CGROUP "/test"

/** cgroup_make() - Make the group; 0 or -errno, and then it is to be removed all the same */
int cgroup_make(void)
{
	if ((mkdir(CGROUP, 0755) && errno != EEXIST) ||
	    mount("cgroup2", CGROUP, "cgroup2", 0, NULL))
		return -errno;
	if (sysfs_write(CGROUP "/cgroup.subtree_control", "+memory") ||
	    mkdir(GROUP_DIR, 0755))
		return -EIO;
	return 0;
}

/** cgroup_remove() - Undo cgroup_make(), when the processes in it have ended; 0 or -errno */
int cgroup_remove(void)
{
	unsigned int tries;

	/* The kernel may still be at it. */
	for (tries = 0; rmdir(GROUP_DIR) && errno == EBUSY && tries < 1000; tries++)
		usleep(10000);
	return umount(CGROUP) ? -errno : 0;
}

/**
 * cgroup_enter() - Put this process into the group, and fill it
 * @left: Bytes that are left to it
 *
 * Return: 0 or -errno.
 */
int cgroup_enter(long left)
{
	char value[32];
	long current;

	snprintf(value, sizeof(value), "%d", getpid());
	if (sysfs_write(GROUP_DIR "/cgroup.procs", value))
		return -EIO;
	current = number_in(GROUP_DIR "/memory.current", "");
	if (current < 0)
		return -EIO;
	snprintf(value, sizeof(value), "%ld", current + left);
	return sysfs_write(GROUP_DIR "/memory.max", value);
}

/** cgroup_oom_kills() - How many of the group were killed for want of memory */
long cgroup_oom_kills(void)
{
	return number_in(GROUP_DIR "/memory.events", "oom_kill ");
}
