/* SPDX-License-Identifier: GPL-2.0-only */
/* A case, tried. */
#ifndef _SELFTESTS_QEMU_MIGRATE_H
#define _SELFTESTS_QEMU_MIGRATE_H

#include "case.h"

/**
 * struct result - What came of a case
 * @outcome: In a word
 * @passes: Over the guest's memory, of the last migration
 * @bytes: That it sent
 * @downtime: Ms, of the longest, as QEMU says
 * @total: Ms, of the longest
 * @words: That were written
 * @wrong: Of them
 * @text: What QEMU said of a failure, or what broke
 */
struct result {
	enum outcome outcome;
	long long passes;
	long long bytes;
	long long downtime;
	long long total;
	unsigned long words;
	unsigned long wrong;
	char text[256];
};

void migrate_case(const struct qcase *c, struct result *r);

#endif
