// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a section costs: the time that passes, less the time in which the processor was idle.
 * In a VM that counts instructions (run.sh --icount) each instruction takes the same time
 * and nothing else takes any, so this is the number of instructions that the machine has
 * executed; meter_check() proves it with a loop of known length. Timer interrupts are
 * included.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench.h"

static __u64 begin, begin_idle, empty;

static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (__u64)ts.tv_sec * 1000000000ull + (__u64)ts.tv_nsec;
}

/* Nanoseconds for which the (one) processor has been idle */
static __u64 idle(void)
{
	FILE *f = fopen("/proc/timer_list", "r");
	unsigned long long ns, sum = 0;
	char line[128];

	if (!f)
		die("/proc/timer_list: not to be read");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " .idle_sleeptime : %llu", &ns) == 1)
			sum += ns;
	fclose(f);
	return sum;
}

/** meter_begin() - A section begins */
void meter_begin(void)
{
	begin_idle = idle();
	begin = now();
}

/** meter_end() - The section ends; what it took is added to @cost */
void meter_end(struct cost *cost)
{
	__u64 took = now() - begin, rest = idle() - begin_idle;

	took = took > empty ? took - empty : 0;
	cost->wall_ns += took;
	cost->busy_ns += took > rest ? took - rest : 0;
}

/** meter_init() - Learn what an empty section takes */
void meter_init(void)
{
	__u64 least = ~0ull;
	int i;

	for (i = 0; i < 20; i++) {
		struct cost cost = {};

		meter_begin();
		meter_end(&cost);
		if (cost.wall_ns < least)
			least = cost.wall_ns;
	}
	empty = least;
}

/**
 * meter_check() - How long do instructions take? Rows of 2 * 10^n of them
 * @each: Nanoseconds that one should
 *
 * Return: 0 if they do, within one in a hundred.
 */
int meter_check(double each)
{
	bool right = true;
	__u64 n;

	for (n = 1000000; n <= 100000000; n *= 10) {
		struct cost took = {};
		__u64 left = n;
		double ns;

		meter_begin();
		asm volatile("1: dec %0\n\tjnz 1b" : "+r"(left));
		meter_end(&took);
		ns = (double)took.busy_ns / (double)(2 * n);
		right = right && ns > each * 0.99 && ns < each * 1.01;
		printf("meter\t%llu\t%.6f\n", 2 * n, ns);
	}
	return right ? 0 : 1;
}
