// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tests for a device that can be told what to write. A test sees each write in memory
 * before it looks for it in a READ.
 */
#include <string.h>

#include "test.h"

#define WRITES 64

/* The pages that one write may make dirty: a leaf, or a unit of the device's log */
static __u64 unit_of(const struct iommu_dirty_source_info *source)
{
	__u64 unit = source->largest > source->granule ? source->largest : source->granule;

	return source->kind == IOMMU_DIRTY_SOURCE_MAPPED || unit > RAM_SIZE ? RAM_SIZE :
	       unit < PAGE ? PAGE : unit;
}

/* Is @page reported, and nothing that does not share its unit? */
static const char *expect(struct bed *b, const struct iommu_dirty_source_info *source,
			  __u64 page, const char *when)
{
	__u64 pages = unit_of(source) / PAGE, first = page / pages * pages;
	unsigned int all = bed_dirty(b, 0, RAM_PAGES);

	CHECK(bed_dirty(b, page, 1), "the write to page %llu is LOST, %s", page, when);
	CHECK(all == bed_dirty(b, first, pages),
	      "%u pages are reported for page %llu, not all in its %llu, %s", all, page, pages,
	      when);
	return NULL;
}

static const char *begin(struct bed *b, struct iommu_dirty_source_info *source)
{
	__u32 flags;

	MUST(bed_set(b, true, NULL));
	MUST(bed_source(b, source, &flags));
	return NULL;
}

/* Write to a page, and READ, many times; the next page is @step further. */
static const char *write_and_read(struct bed *b, __u64 page, unsigned int step, const char *when)
{
	struct iommu_dirty_source_info source = {};
	const char *wrong = begin(b, &source);
	unsigned int i;

	for (i = 0; !wrong && i < WRITES; i++) {
		MUST(bed_write(b, page));
		MUST(bed_read(b, 0));
		wrong = expect(b, &source, page, when);
		page = (page + step) % RAM_PAGES;
	}
	return wrong;
}

static const char *test_write(struct bed *b)
{
	return write_and_read(b, 0, 251, "when written once");
}

/* An entry of the IOTLB that is not flushed has the dirty bit set already. */
static const char *test_again(struct bed *b)
{
	return write_and_read(b, 77, 0, "when written again and again");
}

static const char *test_before_start(struct bed *b)
{
	struct iommu_dirty_source_info source = {};
	const char *wrong;

	MUST(bed_write(b, 5));
	wrong = begin(b, &source);
	if (wrong)
		return wrong;
	if (source.kind == IOMMU_DIRTY_SOURCE_MAPPED) {
		test_skip("nothing tracks the device: what is mapped is reported");
		return NULL;
	}
	MUST(bed_read(b, 0));
	CHECK(!bed_dirty(b, 0, RAM_PAGES), "%u pages are reported", bed_dirty(b, 0, RAM_PAGES));
	MUST(bed_write(b, 5));
	MUST(bed_read(b, 0));
	return expect(b, &source, 5, "when written before START, and after it");
}

static const char *test_unmap(struct bed *b)
{
	struct iommu_dirty_source_info source = {};
	const char *wrong = begin(b, &source);
	unsigned int i;

	for (i = 0; !wrong && i < WRITES / 4; i++) {
		__u64 page = i * 67 % RAM_PAGES;

		MUST(bed_write(b, page));
		MUST(iommufd_ioas_unmap(b->fd, b->ioas_id, b->iova, RAM_SIZE, NULL));
		MUST(bed_read(b, 0));
		wrong = expect(b, &source, page, "when unmapped before the READ");
		MUST(iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE, b->iova,
				      IOMMUFD_MAP_RW));
		/* Where nothing tracks, what is mapped is reported now. */
		MUST(bed_read(b, 0));
	}
	return wrong;
}

static const char *test_detach(struct bed *b)
{
	struct iommu_dirty_source_info source = {};
	const char *wrong = begin(b, &source);
	unsigned int i;

	for (i = 0; !wrong && i < WRITES / 4; i++) {
		__u64 page = i * 67 % RAM_PAGES;

		MUST(bed_write(b, page));
		MUST(vdev_detach(&b->dev));
		MUST(bed_read(b, 0));
		wrong = expect(b, &source, page, "when detached before the READ");
		MUST(vdev_attach(&b->dev, b->hwpt_id, NULL));
		MUST(bed_read(b, 0));
	}
	return wrong;
}

const struct test tests_writes[] = {
	{ "a write is reported, and no other page", .writes = true, .run = test_write },
	{ "a page that is written again and again", .writes = true, .run = test_again },
	{ "the same with small leaves", .small_leaves = true, .writes = true, .run = test_again },
	{ "a write before START is not reported", .writes = true, .run = test_before_start },
	{ "a write to what is unmapped then", .writes = true, .run = test_unmap },
	{ "a write of a device that is detached then", .writes = true, .run = test_detach },
	{}
};
