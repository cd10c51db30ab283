/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI devices in sysfs: find one, give it to a driver, find its vfio character
 * device. All functions return 0 (or what they say) or -errno and print
 * nothing.
 */
#ifndef _SELFTESTS_LIB_SYSFS_H
#define _SELFTESTS_LIB_SYSFS_H

#include <stddef.h>

int sysfs_pci_count(unsigned int vendor, unsigned int device);
int sysfs_pci_find(unsigned int vendor, unsigned int device, unsigned int index,
		   char *name, size_t len);
int sysfs_pci_bind(const char *name, const char *driver);
int sysfs_vfio_cdev(const char *name, char *path, size_t len);
int sysfs_write(const char *path, const char *value);

long number_in(const char *path, const char *name);

#endif
