/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual DMA device (drivers/virt/virt_dma.h) opened through its vfio
 * character device. All functions return 0 (or what they say) or -errno and
 * print nothing. A struct vdev belongs to one thread.
 */
#ifndef _SELFTESTS_LIB_VDEV_H
#define _SELFTESTS_LIB_VDEV_H

#include <linux/types.h>

#include "virt_dma.h"

/* Knows the page tracker of a device that has one. */
#define VDEV_TRACKER_DRIVER "iommufd_virt_vfio_pci"

/**
 * struct vdev - An open device
 * @fd: /dev/vfio/devices/vfioN; -1 when closed
 * @iommufd: That it is bound to; belongs to the caller
 * @dev_id: Its ID in @iommufd
 * @bar: BAR0, mapped
 * @bar_size: Bytes of it
 * @name: PCI address, like 0000:00:01.0
 */
struct vdev {
	int fd;
	int iommufd;
	__u32 dev_id;
	volatile __u64 *bar;
	__u64 bar_size;
	char name[16];
};

/**
 * struct vdev_job - What the device is to do; see the registers of the same
 *	names in virt_dma.h
 * @op: VIRT_DMA_OP_*
 * @pattern: VIRT_DMA_PATTERN_*
 * @iova: First byte
 * @length: Bytes, a multiple of @unit
 * @unit: Distance of accesses in bytes
 * @size: Bytes per access
 * @offset: Of the access in its unit, in bytes
 * @stride: In units
 * @src: First byte to read (COPY)
 * @seed: Of RANDOM, and part of the values written
 * @sweeps: How often to go through; 0 until vdev_stop()
 * @rate: Accesses per second; 0 for no limit
 * @pasid: With which PASID; 0: without one
 * @irq: Interrupt when the run ends; see vdev_irq_enable()
 */
struct vdev_job {
	__u64 op;
	__u64 pattern;
	__u64 iova;
	__u64 length;
	__u64 unit;
	__u64 size;
	__u64 offset;
	__u64 stride;
	__u64 src;
	__u64 seed;
	__u64 sweeps;
	__u64 rate;
	__u64 pasid;
	__u64 irq;
};

int vdev_count(void);
int vdev_open_driver(struct vdev *d, int iommufd, unsigned int index,
		     const char *driver);
int vdev_open_address(struct vdev *d, int iommufd, const char *address);
int vdev_use(struct vdev *d);
int vdev_open(struct vdev *d, int iommufd, unsigned int index);
void vdev_close(struct vdev *d);
void vdevs_init(struct vdev *dev, unsigned int nr);
void vdevs_close(struct vdev *dev, unsigned int nr);

int vdev_attach(struct vdev *d, __u32 pt_id, __u32 *out_hwpt);
int vdev_detach(struct vdev *d);
int vdev_reset(struct vdev *d);
int vdev_bus_master(struct vdev *d, int enable);
int vdev_irq_set(struct vdev *d, int fd);
int vdev_irq_enable(struct vdev *d);

__u64 vdev_read64(struct vdev *d, unsigned int reg);
void vdev_write64(struct vdev *d, unsigned int reg, __u64 value);

void vdev_job_init(struct vdev_job *job);
int vdev_start(struct vdev *d, const struct vdev_job *job);
int vdev_wait(struct vdev *d, unsigned int timeout_ms);
int vdev_stop(struct vdev *d);
int vdev_run(struct vdev *d, const struct vdev_job *job,
	     unsigned int timeout_ms);

#endif
