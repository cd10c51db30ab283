/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What makes DMA in a schedule: a virtual DMA device, whose platform keeps the ground
 * truth, or QEMU's edu device, whose writes are commanded here one by one and kept as
 * records. Of edu the time between command and completion is the write's, and whether
 * it reached memory is seen in memory: a thread of the job fills the place with ones,
 * and edu writes zeros.
 */
#ifndef _KSELFTEST_REQUESTER_H
#define _KSELFTEST_REQUESTER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <linux/types.h>

#include "../lib/edu.h"
#include "../lib/vdev.h"

/**
 * struct requester - A device
 * @real: Edu, else a virtual DMA device
 * @vdev: The virtual one
 * @edu: The other
 * @job: What @edu does
 * @memory: That is mapped at the job's IOVA
 * @thread: That has @edu do it
 * @running: @thread has to be joined
 * @stop: @thread has to end
 * @done: @thread has done all
 * @rc: What came of it
 * @writes: Of @edu, that reached memory
 * @nr_writes: How many
 */
struct requester {
	bool real;
	struct vdev vdev;
	struct edu edu;
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
void requester_close(struct requester *r);
__u32 requester_dev_id(const struct requester *r);
int requester_attach(struct requester *r, __u32 pt_id);
int requester_detach(struct requester *r);
int requester_start(struct requester *r, const struct vdev_job *job,
		    void *memory);
int requester_wait(struct requester *r, unsigned int timeout_ms);
int requester_stop(struct requester *r);

#endif
