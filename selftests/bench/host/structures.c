// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to keep dirty leaves, and to deliver them to a bitmap of pages.
 * Prints, with tabs,
 *
 *	structure NAME LEAF PERCENT PATTERN ADD DELIVER BYTES
 *
 * in nanoseconds for each dirty leaf, and in bytes that are held between the two.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "candidate.h"

#define ROUNDS 9

/* Leaves of so many pages, so many of them */
static const struct size {
	const char *name;
	unsigned long pages;
	unsigned long leaves;
} sizes[] = {
	{ "4K", 1, 1 << 20 },
	{ "2M", 1 << 9, 1 << 15 },
	{ "1G", 1 << 18, 1 << 10 },
};

/* In hundredths of a percent */
static const unsigned int densities[] = { 1, 100, 5000, 10000 };

static unsigned long *dirty;		/* numbers of the leaves, ascending */
static unsigned long *bitmap;

/* Others may use the processor too */
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static unsigned long choose(const struct size *s, unsigned int density,
			    int scattered)
{
	unsigned long i, x = 1, n = 0;

	for (i = 0; i < s->leaves; i++) {
		x = x * 0x5851f42d4c957f2dul + 1;
		if (scattered ? (x >> 33) % 10000 < density :
				i < s->leaves * density / 10000)
			dirty[n++] = i;
	}
	if (!n)
		dirty[n++] = s->leaves / 2;
	return n;
}

/* Exactly the pages of the dirty leaves */
static void check(const struct size *s, unsigned long n)
{
	unsigned long leaf, p, i = 0;

	for (leaf = 0; leaf < s->leaves; leaf++) {
		int want = i < n && dirty[i] == leaf;

		i += want;
		for (p = leaf * s->pages; p < (leaf + 1) * s->pages; p++) {
			if (want == (int)(bitmap[p / 64] >> p % 64 & 1))
				continue;
			fprintf(stderr, "%s, leaves of %s: page %lu is wrong\n",
				candidate_name, s->name, p);
			exit(1);
		}
	}
}

static void measure(const struct size *s, unsigned int density, int scattered)
{
	unsigned long n = choose(s, density, scattered), i, bytes = 0;
	double add = 1e18, deliver = 1e18;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		double t[3];

		memset(bitmap, 0, s->leaves * s->pages / 8);
		t[0] = now();
		for (i = 0; i < n; i++)
			candidate_add(dirty[i] * s->pages,
				      (dirty[i] + 1) * s->pages - 1);
		bytes = candidate_bytes();
		t[1] = now();
		candidate_deliver(bitmap, s->leaves * s->pages);
		t[2] = now();
		if (t[1] - t[0] < add)
			add = t[1] - t[0];
		if (t[2] - t[1] < deliver)
			deliver = t[2] - t[1];
	}
	check(s, n);
	printf("structure\t%s\t%s\t%g\t%s\t%.1f\t%.1f\t%lu\n", candidate_name,
	       s->name, density / 100.0, scattered ? "scattered" : "sequential",
	       add / (double)n, deliver / (double)n, bytes);
}

int main(void)
{
	unsigned int s, d;

	dirty = malloc(sizeof(*dirty) << 20);
	bitmap = aligned_alloc(4096, 1ul << 28 >> 3);
	if (!dirty || !bitmap)
		return 1;
	memset(bitmap, 0, 1ul << 28 >> 3);
	candidate_init();
	for (s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
		for (d = 0; d < sizeof(densities) / sizeof(*densities); d++) {
			measure(&sizes[s], densities[d], 0);
			measure(&sizes[s], densities[d], 1);
		}
	return 0;
}
