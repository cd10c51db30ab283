// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/cdev.h"
#include "../lib/random.h"
#include "oracle.h"
#include "requester.h"

/* What edu writes comes from the first half of its memory, which stays zero */
#define READ_TO (EDU_BUFFER_SIZE / 2)
/* A transfer of edu takes far longer than an access of a virtual device */
#define MOST_TRANSFERS 40u
#define LONGEST 64u

/**
 * requester_open() - Open a virtual DMA device
 * @driver: Its VFIO driver; NULL for vfio-pci
 *
 * Return: 0, or -errno.
 */
int requester_open(struct requester *r, int iommufd, unsigned int index,
		   const char *driver)
{
	*r = (struct requester){ .edu.fd = -1, .nic.fd = -1 };
	return vdev_open_driver(&r->vdev, iommufd, index, driver ?: "vfio-pci");
}

/** requester_open_edu() - Open QEMU's edu device number @index */
int requester_open_edu(struct requester *r, int iommufd, unsigned int index)
{
	*r = (struct requester){ .kind = REQUESTER_EDU, .vdev.fd = -1, .nic.fd = -1 };
	return edu_open(&r->edu, iommufd, index);
}

/**
 * requester_open_nic() - Open a network controller
 * @memory: NIC_MEMORY bytes for its rings and the frames that it sends
 * @iova: Where they are mapped
 *
 * Return: 0, or -errno.
 */
int requester_open_nic(struct requester *r, int iommufd, unsigned int index,
		       void *memory, __u64 iova)
{
	int rc;

	*r = (struct requester){ .kind = REQUESTER_NIC, .vdev.fd = -1, .edu.fd = -1 };
	rc = nic_open(&r->nic, iommufd, index);
	return rc ? rc : nic_begin(&r->nic, memory, iova);
}

/** requester_close() - Stop and close it */
void requester_close(struct requester *r)
{
	requester_stop(r);
	switch (r->kind) {
	case REQUESTER_VIRT:
		vdev_close(&r->vdev);
		break;
	case REQUESTER_EDU:
		edu_close(&r->edu);
		break;
	case REQUESTER_NIC:
		nic_close(&r->nic);
		break;
	}
	free(r->writes);
	r->writes = NULL;
}

/** requester_dev_id() - Its ID in the iommufd */
__u32 requester_dev_id(const struct requester *r)
{
	switch (r->kind) {
	case REQUESTER_EDU:
		return r->edu.dev_id;
	case REQUESTER_NIC:
		return r->nic.dev_id;
	default:
		return r->vdev.dev_id;
	}
}

static int fd_of(const struct requester *r)
{
	return r->kind == REQUESTER_EDU ? r->edu.fd : r->nic.fd;
}

/** requester_attach() - Attach to an IOAS or HWPT */
int requester_attach(struct requester *r, __u32 pt_id)
{
	return r->kind == REQUESTER_VIRT ? vdev_attach(&r->vdev, pt_id, NULL) :
					   cdev_attach(fd_of(r), pt_id, NULL);
}

/** requester_detach() - Detach */
int requester_detach(struct requester *r)
{
	return r->kind == REQUESTER_VIRT ? vdev_detach(&r->vdev) : cdev_detach(fd_of(r));
}

static int note(struct requester *r, __u64 iova, __u32 length, __u64 begin,
		__u64 end)
{
	struct virt_truth_rec write = {
		.iova = iova, .length = length, .begin_ns = begin, .end_ns = end,
	};

	return oracle_append(&r->writes, &r->nr_writes, &write, 1);
}

/* One write, which may lie in two pages, each translated for itself. */
static int transfer(struct requester *r, __u64 offset, unsigned int length)
{
	volatile __u64 *at = (volatile __u64 *)(r->memory + offset);
	__u64 iova = r->job.iova + offset, begin, end;
	unsigned int first = ORACLE_PAGE - iova % ORACLE_PAGE;
	unsigned int i;
	int rc;

	for (i = 0; i < length / 8; i++)
		at[i] = ~0ull;
	begin = oracle_now();
	rc = edu_write(&r->edu, iova, 0, length);
	end = oracle_now();
	if (rc)
		return rc;
	if (first > length)
		first = length;
	if (!at[0])
		rc = note(r, iova, first, begin, end);
	if (!rc && first < length && !at[first / 8])
		rc = note(r, iova + first, length - first, begin, end);
	return rc;
}

static __u64 next_page(const struct vdev_job *job, __u64 *random, unsigned int i)
{
	__u64 pages = job->length / ORACLE_PAGE;

	return job->pattern == VIRT_DMA_PATTERN_RANDOM ? random_below(random, pages) : i % pages;
}

static unsigned int transfers(const struct vdev_job *job)
{
	__u64 n = job->length / ORACLE_PAGE * job->sweeps;

	return n < MOST_TRANSFERS ? n : MOST_TRANSFERS;
}

static void edu_run(struct requester *r, __u64 *random)
{
	const struct vdev_job *job = &r->job;
	unsigned int n = transfers(job), i;

	for (i = 0; i < n && !r->stop && !r->rc; i++) {
		__u64 page = next_page(job, random, i);
		unsigned int length = 8 * (1 + random_below(random, LONGEST / 8));
		__u64 offset = page * ORACLE_PAGE + job->offset;

		if (offset + length > job->length)
			length = 8;
		/* What a read brings into the IOTLB is not dirty */
		if (!random_below(random, 4))
			r->rc = edu_read(&r->edu, job->iova + offset, READ_TO, 8);
		if (!r->rc)
			r->rc = transfer(r, offset, length);
		if (job->rate)
			usleep(1000000 / job->rate);
	}
}

/* There must be room for the longest: see frame_written() in nic.c. */
static struct nic_frame frame_to(const struct requester *r, __u64 page, __u64 *random)
{
	const struct vdev_job *job = &r->job;
	__u64 offset = (page * ORACLE_PAGE + job->offset) & ~15ull;
	unsigned int length = NIC_SHORTEST +
			      16 * random_below(random, (NIC_LONGEST - NIC_SHORTEST) / 16 + 1);

	if (offset + NIC_LONGEST > job->length)
		offset = job->length - NIC_LONGEST;
	return (struct nic_frame){
		.iova = job->iova + offset, .to = r->memory + offset, .length = length,
	};
}

static int by_iova(const void *a, const void *b)
{
	const struct nic_write *x = a, *y = b;

	return x->iova < y->iova ? -1 : x->iova > y->iova;
}

/* Descriptors share a page: one record for each page, and those of a leaf together */
static int note_pages(struct requester *r, struct nic_write *writes, unsigned int nr,
		      __u64 begin, __u64 end)
{
	unsigned int i;
	int rc = 0;

	qsort(writes, nr, sizeof(*writes), by_iova);
	for (i = 0; !rc && i < nr; i++)
		if (!i || (writes[i].iova ^ writes[i - 1].iova) >= ORACLE_PAGE)
			rc = note(r, writes[i].iova, writes[i].length, begin, end);
	return rc;
}

/* Half of the commands are for one frame, so that their time tells more. */
static void nic_run(struct requester *r, __u64 *random)
{
	struct nic_write writes[NIC_WRITES];
	struct nic_frame frames[NIC_BURST];
	unsigned int n = transfers(&r->job), i, k, nr;
	__u64 begin, end;
	int rc;

	for (i = 0; i < n && !r->stop && !r->rc; i += nr) {
		nr = random_below(random, 2) ? 1 + random_below(random, NIC_BURST) : 1;
		for (k = 0; k < nr; k++)
			frames[k] = frame_to(r, next_page(&r->job, random, i + k), random);
		begin = oracle_now();
		rc = nic_send(&r->nic, frames, nr, writes);
		end = oracle_now();
		r->rc = rc < 0 ? rc : note_pages(r, writes, rc, begin, end);
		if (r->job.rate)
			usleep(1000000 / r->job.rate);
	}
}

static void *run(void *arg)
{
	struct requester *r = arg;
	__u64 random = r->job.seed + 1;

	if (r->kind == REQUESTER_EDU)
		edu_run(r, &random);
	else
		nic_run(r, &random);
	r->done = true;
	return NULL;
}

/**
 * requester_start() - Start a job; a running one is stopped first
 * @job: What to do; edu takes its iova, length, pattern, offset, sweeps, seed and rate,
 *	and makes 40 transfers at most
 * @memory: That is mapped there
 *
 * Return: 0, or -errno.
 */
int requester_start(struct requester *r, const struct vdev_job *job,
		    void *memory)
{
	int rc;

	if (r->kind == REQUESTER_VIRT)
		return vdev_start(&r->vdev, job);
	rc = requester_stop(r);
	if (rc)
		return rc;
	r->job = *job;
	r->memory = memory;
	r->stop = r->done = false;
	rc = -pthread_create(&r->thread, NULL, run, r);
	r->running = !rc;
	return rc;
}

/** requester_wait() - Wait until the job is done */
int requester_wait(struct requester *r, unsigned int timeout_ms)
{
	unsigned int ms;

	if (r->kind == REQUESTER_VIRT)
		return vdev_wait(&r->vdev, timeout_ms);
	for (ms = 0; r->running && !r->done; ms++) {
		if (ms == timeout_ms)
			return -ETIMEDOUT;
		usleep(1000);
	}
	return requester_stop(r);
}

/** requester_stop() - End the job after what is under way */
int requester_stop(struct requester *r)
{
	if (r->kind == REQUESTER_VIRT)
		return r->vdev.fd < 0 ? 0 : vdev_stop(&r->vdev);
	if (r->running) {
		r->stop = true;
		pthread_join(r->thread, NULL);
		r->running = false;
	}
	return r->rc;
}
