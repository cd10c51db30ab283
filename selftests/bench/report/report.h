/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The report: what it prints and writes.
 */
#ifndef _BENCH_REPORT_H
#define _BENCH_REPORT_H

#include "compare.h"
#include "targets.h"

struct json_object;

/* ---- table.c: in words ------------------------------------------------------ */

void table_print(FILE *file, const struct result *result, const struct targets *targets);
void comparison_print(FILE *file, const struct comparison *c, const char *path);
void judgement_print(FILE *file, const struct result *result);

/* ---- json.c ------------------------------------------------------------------ */

struct json_object *json_result(const struct result *result, const char *kernel);
void json_add_targets(struct json_object *json, const struct result *result,
		      const struct targets *targets);
void json_add_comparison(struct json_object *json, const struct comparison *c);
void json_add_judgement(struct json_object *json, const struct result *result);
void json_add_format(struct json_object *json, const char *name, const char *format,
		     double value);

/* ---- plots.c: data for ../plots.gp -------------------------------------------- */

int plots_write(const struct result *result, const char *dir);

/* ---- least.c ------------------------------------------------------------------ */

int least_write(FILE *out, const char *first_path, const char *second_path, char *why,
		size_t size);

/* ---- mlx5.c -------------------------------------------------------------------- */

int mlx5_report(const char *path, bool json, char *why, size_t size);

#endif
