// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices' own logs as sources of the tracker, alone and mixed with IOMMUs that track
 * and devices without a source: what the plan makes of them, what they report, their
 * limits, their one owner, and random schedules. What happens while they log is in
 * source_events_test.c. Each scenario that could lose a write is run once more with the
 * tracker broken in that place.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "held.h"
#include "schedules.h"
#include "sources.h"
#include "../lib/log.h"

#define FAR (IOVA + (1ull << 26))

FIXTURE(source) {
	struct sources s;
};

FIXTURE_SETUP(source)
{
	ASSERT_EQ(0, sources_open(&self->s));
}

FIXTURE_TEARDOWN(source)
{
	EXPECT_EQ(0, parameter_set("iommufd_virt_vfio_pci", "words", "0"));
	EXPECT_EQ(0, sources_close(&self->s));
}

/* ---- What the plan makes of them ---- */

TEST_F(source, auto_takes_iommus_first)
{
	struct iommu_dirty_source_info info;

	ASSERT_EQ(0, source_attach(&self->s, BOTH));
	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, IOMMU_DIRTY_POLICY_AUTO, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, source_kind(&self->s, BOTH));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, LOG));
	ASSERT_EQ(0, source_dma(&self->s, BOTH, IOVA, 3));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA + 10 * PAGE, 7));
	EXPECT_EQ(10, sources_read(&self->s, NULL));
	EXPECT_EQ(3, sources_reported(&self->s, 0, 3));
	EXPECT_EQ(7, sources_reported(&self->s, 10, 7));
	EXPECT_EQ(0, sources_read(&self->s, NULL));

	ASSERT_EQ(0, source_find(&self->s, LOG, &info));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_ON, info.state);
	EXPECT_EQ(0, info.first);
	EXPECT_EQ(PAGE, info.granule);
	/* Those of the domain, which has pages for leaves, are not its own */
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(7 * PAGE, info.dirty_bytes);
	EXPECT_EQ(2, info.harvests);
	EXPECT_LT(0, info.harvest_ns);
	EXPECT_EQ(0, info.failures);
}

/* Where a dirty bit stands for more than a page, a log of pages is finer. */
TEST_F(source, auto_takes_the_finer)
{
	struct testbed *b = &self->s.b;
	__u32 ioas;

	ASSERT_EQ(0, iommufd_ioas_alloc(b->fd, &ioas));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, ioas, b->ram, RAM_SIZE, IOVA,
				      IOMMUFD_MAP_RW));
	b->ioas_id = ioas;
	ASSERT_EQ(0, source_attach(&self->s, BOTH));
	ASSERT_EQ(0, sources_start(&self->s, IOMMU_DIRTY_POLICY_AUTO, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, BOTH));
	ASSERT_EQ(0, source_dma(&self->s, BOTH, IOVA, 5));
	EXPECT_EQ(5, sources_read(&self->s, NULL));
	/* and one without a log makes the IOMMU the finest that covers both */
	ASSERT_EQ(0, vdev_open(&self->s.dev[BOTH_2], b->fd, BOTH_2));
	ASSERT_EQ(0, source_attach(&self->s, BOTH_2));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, source_kind(&self->s, BOTH));
}

TEST_F(source, policy_device)
{
	struct iommu_dirty_source_info info;

	ASSERT_EQ(0, source_attach(&self->s, BOTH));
	ASSERT_EQ(0, sources_start(&self->s, IOMMU_DIRTY_POLICY_DEVICE, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, BOTH));
	ASSERT_EQ(0, source_dma(&self->s, BOTH, IOVA, 5));
	EXPECT_EQ(5, sources_read(&self->s, NULL));

	/* A device of the same domain without a log: the IOMMU covers both */
	ASSERT_EQ(0, vdev_open(&self->s.dev[BOTH_2], self->s.b.fd, BOTH_2));
	ASSERT_EQ(0, source_dma(&self->s, BOTH, IOVA, 2));
	ASSERT_EQ(0, source_attach(&self->s, BOTH_2));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, source_kind(&self->s, BOTH));
	ASSERT_EQ(0, source_dma(&self->s, BOTH_2, IOVA + 4 * PAGE, 2));
	/* AMD's bits are always on: what was written before counts once more */
	EXPECT_EQ(6, sources_read(&self->s, NULL));

	/* and when it goes, the log again */
	ASSERT_EQ(0, source_dma(&self->s, BOTH_2, IOVA + 6 * PAGE, 1));
	ASSERT_EQ(0, vdev_detach(&self->s.dev[BOTH_2]));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, BOTH));
	ASSERT_EQ(0, source_dma(&self->s, BOTH, IOVA + 8 * PAGE, 1));
	EXPECT_EQ(2, sources_read(&self->s, NULL));
	EXPECT_EQ(0, sources_read(&self->s, NULL));
	ASSERT_EQ(0, source_find(&self->s, BOTH, &info));
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(0, info.largest);
}

TEST_F(source, cannot_peek)
{
	struct tracker_read_out out;

	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 9));
	ASSERT_EQ(0, tracker_count(self->s.b.fd, self->s.b.tracker_id, IOVA, RAM_SIZE,
				   PAGE, &out));
	EXPECT_EQ(9 * PAGE, out.dirty_bytes);
	ASSERT_EQ(0, testbed_read(&self->s.b, 0, RAM_PAGES,
				  IOMMU_DIRTY_TRACKER_READ_NO_CLEAR, NULL));
	EXPECT_EQ(9, testbed_count(&self->s.b));
	EXPECT_EQ(9, sources_read(&self->s, NULL));
	EXPECT_EQ(0, sources_read(&self->s, NULL));
}

/* A READ that gets no memory for its requests asks few logs at a time, and all of them. */
TEST_F(source, many_logs_without_memory)
{
	static const unsigned int devices[] = { BOTH, BOTH_2, LOG, LOG_2, NARROW, MIDDLING };
	const unsigned int nr = ARRAY_SIZE(devices);
	unsigned int i, round;

	for (i = 0; i < nr; i++)
		ASSERT_EQ(0, source_attach(&self->s, devices[i]));
	ASSERT_EQ(0, sources_start(&self->s, IOMMU_DIRTY_POLICY_DEVICE, 0));
	ASSERT_EQ(0, tracker_break("no_requests"));
	for (round = 0; round < 3; round++) {
		for (i = 0; i < nr; i++) {
			EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE,
				  source_kind(&self->s, devices[i]));
			ASSERT_EQ(0, source_dma(&self->s, devices[i],
						IOVA + 8 * i * PAGE, i + 1));
		}
		EXPECT_EQ(nr * (nr + 1) / 2, sources_read(&self->s, NULL));
		for (i = 0; i < nr; i++)
			EXPECT_EQ(i + 1, sources_reported(&self->s, 8 * i, i + 1));
		EXPECT_EQ(0, sources_read(&self->s, NULL));
	}
	ASSERT_EQ(0, tracker_break("nothing"));
}

/* A READ of a part takes only that out of the log. */
TEST_F(source, reads_of_a_part)
{
	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 100));
	ASSERT_EQ(0, testbed_read(&self->s.b, 10, 20, 0, NULL));
	EXPECT_EQ(20, testbed_count(&self->s.b));
	ASSERT_EQ(0, testbed_read(&self->s.b, 0, 64, 0, NULL));
	EXPECT_EQ(44, testbed_count(&self->s.b));
	EXPECT_EQ(36, sources_read(&self->s, NULL));
}

/* Of a log that begins with whole bytes of its bitmap and forgets whole words of it */
TEST_F(source, words_of_a_bitmap)
{
	ASSERT_EQ(0, parameter_set("iommufd_virt_vfio_pci", "words", "1"));
	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 100));
	ASSERT_EQ(0, testbed_read(&self->s.b, 10, 20, 0, NULL));
	EXPECT_EQ(20, testbed_count(&self->s.b));
	EXPECT_EQ(80, sources_read(&self->s, NULL));
}

TEST_F(source, coarse_granule)
{
	struct iommu_dirty_source_info info;
	__u32 flags;

	ASSERT_EQ(0, source_attach(&self->s, COARSE));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	ASSERT_EQ(0, source_find(&self->s, COARSE, &info));
	EXPECT_EQ(65536, info.granule);
	ASSERT_EQ(0, source_dma(&self->s, COARSE, IOVA + 5 * PAGE, 1));
	/* Begins and ends inside of a unit */
	ASSERT_EQ(0, testbed_read(&self->s.b, 5, 2, 0, NULL));
	EXPECT_EQ(2, testbed_count(&self->s.b));
	EXPECT_EQ(14, sources_read(&self->s, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_COARSE, flags);
	EXPECT_EQ(0, sources_read(&self->s, NULL));
}

/* ---- Limits ---- */

static int write_outside(struct sources *s, __u32 *flags)
{
	struct testbed *b = &s->b;
	struct tracker_read_out out;
	__u64 high[2] = {};

	if (iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 128 * PAGE, HIGH,
			     IOMMUFD_MAP_RW) ||
	    source_attach(s, LOW) || sources_start(s, 0, 0) ||
	    source_dma(s, LOW, HIGH + 5 * PAGE, 3) ||
	    source_dma(s, LOW, IOVA, 2) ||
	    tracker_read_bitmap(b->fd, b->tracker_id, HIGH, 128 * PAGE, PAGE,
				high, 0, &out) ||
	    sources_read(s, NULL) != 2)
		return -1;
	*flags = out.flags;
	return 128 - __builtin_popcountll(high[0]) -
	       __builtin_popcountll(high[1]);
}

/* What a log cannot hold is reported dirty, and only that. */
TEST_F(source, outside)
{
	struct iommu_dirty_source_info info;
	__u32 flags;

	EXPECT_EQ(0, write_outside(&self->s, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, flags);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, LOW));
	ASSERT_EQ(0, source_find(&self->s, LOW, &info));
	EXPECT_EQ(IOVA, info.first);
	EXPECT_EQ(IOVA + RAM_SIZE - 1, info.last);
}

TEST_F(source, outside_control)
{
	__u32 flags;

	ASSERT_EQ(0, tracker_break("no_outside"));
	EXPECT_EQ(128, write_outside(&self->s, &flags));
}

/* All memory is above what the log could hold from 0 on: it begins at the memory. */
TEST_F(source, high_memory)
{
	struct testbed *b = &self->s.b;
	__u64 iova = 1ull << 34;

	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE, iova,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, source_attach(&self->s, MIDDLING));
	ASSERT_EQ(0, sources_start(&self->s, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	ASSERT_EQ(0, source_dma(&self->s, MIDDLING, iova + 7 * PAGE, 3));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, iova, RAM_SIZE, PAGE,
					 b->bits, 0, NULL));
	EXPECT_EQ(3, testbed_count(b));
	EXPECT_EQ(3, sources_reported(&self->s, 7, 3));
}

TEST_F(source, outside_is_not_precise)
{
	struct testbed *b = &self->s.b;

	ASSERT_EQ(0, source_attach(&self->s, LOW));
	ASSERT_EQ(0, sources_start(&self->s, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	EXPECT_EQ(-ENXIO, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE, HIGH,
					   IOMMUFD_MAP_RW));
	/* The last page that it covers */
	EXPECT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE,
				      (1ull << 30) - PAGE, IOMMUFD_MAP_RW));
	/* What it cannot write is nothing to it */
	EXPECT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE, HIGH,
				      IOMMU_IOAS_MAP_READABLE));
	ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	EXPECT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE,
				      HIGH + PAGE, IOMMUFD_MAP_RW));
	EXPECT_EQ(-ENXIO, testbed_start(b));
}

static int attach_low(void *s)
{
	return source_attach(s, LOW);
}

/* An attach and a map that it would not be precise with: one of them is refused. */
TEST_F(source, precise_attach_beside_map)
{
	struct testbed *b = &self->s.b;
	struct call low;
	unsigned int i;
	int rc, met;

	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	ASSERT_EQ(0, source_open(&self->s, LOW));
	ASSERT_EQ(0, delay_at("apply", 2000000));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, call_begin(&low, attach_low, &self->s));
		usleep(300000);
		met = !call_is_done(&low, 0);
		rc = iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE, HIGH,
				      IOMMUFD_MAP_RW);
		EXPECT_EQ(call_end(&low) ? 0 : -ENXIO, rc);
		if (met)
			break;
		rc = rc ? vdev_detach(&self->s.dev[LOW]) :
			  iommufd_ioas_unmap(b->fd, b->ioas_id, HIGH, PAGE, NULL);
		ASSERT_EQ(0, rc);
	}
	EXPECT_GT(10, i);
	/* It is precise */
	ASSERT_EQ(0, delay_at("", 0));
	EXPECT_LE(0, sources_read(&self->s, NULL));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 2));
	EXPECT_EQ(2, sources_read(&self->s, NULL));
}

TEST_F(source, not_precise)
{
	ASSERT_EQ(0, source_attach(&self->s, LOG));
	ASSERT_EQ(0, sources_start(&self->s, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	EXPECT_EQ(-ENXIO, source_attach(&self->s, UNTRACKED));
	/* nothing has changed */
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 2));
	EXPECT_EQ(2, sources_read(&self->s, NULL));
	EXPECT_EQ(0, source_attach(&self->s, BOTH));
	EXPECT_EQ(0, source_attach(&self->s, LOG_2));
}

static int call_start(void *s)
{
	return sources_start(s, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE);
}

/*
 * Memory is mapped that a log does not cover, when START has judged the plan or is about
 * to: one of the two is refused.
 */
TEST_F(source, precise_while_memory_is_mapped)
{
	struct testbed *b = &self->s.b;
	int i, start, map;
	struct call call;

	ASSERT_EQ(0, source_attach(&self->s, NARROW));
	ASSERT_EQ(0, delay_at("apply", 300000));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, call_begin(&call, call_start, &self->s));
		usleep((1 + i % 4) * 60000);
		map = iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE, FAR,
				       IOMMUFD_MAP_RW);
		start = call_end(&call);
		EXPECT_TRUE(!start || start == -ENXIO);
		EXPECT_TRUE(!map || map == -ENXIO);
		EXPECT_TRUE(start || map) {
			TH_LOG("both in round %d", i);
		}
		if (!map) {
			ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, FAR,
							PAGE, NULL));
		}
		ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
		b->tracker_id = 0;
	}
	ASSERT_EQ(0, delay_at("", 0));
}

/* A log of what was mapped is restarted when more is. */
TEST_F(source, grows)
{
	struct testbed *b = &self->s.b;
	struct tracker_read_out out;
	__u64 far = 0;
	__u32 flags;

	ASSERT_EQ(0, source_attach(&self->s, NARROW));
	ASSERT_EQ(0, sources_start(&self->s, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, NARROW));
	ASSERT_EQ(0, source_dma(&self->s, NARROW, IOVA, 2));
	EXPECT_EQ(2, sources_read(&self->s, &flags));
	EXPECT_EQ(0, flags);

	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 64 * PAGE,
				      FAR - 64 * PAGE, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, source_dma(&self->s, NARROW, FAR - 64 * PAGE, 1));
	/* In between, it is unknown */
	EXPECT_EQ(RAM_PAGES, sources_read(&self->s, NULL));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, FAR - 64 * PAGE,
					 64 * PAGE, PAGE, &far, 0, NULL));
	EXPECT_EQ(~0ull, far);
	far = 0;
	ASSERT_EQ(0, source_dma(&self->s, NARROW, FAR - 64 * PAGE, 1));
	ASSERT_EQ(0, source_dma(&self->s, NARROW, IOVA, 2));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, FAR - 64 * PAGE,
					 64 * PAGE, PAGE, &far, 0, &out));
	EXPECT_EQ(1, far);
	EXPECT_EQ(0, out.flags);
	EXPECT_EQ(2, sources_read(&self->s, NULL));
}

/*
 * The same while the device writes: between the end of the old log and the begin of
 * the new one there is a gap, in which something else must stand in.
 */
static int lost_while_it_grows(struct sources *s)
{
	static __u64 told[RAM_WORDS];
	struct testbed *b = &s->b;
	struct vdev_job job;
	unsigned int i;
	int lost = 0;

	if (source_attach(s, NARROW) || sources_start(s, 0, 0) ||
	    sources_read(s, NULL) < 0 ||
	    iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 64 * PAGE, FAR - 64 * PAGE,
			     IOMMUFD_MAP_RW))
		return -1;
	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = RAM_SIZE;
	job.rate = RAM_PAGES / 2;
	memset(told, 0, sizeof(told));
	if (delay_at("widen", 1000000) || vdev_start(&s->dev[NARROW], &job))
		return -1;
	usleep(100000);
	for (i = 0; i < 2 * RAM_WORDS; i++) {
		if (i == RAM_WORDS && vdev_wait(&s->dev[NARROW], 60000))
			return -1;
		if (i % RAM_WORDS == 0 && sources_read(s, NULL) < 0)
			return -1;
		told[i % RAM_WORDS] |= b->bits[i % RAM_WORDS];
	}
	for (i = 0; i < RAM_WORDS; i++)
		lost += 64 - __builtin_popcountll(told[i]);
	return delay_at("", 0) ? -1 : lost;
}

TEST_F(source, grows_while_it_writes)
{
	EXPECT_EQ(0, lost_while_it_grows(&self->s));
}

/* ---- One log, one owner ---- */

TEST_F(source, one_owner)
{
	struct vfio_device_feature_dma_logging_range range = { IOVA, RAM_SIZE };
	struct testbed *b = &self->s.b;
	__u64 page_size = PAGE;
	__u32 id;

	/* Before it is attached, the user has it */
	ASSERT_EQ(0, source_open(&self->s, LOG));
	ASSERT_EQ(0, log_start(self->s.dev[LOG].fd, &range, 1, &page_size));
	ASSERT_EQ(0, source_attach(&self->s, LOG));
	EXPECT_EQ(-EBUSY, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &id));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 4));
	ASSERT_EQ(0, log_report(self->s.dev[LOG].fd, IOVA, RAM_SIZE, PAGE, b->bits));
	EXPECT_EQ(4, testbed_count(b));
	ASSERT_EQ(0, log_stop(self->s.dev[LOG].fd));

	/* A tracker, running or not */
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id));
	EXPECT_EQ(-EBUSY, log_start(self->s.dev[LOG].fd, &range, 1, &page_size));
	ASSERT_EQ(0, testbed_start(b));
	EXPECT_EQ(-EBUSY, log_start(self->s.dev[LOG].fd, &range, 1, &page_size));
	EXPECT_EQ(-EBUSY, log_stop(self->s.dev[LOG].fd));
	EXPECT_EQ(-EBUSY, log_report(self->s.dev[LOG].fd, IOVA, RAM_SIZE, PAGE,
				     b->bits));
	ASSERT_EQ(0, source_dma(&self->s, LOG, IOVA, 3));
	EXPECT_EQ(3, sources_read(&self->s, NULL));

	/* A user's log of a device that comes later is left alone */
	ASSERT_EQ(0, source_open(&self->s, LOG_2));
	ASSERT_EQ(0, log_start(self->s.dev[LOG_2].fd, &range, 1, &page_size));
	ASSERT_EQ(0, source_attach(&self->s, LOG_2));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, source_kind(&self->s, LOG_2));
	ASSERT_EQ(0, log_stop(self->s.dev[LOG_2].fd));
	/* until its user has done with it */
	EXPECT_LE(0, sources_read(&self->s, NULL));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, source_kind(&self->s, LOG_2));

	ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
	ASSERT_EQ(0, log_start(self->s.dev[LOG].fd, &range, 1, &page_size));
	/* given back on last close */
	vdev_close(&self->s.dev[LOG]);
	ASSERT_EQ(0, source_attach(&self->s, LOG));
	EXPECT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id));
}

/* ---- Random schedules ---- */

FIXTURE(mix) {
};

FIXTURE_VARIANT(mix) {
	unsigned int devices;
	__u32 policy;
	bool failures;
	const char *broken;
};

FIXTURE_VARIANT_ADD(mix, logs) {
	.devices = DEV(LOG) | DEV(LOG_2),
};

FIXTURE_VARIANT_ADD(mix, limits) {
	.devices = DEV(LOW) | DEV(NARROW) | DEV(COARSE) | DEV(LOG),
};

FIXTURE_VARIANT_ADD(mix, both) {
	.devices = DEV(BOTH) | DEV(BOTH_2) | DEV(LOG),
	.policy = IOMMU_DIRTY_POLICY_DEVICE,
};

FIXTURE_VARIANT_ADD(mix, failing) {
	.devices = DEV(BOTH) | DEV(BOTH_2) | DEV(LOG) | DEV(LOG_2),
	.policy = IOMMU_DIRTY_POLICY_DEVICE,
	.failures = true,
};

FIXTURE_VARIANT_ADD(mix, everything) {
	.devices = DEV(NR) - 1,
	.failures = true,
};

FIXTURE_VARIANT_ADD(mix, without_memory) {
	.devices = DEV(NR) - 1,
	.policy = IOMMU_DIRTY_POLICY_DEVICE,
	.broken = "no_requests",
};

FIXTURE_SETUP(mix)
{
	if (variant->broken)
		ASSERT_EQ(0, tracker_break(variant->broken));
}

FIXTURE_TEARDOWN(mix)
{
	virt_set("lose_track", "0");
	virt_set("drop_track", "0");
	tracker_break("nothing");
}

TEST_F_TIMEOUT(mix, loses_nothing, 100000)
{
	struct schedule s = {
		.devices = variant->devices,
		.driver = VDEV_TRACKER_DRIVER,
		.policy = variant->policy,
		.failures = variant->failures,
	};

	schedules_run(_metadata, &s, 5);
}

static __u64 mix_losses(struct __test_metadata *_metadata)
{
	__u64 lost = 0, seed;

	for (seed = 1; seed < 20 && !lost; seed++) {
		struct schedule s = {
			.seed = seed,
			.steps = 60,
			.devices = DEV(LOG) | DEV(LOG_2),
			.driver = VDEV_TRACKER_DRIVER,
		};

		EXPECT_EQ(0, schedule_run(&s));
		lost = s.lost;
	}
	return lost;
}

/* The device forgets every 40th page: that is noticed. */
TEST(mix_control)
{
	ASSERT_EQ(0, virt_set("drop_track", "40"));
	EXPECT_LT(0, mix_losses(_metadata));
	ASSERT_EQ(0, virt_set("drop_track", "0"));
}

/* What is unmapped and may be in a log is forgotten: that, too. */
TEST(mix_control_stale)
{
	ASSERT_EQ(0, tracker_break("no_stale"));
	EXPECT_LT(0, mix_losses(_metadata));
	ASSERT_EQ(0, tracker_break("nothing"));
}

TEST_HARNESS_MAIN
