// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a section costs: the time that passes, less the time in which the processor was idle.
 * In a VM that counts instructions (run.sh --icount) each instruction takes the same time
 * and nothing else takes any, so this is the number of instructions that the machine has
 * executed; meter_check() proves it with a loop of known length. Timer interrupts are
 * included.
 *
 * On a machine without QEMU (bench native) perf counts the instructions. If it cannot, only
 * the time is known.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static enum { IN_VM, COUNTER, WALL } kind;
static __u64 begin, begin_idle, begin_counted;
static struct cost empty;
static int counter = -1;

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

/* Instructions of this thread so far, in the kernel and outside of it */
static __u64 counted(void)
{
	__u64 n;

	if (read(counter, &n, sizeof(n)) != sizeof(n))
		die("the counter of instructions: not to be read");
	return n;
}

/** meter_begin() - A section begins */
void meter_begin(void)
{
	if (kind == IN_VM)
		begin_idle = idle();
	begin = now();
	if (kind == COUNTER)
		begin_counted = counted();
}

static __u64 less(__u64 a, __u64 b)
{
	return a > b ? a - b : 0;
}

/** meter_end() - The section ends; what it took is added to @cost */
void meter_end(struct cost *cost)
{
	__u64 n = kind == COUNTER ? counted() - begin_counted : 0;
	__u64 took = now() - begin;
	__u64 rest = kind == IN_VM ? idle() - begin_idle : 0;

	took = less(took, empty.wall_ns);
	cost->wall_ns += took;
	cost->busy_ns += kind == COUNTER ? less(n, empty.busy_ns) : less(took, rest);
}

/** meter_init() - Learn what an empty section takes */
void meter_init(void)
{
	struct cost least = { ~0ull, ~0ull };
	int i;

	empty = (struct cost){};
	for (i = 0; i < 20; i++) {
		struct cost cost = {};

		meter_begin();
		meter_end(&cost);
		if (cost.wall_ns < least.wall_ns)
			least.wall_ns = cost.wall_ns;
		if (cost.busy_ns < least.busy_ns)
			least.busy_ns = cost.busy_ns;
	}
	empty = least;
}

/**
 * meter_check() - How long do instructions take? Rows of 2 * 10^n of them
 * @each: Nanoseconds that one should
 *
 * Return: 0 if they do, within one in a hundred; of the shortest row, which a timer interrupt
 * makes longer, within three.
 */
int meter_check(double each)
{
	bool right = true;
	__u64 n;

	for (n = 1000000; n <= 100000000; n *= 10) {
		struct cost took = {};
		__u64 left = n;
		double within = n == 1000000 ? 0.03 : 0.01, ns;

		meter_begin();
		asm volatile("1: dec %0\n\tjnz 1b" : "+r"(left));
		meter_end(&took);
		ns = (double)took.busy_ns / (double)(2 * n);
		right = right && ns > each * (1 - within) && ns < each * (1 + within);
		if (kind == IN_VM)
			printf("meter\t%llu\t%.6f\n", 2 * n, ns);
	}
	return right ? 0 : 1;
}

/* Why there is no counter, or NULL */
static const char *counter_open(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		/* Never shared with others in turn */
		.pinned = 1,
		.exclude_hv = 1,
	};
	__u64 n;

	counter = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1,
			       PERF_FLAG_FD_CLOEXEC);
	if (counter < 0)
		return strerror(errno);
	/* Nothing to be read: the processor's counters are all taken */
	if (read(counter, &n, sizeof(n)) != sizeof(n)) {
		close(counter);
		return "others use it";
	}
	kind = COUNTER;
	meter_init();
	if (!meter_check(1))
		return NULL;
	close(counter);
	return "it counts a loop of known length wrongly";
}

/**
 * meter_native() - Measure on a machine of its own, and say what the figures are
 *
 * Instructions where perf counts them: of this thread, in the kernel and outside of it,
 * which leaves out what workers do for it. Otherwise wall time.
 */
void meter_native(void)
{
	const char *why = counter_open();

	if (!why) {
		printf("unit instructions\n");
		return;
	}
	kind = WALL;
	meter_init();
	printf("unit nanoseconds (perf's counter of instructions: %s)\n", why);
}
