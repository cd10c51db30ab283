/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI device of any kind through its vfio character device. All functions return 0 (or
 * what they say) or -errno and print nothing.
 */
#ifndef _SELFTESTS_LIB_CDEV_H
#define _SELFTESTS_LIB_CDEV_H

#include <stdbool.h>
#include <linux/types.h>

int cdev_open(const char *address, int iommufd, int *fd, __u32 *dev_id);
int cdev_attach(int fd, __u32 pt_id, __u32 *out_hwpt);
int cdev_detach(int fd);
int cdev_attach_pasid(int fd, __u32 pasid, __u32 pt_id);
int cdev_detach_pasid(int fd, __u32 pasid);
int cdev_bus_master(int fd, bool enable);
int cdev_map_bar0(int fd, void **bar, __u64 *size);

#endif
