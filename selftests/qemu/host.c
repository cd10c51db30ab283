// SPDX-License-Identifier: GPL-2.0-only
/* VFs, module parameters and the legacy container's file, for a case. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "sysfs.h"
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
 * host_init - Make VFs, and give them to their driver
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
	return rc;
}

/* Whether the kernel has what the case needs. */
bool host_can(const struct qcase *c)
{
	return !c->serve || !access(SERVE, F_OK);
}

/*
 * With @iommufd, whoever opens the legacy container gets iommufd's legacy
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
 * host_prepare - All as the case wants it, but for faults
 * @c: the case; one that is all zero undoes what the last wanted
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
		rc = parameter("iommufd", "dirty_break", *c->breaks ? c->breaks : "0");
	if (!rc && !access(SERVE, F_OK))
		rc = sysfs_write(SERVE, c->serve ? "1" : "0");
	return rc ? rc : container(c->legacy && !c->type1);
}

/* What is to break from now on. */
int host_faults(const struct qcase *c)
{
	return *c->fault ? parameter("iommufd_virt", "connectx_faults", c->fault) : 0;
}
