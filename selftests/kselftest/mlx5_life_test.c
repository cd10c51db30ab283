// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands and sessions of mlx5-vfio-pci that outlive their use: after a reset, after
 * close, after an unbind of the driver, and in RESUMING; and what other callers do with
 * the device while they are under way.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"
#include "firmware.h"
#include "pair.h"
#include "../lib/sysfs.h"

#define S(name)		VFIO_DEVICE_STATE_##name
#define OP_MOD		0x30	/* 16 bits, of linux/mlx5/mlx5_ifc.h */
#define VHCA_ID		0x50	/* 16 bits */
#define FIRST_VF	0x11	/* vhca_id */
#define INITIATOR_OFF	0	/* op_mod of SUSPEND */
#define INITIATOR_ON	1	/* op_mod of RESUME */
#define RESPONDER_ON	0

FIXTURE(life) {
	struct pair p;
	int kmsg;
};

FIXTURE_SETUP(life)
{
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, pair_open(&self->p));
}

FIXTURE_TEARDOWN(life)
{
	EXPECT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	pair_close(&self->p);
	close(self->kmsg);
}

static int command(unsigned int opcode, unsigned int op_mod)
{
	static struct firmware fw;

	firmware_begin(&fw, opcode, 16, 16);
	firmware_set(&fw, OP_MOD, 16, op_mod);
	firmware_set(&fw, VHCA_ID, 16, FIRST_VF);
	return firmware_exec(&fw);
}

static int unbind(const char *name)
{
	return sysfs_write("/sys/bus/pci/drivers/" VF_DRIVER "/unbind", name);
}

/*
 * A SUSPEND without a waiter is executed after the device was closed and
 * reset. When the driver has left it, the device is not suspended.
 */
TEST_F(life, is_left_running)
{
	struct pair *p = &self->p;
	char name[16];

	strcpy(name, p->src.name);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 100));
	ASSERT_EQ(0, firmware_faults("0x115:late=1500"));
	EXPECT_EQ(-ETIMEDOUT, vf_set_state(&p->src, S(STOP), NULL));
	vf_close(&p->src);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	ASSERT_EQ(0, unbind(name));
	EXPECT_TRUE(kmsg_says(self->kmsg, name, "resuming it"));
	EXPECT_EQ(STAT_BAD_RES_STATE, command(CMD_RESUME, INITIATOR_ON));

	/* The control: this is how one that is suspended answers */
	EXPECT_EQ(STAT_OK, command(CMD_SUSPEND, INITIATOR_OFF));
	EXPECT_EQ(STAT_OK, command(CMD_RESUME, INITIATOR_ON));
}

/*
 * A SUSPEND is executed after a reset, and its answer is lost: the driver
 * assumes that it is done when mlx5_core gives up waiting, since the state is RUNNING.
 */
TEST_F(life, is_resumed_without_an_answer)
{
	struct pair *p = &self->p;
	bool said = false;
	double begin;

	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 100));
	ASSERT_EQ(0, firmware_faults("0x115:late=1000,0x115:mute"));
	EXPECT_EQ(-ETIMEDOUT, vf_set_state(&p->src, S(RUNNING_P2P), NULL));
	ASSERT_EQ(0, vf_reset(&p->src));
	EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
	usleep(2000000);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	ASSERT_EQ(0, firmware_faults(""));
	begin = seconds_now();
	while (!said && seconds_now() - begin < time_limit(5)) {
		usleep(100000);
		said = kmsg_says(self->kmsg, p->src.name, "resuming it");
	}
	EXPECT_TRUE(said);
	EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_TRUE(pair_moves(&p->src));
}

/* A device that was closed in STOP has lost nothing when the driver leaves it. */
TEST_F(life, is_closed_stopped)
{
	struct pair *p = &self->p;
	char name[16];

	strcpy(name, p->src.name);
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	vf_close(&p->src);
	ASSERT_EQ(0, unbind(name));
	EXPECT_FALSE(kmsg_says(self->kmsg, name, "the PF goes down"));
}

static void *unbind_thread(void *name)
{
	return (void *)(long)unbind(name);
}

/*
 * Nor is a device that its user closes in STOP because the driver leaves it suspended
 * then, although vfio-pci-core cannot reset it while the driver is being unbound.
 */
TEST_F(life, is_closed_by_unbind)
{
	struct pair *p = &self->p;
	pthread_t thread;
	char name[16];
	void *rc;

	strcpy(name, p->src.name);
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	ASSERT_EQ(0, pthread_create(&thread, NULL, unbind_thread, name));
	/* It waits for the user */
	usleep(500000);
	vf_close(&p->src);
	pthread_join(thread, &rc);
	EXPECT_EQ(NULL, rc);
	/* The responder resumes first */
	EXPECT_EQ(STAT_BAD_RES_STATE, command(CMD_RESUME, RESPONDER_ON));
	EXPECT_EQ(STAT_BAD_RES_STATE, command(CMD_RESUME, INITIATOR_ON));
	EXPECT_FALSE(kmsg_says(self->kmsg, name, "resuming it"));
}

/*
 * Nor has it been resumed: the reset that follows makes it run, and no command before
 * that, with what a guest has left in it that may run elsewhere by now.
 */
TEST_F(life, is_not_resumed_by_close)
{
	struct pair *p = &self->p;
	unsigned int i;
	int fd;

	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, firmware_faults("0x118:late=30"));
		ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
		close(fd);
		vf_close(&p->src);
		ASSERT_EQ(0, pair_open_vf(p, &p->src, 1));
		ASSERT_FALSE(kmsg_says(self->kmsg, p->src.name, "resuming it")) {
			TH_LOG("round %u", i);
		}
	}
}

/* A reset ends a session without a command of its own, and waits for none. */
TEST_F(life, reset_waits_for_nothing)
{
	static const int states[] = { S(PRE_COPY), S(STOP_COPY), S(RESUMING) };
	struct pair *p = &self->p;
	unsigned int i;
	double begin;
	int fd;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		ASSERT_EQ(0, vf_set_state(&p->src, states[i], &fd));
		if (states[i] != S(RESUMING))
			ASSERT_LT(0, read(fd, p->stream, PAGE));
		/* What destroys keys and the PD takes its time */
		ASSERT_EQ(0, firmware_faults("0x202:late=3000*0,0x801:late=3000*0"));
		begin = seconds_now();
		EXPECT_EQ(0, vf_reset(&p->src));
		EXPECT_GT(time_limit(2), seconds_now() - begin) {
			TH_LOG("in %s", vf_state_name(states[i]));
		}
		EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
		ASSERT_EQ(0, firmware_faults(""));
		close(fd);
		EXPECT_EQ(0, pair_sound(p));
		ASSERT_EQ(0, vf_reset(&p->dst));
	}
}

/* Who polls a session learns that it is over: by a reset, and of an error. */
TEST_F(life, poll_sees_the_end)
{
	struct pair *p = &self->p;
	struct pollfd wait = { .events = POLLIN };
	static char data[1 << 16];

	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &wait.fd));
	EXPECT_EQ(1, poll(&wait, 1, 10000));
	EXPECT_EQ(POLLIN, wait.revents);
	ASSERT_EQ(0, vf_reset(&p->src));
	EXPECT_EQ(1, poll(&wait, 1, 10000));
	EXPECT_EQ(POLLIN | POLLERR, wait.revents);
	close(wait.fd);

	ASSERT_EQ(0, firmware_faults("0x118:fail"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &wait.fd));
	while (read(wait.fd, data, sizeof(data)) > 0)
		;
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(1, poll(&wait, 1, 10000));
	EXPECT_EQ(POLLIN | POLLERR, wait.revents);
	close(wait.fd);
	ASSERT_EQ(0, vf_reset(&p->src));
	EXPECT_EQ(0, pair_sound(p));
}

static volatile bool asking;

/* Takes the device's lock again and again, and for as long as firmware takes. */
static void *ask(void *vf)
{
	__u64 size;

	while (asking) {
		vf_get_state(vf);
		vf_data_size(vf, &size);
	}
	return NULL;
}

/* Who asks after a reset has returned sees a device that was reset. */
TEST_F(life, reset_is_seen_at_once)
{
	struct pair *p = &self->p;
	pthread_t threads[2];
	unsigned int i, late = 0;

	asking = true;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, ask, &p->src));
	for (i = 0; i < 100; i++) {
		if (vf_set_state(&p->src, S(RUNNING_P2P), NULL) ||
		    vf_reset(&p->src))
			break;
		late += vf_get_state(&p->src) != S(RUNNING);
	}
	asking = false;
	EXPECT_EQ(100, i);
	EXPECT_EQ(0, late);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

/* RESUMING is not lost because of a wait that was too long, on something else. */
TEST_F(life, resuming_can_wait)
{
	struct pair *p = &self->p;
	__u64 size;
	int fd;

	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_TRUE(pair_moves(&p->src));
	ASSERT_EQ(0, pair_save(p, false));
	ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), &fd));
	ASSERT_EQ(0, vf_stream_write(fd, p->stream, p->length));
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 200));
	ASSERT_EQ(0, firmware_faults("0x117:late=2000"));
	EXPECT_GT(0, vf_data_size(&p->dst, &size));
	EXPECT_EQ(-EBUSY, vf_set_state(&p->dst, S(STOP), NULL));
	EXPECT_EQ(S(RESUMING), vf_get_state(&p->dst));
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	EXPECT_EQ(0, vf_set_state(&p->dst, S(RUNNING), NULL));
	EXPECT_TRUE(pair_moves(&p->dst));
	close(fd);
}

/* A command that was not delivered has had no effect: the device is as it was. */
TEST_F(life, commands_not_delivered)
{
	static const struct { const char *fault; int to, from; } rows[] = {
		{ "0x115:deliver=1", S(RUNNING_P2P), S(RUNNING) },
		{ "0x115:deliver=4@2", S(STOP), S(RUNNING_P2P) },
		{ "0x118:deliver=1", S(STOP_COPY), S(STOP) },
		{ "0x117:deliver=9", S(PRE_COPY), S(RUNNING) },
	};
	struct pair *p = &self->p;
	unsigned int i;
	int fd, rc, end;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ASSERT_EQ(0, pair_run(p, &p->src));
		ASSERT_EQ(0, firmware_faults(rows[i].fault));
		fd = -1;
		rc = vf_set_state(&p->src, rows[i].to, &fd);
		/* The reader of a SAVE gets an error */
		if (!rc && fd >= 0) {
			vf_stream_read(fd, p->stream, PAIR_STREAM, &end);
			rc = -end;
			ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
		}
		if (fd >= 0)
			close(fd);
		EXPECT_GT(0, rc) {
			TH_LOG("%s", rows[i].fault);
		}
		EXPECT_EQ(rows[i].from, vf_get_state(&p->src)) {
			TH_LOG("%s: %d, %s", rows[i].fault, rc,
			       vf_state_name(vf_get_state(&p->src)));
		}
		ASSERT_EQ(0, firmware_faults(""));
		ASSERT_EQ(0, vf_reset(&p->src));
	}
	EXPECT_EQ(0, pair_sound(p));
}

/* ---- What others do at the same time ---- */

struct writer {
	struct pair *p;
	int fd;
	int rc;
};

static void *write_stream(void *arg)
{
	struct writer *w = arg;

	w->rc = vf_stream_write(w->fd, w->p->stream, w->p->length);
	return NULL;
}

/* The command register as the device has it, not as the user sees it. */
static int command_of(const char *name)
{
	unsigned short value = 0;
	char path[96];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pread(fd, &value, sizeof(value), PCI_COMMAND);
	close(fd);
	return n == sizeof(value) ? value : -EIO;
}

/* What the user writes to the command register during a LOAD stays. */
TEST_F(life, command_register_during_load)
{
	struct pair *p = &self->p;
	struct writer w = { .p = p };
	pthread_t thread;

	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_TRUE(pair_moves(&p->src));
	ASSERT_EQ(0, pair_save(p, false));
	ASSERT_EQ(0, vf_bus_master(&p->dst, false));
	ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), &w.fd));
	ASSERT_EQ(0, firmware_faults("0x119:late=1500"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_stream, &w));
	usleep(500000);
	ASSERT_EQ(0, vf_bus_master(&p->dst, true));
	EXPECT_EQ(PCI_COMMAND_MASTER,
		  command_of(p->dst.name) & PCI_COMMAND_MASTER);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, w.rc);
	close(w.fd);
	EXPECT_EQ(PCI_COMMAND_MASTER,
		  command_of(p->dst.name) & PCI_COMMAND_MASTER);
	ASSERT_EQ(0, vf_set_state(&p->dst, S(RUNNING), NULL));
	EXPECT_TRUE(pair_moves(&p->dst));
}

/* ---- An image is loaded while the next one arrives ---- */

#define TAG_SUM		0x4d4c5803	/* drivers/mlx5/stream.h */

/* Bytes up to behind the first image and its checksum. */
static size_t first_image(const struct pair *p)
{
	struct { __u64 length; __u32 flags, tag; } head;
	size_t at = 0;

	do {
		memcpy(&head, p->stream + at, sizeof(head));
		at += sizeof(head) + head.length;
	} while (head.tag != TAG_SUM && at < p->length);
	return at;
}

/* One has been written, and the firmware is loading it; the bytes written so far. */
static size_t load_begins(struct __test_metadata *_metadata, struct pair *p,
			  const char *fault, int *fd)
{
	size_t n = first_image(p);
	double begin;

	ASSERT_GT(p->length, n);
	ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), fd));
	ASSERT_EQ(0, firmware_faults(fault));
	begin = seconds_now();
	EXPECT_EQ(0, vf_stream_write(*fd, p->stream, n));
	EXPECT_GT(time_limit(1), seconds_now() - begin);
	return n;
}

/* What else is asked of the device waits for the LOAD; its end waits for the last. */
TEST_F(life, load_behind_the_writer)
{
	struct pair *p = &self->p;
	double begin;
	__u64 size;
	size_t n;
	int fd;

	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_TRUE(pair_moves(&p->src));
	ASSERT_EQ(0, pair_save(p, true));
	n = load_begins(_metadata, p, "0x119:late=3000", &fd);
	begin = seconds_now();
	EXPECT_EQ(0, vf_data_size(&p->dst, &size));
	EXPECT_LT(1, seconds_now() - begin);
	EXPECT_EQ(-ENODATA, vf_set_state(&p->dst, S(STOP), NULL));
	ASSERT_EQ(0, firmware_faults("0x119:late=2000"));
	begin = seconds_now();
	EXPECT_EQ(0, vf_stream_write(fd, p->stream + n, p->length - n));
	EXPECT_LT(1, seconds_now() - begin);
	EXPECT_EQ(0, vf_set_state(&p->dst, S(RUNNING), NULL));
	EXPECT_TRUE(pair_moves(&p->dst));
	close(fd);
}

/* The firmware refuses an image of which the write() has returned: the next one fails. */
TEST_F(life, load_fails_behind_the_writer)
{
	struct pair *p = &self->p;
	size_t n;
	int fd;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, pair_save(p, true));
	n = load_begins(_metadata, p, "0x119:fail", &fd);
	EXPECT_EQ(-EIO, vf_stream_write(fd, p->stream + n, p->length - n));
	EXPECT_EQ(-EIO, vf_stream_write(fd, p->stream + n, 1));
	EXPECT_GT(0, vf_set_state(&p->dst, S(STOP), NULL));
	EXPECT_EQ(S(ERROR), vf_get_state(&p->dst));
	EXPECT_TRUE(kmsg_says(self->kmsg, p->dst.name, "the image cannot be loaded"));
	close(fd);
	EXPECT_EQ(0, pair_sound(p));
}

/* Who was killed in the middle has ended it for all who have the file: try no more. */
TEST_F(life, load_of_a_writer_that_was_killed)
{
	struct pair *p = &self->p;
	pid_t pid;
	size_t n;
	int fd;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, pair_save(p, true));
	n = load_begins(_metadata, p, "0x119:late=3000", &fd);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		vf_stream_write(fd, p->stream + n, p->length - n);
		_exit(0);
	}
	usleep(1000000);
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(-1, write(fd, p->stream, 1));
	EXPECT_EQ(EIO, errno);
	close(fd);
	ASSERT_EQ(0, vf_reset(&p->dst));
	EXPECT_EQ(0, pair_sound(p));
}

/* A reset, and a close, while the firmware loads an image. */
TEST_F(life, load_that_no_one_waits_for)
{
	struct pair *p = &self->p;
	double begin;
	size_t n;
	int fd;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, pair_save(p, true));
	n = load_begins(_metadata, p, "0x119:late=3000", &fd);
	begin = seconds_now();
	EXPECT_EQ(0, vf_reset(&p->dst));
	EXPECT_GT(time_limit(1), seconds_now() - begin);
	EXPECT_EQ(S(RUNNING), vf_get_state(&p->dst));
	EXPECT_EQ(-ENODEV, vf_stream_write(fd, p->stream + n, 1));
	close(fd);
	EXPECT_EQ(0, pair_sound(p));

	ASSERT_EQ(0, vf_reset(&p->src));
	ASSERT_EQ(0, vf_reset(&p->dst));
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, pair_save(p, true));
	load_begins(_metadata, p, "0x119:late=2000", &fd);
	begin = seconds_now();
	vf_close(&p->dst);
	EXPECT_LT(1, seconds_now() - begin);
	close(fd);
	ASSERT_EQ(0, pair_open_vf(p, &p->dst, 2));
	EXPECT_EQ(0, pair_sound(p));
}

static void ignore(int sig)
{
}

struct waiter {
	int fd;
	ssize_t n;
	int error;
};

static void *wait_for_data(void *arg)
{
	static __thread char data[1 << 16];
	struct waiter *w = arg;

	do {
		w->n = read(w->fd, data, sizeof(data));
	} while (w->n > 0);
	w->error = w->n ? errno : 0;
	return NULL;
}

/* Two wait in read(); signals with SA_RESTART disturb neither. */
TEST_F(life, signals_in_read)
{
	struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };
	struct pair *p = &self->p;
	struct waiter w[2] = {};
	pthread_t threads[2];
	unsigned int i, k;
	int fd;

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_EQ(0, firmware_faults("0x118:late=1500"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	for (i = 0; i < 2; i++) {
		w[i].fd = fd;
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, wait_for_data,
					    &w[i]));
	}
	for (k = 0; k < 10; k++) {
		usleep(50000);
		pthread_kill(threads[k & 1], SIGUSR1);
	}
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, w[i].n) {
			TH_LOG("reader %u: errno %d", i, w[i].error);
		}
	}
	close(fd);
}

static volatile bool racing;

/* As udev rules do: as soon as it is there. */
static void *bind_early(void *arg)
{
	const char *name = arg;
	char path[128];
	int rc;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override",
		 name);
	do {
		rc = sysfs_write(path, VF_DRIVER);
	} while (rc && racing);
	if (!rc)
		sysfs_write("/sys/bus/pci/drivers_probe", name);
	return NULL;
}

/*
 * A VF that is bound while sriov_numvfs is being written: it is bound, and when it is
 * opened it can be migrated.
 */
TEST_F(life, bound_while_vfs_come)
{
	struct pair *p = &self->p;
	unsigned int i, early = 0;
	pthread_t thread;
	char name[16];

	vf_address(2, name, sizeof(name));
	for (i = 0; i < 10; i++) {
		vf_close(&p->src);
		vf_close(&p->dst);
		ASSERT_EQ(0, vf_create(0));
		kmsg_says(self->kmsg, "", "");
		racing = true;
		ASSERT_EQ(0, pthread_create(&thread, NULL, bind_early, name));
		ASSERT_EQ(0, vf_create(2));
		racing = false;
		pthread_join(thread, NULL);
		early += kmsg_says(self->kmsg, name, "still making its VFs");
		ASSERT_EQ(0, pair_open_vf(p, &p->src, 1));
		ASSERT_EQ(0, pair_open_vf(p, &p->dst, 2));
		EXPECT_EQ(S(RUNNING), vf_get_state(&p->dst)) {
			TH_LOG("round %u", i);
		}
	}
	TH_LOG("%u of %u were bound too early", early, i);
	EXPECT_EQ(0, pair_sound(p));
}

TEST_HARNESS_MAIN
