// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers computed from the results:
 *
 *	readers-N		the tracker's time divided by upstream's, with N READs at once
 *	latency-CALL.p99	the same of calls beside a READ
 *	latency-CALL.longest
 *	migration-read.NAME	the last READ's share of the downtime
 *	migration-again.WRITES	bytes sent after the first pass: with small leaves, divided
 *				by those with leaves of 2 MiB
 */
#include <stdio.h>
#include <string.h>

#include "values.h"

/**
 * struct list - Values that are being collected
 * @value: They
 * @nr: How many
 * @max: Room for so many; what is beyond is left out
 */
struct list {
	struct value *value;
	unsigned int nr;
	unsigned int max;
};

/* Nothing where there is nothing to divide by */
static void add_ratio(struct list *list, const char *kind, const char *name, const char *end,
		      double part, double whole)
{
	struct value *v = &list->value[list->nr];

	if (!whole || list->nr == list->max)
		return;
	snprintf(v->name, sizeof(v->name), "%s%s%s", kind, name, end);
	v->value = part / whole;
	list->nr++;
}

static void add_readers(struct list *list, const struct result *r)
{
	static const char * const names[NR_TIMES] = { [ONE] = "1", [TWO] = "2", [FOUR] = "4" };
	unsigned int i;

	if (!parallel_is_known(r))
		return;
	for (i = 0; i < NR_TIMES; i++)
		if (names[i])
			add_ratio(list, "readers-", names[i], "", r->parallel.best[TRACKER][i],
				  r->parallel.best[UPSTREAM][i]);
}

static void add_latency(struct list *list, const struct latency *l)
{
	if (!l->known[UPSTREAM] || !l->known[TRACKER])
		return;
	add_ratio(list, "latency-", l->name, ".p99", l->p99[TRACKER], l->p99[UPSTREAM]);
	add_ratio(list, "latency-", l->name, ".longest", l->longest[TRACKER],
		  l->longest[UPSTREAM]);
}

static const struct migration *find_migration(const struct result *r, const char *writes,
					      const char *way)
{
	char name[2 * NAME_SIZE];
	unsigned int i;

	snprintf(name, sizeof(name), "%s.%s", writes, way);
	for (i = 0; i < r->nr_migrations; i++)
		if (!strcmp(r->migrations[i].name, name))
			return &r->migrations[i];
	return NULL;
}

/* @small is with small leaves: beside the same writes with large ones */
static void add_again(struct list *list, const struct result *r, const struct migration *small)
{
	const char *way = strchr(small->name, '.');
	const struct migration *large;
	char writes[NAME_SIZE];

	if (!way || strcmp(way, ".tracker-small"))
		return;
	snprintf(writes, sizeof(writes), "%.*s", (int)(way - small->name), small->name);
	large = find_migration(r, writes, "tracker-2M");
	if (large)
		add_ratio(list, "migration-again.", writes, "", small->again, large->again);
}

/**
 * values_of() - Collect all that follow from a result
 * @result: The result
 * @values: Filled in
 * @max: Room for so many
 *
 * Return: how many there are.
 */
unsigned int values_of(const struct result *result, struct value *values, unsigned int max)
{
	struct list list = { .value = values, .max = max };
	unsigned int i;

	add_readers(&list, result);
	for (i = 0; i < result->nr_latencies; i++)
		add_latency(&list, &result->latencies[i]);
	for (i = 0; i < result->nr_migrations; i++) {
		const struct migration *m = &result->migrations[i];

		add_ratio(&list, "migration-read.", m->name, "", m->read, m->downtime);
		add_again(&list, result, m);
	}
	return list.nr;
}
