/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The values that have goals but are not rows: ratios of times, and parts of migrations.
 */
#ifndef _BENCH_VALUES_H
#define _BENCH_VALUES_H

#include "result.h"

#define MAX_VALUES 512

/**
 * struct value - A number that a target may be about
 * @name: Of what; begins with its kind, as a row's does
 * @value: The number
 */
struct value {
	char name[NAME_SIZE + 32];
	double value;
};

unsigned int values_of(const struct result *result, struct value *values, unsigned int max);

#endif
