// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tracker of mlx5-vfio-pci through VFIO_DEVICE_FEATURE_DMA_LOGGING_*:
 * its reports against ground truth, the firmware's limits, and every way in
 * which the tracker can be lost. Then every report fails until the tracker is stopped and
 * started again, and every wait ends.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pair.h"
#include "../lib/truth.h"

#define WORDS	(PAIR_PAGES / 64)
#define GIB	(1ull << 30)

typedef struct vfio_device_feature_dma_logging_range range_t;

static const range_t all = { PAIR_BASE, PAIR_RAM };

FIXTURE(tracker) {
	struct pair p;
	int kmsg;
};

FIXTURE_SETUP(tracker)
{
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, pair_open(&self->p));
}

FIXTURE_TEARDOWN(tracker)
{
	EXPECT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	EXPECT_EQ(0, driver_limit("report_timeout_ms", 60000));
	EXPECT_EQ(0, parameter_set("mlx5_vfio_pci", "serialize_reports", "Y"));
	EXPECT_EQ(0, virt_set("connectx_log", "1048576"));
	EXPECT_EQ(0, virt_set("connectx_report_us", "0"));
	pair_close(&self->p);
	close(self->kmsg);
}

static int start(struct vf *vf)
{
	__u64 page_size = PAGE;
	int rc = log_start(vf->fd, &all, 1, &page_size);

	return rc ? rc : page_size == PAGE ? 0 : -EPROTO;
}

static int report(struct vf *vf, __u64 *bits)
{
	return log_report(vf->fd, PAIR_BASE, PAIR_RAM, PAGE, bits);
}

/* Wait until the VF has written all that its job asks for. */
static void wait_until_written(const struct vf *vf)
{
	while (vf_read(vf, VIRT_CX_STATUS) & VIRT_CX_STATUS_RUNNING)
		usleep(1000);
}

static unsigned int count(const __u64 *bits)
{
	unsigned int i, n = 0;

	for (i = 0; i < WORDS; i++)
		n += __builtin_popcountll(bits[i]);
	return n;
}

/*
 * With logging started: reports while the VF writes, and one when it has
 * stopped, say what ground truth says, no more and no less. The number of pages,
 * or -EILSEQ, or the first error.
 */
static int exact(struct pair *p, struct vf *vf)
{
	__u64 bits[WORDS] = {}, truth[WORDS] = {};
	int fd = truth_open(), rc, i;

	if (fd < 0)
		return fd;
	rc = pair_run(p, vf);
	for (i = 0; !rc && i < 4; i++) {
		usleep(20000);
		rc = report(vf, bits);
	}
	if (!rc)
		rc = vf_stop(vf);
	if (!rc)
		rc = report(vf, bits);
	pair_truth(vf, fd, truth);
	close(fd);
	if (rc)
		return rc;
	return memcmp(bits, truth, sizeof(bits)) ? -EILSEQ : (int)count(bits);
}

/* Broken: EIO, and again EIO, and good after stop and start. */
static bool lost_and_found(FIXTURE_DATA(tracker) *self)
{
	struct pair *p = &self->p;
	__u64 bits[WORDS] = {};

	return report(&p->src, bits) == -EIO && report(&p->src, bits) == -EIO &&
	       kmsg_says(self->kmsg, p->src.name, "treat the whole tracked range as dirty") &&
	       !firmware_faults("") &&
	       !virt_set("connectx_log", "1048576") &&
	       !virt_set("connectx_report_us", "0") &&
	       !vf_stop(&p->src) && !log_stop(p->src.fd) && !start(&p->src) &&
	       exact(p, &p->src) > 0 && !log_stop(p->src.fd);
}

TEST_F(tracker, is_exact)
{
	struct pair *p = &self->p;
	int n;

	ASSERT_EQ(0, start(&p->src));
	n = exact(p, &p->src);
	EXPECT_LT(0, n);
	TH_LOG("%d pages", n);
	/* A page that was reported can become dirty again */
	EXPECT_LT(0, exact(p, &p->src));
	/* Across a reset */
	ASSERT_EQ(0, vf_reset(&p->src));
	EXPECT_LT(0, exact(p, &p->src));
	EXPECT_EQ(0, log_stop(p->src.fd));
}

/* The control: what was not tracked is not found, and exact() sees it. */
TEST_F(tracker, reports_what_it_tracks)
{
	static const range_t half = { PAIR_BASE, PAGE };
	struct pair *p = &self->p;
	__u64 page_size = PAGE;

	ASSERT_EQ(0, log_start(p->src.fd, &half, 1, &page_size));
	EXPECT_EQ(-EILSEQ, exact(p, &p->src));
}

TEST_F(tracker, of_each_device_its_own)
{
	struct pair *p = &self->p;
	__u64 bits[2][WORDS] = {}, truth[2][WORDS] = {};
	int fd = truth_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, start(&p->dst));
	p->job.end = 100;
	ASSERT_EQ(0, pair_run(p, &p->src));
	p->job.end = 300;
	ASSERT_EQ(0, pair_run(p, &p->dst));
	wait_until_written(&p->src);
	wait_until_written(&p->dst);
	ASSERT_EQ(0, report(&p->src, bits[0]));
	ASSERT_EQ(0, report(&p->dst, bits[1]));
	EXPECT_EQ(100, count(bits[0]));
	EXPECT_EQ(300, count(bits[1]));
	pair_truth(&p->src, fd, truth[0]);
	close(fd);
	EXPECT_EQ(0, memcmp(bits[0], truth[0], sizeof(truth[0])));
}

/* More ranges than the firmware takes (4) are merged, and nothing is missed. */
TEST_F(tracker, merges_ranges)
{
	struct pair *p = &self->p;
	__u64 page_size = PAGE;
	range_t ranges[64];
	unsigned int i;

	for (i = 0; i < 64; i++)
		ranges[i] = (range_t){ PAIR_BASE + i * (PAIR_RAM / 64),
				       PAIR_RAM / 64 - PAGE };
	/* One page in each is not asked for, and can be tracked */
	ASSERT_EQ(0, log_start(p->src.fd, ranges, 64, &page_size));
	p->job.length = PAIR_RAM / 64 - PAGE;
	EXPECT_LT(0, exact(p, &p->src));
	p->job.base = ranges[63].iova;
	EXPECT_LT(0, exact(p, &p->src));
	ASSERT_EQ(0, log_stop(p->src.fd));

	/* Far from one another */
	for (i = 0; i < 8; i++)
		ranges[i] = (range_t){ (i + 1) * GIB, PAIR_RAM };
	ASSERT_EQ(0, log_start(p->src.fd, ranges, 8, &page_size));
	p->job.base = PAIR_BASE;
	EXPECT_LT(0, exact(p, &p->src));
}

TEST_F(tracker, has_limits)
{
	static const struct {
		range_t range;
		__u64 page_size;
		int rc;
		__u64 got;
	} cases[] = {
		{ { 0, 1ull << 42 }, PAGE, 0, PAGE },
		{ { 0, (1ull << 42) + PAGE }, PAGE, -EOPNOTSUPP },
		{ { 0, PAGE }, PAGE, 0, PAGE },
		{ { PAIR_BASE, PAIR_RAM }, 8 * PAGE, 0, 8 * PAGE },
		{ { PAIR_BASE, PAIR_RAM }, 1ull << 21, 0, 1ull << 20 },
		{ { PAIR_BASE, 0 }, PAGE, -EINVAL },
		{ { PAIR_BASE, PAIR_RAM }, 0, -EINVAL },
		{ { PAIR_BASE, 3 * PAGE }, 3 * PAGE, -EINVAL },
		{ { PAIR_BASE, PAIR_RAM }, 512, -EINVAL },
		{ { 0 - PAGE, 2 * PAGE }, PAGE, -EOVERFLOW },
		{ { PAIR_BASE + 1, PAGE }, PAGE, -EINVAL },
	};
	struct vf *vf = &self->p.src;
	__u64 bits[WORDS], page_size;
	unsigned long commands;
	unsigned int i;
	int rc;

	EXPECT_EQ(-EINVAL, report(vf, bits));
	EXPECT_EQ(0, log_stop(vf->fd));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		page_size = cases[i].page_size;
		commands = virt_get("connectx_commands");
		rc = log_start(vf->fd, &cases[i].range, 1, &page_size);
		EXPECT_EQ(cases[i].rc, rc) {
			TH_LOG("case %u", i);
		}
		if (rc) {
			/* Firmware need not be asked */
			EXPECT_EQ(commands, virt_get("connectx_commands"));
			continue;
		}
		EXPECT_EQ(cases[i].got, page_size);
		EXPECT_EQ(-EBUSY, start(vf));
		EXPECT_EQ(0, log_stop(vf->fd));
	}
	EXPECT_EQ(0, start(vf));
	EXPECT_LT(0, exact(&self->p, vf));
}

TEST_F(tracker, overflows)
{
	struct pair *p = &self->p;

	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, virt_set("connectx_log", "100"));
	p->job.end = 500;
	ASSERT_EQ(0, pair_run(p, &p->src));
	wait_until_written(&p->src);
	EXPECT_TRUE(lost_and_found(self));
}

TEST_F(tracker, is_lost)
{
	struct pair *p = &self->p;

	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, firmware_faults("0xa01:lose"));
	EXPECT_TRUE(lost_and_found(self));
}

/* What cannot be is not believed, nor anything after it. */
TEST_F(tracker, reports_nonsense)
{
	static const char * const nonsense[][2] = {
		{ "0xa01:corrupt=0", "a report has an address that cannot be" },
		{ "0xa01:cut=4", "a report has a part of an entry" },
	};
	struct pair *p = &self->p;
	__u64 bits[WORDS] = {};
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, start(&p->src));
		ASSERT_EQ(0, pair_run(p, &p->src));
		EXPECT_TRUE(pair_moves(&p->src));
		ASSERT_EQ(0, firmware_faults(nonsense[i][0]));
		EXPECT_EQ(-EIO, report(&p->src, bits));
		EXPECT_TRUE(kmsg_says(self->kmsg, p->src.name, nonsense[i][1]));
		EXPECT_TRUE(lost_and_found(self));
	}
}

/* After an event that a queue failed, the driver waits for no report. */
TEST_F(tracker, queues_fail)
{
	static const char * const events[][2] = {
		{ "0xa01:event=4", "its completion queue failed" },
		{ "0xa01:event=5", "its queue pair failed" },
		{ "0xa01:event=16", "its queue pair failed" },
		{ "0xa01:event=17", "its queue pair failed" },
	};
	struct pair *p = &self->p;
	__u64 bits[WORDS] = {};
	unsigned int i;
	double begin;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		/* Ten messages in five seconds is what the driver may say */
		usleep(1800000);
		ASSERT_EQ(0, start(&p->src));
		ASSERT_EQ(0, pair_run(p, &p->src));
		EXPECT_TRUE(pair_moves(&p->src));
		/* The report itself would be late */
		ASSERT_EQ(0, virt_set("connectx_report_us", "5000000"));
		ASSERT_EQ(0, firmware_faults(events[i][0]));
		begin = seconds_now();
		EXPECT_EQ(-EIO, report(&p->src, bits));
		EXPECT_GT(time_limit(4), seconds_now() - begin);
		EXPECT_TRUE(kmsg_says(self->kmsg, p->src.name, events[i][1]));
		EXPECT_TRUE(lost_and_found(self)) {
			TH_LOG("%s", events[i][0]);
		}
	}
}

/* Refused, it has forgotten nothing. */
TEST_F(tracker, does_not_report)
{
	struct pair *p = &self->p;
	__u64 bits[WORDS] = {}, truth[WORDS] = {};
	int fd = truth_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, start(&p->src));
	p->job.end = 1000;
	ASSERT_EQ(0, pair_run(p, &p->src));
	wait_until_written(&p->src);
	/* For want of resources; before anything was done */
	ASSERT_EQ(0, firmware_faults("0xa01:fail=15"));
	EXPECT_EQ(-EAGAIN, report(&p->src, bits));
	EXPECT_TRUE(kmsg_says(self->kmsg, p->src.name,
			      "MODIFY_GENERAL_OBJECT (page tracker) failed"));
	EXPECT_EQ(0, report(&p->src, bits));
	pair_truth(&p->src, fd, truth);
	EXPECT_EQ(1000, count(truth));
	EXPECT_EQ(0, memcmp(bits, truth, sizeof(bits)));
	close(fd);
}

/* With an internal error, it is unknown what it has forgotten. */
TEST_F(tracker, fails_to_report)
{
	struct pair *p = &self->p;

	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, firmware_faults("0xa01:fail=1"));
	EXPECT_TRUE(lost_and_found(self));
}

TEST_F(tracker, is_not_heard_of)
{
	struct pair *p = &self->p;
	__u64 bits[WORDS] = {};
	double begin;

	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 200));
	ASSERT_EQ(0, firmware_faults("0xa01:late=5000"));
	begin = seconds_now();
	EXPECT_EQ(-EIO, report(&p->src, bits));
	EXPECT_GT(time_limit(4), seconds_now() - begin);
	EXPECT_TRUE(kmsg_says(self->kmsg, p->src.name, "did not answer when asked"));
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	sleep(6);
	EXPECT_TRUE(lost_and_found(self));
}

/* Slow is no error, as long as reports arrive; too slow is; and no task hangs. */
TEST_F(tracker, is_slow)
{
	struct pair *p = &self->p;
	__u64 bits[WORDS] = {};
	double begin;
	pid_t pid;

	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, virt_set("connectx_report_us", "400000"));
	begin = seconds_now();
	EXPECT_EQ(0, report(&p->src, bits));
	EXPECT_LT(0.2, seconds_now() - begin);
	EXPECT_LT(0, count(bits));

	ASSERT_EQ(0, virt_set("connectx_report_us", "20000000"));
	ASSERT_EQ(0, driver_limit("report_timeout_ms", 200));
	begin = seconds_now();
	EXPECT_EQ(-EIO, report(&p->src, bits));
	EXPECT_GT(time_limit(10), seconds_now() - begin);
	EXPECT_TRUE(lost_and_found(self));

	ASSERT_EQ(0, driver_limit("report_timeout_ms", 60000));
	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, virt_set("connectx_report_us", "20000000"));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		report(&p->src, bits);
		_exit(0);
	}
	ASSERT_TRUE(waits_in_ioctl(pid));
	begin = seconds_now();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_GT(time_limit(10), seconds_now() - begin);
	EXPECT_TRUE(lost_and_found(self));
}

static void *report_slowly(void *p)
{
	static __u64 bits[WORDS];

	return (void *)(long)report(p, bits);
}

/*
 * A report that takes its time holds up no migration state, if firmware can be
 * trusted with both at once (serialize_reports); else the one waits for the other.
 */
TEST_F(tracker, and_states)
{
	struct pair *p = &self->p;
	unsigned int serialize;
	pthread_t thread;
	double begin;
	void *rc;

	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, pair_run(p, &p->src));
	for (serialize = 0; serialize < 2; serialize++) {
		ASSERT_EQ(0, parameter_set("mlx5_vfio_pci", "serialize_reports",
					   serialize ? "Y" : "N"));
		ASSERT_EQ(0, virt_set("connectx_report_us", "3000000"));
		ASSERT_EQ(0, pthread_create(&thread, NULL, report_slowly,
					    &p->src));
		usleep(200000);
		begin = seconds_now();
		EXPECT_EQ(0, vf_set_state(&p->src, VFIO_DEVICE_STATE_STOP,
					  NULL));
		EXPECT_EQ(serialize, seconds_now() - begin > 2);
		pthread_join(thread, &rc);
		EXPECT_EQ(0, (long)rc);
		EXPECT_LT(2, seconds_now() - begin);
		EXPECT_EQ(0, vf_set_state(&p->src, VFIO_DEVICE_STATE_RUNNING,
					  NULL));
	}
}

/* ---- Ranges of any kind ---------------------------------------------------- */

/*
 * Granules of 64 KiB, read in parts that cut them: each part has what is dirty in
 * it, once, and nothing is missing.
 */
TEST_F(tracker, is_read_in_parts)
{
	static const __u64 parts[] = { PAGE, 3 * PAGE, 16 * PAGE, 31 * PAGE };
	struct pair *p = &self->p;
	__u64 page_size = 16 * PAGE, bits[WORDS], again[WORDS], truth[WORDS] = {};
	unsigned int i, k, wrong = 0;
	int fd = truth_open();
	__u64 at, n;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, log_start(p->src.fd, &all, 1, &page_size));
	ASSERT_EQ(16 * PAGE, page_size);
	p->job.end = 700;
	for (k = 0; k < ARRAY_SIZE(parts); k++) {
		ASSERT_EQ(0, pair_run(p, &p->src));
		wait_until_written(&p->src);
		memset(bits, 0, sizeof(bits));
		memset(again, 0, sizeof(again));
		memset(truth, 0, sizeof(truth));
		pair_truth(&p->src, fd, truth);
		ASSERT_EQ(700, count(truth));
		for (at = 0; at < PAIR_RAM; at += n) {
			__u64 part[WORDS] = {};

			n = PAIR_RAM - at < parts[k] ? PAIR_RAM - at : parts[k];
			ASSERT_EQ(0, log_report(p->src.fd, PAIR_BASE + at, n,
						PAGE, part));
			for (i = 0; i < n / PAGE; i++)
				if (part[i / 64] >> i % 64 & 1)
					bits[(at / PAGE + i) / 64] |=
						1ull << (at / PAGE + i) % 64;
		}
		/* All, no more than the granules around it, and once */
		for (i = 0; i < PAIR_PAGES; i++) {
			bool dirty = truth[i / 64] >> (i % 64 & ~15) & 0xffff;

			wrong += dirty != (bits[i / 64] >> i % 64 & 1);
		}
		EXPECT_EQ(0, wrong) {
			TH_LOG("in parts of %llu: %u pages wrong", parts[k],
			       wrong);
		}
		ASSERT_EQ(0, report(&p->src, again));
		EXPECT_EQ(0, count(again));
	}
	close(fd);
}

/* Not even whole pages: a REPORT of a part of one has it. */
TEST_F(tracker, is_read_in_parts_of_pages)
{
	struct pair *p = &self->p;
	__u64 bits[WORDS] = {};

	ASSERT_EQ(0, start(&p->src));
	p->job.end = 1;
	ASSERT_EQ(0, pair_run(p, &p->src));
	wait_until_written(&p->src);
	EXPECT_EQ(0, log_report(p->src.fd, PAIR_BASE + 512, PAGE, PAGE, bits));
	EXPECT_EQ(1, count(bits));
	memset(bits, 0, sizeof(bits));
	EXPECT_EQ(0, log_report(p->src.fd, PAIR_BASE, 512, PAGE, bits));
	EXPECT_EQ(1, count(bits));
	memset(bits, 0, sizeof(bits));
	EXPECT_EQ(0, report(&p->src, bits));
	EXPECT_EQ(1, count(bits));
	memset(bits, 0, sizeof(bits));
	EXPECT_EQ(0, report(&p->src, bits));
	EXPECT_EQ(0, count(bits));
	/* Beside and around what is tracked */
	EXPECT_EQ(0, log_report(p->src.fd, 0, PAGE, PAGE, bits));
	EXPECT_EQ(0, log_report(p->src.fd, PAIR_BASE + PAIR_RAM, PAGE, PAGE,
				bits));
	EXPECT_EQ(0, count(bits));
}

/* ---- Silent firmware ------------------------------------------------------- */

/* START dies with who called it, has a limit, and then tracking is off. */
TEST_F(tracker, start_is_not_waited_for)
{
	struct pair *p = &self->p;
	double begin;
	pid_t pid;

	ASSERT_EQ(0, firmware_faults("0xa00:late=3000"));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		start(&p->src);
		_exit(0);
	}
	ASSERT_TRUE(waits_in_ioctl(pid));
	usleep(200000);
	begin = seconds_now();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_GT(time_limit(1), seconds_now() - begin);
	/* States do not wait for it, nor does STOP for long */
	EXPECT_EQ(0, vf_set_state(&p->src, VFIO_DEVICE_STATE_STOP, NULL));
	EXPECT_EQ(0, vf_set_state(&p->src, VFIO_DEVICE_STATE_RUNNING, NULL));
	EXPECT_GT(time_limit(1.5), seconds_now() - begin);
	/* The next waits until firmware is ready */
	EXPECT_EQ(0, start(&p->src));
	EXPECT_LT(0, exact(p, &p->src));
	EXPECT_EQ(0, log_stop(p->src.fd));

	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 300));
	ASSERT_EQ(0, firmware_faults("0xa00:late=2000"));
	begin = seconds_now();
	EXPECT_EQ(-ETIMEDOUT, start(&p->src));
	EXPECT_EQ(-EBUSY, start(&p->src));
	EXPECT_GT(time_limit(1.5), seconds_now() - begin);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	EXPECT_EQ(0, start(&p->src));
	EXPECT_LT(0, exact(p, &p->src));
}

/* STOP and close leave it to itself after a while. */
TEST_F(tracker, stop_is_not_waited_for_long)
{
	struct pair *p = &self->p;
	double begin;

	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, firmware_faults("0xa03:late=6000"));
	begin = seconds_now();
	EXPECT_EQ(0, log_stop(p->src.fd));
	EXPECT_GT(time_limit(4), seconds_now() - begin);
	vf_close(&p->src);
	EXPECT_GT(time_limit(5.5), seconds_now() - begin);
	ASSERT_EQ(0, pair_open_vf(p, &p->src, 1));
	EXPECT_EQ(0, start(&p->src));
	EXPECT_LT(5, seconds_now() - begin);
	EXPECT_LT(0, exact(p, &p->src));
}

/* Whatever the firmware refuses while it is made: an error, and nothing stays. */
TEST_F(tracker, cannot_be_made)
{
	static const char * const commands[] = {
		"0x800", "0x400", "0x500", "0x200", "0x502", "0x503", "0x504",
		"0xa00",
	};
	struct pair *p = &self->p;
	char fault[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		snprintf(fault, sizeof(fault), "%s:fail", commands[i]);
		ASSERT_EQ(0, firmware_faults(fault));
		EXPECT_EQ(-EIO, start(&p->src)) {
			TH_LOG("%s", commands[i]);
		}
		EXPECT_EQ(0, start(&p->src));
		EXPECT_EQ(0, log_stop(p->src.fd));
	}
	/* Resources of the firmware: the user can try again */
	ASSERT_EQ(0, firmware_faults("0xa00:fail=8"));
	EXPECT_EQ(-ENOMEM, start(&p->src));
	ASSERT_EQ(0, firmware_faults("0xa00:fail=15"));
	EXPECT_EQ(-EAGAIN, start(&p->src));
	EXPECT_EQ(0, start(&p->src));
	EXPECT_LT(0, exact(p, &p->src));
}

/* More trackers than there can be: 8 of a device */
TEST_F(tracker, closes_with_the_device)
{
	struct pair *p = &self->p;
	unsigned int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, start(&p->src));
		ASSERT_EQ(0, pair_run(p, &p->src));
		vf_close(&p->src);
		ASSERT_EQ(0, pair_open_vf(p, &p->src, 1));
	}
	ASSERT_EQ(0, start(&p->src));
	EXPECT_LT(0, exact(p, &p->src));
}

TEST_HARNESS_MAIN
