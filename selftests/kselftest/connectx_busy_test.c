// SPDX-License-Identifier: GPL-2.0-only
/*
 * Firmware that saves and loads in the background (connectx_busy): meanwhile it refuses
 * other commands about the same function, and a reset of the function aborts the SAVE or
 * LOAD. A migration must not give it a command that it refuses. The tests apply to both
 * variant drivers.
 */
#include <errno.h>
#include <poll.h>

#include "kselftest_harness.h"
#include "pair.h"

#define S(name) VFIO_DEVICE_STATE_##name
#define SAVE_MS	300

FIXTURE(busy) {
	struct pair p;
	unsigned long conflicts;
	unsigned long aborts;
};

FIXTURE_VARIANT(busy) {
	const char *status;
};

FIXTURE_VARIANT_ADD(busy, res_busy) { .status = "6" };
FIXTURE_VARIANT_ADD(busy, bad_res_state) { .status = "9" };

FIXTURE_SETUP(busy)
{
	ASSERT_EQ(0, pair_open(&self->p));
	ASSERT_EQ(0, virt_set("connectx_busy", variant->status));
	self->conflicts = virt_get("connectx_conflicts");
	self->aborts = virt_get("connectx_aborts");
}

FIXTURE_TEARDOWN(busy)
{
	EXPECT_EQ(0, virt_set("connectx_busy", "0"));
	EXPECT_EQ(0, virt_set("connectx_save_ms", "0"));
	EXPECT_EQ(0, virt_set("connectx_rate", "0"));
	pair_close(&self->p);
	EXPECT_EQ(0, virt_get("connectx_unknown"));
	EXPECT_EQ(0, virt_get("connectx_invalid"));
}

/* With a rate and with a time for each, with pre-copy and without. */
TEST_F(busy, migrates)
{
	static const struct { const char *rate, *ms; bool precopy; } ways[] = {
		{ "0", "0", true },
		{ "0", "0", false },
		{ "8", "0", true },
		{ "8", "0", false },
		{ "0", "50", true },
		{ "0", "50", false },
	};
	struct pair *p = &self->p;
	unsigned int i;
	struct vf was;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		ASSERT_EQ(0, virt_set("connectx_rate", ways[i].rate));
		ASSERT_EQ(0, virt_set("connectx_save_ms", ways[i].ms));
		ASSERT_EQ(0, pair_run(p, &p->src));
		EXPECT_EQ(0, pair_migrate(p, ways[i].precopy)) {
			TH_LOG("way %u", i);
		}
		was = p->src;
		p->src = p->dst;
		p->dst = was;
	}
	EXPECT_EQ(self->conflicts, virt_get("connectx_conflicts"));
	EXPECT_EQ(self->aborts, virt_get("connectx_aborts"));
}

/* It takes as long as its parameters say, and other functions do not wait for it. */
TEST_F(busy, other_functions_are_served)
{
	struct pair *p = &self->p;
	double begin, other, own;
	__u64 size;
	int fd, end;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	ASSERT_EQ(0, virt_set("connectx_save_ms", "2000"));
	begin = seconds_now();
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	ASSERT_EQ(0, vf_data_size(&p->dst, &size));
	ASSERT_EQ(0, vf_set_state(&p->dst, S(STOP), NULL));
	ASSERT_EQ(0, vf_set_state(&p->dst, S(RUNNING), NULL));
	other = seconds_now() - begin;
	p->length = vf_stream_read(fd, p->stream, PAIR_STREAM, &end);
	own = seconds_now() - begin;
	EXPECT_EQ(0, end);
	close(fd);
	EXPECT_GT(1.9, other);
	EXPECT_LE(1.9, own);
	TH_LOG("%.3f s for the other, %.3f s for the SAVE", other, own);
	EXPECT_EQ(self->conflicts, virt_get("connectx_conflicts"));
}

/* A reset while it saves: the SAVE fails, and the function is as new. */
TEST_F(busy, reset_aborts_a_save)
{
	struct pair *p = &self->p;
	double begin;
	char byte;
	int fd;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, virt_set("connectx_save_ms", "20000"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY), &fd));
	begin = seconds_now();
	usleep(100000);
	ASSERT_EQ(0, vf_reset(&p->src));
	EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
	EXPECT_EQ(-1, read(fd, &byte, 1));
	close(fd);
	EXPECT_EQ(self->aborts + 1, virt_get("connectx_aborts"));
	EXPECT_GT(time_limit(10), seconds_now() - begin);
	ASSERT_EQ(0, virt_set("connectx_save_ms", "0"));
	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_EQ(0, pair_migrate(p, true));
}

TEST(values)
{
	EXPECT_EQ(-EINVAL, virt_set("connectx_busy", "1"));
	EXPECT_EQ(-EINVAL, virt_set("connectx_busy", "x"));
	EXPECT_EQ(0, virt_get("connectx_busy"));
}

TEST_HARNESS_MAIN
