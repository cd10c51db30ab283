/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Many schedules of one kind, as a part of a test: included after
 * kselftest_harness.h. SEED=n begins with that seed, SCHEDULES=n runs that many,
 * DURATION=n as many as fit into n seconds, shared among the kinds. Those of even
 * seeds run with delays between the steps of the tracker's protocols, of up to
 * DELAY_US=n (2000; 0 for none). Half of them, and half of the others, have two
 * threads that READ all the time.
 */
#ifndef _KSELFTEST_SCHEDULES_H
#define _KSELFTEST_SCHEDULES_H

#include <stdlib.h>

#include "oracle.h"
#include "schedule.h"

static inline __u64 schedules_env(const char *name, __u64 otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoull(value, NULL, 0) : otherwise;
}

/* @kinds: among how many DURATION is shared. */
static inline void schedules_run(struct __test_metadata *_metadata,
				 const struct schedule *kind,
				 unsigned int kinds)
{
	__u64 first = schedules_env("SEED", 1);
	__u64 n = schedules_env("SCHEDULES", 5);
	__u64 seed, writes = 0, reported = 0, over = 0;
	__u64 duration = schedules_env("DURATION", 0) * 1000000000ull / kinds;
	__u64 end = oracle_now() + duration;
	unsigned int delay_us = schedules_env("DELAY_US", 2000);

	for (seed = first; duration ? oracle_now() < end : seed < first + n;
	     seed++) {
		struct schedule s = *kind;

		s.seed = seed;
		s.steps = 60;
		s.delay_us = seed % 2 ? 0 : delay_us;
		s.readers = seed / 2 % 2 ? 2 : 0;
		ASSERT_EQ(0, schedule_run(&s)) {
			TH_LOG("seed %llu, delays of %u us: %s: %d", seed,
			       s.delay_us, s.what, s.rc);
		}
		EXPECT_EQ(0, s.lost) {
			TH_LOG("seed %llu, delays of %u us: %llu of %llu writes lost, the first at 0x%llx; SEED=%llu SCHEDULES=1 repeats it",
			       seed, s.delay_us, s.lost, s.writes, s.lost_iova, seed);
		}
		/* READs at the same time may take parts of a leaf from one another */
		EXPECT_EQ(0, s.readers ? 0 : s.strays) {
			TH_LOG("seed %llu: %llu pages reported in whose leaf none was written",
			       seed, s.strays);
		}
		writes += s.writes;
		reported += s.reported;
		over += s.over;
	}
	TH_LOG("seeds %llu to %llu: %llu writes checked, %llu pages reported, %llu of them over",
	       first, seed - 1, writes, reported, over);
	EXPECT_LT(0, writes);
}

/* With a mistake on purpose: how many writes are lost, by all schedules */
static inline __u64 schedules_lost(struct __test_metadata *_metadata, struct schedule *s)
{
	__u64 first = schedules_env("SEED", 1);
	__u64 n = schedules_env("SCHEDULES", 5);
	__u64 writes = 0, lost = 0, seed;

	for (seed = first; seed < first + n; seed++) {
		s->seed = seed;
		s->steps = 60;
		ASSERT_EQ(0, schedule_run(s)) {
			TH_LOG("seed %llu: %s: %d", seed, s->what, s->rc);
		}
		writes += s->writes;
		lost += s->lost;
	}
	TH_LOG("seeds %llu to %llu: %llu of %llu writes lost", first, seed - 1, lost, writes);
	return lost;
}

#endif
