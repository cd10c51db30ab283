/* SPDX-License-Identifier: GPL-2.0-only */
/* A case, tried. */
#ifndef _SELFTESTS_QEMU_MIGRATE_H
#define _SELFTESTS_QEMU_MIGRATE_H

#include "case.h"

/**
 * struct result - What came of a case
 * @outcome: in a word
 * @passes: over the guest's memory, of the last migration
 * @bytes: that it sent
 * @downtime: ms, of the longest, as QEMU says
 * @total: ms, of the longest
 * @words: that were written
 * @wrong: of them
 * @text: what QEMU said of a failure, or what broke
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
