/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process with a device, memory and a tracker for iommufdctl to show, as a part of a
 * test: included after kselftest_harness.h.
 */
#ifndef _KSELFTEST_CTL_FIXTURE_H
#define _KSELFTEST_CTL_FIXTURE_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <json-c/json.h>

#include "ctl.h"
#include "fixture.h"

FIXTURE(ctl) {
	struct ctl_run r;
	int fd;
	__u32 ioas_id;
	__u32 tracker_id;
	__u64 context;
	struct vdev dev;
};

FIXTURE_SETUP(ctl)
{
	struct json_object *json;
	char *ram;

	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	/* Leaves of a page, wherever the memory is */
	ASSERT_EQ(0, iommufd_ioas_huge_pages(self->fd, self->ioas_id, false));
	ram = mmap(NULL, CTL_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, ram);
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, ram, CTL_SIZE, IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, vdev_open(&self->dev, self->fd, CTL_AMD));
	ASSERT_EQ(0, vdev_attach(&self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &self->tracker_id));

	ctl(&self->r, "-j show context");
	ASSERT_EQ(0, self->r.status) TH_LOG("%s", self->r.err);
	json = json_tokener_parse(self->r.out);
	ASSERT_NE(NULL, json);
	self->context = strtoull(ctl_value(ctl_entry(json, "context", "pid", (uint64_t)getpid()),
					   "context"), NULL, 10);
	ASSERT_NE(0, self->context);
	json_object_put(json);
}

FIXTURE_TEARDOWN(ctl)
{
	vdev_close(&self->dev);
	close(self->fd);
}

#endif
