// SPDX-License-Identifier: GPL-2.0-only
/* Virtual functions of the first 82576, whose physical function Linux's igb drives. */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nic.h"
#include "sysfs.h"

#define DEVICE "/sys/bus/pci/devices/%s/"

static int physical(char *name, size_t len)
{
	return sysfs_pci_find(0x8086, 0x10c9, 0, name, len);
}

static int set(const char *name, const char *attribute, unsigned int value)
{
	char path[256], text[16];

	snprintf(path, sizeof(path), DEVICE "%s", name, attribute);
	snprintf(text, sizeof(text), "%u", value);
	return sysfs_write(path, text);
}

/* Name of the network interface that the driver has made */
static int interface(const char *name, char *ifname, size_t len)
{
	struct dirent *de;
	char path[256];
	int rc = -ENODEV;
	DIR *d;

	snprintf(path, sizeof(path), DEVICE "net", name);
	d = opendir(path);
	while (d && rc && (de = readdir(d)))
		if (de->d_name[0] != '.' && strlen(de->d_name) < len) {
			strcpy(ifname, de->d_name);
			rc = 0;
		}
	if (d)
		closedir(d);
	return rc;
}

/* Only with an interface that is up does igb answer its virtual functions. */
static int interface_up(const char *ifname)
{
	struct ifreq ifr = {};
	int rc = 0, ms, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		rc = -errno;
	ifr.ifr_flags |= IFF_UP;
	if (!rc && ioctl(fd, SIOCSIFFLAGS, &ifr))
		rc = -errno;
	for (ms = 0; !rc && !(ifr.ifr_flags & IFF_RUNNING); ms += 10) {
		if (ms > 20000)
			rc = -ETIMEDOUT;
		usleep(10000);
		if (ioctl(fd, SIOCGIFFLAGS, &ifr))
			rc = -errno;
	}
	close(fd);
	return rc;
}

/**
 * nic_vfs_make() - Give the first 82576 to igb, and make virtual functions
 * @nr: How many
 *
 * No driver takes them.
 *
 * Return: 0, or -errno: ENODEV there is no 82576, ENXIO no igb.
 */
int nic_vfs_make(unsigned int nr)
{
	char name[16], ifname[IFNAMSIZ];
	int rc = physical(name, sizeof(name));

	if (!rc)
		rc = sysfs_pci_bind(name, "igb");
	if (!rc)
		rc = interface(name, ifname, sizeof(ifname));
	if (!rc)
		rc = set(name, "sriov_drivers_autoprobe", 0);
	if (!rc)
		rc = set(name, "sriov_numvfs", nr);
	return rc ? rc : interface_up(ifname);
}

/** nic_vfs_remove() - Remove them; none may be open */
int nic_vfs_remove(void)
{
	char name[16];
	int rc = physical(name, sizeof(name));

	return rc ? rc : set(name, "sriov_numvfs", 0);
}
