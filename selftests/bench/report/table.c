// SPDX-License-Identifier: GPL-2.0-only
/*
 * The report in words: rows side by side, and what else was measured.
 */
#include <math.h>

#include "report.h"

struct text {
	char text[32];
};

static struct text human(double n)
{
	struct text t;

	if (n >= 1e6)
		snprintf(t.text, sizeof(t.text), "%.2fM", n / 1e6);
	else if (n >= 1e4)
		snprintf(t.text, sizeof(t.text), "%.1fk", n / 1e3);
	else
		snprintf(t.text, sizeof(t.text), "%.0f", n);
	return t;
}

/* Of each of so many things, nothing where there are none */
static struct text each(double n, double of)
{
	struct text t = {};

	if (of)
		snprintf(t.text, sizeof(t.text), "%.1f", n / of);
	return t;
}

static void row_print(FILE *file, const struct result *r, const struct row *row)
{
	double base = row_base(r, row), tracker = row->way[TRACKER].instructions;
	bool known = row->way[TRACKER].counted;
	struct text ratio = { "-" };

	if (row_is_held(row)) {
		fprintf(file, "%-36s %10s %10.0f bytes\n", row->name, "", row->held);
		return;
	}
	if (base && known)
		snprintf(ratio.text, sizeof(ratio.text), "%.3f", tracker / base);
	fprintf(file, "%-36s %10s %10s %7s %9s %9s\n", row->name,
		base ? human(base).text : "-", known ? human(tracker).text : "-", ratio.text,
		each(tracker, row->leaves).text, each(tracker, row->dirty).text);
}

static void rows_print(FILE *file, const struct result *r)
{
	unsigned int i;

	if (r->unit)
		fprintf(file, "%s of one operation\n", r->unit);
	fprintf(file, "%-36s %10s %10s %7s %9s %9s\n", "", "upstream", "tracker", "ratio",
		"per leaf", "per dirty");
	for (i = 0; i < r->nr_rows; i++)
		if (r->rows[i].counted)
			row_print(file, r, &r->rows[i]);
}

static void targets_print(FILE *file, const struct result *r, const struct targets *targets)
{
	unsigned int i;

	fprintf(file, "\n");
	for (i = 0; i < targets->nr; i++) {
		const struct target *t = &targets->target[i];
		struct met met = target_met(r, t);

		if (met.rows)
			fprintf(file, "%-8s %s: %u of %u rows at most %s; the worst %.3f (%s)\n",
				met.over ? "NOT MET" : "met", t->what, met.rows - met.over,
				met.rows, t->limit_text, met.worst, met.name);
	}
}

/* How far two runs of the same rows differ, at most */
static void repeatability_print(FILE *file, const struct result *r)
{
	double differs, worst = 0, sum = 0;
	unsigned int i, way, n = 0;

	for (i = 0; i < r->nr_rows; i++) {
		for (way = 0; way < NR_WAYS; way++) {
			const struct figures *f = &r->rows[i].way[way];

			if (!f->again || !f->counted || !f->instructions ||
			    row_is_held(&r->rows[i]))
				continue;
			differs = fabs(f->instructions_again / f->instructions - 1);
			worst = fmax(worst, differs);
			sum += differs;
			n++;
		}
	}
	if (n)
		fprintf(file, "two runs: %u rows, differ by %.5f at most, %.6f on average\n",
			n, worst, sum / n);
}

static void meters_print(FILE *file, const struct result *r)
{
	unsigned int i;

	for (i = 0; i < r->nr_meters; i++)
		fprintf(file, "%.0f instructions took %.4f ns each\n",
			r->meters[i].instructions, r->meters[i].ns_each);
}

static void parallel_print(FILE *file, const struct result *r)
{
	char title[NAME_SIZE + 32];
	unsigned int way;

	if (!parallel_is_known(r))
		return;
	snprintf(title, sizeof(title), "two READs at once, %s", r->parallel.name);
	fprintf(file, "%-36s %10s %10s %7s %10s %7s %14s %8s\n", title, "one thread", "two",
		"factor", "four", "factor", "one at a time", "chances");
	for (way = 0; way < NR_WAYS; way++)
		fprintf(file, "%-36s %7.1f ms %7.1f ms %7.3f %7.1f ms %7.3f %14.3f %8.0f\n",
			way_names[way], r->parallel.best[way][ONE] / 1e6,
			r->parallel.best[way][TWO] / 1e6, parallel_factor(r, way, TWO),
			r->parallel.best[way][FOUR] / 1e6, parallel_factor(r, way, FOUR),
			parallel_factor(r, way, TURNS), r->parallel.chances[way]);
}

/* Microseconds of both ways, and the tracker's in upstream's */
static void times_print(FILE *file, const double *ns)
{
	fprintf(file, " %10.1f %10.1f", ns[UPSTREAM] / 1e3, ns[TRACKER] / 1e3);
	if (ns[UPSTREAM] && ns[TRACKER])
		fprintf(file, " %7.3f", ns[TRACKER] / ns[UPSTREAM]);
	else
		fprintf(file, " %7s", "-");
}

static void latencies_print(FILE *file, const struct result *r)
{
	unsigned int i;

	if (r->nr_latencies)
		fprintf(file, "%-26s %10s %10s %7s %10s %10s %7s\n", "us of a call beside a READ",
			"p99: upstr.", "tracker", "ratio", "longest: u.", "tracker", "ratio");
	for (i = 0; i < r->nr_latencies; i++) {
		const struct latency *l = &r->latencies[i];

		fprintf(file, "%-26s", l->name);
		times_print(file, l->p99);
		times_print(file, l->longest);
		fprintf(file, "  (%.0f and %.0f calls)\n", l->calls[UPSTREAM], l->calls[TRACKER]);
	}
}

static struct text over_text(const struct over *over, enum way way)
{
	struct text t = { "-" };

	if (over->known[way])
		snprintf(t.text, sizeof(t.text), "%.2f", over->each[way]);
	return t;
}

static void overs_print(FILE *file, const struct result *r)
{
	unsigned int i;

	if (r->nr_overs)
		fprintf(file, "%-36s %10s %10s\n", "pages reported for each written",
			"upstream", "tracker");
	for (i = 0; i < r->nr_overs; i++)
		fprintf(file, "%-36s %10s %10s\n", r->overs[i].name,
			over_text(&r->overs[i], UPSTREAM).text,
			over_text(&r->overs[i], TRACKER).text);
}

static void migrations_print(FILE *file, const struct result *r)
{
	unsigned int i;

	if (r->nr_migrations)
		fprintf(file, "%-24s %8s %8s %6s %10s %8s %8s %8s %8s %8s\n",
			"a migration of 64 MiB", "MiB sent", "again", "passes", "downtime",
			"quiesce", "READ", "send", "load", "total");
	for (i = 0; i < r->nr_migrations; i++) {
		const struct migration *m = &r->migrations[i];

		fprintf(file, "%-24s %8.2f %8.2f %6.0f %7.2f ms %8.2f %8.2f %8.2f %8.2f %6.2f s\n",
			m->name, m->bytes / (1 << 20), m->again / (1 << 20), m->passes,
			m->downtime * 1e3, m->quiesce * 1e3, m->read * 1e3, m->send * 1e3,
			m->load * 1e3, m->total);
	}
}

/** table_print() - All tables */
void table_print(FILE *file, const struct result *result, const struct targets *targets)
{
	unsigned int i;

	rows_print(file, result);
	targets_print(file, result, targets);
	repeatability_print(file, result);
	meters_print(file, result);
	parallel_print(file, result);
	latencies_print(file, result);
	overs_print(file, result);
	migrations_print(file, result);
	for (i = 0; i < result->nr_hosts; i++)
		fprintf(file, "host: %-28s %7.2f GB/s\n", result->hosts[i].name,
			result->hosts[i].rate / 1e9);
}

/** comparison_print() - What has got worse than in the file @path, and how many */
void comparison_print(FILE *file, const struct comparison *c, const char *path)
{
	unsigned int i;

	for (i = 0; i < c->nr_worse; i++) {
		const struct worse *w = &c->worse[i];

		if (w->ratio)
			fprintf(file, "FAILED %s: %.4f, was %s\n", w->name, w->ratio, w->was);
		else
			fprintf(file, "FAILED %s: is in %s, and was not measured\n", w->name,
				path);
	}
	fprintf(file, "%u ratios compared, %u worse by more than %.0f %%\n", c->compared,
		c->nr_worse, (RATIO_LIMIT - 1) * 100);
}

/** judgement_print() - How two READs at once compare */
void judgement_print(FILE *file, const struct result *result)
{
	enum judgement judgement = parallel_judge(result);

	if (judgement == NO_CHANCE)
		fprintf(file, "two READs at once: not compared, no other processor was free for long enough\n");
	else
		fprintf(file, "%s two READs at once: factor %.3f, upstream's %.3f\n",
			judgement == LESS_PARALLEL ? "FAILED" : "met     ",
			parallel_factor(result, TRACKER, TWO),
			parallel_factor(result, UPSTREAM, TWO));
}
