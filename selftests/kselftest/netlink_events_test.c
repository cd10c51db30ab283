// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of the generic netlink family "iommufd_dirty": what happens to trackers, in
 * order and with the names of the objects, and what a listener sees that is too slow.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kselftest_harness.h"
#include "netlink.h"
#include "../lib/feature.h"
#include "../lib/sysfs.h"
#include "../lib/vdev.h"

/* Three READs of @tracker: of 3, 2 and 1 pages that @dev has written. */
static void read_thrice(struct __test_metadata *_metadata, struct vdev *dev, int fd,
			__u32 tracker)
{
	struct tracker_read_out out;
	struct vdev_job job;
	unsigned int i;
	__u64 bits[4];

	vdev_job_init(&job);
	job.iova = IOVA;
	for (i = 0; i < 3; i++) {
		job.length = (3 - i) * PAGE;
		ASSERT_EQ(0, vdev_run(dev, &job, 20000));
		memset(bits, 0, sizeof(bits));
		ASSERT_EQ(0, tracker_read_bitmap(fd, tracker, IOVA, SIZE, PAGE, bits, 0,
						 &out));
		EXPECT_EQ((3 - i) * PAGE, out.dirty_bytes);
	}
}

/* What happens to a tracker, in order, with the names of the objects. */
TEST_F(netlink, events)
{
	static const uint32_t expected[] = {
		IOMMUFD_DIRTY_EVENT_TYPE_CREATED, IOMMUFD_DIRTY_EVENT_TYPE_PLAN,
		IOMMUFD_DIRTY_EVENT_TYPE_STARTED, IOMMUFD_DIRTY_EVENT_TYPE_READ,
		IOMMUFD_DIRTY_EVENT_TYPE_READ, IOMMUFD_DIRTY_EVENT_TYPE_STOPPED,
		IOMMUFD_DIRTY_EVENT_TYPE_DESTROYED,
	};
	const struct peer_entry *e;
	uint64_t seq, bytes = 0;
	struct peer events;
	struct vdev dev;
	struct peer_answer a;
	unsigned int i;
	__u32 tracker;

	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, NULL));
	ASSERT_EQ(0, peer_listen(&events));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	/* The first has its event at once, those that follow with the next, or at the end */
	read_thrice(_metadata, &dev, self->fd, tracker);
	ASSERT_EQ(0, tracker_set(self->fd, tracker, 0, NULL, NULL));
	ASSERT_EQ(0, iommufd_destroy(self->fd, tracker));

	ASSERT_EQ(0, peer_events(&events, &a));
	ASSERT_LE(ARRAY_SIZE(expected) - 1, a.nr);
	EXPECT_FALSE(a.malformed);
	seq = a.entries->value[IOMMUFD_DIRTY_A_EVENT_SEQ];
	for (i = 0; i < a.nr; i++) {
		e = &a.entries[i];
		EXPECT_EQ(IOMMUFD_DIRTY_CMD_EVENT, e->cmd);
		EXPECT_EQ(seq + i, e->value[IOMMUFD_DIRTY_A_EVENT_SEQ]);
		EXPECT_EQ(self->context, e->value[IOMMUFD_DIRTY_A_CONTEXT]);
		EXPECT_EQ(self->ioas_id, e->value[IOMMUFD_DIRTY_A_IOAS]);
		EXPECT_EQ(tracker, e->value[IOMMUFD_DIRTY_A_TRACKER]);
		EXPECT_LT(1600000000000000000ull, e->value[IOMMUFD_DIRTY_A_TIME_NS]);
		if (i < 4)
			EXPECT_EQ(expected[i], e->value[IOMMUFD_DIRTY_A_EVENT]);
		if (e->value[IOMMUFD_DIRTY_A_EVENT] == IOMMUFD_DIRTY_EVENT_TYPE_READ)
			bytes += e->value[IOMMUFD_DIRTY_A_DIRTY_BYTES];
	}
	e = &a.entries[1];
	EXPECT_EQ(dev.dev_id, e->value[IOMMUFD_DIRTY_A_DEVICE]);
	EXPECT_STREQ(dev.name, e->string[1]);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_NONE, e->value[IOMMUFD_DIRTY_A_OLD_KIND]);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, e->value[IOMMUFD_DIRTY_A_KIND]);
	EXPECT_EQ(6 * PAGE, bytes);
	EXPECT_EQ(IOMMUFD_DIRTY_EVENT_TYPE_STOPPED,
		  a.entries[a.nr - 2].value[IOMMUFD_DIRTY_A_EVENT]);
	EXPECT_EQ(IOMMUFD_DIRTY_EVENT_TYPE_DESTROYED,
		  a.entries[a.nr - 1].value[IOMMUFD_DIRTY_A_EVENT]);
	peer_answer_free(&a);
	peer_close(&events);
	vdev_close(&dev);
}

static bool is_flags(const struct peer_entry *e, uint32_t before, uint32_t flags)
{
	return e->value[IOMMUFD_DIRTY_A_EVENT] == IOMMUFD_DIRTY_EVENT_TYPE_FLAGS &&
	       e->value[IOMMUFD_DIRTY_A_OLD_FLAGS] == before &&
	       e->value[IOMMUFD_DIRTY_A_OUT_FLAGS] == flags;
}

/* A source fails, and is started again. */
TEST_F(netlink, events_degraded)
{
	unsigned int i, degraded = 0, recovered = 0;
	struct vdev_job job;
	struct peer events;
	struct vdev dev;
	struct peer_answer a;
	__u32 tracker;
	__u64 bits[4];

	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	ASSERT_EQ(0, peer_listen(&events));
	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = PAGE;
	ASSERT_EQ(0, vdev_run(&dev, &job, 20000));
	ASSERT_EQ(0, virt_set("fail_read", "1"));
	ASSERT_EQ(0, tracker_read_bitmap(self->fd, tracker, IOVA, SIZE, PAGE, bits, 0, NULL));
	ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	ASSERT_EQ(0, peer_events(&events, &a));
	for (i = 0; i < a.nr; i++) {
		degraded += is_flags(&a.entries[i], 0, IOMMU_DIRTY_TRACKER_DEGRADED);
		recovered += degraded &&
			is_flags(&a.entries[i], IOMMU_DIRTY_TRACKER_DEGRADED, 0);
	}
	EXPECT_EQ(1, degraded);
	EXPECT_EQ(1, recovered);
	peer_answer_free(&a);
	peer_close(&events);
	vdev_close(&dev);
}

/* The flags of a tracker that is started again are told again. */
TEST_F(netlink, events_flags_again)
{
	unsigned int i, told = 0;
	struct peer events;
	struct vdev dev;
	struct peer_answer a;
	__u32 tracker;

	ASSERT_EQ(0, vdev_open(&dev, self->fd, CTL_NONE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	ASSERT_EQ(0, peer_listen(&events));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE,
					 NULL, NULL));
		ASSERT_EQ(0, tracker_set(self->fd, tracker, 0, NULL, NULL));
	}
	ASSERT_EQ(0, peer_events(&events, &a));
	for (i = 0; i < a.nr; i++)
		told += is_flags(&a.entries[i], 0, IOMMU_DIRTY_TRACKER_CONSERVATIVE);
	EXPECT_EQ(3, told);
	peer_answer_free(&a);
	peer_close(&events);
	vdev_close(&dev);
}

/* The event about a migration state, if there is exactly one; or NULL */
static const struct peer_entry *only_migration(const struct peer_answer *a)
{
	const struct peer_entry *e, *found = NULL;

	for (e = a->entries; e < a->entries + a->nr; e++) {
		if (e->value[IOMMUFD_DIRTY_A_EVENT] != IOMMUFD_DIRTY_EVENT_TYPE_MIGRATION)
			continue;
		if (found)
			return NULL;
		found = e;
	}
	return found;
}

/* If a device does not reach a state, the event has the state that it is in. */
TEST_F(netlink, events_migration_fails)
{
	struct vfio_device_feature_mig_state state = {
		.device_state = VFIO_DEVICE_STATE_ERROR, .data_fd = -1,
	};
	const struct peer_entry *e;
	struct peer events;
	struct vdev dev;
	struct peer_answer a;

	ASSERT_EQ(0, peer_listen(&events));
	ASSERT_EQ(0, vdev_open_driver(&dev, self->fd, DEVICE, VDEV_TRACKER_DRIVER));
	EXPECT_GT(0, vfio_feature(dev.fd, VFIO_DEVICE_FEATURE_SET |
				  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &state,
				  sizeof(state)));
	ASSERT_EQ(0, peer_events(&events, &a));
	e = only_migration(&a);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(dev.dev_id, e->value[IOMMUFD_DIRTY_A_DEVICE]);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, e->value[IOMMUFD_DIRTY_A_MIGRATION]);
	peer_answer_free(&a);
	peer_close(&events);
	vdev_close(&dev);
}

/* A reset leads to RUNNING, too: an event says so, and what DEVICE_GET shows. */
TEST_F(netlink, events_migration_reset)
{
	struct vfio_device_feature_mig_state state = {
		.device_state = VFIO_DEVICE_STATE_STOP, .data_fd = -1,
	};
	const struct peer_entry *e;
	struct peer events;
	struct vdev dev;
	struct peer_answer a;

	ASSERT_EQ(0, vdev_open_driver(&dev, self->fd, DEVICE, VDEV_TRACKER_DRIVER));
	ASSERT_EQ(0, vfio_feature(dev.fd, VFIO_DEVICE_FEATURE_SET |
				  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &state,
				  sizeof(state)));
	ASSERT_EQ(0, peer_listen(&events));
	ASSERT_EQ(0, vdev_reset(&dev));
	ASSERT_EQ(0, peer_events(&events, &a));
	e = only_migration(&a);
	ASSERT_NE(NULL, e);
	EXPECT_EQ(VFIO_DEVICE_STATE_STOP, e->value[IOMMUFD_DIRTY_A_OLD_MIGRATION]);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, e->value[IOMMUFD_DIRTY_A_MIGRATION]);
	peer_answer_free(&a);
	peer_close(&events);
	vdev_close(&dev);
}

/* Of the events, those of a type about a device or, with 0, any */
static unsigned int count_events(const struct peer_answer *a, uint32_t type, uint32_t dev_id)
{
	unsigned int i, n = 0;

	for (i = 0; i < a->nr; i++)
		n += a->entries[i].value[IOMMUFD_DIRTY_A_EVENT] == type &&
		     (!dev_id || a->entries[i].value[IOMMUFD_DIRTY_A_DEVICE] == dev_id);
	return n;
}

/*
 * A device that is detached has no source any more. One that is attached elsewhere, by
 * a replace, has one all the time, and if it is the same there is no event.
 */
TEST_F(netlink, events_detach)
{
	const struct peer_entry *e;
	__u32 tracker, hwpt;
	struct peer events;
	struct vdev dev;
	struct peer_answer a;

	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	ASSERT_EQ(0, iommufd_hwpt_alloc(self->fd, dev.dev_id, self->ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt));
	ASSERT_EQ(0, peer_listen(&events));
	ASSERT_EQ(0, vdev_attach(&dev, hwpt, NULL));
	ASSERT_EQ(0, peer_events(&events, &a));
	EXPECT_EQ(0, count_events(&a, IOMMUFD_DIRTY_EVENT_TYPE_PLAN, 0));
	peer_answer_free(&a);

	ASSERT_EQ(0, vdev_detach(&dev));
	ASSERT_EQ(0, peer_events(&events, &a));
	ASSERT_EQ(1, count_events(&a, IOMMUFD_DIRTY_EVENT_TYPE_PLAN, dev.dev_id));
	for (e = a.entries; e->value[IOMMUFD_DIRTY_A_EVENT] != IOMMUFD_DIRTY_EVENT_TYPE_PLAN; e++)
		;
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, e->value[IOMMUFD_DIRTY_A_OLD_KIND]);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_NONE, e->value[IOMMUFD_DIRTY_A_KIND]);
	EXPECT_EQ(tracker, e->value[IOMMUFD_DIRTY_A_TRACKER]);
	EXPECT_STREQ(dev.name, e->string[1]);
	peer_answer_free(&a);

	ASSERT_EQ(0, vdev_attach(&dev, hwpt, NULL));
	ASSERT_EQ(0, peer_events(&events, &a));
	EXPECT_EQ(1, count_events(&a, IOMMUFD_DIRTY_EVENT_TYPE_PLAN, dev.dev_id));
	peer_answer_free(&a);
	/* A tracker that does not run has no such event */
	ASSERT_EQ(0, tracker_set(self->fd, tracker, 0, NULL, NULL));
	ASSERT_EQ(0, vdev_detach(&dev));
	ASSERT_EQ(0, peer_events(&events, &a));
	EXPECT_EQ(0, count_events(&a, IOMMUFD_DIRTY_EVENT_TYPE_PLAN, 0));
	peer_answer_free(&a);
	peer_close(&events);
	vdev_close(&dev);
}

/* Two devices on HWPTs of their own, which track by themselves */
struct hwpts {
	struct vdev dev[2];
	__u32 id[2];
};

static int hwpts_make(struct hwpts *h, int fd, __u32 ioas_id)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < 2 && !rc; i++) {
		rc = vdev_open(&h->dev[i], fd, DEVICE + i);
		if (!rc)
			rc = iommufd_hwpt_alloc(fd, h->dev[i].dev_id, ioas_id,
						IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
						&h->id[i]);
		if (!rc)
			rc = vdev_attach(&h->dev[i], h->id[i], NULL);
	}
	return rc;
}

/* Does a dump have the sources of the trackers of these HWPTs, one of each, and no other? */
static bool sources_are_of(FIXTURE_DATA(netlink) *self, const __u32 *hwpts, unsigned int nr)
{
	struct peer_answer a;
	unsigned int i;
	bool same;

	if (peer_dump(&self->p, IOMMUFD_DIRTY_CMD_SOURCE_GET, self->context, &a))
		return false;
	same = a.nr == nr;
	for (i = 0; i < nr && same; i++)
		same = a.entries[i].value[IOMMUFD_DIRTY_A_TRACKER_HWPT] == hwpts[i];
	peer_answer_free(&a);
	return same;
}

/* The tracker of a HWPT has no ID: answers and requests name it by that of its HWPT. */
TEST_F(netlink, hwpt_trackers)
{
	const struct peer_entry *e;
	struct peer_answer a;
	struct hwpts h;
	unsigned int i;

	ASSERT_EQ(0, hwpts_make(&h, self->fd, self->ioas_id));
	ASSERT_EQ(0, peer_dump(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context, &a));
	EXPECT_EQ(0, a.nr);
	peer_answer_free(&a);
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->fd, h.id[0], true));
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->fd, h.id[1], true));
	ASSERT_EQ(0, peer_dump(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context, &a));
	EXPECT_FALSE(a.malformed);
	ASSERT_EQ(2, a.nr);
	for (i = 0; i < 2; i++) {
		e = &a.entries[i];
		EXPECT_EQ(h.id[i], e->value[IOMMUFD_DIRTY_A_TRACKER_HWPT]);
		EXPECT_TRUE(peer_has(e, IOMMUFD_DIRTY_A_TRACKER));
		EXPECT_EQ(0, e->value[IOMMUFD_DIRTY_A_TRACKER]);
		EXPECT_EQ(self->ioas_id, e->value[IOMMUFD_DIRTY_A_IOAS]);
		EXPECT_EQ(IOMMU_DIRTY_TRACKER_RUNNING, e->value[IOMMUFD_DIRTY_A_OUT_FLAGS]);
		EXPECT_EQ(PAGE, e->value[IOMMUFD_DIRTY_A_PAGE_SIZE]);
	}
	peer_answer_free(&a);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, peer_get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context,
				 IOMMUFD_DIRTY_A_TRACKER_HWPT, h.id[i], &a));
		ASSERT_EQ(1, a.nr);
		EXPECT_EQ(h.id[i], a.entries->value[IOMMUFD_DIRTY_A_TRACKER_HWPT]);
		peer_answer_free(&a);
		/* Its own source, and not that of the other */
		ASSERT_EQ(0, peer_ask(&self->p, IOMMUFD_DIRTY_CMD_SOURCE_GET, NLM_F_DUMP,
				 self->context, IOMMUFD_DIRTY_A_TRACKER_HWPT, h.id[i], &a));
		ASSERT_EQ(1, a.nr);
		EXPECT_EQ(h.dev[i].dev_id, a.entries->value[IOMMUFD_DIRTY_A_DEVICE]);
		EXPECT_EQ(h.id[i], a.entries->value[IOMMUFD_DIRTY_A_HWPT]);
		EXPECT_EQ(h.id[i], a.entries->value[IOMMUFD_DIRTY_A_TRACKER_HWPT]);
		EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, a.entries->value[IOMMUFD_DIRTY_A_KIND]);
		EXPECT_EQ(IOMMU_DIRTY_SOURCE_ON, a.entries->value[IOMMUFD_DIRTY_A_STATE]);
		peer_answer_free(&a);
	}
	/* One dump has the sources of both */
	EXPECT_TRUE(sources_are_of(self, h.id, 2));
	/* It is neither the tracker with that ID nor that of a container */
	EXPECT_EQ(-NLE_OBJ_NOTFOUND, peer_get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET,
					 self->context, IOMMUFD_DIRTY_A_TRACKER, h.id[0], &a));
	EXPECT_EQ(-NLE_OBJ_NOTFOUND, peer_get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET,
					 self->context, IOMMUFD_DIRTY_A_TRACKER, 0, &a));
	EXPECT_EQ(-NLE_OBJ_NOTFOUND, peer_get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET,
					 self->context, IOMMUFD_DIRTY_A_TRACKER_HWPT,
					 self->ioas_id, &a));
	/* A dump does not have the one that tracks no longer; it has the other */
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->fd, h.id[0], false));
	EXPECT_EQ(-NLE_OBJ_NOTFOUND, peer_get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET,
					 self->context, IOMMUFD_DIRTY_A_TRACKER_HWPT,
					 h.id[0], &a));
	EXPECT_TRUE(sources_are_of(self, &h.id[1], 1));
	vdev_close(&h.dev[0]);
	vdev_close(&h.dev[1]);
}

/* What happens to it, from SET to SET and by a GET in between */
TEST_F(netlink, hwpt_events)
{
	static const uint32_t expected[] = {
		IOMMUFD_DIRTY_EVENT_TYPE_CREATED, IOMMUFD_DIRTY_EVENT_TYPE_PLAN,
		IOMMUFD_DIRTY_EVENT_TYPE_STARTED, IOMMUFD_DIRTY_EVENT_TYPE_READ,
		IOMMUFD_DIRTY_EVENT_TYPE_STOPPED, IOMMUFD_DIRTY_EVENT_TYPE_DESTROYED,
	};
	const struct peer_entry *e;
	struct vdev_job job;
	struct peer events;
	struct peer_answer a;
	struct hwpts h;
	__u64 bits[4] = {};
	unsigned int i;

	ASSERT_EQ(0, hwpts_make(&h, self->fd, self->ioas_id));
	ASSERT_EQ(0, peer_listen(&events));
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->fd, h.id[1], true));
	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = 3 * PAGE;
	ASSERT_EQ(0, vdev_run(&h.dev[1], &job, 20000));
	ASSERT_EQ(0, iommufd_hwpt_get_dirty(self->fd, h.id[1], IOVA, SIZE, PAGE, bits, 0));
	EXPECT_EQ(7, bits[0]);
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->fd, h.id[1], false));
	ASSERT_EQ(0, peer_events(&events, &a));
	ASSERT_EQ(ARRAY_SIZE(expected), a.nr);
	EXPECT_FALSE(a.malformed);
	for (i = 0; i < a.nr; i++) {
		e = &a.entries[i];
		EXPECT_EQ(expected[i], e->value[IOMMUFD_DIRTY_A_EVENT]);
		EXPECT_EQ(self->context, e->value[IOMMUFD_DIRTY_A_CONTEXT]);
		EXPECT_EQ(self->ioas_id, e->value[IOMMUFD_DIRTY_A_IOAS]);
		EXPECT_EQ(0, e->value[IOMMUFD_DIRTY_A_TRACKER]);
		EXPECT_EQ(h.id[1], e->value[IOMMUFD_DIRTY_A_TRACKER_HWPT]);
	}
	EXPECT_EQ(h.dev[1].dev_id, a.entries[1].value[IOMMUFD_DIRTY_A_DEVICE]);
	EXPECT_EQ(3 * PAGE, a.entries[3].value[IOMMUFD_DIRTY_A_DIRTY_BYTES]);
	peer_answer_free(&a);
	peer_close(&events);
	vdev_close(&h.dev[0]);
	vdev_close(&h.dev[1]);
}

/* A listener that is too slow gets ENOBUFS, sees how many it has missed, and continues. */
TEST_F(netlink, events_lost)
{
	uint64_t seq, after;
	struct peer events;
	struct peer_answer a;
	unsigned int i;
	__u32 tracker;

	ASSERT_EQ(0, peer_listen(&events));
	ASSERT_EQ(0, nl_socket_set_buffer_size(events.sk, 4096, 4096));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, tracker_set(self->fd, tracker,
					 i % 2 ? 0 : IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	/* ENOBUFS */
	EXPECT_EQ(-NLE_NOMEM, peer_events(&events, &a));
	peer_answer_free(&a);
	ASSERT_EQ(0, peer_events(&events, &a));
	ASSERT_LT(0, a.nr);
	EXPECT_LT(a.nr, 201);
	seq = a.entries[a.nr - 1].value[IOMMUFD_DIRTY_A_EVENT_SEQ];
	EXPECT_EQ(a.nr - 1, seq - a.entries->value[IOMMUFD_DIRTY_A_EVENT_SEQ]);
	peer_answer_free(&a);
	ASSERT_EQ(0, iommufd_destroy(self->fd, tracker));
	ASSERT_EQ(0, peer_events(&events, &a));
	ASSERT_EQ(1, a.nr);
	after = a.entries->value[IOMMUFD_DIRTY_A_EVENT_SEQ];
	EXPECT_LT(seq + 1, after);
	peer_answer_free(&a);
	peer_close(&events);
}

TEST_HARNESS_MAIN
