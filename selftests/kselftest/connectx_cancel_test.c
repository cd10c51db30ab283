// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session that ends while a SAVE is under way: the user leaves STOP_COPY or PRE_COPY, or
 * closes the device. The firmware is that of connectx_busy_test.c; the driver must not give
 * it a command that it refuses, and the device must be as usable as before.
 */
#include <errno.h>

#include "kselftest_harness.h"
#include "pair.h"

#define S(name) VFIO_DEVICE_STATE_##name

FIXTURE(cancel) {
	struct pair p;
	unsigned long conflicts;
	unsigned long aborts;
};

FIXTURE_VARIANT(cancel) {
	const char *status;
};

FIXTURE_VARIANT_ADD(cancel, res_busy) { .status = "6" };
FIXTURE_VARIANT_ADD(cancel, bad_res_state) { .status = "9" };

FIXTURE_SETUP(cancel)
{
	ASSERT_EQ(0, pair_open(&self->p));
	ASSERT_EQ(0, virt_set("connectx_busy", variant->status));
	ASSERT_EQ(0, virt_set("connectx_save_ms", "500"));
	self->conflicts = virt_get("connectx_conflicts");
	self->aborts = virt_get("connectx_aborts");
	ASSERT_EQ(0, pair_run(&self->p, &self->p.src));
}

FIXTURE_TEARDOWN(cancel)
{
	EXPECT_EQ(self->conflicts, virt_get("connectx_conflicts"));
	EXPECT_EQ(self->aborts, virt_get("connectx_aborts"));
	EXPECT_EQ(0, virt_set("connectx_busy", "0"));
	EXPECT_EQ(0, virt_set("connectx_save_ms", "0"));
	pair_close(&self->p);
}

TEST_F(cancel, stop_copy)
{
	struct pair *p = &self->p;
	int fd;

	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	EXPECT_EQ(0, vf_set_state(&p->src, S(RUNNING), NULL));
	close(fd);
	EXPECT_TRUE(pair_moves(&p->src));
	EXPECT_EQ(0, pair_migrate(p, true));
}

TEST_F(cancel, precopy)
{
	struct pair *p = &self->p;
	int fd;

	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY), &fd));
	EXPECT_EQ(0, vf_set_state(&p->src, S(RUNNING), NULL));
	close(fd);
	EXPECT_TRUE(pair_moves(&p->src));
	EXPECT_EQ(0, pair_migrate(p, false));
}

/* A second session begins when the SAVE of the first is over, and is whole. */
TEST_F(cancel, again)
{
	struct pair *p = &self->p;
	int fd;

	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	close(fd);
	EXPECT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	ASSERT_EQ(0, vf_set_state(&p->src, S(RUNNING), NULL));
	EXPECT_EQ(0, pair_migrate(p, false));
}

TEST_F(cancel, close)
{
	struct pair *p = &self->p;
	int fd;

	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	close(fd);
	vf_close(&p->src);
	ASSERT_EQ(0, pair_open_vf(p, &p->src, 1));
	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_EQ(0, pair_migrate(p, true));
}

TEST_HARNESS_MAIN
