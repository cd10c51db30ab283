// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data for the plots: files of lines with numbers, one for each line of a plot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* read-WHAT.SIZE.DENSITY.PATTERN */
struct read_name {
	char what[NAME_SIZE];
	char size[NAME_SIZE];
	char density[NAME_SIZE];
	char pattern[NAME_SIZE];
};

/* One part of a name, up to the next point, or to the last */
static char *part_of(char *to, const char *at, const char *end)
{
	snprintf(to, NAME_SIZE, "%.*s", (int)(end - at), at);
	return to;
}

/* A density may have a point of its own: 0.01 */
static bool split_name(const char *name, struct read_name *n)
{
	const char *size = strchr(name, '.'), *density, *pattern = strrchr(name, '.');

	if (strncmp(name, "read-", strlen("read-")) || !size)
		return false;
	density = strchr(size + 1, '.');
	if (!density || density == pattern)
		return false;
	part_of(n->what, name, size);
	part_of(n->size, size + 1, density);
	part_of(n->density, density + 1, pattern);
	part_of(n->pattern, pattern + 1, pattern + strlen(pattern));
	return true;
}

/* In GiB */
static double size_of(const char *text)
{
	char *end;
	double size = strtod(text, &end);

	return *end == 'T' ? size * 1024 : size;
}

/* The number of devices in read-logs-N.1G, or NULL */
static const char *devices_of(const char *name, char *devices)
{
	const char *end = strstr(name, ".1G");

	if (strncmp(name, "read-logs-", strlen("read-logs-")) || !end || end[3])
		return NULL;
	return part_of(devices, name + strlen("read-logs-"), end);
}

/**
 * struct plots - The files
 * @dir: Where they are
 * @clear: Only remove what is there of an earlier run
 * @rc: 0, or the first error
 */
struct plots {
	const char *dir;
	bool clear;
	int rc;
};

/* Add a line to a file */
static void add_line(struct plots *p, const char *file, const char *line)
{
	char path[4096];
	FILE *f;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", p->dir, file) >= sizeof(path)) {
		p->rc = -ENAMETOOLONG;
		return;
	}
	if (p->clear) {
		remove(path);
		return;
	}
	f = fopen(path, "a");
	if (!f || fprintf(f, "%s\n", line) < 0)
		p->rc = -EIO;
	if (f && fclose(f))
		p->rc = -EIO;
}

static void add_row(struct plots *p, const struct result *r, const struct row *row)
{
	double upstream = row_base(r, row), tracker = row->way[TRACKER].instructions;
	char devices[NAME_SIZE], line[4 * NAME_SIZE], file[4 * NAME_SIZE];
	struct read_name n;

	if (devices_of(row->name, devices)) {
		snprintf(line, sizeof(line), "%s %.0f %.0f", devices, upstream, tracker);
		add_line(p, "devices.dat", line);
	}
	if (!split_name(row->name, &n))
		return;
	snprintf(line, sizeof(line), "%g %s %.0f %.0f", size_of(n.size), n.density, upstream,
		 tracker);
	snprintf(file, sizeof(file), "size-%s-%s-%s.dat", n.what, n.density, n.pattern);
	add_line(p, file, line);
	snprintf(file, sizeof(file), "density-%s-%s-%s.dat", n.what, n.size, n.pattern);
	add_line(p, file, line);
}

/**
 * plots_write() - Write the data for the plots
 * @result: What was measured
 * @dir: A folder
 *
 * Return: 0, -EIO, -ENAMETOOLONG.
 */
int plots_write(const struct result *result, const char *dir)
{
	struct plots plots = { .dir = dir };
	unsigned int i, pass;

	for (pass = 0; pass < 2; pass++) {
		plots.clear = !pass;
		for (i = 0; i < result->nr_rows; i++)
			if (result->rows[i].counted)
				add_row(&plots, result, &result->rows[i]);
	}
	return plots.rc;
}
