// SPDX-License-Identifier: GPL-2.0-only
/*
 * The goals. A line is "ROWS  LIMIT  TEXT", with more than one blank between; ROWS
 * is an extended regular expression.
 */
#include <errno.h>
#include <string.h>

#include "targets.h"
#include "values.h"

/* The next part of a line, which ends with two blanks; NULL if there is none */
static char *next_part(char **at)
{
	char *part = *at, *end;

	if (!part)
		return NULL;
	end = strstr(part, "  ");
	*at = end ? end + strspn(end, " ") : NULL;
	if (end)
		*end = 0;
	return part;
}

static int take_target(struct targets *t, struct input *in)
{
	char *at = in->text, *rows = next_part(&at), *limit = next_part(&at), why[128];
	struct target *target = &t->target[t->nr];
	int rc;

	if (!limit || !at || strlen(limit) >= sizeof(target->limit_text))
		return input_wrong(in, "expected: a pattern of rows, a limit and a text, with two blanks between them");
	if (t->nr == MAX_TARGETS)
		return input_wrong(in, "more than %u targets", MAX_TARGETS);
	if (input_number(in, "the limit", limit, &target->limit))
		return -EINVAL;
	rc = regcomp(&target->rows, rows, REG_EXTENDED | REG_NOSUB);
	if (rc) {
		regerror(rc, &target->rows, why, sizeof(why));
		return input_wrong(in, "'%.128s': %s", rows, why);
	}
	t->nr++;
	snprintf(target->limit_text, sizeof(target->limit_text), "%s", limit);
	snprintf(target->what, sizeof(target->what), "%s", at);
	return 0;
}

/**
 * targets_read() - Add what a file has
 *
 * Return: 0, -EINVAL, -EIO.
 */
int targets_read(struct targets *targets, FILE *file, const char *path)
{
	struct input in;
	int rc;

	input_begin(&in, file, path);
	while ((rc = input_line(&in)) > 0) {
		rc = !*in.text || *in.text == '#' ? 0 : take_target(targets, &in);
		if (rc)
			break;
	}
	if (rc)
		snprintf(targets->why, sizeof(targets->why), "%s", in.why);
	input_end(&in);
	return rc;
}

/** targets_free() - Free the patterns */
void targets_free(struct targets *targets)
{
	while (targets->nr)
		regfree(&targets->target[--targets->nr].rows);
}

static void meet(struct met *met, const struct target *target, const char *name, double value)
{
	met->rows++;
	met->over += value > target->limit;
	if (value > met->worst) {
		met->worst = value;
		snprintf(met->name, sizeof(met->name), "%.*s", NAME_SIZE + 31, name);
	}
}

static bool is_meant(const struct target *target, const char *name)
{
	return !regexec(&target->rows, name, 0, NULL, 0);
}

/**
 * target_met() - Compare the rows, and the values, that a target is about
 *
 * Return: how many there are, how many are over the limit, and the worst.
 */
struct met target_met(const struct result *result, const struct target *target)
{
	static struct value values[MAX_VALUES];
	struct met met = { .worst = -1 };
	unsigned int i, nr;

	for (i = 0; i < result->nr_rows; i++) {
		const struct row *row = &result->rows[i];

		if (row->counted && is_meant(target, row->name))
			meet(&met, target, row->name, row_is_held(row) ? row->held :
			     row_ratio(result, row));
	}
	nr = values_of(result, values, MAX_VALUES);
	for (i = 0; i < nr; i++)
		if (is_meant(target, values[i].name))
			meet(&met, target, values[i].name, values[i].value);
	return met;
}
