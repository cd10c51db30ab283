// SPDX-License-Identifier: GPL-2.0-only
/*
 * report: what a run of the benchmark measured, side by side; ../run.sh calls it. This file
 * has the command line, and decides the exit status.
 */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../../tools/lib/json.h"
#include "report.h"

static const char usage[] =
"Usage: report [OPTION...] RESULT...\n"
"       report --parallel RESULT...\n"
"       report --least FIRST SECOND\n"
"       report --mlx5 FILE\n"
"\n"
"Put the rows of a run of the benchmark side by side. The name of a RESULT says\n"
"what it has: count.out, scale.out, many.out, migrations.out, again.out, wall.out,\n"
"parallel.out, latency.out or host.out.\n"
"\n"
"  -s, --shift N       an instruction takes 2^N ns (default 0)\n"
"  -U, --unit UNIT     the figures are instructions or nanoseconds (bench native),\n"
"                      and the table says so\n"
"  -k, --kernel NAME   release of the kernel, for JSON\n"
"  -t, --targets FILE  say how far these targets are met\n"
"  -d, --dir DIR       write bench.json and the data for the plots to DIR\n"
"  -c, --compare FILE  fail if a ratio has got worse than in FILE by more than 3 %,\n"
"                      or two READs at once gain less than upstream's\n"
"  -u, --update FILE   write the ratios to FILE, to compare with\n"
"  -p, --parallel      only judge, by the status, two READs at once\n"
"  -l, --least         only write the run SECOND with each row's smaller figure\n"
"  -m, --mlx5          only print the table of bench-mlx5, of the messages of\n"
"                      mlx5_cost_test in FILE\n"
"  -j, --json          JSON on standard output in place of tables\n"
"  -h, --help          this text\n"
"\n"
"Exit status: 0 nothing is worse, 1 something is, 2 two READs at once had no\n"
"chance to run at once (--parallel), 3 usage or a RESULT that is none.\n";

enum { STATUS_WORSE = 1, STATUS_NO_CHANCE, STATUS_ERROR };

/**
 * struct options - The command line
 * @shift: An instruction takes 2^@shift ns
 * @unit: Of the figures, or NULL
 * @kernel: Release
 * @targets: File, or NULL
 * @dir: Folder, or NULL
 * @compare: File, or NULL
 * @update: File, or NULL
 * @parallel: Only judge two READs at once
 * @least: Only merge two runs
 * @mlx5: Only print the table of bench-mlx5
 * @json: In place of tables
 */
struct options {
	unsigned int shift;
	const char *unit;
	const char *kernel;
	const char *targets;
	const char *dir;
	const char *compare;
	const char *update;
	bool parallel;
	bool least;
	bool mlx5;
	bool json;
};

/* Say on standard error what is wrong */
static int __attribute__((format(printf, 1, 2))) fail(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("report: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return STATUS_ERROR;
}

/* NULL after saying why */
static FILE *open_file(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (!file)
		fail("%s: %s", path, strerror(errno));
	return file;
}

static int parse_shift(struct options *o, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n > 20)
		return fail("--shift %s: expected a number up to 20", text);
	o->shift = n;
	return 0;
}

static int parse_unit(struct options *o, const char *text)
{
	if (strcmp(text, "instructions") && strcmp(text, "nanoseconds"))
		return fail("--unit %s: expected instructions or nanoseconds", text);
	o->unit = text;
	return 0;
}

static int parse_option(struct options *o, int option)
{
	switch (option) {
	case 's':
		return parse_shift(o, optarg);
	case 'U':
		return parse_unit(o, optarg);
	case 'k':
		o->kernel = optarg;
		break;
	case 't':
		o->targets = optarg;
		break;
	case 'd':
		o->dir = optarg;
		break;
	case 'c':
		o->compare = optarg;
		break;
	case 'u':
		o->update = optarg;
		break;
	case 'p':
		o->parallel = true;
		break;
	case 'l':
		o->least = true;
		break;
	case 'm':
		o->mlx5 = true;
		break;
	case 'j':
		o->json = true;
		break;
	default:
		fputs(usage, stderr);
		return STATUS_ERROR;
	}
	return 0;
}

static const struct option long_options[] = {
	{ "shift", required_argument, NULL, 's' },
	{ "unit", required_argument, NULL, 'U' },
	{ "kernel", required_argument, NULL, 'k' },
	{ "targets", required_argument, NULL, 't' },
	{ "dir", required_argument, NULL, 'd' },
	{ "compare", required_argument, NULL, 'c' },
	{ "update", required_argument, NULL, 'u' },
	{ "parallel", no_argument, NULL, 'p' },
	{ "least", no_argument, NULL, 'l' },
	{ "mlx5", no_argument, NULL, 'm' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{}
};

static bool usage_is_right(const struct options *o, int nr_files)
{
	if (o->least + o->mlx5 + o->parallel > 1 || (o->compare && o->update))
		return false;
	return o->least ? nr_files == 2 : o->mlx5 ? nr_files == 1 : nr_files > 0;
}

static int read_results(struct result *result, char **paths)
{
	FILE *file;
	int rc = 0;

	for (; *paths && !rc; paths++) {
		file = open_file(*paths, "r");
		if (!file)
			return STATUS_ERROR;
		if (result_read(result, file, *paths))
			rc = fail("%s", result->why);
		fclose(file);
	}
	return rc;
}

static int read_targets(struct targets *targets, const char *path)
{
	FILE *file;
	int rc = 0;

	if (!path)
		return 0;
	file = open_file(path, "r");
	if (!file)
		return STATUS_ERROR;
	if (targets_read(targets, file, path))
		rc = fail("%s", targets->why);
	fclose(file);
	return rc;
}

static int read_ratios(const struct result *result, const char *path, struct comparison *c)
{
	FILE *file;
	int rc = 0;

	if (!path)
		return 0;
	file = open_file(path, "r");
	if (!file)
		return STATUS_ERROR;
	if (ratios_compare(result, file, path, c))
		rc = fail("%s", c->why);
	fclose(file);
	return rc;
}

static int write_ratios(const struct result *result, const char *path)
{
	FILE *file;
	int rc;

	if (!path)
		return 0;
	file = open_file(path, "w");
	if (!file)
		return STATUS_ERROR;
	rc = ratios_write(result, file);
	if (fclose(file) || rc)
		return fail("%s: cannot be written", path);
	return 0;
}

/* bench.json and the data for the plots */
static int write_files(const struct result *result, const struct options *o)
{
	char path[4096];
	FILE *file;
	int rc;

	if (!o->dir)
		return 0;
	if ((size_t)snprintf(path, sizeof(path), "%s/bench.json", o->dir) >= sizeof(path))
		return fail("%s: too long", o->dir);
	file = open_file(path, "w");
	if (!file)
		return STATUS_ERROR;
	rc = json_write(file, json_result(result, o->kernel), true);
	if (fclose(file) || rc)
		return fail("%s: cannot be written", path);
	rc = plots_write(result, o->dir);
	if (rc)
		return fail("%s: data for the plots: %s", o->dir, strerror(-rc));
	return 0;
}

static int print_json(const struct result *result, const struct targets *targets,
		      const struct comparison *c, const struct options *o)
{
	struct json_object *json = json_result(result, o->kernel);

	json_add_targets(json, result, targets);
	if (o->compare)
		json_add_comparison(json, c);
	if (o->compare || o->update)
		json_add_judgement(json, result);
	return json_write(stdout, json, true) ? fail("standard output: cannot be written") : 0;
}

static int print_tables(const struct result *result, const struct targets *targets,
			const struct comparison *c, const struct options *o)
{
	table_print(stdout, result, targets);
	if (o->compare)
		comparison_print(stdout, c, o->compare);
	if (o->compare || o->update)
		judgement_print(stdout, result);
	return 0;
}

static int report(struct result *result, const struct options *o, char **paths)
{
	static struct targets targets;
	static struct comparison c;
	bool worse;
	int rc = read_results(result, paths);

	if (!rc)
		rc = read_targets(&targets, o->targets);
	if (!rc)
		rc = read_ratios(result, o->compare, &c);
	if (!rc)
		rc = write_files(result, o);
	if (!rc)
		rc = write_ratios(result, o->update);
	if (!rc)
		rc = (o->json ? print_json : print_tables)(result, &targets, &c, o);
	targets_free(&targets);
	if (rc)
		return rc;
	worse = (o->compare && comparison_failed(&c)) ||
		((o->compare || o->update) && parallel_judge(result) == LESS_PARALLEL);
	return worse ? STATUS_WORSE : 0;
}

static int judge_parallel(struct result *result, char **paths)
{
	static const int status[] = {
		[AS_PARALLEL] = 0, [LESS_PARALLEL] = STATUS_WORSE, [NO_CHANCE] = STATUS_NO_CHANCE,
	};
	int rc = read_results(result, paths);

	return rc ? rc : status[parallel_judge(result)];
}

static int write_least(const char *first, const char *second)
{
	char why[512];

	return least_write(stdout, first, second, why, sizeof(why)) ? fail("%s", why) : 0;
}

static int print_mlx5(const char *path, bool json)
{
	char why[512];

	return mlx5_report(path, json, why, sizeof(why)) ? fail("%s", why) : 0;
}

int main(int argc, char **argv)
{
	struct options o = { .kernel = "" };
	static struct result result;
	int option, rc;

	while ((option = getopt_long(argc, argv, "s:U:k:t:d:c:u:plmjh", long_options, NULL)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		rc = parse_option(&o, option);
		if (rc)
			return rc;
	}
	result.shift = o.shift;
	result.unit = o.unit;
	result.time = o.unit && !strcmp(o.unit, "nanoseconds");
	if (!usage_is_right(&o, argc - optind)) {
		fputs(usage, stderr);
		return STATUS_ERROR;
	}
	if (o.least)
		rc = write_least(argv[optind], argv[optind + 1]);
	else if (o.mlx5)
		rc = print_mlx5(argv[optind], o.json);
	else if (o.parallel)
		rc = judge_parallel(&result, &argv[optind]);
	else
		rc = report(&result, &o, &argv[optind]);
	if (fflush(stdout) || ferror(stdout))
		return fail("standard output: cannot be written");
	return rc;
}
