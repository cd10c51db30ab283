// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nothing is lost: random schedules against ground truth, for several mixes of
 * devices. See schedules.h for SEED=, SCHEDULES= and DURATION=.
 */
#include "kselftest_harness.h"
#include "devices.h"
#include "schedules.h"

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
	struct schedule s = { .devices = variant->devices };

	schedules_run(_metadata, &s, MIXES);
}

TEST_HARNESS_MAIN
