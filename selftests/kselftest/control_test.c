// SPDX-License-Identifier: GPL-2.0-only
/*
 * Controls: break the tracker or the IOMMU on purpose, and see that the tests
 * notice. A control that finds nothing lost is a test that cannot fail.
 */
#include <pthread.h>
#include <time.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"
#include "oracle.h"
#include "schedule.h"

FIXTURE(control) {
};

/* With drivers_own, a mistake where the IOMMU driver reads dirty bits */
FIXTURE_VARIANT(control) {
	bool drivers_own;
	const char *broken;
	const char *fault;
	const char *value;
	unsigned int devices;
	const char *delay_at;
	const char *one_in;
	unsigned int pause_us;
};

/* The IOTLB keeps what it knows of dirty pages. */
FIXTURE_VARIANT_ADD(control, iommu_does_not_flush) {
	.fault = "break_flush", .value = "1", .devices = DEV(AMD_0),
};

/* A leaf's dirty bit is cleared and not recorded. */
FIXTURE_VARIANT_ADD(control, iommu_drops_a_record) {
	.drivers_own = true, .fault = "drop_record", .value = "40", .devices = DEV(AMD_0),
};

FIXTURE_VARIANT_ADD(control, harvest_from_mid_leaf) {
	.drivers_own = true, .broken = "mid_leaf", .devices = DEV(AMD_0),
};

FIXTURE_VARIANT_ADD(control, no_flush) {
	.broken = "no_flush", .devices = DEV(INTEL),
};

FIXTURE_VARIANT_ADD(control, no_flush_gather) {
	.broken = "no_flush", .devices = DEV(INTEL_GATHER),
};

FIXTURE_VARIANT_ADD(control, undelivered_is_forgotten) {
	.broken = "lose_undelivered", .devices = DEV(AMD_0),
};

FIXTURE_VARIANT_ADD(control, unmap_is_not_harvested) {
	.broken = "no_unmap", .devices = DEV(AMD_0),
};

/* Mistakes in the order of steps, with a delay at the point where it matters */
FIXTURE_VARIANT_ADD(control, harvests_overlap) {
	.broken = "no_step",
	.devices = DEV(AMD_0), .delay_at = "step", .one_in = "4", .pause_us = 2000,
};

FIXTURE_VARIANT_ADD(control, read_does_not_wait_for_unmap) {
	.broken = "no_hidden",
	.devices = DEV(AMD_0), .delay_at = "hidden", .one_in = "1", .pause_us = 20000,
};

FIXTURE_VARIANT_ADD(control, unhidden_before_published) {
	.broken = "early_unhide",
	.devices = DEV(AMD_0), .delay_at = "unmap", .one_in = "1", .pause_us = 20000,
};

FIXTURE_VARIANT_ADD(control, last_harvest_publishes_late) {
	.broken = "late_publish",
	.devices = DEV(AMD_0) | DEV(AMD_1), .delay_at = "last", .one_in = "1", .pause_us = 20000,
};

FIXTURE_SETUP(control)
{
	if (variant->drivers_own && device_has_generic_pt(AMD_0))
		SKIP(return, "its driver does not read dirty bits");
	if (variant->broken)
		ASSERT_EQ(0, tracker_break(variant->broken));
	if (variant->fault)
		ASSERT_EQ(0, virt_set(variant->fault, variant->value));
	if (variant->delay_at) {
		ASSERT_EQ(0, parameter_set("iommufd", "dirty_delay_at",
					   variant->delay_at));
		ASSERT_EQ(0, parameter_set("iommufd", "dirty_delay_one_in",
					   variant->one_in));
	}
}

FIXTURE_TEARDOWN(control)
{
	tracker_break("nothing");
	if (variant->fault)
		virt_set(variant->fault, "0");
	parameter_set("iommufd", "dirty_delay_at", "\n");
	parameter_set("iommufd", "dirty_delay_one_in", "4");
}

/* In two minutes, or in 60 schedules if the machine is too busy for so many in that time */
TEST_F_TIMEOUT(control, is_noticed, 1000)
{
	__u64 end = oracle_now() + (__u64)(time_limit(120) * 1e9);
	__u64 lost = 0, seed;

	for (seed = 1; !lost && (seed <= 60 || oracle_now() < end); seed++) {
		struct schedule s = {
			.seed = seed,
			.steps = 60,
			.devices = variant->devices,
			.delay_us = variant->delay_at ? 50000 : 0,
			.readers = variant->delay_at ? 2 : 0,
			/* Long enough for pages to become dirty */
			.pause_us = variant->pause_us,
		};

		ASSERT_EQ(0, schedule_run(&s)) {
			TH_LOG("seed %llu: %s: %d", seed, s.what, s.rc);
		}
		lost = s.lost;
	}
	TH_LOG("seed %llu: %llu lost", seed - 1, lost);
	EXPECT_LT(0, lost);
}

/*
 * A reader that copies a page as soon as its bit appears, while the READ may
 * still be under way. The device then stops: what it wrote after the copy must
 * be reported by the next READ, if anything differs.
 */
struct reader {
	struct testbed b;
	volatile __u64 copy;
};

static void *copy_at_once(void *arg)
{
	struct reader *r = arg;
	volatile __u64 *bits = r->b.bits;

	while (!*bits)
		;
	r->copy = *(volatile __u64 *)r->b.ram;
	vdev_stop(&r->b.dev);
	return NULL;
}

static int publish_rounds(struct __test_metadata *_metadata)
{
	struct reader *r = calloc(1, sizeof(*r));
	struct testbed *b = &r->b;
	unsigned int i, lost = 0;

	ASSERT_EQ(0, testbed_open(b, AMD_0, false));
	ASSERT_EQ(0, testbed_start(b));
	for (i = 0; i < 10; i++) {
		pthread_t thread;
		struct vdev_job job;

		vdev_job_init(&job);
		job.iova = IOVA;
		job.length = PAGE;
		job.seed = i + 1;
		job.sweeps = 0;
		b->bits[0] = 0;
		ASSERT_EQ(0, vdev_start(&b->dev, &job));
		usleep(5000);
		ASSERT_EQ(0, pthread_create(&thread, NULL, copy_at_once, r));
		ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, IOVA,
						 PAGE, PAGE, b->bits, 0, NULL));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		ASSERT_EQ(0, vdev_wait(&b->dev, 20000));
		ASSERT_EQ(0, testbed_read(b, 0, 1, 0, NULL));
		if (!testbed_bit(b, 0) && r->copy != *(volatile __u64 *)b->ram)
			lost++;
	}
	testbed_close(b);
	free(r);
	return lost;
}

TEST(published_after_the_flush)
{
	EXPECT_EQ(0, publish_rounds(_metadata));
}

TEST(published_before_the_flush_is_noticed)
{
	ASSERT_EQ(0, tracker_break("early_publish"));
	EXPECT_LT(0, publish_rounds(_metadata));
	ASSERT_EQ(0, tracker_break("nothing"));
}

/* And unbroken, the same schedules lose nothing: see schedule_test. */
TEST_HARNESS_MAIN
