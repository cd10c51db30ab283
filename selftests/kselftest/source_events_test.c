// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to devices' own logs while a tracker uses them: devices come and go,
 * memory is unmapped, logs fail. Each scenario that could lose a write is run once more
 * with the tracker broken in that place.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "sources.h"
#include "../lib/log.h"

FIXTURE(source_events) {
	struct sources s;
};

FIXTURE_SETUP(source_events)
{
	ASSERT_EQ(0, sources_open(&self->s));
}

FIXTURE_TEARDOWN(source_events)
{
	EXPECT_EQ(0, sources_close(&self->s));
}

/* ---- Devices come and go ---- */

/* Pages of RAM that were written and not reported, in a scenario. */
static int detach_with_dirty_pages(struct sources *s)
{
	if (source_attach(s, LOG) || sources_start(s, 0, 0) ||
	    source_dma(s, LOG, IOVA, 6) || vdev_detach(&s->dev[LOG]) ||
	    sources_read(s, NULL) < 0)
		return -1;
	return 6 - sources_reported(s, 0, 6);
}

TEST_F(source_events, detach)
{
	EXPECT_EQ(0, detach_with_dirty_pages(&self->s));
	EXPECT_EQ(6, testbed_count(&self->s.b));
	EXPECT_EQ(0, sources_read(&self->s, NULL));
}

TEST_F(source_events, detach_control)
{
	ASSERT_EQ(0, tracker_break("no_last_harvest"));
	EXPECT_EQ(6, detach_with_dirty_pages(&self->s));
}

static int close_with_dirty_pages(struct sources *s)
{
	if (source_attach(s, LOG) || sources_start(s, 0, 0) ||
	    source_dma(s, LOG, IOVA, 6))
		return -1;
	vdev_close(&s->dev[LOG]);
	if (sources_read(s, NULL) < 0)
		return -1;
	return 6 - sources_reported(s, 0, 6);
}

TEST_F(source_events, close)
{
	EXPECT_EQ(0, close_with_dirty_pages(&self->s));
	EXPECT_EQ(6, testbed_count(&self->s.b));
	/* and it can be opened and tracked again */
	ASSERT_EQ(0, source_attach(&self->s, LOG));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, LOG));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 2));
	EXPECT_EQ(2, sources_read(&self->s, NULL));
}

TEST_F(source_events, close_control)
{
	ASSERT_EQ(0, tracker_break("no_last_harvest"));
	EXPECT_EQ(6, close_with_dirty_pages(&self->s));
}

/* Into a domain that is there: the plan is applied before the hardware changes. */
static int attach_while_tracking(struct sources *s)
{
	if (source_attach(s, LOG) || sources_start(s, 0, 0) || source_attach(s, LOG_2) ||
	    source_dma(s, LOG_2, IOVA, 6) || sources_read(s, NULL) < 0)
		return -1;
	return 6 - sources_reported(s, 0, 6);
}

TEST_F(source_events, attach)
{
	EXPECT_EQ(0, attach_while_tracking(&self->s));
	EXPECT_EQ(6, testbed_count(&self->s.b));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, LOG_2));
}

TEST_F(source_events, attach_control)
{
	ASSERT_EQ(0, tracker_break("late_source"));
	EXPECT_EQ(6, attach_while_tracking(&self->s));
}

/* A device without a source was there for a while. */
static int visit(struct sources *s)
{
	if (source_attach(s, LOG) || sources_start(s, 0, 0) || source_attach(s, UNTRACKED) ||
	    source_dma(s, UNTRACKED, IOVA, 6) ||
	    vdev_detach(&s->dev[UNTRACKED]) || sources_read(s, NULL) < 0)
		return -1;
	return 6 - sources_reported(s, 0, 6);
}

TEST_F(source_events, visit)
{
	__u32 flags;

	EXPECT_EQ(0, visit(&self->s));
	EXPECT_EQ(RAM_PAGES, testbed_count(&self->s.b));
	/* It is exact again, without a gap for the others */
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 1));
	EXPECT_EQ(1, sources_read(&self->s, &flags));
	EXPECT_EQ(0, flags);
	/* and conservative while it is there */
	ASSERT_EQ(0, source_attach(&self->s, UNTRACKED));
	EXPECT_EQ(RAM_PAGES, sources_read(&self->s, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, flags);
	EXPECT_EQ(RAM_PAGES, sources_read(&self->s, &flags));
}

/* A mark stays for the next READ when one only looks. */
TEST_F(source_events, visit_and_peek)
{
	struct sources *s = &self->s;
	struct tracker_read_out out;

	ASSERT_EQ(0, source_attach(s, LOG));
	ASSERT_EQ(0, sources_start(s, 0, 0));
	ASSERT_EQ(0, source_attach(s, UNTRACKED));
	ASSERT_EQ(0, source_dma(s, UNTRACKED, IOVA, 6));
	ASSERT_EQ(0, vdev_detach(&s->dev[UNTRACKED]));
	ASSERT_EQ(0, testbed_read(&s->b, 0, RAM_PAGES,
				  IOMMU_DIRTY_TRACKER_READ_NO_CLEAR, &out));
	EXPECT_EQ(6, sources_reported(s, 0, 6));
	EXPECT_LE(0, sources_read(s, NULL));
	EXPECT_EQ(6, sources_reported(s, 0, 6));
	EXPECT_EQ(0, sources_read(s, NULL));
}

/* and what it covers is reported when it is unmapped in between. */
TEST_F(source_events, visit_and_unmap)
{
	struct sources *s = &self->s;

	ASSERT_EQ(0, source_attach(s, LOG));
	ASSERT_EQ(0, sources_start(s, 0, 0));
	ASSERT_EQ(0, source_attach(s, UNTRACKED));
	ASSERT_EQ(0, source_dma(s, UNTRACKED, IOVA, 6));
	ASSERT_EQ(0, vdev_detach(&s->dev[UNTRACKED]));
	ASSERT_EQ(0, iommufd_ioas_unmap(s->b.fd, s->b.ioas_id, IOVA, RAM_SIZE, NULL));
	EXPECT_LE(0, sources_read(s, NULL));
	EXPECT_EQ(6, sources_reported(s, 0, 6));
}

/* What is pending stays so as well. */
TEST_F(source_events, unmap_and_peek)
{
	struct sources *s = &self->s;
	struct tracker_read_out out;

	ASSERT_EQ(0, source_attach(s, BOTH));
	ASSERT_EQ(0, sources_start(s, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, source_dma(s, BOTH, IOVA, 6));
	ASSERT_EQ(0, iommufd_ioas_unmap(s->b.fd, s->b.ioas_id, IOVA, RAM_SIZE, NULL));
	ASSERT_EQ(0, testbed_read(&s->b, 0, RAM_PAGES,
				  IOMMU_DIRTY_TRACKER_READ_NO_CLEAR, &out));
	EXPECT_EQ(6, sources_reported(s, 0, 6));
	EXPECT_LE(6, sources_read(s, NULL));
	EXPECT_EQ(6, sources_reported(s, 0, 6));
}

/* What no device can write is not dirty because of a mark. */
TEST_F(source_events, visit_and_read_only_memory)
{
	struct sources *s = &self->s;
	struct testbed *b = &s->b;
	__u64 bits = 0;

	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 16 * PAGE, HIGH,
				      IOMMU_IOAS_MAP_READABLE));
	ASSERT_EQ(0, source_attach(s, LOG));
	ASSERT_EQ(0, sources_start(s, 0, 0));
	ASSERT_EQ(0, source_attach(s, UNTRACKED));
	ASSERT_EQ(0, source_dma(s, UNTRACKED, IOVA, 6));
	ASSERT_EQ(0, vdev_detach(&s->dev[UNTRACKED]));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, HIGH, 16 * PAGE, PAGE,
					 &bits, IOMMU_DIRTY_TRACKER_READ_NO_CLEAR,
					 NULL));
	EXPECT_EQ(0, bits);
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, HIGH, 16 * PAGE, NULL));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, HIGH, 16 * PAGE, PAGE,
					 &bits, 0, NULL));
	EXPECT_EQ(0, bits);
	EXPECT_EQ(RAM_PAGES, sources_read(s, NULL));
}

TEST_F(source_events, visit_control)
{
	ASSERT_EQ(0, tracker_break("no_mark"));
	EXPECT_EQ(6, visit(&self->s));
}

TEST_F(source_events, replace)
{
	struct testbed *b = &self->s.b;
	__u32 hwpt;

	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, iommufd_hwpt_alloc(b->fd, self->s.dev[LOG].dev_id, b->ioas_id,
					0, &hwpt));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 1));
	ASSERT_EQ(0, vdev_attach(&self->s.dev[LOG], hwpt, NULL));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, LOG));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA + 2 * PAGE, 1));
	/* The log stayed on, and nothing was mapped for a moment */
	EXPECT_EQ(2, sources_read(&self->s, NULL));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 3));
	ASSERT_EQ(0, vdev_attach(&self->s.dev[LOG], b->ioas_id, NULL));
	EXPECT_EQ(3, sources_read(&self->s, NULL));
}

/* A log that its user gives back is used from then on: INFO alone finds that, too. */
TEST_F(source_events, log_becomes_free)
{
	struct vfio_device_feature_dma_logging_range range = { IOVA, RAM_SIZE };
	struct sources *s = &self->s;
	__u64 page_size = PAGE;

	ASSERT_EQ(0, source_attach(s, LOG));
	ASSERT_EQ(0, sources_start(s, 0, 0));
	ASSERT_EQ(0, source_open(s, LOG_2));
	ASSERT_EQ(0, log_start(s->dev[LOG_2].fd, &range, 1, &page_size));
	ASSERT_EQ(0, source_attach(s, LOG_2));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, source_kind(s, LOG_2));
	ASSERT_EQ(0, log_stop(s->dev[LOG_2].fd));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(s, LOG_2));
}

/* From a tracked address space to another: the log changes hands. */
TEST_F(source_events, replace_to_another_ioas)
{
	struct testbed *b = &self->s.b;
	__u32 ioas, tracker, flags;
	struct tracker_read_out out;

	ASSERT_EQ(0, iommufd_ioas_alloc(b->fd, &ioas));
	ASSERT_EQ(0, iommufd_ioas_copy(b->fd, ioas, b->ioas_id, IOVA, IOVA,
				       RAM_SIZE, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	ASSERT_EQ(0, tracker_alloc(b->fd, ioas, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(b->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE,
				 NULL, NULL));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 4));
	ASSERT_EQ(0, vdev_attach(&self->s.dev[LOG], ioas, NULL));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA + 8 * PAGE, 5));
	EXPECT_EQ(4, sources_read(&self->s, NULL));
	EXPECT_EQ(4, sources_reported(&self->s, 0, 4));

	/* The other could not have the log before: all is dirty once */
	ASSERT_EQ(0, tracker_count(b->fd, tracker, IOVA, RAM_SIZE, PAGE, &out));
	EXPECT_EQ(RAM_SIZE, out.dirty_bytes);
	memset(b->bits, 0, sizeof(b->bits));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, tracker, IOVA, RAM_SIZE, PAGE,
					 b->bits, 0, NULL));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA + 8 * PAGE, 5));
	memset(b->bits, 0, sizeof(b->bits));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, tracker, IOVA, RAM_SIZE, PAGE,
					 b->bits, 0, &out));
	flags = out.flags;
	EXPECT_EQ(0, flags);
	EXPECT_EQ(5, testbed_count(b));
	ASSERT_EQ(0, vdev_detach(&self->s.dev[LOG]));
}

/* ---- Unmap ---- */

TEST_F(source_events, unmap_keeps_dirty_pages)
{
	struct testbed *b = &self->s.b;

	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 6));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	EXPECT_EQ(6, sources_read(&self->s, NULL));
	EXPECT_EQ(6, sources_reported(&self->s, 0, 6));
	EXPECT_EQ(0, sources_read(&self->s, NULL));
}

/* The last harvest of a log finds what was unmapped before. */
TEST_F(source_events, unmap_then_detach)
{
	struct testbed *b = &self->s.b;

	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 6));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	ASSERT_EQ(0, vdev_detach(&self->s.dev[LOG]));
	EXPECT_EQ(6, sources_read(&self->s, NULL));
	EXPECT_EQ(6, sources_reported(&self->s, 0, 6));
}

/* Mapped below what a log covers, written to, and unmapped before a READ begins it again. */
TEST_F(source_events, unmap_below_the_log)
{
	const __u64 below = IOVA - 2 * HUGE;
	struct testbed *b = &self->s.b;

	ASSERT_EQ(0, source_attach(&self->s, NARROW));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, NARROW));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, HUGE, below,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, source_dma(&self->s, NARROW, below + 5 * PAGE, 3));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, below, HUGE, NULL));
	memset(b->bits, 0, sizeof(b->bits));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, below, HUGE, PAGE,
					 b->bits, 0, NULL));
	EXPECT_EQ(3, sources_reported(&self->s, 5, 3));
}

/* Of a unit of the tracker a part is unmapped, and a READ asks for that part, too. */
static void unmap_a_part(struct __test_metadata *_metadata, struct sources *s, __u64 unit)
{
	const __u64 first = IOVA & ~(unit - 1);
	/* Not in what the log reports together with the rest */
	const __u64 far = 64 * HUGE;
	struct testbed *b = &s->b;
	__u64 bits = 0;

	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 16 * PAGE, IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram + HUGE, 16 * PAGE,
				      IOVA + far, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, unit, &b->tracker_id));
	ASSERT_EQ(0, source_attach(s, LOG));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, source_dma(s, LOG, IOVA + far, 1));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA + far, 16 * PAGE,
					NULL));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, first, unit, unit,
					 &bits, 0, NULL));
	EXPECT_EQ(1, bits);
	bits = 0;
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, first, unit, unit,
					 &bits, 0, NULL));
	EXPECT_EQ(0, bits);
}

/* Each unit is more than 64 of the largest ones of the device's log, 1 MiB. */
TEST_F(source_events, unmap_a_part_of_a_unit)
{
	unmap_a_part(_metadata, &self->s, 128 * HUGE);
}

/* Of one that is so large, the tracker itself does not keep the pages apart. */
TEST_F(source_events, unmap_a_part_of_a_large_unit)
{
	unmap_a_part(_metadata, &self->s, 1ull << 40);
}

TEST_F(source_events, unmap_delivers)
{
	struct iommu_dirty_tracker_unmap cmd = {
		.iova = IOVA, .length = RAM_SIZE, .page_size = PAGE,
		.data = (uintptr_t)self->s.b.bits, .data_len = sizeof(self->s.b.bits),
	};

	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 6));
	cmd.tracker_id = self->s.b.tracker_id;
	ASSERT_EQ(0, tracker_unmap(self->s.b.fd, &cmd));
	EXPECT_EQ(RAM_SIZE, cmd.out_unmapped);
	EXPECT_EQ(6, testbed_count(&self->s.b));
	EXPECT_EQ(6, sources_reported(&self->s, 0, 6));
}

/* Memory that was unmapped, and whose writes were in a log that was lost. */
static int lose_what_is_gone(struct sources *s)
{
	struct testbed *b = &s->b;

	if (source_attach(s, LOG) || sources_start(s, 0, 0) ||
	    source_dma(s, LOG, IOVA, 6) ||
	    iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL) ||
	    virt_set("lose_track", "1") || sources_read(s, NULL) < 0)
		return -1;
	return 6 - sources_reported(s, 0, 6);
}

TEST_F(source_events, lost_after_unmap)
{
	EXPECT_EQ(0, lose_what_is_gone(&self->s));
}

TEST_F(source_events, lost_after_unmap_control)
{
	ASSERT_EQ(0, tracker_break("no_mark"));
	EXPECT_EQ(6, lose_what_is_gone(&self->s));
}

/* ---- Failures ---- */

static int lose(struct sources *s, __u32 *flags)
{
	if (source_attach(s, LOG) || sources_start(s, 0, 0) ||
	    source_dma(s, LOG, IOVA, 6) || virt_set("lose_track", "1") ||
	    sources_read(s, flags) < 0)
		return -1;
	return 6 - sources_reported(s, 0, 6);
}

/* A log that was lost reports nothing of what is unmapped afterwards. */
static int unmap_what_a_lost_log_has(struct sources *s)
{
	struct testbed *b = &s->b;
	__u32 flags;

	if (lose(s, &flags) || source_dma(s, LOG, IOVA, 6) ||
	    iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL) ||
	    sources_read(s, NULL) < 0)
		return -1;
	return 6 - sources_reported(s, 0, 6);
}

TEST_F(source_events, unmap_after_lost)
{
	EXPECT_EQ(0, unmap_what_a_lost_log_has(&self->s));
}

TEST_F(source_events, degrades_and_recovers)
{
	struct iommu_dirty_source_info info;
	__u32 flags;

	EXPECT_EQ(0, lose(&self->s, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_DEGRADED, flags);
	EXPECT_EQ(RAM_PAGES, testbed_count(&self->s.b));
	EXPECT_EQ(RAM_PAGES, sources_read(&self->s, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_DEGRADED, flags);
	ASSERT_EQ(0, source_find(&self->s, LOG, &info));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_FAILED, info.state);
	EXPECT_EQ(1, info.failures);

	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 6));
	ASSERT_EQ(0, testbed_start(&self->s.b));
	EXPECT_EQ(RAM_PAGES, sources_read(&self->s, &flags));
	EXPECT_EQ(0, flags);
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 3));
	EXPECT_EQ(3, sources_read(&self->s, NULL));
}

/* Written between the READ that has found the log lost and the START that mends it. */
TEST_F(source_events, written_before_restart)
{
	__u32 flags;

	EXPECT_EQ(0, lose(&self->s, &flags));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA + 20 * PAGE, 6));
	ASSERT_EQ(0, testbed_start(&self->s.b));
	EXPECT_EQ(RAM_PAGES, sources_read(&self->s, &flags));
	EXPECT_EQ(0, flags);
	EXPECT_EQ(0, sources_read(&self->s, NULL));
}

/* START cannot begin a lost log again, and is refused: what is written is reported. */
TEST_F(source_events, refused_restart)
{
	struct sources *s = &self->s;
	unsigned int i;

	ASSERT_EQ(0, source_attach(s, LOG));
	ASSERT_EQ(0, sources_start(s, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	ASSERT_EQ(0, virt_set("lose_track", "1"));
	EXPECT_EQ(RAM_PAGES, sources_read(s, NULL));
	ASSERT_EQ(0, virt_set("fail_track_start", "100"));
	EXPECT_EQ(-ENXIO, testbed_start(&s->b));
	/* The first has what was written before */
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(RAM_PAGES, sources_read(s, NULL));
		ASSERT_EQ(0, source_dma(s, LOG, IOVA + 20 * PAGE, 6));
	}
	EXPECT_EQ(RAM_PAGES, sources_read(s, NULL));
	ASSERT_EQ(0, virt_set("fail_track_start", "0"));
	ASSERT_EQ(0, testbed_start(&s->b));
	EXPECT_EQ(RAM_PAGES, sources_read(s, NULL));
	ASSERT_EQ(0, source_dma(s, LOG, IOVA, 2));
	EXPECT_EQ(2, sources_read(s, NULL));
}

TEST_F(source_events, degrades_control)
{
	__u32 flags;

	ASSERT_EQ(0, tracker_break("no_mark"));
	EXPECT_EQ(6, lose(&self->s, &flags));
}

/* Where the IOMMU can stand in, it does. */
TEST_F(source_events, another_stands_in)
{
	__u32 flags;

	ASSERT_EQ(0, source_attach(&self->s, BOTH));
	ASSERT_EQ(0, sources_start(&self->s, IOMMU_DIRTY_POLICY_DEVICE, 0));
	ASSERT_EQ(0, source_dma(&self->s, BOTH, IOVA, 6));
	ASSERT_EQ(0, virt_set("lose_track", "1"));
	EXPECT_EQ(RAM_PAGES, sources_read(&self->s, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_DEGRADED, flags);
	EXPECT_EQ(RAM_PAGES, sources_read(&self->s, &flags));
	EXPECT_EQ(0, flags);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, source_kind(&self->s, BOTH));
	ASSERT_EQ(0, source_dma(&self->s, BOTH, IOVA, 2));
	EXPECT_EQ(2, sources_read(&self->s, NULL));
	ASSERT_EQ(0, testbed_start(&self->s.b));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, BOTH));
	ASSERT_EQ(0, source_dma(&self->s, BOTH, IOVA, 2));
	EXPECT_EQ(2, sources_read(&self->s, NULL));
}

TEST_F(source_events, cannot_start)
{
	__u32 flags;

	ASSERT_EQ(0, source_attach(&self->s, LOG));
	/* Every range that is tried */
	ASSERT_EQ(0, virt_set("fail_track_start", "100"));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	EXPECT_EQ(RAM_PAGES, sources_read(&self->s, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_DEGRADED, flags);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, source_kind(&self->s, LOG));
	ASSERT_EQ(0, virt_set("fail_track_start", "0"));
	ASSERT_EQ(0, testbed_start(&self->s.b));
	EXPECT_EQ(RAM_PAGES, sources_read(&self->s, NULL));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 2));
	EXPECT_EQ(2, sources_read(&self->s, &flags));
	EXPECT_EQ(0, flags);
}

/* A detach that finds the log lost: everything that is mapped, or has been unmapped. */
TEST_F(source_events, lost_at_detach)
{
	struct testbed *b = &self->s.b;

	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 6));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE, HIGH,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, virt_set("lose_track", "1"));
	ASSERT_EQ(0, vdev_detach(&self->s.dev[LOG]));
	EXPECT_EQ(RAM_PAGES, sources_read(&self->s, NULL));
	memset(b->bits, 0, sizeof(b->bits));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, HIGH, PAGE, PAGE,
					 b->bits, 0, NULL));
	EXPECT_EQ(1, testbed_count(b));
}

/* A READ that waits for a device dies when it is killed, and nothing is lost. */
TEST_F(source_events, killed_while_waiting)
{
	struct timespec begin, end;
	pid_t child;
	int status;

	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 6));
	ASSERT_EQ(0, virt_set("hold_track", "1"));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(sources_read(&self->s, NULL) < 0);
	ASSERT_TRUE(waits_in_ioctl(child));
	ASSERT_EQ(0, waitpid(child, &status, WNOHANG));
	clock_gettime(CLOCK_MONOTONIC, &begin);
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	clock_gettime(CLOCK_MONOTONIC, &end);
	EXPECT_LT(end.tv_sec - begin.tv_sec, 10);
	EXPECT_TRUE(WIFSIGNALED(status));

	/* The address space is not blocked by it either */
	ASSERT_EQ(0, iommufd_ioas_map(self->s.b.fd, self->s.b.ioas_id, self->s.b.ram,
				      PAGE, HIGH, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, iommufd_ioas_unmap(self->s.b.fd, self->s.b.ioas_id, HIGH, PAGE,
					NULL));
	ASSERT_EQ(0, virt_set("hold_track", "0"));
	EXPECT_EQ(6, sources_read(&self->s, NULL));
	EXPECT_EQ(0, sources_read(&self->s, NULL));
}

TEST_HARNESS_MAIN
