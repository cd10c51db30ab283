// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual mediated device; see mediated.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "fixture.h"
#include "mediated.h"
#include "virt_cpu.h"

#define CPU_DEVICE "/sys/bus/platform/devices/iommufd-virt-cpu%s/vfio-dev"

/**
 * mediated_open() - Open a mediated device and bind it
 * @number: "", or ".1" for the second device
 * @iommufd: /dev/iommu
 *
 * Return: The device, to be closed by the caller, or -errno.
 */
int mediated_open(const char *number, int iommufd)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommufd };
	struct dirent *entry;
	int fd = -ENODEV;
	char path[300];
	DIR *dir;

	snprintf(path, sizeof(path), CPU_DEVICE, number);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vfio", 4)) {
			snprintf(path, sizeof(path), "/dev/vfio/devices/%s",
				 entry->d_name);
			fd = open(path, O_RDWR);
		}
	closedir(dir);
	if (fd >= 0 && ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind)) {
		close(fd);
		return -errno;
	}
	return fd;
}

/** mediated_attach() - Attach the device to an IOAS; 0 or -errno */
int mediated_attach(int fd, __u32 ioas_id)
{
	struct vfio_device_attach_iommufd_pt pt = { .argsz = sizeof(pt),
						    .pt_id = ioas_id };

	return ioctl(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &pt) ? -errno : 0;
}

/** mediated_detach() - Detach the device; 0 or -errno */
int mediated_detach(int fd)
{
	struct vfio_device_detach_iommufd_pt pt = { .argsz = sizeof(pt) };

	return ioctl(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &pt) ? -errno : 0;
}

/**
 * mediated_do() - Have the device execute a command
 * @fd: The device
 * @op: VIRT_CPU_*
 * @page: Number of the first page of RAM
 * @pages: How many
 *
 * Return: 0 or -errno.
 */
int mediated_do(int fd, __u32 op, __u64 page, __u64 pages)
{
	struct virt_cpu_cmd cmd = {
		.op = op, .iova = IOVA + page * PAGE, .length = pages * PAGE,
	};

	return write(fd, &cmd, sizeof(cmd)) == sizeof(cmd) ? 0 : -errno;
}

/**
 * mediated_testbed() - A testbed of a mediated device alone
 * @b: Gets RAM that is mapped and a tracker that is not started, to be closed by the caller
 *
 * Return: The device, attached, to be closed by the caller, or -errno.
 */
int mediated_testbed(struct testbed *b)
{
	int cpu, rc = testbed_open_empty(b, false);

	if (!rc)
		rc = testbed_map(b);
	if (rc)
		return rc;
	cpu = mediated_open("", b->fd);
	if (cpu < 0)
		return cpu;
	rc = mediated_attach(cpu, b->ioas_id);
	if (!rc)
		rc = tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id);
	if (!rc)
		return cpu;
	close(cpu);
	return rc;
}
