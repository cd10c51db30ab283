/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The goals: a limit for all rows and values whose names match.
 */
#ifndef _BENCH_TARGETS_H
#define _BENCH_TARGETS_H

#include <regex.h>

#include "result.h"

#define MAX_TARGETS 64

/**
 * struct target - What is aimed at
 * @rows: Names of rows, and of values
 * @limit: At most
 * @limit_text: As it is written
 * @what: In words
 */
struct target {
	regex_t rows;
	double limit;
	char limit_text[16];
	char what[128];
};

/**
 * struct targets - All of a file
 * @target: They
 * @nr: How many
 * @why: After a failure, the message for it
 */
struct targets {
	struct target target[MAX_TARGETS];
	unsigned int nr;
	char why[512];
};

/**
 * struct met - How far a target is met
 * @rows: How many it is about
 * @over: How many of them are over the limit
 * @worst: The largest value
 * @name: Which has it
 */
struct met {
	unsigned int rows;
	unsigned int over;
	double worst;
	char name[NAME_SIZE + 32];
};

int targets_read(struct targets *targets, FILE *file, const char *path);
void targets_free(struct targets *targets);
struct met target_met(const struct result *result, const struct target *target);

#endif
