// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing is lost: random schedules against ground truth, for several mixes of
 * devices. SEED=n begins with that seed, SCHEDULES=n runs that many per mix,
 * DURATION=n as many as fit into n seconds, shared among the mixes.
 */
#include <stdlib.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "oracle.h"
#include "schedule.h"

static __u64 env_number(const char *name, __u64 otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoull(value, NULL, 0) : otherwise;
}

#define MIXES 4

FIXTURE(schedule) {
};

FIXTURE_VARIANT(schedule) {
	unsigned int devices;
};

FIXTURE_VARIANT_ADD(schedule, amd) {
	.devices = DEV(AMD_0) | DEV(AMD_1),
};

FIXTURE_VARIANT_ADD(schedule, direct) {
	.devices = DEV(AMD_0) | DEV(AMD_1) | DEV(INTEL) | DEV(SMMU),
};

FIXTURE_VARIANT_ADD(schedule, gather) {
	.devices = DEV(AMD_GATHER) | DEV(INTEL_GATHER) | DEV(SMMU_GATHER),
};

FIXTURE_VARIANT_ADD(schedule, everything) {
	.devices = DEV(NR_DEVICES) - 1,
};

FIXTURE_SETUP(schedule)
{
}

FIXTURE_TEARDOWN(schedule)
{
}

TEST_F_TIMEOUT(schedule, loses_nothing, 100000)
{
	__u64 first = env_number("SEED", 1), n = env_number("SCHEDULES", 5);
	__u64 seed, writes = 0, reported = 0, over = 0;
	__u64 duration = env_number("DURATION", 0) / MIXES * 1000000000ull;
	__u64 end = oracle_now() + duration;

	for (seed = first; duration ? oracle_now() < end : seed < first + n;
	     seed++) {
		struct schedule s = {
			.seed = seed,
			.steps = 60,
			.devices = variant->devices,
		};

		ASSERT_EQ(0, schedule_run(&s)) {
			TH_LOG("seed %llu: %s: %d", seed, s.what, s.rc);
		}
		EXPECT_EQ(0, s.lost) {
			TH_LOG("seed %llu: %llu of %llu writes lost, the first at 0x%llx; SEED=%llu SCHEDULES=1 repeats it",
			       seed, s.lost, s.writes, s.lost_iova, seed);
		}
		writes += s.writes;
		reported += s.reported;
		over += s.over;
	}
	TH_LOG("seeds %llu to %llu: %llu writes checked, %llu pages reported, %llu of them over",
	       first, seed - 1, writes, reported, over);
	EXPECT_LT(0, writes);
}

TEST_HARNESS_MAIN
