// SPDX-License-Identifier: GPL-2.0-only
/*
 * The figures of a run. What a file has is said by its name: count.out the instructions of
 * each row, again.out those of a second run, wall.out the time, parallel.out READs at
 * once, latency.out calls beside a READ, host.out the speeds on the host. scale.out,
 * many.out and migrations.out are of boots of their own, counted as count.out is.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "result.h"

enum source { COUNT, SCALE, MANY, MIGRATIONS, AGAIN, WALL, PARALLEL, LATENCY, HOST, NR_SOURCES };

static const char * const source_names[NR_SOURCES] = {
	"count", "scale", "many", "migrations", "again", "wall", "parallel", "latency", "host",
};

static int find_source(const char *path, enum source *source)
{
	const char *name = strrchr(path, '/');
	unsigned int i;

	name = name ? name + 1 : path;
	for (i = 0; i < NR_SOURCES; i++) {
		size_t length = strlen(source_names[i]);

		if (!strncmp(name, source_names[i], length) &&
		    (!name[length] || name[length] == '.')) {
			*source = i;
			return 0;
		}
	}
	return -EINVAL;
}

/* A table has no room for what the last line says. */
static int table_full(struct input *in, unsigned int most)
{
	return input_wrong(in, "more than %u of them", most);
}

static void set_name(char *to, const char *name)
{
	snprintf(to, NAME_SIZE, "%s", name);
}

/* Where the row of this name is; @nr_rows if there is none */
static unsigned int find_row(const struct result *r, const char *name)
{
	unsigned int i = 0;

	while (i < r->nr_rows && strcmp(r->rows[i].name, name))
		i++;
	return i;
}

/* Is it measured in instructions, and no second run? */
static bool is_counted(enum source source)
{
	return source <= MIGRATIONS;
}

static int take_row(struct result *r, struct input *in, enum source source)
{
	double busy = in->value[2] / in->value[4], wall = in->value[3] / in->value[4];
	unsigned int at = find_row(r, in->field[1]);
	struct row *row = &r->rows[at];
	struct figures *f;

	if (at == r->nr_rows) {
		if (at == MAX_ROWS)
			return table_full(in, MAX_ROWS);
		r->nr_rows++;
		set_name(row->name, in->field[1]);
	}
	f = &row->way[in->way];
	if (source == WALL) {
		f->timed = true;
		f->wall_ns = wall;
	} else if (source == AGAIN) {
		f->again = true;
		f->instructions_again = ldexp(busy, -(int)r->shift);
	}
	if (!is_counted(source))
		return 0;
	f->counted = true;
	row->counted = true;
	f->instructions = ldexp(busy, -(int)r->shift);
	row->leaves = in->value[5];
	row->words = in->value[7];
	if (in->way == TRACKER) {
		row->dirty = in->value[6];
		row->held = in->value[8];
	}
	return 0;
}

static int take_over(struct result *r, struct input *in)
{
	struct over *over = r->overs, *end = over + r->nr_overs;

	while (over < end && strcmp(over->name, in->field[1]))
		over++;
	if (over == end) {
		if (r->nr_overs == MAX_LINES)
			return table_full(in, MAX_LINES);
		r->nr_overs++;
		set_name(over->name, in->field[1]);
	}
	over->known[in->way] = true;
	over->each[in->way] = in->value[3] / in->value[2];
	return 0;
}

static int take_parallel(struct result *r, struct input *in)
{
	struct parallel *p = &r->parallel;
	double *best = p->best[in->way];
	unsigned int i;

	for (i = 0; i < NR_TIMES; i++)
		if (!p->known[in->way] || in->value[2 + i] < best[i])
			best[i] = in->value[2 + i];
	p->known[in->way] = true;
	p->chances[in->way] += in->value[2 + NR_TIMES];
	set_name(p->name, in->field[1]);
	return 0;
}

/* Of several rounds the best counts: other work of the machine only makes calls longer. */
static int take_latency(struct result *r, struct input *in)
{
	struct latency *l = r->latencies, *end = l + r->nr_latencies;
	double p99 = in->value[2], longest = in->value[3];

	while (l < end && strcmp(l->name, in->field[1]))
		l++;
	if (l == end) {
		if (r->nr_latencies == MAX_LINES)
			return table_full(in, MAX_LINES);
		r->nr_latencies++;
		set_name(l->name, in->field[1]);
	}
	if (!l->known[in->way] || p99 < l->p99[in->way])
		l->p99[in->way] = p99;
	if (!l->known[in->way] || longest < l->longest[in->way])
		l->longest[in->way] = longest;
	l->calls[in->way] += in->value[4];
	l->known[in->way] = true;
	return 0;
}

static int take_migration(struct result *r, struct input *in)
{
	struct migration *m = &r->migrations[r->nr_migrations];

	if (r->nr_migrations == MAX_LINES)
		return table_full(in, MAX_LINES);
	r->nr_migrations++;
	set_name(m->name, in->field[1]);
	m->bytes = in->value[2];
	m->again = in->value[3];
	m->passes = in->value[4];
	m->downtime = in->value[5];
	m->quiesce = in->value[6];
	m->read = in->value[7];
	m->send = in->value[8];
	m->load = in->value[9];
	m->total = in->value[10];
	snprintf(m->downtime_text, sizeof(m->downtime_text), "%s", in->field[5]);
	snprintf(m->total_text, sizeof(m->total_text), "%s", in->field[10]);
	return 0;
}

static int take_meter(struct result *r, struct input *in)
{
	struct meter *m = &r->meters[r->nr_meters];

	if (r->nr_meters == MAX_LINES)
		return table_full(in, MAX_LINES);
	r->nr_meters++;
	m->instructions = in->value[1];
	m->ns_each = in->value[2];
	return 0;
}

static int take_host(struct result *r, struct input *in)
{
	struct host *h = &r->hosts[r->nr_hosts];

	if (r->nr_hosts == MAX_LINES)
		return table_full(in, MAX_LINES);
	r->nr_hosts++;
	set_name(h->name, in->field[1]);
	h->rate = in->value[2];
	return 0;
}

/*
 * Kinds up to LINE_LATENCY are of a way. What a second run and one in wall time print besides
 * rows is in the first already.
 */
static int take_line(struct result *r, struct input *in, enum source source)
{
	bool of_a_way = in->kind <= LINE_LATENCY;

	if (of_a_way && in->way == NO_WAY)
		return input_wrong(in, "'%s' before any line 'way tracker' or 'way upstream'",
				   in->field[0]);
	switch (in->kind) {
	case LINE_ROW:
		return take_row(r, in, source);
	case LINE_OVER:
		return source == COUNT ? take_over(r, in) : 0;
	case LINE_MIGRATION:
		return is_counted(source) ? take_migration(r, in) : 0;
	case LINE_PARALLEL:
		return take_parallel(r, in);
	case LINE_LATENCY:
		return take_latency(r, in);
	case LINE_METER:
		return take_meter(r, in);
	case LINE_HOST:
		return take_host(r, in);
	case LINE_WAY:
	case LINE_OTHER:
		break;
	}
	return 0;
}

/**
 * result_read() - Add what a file has
 * @result: To which; after a failure its @why has the message
 * @file: The file
 * @path: Its name, which says what it has
 *
 * Return: 0, -EINVAL, -EIO.
 */
int result_read(struct result *result, FILE *file, const char *path)
{
	enum source source;
	struct input in;
	int rc;

	if (find_source(path, &source)) {
		snprintf(result->why, sizeof(result->why),
			 "%.128s: not the name of a result; expected: count.out, scale.out, many.out, migrations.out, again.out, wall.out, parallel.out, latency.out or host.out",
			 path);
		return -EINVAL;
	}
	input_begin(&in, file, path);
	while ((rc = input_next(&in)) > 0) {
		rc = take_line(result, &in, source);
		if (rc)
			break;
	}
	if (rc)
		snprintf(result->why, sizeof(result->why), "%s", in.why);
	input_end(&in);
	return rc;
}

/**
 * result_row() - A row that was measured in instructions
 *
 * Return: the row, or NULL.
 */
const struct row *result_row(const struct result *result, const char *name)
{
	unsigned int at = find_row(result, name);

	return at < result->nr_rows && result->rows[at].counted ? &result->rows[at] : NULL;
}

/** row_is_held() - Is it about memory? */
bool row_is_held(const struct row *row)
{
	return !strncmp(row->name, "held", strlen("held"));
}

/**
 * row_base() - What a row is compared with: upstream's way, or where upstream has none (it
 *	reads nothing from a driver without a bitmap) the same with a driver that has
 *
 * Return: instructions, or 0.
 */
double row_base(const struct result *result, const struct row *row)
{
	const char *gather = strstr(row->name, "-gather");
	char direct[NAME_SIZE];

	if (row->way[UPSTREAM].counted)
		return row->way[UPSTREAM].instructions;
	if (!gather)
		return 0;
	snprintf(direct, sizeof(direct), "%.*s%s", (int)(gather - row->name), row->name,
		 gather + strlen("-gather"));
	row = result_row(result, direct);
	return row && row->way[TRACKER].counted ? row->way[TRACKER].instructions : 0;
}

/**
 * row_ratio() - The tracker's instructions in those that they are compared with
 *
 * Return: the ratio, or 0 where one of the two was not measured.
 */
double row_ratio(const struct result *result, const struct row *row)
{
	double base = row_base(result, row);

	return base && !row_is_held(row) ? row->way[TRACKER].instructions / base : 0;
}

/** parallel_is_known() - Were two READs at once measured in both ways? */
bool parallel_is_known(const struct result *result)
{
	return result->parallel.known[UPSTREAM] && result->parallel.known[TRACKER];
}

/** parallel_factor() - How much of one thread's time two threads take */
double parallel_factor(const struct result *result, enum way way, enum parallel_time time)
{
	return result->parallel.best[way][time] / result->parallel.best[way][ONE];
}
