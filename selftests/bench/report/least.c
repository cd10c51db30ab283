// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smaller figure of each row in two runs: now and then the kernel has work of its own,
 * which makes the row larger that is measured at that moment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* A row of the first run; there may be several of a name */
struct figure {
	enum way way;
	char name[NAME_SIZE];
	char busy_text[32];
	double busy;
	bool used;
};

struct figures_of_first {
	FILE *out;	/* of the second */
	struct figure figure[MAX_ROWS];
	unsigned int nr;
};

static int take_first(void *data, struct input *in)
{
	struct figures_of_first *first = data;
	struct figure *f = &first->figure[first->nr];

	if (in->kind != LINE_ROW)
		return 0;
	if (first->nr == MAX_ROWS)
		return input_wrong(in, "more than %u rows", MAX_ROWS);
	first->nr++;
	f->way = in->way;
	f->busy = in->value[2];
	f->used = false;
	snprintf(f->name, sizeof(f->name), "%s", in->field[1]);
	snprintf(f->busy_text, sizeof(f->busy_text), "%s", in->field[2]);
	return 0;
}

/* The same row of the first run, once */
static const struct figure *find_first(struct figures_of_first *first, const struct input *in)
{
	unsigned int i;

	for (i = 0; i < first->nr; i++) {
		struct figure *f = &first->figure[i];

		if (!f->used && f->way == in->way && !strcmp(f->name, in->field[1])) {
			f->used = true;
			return f;
		}
	}
	return NULL;
}

static int write_line(void *data, struct input *in)
{
	struct figures_of_first *first = data;
	const struct figure *f = in->kind == LINE_ROW ? find_first(first, in) : NULL;
	unsigned int i;

	for (i = 0; i < in->nr_fields; i++)
		fprintf(first->out, "%s%s", i ? "\t" : "",
			i == 2 && f && f->busy < in->value[2] ? f->busy_text : in->field[i]);
	fprintf(first->out, "\n");
	return 0;
}

/**
 * least_write() - Write the second of two runs, with each row's smaller figure
 * @out: Where to
 * @first_path: A file
 * @second_path: A file
 * @why: After a failure, the message for it
 * @size: Of @why
 *
 * Return: 0, -EINVAL, -EIO, -ENOMEM.
 */
int least_write(FILE *out, const char *first_path, const char *second_path, char *why, size_t size)
{
	struct figures_of_first *first = calloc(1, sizeof(*first));
	int rc;

	if (!first) {
		snprintf(why, size, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	first->out = out;
	rc = input_file(first_path, input_next, take_first, first, why, size);
	if (!rc)
		rc = input_file(second_path, input_next, write_line, first, why, size);
	free(first);
	return rc;
}
