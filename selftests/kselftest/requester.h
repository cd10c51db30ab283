/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What makes DMA in a schedule: a virtual DMA device, whose platform keeps the ground
 * truth, or a device of QEMU's, whose writes are commanded here and kept as records.
 * Of those the time between command and completion is the write's, and whether it reached
 * memory is seen in memory. An edu makes one write at a time: a thread of the job
 * fills the place with ones, and edu writes zeros. A network controller receives the
 * frames that it sends, up to 16 by one command, and writes its descriptors.
 */
#ifndef _KSELFTEST_REQUESTER_H
#define _KSELFTEST_REQUESTER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <linux/types.h>

#include "../lib/edu.h"
#include "../lib/nic.h"
#include "../lib/vdev.h"

/** enum requester_kind - A virtual DMA device, or one of QEMU's */
enum requester_kind {
	REQUESTER_VIRT,
	REQUESTER_EDU,
	REQUESTER_NIC,
};

/**
 * struct requester - A device
 * @kind: Which of the following three it is
 * @vdev: The virtual one
 * @edu: QEMU's edu
 * @nic: A network controller
 * @job: What @edu or @nic does
 * @memory: That is mapped at the job's IOVA
 * @thread: That has the device do it
 * @running: @thread has to be joined
 * @stop: @thread has to end
 * @done: @thread has done all
 * @rc: What came of it
 * @writes: Of @edu or @nic, that reached memory
 * @nr_writes: How many
 */
struct requester {
	enum requester_kind kind;
	struct vdev vdev;
	struct edu edu;
	struct nic nic;
	struct vdev_job job;
	char *memory;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	atomic_bool done;
	int rc;
	struct virt_truth_rec *writes;
	unsigned int nr_writes;
};

int requester_open(struct requester *r, int iommufd, unsigned int index,
		   const char *driver);
int requester_open_edu(struct requester *r, int iommufd, unsigned int index);
int requester_open_nic(struct requester *r, int iommufd, unsigned int index,
		       void *memory, __u64 iova);
void requester_close(struct requester *r);
__u32 requester_dev_id(const struct requester *r);
int requester_attach(struct requester *r, __u32 pt_id);
int requester_detach(struct requester *r);
int requester_start(struct requester *r, const struct vdev_job *job,
		    void *memory);
int requester_wait(struct requester *r, unsigned int timeout_ms);
int requester_stop(struct requester *r);

#endif
