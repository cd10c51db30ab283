/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of a result, as the program bench and the ones in ../host print them: a word that
 * says what it is, and fields, with tabs between them.
 */
#ifndef _BENCH_INPUT_H
#define _BENCH_INPUT_H

#include <stdio.h>

#define NAME_SIZE	64
/* More than any line has */
#define MAX_FIELDS	12

enum line_kind {
	LINE_ROW, LINE_OVER, LINE_PARALLEL, LINE_LATENCY, LINE_MIGRATION, LINE_METER, LINE_HOST,
	LINE_WAY, LINE_OTHER,
};

enum way { UPSTREAM, TRACKER, NR_WAYS, NO_WAY = NR_WAYS };

extern const char * const way_names[NR_WAYS];

/**
 * struct input - A file that is read line by line
 * @file: The file
 * @path: Its name, for messages
 * @number: Of the last line that was read, from 1
 * @way: Of the lines that follow, by the last line "way"
 * @kind: What the last line was
 * @nr_fields: How many fields it had, with that of its kind
 * @field: They, until the next line is read; numbers have been checked
 * @value: Of those that are numbers
 * @text: Memory of the line
 * @size: Of @text
 * @why: After a failure, the message for it: file, line, and what was expected
 */
struct input {
	FILE *file;
	const char *path;
	unsigned int number;
	enum way way;
	enum line_kind kind;
	unsigned int nr_fields;
	char *field[MAX_FIELDS];
	double value[MAX_FIELDS];
	char *text;
	size_t size;
	char why[512];
};

void input_begin(struct input *in, FILE *file, const char *path);
void input_end(struct input *in);
int input_line(struct input *in);
int input_next(struct input *in);
int input_wrong(struct input *in, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int input_number(struct input *in, const char *name, const char *text, double *value);
int input_file(const char *path, int (*next)(struct input *in),
	       int (*take)(void *data, struct input *in), void *data, char *why, size_t size);

#endif
