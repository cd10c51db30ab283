// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaches, replaces and changes of domain that fail, or that another call meets half way.
 * Afterwards no write is lost, no log stays with a tracker that should not have it, and
 * everything can be made and destroyed again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "attacher.h"
#include "crowd.h"
#include "../lib/log.h"

FIXTURE(race_attach) {
	struct crowd c;
};

FIXTURE_SETUP(race_attach)
{
	ASSERT_EQ(0, crowd_open(&self->c, false));
}

FIXTURE_TEARDOWN(race_attach)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

static int call_start(void *b)
{
	return testbed_start(b);
}

/* Pages of RAM that were written and are not in @c->b.bits. */
static unsigned int lost_pages(struct crowd *c, unsigned int *written)
{
	unsigned int page, lost = 0;

	*written = 0;
	for (page = 0; page < RAM_PAGES; page++) {
		if (!*(volatile __u64 *)(c->b.ram + page * PAGE))
			continue;
		++*written;
		lost += !testbed_bit(&c->b, page);
	}
	return lost;
}

/* READ all of RAM from one or two trackers, in @c->b.bits; 0 or -errno. */
static int read_both(struct crowd *c, __u32 tracker, __u32 other)
{
	struct testbed *b = &c->b;
	int rc;

	memset(b->bits, 0, sizeof(b->bits));
	rc = tracker_read_bitmap(b->fd, tracker, IOVA, RAM_SIZE, PAGE, b->bits, 0,
				 NULL);
	if (!rc && other)
		rc = tracker_read_bitmap(b->fd, other, IOVA, RAM_SIZE, PAGE,
					 b->bits, 0, NULL);
	return rc;
}

/* ---- Seen half way ---------------------------------------------------------- */

struct info_loop {
	struct call call;
	struct testbed *b;
	bool stop;
	unsigned long count;
};

static int info_until_stop(void *arg)
{
	struct info_loop *loop = arg;
	struct iommu_dirty_source_info sources[16];
	struct iommu_dirty_tracker_info info;
	int rc = 0;

	while (!rc && !__atomic_load_n(&loop->stop, __ATOMIC_RELAXED)) {
		rc = tracker_info(loop->b->fd, loop->b->tracker_id, &info, sources,
				  16);
		loop->count++;
	}
	return rc;
}

/* INFO meets HWPTs that are being made, and taken back since they cannot track. */
TEST_F(race_attach, info_during_refused_attach)
{
	struct crowd *c = &self->c;
	struct info_loop loop = { .b = &c->b };
	unsigned int i;

	ASSERT_EQ(0, crowd_open_device(c, UNTRACKED));
	ASSERT_EQ(0, crowd_start(c, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE));
	ASSERT_EQ(0, call_begin(&loop.call, info_until_stop, &loop));
	for (i = 0; i < 3000; i++)
		EXPECT_EQ(-ENXIO, crowd_attach(c, UNTRACKED, c->b.ioas_id));
	__atomic_store_n(&loop.stop, true, __ATOMIC_RELAXED);
	EXPECT_EQ(0, call_end(&loop.call));
	TH_LOG("%lu INFOs beside %u attaches", loop.count, i);
}

/* A plan is made while a device is on its way into a new domain. */
TEST_F(race_attach, start_during_attach)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct attacher a = { .dev = &c->dev[LOG], .pt_id = b->ioas_id };
	struct call start;
	__u32 hwpt;

	ASSERT_EQ(0, crowd_open_device(c, LOG));
	ASSERT_EQ(0, crowd_hwpt(c, LOG_2, b->ioas_id, &hwpt));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, hold_arm("hold_attach", 1 + LOG));
	ASSERT_EQ(0, attacher_begin(&a));
	ASSERT_TRUE(hold_is_met("hold_attach", HELD_LONG_MS));
	ASSERT_EQ(0, call_begin(&start, call_start, b));
	call_is_done(&start, HELD_SHORT_MS);
	ASSERT_EQ(0, hold_release("hold_attach"));
	EXPECT_EQ(0, call_end(&a.call));
	EXPECT_EQ(0, call_end(&start));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 5));
	EXPECT_EQ(5, crowd_read(c, b->tracker_id, IOVA, RAM_SIZE));
}

/* A device in the middle of a replace is in two domains, and one line of INFO. */
TEST_F(race_attach, info_during_replace)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct iommu_dirty_source_info sources[8];
	struct iommu_dirty_tracker_info info;
	struct attacher a = { .dev = &c->dev[BOTH] };
	unsigned int i, lines = 0;

	ASSERT_EQ(0, crowd_attach(c, BOTH, b->ioas_id));
	ASSERT_EQ(0, crowd_hwpt(c, BOTH, b->ioas_id, &a.pt_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, hold_arm("hold_attach", 1 + BOTH));
	ASSERT_EQ(0, attacher_begin(&a));
	ASSERT_TRUE(hold_is_met("hold_attach", HELD_LONG_MS));
	EXPECT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, sources, 8));
	for (i = 0; i < info.nr_sources && i < 8; i++)
		lines += sources[i].dev_id == c->dev[BOTH].dev_id;
	EXPECT_EQ(1, lines);
	ASSERT_EQ(0, hold_release("hold_attach"));
	EXPECT_EQ(0, call_end(&a.call));
}

/* ---- Failed replaces -------------------------------------------------------- */

/*
 * A second IOAS with a tracker that runs, and an HWPT in it that LOG cannot be
 * attached to, since it was made for another IOMMU.
 */
static int prepare_replace(struct crowd *c, __u32 *tracker, __u32 *hwpt)
{
	__u32 ioas;

	if (crowd_copy_ioas(c, &ioas) || crowd_attach(c, LOG, c->b.ioas_id) ||
	    crowd_open_device(c, BOTH) ||
	    iommufd_hwpt_alloc(c->b.fd, c->dev[BOTH].dev_id, ioas, 0, hwpt) ||
	    tracker_alloc(c->b.fd, ioas, 0, 0, 0, tracker))
		return -1;
	return tracker_set(c->b.fd, *tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
			   NULL);
}

TEST_F(race_attach, failed_replace_leaves_the_log)
{
	struct crowd *c = &self->c;
	__u32 tracker, hwpt;

	ASSERT_EQ(0, prepare_replace(c, &tracker, &hwpt));
	ASSERT_EQ(0, crowd_log_is_free(c, LOG));
	ASSERT_EQ(-EINVAL, crowd_attach(c, LOG, hwpt));
	EXPECT_EQ(0, crowd_log_is_free(c, LOG));
	ASSERT_EQ(0, tracker_set(c->b.fd, tracker, 0, NULL, NULL));
	EXPECT_EQ(0, crowd_log_is_free(c, LOG));
	ASSERT_EQ(0, iommufd_destroy(c->b.fd, tracker));
	EXPECT_EQ(0, crowd_log_is_free(c, LOG));
	/* A tracker of its own IOAS has it, and it works */
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 5));
	EXPECT_EQ(5, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
}

/* The same from a tracked IOAS: it has the log before and after. */
TEST_F(race_attach, failed_replace_goes_on)
{
	struct crowd *c = &self->c;
	__u32 tracker, hwpt;
	unsigned int i;

	ASSERT_EQ(0, prepare_replace(c, &tracker, &hwpt));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, crowd_dma(c, LOG, IOVA + i * HUGE, 5));
		ASSERT_EQ(-EINVAL, crowd_attach(c, LOG, hwpt));
		ASSERT_EQ(0, crowd_dma(c, LOG, IOVA + i * HUGE + 8 * PAGE, 3));
		EXPECT_EQ(8, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
		EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
	}
	ASSERT_EQ(0, iommufd_destroy(c->b.fd, tracker));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 5));
	EXPECT_EQ(5, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
}

/* In between the log is its user's: the tracker that is left gets it afterwards. */
TEST_F(race_attach, failed_replace_and_user_of_the_log)
{
	const struct vfio_device_feature_dma_logging_range range = { IOVA, RAM_SIZE };
	struct crowd *c = &self->c;
	__u32 tracker, hwpt;
	__u64 page = PAGE;

	ASSERT_EQ(0, crowd_open_device(c, LOG));
	ASSERT_EQ(0, log_start(c->dev[LOG].fd, &range, 1, &page));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, prepare_replace(c, &tracker, &hwpt));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, crowd_kind(c, LOG));
	ASSERT_EQ(-EINVAL, crowd_attach(c, LOG, hwpt));
	ASSERT_EQ(0, log_stop(c->dev[LOG].fd));
	EXPECT_EQ(RAM_PAGES, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 5));
	EXPECT_EQ(5, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
}

/*
 * The same where it is the plan of the other tracker that refuses the device, before the
 * hardware is asked.
 */
TEST_F(race_attach, refused_replace_and_user_of_the_log)
{
	const struct vfio_device_feature_dma_logging_range range = { IOVA, RAM_SIZE };
	struct crowd *c = &self->c;
	__u32 tracker, ioas;
	__u64 page = PAGE;

	ASSERT_EQ(0, crowd_open_device(c, LOG));
	ASSERT_EQ(0, log_start(c->dev[LOG].fd, &range, 1, &page));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_copy_ioas(c, &ioas));
	ASSERT_EQ(0, tracker_alloc(c->b.fd, ioas, 0, IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE, 0,
				   &tracker));
	ASSERT_EQ(0, tracker_set(c->b.fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	ASSERT_EQ(-ENXIO, crowd_attach(c, LOG, ioas));
	ASSERT_EQ(0, log_stop(c->dev[LOG].fd));
	EXPECT_EQ(RAM_PAGES, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 5));
	EXPECT_EQ(5, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
}

/*
 * A READ of the other tracker has met the log in just that moment, and is killed
 * while it waits; then the tracker goes, and the device answers after that.
 */
TEST_F(race_attach, failed_replace_and_killed_read)
{
	struct crowd *c = &self->c;
	volatile unsigned long *reads;
	unsigned long before;
	unsigned int i, tries;
	__u32 tracker, hwpt;
	bool waits = false;
	pid_t pid;

	ASSERT_EQ(0, prepare_replace(c, &tracker, &hwpt));
	ASSERT_EQ(0, crowd_write_on(c, LOG, IOVA, RAM_SIZE, 1000));
	ASSERT_EQ(0, virt_set("hold_track", "1"));
	reads = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	ASSERT_NE(MAP_FAILED, reads);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		for (;; ++*reads)
			crowd_read(c, tracker, IOVA, RAM_SIZE);
	}
	for (tries = 0; tries < 1000 && !waits; tries++) {
		before = *reads;
		for (i = 0; i < 20; i++)
			ASSERT_EQ(-EINVAL, crowd_attach(c, LOG, hwpt));
		usleep(1000);
		if (*reads == before)
			usleep(100000);
		waits = *reads == before;
	}
	TH_LOG("after %u replaces a READ waits: %s", 20 * tries,
	       waits ? "yes" : "no");
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, iommufd_destroy(c->b.fd, tracker));
	ASSERT_EQ(0, virt_set("hold_track", "0"));
	ASSERT_EQ(0, vdev_stop(&c->dev[LOG]));
	EXPECT_EQ(0, crowd_log_is_free(c, LOG));
}

/*
 * Of three devices in a group the last cannot be attached to the new domain. The
 * others were there for a moment, and have written.
 */
TEST_F(race_attach, group_replace_fails_half_way)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct attacher a = { .dev = &c->dev[GROUP] };
	unsigned int i, written;
	__u32 tracker;

	ASSERT_EQ(0, crowd_copy_ioas(c, &a.pt_id));
	for (i = GROUP; i <= GROUP_3; i++)
		ASSERT_EQ(0, crowd_attach(c, i, b->ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, tracker_alloc(b->fd, a.pt_id, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(b->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	for (i = GROUP; i <= GROUP_3; i++)
		ASSERT_EQ(0, crowd_write_on(c, i, IOVA, RAM_SIZE, 3000));
	usleep(50000);
	ASSERT_EQ(0, hold_arm("hold_attach", 1 + GROUP_3));
	ASSERT_EQ(0, attacher_begin(&a));
	ASSERT_TRUE(hold_is_met("hold_attach", HELD_LONG_MS));
	usleep(100000);
	ASSERT_EQ(0, hold_arm("fail_attach", 1 << GROUP_3));
	ASSERT_EQ(0, hold_release("hold_attach"));
	EXPECT_EQ(-ENOMEM, call_end(&a.call));
	usleep(50000);
	for (i = GROUP; i <= GROUP_3; i++) {
		EXPECT_EQ(0, vdev_stop(&c->dev[i]));
		EXPECT_EQ(0, vdev_read64(&c->dev[i], VIRT_DMA_FAULTS));
	}
	EXPECT_EQ(0, read_both(c, b->tracker_id, tracker));
	EXPECT_EQ(0, lost_pages(c, &written)) {
		TH_LOG("%u of %u pages", lost_pages(c, &written), written);
	}
	EXPECT_LT(100, written);

	/* All of it continues as before */
	ASSERT_EQ(0, crowd_dma(c, GROUP_2, IOVA, 5));
	EXPECT_EQ(5, crowd_read(c, b->tracker_id, IOVA, RAM_SIZE));
	EXPECT_EQ(0, crowd_read(c, tracker, IOVA, RAM_SIZE));
	ASSERT_EQ(0, vdev_attach(&c->dev[GROUP], a.pt_id, NULL));
	ASSERT_EQ(0, crowd_dma(c, GROUP_3, IOVA, 7));
	EXPECT_EQ(7, crowd_read(c, tracker, IOVA, RAM_SIZE));
}

/* ---- Attaches that fail, or almost ------------------------------------------ */

/* Attach a device that writes to a new domain, of which a half is filled. */
static void fill_half_way(struct __test_metadata *_metadata, struct crowd *c,
			  struct attacher *a)
{
	ASSERT_EQ(0, crowd_map_far(c));
	ASSERT_EQ(0, crowd_open_device(c, BOTH));
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_IOMMU, 0));
	ASSERT_EQ(0, crowd_write_on(c, BOTH, IOVA, RAM_SIZE, 3000));
	ASSERT_EQ(0, hold_arm("hold_map", FAR));
	ASSERT_EQ(0, attacher_begin(a));
	ASSERT_TRUE(hold_is_met("hold_map", HELD_LONG_MS));
	usleep(200000);
}

/*
 * A new domain is attached first and filled then. Where filling it fails half way,
 * the device has written to what was there.
 */
TEST_F(race_attach, fill_fails_half_way)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	struct attacher a = { .dev = &c->dev[BOTH], .pt_id = b->ioas_id };
	unsigned int written;

	fill_half_way(_metadata, c, &a);
	ASSERT_EQ(0, virt_set("fail_map", "1"));
	ASSERT_EQ(0, hold_release("hold_map"));
	EXPECT_EQ(-ENOMEM, call_end(&a.call));
	ASSERT_EQ(0, vdev_stop(&c->dev[BOTH]));
	EXPECT_EQ(0, read_both(c, b->tracker_id, 0));
	EXPECT_EQ(0, lost_pages(c, &written)) {
		TH_LOG("%u of %u pages", lost_pages(c, &written), written);
	}
	TH_LOG("%u pages were written", written);
	/* and a second try succeeds */
	ASSERT_EQ(0, crowd_attach(c, BOTH, b->ioas_id));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, 5));
	EXPECT_EQ(5, crowd_read(c, b->tracker_id, IOVA, RAM_SIZE));
}

/* What no device can have written to is not marked. */
TEST_F(race_attach, fill_fails_without_a_device)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	__u32 hwpt_id;

	ASSERT_EQ(0, crowd_attach(c, BOTH, b->ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	ASSERT_EQ(0, crowd_dma(c, BOTH, IOVA, 5));
	ASSERT_EQ(0, virt_set("fail_map", "1"));
	EXPECT_EQ(-ENOMEM, iommufd_hwpt_alloc(b->fd, c->dev[BOTH].dev_id, b->ioas_id, 0,
					      &hwpt_id));
	ASSERT_EQ(0, virt_set("fail_map", "0"));
	EXPECT_EQ(5, crowd_read(c, b->tracker_id, IOVA, RAM_SIZE));
}

/* A fill fails beside a call that finds the domain unfilled, and the mark not there yet. */
static void fail_fill_beside(struct __test_metadata *_metadata, struct crowd *c,
			     struct attacher *a, int (*fn)(void *arg), void *arg)
{
	struct call call;

	fill_half_way(_metadata, c, a);
	ASSERT_EQ(0, vdev_stop(&c->dev[BOTH]));
	ASSERT_EQ(0, delay_at("unfilled", 2000000));
	/* It waits for the fill, which holds the domains */
	ASSERT_EQ(0, call_begin(&call, fn, arg));
	usleep(100000);
	ASSERT_EQ(0, virt_set("fail_map", "1"));
	ASSERT_EQ(0, hold_release("hold_map"));
	EXPECT_EQ(0, call_end(&call));
}

static int reader_reads(void *arg)
{
	struct crowd *c = arg;

	return read_both(c, c->b.tracker_id, 0);
}

/* The same, and the first READ after the write runs before the error is dealt with. */
TEST_F(race_attach, read_beside_failed_fill)
{
	struct crowd *c = &self->c;
	struct attacher a = { .dev = &c->dev[BOTH], .pt_id = c->b.ioas_id };
	unsigned int written;

	fail_fill_beside(_metadata, c, &a, reader_reads, c);
	EXPECT_EQ(0, lost_pages(c, &written)) {
		TH_LOG("%u of %u pages", lost_pages(c, &written), written);
	}
	EXPECT_LT(0, written);
	EXPECT_EQ(-ENOMEM, call_end(&a.call));
	ASSERT_EQ(0, delay_at("", 0));
}

static int unmap_ram(void *arg)
{
	struct testbed *b = arg;

	return iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL);
}

/* The same, and what it wrote to is unmapped before the error is dealt with. */
TEST_F(race_attach, unmap_beside_failed_fill)
{
	struct crowd *c = &self->c;
	struct attacher a = { .dev = &c->dev[BOTH], .pt_id = c->b.ioas_id };
	unsigned int written;

	fail_fill_beside(_metadata, c, &a, unmap_ram, &c->b);
	EXPECT_EQ(-ENOMEM, call_end(&a.call));
	ASSERT_EQ(0, delay_at("", 0));
	EXPECT_EQ(0, read_both(c, c->b.tracker_id, 0));
	EXPECT_EQ(0, lost_pages(c, &written)) {
		TH_LOG("%u of %u pages", lost_pages(c, &written), written);
	}
	EXPECT_LT(0, written);
}

/* The driver claims dirty tracking, and refuses a domain that has it. */
TEST_F(race_attach, refused_dirty_tracking)
{
	struct crowd *c = &self->c;
	unsigned int i;

	ASSERT_EQ(0, crowd_attach(c, REFUSING, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, crowd_kind(c, REFUSING));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, crowd_dma(c, REFUSING, IOVA, 5));
		EXPECT_EQ(RAM_PAGES, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	}
	/* Another of its kind is not worse off for it */
	ASSERT_EQ(0, crowd_detach(c, REFUSING));
	ASSERT_EQ(0, crowd_attach(c, SMMU, c->b.ioas_id));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, crowd_kind(c, SMMU));
}

/* ---- What a failure leaves behind ------------------------------------------- */

FIXTURE(aftermath) {
	struct crowd c;
};

FIXTURE_VARIANT(aftermath) {
	const char *fault;
	const char *value;
};

FIXTURE_VARIANT_ADD(aftermath, fail_track_start) {
	.fault = "fail_track_start", .value = "1",
};

FIXTURE_VARIANT_ADD(aftermath, fail_track_report) {
	.fault = "fail_track_report", .value = "1",
};

FIXTURE_VARIANT_ADD(aftermath, lose_track) {
	.fault = "lose_track", .value = "1",
};

FIXTURE_VARIANT_ADD(aftermath, fail_read) {
	.fault = "fail_read", .value = "1",
};

FIXTURE_VARIANT_ADD(aftermath, fail_map) {
	.fault = "fail_map", .value = "1",
};

FIXTURE_VARIANT_ADD(aftermath, fail_attach) {
	.fault = "fail_attach", .value = "0xffff",
};

FIXTURE_SETUP(aftermath)
{
	ASSERT_EQ(0, crowd_open(&self->c, false));
}

FIXTURE_TEARDOWN(aftermath)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* References that keep the device awake, or -1 where the kernel does not tell */
static long awake(const struct vdev *dev)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_usage",
		 dev->name);
	return number_in(path, "");
}

/* Each of these fails, or does not. */
static void use_everything(struct crowd *c)
{
	struct vfio_device_feature_dma_logging_range range = { IOVA, RAM_SIZE };
	__u64 page_size = PAGE;
	unsigned int i;

	for (i = LOG; i <= BOTH; i++) {
		if (!log_start(c->dev[i].fd, &range, 1, &page_size)) {
			log_report(c->dev[i].fd, IOVA, RAM_SIZE, PAGE, c->b.bits);
			log_stop(c->dev[i].fd);
		}
	}
	crowd_attach(c, LOG, c->b.ioas_id);
	crowd_attach(c, BOTH, c->b.ioas_id);
	crowd_start(c, 0, 0);
	crowd_attach(c, LOG_2, c->b.ioas_id);
	for (i = LOG; i <= BOTH; i++)
		crowd_dma(c, i, IOVA + i * HUGE, 5);
	crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE);
	crowd_detach(c, LOG);
	crowd_attach(c, LOG, c->b.ioas_id);
}

/*
 * Whatever has failed: the devices can be detached, their users can have the logs, a
 * tracker can be made and works, and a driver can be unbound.
 */
TEST_F(aftermath, all_can_be_had_again)
{
	struct crowd *c = &self->c;
	struct testbed *b = &c->b;
	long usage[BOTH + 1];
	unsigned int i;

	for (i = LOG; i <= BOTH; i++) {
		ASSERT_EQ(0, crowd_open_device(c, i));
		usage[i] = awake(&c->dev[i]);
	}
	ASSERT_EQ(0, virt_set(variant->fault, variant->value));
	use_everything(c);
	ASSERT_EQ(0, virt_set(variant->fault, "0"));
	if (b->tracker_id)
		EXPECT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
	b->tracker_id = 0;

	for (i = LOG; i <= BOTH; i++) {
		vdev_detach(&c->dev[i]);
		EXPECT_EQ(0, crowd_log_is_free(c, i));
		EXPECT_EQ(0, crowd_attach(c, i, b->ioas_id));
		EXPECT_EQ(usage[i], awake(&c->dev[i]));
	}
	ASSERT_EQ(0, crowd_start(c, IOMMU_DIRTY_POLICY_DEVICE, 0));
	for (i = LOG; i <= BOTH; i++) {
		EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, i));
		ASSERT_EQ(0, crowd_dma(c, i, IOVA + i * HUGE, 5));
	}
	EXPECT_EQ(15, crowd_read(c, b->tracker_id, IOVA, RAM_SIZE));
	for (i = LOG; i <= BOTH; i++) {
		vdev_close(&c->dev[i]);
		/* Another driver has it now */
		EXPECT_EQ(0, vdev_open(&c->dev[i], b->fd, i));
		vdev_close(&c->dev[i]);
	}
}

/* A start that the device refuses leaves the log free. */
TEST_F(race_attach, refused_log_start)
{
	struct crowd *c = &self->c;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, virt_set("fail_track_start", "1"));
	EXPECT_NE(0, crowd_log_is_free(c, LOG));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 5));
	EXPECT_EQ(5, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
}

/* A log that was refused to a tracker is free for the next START. */
TEST_F(race_attach, refused_log_of_a_tracker)
{
	struct crowd *c = &self->c;

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, virt_set("fail_track_start", "100"));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, crowd_kind(c, LOG));
	ASSERT_EQ(0, virt_set("fail_track_start", "0"));
	ASSERT_EQ(0, testbed_start(&c->b));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
	EXPECT_LE(0, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 5));
	EXPECT_EQ(5, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
}

TEST_HARNESS_MAIN
