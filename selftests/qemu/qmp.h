/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU's machine protocol, as far as a migration needs it. */
#ifndef _SELFTESTS_QEMU_QMP_H
#define _SELFTESTS_QEMU_QMP_H

#include "wire.h"

#define QMP_LIMIT_MS	60000

int qmp_open(struct wire *qmp, const char *path, long long deadline);
int qmp_call(struct wire *qmp, const char **answer, const char *command,
	     const char *arguments, ...) __attribute__((format(printf, 4, 5)));

long long json_number(const char *json, const char *object, const char *key);
void json_string(const char *json, const char *key, char *to, size_t room);
void json_escape(const char *from, char *to, size_t room);

#endif
