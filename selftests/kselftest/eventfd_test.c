// SPDX-License-Identifier: GPL-2.0-only
/*
 * The eventfd of a tracker (IOMMU_DIRTY_TRACKER_EVENTFD): when it is signalled, which files
 * are refused as not being one, and that it is released when its tracker is destroyed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "crowd.h"
#include "../lib/log.h"

FIXTURE(eventfd) {
	struct crowd c;
	int fd;
};

FIXTURE_SETUP(eventfd)
{
	self->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, crowd_open(&self->c, false));
}

FIXTURE_TEARDOWN(eventfd)
{
	close(self->fd);
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* A tracker of the crowd's IOAS with this file as its eventfd; 0 or -errno. */
static int alloc_with(struct crowd *c, int fd)
{
	struct iommu_dirty_tracker_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_DIRTY_TRACKER_EVENTFD,
		.ioas_id = c->b.ioas_id,
		.event_fd = fd,
	};

	if (ioctl(c->b.fd, IOMMU_DIRTY_TRACKER_ALLOC, &cmd))
		return -errno;
	c->b.tracker_id = cmd.out_tracker_id;
	return 0;
}

/* Was it signalled since the last call? */
static bool signalled(int fd)
{
	__u64 count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

/* As soon as a source has failed, and not only when there is another plan. */
TEST_F(eventfd, a_log_is_lost)
{
	struct crowd *c = &self->c;
	struct pollfd p = { .fd = self->fd, .events = POLLIN };

	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, alloc_with(c, self->fd));
	ASSERT_EQ(0, testbed_start(&c->b));
	signalled(self->fd);
	EXPECT_EQ(0, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	EXPECT_FALSE(signalled(self->fd));
	ASSERT_EQ(0, virt_set("lose_track", "1"));
	EXPECT_EQ(RAM_PAGES, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_TRUE(signalled(self->fd));
	/* The next READ has made another plan */
	EXPECT_EQ(RAM_PAGES, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	EXPECT_TRUE(signalled(self->fd));
	EXPECT_EQ(RAM_PAGES, crowd_read(c, c->b.tracker_id, IOVA, RAM_SIZE));
	EXPECT_FALSE(signalled(self->fd));
}

TEST_F(eventfd, a_log_becomes_free)
{
	struct vfio_device_feature_dma_logging_range range = { IOVA, RAM_SIZE };
	struct crowd *c = &self->c;
	__u64 page_size = PAGE;

	ASSERT_EQ(0, alloc_with(c, self->fd));
	ASSERT_EQ(0, testbed_start(&c->b));
	ASSERT_EQ(0, crowd_open_device(c, LOG));
	ASSERT_EQ(0, log_start(c->dev[LOG].fd, &range, 1, &page_size));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, crowd_kind(c, LOG));
	signalled(self->fd);
	ASSERT_EQ(0, log_stop(c->dev[LOG].fd));
	EXPECT_TRUE(signalled(self->fd));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_DEVICE, crowd_kind(c, LOG));
}

/* The number that the kernel gives the next eventfd, the lowest that is not in use. */
static long next_number(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	long number = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (fd >= 0)
		number = number_in(path, "eventfd-id:");
	close(fd);
	return number;
}

/* An eventfd goes with its last file: neither a file nor the rest of it is left over. */
TEST_F(eventfd, is_given_back)
{
	struct crowd *c = &self->c;
	long before = next_number();
	unsigned int i;
	int fd;

	ASSERT_LE(0, before);
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	for (i = 0; i < 3; i++) {
		fd = eventfd(0, EFD_CLOEXEC);
		EXPECT_EQ(0, alloc_with(c, fd));
		close(fd);
		/* It is the tracker's now */
		EXPECT_LT(before, next_number());
		/* With a store for each START */
		ASSERT_EQ(0, testbed_start(&c->b));
		ASSERT_EQ(0, tracker_set(c->b.fd, c->b.tracker_id, 0, NULL, NULL));
		ASSERT_EQ(0, testbed_start(&c->b));
		ASSERT_EQ(0, iommufd_destroy(c->b.fd, c->b.tracker_id));
		/* A log that is ending has the store for a moment, and its files go later */
		EXPECT_EQ(0, crowd_log_is_free(c, LOG));
		usleep(100000);
		EXPECT_EQ(before, next_number());
	}
}

/* EINVAL and EBADF, and what was looked at is not kept open. */
TEST_F(eventfd, is_none)
{
	struct crowd *c = &self->c;
	int ends[2];
	char byte;

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	EXPECT_EQ(-EINVAL, alloc_with(c, ends[1]));
	EXPECT_EQ(-1, read(ends[0], &byte, 1));
	EXPECT_EQ(EAGAIN, errno);
	/* The end of the file, since it has no writer */
	close(ends[1]);
	EXPECT_EQ(0, read(ends[0], &byte, 1));
	EXPECT_EQ(-EBADF, alloc_with(c, ends[1]));
	EXPECT_EQ(-EBADF, alloc_with(c, -1));
	close(ends[0]);
	EXPECT_EQ(0, alloc_with(c, self->fd));
	EXPECT_EQ(-EBUSY, alloc_with(c, self->fd));
}

TEST_HARNESS_MAIN
