// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints: they describe what was done, with the names of the objects, and nothing is
 * traced when they are off.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "ctl.h"
#include "fixture.h"

#define TRACING	"/sys/kernel/tracing"
#define EVENTS	TRACING "/events/iommufd_dirty"
#define SIZE	(1ull << 20)

FIXTURE(trace) {
	int fd;
	__u32 ioas_id;
	__u32 hwpt_id;
	__u32 tracker_id;
	struct vdev dev;
	char text[65536];
};

FIXTURE_SETUP(trace)
{
	char *ram;

	/*
	 * Names of tasks are not needed. For them the scheduler would be traced too, and an
	 * emulated processor can run into its code while another changes it.
	 */
	sysfs_write(TRACING "/options/record-cmd", "0");
	self->dev.fd = -1;
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	/* Leaves of a page, wherever the memory is */
	ASSERT_EQ(0, iommufd_ioas_huge_pages(self->fd, self->ioas_id, false));
	ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, ram);
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, ram, SIZE, IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, vdev_open(&self->dev, self->fd, CTL_AMD));
	ASSERT_EQ(0, vdev_attach(&self->dev, self->ioas_id, &self->hwpt_id));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &self->tracker_id));
}

FIXTURE_TEARDOWN(trace)
{
	sysfs_write(EVENTS "/enable", "0");
	vdev_close(&self->dev);
	close(self->fd);
}

static int clear_trace(void)
{
	int fd = open(TRACING "/trace", O_WRONLY | O_TRUNC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* The whole trace; it is emptied. */
static int take_trace(char *text, size_t len)
{
	int fd = open(TRACING "/trace", O_RDONLY);
	ssize_t n, sum = 0;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, text + sum, len - 1 - (size_t)sum)) > 0)
		sum += n;
	text[sum] = 0;
	close(fd);
	return clear_trace();
}

/* Is there a line of this tracepoint with all of these words? */
static bool has_line(const char *text, const char *name, const char *a, const char *b)
{
	char line[512], event[64];

	snprintf(event, sizeof(event), " %s: ", name);
	while (sscanf(text, "%511[^\n]", line) == 1) {
		if (strstr(line, event) && strstr(line, a) && strstr(line, b))
			return true;
		text += strlen(line);
		while (*text == '\n')
			text++;
	}
	return false;
}

static int write_and_read(int fd, __u32 tracker, struct vdev *dev)
{
	__u64 bits[SIZE / PAGE / 64] = {};
	struct vdev_job job;
	int rc;

	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = 3 * PAGE;
	rc = vdev_run(dev, &job, 20000);
	if (!rc)
		rc = tracker_read_bitmap(fd, tracker, IOVA, SIZE, PAGE, bits, 0, NULL);
	return rc;
}

TEST_F(trace, told)
{
	char hwpt[32], tracker[32], dev[32];
	struct vdev_job job;

	if (access(TRACING "/trace", F_OK))
		SKIP(return, "this kernel has no tracefs");
	snprintf(hwpt, sizeof(hwpt), " hwpt=%u ", self->hwpt_id);
	snprintf(tracker, sizeof(tracker), " tracker=%u ", self->tracker_id);
	snprintf(dev, sizeof(dev), " dev=%s ", self->dev.name);
	ASSERT_EQ(0, take_trace(self->text, sizeof(self->text)));

	/* Control: off */
	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	ASSERT_EQ(0, write_and_read(self->fd, self->tracker_id, &self->dev));
	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id, 0, NULL, NULL));
	ASSERT_EQ(0, take_trace(self->text, sizeof(self->text)));
	EXPECT_EQ(NULL, strstr(self->text, "dirty_"));

	ASSERT_EQ(0, sysfs_write(EVENTS "/enable", "1"));
	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	ASSERT_EQ(0, write_and_read(self->fd, self->tracker_id, &self->dev));
	ASSERT_EQ(0, take_trace(self->text, sizeof(self->text)));
	EXPECT_TRUE(has_line(self->text, "dirty_plan", dev, "from=none to=iommu"));
	EXPECT_TRUE(has_line(self->text, "dirty_harvest", hwpt, " dirty=12288 "));
	EXPECT_TRUE(has_line(self->text, "dirty_flush", "hwpt=", "all="));
	EXPECT_TRUE(has_line(self->text, "dirty_read", tracker,
			     " first=0x10000000 length=1048576 dirty=12288 "));

	/* What an unmap finds becomes pending */
	ASSERT_EQ(0, write_and_read(self->fd, self->tracker_id, &self->dev));
	ASSERT_EQ(0, clear_trace());
	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = PAGE;
	ASSERT_EQ(0, vdev_run(&self->dev, &job, 20000));
	ASSERT_EQ(0, iommufd_ioas_unmap(self->fd, self->ioas_id, IOVA, SIZE, NULL));
	ASSERT_EQ(0, take_trace(self->text, sizeof(self->text)));
	EXPECT_TRUE(has_line(self->text, "dirty_unmap", tracker,
			     " first=0x10000000 last=0x100fffff "));
	EXPECT_TRUE(has_line(self->text, "dirty_publish", "store=", "memory="));
	EXPECT_FALSE(has_line(self->text, "dirty_degraded", "", ""));
}

TEST_F(trace, degraded)
{
	char hwpt[32];

	if (access(TRACING "/trace", F_OK))
		SKIP(return, "this kernel has no tracefs");
	snprintf(hwpt, sizeof(hwpt), " hwpt=%u ", self->hwpt_id);
	ASSERT_EQ(0, sysfs_write(EVENTS "/enable", "1"));
	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	ASSERT_EQ(0, virt_set("fail_read", "1"));
	ASSERT_EQ(0, write_and_read(self->fd, self->tracker_id, &self->dev));
	ASSERT_EQ(0, take_trace(self->text, sizeof(self->text)));
	EXPECT_TRUE(has_line(self->text, "dirty_degraded", hwpt, " error=-"));
	EXPECT_TRUE(has_line(self->text, "dirty_read", " dirty=1048576 ", " ret=0"));
}

TEST_HARNESS_MAIN
