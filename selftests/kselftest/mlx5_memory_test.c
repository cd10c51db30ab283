// SPDX-License-Identifier: GPL-2.0-only
/*
 * mlx5-vfio-pci with large states, in one image or in chunks (plan.txt): who is charged
 * for their memory, how long its allocation takes, and how much is transferred.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "kselftest_harness.h"
#include "pair.h"

#define S(name)		VFIO_DEVICE_STATE_##name
#define ROOT		"/run/cg"
#define GROUP		ROOT "/group"
#define PIECE		(1 << 20)
/* There is no memory for two images above it */
#define LARGE		(1ull << 30)

FIXTURE(memory) {
	struct pair p;
	__u64 size;
};

FIXTURE_SETUP(memory)
{
	ASSERT_EQ(0, pair_open(&self->p));
	ASSERT_EQ(0, vf_data_size(&self->p.src, &self->size));
}

FIXTURE_TEARDOWN(memory)
{
	pair_close(&self->p);
}

static int write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return -errno;
	fputs(text, f);
	return fclose(f) ? -errno : 0;
}

/* This process belongs to another group from now on. */
static int enter_group(const char *procs)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	return write_file(procs, pid);
}

/* A memory cgroup that can be entered; out of the one of run-tests. */
static int make_group(void)
{
	int rc;

	mkdir("/run", 0755);
	mkdir(ROOT, 0700);
	if (mount("none", ROOT, "cgroup2", 0, NULL))
		return -errno;
	rc = write_file(ROOT "/cgroup.subtree_control", "+memory");
	if (rc)
		return rc;
	mkdir(GROUP, 0700);
	return enter_group(ROOT "/cgroup.procs");
}

static void remove_group(void)
{
	enter_group(ROOT "/cgroup.procs");
	rmdir(GROUP);
	umount(ROOT);
}

static __u64 charged(void)
{
	FILE *f = fopen(GROUP "/memory.current", "r");
	unsigned long long n = 0;

	if (!f || fscanf(f, "%llu", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

/* The work frees memory after the close. */
static bool is_freed(__u64 before, __u64 size)
{
	double end = seconds_now() + 60;

	while (charged() > before + size / 20) {
		if (seconds_now() > end)
			return false;
		usleep(100000);
	}
	return true;
}

/* How long it takes to get memory for a state that is saved as a whole. */
static double to_stop_copy(struct vf *vf, int *fd)
{
	double begin;

	*fd = -1;
	if (vf_set_state(vf, S(STOP), NULL))
		return -1;
	begin = seconds_now();
	if (vf_set_state(vf, S(STOP_COPY), fd))
		return -1;
	return seconds_now() - begin;
}

/*
 * In a memory cgroup, which every host with systemd has, it takes at most twice as
 * long, and a little for what else the machine does.
 */
TEST_F_TIMEOUT(memory, comes_as_fast_in_a_cgroup, 3000)
{
	struct vf *vf = &self->p.src;
	double without, within, took;
	__u64 before;
	int i, fd, rc;

	if (self->size > LARGE)
		SKIP(return, "the state is too large for this");
	rc = make_group();
	if (rc)
		SKIP(remove_group(); return, "no memory cgroups: %d", rc);
	without = to_stop_copy(vf, &fd);
	ASSERT_LT(0, without);
	close(fd);
	took = to_stop_copy(vf, &fd);
	ASSERT_LT(0, took);
	close(fd);
	without = took > without ? took : without;
	ASSERT_EQ(0, vf_set_state(vf, S(STOP), NULL));
	/* What the work frees */
	sleep(2);

	ASSERT_EQ(0, enter_group(GROUP "/cgroup.procs"));
	within = 0;
	for (i = 0; i < 2; i++) {
		before = charged();
		took = to_stop_copy(vf, &fd);
		ASSERT_LT(0, took);
		/* And this process is charged for it */
		EXPECT_LE(self->size * 9 / 10, charged() - before);
		close(fd);
		within = took > within ? took : within;
		ASSERT_EQ(0, vf_set_state(vf, S(STOP), NULL));
		ASSERT_TRUE(is_freed(before, self->size));
	}
	remove_group();
	TH_LOG("%llu MiB: %.3f s, %.3f s in a cgroup", self->size >> 20,
	       without, within);
	EXPECT_LT(within, 2 * without + 0.5);
}

/* No limit but that of the command: from one device right into the other. */
TEST_F_TIMEOUT(memory, moves_a_state_of_any_size, 3000)
{
	struct pair *p = &self->p;
	__u64 position, sum, length = 0;
	double begin = seconds_now();
	int from, to, rc = 0;
	ssize_t n;

	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_TRUE(pair_moves(&p->src));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &from));
	position = vf_read(&p->src, VIRT_CX_POSITION);
	sum = vf_read(&p->src, VIRT_CX_STATE_SUM);
	ASSERT_EQ(0, vf_set_state(&p->dst, S(RESUMING), &to));
	while (!rc && (n = read(from, p->stream, PIECE)) > 0) {
		rc = vf_stream_write(to, p->stream, n);
		length += n;
	}
	EXPECT_EQ(0, n);
	EXPECT_EQ(0, rc);
	close(from);
	EXPECT_EQ(0, vf_set_state(&p->dst, S(STOP), NULL));
	close(to);
	EXPECT_EQ(position, vf_read(&p->dst, VIRT_CX_POSITION));
	EXPECT_EQ(sum, vf_read(&p->dst, VIRT_CX_STATE_SUM));
	/* MIG_DATA_SIZE is an estimate: each chunk has a head of firmware's, too */
	EXPECT_GT(self->size + self->size / 1000, length);
	EXPECT_LT(self->size * 9 / 10, length);
	TH_LOG("%llu bytes in %.1f s", length, seconds_now() - begin);
	ASSERT_EQ(0, vf_set_state(&p->dst, S(RUNNING), NULL));
	EXPECT_TRUE(pair_moves(&p->dst));
}

/* And pre-copy begins, with buffers for two. */
TEST_F_TIMEOUT(memory, is_there_for_precopy, 3000)
{
	int fd;

	if (self->size > LARGE &&
	    !virt_get("connectx_chunk"))
		SKIP(return, "the state is too large for this");
	ASSERT_EQ(0, vf_set_state(&self->p.src, S(PRE_COPY), &fd));
	ASSERT_EQ(0, vf_set_state(&self->p.src, S(RUNNING), NULL));
	close(fd);
}

TEST_HARNESS_MAIN
