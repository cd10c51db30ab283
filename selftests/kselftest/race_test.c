// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once: READ, UNMAP, START, STOP, INFO, map, attach, HWPTs and
 * trackers that are made and destroyed, from many threads and processes, while devices
 * write. The test checks that every error is one that the header names, that the kernel
 * does not complain, and that afterwards the tracker works as before. RACE_SECONDS=n: how
 * long. An even SEED runs with delays of up to DELAY_US=n (2000) between the steps of the
 * tracker's protocols.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"

#define THREADS 8
#define SLOTS 4
#define SLOT_SIZE (RAM_SIZE / SLOTS)

struct race {
	struct testbed b;
	struct vdev other;
	pthread_mutex_t other_lock;
	pthread_mutex_t tracker_lock;
	volatile bool stop;
	volatile __u32 tracker_id;
	volatile int bad_rc;
	const char *volatile bad_what;
	unsigned long done;
};

struct racer {
	struct race *race;
	unsigned int seed;
};

static void expect(struct race *r, const char *what, int rc, int a, int b, int c)
{
	if (rc >= 0 || rc == a || rc == b || rc == c)
		return;
	r->bad_rc = rc;
	r->bad_what = what;
}

static void do_read(struct race *r, unsigned int *seed)
{
	__u64 bits[RAM_WORDS] = {};
	__u64 first = rand_r(seed) % RAM_PAGES;
	__u64 n = 1 + rand_r(seed) % (RAM_PAGES - first);
	struct iommu_dirty_range ranges[7];
	int rc;

	switch (rand_r(seed) % 4) {
	case 0:
		rc = tracker_read_ranges(r->b.fd, r->tracker_id,
					 IOVA + first * PAGE, n * PAGE, PAGE,
					 ranges, 7, 0, NULL);
		break;
	case 1:
		rc = tracker_count(r->b.fd, r->tracker_id, IOVA, RAM_SIZE, PAGE,
				   NULL);
		break;
	case 2:
		rc = tracker_read_bitmap(r->b.fd, r->tracker_id, IOVA, RAM_SIZE,
					 PAGE, (void *)8, 0, NULL);
		expect(r, "READ to nowhere", rc, -ENOENT, -ENODATA, -EFAULT);
		return;
	default:
		rc = tracker_read_bitmap(r->b.fd, r->tracker_id,
					 IOVA + first * PAGE, n * PAGE, PAGE,
					 bits, rand_r(seed) % 2, NULL);
	}
	/* It may be destroyed, or not running */
	expect(r, "READ", rc, -ENOENT, -ENODATA, 0);
}

static void do_map(struct race *r, unsigned int *seed)
{
	__u64 slot = rand_r(seed) % SLOTS;
	__u64 bits[RAM_WORDS / SLOTS] = {};
	struct iommu_dirty_tracker_unmap cmd = {
		.flags = rand_r(seed) % 2,
		.tracker_id = r->tracker_id,
		.iova = IOVA + slot * SLOT_SIZE,
		.length = SLOT_SIZE,
		.page_size = PAGE,
		.data = (__u64)(uintptr_t)bits,
		.data_len = sizeof(bits),
	};

	switch (rand_r(seed) % 4) {
	case 0:
		expect(r, "IOAS_UNMAP",
		       iommufd_ioas_unmap(r->b.fd, r->b.ioas_id, cmd.iova,
					  cmd.length, NULL),
		       -ENOENT, -EBUSY, 0);
		break;
	case 1:
		expect(r, "UNMAP", tracker_unmap(r->b.fd, &cmd), -ENOENT,
		       -EBUSY, -ENODATA);
		break;
	default:
		expect(r, "IOAS_MAP",
		       iommufd_ioas_map(r->b.fd, r->b.ioas_id,
					r->b.ram + slot * SLOT_SIZE, SLOT_SIZE,
					cmd.iova, IOMMUFD_MAP_RW),
		       -EEXIST, -EADDRINUSE, 0);
	}
}

/* IDs are used again, so one thread at a time may destroy what it made. */
static void do_object(struct race *r, unsigned int *seed)
{
	__u32 id;
	int rc;

	pthread_mutex_lock(&r->tracker_lock);
	if (!r->tracker_id) {
		rc = tracker_alloc(r->b.fd, r->b.ioas_id, 0, 0, 0, &id);
		/* A HWPT may have its dirty bits for a moment */
		expect(r, "ALLOC", rc, -EBUSY, 0, 0);
		if (!rc)
			r->tracker_id = id;
	} else if (rand_r(seed) % 8 == 0) {
		/* Another thread may be using it */
		rc = iommufd_destroy(r->b.fd, r->tracker_id);
		expect(r, "destroy", rc, -EBUSY, 0, 0);
		if (!rc)
			r->tracker_id = 0;
	}
	pthread_mutex_unlock(&r->tracker_lock);
}

static void do_tracker(struct race *r, unsigned int *seed)
{
	struct iommu_dirty_source_info sources[4];
	struct iommu_dirty_tracker_info info;

	switch (rand_r(seed) % 4) {
	case 2:
		expect(r, "STOP", tracker_set(r->b.fd, r->tracker_id, 0, NULL,
					      NULL), -ENOENT, 0, 0);
		break;
	case 3:
		expect(r, "INFO", tracker_info(r->b.fd, r->tracker_id, &info,
					       sources, 4), -ENOENT, 0, 0);
		break;
	default:
		expect(r, "START",
		       tracker_set(r->b.fd, r->tracker_id,
				   IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL),
		       -ENOENT, 0, 0);
	}
}

static void do_hwpt(struct race *r, unsigned int *seed)
{
	__u32 hwpt;
	int rc;

	if (rand_r(seed) % 2) {
		/* One device has one user: the library says so */
		pthread_mutex_lock(&r->other_lock);
		rc = vdev_detach(&r->other);
		expect(r, "detach", rc, 0, 0, 0);
		rc = vdev_attach(&r->other, r->b.ioas_id, NULL);
		expect(r, "attach", rc, 0, 0, 0);
		pthread_mutex_unlock(&r->other_lock);
		return;
	}
	rc = iommufd_hwpt_alloc(r->b.fd, r->b.dev.dev_id, r->b.ioas_id,
				IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt);
	expect(r, "HWPT_ALLOC", rc, 0, 0, 0);
	if (rc)
		return;
	rc = iommufd_hwpt_set_dirty(r->b.fd, hwpt, true);
	expect(r, "HWPT_SET_DIRTY", rc, -EBUSY, 0, 0);
	rc = iommufd_destroy(r->b.fd, hwpt);
	expect(r, "destroy HWPT", rc, 0, 0, 0);
}

static void *race_thread(void *arg)
{
	struct racer *racer = arg;
	struct race *r = racer->race;
	unsigned int *seed = &racer->seed;

	while (!r->stop) {
		switch (rand_r(seed) % 8) {
		case 0 ... 2:
			do_read(r, seed);
			break;
		case 3 ... 4:
			do_map(r, seed);
			break;
		case 5:
			do_tracker(r, seed);
			break;
		case 6:
			do_object(r, seed);
			break;
		default:
			do_hwpt(r, seed);
		}
		__sync_fetch_and_add(&r->done, 1);
	}
	return NULL;
}

/* A process that has the fd, works with it and dies at any moment. */
static void race_killed(struct race *r, unsigned int seed)
{
	pid_t pid = fork();

	if (!pid)
		for (;;) {
			do_read(r, &seed);
			do_tracker(r, &seed);
		}
	usleep(1000 + seed % 20000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void busy(struct vdev *dev, __u64 seed)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.pattern = VIRT_DMA_PATTERN_RANDOM;
	job.iova = IOVA;
	job.length = RAM_SIZE;
	job.seed = seed;
	job.sweeps = 0;
	job.rate = 20000;
	vdev_start(dev, &job);
}

TEST(race)
{
	const char *value = getenv("RACE_SECONDS");
	time_t end = time(NULL) + (value ? atoi(value) : 15);
	struct race *r = calloc(1, sizeof(*r));
	pthread_t threads[THREADS];
	struct racer racers[THREADS];
	struct testbed *b = &r->b;
	const char *delay;
	unsigned int i, seed;

	value = getenv("SEED");
	seed = value ? strtoul(value, NULL, 0) : (unsigned int)time(NULL);
	delay = seed % 2 ? "0" : getenv("DELAY_US") ?: "2000";
	TH_LOG("SEED=%u, delays of %s us", seed, delay);
	ASSERT_EQ(0, testbed_open(b, AMD_0, false));
	/* In slots, so that they can go one by one */
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE,
					NULL));
	ASSERT_EQ(0, vdev_open(&r->other, b->fd, SMMU_GATHER));
	ASSERT_EQ(0, vdev_attach(&r->other, b->ioas_id, NULL));
	pthread_mutex_init(&r->other_lock, NULL);
	pthread_mutex_init(&r->tracker_lock, NULL);
	r->tracker_id = b->tracker_id;
	busy(&b->dev, seed);
	busy(&r->other, seed + 1);
	ASSERT_EQ(0, parameter_set("iommufd", "dirty_delay_us", delay));

	for (i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){ r, seed + i };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_thread,
					    &racers[i]));
	}
	while (time(NULL) < end && !r->bad_what)
		race_killed(r, rand_r(&seed));
	r->stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ASSERT_EQ(0, parameter_set("iommufd", "dirty_delay_us", "0"));
	EXPECT_EQ(NULL, r->bad_what) {
		TH_LOG("%s: %d", r->bad_what, r->bad_rc);
	}
	TH_LOG("%lu operations", r->done);

	/* As good as new */
	vdev_stop(&b->dev);
	vdev_stop(&r->other);
	if (r->tracker_id)
		ASSERT_EQ(0, iommufd_destroy(b->fd, r->tracker_id));
	iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL);
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE, IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 77, 5));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(5, testbed_count(b));
	vdev_close(&r->other);
	testbed_close(b);
}

/* 1 TiB of address space with 4 MiB here and there: cheap, and killable. */
#define SPARSE_STEP (1ull << 30)
#define SPARSE_STEPS 1024ull

TEST(sparse)
{
	struct testbed bed, *b = &bed;
	struct tracker_read_out out;
	struct iommu_dirty_range range[4] = {};
	unsigned int i;
	pid_t pid;

	ASSERT_EQ(0, testbed_open(b, AMD_0, false));
	for (i = 1; i < SPARSE_STEPS; i++)
		ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram,
					      4 << 20, IOVA + i * SPARSE_STEP,
					      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 900 * SPARSE_STEP / PAGE + 5, 2));
	pid = fork();
	if (!pid)
		for (;;)
			tracker_count(b->fd, b->tracker_id, IOVA,
				      SPARSE_STEPS * SPARSE_STEP, PAGE, &out);
	usleep(100000);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	ASSERT_EQ(1, tracker_read_ranges(b->fd, b->tracker_id, 0, 1ull << 47,
					 PAGE, range, 4, 0, &out));
	EXPECT_EQ(IOVA + 900 * SPARSE_STEP + 5 * PAGE, range[0].iova);
	EXPECT_EQ(2 * PAGE, range[0].length);
	EXPECT_EQ(1ull << 47, out.next_iova);
	testbed_close(b);
}

TEST_HARNESS_MAIN
