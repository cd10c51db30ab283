// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports of mlx5-vfio-pci's page tracker with difficult firmware: it loses the tracker
 * in the middle of a report, or without an event, or cannot report and migrate at the same
 * time (serialize_reports). All other tests of reports are in mlx5_tracker_test.c.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pair.h"
#include "../lib/sysfs.h"

#define CORE	"/sys/bus/pci/drivers/mlx5_core/"

FIXTURE(report) {
	struct pair p;
};

FIXTURE_SETUP(report)
{
	ASSERT_EQ(0, pair_open(&self->p));
}

FIXTURE_TEARDOWN(report)
{
	EXPECT_EQ(0, parameter_set("mlx5_vfio_pci", "serialize_reports", "Y"));
	EXPECT_EQ(0, virt_set("connectx_log", "1048576"));
	EXPECT_EQ(0, virt_set("connectx_report_us", "0"));
	EXPECT_EQ(0, virt_set("connectx_quirks", "\n"));
	EXPECT_EQ(0, virt_set("connectx_busy", "0"));
	EXPECT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	EXPECT_EQ(0, driver_limit("report_timeout_ms", 60000));
	EXPECT_EQ(0, virt_set("connectx_save_ms", "0"));
	pair_close(&self->p);
}

static int start(struct vf *vf)
{
	static const struct vfio_device_feature_dma_logging_range all = {
		PAIR_BASE, PAIR_RAM
	};
	__u64 page_size = PAGE;

	return log_start(vf->fd, &all, 1, &page_size);
}

static int ask(struct vf *vf)
{
	__u64 bits[PAIR_PAGES / 64] = {};

	return log_report(vf->fd, PAIR_BASE, PAIR_RAM, PAGE, bits);
}

static void *ask_slowly(void *vf)
{
	return (void *)(long)ask(vf);
}

/* Wait until the VF has written all that its job asks for. */
static void wait_until_written(const struct vf *vf)
{
	while (vf_read(vf, VIRT_CX_STATUS) & VIRT_CX_STATUS_RUNNING)
		usleep(1000);
}

/* EIO for as long as it was not stopped and started; then it is good, and stopped. */
static int lost_and_found(struct pair *p)
{
	int i, rc;

	for (i = 0; i < 2; i++)
		if (ask(&p->src) != -EIO)
			return -EPROTO;
	rc = firmware_faults("");
	rc = rc ? rc : virt_set("connectx_log", "1048576");
	rc = rc ? rc : vf_stop(&p->src);
	rc = rc ? rc : log_stop(p->src.fd);
	rc = rc ? rc : start(&p->src);
	rc = rc ? rc : ask(&p->src);
	return rc ? rc : log_stop(p->src.fd);
}

/* In the middle of a report, and firmware says so there. */
TEST_F(report, is_lost_in_a_report)
{
	struct pair *p = &self->p;

	ASSERT_EQ(0, virt_set("connectx_quirks",
				   "empty_message"));
	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, firmware_faults("0xa01:lose=1"));
	EXPECT_EQ(0, lost_and_found(p));
}

/* A report that has no end is given up. */
TEST_F(report, has_no_end)
{
	struct pair *p = &self->p;

	ASSERT_EQ(0, virt_set("connectx_quirks", "endless"));
	ASSERT_EQ(0, start(&p->src));
	EXPECT_EQ(-EIO, ask(&p->src));
	ASSERT_EQ(0, virt_set("connectx_quirks", "\n"));
	EXPECT_EQ(0, lost_and_found(p));
}

/* A message that arrives with an error; with the completion that it should have, the control */
TEST_F(report, has_a_message_that_fails)
{
	int kmsg = kmsg_open(), good;
	struct pair *p = &self->p;

	ASSERT_LE(0, kmsg);
	for (good = 1; good >= 0; good--) {
		ASSERT_EQ(0, start(&p->src));
		ASSERT_EQ(0, firmware_faults(good ? "0xa01:cqe=3" : "0xa01:cqe=14"));
		EXPECT_EQ(good ? 0 : -EIO, ask(&p->src));
		EXPECT_EQ(!good, kmsg_says(kmsg, p->src.name, "a report's message failed"));
		EXPECT_EQ(0, good ? log_stop(p->src.fd) : lost_and_found(p));
	}
	close(kmsg);
}

static volatile bool spinning;

static void *spin(void *arg)
{
	while (spinning)
		;
	return NULL;
}

/* As much as a tracker can, in bits of a MiB, and slower than the firmware. */
static void *ask_all(void *arg)
{
	static __u64 bits[1 << 16];
	struct vf *vf = arg;

	setpriority(PRIO_PROCESS, gettid(), 15);
	return (void *)(long)log_report(vf->fd, 0, 1ull << 42, 1 << 20, bits);
}

static void *ask_with_patience(void *vf)
{
	setpriority(PRIO_PROCESS, gettid(), 15);
	return ask_slowly(vf);
}

/* Nor is one waited for that is nothing but empty messages, always there already. */
TEST_F(report, is_empty_without_an_end)
{
	struct pair *p = &self->p;
	pthread_t thread, spinners[2];
	int kmsg = kmsg_open(), i;
	bool said = false;
	void *reported;
	double begin;

	ASSERT_LE(0, kmsg);
	spinning = true;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&spinners[i], NULL, spin, NULL));
	ASSERT_EQ(0, virt_set("connectx_quirks", "endless_empty"));
	ASSERT_EQ(0, driver_limit("report_timeout_ms", 1000));
	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, pthread_create(&thread, NULL, ask_with_patience, &p->src));
	begin = seconds_now();
	while (!said && seconds_now() - begin < time_limit(20)) {
		usleep(100000);
		said = kmsg_says(kmsg, p->src.name, "did not go on with its report in time");
	}
	EXPECT_TRUE(said);
	ASSERT_EQ(0, virt_set("connectx_quirks", "\n"));
	spinning = false;
	/* This ends it in any case */
	EXPECT_EQ(0, log_stop(p->src.fd));
	pthread_join(thread, &reported);
	for (i = 0; i < 2; i++)
		pthread_join(spinners[i], NULL);
	EXPECT_EQ(-EIO, (long)reported);
	close(kmsg);
}

/* Nor do STOP, and the next START, wait for one whose messages are always there already. */
TEST_F(report, is_left_when_the_log_stops)
{
	static const struct vfio_device_feature_dma_logging_range most = {
		0, 1ull << 42
	};
	struct pair *p = &self->p;
	__u64 page_size = PAGE;
	pthread_t thread, spinners[2];
	void *reported;
	double begin;
	int i;

	spinning = true;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&spinners[i], NULL, spin, NULL));
	ASSERT_EQ(0, virt_set("connectx_quirks", "endless"));
	ASSERT_EQ(0, log_start(p->src.fd, &most, 1, &page_size));
	ASSERT_EQ(0, pthread_create(&thread, NULL, ask_all, &p->src));
	usleep(500000);
	begin = seconds_now();
	EXPECT_EQ(0, log_stop(p->src.fd));
	EXPECT_EQ(0, start(&p->src));
	EXPECT_GT(10, seconds_now() - begin);
	ASSERT_EQ(0, virt_set("connectx_quirks", "\n"));
	spinning = false;
	pthread_join(thread, &reported);
	for (i = 0; i < 2; i++)
		pthread_join(spinners[i], NULL);
	EXPECT_EQ(-EIO, (long)reported);
	EXPECT_EQ(0, ask(&p->src));
	EXPECT_EQ(0, log_stop(p->src.fd));
}

/*
 * One whose messages arrive in time, but would go on for minutes, is given up: when a
 * tracker's device is closed, its last report is waited for, and nothing stops the log.
 */
TEST_F(report, takes_too_long)
{
	static const struct vfio_device_feature_dma_logging_range most = {
		0, 1ull << 42
	};
	struct pair *p = &self->p;
	int kmsg = kmsg_open();
	__u64 page_size = PAGE;
	pthread_t thread;
	bool said = false;
	void *reported;
	double begin;

	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, virt_set("connectx_quirks", "endless"));
	ASSERT_EQ(0, virt_set("connectx_report_us", "100000"));
	ASSERT_EQ(0, driver_limit("report_timeout_ms", 1000));
	ASSERT_EQ(0, log_start(p->src.fd, &most, 1, &page_size));
	ASSERT_EQ(0, pthread_create(&thread, NULL, ask_all, &p->src));
	begin = seconds_now();
	while (!said && seconds_now() - begin < time_limit(20)) {
		usleep(100000);
		said = kmsg_says(kmsg, p->src.name, "a report takes too long");
	}
	EXPECT_TRUE(said);
	EXPECT_LT(8, seconds_now() - begin);
	ASSERT_EQ(0, virt_set("connectx_quirks", "\n"));
	ASSERT_EQ(0, virt_set("connectx_report_us", "0"));
	/* This ends it in any case */
	EXPECT_EQ(0, log_stop(p->src.fd));
	pthread_join(thread, &reported);
	EXPECT_EQ(-EIO, (long)reported);
	close(kmsg);
}

/* The event that says so gets lost: the report, or a question, finds out. */
TEST_F(report, is_lost_without_an_event)
{
	struct pair *p = &self->p;
	double begin;

	ASSERT_EQ(0, virt_set("connectx_quirks",
				   "lost_events"));
	/* While no REPORT waits */
	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, virt_set("connectx_log", "100"));
	p->job.end = 500;
	ASSERT_EQ(0, pair_run(p, &p->src));
	wait_until_written(&p->src);
	p->job.end = 0;
	EXPECT_EQ(0, lost_and_found(p));
	/* When a report has begun that no message comes of */
	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, firmware_faults("0xa01:lose"));
	begin = seconds_now();
	EXPECT_EQ(-EIO, ask(&p->src));
	EXPECT_GT(time_limit(20), seconds_now() - begin);
	EXPECT_EQ(0, lost_and_found(p));
	/* Behind the last message of a report, which is good */
	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, firmware_faults("0xa01:lose=1"));
	EXPECT_EQ(0, ask(&p->src));
	EXPECT_EQ(0, lost_and_found(p));
}

/*
 * A completion queue without room: the message is nowhere, and no report says so. The
 * event of the queue does, and is not waited for until the time for a report is over.
 * With room for a message, the control, that is no loss.
 */
TEST_F(report, overruns_its_queue)
{
	int kmsg = kmsg_open(), room;
	struct pair *p = &self->p;
	double begin;

	ASSERT_LE(0, kmsg);
	ASSERT_EQ(0, virt_set("connectx_quirks", "lost_events"));
	for (room = 1; room >= 0; room--) {
		ASSERT_EQ(0, start(&p->src));
		ASSERT_EQ(0, pair_run(p, &p->src));
		EXPECT_TRUE(pair_moves(&p->src));
		ASSERT_EQ(0, firmware_faults(room ? "0xa01:overrun=1" :
						    "0xa01:overrun=0"));
		begin = seconds_now();
		EXPECT_EQ(room ? 0 : -EIO, ask(&p->src));
		EXPECT_GT(time_limit(20), seconds_now() - begin);
		EXPECT_EQ(!room, kmsg_says(kmsg, p->src.name,
					   "its completion queue failed"));
		EXPECT_EQ(0, room ? log_stop(p->src.fd) : lost_and_found(p));
	}
	close(kmsg);
}

/*
 * A page beside what is tracked is said once and ignored; one that is tracked and was
 * not asked for is kept. With firmware that reports neither, the control, nothing is said.
 */
TEST_F(report, is_told_of_other_pages)
{
	__u64 half = PAIR_RAM / 2, bits[PAIR_PAGES / 64] = {};
	int kmsg = kmsg_open(), odd;
	struct pair *p = &self->p;

	ASSERT_LE(0, kmsg);
	for (odd = 0; odd < 2; odd++) {
		ASSERT_EQ(0, virt_set("connectx_quirks",
				      odd ? "outside" : "\n"));
		ASSERT_EQ(0, start(&p->src));
		EXPECT_EQ(0, ask(&p->src));
		EXPECT_EQ(odd, kmsg_says(kmsg, p->src.name,
					 "which is not tracked"));
		EXPECT_EQ(0, ask(&p->src));
		EXPECT_FALSE(kmsg_says(kmsg, p->src.name,
				       "which is not tracked"));
		/* The page below the second half is of the first */
		EXPECT_EQ(0, log_report(p->src.fd, PAIR_BASE + half, half, PAGE,
					bits));
		EXPECT_EQ(0, bits[0]);
		EXPECT_EQ(0, log_report(p->src.fd, PAIR_BASE, half, PAGE, bits));
		EXPECT_EQ(odd, bits[PAIR_PAGES / 128 - 1] >> 63);
		ASSERT_EQ(0, log_stop(p->src.fd));
		memset(bits, 0, sizeof(bits));
	}
	close(kmsg);
}

/*
 * Queues that the firmware does not give back are used for nothing else: the next START
 * makes others. What is left in the firmware is counted when the PF's driver goes.
 */
TEST_F(report, leaves_queues_that_are_not_given_back)
{
	static const char * const faults[] = {
		"", "0x401:fail*0", "0x501:fail*0,0x401:fail*0",
	};
	int kmsg = kmsg_open();
	struct pair *p = &self->p;
	unsigned long left;
	unsigned int i;

	ASSERT_LE(0, kmsg);
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		left = virt_get("connectx_left");
		ASSERT_EQ(0, start(&p->src));
		ASSERT_EQ(0, pair_run(p, &p->src));
		EXPECT_TRUE(pair_moves(&p->src));
		EXPECT_EQ(0, ask(&p->src));
		ASSERT_EQ(0, firmware_faults(faults[i]));
		EXPECT_EQ(0, log_stop(p->src.fd));
		ASSERT_EQ(0, firmware_faults(""));
		EXPECT_EQ(!!i, kmsg_says(kmsg, p->src.name,
					 "does not give back the page tracker's queues"));
		ASSERT_EQ(0, start(&p->src));
		EXPECT_EQ(0, ask(&p->src));
		EXPECT_EQ(0, log_stop(p->src.fd));
		pair_close(p);
		ASSERT_EQ(0, vf_create(0));
		ASSERT_EQ(0, sysfs_write(CORE "unbind", VF_PF));
		EXPECT_EQ(!!i, left < virt_get("connectx_left")) {
			TH_LOG("%s", faults[i]);
		}
		ASSERT_EQ(0, sysfs_write(CORE "bind", VF_PF));
		ASSERT_EQ(0, pair_open(p));
	}
	close(kmsg);
}

/*
 * Firmware that cannot do both refuses the one during the other. With serialize_reports
 * it has no reason to; without, it has: this is what the option is for.
 */
TEST_F(report, and_states_of_firmware_that_minds)
{
	struct pair *p = &self->p;
	unsigned long conflicts;
	unsigned int serialize;
	pthread_t thread;
	void *reported;
	int rc;

	ASSERT_EQ(0, virt_set("connectx_quirks",
				   "report_alone"));
	for (serialize = 0; serialize < 2; serialize++) {
		ASSERT_EQ(0, parameter_set("mlx5_vfio_pci", "serialize_reports",
					   serialize ? "Y" : "N"));
		ASSERT_EQ(0, start(&p->src));
		ASSERT_EQ(0, pair_run(p, &p->src));
		ASSERT_EQ(0, virt_set("connectx_report_us", "2000000"));
		conflicts = virt_get("connectx_conflicts");
		ASSERT_EQ(0, pthread_create(&thread, NULL, ask_slowly,
					    &p->src));
		usleep(500000);
		rc = vf_set_state(&p->src, VFIO_DEVICE_STATE_STOP, NULL);
		pthread_join(thread, &reported);
		EXPECT_EQ(0, (long)reported);
		EXPECT_EQ(serialize, !rc);
		EXPECT_EQ(serialize, conflicts == virt_get("connectx_conflicts"));
		EXPECT_EQ(0, vf_set_state(&p->src, VFIO_DEVICE_STATE_RUNNING,
					  NULL));
		ASSERT_EQ(0, virt_set("connectx_report_us", "0"));
		ASSERT_EQ(0, log_stop(p->src.fd));
	}
}

/* A SUSPEND that no task waits for any more is one of the states being changed. */
TEST_F(report, and_states_that_no_one_waits_for)
{
	struct pair *p = &self->p;
	unsigned long conflicts;
	unsigned int serialize;

	ASSERT_EQ(0, virt_set("connectx_quirks", "report_alone"));
	for (serialize = 0; serialize < 2; serialize++) {
		ASSERT_EQ(0, parameter_set("mlx5_vfio_pci", "serialize_reports",
					   serialize ? "Y" : "N"));
		ASSERT_EQ(0, start(&p->src));
		conflicts = virt_get("connectx_conflicts");
		ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 100));
		ASSERT_EQ(0, firmware_faults("0x115:late=4000"));
		EXPECT_EQ(-ETIMEDOUT, vf_set_state(&p->src, VFIO_DEVICE_STATE_STOP,
						   NULL));
		ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
		ASSERT_EQ(0, virt_set("connectx_report_us", "6000000"));
		EXPECT_EQ(0, ask(&p->src));
		ASSERT_EQ(0, virt_set("connectx_report_us", "0"));
		EXPECT_EQ(serialize, conflicts == virt_get("connectx_conflicts"));
		ASSERT_EQ(0, log_stop(p->src.fd));
		ASSERT_EQ(0, vf_reset(&p->src));
	}
}

/* Two reports at a time, which no migration state holds up: one after the other. */
TEST_F(report, two_at_a_time)
{
	struct pair *p = &self->p;
	pthread_t threads[2];
	struct timespec end;
	void *reported;
	int i;

	ASSERT_EQ(0, parameter_set("mlx5_vfio_pci", "serialize_reports", "N"));
	ASSERT_EQ(0, start(&p->src));
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, virt_set("connectx_report_us", "500000"));
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, ask_slowly,
					    &p->src));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_timedjoin_np(threads[i], &reported, &end));
		EXPECT_EQ(0, (long)reported);
	}
	ASSERT_EQ(0, log_stop(p->src.fd));
}

static void *load_slowly(void *p)
{
	return (void *)(long)pair_load(p);
}

/* And so with a LOAD. */
TEST_F(report, and_loads_of_firmware_that_minds)
{
	struct pair *p = &self->p;
	unsigned int serialize;
	pthread_t thread;
	void *loaded;
	int rc;

	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_TRUE(pair_moves(&p->src));
	ASSERT_EQ(0, pair_save(p, false));
	ASSERT_EQ(0, virt_set("connectx_quirks",
				   "report_alone"));
	ASSERT_EQ(0, virt_set("connectx_busy", "9"));
	ASSERT_EQ(0, virt_set("connectx_save_ms", "2000"));
	for (serialize = 0; serialize < 2; serialize++) {
		ASSERT_EQ(0, parameter_set("mlx5_vfio_pci", "serialize_reports",
					   serialize ? "Y" : "N"));
		ASSERT_EQ(0, start(&p->dst));
		ASSERT_EQ(0, pthread_create(&thread, NULL, load_slowly, p));
		usleep(1000000);
		rc = ask(&p->dst);
		pthread_join(thread, &loaded);
		EXPECT_EQ(0, (long)loaded);
		EXPECT_EQ(serialize, !rc);
		/* Refused, it has forgotten nothing, and continues */
		EXPECT_EQ(0, ask(&p->dst));
		ASSERT_EQ(0, log_stop(p->dst.fd));
		ASSERT_EQ(0, vf_reset(&p->dst));
	}
}

TEST_HARNESS_MAIN
