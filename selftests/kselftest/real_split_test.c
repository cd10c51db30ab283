// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPLIT of large leaves in place, on a real IOMMU driver whose page tables the tracker
 * walks by itself (kernel 7.x), while QEMU's edu uses them.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "kselftest_harness.h"
#include "realbed.h"

/* RAM is mapped so often, one after the other: 256 MiB in 128 leaves */
#define ALIASES 16
#define SPAN (ALIASES * RAM_SIZE)
#define WORDS (SPAN / PAGE / 64)
#define SPLIT (IOMMU_DIRTY_TRACKER_ENABLE | IOMMU_DIRTY_TRACKER_SPLIT)

FIXTURE(split) {
	struct realbed b;
	__u64 bits[WORDS];
};

/* The length of a mapping: HUGE, or less, or all that is contiguous */
FIXTURE_VARIANT(split) {
	__u64 piece;
};

FIXTURE_VARIANT_ADD(split, huge) {
	.piece = HUGE,
};

FIXTURE_VARIANT_ADD(split, large) {
	.piece = 64 << 10,
};

FIXTURE_VARIANT_ADD(split, all) {
	.piece = RAM_SIZE,
};

/* The largest leaf that was reported dirty yet */
static __u64 largest(FIXTURE_DATA(split) *self)
{
	struct iommu_dirty_source_info source = {};
	struct iommu_dirty_tracker_info info;

	return tracker_info(self->b.fd, self->b.tracker_id, &info, &source, 1) ? 0 :
								source.largest;
}

FIXTURE_SETUP(split)
{
	struct realbed *b = &self->b;

	if (!iommufd_has_walker())
		SKIP(return, "no leaf can be split in place in this kernel");
	ASSERT_EQ(0, realbed_open(b, variant->piece > HUGE));
	ASSERT_EQ(0, realbed_map(b, SPAN, variant->piece));
	ASSERT_EQ(0, realbed_hwpt(b, &b->hwpt_id));
	ASSERT_EQ(0, realbed_start(b, NULL));
}

FIXTURE_TEARDOWN(split)
{
	tracker_break("nothing");
	parameter_set("iommufd", "dirty_fail_alloc", "0");
	realbed_close(&self->b);
}

static void read_bits(struct __test_metadata *_metadata, FIXTURE_DATA(split) *self)
{
	memset(self->bits, 0, sizeof(self->bits));
	ASSERT_EQ(0, tracker_read_bitmap(self->b.fd, self->b.tracker_id, IOVA, SPAN,
					 PAGE, self->bits, 0, NULL));
}

static bool is_dirty(const FIXTURE_DATA(split) *self, __u64 page)
{
	return self->bits[page / 64] >> (page % 64) & 1;
}

static unsigned int count(const FIXTURE_DATA(split) *self)
{
	unsigned int i, n = 0;

	for (i = 0; i < WORDS; i++)
		n += __builtin_popcountll(self->bits[i]);
	return n;
}

/* One write, seen in memory: the translation is right */
static void write_page(struct __test_metadata *_metadata, FIXTURE_DATA(split) *self,
		       __u64 page)
{
	ASSERT_EQ(0, realbed_write(&self->b, page));
}

/* Each write makes one page dirty, in all of the span. */
static void expect_pages(struct __test_metadata *_metadata, FIXTURE_DATA(split) *self)
{
	__u64 page, n = 0;

	read_bits(_metadata, self);
	for (page = 3; page < SPAN / PAGE; page += 1021) {
		write_page(_metadata, self, page);
		n++;
	}
	read_bits(_metadata, self);
	EXPECT_EQ(n, count(self));
	for (page = 3; page < SPAN / PAGE; page += 1021)
		EXPECT_TRUE(is_dirty(self, page));
	read_bits(_metadata, self);
	EXPECT_EQ(0, count(self));
}

static __u32 split(struct __test_metadata *_metadata, FIXTURE_DATA(split) *self)
{
	__u32 flags = 0;

	EXPECT_EQ(0, tracker_set(self->b.fd, self->b.tracker_id, SPLIT, NULL, &flags));
	return flags & IOMMU_DIRTY_TRACKER_COARSE;
}

/* What was dirty in large leaves still is; and from then on each page is by itself. */
TEST_F(split, pages)
{
	__u64 page;

	write_page(_metadata, self, 7);
	read_bits(_metadata, self);
	TH_LOG("leaves of %llu KiB", largest(self) >> 10);
	for (page = 7; page < SPAN / PAGE; page += 4099)
		write_page(_metadata, self, page);
	EXPECT_EQ(0, split(_metadata, self));
	read_bits(_metadata, self);
	for (page = 7; page < SPAN / PAGE; page += 4099)
		EXPECT_TRUE(is_dirty(self, page)) {
			TH_LOG("page %llu is lost", page);
		}
	TH_LOG("%u pages dirty for 16 writes before", count(self));
	expect_pages(_metadata, self);
	EXPECT_EQ(PAGE, largest(self));
	/* Once more, with nothing left to do */
	EXPECT_EQ(0, split(_metadata, self));
	expect_pages(_metadata, self);
	/* What is mapped afterwards, too */
	ASSERT_EQ(0, iommufd_ioas_unmap(self->b.fd, self->b.ioas_id, IOVA, SPAN, NULL));
	ASSERT_EQ(0, realbed_map(&self->b, SPAN, variant->piece));
	expect_pages(_metadata, self);
}

/* What was dirty before is forgotten. */
TEST_F(split, notices_what_is_lost)
{
	__u64 page;
	unsigned int lost = 0;

	write_page(_metadata, self, 7);
	read_bits(_metadata, self);
	if (largest(self) == PAGE)
		SKIP(return, "with VT-d such mappings have small leaves");
	ASSERT_EQ(0, tracker_break("split_clean"));
	for (page = 7; page < SPAN / PAGE; page += 4099)
		write_page(_metadata, self, page);
	EXPECT_EQ(0, split(_metadata, self));
	read_bits(_metadata, self);
	for (page = 7; page < SPAN / PAGE; page += 4099)
		lost += !is_dirty(self, page);
	EXPECT_LT(0, lost);
}

/* A split before START leaves nothing dirty behind. */
TEST_F(split, with_start)
{
	ASSERT_EQ(0, tracker_set(self->b.fd, self->b.tracker_id, 0, NULL, NULL));
	write_page(_metadata, self, 5);
	EXPECT_EQ(0, split(_metadata, self));
	read_bits(_metadata, self);
	EXPECT_EQ(0, count(self));
	expect_pages(_metadata, self);
}

/* Without memory leaves stay large, and nothing else is different. */
TEST_F(split, no_memory)
{
	static const char * const every[] = { "1", "2", "3", "7", "50" };
	unsigned int i, coarse = 0;
	__u64 page;

	for (i = 0; i < sizeof(every) / sizeof(*every); i++) {
		for (page = 7; page < SPAN / PAGE; page += 4099)
			write_page(_metadata, self, page);
		ASSERT_EQ(0, parameter_set("iommufd", "dirty_fail_alloc", every[i]));
		coarse += !!split(_metadata, self);
		ASSERT_EQ(0, parameter_set("iommufd", "dirty_fail_alloc", "0"));
		read_bits(_metadata, self);
		for (page = 7; page < SPAN / PAGE; page += 4099)
			EXPECT_TRUE(is_dirty(self, page));
	}
	TH_LOG("coarse %u times of %u", coarse, i);
	if (variant->piece == HUGE)
		EXPECT_LT(0, coarse);
	EXPECT_EQ(0, split(_metadata, self));
	expect_pages(_metadata, self);
}

struct beside {
	struct realbed *bed;
	atomic_bool stop;
	unsigned int splits;
	unsigned int maps;
	int rc;
};

static void *split_thread(void *arg)
{
	struct beside *b = arg;

	b->rc = tracker_set(b->bed->fd, b->bed->tracker_id, SPLIT, NULL, NULL);
	b->stop = true;
	return NULL;
}

static void *map_thread(void *arg)
{
	struct beside *b = arg;
	__u64 iova = IOVA + SPAN;

	while (!b->stop && !b->rc) {
		b->rc = iommufd_ioas_map(b->bed->fd, b->bed->ioas_id, b->bed->ram, RAM_SIZE,
					 iova, IOMMUFD_MAP_RW);
		if (!b->rc)
			b->rc = iommufd_ioas_unmap(b->bed->fd, b->bed->ioas_id, iova,
						   RAM_SIZE, NULL);
		b->maps++;
	}
	return NULL;
}

/*
 * While the device writes, and others map and unmap: each write arrives, and none is
 * lost. A domain is split once, so each round has its own.
 */
TEST_F_TIMEOUT(split, under_dma, 600)
{
	unsigned int round, writes = 0, during = 0, lost = 0, maps = 0;
	static bool written[SPAN / PAGE];

	for (round = 0; round < 20; round++) {
		struct beside b = { .bed = &self->b }, m = { .bed = &self->b };
		pthread_t splitter, mapper;
		__u32 hwpt_id;
		__u64 page, i;

		ASSERT_EQ(0, realbed_hwpt(&self->b, &hwpt_id));
		ASSERT_EQ(0, edu_attach(&self->b.dev, hwpt_id, NULL));
		read_bits(_metadata, self);
		memset(written, 0, sizeof(written));
		ASSERT_EQ(0, pthread_create(&mapper, NULL, map_thread, &m));
		for (i = 0; i < 120; i++) {
			if (i == 20)
				ASSERT_EQ(0, pthread_create(&splitter, NULL,
							    split_thread, &b));
			page = (i * 1021 + round * 37) % (SPAN / PAGE);
			during += i >= 20 && !b.stop;
			write_page(_metadata, self, page);
			written[page] = true;
			writes++;
		}
		pthread_join(splitter, NULL);
		m.stop = true;
		pthread_join(mapper, NULL);
		EXPECT_EQ(0, b.rc);
		EXPECT_EQ(0, m.rc);
		maps += m.maps;
		read_bits(_metadata, self);
		for (page = 0; page < SPAN / PAGE; page++)
			lost += written[page] && !is_dirty(self, page);
		ASSERT_EQ(0, edu_attach(&self->b.dev, self->b.hwpt_id, NULL));
		ASSERT_EQ(0, iommufd_destroy(self->b.fd, hwpt_id));
	}
	EXPECT_EQ(0, lost);
	EXPECT_LT(0, during);
	TH_LOG("%u writes checked, %u of them while leaves were split, beside %u maps",
	       writes, during, maps);
}

TEST_HARNESS_MAIN
