// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines of a result, and the format of each kind. A line that begins like one of these kinds
 * but has another format fails, and so does a line with tabs that begins like none. Other
 * text is output of other programs.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"

const char * const way_names[NR_WAYS] = { "upstream", "tracker" };

/*
 * The fields of each kind of line, and of what type each is: text (t), a whole number (w),
 * one that something is divided by (p), or a number with decimals (d)
 */
static const struct {
	const char *fields, *types;
} formats[] = {
	/* All of so many operations; what each visits, reports, writes; what is held */
	[LINE_ROW] = { "row NAME BUSY-NS WALL-NS OPS LEAVES DIRTY WORDS BYTES", "twwpwwww" },
	/* Pages */
	[LINE_OVER] = { "over NAME WRITTEN REPORTED", "tpw" },
	/*
	 * Nanoseconds: one thread, two with a half each, four with a quarter each, and two of
	 * which only one reads at a time; and how often two threads could run at once
	 */
	[LINE_PARALLEL] = { "parallel NAME ONE-NS TWO-NS FOUR-NS TURNS-NS CHANCES", "tppppw" },
	/* Nanoseconds of so many calls beside a READ: 99 of 100 took no longer, and none */
	[LINE_LATENCY] = { "latency NAME P99-NS LONGEST-NS CALLS", "tppp" },
	/* Bytes, and those of them after the first pass; the downtime and its parts */
	[LINE_MIGRATION] = {
		"migration NAME BYTES AGAIN PASSES DOWNTIME-S QUIESCE-S READ-S SEND-S LOAD-S TOTAL-S",
		"twwwdddddd"
	},
	[LINE_METER] = { "meter INSTRUCTIONS NS-EACH", "wd" },
	[LINE_HOST] = { "host NAME BYTES-PER-SECOND", "tw" },
	[LINE_WAY] = { "way tracker|upstream", "" },
};

/** input_begin() - Read @file, whose name in messages is @path */
void input_begin(struct input *in, FILE *file, const char *path)
{
	*in = (struct input) { .file = file, .path = path, .way = NO_WAY };
}

/** input_end() - Free what a line needed; the file stays open */
void input_end(struct input *in)
{
	free(in->text);
	in->text = NULL;
}

/**
 * input_wrong() - The last line is not as it has to be
 * @in: Gets the message
 * @fmt: What is wrong, and what was expected
 *
 * Return: -EINVAL.
 */
int input_wrong(struct input *in, const char *fmt, ...)
{
	va_list args;
	int n = snprintf(in->why, sizeof(in->why), "%.128s:%u: ", in->path, in->number);

	va_start(args, fmt);
	vsnprintf(in->why + n, sizeof(in->why) - n, fmt, args);
	va_end(args);
	return -EINVAL;
}

/**
 * input_line() - Read a line into @in->text, without its end
 *
 * Return: 1, 0 after the last, -EIO.
 */
int input_line(struct input *in)
{
	ssize_t length = getline(&in->text, &in->size, in->file);

	if (length < 0 && !feof(in->file)) {
		snprintf(in->why, sizeof(in->why), "%.128s: cannot be read", in->path);
		return -EIO;
	}
	if (length < 0)
		return 0;
	in->number++;
	in->text[strcspn(in->text, "\n")] = 0;
	return 1;
}

/**
 * input_number() - A number that is not negative
 * @in: Of whose last line it is
 * @name: What it is
 * @text: As it is written
 * @value: Gets it
 *
 * Return: 0, -EINVAL.
 */
int input_number(struct input *in, const char *name, const char *text, double *value)
{
	char *end;

	*value = strtod(text, &end);
	if (end == text || *end || !isfinite(*value) || *value < 0)
		return input_wrong(in, "%s is '%.64s', and not a number", name, text);
	return 0;
}

/* Does a list of words begin with this one? */
static bool begins_with(const char *list, const char *word, size_t length)
{
	return length && !strncmp(list, word, length) && (!list[length] || list[length] == ' ');
}

/* A field whose type is @type, the @n-th of the line */
static int check_field(struct input *in, unsigned int n, char type)
{
	const char *expected = formats[in->kind].fields, *name = expected;
	const char *text = in->field[n];
	char name_of[NAME_SIZE];
	unsigned int i;

	for (i = 0; i < n; i++)
		name = strchr(name, ' ') + 1;
	snprintf(name_of, sizeof(name_of), "%.*s", (int)strcspn(name, " "), name);
	if (type == 't') {
		if (!*text || strlen(text) >= NAME_SIZE)
			return input_wrong(in, "%s is empty or has more than %d letters; expected: %s",
					   name_of, NAME_SIZE - 1, expected);
		return 0;
	}
	if (type != 'd' && text[strspn(text, "0123456789")])
		return input_wrong(in, "%s is '%.64s', and not a whole number; expected: %s",
				   name_of, text, expected);
	if (input_number(in, name_of, text, &in->value[n]))
		return input_wrong(in, "%s is '%.64s', and not a number; expected: %s",
				   name_of, text, expected);
	if (type == 'p' && !in->value[n])
		return input_wrong(in, "%s is 0; expected: %s", name_of, expected);
	return 0;
}

static int split_fields(struct input *in)
{
	const char *types = formats[in->kind].types, *expected = formats[in->kind].fields;
	char *at = in->text;
	unsigned int i;
	int rc;

	for (in->nr_fields = 0; in->nr_fields < MAX_FIELDS && at; in->nr_fields++)
		in->field[in->nr_fields] = strsep(&at, "\t");
	if (in->nr_fields != strlen(types) + 1)
		return input_wrong(in, "%s%u fields between tabs; expected: %s",
				   at ? "more than " : "", in->nr_fields, expected);
	for (i = 1; i < in->nr_fields; i++) {
		rc = check_field(in, i, types[i - 1]);
		if (rc)
			return rc;
	}
	return 0;
}

/* "way NAME", and what else it likes to say after a blank */
static int take_way(struct input *in)
{
	const char *name = in->text + strlen("way");
	unsigned int way;

	name += *name == ' ';
	for (way = 0; way < NR_WAYS; way++)
		if (begins_with(way_names[way], name, strcspn(name, " ")))
			break;
	if (way == NR_WAYS)
		return input_wrong(in, "'%.64s' is no way; expected: %s", name,
				   formats[LINE_WAY].fields);
	in->way = way;
	return 0;
}

static int take_other(struct input *in, size_t length)
{
	if (!strncmp(in->text, "error\t", strlen("error\t")))
		return input_wrong(in, "the benchmark failed: %.300s",
				   in->text + strlen("error\t"));
	if (strchr(in->text, '\t'))
		return input_wrong(in, "'%.*s' begins no line of a result; expected: row, over, parallel, latency, migration, meter, host or way",
				   (int)(length < 32 ? length : 32), in->text);
	return 0;
}

/**
 * input_next() - Read the next line, and check it
 *
 * Return: 1, 0 after the last, -EINVAL, -EIO.
 */
int input_next(struct input *in)
{
	size_t length;
	int rc = input_line(in);

	if (rc <= 0)
		return rc;
	in->nr_fields = 1;
	in->field[0] = in->text;
	length = strcspn(in->text, " \t");
	for (in->kind = 0; in->kind < LINE_OTHER; in->kind++)
		if (begins_with(formats[in->kind].fields, in->text, length))
			break;
	if (in->kind == LINE_OTHER)
		rc = take_other(in, length);
	else if (in->kind == LINE_WAY)
		rc = take_way(in);
	else
		rc = split_fields(in);
	return rc ? rc : 1;
}

/**
 * input_file() - Read a file
 * @path: The file
 * @next: input_line() or input_next()
 * @take: Called with @data for each line; 0 or -EINVAL, with a message in the input
 * @data: For @take
 * @why: After a failure, the message for it
 * @size: Of @why
 *
 * Return: 0, -EINVAL, -EIO.
 */
int input_file(const char *path, int (*next)(struct input *in),
	       int (*take)(void *data, struct input *in), void *data, char *why, size_t size)
{
	FILE *file = fopen(path, "r");
	struct input in;
	int rc;

	if (!file) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return -EIO;
	}
	input_begin(&in, file, path);
	while ((rc = next(&in)) > 0) {
		rc = take(data, &in);
		if (rc)
			break;
	}
	if (rc)
		snprintf(why, size, "%s", in.why);
	input_end(&in);
	fclose(file);
	return rc;
}
