/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The address space that the tests of "make hardware-report" use: one device that the user
 * has given, memory, and a tracker. The tests know nothing about the device, unless it is one
 * that they can tell what to write.
 */
#ifndef _HARDWARE_BED_H
#define _HARDWARE_BED_H

#include <stdbool.h>
#include <linux/types.h>

#include "../../lib/edu.h"
#include "../../lib/iommufd.h"
#include "../../lib/vdev.h"
#include "nvme.h"

#define PAGE		4096ull
#define RAM_PAGES	1024u
#define RAM_SIZE	(RAM_PAGES * PAGE)

struct bed;

/**
 * struct writer - How to tell a device to write
 * @name: What it is
 * @vendor: PCI ID, or 0 where the class says it
 * @device: PCI ID, or the class
 * @iova: Where memory is to be mapped for it
 * @begin: Make it ready
 * @write: Write some bytes at an IOVA, and wait until they are there
 */
struct writer {
	const char *name;
	unsigned long vendor;
	unsigned long device;
	__u64 iova;
	int (*begin)(struct bed *b);
	int (*write)(struct bed *b, __u64 iova);
};

/**
 * struct bed - The address space
 * @fd: /dev/iommu
 * @dev: The device, attached to @hwpt_id
 * @edu: The same, if it is an edu
 * @nvme: The same, if it is an NVMe controller
 * @writer: How to tell it to write, or NULL
 * @iova: Where @ram is mapped
 * @ioas_id: IOAS
 * @hwpt_id: HWPT, with dirty tracking if the IOMMU has that
 * @tracked: It has
 * @tracker_id: Tracker, which does not run yet
 * @ram: Memory, in pages of 4 KiB
 * @queues: Further memory, for queues of the device, far from it in the address space
 * @bits: What bed_read() has read
 */
struct bed {
	int fd;
	struct vdev dev;
	struct edu edu;
	struct nvme nvme;
	const struct writer *writer;
	__u64 iova;
	__u32 ioas_id;
	__u32 hwpt_id;
	bool tracked;
	__u32 tracker_id;
	char *ram;
	char *queues;
	__u64 bits[RAM_PAGES / 64];
};

int bed_open(struct bed *b, const char *address, bool small_leaves);
void bed_close(struct bed *b);
int bed_hwpt(struct bed *b, __u32 *hwpt_id);
int bed_set(struct bed *b, bool run, __u32 *flags);
int bed_read(struct bed *b, __u32 flags);
int bed_source(struct bed *b, struct iommu_dirty_source_info *source, __u32 *flags);
unsigned int bed_dirty(const struct bed *b, __u64 first, __u64 pages);
int bed_write(struct bed *b, __u64 page);

#endif
