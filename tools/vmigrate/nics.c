// SPDX-License-Identifier: GPL-2.0-only
/*
 * Network controllers, and the guest's driver for them: a thread for each sends frames in
 * loopback, so that the device reads descriptors and frames, and writes the frames to the
 * buffers and descriptors to both rings. Frame n has a number of its own and a place that
 * follows from n, so that RAM shows which frames a device has written, whoever looks.
 *
 * What the driver itself writes to RAM no IOMMU sees: it is marked in the guest's log
 * (guest.c) before the device is told of it. When nics_stop() returns, neither the drivers
 * nor the devices write any more.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmigrate.h"

/**
 * nics_add() - Open one more; it is not attached yet
 * @set: The controllers
 * @iommufd: /dev/iommu
 * @kind: As nic_chip_name()
 * @index: Which of that kind, from 0
 *
 * Return: A status.
 */
int nics_add(struct nic_set *set, int iommufd, const char *kind, unsigned int index)
{
	struct nic_device *d = &set->devices[set->nr];
	const char *advice = "";
	int count = nic_kind_count(kind);
	int rc;

	*d = (struct nic_device){ .nic.fd = -1 };
	if (count >= 0 && index >= (unsigned int)count)
		count = -ENODEV;
	if (count == -ENODEV)
		return fail(STATUS_ERROR, "there is no %s number %u: lower --nics", kind, index);
	rc = count < 0 ? count : nic_index(kind);
	if (rc >= 0)
		rc = nic_open(&d->nic, iommufd, (unsigned int)rc + index);
	if (rc == -ENXIO || rc == -ENOENT)
		advice = "; load this project's vfio-pci.ko, which has character devices";
	else if (rc == -EBUSY)
		advice = "; someone else has it open";
	if (rc)
		return fail(STATUS_ERROR, "cannot open %s number %u (%s): %s%s", kind, index,
			    d->nic.name, strerror(-rc), advice);
	set->nr++;
	return 0;
}

static void end_thread(struct nic_device *d)
{
	if (!d->running)
		return;
	d->stop = true;
	pthread_join(d->thread, NULL);
	d->running = false;
}

/**
 * nics_close() - Close them; the kernel resets them
 * @set: From nics_add(), whatever it returned
 */
void nics_close(struct nic_set *set)
{
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		end_thread(&set->devices[i]);
		nic_close(&set->devices[i].nic);
	}
	set->nr = 0;
}

static u64 places(const struct nic_job *job)
{
	return (job->length - GUEST_PAGE) / job->stride + 1;
}

static struct nic_frame frame_of(const struct nic_device *d, const struct guest *g, u64 n)
{
	const struct nic_job *job = &d->job;
	u64 place = n % places(job) * job->step % places(job);
	u64 x = virt_dma_value(job->key, n, 0);
	unsigned int room = (GUEST_PAGE - NIC_LONGEST) / 16;
	unsigned int lengths = (NIC_LONGEST - NIC_SHORTEST) / 16 + 1;
	u64 iova = job->base + place * job->stride + x % room * 16;

	return (struct nic_frame){
		.iova = iova,
		.to = (char *)guest_at(g, iova, NIC_LONGEST),
		.length = NIC_SHORTEST + (unsigned int)(x >> 32) % lengths * 16,
		.number = (u32)((job->key << 28) | (n & 0xfffffff)),
	};
}

static void mark_ring(const struct nic_device *d, unsigned int ring, unsigned int at,
		      unsigned int nr)
{
	for (; nr; nr--, at++)
		guest_mark(d->guest, d->job.rings + ring + at % NIC_RING * NIC_DESC, NIC_DESC);
}

static int send_burst(struct nic_device *d, unsigned int nr)
{
	struct nic_frame frames[NIC_BURST];
	struct nic_write writes[NIC_WRITES];
	unsigned int i;
	int rc;

	for (i = 0; i < nr; i++)
		frames[i] = frame_of(d, d->guest, d->position + i);
	nic_prepare(&d->nic, frames, nr);
	mark_ring(d, NIC_RX_RING, d->nic.rx, nr);
	mark_ring(d, NIC_TX_RING, d->nic.tx, nr + 1);
	guest_mark(d->guest, d->job.rings + NIC_FRAMES, NIC_MEMORY - NIC_FRAMES);
	rc = nic_go(&d->nic, frames, nr, writes);
	if (rc < 0)
		return rc;
	d->writes += (unsigned int)rc;
	for (i = 0; i < nr; i++)
		d->refused += !frames[i].intact;
	d->position += nr;
	return 0;
}

static void *drive(void *arg)
{
	struct nic_device *d = arg;
	u64 begin = now_ns(), sent = 0;
	unsigned int most = places(&d->job) < NIC_BURST ? (unsigned int)places(&d->job) : NIC_BURST;

	while (!d->stop && !d->rc) {
		double due = (double)(now_ns() - begin) / 1e9 * (double)d->job.rate - (double)sent;
		unsigned int nr = most;

		if (d->job.rate && due < nr)
			nr = due < 1 ? 0 : (unsigned int)due;
		if (!nr) {
			usleep(500);
			continue;
		}
		d->rc = send_burst(d, nr);
		sent += nr;
	}
	return NULL;
}

/**
 * nics_stop() - Let the driver end what it does, stop the rings, and forbid DMA
 * @set: The controllers; those that are stopped are left alone
 *
 * Return: A status.
 */
int nics_stop(struct nic_set *set)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < set->nr; i++) {
		struct nic_device *d = &set->devices[i];

		if (!d->running)
			continue;
		end_thread(d);
		d->rx = d->nic.rx;
		d->tx = d->nic.tx;
		nic_stop(&d->nic);
		if (d->rc)
			rc = fail(STATUS_ERROR, "NIC %s does not send any more after frame %llu: %s",
				  d->nic.name, d->position, strerror(-d->rc));
	}
	return rc;
}

/* Reset it, once, and tell it of its rings. */
static int begin_one(struct nic_device *d, const struct guest *g)
{
	void *memory = guest_at(g, d->job.rings, NIC_MEMORY);
	int rc;

	if (d->begun)
		return 0;
	if (!memory || !guest_at(g, d->job.base, d->job.length))
		return -EFAULT;
	d->guest = g;
	rc = nic_begin(&d->nic, memory, d->job.rings);
	if (rc)
		return rc;
	d->begun = true;
	nic_stop(&d->nic);
	return 0;
}

static int start_failed(const struct nic_device *d, int rc)
{
	return fail(STATUS_ERROR, "cannot start NIC %s: %s%s", d->nic.name, strerror(-rc),
		    rc == -ETIMEDOUT ?
		    "; it has no link, or its physical function does not answer" : "");
}

static int start_one(struct nic_device *d, const struct guest *g)
{
	int rc = begin_one(d, g);

	if (!rc)
		rc = nic_resume(&d->nic, d->rx, d->tx);
	if (rc)
		return rc;
	d->before = d->position;
	d->stop = false;
	rc = -pthread_create(&d->thread, NULL, drive, d);
	d->running = !rc;
	return rc;
}

/**
 * nics_start() - Let the driver run, from where it is
 * @set: Attached, with jobs; those that run are stopped first
 * @g: RAM
 *
 * Return: A status.
 */
int nics_start(struct nic_set *set, const struct guest *g)
{
	int status = nics_stop(set);
	unsigned int i;

	for (i = 0; !status && i < set->nr; i++) {
		struct nic_device *d = &set->devices[i];
		int rc = start_one(d, g);

		if (rc)
			return start_failed(d, rc);
	}
	return status;
}

/**
 * nics_note() - Where each is
 * @set: Stopped
 * @marks: Of each; filled in
 */
void nics_note(const struct nic_set *set, struct wire_mark *marks)
{
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		const struct nic_device *d = &set->devices[i];

		marks[i] = (struct wire_mark){
			.position = d->position, .sum = (u64)d->rx << 32 | d->tx,
		};
	}
}

/**
 * nics_take() - Continue where the source's have ended
 * @set: Not started yet
 * @g: RAM
 * @marks: As nics_note() of the source made them
 *
 * Return: A status.
 */
int nics_take(struct nic_set *set, const struct guest *g, const struct wire_mark *marks)
{
	unsigned int i;
	int rc;

	for (i = 0; i < set->nr; i++) {
		struct nic_device *d = &set->devices[i];

		d->position = marks[i].position;
		d->rx = (unsigned int)(marks[i].sum >> 32);
		d->tx = (unsigned int)marks[i].sum;
		if (d->rx >= NIC_RING || d->tx >= NIC_RING)
			return fail(STATUS_ERROR,
				    "the source sent descriptors %u and %u of a NIC, whose rings have %u",
				    d->rx, d->tx, NIC_RING);
		rc = begin_one(d, g);
		if (rc)
			return start_failed(d, rc);
	}
	return 0;
}

/**
 * nics_check() - Look for gaps in what they have received
 * @set: Stopped
 * @g: RAM
 * @marks: Where each is, and how many of its frames are not in RAM; filled in. Of a page that
 *	was received into more than once, the last frame counts
 *
 * Return: A status.
 */
int nics_check(const struct nic_set *set, const struct guest *g, struct wire_mark *marks)
{
	unsigned int i;
	u64 n;

	nics_note(set, marks);
	for (i = 0; i < set->nr; i++) {
		const struct nic_device *d = &set->devices[i];

		marks[i].went_on = d->position - d->before;
		n = d->position > places(&d->job) ? d->position - places(&d->job) : 0;
		for (; n < d->position; n++) {
			struct nic_frame f = frame_of(d, g, n);

			if (!f.to)
				return fail(STATUS_ERROR,
					    "NIC %s receives at IOVA %#llx, which is not RAM",
					    d->nic.name, f.iova);
			marks[i].wrong += !nic_frame_is(&f);
		}
	}
	return 0;
}
