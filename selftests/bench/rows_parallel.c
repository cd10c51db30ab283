// SPDX-License-Identifier: GPL-2.0-only
/*
 * READs at once, in wall time: the same address space is read by one thread; by two threads,
 * one half each; and by four threads, one quarter each. They are measured in turns, and the
 * best of several results counts, because the machine has other work as well. One more kind,
 * two threads of which only one reads at a time, shows what a lock around READ would cost. If
 * its time does not differ from that of two free threads, nothing can be compared.
 *
 * Before and after two threads READ, two that only count show whether two threads can run
 * at the same time. If they could, the READs had a *chance*; the number of chances is
 * printed.
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "bench.h"

#define SIZE (4 * GIB)
/* Threads of all kinds in turn, for so long and so often */
#define SECONDS 3
#define LEAST 3
/* Of 100 pages one is dirty. */
#define DIRTY (SIZE / PAGE / 100)

/* Increments of a thread that only counts: some milliseconds */
#define COUNTS 3000000ul

enum kind { ONE, TWO, FOUR, TURNS, NR_KINDS };

static const unsigned int threads_of[NR_KINDS] = {
	[ONE] = 1, [TWO] = 2, [FOUR] = 4, [TURNS] = 2,
};

#define MAX_THREADS 4

/**
 * struct reader - What one thread reads
 * @scene: The scene, with the part of the bitmap that is its own
 * @way: How
 * @iova: First byte
 * @length: Bytes
 * @start: All threads begin, and the clock with them
 * @turn: Held while it reads, or NULL
 * @thread: The thread
 * @begin: When it began, in nanoseconds
 * @end: When it had ended
 */
struct reader {
	struct scene scene;
	const struct way *way;
	__u64 iova;
	__u64 length;
	pthread_barrier_t *start;
	pthread_mutex_t *turn;
	pthread_t thread;
	__u64 begin;
	__u64 end;
};

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void *reader_run(void *data)
{
	struct reader *r = data;

	pthread_barrier_wait(r->start);
	r->begin = now_ns();
	if (r->turn)
		pthread_mutex_lock(r->turn);
	r->way->read(&r->scene, r->iova, r->length, PAGE, false);
	if (r->turn)
		pthread_mutex_unlock(r->turn);
	r->end = now_ns();
	return NULL;
}

static void *counter_run(void *data)
{
	struct reader *r = data;
	volatile unsigned long n;

	pthread_barrier_wait(r->start);
	r->begin = now_ns();
	for (n = 0; n < COUNTS; n++)
		;
	r->end = now_ns();
	return NULL;
}

/* Nanoseconds from the first to the last of the threads */
static __u64 run_threads(struct reader *reader, unsigned int threads,
			 void *(*run)(void *data))
{
	__u64 begin = ~0ull, end = 0;
	pthread_barrier_t start;
	unsigned int i;

	pthread_barrier_init(&start, NULL, threads);
	for (i = 0; i < threads; i++) {
		reader[i].start = &start;
		if (pthread_create(&reader[i].thread, NULL, run, &reader[i]))
			die("no thread");
	}
	for (i = 0; i < threads; i++) {
		pthread_join(reader[i].thread, NULL);
		if (reader[i].begin < begin)
			begin = reader[i].begin;
		if (reader[i].end > end)
			end = reader[i].end;
	}
	pthread_barrier_destroy(&start);
	return end - begin;
}

/* Do two threads run at once just now? */
static bool has_chance(void)
{
	static __u64 alone = ~0ull;
	struct reader reader[2] = {};
	__u64 ns = run_threads(reader, 1, counter_run);

	if (ns < alone)
		alone = ns;
	return run_threads(reader, 2, counter_run) < alone + alone / 4;
}

/* READ all of the scene: nanoseconds */
static __u64 read_all(struct scene *s, const struct way *way, enum kind kind)
{
	unsigned int threads = threads_of[kind], i;
	pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	__u64 part = s->size / threads, ns;
	struct reader reader[MAX_THREADS];

	scene_dirty(s, 0, IOVA, s->size, PAGE, DIRTY, RANDOM);
	for (i = 0; i < threads; i++) {
		reader[i] = (struct reader){
			.scene = *s,
			.way = way,
			.iova = IOVA + i * part,
			.length = part,
			.turn = kind == TURNS ? &turn : NULL,
		};
		reader[i].scene.bitmap += i * part / PAGE / 64;
	}
	ns = run_threads(reader, threads, reader_run);
	if (scene_count(s, s->size) != DIRTY)
		die("%s: %u threads: not the %llu bits that should be set", way->name,
		    threads, DIRTY);
	return ns;
}

/** rows_parallel() - READ by one thread, by two and by four */
void rows_parallel(const struct way *way, bool quick)
{
	struct scene_plan plan = { .leaf = PAGE, .nr_devices = 1 };
	__u64 best[NR_KINDS], ns, until;
	unsigned int chances = 0;
	enum kind kind;
	struct scene s;
	bool chance;
	int i;

	scene_open(&s, &plan);
	s.unit = PAGE;
	way->create(&s);
	scene_grow(&s, SIZE);
	way->start(&s);
	until = now_ns() + SECONDS * 1000000000ull;
	for (i = 0; i < LEAST || now_ns() < until; i++) {
		for (kind = ONE; kind < NR_KINDS; kind++) {
			chance = kind == TWO && has_chance();
			ns = read_all(&s, way, kind);
			if (!i || ns < best[kind])
				best[kind] = ns;
			chances += chance && has_chance();
		}
	}
	printf("parallel\t4K.4G\t%llu\t%llu\t%llu\t%llu\t%u\n", best[ONE], best[TWO],
	       best[FOUR], best[TURNS], chances);
	way->stop(&s);
	way->destroy(&s);
	scene_close(&s);
}
