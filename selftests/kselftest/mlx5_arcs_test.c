// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration states of mlx5-vfio-pci: every arc and every way over several, what
 * the device may do in each state, reset and close at any point. The tests of
 * the fixture "asked" are the table of Documentation/mlx5.rst, "What was asked
 * for", row by row.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"
#include "pair.h"
#include "../lib/truth.h"

#define S(name) VFIO_DEVICE_STATE_##name

static bool runs(int state)
{
	return state == S(RUNNING) || state == S(PRE_COPY);
}

static bool saves(int state)
{
	return state == S(PRE_COPY) || state == S(PRE_COPY_P2P) ||
	       state == S(STOP_COPY);
}

/* As include/uapi/linux/vfio.h has it. */
static bool is_legal(int from, int to)
{
	if (from == to)
		return from != S(ERROR);
	if (from == S(ERROR) || to <= S(ERROR) || to >= VF_STATES)
		return false;
	return from != S(STOP_COPY) || (to != S(PRE_COPY) &&
					to != S(PRE_COPY_P2P));
}

/* Saving continues in the same session. */
static bool opens_session(int from, int to)
{
	if (from == to)
		return false;
	return to == S(RESUMING) || (saves(to) && !saves(from));
}

/* ---- Arcs ---- */

FIXTURE(arcs) {
	struct pair p;
};

FIXTURE_VARIANT(arcs) {
	int from;
};

FIXTURE_VARIANT_ADD(arcs, STOP) { .from = S(STOP) };
FIXTURE_VARIANT_ADD(arcs, RUNNING) { .from = S(RUNNING) };
FIXTURE_VARIANT_ADD(arcs, STOP_COPY) { .from = S(STOP_COPY) };
FIXTURE_VARIANT_ADD(arcs, RESUMING) { .from = S(RESUMING) };
FIXTURE_VARIANT_ADD(arcs, RUNNING_P2P) { .from = S(RUNNING_P2P) };
FIXTURE_VARIANT_ADD(arcs, PRE_COPY) { .from = S(PRE_COPY) };
FIXTURE_VARIANT_ADD(arcs, PRE_COPY_P2P) { .from = S(PRE_COPY_P2P) };
FIXTURE_VARIANT_ADD(arcs, ERROR) { .from = S(ERROR) };

FIXTURE_SETUP(arcs)
{
	ASSERT_EQ(0, pair_open(&self->p));
}

FIXTURE_TEARDOWN(arcs)
{
	pair_close(&self->p);
}

static int write_nonsense(int fd)
{
	char nonsense[100];

	memset(nonsense, 0xff, sizeof(nonsense));
	return vf_stream_write(fd, nonsense, sizeof(nonsense));
}

/* From RUNNING, with the generator at work; a data FD, if there is one, is @fd. */
static int go_to(struct pair *p, struct vf *vf, int state, int *fd)
{
	int rc;

	*fd = -1;
	rc = vf_reset(vf);
	if (!rc)
		rc = pair_run(p, vf);
	if (rc || state != S(ERROR))
		return rc ? rc : vf_set_state(vf, state, fd);
	/* A stream of nonsense makes RESUMING fail. */
	rc = vf_set_state(vf, S(RESUMING), fd);
	if (rc)
		return rc;
	if (write_nonsense(*fd) != -EBADMSG)
		return -EPROTO;
	close(*fd);
	*fd = -1;
	if (vf_set_state(vf, S(STOP), NULL) != -EBADMSG)
		return -EPROTO;
	return vf_get_state(vf) == S(ERROR) ? 0 : -EPROTO;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

TEST_F(arcs, go_where_they_should)
{
	struct pair *p = &self->p;
	struct vf *vf = &p->dst;
	int from = variant->from, to, fd, fd2, rc;

	/* To leave RESUMING, there must be something to resume from. */
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, pair_save(p, false));
	for (to = S(ERROR); to <= VF_STATES; to++) {
		ASSERT_EQ(0, go_to(p, vf, from, &fd));
		EXPECT_EQ(from, vf_get_state(vf));
		if (from == S(RESUMING) && to != from)
			ASSERT_EQ(0, vf_stream_write(fd, p->stream, p->length));
		rc = vf_set_state(vf, to, &fd2);
		EXPECT_EQ(is_legal(from, to) ? 0 : -EINVAL, rc) {
			TH_LOG("%s to %s", vf_state_name(from),
			       vf_state_name(to));
		}
		EXPECT_EQ(rc ? from : to, vf_get_state(vf));
		EXPECT_EQ(!rc && opens_session(from, to), fd2 >= 0);
		EXPECT_TRUE(runs(vf_get_state(vf)) ? pair_moves(vf) :
						     pair_still(vf));
		close_fd(fd);
		close_fd(fd2);
	}
}

TEST_F(arcs, reset_leads_to_running)
{
	struct pair *p = &self->p;
	int fd, rc;
	char c;

	ASSERT_EQ(0, go_to(p, &p->src, variant->from, &fd));
	ASSERT_EQ(0, vf_reset(&p->src));
	EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
	EXPECT_EQ(0, vf_read(&p->src, VIRT_CX_POSITION));
	if (fd >= 0) {
		rc = variant->from == S(RESUMING) ? write(fd, &c, 1) :
						    read(fd, &c, 1);
		EXPECT_EQ(-1, rc);
		EXPECT_EQ(ENODEV, errno);
		close(fd);
	}
	EXPECT_EQ(0, pair_sound(p));
}

TEST_F(arcs, close_leads_to_running)
{
	struct pair *p = &self->p;
	struct vfio_precopy_info info;
	char some[100];
	int fd, early, rc;

	for (early = 0; early < 2; early++) {
		ASSERT_EQ(0, go_to(p, &p->src, variant->from, &fd));
		rc = 0;
		if (variant->from == S(RESUMING))
			rc = write_nonsense(fd) != -EBADMSG;
		else if (fd >= 0)
			rc = read(fd, some, sizeof(some)) != sizeof(some);
		EXPECT_EQ(0, rc);
		if (early) {
			close_fd(fd);
			fd = -1;
		}
		vf_close(&p->src);
		if (fd >= 0) {
			/* The session has ended with the device */
			EXPECT_EQ(-1, variant->from == S(RESUMING) ?
				      write(fd, some, 1) : read(fd, some, 1));
			EXPECT_EQ(ENODEV, errno);
			EXPECT_EQ(variant->from == S(RESUMING) ? -ENOTTY :
								 -EINVAL,
				  vf_precopy_info(fd, &info));
			close(fd);
		}
		ASSERT_EQ(0, pair_open_vf(p, &p->src, 1));
		EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
		ASSERT_EQ(0, pair_run(p, &p->src));
		EXPECT_TRUE(pair_moves(&p->src));
	}
}

/* ---- The data FD ---- */

FIXTURE(data) {
	struct pair p;
};

FIXTURE_SETUP(data)
{
	ASSERT_EQ(0, pair_open(&self->p));
	ASSERT_EQ(0, pair_run(&self->p, &self->p.src));
}

FIXTURE_TEARDOWN(data)
{
	pair_close(&self->p);
}

static short polled(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

TEST_F(data, is_offered_as_said)
{
	struct pair *p = &self->p;
	__u64 flags, size;

	ASSERT_EQ(0, vf_migration_flags(&p->src, &flags));
	EXPECT_EQ(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P |
		  VFIO_MIGRATION_PRE_COPY, flags);
	ASSERT_EQ(0, vf_data_size(&p->src, &size));
	ASSERT_EQ(0, pair_save(p, false));
	EXPECT_LE(p->length, size);
	EXPECT_LT(size / 2, p->length);
	TH_LOG("MIG_DATA_SIZE %llu, and it was %zu", size, p->length);
}

TEST_F(data, precopy_info)
{
	struct pair *p = &self->p;
	struct vfio_precopy_info info;
	ssize_t n;
	int fd, end;

	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY), &fd));
	ASSERT_EQ(0, vf_precopy_info(fd, &info));
	EXPECT_LT(0, info.initial_bytes);
	n = vf_stream_read(fd, p->stream, PAIR_STREAM, &end);
	EXPECT_EQ(ENOMSG, end);
	EXPECT_EQ(info.initial_bytes, n);
	EXPECT_EQ(0, polled(fd));
	usleep(20000);

	/* What has changed since is saved because of the question */
	ASSERT_EQ(0, vf_precopy_info(fd, &info));
	EXPECT_EQ(0, info.initial_bytes);
	EXPECT_LT(0, info.dirty_bytes);
	n = vf_stream_read(fd, p->stream, PAIR_STREAM, &end);
	EXPECT_EQ(ENOMSG, end);
	EXPECT_LT(0, n);

	/* A suspended device changes nothing more */
	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY_P2P), NULL));
	EXPECT_EQ(0, vf_precopy_info(fd, &info));

	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), NULL));
	EXPECT_EQ(-EINVAL, vf_precopy_info(fd, &info));
	info.argsz = 8;
	EXPECT_EQ(-1, ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, &info));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(fd, VFIO_DEVICE_RESET));
	EXPECT_EQ(ENOTTY, errno);
	close(fd);
}

/* What cannot be resumed from is not left, and can still be completed. */
TEST_F(data, resuming_wants_a_whole_stream)
{
	struct pair *p = &self->p;
	int fd;

	ASSERT_EQ(0, pair_save(p, false));
	ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), &fd));
	ASSERT_EQ(0, vf_stream_write(fd, p->stream, p->length - 1));
	EXPECT_EQ(-ENODATA, vf_set_state(&p->dst, S(RUNNING), NULL));
	EXPECT_EQ(S(RESUMING), vf_get_state(&p->dst));
	ASSERT_EQ(0, vf_stream_write(fd, p->stream + p->length - 1, 1));
	EXPECT_EQ(0, vf_set_state(&p->dst, S(RUNNING), NULL));
	EXPECT_TRUE(pair_moves(&p->dst));
	close(fd);
}

/* Where not a byte was written, there is nothing that could be incomplete. */
TEST_F(data, resuming_that_was_not_begun_is_left)
{
	struct pair *p = &self->p;
	struct rlimit limit, none;
	int fd, closed;

	for (closed = 0; closed < 2; closed++) {
		ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), &fd));
		if (closed)
			close(fd);
		EXPECT_EQ(0, vf_set_state(&p->dst, S(RUNNING), NULL));
		if (!closed)
			close(fd);
		ASSERT_EQ(0, pair_run(p, &p->dst));
		EXPECT_TRUE(pair_moves(&p->dst));
	}
	/* No file descriptor is left for it */
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, vf_set_state(&p->dst, S(RESUMING), &fd));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(0, vf_set_state(&p->dst, S(RUNNING), NULL));
	EXPECT_TRUE(pair_moves(&p->dst));
}

/* No file descriptor is left for a save: the VF continues, and migrates later. */
TEST_F(data, save_without_a_file_descriptor)
{
	static const enum vfio_device_mig_state states[] = { S(PRE_COPY), S(STOP_COPY) };
	struct pair *p = &self->p;
	struct rlimit limit, none;
	unsigned int i;
	int fd;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	none.rlim_cur = 0;
	ASSERT_EQ(0, pair_run(p, &p->src));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
		EXPECT_EQ(-EMFILE, vf_set_state(&p->src, states[i], &fd));
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
		EXPECT_EQ(0, vf_set_state(&p->src, S(RUNNING), NULL));
		EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
		EXPECT_TRUE(pair_moves(&p->src));
	}
	EXPECT_EQ(0, pair_migrate(p, true));
}

/* In pieces of any size, it is the same stream. */
TEST_F(data, comes_and_goes_in_pieces)
{
	struct pair *p = &self->p;
	void *volatile nowhere = (void *)8;
	__u64 position;
	size_t at = 0;
	ssize_t n;
	int fd, rc = 0;
	char c;

	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	position = vf_read(&p->src, VIRT_CX_POSITION);
	EXPECT_EQ(-1, write(fd, &c, 1));
	EXPECT_EQ(EBADF, errno);
	/* Nothing is lost by a bad pointer */
	EXPECT_EQ(-1, read(fd, nowhere, 100));
	EXPECT_EQ(EFAULT, errno);
	for (;;) {
		n = read(fd, p->stream + p->length, 1 + p->length % 77777);
		if (n <= 0)
			break;
		p->length += n;
	}
	EXPECT_EQ(0, n);
	EXPECT_EQ(POLLIN, polled(fd));
	EXPECT_EQ(0, read(fd, &c, 1));
	/* Also after an arc to STOP */
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	EXPECT_EQ(0, read(fd, &c, 1));
	close(fd);

	ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), &fd));
	EXPECT_EQ(-1, read(fd, &c, 1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, write(fd, nowhere, 100));
	EXPECT_EQ(EFAULT, errno);
	for (; !rc && at < p->length; at += n) {
		n = 1 + at % 33333;
		if ((size_t)n > p->length - at)
			n = p->length - at;
		rc = vf_stream_write(fd, p->stream + at, n);
	}
	EXPECT_EQ(0, rc);
	EXPECT_EQ(0, vf_set_state(&p->dst, S(STOP), NULL));
	EXPECT_EQ(position, vf_read(&p->dst, VIRT_CX_POSITION));
	close(fd);
}

/* O_NONBLOCK, and a reader that waits in poll() */
TEST_F(data, can_be_waited_for)
{
	struct pair *p = &self->p;
	struct pollfd wait = { .events = POLLIN };
	char c;

	ASSERT_EQ(0, firmware_faults("0x118:late=500"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &wait.fd));
	fcntl(wait.fd, F_SETFL, O_NONBLOCK);
	/* The beginning needs no firmware */
	EXPECT_EQ(POLLIN, polled(wait.fd));
	while (read(wait.fd, &c, 1) == 1)
		;
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(1, poll(&wait, 1, 10000));
	EXPECT_EQ(POLLIN, wait.revents);
	EXPECT_EQ(1, read(wait.fd, &c, 1));
	close(wait.fd);
}

/* ---- What was asked for ---- */

FIXTURE(asked) {
	struct pair p;
	int events[2];
};

FIXTURE_SETUP(asked)
{
	ASSERT_EQ(0, pair_open(&self->p));
	self->events[0] = eventfd(0, EFD_NONBLOCK);
	self->events[1] = eventfd(0, EFD_NONBLOCK);
}

FIXTURE_TEARDOWN(asked)
{
	close(self->events[0]);
	close(self->events[1]);
	pair_close(&self->p);
}

/* Take what an eventfd counts, waiting for it at most so long. */
static __u64 events(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	__u64 n = 0;

	if (poll(&p, 1, ms) == 1 && read(fd, &n, sizeof(n)) != sizeof(n))
		n = 0;
	return n;
}

/* Does the device react to its registers? */
static bool responds(const struct vf *vf)
{
	unsigned int ms;

	vf_write(vf, VIRT_CX_CTRL, VIRT_CX_CTRL_STOP);
	for (ms = 0; ms < 300; ms++) {
		if (!vf_read(vf, VIRT_CX_CTRL))
			return true;
		usleep(1000);
	}
	return false;
}

/* "SAVING and RESUMING: no device touches but migration and reset" */
TEST_F(asked, stopped_means_that_only_the_data_moves)
{
	struct pair *p = &self->p;
	__u64 sum;
	int fd;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	sum = vf_read(&p->src, VIRT_CX_STATE_SUM);
	EXPECT_FALSE(responds(&p->src));
	EXPECT_TRUE(pair_still(&p->src));
	EXPECT_EQ(sum, vf_read(&p->src, VIRT_CX_STATE_SUM));
	close(fd);
	ASSERT_EQ(0, vf_reset(&p->src));
	EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
	EXPECT_TRUE(responds(&p->src));

	ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), &fd));
	EXPECT_FALSE(responds(&p->dst));
	close(fd);
	ASSERT_EQ(0, vf_reset(&p->dst));
	EXPECT_EQ(S(RUNNING), vf_get_state(&p->dst));
	EXPECT_TRUE(responds(&p->dst));
}

/*
 * "SET_IRQS in RESUMING stays legal; the kernel's own touches must be survived":
 * before, in the middle of and after a load, and the interrupt arrives.
 */
TEST_F(asked, set_irqs_while_resuming)
{
	struct pair *p = &self->p;
	int when, fd;

	p->job.irq = 100;
	ASSERT_EQ(0, vf_irqs(&p->src, self->events, 1));
	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_LT(0, events(self->events[0], 10000));
	ASSERT_EQ(0, pair_save(p, true));
	for (when = 0; when < 4; when++) {
		ASSERT_EQ(0, vf_reset(&p->dst));
		ASSERT_EQ(0, vf_bus_master(&p->dst, true));
		ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), &fd));
		if (when == 0 || when == 3)
			ASSERT_EQ(0, vf_irqs(&p->dst, self->events + 1, 1));
		ASSERT_EQ(0, vf_stream_write(fd, p->stream, p->length / 2));
		if (when == 3)
			ASSERT_EQ(0, vf_irqs(&p->dst, NULL, 0));
		if (when == 1 || when == 3)
			ASSERT_EQ(0, vf_irqs(&p->dst, self->events + 1, 1));
		ASSERT_EQ(0, vf_stream_write(fd, p->stream + p->length / 2,
					     p->length - p->length / 2));
		if (when == 2)
			ASSERT_EQ(0, vf_irqs(&p->dst, self->events + 1, 1));
		close(fd);
		events(self->events[1], 0);
		ASSERT_EQ(0, vf_set_state(&p->dst, S(RUNNING_P2P), NULL));
		EXPECT_EQ(0, events(self->events[1], 30));
		ASSERT_EQ(0, vf_set_state(&p->dst, S(RUNNING), NULL));
		EXPECT_LT(0, events(self->events[1], 10000)) {
			TH_LOG("SET_IRQS at point %d", when);
		}
		ASSERT_EQ(0, vf_irqs(&p->dst, NULL, 0));
	}
}

/* The state that is loaded does not take away what the PCI core has set. */
TEST_F(asked, the_command_register_stays)
{
	struct pair *p = &self->p;
	__u16 before, after;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, pair_save(p, false));
	ASSERT_EQ(0, vf_bus_master(&p->dst, false));
	ASSERT_EQ(2, pread(p->dst.fd, &before, 2, p->dst.config + PCI_COMMAND));
	ASSERT_EQ(0, pair_load(p));
	ASSERT_EQ(2, pread(p->dst.fd, &after, 2, p->dst.config + PCI_COMMAND));
	EXPECT_EQ(before, after);
	EXPECT_FALSE(after & PCI_COMMAND_MASTER);
}

/*
 * "NDMA: touches allowed, the device issues no DMA and no interrupts, dirties no
 * page; incoming DMA is still accepted"
 */
TEST_F(asked, ndma_is_running_p2p)
{
	static const int ways[] = { S(RUNNING_P2P), S(PRE_COPY_P2P) };
	struct pair *p = &self->p;
	struct vfio_device_feature_dma_logging_range range = {
		PAIR_BASE, PAIR_RAM
	};
	__u64 index = vf_read(&p->src, VIRT_CX_INDEX);
	__u64 page_size = PAGE, pages[PAIR_PAGES / 64];
	struct virt_truth_rec recs[64];
	unsigned int i;
	int truth, n;

	p->job.irq = 10;
	ASSERT_EQ(0, vf_irqs(&p->src, self->events, 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vf_reset(&p->src));
		ASSERT_EQ(0, log_start(p->src.fd, &range, 1, &page_size));
		ASSERT_EQ(0, pair_run(p, &p->src));
		EXPECT_LT(0, events(self->events[0], 10000));
		ASSERT_EQ(0, vf_set_state(&p->src, ways[i], NULL));

		/* Before it may be counted: what was in flight */
		events(self->events[0], 0);
		ASSERT_EQ(0, log_report(p->src.fd, PAIR_BASE, PAIR_RAM, PAGE,
					   pages));
		truth = truth_open();
		ASSERT_LE(0, truth);
		EXPECT_TRUE(pair_still(&p->src));
		EXPECT_EQ(0, events(self->events[0], 50));
		memset(pages, 0, sizeof(pages));
		ASSERT_EQ(0, log_report(p->src.fd, PAIR_BASE, PAIR_RAM, PAGE,
					   pages));
		EXPECT_EQ(0, pages[0]);
		EXPECT_EQ(0, memcmp(pages, pages + 1, sizeof(pages) - 8));
		/* The PF writes its messages */
		while ((n = truth_read(truth, recs, 64)) > 0)
			while (n--)
				EXPECT_NE(index, recs[n].device);
		EXPECT_EQ(0, n);
		close(truth);

		EXPECT_TRUE(responds(&p->src));
		ASSERT_EQ(0, log_stop(p->src.fd));
		ASSERT_EQ(0, vf_set_state(&p->src, S(RUNNING), NULL));
	}
}

/* "No device goes RESUMING to RUNNING before all are in an in-between state" */
TEST_F(asked, all_can_wait_in_between)
{
	struct pair *p = &self->p;
	int fd[2];

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, pair_save(p, false));
	ASSERT_EQ(0, vf_set_state(&p->src, S(RESUMING), &fd[0]));
	ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), &fd[1]));
	ASSERT_EQ(0, vf_stream_write(fd[0], p->stream, p->length));
	ASSERT_EQ(0, vf_set_state(&p->src, S(RUNNING_P2P), NULL));
	/* One takes what comes and sends nothing, the other is not there yet */
	EXPECT_TRUE(responds(&p->src));
	EXPECT_TRUE(pair_still(&p->src));
	EXPECT_FALSE(responds(&p->dst));
	ASSERT_EQ(0, vf_stream_write(fd[1], p->stream, p->length));
	ASSERT_EQ(0, vf_set_state(&p->dst, S(RUNNING_P2P), NULL));
	EXPECT_TRUE(pair_still(&p->dst));
	EXPECT_EQ(0, vf_set_state(&p->src, S(RUNNING), NULL));
	EXPECT_EQ(0, vf_set_state(&p->dst, S(RUNNING), NULL));
	close(fd[0]);
	close(fd[1]);
}

/* "Pre-copy is SAVING with RUNNING" */
TEST_F(asked, precopy_saves_while_it_runs)
{
	struct pair *p = &self->p;

	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_EQ(0, pair_migrate(p, true));
}

/* "How is device tracking reported": DMA_LOGGING can be asked for */
TEST_F(asked, logging_can_be_probed)
{
	static const __u32 features[] = {
		VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
		VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
		VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
	};
	struct vfio_device_feature f = { .argsz = sizeof(f) };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		f.flags = VFIO_DEVICE_FEATURE_PROBE | features[i];
		EXPECT_EQ(0, ioctl(self->p.src.fd, VFIO_DEVICE_FEATURE, &f));
	}
}

TEST_HARNESS_MAIN
