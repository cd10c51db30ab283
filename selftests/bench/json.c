// SPDX-License-Identifier: GPL-2.0-only
/*
 * "bench migration NAME FILE" takes a row of the result from a report of vmigrate's, which is
 * JSON.
 */
#include <stdio.h>
#include <json-c/json.h>

#include "bench.h"

static struct json_object *member_of(struct json_object *json, const char *name)
{
	struct json_object *value;

	if (!json_object_object_get_ex(json, name, &value))
		die("a report of vmigrate without %s", name);
	return value;
}

static double value_of(struct json_object *json, const char *name)
{
	return json_object_get_double(member_of(json, name));
}

/** json_migration() - Bench migration NAME FILE: a row of a migration that was complete */
int json_migration(const char *name, const char *file)
{
	struct json_object *json = json_object_from_file(file), *passes, *phases;
	double bytes, first, ram, read;
	size_t nr;

	if (!json)
		die("%s is no JSON", file);
	if (!json_object_get_boolean(member_of(json, "complete")))
		die("%s: not complete", name);
	passes = member_of(json, "passes");
	phases = member_of(json, "phases");
	nr = json_object_array_length(passes);
	if (nr < 2)
		die("%s: no pass after the first", name);
	bytes = value_of(json, "bytes");
	first = value_of(json_object_array_get_idx(passes, 0), "bytes");
	ram = value_of(phases, "ram_s");
	/* It is a part of that phase, but both are rounded. */
	read = value_of(json_object_array_get_idx(passes, nr - 1), "read_s");
	if (read > ram)
		read = ram;
	printf("migration\t%s\t%.0f\t%.0f\t%zu\t%.6f\t%.6f\t%.6f\t%.6f\t%.6f\t%.6f\n", name, bytes,
	       bytes - first, nr, value_of(json, "downtime_s"), value_of(phases, "quiesce_s"),
	       read, ram - read, value_of(phases, "state_s") + value_of(phases, "load_s"),
	       value_of(json, "total_s"));
	json_object_put(json);
	return 0;
}
