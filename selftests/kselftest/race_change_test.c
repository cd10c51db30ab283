// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hardware enters or leaves a domain while something else happens to it. The IOMMUs
 * are intel ones, whose invalidations miss the device in between; the window is kept open
 * with hold_tags.
 */
#include <string.h>

#include "kselftest_harness.h"
#include "attacher.h"
#include "crowd.h"
#include "reader.h"

FIXTURE(change) {
	struct crowd c;
	struct attacher a;
};

FIXTURE_VARIANT(change) {
	bool attached;	/* before */
	bool detached;	/* afterwards */
	bool other_ioas;
};

/* The IOAS with the tracker is entered, */
FIXTURE_VARIANT_ADD(change, attach) { };
/* left, */
FIXTURE_VARIANT_ADD(change, detach) { .attached = true, .detached = true };
/* both, */
FIXTURE_VARIANT_ADD(change, replace) { .attached = true };
/* left for another one */
FIXTURE_VARIANT_ADD(change, replace_ioas) { .attached = true, .other_ioas = true };

static int attacher_detach(void *arg)
{
	struct attacher *a = arg;

	return vdev_detach(a->dev);
}

FIXTURE_SETUP(change)
{
	struct crowd *c = &self->c;
	__u32 ioas, hwpt;

	ASSERT_EQ(0, crowd_open(c, true));
	ioas = c->b.ioas_id;
	ASSERT_EQ(0, crowd_hwpt(c, INTEL, ioas, &hwpt));
	if (variant->other_ioas)
		ASSERT_EQ(0, crowd_copy_ioas(c, &ioas));
	ASSERT_EQ(0, crowd_hwpt(c, INTEL, ioas, &self->a.pt_id));
	self->a.dev = &c->dev[INTEL];
	if (variant->attached)
		ASSERT_EQ(0, crowd_attach(c, INTEL, hwpt));
}

FIXTURE_TEARDOWN(change)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* The change has begun, and waits where the device uses a domain that does not reach it. */
static int change_begin(struct attacher *a, bool detach)
{
	int rc = hold_arm("hold_tags", 1 + INTEL);

	if (!rc)
		rc = call_begin(&a->call, detach ? attacher_detach : attacher_attach, a);
	if (!rc && !hold_is_met("hold_tags", HELD_LONG_MS))
		rc = -1;
	return rc;
}

static int change_end(struct attacher *a)
{
	int rc = hold_release("hold_tags");

	return call_end(&a->call) ?: rc;
}

/*
 * Written, harvested, written again. The first write leaves an entry in the IOTLB by which
 * the second one is not seen, unless a flush has dropped it.
 */
TEST_F(change, read)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct reader r;
	bool early;

	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	if (variant->attached)
		ASSERT_EQ(0, crowd_dma(c, INTEL, IOVA, 1));
	ASSERT_EQ(0, change_begin(&self->a, variant->detached));
	ASSERT_EQ(0, crowd_dma(c, INTEL, IOVA, 1));
	ASSERT_EQ(0, reader_begin_bits(&r, c, IOVA, RAM_SIZE));
	early = call_is_done(&r.call, HELD_SHORT_MS);
	ASSERT_EQ(0, crowd_dma(c, INTEL, IOVA, 1));
	ASSERT_EQ(0, change_end(&self->a));
	ASSERT_LE(0, call_end(&r.call));
	ASSERT_LE(0, crowd_read(c, b->tracker_id, IOVA, RAM_SIZE));
	EXPECT_TRUE(testbed_bit(b, 0) || (!early && reader_has(&r, 0))) {
		TH_LOG("the READ %s", early ? "did not wait" : "waited");
	}
}

static int call_restart(void *arg)
{
	struct crowd *c = arg;
	int rc = tracker_set(c->b.fd, c->b.tracker_id, 0, NULL, NULL);

	return rc ?: crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0);
}

/*
 * A driver may refuse to track for a device that is on its way in; START waits for it. The
 * tracker that ran before knows the device's group, else START would wait for that.
 */
TEST_F(change, start)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct call start;

	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, change_begin(&self->a, variant->detached));
	ASSERT_EQ(0, call_begin(&start, call_restart, c));
	call_is_done(&start, HELD_SHORT_MS);
	ASSERT_EQ(0, change_end(&self->a));
	ASSERT_EQ(0, call_end(&start));
	if (variant->detached || variant->other_ioas)
		return;
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, INTEL));
	ASSERT_EQ(0, crowd_dma(c, INTEL, IOVA, 1));
	ASSERT_LE(1, crowd_read(c, b->tracker_id, IOVA, RAM_SIZE));
	EXPECT_TRUE(testbed_bit(b, 0));
}

static int call_map(void *arg)
{
	struct crowd *c = arg;

	return iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->b.ram, RAM_SIZE, FAR,
				IOMMUFD_MAP_RW);
}

/* A domain regains the large leaf sizes when a device comes; no map may use them. */
TEST_F(change, small_leaves)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct call map;
	__u32 hwpt;

	if (variant->attached)
		SKIP(return, "an attach is enough");
	ASSERT_EQ(0, iommufd_ioas_small_leaves(b->fd, b->ioas_id, true));
	ASSERT_EQ(0, crowd_hwpt(c, INTEL, b->ioas_id, &hwpt));
	self->a.pt_id = hwpt;
	ASSERT_EQ(0, change_begin(&self->a, false));
	ASSERT_EQ(0, call_begin(&map, call_map, c));
	call_is_done(&map, HELD_SHORT_MS);
	ASSERT_EQ(0, change_end(&self->a));
	ASSERT_EQ(0, call_end(&map));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_dma(c, INTEL, FAR, 1));
	EXPECT_EQ(1, crowd_read(c, b->tracker_id, FAR, RAM_SIZE));
	/* What is mapped later */
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE, 2 * FAR,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_dma(c, INTEL, 2 * FAR + PAGE, 1));
	EXPECT_EQ(1, crowd_read(c, b->tracker_id, 2 * FAR, RAM_SIZE));
}

TEST_HARNESS_MAIN
