// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ratios against those of before, and two READs at once against upstream's.
 */
#include <errno.h>
#include <string.h>

#include "compare.h"

/* Of wall times, which the machine's other work is in */
#define PARALLEL_LIMIT	1.15
/* So many pairs of READs must have had a chance to run at once, in each way */
#define LEAST_CHANCES	3

/* A line is "NAME RATIO". */
static int compare_line(const struct result *r, struct input *in, struct comparison *c)
{
	char *at = in->text, *name = strsep(&at, " "), *was = at;
	struct worse *worse = &c->worse[c->nr_worse];
	const struct row *row;
	double old;

	if (!*name || strlen(name) >= NAME_SIZE || !was || strlen(was) >= sizeof(worse->was))
		return input_wrong(in, "expected: the name of a row, a blank and a ratio");
	if (input_number(in, "the ratio", was, &old))
		return -EINVAL;
	row = result_row(r, name);
	c->compared++;
	worse->ratio = row ? row_ratio(r, row) : 0;
	if (worse->ratio && worse->ratio <= old * RATIO_LIMIT)
		return 0;
	if (c->nr_worse == MAX_ROWS - 1)
		return input_wrong(in, "more than %u ratios are worse", MAX_ROWS - 1);
	c->nr_worse++;
	snprintf(worse->name, sizeof(worse->name), "%s", name);
	snprintf(worse->was, sizeof(worse->was), "%s", was);
	return 0;
}

/**
 * ratios_compare() - Compare with the ratios of a file
 * @result: The ratios now
 * @file: The file: "NAME RATIO" a line, and comments with # at the beginning of theirs
 * @path: Its name, for messages
 * @c: Gets what is worse
 *
 * Return: 0, whatever is worse; -EINVAL, -EIO.
 */
int ratios_compare(const struct result *result, FILE *file, const char *path,
		   struct comparison *c)
{
	struct input in;
	int rc;

	memset(c, 0, sizeof(*c));
	input_begin(&in, file, path);
	while ((rc = input_line(&in)) > 0) {
		rc = *in.text == '#' ? 0 : compare_line(result, &in, c);
		if (rc)
			break;
	}
	if (rc)
		snprintf(c->why, sizeof(c->why), "%s", in.why);
	input_end(&in);
	return rc;
}

/** comparison_failed() - Is a ratio worse, or was nothing compared? */
bool comparison_failed(const struct comparison *c)
{
	return c->nr_worse || !c->compared;
}

/* What the threads do that play the hardware differs from run to run. */
static bool row_varies(const struct row *row)
{
	return strstr(row->name, "-logs-") || strstr(row->name, "-mixed-");
}

/**
 * ratios_write() - Write a file to compare with
 *
 * Return: 0, -EIO.
 */
int ratios_write(const struct result *result, FILE *file)
{
	unsigned int i;

	fprintf(file, "# Made by \"make bench QUICK=update\": tracker / upstream, in instructions\n");
	for (i = 0; i < result->nr_rows; i++) {
		const struct row *row = &result->rows[i];
		double ratio = row->counted ? row_ratio(result, row) : 0;

		if (ratio && !row_varies(row))
			fprintf(file, "%s %.4f\n", row->name, ratio);
	}
	return fflush(file) || ferror(file) ? -EIO : 0;
}

/**
 * parallel_judge() - Do two READs at once gain what upstream's do?
 *
 * Return: NO_CHANCE where another processor was missing or busy, and two that take turns
 * were as quick.
 */
enum judgement parallel_judge(const struct result *result)
{
	const struct parallel *p = &result->parallel;
	double upstream;

	if (!parallel_is_known(result) || p->chances[UPSTREAM] < LEAST_CHANCES ||
	    p->chances[TRACKER] < LEAST_CHANCES)
		return NO_CHANCE;
	upstream = parallel_factor(result, UPSTREAM, TWO);
	if (parallel_factor(result, TRACKER, TURNS) / upstream <= PARALLEL_LIMIT)
		return NO_CHANCE;
	return parallel_factor(result, TRACKER, TWO) / upstream > PARALLEL_LIMIT ?
		LESS_PARALLEL : AS_PARALLEL;
}
