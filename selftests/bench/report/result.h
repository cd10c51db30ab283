/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a run of the benchmark measured, out of its files.
 */
#ifndef _BENCH_RESULT_H
#define _BENCH_RESULT_H

#include <stdbool.h>

#include "input.h"

#define MAX_ROWS	1024
#define MAX_LINES	64

/**
 * struct figures - One way of a row
 * @counted: Measured in instructions
 * @again: Measured once more
 * @timed: Measured in wall time
 * @instructions: Of one operation
 * @instructions_again: Of one operation, in the second run
 * @wall_ns: Of one operation
 */
struct figures {
	bool counted;
	bool again;
	bool timed;
	double instructions;
	double instructions_again;
	double wall_ns;
};

/**
 * struct row - What was measured
 * @name: The same in both ways
 * @counted: In instructions, in any way
 * @way: Both ways
 * @leaves: That had to be visited
 * @dirty: Pages reported, the tracker's way
 * @words: Of the bitmap that had to be written
 * @held: Bytes, the tracker's way, where the row is about memory
 */
struct row {
	char name[NAME_SIZE];
	bool counted;
	struct figures way[NR_WAYS];
	double leaves;
	double dirty;
	double words;
	double held;
};

/**
 * struct over - Pages reported for each that was written
 * @name: Of what
 * @known: By way
 * @each: By way
 */
struct over {
	char name[NAME_SIZE];
	bool known[NR_WAYS];
	double each[NR_WAYS];
};

enum parallel_time { ONE, TWO, FOUR, TURNS, NR_TIMES };

/**
 * struct parallel - READs at once
 * @name: Of the row
 * @known: By way
 * @best: Nanoseconds, the best of all rounds; by way
 * @chances: How often two threads could run at once; by way
 */
struct parallel {
	char name[NAME_SIZE];
	bool known[NR_WAYS];
	double best[NR_WAYS][NR_TIMES];
	double chances[NR_WAYS];
};

/**
 * struct latency - How long a call takes beside a READ
 * @name: Of the call, and of what is read
 * @known: By way
 * @p99: Nanoseconds that 99 of 100 calls do not exceed, the best of all rounds; by way
 * @longest: Nanoseconds, the best of all rounds; by way
 * @calls: Of all rounds; by way
 */
struct latency {
	char name[NAME_SIZE];
	bool known[NR_WAYS];
	double p99[NR_WAYS];
	double longest[NR_WAYS];
	double calls[NR_WAYS];
};

/**
 * struct migration - A whole migration
 * @name: What the devices write, a dot, and the way
 * @bytes: Sent
 * @again: Of these, after the first pass
 * @passes: Over the memory
 * @downtime_text: Seconds, as vmigrate wrote them
 * @total_text: Seconds, as vmigrate wrote them
 * @downtime: Seconds
 * @quiesce: Of these, until the devices stood still
 * @read: Until the last READ was done
 * @send: Until the last pages were sent
 * @load: Until the other side had them
 * @total: Seconds
 */
struct migration {
	char name[NAME_SIZE];
	double bytes;
	double again;
	double passes;
	char downtime_text[32];
	char total_text[32];
	double downtime;
	double quiesce;
	double read;
	double send;
	double load;
	double total;
};

/* A loop whose length is known, and what each of its instructions took */
struct meter {
	double instructions;
	double ns_each;
};

/* The speed of a part of the tracker on the host */
struct host {
	char name[NAME_SIZE];
	double rate;
};

/**
 * struct result - All of a run
 * @shift: An instruction takes 2^@shift ns
 * @unit: Of the figures in a table, or NULL: instructions, of a VM that counts them
 * @time: They are nanoseconds, and not instructions
 * @rows: Rows, in the order in which they were measured
 * @nr_rows: How many
 * @overs: Over-reporting
 * @nr_overs: How many
 * @latencies: Calls beside a READ
 * @nr_latencies: How many
 * @migrations: Migrations
 * @nr_migrations: How many
 * @meters: Loops whose length is known
 * @nr_meters: How many
 * @hosts: Speeds on the host
 * @nr_hosts: How many
 * @parallel: READs at once
 * @why: After a failure, the message for it
 */
struct result {
	unsigned int shift;
	const char *unit;
	bool time;
	struct row rows[MAX_ROWS];
	unsigned int nr_rows;
	struct over overs[MAX_LINES];
	unsigned int nr_overs;
	struct latency latencies[MAX_LINES];
	unsigned int nr_latencies;
	struct migration migrations[MAX_LINES];
	unsigned int nr_migrations;
	struct meter meters[MAX_LINES];
	unsigned int nr_meters;
	struct host hosts[MAX_LINES];
	unsigned int nr_hosts;
	struct parallel parallel;
	char why[512];
};

int result_read(struct result *result, FILE *file, const char *path);
const struct row *result_row(const struct result *result, const char *name);
bool row_is_held(const struct row *row);
double row_base(const struct result *result, const struct row *row);
double row_ratio(const struct result *result, const struct row *row);
double parallel_factor(const struct result *result, enum way way, enum parallel_time time);
bool parallel_is_known(const struct result *result);

#endif
