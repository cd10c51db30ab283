// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's log while something else happens: an unmap, a change of plan, a replace,
 * another tracker; and which ranges a log is asked for. Its end is in race_end_test.c. The
 * device is held while it makes a report, for which real devices take seconds.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "attacher.h"
#include "crowd.h"
#include "oracle.h"
#include "reader.h"

#define GIB (1ull << 30)

FIXTURE(race_log) {
	struct crowd c;
};

FIXTURE_SETUP(race_log)
{
	ASSERT_EQ(0, crowd_open(&self->c, false));
	ASSERT_EQ(0, crowd_map_far(&self->c));
}

FIXTURE_TEARDOWN(race_log)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* ---- Unmap ------------------------------------------------------------------ */

/*
 * A log is the source, and is replaced by the IOMMU. What only the log knows is
 * unmapped before the log is harvested for the last time.
 */
static int change_of_plan(struct crowd *c, bool change)
{
	struct attacher a;
	struct reader r;
	int rc;

	if (crowd_attach(c, BOTH, c->b.ioas_id) ||
	    vdev_open(&c->dev[BOTH_2], c->b.fd, BOTH_2) ||
	    crowd_start(c, IOMMU_DIRTY_POLICY_DEVICE, 0) ||
	    crowd_kind(c, BOTH) != IOMMU_DIRTY_SOURCE_DEVICE ||
	    crowd_dma(c, BOTH, FAR + 16 * PAGE, 5) ||
	    reader_begin_held(&r, c, c->b.tracker_id, IOVA, RAM_SIZE))
		return -1;
	if (change) {
		a = (struct attacher){ .dev = &c->dev[BOTH_2], .pt_id = c->b.ioas_id };
		rc = attacher_begin(&a);
		if (rc)
			return rc;
		call_is_done(&a.call, HELD_SHORT_MS);
	}
	rc = crowd_unmap_far(c);
	rc = hold_release("hold_track") ?: rc;
	if (change)
		rc = call_end(&a.call) ?: rc;
	rc = call_end(&r.call) ?: rc;
	return rc ?: reader_read(c, c->b.tracker_id, FAR, FAR_SIZE);
}

TEST_F(race_log, unmap_during_change_of_plan)
{
	EXPECT_EQ(5, change_of_plan(&self->c, true));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(&self->c, BOTH));
}

TEST_F(race_log, unmap_without_change_of_plan)
{
	EXPECT_EQ(5, change_of_plan(&self->c, false));
}

/*
 * A report is under way, which has what was written before it; more is written, and
 * then unmapped. The next report must be asked for it, though it is not mapped.
 */
TEST_F(race_log, unmap_during_report)
{
	struct crowd *c = &self->c;
	struct reader r;
	struct call unmap;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, LOG, FAR, 5));
	ASSERT_EQ(0, reader_begin_held(&r, c, c->b.tracker_id, FAR, FAR_SIZE));
	ASSERT_EQ(0, crowd_dma(c, LOG, FAR + 100 * PAGE, 3));
	ASSERT_EQ(0, call_begin(&unmap, crowd_unmap_far, c));
	/* It does not wait for a device */
	EXPECT_TRUE(call_is_done(&unmap, HELD_LONG_MS / 3));
	ASSERT_EQ(0, hold_release("hold_track"));
	EXPECT_EQ(0, call_end(&unmap));
	EXPECT_LE(5, call_end(&r.call));
	/* What came while it was held may be in it, too */
	EXPECT_EQ(8, r.call.rc + reader_read(c, c->b.tracker_id, FAR, FAR_SIZE));
	EXPECT_EQ(0, reader_read(c, c->b.tracker_id, FAR, FAR_SIZE));
}

/*
 * A READ begins while a report is under way that has left the device already: it
 * needs another one for what was written in between.
 */
TEST_F(race_log, read_during_report)
{
	struct crowd *c = &self->c;
	struct reader r[2];

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, LOG, FAR, 5));
	ASSERT_EQ(0, reader_begin_held(&r[0], c, c->b.tracker_id, FAR, FAR_SIZE));
	ASSERT_EQ(0, crowd_dma(c, LOG, FAR + 100 * PAGE, 3));
	ASSERT_EQ(0, reader_begin_held(&r[1], c, c->b.tracker_id, FAR, FAR_SIZE));
	ASSERT_EQ(0, hold_release("hold_track"));
	/* The first may be so slow to wake up that the second takes all */
	EXPECT_LE(0, call_end(&r[0].call));
	EXPECT_LE(8, r[0].call.rc + call_end(&r[1].call));
}

/* The same, where the report that is under way is about something else. */
TEST_F(race_log, unmap_beside_report)
{
	struct crowd *c = &self->c;
	struct reader r;
	__u32 id;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	id = c->b.tracker_id;
	ASSERT_EQ(0, crowd_dma(c, LOG, FAR, 5));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 4));
	ASSERT_EQ(0, reader_begin_held(&r, c, id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, crowd_unmap_far(c));
	ASSERT_EQ(0, hold_release("hold_track"));
	EXPECT_EQ(4, call_end(&r.call));
	/* Two READs of parts, and what lies between them */
	EXPECT_EQ(2, reader_read(c, id, FAR, 2 * PAGE));
	EXPECT_EQ(1, reader_read(c, id, FAR + 4 * PAGE, FAR_SIZE - 4 * PAGE));
	EXPECT_EQ(2, reader_read(c, id, FAR, FAR_SIZE));
	EXPECT_EQ(0, reader_read(c, id, FAR, FAR_SIZE));
}

/* Everything is unmapped, and mapped again, and only then READ. */
TEST_F(race_log, unmap_and_map_again)
{
	struct crowd *c = &self->c;
	struct oracle o;
	__u64 unmapped;
	unsigned int i;

	ASSERT_EQ(0, oracle_open(&o));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	oracle_started(&o);
	ASSERT_EQ(0, virt_set("slow_track_ms", "20"));
	ASSERT_EQ(0, crowd_write_on(c, LOG, IOVA, RAM_SIZE, 3000));
	for (i = 0; i < 20; i++) {
		struct reader r;

		ASSERT_EQ(0, oracle_unmap(&o, c->b.fd, c->b.ioas_id, IOVA, RAM_SIZE));
		ASSERT_EQ(0, testbed_map(&c->b));
		usleep(10000);
		/* A READ of something else is under way at the same time */
		ASSERT_EQ(0, reader_begin(&r, c, c->b.tracker_id, FAR, FAR_SIZE));
		ASSERT_EQ(0, oracle_unmap(&o, c->b.fd, c->b.ioas_id, IOVA, RAM_SIZE));
		ASSERT_EQ(0, testbed_map(&c->b));
		ASSERT_EQ(0, call_end(&r.call));
		if (i % 4 == 3) {
			ASSERT_EQ(0, oracle_read(&o, c->b.fd, c->b.tracker_id,
						 IOVA, RAM_SIZE));
		}
	}
	ASSERT_EQ(0, vdev_stop(&c->dev[LOG]));
	ASSERT_EQ(0, oracle_read(&o, c->b.fd, c->b.tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, oracle_check(&o));
	EXPECT_LT(200, o.writes);
	EXPECT_EQ(0, o.lost) {
		TH_LOG("lost %llu of %llu, the first at %#llx", o.lost, o.writes,
		       o.lost_iova);
	}
	oracle_close(&o);
	ASSERT_EQ(0, iommufd_ioas_unmap(c->b.fd, c->b.ioas_id, IOVA, RAM_SIZE,
					&unmapped));
}

/* ---- Replace ---------------------------------------------------------------- */

/* A log that waits to be asked by one tracker, and becomes another's. */
TEST_F(race_log, other_tracker_asks_while_read_waits)
{
	struct crowd *c = &self->c;
	struct attacher a;
	struct reader r;
	__u32 ioas, tracker;
	char mask[16];

	ASSERT_EQ(0, crowd_copy_ioas(c, &ioas));
	ASSERT_EQ(0, tracker_alloc(c->b.fd, ioas, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(c->b.fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	ASSERT_EQ(0, crowd_attach(c, LOG_2, c->b.ioas_id));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	/* Only LOG_2 is slow, and the first READ waits for it */
	snprintf(mask, sizeof(mask), "%u", 1 << LOG_2);
	ASSERT_EQ(0, virt_set("tracker_devices", mask));
	ASSERT_EQ(0, reader_begin_held(&r, c, c->b.tracker_id, IOVA, RAM_SIZE));
	a = (struct attacher){ .dev = &c->dev[LOG], .pt_id = ioas };
	ASSERT_EQ(0, attacher_begin(&a));
	EXPECT_TRUE(call_is_done(&a.call, HELD_LONG_MS));
	/* All may have been dirty as long as the log was the other tracker's */
	ASSERT_LE(0, reader_read(c, tracker, IOVA, RAM_SIZE));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 7));
	ASSERT_LE(0, crowd_read(c, tracker, IOVA, RAM_SIZE));
	EXPECT_EQ(0x7f, c->b.bits[0] & 0x7f);
	ASSERT_EQ(0, hold_release("hold_track"));
	EXPECT_EQ(0, call_end(&a.call));
	EXPECT_EQ(0, call_end(&r.call));
	ASSERT_LE(0, reader_read(c, tracker, IOVA, RAM_SIZE));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA + HUGE, 3));
	EXPECT_EQ(3, reader_read(c, tracker, IOVA, RAM_SIZE));
}

/* To another IOAS and to no IOAS, while a READ waits for the device. */
static int leave(struct crowd *c, bool detach)
{
	struct attacher a;
	struct reader r;
	__u32 ioas;
	int rc;

	if (crowd_copy_ioas(c, &ioas) || crowd_attach(c, LOG, c->b.ioas_id) ||
	    crowd_start(c, 0, 0) || crowd_dma(c, LOG, IOVA, 5) ||
	    reader_begin_held(&r, c, c->b.tracker_id, IOVA, HUGE) ||
	    crowd_dma(c, LOG, IOVA + HUGE, 3) || crowd_dma(c, LOG, FAR, 2))
		return -1;
	a.dev = &c->dev[LOG];
	a.pt_id = ioas;
	rc = call_begin(&a.call, detach ? (int (*)(void *))vdev_detach :
					  attacher_attach,
			detach ? (void *)a.dev : &a);
	if (rc)
		return rc;
	call_is_done(&a.call, HELD_SHORT_MS);
	rc = hold_release("hold_track");
	rc = call_end(&a.call) ?: rc;
	if (rc)
		return rc;
	rc = call_end(&r.call);
	if (rc < 0)
		return rc;
	/* May be in the first, in the second, and not in both */
	rc += reader_read(c, c->b.tracker_id, IOVA, RAM_SIZE);
	return rc * 100 + reader_read(c, c->b.tracker_id, FAR, FAR_SIZE);
}

TEST_F(race_log, replace_while_read_waits)
{
	EXPECT_EQ(802, leave(&self->c, false));
	EXPECT_EQ(0, crowd_log_is_free(&self->c, LOG));
}

TEST_F(race_log, detach_while_read_waits)
{
	EXPECT_EQ(802, leave(&self->c, true));
	EXPECT_EQ(0, crowd_log_is_free(&self->c, LOG));
}

/* Within its IOAS: the log stays on, and its driver is not called. */
TEST_F(race_log, replace_within_the_ioas)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_source_info before, after;
	struct oracle o;
	unsigned int i;
	__u32 hwpt[2];

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, crowd_hwpt(c, LOG, c->b.ioas_id, &hwpt[i]));
	ASSERT_EQ(0, oracle_open(&o));
	ASSERT_EQ(0, crowd_attach(c, LOG, hwpt[0]));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	oracle_started(&o);
	ASSERT_EQ(0, crowd_write_on(c, LOG, IOVA, RAM_SIZE, 3000));
	for (i = 1; i < 20; i++) {
		ASSERT_EQ(0, testbed_source(&c->b, c->dev[LOG].dev_id, &before));
		ASSERT_EQ(0, crowd_attach(c, LOG, hwpt[i % 2]));
		ASSERT_EQ(0, testbed_source(&c->b, c->dev[LOG].dev_id, &after));
		EXPECT_EQ(before.harvests, after.harvests);
		EXPECT_EQ(before.dirty_bytes, after.dirty_bytes);
		usleep(10000);
		if (i % 3 == 0) {
			ASSERT_EQ(0, oracle_read(&o, c->b.fd, c->b.tracker_id,
						 IOVA, RAM_SIZE));
		}
	}
	ASSERT_EQ(0, vdev_stop(&c->dev[LOG]));
	EXPECT_EQ(0, vdev_read64(&c->dev[LOG], VIRT_DMA_FAULTS));
	ASSERT_EQ(0, oracle_read(&o, c->b.fd, c->b.tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, oracle_check(&o));
	EXPECT_LT(200, o.writes);
	EXPECT_EQ(0, o.lost);
	EXPECT_EQ(0, o.over);
	oracle_close(&o);
}

/* ---- What a log is asked for ------------------------------------------------ */

/* Memory that the device may only read lies between two that it writes to. */
TEST_F(race_log, read_only_memory_in_between)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	__u64 unmapped;

	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE,
					&unmapped));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, HUGE, IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram + HUGE, HUGE,
				      IOVA + HUGE, IOMMU_IOAS_MAP_READABLE));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram + 2 * HUGE, HUGE,
				      IOVA + 2 * HUGE, IOMMUFD_MAP_RW));
	/* and at the beginning, before the next that is written to */
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram + 3 * HUGE, HUGE,
				      IOVA + 10 * GIB, IOMMU_IOAS_MAP_READABLE));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram + 4 * HUGE, HUGE,
				      IOVA + 20 * GIB, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_attach(c, LOG, b->ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 3));
	ASSERT_EQ(-EFAULT, crowd_dma(c, LOG, IOVA + HUGE, 3));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA + 2 * HUGE, 4));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA + 20 * GIB, 5));
	EXPECT_EQ(4, reader_read(c, b->tracker_id, IOVA + HUGE, 2 * HUGE));
	EXPECT_EQ(8, reader_read(c, b->tracker_id, IOVA, 21 * GIB));
	EXPECT_EQ(0, reader_read(c, b->tracker_id, IOVA, 21 * GIB));
}

/* Of two logs in a domain one does not reach as far as the other. */
static int reach(struct crowd *c, unsigned int first, unsigned int second)
{
	struct testbed *b = &c->b;
	__u64 beyond = 1ull << 31;

	if (iommufd_ioas_map(b->fd, b->ioas_id, c->far, FAR_SIZE, beyond,
			     IOMMUFD_MAP_RW) ||
	    crowd_attach(c, first, b->ioas_id) ||
	    crowd_attach(c, second, b->ioas_id) || crowd_unmap_far(c) ||
	    crowd_start(c, 0, 0) || crowd_dma(c, NARROW, beyond + 7 * PAGE, 3) ||
	    crowd_dma(c, LOG, beyond + 17 * PAGE, 4) ||
	    crowd_read(c, b->tracker_id, beyond, FAR_SIZE) < 0)
		return -1;
	return testbed_bit(b, 7) + testbed_bit(b, 8) + testbed_bit(b, 9) +
	       testbed_bit(b, 17) + testbed_bit(b, 18) + testbed_bit(b, 19) +
	       testbed_bit(b, 20);
}

TEST_F(race_log, narrow_log_first)
{
	EXPECT_EQ(7, reach(&self->c, NARROW, LOG));
}

TEST_F(race_log, narrow_log_last)
{
	EXPECT_EQ(7, reach(&self->c, LOG, NARROW));
}

/* What it wrote beyond its log's reach is reported after it has left, too. */
TEST_F(race_log, narrow_log_leaves)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	__u64 beyond = 1ull << 31;
	unsigned int i;

	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, c->far, FAR_SIZE, beyond,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_attach(c, LOG, b->ioas_id));
	ASSERT_EQ(0, crowd_attach(c, NARROW, b->ioas_id));
	ASSERT_EQ(0, crowd_unmap_far(c));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_LE(0, crowd_read(c, b->tracker_id, beyond, FAR_SIZE));
	ASSERT_EQ(0, crowd_dma(c, NARROW, beyond + 7 * PAGE, 3));
	ASSERT_EQ(0, crowd_detach(c, NARROW));
	ASSERT_LE(3, crowd_read(c, b->tracker_id, beyond, FAR_SIZE));
	for (i = 7; i < 10; i++)
		EXPECT_TRUE(testbed_bit(b, i));
}

/* What was unmapped is asked for once. */
TEST_F(race_log, unmapped_is_asked_for_once)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_source_info info;
	__u64 harvests;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, LOG, FAR, 5));
	ASSERT_EQ(0, crowd_unmap_far(c));
	EXPECT_EQ(5, reader_read(c, c->b.tracker_id, FAR, FAR_SIZE));
	ASSERT_EQ(0, testbed_source(&c->b, c->dev[LOG].dev_id, &info));
	harvests = info.harvests;
	EXPECT_LT(0, harvests);
	EXPECT_EQ(0, reader_read(c, c->b.tracker_id, FAR, FAR_SIZE));
	ASSERT_EQ(0, testbed_source(&c->b, c->dev[LOG].dev_id, &info));
	EXPECT_EQ(harvests, info.harvests);
}

/* Where everything is reported anyway, no device is asked. */
TEST_F(race_log, needless_harvest)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_source_info info;
	unsigned int i;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_attach(c, UNTRACKED, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(RAM_PAGES, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, testbed_source(&c->b, c->dev[LOG].dev_id, &info));
	EXPECT_EQ(0, info.harvests);
}

TEST_HARNESS_MAIN
