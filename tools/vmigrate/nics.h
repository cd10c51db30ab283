/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Network controllers of a guest, and the driver that the guest has for them. They have no
 * migration states: the driver stops them, and the destination's driver continues with
 * other controllers, where the rings in RAM end. Included by vmigrate.h.
 */
#ifndef _VMIGRATE_NICS_H
#define _VMIGRATE_NICS_H

#include <pthread.h>
#include <stdatomic.h>

#include "nic.h"

#define MAX_NICS	4	/* of a guest; the other side needs as many */
#define NIC_KIND	8	/* room for a name of nic_chip_name() */

/**
 * struct nic_job - What is received where; sent as it is, in struct wire_nic
 * @rings: IOVA of NIC_MEMORY bytes: the rings, and frames to be sent
 * @base: First byte of the buffers
 * @length: Bytes of them, whole pages
 * @step: Frames follow one another in pages so far apart, and each page has its turn
 * @stride: Bytes of RAM for each buffer, of which the first page is used
 * @rate: Frames a second; 0 for no limit
 * @key: In the number of each frame: which controller it is
 */
struct nic_job {
	u64 rings;
	u64 base;
	u64 length;
	u64 step;
	u64 stride;
	u64 rate;
	u64 key;
};

/**
 * struct nic_device - A network controller
 * @nic: Open, attached
 * @job: What it receives
 * @guest: RAM
 * @begun: It has been reset, and has rings
 * @rx: The descriptor that a start begins to receive into
 * @tx: ... and to send from
 * @position: Number of the next frame; the thread's while there is one
 * @before: What it was when the device was started last
 * @writes: Accesses to pages that were seen in RAM; as @position
 * @refused: Frames that did not arrive as a whole; as @position
 * @thread: The driver
 * @running: There is a thread
 * @stop: It is to end
 * @rc: Why it has ended; the thread's, as @position
 */
struct nic_device {
	struct nic nic;
	struct nic_job job;
	const struct guest *guest;
	bool begun;
	unsigned int rx;
	unsigned int tx;
	u64 position;
	u64 before;
	u64 writes;
	u64 refused;
	pthread_t thread;
	bool running;
	atomic_bool stop;
	int rc;
};

/**
 * struct nic_set - The network controllers of a guest
 * @nr: Entries of @devices that are open
 * @devices: The controllers
 */
struct nic_set {
	unsigned int nr;
	struct nic_device devices[MAX_NICS];
};

struct wire_mark;

int nics_add(struct nic_set *set, int iommufd, const char *kind, unsigned int index);
void nics_close(struct nic_set *set);
int nics_start(struct nic_set *set, const struct guest *g);
int nics_stop(struct nic_set *set);
void nics_note(const struct nic_set *set, struct wire_mark *marks);
int nics_take(struct nic_set *set, const struct guest *g, const struct wire_mark *marks);
int nics_check(const struct nic_set *set, const struct guest *g, struct wire_mark *marks);

#endif
