// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dumps of the generic netlink family "iommufd_dirty" while contexts and objects are
 * made and destroyed, dumps of many, and requests that are malformed.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kselftest_harness.h"
#include "netlink.h"
#include "../lib/vdev.h"

/* ---- Objects that are made and destroyed ---- */

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
	/* They can be destroyed although another thread dumps them: never EBUSY */
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
	double end = seconds_now() + 3;
	__u32 tracker;
	struct peer_answer a;

	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id, 0, 0, 0, &tracker));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, churn_thread, &churn[i]));
	while (seconds_now() < end || churn[0].rounds < 20) {
		uint8_t cmd = (uint8_t)(IOMMUFD_DIRTY_CMD_CONTEXT_GET + dumps % 6);

		ASSERT_EQ(0, peer_dump(&self->p, cmd, 0, &a));
		dumps++;
		changed += a.changed;
		EXPECT_FALSE(a.malformed);
		for (i = found = 0; i < a.nr; i++)
			found += a.entries[i].value[IOMMUFD_DIRTY_A_CONTEXT] == self->context;
		if (cmd == IOMMUFD_DIRTY_CMD_CONTEXT_GET ||
		    cmd == IOMMUFD_DIRTY_CMD_IOAS_GET ||
		    cmd == IOMMUFD_DIRTY_CMD_TRACKER_GET)
			EXPECT_EQ(1, found);
		peer_answer_free(&a);
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
	/* Control: nothing changes now, and no dump is marked */
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, peer_dump(&self->p, (uint8_t)(1 + i), 0, &a));
		EXPECT_FALSE(a.changed);
		peer_answer_free(&a);
	}
}

static void *dump_ioases(void *arg)
{
	struct peer p;
	struct peer_answer a;

	if (!peer_open(&p) && !peer_dump(&p, IOMMUFD_DIRTY_CMD_IOAS_GET, *(uint64_t *)arg, &a))
		peer_answer_free(&a);
	peer_close(&p);
	return NULL;
}

/* What a dump has found is not freed before it is in the answer: its destruction waits. */
TEST_F(netlink, found)
{
	double start, took, longest = 0;
	unsigned int round, i;
	pthread_t thread;
	__u32 ioas[20];

	for (i = 0; i < ARRAY_SIZE(ioas); i++)
		ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &ioas[i]));
	ASSERT_EQ(0, parameter_set("iommufd", "dirty_delay_at", "found"));
	ASSERT_EQ(0, parameter_set("iommufd", "dirty_delay_one_in", "1"));
	ASSERT_EQ(0, parameter_set("iommufd", "dirty_delay_us", "100000"));
	/* The dump, of a second, may begin late */
	for (round = 0; round < 10 && longest < 0.3; round++) {
		ASSERT_EQ(0, pthread_create(&thread, NULL, dump_ioases, &self->context));
		usleep(200000);
		start = seconds_now();
		ASSERT_EQ(0, iommufd_destroy(self->fd, ioas[round]));
		took = seconds_now() - start;
		longest = took > longest ? took : longest;
		pthread_join(thread, NULL);
	}
	EXPECT_EQ(0, parameter_set("iommufd", "dirty_delay_us", "0"));
	EXPECT_EQ(0, parameter_set("iommufd", "dirty_delay_one_in", "4"));
	EXPECT_EQ(0, parameter_set("iommufd", "dirty_delay_at", "\n"));
	EXPECT_LE(0.3, longest);
}

/* More than fit into one part of a dump: the dump has all, each once, and is quick. */
TEST_F(netlink, many)
{
	const unsigned int nr = 10000;
	unsigned int i, part;
	unsigned char *seen;
	__u32 ioas, tracker;
	double start, took;
	struct peer_answer a;
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
		start = seconds_now();
		ASSERT_EQ(0, peer_dump(&self->p, cmd, self->context, &a));
		took = seconds_now() - start;
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
		EXPECT_GT(peer_limit(2), took);
		peer_answer_free(&a);
	}
	free(seen);
}

/* The context is closed between two parts of its dump, and the next one is dumped. */
TEST_F(netlink, closed_between)
{
	struct nl_msg *msg;
	__u32 ioas;
	struct peer_answer a = {};
	unsigned int i, found = 0;
	int fd;

	fd = iommufd_open();
	ASSERT_LE(0, fd);
	for (i = 0; i < 5000; i++)
		ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &ioas));
	ASSERT_EQ(0, iommufd_ioas_alloc(fd, &ioas));
	/* The kernel continues a dump as its parts are taken */
	msg = peer_request(&self->p, IOMMUFD_DIRTY_CMD_IOAS_GET, NLM_F_DUMP, 0, 0, 0);
	ASSERT_LT(0, nl_send_auto(self->p.sk, msg));
	nlmsg_free(msg);
	usleep(100000);
	close(self->fd);
	ASSERT_EQ(0, peer_receive(&self->p, &a));
	EXPECT_TRUE(a.changed);
	EXPECT_LT(a.nr, 5000);
	for (i = 0; i < a.nr; i++)
		found += a.entries[i].value[IOMMUFD_DIRTY_A_CONTEXT] > self->context;
	EXPECT_EQ(1, found);
	peer_answer_free(&a);
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
	struct peer_answer a = {};

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
		if (!peer_receive(&self->p, &a))
			accepted++;
		EXPECT_FALSE(a.malformed);
		peer_answer_free(&a);
	}
	/* It may have changed them */
	peer_set_policy(&self->p, IOMMUFD_DIRTY_A_POLICY, IOMMU_DIRTY_POLICY_AUTO);
	peer_set_policy(&self->p, IOMMUFD_DIRTY_A_SMALL_LEAVES, 0);
	peer_set_policy(&self->p, IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS, 0);
	/* Some are in order, or nothing behind the checks was reached */
	TH_LOG("%u of %u requests were accepted", accepted, rounds);
	EXPECT_LT(0, accepted);
	EXPECT_GT(rounds, accepted);
}

TEST_HARNESS_MAIN
