// SPDX-License-Identifier: GPL-2.0-only
/* The bench's report: what it reads, and what it compares. */
#include <stdlib.h>
#include <string.h>

#include "../bench/report/compare.h"
#include "../bench/report/targets.h"
#include "harness.h"

/* Two rows in both ways; an instruction takes 2 ns */
#define TWO_ROWS							\
	"meter\t2000000\t2.001\n"					\
	"way tracker\n"							\
	"row\tread-4K.1G.1.seq\t2020\t2200\t10\t5\t2\t3\t0\n"		\
	"row\tstop.4K.1G\t600\t600\t1\t0\t0\t0\t0\n"			\
	"done\n"							\
	"way upstream\n"						\
	"row\tread-4K.1G.1.seq\t2000\t2100\t10\t5\t9\t4\t7\n"		\
	"row\tstop.4K.1G\t400\t400\t1\t0\t0\t0\t0\n"			\
	"done\n"

static struct result result;
static struct comparison comparison;
static struct targets targets;

static void forget(void *unused)
{
	(void)unused;
	memset(&result, 0, sizeof(result));
	result.shift = 1;
}

static FILE *file_of(const char *text)
{
	return fmemopen((char *)text, strlen(text), "r");
}

/* A file of a result that has @text */
static int read_text(const char *path, const char *text)
{
	FILE *file = file_of(text);
	int rc = result_read(&result, file, path);

	fclose(file);
	return rc;
}

static int compare_text(const char *text)
{
	FILE *file = file_of(text);
	int rc = ratios_compare(&result, file, "ratios.txt", &comparison);

	fclose(file);
	return rc;
}

static int read_targets(const char *text)
{
	FILE *file = file_of(text);
	int rc;

	targets_free(&targets);
	rc = targets_read(&targets, file, "targets.txt");
	fclose(file);
	return rc;
}

TEST figures_of_a_row(void)
{
	const struct row *row;

	ASSERT_EQ(0, read_text("some/where/count.out", TWO_ROWS));
	ASSERT_EQ(2u, result.nr_rows);
	row = result_row(&result, "read-4K.1G.1.seq");
	ASSERT(row && row->way[TRACKER].counted && row->way[UPSTREAM].counted);
	ASSERT_EQ(101.0, row->way[TRACKER].instructions);
	ASSERT_EQ(100.0, row->way[UPSTREAM].instructions);
	ASSERT_EQ(1.01, row_ratio(&result, row));
	/* Leaves and words are of the last way, dirty pages and bytes of the tracker's */
	ASSERT_EQ(5.0, row->leaves);
	ASSERT_EQ(4.0, row->words);
	ASSERT_EQ(2.0, row->dirty);
	ASSERT_EQ(0.0, row->held);
	ASSERT_EQ(1u, result.nr_meters);
	ASSERT_EQ(2.001, result.meters[0].ns_each);
	ASSERT_EQ(NULL, result_row(&result, "read-4K.1G.1"));
	PASS();
}

/* What else is measured does not change what was counted. */
TEST other_files(void)
{
	const struct row *row;

	ASSERT_EQ(0, read_text("count.out", TWO_ROWS));
	ASSERT_EQ(0, read_text("again.out", "way tracker\n"
			       "row\tread-4K.1G.1.seq\t4000\t1\t10\t1\t1\t1\t1\n"
			       "row\tmore\t4000\t1\t10\t1\t1\t1\t1\n"));
	ASSERT_EQ(0, read_text("wall.out", "way upstream with words\n"
			       "row\tread-4K.1G.1.seq\t1\t3000\t10\t1\t1\t1\t1\n"));
	ASSERT_EQ(0, read_text("host.out", "host\tdelivery, 1 % dirty\t3070000000\n"));
	row = result_row(&result, "read-4K.1G.1.seq");
	ASSERT_EQ(101.0, row->way[TRACKER].instructions);
	ASSERT_EQ(200.0, row->way[TRACKER].instructions_again);
	ASSERT(!row->way[TRACKER].timed && row->way[UPSTREAM].timed);
	ASSERT_EQ(300.0, row->way[UPSTREAM].wall_ns);
	ASSERT_EQ(NULL, result_row(&result, "more"));
	ASSERT_EQ(1u, result.nr_hosts);
	ASSERT_STR_EQ("delivery, 1 % dirty", result.hosts[0].name);
	PASS();
}

TEST gather_has_its_direct_row_as_base(void)
{
	const struct row *row;

	ASSERT_EQ(0, read_text("count.out", "way tracker\n"
			       "row\tread-4K.1G\t200\t1\t1\t1\t1\t1\t0\n"
			       "row\tread-4K-gather.1G\t300\t1\t1\t1\t1\t1\t0\n"
			       "row\tread-2M-gather.1G\t300\t1\t1\t1\t1\t1\t0\n"));
	row = result_row(&result, "read-4K-gather.1G");
	ASSERT_EQ(1.5, row_ratio(&result, row));
	row = result_row(&result, "read-2M-gather.1G");
	ASSERT_EQ(0.0, row_ratio(&result, row));
	PASS();
}

/* Each is in line 2, and the message says that and what was expected there. */
TEST malformed_lines(void)
{
	static const struct {
		const char *line, *why;
	} lines[] = {
		{ "row\ta\t1\t1\t1\t1\t1\t1", "8 fields between tabs; expected: row NAME BUSY-NS" },
		{ "row\ta\t1\t1\t1\t1\t1\t1\t1\t1", "10 fields between tabs; expected: row NAME" },
		{ "row\ta\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1", "more than 12 fields between tabs" },
		{ "row a 1 1 1 1 1 1 1", "1 fields between tabs; expected: row NAME" },
		{ "row", "1 fields between tabs; expected: row NAME" },
		{ "row\t\t1\t1\t1\t1\t1\t1\t1", "NAME is empty or has more than 63 letters" },
		{ "row\ta\t\t1\t1\t1\t1\t1\t1", "BUSY-NS is '', and not a number; expected: row" },
		{ "row\ta\t1\t-1\t1\t1\t1\t1\t1", "WALL-NS is '-1', and not a whole number" },
		{ "row\ta\t1\t1\t0\t1\t1\t1\t1", "OPS is 0; expected: row NAME" },
		{ "row\ta\t1\t1\t1\t1.5\t1\t1\t1", "LEAVES is '1.5', and not a whole number" },
		{ "row\ta\t1\t1\t1\t1\t1\t1\t1x", "BYTES is '1x', and not a whole number" },
		{ "over\ta\t0\t1", "WRITTEN is 0; expected: over NAME WRITTEN REPORTED" },
		{ "migration\ta\t1\t1\t1\tnan\t1\t1\t1\t1\t1", "DOWNTIME-S is 'nan', and not a number" },
		{ "meter\t1\t1e999", "NS-EACH is '1e999', and not a number; expected: meter" },
		{ "parallel\ta\t1\t1\t1\t1", "6 fields between tabs; expected: parallel NAME ONE-NS" },
		{ "way", "'' is no way; expected: way tracker|upstream" },
		{ "way trackers", "'trackers' is no way; expected: way tracker|upstream" },
		{ "rows\ta\t1", "'rows' begins no line of a result; expected: row, over," },
		{ "error\tREAD: Bad address", "the benchmark failed: READ: Bad address" },
	};
	char text[256], why[256];
	unsigned int i;

	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		forget(NULL);
		snprintf(text, sizeof(text), "way tracker\n%s\ndone\n", lines[i].line);
		snprintf(why, sizeof(why), "build/count.out:2: %s", lines[i].why);
		EXPECT(read_text("build/count.out", text), "'%s' is accepted", lines[i].line);
		EXPECT(!strncmp(result.why, why, strlen(why)), "'%s', and not '%s'", result.why, why);
	}
	PASS();
}

TEST lines_without_a_way(void)
{
	ASSERT(read_text("count.out", "over\ta\t1\t1\n"));
	ASSERT_STR_EQ("count.out:1: 'over' before any line 'way tracker' or 'way upstream'", result.why);
	/* The one of another file does not count. */
	forget(NULL);
	ASSERT_EQ(0, read_text("count.out", TWO_ROWS));
	ASSERT(read_text("parallel.out", "parallel\ta\t1\t1\t1\t1\t1\n"));
	PASS();
}

TEST names_of_files(void)
{
	ASSERT_EQ(0, read_text("count", "done\n"));
	ASSERT(read_text("counts.out", "done\n"));
	ASSERT(strstr(result.why, "counts.out: not the name of a result; expected: count.out,"));
	ASSERT(read_text("count.out/x", "done\n"));
	PASS();
}

TEST more_rows_than_there_is_room_for(void)
{
	size_t size;
	char *text;
	FILE *file = open_memstream(&text, &size);
	unsigned int i;

	fprintf(file, "way tracker\n");
	for (i = 0; i <= MAX_ROWS; i++)
		fprintf(file, "row\t%u\t1\t1\t1\t1\t1\t1\t1\n", i);
	fclose(file);
	ASSERT(read_text("count.out", text));
	ASSERT_STR_EQ("count.out:1026: more than 1024 of them", result.why);
	free(text);
	PASS();
}

TEST ratios_within_the_limit(void)
{
	ASSERT_EQ(0, read_text("count.out", TWO_ROWS));
	ASSERT_EQ(0, compare_text("# a comment\nread-4K.1G.1.seq 1.0000\nstop.4K.1G 1.4564\n"));
	ASSERT_EQ(2u, comparison.compared);
	ASSERT_EQ(0u, comparison.nr_worse);
	ASSERT(!comparison_failed(&comparison));
	/* Better than it was is no failure, whatever was there. */
	ASSERT_EQ(0, compare_text("read-4K.1G.1.seq 30\n"));
	ASSERT(!comparison_failed(&comparison));
	PASS();
}

/* Controls of the test above: each has to fail. */
TEST a_worse_ratio_fails(void)
{
	ASSERT_EQ(0, read_text("count.out", TWO_ROWS));
	/* 1.5 is more than 1.03 * 1.4563 */
	ASSERT_EQ(0, compare_text("read-4K.1G.1.seq 1.0000\nstop.4K.1G 1.4563\n"));
	ASSERT(comparison_failed(&comparison));
	ASSERT_EQ(1u, comparison.nr_worse);
	ASSERT_STR_EQ("stop.4K.1G", comparison.worse[0].name);
	ASSERT_STR_EQ("1.4563", comparison.worse[0].was);
	ASSERT_EQ(1.5, comparison.worse[0].ratio);
	PASS();
}

TEST a_missing_row_fails(void)
{
	ASSERT_EQ(0, read_text("count.out", TWO_ROWS));
	ASSERT_EQ(0, compare_text("read-4K.1G.1.seq 1.0000\nread-4K.1G.2.seq 1.0000\n"));
	ASSERT(comparison_failed(&comparison));
	ASSERT_EQ(2u, comparison.compared);
	ASSERT_STR_EQ("read-4K.1G.2.seq", comparison.worse[0].name);
	ASSERT_EQ(0.0, comparison.worse[0].ratio);
	PASS();
}

/* So does one that was measured in one way only. */
TEST a_missing_way_fails(void)
{
	ASSERT_EQ(0, read_text("count.out", "way tracker\nrow\ta\t1\t1\t1\t1\t1\t1\t1\n"
			       "way upstream\nrow\tb\t1\t1\t1\t1\t1\t1\t1\n"));
	ASSERT_EQ(0, compare_text("a 1.0\nb 1.0\n"));
	ASSERT_EQ(2u, comparison.nr_worse);
	PASS();
}

TEST nothing_compared_fails(void)
{
	ASSERT_EQ(0, read_text("count.out", TWO_ROWS));
	ASSERT_EQ(0, compare_text("# Made by\n"));
	ASSERT(comparison_failed(&comparison));
	PASS();
}

TEST malformed_ratios(void)
{
	ASSERT_EQ(0, read_text("count.out", TWO_ROWS));
	ASSERT(compare_text("# a comment\nstop.4K.1G\n"));
	ASSERT_STR_EQ("ratios.txt:2: expected: the name of a row, a blank and a ratio", comparison.why);
	ASSERT(compare_text("stop.4K.1G 1.0 2.0\n"));
	ASSERT_STR_EQ("ratios.txt:1: the ratio is '1.0 2.0', and not a number", comparison.why);
	ASSERT(compare_text("stop.4K.1G 1.0\n\n"));
	PASS();
}

/* What is written is as good as what it was made of. Rows of devices vary. */
TEST written_ratios(void)
{
	size_t size;
	char *text;
	FILE *file = open_memstream(&text, &size);

	ASSERT_EQ(0, read_text("count.out", TWO_ROWS
			       "row\tread-logs-1.1G\t400\t400\t1\t0\t0\t0\t0\n"
			       "row\tread-mixed-1domain.1G\t400\t400\t1\t0\t0\t0\t0\n"
			       "way tracker\n"
			       "row\tread-logs-1.1G\t400\t400\t1\t0\t0\t0\t0\n"
			       "row\tread-mixed-1domain.1G\t400\t400\t1\t0\t0\t0\t0\n"
			       "row\theld.1.seq\t400\t400\t1\t0\t0\t0\t504\n"));
	ASSERT_EQ(0, ratios_write(&result, file));
	fclose(file);
	ASSERT_STR_EQ("# Made by \"make bench QUICK=update\": tracker / upstream, in instructions\n"
		      "read-4K.1G.1.seq 1.0100\nstop.4K.1G 1.5000\n", text);
	ASSERT_EQ(0, compare_text(text));
	ASSERT_EQ(2u, comparison.compared);
	ASSERT(!comparison_failed(&comparison));
	free(text);
	PASS();
}

/* The tracker's: @two threads, two that take @turns, and their @chances */
static enum judgement judge(unsigned int two, unsigned int turns, unsigned int chances)
{
	char text[256];

	forget(NULL);
	snprintf(text, sizeof(text), "way tracker\nparallel\ta\t1000\t%u\t400\t%u\t%u\n"
		 "way upstream\nparallel\ta\t1000\t500\t400\t1000\t3\n", two, turns, chances);
	return read_text("parallel.out", text) ? NO_CHANCE : parallel_judge(&result);
}

TEST two_reads_at_once(void)
{
	ASSERT_EQ(AS_PARALLEL, judge(575, 1000, 3));
	ASSERT_EQ(LESS_PARALLEL, judge(576, 1000, 3));
	/* Two that take turns were as quick, or there was no other processor. */
	ASSERT_EQ(NO_CHANCE, judge(576, 575, 3));
	ASSERT_EQ(NO_CHANCE, judge(576, 1000, 2));
	/* Of one way only */
	forget(NULL);
	ASSERT_EQ(0, read_text("parallel.out", "way tracker\nparallel\ta\t10\t9\t9\t10\t9\n"));
	ASSERT(!parallel_is_known(&result));
	ASSERT_EQ(NO_CHANCE, parallel_judge(&result));
	forget(NULL);
	ASSERT_EQ(0, read_text("parallel.out", "way upstream\nparallel\ta\t10\t9\t9\t10\t9\n"));
	ASSERT(!parallel_is_known(&result));
	ASSERT_EQ(NO_CHANCE, parallel_judge(&result));
	PASS();
}

/* The best of all rounds, in any order, and the sum of the chances */
TEST best_of_all_rounds(void)
{
	judge(700, 1000, 1);
	ASSERT_EQ(0, read_text("parallel.out", "way tracker\nparallel\ta\t1100\t550\t300\t990\t1\n"
			       "way tracker\nparallel\ta\t1000\t560\t310\t1200\t1\n"
			       "way upstream\nparallel\ta\t1000\t510\t400\t1000\t2\n"));
	ASSERT_EQ(550.0, result.parallel.best[TRACKER][TWO]);
	ASSERT_EQ(0.55, parallel_factor(&result, TRACKER, TWO));
	ASSERT_EQ(0.99, parallel_factor(&result, TRACKER, TURNS));
	ASSERT_EQ(0.3, parallel_factor(&result, TRACKER, FOUR));
	ASSERT_EQ(3.0, result.parallel.chances[TRACKER]);
	ASSERT_EQ(AS_PARALLEL, parallel_judge(&result));
	PASS();
}

TEST targets_of_rows(void)
{
	struct met met;

	ASSERT_EQ(0, read_text("count.out", TWO_ROWS));
	ASSERT_EQ(0, read_targets("# comment\n\n^(read|stop)[-.]   1.02  READ  and STOP\n^none  1  -\n"));
	ASSERT_EQ(2u, targets.nr);
	ASSERT_STR_EQ("READ  and STOP", targets.target[0].what);
	met = target_met(&result, &targets.target[0]);
	ASSERT_EQ(2u, met.rows);
	ASSERT_EQ(1u, met.over);
	ASSERT_EQ(1.5, met.worst);
	ASSERT_STR_EQ("stop.4K.1G", met.name);
	ASSERT_EQ(0u, target_met(&result, &targets.target[1]).rows);
	PASS();
}

/* Of several rounds the best counts, each figure by itself. */
#define LATENCIES							\
	"way tracker\nlatency\tmap.2M.1T\t30\t200\t100\n"		\
	"latency\tmap.2M.1T\t20\t300\t50\nlatency\tfault.2M.1T\t9\t9\t9\n" \
	"way upstream\nlatency\tmap.2M.1T\t10\t400\t70\n"

/* Bytes, again, passes; downtime, quiesce, READ, send, load and total */
#define MIGRATIONS							\
	"migration\tsparse.tracker-small\t60\t2\t3\t0.04\t0.01\t0.01\t0.01\t0.01\t5\n" \
	"migration\tsparse.tracker-2M\t900\t800\t4\t0.4\t0.1\t0.01\t0.1\t0.1\t9\n" \
	"migration\tring.tracker-small\t60\t0\t1\t0\t0\t0\t0\t0\t5\n"

TEST targets_of_values(void)
{
	struct met met;

	ASSERT_EQ(0, read_text("latency.out", LATENCIES));
	ASSERT_EQ(0, read_text("migrations.out", MIGRATIONS));
	ASSERT_EQ(0, read_text("parallel.out", "way tracker\nparallel\ta\t100\t60\t50\t99\t9\n"
			       "way upstream\nparallel\ta\t80\t60\t25\t99\t9\n"));
	ASSERT_EQ(150.0, result.latencies[0].calls[TRACKER]);
	ASSERT_EQ(20.0, result.latencies[0].p99[TRACKER]);
	ASSERT_EQ(200.0, result.latencies[0].longest[TRACKER]);
	ASSERT_EQ(0, read_targets("^latency-  1  calls\n^migration-read  0.05  READ\n"
				  "^migration-again  0.002  again\n^readers-  1.5  readers\n"));
	/* What was not measured upstream's way is left out. */
	met = target_met(&result, &targets.target[0]);
	ASSERT_EQ(2u, met.rows);
	ASSERT_EQ(1u, met.over);
	ASSERT_EQ(2.0, met.worst);
	ASSERT_STR_EQ("latency-map.2M.1T.p99", met.name);
	/* A migration without a downtime has no share of it. */
	met = target_met(&result, &targets.target[1]);
	ASSERT_EQ(2u, met.rows);
	ASSERT_EQ(1u, met.over);
	ASSERT_EQ(0.25, met.worst);
	ASSERT_STR_EQ("migration-read.sparse.tracker-small", met.name);
	met = target_met(&result, &targets.target[2]);
	ASSERT_EQ(1u, met.rows);
	ASSERT_EQ(0.0025, met.worst);
	ASSERT_STR_EQ("migration-again.sparse", met.name);
	met = target_met(&result, &targets.target[3]);
	ASSERT_EQ(3u, met.rows);
	ASSERT_EQ(1u, met.over);
	ASSERT_STR_EQ("readers-4", met.name);
	PASS();
}

/* Migrations and rows of a boot of their own count as those of the first. */
TEST boots_of_their_own(void)
{
	ASSERT_EQ(0, read_text("scale.out", TWO_ROWS));
	ASSERT(result_row(&result, "stop.4K.1G"));
	ASSERT_EQ(0, read_text("wall.out", MIGRATIONS));
	ASSERT_EQ(0u, result.nr_migrations);
	ASSERT_EQ(0, read_text("migrations.out", MIGRATIONS));
	ASSERT_EQ(3u, result.nr_migrations);
	ASSERT_EQ(800.0, result.migrations[1].again);
	ASSERT_EQ(0.01, result.migrations[1].read);
	ASSERT_STR_EQ("0.4", result.migrations[1].downtime_text);
	PASS();
}

TEST malformed_targets(void)
{
	ASSERT(read_targets("^read  1.02  text\n^read 1.02 text\n"));
	ASSERT_STR_EQ("targets.txt:2: expected: a pattern of rows, a limit and a text, with two blanks between them",
		      targets.why);
	ASSERT(read_targets("^read  x  text\n"));
	ASSERT_STR_EQ("targets.txt:1: the limit is 'x', and not a number", targets.why);
	ASSERT(read_targets("^(read  1.02  text\n"));
	ASSERT(strstr(targets.why, "targets.txt:1: '^(read': "));
	targets_free(&targets);
	PASS();
}

static void reading(void)
{
	RUN_TEST(figures_of_a_row);
	RUN_TEST(other_files);
	RUN_TEST(gather_has_its_direct_row_as_base);
	RUN_TEST(malformed_lines);
	RUN_TEST(lines_without_a_way);
	RUN_TEST(names_of_files);
	RUN_TEST(more_rows_than_there_is_room_for);
	RUN_TEST(targets_of_rows);
	RUN_TEST(targets_of_values);
	RUN_TEST(boots_of_their_own);
	RUN_TEST(malformed_targets);
}

static void comparing(void)
{
	RUN_TEST(ratios_within_the_limit);
	RUN_TEST(a_worse_ratio_fails);
	RUN_TEST(a_missing_row_fails);
	RUN_TEST(a_missing_way_fails);
	RUN_TEST(nothing_compared_fails);
	RUN_TEST(malformed_ratios);
	RUN_TEST(written_ratios);
	RUN_TEST(two_reads_at_once);
	RUN_TEST(best_of_all_rounds);
}

GREATEST_MAIN_DEFS();

int main(int argc, char **argv)
{
	GREATEST_MAIN_BEGIN();
	GREATEST_SET_SETUP_CB(forget, NULL);
	reading();
	comparing();
	HARNESS_MAIN_END();
}
