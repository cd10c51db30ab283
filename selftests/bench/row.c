// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows of the result. They are printed when a group is complete, so that output disturbs
 * no measurement.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define MAX_ROWS 256

static struct row rows[MAX_ROWS];
static unsigned int nr_rows;

/** die() - Say what went wrong, and end: a benchmark that continues would lie */
void die(const char *format, ...)
{
	va_list args;

	rows_flush();
	va_start(args, format);
	printf("error\t");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	exit(1);
}

/** must() - Die if @rc is -errno */
void must(int rc, const char *what)
{
	if (rc < 0)
		die("%s: %s", what, strerror(-rc));
}

/** row_add() - A row is complete */
void row_add(const struct row *row)
{
	if (nr_rows == MAX_ROWS)
		rows_flush();
	rows[nr_rows++] = *row;
}

/** rows_flush() - Print what there is */
void rows_flush(void)
{
	unsigned int i;

	for (i = 0; i < nr_rows; i++) {
		const struct row *r = &rows[i];

		printf("row\t%s\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\n",
		       r->name, r->cost.busy_ns, r->cost.wall_ns, r->ops, r->leaves,
		       r->dirty, r->words, r->bytes);
	}
	nr_rows = 0;
	fflush(stdout);
	/* Let it out before the next is measured */
	usleep(20000);
}
