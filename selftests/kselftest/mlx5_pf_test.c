// SPDX-License-Identifier: GPL-2.0-only
/*
 * mlx5-vfio-pci when it loses the PF: the firmware dies or never answers, the PF is reset,
 * unbound, or removes its VFs. Nothing waits for a user longer than the user has
 * the device open, and when the PF is back the device migrates.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/devlink.h>
#include <linux/userfaultfd.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#include "kselftest_harness.h"
#include "pair.h"
#include "../lib/sysfs.h"

#define S(name)	VFIO_DEVICE_STATE_##name
#define LIMIT	600	/* ms that the driver waits */

FIXTURE(pf) {
	struct pair p;
	int kmsg;
};

FIXTURE_SETUP(pf)
{
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	ASSERT_EQ(0, pair_open(&self->p));
}

FIXTURE_TEARDOWN(pf)
{
	EXPECT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	EXPECT_EQ(0, virt_set("connectx_report_us", "0"));
	pair_close(&self->p);
	close(self->kmsg);
}

/* Until the PF is back and the device can be migrated, after a reset. */
static int wait_for_pf(struct pair *p, double seconds)
{
	double begin = seconds_now();
	int rc;

	do {
		sleep(1);
		rc = pair_sound(p);
	} while (rc && seconds_now() - begin < seconds);
	return rc;
}

static int wait_for_end(struct vf *vf, int fd, double seconds)
{
	double begin = seconds_now();
	char c;

	while (read(fd, &c, 1) == 1 || errno != ENODEV) {
		if (seconds_now() - begin > seconds)
			return -ETIMEDOUT;
		usleep(10000);
	}
	return 0;
}

/* The firmware dies; mlx5_core notices, takes the VFs down and comes back. */
TEST_F(pf, firmware_dies)
{
	struct vfio_device_feature_dma_logging_range range = {
		PAIR_BASE, PAIR_RAM
	};
	struct pair *p = &self->p;
	__u64 page_size = PAGE, bits[PAIR_PAGES / 64];
	double begin = seconds_now();
	int from, to, rc;
	char c = 0;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, log_start(p->src.fd, &range, 1, &page_size));
	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY), &from));
	fcntl(from, F_SETFL, O_NONBLOCK);
	ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), &to));
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 1000));
	ASSERT_EQ(0, firmware_faults("0x115:fatal"));
	rc = vf_set_state(&p->src, S(STOP_COPY), NULL);
	EXPECT_GT(0, rc);
	EXPECT_EQ(0, wait_for_end(&p->src, from, 60));
	EXPECT_EQ(S(ERROR), vf_get_state(&p->src));
	TH_LOG("session over after %.1f s", seconds_now() - begin);
	while (write(to, &c, 1) == 1 && seconds_now() - begin < 60)
		usleep(10000);
	EXPECT_GT(0, log_report(p->src.fd, PAIR_BASE, PAIR_RAM, PAGE, bits));
	EXPECT_EQ(0, log_stop(p->src.fd));
	EXPECT_GT(0, vf_set_state(&p->dst, S(STOP), NULL));
	EXPECT_TRUE(kmsg_says(self->kmsg, p->dst.name,
			      "the PF goes down, and the device's state is lost"));
	close(from);
	close(to);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	EXPECT_EQ(0, wait_for_pf(p, 90));
	TH_LOG("back after %.1f s", seconds_now() - begin);
	EXPECT_EQ(0, log_start(p->src.fd, &range, 1, &page_size));
	EXPECT_EQ(0, log_stop(p->src.fd));
}

static int bind_pf_again(struct pair *p)
{
	int rc;

	pair_close(p);
	rc = sysfs_write("/sys/bus/pci/drivers/mlx5_core/unbind", VF_PF);
	if (!rc)
		rc = sysfs_write("/sys/bus/pci/drivers/mlx5_core/bind", VF_PF);
	return rc ? rc : pair_open(p);
}

/*
 * The PF is reset under its driver, in the middle of a migration. mlx5_core recovers
 * by itself once in 20 minutes; after that it has to be bound again, as here.
 */
TEST_F(pf, pf_is_reset)
{
	struct pair *p = &self->p;
	double begin = seconds_now();
	int from, rc;

	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY), &from));
	fcntl(from, F_SETFL, O_NONBLOCK);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 1000));
	ASSERT_EQ(0, vf_pf_write("reset", "1"));
	rc = vf_set_state(&p->src, S(STOP_COPY), NULL);
	EXPECT_GT(0, rc);
	EXPECT_GT(time_limit(30), seconds_now() - begin);
	EXPECT_EQ(0, wait_for_end(&p->src, from, 60));
	TH_LOG("session over after %.1f s", seconds_now() - begin);
	close(from);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	ASSERT_EQ(0, bind_pf_again(p));
	EXPECT_EQ(0, pair_sound(p));
}

/*
 * A page of memory that comes with late_page_comes(). Returns what that is asked with,
 * or -errno.
 */
static int late_page(void **page)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	int uffd;

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0)
		return -errno;
	*page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (unsigned long)*page;
	reg.range.len = PAGE;
	if (*page != MAP_FAILED && !ioctl(uffd, UFFDIO_API, &api) &&
	    !ioctl(uffd, UFFDIO_REGISTER, &reg))
		return uffd;
	close(uffd);
	return -EIO;
}

static int late_page_comes(int uffd, void *page, const void *content)
{
	struct uffdio_copy copy = {
		.dst = (unsigned long)page,
		.src = (unsigned long)content,
		.len = PAGE,
	};

	return ioctl(uffd, UFFDIO_COPY, &copy) ? -errno : 0;
}

struct reporter {
	struct pair *p;
	__u64 *bits;
	int rc;
};

static void *report_to(void *arg)
{
	struct reporter *r = arg;

	r->rc = log_report(r->p->src.fd, PAIR_BASE, PAIR_RAM, PAGE, r->bits);
	return NULL;
}

/*
 * A bitmap whose memory comes when the user likes (userfaultfd) keeps the reader
 * waiting, and holds up no other: states change, the log stops, the PF goes down.
 */
TEST_F(pf, user_memory_is_late)
{
	struct vfio_device_feature_dma_logging_range range = {
		PAIR_BASE, PAIR_RAM
	};
	struct reporter r = { .p = &self->p };
	struct pair *p = &self->p;
	pthread_t thread;
	__u64 page_size = PAGE;
	double begin;
	int uffd, rc;

	uffd = late_page((void **)&r.bits);
	if (uffd == -ENOSYS)
		SKIP(return, "this kernel has no userfaultfd");
	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, log_start(p->src.fd, &range, 1, &page_size));
	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_TRUE(pair_moves(&p->src));
	ASSERT_EQ(0, pthread_create(&thread, NULL, report_to, &r));
	usleep(500000);
	/* It waits for a page; who else wants the device does not */
	begin = seconds_now();
	EXPECT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	EXPECT_EQ(0, log_stop(p->src.fd));
	EXPECT_GT(time_limit(1.5), seconds_now() - begin);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 1000));
	ASSERT_EQ(0, vf_pf_write("reset", "1"));
	vf_set_state(&p->src, S(RUNNING), NULL);
	do {
		usleep(100000);
		rc = kmsg_says(self->kmsg, p->src.name, "the PF goes down");
	} while (!rc && seconds_now() - begin < 60);
	EXPECT_TRUE(rc);
	TH_LOG("the PF went down after %.1f s", seconds_now() - begin);
	ASSERT_EQ(0, late_page_comes(uffd, r.bits, p->ram));
	pthread_join(thread, NULL);
	close(uffd);
	munmap(r.bits, PAGE);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	ASSERT_EQ(0, bind_pf_again(p));
	EXPECT_EQ(0, pair_sound(p));
}

struct writer {
	int fd;
	void *data;
	size_t length;
	int rc;
};

static void *write_from(void *arg)
{
	struct writer *w = arg;

	w->rc = vf_stream_write(w->fd, w->data, w->length);
	return NULL;
}

/*
 * A write() waits for the memory of what says which firmware the stream is of, for longer
 * than the VF is open and the PF has a driver. Then it asks the PF nothing any more.
 */
TEST_F(pf, goes_before_what_is_written_comes)
{
	struct pair *p = &self->p;
	struct writer w = {};
	__u64 length, late;
	pthread_t thread;
	char start[PAGE];
	int uffd;

	uffd = late_page(&w.data);
	if (uffd == -ENOSYS)
		SKIP(return, "this kernel has no userfaultfd");
	ASSERT_LE(0, uffd);
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, pair_save(p, false));
	memcpy(start, p->stream, PAGE);
	memcpy(&length, start, sizeof(length));
	/* All of START but its header, which has 16 bytes */
	w.length = length;
	for (late = 0; late < 2; late++) {
		ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), &w.fd));
		ASSERT_EQ(0, vf_stream_write(w.fd, start, 16));
		ASSERT_EQ(0, pthread_create(&thread, NULL, write_from, &w));
		usleep(300000);
		if (late) {
			pair_close(p);
			ASSERT_EQ(0, sysfs_write("/sys/bus/pci/drivers/mlx5_core/unbind",
						 VF_PF));
		}
		ASSERT_EQ(0, late_page_comes(uffd, w.data, start + 16));
		pthread_join(thread, NULL);
		/* The control: with all of it there, it is taken */
		EXPECT_EQ(late ? -ENODEV : 0, w.rc);
		close(w.fd);
		if (!late)
			ASSERT_EQ(0, vf_reset(&p->dst));
		ASSERT_EQ(0, madvise(w.data, PAGE, MADV_DONTNEED));
	}
	close(uffd);
	munmap(w.data, PAGE);
	ASSERT_EQ(0, sysfs_write("/sys/bus/pci/drivers/mlx5_core/bind", VF_PF));
	ASSERT_EQ(0, pair_open(p));
	EXPECT_EQ(0, pair_sound(p));
}

static volatile bool over;

static void *start_and_stop(void *arg)
{
	static const struct vfio_device_feature_dma_logging_range range = {
		PAIR_BASE, PAIR_RAM
	};
	__u64 bits[PAIR_PAGES / 64], page_size = PAGE;
	struct pair *p = arg;

	while (!over) {
		if (!log_start(p->src.fd, &range, 1, &page_size))
			log_report(p->src.fd, PAIR_BASE, PAIR_RAM, PAGE, bits);
		log_stop(p->src.fd);
		usleep(1000);
	}
	return NULL;
}

/* Page trackers that are started and read while the PF goes down do not hold it up. */
TEST_F(pf, goes_while_trackers_start)
{
	struct pair *p = &self->p;
	pthread_t thread;
	double begin;
	bool down;

	/* Of a device that has something to lose there is a message */
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	ASSERT_EQ(0, virt_set("connectx_report_us", "50000"));
	over = false;
	ASSERT_EQ(0, pthread_create(&thread, NULL, start_and_stop, p));
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 1000));
	usleep(300000);
	ASSERT_EQ(0, vf_pf_write("reset", "1"));
	begin = seconds_now();
	do {
		usleep(100000);
		down = kmsg_says(self->kmsg, p->src.name, "the PF goes down");
	} while (!down && seconds_now() - begin < 60);
	EXPECT_TRUE(down);
	TH_LOG("the PF went down after %.1f s", seconds_now() - begin);
	over = true;
	pthread_join(thread, NULL);
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	ASSERT_EQ(0, virt_set("connectx_report_us", "0"));
	ASSERT_EQ(0, bind_pf_again(p));
	EXPECT_EQ(0, pair_sound(p));
}

static pid_t write_later(const char *path, const char *value)
{
	pid_t pid = fork();

	if (!pid) {
		/* It must not have the VFs open itself, nor their BARs mapped */
		close_range(3, ~0U, 0);
		execl("/bin/sh", "sh", "-c", "echo \"$1\" >\"$0\"", path, value,
		      NULL);
		_exit(127);
	}
	return pid;
}

/* Unbinding the PF, or taking the VFs away, waits for who has them open. */
TEST_F(pf, pf_is_taken_away)
{
	static const char * const ways[][2] = {
		{ "/sys/bus/pci/drivers/mlx5_core/unbind", VF_PF },
		{ "/sys/bus/pci/devices/" VF_PF "/sriov_numvfs", "0" },
	};
	struct pair *p = &self->p;
	int status, fd;
	unsigned int i;
	pid_t pid;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pair_run(p, &p->src));
		ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY), &fd));
		pid = write_later(ways[i][0], ways[i][1]);
		ASSERT_LE(0, pid);
		usleep(500000);
		EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
		/* It runs for as long as it likes */
		EXPECT_TRUE(pair_moves(&p->src));
		close(fd);
		pair_close(p);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		if (!i)
			ASSERT_EQ(0, sysfs_write("/sys/bus/pci/drivers/mlx5_core/bind",
						 VF_PF));
		ASSERT_EQ(0, pair_open(p));
		EXPECT_EQ(0, pair_sound(p));
	}
}

/* As "devlink dev reload" does: mlx5_core goes down and comes back, the VFs stay. */
static int pf_reload(void)
{
	struct nl_sock *sk = nl_socket_alloc();
	struct nl_msg *msg = nlmsg_alloc();
	int rc = genl_connect(sk);

	if (!rc)
		rc = genl_ctrl_resolve(sk, DEVLINK_GENL_NAME);
	if (rc >= 0) {
		genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, rc, 0, 0,
			    DEVLINK_CMD_RELOAD, DEVLINK_GENL_VERSION);
		nla_put_string(msg, DEVLINK_ATTR_BUS_NAME, "pci");
		nla_put_string(msg, DEVLINK_ATTR_DEV_NAME, VF_PF);
		rc = nl_send_sync(sk, msg);
	} else {
		nlmsg_free(msg);
	}
	nl_socket_free(sk);
	return rc;
}

/* A device that has lost its state is in ERROR, also for who asks for that state. */
TEST_F(pf, reload_loses_the_state)
{
	struct pair *p = &self->p;

	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	EXPECT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	ASSERT_EQ(0, pf_reload());
	EXPECT_EQ(S(ERROR), vf_get_state(&p->src));
	EXPECT_EQ(-ENOTCONN, vf_set_state(&p->src, S(STOP), NULL));
	EXPECT_EQ(S(ERROR), vf_get_state(&p->src));
	EXPECT_GT(0, vf_set_state(&p->src, S(RUNNING), NULL));
	EXPECT_EQ(0, pair_sound(p));
}

/* Firmware that was changed in between tracks no pages any more, whatever it did before. */
TEST_F(pf, reload_loses_page_trackers)
{
	static const struct vfio_device_feature_dma_logging_range range = {
		PAIR_BASE, PAIR_RAM
	};
	struct pair *p = &self->p;
	__u64 page_size = PAGE;
	char ranges[16];

	snprintf(ranges, sizeof(ranges), "%lu", virt_get("connectx_ranges"));
	ASSERT_EQ(0, virt_set("connectx_ranges", "0"));
	ASSERT_EQ(0, pf_reload());
	EXPECT_EQ(-EOPNOTSUPP, log_start(p->src.fd, &range, 1, &page_size));
	ASSERT_EQ(0, virt_set("connectx_ranges", ranges));
	ASSERT_EQ(0, pf_reload());
	EXPECT_EQ(0, log_start(p->src.fd, &range, 1, &page_size));
	EXPECT_EQ(0, log_stop(p->src.fd));
}

/*
 * A page tracker whose end close has not waited for, of a device that is unbound: the PF
 * does not go down before firmware has given back the tracker and its queues.
 */
TEST_F(pf, reload_waits_for_unbind)
{
	struct vfio_device_feature_dma_logging_range range = {
		PAIR_BASE, PAIR_RAM
	};
	struct pair *p = &self->p;
	__u64 page_size = PAGE;
	char name[16];
	double begin;
	int status;
	pid_t pid;

	strcpy(name, p->src.name);
	ASSERT_EQ(0, log_start(p->src.fd, &range, 1, &page_size));
	/* DESTROY_GENERAL_OBJECT, and two QPs */
	ASSERT_EQ(0, firmware_faults("0xa03:late=4000,0x501:late=2000*2"));
	begin = seconds_now();
	vf_close(&p->src);
	EXPECT_GT(time_limit(3.5), seconds_now() - begin);
	pid = write_later("/sys/bus/pci/drivers/" VF_DRIVER "/unbind", name);
	ASSERT_LE(0, pid);
	usleep(300000);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_EQ(0, pf_reload());
	EXPECT_LT(7.5, seconds_now() - begin);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_GT(time_limit(30), seconds_now() - begin);
	EXPECT_FALSE(kmsg_says(self->kmsg, name, "does not give back"));
	ASSERT_EQ(0, pair_open_vf(p, &p->src, 1));
	EXPECT_EQ(0, pair_sound(p));
}

/*
 * Firmware that never answers: mlx5_core gives up after a minute. Until then the
 * device can be used, and not migrated.
 *
 * mlx5_core has a slot less for its commands from then on. Without the answer that
 * comes at the end it would wait for the slot whenever it goes down, for ever.
 */
TEST_F(pf, no_answer_at_all)
{
	struct pair *p = &self->p;
	double begin = seconds_now();
	int rc;

	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", LIMIT));
	ASSERT_EQ(0, firmware_faults("0x115:drop"));
	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_EQ(-ETIMEDOUT, vf_set_state(&p->src, S(STOP), NULL));
	EXPECT_GT(time_limit(20), seconds_now() - begin);
	EXPECT_EQ(S(ERROR), vf_get_state(&p->src));
	ASSERT_EQ(0, vf_reset(&p->src));
	EXPECT_EQ(S(RUNNING), vf_get_state(&p->src));
	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_TRUE(pair_moves(&p->src));
	EXPECT_EQ(-EBUSY, vf_set_state(&p->src, S(STOP), NULL));
	EXPECT_TRUE(kmsg_says(self->kmsg, p->src.name,
			      "has not answered an earlier command"));
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	/* Another VF is not concerned */
	EXPECT_EQ(0, vf_set_state(&p->dst, S(STOP), NULL));
	do {
		sleep(1);
		rc = vf_set_state(&p->src, S(STOP), NULL);
	} while (rc == -EBUSY && seconds_now() - begin < 100);
	EXPECT_EQ(0, rc);
	TH_LOG("given up after %.0f s", seconds_now() - begin);
	EXPECT_EQ(0, pair_sound(p));
}

TEST_HARNESS_MAIN
