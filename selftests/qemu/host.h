/* SPDX-License-Identifier: GPL-2.0-only */
/* What a case wants of the kernel that QEMU runs on. */
#ifndef _SELFTESTS_QEMU_HOST_H
#define _SELFTESTS_QEMU_HOST_H

#include <stdbool.h>

#include "case.h"

#define HOST_VFS	(2 * CASE_DEVICES)

int host_init(void);
int host_prepare(const struct qcase *c);
int host_faults(const struct qcase *c);
const char *host_cannot(const struct qcase *c);

#endif
