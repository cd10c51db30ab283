// SPDX-License-Identifier: GPL-2.0-only
/* TAP; see tap.h. */
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static FILE *said;
static char *text;
static size_t size;
static unsigned int nr_tests, nr_failed;

/** tap_stream() - Where greatest prints: into memory while a test runs */
FILE *tap_stream(void)
{
	return said ? said : stdout;
}

/** tap_begin() - A test begins */
void tap_begin(void)
{
	said = open_memstream(&text, &size);
}

/* Lines as comments; returns the one with which greatest says where and why it failed */
static const char *print_comments(void)
{
	static const char mark[] = "FAIL ";
	const char *failure = NULL;
	char *at = text, *line;

	while ((line = strsep(&at, "\n"))) {
		if (!strncmp(line, mark, strlen(mark)))
			failure = line + strlen(mark);
		else if (*line && strcmp(line, "F"))
			printf("# %s\n", line);
	}
	return failure;
}

/**
 * tap_end() - A test has ended
 * @name: Its name
 * @result: Its result; a test that options left out has none, and is not counted
 * @why: Why it was skipped, or NULL
 */
void tap_end(const char *name, enum tap_result result, const char *why)
{
	const char *failure = NULL;

	if (said)
		fclose(said);
	said = NULL;
	if (result == TAP_NOT_RUN) {
		/* A name, if it was asked for */
		fputs(text ? text : "", stdout);
	} else {
		nr_tests++;
		if (result == TAP_NOT_OK) {
			nr_failed++;
			failure = print_comments();
		}
		printf("%sok %u %s%s%s\n", result == TAP_NOT_OK ? "not " : "", nr_tests,
		       failure ? failure : name, result == TAP_SKIP ? " # SKIP " : "",
		       result == TAP_SKIP && why ? why : "");
	}
	fflush(stdout);
	free(text);
	text = NULL;
}

/**
 * tap_finish() - All tests have ended
 *
 * Return: the exit status, 0 or 1.
 */
int tap_finish(void)
{
	if (nr_tests)
		printf("1..%u\n", nr_tests);
	return nr_failed ? 1 : 0;
}
