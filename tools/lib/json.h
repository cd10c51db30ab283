/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON, by json-c: what the programs share.
 */
#ifndef _TOOLS_JSON_H
#define _TOOLS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <json-c/json.h>

void json_add_text(struct json_object *json, const char *name, const char *text, size_t max);
void json_add_number(struct json_object *json, const char *name, uint64_t value);
void json_add_bool(struct json_object *json, const char *name, bool value);
void json_add_seconds(struct json_object *json, const char *name, uint64_t ns);
struct json_object *json_add_list(struct json_object *json, const char *name);
struct json_object *json_add_entry(struct json_object *list);
int json_write(FILE *file, struct json_object *json, bool pretty);

#endif
