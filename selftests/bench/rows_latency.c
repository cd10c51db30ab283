// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long calls take while another thread READs a large address space again and again:
 * IOAS_MAP and IOAS_UNMAP of 2 MiB, and *fault*, IOAS_MAP of a page that is not present yet, so
 * that pinning it takes a page fault. A VMM does the same when it answers the fault of a device,
 * or of a guest whose memory arrives late.
 *
 * A call is due at a random point of a READ; its time is counted from then until it returns. Its
 * thread has priority over all others. With two processors the call waits for locks. With one
 * processor the READ also has to release the processor; this is counted in instructions.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define CALLS	100
#define LENGTH	LEAF_2M

enum call { MAP, UNMAP, FAULT, NR_CALLS };

static const char *const names[NR_CALLS] = { "map", "unmap", "fault" };

/**
 * struct beside - Calls beside a thread that READs
 * @scene: What is read
 * @way: How
 * @end: The thread ends
 * @ns: What each call took
 */
struct beside {
	struct scene *scene;
	const struct way *way;
	int end;
	__u64 ns[NR_CALLS][CALLS];
};

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (__u64)ts.tv_sec * 1000000000ull + (__u64)ts.tv_nsec;
}

static void *read_on(void *data)
{
	struct beside *b = data;
	struct scene *s = b->scene;

	while (!__atomic_load_n(&b->end, __ATOMIC_ACQUIRE))
		b->way->read(s, IOVA, s->size, s->unit, false);
	return NULL;
}

/* Sleep for up to two milliseconds. Return: when that should have ended. */
static __u64 begin_beside(void)
{
	__u64 due = now_ns() + (__u64)(rand() % 2000000);
	struct timespec ts = { due / 1000000000, due % 1000000000 };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	return due;
}

static void map_unmap(struct beside *b, unsigned int i)
{
	struct scene *s = b->scene;
	__u64 at = IOVA + s->size, begin;

	begin = begin_beside();
	must(iommufd_ioas_map(s->fd, s->ioas_id, s->mem, LENGTH, at, IOMMUFD_MAP_RW),
	     "IOAS_MAP");
	b->ns[MAP][i] = now_ns() - begin;
	begin = begin_beside();
	must(iommufd_ioas_unmap(s->fd, s->ioas_id, at, LENGTH, NULL), "IOAS_UNMAP");
	b->ns[UNMAP][i] = now_ns() - begin;
}

static void fault_in(struct beside *b, unsigned int i)
{
	struct scene *s = b->scene;
	__u64 at = IOVA + s->size, begin;
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	if (page == MAP_FAILED)
		die("a page: %s", strerror(errno));
	begin = begin_beside();
	must(iommufd_ioas_map(s->fd, s->ioas_id, page, PAGE, at, IOMMUFD_MAP_RW), "IOAS_MAP");
	b->ns[FAULT][i] = now_ns() - begin;
	must(iommufd_ioas_unmap(s->fd, s->ioas_id, at, PAGE, NULL), "IOAS_UNMAP");
	munmap(page, PAGE);
}

static int compare(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void print(struct beside *b, const char *name)
{
	const char *cpus = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? "" : "-1cpu";
	unsigned int c;

	for (c = 0; c < NR_CALLS; c++) {
		qsort(b->ns[c], CALLS, sizeof(**b->ns), compare);
		printf("latency\t%s%s.%s\t%llu\t%llu\t%u\n", names[c], cpus, name,
		       b->ns[c][CALLS * 99 / 100 - 1], b->ns[c][CALLS - 1], CALLS);
	}
	fflush(stdout);
}

static void set_policy(int policy)
{
	const struct sched_param param = { .sched_priority = policy == SCHED_FIFO };

	if (sched_setscheduler(0, policy, &param))
		die("sched_setscheduler: %s", strerror(errno));
}

static void beside(const struct way *way, const struct scene_plan *plan, const char *leaf,
		   __u64 size)
{
	static struct beside b;
	pthread_t thread;
	struct scene s;
	char name[32];
	unsigned int i;

	if (size > scene_max())
		size = scene_max();
	snprintf(name, sizeof(name), "%s.%llu%s", leaf, size < TIB ? size / GIB : size / TIB,
		 size < TIB ? "G" : "T");
	scene_open(&s, plan);
	s.unit = plan->leaf;
	way->create(&s);
	scene_grow(&s, size);
	way->start(&s);
	b = (struct beside){ .scene = &s, .way = way };
	if (pthread_create(&thread, NULL, read_on, &b))
		die("no thread");
	set_policy(SCHED_FIFO);
	for (i = 0; i < CALLS; i++) {
		map_unmap(&b, i);
		fault_in(&b, i);
	}
	__atomic_store_n(&b.end, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	set_policy(SCHED_OTHER);
	print(&b, name);
	way->stop(&s);
	way->destroy(&s);
	scene_close(&s);
}

/** rows_latency() - Calls while 1 TiB is read, and 2 GiB in leaves of 4 KiB */
void rows_latency(const struct way *way, bool quick)
{
	struct scene_plan plan = { .leaf = LEAF_2M, .nr_devices = 1 };

	/* Timers are not to wait for one another. */
	prctl(PR_SET_TIMERSLACK, 1);
	beside(way, &plan, "2M", TIB);
	plan.leaf = PAGE;
	plan.shifted = true;
	beside(way, &plan, "4K", 2 * GIB);
}
