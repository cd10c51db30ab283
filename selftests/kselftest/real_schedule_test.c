// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing is lost behind a real IOMMU driver: random schedules of QEMU's edu devices,
 * behind an IOMMU of QEMU that sets dirty bits. See schedules.h for SEED= and the rest.
 * With MISTAKE=, what QEMU was told to do wrong, something has to be lost.
 */
#include "kselftest_harness.h"
#include "fixture.h"
#include "../lib/edu.h"
#include "schedules.h"

FIXTURE(schedule) {
	struct schedule s;
};

FIXTURE_VARIANT(schedule) {
	bool small;
};

FIXTURE_VARIANT_ADD(schedule, huge) {
};

FIXTURE_VARIANT_ADD(schedule, small) {
	.small = true,
};

FIXTURE_SETUP(schedule)
{
	int n = edu_count();

	ASSERT_LT(0, n);
	self->s = (struct schedule){
		.kind = REQUESTER_EDU,
		.devices = (1u << n) - 1,
		.small = variant->small,
		/*
		 * Of what a schedule maps at once; small leaves do not last with
		 * intel-iommu (real_dirty_test:unmap).
		 */
		.leaf = 2 * HUGE,
	};
}

FIXTURE_TEARDOWN(schedule)
{
	tracker_break("nothing");
}

TEST_F_TIMEOUT(schedule, loses_nothing, 100000)
{
	if (getenv("MISTAKE"))
		SKIP(return, "QEMU loses dirty bits on purpose");
	schedules_run(_metadata, &self->s, 2);
}

TEST_F_TIMEOUT(schedule, notices_what_qemu_loses, 100000)
{
	if (!getenv("MISTAKE"))
		SKIP(return, "QEMU makes no mistake (MISTAKE=)");
	EXPECT_LT(0, schedules_lost(_metadata, &self->s));
}

/* The driver is not asked to flush the IOTLB */
TEST_F_TIMEOUT(schedule, notices_a_flush_left_out, 100000)
{
	if (getenv("MISTAKE"))
		SKIP(return, "QEMU loses dirty bits on purpose");
	ASSERT_EQ(0, tracker_break("no_flush"));
	EXPECT_LT(0, schedules_lost(_metadata, &self->s));
}

TEST_HARNESS_MAIN
