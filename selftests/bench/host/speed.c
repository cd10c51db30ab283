// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast the window, the set and delivery are, on this machine and without a
 * kernel around them, beside a memcpy and a plain OR of the same bitmap. Prints
 * "host NAME BYTES-OF-BITMAP-PER-SECOND" with tabs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <iommufd/deliver.h>
#include <iommufd/dirty_set.h>
#include <iommufd/window.h>

/* 8 GiB with a bit for each 4 KiB: short enough not to be interrupted often */
#define PAGES	(1ul << 21)
#define BYTES	(PAGES / 8)
#define ROUNDS	50

static unsigned char *dirty;		/* a byte for each page */
static unsigned long *from, *to;

/* Others may use the processor too */
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void do_memcpy(void)
{
	memcpy(to, from, BYTES);
	asm volatile("" : : "r"(to) : "memory");
}

static void do_or(void)
{
	unsigned long i;

	for (i = 0; i < BYTES / sizeof(*to); i++)
		to[i] |= from[i];
	asm volatile("" : : "r"(to) : "memory");
}

/* The least of several rounds */
static void plain(const char *name, void (*work)(void))
{
	double best = 1e9;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		double start = now();

		work();
		if (now() - start < best)
			best = now() - start;
	}
	printf("host\t%s\t%.0f\n", name, BYTES / best);
}

static void fill(struct dirty_set *set)
{
	struct dirty_window window;
	unsigned long i;

	dirty_window_init(&window, set);
	for (i = 0; i < PAGES; i++)
		if (dirty[i])
			dirty_window_record(&window, i << 12, 4096);
	dirty_set_settle(set);
}

static void deliver(struct dirty_set *set)
{
	struct dirty_read rd = {
		.last = (PAGES << 12) - 1,
		.shift = 12,
		.bitmap = (u64 *)to,
	};

	if (dirty_deliver(&rd, set, 0, rd.last)) {
		fprintf(stderr, "delivery failed\n");
		exit(1);
	}
}

static void choose(unsigned int permille)
{
	unsigned long i, x = 1;

	memset(from, 0, BYTES);
	for (i = 0; i < PAGES; i++) {
		x = x * 0x5851f42d4c957f2dul + 1;
		dirty[i] = (x >> 33) % 1000 < permille;
		if (dirty[i])
			from[i / 64] |= 1ul << i % 64;
	}
}

static void stages(unsigned int permille)
{
	double best[3] = { 1e9, 1e9, 1e9 };
	static const char * const names[] = { "window", "pending", "delivery" };
	unsigned int i, stage;

	choose(permille);
	for (i = 0; i < ROUNDS; i++) {
		struct dirty_set set, pending;
		double t[4];

		dirty_set_init(&set, 12);
		dirty_set_init(&pending, 12);
		memset(to, 0, BYTES);
		t[0] = now();
		fill(&set);
		t[1] = now();
		dirty_set_merge(&pending, &set);
		t[2] = now();
		deliver(&pending);
		t[3] = now();
		if (memcmp(to, from, BYTES) || !dirty_set_empty(&pending)) {
			fprintf(stderr, "delivered is not what was recorded\n");
			exit(1);
		}
		for (stage = 0; stage < 3; stage++)
			if (t[stage + 1] - t[stage] < best[stage])
				best[stage] = t[stage + 1] - t[stage];
		dirty_set_destroy(&pending);
	}
	for (stage = 0; stage < 3; stage++)
		printf("host\t%s, %g %% dirty\t%.0f\n", names[stage],
		       permille / 10.0, BYTES / best[stage]);
}

int main(void)
{
	dirty = malloc(PAGES);
	from = aligned_alloc(4096, BYTES);
	to = aligned_alloc(4096, BYTES);
	if (!dirty || !from || !to)
		return 1;
	choose(500);
	memset(to, 0, BYTES);
	plain("memcpy", do_memcpy);
	plain("plain OR", do_or);
	stages(10);
	stages(500);
	stages(1000);
	return 0;
}
