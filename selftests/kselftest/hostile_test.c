// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process without privileges that has only open files: it pins no more than its
 * RLIMIT_MEMLOCK, the kernel memory for its dirty pages is charged to its control group,
 * it does not delay other processes for long, and it sees none of their objects.
 *
 * The attacker is a child that opens the files, then drops all privileges.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"

#define NOBODY 65534
#define MEMLOCK (4ul << 20)
#define CGROUP "/tmp/hostile-cgroup"

/* What the child found out; shared with the parent. */
struct report {
	int rc[16];
	__u64 n[16];
	bool done;
};

/* Everything a child needs, opened while it may. */
struct attacker {
	int fd;
	__u32 ioas_id;
	struct vdev dev;
	struct report *report;
};

static struct report *report_new(void)
{
	return mmap(NULL, sizeof(struct report), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* For good: no capability comes back with the next exec either. */
static int become_nobody(rlim_t memlock)
{
	struct rlimit limit = { memlock, memlock };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, NULL) ||
	    setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return 0;
}

/* A child that opens device @device and runs @attack without privileges. */
static pid_t attack(int (*attack)(struct attacker *a), unsigned int device,
		    struct report *report, rlim_t memlock)
{
	struct attacker a = { .dev.fd = -1, .report = report };
	pid_t pid = fork();
	int rc;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	a.fd = iommufd_open();
	rc = a.fd < 0 ? a.fd : vdev_open(&a.dev, a.fd, device);
	if (!rc)
		rc = become_nobody(memlock);
	if (!rc)
		rc = iommufd_ioas_alloc(a.fd, &a.ioas_id);
	if (!rc)
		rc = vdev_attach(&a.dev, a.ioas_id, NULL);
	if (!rc)
		rc = attack(&a);
	report->done = !rc;
	_exit(rc ? 1 : 0);
}

static bool ended_well(pid_t pid)
{
	int status = -1;

	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void *memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static long pinned(void)
{
	return number_in("/proc/self/status", "VmPin:");
}

static int count_pins(struct attacker *a)
{
	struct report *r = a->report;
	char *ram = memory(2 * MEMLOCK);
	__u32 tracker_id;
	__u64 i;

	r->n[0] = pinned();
	r->rc[0] = iommufd_ioas_map(a->fd, a->ioas_id, ram, 2 * MEMLOCK, IOVA,
				    IOMMUFD_MAP_RW);
	r->n[1] = pinned();
	/* In small pieces, and with a tracker that holds dirty pages */
	r->rc[1] = tracker_alloc(a->fd, a->ioas_id, 0, 0, 0, &tracker_id);
	r->rc[2] = tracker_set(a->fd, tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL);
	for (i = 0; i < 2 * MEMLOCK; i += 64 << 10) {
		r->rc[3] = iommufd_ioas_map(a->fd, a->ioas_id, ram + i, 64 << 10,
					    IOVA + i, IOMMUFD_MAP_RW);
		if (r->rc[3])
			break;
	}
	r->n[2] = pinned();
	r->n[3] = i;
	/* Given back, the room can be used again */
	r->rc[4] = iommufd_ioas_unmap(a->fd, a->ioas_id, IOVA, i, NULL);
	r->n[4] = pinned();
	r->rc[5] = iommufd_ioas_map(a->fd, a->ioas_id, ram, i, IOVA, IOMMUFD_MAP_RW);
	r->n[5] = pinned();
	r->rc[6] = iommufd_destroy(a->fd, tracker_id);
	vdev_close(&a->dev);
	close(a->fd);
	r->n[6] = pinned();
	return 0;
}

TEST(pins_no_more_than_it_may_lock)
{
	struct report *r = report_new();

	ASSERT_EQ(true, ended_well(attack(count_pins, AMD_0, r, MEMLOCK)));
	EXPECT_EQ(0, r->n[0]);
	EXPECT_EQ(-ENOMEM, r->rc[0]);
	EXPECT_EQ(0, r->n[1]);
	EXPECT_EQ(0, r->rc[1]);
	EXPECT_EQ(0, r->rc[2]);
	EXPECT_EQ(-ENOMEM, r->rc[3]);
	EXPECT_EQ(MEMLOCK, r->n[3]);
	EXPECT_EQ(MEMLOCK / 1024, r->n[2]);
	EXPECT_EQ(0, r->rc[4]);
	EXPECT_EQ(0, r->n[4]);
	EXPECT_EQ(0, r->rc[5]);
	EXPECT_EQ(MEMLOCK / 1024, r->n[5]);
	EXPECT_EQ(0, r->rc[6]);
	EXPECT_EQ(0, r->n[6]);
}

/* The control: with a limit that is large enough, all of it is pinned. */
TEST(pins_what_it_may_lock)
{
	struct report *r = report_new();

	ASSERT_EQ(true, ended_well(attack(count_pins, AMD_0, r, 4 * MEMLOCK)));
	EXPECT_EQ(0, r->rc[0]);
	EXPECT_EQ(2 * MEMLOCK / 1024, r->n[1]);
}

/* @size bytes at @ram, @count times, @step apart from IOVA on. */
static int map_aliases(struct attacker *a, char *ram, size_t size, __u64 step,
		       __u64 count)
{
	int rc = iommufd_ioas_map(a->fd, a->ioas_id, ram, size, IOVA, IOMMUFD_MAP_RW);
	__u64 i;

	for (i = 1; !rc && i < count; i++)
		rc = iommufd_ioas_copy(a->fd, a->ioas_id, a->ioas_id, IOVA + i * step,
				       IOVA, size, IOMMUFD_MAP_RW);
	return rc;
}

#define PIECES 2000ull
#define STRIDE (16ull << 20)	/* what one chunk of a dirty set covers */
#define DENSE 64ull		/* dirty pages with a page between them */

/*
 * Dirty pages that no READ takes: scattered ones, and READs that cannot deliver. The
 * pages are the same ones again and again, so nothing but the kernel's own
 * memory grows. Somewhere they are dense, so that a chunk of bits is kept for each.
 */
static int hoard_dirty_pages(struct attacker *a)
{
	struct iommu_dirty_tracker_info info;
	struct report *r = a->report;
	struct vdev_job job;
	__u32 tracker_id;
	unsigned int i;
	int rc;

	rc = map_aliases(a, memory(PAGE), PAGE, STRIDE, PIECES);
	for (i = 0; !rc && i < DENSE; i++)
		rc = iommufd_ioas_copy(a->fd, a->ioas_id, a->ioas_id,
				       IOVA + PIECES * STRIDE + i * 2 * PAGE, IOVA,
				       PAGE, IOMMUFD_MAP_RW);
	if (!rc)
		rc = tracker_alloc(a->fd, a->ioas_id, 0, 0, 0, &tracker_id);
	if (!rc)
		rc = tracker_set(a->fd, tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL);
	if (rc)
		return rc;
	vdev_job_init(&job);
	job.iova = IOVA;
	job.unit = STRIDE;
	job.length = PIECES * STRIDE;
	rc = vdev_run(&a->dev, &job, 60000);
	if (rc)
		return rc;
	job.iova = IOVA + PIECES * STRIDE;
	job.unit = 2 * PAGE;
	job.length = DENSE * 2 * PAGE;
	rc = vdev_run(&a->dev, &job, 60000);
	if (rc)
		return rc;
	r->n[0] = number_in(CGROUP "/memory.stat", "slab ");
	r->rc[0] = tracker_read_bitmap(a->fd, tracker_id, IOVA,
				       PIECES * STRIDE + DENSE * 2 * PAGE, PAGE,
				       (void *)8, 0, NULL);
	r->n[1] = number_in(CGROUP "/memory.stat", "slab ");
	rc = tracker_info(a->fd, tracker_id, &info, NULL, 0);
	r->n[2] = info.out_pending_bytes;
	r->n[3] = info.out_memory;
	return rc;
}

static int cgroup_begin(void)
{
	mkdir("/tmp/hostile", 0755);
	if (mount("none", "/tmp/hostile", "cgroup2", 0, NULL) && errno != EBUSY)
		return -errno;
	sysfs_write("/tmp/hostile/cgroup.subtree_control", "+memory");
	if (mkdir("/tmp/hostile/attacker", 0755) && errno != EEXIST)
		return -errno;
	unlink(CGROUP);
	return symlink("/tmp/hostile/attacker", CGROUP) ? -errno : 0;
}

TEST(kernel_memory_for_dirty_pages_is_charged)
{
	struct report *r = report_new();
	char self[16];
	pid_t pid;

	ASSERT_EQ(0, cgroup_begin());
	snprintf(self, sizeof(self), "%d", getpid());
	ASSERT_EQ(0, sysfs_write(CGROUP "/cgroup.procs", self));
	pid = attack(hoard_dirty_pages, AMD_0, r, RLIM_INFINITY);
	ASSERT_EQ(0, sysfs_write("/tmp/hostile/cgroup.procs", self));
	ASSERT_EQ(true, ended_well(pid));
	EXPECT_EQ(-EFAULT, r->rc[0]);
	EXPECT_EQ((PIECES + DENSE) * PAGE, r->n[2]);
	EXPECT_LE(PIECES * 512, r->n[3]);
	TH_LOG("%llu bytes for dirty pages, slab grew from %llu to %llu", r->n[3], r->n[0],
	       r->n[1]);
	/* The group's numbers are collected from the processors now and then */
	EXPECT_LE(r->n[0] + r->n[3] / 2, r->n[1]);
}

#define SPARSE_STEP (1ull << 30)
#define SPARSE 1000ull

/* READ everything, again and again, over 1 TiB with a little memory in each GiB. */
static int stall(struct attacker *a)
{
	struct report *r = a->report;
	struct tracker_read_out out;
	__u32 tracker_id;
	double start;
	int rc;

	rc = map_aliases(a, memory(HUGE), HUGE, SPARSE_STEP, SPARSE);
	if (!rc)
		rc = tracker_alloc(a->fd, a->ioas_id, 0, 0, 0, &tracker_id);
	if (!rc)
		rc = tracker_set(a->fd, tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL);
	if (rc)
		return rc;
	r->done = true;
	for (;;) {
		start = seconds_now();
		rc = tracker_count(a->fd, tracker_id, 0, 1ull << 62, PAGE, &out);
		if (rc)
			return rc;
		r->n[0]++;
		start = (seconds_now() - start) * 1e6;
		if (start > r->n[1])
			r->n[1] = start;
	}
}

TEST(stalls_nobody)
{
	struct report *r = report_new();
	double start, longest = 0, killed;
	struct testbed bed, *b = &bed;
	unsigned int i;
	pid_t pid;

	ASSERT_EQ(0, testbed_open(b, AMD_1, false));
	pid = attack(stall, AMD_0, r, RLIM_INFINITY);
	for (i = 0; i < 60000 && !r->done; i++)
		usleep(1000);
	ASSERT_EQ(true, r->done);
	/* Another process maps and unmaps at the same time */
	for (i = 0; i < 200; i++) {
		start = seconds_now();
		ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, HUGE,
					      IOVA + RAM_SIZE, IOMMUFD_MAP_RW));
		ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA + RAM_SIZE,
						HUGE, NULL));
		start = seconds_now() - start;
		longest = start > longest ? start : longest;
	}
	start = seconds_now();
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	killed = seconds_now() - start;
	TH_LOG("%llu READs of 1 TiB, the longest %.3f s; others waited up to %.3f s, its death took %.3f s",
	       r->n[0], r->n[1] / 1e6, longest, killed);
	/* Far below watchdog_thresh, for the slowest kernel that this runs in */
	EXPECT_LT(longest, 5);
	EXPECT_LT(killed, 10);
	EXPECT_LT(0, r->n[0]);
	testbed_close(b);
}

static struct testbed *victim;

/* The parent's objects have numbers; the child's own file does not know them. */
static int look_elsewhere(struct attacker *a)
{
	struct iommu_dirty_tracker_info info = {};
	struct report *r = a->report;
	char *ram = memory(HUGE);
	char entries[8192];
	__u32 tracker_id, id;
	__u64 bits[8] = {};
	unsigned int i;
	int rc;

	rc = iommufd_ioas_map(a->fd, a->ioas_id, ram, HUGE, IOVA, IOMMUFD_MAP_RW);
	if (!rc)
		rc = tracker_alloc(a->fd, a->ioas_id, 0, 0, 0, &tracker_id);
	if (!rc)
		rc = tracker_set(a->fd, tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL);
	if (rc)
		return rc;
	for (id = 0; id < 64; id++) {
		if (id == tracker_id)
			continue;
		rc = tracker_count(a->fd, id, IOVA, RAM_SIZE, PAGE, NULL);
		if (rc != -ENOENT)
			r->rc[0] = rc ?: 1;
	}
	/* The same IOVA, in which the victim's device has written */
	rc = tracker_read_bitmap(a->fd, tracker_id, IOVA, HUGE, PAGE, bits, 0, NULL);
	for (i = 0; i < 8; i++)
		r->n[0] |= bits[i];
	/* Entries larger than the kernel's are filled with zeroes */
	memset(entries, 0xff, sizeof(entries));
	info.size = sizeof(info);
	info.tracker_id = tracker_id;
	info.sources = (uintptr_t)entries;
	info.source_size = 4096;
	info.nr_sources = 2;
	r->rc[1] = ioctl(a->fd, IOMMU_DIRTY_TRACKER_INFO, &info) ? -errno : 0;
	r->n[1] = info.nr_sources;
	for (i = sizeof(struct iommu_dirty_source_info); i < 4096; i++)
		r->n[2] |= entries[i];
	for (i = 4096; i < 8192; i++)
		r->n[3] += entries[i] != (char)0xff;
	/* Memory of the kernel is no place for a bitmap, and not to be mapped */
	r->rc[2] = vdev_run(&a->dev, &(struct vdev_job){
			.op = VIRT_DMA_OP_WRITE, .iova = IOVA, .length = PAGE,
			.unit = PAGE, .size = 8, .stride = 1, .sweeps = 1 }, 20000);
	r->rc[3] = tracker_read_bitmap(a->fd, tracker_id, IOVA, HUGE, PAGE,
				       (void *)0xffff888000000000ull, 0, NULL);
	r->rc[4] = iommufd_ioas_map(a->fd, a->ioas_id, (void *)0xffff888000000000ull,
				    PAGE, IOVA + HUGE, IOMMUFD_MAP_RW);
	r->rc[5] = iommufd_ioas_map(a->fd, a->ioas_id, victim->ram + (64ull << 30), PAGE,
				    IOVA + HUGE, IOMMUFD_MAP_RW);
	/* And the dirty pages are still there */
	r->rc[6] = tracker_read_bitmap(a->fd, tracker_id, IOVA, HUGE, PAGE, bits, 0,
				       NULL);
	r->n[4] = bits[0];
	return rc;
}

TEST(sees_only_its_own)
{
	struct report *r = report_new();
	struct testbed bed;

	victim = &bed;
	ASSERT_EQ(0, testbed_open(&bed, AMD_1, false));
	ASSERT_EQ(0, testbed_start(&bed));
	ASSERT_EQ(0, testbed_write(&bed, 0, 500));
	ASSERT_EQ(true, ended_well(attack(look_elsewhere, AMD_0, r, RLIM_INFINITY)));
	EXPECT_EQ(0, r->rc[0]);
	EXPECT_EQ(0, r->n[0]);
	EXPECT_EQ(0, r->rc[1]);
	EXPECT_EQ(1, r->n[1]);
	EXPECT_EQ(0, r->n[2]);
	EXPECT_EQ(0, r->n[3]);
	EXPECT_EQ(0, r->rc[2]);
	EXPECT_EQ(-EFAULT, r->rc[3]);
	EXPECT_EQ(-EFAULT, r->rc[4]);
	EXPECT_EQ(-EFAULT, r->rc[5]);
	EXPECT_EQ(0, r->rc[6]);
	EXPECT_EQ(1, r->n[4] & 1);
	ASSERT_EQ(0, testbed_read(&bed, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(500, testbed_count(&bed));
	testbed_close(&bed);
}

TEST_HARNESS_MAIN
