// SPDX-License-Identifier: GPL-2.0-only
/*
 * READs and UNMAPs at the same time, with device logs that are slow. No READ waits for more
 * than the one report that is under way, however much another READ has asked for, and at
 * least one of them reports each write.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "crowd.h"
#include "reader.h"
#include "oracle.h"

#define GIB (1ull << 30)
/* So far apart that a log is asked for each by itself */
#define MAPPINGS 250ull
#define MAPPING_SIZE (8 * PAGE)
/* For one report; a READ of all takes 5 seconds, 25 in a slow kernel */
#define REPORT_MS (getenv("SLOW") ? "100" : "20")

FIXTURE(race_read) {
	struct crowd c;
};

FIXTURE_SETUP(race_read)
{
	struct crowd *c = &self->c;
	unsigned int i;

	ASSERT_EQ(0, crowd_open(c, false));
	for (i = 0; i < MAPPINGS; i++)
		ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far,
					      MAPPING_SIZE, FAR + i * GIB,
					      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_attach(c, LOG, c->b.ioas_id));
	ASSERT_EQ(0, crowd_start(c, 0, 0));
}

FIXTURE_TEARDOWN(race_read)
{
	EXPECT_EQ(0, crowd_close(&self->c));
}

/* A device has written to three pages at each end, and another thread READs everything. */
static int begin_long_read(struct crowd *c, struct reader *all)
{
	if (crowd_dma(c, LOG, FAR, 3) ||
	    crowd_dma(c, LOG, FAR + (MAPPINGS - 1) * GIB, 3) ||
	    virt_set("slow_track_ms", REPORT_MS) ||
	    reader_begin(all, c, c->b.tracker_id, FAR, MAPPINGS * GIB))
		return -1;
	usleep(300000);
	return 0;
}

/* A guest with a vIOMMU does that all the time. */
TEST_F(race_read, unmap_beside_long_read)
{
	struct crowd *c = &self->c;
	__u64 bits[1] = {};
	struct iommu_dirty_tracker_unmap cmd = {
		.tracker_id = c->b.tracker_id,
		.iova = FAR + (MAPPINGS - 1) * GIB,
		.length = MAPPING_SIZE,
		.page_size = PAGE,
		.data = (__u64)(unsigned long)bits,
		.data_len = sizeof(bits),
	};
	struct reader all;
	double begin;
	int pages;

	ASSERT_EQ(0, begin_long_read(c, &all));
	begin = seconds_now();
	ASSERT_EQ(0, tracker_unmap(c->b.fd, &cmd));
	TH_LOG("took %.2f s", seconds_now() - begin);
	EXPECT_FALSE(call_is_done(&all.call, 0));
	pages = call_end(&all.call);
	TH_LOG("and the READ beside it %.2f s", seconds_now() - begin);
	/* Each page in at least one of the two */
	EXPECT_LE(3, pages);
	EXPECT_LE(6, pages + __builtin_popcountll(bits[0]));
}

/* Reports that the log has made. */
static long reports(struct crowd *c)
{
	struct iommu_dirty_source_info sources[4] = {};
	struct iommu_dirty_tracker_info info;
	long n = 0;
	__u32 i;

	if (tracker_info(c->b.fd, c->b.tracker_id, &info, sources, 4))
		return -1;
	for (i = 0; i < info.nr_sources && i < 4; i++)
		n += sources[i].harvests;
	return n;
}

/* It waits for the report under way and has the next; one more if it was late. */
TEST_F(race_read, small_read_beside_long_read)
{
	struct crowd *c = &self->c;
	struct reader all, one;
	long before, made = 100;
	int pages = 0, tries;

	ASSERT_EQ(0, begin_long_read(c, &all));
	ASSERT_EQ(0, virt_set("slow_track_ms", "200"));
	for (tries = 0; tries < 5 && made > 3; tries++) {
		before = reports(c);
		ASSERT_LE(0, before);
		ASSERT_EQ(0, reader_begin(&one, c, c->b.tracker_id, FAR + (MAPPINGS - 1) * GIB,
					  MAPPING_SIZE));
		pages += call_end(&one.call);
		made = reports(c) - before;
		TH_LOG("%ld reports", made);
	}
	EXPECT_GE(3, made);
	ASSERT_EQ(0, virt_set("slow_track_ms", "0"));
	/* The long one may have got there before */
	EXPECT_LE(0, pages);
	EXPECT_LE(6, pages + call_end(&all.call));
}

/* None of them waits for the READ to end. INFO and IOAS_MAP ask no device. */
TEST_F(race_read, others_beside_long_read)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_tracker_info info;
	struct iommu_dirty_source_info sources[4];
	struct reader all;
	__u64 unmapped;
	double begin;

	ASSERT_EQ(0, begin_long_read(c, &all));
	begin = seconds_now();
	ASSERT_EQ(0, tracker_info(c->b.fd, c->b.tracker_id, &info, sources, 4));
	TH_LOG("%.2f s after INFO", seconds_now() - begin);
	ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far, MAPPING_SIZE,
				      FAR / 2, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, iommufd_ioas_unmap(c->b.fd, c->b.ioas_id, FAR / 2, MAPPING_SIZE,
					&unmapped));
	TH_LOG("%.2f s after map and unmap", seconds_now() - begin);
	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	TH_LOG("%.2f s after attach", seconds_now() - begin);
	ASSERT_EQ(0, crowd_detach(c, BOTH));
	TH_LOG("%.2f s after detach", seconds_now() - begin);
	EXPECT_FALSE(call_is_done(&all.call, 0));
	EXPECT_EQ(6, call_end(&all.call));
}

static int unmap_all_conservative(void *arg)
{
	struct crowd *c = arg;
	size_t bytes = MAPPINGS * GIB / PAGE / 8;
	__u64 *bits = calloc(1, bytes);
	struct iommu_dirty_tracker_unmap cmd = {
		.flags = IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE,
		.tracker_id = c->b.tracker_id,
		.iova = FAR,
		.length = MAPPINGS * GIB,
		.page_size = PAGE,
		.data = (__u64)(unsigned long)bits,
		.data_len = bytes,
	};
	int rc = bits ? tracker_unmap(c->b.fd, &cmd) : -ENOMEM;

	free(bits);
	return rc;
}

/* It looks at what is mapped for five seconds, and keeps no map away for so long. */
TEST_F(race_read, map_beside_conservative_unmap)
{
	struct crowd *c = &self->c;
	struct call unmap;
	double begin;

	ASSERT_EQ(0, delay_at("mapped", 40000));
	ASSERT_EQ(0, call_begin(&unmap, unmap_all_conservative, c));
	usleep(300000);
	begin = seconds_now();
	ASSERT_EQ(0, iommufd_ioas_map(c->b.fd, c->b.ioas_id, c->far, MAPPING_SIZE,
				      FAR / 2, IOMMUFD_MAP_RW));
	EXPECT_GT(time_limit(2), seconds_now() - begin);
	ASSERT_EQ(0, delay_at("", 0));
	EXPECT_EQ(0, call_end(&unmap));
}

/* A READ that may take half a second ends in time, and says how far it got. */
TEST_F(race_read, timeout)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_range ranges[8] = {};
	struct iommu_dirty_tracker_read cmd = {
		.flags = IOMMU_DIRTY_TRACKER_READ_RANGES,
		.tracker_id = c->b.tracker_id,
		.iova = FAR,
		.length = MAPPINGS * GIB,
		.page_size = PAGE,
		.data = (__u64)(unsigned long)ranges,
		.data_len = sizeof(ranges),
		.timeout_ms = 500,
	};
	double begin;
	__u64 bytes;

	ASSERT_EQ(0, crowd_dma(c, LOG, FAR, 3));
	ASSERT_EQ(0, crowd_dma(c, LOG, FAR + (MAPPINGS - 1) * GIB, 3));
	ASSERT_EQ(0, virt_set("slow_track_ms", REPORT_MS));
	begin = seconds_now();
	ASSERT_EQ(0, tracker_read(c->b.fd, &cmd));
	EXPECT_GT(time_limit(3), seconds_now() - begin);
	EXPECT_GT(FAR + MAPPINGS * GIB, cmd.out_next_iova);
	EXPECT_LE(FAR, cmd.out_next_iova);
	bytes = cmd.out_dirty_bytes;
	/* The rest, without a limit */
	ASSERT_EQ(0, virt_set("slow_track_ms", "0"));
	cmd.iova = cmd.out_next_iova;
	cmd.length = FAR + MAPPINGS * GIB - cmd.iova;
	cmd.timeout_ms = 0;
	ASSERT_EQ(0, tracker_read(c->b.fd, &cmd));
	EXPECT_EQ(FAR + MAPPINGS * GIB, cmd.out_next_iova);
	EXPECT_EQ(6 * PAGE, bytes + cmd.out_dirty_bytes);
}

/* How long that is: of a device that does not answer at all, READ waits just so long. */
TEST_F(race_read, timeout_is_in_milliseconds)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_range range;
	struct iommu_dirty_tracker_read cmd = {
		.flags = IOMMU_DIRTY_TRACKER_READ_RANGES,
		.tracker_id = c->b.tracker_id,
		.iova = FAR,
		.length = MAPPING_SIZE,
		.page_size = PAGE,
		.data = (__u64)(unsigned long)&range,
		.data_len = sizeof(range),
		.timeout_ms = 1500,
	};
	double begin, took;

	ASSERT_EQ(0, virt_set("hold_track", "1"));
	begin = seconds_now();
	EXPECT_EQ(0, tracker_read(c->b.fd, &cmd));
	took = seconds_now() - begin;
	TH_LOG("took %.2f s", took);
	EXPECT_EQ(FAR, cmd.out_next_iova);
	EXPECT_LT(1.4, took);
	EXPECT_GT(time_limit(4), took);
	ASSERT_EQ(0, hold_release("hold_track"));
}

/*
 * A READ has given up waiting for a report, of memory that was unmapped. The next one
 * waits for it, although all that is mapped is reported without the log by now.
 */
TEST_F(race_read, report_that_a_read_has_left)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_range range = {};
	struct iommu_dirty_tracker_read cmd = {
		.flags = IOMMU_DIRTY_TRACKER_READ_RANGES,
		.tracker_id = c->b.tracker_id,
		.iova = FAR,
		.length = MAPPING_SIZE,
		.page_size = PAGE,
		.data = (__u64)(unsigned long)&range,
		.data_len = sizeof(range),
		.timeout_ms = 300,
	};
	struct reader r;
	__u64 unmapped;

	ASSERT_EQ(0, crowd_dma(c, LOG, FAR, 3));
	ASSERT_EQ(0, iommufd_ioas_unmap(c->b.fd, c->b.ioas_id, FAR, MAPPING_SIZE,
					&unmapped));
	ASSERT_EQ(0, virt_set("hold_track", "1"));
	ASSERT_EQ(0, tracker_read(c->b.fd, &cmd));
	EXPECT_EQ(0, cmd.out_dirty_bytes);
	ASSERT_EQ(0, crowd_attach(c, UNTRACKED, c->b.ioas_id));
	ASSERT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, crowd_kind(c, UNTRACKED));
	ASSERT_EQ(0, reader_begin(&r, c, c->b.tracker_id, FAR, MAPPING_SIZE));
	call_is_done(&r.call, HELD_SHORT_MS);
	ASSERT_EQ(0, hold_release("hold_track"));
	EXPECT_EQ(3, call_end(&r.call));
}

/* A bit for more than one window of a READ is reported once. */
TEST_F(race_read, bit_of_several_windows)
{
	struct crowd *c = &self->c;
	struct iommu_dirty_range range[4] = {};
	struct tracker_read_out out;

	ASSERT_EQ(0, crowd_dma(c, LOG, FAR, 1));
	ASSERT_EQ(0, crowd_dma(c, LOG, FAR + 100 * GIB, 1));
	EXPECT_EQ(1, tracker_read_ranges(c->b.fd, c->b.tracker_id, FAR, 256 * GIB,
					 128 * GIB, range, 4, 0, &out));
	EXPECT_EQ(FAR, range[0].iova);
	EXPECT_EQ(128 * GIB, range[0].length);
	EXPECT_EQ(128 * GIB, out.dirty_bytes);
}

/* Memory of that size of which each 2 MiB are the same; or NULL. */
static char *large_memory(size_t length)
{
	int fd = memfd_create("large", MFD_CLOEXEC);
	char *memory;
	size_t at;

	if (fd < 0 || ftruncate(fd, HUGE))
		return NULL;
	memory = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (at = 0; memory != MAP_FAILED && at < length; at += HUGE)
		if (mmap(memory + at, HUGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			return NULL;
	close(fd);
	return memory == MAP_FAILED ? NULL : memory;
}

/* Harvests that a READ of 2 GiB of memory makes in LOG's log; or -1. */
static int read_and_count(struct crowd *c)
{
	struct iommu_dirty_source_info info[2];

	if (testbed_source(&c->b, c->dev[LOG].dev_id, &info[0]) ||
	    reader_read(c, c->b.tracker_id, FAR / 2, 2 * GIB) < 0 ||
	    testbed_source(&c->b, c->dev[LOG].dev_id, &info[1]))
		return -1;
	return info[1].harvests - info[0].harvests;
}

/*
 * A log that takes long for a report is asked in pieces, down to 1 GiB, since other READs
 * get nothing while it makes one; a quick one in large ones again.
 */
/* 2 GiB: one mapping, or where that takes minutes, many of the same memory */
static int map_large(struct crowd *c, char *large)
{
	unsigned int i;
	int rc = 0;

	if (!getenv("SLOW"))
		return iommufd_ioas_map(c->b.fd, c->b.ioas_id, large, 2 * GIB, FAR / 2,
					IOMMUFD_MAP_RW);
	for (i = 0; i < 2 * GIB / RAM_SIZE && !rc; i++)
		rc = iommufd_ioas_copy(c->b.fd, c->b.ioas_id, c->b.ioas_id,
				       FAR / 2 + i * RAM_SIZE, IOVA, RAM_SIZE,
				       IOMMUFD_MAP_RW);
	return rc;
}

TEST_F(race_read, slow_log_is_asked_in_pieces)
{
	struct crowd *c = &self->c;
	unsigned int i;
	char *large;

	large = large_memory(2 * GIB);
	ASSERT_NE(NULL, large);
	ASSERT_EQ(0, map_large(c, large));
	EXPECT_EQ(1, read_and_count(c));
	ASSERT_EQ(0, virt_set("slow_track_ms", "150"));
	/* Halved each time, from 2^40 on */
	for (i = 0; i < 11; i++)
		ASSERT_LE(1, read_and_count(c));
	EXPECT_EQ(2, read_and_count(c));
	ASSERT_EQ(0, virt_set("slow_track_ms", "0"));
	for (i = 0; i < 20 && read_and_count(c) != 1; i++)
		;
	EXPECT_GT(20, i);
	munmap(large, 2 * GIB);
}

/* A page that comes when it is asked for with UFFDIO_ZEROPAGE of *; or NULL. */
static void *late_page(int *uffd)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	void *page;

	*uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	reg.range.start = (unsigned long)page;
	reg.range.len = PAGE;
	return *uffd < 0 || page == MAP_FAILED || ioctl(*uffd, UFFDIO_API, &api) ||
	       ioctl(*uffd, UFFDIO_REGISTER, &reg) ? NULL : page;
}

struct late_read {
	struct call call;
	struct crowd *c;
	struct iommu_dirty_range *to;
};

static int late_read(void *arg)
{
	struct late_read *r = arg;

	return tracker_read_ranges(r->c->b.fd, r->c->b.tracker_id, FAR, MAPPING_SIZE,
				   PAGE, r->to, 1, 0, NULL);
}

/* A READ whose user does not supply memory for the answer has no page of another range. */
TEST_F(race_read, late_memory_of_another)
{
	struct crowd *c = &self->c;
	const __u64 last = FAR + (MAPPINGS - 1) * GIB;
	struct late_read r = { .c = c };
	struct uffdio_zeropage zero = {};
	int uffd;

	r.to = late_page(&uffd);
	if (uffd < 0)
		SKIP(return, "this kernel has no userfaultfd");
	ASSERT_NE(NULL, r.to);
	/* Both are pending, since they could not be delivered */
	ASSERT_EQ(0, crowd_dma(c, LOG, FAR, 3));
	ASSERT_EQ(0, crowd_dma(c, LOG, last, 4));
	EXPECT_EQ(-EFAULT, tracker_read_bitmap(c->b.fd, c->b.tracker_id, last,
					       MAPPING_SIZE, PAGE, (void *)8, 0, NULL));
	ASSERT_EQ(0, call_begin(&r.call, late_read, &r));
	EXPECT_FALSE(call_is_done(&r.call, HELD_SHORT_MS));
	EXPECT_EQ(4, reader_read(c, c->b.tracker_id, last, MAPPING_SIZE));
	zero.range.start = (unsigned long)r.to;
	zero.range.len = PAGE;
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	EXPECT_EQ(1, call_end(&r.call));
	EXPECT_EQ(FAR, r.to->iova);
	EXPECT_EQ(3 * PAGE, r.to->length);
	close(uffd);
	munmap(r.to, PAGE);
}

/* Each window of a READ begins where the one before has ended. */
TEST_F(race_read, first_pages_of_windows)
{
	struct crowd *c = &self->c;
	unsigned int i, pages = 0;
	struct reader all;

	for (i = 0; i < MAPPINGS; i++)
		if (!((FAR + i * GIB) % (16 * GIB))) {
			ASSERT_EQ(0, crowd_dma(c, LOG, FAR + i * GIB, 1));
			pages++;
		}
	ASSERT_LT(4, pages);
	ASSERT_EQ(0, reader_begin(&all, c, c->b.tracker_id, FAR, MAPPINGS * GIB));
	EXPECT_EQ(pages, call_end(&all.call));
}

/**
 * struct crowder - READs of one mapping, one after the other
 * @call: The thread
 * @c: The machine
 * @mapping: Of which mapping: one report answers all that ask for the same range
 * @stop: Enough
 */
struct crowder {
	struct call call;
	struct crowd *c;
	unsigned int mapping;
	volatile bool stop;
};

static int crowder_read(void *arg)
{
	struct crowder *s = arg;
	int rc = 0;

	while (!s->stop && rc >= 0)
		rc = reader_read(s->c, s->c->b.tracker_id, FAR + s->mapping * GIB,
				 MAPPING_SIZE);
	return rc < 0 ? rc : 0;
}

/* Small READs are served first, but a large one is served in the end. */
TEST_F(race_read, small_reads_do_not_starve_others)
{
	struct crowd *c = &self->c;
	struct crowder small[3];
	struct reader large;
	unsigned int i;

	ASSERT_EQ(0, crowd_dma(c, LOG, FAR, 3));
	ASSERT_EQ(0, virt_set("slow_track_ms", REPORT_MS));
	for (i = 0; i < 3; i++) {
		small[i] = (struct crowder){ .c = c, .mapping = MAPPINGS - 1 - i };
		ASSERT_EQ(0, call_begin(&small[i].call, crowder_read, &small[i]));
	}
	usleep(200000);
	ASSERT_EQ(0, reader_begin(&large, c, c->b.tracker_id, FAR, 20 * GIB));
	EXPECT_TRUE(call_is_done(&large.call, 30000));
	for (i = 0; i < 3; i++)
		small[i].stop = true;
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, call_end(&small[i].call));
	EXPECT_EQ(3, call_end(&large.call));
}

/* Halves, quarters and the whole at the same time, some killed, and devices write. */
TEST_F(race_read, readers_of_all_sizes)
{
	struct crowd *c = &self->c;
	unsigned int i, readers;
	struct oracle o;

	ASSERT_EQ(0, oracle_open(&o));
	ASSERT_EQ(0, crowd_attach(c, BOTH, c->b.ioas_id));
	ASSERT_EQ(0, testbed_start(&c->b));
	oracle_started(&o);
	ASSERT_EQ(0, virt_set("slow_track_ms", "3"));
	ASSERT_EQ(0, crowd_write_on(c, LOG, IOVA, RAM_SIZE, 2000));
	ASSERT_EQ(0, crowd_write_on(c, BOTH, IOVA, RAM_SIZE, 2000));
	for (i = 0; i < 12; i++) {
		readers = i % 4 + 1;
		ASSERT_EQ(0, oracle_readers(&o, c->b.fd, c->b.tracker_id, IOVA,
					    RAM_SIZE, readers,
					    i % 3 == 2 ? 5000 : 0));
		ASSERT_EQ(0, oracle_readers(&o, c->b.fd, c->b.tracker_id,
					    IOVA + i % 2 * RAM_SIZE / 2,
					    RAM_SIZE / 2, readers, 0));
	}
	ASSERT_EQ(0, vdev_stop(&c->dev[LOG]));
	ASSERT_EQ(0, vdev_stop(&c->dev[BOTH]));
	ASSERT_EQ(0, oracle_read(&o, c->b.fd, c->b.tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, oracle_check(&o));
	EXPECT_LT(200, o.writes);
	EXPECT_EQ(0, o.lost) {
		TH_LOG("lost %llu of %llu, the first at %#llx", o.lost, o.writes,
		       o.lost_iova);
	}
	oracle_close(&o);
}

TEST_HARNESS_MAIN
