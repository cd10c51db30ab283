// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty bits in an IOMMU's page table while something else happens to the domain: another
 * harvest, its end, an attach, an invalidation that the hardware ignores. Schedules are
 * forced with calls that wait (held.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "attacher.h"
#include "crowd.h"
#include "reader.h"

#define GIB (1ull << 30)

FIXTURE(race_domain) {
	struct crowd c;
};

FIXTURE_SETUP(race_domain)
{
	ASSERT_EQ(0, crowd_open(&self->c, false));
}

FIXTURE_TEARDOWN(race_domain)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

struct destroyer {
	struct call call;
	int fd;
	__u32 id;
};

static int destroyer_destroy(void *arg)
{
	struct destroyer *d = arg;

	return iommufd_destroy(d->fd, d->id);
}

static int call_detach(void *dev)
{
	return vdev_detach(dev);
}

/* ---- Invalidations ---------------------------------------------------------- */

FIXTURE(flush) {
	struct crowd c;
};

FIXTURE_VARIANT(flush) {
	unsigned int device;
};

FIXTURE_VARIANT_ADD(flush, amd) { .device = BOTH };
FIXTURE_VARIANT_ADD(flush, gather) { .device = GATHER };
FIXTURE_VARIANT_ADD(flush, intel) { .device = INTEL };
FIXTURE_VARIANT_ADD(flush, smmu) { .device = SMMU };
FIXTURE_VARIANT_ADD(flush, smmu_gather) { .device = SMMU_GATHER };

FIXTURE_SETUP(flush)
{
	struct testbed *b = &self->c.b;

	ASSERT_EQ(0, crowd_open(&self->c, true));
	/* Leaves of 4 KiB behind those of 2 MiB */
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, self->c.far, FAR_SIZE,
				      IOVA + RAM_SIZE, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_attach(&self->c, variant->device, b->ioas_id));
	ASSERT_EQ(0, crowd_start(&self->c, IOMMU_DIRTY_POLICY_IOMMU, 0));
}

FIXTURE_TEARDOWN(flush)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

/*
 * All leaves are in the IOTLB as dirty; one that survives there makes all later
 * writes of the device to it invisible.
 */
TEST_F(flush, leaves_of_two_sizes)
{
	struct crowd *c = &self->c;
	__u32 tracker = c->b.tracker_id;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, crowd_dma(c, variant->device, IOVA + 3 * HUGE + i * PAGE,
				       1));
		ASSERT_EQ(0, crowd_dma(c, variant->device,
				       IOVA + RAM_SIZE + i * PAGE, 1));
		/* One harvest has leaves of both sizes */
		ASSERT_LE(1, crowd_read(c, tracker, IOVA + 3 * HUGE, RAM_SIZE)) {
			TH_LOG("round %u", i);
		}
		EXPECT_TRUE(testbed_bit(&c->b, i)) {
			TH_LOG("round %u: the large leaf", i);
		}
		EXPECT_TRUE(testbed_bit(&c->b, (RAM_SIZE - 3 * HUGE) / PAGE + i)) {
			TH_LOG("round %u: the small leaf", i);
		}
	}
}

/* As above, for what is unmapped while it is cached, and mapped again. */
TEST_F(flush, unmapped_and_mapped_again)
{
	struct testbed *b = &self->c.b;
	__u64 unmapped;

	ASSERT_EQ(0, crowd_dma(&self->c, variant->device, IOVA + PAGE, 1));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE,
					&unmapped));
	EXPECT_EQ(-EFAULT, crowd_dma(&self->c, variant->device, IOVA + PAGE, 1));
	ASSERT_EQ(0, testbed_map(b));
	ASSERT_LE(1, crowd_read(&self->c, b->tracker_id, IOVA, RAM_SIZE));
	EXPECT_TRUE(testbed_bit(b, 1));
	ASSERT_EQ(0, crowd_dma(&self->c, variant->device, IOVA + PAGE, 1));
	ASSERT_LE(1, crowd_read(&self->c, b->tracker_id, IOVA, RAM_SIZE));
	EXPECT_TRUE(testbed_bit(b, 1));
}

/*
 * Two dirty pages 32 GiB apart: an SMMUv3 without range invalidation takes a command
 * for each page in between, if it is asked by address.
 */
TEST_F(race_domain, few_commands_for_distant_pages)
{
	struct iommu_dirty_range ranges[8];
	struct testbed *b = &self->c.b;
	struct tracker_read_out out;
	unsigned long before;

	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, self->c.far, FAR_SIZE,
				      IOVA + 32 * GIB, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_attach(&self->c, SMMU, b->ioas_id));
	ASSERT_EQ(0, crowd_start(&self->c, 0, 0));
	ASSERT_EQ(0, crowd_dma(&self->c, SMMU, IOVA, 1));
	ASSERT_EQ(0, crowd_dma(&self->c, SMMU, IOVA + 32 * GIB, 1));
	before = virt_get("tlb_commands");
	ASSERT_EQ(2, tracker_read_ranges(b->fd, b->tracker_id, IOVA,
					 32 * GIB + FAR_SIZE, PAGE, ranges, 8, 0,
					 &out));
	EXPECT_EQ(2 * PAGE, out.dirty_bytes);
	EXPECT_GT(64, virt_get("tlb_commands") - before);
}

/* ---- Two harvests of one domain --------------------------------------------- */

/*
 * Without a bitmap a driver is first asked whether anything is dirty, and then to
 * clear it. A concurrent harvest may have cleared in between what was seen dirty.
 */
TEST_F(flush, leaf_cleared_after_the_look)
{
	struct crowd *c = &self->c;
	struct destroyer d = { .fd = c->b.fd };
	struct vdev *dev = &c->dev[variant->device];
	struct reader first, last;
	unsigned int i;

	ASSERT_EQ(0, crowd_hwpt(c, variant->device, c->b.ioas_id, &d.id));
	ASSERT_EQ(0, vdev_attach(dev, d.id, NULL));
	/* So that all is known of the driver before it matters */
	ASSERT_EQ(0, crowd_dma(c, variant->device, IOVA, 1));
	ASSERT_LE(1, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	/* The first is clean, so the second look is at two leaves */
	for (i = 1; i <= 2; i++)
		ASSERT_EQ(0, crowd_dma(c, variant->device, IOVA + i * HUGE, 1));
	ASSERT_EQ(0, vdev_detach(dev));

	ASSERT_EQ(0, hold_arm("hold_probe", IOVA + HUGE));
	ASSERT_EQ(0, reader_begin_bits(&first, c, IOVA, RAM_SIZE));
	hold_is_met("hold_probe", HELD_SHORT_MS);
	ASSERT_EQ(0, hold_arm("hold_read", IOVA + HUGE));
	ASSERT_EQ(0, call_begin(&d.call, destroyer_destroy, &d));
	/* If it has not got there by now, it waits for the READ */
	if (!hold_is_met("hold_read", HELD_SHORT_MS))
		ASSERT_EQ(0, hold_release("hold_read"));
	ASSERT_EQ(0, hold_release("hold_probe"));
	call_is_done(&first.call, HELD_SHORT_MS);
	ASSERT_EQ(0, hold_release("hold_read"));
	EXPECT_LE(0, call_end(&first.call));
	EXPECT_EQ(0, call_end(&d.call));

	ASSERT_EQ(0, reader_begin_bits(&last, c, IOVA, RAM_SIZE));
	EXPECT_LE(0, call_end(&last.call));
	for (i = 1; i <= 2; i++) {
		EXPECT_TRUE(reader_has(&first, i * HUGE / PAGE) ||
			    reader_has(&last, i * HUGE / PAGE)) {
			TH_LOG("leaf %u was written and is in no READ", i);
		}
	}
}

/* An HWPT with 5 dirty pages in RAM and 3 far away, without a device; and a log. */
static int abandon_hwpt(struct crowd *c, __u32 *hwpt)
{
	__u32 ioas = c->b.ioas_id;

	if (crowd_map_far(c) || crowd_attach(c, LOG, ioas) ||
	    crowd_hwpt(c, BOTH, ioas, hwpt) || crowd_attach(c, BOTH, *hwpt) ||
	    crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0) ||
	    crowd_dma(c, BOTH, IOVA, 5) || crowd_dma(c, BOTH, FAR, 3))
		return -1;
	return crowd_detach(c, BOTH);
}

/*
 * The other harvest has taken the dirty bits of RAM and is busy far away. A READ that
 * began after the writes must report them; it does not matter when it ends.
 */
static long read_beside(struct crowd *c, struct call *other,
			int (*fn)(void *), void *arg)
{
	struct reader r;
	int rc;

	if (reader_begin_held(&r, c, c->b.tracker_id, IOVA, RAM_SIZE) ||
	    hold_arm("hold_read", FAR))
		return -1;
	rc = call_begin(other, fn, arg);
	if (!rc) {
		hold_is_met("hold_read", HELD_SHORT_MS);
		rc = hold_release("hold_track");
		call_is_done(&r.call, HELD_SHORT_MS);
		rc = hold_release("hold_read") ?: rc;
		rc = call_end(other) ?: rc;
	}
	return call_end(&r.call) ?: rc;
}

TEST_F(race_domain, read_beside_destroy)
{
	struct destroyer d = { .fd = self->c.b.fd };

	ASSERT_EQ(0, abandon_hwpt(&self->c, &d.id));
	EXPECT_EQ(5, read_beside(&self->c, &d.call, destroyer_destroy, &d));
	EXPECT_EQ(3, crowd_read(&self->c, self->c.b.tracker_id, FAR, FAR_SIZE));
}

TEST_F(race_domain, read_beside_last_detach)
{
	struct crowd *c = &self->c;
	struct call call;

	ASSERT_EQ(0, crowd_map_far(c));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, 5));
	ASSERT_EQ(0, crowd_dma(c, BOTH, FAR, 3));
	EXPECT_EQ(5, read_beside(c, &call, call_detach, &c->dev[BOTH]));
	EXPECT_EQ(3, crowd_read(c, c->b.tracker_id, FAR, FAR_SIZE));
}

/* With the second device the IOMMU is the source, and without it the log. */
TEST_F(race_domain, read_beside_change_of_plan)
{
	struct crowd *c = &self->c;
	struct call call;

	ASSERT_EQ(0, crowd_map_far(c));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, vdev_open(&c->dev[BOTH_2], c->b.fd, BOTH_2));
	ASSERT_EQ(0, crowd_attach(c, BOTH_2, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_DEVICE, 0));
	ASSERT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH));
	ASSERT_EQ(0, crowd_dma(c, BOTH_2, IOVA, 5));
	ASSERT_EQ(0, crowd_dma(c, BOTH_2, FAR, 3));
	EXPECT_EQ(5, read_beside(c, &call, call_detach, &c->dev[BOTH_2]));
	EXPECT_EQ(3, crowd_read(c, c->b.tracker_id, FAR, FAR_SIZE));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, BOTH));
}

/* A domain whose tracking has ended cannot be asked. That is no failure. */
TEST_F(race_domain, read_beside_end_of_tracking)
{
	struct crowd *c = &self->c;
	struct destroyer d = { .fd = c->b.fd };
	struct iommu_dirty_tracker_info info;
	struct reader r;

	ASSERT_EQ(0, abandon_hwpt(c, &d.id));
	ASSERT_EQ(0, reader_begin_held(&r, c, c->b.tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, hold_arm("hold_untrack", 1));
	ASSERT_EQ(0, call_begin(&d.call, destroyer_destroy, &d));
	hold_is_met("hold_untrack", HELD_SHORT_MS);
	ASSERT_EQ(0, hold_release("hold_track"));
	call_is_done(&r.call, HELD_SHORT_MS);
	ASSERT_EQ(0, hold_release("hold_untrack"));
	EXPECT_EQ(0, call_end(&d.call));
	EXPECT_EQ(5, call_end(&r.call));
	EXPECT_EQ(0, r.flags);
	ASSERT_EQ(0, tracker_info(c->b.fd, c->b.tracker_id, &info, NULL, 0));
	EXPECT_EQ(0, info.out_flags & IOMMU_DIRTY_TRACKER_DEGRADED);
}

/* ---- READs at the same time ------------------------------------------------- */

TEST_F(race_domain, reads_of_disjoint_ranges)
{
	struct crowd *c = &self->c;
	struct reader slow, quick;

	ASSERT_EQ(0, crowd_map_far(c));
	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, 5));
	ASSERT_EQ(0, crowd_dma(c, BOTH, FAR, 3));
	ASSERT_EQ(0, hold_arm("hold_read", IOVA));
	ASSERT_EQ(0, reader_begin_bits(&slow, c, IOVA, RAM_SIZE));
	ASSERT_TRUE(hold_is_met("hold_read", HELD_LONG_MS));
	ASSERT_EQ(0, reader_begin_bits(&quick, c, FAR, FAR_SIZE));
	EXPECT_TRUE(call_is_done(&quick.call, HELD_LONG_MS / 3));
	ASSERT_EQ(0, hold_release("hold_read"));
	EXPECT_EQ(5, call_end(&slow.call));
	EXPECT_EQ(3, call_end(&quick.call));
}

/* Each page is in one of them, and may be in both. */
TEST_F(race_domain, reads_of_one_range)
{
	struct crowd *c = &self->c;
	struct reader r[3];
	unsigned int i, page;

	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, 500));
	ASSERT_EQ(0, hold_arm("hold_read", IOVA));
	ASSERT_EQ(0, reader_begin_bits(&r[0], c, IOVA, RAM_SIZE));
	ASSERT_TRUE(hold_is_met("hold_read", HELD_LONG_MS));
	ASSERT_EQ(0, reader_begin_bits(&r[1], c, IOVA, RAM_SIZE));
	ASSERT_EQ(0, reader_begin_bits(&r[2], c, IOVA, RAM_SIZE / 2));
	call_is_done(&r[1].call, HELD_SHORT_MS);
	ASSERT_EQ(0, hold_release("hold_read"));
	for (i = 0; i < 3; i++)
		EXPECT_LE(0, call_end(&r[i].call));
	for (page = 0; page < 500; page++) {
		EXPECT_TRUE(reader_has(&r[0], page) || reader_has(&r[1], page) ||
			    reader_has(&r[2], page)) {
			TH_LOG("page %u is in no READ", page);
		}
	}
}

/* ---- A START against an attach, and an alias -------------------------------- */

static int call_start(void *c)
{
	return crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0);
}

/*
 * The attach has computed the entry of the device's, from a domain that does not
 * track, and writes it after START.
 */
TEST_F(race_domain, start_during_attach)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct attacher a = { .dev = &c->dev[BOTH] };
	struct call start;

	ASSERT_EQ(0, crowd_hwpt(c, BOTH, b->ioas_id, &a.pt_id));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, IOMMU_DIRTY_POLICY_IOMMU, 0,
				   0, &b->tracker_id));
	ASSERT_EQ(0, hold_arm("hold_attach", 1 + BOTH));
	ASSERT_EQ(0, attacher_begin(&a));
	ASSERT_TRUE(hold_is_met("hold_attach", HELD_LONG_MS));
	ASSERT_EQ(0, call_begin(&start, call_start, c));
	call_is_done(&start, HELD_SHORT_MS);
	ASSERT_EQ(0, hold_release("hold_attach"));
	EXPECT_EQ(0, call_end(&a.call));
	EXPECT_EQ(0, call_end(&start));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, 5));
	EXPECT_EQ(5, crowd_read(c, b->tracker_id, IOVA, RAM_SIZE));
}

/* What an AMD IOMMU does for a device with an alias, no driver has enabled. */
TEST_F(race_domain, alias)
{
	struct crowd *c = &self->c;
	unsigned int page;

	ASSERT_EQ(0, crowd_attach(c, ALIAS, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, ALIAS, IOVA, 5));
	ASSERT_LE(0, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	for (page = 0; page < 5; page++)
		EXPECT_TRUE(testbed_bit(&c->b, page));
}

/* In the domain of a device whose dirty bits are seen. */
TEST_F(race_domain, alias_in_company)
{
	struct crowd *c = &self->c;
	unsigned int page;
	__u32 hwpt;

	ASSERT_EQ(0, crowd_hwpt(c, BOTH, c->b.ioas_id, &hwpt));
	ASSERT_EQ(0, crowd_attach(c, BOTH, hwpt));
	ASSERT_EQ(0, crowd_attach(c, ALIAS, hwpt));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, crowd_kind(c, ALIAS));
	ASSERT_EQ(0, crowd_dma(c, ALIAS, IOVA, 5));
	ASSERT_LE(0, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	for (page = 0; page < 5; page++)
		EXPECT_TRUE(testbed_bit(&c->b, page));
}

/* The same while it is tracked: a domain that the IOMMU covered, whatever else was there. */
TEST_F(race_domain, alias_comes_later)
{
	struct crowd *c = &self->c;
	unsigned int page;
	__u32 hwpt;

	/* Without a log */
	ASSERT_EQ(0, vdev_open(&c->dev[BOTH_2], c->b.fd, BOTH_2));
	ASSERT_EQ(0, iommufd_hwpt_alloc(c->b.fd, c->dev[BOTH_2].dev_id, c->b.ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt));
	ASSERT_EQ(0, crowd_attach(c, BOTH_2, hwpt));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_attach(c, BOTH, hwpt));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + HUGE, 2));
	ASSERT_EQ(0, crowd_attach(c, ALIAS, hwpt));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, crowd_kind(c, ALIAS));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, crowd_kind(c, BOTH_2));
	ASSERT_EQ(0, crowd_dma(c, ALIAS, IOVA, 5));
	ASSERT_EQ(0, crowd_detach(c, ALIAS));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, BOTH_2));
	ASSERT_LE(0, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	for (page = 0; page < 5; page++)
		EXPECT_TRUE(testbed_bit(&c->b, page));
	/* The one without a log leaves, and then the last */
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA + HUGE, 2));
	ASSERT_EQ(0, crowd_detach(c, BOTH_2));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, 1));
	ASSERT_EQ(0, crowd_detach(c, BOTH));
	ASSERT_LE(0, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	EXPECT_TRUE(testbed_bit(&c->b, 0));
	EXPECT_TRUE(testbed_bit(&c->b, HUGE / PAGE));
	EXPECT_TRUE(testbed_bit(&c->b, HUGE / PAGE + 1));
}

TEST_F(race_domain, alias_is_not_precise)
{
	struct crowd *c = &self->c;

	ASSERT_EQ(0, crowd_attach(c, ALIAS, c->b.ioas_id));
	EXPECT_EQ(-ENXIO, crowd_start(c, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
}

TEST_F(race_domain, last_page_of_the_address_space)
{
	struct crowd *c = &self->c;
	__u64 word = 0;

	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	EXPECT_EQ(0, tracker_read_bitmap(c->b.fd, c->b.tracker_id, -PAGE, PAGE,
					 PAGE, &word, 0, NULL));
	EXPECT_EQ(0, word);
}

/* ---- What it costs, and what INFO says -------------------------------------- */

/* Leaves of 4 KiB in contiguous memory: a READ of one page looks at few. */
TEST_F(race_domain, small_leaves_of_huge_pages)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	__u64 unmapped;
	unsigned int i;
	unsigned long before;

	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE,
					&unmapped));
	madvise(b->ram, RAM_SIZE, MADV_HUGEPAGE);
	madvise(b->ram, RAM_SIZE, MADV_DONTNEED);
	memset(b->ram, 0, RAM_SIZE);
	ASSERT_EQ(0, testbed_map(b));
	ASSERT_EQ(0, crowd_attach(c, BOTH, b->ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, RAM_PAGES));
	for (i = 0; i < 2; i++) {
		before = virt_get("leaf_visits");
		EXPECT_EQ(1 - i, crowd_read(c, b->tracker_id,
					    IOVA + RAM_SIZE - PAGE, PAGE));
		EXPECT_GE(8, virt_get("leaf_visits") - before);
	}
	EXPECT_EQ(RAM_PAGES - 1, crowd_read(c, b->tracker_id, IOVA, RAM_SIZE));
}

TEST_F(race_domain, counters_count_up)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_source_info info;
	unsigned int i, pages = 0;

	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	for (i = 1; i < 5; i++) {
		ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, i));
		ASSERT_EQ(0, crowd_dma(c, LOG, IOVA + HUGE, i));
		EXPECT_EQ(2 * i, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
		pages += i;
		ASSERT_EQ(0, testbed_source(&c->b, c->dev[BOTH].dev_id, &info));
		EXPECT_EQ(pages * PAGE, info.dirty_bytes);
		EXPECT_LE(i, info.harvests);
		ASSERT_EQ(0, testbed_source(&c->b, c->dev[LOG].dev_id, &info));
		EXPECT_EQ(pages * PAGE, info.dirty_bytes);
		EXPECT_LE(i, info.harvests);
	}
}

/* Those of a tracker that is stopped and started again. */
TEST_F(race_domain, counters_begin_at_zero)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_source_info info[2];
	struct testbed *b = &c->b;
	unsigned int i;

	ASSERT_EQ(0, crowd_attach(c, INTEL, b->ioas_id));
	ASSERT_EQ(0, crowd_attach(c, LOG, b->ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, INTEL, IOVA, 3));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA + HUGE, 5));
	EXPECT_EQ(8, crowd_read(c, b->tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, testbed_source(b, c->dev[INTEL].dev_id, &info[0]));
	EXPECT_EQ(3 * PAGE, info[0].dirty_bytes);
	ASSERT_EQ(0, testbed_source(b, c->dev[LOG].dev_id, &info[1]));
	EXPECT_EQ(5 * PAGE, info[1].dirty_bytes);
	ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_source(b, c->dev[INTEL].dev_id, &info[0]));
	ASSERT_EQ(0, testbed_source(b, c->dev[LOG].dev_id, &info[1]));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, info[i].dirty_bytes);
		EXPECT_EQ(0, info[i].harvests);
		EXPECT_EQ(0, info[i].harvest_ns);
		EXPECT_EQ(0, info[i].largest);
	}
}

/* Nanoseconds that the quickest of some INFOs takes */
static __u64 time_info(struct testbed *b)
{
	struct iommu_dirty_tracker_info info;
	__u64 best = ~0ull;
	unsigned int i;

	for (i = 0; i < 9; i++) {
		struct timespec from, to;
		__u64 ns;

		clock_gettime(CLOCK_MONOTONIC, &from);
		if (tracker_info(b->fd, b->tracker_id, &info, NULL, 0))
			return 0;
		clock_gettime(CLOCK_MONOTONIC, &to);
		ns = (to.tv_sec - from.tv_sec) * 1000000000ull + to.tv_nsec -
		     from.tv_nsec;
		if (ns < best)
			best = ns;
	}
	return best;
}

/* Every other page of 1 GiB is pending; INFO says so without going through them. */
TEST_F(race_domain, info_of_many_ranges)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct iommu_dirty_tracker_info info;
	char command[128];
	__u64 few, many;
	__u32 hwpt;
	unsigned int i;

	for (i = 1; i < GIB / RAM_SIZE; i++)
		ASSERT_EQ(0, iommufd_ioas_copy(b->fd, b->ioas_id, b->ioas_id,
					       IOVA + i * RAM_SIZE, IOVA, RAM_SIZE,
					       IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_hwpt(c, BOTH, b->ioas_id, &hwpt));
	ASSERT_EQ(0, crowd_attach(c, BOTH, hwpt));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	few = time_info(b);
	snprintf(command, sizeof(command), "%u %#llx %llu %llu %llu 0", BOTH, IOVA,
		 GIB, 2 * PAGE, GIB / PAGE / 2);
	ASSERT_EQ(0, virt_set("set_dirty", command));
	ASSERT_EQ(0, crowd_detach(c, BOTH));
	ASSERT_EQ(0, iommufd_destroy(b->fd, hwpt));
	many = time_info(b);
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, NULL, 0));
	/* The last harvest has a second; what a debug kernel leaves over is marked */
	EXPECT_LE(getenv("SLOW") ? GIB / 16 : GIB / 2, info.out_pending_bytes);
	TH_LOG("INFO takes %llu us, and %llu us with %llu ranges", few / 1000,
	       many / 1000, GIB / PAGE / 2);
	EXPECT_LT(many, 20 * few + 3000000);
}

TEST_HARNESS_MAIN
