// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual ConnectX under stock mlx5_core, and a variant driver on its VFs,
 * ours or upstream's (plan.txt): one VF migrates to another while its generator
 * writes, the sequence continues without a gap, and the page tracker reports what
 * ground truth says. Nothing here is peculiar to one of the two drivers.
 */
#include <errno.h>

#include "kselftest_harness.h"
#include "pair.h"
#include "../lib/truth.h"

#define S(name) VFIO_DEVICE_STATE_##name
#define WORDS (PAIR_PAGES / 64)

FIXTURE(connectx) {
	struct pair p;
	int truth;
	__u64 bits[WORDS];
	__u64 written[WORDS];
};

FIXTURE_VARIANT(connectx) {
	bool precopy;
};

FIXTURE_VARIANT_ADD(connectx, precopy) { .precopy = true };
FIXTURE_VARIANT_ADD(connectx, stop_copy) { .precopy = false };

FIXTURE_SETUP(connectx)
{
	self->truth = truth_open();
	ASSERT_LE(0, self->truth);
	ASSERT_EQ(0, pair_open(&self->p));
}

FIXTURE_TEARDOWN(connectx)
{
	pair_close(&self->p);
	close(self->truth);
	/* Nothing that a driver asks for is unknown to the firmware */
	EXPECT_EQ(0, virt_get("connectx_unknown"));
	EXPECT_EQ(0, virt_get("connectx_invalid"));
}

/* What ground truth says that @device wrote; returns the number of writes. */
static __u64 truth_pages(int truth, __u64 device, __u64 *pages)
{
	struct virt_truth_rec recs[256];
	__u64 writes = 0;
	int n, i;

	while ((n = truth_read(truth, recs, 256)) > 0)
		for (i = 0; i < n; i++) {
			__u64 page = (recs[i].iova - PAIR_BASE) / PAGE;

			if (recs[i].device != device)
				continue;
			pages[page / 64] |= 1ull << (page % 64);
			writes++;
		}
	return writes;
}

static int report(FIXTURE_DATA(connectx) *self)
{
	return log_report(self->p.src.fd, PAIR_BASE, PAIR_RAM, PAGE,
			     self->bits);
}

static int save_some(struct pair *p, int fd)
{
	int end;

	p->length += vf_stream_read(fd, p->stream + p->length,
				    PAIR_STREAM - p->length, &end);
	return end;
}

TEST_F(connectx, migrates)
{
	static const struct vfio_device_feature_dma_logging_range range = {
		PAIR_BASE, PAIR_RAM
	};
	struct pair *p = &self->p;
	struct vf *src = &p->src, *dst = &p->dst;
	__u64 position, end, sum, page_size = PAGE;
	int fd = -1, pass;

	ASSERT_EQ(0, log_start(src->fd, &range, 1, &page_size));
	ASSERT_EQ(PAGE, page_size);
	ASSERT_EQ(0, pair_run(p, src));
	if (variant->precopy) {
		ASSERT_EQ(0, vf_set_state(src, S(PRE_COPY), &fd));
		for (pass = 0; pass < 3; pass++) {
			usleep(100000);
			ASSERT_EQ(0, report(self));
			EXPECT_EQ(ENOMSG, save_some(p, fd));
		}
		EXPECT_LT(0, p->length);
		ASSERT_EQ(0, vf_set_state(src, S(PRE_COPY_P2P), NULL));
	} else {
		usleep(300000);
		ASSERT_EQ(0, report(self));
		ASSERT_EQ(0, vf_set_state(src, S(RUNNING_P2P), NULL));
	}
	/* In P2P it issues no DMA */
	position = vf_read(src, VIRT_CX_POSITION);
	EXPECT_LT(0, position);
	EXPECT_TRUE(pair_still(src));
	ASSERT_EQ(0, vf_set_state(src, S(STOP_COPY), variant->precopy ? NULL :
							      &fd));
	EXPECT_EQ(0, save_some(p, fd));

	/* All pages that it wrote, and no other */
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(position, truth_pages(self->truth, vf_read(src, VIRT_CX_INDEX),
					self->written));
	EXPECT_EQ(0, memcmp(self->bits, self->written, sizeof(self->bits)));
	sum = vf_read(src, VIRT_CX_STATE_SUM);
	close(fd);
	ASSERT_EQ(0, vf_set_state(src, S(STOP), NULL));

	ASSERT_EQ(0, pair_load(p));
	EXPECT_EQ(position, vf_read(dst, VIRT_CX_POSITION));
	EXPECT_EQ(sum, vf_read(dst, VIRT_CX_STATE_SUM));
	ASSERT_EQ(0, vf_set_state(dst, S(RUNNING), NULL));
	usleep(200000);
	ASSERT_EQ(0, vf_stop(dst));
	end = vf_read(dst, VIRT_CX_POSITION);
	EXPECT_LT(position, end);
	EXPECT_EQ(0, vf_wrong(p->ram, &p->job, end));
	TH_LOG("%llu writes, then %llu on the other side; %zu bytes of state",
	       position, end - position, p->length);

	/* Reset is a way out of every state */
	ASSERT_EQ(0, vf_reset(src));
	ASSERT_EQ(0, vf_reset(dst));
	EXPECT_EQ(0, vf_read(dst, VIRT_CX_POSITION));
}

/* A start while an earlier one still runs begins with the first write all the same. */
TEST_F(connectx, starts_over)
{
	struct pair *p = &self->p;
	__u64 rate = p->job.rate, position;
	int i;

	p->job.rate = 0;
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, vf_stop(&p->src));
	p->job.rate = rate;
	position = vf_read(&p->src, VIRT_CX_POSITION);
	EXPECT_LT(0, position);
	EXPECT_EQ(0, vf_wrong(p->ram, &p->job, position));
}

/* And back, and again: what is left of a migration does not disturb the next. */
TEST_F(connectx, migrates_to_and_fro)
{
	struct pair *p = &self->p;
	struct vf was;
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, pair_run(p, &p->src));
		EXPECT_EQ(0, pair_migrate(p, variant->precopy));
		was = p->src;
		p->src = p->dst;
		p->dst = was;
	}
}

/* The control: a word of memory, or of the state, that is not right is seen. */
TEST_F(connectx, verification_fails_when_it_should)
{
	struct pair *p = &self->p;
	__u64 position;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_TRUE(pair_moves(&p->src));
	ASSERT_EQ(0, vf_stop(&p->src));
	position = vf_read(&p->src, VIRT_CX_POSITION);
	ASSERT_EQ(0, vf_wrong(p->ram, &p->job, position));
	/* A gap at the end, and a word that was not copied */
	EXPECT_EQ(1, vf_wrong(p->ram, &p->job, position + 1));
	p->ram[0] ^= 1;
	EXPECT_EQ(1, vf_wrong(p->ram, &p->job, position));
	/* Another VF knows nothing of it */
	EXPECT_NE(vf_read(&p->src, VIRT_CX_STATE_SUM),
		  vf_read(&p->dst, VIRT_CX_STATE_SUM));
}

TEST_HARNESS_MAIN
