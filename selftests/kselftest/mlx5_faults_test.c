// SPDX-License-Identifier: GPL-2.0-only
/*
 * mlx5-vfio-pci when the firmware fails, answers late or not at all, damages
 * what it saves, or dies. After each fault the device is in a known state,
 * the kernel's log names the device and the cause, no task has waited for long,
 * and the next migration, after a reset, is correct. After a failed migration the source
 * continues, unless its state is ERROR.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pair.h"

#define S(name) VFIO_DEVICE_STATE_##name

/* In which part of a migration the fault comes. */
enum step {
	SUSPEND,	/* RUNNING to STOP */
	RESUME,		/* STOP to RUNNING */
	BEGIN,		/* RUNNING to PRE_COPY */
	PRECOPY,	/* reading in PRE_COPY */
	ASK,		/* VFIO_MIG_GET_PRECOPY_INFO */
	FINAL,		/* PRE_COPY_P2P to STOP_COPY */
	SAVE,		/* reading in STOP_COPY */
	SIZE,		/* MIG_DATA_SIZE */
	RESUMING,	/* STOP to RESUMING */
	LOAD,		/* writing, and leaving RESUMING */
};

/**
 * struct row - A fault
 * @step: When
 * @fault: connectx_faults
 * @rc: The error that the user sees
 * @state: Of the device then
 * @message: In the kernel's log, beside the name of the device
 */
struct row {
	enum step step;
	const char *fault;
	int rc;
	int state;
	const char *message;
};

/* Commands that fail: SUSPEND, RESUME, QUERY, SAVE, LOAD, and what they need. */
static const struct row refusals[] = {
	{ SUSPEND, "0x115:fail", -EIO, S(RUNNING), "SUSPEND_VHCA (initiator) failed" },
	{ SUSPEND, "0x115:fail@2", -EIO, S(RUNNING_P2P), "SUSPEND_VHCA (responder) failed" },
	{ RESUME, "0x116:fail", -EIO, S(STOP), "RESUME_VHCA (responder) failed" },
	{ RESUME, "0x116:fail@2", -EIO, S(RUNNING_P2P), "RESUME_VHCA (initiator) failed" },
	{ BEGIN, "0x117:fail", -EIO, S(RUNNING), "QUERY_VHCA_MIGRATION_STATE failed" },
	{ BEGIN, "0x200:fail=15", -EAGAIN, S(RUNNING), "RUNNING could not become PRE_COPY" },
	{ BEGIN, "0x800:fail=15", -EAGAIN, S(RUNNING), "RUNNING could not become PRE_COPY" },
	{ PRECOPY, "0x118:fail", -EIO, S(PRE_COPY), "SAVE_VHCA_STATE failed" },
	{ ASK, "0x117:fail", -EIO, S(PRE_COPY), "QUERY_VHCA_MIGRATION_STATE failed" },
	{ FINAL, "0x115:fail", -EIO, S(PRE_COPY_P2P), "SUSPEND_VHCA (responder) failed" },
	{ FINAL, "0x117:fail", -EIO, S(PRE_COPY_P2P), "the last part cannot be saved" },
	{ SAVE, "0x118:fail", -EIO, S(STOP_COPY), "SAVE_VHCA_STATE failed" },
	{ SIZE, "0x117:fail", -EIO, S(RUNNING), "QUERY_VHCA_MIGRATION_STATE failed" },
	{ RESUMING, "0x800:fail=15", -EAGAIN, S(STOP), "STOP could not become RESUMING" },
	{ LOAD, "0x200:fail=15", -EIO, S(ERROR), "the image cannot be loaded" },
	{ LOAD, "0x119:fail", -EIO, S(ERROR), "the image cannot be loaded" },
	{ LOAD, "0x119:fail@2", -EIO, S(ERROR), "the image cannot be loaded" },
	{ LOAD, "0x119:fail=15", -EIO, S(ERROR), "the image cannot be loaded" },
};

/* Data that is spoiled on its way out of the firmware, or into it. */
static const struct row spoiled[] = {
	{ LOAD, "0x118:corrupt=5000", -EINVAL, S(ERROR), "the image cannot be loaded" },
	{ LOAD, "0x118:corrupt=77@2", -EINVAL, S(ERROR), "the image cannot be loaded" },
	{ LOAD, "0x118:cut=100", -EINVAL, S(ERROR), "the image cannot be loaded" },
	{ LOAD, "0x118:cut=8@2", -EINVAL, S(ERROR), "the image cannot be loaded" },
	{ LOAD, "0x119:corrupt=9000", -EINVAL, S(ERROR), "the image cannot be loaded" },
	{ LOAD, "0x119:cut=1@2", -EINVAL, S(ERROR), "the image cannot be loaded" },
};

#define LIMIT	600	/* ms that the driver waits */
#define LATE	"2500"	/* ms until the firmware answers */

/* Commands that are answered when no task waits any more. */
static const struct row late[] = {
	{ SUSPEND, "0x115:late=" LATE, -ETIMEDOUT, S(ERROR), "SUSPEND_VHCA (initiator): the time limit was over" },
	{ SUSPEND, "0x115:late=" LATE "@2", -ETIMEDOUT, S(ERROR), "SUSPEND_VHCA (responder): the time limit was over" },
	{ RESUME, "0x116:late=" LATE, -ETIMEDOUT, S(ERROR), "RESUME_VHCA (responder): the time limit was over" },
	{ RESUME, "0x116:late=" LATE "@2", -ETIMEDOUT, S(ERROR), "RESUME_VHCA (initiator): the time limit was over" },
	{ BEGIN, "0x117:late=" LATE, -EIO, S(RUNNING), "QUERY_VHCA_MIGRATION_STATE: the time limit was over" },
	{ ASK, "0x117:late=" LATE, -EIO, S(PRE_COPY), "QUERY_VHCA_MIGRATION_STATE: the time limit was over" },
	{ ASK, "0x118:late=" LATE, -EBUSY, S(PRE_COPY), "SAVE_VHCA_STATE: the time limit was over" },
	{ LOAD, "0x119:late=" LATE, -ETIMEDOUT, S(ERROR), "LOAD_VHCA_STATE: the time limit was over" },
};

FIXTURE(faults) {
	struct pair p;
	int kmsg;
	int fd;
};

FIXTURE_SETUP(faults)
{
	self->fd = -1;
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	ASSERT_EQ(0, pair_open(&self->p));
}

FIXTURE_TEARDOWN(faults)
{
	EXPECT_EQ(0, virt_set("connectx_quirks", ""));
	EXPECT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	pair_close(&self->p);
	close(self->kmsg);
}

/* Has the state that is to be loaded been saved while a fault is on? */
static bool spoils_save(const struct row *row)
{
	return row->step == LOAD && strstr(row->fault, "0x118");
}

static int read_all(struct pair *p, int fd)
{
	int end;

	vf_stream_read(fd, p->stream, PAIR_STREAM, &end);
	return -end;
}

static int step_source(struct pair *p, const struct row *row, int *fd)
{
	struct vfio_precopy_info info;
	__u64 size;
	int rc = 0;

	if (row->step == RESUME)
		rc = vf_set_state(&p->src, S(STOP), NULL);
	else if (row->step == FINAL)
		rc = vf_set_state(&p->src, S(PRE_COPY_P2P), fd);
	if (row->step == FINAL && read_all(p, *fd) != -ENOMSG)
		rc = -EPROTO;
	/* The first SAVE is still under way when it is asked how much there is. */
	if (!rc && row->step == ASK && strstr(row->fault, "0x117")) {
		rc = vf_set_state(&p->src, S(PRE_COPY), fd);
		if (!rc && read_all(p, *fd) != -ENOMSG)
			rc = -EPROTO;
	}
	if (rc || firmware_faults(row->fault))
		return -EPROTO;

	switch (row->step) {
	case SUSPEND:
		return vf_set_state(&p->src, S(STOP), NULL);
	case RESUME:
		return vf_set_state(&p->src, S(RUNNING), NULL);
	case BEGIN:
		return vf_set_state(&p->src, S(PRE_COPY), fd);
	case PRECOPY:
		rc = vf_set_state(&p->src, S(PRE_COPY), fd);
		return rc ? rc : read_all(p, *fd);
	case ASK:
		if (*fd < 0)
			rc = vf_set_state(&p->src, S(PRE_COPY), fd);
		return rc ? rc : vf_precopy_info(*fd, &info);
	case FINAL:
		return vf_set_state(&p->src, S(STOP_COPY), NULL);
	case SAVE:
		rc = vf_set_state(&p->src, S(STOP_COPY), fd);
		return rc ? rc : read_all(p, *fd);
	case SIZE:
		return vf_data_size(&p->src, &size);
	default:
		return -EPROTO;
	}
}

static int step_destination(struct pair *p, const struct row *row, int *fd)
{
	if (spoils_save(row) && firmware_faults(row->fault))
		return -EPROTO;
	if (pair_save(p, true))
		return -EPROTO;
	if (!spoils_save(row) && firmware_faults(row->fault))
		return -EPROTO;
	if (row->step == RESUMING)
		return vf_set_state(&p->dst, S(RESUMING), fd);
	return pair_load(p);
}

static void suffer(struct __test_metadata *_metadata,
		   FIXTURE_DATA(faults) *self, const struct row *row)
{
	bool dst = row->step == RESUMING || row->step == LOAD;
	struct pair *p = &self->p;
	struct vf *vf = dst ? &p->dst : &p->src;
	double begin;
	int fd = -1;
	int rc;

	ASSERT_EQ(0, vf_reset(&p->src));
	ASSERT_EQ(0, vf_reset(&p->dst));
	ASSERT_EQ(0, pair_run(p, &p->src));
	/* Ten messages in five seconds is what the driver may say */
	usleep(600000);
	kmsg_says(self->kmsg, "", "");
	begin = seconds_now();
	rc = dst ? step_destination(p, row, &fd) : step_source(p, row, &fd);
	EXPECT_GT(time_limit(20), seconds_now() - begin);
	EXPECT_EQ(row->rc, rc) {
		TH_LOG("%s at step %d", row->fault, row->step);
	}
	EXPECT_EQ(row->state, vf_get_state(vf)) {
		TH_LOG("%s: %s", row->fault, vf_state_name(vf_get_state(vf)));
	}
	EXPECT_TRUE(kmsg_says(self->kmsg, vf->name, row->message)) {
		TH_LOG("%s: no message \"%s\"", row->fault, row->message);
	}
	ASSERT_EQ(0, firmware_faults(""));

	/* A migration that failed leaves a source that runs */
	if (!dst && row->state != S(ERROR) && row->rc != -EBUSY) {
		for (begin = seconds_now(); seconds_now() - begin < 10;
		     usleep(50000)) {
			rc = vf_set_state(vf, S(RUNNING), NULL);
			if (rc != -EBUSY)
				break;
		}
		EXPECT_EQ(0, rc);
		EXPECT_TRUE(pair_moves(vf));
		EXPECT_EQ(0, vf_read(vf, VIRT_CX_FAULTS));
	}
	if (fd >= 0)
		close(fd);
	ASSERT_EQ(0, vf_reset(vf));
	EXPECT_EQ(S(RUNNING), vf_get_state(vf));
}

TEST_F(faults, commands_fail)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(refusals); i++)
		suffer(_metadata, self, &refusals[i]);
	EXPECT_EQ(0, pair_sound(&self->p));
	TH_LOG("%zu rows", ARRAY_SIZE(refusals));
}

/* In ERROR no more data arrives, and a reader that waits gets an error. */
TEST_F(faults, error_ends_the_session)
{
	struct pair *p = &self->p;
	int fd;
	char c;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY), &fd));
	EXPECT_EQ(-ENOMSG, read_all(p, fd));
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 300));
	ASSERT_EQ(0, firmware_faults("0x115:late=1500"));
	EXPECT_EQ(-ETIMEDOUT, vf_set_state(&p->src, S(STOP_COPY), NULL));
	EXPECT_EQ(S(ERROR), vf_get_state(&p->src));
	EXPECT_EQ(-1, read(fd, &c, 1));
	EXPECT_EQ(ENODEV, errno);
	close(fd);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	sleep(2);
	ASSERT_EQ(0, vf_reset(&p->src));
	EXPECT_EQ(0, pair_sound(p));
}

/*
 * Firmware that lacks something answers what is EAGAIN elsewhere. A reader would wait for
 * more data then, which does not come.
 */
TEST_F(faults, failed_save_is_not_waited_for)
{
	struct pair *p = &self->p;
	struct pollfd pfd = { .events = POLLIN };
	ssize_t n;
	char c;

	ASSERT_EQ(0, firmware_faults("0x118:fail=15"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &pfd.fd));
	fcntl(pfd.fd, F_SETFL, O_NONBLOCK);
	do {
		EXPECT_EQ(1, poll(&pfd, 1, time_limit(20) * 1000));
		n = read(pfd.fd, &c, 1);
	} while (n > 0);
	EXPECT_EQ(-1, n);
	EXPECT_EQ(EIO, errno);
	EXPECT_NE(0, pfd.revents & POLLERR);
	close(pfd.fd);
}

TEST_F(faults, data_is_spoiled)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(spoiled); i++)
		suffer(_metadata, self, &spoiled[i]);
	EXPECT_EQ(0, pair_sound(&self->p));
}

/*
 * No task waits longer than cmd_timeout_ms. Until the answer has arrived there is no
 * other command; then everything is as it was.
 */
TEST_F(faults, answers_are_late)
{
	struct pair *p = &self->p;
	unsigned int i;
	int rc, fd;

	for (i = 0; i < ARRAY_SIZE(late); i++) {
		ASSERT_EQ(0, driver_limit("cmd_timeout_ms", LIMIT));
		suffer(_metadata, self, &late[i]);
		rc = vf_set_state(late[i].step == LOAD ? &p->dst : &p->src,
				  S(PRE_COPY), &fd);
		if (late[i].state == S(ERROR)) {
			EXPECT_EQ(-EBUSY, rc) {
				TH_LOG("after %s", late[i].fault);
			}
		}
		if (!rc)
			close(fd);
		usleep(3000000);
		ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
		EXPECT_EQ(0, pair_sound(p)) {
			TH_LOG("after %s", late[i].fault);
		}
	}
}

/* An image that is larger than its buffer cannot be: no memory behind that is read. */
TEST_F(faults, image_is_larger_than_its_buffer)
{
	struct pair *p = &self->p;
	int fd;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, virt_set("connectx_quirks", "image_more"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	EXPECT_EQ(-EIO, read_all(p, fd));
	EXPECT_TRUE(kmsg_says(self->kmsg, p->src.name, "larger than can be"));
	close(fd);
	ASSERT_EQ(0, virt_set("connectx_quirks", ""));
	ASSERT_EQ(0, vf_reset(&p->src));
	EXPECT_EQ(0, pair_sound(p));
}

/* SAVE with tracking can be refused: then all is saved when it is stopped. */
TEST_F(faults, state_cannot_be_tracked)
{
	struct pair *p = &self->p;
	struct vfio_precopy_info info;
	__u64 position;
	int fd, end;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, firmware_faults("0x118:fail=9"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY), &fd));
	p->length = vf_stream_read(fd, p->stream, PAIR_STREAM, &end);
	EXPECT_EQ(ENOMSG, end);
	EXPECT_EQ(0, vf_precopy_info(fd, &info));
	EXPECT_TRUE(kmsg_says(self->kmsg, p->src.name,
			      "cannot track the device's state"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), NULL));
	position = vf_read(&p->src, VIRT_CX_POSITION);
	p->length += vf_stream_read(fd, p->stream + p->length,
				    PAIR_STREAM - p->length, &end);
	EXPECT_EQ(0, end);
	close(fd);
	ASSERT_EQ(0, pair_load(p));
	EXPECT_EQ(position, vf_read(&p->dst, VIRT_CX_POSITION));
}

/*
 * Nor is a device resumed while the firmware has not said how much the last part is: after
 * the answer it goes on where it was, and without one it is not known to run.
 */
TEST_F(faults, resume_waits_for_query)
{
	struct pair *p = &self->p;
	unsigned long before;
	unsigned int lost;
	int fd;

	for (lost = 0; lost < 2; lost++) {
		ASSERT_EQ(0, pair_run(p, &p->src));
		ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY_P2P), &fd));
		ASSERT_EQ(-ENOMSG, read_all(p, fd));
		ASSERT_EQ(0, driver_limit("cmd_timeout_ms", lost ? LIMIT : 3000));
		ASSERT_EQ(0, firmware_faults(lost ? "0x117:drop" : "0x117:late=4000"));
		before = virt_get("connectx_commands");
		EXPECT_EQ(-EIO, vf_set_state(&p->src, S(STOP_COPY), NULL));
		/* SUSPEND, and QUERY before RESUME */
		if (!lost)
			EXPECT_EQ(3, virt_get("connectx_commands") - before);
		EXPECT_EQ(lost ? S(ERROR) : S(PRE_COPY_P2P), vf_get_state(&p->src));
		ASSERT_EQ(0, firmware_faults(""));
		ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
		if (!lost) {
			EXPECT_EQ(0, vf_set_state(&p->src, S(RUNNING), NULL));
			EXPECT_TRUE(pair_moves(&p->src));
		}
		close(fd);
		ASSERT_EQ(0, vf_reset(&p->src));
	}
	EXPECT_EQ(0, pair_sound(p));
}

/* Who begins pre-copy again and again, and is refused, does not fill the kernel's log. */
TEST_F(faults, refusals_are_not_said_for_ever)
{
	struct pair *p = &self->p;
	unsigned int i, said = 0;
	double begin;
	int fd;

	ASSERT_EQ(0, vf_set_state(&p->src, S(RUNNING_P2P), NULL));
	ASSERT_EQ(0, firmware_faults("0x118:fail=9@1*0"));
	begin = seconds_now();
	for (i = 0; i < 150; i++) {
		ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY_P2P), &fd));
		EXPECT_EQ(-ENOMSG, read_all(p, fd));
		close(fd);
		ASSERT_EQ(0, vf_set_state(&p->src, S(RUNNING_P2P), NULL));
		said += kmsg_says(self->kmsg, p->src.name, "cannot track the device's state");
	}
	ASSERT_EQ(0, firmware_faults(""));
	EXPECT_LT(0, said);
	/* Ten in five seconds, of which two can have begun before and end later */
	EXPECT_GE(10 * ((seconds_now() - begin) / 5 + 2), said) {
		TH_LOG("%u times in %.1f s", said, seconds_now() - begin);
	}
}

/* ---- Resets and signals in the middle ---- */

struct arc {
	struct vf *vf;
	int to;
	int rc;
};

static void *go(void *p)
{
	struct arc *arc = p;

	arc->rc = vf_set_state(arc->vf, arc->to, NULL);
	return NULL;
}

/*
 * The firmware suspends the device after it was reset: waited for (the limit is
 * long) or given up. It says RUNNING, so it has to run.
 */
TEST_F(faults, reset_overtakes_suspend)
{
	static const int targets[] = { S(RUNNING_P2P), S(STOP), S(STOP_COPY) };
	struct pair *p = &self->p;
	struct arc arc = { .vf = &p->src };
	unsigned int i, given_up, wait;
	pthread_t thread;

	for (i = 0; i < 18; i++) {
		given_up = i & 1;
		wait = i / 2 % 3 * 300000;
		arc.to = targets[i / 6];
		ASSERT_EQ(0, vf_reset(&p->src));
		ASSERT_EQ(0, driver_limit("cmd_timeout_ms",
					  given_up ? 100 : 60000));
		/* With the one VF of the two, then with both parts of it */
		ASSERT_EQ(0, firmware_faults(i / 6 ? "0x115:late=700*2" :
						     "0x115:late=700"));
		ASSERT_EQ(0, pthread_create(&thread, NULL, go, &arc));
		usleep(50000 + wait);
		ASSERT_EQ(0, vf_reset(&p->src));
		pthread_join(thread, NULL);
		/* What it says once it has come to rest */
		usleep(given_up ? 1600000 : 100000);
		ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
		if (vf_get_state(&p->src) == S(ERROR)) {
			/* Given up after the reset, and before the end */
			EXPECT_EQ(1, given_up);
			ASSERT_EQ(0, vf_reset(&p->src));
		}
		EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
		ASSERT_EQ(0, vf_bus_master(&p->src, true));
		EXPECT_EQ(0, vf_start(&p->src, &p->job)) {
			TH_LOG("to %s, %u us, %s", vf_state_name(arc.to), wait,
			       given_up ? "given up" : "waited for");
		}
		EXPECT_TRUE(pair_moves(&p->src)) {
			TH_LOG("to %s, %u us, %s", vf_state_name(arc.to), wait,
			       given_up ? "given up" : "waited for");
		}
	}
	EXPECT_TRUE(kmsg_says(self->kmsg, p->src.name, "resuming it"));
	EXPECT_EQ(0, pair_sound(p));
}

TEST_F(faults, killed_while_it_waits)
{
	static const char * const commands[] = { "0x115", "0x117", "0x118" };
	struct pair *p = &self->p;
	char fault[32];
	unsigned int i;
	double begin;
	pid_t pid;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vf_reset(&p->src));
		snprintf(fault, sizeof(fault), "%s:late=5000", commands[i]);
		ASSERT_EQ(0, firmware_faults(fault));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			pair_save(p, true);
			_exit(0);
		}
		usleep(1500000);
		begin = seconds_now();
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		EXPECT_GT(time_limit(4), seconds_now() - begin) {
			TH_LOG("%s", commands[i]);
		}
		/* For 0x117, what is late is only a question */
		EXPECT_EQ(i == 0 ? S(ERROR) : i == 1 ? S(RUNNING) : S(PRE_COPY),
			  vf_get_state(&p->src)) {
			TH_LOG("%s: %s", commands[i],
			       vf_state_name(vf_get_state(&p->src)));
		}
		usleep(5500000);
		EXPECT_EQ(0, pair_sound(p));
	}
}

/* Closed with a SAVE under way: it is waited for, with a limit, before the reset. */
TEST_F(faults, closed_while_saving)
{
	struct pair *p = &self->p;
	double begin;
	char c;
	int fd;

	ASSERT_EQ(0, firmware_faults("0x118:late=2000"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	begin = seconds_now();
	vf_close(&p->src);
	EXPECT_LT(1.5, seconds_now() - begin);
	EXPECT_EQ(-1, read(fd, &c, 1));
	EXPECT_EQ(ENODEV, errno);
	close(fd);
	ASSERT_EQ(0, pair_open_vf(p, &p->src, 1));

	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 300));
	ASSERT_EQ(0, firmware_faults("0x118:late=4000"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	begin = seconds_now();
	vf_close(&p->src);
	EXPECT_GT(time_limit(3), seconds_now() - begin);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	EXPECT_EQ(-1, read(fd, &c, 1));
	EXPECT_EQ(ENODEV, errno);
	close(fd);
	ASSERT_EQ(0, pair_open_vf(p, &p->src, 1));
	EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
	usleep(4500000);
	EXPECT_EQ(0, pair_sound(p));
}

/* ---- A SAVE is a command like any other ---- */

/* Until it has answered the SAVE, firmware gets no other command about the VF. */
TEST_F(faults, resume_waits_for_save)
{
	struct pair *p = &self->p;
	double begin;
	int fd;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	ASSERT_EQ(0, firmware_faults("0x118:late=2000"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	begin = seconds_now();
	EXPECT_EQ(0, vf_set_state(&p->src, S(RUNNING), NULL));
	EXPECT_LT(1.5, seconds_now() - begin);
	EXPECT_TRUE(pair_moves(&p->src));
	close(fd);

	/* A reset does not wait, and the arc after it does */
	ASSERT_EQ(0, firmware_faults("0x118:late=2000"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	begin = seconds_now();
	ASSERT_EQ(0, vf_reset(&p->src));
	EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
	EXPECT_GT(time_limit(1.5), seconds_now() - begin);
	EXPECT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	EXPECT_LT(1.5, seconds_now() - begin);
	close(fd);

	/* With a limit, and then nothing has changed */
	ASSERT_EQ(0, firmware_faults("0x118:late=2500"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 300));
	EXPECT_EQ(-EBUSY, vf_set_state(&p->src, S(STOP), NULL));
	EXPECT_EQ(S(STOP_COPY), vf_get_state(&p->src));
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	EXPECT_EQ(0, read_all(p, fd));
	EXPECT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	close(fd);
	EXPECT_EQ(0, pair_sound(p));
}

/* What the one session leaves under way does not get into the next. */
TEST_F(faults, next_session_is_clean)
{
	struct pair *p = &self->p;
	int fd, end;

	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_TRUE(pair_moves(&p->src));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	ASSERT_EQ(0, firmware_faults("0x118:late=1500"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	close(fd);
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	usleep(2000000);
	p->length = vf_stream_read(fd, p->stream, PAIR_STREAM, &end);
	EXPECT_EQ(0, end);
	close(fd);
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	EXPECT_EQ(0, pair_load(p));
}

/* A user has at most one SAVE under way, and others are not kept waiting. */
TEST_F(faults, saves_do_not_pile_up)
{
	struct pair *p = &self->p;
	double begin, end;
	unsigned int i;
	__u64 size;
	int fd, rc;

	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 50));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	ASSERT_EQ(0, firmware_faults("0x118:late=4000*0"));
	for (i = 0; i < 40; i++) {
		rc = vf_set_state(&p->src, S(STOP_COPY), &fd);
		if (!rc)
			close(fd);
		EXPECT_TRUE(!rc || rc == -EBUSY);
		vf_reset(&p->src);
	}
	begin = seconds_now();
	EXPECT_EQ(0, vf_data_size(&p->dst, &size));
	end = seconds_now();
	EXPECT_GT(1, end - begin) {
		TH_LOG("another VF's QUERY took %.1f s", end - begin);
	}
	ASSERT_EQ(0, firmware_faults(""));
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	EXPECT_EQ(0, pair_sound(p));
}

TEST_HARNESS_MAIN
