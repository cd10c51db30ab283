// SPDX-License-Identifier: GPL-2.0-only
/* VFs, module parameters and the legacy container's file, for a case. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "feature.h"
#include "host.h"
#include "sysfs.h"
#include "vdev.h"
#include "vf.h"

#define CONTAINER	"/dev/vfio/vfio"
#define CONTAINER_OWN	CONTAINER ".own"
#define SERVE		"/sys/module/iommufd/parameters/serve_hwpt_ioctls"
#define LOG_PAGES	(1u << 20)	/* connectx_log as it is by default */

static int parameter(const char *module, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, name);
	return sysfs_write(path, value);
}

static int parameter_number(const char *module, const char *name, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return parameter(module, name, text);
}

/**
 * host_init() - Make VFs, and give all devices to their drivers
 *
 * Return: 0 or -errno
 */
int host_init(void)
{
	char address[16];
	unsigned int n;
	int rc;

	rc = vf_create(HOST_VFS);
	for (n = 1; !rc && n <= HOST_VFS; n++) {
		vf_address(n, address, sizeof(address));
		rc = sysfs_pci_bind(address, VF_DRIVER);
	}
	for (n = 0; !rc && !sysfs_pci_find(VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID, n,
					   address, sizeof(address)); n++)
		rc = sysfs_pci_bind(address, VDEV_TRACKER_DRIVER);
	return rc;
}

/* Whether QEMU can migrate virtual DMA devices. */
static bool dma_migrates(void)
{
	struct vfio_device_feature_migration migration;
	int iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	struct vdev dev;
	int rc;

	if (iommufd < 0)
		return false;
	rc = vdev_open_driver(&dev, iommufd, 0, VDEV_TRACKER_DRIVER);
	if (!rc) {
		rc = vfio_feature(dev.fd, VFIO_DEVICE_FEATURE_GET |
				  VFIO_DEVICE_FEATURE_MIGRATION,
				  &migration, sizeof(migration));
		vdev_close(&dev);
	}
	close(iommufd);
	return !rc;
}

/* What the kernel lacks that the case needs, or NULL. */
const char *host_cannot(const struct qcase *c)
{
	unsigned int n;

	if (c->serve && access(SERVE, F_OK))
		return "iommufd has no parameter serve_hwpt_ioctls";
	for (n = 0; n < c->nr_devices; n++) {
		if (c->device[n].dma && !dma_migrates())
			return "virtual DMA devices have no migration states";
	}
	return NULL;
}

/*
 * With @iommufd, an open of the legacy container gets iommufd's legacy
 * interface, as Documentation/driver-api/vfio in the kernel says; else vfio's own.
 */
static int container(bool iommufd)
{
	struct stat st;

	if (lstat(CONTAINER, &st))
		return -errno;
	if (S_ISLNK(st.st_mode) == iommufd)
		return 0;
	if (iommufd)
		return rename(CONTAINER, CONTAINER_OWN) ||
		       symlink("/dev/iommu", CONTAINER) ? -errno : 0;
	return rename(CONTAINER_OWN, CONTAINER) ? -errno : 0;
}

/**
 * host_prepare() - All as the case wants it, but for faults
 * @c: The case; one that is all zero undoes what the last wanted
 *
 * Return: 0 or -errno
 */
int host_prepare(const struct qcase *c)
{
	int rc;

	rc = parameter("iommufd_virt", "connectx_faults", "\n");
	if (!rc)
		rc = parameter_number("iommufd_virt", "connectx_log",
				      c->log ? c->log : LOG_PAGES);
	if (!rc)
		rc = parameter_number("iommufd_virt", "drop_record", c->drop);
	if (!rc)
		rc = parameter("iommufd", "dirty_break", *c->breaks ? c->breaks : "nothing");
	if (!rc && !access(SERVE, F_OK))
		rc = sysfs_write(SERVE, c->serve ? "1" : "0");
	return rc ? rc : container(c->legacy && !c->type1);
}

/* What is to break from now on. */
int host_faults(const struct qcase *c)
{
	return *c->fault ? parameter("iommufd_virt", "connectx_faults", c->fault) : 0;
}
