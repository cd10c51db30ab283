// SPDX-License-Identifier: GPL-2.0-only
/*
 * "bench migration NAME FILE" takes a row of the result from a report of vmigrate's, which is
 * JSON.
 */
#include <stdio.h>
#include <json-c/json.h>

#include "bench.h"

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
