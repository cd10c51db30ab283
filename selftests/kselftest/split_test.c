// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPLIT of large leaves in place, and STOP, which joins them, in page tables that the kernel's
 * generic_pt has made (kernel 7.x), while virtual devices use them as fast as they can. Ground
 * truth says what they wrote, and memory whether it went where it should. real_split_test does
 * the same on IOMMUs of QEMU.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"
#include "oracle.h"
#include "schedules.h"

#define LEAVES 32
#define SPAN (LEAVES * HUGE)
#define PAGES (SPAN / PAGE)
#define ROUNDS 12
#define READS 6
#define SPLIT (IOMMU_DIRTY_TRACKER_ENABLE | IOMMU_DIRTY_TRACKER_SPLIT)

FIXTURE(split) {
	struct testbed b;
	bool huge;
	char *map;
	char *ram;
	__u64 writes;
	__u64 lost;
};

/* The length of a mapping, and whether pages have changed places in every other huge page */
FIXTURE_VARIANT(split) {
	unsigned int device;
	__u64 piece;
	bool swapped;
};

FIXTURE_VARIANT_ADD(split, amd) {
	.device = AMD_0, .piece = HUGE,
};

/* Leaves of several entries */
FIXTURE_VARIANT_ADD(split, amd_sized) {
	.device = AMD_0, .piece = 64 << 10,
};

FIXTURE_VARIANT_ADD(split, amd_swapped) {
	.device = AMD_0, .piece = SPAN, .swapped = true,
};

FIXTURE_VARIANT_ADD(split, intel) {
	.device = INTEL, .piece = HUGE,
};

FIXTURE_VARIANT_ADD(split, intel_swapped) {
	.device = INTEL, .piece = SPAN, .swapped = true,
};

static bool swap_pages(char *one, char *other)
{
	char *spare = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	return spare != MAP_FAILED &&
	       mremap(one, PAGE, PAGE, flags, spare) == spare &&
	       mremap(other, PAGE, PAGE, flags, one) == one &&
	       mremap(spare, PAGE, PAGE, flags, other) == other;
}

FIXTURE_SETUP(split)
{
	struct testbed *b = &self->b;
	__u64 at;

	if (!device_has_generic_pt(variant->device))
		SKIP(return, "it has no page tables of generic_pt");
	ASSERT_EQ(0, testbed_open_empty(b, true));
	self->map = mmap(NULL, SPAN + HUGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	self->ram = (char *)(((unsigned long)self->map + HUGE - 1) & ~(HUGE - 1));
	madvise(self->ram, SPAN, MADV_HUGEPAGE);
	memset(self->ram, 0, SPAN);
	self->huge = number_in("/proc/self/smaps_rollup", "AnonHugePages:") >= (long)(SPAN >> 10);
	for (at = HUGE; variant->swapped && at < SPAN; at += 2 * HUGE)
		ASSERT_TRUE(swap_pages(self->ram + at + 5 * PAGE, self->ram + at + 9 * PAGE));
	for (at = 0; at < SPAN; at += variant->piece)
		ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, self->ram + at, variant->piece,
					      IOVA + at, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, vdev_open(&b->dev, b->fd, variant->device));
	ASSERT_EQ(0, vdev_attach(&b->dev, b->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, IOMMU_DIRTY_POLICY_AUTO, 0, 0,
				   &b->tracker_id));
}

FIXTURE_TEARDOWN(split)
{
	tracker_break("nothing");
	if (!self->map)
		return;
	testbed_close(&self->b);
	munmap(self->map, SPAN + HUGE);
}

static void set_flags(struct __test_metadata *_metadata, FIXTURE_DATA(split) *self, __u32 flags)
{
	ASSERT_EQ(0, tracker_set(self->b.fd, self->b.tracker_id, flags, NULL, NULL));
}

/* The device writes a page after the other, in one order or any, until it is stopped. */
static void begin_writes(struct __test_metadata *_metadata, FIXTURE_DATA(split) *self,
			 __u64 pattern, __u64 seed)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.pattern = pattern;
	job.iova = IOVA;
	job.length = SPAN;
	job.seed = seed;
	job.sweeps = 0;
	ASSERT_EQ(0, vdev_start(&self->b.dev, &job));
}

/*
 * READs of writes as they come, one right before the SPLIT: the leaves get dirty again while
 * they are split. Then STOP joins them.
 */
static void split_round(struct __test_metadata *_metadata, FIXTURE_DATA(split) *self, __u64 seed)
{
	struct testbed *b = &self->b;
	struct oracle oracle;
	unsigned int i;

	ASSERT_EQ(0, oracle_open(&oracle));
	set_flags(_metadata, self, IOMMU_DIRTY_TRACKER_ENABLE);
	oracle_started(&oracle);
	begin_writes(_metadata, self, VIRT_DMA_PATTERN_RANDOM, seed);
	for (i = 0; i < READS; i++) {
		usleep(3000);
		ASSERT_EQ(0, oracle_read(&oracle, b->fd, b->tracker_id, IOVA, SPAN));
		if (i == 1)
			set_flags(_metadata, self, SPLIT);
		ASSERT_EQ(0, oracle_collect(&oracle));
	}
	ASSERT_EQ(0, vdev_stop(&b->dev));
	ASSERT_EQ(0, oracle_read(&oracle, b->fd, b->tracker_id, IOVA, SPAN));
	ASSERT_EQ(0, oracle_check(&oracle));
	self->writes += oracle.writes;
	self->lost += oracle.lost;
	oracle_close(&oracle);
	EXPECT_EQ(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	set_flags(_metadata, self, 0);
}

TEST_F(split, loses_nothing)
{
	__u64 seed = schedules_env("SEED", 1);
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		split_round(_metadata, self, seed + i);
	TH_LOG("%llu writes checked", self->writes);
	EXPECT_EQ(0, self->lost);
	EXPECT_LT(0, self->writes);
}

/* The control: what was dirty in a leaf that is split is forgotten. */
TEST_F(split, notices_what_is_lost)
{
	unsigned int i;

	if (!self->huge)
		SKIP(return, "the kernel gave no huge pages");
	ASSERT_EQ(0, tracker_break("split_clean"));
	for (i = 0; !self->lost && i < 10 * ROUNDS; i++)
		split_round(_metadata, self, i + 1);
	TH_LOG("round %u: %llu of %llu writes lost", i, self->lost, self->writes);
	EXPECT_LT(0, self->lost);
}

/*
 * After the split each page is by itself, and after STOP leaves of a whole table are as large as
 * before.
 */
TEST_F(split, reports_pages)
{
	struct testbed *b = &self->b;
	struct tracker_read_out out;
	unsigned int i;
	__u64 leaf;

	for (i = 0; i < 3; i++) {
		set_flags(_metadata, self, IOMMU_DIRTY_TRACKER_ENABLE);
		ASSERT_EQ(0, testbed_write(b, 1400, 1));
		ASSERT_EQ(0, tracker_count(b->fd, b->tracker_id, IOVA, SPAN, PAGE, &out));
		leaf = variant->piece >= HUGE ? HUGE : i ? PAGE : variant->piece;
		EXPECT_LE(self->huge ? leaf : PAGE, out.dirty_bytes);
		set_flags(_metadata, self, SPLIT);
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		EXPECT_TRUE(testbed_bit(b, 1400));
		ASSERT_EQ(0, testbed_write(b, 5, 1));
		ASSERT_EQ(0, testbed_write(b, 1400, 2));
		ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
		EXPECT_EQ(3, testbed_count(b));
		EXPECT_TRUE(testbed_bit(b, 5) && testbed_bit(b, 1400) &&
			    testbed_bit(b, 1401));
		set_flags(_metadata, self, 0);
	}
}

/* Tables that a split needs are free after the join. */
TEST_F(split, tables_are_freed)
{
	long pages, split;
	unsigned int i;

	if (!self->huge || variant->piece != HUGE)
		SKIP(return, "it has tables that are not joined");
	pages = iommu_table_pages();
	ASSERT_LT(0, pages);
	for (i = 0; i < 3; i++) {
		set_flags(_metadata, self, SPLIT);
		split = iommu_table_pages();
		set_flags(_metadata, self, 0);
		EXPECT_LE(pages + LEAVES, split);
		/* The machine's other devices have tables, too */
		EXPECT_GT(pages + LEAVES / 2, iommu_table_pages());
	}
}

struct rounds {
	struct testbed *b;
	atomic_bool stop;
	unsigned int n;
	int rc;
};

static void *rounds_thread(void *arg)
{
	struct rounds *r = arg;

	while (!r->stop && !r->rc) {
		r->rc = tracker_set(r->b->fd, r->b->tracker_id, SPLIT, NULL, NULL);
		if (!r->rc)
			r->rc = tracker_set(r->b->fd, r->b->tracker_id, 0, NULL, NULL);
		r->n++;
	}
	return NULL;
}

/* How many pages do not have what the device wrote to them last, of @done writes in order? */
static unsigned int count_misplaced(const FIXTURE_DATA(split) *self, __u64 seed, __u64 done)
{
	unsigned int misplaced = 0;
	__u64 page;

	for (page = 0; page < PAGES && page < done; page++) {
		__u64 last = page + (done - 1 - page) / PAGES * PAGES;

		misplaced += *(volatile __u64 *)(self->ram + page * PAGE) !=
			     virt_dma_value(seed, last, IOVA + page * PAGE);
	}
	return misplaced;
}

/* How many, after the device has written while leaves were split and joined? */
static unsigned int misplaced_by_rounds(struct __test_metadata *_metadata,
					FIXTURE_DATA(split) *self, __u64 seed)
{
	struct rounds r = { .b = &self->b };
	pthread_t thread;
	__u64 done;

	begin_writes(_metadata, self, VIRT_DMA_PATTERN_SEQ, seed);
	ASSERT_EQ(0, pthread_create(&thread, NULL, rounds_thread, &r));
	do
		usleep(10000);
	while (vdev_read64(&self->b.dev, VIRT_DMA_DONE) < 2 * PAGES && !r.rc);
	r.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, vdev_stop(&self->b.dev));
	EXPECT_EQ(0, r.rc);
	EXPECT_LT(0, r.n);
	EXPECT_EQ(0, vdev_read64(&self->b.dev, VIRT_DMA_FAULTS));
	done = vdev_read64(&self->b.dev, VIRT_DMA_DONE);
	self->writes += done;
	return count_misplaced(self, seed, done);
}

TEST_F(split, writes_arrive)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, misplaced_by_rounds(_metadata, self, i + 1));
	TH_LOG("%llu writes", self->writes);
}

/*
 * The control: leaves are joined whose memory does not continue one another. All of a table is
 * in one huge page, so what goes astray stays in our memory.
 */
TEST_F(split, notices_what_goes_astray)
{
	if (!variant->swapped || !self->huge)
		SKIP(return, "its memory is contiguous, or not in huge pages");
	ASSERT_EQ(0, tracker_break("join_any"));
	EXPECT_LT(0, misplaced_by_rounds(_metadata, self, 1));
}

/* ---- Beside all else that may happen ---- */

FIXTURE(splits) {
};

FIXTURE_VARIANT(splits) {
	unsigned int devices;
};

FIXTURE_VARIANT_ADD(splits, amd) {
	.devices = DEV(AMD_0) | DEV(AMD_1),
};

FIXTURE_VARIANT_ADD(splits, intel) {
	.devices = DEV(INTEL),
};

FIXTURE_VARIANT_ADD(splits, everything) {
	.devices = DEV(NR_DEVICES) - 1,
};

FIXTURE_SETUP(splits)
{
	if (!device_has_generic_pt(AMD_0))
		SKIP(return, "it has no page tables of generic_pt");
}

FIXTURE_TEARDOWN(splits)
{
}

TEST_F_TIMEOUT(splits, lose_nothing, 100000)
{
	struct schedule s = { .devices = variant->devices, .splits = true };

	schedules_run(_metadata, &s, 3);
}

TEST_HARNESS_MAIN
