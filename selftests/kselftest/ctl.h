/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs of iommufdctl, and what they print; and the machine of the tests of what the host
 * sees.
 *
 * Hardware: amd:2 intel+gather:1 smmu:1 none:1 none+tracker:1 none+bits=30:1
 */
#ifndef _KSELFTEST_CTL_H
#define _KSELFTEST_CTL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/types.h>

struct json_object;
struct vdev;

enum { CTL_AMD, CTL_AMD_OTHER, CTL_INTEL_GATHER, CTL_SMMU, CTL_NONE, CTL_LOG, CTL_LOW };

#define CTL_SIZE (1ull << 20)

/**
 * struct ctl_run - A run of the program
 * @status: Its exit status, or -1
 * @out: What it has printed
 * @err: The same, to standard error
 */
struct ctl_run {
	int status;
	char out[16384];
	char err[1024];
};

pid_t ctl_start(const char *arguments, int out, int err, bool privileged);
void ctl_as(struct ctl_run *r, bool privileged, const char *arguments);
void ctl(struct ctl_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *ctl_value(struct json_object *json, const char *name);
struct json_object *ctl_entry(struct json_object *json, const char *list, const char *name,
			      uint64_t number);
void ctl_read_once(struct vdev *dev, int fd, __u32 tracker);

#endif
