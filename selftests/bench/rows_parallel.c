// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two READs at once, in wall time: the same address space read by one thread, and by
 * two that have a half each. Both are tried in turn, and the best of several counts,
 * because the machine has other work as well. A third kind, two threads of which only
 * one reads at a time, is what a lock around READ would make of it: what the machine
 * does not show to differ from that cannot be compared.
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

enum kind { ONE, TWO, TURNS, NR_KINDS };

/**
 * struct reader - What one thread reads
 * @scene: the scene, with the part of the bitmap that is its own
 * @way: how
 * @iova: first byte
 * @length: bytes
 * @start: all threads begin, and the clock with them
 * @turn: held while it reads, or NULL
 * @thread: the thread
 * @begin: when it began, in nanoseconds
 * @end: when it had ended
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

/* READ all of the scene: nanoseconds from the first to the last of the threads */
static __u64 read_all(struct scene *s, const struct way *way, enum kind kind)
{
	unsigned int threads = kind == ONE ? 1 : 2, i;
	__u64 part = s->size / threads, begin = ~0ull, end = 0;
	pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	pthread_barrier_t start;
	struct reader reader[2];

	scene_dirty(s, 0, IOVA, s->size, PAGE, DIRTY, RANDOM);
	pthread_barrier_init(&start, NULL, threads);
	for (i = 0; i < threads; i++) {
		reader[i] = (struct reader){
			.scene = *s,
			.way = way,
			.iova = IOVA + i * part,
			.length = part,
			.start = &start,
			.turn = kind == TURNS ? &turn : NULL,
		};
		reader[i].scene.bitmap += i * part / PAGE / 64;
		if (pthread_create(&reader[i].thread, NULL, reader_run, &reader[i]))
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
	if (scene_count(s, s->size) != DIRTY)
		die("%s: %u threads: not the %llu bits that should be set", way->name,
		    threads, DIRTY);
	return end - begin;
}

/** rows_parallel - READ by one thread and by two */
void rows_parallel(const struct way *way, bool quick)
{
	struct scene_plan plan = { .leaf = PAGE, .nr_devices = 1 };
	__u64 best[NR_KINDS], ns, until;
	enum kind kind;
	struct scene s;
	int i;

	scene_open(&s, &plan);
	s.unit = PAGE;
	way->create(&s);
	scene_grow(&s, SIZE);
	way->start(&s);
	until = now_ns() + SECONDS * 1000000000ull;
	for (i = 0; i < LEAST || now_ns() < until; i++) {
		for (kind = ONE; kind < NR_KINDS; kind++) {
			ns = read_all(&s, way, kind);
			if (!i || ns < best[kind])
				best[kind] = ns;
		}
	}
	printf("parallel\t4K.4G\t%llu\t%llu\t%llu\n", best[ONE], best[TWO], best[TURNS]);
	way->stop(&s);
	way->destroy(&s);
	scene_close(&s);
}
