// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family "iommufd_dirty": the answers show the objects of this process,
 * callers without the capability are refused, and a request does not delay a process whose
 * objects it shows.
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
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <netlink/genl/ctrl.h>

#include "kselftest_harness.h"
#include "netlink.h"
#include "../lib/feature.h"
#include "../lib/sysfs.h"
#include "../lib/vdev.h"

TEST_F(netlink, contexts)
{
	struct peer_answer a;
	char name[32];
	int fd;

	ASSERT_EQ(0, peer_get(&self->p, IOMMUFD_DIRTY_CMD_CONTEXT_GET, self->context, 0, 0, &a));
	ASSERT_EQ(1, a.nr);
	EXPECT_FALSE(a.malformed);
	EXPECT_EQ((uint64_t)getpid(), a.entries->value[IOMMUFD_DIRTY_A_PID]);
	ASSERT_EQ(0, prctl(PR_GET_NAME, name));
	EXPECT_STREQ(name, a.entries->string[0]);
	/* No domain, so nothing is pinned */
	EXPECT_EQ(0, a.entries->value[IOMMUFD_DIRTY_A_PINNED]);
	peer_answer_free(&a);

	/* Another one has a number of its own, and goes when it is closed */
	fd = iommufd_open();
	ASSERT_LE(0, fd);
	EXPECT_LT(self->context, peer_own_context(&self->p));
	close(fd);
	EXPECT_EQ(self->context, peer_own_context(&self->p));
	EXPECT_EQ(-NLE_OBJ_NOTFOUND, peer_get(&self->p, IOMMUFD_DIRTY_CMD_CONTEXT_GET,
					 self->context + 1, 0, 0, &a));
	/* Nor does one that was opened later take its place */
	fd = iommufd_open();
	ASSERT_LE(0, fd);
	EXPECT_EQ(-NLE_OBJ_NOTFOUND, peer_get(&self->p, IOMMUFD_DIRTY_CMD_CONTEXT_GET,
					 self->context + 1, 0, 0, &a));
	ASSERT_EQ(0, peer_dump(&self->p, IOMMUFD_DIRTY_CMD_CONTEXT_GET, self->context + 1, &a));
	EXPECT_EQ(0, a.nr);
	peer_answer_free(&a);
	close(fd);
}

/* Memory that several mappings share is counted once. */
TEST_F(netlink, pinned)
{
	struct vdev dev;
	struct peer_answer a;
	__u32 other;

	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, NULL));
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, iommufd_ioas_copy(self->fd, other, self->ioas_id, 0, IOVA,
				       SIZE / 2, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, iommufd_ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				       2 * IOVA, IOVA, SIZE, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, peer_get(&self->p, IOMMUFD_DIRTY_CMD_IOAS_GET, self->context,
			 IOMMUFD_DIRTY_A_IOAS, self->ioas_id, &a));
	ASSERT_EQ(1, a.nr);
	EXPECT_EQ(2, a.entries->value[IOMMUFD_DIRTY_A_AREAS]);
	EXPECT_EQ(2 * SIZE, a.entries->value[IOMMUFD_DIRTY_A_MAPPED]);
	EXPECT_EQ(SIZE, a.entries->value[IOMMUFD_DIRTY_A_PINNED]);
	EXPECT_FALSE(peer_has(a.entries, IOMMUFD_DIRTY_A_BUSY));
	peer_answer_free(&a);
	ASSERT_EQ(0, peer_get(&self->p, IOMMUFD_DIRTY_CMD_CONTEXT_GET, self->context, 0, 0, &a));
	EXPECT_EQ(SIZE, a.entries->value[IOMMUFD_DIRTY_A_PINNED]);
	peer_answer_free(&a);
	/* Detached: no domain has it */
	ASSERT_EQ(0, vdev_detach(&dev));
	ASSERT_EQ(0, peer_get(&self->p, IOMMUFD_DIRTY_CMD_CONTEXT_GET, self->context, 0, 0, &a));
	EXPECT_EQ(0, a.entries->value[IOMMUFD_DIRTY_A_PINNED]);
	peer_answer_free(&a);
	vdev_close(&dev);
}

/* HWPT and device are those that this process has made. */
TEST_F(netlink, objects)
{
	const struct peer_entry *e;
	struct peer_answer a;
	struct vdev dev;
	__u32 hwpt;

	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, &hwpt));

	ASSERT_EQ(0, peer_dump(&self->p, IOMMUFD_DIRTY_CMD_HWPT_GET, self->context, &a));
	ASSERT_EQ(1, a.nr);
	e = a.entries;
	EXPECT_EQ(hwpt, e->value[IOMMUFD_DIRTY_A_HWPT]);
	EXPECT_EQ(self->ioas_id, e->value[IOMMUFD_DIRTY_A_IOAS]);
	EXPECT_EQ(IOMMUFD_DIRTY_HWPT_TYPE_PAGING, e->value[IOMMUFD_DIRTY_A_HWPT_TYPE]);
	EXPECT_TRUE(peer_has(e, IOMMUFD_DIRTY_A_CAN_TRACK));
	EXPECT_TRUE(peer_has(e, IOMMUFD_DIRTY_A_AUTOMATIC));
	EXPECT_STREQ("amd", e->string[2]);
	EXPECT_TRUE(e->value[IOMMUFD_DIRTY_A_LEAF_SIZES] & PAGE);
	peer_answer_free(&a);

	ASSERT_EQ(0, peer_dump(&self->p, IOMMUFD_DIRTY_CMD_DEVICE_GET, self->context, &a));
	ASSERT_EQ(1, a.nr);
	EXPECT_EQ(dev.dev_id, a.entries->value[IOMMUFD_DIRTY_A_DEVICE]);
	EXPECT_EQ(hwpt, a.entries->value[IOMMUFD_DIRTY_A_HWPT]);
	EXPECT_STREQ(dev.name, a.entries->string[1]);
	peer_answer_free(&a);
	vdev_close(&dev);
}

/* The same of a tracker and its sources. */
TEST_F(netlink, tracker)
{
	struct iommu_dirty_source_info source;
	struct iommu_dirty_tracker_info info;
	const struct peer_entry *e;
	struct peer_answer a;
	struct vdev dev;
	__u32 tracker;

	ASSERT_EQ(0, vdev_open(&dev, self->fd, DEVICE));
	ASSERT_EQ(0, vdev_attach(&dev, self->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, IOMMU_DIRTY_POLICY_IOMMU,
				   IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE, 0, &tracker));
	ASSERT_EQ(0, peer_get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context,
			 IOMMUFD_DIRTY_A_TRACKER, tracker, &a));
	ASSERT_EQ(1, a.nr);
	EXPECT_EQ(self->ioas_id, a.entries->value[IOMMUFD_DIRTY_A_IOAS]);
	EXPECT_EQ(IOMMU_DIRTY_POLICY_IOMMU, a.entries->value[IOMMUFD_DIRTY_A_POLICY]);
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE,
		  a.entries->value[IOMMUFD_DIRTY_A_FLAGS]);
	EXPECT_EQ(0, a.entries->value[IOMMUFD_DIRTY_A_OUT_FLAGS]);
	EXPECT_EQ(PAGE, a.entries->value[IOMMUFD_DIRTY_A_PAGE_SIZE]);
	peer_answer_free(&a);

	ASSERT_EQ(0, tracker_set(self->fd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	ASSERT_EQ(0, tracker_info(self->fd, tracker, &info, &source, 1));
	ASSERT_EQ(0, peer_get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context,
			 IOMMUFD_DIRTY_A_TRACKER, tracker, &a));
	EXPECT_EQ(info.out_flags, a.entries->value[IOMMUFD_DIRTY_A_OUT_FLAGS]);
	EXPECT_TRUE(info.out_flags & IOMMU_DIRTY_TRACKER_RUNNING);
	peer_answer_free(&a);
	ASSERT_EQ(0, peer_ask(&self->p, IOMMUFD_DIRTY_CMD_SOURCE_GET, NLM_F_DUMP, self->context,
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
	peer_answer_free(&a);

	/* A dump does not have one that was destroyed */
	ASSERT_EQ(0, iommufd_destroy(self->fd, tracker));
	EXPECT_EQ(-NLE_OBJ_NOTFOUND,
		  peer_get(&self->p, IOMMUFD_DIRTY_CMD_TRACKER_GET, self->context,
		      IOMMUFD_DIRTY_A_TRACKER, tracker, &a));
	ASSERT_EQ(0, peer_dump(&self->p, IOMMUFD_DIRTY_CMD_SOURCE_GET, self->context, &a));
	EXPECT_EQ(0, a.nr);
	peer_answer_free(&a);
	vdev_close(&dev);
}

/* ---- Rights ---- */

static int all_denied(struct peer *p, uint64_t context)
{
	uint8_t cmd;
	struct peer_answer a;

	for (cmd = 1; cmd <= IOMMUFD_DIRTY_CMD_SOURCE_GET; cmd++) {
		if (peer_dump(p, cmd, 0, &a) != -NLE_PERM || a.nr)
			return cmd;
		if (cmd != IOMMUFD_DIRTY_CMD_SOURCE_GET &&
		    peer_get(p, cmd, context, 0, 0, &a) != -NLE_PERM)
			return 100 + cmd;
	}
	if (peer_ask(p, IOMMUFD_DIRTY_CMD_POLICY_GET, NLM_F_REQUEST, 0, 0, 0, &a) != -NLE_PERM ||
	    peer_ask(p, IOMMUFD_DIRTY_CMD_POLICY_SET, NLM_F_REQUEST, 0,
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
	struct peer_answer a;
	bool busy;

	if (peer_get(p, cmd, context, attr, id, &a) || a.nr != 1)
		return false;
	busy = peer_has(a.entries, IOMMUFD_DIRTY_A_BUSY);
	peer_answer_free(&a);
	return busy;
}

/*
 * An attach waits for memory that its user supplies late (userfaultfd), with
 * the IOAS locked. A request does not wait, and answers BUSY.
 */
TEST_F(netlink, busy)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_zeropage zero = {};
	struct attach at = {};
	struct peer_answer a;
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
	start = seconds_now();
	for (i = IOMMUFD_DIRTY_CMD_CONTEXT_GET; i <= IOMMUFD_DIRTY_CMD_SOURCE_GET; i++) {
		EXPECT_EQ(0, peer_dump(&self->p, (uint8_t)i, 0, &a));
		peer_answer_free(&a);
	}
	EXPECT_GT(peer_limit(5), seconds_now() - start);
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
	struct peer_answer a;
	int value;

	if (peer_ask(p, IOMMUFD_DIRTY_CMD_POLICY_GET, NLM_F_REQUEST, 0, 0, 0, &a) || a.nr != 1)
		return -1;
	value = (int)a.entries->value[attr];
	peer_answer_free(&a);
	return value;
}

static uint64_t tracker_policy(struct peer *p, uint64_t context, uint32_t tracker)
{
	uint64_t value = 99;
	struct peer_answer a;

	if (peer_get(p, IOMMUFD_DIRTY_CMD_TRACKER_GET, context, IOMMUFD_DIRTY_A_TRACKER,
		tracker, &a))
		return value;
	value = a.entries->value[IOMMUFD_DIRTY_A_POLICY];
	peer_answer_free(&a);
	return value;
}

static bool ioas_small(struct peer *p, uint64_t context, uint32_t ioas)
{
	struct peer_answer a;
	bool small;

	if (peer_get(p, IOMMUFD_DIRTY_CMD_IOAS_GET, context, IOMMUFD_DIRTY_A_IOAS, ioas, &a))
		return false;
	small = a.entries->value[IOMMUFD_DIRTY_A_SMALL_LEAVES];
	peer_answer_free(&a);
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
	ASSERT_EQ(0, peer_set_policy(&self->p, IOMMUFD_DIRTY_A_POLICY, IOMMU_DIRTY_POLICY_DEVICE));
	ASSERT_EQ(0, peer_set_policy(&self->p, IOMMUFD_DIRTY_A_SMALL_LEAVES, 1));
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
	ASSERT_EQ(0, peer_set_policy(&self->p, IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS, 1));
	param = fopen("/sys/module/iommufd/parameters/serve_hwpt_ioctls", "r");
	ASSERT_NE(NULL, param);
	EXPECT_NE(NULL, fgets(text, sizeof(text), param));
	fclose(param);
	EXPECT_STREQ("Y\n", text);
	ASSERT_EQ(0, peer_set_policy(&self->p, IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS, 0));

	EXPECT_EQ(-NLE_RANGE, peer_set_policy(&self->p, IOMMUFD_DIRTY_A_POLICY, 3));
	EXPECT_EQ(-NLE_RANGE, peer_set_policy(&self->p, IOMMUFD_DIRTY_A_SMALL_LEAVES, 2));
	EXPECT_EQ(-NLE_INVAL, peer_set_policy(&self->p, IOMMUFD_DIRTY_A_IOAS, 1));
	ASSERT_EQ(0, peer_set_policy(&self->p, IOMMUFD_DIRTY_A_POLICY, IOMMU_DIRTY_POLICY_AUTO));
	ASSERT_EQ(0, peer_set_policy(&self->p, IOMMUFD_DIRTY_A_SMALL_LEAVES, 0));
	EXPECT_EQ(IOMMU_DIRTY_POLICY_AUTO, policy(&self->p, IOMMUFD_DIRTY_A_POLICY));
}

TEST_HARNESS_MAIN
