// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of ioctls, shaped so that most of them get past the first
 * check: the tracker's, those of iommufd and of vfio that meet it, and
 * VFIO_DEVICE_FEATURE. Tables describe each call; IDs are of objects that exist,
 * or do not any more, numbers are near the borders that have been mistakes.
 *
 * Any answer is right that the uAPI allows, as long as the kernel neither
 * complains, nor writes outside of the buffers, nor leaves memory pinned.
 *
 * SEED=n repeats a run, DURATION=n takes n seconds instead of 5.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"
#include "fuzz.h"
#include "fuzz_calls.h"

#define STEPS 400
#define DEVICES 3
#define GUEST (8ul << 20)
#define IDS 6

/**
 * struct run - What the threads of one run share
 * @fd: /dev/iommu
 * @ids: IDs of objects of each type, some of which no longer exist
 * @nr_ids: How many there were
 * @dev: Devices
 * @guest: Memory that can be mapped
 */
struct run {
	int fd;
	atomic_uint ids[TYPES][IDS];
	atomic_uint nr_ids[TYPES];
	struct vdev dev[DEVICES];
	char *guest;
};

struct thread {
	struct run *r;
	struct fuzz f;
	__u64 calls;
	__u64 good;
	pthread_t thread;
};

static void add_id(struct run *r, enum type of, __u32 id)
{
	r->ids[of][r->nr_ids[of]++ % IDS] = id;
}

static __u32 any_id(struct run *r, struct fuzz *f, enum type of)
{
	unsigned int n;

	if (of == TYPES || fuzz_chance(f, 10))
		of = fuzz_below(f, TYPES);
	n = r->nr_ids[of];
	return n ? r->ids[of][fuzz_below(f, n < IDS ? n : IDS)] : 0;
}

static __u64 page_bytes(struct fuzz *f)
{
	static const __u64 odd[] = { 0, 1, 3, 2048, 4095, 4097, 12288, 1ull << 51,
				     1ull << 52, 1ull << 63, ~0ull };

	switch (fuzz_below(f, 8)) {
	case 0:
		return odd[fuzz_below(f, sizeof(odd) / sizeof(*odd))];
	case 1:
		return 1ull << fuzz_below(f, 64);
	case 2:
		return 1ull << (12 + fuzz_below(f, 20));
	default:
		return 4096;
	}
}

/* Multiples of @unit most of the time, or there is nothing but EINVAL. */
static __u64 round_to(struct fuzz *f, __u64 n, __u64 unit)
{
	return unit && !(unit & (unit - 1)) && !fuzz_chance(f, 5) ? n & ~(unit - 1) : n;
}

static __u64 iova(struct fuzz *f)
{
	if (fuzz_chance(f, 10))
		return fuzz_number(f);
	return IOVA + fuzz_below(f, 8) * (2 << 20) +
	       (fuzz_chance(f, 30) ? fuzz_below(f, 600) * 4096 : 0);
}

static __u64 range_length(struct fuzz *f)
{
	switch (fuzz_below(f, 8)) {
	case 0:
		return fuzz_number(f);
	case 1:
		return 4096 * (1 + fuzz_below(f, 70));
	case 2:
		return 1ull << (30 + fuzz_below(f, 20));
	default:
		return (1 + fuzz_below(f, 8)) * (2 << 20);
	}
}

static __u64 flags(struct fuzz *f, __u64 known)
{
	if (fuzz_chance(f, 5))
		return fuzz_number(f);
	return fuzz_below(f, 8) & known & (fuzz_chance(f, 70) ? ~0ull : fuzz_number(f));
}

/* For a bitmap of @length in pages of @unit, as far as that makes sense. */
static __u64 bytes(struct fuzz *f, __u64 length, __u64 unit)
{
	__u64 need = 8 * (unit ? length / unit / 64 + 1 : 1);

	switch (fuzz_below(f, 8)) {
	case 0:
		return fuzz_number(f);
	case 1:
		return need - 8;
	case 2:
		return fuzz_below(f, need);
	case 3:
		return need + fuzz_below(f, 100);
	default:
		return need;
	}
}

static __u64 choose(struct thread *t, const struct call *call,
		    const struct field *field, __u64 unit, __u64 length)
{
	struct fuzz *f = &t->f;

	switch (field->kind) {
	case SIZE:
		if (fuzz_chance(f, 97))
			return call->size;
		return fuzz_below(f, call->size + 9);
	case FLAGS:
		return flags(f, field->arg);
	case MOSTLY:
		return fuzz_chance(f, 75) ? field->arg : flags(f, 7);
	case CHOICE:
		return fuzz_chance(f, 5) ? fuzz_number(f) : fuzz_below(f, field->arg);
	case ID:
		return fuzz_chance(f, 3) ? fuzz_number(f) : any_id(t->r, f, field->arg);
	case ADDRESS:
		return round_to(f, iova(f), unit);
	case LENGTH:
		return round_to(f, range_length(f), unit);
	case PAGE_BYTES:
		return page_bytes(f);
	case POINTER:
		return fuzz_pointer(f);
	case BYTES:
		return bytes(f, length, unit);
	case MEMORY:
		return (uintptr_t)t->r->guest + fuzz_below(f, GUEST / 4096) * 4096;
	case NEW_ID:
		return 0;
	default:
		return fuzz_chance(f, 3) ? fuzz_number(f) : 0;
	}
}

static void put(unsigned char *at, unsigned int width, __u64 value)
{
	memcpy(at, &value, width);
}

static bool allowed(const struct call *call, int error)
{
	unsigned int i;

	for (i = 0; call->errors[i]; i++)
		if (call->errors[i] == error)
			return true;
	/* The structure itself is always good memory */
	return !call->errors[0];
}

/* READ and UNMAP, which share the fields that are looked at. */
static void check_report(struct thread *t, const struct call *call,
			 const struct iommu_dirty_tracker_read *cmd,
			 const struct iommu_dirty_tracker_read *before, bool read)
{
	const struct iommu_dirty_tracker_unmap *un = (const void *)cmd;
	__u64 dirty = read ? cmd->out_dirty_bytes : un->out_dirty_bytes;
	__u64 next = read ? cmd->out_next_iova : un->out_next_iova;
	bool ranges = before->flags & IOMMU_DIRTY_TRACKER_READ_RANGES;

	/* It is 0 behind the last page of the address space */
	if (next - before->iova > before->length)
		fuzz_violation(&t->f, "%s [%#llx + %#llx] goes on at %#llx", call->name,
			       before->iova, before->length, next);
	if (dirty > before->length || dirty & (before->page_size - 1))
		fuzz_violation(&t->f, "%s of %#llx bytes, page size %#llx: %#llx dirty",
			       call->name, before->length, before->page_size, dirty);
	if (read && ranges && cmd->out_nr_ranges > before->data_len / 16)
		fuzz_violation(&t->f, "%s: %llu ranges in %llu bytes", call->name,
			       cmd->out_nr_ranges, before->data_len);
}

static void step(struct thread *t)
{
	unsigned int which = fuzz_below(&t->f, fuzz_nr_calls + 10);
	const struct call *call = &fuzz_calls[which < fuzz_nr_calls ? which : which % 5];
	unsigned int device = fuzz_below(&t->f, DEVICES), i;
	unsigned char cmd[160] = {}, before[160];
	__u64 unit = 4096, pointer = 0, room = 0, length = 0;
	int fd = t->r->fd, rc;

	if (call->device)
		fd = t->r->dev[device].fd;
	for (i = 0; i < FUZZ_FIELDS && call->field[i].width; i++) {
		const struct field *field = &call->field[i];
		__u64 value = choose(t, call, field, unit, length);

		if (field->kind == PAGE_BYTES)
			unit = value;
		else if (field->kind == POINTER)
			pointer = value;
		else if (field->kind == LENGTH)
			length = value;
		else if (field->kind == BYTES)
			room = value;
		put(cmd + field->at, field->width, value);
	}
	memcpy(before, cmd, sizeof(cmd));
	if (call->reports)
		fuzz_arena_fill(&t->f);
	rc = ioctl(fd, call->request, cmd) < 0 ? errno : 0;
	t->calls++;
	t->good += !rc;
	if (rc && !allowed(call, rc))
		fuzz_violation(&t->f, "%s: error %d is not among those it can have",
			       call->name, rc);
	if (call->reports && !fuzz_arena_kept(&t->f, pointer, room))
		fuzz_violation(&t->f, "%s wrote outside of its %llu bytes", call->name,
			       room);
	for (i = 0; i < FUZZ_FIELDS && call->field[i].width && !rc; i++)
		if (call->field[i].kind == NEW_ID)
			add_id(t->r, call->field[i].arg,
			       *(__u32 *)(cmd + call->field[i].at));
	if (!rc && call->reports)
		check_report(t, call, (void *)cmd, (void *)before,
			     call->request == IOMMU_DIRTY_TRACKER_READ);
}

static void *steps(void *arg)
{
	struct thread *t = arg;
	unsigned int i;

	for (i = 0; i < STEPS && !t->f.violation[0]; i++)
		step(t);
	return NULL;
}

/* A device that writes while all this happens. */
static int set_up(struct run *r, struct fuzz *f)
{
	unsigned int i;
	__u32 id, hwpt;
	int rc;

	r->guest = mmap(NULL, GUEST, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (r->guest == MAP_FAILED)
		return -errno;
	r->fd = iommufd_open();
	if (r->fd < 0)
		return r->fd;
	rc = iommufd_ioas_alloc(r->fd, &id);
	if (!rc)
		rc = iommufd_ioas_map(r->fd, id, r->guest, GUEST, IOVA, IOMMUFD_MAP_RW);
	if (rc)
		return rc;
	add_id(r, IOAS, id);
	for (i = 0; i < DEVICES; i++) {
		struct vdev_job job;

		rc = vdev_open(&r->dev[i], r->fd,
			       (fuzz_below(f, NR_DEVICES / DEVICES) * DEVICES + i) %
			       NR_DEVICES);
		if (!rc)
			rc = vdev_attach(&r->dev[i], id, &hwpt);
		if (rc)
			return rc;
		add_id(r, DEVICE, r->dev[i].dev_id);
		add_id(r, HWPT, hwpt);
		vdev_job_init(&job);
		job.iova = IOVA;
		job.length = GUEST;
		job.sweeps = 0;
		job.rate = 1000;
		rc = vdev_start(&r->dev[i], &job);
		if (rc)
			return rc;
	}
	rc = tracker_alloc(r->fd, id, IOMMU_DIRTY_POLICY_AUTO, 0, 0, &id);
	if (!rc)
		rc = tracker_set(r->fd, id, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL);
	add_id(r, TRACKER, id);
	return rc;
}

static void tear_down(struct run *r)
{
	unsigned int i;

	for (i = 0; i < DEVICES; i++)
		if (r->dev[i].fd >= 0)
			vdev_close(&r->dev[i]);
	if (r->fd >= 0)
		close(r->fd);
	munmap(r->guest, GUEST);
}

struct totals {
	__u64 calls;
	__u64 good;
	__u64 runs;
};

/* One run of one or two threads; 0, or what stopped it in @violation. */
static int fuzz_run(__u64 seed, char *violation, size_t room, struct totals *sum)
{
	unsigned int i, n = 1 + seed % 2;
	struct thread t[2] = {};
	struct run r = { .fd = -1 };
	struct fuzz f;
	int rc;

	vdevs_init(r.dev, DEVICES);
	rc = fuzz_open(&f, seed);
	if (!rc)
		rc = set_up(&r, &f);
	for (i = 0; !rc && i < n; i++) {
		t[i].r = &r;
		rc = fuzz_open(&t[i].f, seed * 4 + i);
		if (!rc)
			rc = -pthread_create(&t[i].thread, NULL, steps, &t[i]);
	}
	for (i = 0; !rc && i < n; i++) {
		pthread_join(t[i].thread, NULL);
		sum->calls += t[i].calls;
		sum->good += t[i].good;
		if (t[i].f.violation[0] && !violation[0])
			snprintf(violation, room, "%s", t[i].f.violation);
		fuzz_close(&t[i].f);
	}
	sum->runs++;
	tear_down(&r);
	fuzz_close(&f);
	return rc;
}

TEST(ioctls)
{
	__u64 first = fuzz_seed(), seed = first;
	double end = seconds_now() + fuzz_seconds(5);
	long pinned = number_in("/proc/self/status", "VmPin:");
	struct totals sum = {};
	char violation[256] = "";

	ASSERT_LE(0, pinned);
	TH_LOG("SEED=%llu", first);
	do {
		ASSERT_EQ(0, parameter_set("iommufd", "serve_hwpt_ioctls",
					   seed & 2 ? "Y" : "N"));
		ASSERT_EQ(0, fuzz_run(seed, violation, sizeof(violation), &sum)) {
			TH_LOG("SEED=%llu", seed);
		}
		ASSERT_EQ(0, violation[0]) {
			TH_LOG("SEED=%llu DURATION=0: %s", seed, violation);
		}
		ASSERT_EQ(pinned, number_in("/proc/self/status", "VmPin:")) {
			TH_LOG("SEED=%llu: memory stays pinned", seed);
		}
		seed++;
	} while (seconds_now() < end);
	EXPECT_EQ(0, parameter_set("iommufd", "serve_hwpt_ioctls", "N"));
	TH_LOG("seeds %llu to %llu: %llu calls, of which %llu succeeded", first,
	       seed - 1, sum.calls, sum.good);
	/* Most calls fail, but if too many do nothing is tested */
	EXPECT_LT(sum.calls / 10, sum.good);
}

/* READ without its check of data_len writes behind the bitmap: is it seen? */
TEST(a_missing_check_is_noticed)
{
	char violation[256] = "";
	struct totals sum = {};
	__u64 seed;

	ASSERT_EQ(0, tracker_break("no_length"));
	for (seed = 1; seed < 100 && !violation[0]; seed++)
		fuzz_run(seed, violation, sizeof(violation), &sum);
	EXPECT_EQ(0, tracker_break("nothing"));
	EXPECT_NE(NULL, strstr(violation, "outside"));
	TH_LOG("seed %llu: %s", seed - 1, violation);
}

TEST_HARNESS_MAIN
