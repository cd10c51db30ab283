// SPDX-License-Identifier: GPL-2.0-only
/* PCI devices in sysfs, and numbers in such files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysfs.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"

/**
 * sysfs_write() - Write a string to an attribute
 * @path: The attribute
 * @value: The string
 *
 * Return: 0, or -errno.
 */
int sysfs_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static bool has_id(const char *name, const char *attr, unsigned long want)
{
	char path[PATH_MAX];
	char text[16] = "";
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", name, attr);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	return len > 0 && strtoul(text, NULL, 16) == want;
}

/*
 * Call @found with each device of the ID, in order of address, until it
 * returns false.
 */
static int for_each_pci(unsigned int vendor, unsigned int device,
			bool (*found)(const char *name, void *arg), void *arg)
{
	struct dirent **list;
	bool more = true;
	int n, i;

	n = scandir(PCI_DEVICES, &list, NULL, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	for (i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		if (more && has_id(name, "vendor", vendor) &&
		    has_id(name, "device", device))
			more = found(name, arg);
		free(list[i]);
	}
	free(list);
	return 0;
}

static bool count_one(const char *name, void *arg)
{
	(void)name;
	++*(int *)arg;
	return true;
}

/**
 * sysfs_pci_count() - How many devices have a PCI ID
 * @vendor: Of the ID
 * @device: Of the ID
 *
 * Return: The number, or -errno.
 */
int sysfs_pci_count(unsigned int vendor, unsigned int device)
{
	int n = 0;
	int rc = for_each_pci(vendor, device, count_one, &n);

	return rc ? rc : n;
}

struct find_arg {
	unsigned int skip;
	char *name;
	size_t len;
	int rc;
};

static bool find_one(const char *name, void *p)
{
	struct find_arg *arg = p;

	if (arg->skip--)
		return true;
	if (strlen(name) >= arg->len) {
		arg->rc = -ENAMETOOLONG;
	} else {
		strcpy(arg->name, name);
		arg->rc = 0;
	}
	return false;
}

/**
 * sysfs_pci_find() - Address of the device with a PCI ID
 * @vendor: Of the ID
 * @device: Of the ID
 * @index: Which of them, in order of address, from 0
 * @name: The address, like 0000:00:01.0
 * @len: Room at @name in bytes
 *
 * Return: 0, or -ENODEV when there is none.
 */
int sysfs_pci_find(unsigned int vendor, unsigned int device, unsigned int index,
		   char *name, size_t len)
{
	struct find_arg arg = { .skip = index, .name = name, .len = len,
				.rc = -ENODEV };
	int rc = for_each_pci(vendor, device, find_one, &arg);

	return rc ? rc : arg.rc;
}

static bool bound_to(const char *name, const char *driver)
{
	char path[PATH_MAX];
	char link[PATH_MAX];
	const char *last;
	ssize_t len;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver", name);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < 0)
		return false;
	link[len] = '\0';
	last = strrchr(link, '/');
	return !strcmp(last ? last + 1 : link, driver);
}

/**
 * sysfs_pci_bind() - Give a device to a driver, and take it from its present one
 * @name: PCI address
 * @driver: Name of the driver, which must be loaded
 *
 * Return: 0, or -errno; ENXIO when the driver did not take the device.
 */
int sysfs_pci_bind(const char *name, const char *driver)
{
	char path[PATH_MAX];
	int rc;

	if (bound_to(name, driver))
		return 0;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", name);
	rc = sysfs_write(path, driver);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver/unbind", name);
	rc = sysfs_write(path, name);
	if (rc && rc != -ENOENT)
		return rc;
	rc = sysfs_write("/sys/bus/pci/drivers_probe", name);
	if (rc)
		return rc;
	return bound_to(name, driver) ? 0 : -ENXIO;
}

/**
 * sysfs_vfio_cdev() - Path of a device's vfio character device
 * @name: PCI address
 * @path: The path, like /dev/vfio/devices/vfio0
 * @len: Room at @path in bytes
 *
 * Return: 0, or -ENXIO when there is none: the device is not bound to a vfio
 * driver, or vfio was built without character devices.
 */
int sysfs_vfio_cdev(const char *name, char *path, size_t len)
{
	char dir[PATH_MAX];
	struct dirent *de;
	int rc = -ENXIO;
	DIR *d;

	snprintf(dir, sizeof(dir), PCI_DEVICES "/%s/vfio-dev", name);
	d = opendir(dir);
	if (!d)
		return errno == ENOENT ? -ENXIO : -errno;
	while ((de = readdir(d))) {
		/* noiommu-vfioN of a device without an IOMMU */
		if (strncmp(de->d_name, "vfio", 4) && strncmp(de->d_name, "noiommu-vfio", 12))
			continue;
		rc = snprintf(path, len, "/dev/vfio/devices/%s", de->d_name);
		rc = rc < 0 || (size_t)rc >= len ? -ENAMETOOLONG : 0;
		break;
	}
	closedir(d);
	return rc;
}

/**
 * number_in() - A number in a file of lines "NAME NUMBER ..."
 * @path: Such as /proc/self/status or a memory.stat
 * @name: How the line begins, as far as the number
 *
 * Return: The number; -1 when it is not there.
 */
long number_in(const char *path, const char *name)
{
	char line[256];
	long n = -1;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			n = strtol(line + strlen(name), NULL, 0);
	if (f)
		fclose(f);
	return n;
}
