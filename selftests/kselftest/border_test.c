// SPDX-License-Identifier: GPL-2.0-only
/*
 * READs that begin or end at a border: the first and the last page of a mapping, of
 * its first and of its last leaf, with large leaves beside small ones. A leaf has one
 * dirty bit; a READ of one page of it takes that bit from all others, and must
 * keep it for them.
 */
#include <errno.h>
#include <string.h>

#include "kselftest_harness.h"
#include "crowd.h"

#define HUGE_PAGES (HUGE / PAGE)

/*
 * Mappings of RAM: where in RAM and where in the address space, in pages. Large
 * leaves only; small ones first, a large one at the very end; a large one first,
 * small ones at the end; and one that follows it directly.
 */
static const struct {
	unsigned int from;
	unsigned int pages;
	__u64 to;
} areas[] = {
	{ 0, 2 * HUGE_PAGES, 0 },
	{ 2 * HUGE_PAGES + 400, 2 * HUGE_PAGES - 400, 16 * HUGE_PAGES + 400 },
	{ 4 * HUGE_PAGES, HUGE_PAGES + 100, 32 * HUGE_PAGES },
	{ 6 * HUGE_PAGES + 100, 2 * HUGE_PAGES - 100, 33 * HUGE_PAGES + 100 },
};

#define NR_AREAS (sizeof(areas) / sizeof(*areas))

FIXTURE(border) {
	struct crowd c;
};

FIXTURE_VARIANT(border) {
	unsigned int device;
	bool huge;
};

FIXTURE_VARIANT_ADD(border, amd) { .device = BOTH, .huge = true };
FIXTURE_VARIANT_ADD(border, gather) { .device = GATHER, .huge = true };
FIXTURE_VARIANT_ADD(border, intel) { .device = INTEL, .huge = true };
FIXTURE_VARIANT_ADD(border, smmu) { .device = SMMU, .huge = true };
FIXTURE_VARIANT_ADD(border, smmu_gather) { .device = SMMU_GATHER, .huge = true };
FIXTURE_VARIANT_ADD(border, small) { .device = BOTH };
FIXTURE_VARIANT_ADD(border, small_gather) { .device = GATHER };
FIXTURE_VARIANT_ADD(border, log) { .device = LOG, .huge = true };

FIXTURE_SETUP(border)
{
	struct testbed *b = &self->c.b;
	__u64 unmapped;
	unsigned int i;

	ASSERT_EQ(0, crowd_open(&self->c, variant->huge));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE,
					&unmapped));
	for (i = 0; i < NR_AREAS; i++)
		ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id,
					      b->ram + areas[i].from * PAGE,
					      areas[i].pages * PAGE,
					      IOVA + areas[i].to * PAGE,
					      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_attach(&self->c, variant->device, b->ioas_id));
	ASSERT_EQ(0, crowd_start(&self->c,
				 variant->device == LOG ? 0 :
							  IOMMU_DIRTY_POLICY_IOMMU,
				 0));
}

FIXTURE_TEARDOWN(border)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* Different pages of one mapping */
struct pages {
	unsigned int count;
	__u64 page[16];
};

static void add_page(struct pages *p, unsigned int area, __s64 page)
{
	unsigned int i;

	if (page < 0 || page >= areas[area].pages)
		return;
	for (i = 0; i < p->count; i++)
		if (p->page[i] == areas[area].to + page)
			return;
	p->page[p->count++] = areas[area].to + page;
}

/* Around the borders of the mapping, and of leaves of 2 MiB in it. */
static void find_borders(struct pages *p, unsigned int area)
{
	unsigned int pages = areas[area].pages;
	unsigned int first = (HUGE_PAGES - areas[area].to % HUGE_PAGES) % HUGE_PAGES;
	unsigned int end = pages - (areas[area].to + pages) % HUGE_PAGES;

	p->count = 0;
	add_page(p, area, 0);
	add_page(p, area, 1);
	add_page(p, area, first - 1);
	add_page(p, area, first);
	add_page(p, area, first + 1);
	add_page(p, area, first + HUGE_PAGES - 1);
	add_page(p, area, end - (__s64)HUGE_PAGES);
	add_page(p, area, end - 1);
	add_page(p, area, end);
	add_page(p, area, pages - 2);
	add_page(p, area, pages - 1);
}

static int write_all(struct crowd *c, unsigned int device, const struct pages *p)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < p->count; i++)
		rc = crowd_dma(c, device, IOVA + p->page[i] * PAGE, 1);
	return rc;
}

/* READ a part in the middle, then each mapping; what of @p is in neither. */
static int lost_of(struct crowd *c, const struct pages *p, __u64 page, __u64 pages)
{
	struct testbed *b = &c->b;
	bool got[16] = {};
	unsigned int a, i;
	int lost = 0;

	if (crowd_read(c, b->tracker_id, IOVA + page * PAGE, pages * PAGE) < 0)
		return -1;
	for (i = 0; i < p->count; i++)
		if (p->page[i] >= page && p->page[i] < page + pages) {
			got[i] = testbed_bit(b, p->page[i] - page);
			/* Nothing that is asked for may be left for later */
			lost += !got[i];
		}
	for (a = 0; a < NR_AREAS; a++) {
		if (crowd_read(c, b->tracker_id, IOVA + areas[a].to * PAGE,
			       areas[a].pages * PAGE) < 0)
			return -1;
		for (i = 0; i < p->count; i++)
			if (p->page[i] >= areas[a].to &&
			    p->page[i] < areas[a].to + areas[a].pages)
				got[i] |= testbed_bit(b, p->page[i] - areas[a].to);
	}
	for (i = 0; i < p->count; i++)
		lost += !got[i];
	return lost;
}

TEST_F(border, read_one_page)
{
	struct crowd *c = &self->c;
	unsigned int a, i;
	struct pages p;

	for (a = 0; a < NR_AREAS; a++) {
		find_borders(&p, a);
		for (i = 0; i < p.count; i++) {
			ASSERT_EQ(0, write_all(c, variant->device, &p));
			EXPECT_EQ(0, lost_of(c, &p, p.page[i], 1)) {
				TH_LOG("mapping %u, READ of page %lld of it", a,
				       p.page[i] - areas[a].to);
			}
		}
	}
}

/* From one border to another. */
TEST_F(border, read_a_part)
{
	struct crowd *c = &self->c;
	unsigned int a, i;
	struct pages p;

	for (a = 0; a < NR_AREAS; a++) {
		find_borders(&p, a);
		for (i = 0; i + 2 < p.count; i++) {
			__u64 from = p.page[i], to = p.page[i + 2];

			if (from > to)
				continue;
			ASSERT_EQ(0, write_all(c, variant->device, &p));
			EXPECT_EQ(0, lost_of(c, &p, from, to - from + 1)) {
				TH_LOG("mapping %u, READ of pages %lld to %lld of it",
				       a, from - areas[a].to, to - areas[a].to);
			}
		}
	}
}

/* What is unmapped has borders, too. */
TEST_F(border, unmap)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	unsigned int a, i;

	for (a = 0; a < NR_AREAS; a++) {
		__u64 bits[3 * HUGE_PAGES / 64 + 1] = {};
		struct iommu_dirty_tracker_unmap cmd = {
			.tracker_id = b->tracker_id,
			.iova = IOVA + areas[a].to * PAGE,
			.length = areas[a].pages * PAGE,
			.page_size = PAGE,
			.data = (__u64)(unsigned long)bits,
			.data_len = sizeof(bits),
		};
		struct pages p;

		find_borders(&p, a);
		ASSERT_EQ(0, write_all(c, variant->device, &p));
		/* One page of it was reported before */
		EXPECT_EQ(1, crowd_read(c, b->tracker_id, IOVA + p.page[0] * PAGE,
					PAGE));
		ASSERT_EQ(0, tracker_unmap(b->fd, &cmd));
		for (i = 1; i < p.count; i++) {
			__u64 bit = p.page[i] - areas[a].to;

			EXPECT_TRUE(!bit || bits[bit / 64] >> (bit % 64) & 1) {
				TH_LOG("mapping %u, page %llu of it", a, bit);
			}
		}
	}
}

TEST_HARNESS_MAIN
