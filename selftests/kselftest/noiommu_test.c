// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device without an IOMMU (7.3 with CONFIG_VFIO_NOIOMMU): iommufd keeps a table for it that no
 * hardware reads, the device takes physical addresses, and no iommu_group stands behind it.
 * Nothing tracks what it writes, so everything mapped is reported. The device is QEMU's edu.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "../lib/edu.h"
#include "ctl.h"
#include "fixture.h"

#define NOIOMMU_MODE	"/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
#define PAGES		16u
#define ALL		((1ull << PAGES) - 1)
#define NOIOMMU_IOVA	0x100000ull

/* Argument of IOMMU_IOAS_NOIOMMU_GET_PA, which headers before 7.3 do not have */
struct noiommu_pa {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 reserved;
	__u64 iova;
	__u64 length;
	__u64 phys;
};

#define NOIOMMU_GET_PA	_IO(IOMMUFD_TYPE, 0x95)

FIXTURE(noiommu) {
	int fd;
	struct edu dev;
	__u32 ioas_id;
	__u32 tracker_id;
	char *ram;
	__u64 bits;
	struct tracker_read_out out;
	struct ctl_run ctl;
};

FIXTURE_SETUP(noiommu)
{
	self->fd = -1;
	self->dev.fd = -1;
	if (access(NOIOMMU_MODE, F_OK))
		SKIP(return, "vfio was built without devices that have no IOMMU");
	ASSERT_EQ(0, sysfs_write(NOIOMMU_MODE, "Y"));
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, edu_open(&self->dev, self->fd, 0));
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	self->ram = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	ASSERT_NE(MAP_FAILED, self->ram);
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, self->ram, PAGES * PAGE,
				      NOIOMMU_IOVA, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, edu_attach(&self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, IOMMU_DIRTY_POLICY_AUTO, 0, 0,
				   &self->tracker_id));
}

FIXTURE_TEARDOWN(noiommu)
{
	if (self->fd < 0)
		return;
	tracker_break("nothing");
	edu_close(&self->dev);
	close(self->fd);
}

static int start(FIXTURE_DATA(noiommu) *self, __u32 *flags)
{
	return tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL, flags);
}

static int read_bits(FIXTURE_DATA(noiommu) *self)
{
	self->bits = 0;
	return tracker_read_bitmap(self->fd, self->tracker_id, NOIOMMU_IOVA, PAGES * PAGE, PAGE,
				   &self->bits, 0, &self->out);
}

static int physical(FIXTURE_DATA(noiommu) *self, unsigned int page, __u64 *phys)
{
	struct noiommu_pa cmd = {
		.size = sizeof(cmd),
		.ioas_id = self->ioas_id,
		.iova = NOIOMMU_IOVA + page * PAGE,
		.length = PAGE,
	};

	if (ioctl(self->fd, NOIOMMU_GET_PA, &cmd) < 0)
		return -errno;
	*phys = cmd.phys;
	return cmd.length == PAGE ? 0 : -ERANGE;
}

/* The device writes a page, which is seen in memory. */
static int write_page(FIXTURE_DATA(noiommu) *self, unsigned int page)
{
	volatile __u64 *word = (volatile __u64 *)(self->ram + page * PAGE);
	__u64 phys = 0;
	int rc;

	*word = ~0ull;
	rc = physical(self, page, &phys);
	if (!rc)
		rc = edu_write(&self->dev, phys, 0, sizeof(*word));
	return rc ? rc : *word ? -EIO : 0;
}

static int unmap(FIXTURE_DATA(noiommu) *self, unsigned int page)
{
	return iommufd_ioas_unmap(self->fd, self->ioas_id, NOIOMMU_IOVA + page * PAGE, PAGE, NULL);
}

/* Each page becomes a mapping of its own. */
static int map_pages(FIXTURE_DATA(noiommu) *self)
{
	unsigned int i;
	int rc;

	rc = iommufd_ioas_unmap(self->fd, self->ioas_id, NOIOMMU_IOVA, PAGES * PAGE, NULL);
	for (i = 0; !rc && i < PAGES; i++)
		rc = iommufd_ioas_map(self->fd, self->ioas_id, self->ram + i * PAGE, PAGE,
				      NOIOMMU_IOVA + i * PAGE, IOMMUFD_MAP_RW);
	return rc;
}

TEST_F(noiommu, reports_what_is_mapped)
{
	struct iommu_dirty_source_info source = {};
	struct iommu_dirty_tracker_info info;
	unsigned int i;
	__u32 flags;

	ASSERT_EQ(0, start(self, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, flags);
	ASSERT_EQ(0, tracker_info(self->fd, self->tracker_id, &info, &source, 1));
	EXPECT_EQ(1, info.nr_sources);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, source.kind);
	EXPECT_STREQ("none", source.platform);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, write_page(self, 5 * i));
		ASSERT_EQ(0, read_bits(self));
		EXPECT_EQ(ALL, self->bits);
		EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, self->out.flags);
	}
	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id, 0, NULL, NULL));
}

TEST_F(noiommu, comes_and_goes)
{
	unsigned int i;

	ASSERT_EQ(0, map_pages(self));
	ASSERT_EQ(0, start(self, NULL));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, write_page(self, i));
		ASSERT_EQ(0, unmap(self, i));
		ASSERT_EQ(0, read_bits(self));
		EXPECT_EQ(ALL, self->bits | ((1ull << i) - 1));
		EXPECT_TRUE(self->bits & 1ull << i);
		ASSERT_EQ(0, read_bits(self));
		EXPECT_FALSE(self->bits & 1ull << i);
		ASSERT_EQ(0, write_page(self, 9));
		ASSERT_EQ(0, edu_detach(&self->dev));
		ASSERT_EQ(0, read_bits(self));
		EXPECT_TRUE(self->bits & 1ull << 9);
		ASSERT_EQ(0, read_bits(self));
		EXPECT_EQ(0, self->bits);
		ASSERT_EQ(0, edu_attach(&self->dev, self->ioas_id, NULL));
	}
	/* Closed while it is attached, under a tracker */
	ASSERT_EQ(0, write_page(self, 12));
	edu_close(&self->dev);
	ASSERT_EQ(0, read_bits(self));
	EXPECT_TRUE(self->bits & 1ull << 12);
	ASSERT_EQ(0, read_bits(self));
	EXPECT_EQ(0, self->bits);
}

/* What cannot be promised of it is refused as for other devices. */
TEST_F(noiommu, refuses)
{
	__u32 hwpt_id;

	EXPECT_EQ(-EOPNOTSUPP, iommufd_hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
						  IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt_id));
	ASSERT_EQ(0, iommufd_destroy(self->fd, self->tracker_id));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, IOMMU_DIRTY_POLICY_AUTO,
				   IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE, 0, &self->tracker_id));
	EXPECT_EQ(-ENXIO, start(self, NULL));
	ASSERT_EQ(0, edu_detach(&self->dev));
	EXPECT_EQ(0, start(self, NULL));
	EXPECT_EQ(-ENXIO, edu_attach(&self->dev, self->ioas_id, NULL));
	EXPECT_EQ(0, tracker_set(self->fd, self->tracker_id, 0, NULL, NULL));
	EXPECT_EQ(0, edu_attach(&self->dev, self->ioas_id, NULL));
}

/* Whoever asks from outside is shown a device without a group. */
TEST_F(noiommu, is_shown)
{
	ASSERT_EQ(0, start(self, NULL));
	ctl(&self->ctl, "-j show device");
	EXPECT_EQ(0, self->ctl.status);
	EXPECT_NE(NULL, strstr(self->ctl.out, self->dev.name));
	EXPECT_EQ(NULL, strstr(self->ctl.out, "\"group\""));
	ctl(&self->ctl, "plan");
	EXPECT_EQ(0, self->ctl.status);
}

/* Controls: a tracker that forgets is found to lose what the device writes. */
TEST_F(noiommu, notices_what_is_lost)
{
	ASSERT_EQ(0, map_pages(self));
	ASSERT_EQ(0, start(self, NULL));
	ASSERT_EQ(0, tracker_break("no_unmap"));
	ASSERT_EQ(0, write_page(self, 3));
	ASSERT_EQ(0, unmap(self, 3));
	ASSERT_EQ(0, read_bits(self));
	EXPECT_FALSE(self->bits & 1ull << 3);
	ASSERT_EQ(0, tracker_break("no_mark"));
	ASSERT_EQ(0, write_page(self, 4));
	ASSERT_EQ(0, edu_detach(&self->dev));
	ASSERT_EQ(0, read_bits(self));
	EXPECT_FALSE(self->bits & 1ull << 4);
}

/**
 * struct pair_of_threads - Both change the same IOAS
 * @self: What they share
 * @stop: For the one that reads
 * @wrong: First error that none of its calls may return
 * @reads: READs that reported everything mapped
 */
struct pair_of_threads {
	FIXTURE_DATA(noiommu) *self;
	volatile bool stop;
	volatile int wrong;
	unsigned int reads;
};

/* STOP and START, READ, INFO, and now and then a page that is mapped again */
static int read_once(FIXTURE_DATA(noiommu) *self, unsigned int i)
{
	struct iommu_dirty_source_info sources[2];
	struct iommu_dirty_tracker_info info;
	int rc = i % 8 ? 0 : tracker_set(self->fd, self->tracker_id, 0, NULL, NULL);

	if (!rc)
		rc = start(self, NULL);
	if (!rc)
		rc = read_bits(self);
	if (!rc)
		rc = tracker_info(self->fd, self->tracker_id, &info, sources, 2);
	if (rc || i % 16)
		return rc;
	rc = unmap(self, 15);
	return rc ? rc : iommufd_ioas_map(self->fd, self->ioas_id, self->ram + 15 * PAGE, PAGE,
					  NOIOMMU_IOVA + 15 * PAGE, IOMMUFD_MAP_RW);
}

static void *read_always(void *arg)
{
	struct pair_of_threads *p = arg;
	unsigned int i;

	for (i = 0; !p->wrong && !p->stop; i++) {
		p->wrong = read_once(p->self, i);
		p->reads += p->self->bits == ALL;
	}
	return NULL;
}

/* One attaches, detaches, replaces, closes and opens; the other has the tracker. */
TEST_F(noiommu, two_threads)
{
	struct pair_of_threads p = { .self = self };
	double end = seconds_now() + time_limit(5);
	unsigned int rounds;
	pthread_t thread;
	__u32 hwpt_id;

	ASSERT_EQ(0, map_pages(self));
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_always, &p));
	for (rounds = 0; seconds_now() < end && !p.wrong; rounds++) {
		ASSERT_EQ(0, iommufd_hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id, 0,
						&hwpt_id));
		ASSERT_EQ(0, edu_attach(&self->dev, hwpt_id, NULL));
		ASSERT_EQ(0, edu_attach(&self->dev, self->ioas_id, NULL));
		ASSERT_EQ(0, iommufd_destroy(self->fd, hwpt_id));
		if (rounds % 4)
			ASSERT_EQ(0, edu_detach(&self->dev));
		edu_close(&self->dev);
		ASSERT_EQ(0, edu_open(&self->dev, self->fd, 0));
		ASSERT_EQ(0, edu_attach(&self->dev, self->ioas_id, NULL));
	}
	p.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	TH_LOG("%u rounds, %u READs of everything", rounds, p.reads);
	EXPECT_EQ(0, p.wrong);
	EXPECT_LT(3, rounds);
	EXPECT_LT(10, p.reads);
}

TEST_HARNESS_MAIN
