// SPDX-License-Identifier: GPL-2.0-only
/*
 * The report as JSON: bench.json, and what --json prints besides.
 */
#include <json-c/json.h>

#include "../../../tools/lib/json.h"
#include "report.h"

/** json_add_format() - Add a number, written as @format has it */
void json_add_format(struct json_object *json, const char *name, const char *format,
		     double value)
{
	char text[64];

	snprintf(text, sizeof(text), format, value);
	json_object_object_add(json, name, json_object_new_double_s(value, text));
}

static void add_null(struct json_object *json, const char *name)
{
	json_object_object_add(json, name, NULL);
}

/* A way of a row: null where there is none, and wall time in the full run only */
static void add_way(struct json_object *json, const char *name, const struct figures *f,
		    bool time)
{
	struct json_object *way;

	if (!f->counted) {
		add_null(json, name);
		return;
	}
	way = json_object_new_object();
	json_add_format(way, time ? "wall_ns" : "instructions", "%.0f", f->instructions);
	if (f->timed)
		json_add_format(way, "wall_ns", "%.0f", f->wall_ns);
	json_object_object_add(json, name, way);
}

static void add_row(struct json_object *json, const struct result *r, const struct row *row)
{
	double ratio = row_ratio(r, row);

	json_add_text(json, "row", row->name, NAME_SIZE);
	add_way(json, "upstream", &row->way[UPSTREAM], r->time);
	add_way(json, "tracker", &row->way[TRACKER], r->time);
	if (ratio)
		json_add_format(json, "ratio", "%.4f", ratio);
	else
		add_null(json, "ratio");
	json_add_format(json, "leaves", "%.0f", row->leaves);
	json_add_format(json, "dirty", "%.0f", row->dirty);
	json_add_format(json, "bytes_touched", "%.0f",
		   8 * row->leaves + (row->dirty ? 8 * row->words : 0));
	json_add_format(json, "bytes_held", "%.0f", row->held);
}

static void add_parallel(struct json_object *json, const struct result *r)
{
	unsigned int way;

	if (!parallel_is_known(r))
		return;
	json_add_text(json, "row", r->parallel.name, NAME_SIZE);
	for (way = 0; way < NR_WAYS; way++)
		json_add_format(json, way_names[way], "%.4f", parallel_factor(r, way, TWO));
	json_add_format(json, "upstream_four", "%.4f", parallel_factor(r, UPSTREAM, FOUR));
	json_add_format(json, "tracker_four", "%.4f", parallel_factor(r, TRACKER, FOUR));
}

static void add_latency(struct json_object *json, const struct latency *l)
{
	struct json_object *entry;
	unsigned int way;

	json_add_text(json, "call", l->name, NAME_SIZE);
	for (way = 0; way < NR_WAYS; way++) {
		if (!l->known[way]) {
			add_null(json, way_names[way]);
			continue;
		}
		entry = json_object_new_object();
		json_object_object_add(json, way_names[way], entry);
		json_add_format(entry, "p99_ns", "%.0f", l->p99[way]);
		json_add_format(entry, "longest_ns", "%.0f", l->longest[way]);
		json_add_format(entry, "calls", "%.0f", l->calls[way]);
	}
}

static void add_migration(struct json_object *json, const struct migration *m)
{
	json_add_text(json, "way", m->name, NAME_SIZE);
	json_add_format(json, "bytes", "%.0f", m->bytes);
	json_add_format(json, "again_bytes", "%.0f", m->again);
	json_add_format(json, "passes", "%.0f", m->passes);
	json_object_object_add(json, "downtime_s",
			       json_object_new_double_s(m->downtime, m->downtime_text));
	json_add_format(json, "quiesce_s", "%.6f", m->quiesce);
	json_add_format(json, "read_s", "%.6f", m->read);
	json_add_format(json, "send_s", "%.6f", m->send);
	json_add_format(json, "load_s", "%.6f", m->load);
	json_object_object_add(json, "total_s",
			       json_object_new_double_s(m->total, m->total_text));
}

static void add_over(struct json_object *json, const struct over *over)
{
	unsigned int way;

	json_add_text(json, "what", over->name, NAME_SIZE);
	for (way = 0; way < NR_WAYS; way++) {
		if (over->known[way])
			json_add_format(json, way_names[way], "%.4f", over->each[way]);
		else
			add_null(json, way_names[way]);
	}
}

/**
 * json_result() - All that was measured, as bench.json has it
 *
 * Return: an object, which the caller frees.
 */
struct json_object *json_result(const struct result *result, const char *kernel)
{
	struct json_object *json = json_object_new_object(), *part;
	unsigned int i;

	json_add_text(json, "kernel", kernel, 64);
	part = json_add_list(json, "rows");
	for (i = 0; i < result->nr_rows; i++)
		if (result->rows[i].counted)
			add_row(json_add_entry(part), result, &result->rows[i]);
	part = json_object_new_object();
	json_object_object_add(json, "parallel", part);
	add_parallel(part, result);
	part = json_add_list(json, "latencies");
	for (i = 0; i < result->nr_latencies; i++)
		add_latency(json_add_entry(part), &result->latencies[i]);
	part = json_add_list(json, "migrations");
	for (i = 0; i < result->nr_migrations; i++)
		add_migration(json_add_entry(part), &result->migrations[i]);
	part = json_add_list(json, "reported_for_each_written");
	for (i = 0; i < result->nr_overs; i++)
		add_over(json_add_entry(part), &result->overs[i]);
	part = json_object_new_object();
	json_object_object_add(json, "host", part);
	for (i = 0; i < result->nr_hosts; i++)
		json_add_format(part, result->hosts[i].name, "%.0f", result->hosts[i].rate);
	return json;
}

/** json_add_targets() - Add how far targets are met */
void json_add_targets(struct json_object *json, const struct result *result,
		      const struct targets *targets)
{
	struct json_object *list = json_add_list(json, "targets"), *entry;
	unsigned int i;

	for (i = 0; i < targets->nr; i++) {
		const struct target *t = &targets->target[i];
		struct met met = target_met(result, t);

		if (!met.rows)
			continue;
		entry = json_add_entry(list);
		json_add_text(entry, "target", t->what, sizeof(t->what));
		json_object_object_add(entry, "limit",
				       json_object_new_double_s(t->limit, t->limit_text));
		json_add_number(entry, "rows", met.rows);
		json_add_number(entry, "over_limit", met.over);
		json_add_format(entry, "worst", "%.4f", met.worst);
		json_add_text(entry, "worst_row", met.name, sizeof(met.name));
	}
}

/** json_add_comparison() - Add what has got worse; a ratio is null when it was not measured */
void json_add_comparison(struct json_object *json, const struct comparison *c)
{
	struct json_object *part = json_object_new_object(), *list, *entry;
	unsigned int i;

	json_object_object_add(json, "comparison", part);
	json_add_number(part, "compared", c->compared);
	list = json_add_list(part, "worse");
	for (i = 0; i < c->nr_worse; i++) {
		const struct worse *w = &c->worse[i];

		entry = json_add_entry(list);
		json_add_text(entry, "row", w->name, NAME_SIZE);
		if (w->ratio)
			json_add_format(entry, "ratio", "%.4f", w->ratio);
		else
			add_null(entry, "ratio");
		json_add_text(entry, "was", w->was, sizeof(w->was));
	}
}

/** json_add_judgement() - Add how two READs at once compare */
void json_add_judgement(struct json_object *json, const struct result *result)
{
	static const char * const names[] = {
		[AS_PARALLEL] = "met", [LESS_PARALLEL] = "failed", [NO_CHANCE] = "not compared",
	};

	json_add_text(json, "two_reads_at_once", names[parallel_judge(result)], 32);
}
