// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "pair.h"
#include "../lib/truth.h"

/* How long a generator may take to make a write, in ms. */
#define MOVE_MS		5000
/* And how long one that must not write is watched. */
#define STILL_MS	20

static void *memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/**
 * pair_open_vf() - Open a VF and attach it
 * @p: The pair
 * @vf: &@p->src or &@p->dst, closed
 * @n: Number of the VF, from 1
 *
 * Return: 0, or -errno.
 */
int pair_open_vf(struct pair *p, struct vf *vf, unsigned int n)
{
	char name[16];
	int rc;

	vf_address(n, name, sizeof(name));
	rc = vf_open(vf, p->fd, name, VF_DRIVER);
	return rc ? rc : vf_attach(vf, p->ioas_id);
}

/**
 * pair_open() - Make a pair; anything left of an earlier one is put right
 * @p: Filled in; closed by pair_close() also when this fails
 *
 * Return: 0, or -errno.
 */
int pair_open(struct pair *p)
{
	int rc;

	memset(p, 0, sizeof(*p));
	p->src.fd = -1;
	p->dst.fd = -1;
	p->job = (struct vf_job){
		.base = PAIR_BASE,
		.length = PAIR_RAM,
		.unit = PAGE,
		.rate = 20000,
		.key = 0x1234567,
	};
	p->fd = iommufd_open();
	if (p->fd < 0)
		return p->fd;
	p->ram = memory(PAIR_RAM);
	p->stream = memory(PAIR_STREAM);
	if (!p->ram || !p->stream)
		return -ENOMEM;
	memset(p->ram, 0, PAIR_RAM);

	rc = firmware_faults("");
	if (!rc)
		rc = vf_create(2);
	if (!rc)
		rc = iommufd_ioas_alloc(p->fd, &p->ioas_id);
	if (!rc)
		rc = iommufd_ioas_map(p->fd, p->ioas_id, p->ram, PAIR_RAM,
				      PAIR_BASE, IOMMUFD_MAP_RW);
	if (!rc)
		rc = pair_open_vf(p, &p->src, 1);
	if (!rc)
		rc = pair_open_vf(p, &p->dst, 2);
	return rc;
}

/** pair_close() - End all faults and give everything back */
void pair_close(struct pair *p)
{
	firmware_faults("");
	vf_close(&p->src);
	vf_close(&p->dst);
	if (p->fd >= 0)
		close(p->fd);
	munmap(p->ram, PAIR_RAM);
	munmap(p->stream, PAIR_STREAM);
	vf_create(0);
}

/**
 * pair_run() - Let a VF, which is RUNNING, write to the memory, from the start
 * @p: The pair
 * @vf: One of it
 *
 * With values of its own each time, so that what an earlier run wrote stands in for
 * nothing.
 *
 * Return: 0, or -errno.
 */
int pair_run(struct pair *p, struct vf *vf)
{
	int rc = vf_bus_master(vf, true);

	p->job.key++;
	return rc ? rc : vf_start(vf, &p->job);
}

/** pair_moves() - Does the VF issue DMA? */
bool pair_moves(const struct vf *vf)
{
	__u64 before = vf_read(vf, VIRT_CX_POSITION);
	unsigned int ms;

	for (ms = 0; ms < MOVE_MS; ms++) {
		if (vf_read(vf, VIRT_CX_POSITION) != before)
			return true;
		usleep(1000);
	}
	return false;
}

/** pair_still() - Does the VF issue no DMA? */
bool pair_still(const struct vf *vf)
{
	__u64 before = vf_read(vf, VIRT_CX_POSITION);

	usleep(STILL_MS * 1000);
	return vf_read(vf, VIRT_CX_POSITION) == before;
}

/**
 * pair_truth() - Which pages of PAIR_RAM the VF has really written
 * @vf: The VF; its PF writes to memory, too, and is in the same log
 * @truth: Of truth_open(), emptied
 * @bits: Set, a bit a page from PAIR_BASE on
 */
void pair_truth(const struct vf *vf, int truth, __u64 *bits)
{
	__u64 device = vf_read(vf, VIRT_CX_INDEX);
	struct virt_truth_rec recs[256];
	int n, i;

	while ((n = truth_read(truth, recs, 256)) > 0)
		for (i = 0; i < n; i++) {
			__u64 page = (recs[i].iova - PAIR_BASE) / PAGE;

			if (recs[i].device == device && page < PAIR_PAGES)
				bits[page / 64] |= 1ull << page % 64;
		}
}

/* What the two sides disagree in, for the reader of the log. */
static int differs(const char *what, __u64 is, __u64 wanted)
{
	if (is == wanted)
		return 0;
	printf("# the migrated VF has %s %#llx, and not %#llx\n", what,
	       (unsigned long long)is, (unsigned long long)wanted);
	return -EILSEQ;
}

static int append(struct pair *p, int data_fd, int *end)
{
	p->length += (size_t)vf_stream_read(data_fd, p->stream + p->length,
					    PAIR_STREAM - p->length, end);
	return *end == ENOSPC ? -ENOSPC : 0;
}

/* Two rounds of pre-copy; the first image, and what has changed since. */
static int precopy_rounds(struct pair *p, int data_fd)
{
	struct vfio_precopy_info info;
	int round, end, rc = 0;

	for (round = 0; !rc && round < 2; round++) {
		rc = append(p, data_fd, &end);
		if (!rc && end != ENOMSG)
			rc = end ? -end : -ENODATA;
		usleep(20000);
		if (!rc)
			rc = vf_precopy_info(data_fd, &info);
	}
	return rc;
}

/**
 * pair_save() - Take the state of @p->src, which is RUNNING, to @p->stream
 * @p: The pair
 * @precopy: Begin while it runs
 *
 * Return: 0, and then it is in STOP; or the error that the reader saw, and it is
 * RUNNING again.
 */
int pair_save(struct pair *p, bool precopy)
{
	int fd = -1, end, rc;

	p->length = 0;
	rc = vf_set_state(&p->src, precopy ? VFIO_DEVICE_STATE_PRE_COPY :
					     VFIO_DEVICE_STATE_STOP_COPY, &fd);
	if (!rc && precopy)
		rc = precopy_rounds(p, fd);
	if (!rc && precopy)
		rc = vf_set_state(&p->src, VFIO_DEVICE_STATE_STOP_COPY, NULL);
	if (!rc)
		rc = append(p, fd, &end);
	if (!rc)
		rc = -end;
	if (fd >= 0)
		close(fd);
	if (!rc)
		rc = vf_set_state(&p->src, VFIO_DEVICE_STATE_STOP, NULL);
	else
		vf_set_state(&p->src, VFIO_DEVICE_STATE_RUNNING, NULL);
	return rc;
}

/**
 * pair_load() - Give @p->stream to @p->dst, which is RUNNING
 * @p: The pair
 *
 * Return: 0, and then it is in STOP; or the first error.
 */
int pair_load(struct pair *p)
{
	int fd, rc, rc2;

	rc = vf_set_state(&p->dst, VFIO_DEVICE_STATE_RESUMING, &fd);
	if (rc)
		return rc;
	rc = vf_stream_write(fd, p->stream, p->length);
	rc2 = vf_set_state(&p->dst, VFIO_DEVICE_STATE_STOP, NULL);
	close(fd);
	return rc ? rc : rc2;
}

/**
 * pair_migrate() - Move @p->src to @p->dst, and let it continue there
 * @p: The pair; both RUNNING, the generator of @p->src at work
 * @precopy: Begin while it runs
 *
 * Return: 0 when nothing of its sequence and state is missing; -EILSEQ when some
 * is; or the first error. Both are RUNNING and the generators stopped.
 */
int pair_migrate(struct pair *p, bool precopy)
{
	__u64 position, sum;
	int rc;

	rc = pair_save(p, precopy);
	if (rc)
		return rc;
	position = vf_read(&p->src, VIRT_CX_POSITION);
	sum = vf_read(&p->src, VIRT_CX_STATE_SUM);
	rc = pair_load(p);
	if (rc)
		return rc;
	rc = differs("position", vf_read(&p->dst, VIRT_CX_POSITION), position);
	if (!rc)
		rc = differs("sum of the state", vf_read(&p->dst, VIRT_CX_STATE_SUM), sum);
	if (rc)
		return rc;
	rc = vf_set_state(&p->dst, VFIO_DEVICE_STATE_RUNNING, NULL);
	if (rc)
		return rc;
	if (!pair_moves(&p->dst))
		return -ETIMEDOUT;
	rc = vf_stop(&p->dst);
	if (rc)
		return rc;
	position = vf_read(&p->dst, VIRT_CX_POSITION);
	rc = differs("faults", vf_read(&p->dst, VIRT_CX_FAULTS), 0);
	if (!rc)
		rc = differs("wrong words in memory", vf_wrong(p->ram, &p->job, position), 0);
	if (rc)
		return rc;
	return vf_reset(&p->src);
}

/**
 * pair_sound() - After whatever was done to them: reset both and migrate
 * @p: The pair
 *
 * Return: 0, or -errno.
 */
int pair_sound(struct pair *p)
{
	int rc;

	rc = firmware_faults("");
	if (!rc)
		rc = vf_reset(&p->src);
	if (!rc)
		rc = vf_reset(&p->dst);
	if (!rc)
		rc = pair_run(p, &p->src);
	return rc ? rc : pair_migrate(p, true);
}

/** firmware_faults() - Break firmware commands (connectx_faults), or "" none */
int firmware_faults(const char *list)
{
	return virt_set("connectx_faults", list);
}

/** driver_limit() - Set a time limit of the driver, in ms */
int driver_limit(const char *parameter, unsigned int ms)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", ms);
	return parameter_set("mlx5_vfio_pci", parameter, text);
}

/**
 * driver_use() - Have this module drive the VFs, and no other
 * @path: Its file; DRIVER_OURS or DRIVER_UPSTREAM
 *
 * Return: 0, or -errno.
 */
int driver_use(const char *path)
{
	int fd, rc;

	rc = syscall(SYS_delete_module, "mlx5_vfio_pci", O_NONBLOCK);
	if (rc && errno != ENOENT)
		return -errno;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return rc;
}

/** kmsg_open() - The kernel's log from now on */
int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd < 0 ? -errno : fd;
}

/** kmsg_says() - Is there a message with both texts? Takes all that there are. */
bool kmsg_says(int kmsg, const char *who, const char *what)
{
	char record[1024];
	bool found = false;
	ssize_t n;

	for (;;) {
		n = read(kmsg, record, sizeof(record) - 1);
		/* EPIPE: some have been overwritten. */
		if (n < 0 && errno == EPIPE)
			continue;
		if (n <= 0)
			return found;
		record[n] = '\0';
		found |= strstr(record, who) && strstr(record, what);
	}
}
