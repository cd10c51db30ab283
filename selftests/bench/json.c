// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON, by json-c. "bench json" writes bench.json on the host, from what report.awk has
 * worked out: lines with tabs, which begin with the name of a list or object of it. "bench
 * migration NAME FILE" takes a row of the table from a report of vmigrate's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/lib/json.h"
#include "bench.h"

#define MAX_FIELDS 12

/* A number, as it is written; null for "-" */
static struct json_object *number(const char *text)
{
	double value;
	char *end;

	if (!strcmp(text, "-"))
		return NULL;
	value = strtod(text, &end);
	if (end == text || *end)
		die("'%s' is no number", text);
	return json_object_new_double_s(value, text);
}

static void add(struct json_object *json, const char *name, const char *text)
{
	json_object_object_add(json, name, number(text));
}

/* A way of a row: null where there is none, and wall time in the full run only */
static void add_way(struct json_object *json, const char *name, char **f)
{
	struct json_object *way = NULL;

	if (strcmp(f[0], "-")) {
		way = json_object_new_object();
		add(way, "instructions", f[0]);
		if (strcmp(f[1], "-"))
			add(way, "wall_ns", f[1]);
	}
	json_object_object_add(json, name, way);
}

static void add_row(struct json_object *json, char **f)
{
	static const char * const names[] = {
		"ratio", "leaves", "dirty", "bytes_touched", "bytes_held",
	};
	unsigned int i;

	json_add_text(json, "row", f[1], 64);
	add_way(json, "upstream", &f[2]);
	add_way(json, "tracker", &f[4]);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		add(json, names[i], f[6 + i]);
}

static void add_migration(struct json_object *json, char **f)
{
	static const char * const names[] = { "bytes", "passes", "downtime_s", "total_s" };
	unsigned int i;

	json_add_text(json, "way", f[1], 64);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		add(json, names[i], f[2 + i]);
}

static void add_over(struct json_object *json, char **f)
{
	json_add_text(json, "what", f[1], 64);
	add(json, "upstream", f[2]);
	add(json, "tracker", f[3]);
}

static void add_parallel(struct json_object *json, char **f)
{
	json_add_text(json, "row", f[1], 64);
	add(json, "upstream", f[2]);
	add(json, "tracker", f[3]);
}

static void add_host(struct json_object *json, char **f)
{
	add(json, f[1], f[2]);
}

/* In the order of bench.json */
static const struct {
	const char *line, *name;
	unsigned int fields;
	bool list;
	void (*add)(struct json_object *json, char **f);
} kinds[] = {
	{ "row", "rows", 11, true, add_row },
	{ "parallel", "parallel", 4, false, add_parallel },
	{ "migration", "migrations", 6, true, add_migration },
	{ "over", "reported_for_each_written", 4, true, add_over },
	{ "host", "host", 3, false, add_host },
};

#define NR_KINDS (sizeof(kinds) / sizeof(*kinds))

static void add_line(struct json_object **to, char **f, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < NR_KINDS && strcmp(f[0], kinds[i].line); i++)
		;
	if (i == NR_KINDS || nr != kinds[i].fields)
		die("line '%s' with %u fields is not known", f[0], nr);
	kinds[i].add(kinds[i].list ? json_add_entry(to[i]) : to[i], f);
}

/** json_bench() - Bench json KERNEL: from standard input to standard output */
int json_bench(const char *kernel)
{
	struct json_object *json = json_object_new_object(), *to[NR_KINDS];
	char line[1024], *f[MAX_FIELDS], *at;
	unsigned int i, nr;

	json_add_text(json, "kernel", kernel, 64);
	for (i = 0; i < NR_KINDS; i++) {
		if (kinds[i].list) {
			to[i] = json_add_list(json, kinds[i].name);
			continue;
		}
		to[i] = json_object_new_object();
		json_object_object_add(json, kinds[i].name, to[i]);
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		at = line;
		for (nr = 0; nr < MAX_FIELDS && at; nr++)
			f[nr] = strsep(&at, "\t");
		add_line(to, f, nr);
	}
	if (json_write(stdout, json, true) || fflush(stdout))
		die("bench.json cannot be written");
	return 0;
}

static double value_of(struct json_object *json, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(json, name, &value))
		die("a report of vmigrate without %s", name);
	return json_object_get_double(value);
}

/** json_migration() - Bench migration NAME FILE: a row of a migration that was complete */
int json_migration(const char *name, const char *file)
{
	struct json_object *json = json_object_from_file(file), *value;

	if (!json)
		die("%s is no JSON", file);
	if (!json_object_object_get_ex(json, "complete", &value) ||
	    !json_object_get_boolean(value) ||
	    !json_object_object_get_ex(json, "passes", &value))
		die("%s: not complete", name);
	printf("migration\t%s\t%.0f\t%zu\t%.6f\t%.6f\n", name, value_of(json, "bytes"),
	       json_object_array_length(value), value_of(json, "downtime_s"),
	       value_of(json, "total_s"));
	json_object_put(json);
	return 0;
}
