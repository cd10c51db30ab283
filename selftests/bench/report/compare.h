/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What may fail a run: ratios against those of before, and two READs at once.
 */
#ifndef _BENCH_COMPARE_H
#define _BENCH_COMPARE_H

#include "result.h"

/* A ratio may be so much worse */
#define RATIO_LIMIT	1.03

/**
 * struct worse - A ratio that has got worse
 * @name: Of the row
 * @was: The ratio before, as it is written
 * @ratio: Now, or 0 when it was not measured
 */
struct worse {
	char name[NAME_SIZE];
	char was[32];
	double ratio;
};

/**
 * struct comparison - All ratios of a file
 * @compared: How many
 * @nr_worse: How many are worse by more than RATIO_LIMIT, or were not measured
 * @worse: They
 * @why: After a failure, the message for it
 */
struct comparison {
	unsigned int compared;
	unsigned int nr_worse;
	struct worse worse[MAX_ROWS];
	char why[512];
};

enum judgement {
	AS_PARALLEL,
	LESS_PARALLEL,
	NO_CHANCE,
};

int ratios_compare(const struct result *result, FILE *file, const char *path,
		   struct comparison *c);
bool comparison_failed(const struct comparison *c);
int ratios_write(const struct result *result, FILE *file);
enum judgement parallel_judge(const struct result *result);

#endif
