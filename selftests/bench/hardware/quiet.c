// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tests for any device: it writes nothing, since its bus mastering is off, or since nothing
 * tells it to write.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

#define TIMES 50

static const char *start(struct bed *b, bool *conservative)
{
	__u32 flags;

	MUST(bed_set(b, true, &flags));
	CHECK(!(flags & IOMMU_DIRTY_TRACKER_DEGRADED), "START says DEGRADED");
	*conservative = flags & IOMMU_DIRTY_TRACKER_CONSERVATIVE;
	return NULL;
}

/* The same, and return from a test for which it has failed */
#define START(b, conservative) do {				\
	const char *start_wrong = start(b, conservative);	\
								\
	if (start_wrong)					\
		return start_wrong;				\
} while (0)

/* Pages that are not as they were made */
static unsigned int changed(const struct bed *b)
{
	unsigned int i, n = 0;

	for (i = 0; i < RAM_PAGES; i++)
		n += b->ram[i * PAGE] != (char)0xff ||
		     memcmp(b->ram + i * PAGE, b->ram + i * PAGE + 1, PAGE - 1);
	return n;
}

/* Who tracks; and does START say so? */
static const char *test_plan(struct bed *b)
{
	struct iommu_dirty_source_info source = {};
	const char *words;
	bool conservative;
	__u32 flags;

	START(b, &conservative);
	MUST(bed_source(b, &source, &flags));
	words = iommufd_source_words(source.kind);
	printf("# writes of: %s\n", b->writer ? b->writer->name : "no device that is known here");
	printf("# source: %s, platform %.16s, granule %llu, largest leaf %llu, flags %#x\n",
	       words ? words : "unknown", source.platform, source.granule, source.largest,
	       source.flags);
	CHECK((source.kind == IOMMU_DIRTY_SOURCE_MAPPED) == conservative,
	      "source %u, but START's CONSERVATIVE is %d", source.kind, conservative);
	CHECK(b->tracked || source.kind != IOMMU_DIRTY_SOURCE_IOMMU,
	      "the IOMMU is the source, but its HWPT has no dirty tracking");
	CHECK(!b->tracked || source.kind != IOMMU_DIRTY_SOURCE_MAPPED,
	      "the HWPT has dirty tracking, but the IOMMU is not the source");
	return NULL;
}

/* Nobody writes: nothing may be reported, whatever was written before START. */
static const char *test_clean(struct bed *b)
{
	bool conservative;
	unsigned int i;

	START(b, &conservative);
	if (conservative) {
		test_skip("nothing tracks the device: what is mapped is reported");
		return NULL;
	}
	for (i = 0; i < TIMES; i++) {
		MUST(bed_read(b, i % 2 ? IOMMU_DIRTY_TRACKER_READ_NO_CLEAR : 0));
		CHECK(!bed_dirty(b, 0, RAM_PAGES),
		      "READ %u reports %u pages; the contents of %u have changed", i,
		      bed_dirty(b, 0, RAM_PAGES), changed(b));
	}
	return NULL;
}

static const char *test_mapped(struct bed *b)
{
	bool conservative;
	unsigned int i;

	START(b, &conservative);
	if (!conservative) {
		test_skip("the device is tracked");
		return NULL;
	}
	for (i = 0; i < TIMES; i++) {
		MUST(bed_read(b, 0));
		CHECK(bed_dirty(b, 0, RAM_PAGES) == RAM_PAGES,
		      "READ %u reports %u pages of %u", i, bed_dirty(b, 0, RAM_PAGES), RAM_PAGES);
	}
	return NULL;
}

static const char *test_formats(struct bed *b)
{
	struct iommu_dirty_range ranges[RAM_PAGES];
	struct tracker_read_out out;
	unsigned int dirty;
	bool conservative;
	__u64 bytes = 0;
	int n, i;

	START(b, &conservative);
	MUST(bed_read(b, IOMMU_DIRTY_TRACKER_READ_NO_CLEAR));
	dirty = bed_dirty(b, 0, RAM_PAGES);
	MUST(tracker_count(b->fd, b->tracker_id, b->iova, RAM_SIZE, PAGE, &out));
	CHECK(out.dirty_bytes == dirty * PAGE, "%u pages by bitmap, %llu bytes by count", dirty,
	      out.dirty_bytes);
	n = tracker_read_ranges(b->fd, b->tracker_id, b->iova, RAM_SIZE, PAGE, ranges, RAM_PAGES,
				0, NULL);
	CHECK(n >= 0, "READ of ranges: %s", strerror(-n));
	for (i = 0; i < n; i++)
		bytes += ranges[i].length;
	CHECK(bytes == dirty * PAGE, "%u pages by bitmap, %llu bytes by ranges", dirty, bytes);
	return NULL;
}

/* UNMAP reports what a READ would have, and memory can be mapped again. */
static const char *test_unmap(struct bed *b)
{
	struct iommu_dirty_tracker_unmap cmd = {
		.tracker_id = b->tracker_id,
		.iova = b->iova,
		.length = RAM_SIZE,
		.page_size = PAGE,
		.data = (unsigned long)b->bits,
		.data_len = sizeof(b->bits),
	};
	bool conservative;
	unsigned int i, n;

	START(b, &conservative);
	for (i = 0; i < TIMES; i++) {
		struct iommu_dirty_tracker_unmap one = cmd;

		memset(b->bits, 0, sizeof(b->bits));
		MUST(tracker_unmap(b->fd, &one));
		n = bed_dirty(b, 0, RAM_PAGES);
		CHECK(n == (conservative ? RAM_PAGES : 0), "UNMAP %u reports %u pages", i, n);
		MUST(iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE, b->iova,
				      IOMMUFD_MAP_RW));
	}
	return NULL;
}

static const char *test_start_stop(struct bed *b)
{
	bool conservative;
	unsigned int i;

	for (i = 0; i < TIMES; i++) {
		START(b, &conservative);
		MUST(bed_read(b, 0));
		MUST(bed_set(b, false, NULL));
		CHECK(bed_read(b, 0) == -ENODATA, "a READ after STOP %u does not say ENODATA", i);
	}
	return NULL;
}

/* The source is the same after each attach, and it never fails. */
static const char *test_attach(struct bed *b)
{
	struct iommu_dirty_source_info before = {}, after = {};
	bool conservative;
	__u32 flags, other;
	unsigned int i;

	MUST(bed_hwpt(b, &other));
	START(b, &conservative);
	MUST(bed_source(b, &before, &flags));
	for (i = 0; i < TIMES; i++) {
		if (i % 2)
			MUST(vdev_detach(&b->dev));
		MUST(bed_read(b, 0));
		MUST(vdev_attach(&b->dev, i / 2 % 2 ? other : b->hwpt_id, NULL));
		MUST(bed_read(b, 0));
		MUST(bed_source(b, &after, &flags));
		CHECK(after.kind == before.kind && !after.failures &&
		      !(flags & IOMMU_DIRTY_TRACKER_DEGRADED),
		      "after attach %u: source %u, was %u, %llu failures, flags %#x", i,
		      after.kind, before.kind, after.failures, flags);
	}
	return NULL;
}

static const char *test_small(struct bed *b)
{
	struct iommu_dirty_source_info source = {};
	bool conservative;
	__u32 flags;

	if (!b->tracked) {
		test_skip("the IOMMU has no dirty tracking");
		return NULL;
	}
	START(b, &conservative);
	MUST(bed_source(b, &source, &flags));
	CHECK(source.kind == IOMMU_DIRTY_SOURCE_IOMMU && source.granule == PAGE &&
	      source.flags & IOMMU_DIRTY_SOURCE_FINE,
	      "source %u, granule %llu, flags %#x", source.kind, source.granule, source.flags);
	return NULL;
}

const struct test tests_quiet[] = {
	{ "the tracker has a source, and START says whether it is exact", .run = test_plan },
	{ "clean memory is reported clean", .run = test_clean },
	{ "what is mapped is reported where nothing tracks", .run = test_mapped },
	{ "bitmap, count and ranges agree", .run = test_formats },
	{ "UNMAP reports what READ would, and memory can be mapped again", .run = test_unmap },
	{ "START, READ, STOP, again and again", .run = test_start_stop },
	{ "attach, replace and detach beside a running tracker", .run = test_attach },
	{ "small leaves", .small_leaves = true, .run = test_small },
	{}
};
