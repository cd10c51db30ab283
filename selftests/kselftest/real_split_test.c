// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPLIT of large leaves in place, and STOP, which joins them, on a real IOMMU driver whose
 * page tables the tracker walks by itself (kernel 7.x), while QEMU's edu uses them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "cgroup.h"
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

/* What is left to the group of a process that splits, far less than it needs */
#define LEFT (64 << 10)

/* Nor is the process killed when its control group has no memory left. */
TEST_F(split, memory_limit)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, cgroup_make());
	/* The child needs none of it, and a copy of pinned huge pages takes as many more. */
	ASSERT_EQ(0, madvise(self->b.ram, RAM_SIZE, MADV_DONTFORK));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (cgroup_enter(LEFT))
			_exit(100);
		_exit(split(_metadata, self) ? 1 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_FALSE(WIFSIGNALED(status)) {
		TH_LOG("killed by signal %d", WTERMSIG(status));
	}
	EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
	if (variant->piece == HUGE)
		EXPECT_EQ(1, WEXITSTATUS(status));
	EXPECT_EQ(0, cgroup_oom_kills());
	EXPECT_EQ(0, cgroup_remove());
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

/* ---- Joined again ---- */

static void stop(struct __test_metadata *_metadata, FIXTURE_DATA(split) *self)
{
	ASSERT_EQ(0, tracker_set(self->b.fd, self->b.tracker_id, 0, NULL, NULL));
}

/* The size of the leaf that is dirty after one write, which only START has forgotten */
static __u64 leaf_of(struct __test_metadata *_metadata, FIXTURE_DATA(split) *self, __u64 page)
{
	EXPECT_EQ(0, tracker_set(self->b.fd, self->b.tracker_id, IOMMU_DIRTY_TRACKER_ENABLE,
				 NULL, NULL));
	write_page(_metadata, self, page);
	read_bits(_metadata, self);
	EXPECT_TRUE(is_dirty(self, page));
	return largest(self);
}

/* All of what is mapped is where it was. */
static void expect_writes(struct __test_metadata *_metadata, FIXTURE_DATA(split) *self)
{
	__u64 page;

	for (page = 3; page < SPAN / PAGE; page += 1021)
		write_page(_metadata, self, page);
}

/* Tables that are full of leaves are leaves again after STOP, and the tables are free. */
TEST_F(split, joined_by_stop)
{
	__u64 before, joined;
	long pages, small;
	unsigned int i;

	stop(_metadata, self);
	before = leaf_of(_metadata, self, 7);
	joined = before >= HUGE ? HUGE : PAGE;
	pages = iommu_table_pages();
	ASSERT_LT(0, pages);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, split(_metadata, self));
		expect_pages(_metadata, self);
		EXPECT_EQ(PAGE, largest(self));
		small = iommu_table_pages();
		stop(_metadata, self);
		expect_writes(_metadata, self);
		EXPECT_EQ(joined, leaf_of(_metadata, self, 9));
		expect_writes(_metadata, self);
		if (before >= HUGE) {
			EXPECT_LE(pages + (long)(SPAN / HUGE), small);
			/* The machine's other devices have tables, too */
			EXPECT_GE(pages + 16, iommu_table_pages());
		}
	}
	/* What is mapped from now on has what it had before the first split */
	ASSERT_EQ(0, iommufd_ioas_unmap(self->b.fd, self->b.ioas_id, IOVA, SPAN, NULL));
	ASSERT_EQ(0, realbed_map(&self->b, SPAN, variant->piece));
	EXPECT_EQ(before, leaf_of(_metadata, self, 11));
	TH_LOG("leaves of %llu KiB, split, joined to %llu KiB", before >> 10, joined >> 10);
}

/* Leaves of what was mapped by several calls are not joined: each may be unmapped alone. */
TEST_F(split, joins_no_areas)
{
	__u64 before, at;

	if (variant->piece >= HUGE)
		SKIP(return, "each is as large as a leaf");
	stop(_metadata, self);
	before = leaf_of(_metadata, self, 7);
	EXPECT_EQ(0, split(_metadata, self));
	stop(_metadata, self);
	EXPECT_GE(before, leaf_of(_metadata, self, 7));
	for (at = 0; at < SPAN; at += 2 * variant->piece)
		ASSERT_EQ(0, iommufd_ioas_unmap(self->b.fd, self->b.ioas_id, IOVA + at,
						variant->piece, NULL));
	for (at = variant->piece; at < SPAN; at += 64 * variant->piece)
		write_page(_metadata, self, at / PAGE);
}

/*
 * Nor are leaves of an IOAS without huge pages, in which a part of a mapping may be unmapped.
 * The control does so.
 */
TEST_F(split, joins_nothing_that_may_be_cut)
{
	if (variant->piece < HUGE)
		SKIP(return, "each is smaller than a leaf");
	stop(_metadata, self);
	ASSERT_EQ(0, iommufd_ioas_unmap(self->b.fd, self->b.ioas_id, IOVA, SPAN, NULL));
	ASSERT_EQ(0, iommufd_ioas_huge_pages(self->b.fd, self->b.ioas_id, false));
	ASSERT_EQ(0, realbed_map(&self->b, SPAN, variant->piece));
	EXPECT_EQ(0, split(_metadata, self));
	stop(_metadata, self);
	EXPECT_EQ(PAGE, leaf_of(_metadata, self, 7));
	EXPECT_EQ(0, split(_metadata, self));
	ASSERT_EQ(0, tracker_break("join_areas"));
	stop(_metadata, self);
	ASSERT_EQ(0, tracker_break("nothing"));
	EXPECT_EQ(HUGE, leaf_of(_metadata, self, 7));
}

/* A START that is refused after the split leaves the leaves as they were. */
TEST_F(split, joined_when_start_fails)
{
	struct realbed *b = &self->b;
	__u64 before, joined;
	struct edu other;
	__u32 hwpt_id;

	stop(_metadata, self);
	before = leaf_of(_metadata, self, 7);
	joined = before >= HUGE ? HUGE : PAGE;
	ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
	/* A device that cannot be tracked, since its HWPT was not made for that */
	ASSERT_EQ(0, edu_open(&other, b->fd, 1));
	ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, other.dev_id, b->ioas_id, 0, &hwpt_id));
	ASSERT_EQ(0, edu_attach(&other, hwpt_id, NULL));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, IOMMU_DIRTY_POLICY_AUTO,
				   IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE, 0, &b->tracker_id));
	EXPECT_EQ(-ENXIO, tracker_set(b->fd, b->tracker_id, SPLIT, NULL, NULL));
	edu_close(&other);
	EXPECT_EQ(joined, leaf_of(_metadata, self, 9));
}

/* The control: they would be */
TEST_F(split, notices_joined_areas)
{
	if (variant->piece >= HUGE)
		SKIP(return, "each is as large as a leaf");
	EXPECT_EQ(0, split(_metadata, self));
	ASSERT_EQ(0, tracker_break("join_areas"));
	stop(_metadata, self);
	ASSERT_EQ(0, tracker_break("nothing"));
	EXPECT_EQ(HUGE, leaf_of(_metadata, self, 7));
	/* So that each can be unmapped */
	EXPECT_EQ(0, split(_metadata, self));
}

/*
 * A huge page, two pages of which have changed places, mapped at @iova. Return: the two, or
 * NULL.
 */
static char *map_swapped(struct realbed *b, __u64 iova)
{
	char *at = b->ram + RAM_SIZE - HUGE;
	char *spare = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (spare == MAP_FAILED ||
	    mremap(at + 5 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, spare) != spare ||
	    mremap(at + 9 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   at + 5 * PAGE) != at + 5 * PAGE ||
	    mremap(spare, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   at + 9 * PAGE) != at + 9 * PAGE ||
	    iommufd_ioas_map(b->fd, b->ioas_id, at, HUGE, iova, IOMMUFD_MAP_RW))
		return NULL;
	return at + 5 * PAGE;
}

/* Do writes to the two arrive? */
static bool writes_arrive(struct realbed *b, __u64 iova, char *page)
{
	volatile __u64 *first = (volatile __u64 *)page;
	volatile __u64 *second = (volatile __u64 *)(page + 4 * PAGE);

	*first = ~0ull;
	*second = ~0ull;
	if (edu_write(&b->dev, iova + 5 * PAGE, 0, REAL_BYTES) || *first || !*second)
		return false;
	return !edu_write(&b->dev, iova + 9 * PAGE, 0, REAL_BYTES) && !*second;
}

/* Leaves that do not continue one another are not joined; the control does so. */
TEST_F(split, joins_what_continues)
{
	char *page;

	if (variant->piece != HUGE)
		SKIP(return, "RAM is in pages that cannot change places, or it is the same");
	ASSERT_EQ(0, iommufd_ioas_unmap(self->b.fd, self->b.ioas_id, IOVA, SPAN, NULL));
	page = map_swapped(&self->b, IOVA);
	if (!page)
		SKIP(return, "no huge page to swap pages in");
	EXPECT_TRUE(writes_arrive(&self->b, IOVA, page));
	EXPECT_EQ(0, split(_metadata, self));
	stop(_metadata, self);
	EXPECT_TRUE(writes_arrive(&self->b, IOVA, page));
	EXPECT_EQ(0, split(_metadata, self));
	ASSERT_EQ(0, tracker_break("join_any"));
	stop(_metadata, self);
	ASSERT_EQ(0, tracker_break("nothing"));
	EXPECT_FALSE(writes_arrive(&self->b, IOVA, page));
}

static void *rounds_thread(void *arg)
{
	struct beside *b = arg;
	struct realbed *bed = b->bed;

	while (!b->stop && !b->rc) {
		b->rc = tracker_set(bed->fd, bed->tracker_id, SPLIT, NULL, NULL);
		if (!b->rc)
			b->rc = tracker_set(bed->fd, bed->tracker_id, 0, NULL, NULL);
		b->splits++;
	}
	return NULL;
}

/* Pages that another IOAS gets are looked up in the domain that is joined. */
static void *copy_thread(void *arg)
{
	struct beside *b = arg;
	struct realbed *bed = b->bed;
	__u32 ioas_id, hwpt_id;

	b->rc = iommufd_ioas_alloc(bed->fd, &ioas_id);
	if (!b->rc)
		b->rc = iommufd_hwpt_alloc(bed->fd, bed->dev.dev_id, ioas_id, 0, &hwpt_id);
	while (!b->stop && !b->rc) {
		b->rc = iommufd_ioas_copy(bed->fd, ioas_id, bed->ioas_id, IOVA, IOVA, SPAN,
					  IOMMUFD_MAP_RW);
		if (!b->rc)
			b->rc = iommufd_ioas_unmap(bed->fd, ioas_id, IOVA, SPAN, NULL);
		b->maps++;
	}
	return NULL;
}

static void *(*const joins_beside[])(void *) = { rounds_thread, map_thread, copy_thread };

/* Writes arrive while leaves are split and joined, beside maps, unmaps and look-ups. */
TEST_F_TIMEOUT(split, joined_under_dma, 600)
{
	struct beside b[3] = { { .bed = &self->b }, { .bed = &self->b }, { .bed = &self->b } };
	pthread_t threads[3];
	unsigned int i, writes;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, joins_beside[i], &b[i]));
	for (writes = 0; writes < 4000 || (b[0].splits < 20 && writes < 100000); writes++)
		write_page(_metadata, self, writes * 1021ull % (SPAN / PAGE));
	for (i = 0; i < 3; i++)
		b[i].stop = true;
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, b[i].rc);
	}
	EXPECT_LE(5, b[0].splits);
	TH_LOG("%u writes arrived, beside %u splits and joins, %u maps, %u copies", writes,
	       b[0].splits, b[1].maps, b[2].maps);
	EXPECT_EQ(0, split(_metadata, self));
	expect_pages(_metadata, self);
}

TEST_HARNESS_MAIN
