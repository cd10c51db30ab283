// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/iommufd.h"
#include "../lib/random.h"
#include "../lib/truth.h"
#include "oracle.h"

#define COLLECT 1024	/* records at a time */

/** oracle_now() - CLOCK_MONOTONIC in nanoseconds */
__u64 oracle_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/**
 * oracle_open() - Begin with an empty log of ground truth
 * @o: The oracle
 *
 * Return: 0, or -errno.
 */
int oracle_open(struct oracle *o)
{
	memset(o, 0, sizeof(*o));
	o->truth_fd = truth_open();
	return o->truth_fd < 0 ? o->truth_fd : 0;
}

/**
 * oracle_open_own() - Begin without a log; oracle_wrote() says what was written
 * @o: The oracle
 * @leaf: Bytes of the largest leaf
 *
 * Return: 0.
 */
int oracle_open_own(struct oracle *o, __u64 leaf)
{
	*o = (struct oracle){ .truth_fd = -1, .leaf = leaf };
	return 0;
}

/** oracle_close() - Free everything */
void oracle_close(struct oracle *o)
{
	while (o->nr_events)
		free(o->events[--o->nr_events].bits);
	free(o->events);
	free(o->recs);
	free(o->maps);
	if (o->truth_fd >= 0)
		close(o->truth_fd);
}

/**
 * oracle_append() - Append records to others
 * @all: The others, of malloc() or NULL
 * @nr_all: How many; grows
 * @recs: The records; copied
 * @nr_recs: How many
 *
 * Return: 0, or -ENOMEM, and @all is as before.
 */
int oracle_append(struct virt_truth_rec **all, unsigned int *nr_all,
		  const struct virt_truth_rec *recs, unsigned int nr_recs)
{
	struct virt_truth_rec *grown;

	if (!nr_recs)
		return 0;
	grown = realloc(*all, (*nr_all + nr_recs) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	memcpy(grown + *nr_all, recs, nr_recs * sizeof(*grown));
	*all = grown;
	*nr_all += nr_recs;
	return 0;
}

/**
 * oracle_wrote() - Writes by a device that the platform does not know
 * @recs: The writes; copied
 * @nr_recs: How many
 *
 * Return: 0, or -errno.
 */
int oracle_wrote(struct oracle *o, const struct virt_truth_rec *recs,
		 unsigned int nr_recs)
{
	return oracle_append(&o->recs, &o->nr_recs, recs, nr_recs);
}

/**
 * oracle_mapped() - What was mapped just now is dirty: that is how its IOMMU driver maps
 * @o: The oracle
 * @iova: First byte
 * @length: Bytes
 * @begin_ns: Before the call that mapped it
 *
 * Return: 0, or -errno.
 */
int oracle_mapped(struct oracle *o, __u64 iova, __u32 length, __u64 begin_ns)
{
	struct virt_truth_rec map = {
		.iova = iova, .length = length, .begin_ns = begin_ns, .end_ns = oracle_now(),
	};

	return oracle_append(&o->maps, &o->nr_maps, &map, 1);
}

/**
 * oracle_collect() - Take what was written so far out of the log of ground truth
 * @o: The oracle
 *
 * The log has room for so many writes; a test that goes on for as long as the machine
 * lets it calls this now and then.
 *
 * Return: 0, or -errno; EOVERFLOW when the log was full before.
 */
int oracle_collect(struct oracle *o)
{
	struct virt_truth_rec recs[COLLECT];
	int n = 0, rc = 0;

	while (!rc && o->truth_fd >= 0 &&
	       (n = truth_read(o->truth_fd, recs, COLLECT)) > 0)
		rc = oracle_wrote(o, recs, (unsigned int)n);
	return rc ? rc : n;
}

/** oracle_started() - Call when START has returned */
void oracle_started(struct oracle *o)
{
	o->start_ns = oracle_now();
}

static struct oracle_event *event_add(struct oracle *o, __u64 iova,
				      __u64 length)
{
	struct oracle_event *e;

	e = realloc(o->events, (o->nr_events + 1) * sizeof(*e));
	if (!e)
		return NULL;
	o->events = e;
	e += o->nr_events++;
	*e = (struct oracle_event){
		.iova = iova, .length = length, .tried = length,
	};
	return e;
}

/**
 * oracle_restarted() - Call when START has returned after a STOP
 * @o: The oracle
 * @iova: First byte of all that is read
 * @length: Bytes of it
 * @begin_ns: Before the STOP; no READ was under way
 *
 * Return: 0, or -ENOMEM.
 */
int oracle_restarted(struct oracle *o, __u64 iova, __u64 length, __u64 begin_ns)
{
	struct oracle_event *e = event_add(o, iova, length);

	if (!e)
		return -ENOMEM;
	e->restart = true;
	e->begin_ns = begin_ns;
	e->end_ns = oracle_now();
	return 0;
}

/** oracle_unmap() - IOMMU_IOAS_UNMAP, noted; returns 0 or -errno */
int oracle_unmap(struct oracle *o, int fd, __u32 ioas_id, __u64 iova,
		 __u64 length)
{
	struct oracle_event *e = event_add(o, iova, length);
	int rc;

	if (!e)
		return -ENOMEM;
	e->races = true;
	e->begin_ns = oracle_now();
	rc = iommufd_ioas_unmap(fd, ioas_id, iova, length, NULL);
	e->end_ns = oracle_now();
	return rc;
}

static struct oracle_event *read_add(struct oracle *o, __u64 iova, __u64 length)
{
	struct oracle_event *e = event_add(o, iova, length);

	if (!e)
		return NULL;
	e->bits = calloc(length / ORACLE_PAGE / 64 + 1, sizeof(*e->bits));
	return e->bits ? e : NULL;
}

/** oracle_tracker_unmap() - IOMMU_DIRTY_TRACKER_UNMAP, noted */
int oracle_tracker_unmap(struct oracle *o, int fd, __u32 tracker_id, __u64 iova,
			 __u64 length, bool conservative)
{
	struct oracle_event *e = read_add(o, iova, length);
	struct iommu_dirty_tracker_unmap cmd = {
		.flags = conservative ? IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE : 0,
		.tracker_id = tracker_id,
		.iova = iova,
		.length = length,
		.page_size = ORACLE_PAGE,
		.data_len = (length / ORACLE_PAGE + 63) / 64 * 8,
	};
	int rc;

	if (!e)
		return -ENOMEM;
	cmd.data = (uintptr_t)e->bits;
	e->unmap = true;
	e->races = !conservative;
	e->begin_ns = oracle_now();
	rc = tracker_unmap(fd, &cmd);
	e->end_ns = oracle_now();
	return rc;
}

/** oracle_read() - READ as a bitmap, noted; returns 0 or -errno */
int oracle_read(struct oracle *o, int fd, __u32 tracker_id, __u64 iova,
		__u64 length)
{
	struct oracle_event *e = read_add(o, iova, length);
	int rc;

	if (!e)
		return -ENOMEM;
	e->begin_ns = oracle_now();
	rc = tracker_read_bitmap(fd, tracker_id, iova, length, ORACLE_PAGE,
				 e->bits, 0, NULL);
	e->end_ns = oracle_now();
	return rc;
}

static void mark_ranges(struct oracle_event *e,
			const struct iommu_dirty_range *ranges,
			unsigned int nr_ranges)
{
	unsigned int i;
	__u64 at;

	for (i = 0; i < nr_ranges; i++)
		for (at = ranges[i].iova - e->iova;
		     at < ranges[i].iova - e->iova + ranges[i].length;
		     at += ORACLE_PAGE)
			e->bits[at / ORACLE_PAGE / 64] |=
				1ull << (at / ORACLE_PAGE % 64);
}

/**
 * oracle_read_ranges() - READ as ranges until the whole range is done, noted as
 *	one READ for each time the buffer was filled
 * @nr_ranges: Room in the buffer
 *
 * Return: 0, or -errno.
 */
int oracle_read_ranges(struct oracle *o, int fd, __u32 tracker_id, __u64 iova,
		       __u64 length, unsigned int nr_ranges)
{
	struct iommu_dirty_range *ranges;
	__u64 end = iova + length;
	int rc = 0;

	ranges = malloc(nr_ranges * sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	while (!rc && iova < end) {
		struct oracle_event *e = read_add(o, iova, end - iova);
		struct tracker_read_out out;

		if (!e) {
			rc = -ENOMEM;
			break;
		}
		e->begin_ns = oracle_now();
		rc = tracker_read_ranges(fd, tracker_id, iova, end - iova,
					 ORACLE_PAGE, ranges, nr_ranges, 0,
					 &out);
		e->end_ns = oracle_now();
		if (rc < 0)
			break;
		mark_ranges(e, ranges, rc);
		rc = 0;
		e->length = out.next_iova - iova;
		iova = out.next_iova;
	}
	free(ranges);
	return rc;
}

/**
 * oracle_read_fault() - READ into a bitmap that ends in the middle, noted with
 *	what arrived
 * @good_pages: Pages of the bitmap that exist
 *
 * Return: 0 when the READ failed with EFAULT or did not get that far.
 */
int oracle_read_fault(struct oracle *o, int fd, __u32 tracker_id, __u64 iova,
		      __u64 length, size_t good_pages)
{
	size_t bytes = (length / ORACLE_PAGE + 63) / 64 * 8;
	size_t size = (bytes + ORACLE_PAGE - 1) / ORACLE_PAGE * ORACLE_PAGE;
	size_t good = good_pages * ORACLE_PAGE;
	struct tracker_read_out out = { .next_iova = iova };
	struct oracle_event *e;
	void *map;
	int rc;

	map = mmap(NULL, size + ORACLE_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return -errno;
	if (good < size && munmap((char *)map + good, size - good))
		return -errno;
	e = read_add(o, iova, length);
	if (!e)
		return -ENOMEM;
	e->begin_ns = oracle_now();
	rc = tracker_read_bitmap(fd, tracker_id, iova, length, ORACLE_PAGE, map,
				 0, &out);
	e->end_ns = oracle_now();
	if (good > bytes)
		good = bytes;
	memcpy(e->bits, map, good);
	/* Past where it stopped it was no READ: what is dirty there comes again */
	e->length = rc ? out.next_iova - iova : length;
	munmap(map, size + ORACLE_PAGE);
	return rc == -EFAULT ? 0 : rc;
}

/* A READ by another process, in memory that it shares with us. */
struct shared_read {
	__u64 begin_ns;
	__u64 end_ns;
	__u64 bits[];
};

static int reader_note(struct oracle *o, const struct shared_read *read,
		       __u64 iova, __u64 length)
{
	struct oracle_event *e;

	/* Killed before it began */
	if (!read->begin_ns)
		return 0;
	e = read_add(o, iova, length);
	if (!e)
		return -ENOMEM;
	memcpy(e->bits, read->bits, (length / ORACLE_PAGE + 63) / 64 * 8);
	e->begin_ns = read->begin_ns;
	e->killed = !read->end_ns;
	e->end_ns = e->killed ? oracle_now() : read->end_ns;
	return 0;
}

/**
 * oracle_readers_begin() - Begin to READ by several processes at a time
 * @r: The READs, to be ended with oracle_readers_end() whatever this returns
 * @readers: How many, at most ORACLE_READERS
 *
 * Return: 0, or -errno.
 */
int oracle_readers_begin(struct oracle_readers *r, int fd, __u32 tracker_id,
			 __u64 iova, __u64 length, unsigned int readers)
{
	int rc;

	*r = (struct oracle_readers){ .iova = iova, .length = length };
	r->size = sizeof(*r->read[0]) + (length / ORACLE_PAGE + 63) / 64 * 8;
	while (r->nr < readers) {
		struct shared_read *read;
		pid_t pid;

		read = mmap(NULL, r->size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (read == MAP_FAILED)
			return -errno;
		pid = fork();
		if (pid < 0) {
			rc = -errno;
			munmap(read, r->size);
			return rc;
		}
		if (pid) {
			r->read[r->nr] = read;
			r->pid[r->nr++] = pid;
			continue;
		}
		read->begin_ns = oracle_now();
		rc = tracker_read_bitmap(fd, tracker_id, iova, length,
					 ORACLE_PAGE, read->bits, 0, NULL);
		read->end_ns = oracle_now();
		_exit(rc ? 1 : 0);
	}
	return 0;
}

/**
 * oracle_readers_end() - Wait for the READs, and note each
 * @r: The READs
 * @kill_us: After so many microseconds the first of them is killed; 0: it is not
 *
 * Return: 0, or -EIO when a READ failed.
 */
int oracle_readers_end(struct oracle *o, struct oracle_readers *r,
		       unsigned int kill_us)
{
	unsigned int i;
	int rc = 0;

	if (kill_us && r->nr) {
		usleep(kill_us);
		kill(r->pid[0], SIGKILL);
	}
	for (i = 0; i < r->nr; i++) {
		int status;

		if (waitpid(r->pid[i], &status, 0) != r->pid[i])
			rc = -ECHILD;
		else if (WIFEXITED(status) && WEXITSTATUS(status))
			rc = -EIO;
		else if (!rc)
			rc = reader_note(o, r->read[i], r->iova, r->length);
		munmap(r->read[i], r->size);
	}
	return rc ?: oracle_collect(o);
}

/** oracle_readers() - oracle_readers_begin() and oracle_readers_end() */
int oracle_readers(struct oracle *o, int fd, __u32 tracker_id, __u64 iova,
		   __u64 length, unsigned int readers, unsigned int kill_us)
{
	struct oracle_readers r;
	int rc;

	rc = oracle_readers_begin(&r, fd, tracker_id, iova, length, readers);
	return oracle_readers_end(o, &r, kill_us) ?: rc;
}

/* ---- READs in a loop ---- */

static int loop_read(struct oracle_loop *l)
{
	__u64 pages = l->length / ORACLE_PAGE;
	__u64 first = random_below(&l->random, pages), n = pages - first;
	struct oracle_event *e;

	/* Everything, a long part, or one that begins and ends inside of leaves */
	switch (random_below(&l->random, 3)) {
	case 0:
		first = 0;
		n = pages;
		break;
	case 1:
		n = 1 + random_below(&l->random, n);
		break;
	default:
		n = 1 + random_below(&l->random, n < 600 ? n : 600);
	}
	e = realloc(l->events, (l->nr_events + 1) * sizeof(*e));
	if (!e)
		return -ENOMEM;
	l->events = e;
	e += l->nr_events;
	*e = (struct oracle_event){
		.iova = l->iova + first * ORACLE_PAGE,
		.length = n * ORACLE_PAGE,
		.tried = n * ORACLE_PAGE,
		.bits = calloc(n / 64 + 1, sizeof(*e->bits)),
	};
	if (!e->bits)
		return -ENOMEM;
	l->nr_events++;
	e->begin_ns = oracle_now();
	l->rc = tracker_read_bitmap(l->fd, l->tracker_id, e->iova, e->length,
				    ORACLE_PAGE, e->bits, 0, NULL);
	e->end_ns = oracle_now();
	return l->rc;
}

static void *loop_run(void *arg)
{
	struct oracle_loop *l = arg;

	while (!l->stop && !l->rc) {
		l->rc = loop_read(l);
		usleep(random_below(&l->random, l->pause_us + 1));
	}
	return NULL;
}

/**
 * oracle_loop_begin() - Begin to READ, until oracle_loop_end()
 * @l: Filled in up to @pause_us, the rest 0
 *
 * Return: 0 or -errno.
 */
int oracle_loop_begin(struct oracle_loop *l)
{
	return -pthread_create(&l->thread, NULL, loop_run, l);
}

/**
 * oracle_loop_end() - End the loop, and note its READs
 * @l: What oracle_loop_begin() has begun
 *
 * Return: 0, or the error of the READ that failed.
 */
int oracle_loop_end(struct oracle *o, struct oracle_loop *l)
{
	struct oracle_event *e;
	int rc;

	l->stop = true;
	pthread_join(l->thread, NULL);
	rc = l->rc;
	e = realloc(o->events, (o->nr_events + l->nr_events + 1) * sizeof(*e));
	if (e) {
		o->events = e;
		if (l->nr_events)
			memcpy(e + o->nr_events, l->events,
			       l->nr_events * sizeof(*e));
		o->nr_events += l->nr_events;
	} else {
		while (l->nr_events)
			free(l->events[--l->nr_events].bits);
		rc = -ENOMEM;
	}
	free(l->events);
	return rc;
}
