// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long the same migrations take with mlx5-vfio-pci of this tree and with upstream's,
 * unmodified, which must be there as the program "upstream.ko". The two run in turns in one
 * boot, so that other work of the machine affects both, and medians are compared. "make
 * bench-mlx5" measures with more rounds and larger states than plan.txt does.
 *
 * ROUNDS=n measures each n times (3); TOLERANCE=n is how many percent longer ours may
 * take before that is a failure (100); CONTROL=no leaves out the control.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pair.h"

#define S(name)		VFIO_DEVICE_STATE_##name
#define ROUNDS		100
/* What QEMU reads and writes at a time, and how much of it is on the way here */
#define PIECE		(1u << 20)
#define PIECES		4

/* What is timed, in seconds */
enum cost {
	SAVE,			/* STOP_COPY, and all is read */
	LOAD,			/* all is written, and STOP */
	DOWNTIME,		/* STOP_COPY to RUNNING on the other side */
	DOWNTIME_PRECOPY,	/* the same after pre-copy */
	COSTS,
};

static const char * const names[COSTS] = {
	"save", "load", "downtime", "downtime-precopy",
};

/**
 * struct series - What one driver took
 * @n: Rounds
 * @took: Time of each, sorted by median()
 */
struct series {
	unsigned int n;
	double took[COSTS][ROUNDS];
};

/**
 * struct pump - Moves a stream from one data FD to another, both at work at once
 * @from: Data FD of the source
 * @piece: On the way, in a ring
 * @length: Bytes in each; 0 at the end
 * @free: Pieces that can be filled
 * @full: Pieces that can be written
 * @end: errno with which reading ended; 0 at the end of the state
 */
struct pump {
	int from;
	char *piece[PIECES];
	ssize_t length[PIECES];
	sem_t free;
	sem_t full;
	int end;
};

FIXTURE(cost) {
	struct pair p;
	struct pump pump;
	char *stream;
	size_t room;
	__u64 size;
};

static unsigned int number(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

static char *memory(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

FIXTURE_SETUP(cost)
{
	unsigned int i;

	if (access(DRIVER_UPSTREAM, R_OK))
		SKIP(return, "upstream's module is not here");
	vf_create(0);
	ASSERT_EQ(0, pair_open(&self->p));
	ASSERT_EQ(0, vf_data_size(&self->p.src, &self->size));
	pair_close(&self->p);
	/* Touched now, so that no page of it is later */
	self->room = self->size + self->size / 4 + PIECE;
	self->stream = memory(self->room);
	ASSERT_NE(NULL, self->stream);
	for (i = 0; i < PIECES; i++) {
		self->pump.piece[i] = memory(PIECE);
		ASSERT_NE(NULL, self->pump.piece[i]);
	}
}

FIXTURE_TEARDOWN(cost)
{
	unsigned int i;

	for (i = 0; i < PIECES; i++)
		munmap(self->pump.piece[i], PIECE);
	munmap(self->stream, self->room);
	EXPECT_EQ(0, virt_set("connectx_save_ms", "0"));
	EXPECT_EQ(0, virt_set("connectx_busy", "0"));
	EXPECT_EQ(0, driver_use(DRIVER_OURS));
}

/* ---- A stream between two that are at work at once ---- */

static void *pump_read(void *arg)
{
	struct pump *pump = arg;
	unsigned int i = 0;
	ssize_t n;

	do {
		sem_wait(&pump->free);
		n = read(pump->from, pump->piece[i], PIECE);
		pump->end = n < 0 ? errno : 0;
		pump->length[i] = n < 0 ? 0 : n;
		sem_post(&pump->full);
		i = (i + 1) % PIECES;
	} while (n > 0);
	return NULL;
}

/* Move what there is; 0, or the first error. The temporary end is none. */
static int pump_run(struct pump *pump, int from, int to)
{
	unsigned int i;
	pthread_t reader;
	int rc = 0;

	pump->from = from;
	sem_init(&pump->free, 0, PIECES);
	sem_init(&pump->full, 0, 0);
	if (pthread_create(&reader, NULL, pump_read, pump))
		return -ENOMEM;
	for (i = 0;; i = (i + 1) % PIECES) {
		sem_wait(&pump->full);
		if (!pump->length[i])
			break;
		if (!rc)
			rc = vf_stream_write(to, pump->piece[i],
					     pump->length[i]);
		sem_post(&pump->free);
	}
	pthread_join(reader, NULL);
	if (!rc && pump->end && pump->end != ENOMSG)
		rc = -pump->end;
	return rc;
}

/* ---- What is timed ---- */

/* Both RUNNING, the generator of the source at work. */
static int again(struct pair *p)
{
	int rc = vf_reset(&p->src);

	if (!rc)
		rc = vf_reset(&p->dst);
	if (!rc)
		rc = pair_run(p, &p->src);
	usleep(20000);
	return rc;
}

/* All that matters is on the other side. */
static int same(struct pair *p)
{
	if (vf_read(&p->dst, VIRT_CX_POSITION) !=
	    vf_read(&p->src, VIRT_CX_POSITION) ||
	    vf_read(&p->dst, VIRT_CX_STATE_SUM) !=
	    vf_read(&p->src, VIRT_CX_STATE_SUM))
		return -EILSEQ;
	return 0;
}

static int save_and_load(struct pair *p, char *stream, size_t room,
			 double *save, double *load)
{
	double begin;
	size_t length;
	int fd, end, rc;

	rc = again(p);
	if (rc)
		return rc;
	begin = seconds_now();
	rc = vf_set_state(&p->src, S(STOP_COPY), &fd);
	if (rc)
		return rc;
	length = vf_stream_read(fd, stream, room, &end);
	*save = seconds_now() - begin;
	close(fd);
	if (end)
		return -end;
	rc = vf_set_state(&p->src, S(STOP), NULL);
	if (!rc)
		rc = vf_set_state(&p->dst, S(RESUMING), &fd);
	if (rc)
		return rc;
	begin = seconds_now();
	rc = vf_stream_write(fd, stream, length);
	if (!rc)
		rc = vf_set_state(&p->dst, S(STOP), NULL);
	*load = seconds_now() - begin;
	close(fd);
	return rc ? rc : same(p);
}

/* The first image, and once what has changed since. */
static int precopy(struct pump *pump, int from, int to)
{
	struct vfio_precopy_info info;
	int round, rc = 0;

	for (round = 0; !rc && round < 2; round++) {
		rc = pump_run(pump, from, to);
		usleep(20000);
		if (!rc)
			rc = vf_precopy_info(from, &info);
	}
	return rc;
}

static int stop_and_go(struct pair *p, struct pump *pump, bool before,
		       double *took)
{
	int from = -1, to = -1, rc;
	double begin;

	rc = again(p);
	if (!rc)
		rc = vf_set_state(&p->dst, S(RESUMING), &to);
	if (!rc && before)
		rc = vf_set_state(&p->src, S(PRE_COPY), &from);
	if (!rc && before)
		rc = precopy(pump, from, to);
	begin = seconds_now();
	if (!rc)
		rc = vf_set_state(&p->src, S(STOP_COPY), before ? NULL : &from);
	if (!rc)
		rc = pump_run(pump, from, to);
	if (!rc)
		rc = vf_set_state(&p->dst, S(STOP), NULL);
	if (!rc)
		rc = same(p);
	if (!rc)
		rc = vf_set_state(&p->dst, S(RUNNING), NULL);
	*took = seconds_now() - begin;
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return rc;
}

/* Everything once, with this module, which stays. */
static int measure(FIXTURE_DATA(cost) *self, const char *module,
		   struct series *s)
{
	struct pair *p = &self->p;
	unsigned int i = s->n;
	int rc = driver_use(module);

	if (rc)
		return rc;
	rc = pair_open(p);
	if (!rc)
		rc = save_and_load(p, self->stream, self->room,
				   &s->took[SAVE][i], &s->took[LOAD][i]);
	if (!rc)
		rc = stop_and_go(p, &self->pump, false, &s->took[DOWNTIME][i]);
	if (!rc)
		rc = stop_and_go(p, &self->pump, true,
				 &s->took[DOWNTIME_PRECOPY][i]);
	pair_close(p);
	s->n++;
	return rc;
}

/* ---- What came out ---- */

static int larger(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(struct series *s, enum cost cost)
{
	qsort(s->took[cost], s->n, sizeof(double), larger);
	return (s->took[cost][(s->n - 1) / 2] + s->took[cost][s->n / 2]) / 2;
}

/* Say what each took; how many took longer with ours than is tolerated. */
static unsigned int compare(struct __test_metadata *_metadata, __u64 size,
			    struct series *ours, struct series *theirs)
{
	double tolerance = 1 + number("TOLERANCE", 100) / 100.0;
	unsigned int i, slower = 0;

	for (i = 0; i < COSTS; i++) {
		double a = median(ours, i), b = median(theirs, i);

		TH_LOG("state of %llu MiB, %u rounds, %s: ours %.3f s (%.3f to %.3f), upstream %.3f s (%.3f to %.3f), ratio %.2f",
		       size >> 20, ours->n, names[i], a, ours->took[i][0],
		       ours->took[i][ours->n - 1], b, theirs->took[i][0],
		       theirs->took[i][theirs->n - 1], a / b);
		slower += a > b * tolerance;
	}
	return slower;
}

TEST_F_TIMEOUT(cost, not_more_than_upstreams, 3000)
{
	unsigned int rounds = number("ROUNDS", 3), i;
	struct series ours = {}, theirs = {};

	ASSERT_GE(ROUNDS, rounds);
	for (i = 0; i < rounds; i++) {
		/* Who is first takes turns too */
		if (i % 2)
			ASSERT_EQ(0, measure(self, DRIVER_OURS, &ours));
		ASSERT_EQ(0, measure(self, DRIVER_UPSTREAM, &theirs));
		if (i % 2 == 0)
			ASSERT_EQ(0, measure(self, DRIVER_OURS, &ours));
	}
	EXPECT_EQ(0, compare(_metadata, self->size, &ours, &theirs));
}

/* The control: with firmware that takes its time, all takes longer. */
TEST_F_TIMEOUT(cost, what_takes_longer_is_found, 3000)
{
	struct series fast = {}, slow = {};
	char ms[16];

	if (getenv("CONTROL"))
		SKIP(return, "not wanted");
	ASSERT_EQ(0, measure(self, DRIVER_OURS, &fast));
	/* One command takes longer than twice all that is measured */
	snprintf(ms, sizeof(ms), "%.0f", 100 + 2000 * fast.took[DOWNTIME][0]);
	ASSERT_EQ(0, virt_set("connectx_busy", "6"));
	ASSERT_EQ(0, virt_set("connectx_save_ms", ms));
	ASSERT_EQ(0, measure(self, DRIVER_OURS, &slow));
	EXPECT_EQ(COSTS, compare(_metadata, self->size, &slow, &fast));
}

TEST_HARNESS_MAIN
