// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty tracker with network controllers behind a real IOMMU driver: QEMU's e1000e, igb
 * and igb's virtual functions, behind an IOMMU of QEMU that sets dirty bits. In loopback
 * each frame that is sent makes the device read it, write it to where it is received, and
 * write a descriptor of each ring; what was written is seen in memory. With MISTAKE=, what
 * QEMU was told to do wrong, something has to be lost.
 */
#include "kselftest_harness.h"
#include "realbed.h"
#include "oracle.h"
#include "requester.h"
#include "schedules.h"
#include "../lib/random.h"

/* Of RAM, the last leaf has the rings, and the others are received into */
#define BUFFERS (RAM_SIZE - HUGE)
#define BUFFER_PAGES (BUFFERS / PAGE)
#define VFS 4
#define ALL_FRAMES (NIC_RING + 100)

static bool is_vf(const char *chip)
{
	return !strcmp(chip, "igbvf");
}

FIXTURE(nic) {
	struct realbed b;
	struct requester dev;
	struct nic_write writes[NIC_WRITES];
	struct nic_frame frames[NIC_BURST];
	__u64 expected[RAM_WORDS];
	__u64 bits[RAM_WORDS];
	__u64 random;
	unsigned int checked;
};

FIXTURE_VARIANT(nic) {
	const char *chip;
	bool small;
};

FIXTURE_VARIANT_ADD(nic, e1000e_huge) {
	.chip = "e1000e",
};

FIXTURE_VARIANT_ADD(nic, e1000e_small) {
	.chip = "e1000e",
	.small = true,
};

FIXTURE_VARIANT_ADD(nic, igb_huge) {
	.chip = "igb",
};

FIXTURE_VARIANT_ADD(nic, igb_small) {
	.chip = "igb",
	.small = true,
};

FIXTURE_VARIANT_ADD(nic, igbvf_huge) {
	.chip = "igbvf",
};

FIXTURE_VARIANT_ADD(nic, igbvf_small) {
	.chip = "igbvf",
	.small = true,
};

FIXTURE_SETUP(nic)
{
	struct realbed *b = &self->b;
	__u32 flags;
	int index;

	if (getenv("MISTAKE"))
		SKIP(return, "QEMU loses dirty bits on purpose");
	self->random = schedules_env("SEED", 1);
	nic_vfs_remove();
	if (is_vf(variant->chip))
		ASSERT_EQ(0, nic_vfs_make(VFS));
	index = nic_index(variant->chip);
	ASSERT_LE(0, index);
	ASSERT_EQ(0, realbed_open(b, false));
	if (variant->small)
		ASSERT_EQ(0, iommufd_ioas_small_leaves(b->fd, b->ioas_id, true));
	ASSERT_EQ(0, realbed_map(b, RAM_SIZE, HUGE));
	ASSERT_EQ(0, realbed_hwpt(b, &b->hwpt_id));
	ASSERT_EQ(0, realbed_start(b, &flags));
	EXPECT_EQ(0, flags & (IOMMU_DIRTY_TRACKER_CONSERVATIVE | IOMMU_DIRTY_TRACKER_DEGRADED));
	ASSERT_EQ(0, requester_open_nic(&self->dev, b->fd, index, b->ram + BUFFERS,
					IOVA + BUFFERS));
	ASSERT_EQ(0, requester_attach(&self->dev, b->hwpt_id));
}

FIXTURE_TEARDOWN(nic)
{
	tracker_break("nothing");
	requester_close(&self->dev);
	realbed_close(&self->b);
	if (is_vf(variant->chip))
		nic_vfs_remove();
	TH_LOG("%s: %u writes checked", variant->chip, self->checked);
}

static __u64 random_of(FIXTURE_DATA(nic) *self, __u64 below)
{
	return random_below(&self->random, below);
}

static bool bit(const __u64 *bits, __u64 page)
{
	return bits[page / 64] >> (page % 64) & 1;
}

/* Any lengths, anywhere in the buffers; no two of the frames in the same page */
static void frames_make(FIXTURE_DATA(nic) *self, unsigned int nr)
{
	__u64 first = random_of(self, BUFFER_PAGES);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		__u64 page = (first + i * 100) % (BUFFER_PAGES - 1);
		__u64 at = page * PAGE + 16 * random_of(self, PAGE / 16);

		self->frames[i] = (struct nic_frame){
			.iova = IOVA + at,
			.to = self->b.ram + at,
			.length = NIC_SHORTEST +
				  16 * random_of(self, (NIC_LONGEST - NIC_SHORTEST) / 16 + 1),
		};
	}
}

/* One write makes a page dirty, or a leaf. */
static void expect(FIXTURE_DATA(nic) *self, __u64 page, bool small)
{
	__u64 pages = small ? 1 : HUGE / PAGE, first = page & ~(pages - 1);

	for (page = first; page < first + pages; page++)
		self->expected[page / 64] |= 1ull << (page % 64);
}

/* Send them, and add what they make dirty to what is expected. */
static int frames_send(FIXTURE_DATA(nic) *self, bool small, unsigned int nr)
{
	int i, n = nic_send(&self->dev.nic, self->frames, nr, self->writes);

	for (i = 0; i < n; i++)
		expect(self, (self->writes[i].iova - IOVA) / PAGE, small);
	self->checked += n < 0 ? 0 : n;
	return n;
}

/* All of them arrive, with both descriptors. */
static void burst(struct __test_metadata *_metadata, FIXTURE_DATA(nic) *self, bool small,
		  unsigned int nr)
{
	unsigned int i, writes = 0;

	frames_make(self, nr);
	for (i = 0; i < nr; i++)
		writes += self->frames[i].iova % PAGE + self->frames[i].length > PAGE ? 4 : 3;
	ASSERT_LE(writes, frames_send(self, small, nr));
	for (i = 0; i < nr; i++)
		ASSERT_TRUE(self->frames[i].intact) {
			TH_LOG("frame %u of %u at 0x%llx", i, nr, self->frames[i].iova);
		}
}

static void read_bits(struct __test_metadata *_metadata, FIXTURE_DATA(nic) *self, __u32 flags)
{
	memset(self->bits, 0, sizeof(self->bits));
	ASSERT_EQ(0, tracker_read_bitmap(self->b.fd, self->b.tracker_id, IOVA, RAM_SIZE, PAGE,
					 self->bits, flags, NULL));
}

static void read_ranges(struct __test_metadata *_metadata, FIXTURE_DATA(nic) *self)
{
	struct tracker_read_out out = { .next_iova = IOVA };
	struct iommu_dirty_range ranges[5];
	__u64 at;
	int i, n;

	memset(self->bits, 0, sizeof(self->bits));
	while (out.next_iova < IOVA + RAM_SIZE) {
		n = tracker_read_ranges(self->b.fd, self->b.tracker_id, out.next_iova,
					IOVA + RAM_SIZE - out.next_iova, PAGE, ranges, 5, 0,
					&out);
		ASSERT_LE(0, n);
		for (i = 0; i < n; i++)
			for (at = ranges[i].iova - IOVA;
			     at < ranges[i].iova - IOVA + ranges[i].length; at += PAGE)
				self->bits[at / PAGE / 64] |= 1ull << (at / PAGE % 64);
	}
}

static unsigned int count(const __u64 *bits)
{
	unsigned int i, n = 0;

	for (i = 0; i < RAM_WORDS; i++)
		n += __builtin_popcountll(bits[i]);
	return n;
}

/* What was expected is what was read, and from now on nothing is. */
static void expect_same(struct __test_metadata *_metadata, FIXTURE_DATA(nic) *self)
{
	unsigned int page, lost = 0, over = 0;

	for (page = 0; page < RAM_PAGES; page++) {
		lost += bit(self->expected, page) && !bit(self->bits, page);
		over += !bit(self->expected, page) && bit(self->bits, page);
	}
	EXPECT_EQ(0, lost);
	EXPECT_EQ(0, over);
	memset(self->expected, 0, sizeof(self->expected));
}

/*
 * In every format. The frames that are sent lie beside the rings, and are only read: with
 * small leaves they must not be reported. The rings are gone through from end to end.
 */
TEST_F(nic, formats)
{
	unsigned int i, frames = 0;
	struct tracker_read_out out;

	for (i = 0; frames < ALL_FRAMES; i++) {
		unsigned int nr = 1 + random_of(self, NIC_BURST);

		burst(_metadata, self, variant->small, nr);
		frames += nr;
		switch (i % 4) {
		case 0:
			read_bits(_metadata, self, IOMMU_DIRTY_TRACKER_READ_NO_CLEAR);
			/* Once more, into what NO_CLEAR has left in the table */
			burst(_metadata, self, variant->small, 1);
			break;
		case 1:
			ASSERT_EQ(0, tracker_count(self->b.fd, self->b.tracker_id, IOVA, RAM_SIZE,
						   PAGE, &out));
			EXPECT_EQ(count(self->expected) * PAGE, out.dirty_bytes);
			break;
		}
		if (i % 2)
			read_ranges(_metadata, self);
		else
			read_bits(_metadata, self, 0);
		expect_same(_metadata, self);
	}
	read_bits(_metadata, self, 0);
	expect_same(_metadata, self);
}

/* The same place in the same page: the IOTLB has to have been flushed. */
TEST_F(nic, again_and_again)
{
	unsigned int i;

	for (i = 0; i < 64; i++) {
		self->frames[0] = (struct nic_frame){
			.iova = IOVA + 1234 * PAGE, .to = self->b.ram + 1234 * PAGE,
			.length = NIC_LONGEST,
		};
		ASSERT_EQ(3, frames_send(self, variant->small, 1));
		ASSERT_TRUE(self->frames[0].intact);
		read_bits(_metadata, self, 0);
		expect_same(_metadata, self);
	}
}

/* What the device leaves in one domain and writes in the next, and nothing in between */
TEST_F(nic, attach_and_detach)
{
	unsigned int i;
	__u32 other;

	ASSERT_EQ(0, realbed_hwpt(&self->b, &other));
	for (i = 0; i < 12; i++) {
		burst(_metadata, self, variant->small, 5);
		if (i % 2) {
			ASSERT_EQ(0, requester_detach(&self->dev));
			frames_make(self, 3);
			EXPECT_EQ(0, frames_send(self, variant->small, 3));
		}
		ASSERT_EQ(0, requester_attach(&self->dev,
					      i / 2 % 2 ? self->b.hwpt_id : other));
		if (i % 3)
			burst(_metadata, self, variant->small, 2);
		read_bits(_metadata, self, 0);
		expect_same(_metadata, self);
	}
}

static void unmap_buffers(struct __test_metadata *_metadata, FIXTURE_DATA(nic) *self,
			  bool tracker)
{
	static __u64 unmapped[RAM_WORDS];
	struct iommu_dirty_tracker_unmap cmd = {
		.tracker_id = self->b.tracker_id,
		.iova = IOVA,
		.length = BUFFERS,
		.page_size = PAGE,
		.data = (unsigned long)unmapped,
		.data_len = BUFFER_PAGES / 8,
	};
	unsigned int i;

	memset(unmapped, 0, sizeof(unmapped));
	if (tracker) {
		ASSERT_EQ(0, tracker_unmap(self->b.fd, &cmd));
	} else {
		ASSERT_EQ(0, iommufd_ioas_unmap(self->b.fd, self->b.ioas_id, IOVA, BUFFERS,
						NULL));
	}
	read_bits(_metadata, self, 0);
	for (i = 0; i < RAM_WORDS; i++)
		self->bits[i] |= unmapped[i];
}

/* What intel-iommu of 6.12 maps then has large leaves (real_dirty_test:unmap) */
static void expect_written(struct __test_metadata *_metadata, FIXTURE_DATA(nic) *self)
{
	unsigned int page, leaf, i, lost = 0, over = 0;

	for (leaf = 0; leaf < RAM_PAGES; leaf += HUGE / PAGE) {
		bool written = false;

		for (i = 0; i < HUGE / PAGE; i++)
			written |= bit(self->expected, leaf + i);
		for (page = leaf; page < leaf + HUGE / PAGE; page++) {
			lost += bit(self->expected, page) && !bit(self->bits, page);
			over += !written && bit(self->bits, page);
		}
	}
	EXPECT_EQ(0, lost);
	EXPECT_EQ(0, over);
	memset(self->expected, 0, sizeof(self->expected));
}

/* Buffers are unmapped, which leaves the descriptors to be written, and mapped again. */
TEST_F(nic, unmap)
{
	bool born_dirty = tracker_born_dirty(self->b.fd, self->b.tracker_id);
	unsigned int i;

	for (i = 0; i < 8; i++) {
		burst(_metadata, self, true, 7);
		unmap_buffers(_metadata, self, i % 2);
		expect_written(_metadata, self);
		frames_make(self, 4);
		EXPECT_EQ(2 * 4, frames_send(self, true, 4));
		read_bits(_metadata, self, 0);
		expect_written(_metadata, self);
		ASSERT_EQ(0, realbed_map(&self->b, BUFFERS, HUGE));
		if (born_dirty) {
			read_bits(_metadata, self, 0);
			EXPECT_EQ(BUFFER_PAGES, count(self->bits));
		}
		burst(_metadata, self, true, 3);
		read_bits(_metadata, self, 0);
		expect_written(_metadata, self);
	}
}

static void job_begin(struct __test_metadata *_metadata, FIXTURE_DATA(nic) *self)
{
	__u64 page = random_of(self, BUFFER_PAGES - 20);
	struct vdev_job job;

	vdev_job_init(&job);
	job.pattern = VIRT_DMA_PATTERN_RANDOM;
	job.iova = IOVA + page * PAGE;
	job.length = 20 * PAGE;
	job.offset = 8 * random_of(self, 512);
	job.seed = random_of(self, 1u << 30);
	job.sweeps = 2;
	ASSERT_EQ(0, requester_start(&self->dev, &job, self->b.ram + page * PAGE));
}

/* One READ, in one of the formats */
static int read_beside(FIXTURE_DATA(nic) *self, struct oracle *o, unsigned int format)
{
	int fd = self->b.fd;
	__u32 id = self->b.tracker_id;
	struct tracker_read_out out;

	switch (format) {
	case 0:
		return oracle_read_ranges(o, fd, id, IOVA, RAM_SIZE, 20);
	case 1:
		return tracker_count(fd, id, IOVA, RAM_SIZE, PAGE, &out);
	case 2:
		memset(self->bits, 0, sizeof(self->bits));
		return tracker_read_bitmap(fd, id, IOVA, RAM_SIZE, PAGE, self->bits,
					   IOMMU_DIRTY_TRACKER_READ_NO_CLEAR, NULL);
	default:
		return oracle_read(o, fd, id, IOVA, RAM_SIZE);
	}
}

/* READs in each format while the device writes, and other memory is mapped and unmapped */
TEST_F(nic, while_it_writes)
{
	__u64 beside = IOVA + 4 * RAM_SIZE;
	unsigned int i, reads = 0;
	struct oracle o;
	int rc;

	ASSERT_EQ(0, oracle_open_own(&o, variant->small ? PAGE : HUGE));
	oracle_started(&o);
	for (i = 0; i < 25; i++) {
		job_begin(_metadata, self);
		while (!self->dev.done) {
			rc = read_beside(self, &o, reads++ % 5);
			ASSERT_EQ(0, rc);
			ASSERT_EQ(0, iommufd_ioas_map(self->b.fd, self->b.ioas_id, self->b.ram,
						      HUGE, beside, IOMMUFD_MAP_RW));
			ASSERT_EQ(0, iommufd_ioas_unmap(self->b.fd, self->b.ioas_id, beside,
							HUGE, NULL));
		}
		ASSERT_EQ(0, requester_stop(&self->dev));
	}
	ASSERT_EQ(0, oracle_read(&o, self->b.fd, self->b.tracker_id, IOVA, RAM_SIZE));
	ASSERT_EQ(0, oracle_wrote(&o, self->dev.writes, self->dev.nr_writes));
	ASSERT_EQ(0, oracle_check(&o));
	EXPECT_EQ(0, o.lost);
	EXPECT_EQ(0, o.strays);
	self->checked += o.writes;
	TH_LOG("%llu pages reported by %u READs", o.reported, reads);
	oracle_close(&o);
}

/* Copy what is dirty, as a migration would send it; with @forget, not each 8th page. */
static void copy_dirty(struct __test_metadata *_metadata, FIXTURE_DATA(nic) *self, char *copy,
		       bool forget)
{
	unsigned int page, n = 0;

	read_bits(_metadata, self, 0);
	for (page = 0; page < BUFFER_PAGES; page++)
		if (bit(self->bits, page) && (!forget || ++n % 8))
			memcpy(copy + page * PAGE, self->b.ram + page * PAGE, PAGE);
}

/* Passes over the buffers while the device writes, and a last one when it has stopped */
static unsigned int precopy(struct __test_metadata *_metadata, FIXTURE_DATA(nic) *self,
			    bool forget)
{
	char *copy = malloc(BUFFERS);
	unsigned int i, passes = 0, differ = 0;

	ASSERT_NE(NULL, copy);
	memcpy(copy, self->b.ram, BUFFERS);
	for (i = 0; i < 30; i++) {
		job_begin(_metadata, self);
		for (; !self->dev.done; passes++)
			copy_dirty(_metadata, self, copy, forget);
		ASSERT_EQ(0, requester_stop(&self->dev));
	}
	copy_dirty(_metadata, self, copy, forget);
	for (i = 0; i < BUFFER_PAGES; i++)
		differ += !!memcmp(copy + i * PAGE, self->b.ram + i * PAGE, PAGE);
	free(copy);
	self->checked += forget ? 0 : self->dev.nr_writes;
	TH_LOG("%u passes, %u pages differ", passes, differ);
	return differ;
}

/* The copy is complete: what pre-copy is for. The processor's writes are not tracked. */
TEST_F(nic, precopy)
{
	EXPECT_EQ(0, precopy(_metadata, self, false));
}

TEST_F(nic, precopy_notices_a_page)
{
	EXPECT_LT(0, precopy(_metadata, self, true));
}

FIXTURE(nic_schedule) {
	struct schedule s;
};

FIXTURE_VARIANT(nic_schedule) {
	bool small;
	bool vfs;
};

FIXTURE_VARIANT_ADD(nic_schedule, huge) {
};

FIXTURE_VARIANT_ADD(nic_schedule, small) {
	.small = true,
};

FIXTURE_VARIANT_ADD(nic_schedule, vfs) {
	.vfs = true,
};

FIXTURE_SETUP(nic_schedule)
{
	unsigned int first = 0;
	int n;

	nic_vfs_remove();
	if (variant->vfs) {
		ASSERT_EQ(0, nic_vfs_make(VFS));
		first = nic_index("igbvf");
	}
	n = nic_count();
	ASSERT_LT(0, n);
	self->s = (struct schedule){
		.kind = REQUESTER_NIC,
		.devices = (1u << n) - (1u << first),
		.small = variant->small,
		/* As for edu; see real_schedule_test.c */
		.leaf = 2 * HUGE,
	};
}

FIXTURE_TEARDOWN(nic_schedule)
{
	tracker_break("nothing");
	if (variant->vfs)
		nic_vfs_remove();
}

TEST_F_TIMEOUT(nic_schedule, loses_nothing, 100000)
{
	if (getenv("MISTAKE"))
		SKIP(return, "QEMU loses dirty bits on purpose");
	schedules_run(_metadata, &self->s, 3);
}

TEST_F_TIMEOUT(nic_schedule, notices_what_qemu_loses, 100000)
{
	if (!getenv("MISTAKE"))
		SKIP(return, "QEMU makes no mistake (MISTAKE=)");
	EXPECT_LT(0, schedules_lost(_metadata, &self->s));
}

/* The driver is not asked to flush the IOTLB */
TEST_F_TIMEOUT(nic_schedule, notices_a_flush_left_out, 100000)
{
	if (getenv("MISTAKE"))
		SKIP(return, "QEMU loses dirty bits on purpose");
	ASSERT_EQ(0, tracker_break("no_flush"));
	EXPECT_LT(0, schedules_lost(_metadata, &self->s));
}

TEST_HARNESS_MAIN
