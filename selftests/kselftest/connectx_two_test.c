// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two ConnectX (connectx=N,N) behind different IOMMUs: a VF of one migrates to a VF of
 * the other and back, and an event on one device does not affect the other.
 */
#include <errno.h>

#include "kselftest_harness.h"
#include "pair.h"
#include "../lib/sysfs.h"

#define S(name) VFIO_DEVICE_STATE_##name

FIXTURE(two) {
	struct pair p;
};

/* The source is of the first device, the destination of the second. */
FIXTURE_SETUP(two)
{
	ASSERT_EQ(0, pair_open(&self->p));
	vf_close(&self->p.dst);
	ASSERT_EQ(0, vf_create_second(2));
	ASSERT_EQ(0, pair_open_vf(&self->p, &self->p.dst, VF_SECOND + 1));
}

FIXTURE_TEARDOWN(two)
{
	pair_close(&self->p);
	EXPECT_EQ(0, vf_create_second(0));
	EXPECT_EQ(0, virt_get("connectx_unknown"));
	EXPECT_EQ(0, virt_get("connectx_invalid"));
}

TEST_F(two, migrates_to_and_fro)
{
	struct pair *p = &self->p;
	struct vf was;
	int i;

	EXPECT_EQ(129, vf_read(&p->src, VIRT_CX_INDEX));
	EXPECT_EQ(145, vf_read(&p->dst, VIRT_CX_INDEX));
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, pair_run(p, &p->src));
		EXPECT_EQ(0, pair_migrate(p, i % 2));
		was = p->src;
		p->src = p->dst;
		p->dst = was;
	}
}

/* Each PF has trackers of its own, and each reports its own VF only. */
TEST_F(two, trackers)
{
	static const struct vfio_device_feature_dma_logging_range range = {
		PAIR_BASE, PAIR_RAM
	};
	static __u64 bits[PAIR_PAGES / 64];
	__u64 page_size = PAGE;
	struct pair *p = &self->p;
	unsigned int i, pages = 0;

	ASSERT_EQ(0, log_start(p->src.fd, &range, 1, &page_size));
	ASSERT_EQ(0, log_start(p->dst.fd, &range, 1, &page_size));
	p->job.end = 100;
	ASSERT_EQ(0, pair_run(p, &p->dst));
	for (i = 0; i < 5000 && vf_read(&p->dst, VIRT_CX_POSITION) < 100; i++)
		usleep(1000);
	ASSERT_EQ(0, log_report(p->src.fd, PAIR_BASE, PAIR_RAM, PAGE, bits));
	for (i = 0; i < PAIR_PAGES; i++)
		pages += bits[i / 64] >> i % 64 & 1;
	EXPECT_EQ(0, pages);
	ASSERT_EQ(0, log_report(p->dst.fd, PAIR_BASE, PAIR_RAM, PAGE, bits));
	for (i = 0; i < PAIR_PAGES; i++)
		pages += bits[i / 64] >> i % 64 & 1;
	EXPECT_EQ(100, pages);
}

/* The PF of one device is reset, unbound and bound while the other's VF saves. */
TEST_F(two, one_goes)
{
	struct pair *p = &self->p;
	int fd, end;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY), &fd));
	vf_close(&p->dst);
	ASSERT_EQ(0, sysfs_write("/sys/bus/pci/drivers/mlx5_core/unbind",
				 VF_PF_SECOND));
	p->length = vf_stream_read(fd, p->stream, PAIR_STREAM, &end);
	EXPECT_EQ(ENOMSG, end);
	EXPECT_LT(0, p->length);
	EXPECT_TRUE(pair_moves(&p->src));
	ASSERT_EQ(0, sysfs_write("/sys/bus/pci/drivers/mlx5_core/bind",
				 VF_PF_SECOND));
	ASSERT_EQ(0, vf_create_second(2));
	ASSERT_EQ(0, pair_open_vf(p, &p->dst, VF_SECOND + 2));
	EXPECT_EQ(0, vf_set_state(&p->src, S(RUNNING), NULL));
	close(fd);
	EXPECT_EQ(0, pair_migrate(p, true));
}

TEST_HARNESS_MAIN
