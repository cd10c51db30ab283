/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An NVMe controller that is told to write: Identify makes it write 4 KiB about itself to an
 * address. Only the admin queue is used, so none of the stored data is read or written.
 */
#ifndef _HARDWARE_NVME_H
#define _HARDWARE_NVME_H

#include <stddef.h>
#include <linux/types.h>

/* Mass storage, non-volatile memory, NVMe */
#define NVME_CLASS	0x010802

/* A page for each of the two queues */
#define NVME_QUEUES	8192u

/**
 * struct nvme - A controller with an admin queue
 * @reg: BAR0, mapped
 * @size: Bytes of it
 * @queues: Memory of the queues, NVME_QUEUES bytes: submission, completion
 * @tail: Next entry of the submission queue
 * @head: Next entry of the completion queue
 * @phase: Of a completion that is new
 */
struct nvme {
	volatile char *reg;
	size_t size;
	char *queues;
	unsigned int tail;
	unsigned int head;
	unsigned int phase;
};

int nvme_begin(struct nvme *n, int fd, char *queues, __u64 iova);
int nvme_identify(struct nvme *n, __u64 iova);
void nvme_end(struct nvme *n);

#endif
