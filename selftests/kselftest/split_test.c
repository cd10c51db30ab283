// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPLIT: large leaves are exchanged for small ones under a device that goes on
 * writing, and back. No access is refused, no write lost, every page stays where it
 * was; afterwards what is reported is what was written. Where a domain can only be
 * replaced with a gap, it waits until the devices do no DMA. What fails or is
 * killed half way leaves nothing behind.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "oracle.h"
#include "pair.h"

/* The devices of this line of plan.txt; the VFs are behind the last IOMMU. */
enum { AMD, AMD_GATHER, INTEL, SMMU, AMD_BBM };

#define ENABLE IOMMU_DIRTY_TRACKER_ENABLE
#define SPLIT (ENABLE | IOMMU_DIRTY_TRACKER_SPLIT)
#define COARSE IOMMU_DIRTY_TRACKER_COARSE

/* iommufd.dirty_break, see iommufd/test.h */
#define BREAK_NO_LAST_HARVEST	"0x20"
#define BREAK_RUDE_SPLIT	"0x800"

/* The same RAM so often makes something that takes a while to fill */
#define ALIASES 64

static __u64 now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

/* SET; out_flags, or -errno. */
static int set(struct bench *b, __u32 flags)
{
	__u32 out = 0;
	int rc = tracker_set(b->fd, b->tracker_id, flags, NULL, &out);

	return rc ? rc : (int)out;
}

/* The device's line of INFO. */
static int info(struct bench *b, struct iommu_dirty_source_info *source)
{
	struct iommu_dirty_tracker_info out;

	memset(source, 0, sizeof(*source));
	return tracker_info(b->fd, b->tracker_id, &out, source, 1);
}

static bool is_fine(struct bench *b)
{
	struct iommu_dirty_source_info source;

	return !info(b, &source) && source.flags & IOMMU_DIRTY_SOURCE_FINE;
}

static int run_forever(struct bench *b, __u64 length)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = length;
	job.pattern = VIRT_DMA_PATTERN_RANDOM;
	job.sweeps = 0;
	job.rate = 20000;
	return vdev_start(&b->dev, &job);
}

/* Every @stride-th page of RAM, once; how many they are, or -errno. */
static int write_sparse(struct bench *b, unsigned int stride)
{
	struct vdev_job job;
	int rc;

	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = RAM_SIZE;
	job.pattern = VIRT_DMA_PATTERN_STRIDE;
	job.stride = stride;
	rc = vdev_run(&b->dev, &job, 20000);
	return rc ? rc : (int)((RAM_PAGES - 1) / stride + 1);
}

/* Pages that READ reports too many (+) or not at all (-1). */
static int compare(struct bench *b, unsigned int stride)
{
	unsigned int i;

	for (i = 0; i < RAM_PAGES; i += stride)
		if (!bench_bit(b, i))
			return -1;
	return bench_count(b) - ((RAM_PAGES - 1) / stride + 1);
}

FIXTURE(split) {
	struct bench b;
	struct oracle o;
};

FIXTURE_VARIANT(split) {
	unsigned int device;
};

FIXTURE_VARIANT_ADD(split, amd) { .device = AMD };
FIXTURE_VARIANT_ADD(split, amd_gather) { .device = AMD_GATHER };
FIXTURE_VARIANT_ADD(split, intel) { .device = INTEL };
FIXTURE_VARIANT_ADD(split, smmu) { .device = SMMU };

FIXTURE_SETUP(split)
{
	ASSERT_EQ(0, oracle_open(&self->o));
	ASSERT_EQ(0, bench_open(&self->b, variant->device, true));
}

FIXTURE_TEARDOWN(split)
{
	parameter_set("iommufd", "dirty_break", "0");
	parameter_set("iommufd_virt", "fail_map", "0");
	bench_close(&self->b);
	oracle_close(&self->o);
}

/* START with SPLIT under a device that writes; and back. */
TEST_F(split, under_dma)
{
	struct iommu_dirty_source_info source;
	struct bench *b = &self->b;
	struct oracle *o = &self->o;
	unsigned int i;

	ASSERT_EQ(0, run_forever(b, RAM_SIZE));
	ASSERT_EQ(0, set(b, SPLIT));
	oracle_started(o);
	for (i = 0; i < 5; i++) {
		usleep(20000);
		ASSERT_EQ(0, oracle_read(o, b->fd, b->tracker_id, IOVA, RAM_SIZE));
	}
	ASSERT_EQ(0, vdev_stop(&b->dev));
	EXPECT_EQ(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	ASSERT_EQ(0, oracle_read(o, b->fd, b->tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, oracle_check(o));
	EXPECT_LT(0, o->writes);
	EXPECT_EQ(0, o->lost);
	TH_LOG("%llu writes, %llu pages reported, %llu too many", o->writes,
	       o->reported, o->over);

	/* What is reported is what was written */
	ASSERT_EQ(RAM_PAGES / 512, write_sparse(b, 512));
	ASSERT_EQ(0, bench_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, compare(b, 512));
	ASSERT_EQ(0, info(b, &source));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, source.kind);
	EXPECT_TRUE(source.flags & IOMMU_DIRTY_SOURCE_FINE);
	EXPECT_EQ(PAGE, source.largest);
	EXPECT_EQ(b->hwpt_id, source.hwpt_id);

	/* And back, under a device that writes */
	ASSERT_EQ(0, run_forever(b, RAM_SIZE));
	ASSERT_EQ(0, set(b, 0));
	usleep(20000);
	ASSERT_EQ(0, vdev_stop(&b->dev));
	EXPECT_EQ(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	EXPECT_FALSE(is_fine(b));
	ASSERT_EQ(0, bench_start(b));
	ASSERT_EQ(RAM_PAGES / 512, write_sparse(b, 512));
	ASSERT_EQ(0, bench_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(RAM_PAGES, bench_count(b));
	EXPECT_EQ(COARSE, set(b, ENABLE));
}

/* A tracker that runs is asked to; what was written before is not lost. */
TEST_F(split, while_tracking)
{
	struct bench *b = &self->b;
	struct oracle *o = &self->o;

	ASSERT_EQ(0, bench_start(b));
	oracle_started(o);
	ASSERT_EQ(0, run_forever(b, RAM_SIZE));
	usleep(50000);
	ASSERT_EQ(0, set(b, SPLIT));
	usleep(20000);
	ASSERT_EQ(0, vdev_stop(&b->dev));
	EXPECT_EQ(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	ASSERT_EQ(0, oracle_read(o, b->fd, b->tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, oracle_check(o));
	EXPECT_LT(0, o->writes);
	EXPECT_EQ(0, o->lost);
}

/* The control: without the last harvest of the old domain they are lost. */
TEST_F(split, lost_write_is_noticed)
{
	struct bench *b = &self->b;
	struct oracle *o = &self->o;

	ASSERT_EQ(0, bench_start(b));
	oracle_started(o);
	ASSERT_LT(0, write_sparse(b, 3));
	ASSERT_EQ(0, parameter_set("iommufd", "dirty_break",
				   BREAK_NO_LAST_HARVEST));
	ASSERT_EQ(0, set(b, SPLIT));
	ASSERT_EQ(0, parameter_set("iommufd", "dirty_break", "0"));
	ASSERT_EQ(0, oracle_read(o, b->fd, b->tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, oracle_check(o));
	EXPECT_LT(0, o->lost);
}

/* Again and again; the second HWPT is behind another IOMMU. */
TEST_F(split, again_and_again)
{
	struct bench *b = &self->b;
	struct vdev other;
	unsigned int i;

	ASSERT_EQ(0, vdev_open(&other, b->fd,
			       variant->device == INTEL ? SMMU : INTEL));
	ASSERT_EQ(0, vdev_attach(&other, b->ioas_id, NULL));
	ASSERT_EQ(0, run_forever(b, RAM_SIZE));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, set(b, SPLIT));
		ASSERT_EQ(0, set(b, SPLIT));
		if (i & 1)
			ASSERT_EQ(0, set(b, 0));
	}
	ASSERT_EQ(0, vdev_stop(&b->dev));
	EXPECT_EQ(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	/* The tracker goes without a STOP */
	ASSERT_EQ(0, set(b, SPLIT));
	ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id));
	ASSERT_EQ(0, bench_start(b));
	EXPECT_FALSE(is_fine(b));
	/* The HWPTs go while they are split */
	ASSERT_EQ(0, set(b, SPLIT));
	ASSERT_EQ(0, vdev_detach(&other));
	ASSERT_EQ(0, vdev_detach(&b->dev));
	ASSERT_EQ(0, vdev_attach(&b->dev, b->ioas_id, NULL));
	EXPECT_FALSE(is_fine(b));
	vdev_close(&other);
}

static int map_alias(struct bench *b, unsigned int i)
{
	return iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE,
				IOVA + i * RAM_SIZE, IOMMUFD_MAP_RW);
}

/* The device writes each page of an alias; is it the right page of RAM? */
static bool alias_is_right(struct bench *b, unsigned int i)
{
	struct vdev_job job;
	unsigned int page;

	vdev_job_init(&job);
	job.iova = IOVA + i * RAM_SIZE;
	job.length = RAM_SIZE;
	job.seed = i;
	if (vdev_run(&b->dev, &job, 20000))
		return false;
	for (page = 0; page < RAM_PAGES; page++)
		if (*(__u64 *)(b->ram + page * PAGE) !=
		    virt_dma_value(i, page, job.iova + page * PAGE))
			return false;
	return true;
}

struct mapper {
	struct bench *b;
	volatile bool end;
	unsigned int times;
	unsigned int failed;
};

/* Takes aliases out and puts them back, all but the first. */
static void *map_and_unmap(void *data)
{
	struct mapper *m = data;
	unsigned int i;

	for (i = 0; !m->end; i++) {
		unsigned int alias = 1 + i * 7 % (ALIASES - 1);
		__u64 iova = IOVA + alias * RAM_SIZE;

		if (iommufd_ioas_unmap(m->b->fd, m->b->ioas_id, iova, RAM_SIZE,
				       NULL) || map_alias(m->b, alias))
			m->failed++;
		m->times++;
	}
	return NULL;
}

/* Memory is mapped and unmapped while the other table is filled. */
TEST_F(split, while_memory_changes)
{
	struct bench *b = &self->b;
	struct mapper m = { .b = b };
	unsigned int i, before = 0, during = 0;
	pthread_t thread;
	__u64 t;

	for (i = 1; i < ALIASES; i++)
		ASSERT_EQ(0, map_alias(b, i));
	ASSERT_EQ(0, run_forever(b, RAM_SIZE));
	t = now_us();
	ASSERT_EQ(0, set(b, SPLIT));
	TH_LOG("SPLIT of 1 GiB: %llu us", now_us() - t);
	t = now_us();
	ASSERT_EQ(0, set(b, 0));
	TH_LOG("and back: %llu us", now_us() - t);
	ASSERT_EQ(0, pthread_create(&thread, NULL, map_and_unmap, &m));
	for (i = 0; i < 4; i++) {
		before = m.times;
		EXPECT_EQ(0, set(b, SPLIT));
		during += m.times - before;
		EXPECT_EQ(0, set(b, 0));
	}
	EXPECT_EQ(0, set(b, SPLIT));
	m.end = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, m.failed);
	EXPECT_LT(0, during);
	TH_LOG("%u times memory was unmapped and mapped during 4 SPLITs", during);
	ASSERT_EQ(0, vdev_stop(&b->dev));
	EXPECT_EQ(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	EXPECT_TRUE(is_fine(b));
	for (i = 0; i < ALIASES; i++)
		EXPECT_TRUE(alias_is_right(b, i)) {
			TH_LOG("alias %u", i);
		}
	ASSERT_EQ(0, set(b, 0));
	for (i = 0; i < ALIASES; i += 9)
		EXPECT_TRUE(alias_is_right(b, i));
	/* All of it can be taken out of what is there now */
	EXPECT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, 0, UINT64_MAX, NULL));
}

/* No memory, at whatever moment: all is as before, and it says so. */
TEST_F(split, without_memory)
{
	struct bench *b = &self->b;
	unsigned int i, refused = 0;
	char pass[8];

	ASSERT_EQ(0, run_forever(b, RAM_SIZE));
	for (i = 0; i < 20; i++) {
		snprintf(pass, sizeof(pass), "%u", i);
		ASSERT_EQ(0, parameter_set("iommufd_virt", "pass_map", pass));
		ASSERT_EQ(0, parameter_set("iommufd_virt", "fail_map", "1"));
		if (set(b, SPLIT) == COARSE)
			refused++;
		else
			EXPECT_EQ(0, set(b, ENABLE));
		EXPECT_EQ(0, parameter_set("iommufd_virt", "fail_map", "0"));
		if (!is_fine(b))
			EXPECT_EQ(0, set(b, SPLIT));
		EXPECT_TRUE(is_fine(b));
		/* The way back fails as well: then it stays, and is none the worse */
		ASSERT_EQ(0, parameter_set("iommufd_virt", "fail_map", "1"));
		EXPECT_EQ(0, set(b, 0));
		EXPECT_EQ(0, parameter_set("iommufd_virt", "fail_map", "0"));
		EXPECT_EQ(0, set(b, 0));
		EXPECT_FALSE(is_fine(b));
	}
	EXPECT_LT(5, refused);
	TH_LOG("refused %u times of %u", refused, i);
	ASSERT_EQ(0, vdev_stop(&b->dev));
	EXPECT_EQ(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	EXPECT_TRUE(alias_is_right(b, 0));
}

/* Killed at any moment. */
TEST_F(split, killed)
{
	struct bench *b = &self->b;
	unsigned int i, killed = 0;
	int status;
	pid_t pid;

	for (i = 1; i < ALIASES; i++)
		ASSERT_EQ(0, map_alias(b, i));
	ASSERT_EQ(0, run_forever(b, RAM_SIZE));
	for (i = 0; i < 12; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			set(b, SPLIT);
			_exit(0);
		}
		usleep(2000 + 20000 * i);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		killed += WIFSIGNALED(status);
		EXPECT_EQ(0, set(b, SPLIT));
		EXPECT_TRUE(is_fine(b));
		EXPECT_EQ(0, set(b, 0));
	}
	TH_LOG("killed %u times of %u", killed, i);
	EXPECT_LT(0, killed);
	ASSERT_EQ(0, vdev_stop(&b->dev));
	EXPECT_EQ(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	for (i = 0; i < ALIASES; i += 9)
		EXPECT_TRUE(alias_is_right(b, i));
}

/* Devices come and go meanwhile. */
struct hopper {
	struct bench *b;
	struct vdev dev;
	volatile bool end;
	unsigned int times;
	unsigned int failed;
};

static void *attach_and_detach(void *data)
{
	struct hopper *h = data;
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = 64 * PAGE;
	while (!h->end) {
		if (vdev_attach(&h->dev, h->b->ioas_id, NULL) ||
		    vdev_run(&h->dev, &job, 20000) || vdev_detach(&h->dev))
			h->failed++;
		h->times++;
	}
	return NULL;
}

TEST_F(split, while_devices_come_and_go)
{
	struct bench *b = &self->b;
	struct hopper h = { .b = b };
	unsigned int i;
	pthread_t thread;

	/* AMD_GATHER's HWPT cannot be shared with AMD's, so it is its own */
	ASSERT_EQ(0, vdev_open(&h.dev, b->fd,
			       variant->device == AMD_GATHER ? AMD : AMD_GATHER));
	ASSERT_EQ(0, run_forever(b, RAM_SIZE));
	ASSERT_EQ(0, pthread_create(&thread, NULL, attach_and_detach, &h));
	for (i = 0; i < 30; i++) {
		EXPECT_LE(0, set(b, SPLIT));
		EXPECT_EQ(0, set(b, 0));
	}
	h.end = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, h.failed);
	EXPECT_LT(0, h.times);
	ASSERT_EQ(0, vdev_stop(&b->dev));
	EXPECT_EQ(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	vdev_close(&h.dev);
}

/* A leaf of 1 GiB becomes 262144. */
TEST_F(split, gigantic_leaf)
{
	const __u64 size = 1ull << 30, iova = 4ull << 30, pages = size / PAGE;
	struct iommu_dirty_source_info source;
	struct bench *b = &self->b;
	struct tracker_read_out out;
	__u64 *bits = calloc(pages / 64, 8);
	struct vdev_job job;
	unsigned int i, n = 0;
	void *ram;
	__u64 t;

	ASSERT_TRUE(bits);
	ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 30 << MAP_HUGE_SHIFT,
		   -1, 0);
	if (ram == MAP_FAILED)
		SKIP(return, "there is no huge page of 1 GiB");
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, ram, size, iova,
				      IOMMUFD_MAP_RW));
	vdev_job_init(&job);
	job.iova = iova;
	job.length = size;
	job.pattern = VIRT_DMA_PATTERN_STRIDE;
	job.stride = 1001;

	/* Without it the one bit is all there is */
	ASSERT_EQ(0, bench_start(b));
	ASSERT_EQ(0, vdev_run(&b->dev, &job, 20000));
	ASSERT_EQ(0, tracker_count(b->fd, b->tracker_id, iova, size, PAGE, &out));
	EXPECT_EQ(size, out.dirty_bytes);
	ASSERT_EQ(0, info(b, &source));
	EXPECT_EQ(size, source.largest);
	ASSERT_EQ(COARSE, set(b, 0));

	job.sweeps = 0;
	job.rate = 1000;
	ASSERT_EQ(0, vdev_start(&b->dev, &job));
	t = now_us();
	ASSERT_EQ(0, set(b, SPLIT));
	TH_LOG("1 GiB in one leaf split in %llu us", now_us() - t);
	ASSERT_EQ(0, vdev_stop(&b->dev));
	EXPECT_EQ(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, iova, size, PAGE,
					 bits, 0, NULL));
	memset(bits, 0, pages / 8);
	job.sweeps = 1;
	job.rate = 0;
	ASSERT_EQ(0, vdev_run(&b->dev, &job, 20000));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, iova, size, PAGE,
					 bits, 0, NULL));
	for (i = 0; i < pages; i += job.stride, n++)
		EXPECT_TRUE(bits[i / 64] >> (i % 64) & 1);
	for (i = 0; i < pages / 64; i++)
		n -= __builtin_popcountll(bits[i]);
	EXPECT_EQ(0, n);

	ASSERT_EQ(0, set(b, 0));
	ASSERT_EQ(0, bench_start(b));
	ASSERT_EQ(0, vdev_run(&b->dev, &job, 20000));
	ASSERT_EQ(0, tracker_count(b->fd, b->tracker_id, iova, size, PAGE, &out));
	EXPECT_EQ(size, out.dirty_bytes);
	free(bits);
	munmap(ram, size);
}

/* ---- An IOMMU that refuses accesses while a domain is replaced ---- */

FIXTURE(gap) {
	struct bench b;
};

FIXTURE_SETUP(gap)
{
	ASSERT_EQ(0, bench_open(&self->b, AMD_BBM, true));
}

FIXTURE_TEARDOWN(gap)
{
	parameter_set("iommufd", "dirty_break", "0");
	bench_close(&self->b);
}

/* A device that may do DMA at any time keeps its leaves. */
TEST_F(gap, is_not_made)
{
	struct bench *b = &self->b;

	ASSERT_EQ(0, run_forever(b, RAM_SIZE));
	EXPECT_EQ(COARSE, set(b, SPLIT));
	EXPECT_EQ(COARSE, set(b, SPLIT));
	EXPECT_FALSE(is_fine(b));
	/* What is mapped and unmapped meanwhile is in both tables */
	ASSERT_EQ(0, map_alias(b, 1));
	EXPECT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA + RAM_SIZE,
					RAM_SIZE, NULL));
	ASSERT_EQ(0, vdev_stop(&b->dev));
	EXPECT_EQ(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	EXPECT_EQ(RAM_PAGES / 512, write_sparse(b, 512));
	ASSERT_EQ(0, bench_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(RAM_PAGES, bench_count(b));
	/* It goes with a table that waits */
	EXPECT_EQ(0, vdev_detach(&b->dev));
	EXPECT_EQ(0, vdev_attach(&b->dev, b->ioas_id, NULL));
	EXPECT_EQ(COARSE, set(b, SPLIT));
	EXPECT_EQ(0, set(b, 0));
}

/* The control: with the gap, accesses are refused. */
TEST_F(gap, is_noticed)
{
	struct bench *b = &self->b;
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = RAM_SIZE;
	job.sweeps = 0;
	ASSERT_EQ(0, vdev_start(&b->dev, &job));
	ASSERT_EQ(0, parameter_set("iommufd", "dirty_break", BREAK_RUDE_SPLIT));
	EXPECT_EQ(0, set(b, SPLIT));
	ASSERT_EQ(0, vdev_stop(&b->dev));
	EXPECT_LT(0, vdev_read64(&b->dev, VIRT_DMA_FAULTS));
	EXPECT_TRUE(is_fine(b));
}

/* ---- ... and VFs that say when they do no DMA ---- */

FIXTURE(vfs) {
	struct pair p;
	__u32 tracker_id;
};

FIXTURE_SETUP(vfs)
{
	ASSERT_EQ(0, pair_open(&self->p));
	ASSERT_EQ(0, tracker_alloc(self->p.fd, self->p.ioas_id,
				   IOMMU_DIRTY_POLICY_IOMMU, 0, 0,
				   &self->tracker_id));
}

FIXTURE_TEARDOWN(vfs)
{
	pair_close(&self->p);
}

static int vf_move(struct pair *p, enum vfio_device_mig_state state)
{
	int rc = vf_set_state(&p->src, state, NULL);

	return rc ? rc : vf_set_state(&p->dst, state, NULL);
}

TEST_F(vfs, wait_until_they_are_quiet)
{
	static const enum vfio_device_mig_state quiet[] = {
		VFIO_DEVICE_STATE_RUNNING_P2P, VFIO_DEVICE_STATE_STOP,
	};
	struct iommu_dirty_source_info source[2];
	struct iommu_dirty_tracker_info out;
	struct pair *p = &self->p;
	__u64 bits[PAIR_PAGES / 64];
	__u64 fill, pause, back;
	unsigned int i, n;
	__u32 flags;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pair_run(p, &p->src));
		fill = now_us();
		ASSERT_EQ(0, tracker_set(p->fd, self->tracker_id, SPLIT, NULL, &flags));
		fill = now_us() - fill;
		EXPECT_EQ(COARSE, flags);
		EXPECT_TRUE(pair_moves(&p->src));
		/* One of two is not enough */
		ASSERT_EQ(0, vf_set_state(&p->src, quiet[i], NULL));
		ASSERT_EQ(0, tracker_set(p->fd, self->tracker_id, SPLIT, NULL, &flags));
		EXPECT_EQ(COARSE, flags);
		ASSERT_EQ(0, vf_move(p, quiet[i]));
		pause = now_us();
		ASSERT_EQ(0, tracker_set(p->fd, self->tracker_id, SPLIT, NULL, &flags));
		pause = now_us() - pause;
		EXPECT_EQ(0, flags);
		ASSERT_EQ(0, vf_move(p, VFIO_DEVICE_STATE_RUNNING));
		EXPECT_TRUE(pair_moves(&p->src));
		ASSERT_EQ(0, tracker_info(p->fd, self->tracker_id, &out, source, 2));
		for (n = 0; n < 2; n++) {
			EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, source[n].kind);
			EXPECT_TRUE(source[n].flags & IOMMU_DIRTY_SOURCE_FINE);
		}
		EXPECT_EQ(0, vf_read(&p->src, VIRT_CX_FAULTS));
		ASSERT_EQ(0, tracker_read_bitmap(p->fd, self->tracker_id, PAIR_BASE,
						 PAIR_RAM, PAGE, bits, 0, NULL));

		/* Running, they keep what they have when the tracker stops */
		ASSERT_EQ(0, tracker_set(p->fd, self->tracker_id, 0, NULL, NULL));
		ASSERT_EQ(0, tracker_set(p->fd, self->tracker_id, SPLIT, NULL, &flags));
		EXPECT_EQ(0, flags);
		ASSERT_EQ(0, vf_move(p, quiet[i]));
		back = now_us();
		ASSERT_EQ(0, tracker_set(p->fd, self->tracker_id, 0, NULL, NULL));
		back = now_us() - back;
		ASSERT_EQ(0, vf_move(p, VFIO_DEVICE_STATE_RUNNING));
		EXPECT_TRUE(pair_moves(&p->src));
		EXPECT_EQ(0, vf_read(&p->src, VIRT_CX_FAULTS));
		ASSERT_EQ(0, tracker_info(p->fd, self->tracker_id, &out, source, 2));
		EXPECT_FALSE(source[0].flags & IOMMU_DIRTY_SOURCE_FINE);
		TH_LOG("%s: %llu MiB filled in %llu us, pause %llu us, back %llu us",
		       vf_state_name(quiet[i]), PAIR_RAM >> 20, fill, pause, back);
		ASSERT_EQ(0, vf_stop(&p->src));
	}
}

TEST_HARNESS_MAIN
