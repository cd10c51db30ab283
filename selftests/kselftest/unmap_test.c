// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_DIRTY_TRACKER_UNMAP, and READ, of more than one mapping: of everything, of
 * nothing, of a range that would cut a mapping, and with a buffer that holds less
 * than there is to report.
 */
#include <errno.h>
#include <string.h>

#include "kselftest_harness.h"
#include "crowd.h"

/* Mappings of one page of RAM, each so far from the next that no leaf has both */
#define PIECES	48u
#define PIECE(i) (FAR + (i) * HUGE)
#define RANGES	IOMMU_DIRTY_TRACKER_UNMAP_RANGES
#define STOP	IOMMU_DIRTY_TRACKER_UNMAP_STOP

FIXTURE(unmap) {
	struct crowd c;
};

FIXTURE_VARIANT(unmap) {
	unsigned int device;
	__u32 policy;
};

FIXTURE_VARIANT_ADD(unmap, iommu) {
	.device = BOTH,
	.policy = IOMMU_DIRTY_POLICY_IOMMU,
};

FIXTURE_VARIANT_ADD(unmap, gather) {
	.device = GATHER,
	.policy = IOMMU_DIRTY_POLICY_IOMMU,
};

FIXTURE_VARIANT_ADD(unmap, log) {
	.device = LOG,
};

FIXTURE_SETUP(unmap)
{
	struct crowd *c = &self->c;
	unsigned int i;

	ASSERT_EQ(0, crowd_open(c, false));
	for (i = 0; i < PIECES; i++)
		ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id,
					      c->far + i * PAGE, PAGE, PIECE(i),
					      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_attach(c, variant->device, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, variant->policy, 0));
}

FIXTURE_TEARDOWN(unmap)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* The device writes to all pieces. */
static int write_pieces(struct crowd *c, unsigned int device)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < PIECES; i++)
		rc = crowd_dma(c, device, PIECE(i), 1);
	return rc;
}

/* A whole piece is still mapped, so nothing else can be mapped there. */
static bool piece_is_mapped(struct crowd *c, unsigned int i)
{
	int rc = iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far + i * PAGE, PAGE,
				  PIECE(i), IOMMUFD_MAP_RW);

	if (!rc)
		iommufd_ioas_unmap(c->b.fd, c->b.ioas_id, PIECE(i), PAGE, NULL);
	return rc == -EEXIST;
}

static int unmap(struct crowd *c, struct iommu_dirty_tracker_unmap *cmd, __u32 flags,
		 __u64 iova, __u64 length, struct iommu_dirty_range *ranges,
		 unsigned int nr)
{
	*cmd = (struct iommu_dirty_tracker_unmap){
		.flags = flags | RANGES,
		.tracker_id = c->b.tracker_id,
		.iova = iova,
		.length = length,
		.page_size = PAGE,
		.data = (__u64)(uintptr_t)ranges,
		.data_len = nr * sizeof(*ranges),
	};
	return tracker_unmap(c->b.fd, cmd);
}

TEST_F(unmap, everything)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_tracker_unmap cmd;
	struct iommu_dirty_range r[PIECES + 8];
	struct tracker_read_out out;
	struct iommu_dirty_tracker_read bitmap = {
		.tracker_id = c->b.tracker_id,
		.length = ~0ull,
		.page_size = PAGE,
		.data = (__u64)(uintptr_t)c->b.bits,
		.data_len = sizeof(c->b.bits),
	};
	unsigned int i;
	int n;

	ASSERT_EQ(0, write_pieces(c, variant->device));
	ASSERT_EQ(0, crowd_dma(c, variant->device, IOVA + 3 * PAGE, 2));

	/* First a READ of it, which takes nothing */
	n = tracker_read_ranges(c->b.fd, c->b.tracker_id, 0, ~0ull, PAGE, r,
				PIECES + 8, IOMMU_DIRTY_TRACKER_READ_NO_CLEAR, &out);
	EXPECT_LE(0, n);
	EXPECT_EQ(0, out.next_iova);
	/* Some drivers can only be peeked at for more than there is */
	EXPECT_LE((PIECES + 2) * PAGE, out.dirty_bytes);

	ASSERT_EQ(0, unmap(c, &cmd, 0, 0, ~0ull, r, PIECES + 8));
	EXPECT_EQ(RAM_SIZE + PIECES * PAGE, cmd.out_unmapped);
	EXPECT_EQ((PIECES + 2) * PAGE, cmd.out_dirty_bytes);
	EXPECT_EQ(0, cmd.out_next_iova);
	ASSERT_EQ(PIECES + 1, cmd.out_nr_ranges);
	EXPECT_EQ(IOVA + 3 * PAGE, r[0].iova);
	EXPECT_EQ(2 * PAGE, r[0].length);
	for (i = 0; i < PIECES; i++) {
		EXPECT_EQ(PIECE(i), r[i + 1].iova);
		EXPECT_EQ(PAGE, r[i + 1].length);
	}
	EXPECT_EQ(-ENOENT, unmap(c, &cmd, 0, 0, ~0ull, r, PIECES + 8));
	EXPECT_EQ(0, tracker_read_ranges(c->b.fd, c->b.tracker_id, 0, ~0ull, PAGE, r,
					 PIECES + 8, 0, &out));
	/* This bitmap is not as large as that */
	EXPECT_EQ(-EINVAL, tracker_read(c->b.fd, &bitmap));
}

/* ENOENT: there is nothing; neither mapped, nor unmapped and not yet reported. */
TEST_F(unmap, nothing)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_tracker_unmap cmd;
	struct iommu_dirty_range r[4];

	ASSERT_EQ(0, crowd_dma(c, variant->device, PIECE(0), 1));
	ASSERT_EQ(0, iommufd_ioas_unmap(c->b.fd, c->b.ioas_id, PIECE(0), PAGE, NULL));
	ASSERT_EQ(0, unmap(c, &cmd, 0, PIECE(0), PAGE, r, 4));
	EXPECT_EQ(0, cmd.out_unmapped);
	EXPECT_EQ(1, cmd.out_nr_ranges);
	EXPECT_EQ(PIECE(0), r[0].iova);
	EXPECT_EQ(-ENOENT, unmap(c, &cmd, 0, PIECE(0), PAGE, r, 4));
	EXPECT_EQ(-ENOENT, unmap(c, &cmd, STOP, PIECE(0), PAGE, r, 4));
}

/* ERANGE: at either end a mapping would be cut. Nothing at all is unmapped. */
TEST_F(unmap, of_a_part)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_tracker_unmap cmd;
	struct iommu_dirty_range r[4];
	unsigned int i, stop;

	for (stop = 0; stop < 2; stop++) {
		EXPECT_EQ(-ERANGE, unmap(c, &cmd, stop * STOP, IOVA + PAGE,
					 FAR + PIECES * HUGE - IOVA, r, 4));
		EXPECT_EQ(0, cmd.out_unmapped);
		ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far,
					      2 * PAGE, FAR + PIECES * HUGE,
					      IOMMUFD_MAP_RW));
		EXPECT_EQ(-ERANGE, unmap(c, &cmd, stop * STOP, FAR,
					 PIECES * HUGE + PAGE, r, 4));
		EXPECT_EQ(0, cmd.out_unmapped);
		for (i = 0; i < PIECES; i++)
			EXPECT_TRUE(piece_is_mapped(c, i));
		ASSERT_EQ(0, iommufd_ioas_unmap(c->b.fd, c->b.ioas_id,
						FAR + PIECES * HUGE, 2 * PAGE,
						NULL));
	}
}

/* The buffer is full: everything is unmapped, and the next UNMAP reports the rest. */
TEST_F(unmap, the_rest_of_a_full_buffer)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_tracker_unmap cmd;
	unsigned int i, told = 0, calls = 0;
	struct iommu_dirty_range r[5];
	__u64 at = FAR, end = FAR + PIECES * HUGE;

	ASSERT_EQ(0, write_pieces(c, variant->device));
	while (at < end && calls++ < PIECES) {
		ASSERT_EQ(0, unmap(c, &cmd, 0, at, end - at, r, 5));
		EXPECT_EQ(calls == 1 ? PIECES * PAGE : 0, cmd.out_unmapped);
		for (i = 0; i < cmd.out_nr_ranges; i++)
			EXPECT_EQ(PIECE(told++), r[i].iova);
		EXPECT_FALSE(piece_is_mapped(c, PIECES - 1));
		at = cmd.out_next_iova;
	}
	EXPECT_EQ(PIECES, told);
}

/* STOP: what cannot be reported is not unmapped. */
TEST_F(unmap, stops_where_the_buffer_is_full)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_tracker_unmap cmd;
	unsigned int i, told = 0, calls = 0;
	struct iommu_dirty_range r[5];
	__u64 at = 0, unmapped = 0;

	ASSERT_EQ(0, write_pieces(c, variant->device));
	/* RAM lies before them, and is not dirty */
	do {
		ASSERT_EQ(0, unmap(c, &cmd, STOP, at, at ? 0 - at : ~0ull, r, 5));
		unmapped += cmd.out_unmapped;
		for (i = 0; i < cmd.out_nr_ranges; i++)
			EXPECT_EQ(PIECE(told++), r[i].iova);
		at = cmd.out_next_iova;
		if (!at)
			break;
		/* The one that did not fit is the last that was unmapped */
		EXPECT_EQ(5, cmd.out_nr_ranges);
		EXPECT_EQ(PIECE(told), at);
		EXPECT_EQ(RAM_SIZE + (told + 1) * PAGE, unmapped);
		for (i = told + 1; i < PIECES; i++)
			EXPECT_TRUE(piece_is_mapped(c, i));
	} while (calls++ < PIECES);
	EXPECT_EQ(0, at);
	EXPECT_EQ(PIECES, told);
	EXPECT_EQ(RAM_SIZE + PIECES * PAGE, unmapped);
}

/* STOP asks a log once, however many mappings it unmaps: a device takes long to answer. */
TEST_F(unmap, stop_asks_once)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_source_info before, after;
	struct iommu_dirty_tracker_unmap cmd;
	struct iommu_dirty_range r[PIECES];

	if (variant->device != LOG)
		SKIP(return, "it has no log");
	ASSERT_EQ(0, write_pieces(c, LOG));
	ASSERT_EQ(0, testbed_source(&c->b, c->dev[LOG].dev_id, &before));
	ASSERT_EQ(0, unmap(c, &cmd, STOP, FAR, PIECES * HUGE, r, PIECES));
	EXPECT_EQ(PIECES, cmd.out_nr_ranges);
	EXPECT_EQ(PIECES * PAGE, cmd.out_unmapped);
	ASSERT_EQ(0, testbed_source(&c->b, c->dev[LOG].dev_id, &after));
	EXPECT_EQ(before.harvests + 1, after.harvests);
}

/*
 * STOP, in pages of the caller's that several mappings share: each is reported once. The
 * last of three mappings reaches into the next page, which is reported with the first.
 */
TEST_F(unmap, stops_at_the_callers_pages)
{
	struct crowd *c = &self->c;
	__u64 near = FAR + PIECES * HUGE, at = near, unmapped = 0;
	struct iommu_dirty_tracker_unmap cmd;
	struct iommu_dirty_range r;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		__u64 page = near + i / 3 * 4 * HUGE, pages = i % 3 == 2 ? 2 : 1;
		__u64 iova = i % 3 == 2 ? page + HUGE - PAGE : page + i % 3 * 8 * PAGE;

		ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id,
					      c->far + i * PAGE, pages * PAGE, iova,
					      IOMMUFD_MAP_RW));
		ASSERT_EQ(0, crowd_dma(c, variant->device, iova, pages));
	}
	for (i = 0; i < 2; i++) {
		cmd = (struct iommu_dirty_tracker_unmap){
			.flags = RANGES | STOP,
			.tracker_id = c->b.tracker_id,
			.iova = at,
			.length = near + 8 * HUGE - at,
			.page_size = HUGE,
			.data = (__u64)(uintptr_t)&r,
			.data_len = sizeof(r),
		};
		ASSERT_EQ(0, tracker_unmap(c->b.fd, &cmd));
		EXPECT_EQ(1, cmd.out_nr_ranges);
		EXPECT_EQ(near + i * 4 * HUGE, r.iova);
		EXPECT_EQ(2 * HUGE, r.length);
		at = cmd.out_next_iova;
		unmapped += cmd.out_unmapped;
	}
	EXPECT_EQ(near + 8 * HUGE, at);
	EXPECT_EQ(8 * PAGE, unmapped);
}

TEST_HARNESS_MAIN
