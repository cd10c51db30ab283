// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lib/iommufd.h"
#include "../lib/random.h"
#include "../lib/sysfs.h"
#include "fixture.h"
#include "oracle.h"
#include "requester.h"
#include "schedule.h"

#define MAX_DEVICES 8
#define SLOTS 4
#define SLOT_SIZE (4ull << 20)
#define SLOT_STRIDE (16ull << 20)	/* holes between the slots */
#define BASE 0x10000000ull
#define SPAN (SLOTS * SLOT_STRIDE)
/* One more slot has what network controllers need, in the hole behind the first */
#define RINGS SLOTS
#define RINGS_SIZE (1ull << 20)
#define RINGS_IOVA (BASE + 2 * SLOT_SIZE)
/* Of all that is mapped */
#define BYTES (SLOTS * SLOT_SIZE + RINGS_SIZE)
#define MAX_READERS 4

struct run {
	struct schedule *s;
	__u64 random;
	int fd;
	__u32 ioas_id;
	__u32 tracker_id;
	bool born_dirty;
	struct oracle oracle;
	struct requester dev[MAX_DEVICES];
	unsigned int nr_dev;
	bool attached[MAX_DEVICES];
	__u32 hwpt_id[MAX_DEVICES];
	char *ram;
	unsigned int nr_slots;
	bool mapped[SLOTS + 1];
	struct oracle_loop loop[MAX_READERS];
	unsigned int nr_loops;
};

static __u64 rnd(struct run *r, __u64 below)
{
	return random_below(&r->random, below);
}

static int fail(struct run *r, const char *what, int rc)
{
	r->s->what = what;
	r->s->rc = rc;
	return rc;
}

static __u64 slot_iova(unsigned int slot)
{
	return slot == RINGS ? RINGS_IOVA : BASE + slot * SLOT_STRIDE;
}

static __u64 slot_size(unsigned int slot)
{
	return slot == RINGS ? RINGS_SIZE : SLOT_SIZE;
}

/* What was mapped since @begin, or is in a domain that a device has now, is dirty */
static int note_map(struct run *r, __u64 iova, __u64 length, __u64 begin)
{
	int rc = r->born_dirty ? oracle_mapped(&r->oracle, iova, length, begin) : 0;

	return rc ? fail(r, "note a map", rc) : 0;
}

static int slot_map(struct run *r, unsigned int slot)
{
	__u64 begin = oracle_now();
	int rc = iommufd_ioas_map(r->fd, r->ioas_id,
				  r->ram + slot * SLOT_SIZE, slot_size(slot),
				  slot_iova(slot), IOMMUFD_MAP_RW);

	if (rc)
		return fail(r, "map", rc);
	r->mapped[slot] = true;
	return note_map(r, slot_iova(slot), slot_size(slot), begin);
}

static int step_unmap(struct run *r, unsigned int slot)
{
	int rc;

	if (!r->mapped[slot])
		return slot_map(r, slot);
	switch (rnd(r, 3)) {
	case 0:
		rc = oracle_unmap(&r->oracle, r->fd, r->ioas_id,
				  slot_iova(slot), slot_size(slot));
		break;
	default:
		rc = oracle_tracker_unmap(&r->oracle, r->fd, r->tracker_id,
					  slot_iova(slot), slot_size(slot),
					  rnd(r, 2));
	}
	if (rc)
		return fail(r, "unmap", rc);
	r->mapped[slot] = false;
	return 0;
}

/*
 * Each network controller has a part of a slot for itself: what it has written is known by
 * what is there.
 */
static __u64 job_pages(const struct run *r)
{
	__u64 pages = SLOT_SIZE / ORACLE_PAGE;

	return r->s->kind == REQUESTER_NIC ? pages / r->nr_dev : pages;
}

static int step_job(struct run *r)
{
	unsigned int i = rnd(r, r->nr_dev), slot = rnd(r, SLOTS);
	__u64 pages = job_pages(r);
	__u64 first = rnd(r, pages), n = 1 + rnd(r, pages - first);
	struct vdev_job job;
	int rc;

	if (n > 200)
		n = 1 + n % 200;
	if (r->s->kind == REQUESTER_NIC)
		first += i * pages;
	if (!r->mapped[slot] || !r->attached[i])
		return 0;
	rc = requester_stop(&r->dev[i]);
	if (rc)
		return fail(r, "stop", rc);
	vdev_job_init(&job);
	job.pattern = rnd(r, 2) ? VIRT_DMA_PATTERN_RANDOM :
				  VIRT_DMA_PATTERN_SEQ;
	job.iova = slot_iova(slot) + first * ORACLE_PAGE;
	job.length = n * ORACLE_PAGE;
	job.offset = 8 * rnd(r, 512);
	job.seed = rnd(r, 1u << 30);
	job.sweeps = 1 + rnd(r, 3);
	job.rate = rnd(r, 2) ? 0 : 20000;
	rc = requester_start(&r->dev[i], &job, r->ram + slot * SLOT_SIZE +
						first * ORACLE_PAGE);
	if (rc)
		return fail(r, "start job", rc);
	/* Sometimes let it finish, sometimes let it run into what comes next */
	if (rnd(r, 2)) {
		rc = requester_wait(&r->dev[i], 20000);
		if (rc)
			return fail(r, "wait for job", rc);
	}
	return 0;
}

static int step_read(struct run *r)
{
	__u64 pages = SPAN / ORACLE_PAGE;
	__u64 first = rnd(r, pages), n = 1 + rnd(r, pages - first);
	__u64 iova, length;
	int rc;

	switch (rnd(r, 4)) {
	case 0:
		first = 0;
		n = pages;
		break;
	case 1:
		/* In the middle of a slot, to begin and end inside leaves */
		first = rnd(r, SLOTS) * (SLOT_STRIDE / ORACLE_PAGE) +
			rnd(r, SLOT_SIZE / ORACLE_PAGE / 2);
		n = 1 + rnd(r, SLOT_SIZE / ORACLE_PAGE / 2);
		break;
	}
	iova = BASE + first * ORACLE_PAGE;
	length = n * ORACLE_PAGE;
	switch (rnd(r, 8)) {
	case 0:
		rc = oracle_read_ranges(&r->oracle, r->fd, r->tracker_id, iova,
					length, 1 + rnd(r, 20));
		break;
	case 1:
		rc = oracle_read_fault(&r->oracle, r->fd, r->tracker_id, BASE,
				       SPAN, 0);
		break;
	case 2:
		rc = oracle_readers(&r->oracle, r->fd, r->tracker_id, iova,
				    length, 2 + rnd(r, 3),
				    rnd(r, 2) ? 1 + rnd(r, 3000) : 0);
		break;
	default:
		rc = oracle_read(&r->oracle, r->fd, r->tracker_id, iova,
				 length);
	}
	return rc ? fail(r, "READ", rc) : 0;
}

/* To a domain that others use too, or to one of its own. */
static int attach(struct run *r, unsigned int i)
{
	__u64 begin = oracle_now();
	int rc = requester_attach(&r->dev[i],
				  rnd(r, 3) ? r->ioas_id : r->hwpt_id[i]);

	if (rc)
		return fail(r, "attach", rc);
	r->attached[i] = true;
	/*
	 * Its HWPT may be new, and filled after the attach; and what was mapped in one
	 * that had no device is still dirty.
	 */
	return note_map(r, BASE, SPAN, begin);
}

static int step_attach(struct run *r)
{
	unsigned int i = rnd(r, r->nr_dev);
	int rc;

	/* Twice means a replace */
	if (!r->attached[i] || rnd(r, 2))
		return attach(r, i);
	rc = requester_detach(&r->dev[i]);
	if (rc)
		return fail(r, "detach", rc);
	r->attached[i] = false;
	return 0;
}

/* READs are under way while memory or a device comes or goes. */
static int step_beside(struct run *r)
{
	struct oracle_readers readers;
	int rc, ended;

	rc = oracle_readers_begin(&readers, r->fd, r->tracker_id, BASE, SPAN,
				  1 + rnd(r, 2));
	usleep(rnd(r, 1000));
	if (rc)
		fail(r, "begin READs", rc);
	else if (rnd(r, 3))
		rc = step_unmap(r, rnd(r, r->nr_slots));
	else
		rc = step_attach(r);
	ended = oracle_readers_end(&r->oracle, &readers, 0);
	if (!rc && ended)
		rc = fail(r, "READs beside", ended);
	return rc;
}

/* A device loses its log, or all that have failed get another try. */
static int step_failure(struct run *r)
{
	int rc;

	if (rnd(r, 2))
		rc = sysfs_write("/sys/module/iommufd_virt/parameters/lose_track",
				 "1");
	else
		rc = tracker_set(r->fd, r->tracker_id,
				 IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL);
	return rc ? fail(r, "failure", rc) : 0;
}

/* Leaves are split, or joined and, perhaps, split again, whatever the devices do. */
static int step_split(struct run *r)
{
	const __u32 split = IOMMU_DIRTY_TRACKER_ENABLE | IOMMU_DIRTY_TRACKER_SPLIT;
	__u64 begin = oracle_now();
	int rc;

	if (rnd(r, 2) || r->nr_loops) {
		rc = tracker_set(r->fd, r->tracker_id, split, NULL, NULL);
		return rc ? fail(r, "SPLIT", rc) : 0;
	}
	rc = tracker_set(r->fd, r->tracker_id, 0, NULL, NULL);
	if (rc)
		return fail(r, "STOP", rc);
	rc = tracker_set(r->fd, r->tracker_id, rnd(r, 2) ? split : IOMMU_DIRTY_TRACKER_ENABLE,
			 NULL, NULL);
	if (!rc)
		rc = oracle_restarted(&r->oracle, BASE, SPAN, begin);
	return rc ? fail(r, "START again", rc) : 0;
}

static int step(struct run *r)
{
	if (r->s->splits && !rnd(r, 8))
		return step_split(r);
	if (r->s->failures && !rnd(r, 12))
		return step_failure(r);
	switch (rnd(r, 16)) {
	case 0 ... 7:
		return step_job(r);
	case 8 ... 12:
		return step_read(r);
	case 13:
		return step_unmap(r, rnd(r, r->nr_slots));
	case 14:
		return step_beside(r);
	default:
		return step_attach(r);
	}
}

/* The kernel draws them: a seed that fails with delays may need some tries. */
static int delays_set(struct run *r, unsigned int us)
{
	char value[16];
	int rc;

	snprintf(value, sizeof(value), "%u", us);
	rc = sysfs_write("/sys/module/iommufd/parameters/dirty_delay_us",
			 value);
	return rc ? fail(r, "dirty_delay_us", rc) : 0;
}

static int hwpt_alloc(struct run *r, unsigned int i)
{
	__u32 dev_id = requester_dev_id(&r->dev[i]);
	int rc = iommufd_hwpt_alloc(r->fd, dev_id, r->ioas_id,
				    IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
				    &r->hwpt_id[i]);

	if (rc == -EOPNOTSUPP)
		rc = iommufd_hwpt_alloc(r->fd, dev_id, r->ioas_id, 0,
					&r->hwpt_id[i]);
	return rc;
}

/* Readers that never wait for a step, nor a step for them. */
static int loops_begin(struct run *r)
{
	while (r->nr_loops < r->s->readers && r->nr_loops < MAX_READERS) {
		struct oracle_loop *l = &r->loop[r->nr_loops];
		int rc;

		*l = (struct oracle_loop){
			.iova = BASE,
			.length = SPAN,
			.fd = r->fd,
			.tracker_id = r->tracker_id,
			.random = r->random + r->nr_loops + 1,
			.pause_us = r->s->pause_us ?: 2000,
		};
		rc = oracle_loop_begin(l);
		if (rc)
			return fail(r, "thread", rc);
		r->nr_loops++;
	}
	return 0;
}

static int loops_end(struct run *r)
{
	int rc, ret = 0;

	while (r->nr_loops) {
		rc = oracle_loop_end(&r->oracle, &r->loop[--r->nr_loops]);
		if (rc)
			ret = fail(r, "READ in a loop", rc);
	}
	return ret;
}

static int ram_alloc(struct run *r)
{
	r->ram = mmap(NULL, BYTES + (2 << 20),
		      PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->ram == MAP_FAILED)
		return fail(r, "mmap", -errno);
	r->ram = (char *)(((uintptr_t)r->ram + (2 << 20) - 1) &
			  ~((2ull << 20) - 1));
	/* Half of it in huge pages, so that there are leaves of either size */
	madvise(r->ram, SLOTS / 2 * SLOT_SIZE, MADV_HUGEPAGE);
	madvise(r->ram + SLOTS / 2 * SLOT_SIZE, BYTES - SLOTS / 2 * SLOT_SIZE,
		MADV_NOHUGEPAGE);
	memset(r->ram, 0, BYTES);
	return 0;
}

static int device_open(struct run *r, unsigned int i)
{
	struct requester *dev = &r->dev[r->nr_dev];

	switch (r->s->kind) {
	case REQUESTER_EDU:
		return requester_open_edu(dev, r->fd, i);
	case REQUESTER_NIC:
		return requester_open_nic(dev, r->fd, i, r->ram + RINGS * SLOT_SIZE +
					  r->nr_dev * NIC_MEMORY,
					  RINGS_IOVA + r->nr_dev * NIC_MEMORY);
	default:
		return requester_open(dev, r->fd, i, r->s->driver);
	}
}

static int devices_open(struct run *r)
{
	unsigned int i;
	int rc;

	for (i = 0; i < MAX_DEVICES; i++) {
		if (!(r->s->devices >> i & 1))
			continue;
		rc = device_open(r, i);
		if (rc)
			return fail(r, "open device", rc);
		rc = hwpt_alloc(r, r->nr_dev);
		if (rc)
			return fail(r, "HWPT", rc);
		rc = attach(r, r->nr_dev++);
		if (rc)
			return rc;
	}
	return 0;
}

static int set_up(struct run *r)
{
	unsigned int i;
	int rc;

	r->random = r->s->seed * 0x9e3779b97f4a7c15ull + 1;
	rc = ram_alloc(r);
	if (rc)
		return rc;
	rc = r->s->kind == REQUESTER_VIRT ? oracle_open(&r->oracle) :
					    oracle_open_own(&r->oracle, r->s->leaf);
	if (rc)
		return fail(r, "/dev/virt-truth", rc);
	r->fd = iommufd_open();
	if (r->fd < 0)
		return fail(r, "/dev/iommu", r->fd);
	rc = iommufd_ioas_alloc(r->fd, &r->ioas_id);
	if (rc)
		return fail(r, "IOAS", rc);
	if (r->s->small) {
		rc = iommufd_ioas_small_leaves(r->fd, r->ioas_id, true);
		if (rc)
			return fail(r, "small leaves", rc);
	}
	r->nr_slots = r->s->kind == REQUESTER_NIC ? SLOTS + 1 : SLOTS;
	for (i = 0; i < r->nr_slots; i++) {
		rc = slot_map(r, i);
		if (rc)
			return rc;
	}
	rc = devices_open(r);
	if (rc)
		return rc;
	rc = tracker_alloc(r->fd, r->ioas_id, r->s->policy, 0, 0,
			   &r->tracker_id);
	if (rc)
		return fail(r, "tracker", rc);
	rc = tracker_set(r->fd, r->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
			 NULL);
	if (rc)
		return fail(r, "START", rc);
	oracle_started(&r->oracle);
	r->born_dirty = tracker_born_dirty(r->fd, r->tracker_id);
	rc = loops_begin(r);
	if (rc)
		return rc;
	return r->s->delay_us ? delays_set(r, r->s->delay_us) : 0;
}

static int finish(struct run *r)
{
	unsigned int i;
	int rc;

	for (i = 0; i < r->nr_dev; i++) {
		rc = requester_stop(&r->dev[i]);
		if (rc)
			return fail(r, "stop", rc);
	}
	rc = oracle_read(&r->oracle, r->fd, r->tracker_id, BASE, SPAN);
	if (rc)
		return fail(r, "last READ", rc);
	for (i = 0; !rc && i < r->nr_dev; i++)
		rc = oracle_wrote(&r->oracle, r->dev[i].writes,
				  r->dev[i].nr_writes);
	if (!rc)
		rc = oracle_check(&r->oracle);
	if (rc)
		return fail(r, "ground truth", rc);
	r->s->writes = r->oracle.writes;
	r->s->reported = r->oracle.reported;
	r->s->over = r->oracle.over;
	r->s->strays = r->oracle.strays;
	r->s->lost = r->oracle.lost;
	r->s->lost_iova = r->oracle.lost_iova;
	return 0;
}

/**
 * schedule_run() - Run one schedule
 * @s: Input and result
 *
 * Return: 0 when it ran to its end, whatever was lost, and left nothing pinned.
 */
int schedule_run(struct schedule *s)
{
	struct run *r = calloc(1, sizeof(*r));
	unsigned int i;
	int rc;

	if (!r)
		return -ENOMEM;
	r->s = s;
	s->what = NULL;
	r->fd = -1;
	rc = set_up(r);
	for (i = 0; !rc && i < s->steps; i++)
		rc = step(r);
	if (loops_end(r) && !rc)
		rc = s->rc;
	if (!rc)
		rc = finish(r);
	for (i = 0; i < r->nr_dev; i++)
		requester_close(&r->dev[i]);
	if (r->fd >= 0)
		close(r->fd);
	if (s->delay_us)
		delays_set(r, 0);
	if (!rc && number_in("/proc/self/status", "VmPin:"))
		rc = fail(r, "memory stays pinned", -EBUSY);
	oracle_close(&r->oracle);
	munmap(r->ram, BYTES);
	free(r);
	return rc;
}
