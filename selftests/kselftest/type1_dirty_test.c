// SPDX-License-Identifier: GPL-2.0-only
/*
 * What VMMs rely on in type1's dirty page calls, with vfio's own container and with
 * an iommufd in its place: the largest range, ranges that end at 2^64, STOP while
 * another thread reads, two STARTs at once; and with an iommufd, that the container
 * is given another IOAS in between.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "type1.h"
#include "../lib/iommufd.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 1000

#define PAGE	4096ull
#define IOVA	0x40000000ull
#define PAGES	64ull
#define LENGTH	(PAGES * PAGE)
#define RW	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)
#define BITMAP	VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP

/* As much as max_dirty_bitmap_size stands for: 2^31 pages, 256 MiB of bitmap */
#define LARGEST	(8ull << 40)
#define BYTES	(LARGEST / PAGE / 8)

FIXTURE(dirty) {
	struct type1 t;
	char *mem;
	char *bits;
};

FIXTURE_VARIANT(dirty) { const char *container; };
FIXTURE_VARIANT_ADD(dirty, vfio) { .container = TYPE1_VFIO };
FIXTURE_VARIANT_ADD(dirty, iommufd) { .container = TYPE1_IOMMUFD };

FIXTURE_SETUP(dirty)
{
	self->mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->mem);
	self->bits = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->bits);
	ASSERT_EQ(0, type1_open(&self->t, variant->container, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, type1_map(&self->t, RW, self->mem, IOVA, LENGTH));
}

FIXTURE_TEARDOWN(dirty)
{
	type1_close(&self->t);
	munmap(self->bits, BYTES);
	munmap(self->mem, LENGTH);
}

static int start(FIXTURE_DATA(dirty) *self)
{
	return type1_dirty(&self->t, TYPE1_START, NULL);
}

static int stop(FIXTURE_DATA(dirty) *self)
{
	return type1_dirty(&self->t, TYPE1_STOP, NULL);
}

static struct type1_range range_of(FIXTURE_DATA(dirty) *self, __u64 iova, __u64 size)
{
	return (struct type1_range){
		.iova = iova,
		.size = size,
		.pgsize = PAGE,
		.bits = self->bits,
		.bytes = (size / PAGE + 63) / 64 * 8,
	};
}

static int get(FIXTURE_DATA(dirty) *self, __u64 iova, __u64 size)
{
	struct type1_range r = range_of(self, iova, size);

	return type1_dirty(&self->t, TYPE1_GET, &r);
}

/* ---- Ranges ---- */

static bool page_is_set(FIXTURE_DATA(dirty) *self, __u64 first, __u64 iova)
{
	__u64 bit = (iova - first) / PAGE;

	return self->bits[bit / 8] >> (bit % 8) & 1;
}

TEST_F(dirty, get_of_the_largest_range)
{
	struct type1_range r = range_of(self, 0, LARGEST + PAGE);

	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, type1_write(&self->t, IOVA + 5 * PAGE, 2));
	EXPECT_EQ(0, get(self, 0, LARGEST));
	EXPECT_TRUE(page_is_set(self, 0, IOVA + 5 * PAGE));
	EXPECT_TRUE(page_is_set(self, 0, IOVA + 6 * PAGE));
	/* A page more would need a larger bitmap than there may be */
	EXPECT_EQ(-EINVAL, type1_dirty(&self->t, TYPE1_GET, &r));
}

TEST_F(dirty, unmap_of_the_largest_range)
{
	struct type1_range r = range_of(self, 0, LARGEST);

	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, type1_write(&self->t, IOVA + 5 * PAGE, 2));
	EXPECT_EQ(0, type1_unmap(&self->t, BITMAP, &r));
	EXPECT_EQ(LENGTH, r.size);
	EXPECT_TRUE(page_is_set(self, 0, IOVA + 5 * PAGE));
	EXPECT_TRUE(page_is_set(self, 0, IOVA + 6 * PAGE));
}

/* vfio's container of 7.3 takes the last page, and has EOVERFLOW beyond it */
static bool top_is_refused(const FIXTURE_VARIANT(dirty) *variant, int rc, int newer)
{
	return rc == -EINVAL || (!strcmp(variant->container, TYPE1_VFIO) && rc == newer);
}

/* QEMU tries again without the last page, if errno is EINVAL and nothing else. */
TEST_F(dirty, ranges_that_end_at_2_to_64)
{
	struct type1_range r = range_of(self, 0 - PAGE, PAGE);

	ASSERT_EQ(0, start(self));
	EXPECT_TRUE(top_is_refused(variant, get(self, 0 - PAGE, PAGE), 0));
	EXPECT_EQ(0, get(self, 0 - 2 * PAGE, PAGE));
	EXPECT_EQ(0, type1_unmap(&self->t, BITMAP, &r));
	EXPECT_EQ(0, r.size);
	r = range_of(self, 0 - PAGE, 2 * PAGE);
	EXPECT_TRUE(top_is_refused(variant, type1_unmap(&self->t, BITMAP, &r),
				   -EOVERFLOW));
}

/* ---- Several threads ---- */

#define SPAN	(64ull << 30)
#define ROUNDS	100

/**
 * struct reader - Reads until it is stopped
 * @self: The container
 * @on: It is to continue
 * @reads: Answered with 0
 * @error: An answer that is neither 0 nor "not started"
 */
struct reader {
	FIXTURE_DATA(dirty) *self;
	atomic_int on;
	atomic_int reads;
	atomic_int error;
};

static void *read_on(void *arg)
{
	struct reader *reader = arg;

	while (atomic_load(&reader->on)) {
		int rc = get(reader->self, 0, SPAN);

		if (!rc)
			atomic_fetch_add(&reader->reads, 1);
		else if (rc != -EINVAL)
			atomic_store(&reader->error, rc);
	}
	return NULL;
}

/* If STOP fails, a VMM never switches tracking off. */
TEST_F(dirty, stop_while_another_thread_reads)
{
	struct reader reader = { .self = self, .on = 1 };
	int i, wrong = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, read_on, &reader));
	for (i = 0; i < ROUNDS; i++) {
		wrong += start(self) != 0;
		/* Not always at the same moment */
		usleep(1 + i * 7 % 997);
		wrong += stop(self) != 0;
	}
	atomic_store(&reader.on, 0);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, atomic_load(&reader.error));
	/* It was there when it mattered */
	EXPECT_LT(0, atomic_load(&reader.reads));
}

/**
 * struct starter - STARTs together with another, and STOPs
 * @self: The container
 * @both: Where they meet
 * @error: An answer that is not 0
 */
struct starter {
	FIXTURE_DATA(dirty) *self;
	pthread_barrier_t *both;
	int error;
};

static void *start_on(void *arg)
{
	struct starter *starter = arg;
	int i, rc;

	for (i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(starter->both);
		rc = start(starter->self);
		if (rc)
			starter->error = rc;
		pthread_barrier_wait(starter->both);
		rc = stop(starter->self);
		if (rc)
			starter->error = rc;
	}
	return NULL;
}

TEST_F(dirty, two_starts_and_two_stops)
{
	pthread_barrier_t both;
	struct starter starters[2] = { { self, &both }, { self, &both } };
	pthread_t thread;

	ASSERT_EQ(0, pthread_barrier_init(&both, NULL, 2));
	ASSERT_EQ(0, pthread_create(&thread, NULL, start_on, &starters[0]));
	start_on(&starters[1]);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, starters[0].error);
	EXPECT_EQ(0, starters[1].error);
	/* And then it is off */
	EXPECT_EQ(-EINVAL, get(self, IOVA, LENGTH));
}

/* ---- Another IOAS ---- */

static int container_ioas(struct type1 *t, __u16 op, __u32 *id)
{
	struct iommu_vfio_ioas cmd = {
		.size = sizeof(cmd),
		.op = op,
		.ioas_id = op == IOMMU_VFIO_IOAS_SET ? *id : 0,
	};

	if (ioctl(t->container, IOMMU_VFIO_IOAS, &cmd))
		return -errno;
	if (op == IOMMU_VFIO_IOAS_GET)
		*id = cmd.ioas_id;
	return 0;
}

/* The container has no IOAS, or another one, at STOP. */
TEST_F(dirty, another_ioas_in_between)
{
	struct type1 *t = &self->t;
	__u32 id = 0, other, tracker;

	if (strcmp(variant->container, TYPE1_IOMMUFD))
		SKIP(return, "vfio's own container has no IOAS");
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, container_ioas(t, IOMMU_VFIO_IOAS_GET, &id));
	ASSERT_EQ(0, iommufd_ioas_alloc(t->container, &other));

	/* Another: it is not tracked, and can not be while the first one is */
	ASSERT_EQ(0, container_ioas(t, IOMMU_VFIO_IOAS_SET, &other));
	EXPECT_EQ(-EINVAL, get(self, IOVA, LENGTH));
	EXPECT_EQ(-EBUSY, start(self));
	EXPECT_EQ(-EBUSY, tracker_alloc(t->container, id, 0, 0, 0, &tracker));
	EXPECT_EQ(0, stop(self));
	EXPECT_EQ(0, tracker_alloc(t->container, id, 0, 0, 0, &tracker));
	EXPECT_EQ(0, iommufd_destroy(t->container, tracker));
	EXPECT_EQ(0, start(self));
	EXPECT_EQ(0, stop(self));

	/* The first one, and back to it after a while: it is tracked still */
	ASSERT_EQ(0, container_ioas(t, IOMMU_VFIO_IOAS_SET, &id));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, type1_write(t, IOVA + 5 * PAGE, 1));
	ASSERT_EQ(0, container_ioas(t, IOMMU_VFIO_IOAS_SET, &other));
	ASSERT_EQ(0, container_ioas(t, IOMMU_VFIO_IOAS_SET, &id));
	EXPECT_EQ(0, get(self, IOVA, LENGTH));
	EXPECT_TRUE(page_is_set(self, IOVA, IOVA + 5 * PAGE));

	/* None: STOP is still possible, and the IOAS can be destroyed */
	ASSERT_EQ(0, container_ioas(t, IOMMU_VFIO_IOAS_CLEAR, &id));
	EXPECT_EQ(0, stop(self));
	EXPECT_EQ(0, tracker_alloc(t->container, id, 0, 0, 0, &tracker));
	EXPECT_EQ(0, iommufd_destroy(t->container, tracker));
	EXPECT_EQ(0, iommufd_destroy(t->container, other));
}

TEST_HARNESS_MAIN
