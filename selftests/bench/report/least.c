// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each row's smaller figure of two runs: now and then the kernel has something to do
 * besides, and that is in whatever row it falls into.
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
	struct figure figure[MAX_ROWS];
	unsigned int nr;
};

static int take_first(struct figures_of_first *first, struct input *in)
{
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

static void write_line(FILE *out, struct figures_of_first *first, const struct input *in)
{
	const struct figure *f = in->kind == LINE_ROW ? find_first(first, in) : NULL;
	unsigned int i;

	for (i = 0; i < in->nr_fields; i++)
		fprintf(out, "%s%s", i ? "\t" : "",
			i == 2 && f && f->busy < in->value[2] ? f->busy_text : in->field[i]);
	fprintf(out, "\n");
}

/* Read a file, and give each line of it to one of the two above */
static int read_run(const char *path, FILE *out, struct figures_of_first *first, char *why,
		    size_t size)
{
	FILE *file = fopen(path, "r");
	struct input in;
	int rc;

	if (!file) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return -EIO;
	}
	input_begin(&in, file, path);
	while ((rc = input_next(&in)) > 0) {
		if (out)
			write_line(out, first, &in);
		else if (take_first(first, &in))
			rc = -EINVAL;
		if (rc < 0)
			break;
	}
	if (rc)
		snprintf(why, size, "%s", in.why);
	input_end(&in);
	fclose(file);
	return rc;
}

/**
 * least_write() - Write the second of two runs, with each row's smaller figure
 * @out: Where to
 * @first_path: A file
 * @second_path: A file
 * @why: After a failure, the message for it
 * @size: Of @why
 *
 * Return: 0, -EINVAL, -EIO.
 */
int least_write(FILE *out, const char *first_path, const char *second_path, char *why, size_t size)
{
	struct figures_of_first *first = calloc(1, sizeof(*first));
	int rc = -ENOMEM;

	if (first)
		rc = read_run(first_path, NULL, first, why, size);
	else
		snprintf(why, size, "%s", strerror(ENOMEM));
	if (!rc)
		rc = read_run(second_path, out, first, why, size);
	free(first);
	return rc;
}
