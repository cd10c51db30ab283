// SPDX-License-Identifier: GPL-2.0-only
/*
 * READs, in pages smaller than the tracker's unit (page_size of ALLOC), that end inside of
 * a unit: the RAM below 1 MiB of a PC is read section by section, and none of the sections
 * begins at a large unit. What was reported is clean, and what was not is kept.
 */
#include <errno.h>
#include <string.h>

#include "kselftest_harness.h"
#include "crowd.h"

/* In pages of RAM */
static const struct { __u64 first, end; } sections[] = {
	{ 0, 0xa0 }, { 0xc0, 0xcb }, { 0xcb, 0xce }, { 0xce, 0xe8 }, { 0xe8, 0x100 },
	{ 0x100, RAM_PAGES },
};

#define NR_SECTIONS (sizeof(sections) / sizeof(*sections))

FIXTURE(unit) {
	struct crowd c;
};

FIXTURE_VARIANT(unit) {
	unsigned int device;
	__u64 unit;
	bool ranges;
};

FIXTURE_VARIANT_ADD(unit, small) { .device = BOTH, .unit = PAGE };
FIXTURE_VARIANT_ADD(unit, of_64k) { .device = BOTH, .unit = 65536 };
FIXTURE_VARIANT_ADD(unit, of_64k_as_ranges) {
	.device = BOTH,
	.unit = 65536,
	.ranges = true,
};
FIXTURE_VARIANT_ADD(unit, of_2m) { .device = BOTH, .unit = HUGE };
FIXTURE_VARIANT_ADD(unit, of_2m_of_a_log) { .device = LOG, .unit = HUGE };
FIXTURE_VARIANT_ADD(unit, of_64k_intel) { .device = INTEL, .unit = 65536 };

FIXTURE_SETUP(unit)
{
	struct testbed *b = &self->c.b;

	ASSERT_EQ(0, crowd_open(&self->c, false));
	ASSERT_EQ(0, crowd_attach(&self->c, variant->device, b->ioas_id));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, variant->unit,
				   &b->tracker_id));
	ASSERT_EQ(0, testbed_start(b));
}

FIXTURE_TEARDOWN(unit)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* READ one section; bytes reported, or -errno. */
static long read_section(struct crowd *c, unsigned int i, bool ranges)
{
	__u64 pages = sections[i].end - sections[i].first;
	struct iommu_dirty_range r[64];
	struct tracker_read_out out;
	int rc;

	if (ranges)
		rc = tracker_read_ranges(c->b.fd, c->b.tracker_id,
					 IOVA + sections[i].first * PAGE,
					 pages * PAGE, PAGE, r, 64, 0, &out);
	else
		rc = testbed_read(&c->b, sections[i].first, pages, 0, &out);
	return rc < 0 ? rc : (long)out.dirty_bytes;
}

TEST_F(unit, sections_become_clean)
{
	struct crowd *c = &self->c;
	struct tracker_read_out out;
	unsigned int i, pass;

	for (i = 0; i < NR_SECTIONS; i++)
		ASSERT_EQ(0, crowd_dma(c, variant->device,
				       IOVA + (sections[i].first + 1) * PAGE, 1));
	for (i = 0; i < NR_SECTIONS; i++)
		EXPECT_LT(0, read_section(c, i, variant->ranges));
	/* A page of the next section makes dirty what was read of its unit: once */
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < NR_SECTIONS; i++) {
			long bytes = read_section(c, i, variant->ranges);

			EXPECT_LE(0, bytes);
			EXPECT_TRUE(!pass || !bytes);
		}
	/* The hole between two sections, which was never read, may be in a dirty unit */
	ASSERT_EQ(0, tracker_count(c->b.fd, c->b.tracker_id, IOVA, RAM_SIZE, PAGE,
				   &out));
	EXPECT_EQ(variant->unit == HUGE ? 0x20 * PAGE : 0, out.dirty_bytes);
	/* And nothing is lost by that */
	ASSERT_EQ(0, crowd_dma(c, variant->device, IOVA + 0xcc * PAGE, 1));
	EXPECT_LT(0, read_section(c, 2, variant->ranges));
	EXPECT_TRUE(variant->ranges || testbed_bit(&c->b, 1));
	EXPECT_EQ(0, read_section(c, 2, variant->ranges));
}

/* A mapping that begins and ends inside of a unit, read in pages or in whole units. */
TEST_F(unit, mapping_becomes_clean)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	const __u64 pages[] = { PAGE, variant->unit };
	__u64 first = FAR + 0xc1 * PAGE, bits[64];
	struct tracker_read_out out;
	unsigned int i, pass;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 0x333 * PAGE,
					      first, IOMMUFD_MAP_RW));
		ASSERT_EQ(0, crowd_dma(c, variant->device, first, 2));
		ASSERT_EQ(0, crowd_dma(c, variant->device, first + 0x332 * PAGE, 1));
		for (pass = 0; pass < 3; pass++) {
			memset(bits, 0, sizeof(bits));
			ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, FAR,
							 4 * HUGE, pages[i], bits, 0,
							 &out));
			EXPECT_EQ(pass ? 0 : variant->unit == PAGE ? 3 * PAGE :
				  2 * variant->unit, out.dirty_bytes);
		}
		ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, first,
						0x333 * PAGE, NULL));
		ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, FAR, 4 * HUGE,
						 PAGE, bits, 0, NULL));
	}
}

TEST_HARNESS_MAIN
