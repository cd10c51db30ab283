/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual mediated device, which writes and pins memory with the CPU
 * (Documentation/virtual-platform.rst, "The mediated device").
 */
#ifndef _KSELFTEST_MEDIATED_H
#define _KSELFTEST_MEDIATED_H

#include <linux/types.h>

struct testbed;

int mediated_open(const char *number, int iommufd);
int mediated_attach(int fd, __u32 ioas_id);
int mediated_detach(int fd);
int mediated_do(int fd, __u32 op, __u64 page, __u64 pages);
int mediated_testbed(struct testbed *b);

#endif
