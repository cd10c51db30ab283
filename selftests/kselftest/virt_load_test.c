// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading the virtual platform with invalid parameters: it refuses, the kernel's log says
 * which parameter is wrong and what to do, and nothing is left behind. At the end the
 * platform is loaded as before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "pair.h"

#define PARAMETERS "/sys/module/iommufd_virt/parameters/"
#define SOMEWHERE "memmap_start=%lu "

/**
 * struct refusal - Parameters, and what comes of them
 * @parameters: With SOMEWHERE for the memory that was reserved
 * @rc: Of loading
 * @message: In the kernel's log
 */
struct refusal {
	const char *parameters;
	int rc;
	const char *message;
};

static const struct refusal refusals[] = {
	{ "memmap_start=0", -EINVAL, "memmap_start is not set" },
	{ "memmap_start=0x70080000", -EINVAL, "is not a multiple of 1 MiB" },
	{ "memmap_start=0x1000000", -EBUSY, "is in use as System RAM" },
	{ "memmap_start=0xfe000000", -EBUSY, "is claimed by another driver" },
	{ "memmap_start=0x4000000000", -ENODEV, "there is no memory" },
	{ SOMEWHERE "iommus=arm", -EINVAL, "unknown personality \"arm\"" },
	{ SOMEWHERE "iommus=amd,", -EINVAL, "unknown personality \"\"" },
	{ SOMEWHERE "iommus=amd:x", -EINVAL, "\"x\" is no number of devices" },
	{ SOMEWHERE "iommus=amd:17", -EINVAL, "\"17\" is no number of devices" },
	{ SOMEWHERE "iommus=amd:9,none:8", -EINVAL, "more than 16 devices" },
	{ SOMEWHERE "iommus=amd+fast", -EINVAL, "unknown option \"fast\"" },
	{ SOMEWHERE "iommus=amd+bits=x", -EINVAL, "option \"bits\" is not a number" },
	{ SOMEWHERE "iommus=amd+page=5K", -EINVAL, "option \"page\" is not a number" },
	{ SOMEWHERE "iommus=amd+log=0", -EINVAL, "option \"log\" is not a number" },
	{ SOMEWHERE "connectx=9", -EINVAL, "connectx: \"9\" is not VFS" },
	{ SOMEWHERE "connectx=1:", -EINVAL, "connectx: \"1:\" is not VFS" },
	{ SOMEWHERE "connectx=1:5", -EINVAL, "connectx: \"1:5\" is not VFS" },
	{ SOMEWHERE "connectx=1,", -EINVAL, "connectx: \"\" is not VFS" },
	{ SOMEWHERE "connectx=1,1,1", -EINVAL, "for up to 2 devices" },
};

static int load(const char *parameters)
{
	int fd = open("/modules/iommufd-virt.ko", O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return rc;
}

static int unload(void)
{
	int rc = virt_set("remove", "1");

	return rc ? rc : syscall(SYS_delete_module, "iommufd_virt", O_NONBLOCK) ?
			 -errno : 0;
}

TEST(parameters_are_checked)
{
	unsigned long start = virt_get("memmap_start");
	char text[256];
	unsigned int i;
	int kmsg = kmsg_open();

	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, unload());
	for (i = 0; i < ARRAY_SIZE(refusals); i++) {
		snprintf(text, sizeof(text), refusals[i].parameters, start);
		EXPECT_EQ(refusals[i].rc, load(text)) {
			TH_LOG("%s", text);
		}
		EXPECT_TRUE(kmsg_says(kmsg, "iommufd", refusals[i].message)) {
			TH_LOG("%s: no message \"%s\"", text,
			       refusals[i].message);
		}
	}
	close(kmsg);
	snprintf(text, sizeof(text), SOMEWHERE "iommus=amd:1", start);
	ASSERT_EQ(0, load(text));
	EXPECT_EQ(1, vdev_count());
}

TEST_HARNESS_MAIN
