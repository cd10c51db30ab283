// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON, by json-c: what the programs share.
 */
#include <errno.h>

#include "json.h"

/**
 * json_add_text() - Add text from anywhere
 * @json: An object
 * @name: Name
 * @text: Up to its end, or @max bytes; what is not printable ASCII is '?'
 * @max: See there
 */
void json_add_text(struct json_object *json, const char *name, const char *text, size_t max)
{
	char copy[1024];
	size_t i;

	for (i = 0; i < max && i < sizeof(copy) - 1 && text[i]; i++)
		copy[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	copy[i] = 0;
	json_object_object_add(json, name, json_object_new_string(copy));
}

/** json_add_number() - Add a number */
void json_add_number(struct json_object *json, const char *name, uint64_t value)
{
	json_object_object_add(json, name, json_object_new_uint64(value));
}

/** json_add_bool() - Add true or false */
void json_add_bool(struct json_object *json, const char *name, bool value)
{
	json_object_object_add(json, name, json_object_new_boolean(value));
}

/** json_add_seconds() - Add nanoseconds, in seconds with six decimals */
void json_add_seconds(struct json_object *json, const char *name, uint64_t ns)
{
	double value = (double)ns / 1e9;
	char text[32];

	snprintf(text, sizeof(text), "%.6f", value);
	json_object_object_add(json, name, json_object_new_double_s(value, text));
}

/** json_add_list() - Add an array, which stays the object's */
struct json_object *json_add_list(struct json_object *json, const char *name)
{
	struct json_object *list = json_object_new_array();

	json_object_object_add(json, name, list);
	return list;
}

/** json_add_entry() - Add an object to an array, which it stays a part of */
struct json_object *json_add_entry(struct json_object *list)
{
	struct json_object *entry = json_object_new_object();

	json_object_array_add(list, entry);
	return entry;
}

/**
 * json_write() - Write an object in a line, or in many
 * @file: Where to
 * @json: The object, which is freed
 * @pretty: With line breaks
 *
 * Return: 0, -ENOMEM, -EIO.
 */
int json_write(FILE *file, struct json_object *json, bool pretty)
{
	const char *text = json_object_to_json_string_ext(json,
		JSON_C_TO_STRING_NOSLASHESCAPE |
		(pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : 0));
	int rc = text ? 0 : -ENOMEM;

	if (text && (fputs(text, file) < 0 || putc('\n', file) < 0))
		rc = -EIO;
	json_object_put(json);
	return rc;
}
