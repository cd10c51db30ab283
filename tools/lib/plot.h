/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pictures of what a program has measured: for each a data file, a script for gnuplot
 * and, if gnuplot is there, an SVG. The scripts name files without a folder, so that they
 * can be run later, or elsewhere: cd DIR && gnuplot NAME.gp.
 *
 * A picture without data says that it has none.
 *
 * A function that returns an int returns 0 or -errno.
 */
#ifndef _TOOLS_PLOT_H
#define _TOOLS_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PLOT_PICTURES	24

/**
 * struct plot - Pictures in a folder
 * @dir: The folder
 * @nr: Entries of @name
 * @name: Of the pictures that are complete, without an ending
 */
struct plot {
	const char *dir;
	unsigned int nr;
	char name[PLOT_PICTURES][32];
};

/**
 * struct picture - One that is being made
 * @plot: Where it belongs to
 * @name: Without an ending
 * @data: Its data, one row a line
 * @script: Its script; text before the plot command may be added to it
 * @rows: Rows of data; the caller counts
 */
struct picture {
	struct plot *plot;
	char name[32];
	FILE *data;
	FILE *script;
	unsigned long rows;
};

/**
 * struct plot_cell - A rectangle of a heat map
 * @begin: Seconds
 * @end: Seconds
 * @first: First byte
 * @last: Last byte, inclusive
 * @dirty: Bytes that became dirty in that
 */
struct plot_cell {
	double begin, end;
	uint64_t first, last;
	double dirty;
};

/**
 * struct plot_bar - A bar of a bar chart
 * @what: Text
 * @value: Its length
 */
struct plot_bar {
	char what[48];
	double value;
};

int plot_open(struct plot *plot, const char *dir);
int picture_begin(struct plot *plot, struct picture *pic, const char *name,
		  const char *title, const char *x, const char *y);
int picture_end(struct picture *pic, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int plot_heat(struct plot *plot, const char *name, const char *title,
	      const struct plot_cell *cells, size_t nr);
int plot_bars(struct plot *plot, const char *name, const char *title, const char *unit,
	      const struct plot_bar *bars, size_t nr);
int plot_draw(const struct plot *plot);
const char *plot_text(const char *text, char *buf, size_t len);

/* What to say when plot_draw() returns -ENOENT */
#define PLOT_NO_GNUPLOT \
	"gnuplot is not installed (Debian's package gnuplot-nox), so there are data and scripts and no pictures: cd %s && gnuplot *.gp draws them"

#endif
