// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page trackers of the virtual DMA devices and their VFIO driver, by
 * themselves: what VFIO_DEVICE_FEATURE_DMA_LOGGING_* reports is what ground truth
 * says was written, to the page; limits, failures, and what comes after them. The
 * tests of the dirty tracker rely on it.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"
#include "device_log.h"
#include "fixture.h"
#include "../lib/log.h"
#include "../lib/truth.h"

#define SMALL_RANGES	3
#define SMALL_TOP	(1ull << 36)
#define SMALL_SPACE	(1ull << 33)
#define SMALL_LOG	512
#define COARSE_PAGE	65536ull

#define SIZE	(64ull << 20)
#define PAGES	(SIZE / PAGE)
#define WORDS	(PAGES / 64)

#define DRIVER	"iommufd_virt_vfio_pci"

FIXTURE(device_log) {
	int fd;
	int truth;
	__u32 ioas_id;
	char *ram;
	struct vdev dev;
	__u64 written[WORDS];
	__u64 reported[WORDS];
};

FIXTURE_SETUP(device_log)
{
	self->dev.fd = -1;
	self->ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->ram);
	self->truth = truth_open();
	ASSERT_LE(0, self->truth);
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, self->ram, SIZE,
				      IOVA, IOMMUFD_MAP_RW));
}

FIXTURE_TEARDOWN(device_log)
{
	static const char * const faults[] = {
		"fail_track_start", "fail_track_report", "lose_track",
		"drop_track", "slow_track_ms", "hold_track",
	};
	unsigned int i;

	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		EXPECT_EQ(0, virt_set(faults[i], "0"));
	EXPECT_EQ(0, virt_set("tracker_devices", "0xffff"));
	EXPECT_EQ(0, parameter_set(DRIVER, "timeout_ms", "20000"));
	if (self->dev.fd >= 0) {
		vdev_stop(&self->dev);
		vdev_close(&self->dev);
	}
	close(self->fd);
	close(self->truth);
	munmap(self->ram, SIZE);
}

static int use(FIXTURE_DATA(device_log) *self, unsigned int device)
{
	int rc = vdev_open_driver(&self->dev, self->fd, device,
				  VDEV_TRACKER_DRIVER);

	return rc ? rc : vdev_attach(&self->dev, self->ioas_id, NULL);
}

/* START on all of RAM in units of a page, or what is closest. */
static int start(FIXTURE_DATA(device_log) *self)
{
	struct vfio_device_feature_dma_logging_range range = { IOVA, SIZE };
	__u64 page_size = PAGE;

	return log_start(self->dev.fd, &range, 1, &page_size);
}

static int report(FIXTURE_DATA(device_log) *self)
{
	memset(self->reported, 0, sizeof(self->reported));
	return log_report(self->dev.fd, IOVA, SIZE, PAGE, self->reported);
}

/* Write 8 bytes to each of @pages pages from @page on. */
static int write_pages(FIXTURE_DATA(device_log) *self, __u64 page, __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = IOVA + page * PAGE;
	job.length = pages * PAGE;
	job.seed = page + 1;
	return vdev_run(&self->dev, &job, 60000);
}

/* Add what ground truth says to @written; the number of records, or -errno. */
static int take_truth(FIXTURE_DATA(device_log) *self)
{
	struct virt_truth_rec recs[256];
	int n, i, all = 0;

	while ((n = truth_read(self->truth, recs, 256)) > 0) {
		for (i = 0; i < n; i++) {
			__u64 page = (recs[i].iova - IOVA) / PAGE;

			self->written[page / 64] |= 1ull << (page % 64);
		}
		all += n;
	}
	return n ? n : all;
}

static unsigned int count(const __u64 *bits)
{
	unsigned int i, n = 0;

	for (i = 0; i < WORDS; i++)
		n += __builtin_popcountll(bits[i]);
	return n;
}

static unsigned int count_missing(const FIXTURE_DATA(device_log) *self)
{
	unsigned int i, n = 0;

	for (i = 0; i < WORDS; i++)
		n += __builtin_popcountll(self->written[i] & ~self->reported[i]);
	return n;
}

static unsigned int count_surplus(const FIXTURE_DATA(device_log) *self)
{
	unsigned int i, n = 0;

	for (i = 0; i < WORDS; i++)
		n += __builtin_popcountll(self->reported[i] & ~self->written[i]);
	return n;
}

static __u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (__u64)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A job of some kind over some of RAM. */
static void random_job(struct vdev_job *job, unsigned int *seed)
{
	static const __u64 units[] = { 2048, 4096, 8192, 65536, 1 << 20 };

	vdev_job_init(job);
	job->seed = rand_r(seed);
	job->unit = units[rand_r(seed) % 5];
	job->pattern = rand_r(seed) % 3;
	job->stride = 1 + rand_r(seed) % 7;
	job->size = 8 + rand_r(seed) % (job->unit > 16384 ? 2000 : 200) * 8;
	job->offset = rand_r(seed) % ((job->unit - job->size) / 8 + 1) * 8;
	job->length = (1 + rand_r(seed) % 24) * (1ull << 20);
	job->iova = IOVA + rand_r(seed) % 40 * (1ull << 20);
	if (rand_r(seed) % 4 == 0) {
		job->op = VIRT_DMA_OP_COPY;
		job->src = IOVA;
	}
}

static unsigned int get_seed(struct __test_metadata *_metadata)
{
	const char *text = getenv("SEED");
	unsigned int seed = text ? strtoul(text, NULL, 0) : (unsigned int)time(NULL);

	TH_LOG("SEED=%u", seed);
	return seed;
}

TEST_F(device_log, reports_what_was_written_and_no_more)
{
	unsigned int seed = get_seed(_metadata), round, pages = 0;
	struct vdev_job job;

	ASSERT_EQ(0, use(self, FULL));
	/* Before START: not in the log */
	ASSERT_EQ(0, write_pages(self, 0, 64));
	ASSERT_EQ(64, take_truth(self));
	ASSERT_EQ(0, start(self));
	for (round = 0; round < 12; round++) {
		memset(self->written, 0, sizeof(self->written));
		random_job(&job, &seed);
		ASSERT_EQ(0, vdev_run(&self->dev, &job, 60000));
		ASSERT_LT(0, take_truth(self));
		ASSERT_EQ(0, report(self));
		ASSERT_EQ(0, memcmp(self->written, self->reported,
				    sizeof(self->written))) {
			TH_LOG("round %u: %u pages missing, %u too many", round,
			       count_missing(self), count_surplus(self));
		}
		pages += count(self->reported);
	}
	/* Reading does not write, and what was reported is not any more */
	random_job(&job, &seed);
	job.op = VIRT_DMA_OP_READ;
	ASSERT_EQ(0, vdev_run(&self->dev, &job, 60000));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(0, count(self->reported));

	/* More than fits into a report of the device */
	ASSERT_EQ(0, write_pages(self, 0, PAGES));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(PAGES, count(self->reported));
	TH_LOG("%u pages", pages);
}

/*
 * While the device writes each page once: what was written before a report began
 * is in it or in one before, and none is in two.
 */
TEST_F(device_log, reports_while_the_device_writes)
{
	unsigned int round, i, meanwhile = 0, pages = 0;
	__u64 all[WORDS] = {};
	struct vdev_job job;
	bool running;

	ASSERT_EQ(0, use(self, FULL));
	ASSERT_EQ(0, start(self));
	vdev_job_init(&job);
	job.iova = IOVA;
	job.length = SIZE;
	job.pattern = VIRT_DMA_PATTERN_RANDOM;
	job.seed = 5;
	ASSERT_EQ(0, vdev_start(&self->dev, &job));
	for (round = 0, running = true; running; round++) {
		running = vdev_read64(&self->dev, VIRT_DMA_STATUS) &
			  VIRT_DMA_STATUS_RUNNING;
		ASSERT_LE(0, take_truth(self));
		ASSERT_EQ(0, report(self));
		pages += count(self->reported);
		for (i = 0; i < WORDS; i++)
			self->reported[i] |= all[i];
		memcpy(all, self->reported, sizeof(all));
		ASSERT_EQ(0, count_missing(self));
		meanwhile += count_surplus(self);
	}
	EXPECT_EQ(PAGES, pages);
	EXPECT_EQ(PAGES, count(all));
	EXPECT_LT(2, round);
	EXPECT_LT(0, meanwhile);
	TH_LOG("%u reports", round);
}

TEST_F(device_log, logs_its_ranges_only)
{
	struct vfio_device_feature_dma_logging_range ranges[] = {
		{ IOVA + 100 * PAGE, 10 * PAGE },
		{ IOVA + 3 * PAGE, 1 * PAGE },
		{ IOVA + 1000 * PAGE, 3000 * PAGE },
	};
	__u64 page_size = PAGE;
	unsigned int i;

	ASSERT_EQ(0, use(self, FULL));
	ASSERT_EQ(0, log_start(self->dev.fd, ranges, 3, &page_size));
	ASSERT_EQ(PAGE, page_size);
	ASSERT_EQ(0, write_pages(self, 0, PAGES));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(3011, count(self->reported));
	for (i = 0; i < PAGES; i++)
		if (i == 3 || (i >= 100 && i < 110) || (i >= 1000 && i < 4000))
			self->written[i / 64] |= 1ull << (i % 64);
	EXPECT_EQ(0, memcmp(self->written, self->reported,
			    sizeof(self->written)));
}

/* A page that was asked for in part is there when the rest is asked for. */
TEST_F(device_log, coarse_pages)
{
	struct vfio_device_feature_dma_logging_range range = { IOVA, SIZE };
	__u64 page_size = PAGE, bits = 0;

	ASSERT_EQ(0, use(self, COARSE));
	ASSERT_EQ(0, log_start(self->dev.fd, &range, 1, &page_size));
	ASSERT_EQ(COARSE_PAGE, page_size);
	ASSERT_EQ(0, write_pages(self, 33, 1));
	ASSERT_EQ(0, write_pages(self, 200, 1));

	ASSERT_EQ(0, log_report(self->dev.fd, IOVA + 40 * PAGE, 2 * PAGE, PAGE,
				&bits));
	EXPECT_EQ(3, bits);
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(32, count(self->reported));
	EXPECT_EQ(0xffffull << 32, self->reported[0]);
	EXPECT_EQ(0xffffull, self->reported[3]);
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(0, count(self->reported));

	/* The largest that there is, for who wants a larger one */
	ASSERT_EQ(0, log_stop(self->dev.fd));
	page_size = 16ull << 20;
	ASSERT_EQ(0, log_start(self->dev.fd, &range, 1, &page_size));
	EXPECT_EQ(1ull << 20, page_size);
}

TEST_F(device_log, limits)
{
	struct vfio_device_feature_dma_logging_range ranges[4] = {
		{ 0, PAGE }, { 2 * PAGE, PAGE }, { 4 * PAGE, PAGE },
		{ 6 * PAGE, PAGE },
	};
	__u64 page_size = PAGE;
	int fd;

	ASSERT_EQ(0, use(self, SMALL));
	fd = self->dev.fd;
	EXPECT_EQ(-E2BIG, log_start(fd, ranges, SMALL_RANGES + 1, &page_size));
	EXPECT_EQ(0, log_start(fd, ranges, SMALL_RANGES, &page_size));
	EXPECT_EQ(0, log_stop(fd));

	ranges[0].iova = SMALL_TOP - PAGE;
	EXPECT_EQ(0, log_start(fd, ranges, 1, &page_size));
	EXPECT_EQ(0, log_stop(fd));
	ranges[0].iova = SMALL_TOP;
	EXPECT_EQ(-ERANGE, log_start(fd, ranges, 1, &page_size));
	ranges[0].iova = SMALL_TOP - PAGE;
	ranges[0].length = 2 * PAGE;
	EXPECT_EQ(-ERANGE, log_start(fd, ranges, 1, &page_size));

	ranges[0].iova = 0;
	ranges[0].length = SMALL_SPACE - 2 * PAGE;
	ranges[1].iova = SMALL_SPACE;
	ranges[1].length = 2 * PAGE;
	EXPECT_EQ(0, log_start(fd, ranges, 2, &page_size));
	EXPECT_EQ(0, log_stop(fd));
	ranges[1].length = 3 * PAGE;
	EXPECT_EQ(-ERANGE, log_start(fd, ranges, 2, &page_size));
	ranges[0].length = SMALL_SPACE;
	EXPECT_EQ(0, log_start(fd, ranges, 1, &page_size));
	EXPECT_EQ(0, log_stop(fd));
	EXPECT_EQ(-ERANGE, log_start(fd, ranges, 2, &page_size));

	page_size = 3 * PAGE;
	EXPECT_EQ(-EINVAL, log_start(fd, ranges, 1, &page_size));
}

TEST_F(device_log, one_log_at_a_time)
{
	ASSERT_EQ(0, use(self, FULL));
	EXPECT_EQ(-EINVAL, report(self));
	EXPECT_EQ(0, log_stop(self->dev.fd));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, write_pages(self, 7, 1));
	EXPECT_EQ(-EBUSY, start(self));
	/* And the one that there is was not harmed */
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(1, count(self->reported));
	EXPECT_EQ(0, log_stop(self->dev.fd));
	EXPECT_EQ(0, log_stop(self->dev.fd));
	EXPECT_EQ(-EINVAL, report(self));

	/* A new one is empty */
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, write_pages(self, 7, 1));
	ASSERT_EQ(0, log_stop(self->dev.fd));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(0, count(self->reported));

	/* It ends with the last close */
	vdev_close(&self->dev);
	ASSERT_EQ(0, use(self, FULL));
	EXPECT_EQ(-EINVAL, report(self));
	ASSERT_EQ(0, start(self));
}

TEST_F(device_log, overflow)
{
	ASSERT_EQ(0, use(self, SMALL));
	ASSERT_EQ(0, start(self));
	/* Pages, not writes, and what is reported leaves room */
	ASSERT_EQ(0, write_pages(self, 0, SMALL_LOG));
	ASSERT_EQ(0, write_pages(self, 0, SMALL_LOG));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(SMALL_LOG, count(self->reported));
	ASSERT_EQ(0, write_pages(self, 1, SMALL_LOG));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(SMALL_LOG, count(self->reported));

	ASSERT_EQ(0, write_pages(self, 0, SMALL_LOG + 1));
	EXPECT_EQ(-EIO, report(self));
	ASSERT_EQ(0, write_pages(self, 0, 1));
	EXPECT_EQ(-EIO, report(self));
	ASSERT_EQ(0, log_stop(self->dev.fd));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, write_pages(self, 0, 1));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(1, count(self->reported));
}

TEST_F(device_log, fails_and_recovers)
{
	ASSERT_EQ(0, use(self, FULL));
	ASSERT_EQ(0, virt_set("fail_track_start", "1"));
	EXPECT_EQ(-EIO, start(self));
	ASSERT_EQ(0, start(self));

	/* For once */
	ASSERT_EQ(0, write_pages(self, 5, 2));
	ASSERT_EQ(0, virt_set("fail_track_report", "1"));
	EXPECT_EQ(-EIO, report(self));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(2, count(self->reported));

	/* For good */
	ASSERT_EQ(0, write_pages(self, 5, 2));
	ASSERT_EQ(0, virt_set("lose_track", "1"));
	EXPECT_EQ(-EIO, report(self));
	EXPECT_EQ(-EIO, report(self));
	ASSERT_EQ(0, log_stop(self->dev.fd));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(0, count(self->reported));

	/* Another device is meant */
	ASSERT_EQ(0, virt_set("tracker_devices", "0x2"));
	ASSERT_EQ(0, virt_set("lose_track", "1"));
	ASSERT_EQ(0, virt_set("fail_track_report", "1"));
	ASSERT_EQ(0, virt_set("hold_track", "1"));
	EXPECT_EQ(0, report(self));
}

TEST_F(device_log, reset_ends_the_log)
{
	ASSERT_EQ(0, use(self, FULL));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, write_pages(self, 5, 2));
	ASSERT_EQ(0, vdev_reset(&self->dev));
	EXPECT_EQ(-EIO, report(self));
	ASSERT_EQ(0, vdev_bus_master(&self->dev, 1));
	ASSERT_EQ(0, write_pages(self, 5, 2));
	EXPECT_EQ(-EIO, report(self));
	ASSERT_EQ(0, log_stop(self->dev.fd));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, write_pages(self, 5, 2));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(2, count(self->reported));
}

/* No user can reach the device, so nothing is lost either. */
TEST_F(device_log, memory_space_is_off)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	__u16 command = 0;

	ASSERT_EQ(0, use(self, FULL));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, write_pages(self, 5, 2));
	ASSERT_EQ(0, ioctl(self->dev.fd, VFIO_DEVICE_GET_REGION_INFO, &info));
	ASSERT_EQ(2, pwrite(self->dev.fd, &command, 2,
			    (off_t)info.offset + PCI_COMMAND));
	EXPECT_EQ(-EIO, report(self));
	EXPECT_EQ(-EIO, log_stop(self->dev.fd));
	ASSERT_EQ(0, vdev_bus_master(&self->dev, 1));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(2, count(self->reported));
}

TEST_F(device_log, slow)
{
	struct vdev_job job;
	__u64 begin, done;

	ASSERT_EQ(0, use(self, FULL));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, write_pages(self, 0, 4));
	vdev_job_init(&job);
	job.iova = IOVA + 10 * PAGE;
	job.length = 10 * PAGE;
	job.sweeps = 0;
	ASSERT_EQ(0, virt_set("slow_track_ms", "1000"));
	ASSERT_EQ(0, vdev_start(&self->dev, &job));
	done = vdev_read64(&self->dev, VIRT_DMA_DONE);
	begin = now_ms();
	ASSERT_EQ(0, report(self));
	EXPECT_LE(500, now_ms() - begin);
	EXPECT_LE(4, count(self->reported));
	/* DMA does not wait for it, and what it writes is not forgotten */
	EXPECT_LT(done, vdev_read64(&self->dev, VIRT_DMA_DONE));
	ASSERT_EQ(0, vdev_stop(&self->dev));
	ASSERT_EQ(0, virt_set("slow_track_ms", "0"));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(10, count(self->reported));
}

/* The driver gives up; after that it does not pretend to know. */
TEST_F(device_log, silent)
{
	__u64 begin;

	ASSERT_EQ(0, parameter_set(DRIVER, "timeout_ms", "1000"));
	ASSERT_EQ(0, use(self, FULL));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, write_pages(self, 0, 4));
	ASSERT_EQ(0, virt_set("hold_track", "1"));
	begin = now_ms();
	EXPECT_EQ(-ETIMEDOUT, report(self));
	EXPECT_LE(500, now_ms() - begin);
	EXPECT_EQ(-EIO, report(self));
	ASSERT_EQ(0, virt_set("hold_track", "0"));
	EXPECT_EQ(-EIO, report(self));
	ASSERT_EQ(0, log_stop(self->dev.fd));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, write_pages(self, 0, 4));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(4, count(self->reported));
}

/* Who waits for a report cannot be killed. */
TEST_F(device_log, stubborn)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, use(self, FULL));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, virt_set("hold_track", "1"));
	pid = fork();
	if (!pid)
		_exit(report(self) ? 1 : 0);
	ASSERT_LT(0, pid);
	ASSERT_TRUE(waits_in_ioctl(pid));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	usleep(500000);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	ASSERT_EQ(0, virt_set("hold_track", "0"));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

/* A report that a reset interrupts does not succeed with nothing. */
TEST_F(device_log, reset_while_reporting)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, use(self, FULL));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, write_pages(self, 0, 4));
	ASSERT_EQ(0, virt_set("hold_track", "1"));
	pid = fork();
	if (!pid)
		_exit(report(self) == -EIO ? 0 : 1);
	ASSERT_LT(0, pid);
	ASSERT_TRUE(waits_in_ioctl(pid));
	ASSERT_EQ(0, vdev_reset(&self->dev));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(device_log, hides_its_registers)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_BAR4_REGION_INDEX,
	};
	__u64 id;

	ASSERT_EQ(0, use(self, FULL));
	ASSERT_EQ(0, ioctl(self->dev.fd, VFIO_DEVICE_GET_REGION_INFO, &info));
	EXPECT_EQ(0, info.size);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(-1, pread(self->dev.fd, &id, 8, (off_t)info.offset));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pwrite(self->dev.fd, &id, 8, (off_t)info.offset));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 65536, PROT_READ, MAP_SHARED,
				   self->dev.fd, (off_t)info.offset));
	EXPECT_EQ(EINVAL, errno);
	vdev_close(&self->dev);

	/* vfio-pci knows nothing of it, and has no log. */
	ASSERT_EQ(0, vdev_open(&self->dev, self->fd, FULL));
	ASSERT_EQ(0, ioctl(self->dev.fd, VFIO_DEVICE_GET_REGION_INFO, &info));
	EXPECT_EQ(65536, info.size);
	ASSERT_EQ(8, pread(self->dev.fd, &id, 8, (off_t)info.offset));
	EXPECT_EQ(VIRT_TRACK_MAGIC, id);
	EXPECT_EQ(-ENOTTY, start(self));
}

TEST_F(device_log, device_without)
{
	ASSERT_EQ(0, use(self, WITHOUT));
	EXPECT_EQ(-ENOTTY, start(self));
	EXPECT_EQ(-ENOTTY, report(self));
	EXPECT_EQ(-ENOTTY, log_stop(self->dev.fd));
	ASSERT_EQ(0, write_pages(self, 0, 4));
}

/* The control: a log that lacks a page is noticed. */
TEST_F(device_log, dropped_page_is_noticed)
{
	ASSERT_EQ(0, use(self, FULL));
	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, virt_set("drop_track", "100"));
	ASSERT_EQ(0, write_pages(self, 0, 1000));
	ASSERT_EQ(1000, take_truth(self));
	ASSERT_EQ(0, report(self));
	EXPECT_EQ(10, count_missing(self));
	EXPECT_EQ(0, count_surplus(self));
}

TEST_HARNESS_MAIN
