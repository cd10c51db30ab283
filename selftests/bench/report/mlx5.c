// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of "make bench-mlx5", from the output of mlx5_cost_test. A line of that is "KIND
 * CHUNK-KIB", with KIND time or work, then what the test harness puts before its messages,
 * then the message, which is MESSAGE below.
 */
#include <stdlib.h>
#include <string.h>

#include "../../../tools/lib/json.h"
#include "report.h"

#define MESSAGE "state of N MiB, N rounds, WHAT: ours N s (N to N), upstream N s (N to N), ratio N"
/* Of work, an instruction takes 2 ns */
#define MILLIONS_PER_SECOND 500

struct pair {
	bool known;
	double ours, upstream, ratio;
};

/* Of one size, in one kind of images */
struct cost {
	unsigned int mib;
	bool chunks;
	char what[NAME_SIZE];
	struct pair time, work;
};

/**
 * struct costs - All of a file
 * @cost: They, in the order of their times
 * @nr: How many
 */
struct costs {
	struct cost cost[MAX_LINES];
	unsigned int nr;
};

static int parse_cost(struct input *in, struct cost *cost)
{
	const char *message = strstr(in->text, "state of ");
	char kind[8];
	unsigned int chunk, rounds;
	struct pair pair = { .known = true };
	double low, high;

	if (sscanf(in->text, "%7s %u ", kind, &chunk) != 2 ||
	    (strcmp(kind, "time") && strcmp(kind, "work")))
		return input_wrong(in, "expected: time or work, and the size of chunks in KiB");
	if (!message ||
	    sscanf(message,
		   "state of %u MiB, %u rounds, %63[^: ]: ours %lf s (%lf to %lf), upstream %lf s (%lf to %lf), ratio %lf",
		   &cost->mib, &rounds, cost->what, &pair.ours, &low, &high, &pair.upstream,
		   &low, &high, &pair.ratio) != 10)
		return input_wrong(in, "expected: %s", MESSAGE);
	if (!pair.upstream)
		return input_wrong(in, "upstream took 0 s; expected: %s", MESSAGE);
	cost->chunks = chunk;
	*(*kind == 't' ? &cost->time : &cost->work) = pair;
	return 0;
}

static struct cost *find_cost(struct costs *costs, const struct cost *like)
{
	struct cost *cost = costs->cost, *end = cost + costs->nr;

	while (cost < end && (cost->mib != like->mib || cost->chunks != like->chunks ||
			      strcmp(cost->what, like->what)))
		cost++;
	return cost;
}

static int take_cost(void *data, struct input *in)
{
	struct costs *costs = data;
	struct cost new = {}, *cost;
	int rc = parse_cost(in, &new);

	if (rc)
		return rc;
	cost = find_cost(costs, &new);
	if (cost == &costs->cost[costs->nr]) {
		if (costs->nr == MAX_LINES)
			return input_wrong(in, "more than %u costs", MAX_LINES);
		costs->nr++;
		*cost = new;
		return 0;
	}
	if (new.time.known)
		cost->time = new.time;
	else
		cost->work = new.work;
	return 0;
}

static const char *images(const struct cost *cost)
{
	return cost->chunks ? "chunks" : "one";
}

static void cost_print(const struct cost *c)
{
	char state[32];

	snprintf(state, sizeof(state), "%u MiB", c->mib);
	printf("%-8s %-6s %-16s %7.3f s %7.3f s %6.2f", state, images(c), c->what, c->time.ours,
	       c->time.upstream, c->time.ratio);
	if (c->work.known)
		printf(" %8.0fM %8.0fM %6.2f", c->work.ours * MILLIONS_PER_SECOND,
		       c->work.upstream * MILLIONS_PER_SECOND, c->work.ours / c->work.upstream);
	printf("\n");
}

static void costs_print(const struct costs *costs)
{
	unsigned int i;

	printf("%-8s %-6s %-16s %9s %9s %6s %9s %9s %6s\n", "state", "images", "what", "ours",
	       "upstream", "ratio", "ours", "upstream", "ratio");
	for (i = 0; i < costs->nr; i++)
		if (costs->cost[i].time.known)
			cost_print(&costs->cost[i]);
}

static void add_pair(struct json_object *json, const char *name, const struct pair *pair,
		     const char *ours, const char *upstream, double unit)
{
	struct json_object *part;

	if (!pair->known) {
		json_object_object_add(json, name, NULL);
		return;
	}
	part = json_object_new_object();
	json_object_object_add(json, name, part);
	json_add_format(part, ours, "%.3f", pair->ours * unit);
	json_add_format(part, upstream, "%.3f", pair->upstream * unit);
	json_add_format(part, "ratio", "%.4f", pair->ours / pair->upstream);
}

static int costs_json(const struct costs *costs)
{
	struct json_object *json = json_object_new_object(), *list, *entry;
	unsigned int i;

	list = json_add_list(json, "costs");
	for (i = 0; i < costs->nr; i++) {
		const struct cost *c = &costs->cost[i];

		entry = json_add_entry(list);
		json_add_number(entry, "state_mib", c->mib);
		json_add_text(entry, "images", images(c), 8);
		json_add_text(entry, "what", c->what, sizeof(c->what));
		add_pair(entry, "time", &c->time, "ours_s", "upstream_s", 1);
		add_pair(entry, "work", &c->work, "ours_million_instructions",
			 "upstream_million_instructions", MILLIONS_PER_SECOND);
	}
	return json_write(stdout, json, true);
}

/**
 * mlx5_report() - Print the table of a file
 * @path: The file
 * @json: As JSON
 * @why: After a failure, the message for it
 * @size: Of @why
 *
 * Return: 0, -EINVAL, -EIO.
 */
int mlx5_report(const char *path, bool json, char *why, size_t size)
{
	static struct costs costs;
	int rc = input_file(path, input_line, take_cost, &costs, why, size);

	if (rc)
		return rc;
	if (json) {
		snprintf(why, size, "standard output: cannot be written");
		return costs_json(&costs);
	}
	costs_print(&costs);
	return 0;
}
