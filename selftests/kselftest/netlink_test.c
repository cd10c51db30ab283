// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family "iommufd_dirty", with libnl as the peer: what it tells is
 * what this process has made, only those with the right are told, dumps are complete
 * while objects come and go, and nobody whose objects are shown is held up.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <linux/iommufd_dirty_netlink.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"
#include "../lib/iommufd.h"
#include "../lib/sysfs.h"
#include "../lib/vdev.h"

#define SIZE	(1ull << 20)

/* On line "netlink" of plan.txt */
#define DEVICE	AMD_0

/* One message */
struct entry {
	uint8_t cmd;
	uint64_t has;
	uint64_t value[IOMMUFD_DIRTY_A_MAX + 1];
	char string[3][32];
};

struct answer {
	struct entry *entries;
	unsigned int nr, room;
	bool changed;		/* NLM_F_DUMP_INTR */
	bool malformed;
	bool complete;
};

struct peer {
	struct nl_sock *sk;
	int family;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* In a kernel with all its checkers everything takes longer */
static double limit(double seconds)
{
	return getenv("SLOW") ? 30 * seconds : seconds;
}

static int peer_open(struct peer *p)
{
	int rc;

	p->sk = nl_socket_alloc();
	if (!p->sk)
		return -ENOMEM;
	rc = genl_connect(p->sk);
	if (!rc)
		rc = genl_ctrl_resolve(p->sk, IOMMUFD_DIRTY_FAMILY_NAME);
	p->family = rc;
	return rc < 0 ? rc : 0;
}

static void peer_close(struct peer *p)
{
	nl_socket_free(p->sk);
}

static int string_of(unsigned int attr)
{
	switch (attr) {
	case IOMMUFD_DIRTY_A_COMM:
		return 0;
	case IOMMUFD_DIRTY_A_NAME:
		return 1;
	case IOMMUFD_DIRTY_A_PLATFORM:
		return 2;
	}
	return -1;
}

static bool has(const struct entry *e, unsigned int attr)
{
	return e->has >> attr & 1;
}

static void entry_attr(struct entry *e, struct nlattr *attr, bool *malformed)
{
	unsigned int type = (unsigned int)nla_type(attr);
	int s = string_of(type);

	if (!type || type > IOMMUFD_DIRTY_A_MAX || has(e, type)) {
		*malformed = true;
		return;
	}
	e->has |= 1ull << type;
	if (s >= 0)
		snprintf(e->string[s], sizeof(e->string[s]), "%s",
			 nla_get_string(attr));
	else if (nla_len(attr) == 4 || nla_len(attr) == 8)
		memcpy(&e->value[type], nla_data(attr), (size_t)nla_len(attr));
	else if (nla_len(attr))
		*malformed = true;
}

static int on_message(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct genlmsghdr *genl = nlmsg_data(nlh);
	struct answer *a = arg;
	struct nlattr *attr;
	struct entry *e;
	int rem;

	if (a->nr == a->room) {
		a->room = a->room * 2 + 64;
		a->entries = realloc(a->entries, a->room * sizeof(*a->entries));
	}
	e = &a->entries[a->nr++];
	memset(e, 0, sizeof(*e));
	e->cmd = genl->cmd;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		a->changed = true;
	nla_for_each_attr(attr, genlmsg_attrdata(genl, 0), genlmsg_attrlen(genl, 0), rem)
		entry_attr(e, attr, &a->malformed);
	if (rem)
		a->malformed = true;
	return NL_OK;
}

static int on_finish(struct nl_msg *msg, void *arg)
{
	struct answer *a = arg;

	if (nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP_INTR)
		a->changed = true;
	a->complete = true;
	return NL_STOP;
}

static int on_any(struct nl_msg *msg, void *arg)
{
	return NL_OK;
}

static void answer_free(struct answer *a)
{
	free(a->entries);
	memset(a, 0, sizeof(*a));
}

/* Receives until an ACK, the end of a dump or an error; -errno of the kernel's. */
static int receive(struct peer *p, struct answer *a)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int rc;

	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_message, a);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, a);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_finish, a);
	do {
		rc = nl_recvmsgs(p->sk, cb);
		/* What libnl says when a part of a dump was flagged, after all of it */
		if (rc == -NLE_DUMP_INTR) {
			a->changed = true;
			rc = 0;
		}
	} while (rc >= 0 && !a->complete);
	nl_cb_put(cb);
	return rc < 0 ? rc : 0;
}

static struct nl_msg *request(struct peer *p, uint8_t cmd, int flags, uint64_t context,
			      unsigned int attr, uint32_t id)
{
	struct nl_msg *msg = nlmsg_alloc();

	genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, p->family, 0, flags, cmd,
		    IOMMUFD_DIRTY_FAMILY_VERSION);
	if (context)
		nla_put_u64(msg, IOMMUFD_DIRTY_A_CONTEXT, context);
	if (attr)
		nla_put_u32(msg, (int)attr, id);
	return msg;
}

static int ask(struct peer *p, uint8_t cmd, int flags, uint64_t context,
	       unsigned int attr, uint32_t id, struct answer *a)
{
	struct nl_msg *msg = request(p, cmd, flags, context, attr, id);
	int rc;

	memset(a, 0, sizeof(*a));
	rc = nl_send_auto(p->sk, msg);
	nlmsg_free(msg);
	return rc < 0 ? rc : receive(p, a);
}

static int dump(struct peer *p, uint8_t cmd, uint64_t context, struct answer *a)
{
	return ask(p, cmd, NLM_F_DUMP, context, 0, 0, a);
}

static int get(struct peer *p, uint8_t cmd, uint64_t context, unsigned int attr,
	       uint32_t id, struct answer *a)
{
	return ask(p, cmd, NLM_F_REQUEST, context, attr, id, a);
}

/* The number of a context that this process has opened; the last one. */
static uint64_t my_context(struct peer *p)
{
	uint64_t number = 0;
	struct answer a;
	unsigned int i;

	if (dump(p, IOMMUFD_DIRTY_CMD_CONTEXT_GET, 0, &a))
		return 0;
	for (i = 0; i < a.nr; i++)
		if (a.entries[i].value[IOMMUFD_DIRTY_A_PID] == (uint64_t)getpid())
			number = a.entries[i].value[IOMMUFD_DIRTY_A_CONTEXT];
	answer_free(&a);
	return number;
}

FIXTURE(netlink) {
	struct peer p;
	int fd;
	uint64_t context;
	__u32 ioas_id;
	char *ram;
};

FIXTURE_SETUP(netlink)
{
	ASSERT_EQ(0, peer_open(&self->p));
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	self->context = my_context(&self->p);
	ASSERT_NE(0, self->context);
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	/* Leaves of a page, wherever the memory is */
	ASSERT_EQ(0, iommufd_ioas_huge_pages(self->fd, self->ioas_id, false));
	self->ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->ram);
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, self->ram, SIZE,
				      IOVA, IOMMUFD_MAP_RW));
}

FIXTURE_TEARDOWN(netlink)
{
	close(self->fd);
	peer_close(&self->p);
}

TEST_F(netlink, contexts)
{
	struct answer a;
	char name[32];
	int fd;

	ASSERT_EQ(0, get(&self->p, IOMMUFD_DIRTY_CMD_CONTEXT_GET, self->context, 0, 0, &a));
	ASSERT_EQ(1, a.nr);
	EXPECT_FALSE(a.malformed);
	EXPECT_EQ((uint64_t)getpid(), a.entries->value[IOMMUFD_DIRTY_A_PID]);
	ASSERT_EQ(0, prctl(PR_GET_NAME, name));
	EXPECT_STREQ(name, a.entries->string[0]);
	/* No domain, so nothing is pinned */
	EXPECT_EQ(0, a.entries->value[IOMMUFD_DIRTY_A_PINNED]);
	answer_free(&a);

	/* Another one has a number of its own, and goes when it is closed */
	fd = iommufd_open();
	ASSERT_LE(0, fd);
	EXPECT_LT(self->context, my_context(&self->p));
	close(fd);
	EXPECT_EQ(self->context, my_context(&self->p));
	EXPECT_EQ(-NLE_OBJ_NOTFOUND, get(&self->p, IOMMUFD_DIRTY_CMD_CONTEXT_GET,
					 self->context + 1, 0, 0, &a));
}

/* Memory that several mappings share is counted once. */
TEST_F(netlink, pinned)
{
	struct vdev dev;
	struct answer a;
	__u32 other;

	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, NULL));
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, iommufd_ioas_copy(self->fd, other, self->ioas_id, 0, IOVA,
				       SIZE / 2, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, iommufd_ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				       2 * IOVA, IOVA, SIZE, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, get(&self->p, IOMMUFD_DIRTY_CMD_IOAS_GET, self->context,
			 IOMMUFD_DIRTY_A_IOAS, self->ioas_id, &a));
	ASSERT_EQ(1, a.nr);
	EXPECT_EQ(2, a.entries->value[IOMMUFD_DIRTY_A_AREAS]);
	EXPECT_EQ(2 * SIZE, a.entries->value[IOMMUFD_DIRTY_A_MAPPED]);
	EXPECT_EQ(SIZE, a.entries->value[IOMMUFD_DIRTY_A_PINNED]);
	EXPECT_FALSE(has(a.entries, IOMMUFD_DIRTY_A_BUSY));
	answer_free(&a);
	ASSERT_EQ(0, get(&self->p, IOMMUFD_DIRTY_CMD_CONTEXT_GET, self->context, 0, 0, &a));
	EXPECT_EQ(SIZE, a.entries->value[IOMMUFD_DIRTY_A_PINNED]);
	answer_free(&a);
	/* Detached: no domain has it */
	ASSERT_EQ(0, vdev_detach(&dev));
	ASSERT_EQ(0, get(&self->p, IOMMUFD_DIRTY_CMD_CONTEXT_GET, self->context, 0, 0, &a));
	EXPECT_EQ(0, a.entries->value[IOMMUFD_DIRTY_A_PINNED]);
	answer_free(&a);
	vdev_close(&dev);
}

/* HWPT, device, tracker and sources are those that this process has made. */
TEST_F(netlink, objects)
{
	struct iommu_dirty_source_info source;
	struct iommu_dirty_tracker_info info;
	const struct entry *e;
	__u32 tracker, hwpt;
	struct vdev dev;
	struct answer a;

	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, &hwpt));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, IOMMU_DIRTY_POLICY_IOMMU,
				   IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE, 0, &tracker));

	ASSERT_EQ(0, dump(&self->p, IOMMUFD_DIRTY_CMD_HWPT_GET, self->context, &a));
	ASSERT_EQ(1, a.nr);
	e = a.entries;
	EXPECT_EQ(hwpt, e->value[IOMMUFD_DIRTY_A_HWPT]);
	EXPECT_EQ(self->ioas_id, e->value[IOMMUFD_DIRTY_A_IOAS]);
	EXPECT_EQ(IOMMUFD_DIRTY_HWPT_TYPE_PAGING, e->value[IOMMUFD_DIRTY_A_HWPT_TYPE]);
	EXPECT_TRUE(has(e, IOMMUFD_DIRTY_A_CAN_TRACK));
	EXPECT_TRUE(has(e, IOMMUFD_DIRTY_A_AUTOMATIC));
	EXPECT_STREQ("amd", e->string[2]);
	EXPECT_TRUE(e->value[IOMMUFD_DIRTY_A_LEAF_SIZES] & PAGE);
	answer_free(&a);

	ASSERT_EQ(0, dump(&self->p, IOMMUFD_DIRTY_CMD_DEVICE_GET, self->context, &a));
	ASSERT_EQ(1, a.nr);
	EXPECT_EQ(dev.dev_id, a.entries->value[IOMMUFD_DIRTY_A_DEVICE]);
	EXPECT_EQ(hwpt, a.entries->value[IOMMUFD_DIRTY_A_HWPT]);
	EXPECT_STREQ(dev.name, a.entries->string[1]);
	answer_free(&a);

	ASSERT_EQ(0, get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context,
			 IOMMUFD_DIRTY_A_TRACKER, tracker, &a));
	ASSERT_EQ(1, a.nr);
	EXPECT_EQ(self->ioas_id, a.entries->value[IOMMUFD_DIRTY_A_IOAS]);
	EXPECT_EQ(IOMMU_DIRTY_POLICY_IOMMU, a.entries->value[IOMMUFD_DIRTY_A_POLICY]);
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE,
		  a.entries->value[IOMMUFD_DIRTY_A_FLAGS]);
	EXPECT_EQ(0, a.entries->value[IOMMUFD_DIRTY_A_OUT_FLAGS]);
	EXPECT_EQ(PAGE, a.entries->value[IOMMUFD_DIRTY_A_PAGE_SIZE]);
	answer_free(&a);

	ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	ASSERT_EQ(0, tracker_info(self->fd, tracker, &info, &source, 1));
	ASSERT_EQ(0, get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context,
			 IOMMUFD_DIRTY_A_TRACKER, tracker, &a));
	EXPECT_EQ(info.out_flags, a.entries->value[IOMMUFD_DIRTY_A_OUT_FLAGS]);
	EXPECT_TRUE(info.out_flags & IOMMU_DIRTY_TRACKER_RUNNING);
	answer_free(&a);
	ASSERT_EQ(0, ask(&self->p, IOMMUFD_DIRTY_CMD_SOURCE_GET, NLM_F_DUMP, self->context,
			 IOMMUFD_DIRTY_A_TRACKER, tracker, &a));
	ASSERT_EQ(1, a.nr);
	e = a.entries;
	EXPECT_EQ(source.dev_id, e->value[IOMMUFD_DIRTY_A_DEVICE]);
	EXPECT_EQ(source.hwpt_id, e->value[IOMMUFD_DIRTY_A_HWPT]);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, e->value[IOMMUFD_DIRTY_A_KIND]);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_ON, e->value[IOMMUFD_DIRTY_A_STATE]);
	EXPECT_EQ(source.granule, e->value[IOMMUFD_DIRTY_A_GRANULE]);
	EXPECT_EQ(source.last, e->value[IOMMUFD_DIRTY_A_LAST]);
	EXPECT_STREQ(source.platform, e->string[2]);
	answer_free(&a);

	/* One that has gone is not told */
	ASSERT_EQ(0, iommufd_destroy(self->fd, tracker));
	EXPECT_EQ(-NLE_OBJ_NOTFOUND,
		  get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context,
		      IOMMUFD_DIRTY_A_TRACKER, tracker, &a));
	ASSERT_EQ(0, dump(&self->p, IOMMUFD_DIRTY_CMD_SOURCE_GET, self->context, &a));
	EXPECT_EQ(0, a.nr);
	answer_free(&a);
	vdev_close(&dev);
}

/* ---- Rights ---- */

static int all_denied(struct peer *p, uint64_t context)
{
	uint8_t cmd;
	struct answer a;

	for (cmd = 1; cmd <= IOMMUFD_DIRTY_CMD_SOURCE_GET; cmd++) {
		if (dump(p, cmd, 0, &a) != -NLE_PERM || a.nr)
			return cmd;
		if (cmd != IOMMUFD_DIRTY_CMD_SOURCE_GET &&
		    get(p, cmd, context, 0, 0, &a) != -NLE_PERM)
			return 100 + cmd;
	}
	if (ask(p, IOMMUFD_DIRTY_CMD_POLICY_GET, NLM_F_REQUEST, 0, 0, 0, &a) != -NLE_PERM ||
	    ask(p, IOMMUFD_DIRTY_CMD_POLICY_SET, NLM_F_REQUEST, 0,
		IOMMUFD_DIRTY_A_SMALL_LEAVES, 1, &a) != -NLE_PERM)
		return 220;
	/* The group has a number that everybody may know */
	return nl_socket_add_membership(p->sk, genl_ctrl_resolve_grp(p->sk,
			IOMMUFD_DIRTY_FAMILY_NAME, IOMMUFD_DIRTY_MCGRP_EVENTS)) ==
		-NLE_PERM ? 0 : 221;
}

/* The status of a child that runs @test */
static int in_child(int (*test)(uint64_t context), uint64_t context)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(test(context));
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int without_privileges(uint64_t context)
{
	struct peer p;

	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return 200;
	/* The name is no secret, what it answers is */
	if (peer_open(&p))
		return 201;
	return all_denied(&p, context);
}

static int in_user_namespace(uint64_t context)
{
	struct peer p;

	if (unshare(CLONE_NEWUSER))
		return errno == EINVAL || errno == ENOSYS ? 250 : 200;
	/* All capabilities there, and none here */
	if (peer_open(&p))
		return 201;
	return all_denied(&p, context);
}

static int in_net_namespace(uint64_t context)
{
	struct peer p;

	if (unshare(CLONE_NEWNET))
		return errno == EINVAL || errno == ENOSYS ? 250 : 200;
	return peer_open(&p) == -NLE_OBJ_NOTFOUND ? 0 : 1;
}

TEST_F(netlink, rights)
{
	int rc;

	EXPECT_EQ(0, in_child(without_privileges, self->context));
	rc = in_child(in_user_namespace, self->context);
	EXPECT_TRUE(rc == 0 || rc == 250);
	rc = in_child(in_net_namespace, self->context);
	EXPECT_TRUE(rc == 0 || rc == 250);
}

/* ---- Busy ---- */

struct attach {
	struct vdev *dev;
	__u32 ioas_id;
	int rc;
	atomic_bool done;
};

static void *attach_thread(void *arg)
{
	struct attach *at = arg;

	at->rc = vdev_attach(at->dev, at->ioas_id, NULL);
	at->done = true;
	return NULL;
}

static bool is_busy(struct peer *p, uint8_t cmd, uint64_t context, unsigned int attr,
		    uint32_t id)
{
	struct answer a;
	bool busy;

	if (get(p, cmd, context, attr, id, &a) || a.nr != 1)
		return false;
	busy = has(a.entries, IOMMUFD_DIRTY_A_BUSY);
	answer_free(&a);
	return busy;
}

/*
 * Memory that comes when its user likes (userfaultfd) is waited for in an attach, with
 * the IOAS locked. Whoever looks does not wait, and is told.
 */
TEST_F(netlink, busy)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_zeropage zero = {};
	struct attach at = {};
	struct answer a;
	struct vdev dev;
	pthread_t thread;
	double start;
	char *late;
	int uffd, i;

	uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0)
		SKIP(return, "this kernel has no userfaultfd");
	late = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, late);
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	reg.range.start = zero.range.start = (uintptr_t)late;
	reg.range.len = zero.range.len = SIZE;
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &reg));
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, late, SIZE, 4 * IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	EXPECT_FALSE(is_busy(&self->p, IOMMUFD_DIRTY_CMD_IOAS_GET, self->context,
			     IOMMUFD_DIRTY_A_IOAS, self->ioas_id));
	at.dev = &dev;
	at.ioas_id = self->ioas_id;
	ASSERT_EQ(0, pthread_create(&thread, NULL, attach_thread, &at));
	for (i = 0; i < 1000; i++) {
		if (is_busy(&self->p, IOMMUFD_DIRTY_CMD_IOAS_GET, self->context,
			    IOMMUFD_DIRTY_A_IOAS, self->ioas_id))
			break;
		usleep(10000);
	}
	EXPECT_LT(i, 1000);
	EXPECT_FALSE(at.done);
	EXPECT_TRUE(is_busy(&self->p, IOMMUFD_DIRTY_CMD_CONTEXT_GET, self->context, 0, 0));
	/* Of everything, and at once */
	start = now();
	for (i = IOMMUFD_DIRTY_CMD_CONTEXT_GET; i <= IOMMUFD_DIRTY_CMD_SOURCE_GET; i++) {
		EXPECT_EQ(0, dump(&self->p, (uint8_t)i, 0, &a));
		answer_free(&a);
	}
	EXPECT_GT(limit(5), now() - start);
	EXPECT_FALSE(at.done);
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	ASSERT_EQ(0, at.rc);
	EXPECT_FALSE(is_busy(&self->p, IOMMUFD_DIRTY_CMD_IOAS_GET, self->context,
			     IOMMUFD_DIRTY_A_IOAS, self->ioas_id));
	vdev_close(&dev);
	close(uffd);
}

/* ---- Policies ---- */

static int policy(struct peer *p, unsigned int attr)
{
	struct answer a;
	int value;

	if (ask(p, IOMMUFD_DIRTY_CMD_POLICY_GET, NLM_F_REQUEST, 0, 0, 0, &a) || a.nr != 1)
		return -1;
	value = (int)a.entries->value[attr];
	answer_free(&a);
	return value;
}

static int policy_set(struct peer *p, unsigned int attr, uint32_t value)
{
	struct answer a;

	return ask(p, IOMMUFD_DIRTY_CMD_POLICY_SET, NLM_F_REQUEST, 0, attr, value, &a);
}

static uint64_t tracker_policy(struct peer *p, uint64_t context, uint32_t tracker)
{
	uint64_t value = 99;
	struct answer a;

	if (get(p, IOMMUFD_DIRTY_CMD_TRACKER_GET, context, IOMMUFD_DIRTY_A_TRACKER,
		tracker, &a))
		return value;
	value = a.entries->value[IOMMUFD_DIRTY_A_POLICY];
	answer_free(&a);
	return value;
}

static bool ioas_small(struct peer *p, uint64_t context, uint32_t ioas)
{
	struct answer a;
	bool small;

	if (get(p, IOMMUFD_DIRTY_CMD_IOAS_GET, context, IOMMUFD_DIRTY_A_IOAS, ioas, &a))
		return false;
	small = a.entries->value[IOMMUFD_DIRTY_A_SMALL_LEAVES];
	answer_free(&a);
	return small;
}

/* They hold for what is made from then on, where its user has chosen nothing. */
TEST_F(netlink, policies)
{
	__u32 ioas, tracker;
	char text[16] = "";
	FILE *param;

	EXPECT_EQ(IOMMU_DIRTY_POLICY_AUTO, policy(&self->p, IOMMUFD_DIRTY_A_POLICY));
	EXPECT_EQ(0, policy(&self->p, IOMMUFD_DIRTY_A_SMALL_LEAVES));
	ASSERT_EQ(0, policy_set(&self->p, IOMMUFD_DIRTY_A_POLICY, IOMMU_DIRTY_POLICY_DEVICE));
	ASSERT_EQ(0, policy_set(&self->p, IOMMUFD_DIRTY_A_SMALL_LEAVES, 1));
	EXPECT_EQ(IOMMU_DIRTY_POLICY_DEVICE, policy(&self->p, IOMMUFD_DIRTY_A_POLICY));
	/* It is the module's parameter */
	param = fopen("/sys/module/iommufd/parameters/dirty_policy", "r");
	ASSERT_NE(NULL, param);
	EXPECT_NE(NULL, fgets(text, sizeof(text), param));
	fclose(param);
	EXPECT_STREQ("device\n", text);
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &ioas));
	EXPECT_TRUE(ioas_small(&self->p, self->context, ioas));
	EXPECT_FALSE(ioas_small(&self->p, self->context, self->ioas_id));
	ASSERT_EQ(0, tracker_alloc(self->fd, ioas, IOMMU_DIRTY_POLICY_AUTO, 0, 0, &tracker));
	EXPECT_EQ(IOMMU_DIRTY_POLICY_DEVICE,
		  tracker_policy(&self->p, self->context, tracker));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, IOMMU_DIRTY_POLICY_IOMMU, 0, 0,
				   &tracker));
	EXPECT_EQ(IOMMU_DIRTY_POLICY_IOMMU,
		  tracker_policy(&self->p, self->context, tracker));

	/* That of the ioctls of HWPTs, too */
	EXPECT_EQ(0, policy(&self->p, IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS));
	ASSERT_EQ(0, policy_set(&self->p, IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS, 1));
	param = fopen("/sys/module/iommufd/parameters/serve_hwpt_ioctls", "r");
	ASSERT_NE(NULL, param);
	EXPECT_NE(NULL, fgets(text, sizeof(text), param));
	fclose(param);
	EXPECT_STREQ("Y\n", text);
	ASSERT_EQ(0, policy_set(&self->p, IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS, 0));

	EXPECT_EQ(-NLE_RANGE, policy_set(&self->p, IOMMUFD_DIRTY_A_POLICY, 3));
	EXPECT_EQ(-NLE_RANGE, policy_set(&self->p, IOMMUFD_DIRTY_A_SMALL_LEAVES, 2));
	EXPECT_EQ(-NLE_INVAL, policy_set(&self->p, IOMMUFD_DIRTY_A_IOAS, 1));
	ASSERT_EQ(0, policy_set(&self->p, IOMMUFD_DIRTY_A_POLICY, IOMMU_DIRTY_POLICY_AUTO));
	ASSERT_EQ(0, policy_set(&self->p, IOMMUFD_DIRTY_A_SMALL_LEAVES, 0));
	EXPECT_EQ(IOMMU_DIRTY_POLICY_AUTO, policy(&self->p, IOMMUFD_DIRTY_A_POLICY));
}

/* ---- Events ---- */

static int events_open(struct peer *p)
{
	int rc = peer_open(p);

	if (rc)
		return rc;
	nl_socket_disable_seq_check(p->sk);
	rc = genl_ctrl_resolve_grp(p->sk, IOMMUFD_DIRTY_FAMILY_NAME,
				   IOMMUFD_DIRTY_MCGRP_EVENTS);
	if (rc >= 0)
		rc = nl_socket_add_membership(p->sk, rc);
	nl_socket_set_nonblocking(p->sk);
	return rc;
}

/* All that have come; the error that ended it, if it was not that no more are there. */
static int events_take(struct peer *p, struct answer *a)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int rc;

	memset(a, 0, sizeof(*a));
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_message, a);
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_any, NULL);
	do
		rc = nl_recvmsgs(p->sk, cb);
	while (rc >= 0);
	nl_cb_put(cb);
	return rc == -NLE_AGAIN ? 0 : rc;
}

/* What happens to a tracker, in order, with the names of the objects. */
TEST_F(netlink, events)
{
	static const uint32_t expected[] = {
		IOMMUFD_DIRTY_EVENT_TYPE_CREATED, IOMMUFD_DIRTY_EVENT_TYPE_PLAN,
		IOMMUFD_DIRTY_EVENT_TYPE_STARTED, IOMMUFD_DIRTY_EVENT_TYPE_READ,
		IOMMUFD_DIRTY_EVENT_TYPE_READ, IOMMUFD_DIRTY_EVENT_TYPE_STOPPED,
		IOMMUFD_DIRTY_EVENT_TYPE_DESTROYED,
	};
	struct tracker_read_out out;
	const struct entry *e;
	uint64_t seq, bytes = 0;
	struct vdev_job job;
	struct peer events;
	struct vdev dev;
	struct answer a;
	__u32 tracker;
	__u64 bits[4];
	unsigned int i;

	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, NULL));
	ASSERT_EQ(0, events_open(&events));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	vdev_job_init(&job);
	job.iova = IOVA;
	/* The first is told at once, those that follow with the next, or at the end */
	for (i = 0; i < 3; i++) {
		job.length = (3 - i) * PAGE;
		ASSERT_EQ(0, vdev_run(&dev, &job, 20000));
		memset(bits, 0, sizeof(bits));
		ASSERT_EQ(0, tracker_read_bitmap(self->fd, tracker, IOVA, SIZE, PAGE, bits,
						 0, &out));
		EXPECT_EQ((3 - i) * PAGE, out.dirty_bytes);
	}
	ASSERT_EQ(0, tracker_set(self->fd, tracker, 0, NULL, NULL));
	ASSERT_EQ(0, iommufd_destroy(self->fd, tracker));

	ASSERT_EQ(0, events_take(&events, &a));
	ASSERT_LE(ARRAY_SIZE(expected) - 1, a.nr);
	EXPECT_FALSE(a.malformed);
	seq = a.entries->value[IOMMUFD_DIRTY_A_EVENT_SEQ];
	for (i = 0; i < a.nr; i++) {
		e = &a.entries[i];
		EXPECT_EQ(IOMMUFD_DIRTY_CMD_EVENT, e->cmd);
		EXPECT_EQ(seq + i, e->value[IOMMUFD_DIRTY_A_EVENT_SEQ]);
		EXPECT_EQ(self->context, e->value[IOMMUFD_DIRTY_A_CONTEXT]);
		EXPECT_EQ(self->ioas_id, e->value[IOMMUFD_DIRTY_A_IOAS]);
		EXPECT_EQ(tracker, e->value[IOMMUFD_DIRTY_A_TRACKER]);
		EXPECT_LT(1600000000000000000ull, e->value[IOMMUFD_DIRTY_A_TIME_NS]);
		if (i < 4)
			EXPECT_EQ(expected[i], e->value[IOMMUFD_DIRTY_A_EVENT]);
		if (e->value[IOMMUFD_DIRTY_A_EVENT] == IOMMUFD_DIRTY_EVENT_TYPE_READ)
			bytes += e->value[IOMMUFD_DIRTY_A_DIRTY_BYTES];
	}
	e = &a.entries[1];
	EXPECT_EQ(dev.dev_id, e->value[IOMMUFD_DIRTY_A_DEVICE]);
	EXPECT_STREQ(dev.name, e->string[1]);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_NONE, e->value[IOMMUFD_DIRTY_A_OLD_KIND]);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, e->value[IOMMUFD_DIRTY_A_KIND]);
	EXPECT_EQ(6 * PAGE, bytes);
	EXPECT_EQ(IOMMUFD_DIRTY_EVENT_TYPE_STOPPED,
		  a.entries[a.nr - 2].value[IOMMUFD_DIRTY_A_EVENT]);
	EXPECT_EQ(IOMMUFD_DIRTY_EVENT_TYPE_DESTROYED,
		  a.entries[a.nr - 1].value[IOMMUFD_DIRTY_A_EVENT]);
	answer_free(&a);
	peer_close(&events);
	vdev_close(&dev);
}

static bool is_flags(const struct entry *e, uint32_t before, uint32_t flags)
{
	return e->value[IOMMUFD_DIRTY_A_EVENT] == IOMMUFD_DIRTY_EVENT_TYPE_FLAGS &&
	       e->value[IOMMUFD_DIRTY_A_OLD_FLAGS] == before &&
	       e->value[IOMMUFD_DIRTY_A_OUT_FLAGS] == flags;
}

/* A source fails, and is started again. */
TEST_F(netlink, events_degraded)
{
	unsigned int i, degraded = 0, recovered = 0;
	struct vdev_job job;
	struct peer events;
	struct vdev dev;
	struct answer a;
	__u32 tracker;
	__u64 bits[4];

	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	ASSERT_EQ(0, events_open(&events));
	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = PAGE;
	ASSERT_EQ(0, vdev_run(&dev, &job, 20000));
	ASSERT_EQ(0, parameter_set("iommufd_virt", "fail_read", "1"));
	ASSERT_EQ(0, tracker_read_bitmap(self->fd, tracker, IOVA, SIZE, PAGE, bits, 0, NULL));
	ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	ASSERT_EQ(0, events_take(&events, &a));
	for (i = 0; i < a.nr; i++) {
		degraded += is_flags(&a.entries[i], 0, IOMMU_DIRTY_TRACKER_DEGRADED);
		recovered += degraded &&
			is_flags(&a.entries[i], IOMMU_DIRTY_TRACKER_DEGRADED, 0);
	}
	EXPECT_EQ(1, degraded);
	EXPECT_EQ(1, recovered);
	answer_free(&a);
	peer_close(&events);
	vdev_close(&dev);
}

/* Of the events, those of a type about a device or, with 0, any */
static unsigned int count_events(const struct answer *a, uint32_t type, uint32_t dev_id)
{
	unsigned int i, n = 0;

	for (i = 0; i < a->nr; i++)
		n += a->entries[i].value[IOMMUFD_DIRTY_A_EVENT] == type &&
		     (!dev_id || a->entries[i].value[IOMMUFD_DIRTY_A_DEVICE] == dev_id);
	return n;
}

/*
 * A device that is detached has no source any more. One that is attached elsewhere, by
 * a replace, has one all the time, and if it is the same nothing is told.
 */
TEST_F(netlink, events_detach)
{
	const struct entry *e;
	__u32 tracker, hwpt;
	struct peer events;
	struct vdev dev;
	struct answer a;

	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	ASSERT_EQ(0, iommufd_hwpt_alloc(self->fd, dev.dev_id, self->ioas_id,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt));
	ASSERT_EQ(0, events_open(&events));
	ASSERT_EQ(0, vdev_attach(&dev, hwpt, NULL));
	ASSERT_EQ(0, events_take(&events, &a));
	EXPECT_EQ(0, count_events(&a, IOMMUFD_DIRTY_EVENT_TYPE_PLAN, 0));
	answer_free(&a);

	ASSERT_EQ(0, vdev_detach(&dev));
	ASSERT_EQ(0, events_take(&events, &a));
	ASSERT_EQ(1, count_events(&a, IOMMUFD_DIRTY_EVENT_TYPE_PLAN, dev.dev_id));
	for (e = a.entries; e->value[IOMMUFD_DIRTY_A_EVENT] != IOMMUFD_DIRTY_EVENT_TYPE_PLAN; e++)
		;
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, e->value[IOMMUFD_DIRTY_A_OLD_KIND]);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_NONE, e->value[IOMMUFD_DIRTY_A_KIND]);
	EXPECT_EQ(tracker, e->value[IOMMUFD_DIRTY_A_TRACKER]);
	EXPECT_STREQ(dev.name, e->string[1]);
	answer_free(&a);

	ASSERT_EQ(0, vdev_attach(&dev, hwpt, NULL));
	ASSERT_EQ(0, events_take(&events, &a));
	EXPECT_EQ(1, count_events(&a, IOMMUFD_DIRTY_EVENT_TYPE_PLAN, dev.dev_id));
	answer_free(&a);
	/* Of a tracker that does not run nothing of the kind is told */
	ASSERT_EQ(0, tracker_set(self->fd, tracker, 0, NULL, NULL));
	ASSERT_EQ(0, vdev_detach(&dev));
	ASSERT_EQ(0, events_take(&events, &a));
	EXPECT_EQ(0, count_events(&a, IOMMUFD_DIRTY_EVENT_TYPE_PLAN, 0));
	answer_free(&a);
	peer_close(&events);
	vdev_close(&dev);
}

/* Two devices on HWPTs of their own, which track by themselves */
struct hwpts {
	struct vdev dev[2];
	__u32 id[2];
};

static int hwpts_make(struct hwpts *h, int fd, __u32 ioas_id)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < 2 && !rc; i++) {
		rc = vdev_open(&h->dev[i], fd, DEVICE + i);
		if (!rc)
			rc = iommufd_hwpt_alloc(fd, h->dev[i].dev_id, ioas_id,
						IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
						&h->id[i]);
		if (!rc)
			rc = vdev_attach(&h->dev[i], h->id[i], NULL);
	}
	return rc;
}

/* The tracker of an HWPT has no ID: it is told, and asked for, by that of its HWPT. */
TEST_F(netlink, hwpt_trackers)
{
	const struct entry *e;
	struct answer a;
	struct hwpts h;
	unsigned int i;

	ASSERT_EQ(0, hwpts_make(&h, self->fd, self->ioas_id));
	ASSERT_EQ(0, dump(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context, &a));
	EXPECT_EQ(0, a.nr);
	answer_free(&a);
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->fd, h.id[0], true));
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->fd, h.id[1], true));
	ASSERT_EQ(0, dump(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context, &a));
	EXPECT_FALSE(a.malformed);
	ASSERT_EQ(2, a.nr);
	for (i = 0; i < 2; i++) {
		e = &a.entries[i];
		EXPECT_EQ(h.id[i], e->value[IOMMUFD_DIRTY_A_TRACKER_HWPT]);
		EXPECT_TRUE(has(e, IOMMUFD_DIRTY_A_TRACKER));
		EXPECT_EQ(0, e->value[IOMMUFD_DIRTY_A_TRACKER]);
		EXPECT_EQ(self->ioas_id, e->value[IOMMUFD_DIRTY_A_IOAS]);
		EXPECT_EQ(IOMMU_DIRTY_TRACKER_RUNNING, e->value[IOMMUFD_DIRTY_A_OUT_FLAGS]);
		EXPECT_EQ(PAGE, e->value[IOMMUFD_DIRTY_A_PAGE_SIZE]);
	}
	answer_free(&a);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context,
				 IOMMUFD_DIRTY_A_TRACKER_HWPT, h.id[i], &a));
		ASSERT_EQ(1, a.nr);
		EXPECT_EQ(h.id[i], a.entries->value[IOMMUFD_DIRTY_A_TRACKER_HWPT]);
		answer_free(&a);
		/* Its own source, and not that of the other */
		ASSERT_EQ(0, ask(&self->p, IOMMUFD_DIRTY_CMD_SOURCE_GET, NLM_F_DUMP,
				 self->context, IOMMUFD_DIRTY_A_TRACKER_HWPT, h.id[i], &a));
		ASSERT_EQ(1, a.nr);
		EXPECT_EQ(h.dev[i].dev_id, a.entries->value[IOMMUFD_DIRTY_A_DEVICE]);
		EXPECT_EQ(h.id[i], a.entries->value[IOMMUFD_DIRTY_A_HWPT]);
		EXPECT_EQ(h.id[i], a.entries->value[IOMMUFD_DIRTY_A_TRACKER_HWPT]);
		EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, a.entries->value[IOMMUFD_DIRTY_A_KIND]);
		EXPECT_EQ(IOMMU_DIRTY_SOURCE_ON, a.entries->value[IOMMUFD_DIRTY_A_STATE]);
		answer_free(&a);
	}
	/* It is neither the tracker with that ID nor that of a container */
	EXPECT_EQ(-NLE_OBJ_NOTFOUND, get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET,
					 self->context, IOMMUFD_DIRTY_A_TRACKER, h.id[0], &a));
	EXPECT_EQ(-NLE_OBJ_NOTFOUND, get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET,
					 self->context, IOMMUFD_DIRTY_A_TRACKER, 0, &a));
	EXPECT_EQ(-NLE_OBJ_NOTFOUND, get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET,
					 self->context, IOMMUFD_DIRTY_A_TRACKER_HWPT,
					 self->ioas_id, &a));
	/* One that does not track any more is not told; the other is */
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->fd, h.id[0], false));
	EXPECT_EQ(-NLE_OBJ_NOTFOUND, get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET,
					 self->context, IOMMUFD_DIRTY_A_TRACKER_HWPT,
					 h.id[0], &a));
	ASSERT_EQ(0, dump(&self->p, IOMMUFD_DIRTY_CMD_SOURCE_GET, self->context, &a));
	ASSERT_EQ(1, a.nr);
	EXPECT_EQ(h.id[1], a.entries->value[IOMMUFD_DIRTY_A_TRACKER_HWPT]);
	answer_free(&a);
	vdev_close(&h.dev[0]);
	vdev_close(&h.dev[1]);
}

/* What happens to it, from SET to SET and by a GET in between */
TEST_F(netlink, hwpt_events)
{
	static const uint32_t expected[] = {
		IOMMUFD_DIRTY_EVENT_TYPE_CREATED, IOMMUFD_DIRTY_EVENT_TYPE_PLAN,
		IOMMUFD_DIRTY_EVENT_TYPE_STARTED, IOMMUFD_DIRTY_EVENT_TYPE_READ,
		IOMMUFD_DIRTY_EVENT_TYPE_STOPPED, IOMMUFD_DIRTY_EVENT_TYPE_DESTROYED,
	};
	const struct entry *e;
	struct vdev_job job;
	struct peer events;
	struct answer a;
	struct hwpts h;
	__u64 bits[4] = {};
	unsigned int i;

	ASSERT_EQ(0, hwpts_make(&h, self->fd, self->ioas_id));
	ASSERT_EQ(0, events_open(&events));
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->fd, h.id[1], true));
	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = 3 * PAGE;
	ASSERT_EQ(0, vdev_run(&h.dev[1], &job, 20000));
	ASSERT_EQ(0, iommufd_hwpt_get_dirty(self->fd, h.id[1], IOVA, SIZE, PAGE, bits, 0));
	EXPECT_EQ(7, bits[0]);
	ASSERT_EQ(0, iommufd_hwpt_set_dirty(self->fd, h.id[1], false));
	ASSERT_EQ(0, events_take(&events, &a));
	ASSERT_EQ(ARRAY_SIZE(expected), a.nr);
	EXPECT_FALSE(a.malformed);
	for (i = 0; i < a.nr; i++) {
		e = &a.entries[i];
		EXPECT_EQ(expected[i], e->value[IOMMUFD_DIRTY_A_EVENT]);
		EXPECT_EQ(self->context, e->value[IOMMUFD_DIRTY_A_CONTEXT]);
		EXPECT_EQ(self->ioas_id, e->value[IOMMUFD_DIRTY_A_IOAS]);
		EXPECT_EQ(0, e->value[IOMMUFD_DIRTY_A_TRACKER]);
		EXPECT_EQ(h.id[1], e->value[IOMMUFD_DIRTY_A_TRACKER_HWPT]);
	}
	EXPECT_EQ(h.dev[1].dev_id, a.entries[1].value[IOMMUFD_DIRTY_A_DEVICE]);
	EXPECT_EQ(3 * PAGE, a.entries[3].value[IOMMUFD_DIRTY_A_DIRTY_BYTES]);
	answer_free(&a);
	peer_close(&events);
	vdev_close(&h.dev[0]);
	vdev_close(&h.dev[1]);
}

/* Who does not listen in time is told so, sees how many it has missed, and goes on. */
TEST_F(netlink, events_lost)
{
	uint64_t seq, after;
	struct peer events;
	struct answer a;
	unsigned int i;
	__u32 tracker;

	ASSERT_EQ(0, events_open(&events));
	ASSERT_EQ(0, nl_socket_set_buffer_size(events.sk, 4096, 4096));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, tracker_set(self->fd, tracker,
					 i % 2 ? 0 : IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	/* ENOBUFS */
	EXPECT_EQ(-NLE_NOMEM, events_take(&events, &a));
	answer_free(&a);
	ASSERT_EQ(0, events_take(&events, &a));
	ASSERT_LT(0, a.nr);
	EXPECT_LT(a.nr, 201);
	seq = a.entries[a.nr - 1].value[IOMMUFD_DIRTY_A_EVENT_SEQ];
	EXPECT_EQ(a.nr - 1, seq - a.entries->value[IOMMUFD_DIRTY_A_EVENT_SEQ]);
	answer_free(&a);
	ASSERT_EQ(0, iommufd_destroy(self->fd, tracker));
	ASSERT_EQ(0, events_take(&events, &a));
	ASSERT_EQ(1, a.nr);
	after = a.entries->value[IOMMUFD_DIRTY_A_EVENT_SEQ];
	EXPECT_LT(seq + 1, after);
	answer_free(&a);
	peer_close(&events);
}

/* ---- Objects that come and go ---- */

struct churn {
	atomic_bool stop;
	int rc;
	unsigned int rounds;
	const char *what;
};

static int churn_once(struct churn *c)
{
	__u32 ioas, tracker;
	int fd, rc;

	fd = iommufd_open();
	if (fd < 0)
		return fd;
	c->what = "make an IOAS with a tracker";
	rc = iommufd_ioas_alloc(fd, &ioas);
	if (!rc)
		rc = tracker_alloc(fd, ioas, 0, 0, 0, &tracker);
	if (!rc)
		rc = tracker_set(fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL);
	/* They can be destroyed although somebody looks at them: never EBUSY */
	if (!rc) {
		c->what = "destroy the tracker";
		rc = iommufd_destroy(fd, tracker);
	}
	if (!rc) {
		c->what = "destroy the IOAS";
		rc = iommufd_destroy(fd, ioas);
	}
	if (!rc)
		rc = iommufd_ioas_alloc(fd, &ioas);
	/* Every other context is closed with what is in it */
	close(fd);
	c->rounds++;
	return rc;
}

static void *churn_thread(void *arg)
{
	struct churn *c = arg;

	while (!c->stop && !c->rc)
		c->rc = churn_once(c);
	return NULL;
}

/* What stays is in every dump, once; a dump that something came between says so. */
TEST_F(netlink, changing)
{
	unsigned int dumps = 0, changed = 0, i, found;
	struct churn churn[2] = {};
	pthread_t threads[2];
	double end = now() + 3;
	__u32 tracker;
	struct answer a;

	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, churn_thread, &churn[i]));
	while (now() < end || churn[0].rounds < 20) {
		uint8_t cmd = (uint8_t)(IOMMUFD_DIRTY_CMD_CONTEXT_GET + dumps % 6);

		ASSERT_EQ(0, dump(&self->p, cmd, 0, &a));
		dumps++;
		changed += a.changed;
		EXPECT_FALSE(a.malformed);
		for (i = found = 0; i < a.nr; i++)
			found += a.entries[i].value[IOMMUFD_DIRTY_A_CONTEXT] == self->context;
		if (cmd == IOMMUFD_DIRTY_CMD_CONTEXT_GET ||
		    cmd == IOMMUFD_DIRTY_CMD_IOAS_GET ||
		    cmd == IOMMUFD_DIRTY_CMD_TRACKER_GET)
			EXPECT_EQ(1, found);
		answer_free(&a);
		ASSERT_EQ(0, churn[0].rc) TH_LOG("%s", churn[0].what);
	}
	for (i = 0; i < 2; i++) {
		churn[i].stop = true;
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, churn[i].rc) TH_LOG("%s", churn[i].what);
	}
	EXPECT_LT(0, changed);
	TH_LOG("%u dumps, %u of them changed, beside %u rounds of destruction", dumps,
	       changed, churn[0].rounds + churn[1].rounds);
	/* Control: nothing comes between now, and nothing says so */
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, dump(&self->p, (uint8_t)(1 + i), 0, &a));
		EXPECT_FALSE(a.changed);
		answer_free(&a);
	}
}

/* Many, more than fit into one part of a dump: all are told, each once, and soon. */
TEST_F(netlink, many)
{
	const unsigned int nr = 10000;
	unsigned int i, part;
	unsigned char *seen;
	__u32 ioas, tracker;
	double start, took;
	struct answer a;
	uint8_t cmd;

	seen = calloc(4, nr);
	ASSERT_NE(NULL, seen);
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &ioas));
		ASSERT_EQ(0, tracker_alloc(self->fd, ioas, 0, 0, 0, &tracker));
	}
	for (cmd = IOMMUFD_DIRTY_CMD_IOAS_GET; cmd <= IOMMUFD_DIRTY_CMD_TRACKER_GET; cmd++) {
		unsigned int id = cmd == IOMMUFD_DIRTY_CMD_IOAS_GET ?
			IOMMUFD_DIRTY_A_IOAS : IOMMUFD_DIRTY_A_TRACKER;

		if (cmd != IOMMUFD_DIRTY_CMD_IOAS_GET &&
		    cmd != IOMMUFD_DIRTY_CMD_TRACKER_GET)
			continue;
		memset(seen, 0, 4ul * nr);
		start = now();
		ASSERT_EQ(0, dump(&self->p, cmd, self->context, &a));
		took = now() - start;
		EXPECT_FALSE(a.changed);
		for (i = part = 0; i < a.nr; i++) {
			uint64_t n = a.entries[i].value[id];

			ASSERT_LT(n, 4ull * nr);
			EXPECT_EQ(0, seen[n]++);
			part++;
		}
		EXPECT_EQ(cmd == IOMMUFD_DIRTY_CMD_IOAS_GET ? nr + 1 : nr, part);
		TH_LOG("%u %s in %.3f s", part,
		       cmd == IOMMUFD_DIRTY_CMD_IOAS_GET ? "IOASes" : "trackers", took);
		EXPECT_GT(limit(2), took);
		answer_free(&a);
	}
	free(seen);
}

/* The context is closed between two parts of its dump, and another one is told. */
TEST_F(netlink, closed_between)
{
	struct nl_msg *msg;
	__u32 ioas;
	struct answer a = {};
	unsigned int i, found = 0;
	int fd;

	fd = iommufd_open();
	ASSERT_LE(0, fd);
	for (i = 0; i < 5000; i++)
		ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &ioas));
	ASSERT_EQ(0, iommufd_ioas_alloc(fd, &ioas));
	/* The kernel goes on with a dump as its parts are taken */
	msg = request(&self->p, IOMMUFD_DIRTY_CMD_IOAS_GET, NLM_F_DUMP, 0, 0, 0);
	ASSERT_LT(0, nl_send_auto(self->p.sk, msg));
	nlmsg_free(msg);
	usleep(100000);
	close(self->fd);
	ASSERT_EQ(0, receive(&self->p, &a));
	EXPECT_TRUE(a.changed);
	EXPECT_LT(a.nr, 5000);
	for (i = 0; i < a.nr; i++)
		found += a.entries[i].value[IOMMUFD_DIRTY_A_CONTEXT] > self->context;
	EXPECT_EQ(1, found);
	answer_free(&a);
	close(fd);
	self->fd = iommufd_open();
}

/* ---- Requests that are not as they should be ---- */

static uint64_t random_state;

static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void fuzz_attrs(char *at, size_t *len, size_t room, unsigned int depth)
{
	unsigned int n = random64() % 5;

	while (n--) {
		struct nlattr *attr = (struct nlattr *)(at + *len);
		size_t size = random64() % 3 ? 4ul << random64() % 2 : random64() % 40;
		size_t begin = *len;

		if (*len + NLA_HDRLEN + 64 > room)
			return;
		attr->nla_type = (uint16_t)(random64() % 8 ?
			random64() % (IOMMUFD_DIRTY_A_MAX + 3) : random64());
		*len += NLA_HDRLEN;
		if (depth < 8 && random64() % 6 == 0) {
			attr->nla_type |= random64() % 2 ? NLA_F_NESTED : 0;
			fuzz_attrs(at, len, room, depth + 1);
		} else {
			uint64_t value = random64() % 2 ? random64() % 8 : random64();

			memset(at + *len, (int)random64(), size);
			memcpy(at + *len, &value, size < 8 ? size : 8);
			*len += (size + 3) & ~3ul;
		}
		attr->nla_len = (uint16_t)(random64() % 10 ? *len - begin : random64());
		if (random64() % 4)
			attr->nla_len = (uint16_t)(NLA_HDRLEN + size);
	}
}

TEST_F(netlink, fuzz)
{
	unsigned int i, accepted = 0, rounds = 20000;
	const char *seed = getenv("SEED");
	struct timespec ts;
	struct answer a = {};

	clock_gettime(CLOCK_REALTIME, &ts);
	random_state = seed ? strtoull(seed, NULL, 0) : (uint64_t)ts.tv_nsec | 1;
	TH_LOG("SEED=%llu", (unsigned long long)random_state);
	for (i = 0; i < rounds; i++) {
		char buf[2048] = {};
		struct nlmsghdr *nlh = (struct nlmsghdr *)buf;
		struct genlmsghdr *genl = NLMSG_DATA(nlh);
		size_t len = NLMSG_HDRLEN + GENL_HDRLEN;

		nlh->nlmsg_type = (uint16_t)self->p.family;
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
		if (random64() % 2)
			nlh->nlmsg_flags |= NLM_F_DUMP;
		nlh->nlmsg_seq = nl_socket_use_seq(self->p.sk);
		nlh->nlmsg_pid = nl_socket_get_local_port(self->p.sk);
		genl->cmd = (uint8_t)(random64() % (IOMMUFD_DIRTY_CMD_MAX + 2));
		genl->version = (uint8_t)(random64() % 8 ? 1 : random64());
		genl->reserved = random64() % 8 ? 0 : (uint16_t)random64();
		fuzz_attrs(buf, &len, sizeof(buf), 0);
		nlh->nlmsg_len = (uint32_t)len;
		ASSERT_EQ((int)len, nl_sendto(self->p.sk, buf, len));
		/* Any answer will do that is an answer */
		if (!receive(&self->p, &a))
			accepted++;
		EXPECT_FALSE(a.malformed);
		answer_free(&a);
	}
	/* It may have changed them */
	policy_set(&self->p, IOMMUFD_DIRTY_A_POLICY, IOMMU_DIRTY_POLICY_AUTO);
	policy_set(&self->p, IOMMUFD_DIRTY_A_SMALL_LEAVES, 0);
	policy_set(&self->p, IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS, 0);
	/* Some are in order, or nothing behind the checks was reached */
	TH_LOG("%u of %u requests were accepted", accepted, rounds);
	EXPECT_LT(0, accepted);
	EXPECT_GT(rounds, accepted);
}

TEST_HARNESS_MAIN
