// SPDX-License-Identifier: GPL-2.0-only
/*
 * An NVMe controller's admin queue; registers and commands are those of the NVM Express Base
 * Specification, "Controller Properties", "Admin Command Set".
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "nvme.h"

#define CAP		0x00
#define CC		0x14
#define CSTS		0x1c
#define AQA		0x24
#define ASQ		0x28
#define ACQ		0x30
#define DOORBELLS	0x1000

#define CAP_DSTRD(cap)	((unsigned int)((cap) >> 32 & 0xf))
#define CAP_MPSMIN(cap)	((unsigned int)((cap) >> 48 & 0xf))
#define CC_EN		1u
/* Entries of I/O queues have 64 and 16 bytes */
#define CC_SIZES	(6u << 16 | 4u << 20)
#define CSTS_RDY	1u
#define CSTS_CFS	2u

#define ENTRIES		8u
#define IDENTIFY	0x06
#define CNS_CONTROLLER	1
#define WAIT_US		20000000u
#define PAUSE_US	100u

/* An entry of the submission queue, little endian as the processors that run this */
struct command {
	__u8 opcode;
	__u8 flags;
	__u16 id;
	__u32 nsid;
	__u64 reserved;
	__u64 metadata;
	__u64 prp1;
	__u64 prp2;
	__u32 cdw10;
	__u32 cdw11[5];
};

/* An entry of the completion queue */
struct completion {
	__u32 result[2];
	__u16 sq_head;
	__u16 sq_id;
	__u16 id;
	__u16 status;
};

static __u32 read32(struct nvme *n, unsigned int at)
{
	return *(volatile __u32 *)(n->reg + at);
}

static void write32(struct nvme *n, unsigned int at, __u32 value)
{
	__sync_synchronize();
	*(volatile __u32 *)(n->reg + at) = value;
}

static __u64 read64(struct nvme *n, unsigned int at)
{
	return read32(n, at) | (__u64)read32(n, at + 4) << 32;
}

static void write64(struct nvme *n, unsigned int at, __u64 value)
{
	write32(n, at, (__u32)value);
	write32(n, at + 4, (__u32)(value >> 32));
}

static int map_registers(struct nvme *n, int fd)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	void *map;

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -errno;
	if (info.size < DOORBELLS + 0x1000)
		return -ENODEV;
	map = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)info.offset);
	if (map == MAP_FAILED)
		return -errno;
	n->reg = map;
	n->size = info.size;
	return 0;
}

static int allow_dma(int fd)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	__u16 command;
	off_t at;

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -errno;
	at = (off_t)info.offset + PCI_COMMAND;
	if (pread(fd, &command, sizeof(command), at) != sizeof(command))
		return -EIO;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	return pwrite(fd, &command, sizeof(command), at) == sizeof(command) ? 0 : -EIO;
}

static int wait_ready(struct nvme *n, __u32 ready)
{
	unsigned int us;

	for (us = 0; us < WAIT_US; us += PAUSE_US) {
		__u32 status = read32(n, CSTS);

		if (status & CSTS_CFS)
			return -EIO;
		if ((status & CSTS_RDY) == ready)
			return 0;
		usleep(PAUSE_US);
	}
	return -ETIMEDOUT;
}

/**
 * nvme_begin() - Enable a controller with an admin queue
 * @n: Filled in; nvme_end() also after a failure
 * @fd: Of the vfio device, attached
 * @queues: NVME_QUEUES bytes
 * @iova: Where they are mapped
 *
 * Return: 0, or -errno.
 */
int nvme_begin(struct nvme *n, int fd, char *queues, __u64 iova)
{
	int rc;

	*n = (struct nvme){ .queues = queues, .phase = 1 };
	memset(queues, 0, NVME_QUEUES);
	rc = allow_dma(fd);
	if (!rc)
		rc = map_registers(n, fd);
	if (rc)
		return rc;
	/* It has to take pages of 4 KiB */
	if (CAP_MPSMIN(read64(n, CAP)))
		return -EOPNOTSUPP;
	write32(n, CC, 0);
	rc = wait_ready(n, 0);
	if (rc)
		return rc;
	write32(n, AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	write64(n, ASQ, iova);
	write64(n, ACQ, iova + NVME_QUEUES / 2);
	write32(n, CC, CC_SIZES | CC_EN);
	return wait_ready(n, CSTS_RDY);
}

/**
 * nvme_identify() - Have it write 4 KiB, and wait until it has
 * @iova: Where, a multiple of 4 KiB
 *
 * Return: 0, or -errno: EIO it has refused.
 */
int nvme_identify(struct nvme *n, __u64 iova)
{
	struct command *command = (struct command *)n->queues + n->tail;
	volatile struct completion *done =
		(volatile struct completion *)(n->queues + NVME_QUEUES / 2) + n->head;
	unsigned int stride = 4u << CAP_DSTRD(read64(n, CAP)), us;
	__u16 status;

	*command = (struct command){
		.opcode = IDENTIFY,
		.prp1 = iova,
		.cdw10 = CNS_CONTROLLER,
	};
	n->tail = (n->tail + 1) % ENTRIES;
	write32(n, DOORBELLS, n->tail);
	for (us = 0; (done->status & 1u) != n->phase; us += PAUSE_US) {
		if (us >= WAIT_US)
			return -ETIMEDOUT;
		usleep(PAUSE_US);
	}
	__sync_synchronize();
	status = done->status;
	n->head = (n->head + 1) % ENTRIES;
	if (!n->head)
		n->phase ^= 1;
	write32(n, DOORBELLS + stride, n->head);
	return status >> 1 ? -EIO : 0;
}

/** nvme_end() - Disable it, and forget its registers */
void nvme_end(struct nvme *n)
{
	if (!n->reg)
		return;
	write32(n, CC, 0);
	munmap((void *)n->reg, n->size);
	n->reg = NULL;
}
