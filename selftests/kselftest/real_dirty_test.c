// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty tracker on a real IOMMU driver whose IOMMU sets dirty bits, which QEMU's
 * does with the patches of contrib/qemu/iommu, and on a device that is not ours,
 * QEMU's edu. Each transfer is commanded here, so what was written is known.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "kselftest_harness.h"
#include "realbed.h"

/* The other half of edu's memory, for what is read */
#define READ_TO (EDU_BUFFER_SIZE / 2)

FIXTURE(real) {
	struct realbed b;
	__u64 bits[RAM_WORDS];
	unsigned int writes;
};

FIXTURE_VARIANT(real) {
	bool small;
};

FIXTURE_VARIANT_ADD(real, huge) {
};

FIXTURE_VARIANT_ADD(real, small) {
	.small = true,
};

FIXTURE_SETUP(real)
{
	struct realbed *b = &self->b;
	__u32 flags;

	ASSERT_EQ(0, realbed_open(b, false));
	if (variant->small)
		ASSERT_EQ(0, iommufd_ioas_small_leaves(b->fd, b->ioas_id, true));
	ASSERT_EQ(0, realbed_map(b, RAM_SIZE, HUGE));
	ASSERT_EQ(0, realbed_hwpt(b, &b->hwpt_id)) {
		TH_LOG("this IOMMU has no dirty bits (QEMU of contrib/qemu/iommu?)");
	}
	ASSERT_EQ(0, realbed_start(b, &flags));
	EXPECT_EQ(0, flags & (IOMMU_DIRTY_TRACKER_CONSERVATIVE |
			      IOMMU_DIRTY_TRACKER_DEGRADED));
}

FIXTURE_TEARDOWN(real)
{
	tracker_break("nothing");
	realbed_close(&self->b);
	TH_LOG("%u writes checked", self->writes);
}

/* The first page of what one write makes dirty, and how many there are */
static __u64 first_of(const FIXTURE_VARIANT(real) *variant, __u64 page)
{
	return variant->small ? page : page & ~(HUGE / PAGE - 1);
}

static __u64 pages_of(const FIXTURE_VARIANT(real) *variant)
{
	return variant->small ? 1 : HUGE / PAGE;
}

/* One write, seen in memory */
static void write_page(struct __test_metadata *_metadata, FIXTURE_DATA(real) *self,
		       __u64 page)
{
	ASSERT_EQ(0, realbed_write(&self->b, page));
	self->writes++;
}

static void read_bits(struct __test_metadata *_metadata, FIXTURE_DATA(real) *self,
		      __u32 flags)
{
	memset(self->bits, 0, sizeof(self->bits));
	ASSERT_EQ(0, tracker_read_bitmap(self->b.fd, self->b.tracker_id, IOVA,
					 RAM_SIZE, PAGE, self->bits, flags,
					 NULL));
}

static unsigned int dirty(const FIXTURE_DATA(real) *self, __u64 first, __u64 pages)
{
	unsigned int n = 0;
	__u64 i;

	for (i = first; i < first + pages; i++)
		n += self->bits[i / 64] >> (i % 64) & 1;
	return n;
}

/* Of all pages, those that one write of @page makes dirty and no other */
static void expect_only(struct __test_metadata *_metadata, FIXTURE_DATA(real) *self,
			const FIXTURE_VARIANT(real) *variant, __u64 page)
{
	EXPECT_EQ(pages_of(variant), dirty(self, first_of(variant, page),
					   pages_of(variant))) {
		TH_LOG("page %llu is lost", page);
	}
	EXPECT_EQ(pages_of(variant), dirty(self, 0, RAM_PAGES)) {
		TH_LOG("for page %llu", page);
	}
}

/*
 * The last page of the address space: the walk of a driver may wrap there, and not end. It is
 * refused, or READ like any other.
 */
TEST_F(real, last_page)
{
	struct realbed *b = &self->b;
	__u64 last = -(__u64)PAGE, unmapped, bits = 0;
	int rc;

	rc = iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE, last, IOMMUFD_MAP_RW);
	if (rc) {
		EXPECT_EQ(-EINVAL, rc);
		return;
	}
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, last, PAGE, PAGE, &bits, 0, NULL));
	EXPECT_EQ(0, bits);
	ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	write_page(_metadata, self, 3);
	read_bits(_metadata, self, 0);
	expect_only(_metadata, self, variant, 3);
	EXPECT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, last, PAGE, &unmapped));
}

TEST_F(real, source_is_the_iommu)
{
	struct iommu_dirty_source_info source = {};
	struct iommu_dirty_tracker_info info;

	ASSERT_EQ(0, tracker_info(self->b.fd, self->b.tracker_id, &info, &source, 1));
	EXPECT_EQ(1, info.nr_sources);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, source.kind);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_ON, source.state);
	EXPECT_EQ(PAGE, source.granule);
	TH_LOG("platform %s, flags 0x%x, largest leaf %llu", source.platform,
	       source.flags, source.largest);
}

/* Not what was written before START, and what was after it, once. */
TEST_F(real, once)
{
	unsigned int i;

	read_bits(_metadata, self, 0);
	EXPECT_EQ(0, dirty(self, 0, RAM_PAGES));
	for (i = 0; i < 24; i++) {
		__u64 page = (i * 1021 + 3) % RAM_PAGES;

		write_page(_metadata, self, page);
		read_bits(_metadata, self, 0);
		expect_only(_metadata, self, variant, page);
		read_bits(_metadata, self, 0);
		EXPECT_EQ(0, dirty(self, 0, RAM_PAGES));
	}
}

/* The same page again: the IOTLB has to have been flushed. */
TEST_F(real, again_and_again)
{
	unsigned int i;

	for (i = 0; i < 32; i++) {
		write_page(_metadata, self, 1234);
		if (i % 2)
			write_page(_metadata, self, 1234);
		read_bits(_metadata, self, 0);
		expect_only(_metadata, self, variant, 1234);
	}
}

/* What a read has brought into the IOTLB is not dirty. */
TEST_F(real, read_before_write)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		__u64 page = i * 200 + 7;

		ASSERT_EQ(0, edu_read(&self->b.dev, IOVA + page * PAGE, READ_TO,
				      REAL_BYTES));
		read_bits(_metadata, self, 0);
		EXPECT_EQ(0, dirty(self, 0, RAM_PAGES));
		ASSERT_EQ(0, edu_read(&self->b.dev, IOVA + page * PAGE, READ_TO,
				      REAL_BYTES));
		write_page(_metadata, self, page);
		read_bits(_metadata, self, 0);
		expect_only(_metadata, self, variant, page);
	}
}

/* Bitmap with and without clearing, ranges, count */
TEST_F(real, formats)
{
	struct iommu_dirty_range ranges[4] = {};
	struct tracker_read_out out;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		__u64 page = i * 512 + 77, first = first_of(variant, page);

		write_page(_metadata, self, page);
		ASSERT_EQ(0, tracker_count(self->b.fd, self->b.tracker_id, IOVA,
					   RAM_SIZE, PAGE, &out));
		EXPECT_EQ(pages_of(variant) * PAGE, out.dirty_bytes);
		read_bits(_metadata, self, IOMMU_DIRTY_TRACKER_READ_NO_CLEAR);
		expect_only(_metadata, self, variant, page);
		/* Once more, into what NO_CLEAR has left in the table */
		write_page(_metadata, self, page);
		ASSERT_EQ(1, tracker_read_ranges(self->b.fd, self->b.tracker_id,
						 IOVA, RAM_SIZE, PAGE, ranges,
						 4, 0, &out));
		EXPECT_EQ(IOVA + first * PAGE, ranges[0].iova);
		EXPECT_EQ(pages_of(variant) * PAGE, ranges[0].length);
		read_bits(_metadata, self, 0);
		EXPECT_EQ(0, dirty(self, 0, RAM_PAGES));
	}
}

/* In units that are larger than a page, and of a part of a leaf */
TEST_F(real, parts)
{
	__u64 word = 0;

	write_page(_metadata, self, 700);
	ASSERT_EQ(0, tracker_read_bitmap(self->b.fd, self->b.tracker_id,
					 IOVA + 640 * PAGE, 64 * PAGE, PAGE,
					 &word, 0, NULL));
	EXPECT_EQ(variant->small ? 1ull << 60 : ~0ull, word);
	read_bits(_metadata, self, 0);
	EXPECT_EQ(0, dirty(self, 640, 64));
	EXPECT_EQ(variant->small ? 0 : 512 - 64, dirty(self, 0, RAM_PAGES));
	write_page(_metadata, self, 700);
	word = 0;
	ASSERT_EQ(0, tracker_read_bitmap(self->b.fd, self->b.tracker_id, IOVA,
					 RAM_SIZE, HUGE, &word, 0, NULL));
	EXPECT_EQ(1ull << 1, word);
}

/*
 * Dirty pages of what is unmapped, by the tracker and by IOAS_UNMAP. What is mapped then has
 * leaves as the IOAS was told, but not with intel-iommu of 6.12: its
 * domain_update_iommu_cap() adds the large sizes to the domain's at each attach.
 * Behind an SMMUv3 it is dirty.
 */
TEST_F(real, unmap)
{
	unsigned int dirty_at_map = tracker_born_dirty(self->b.fd, self->b.tracker_id) ?
				    RAM_PAGES : 0;
	unsigned int i, large = 0;

	for (i = 0; i < 6; i++) {
		__u64 page = i * 512 + 100, leaf = page / 512 * 512;
		struct iommu_dirty_tracker_unmap cmd = {
			.tracker_id = self->b.tracker_id,
			.iova = IOVA,
			.length = RAM_SIZE,
			.page_size = PAGE,
			.data = (unsigned long)self->bits,
			.data_len = sizeof(self->bits),
		};

		write_page(_metadata, self, page);
		memset(self->bits, 0, sizeof(self->bits));
		if (i % 2) {
			ASSERT_EQ(0, tracker_unmap(self->b.fd, &cmd));
		} else {
			ASSERT_EQ(0, iommufd_ioas_unmap(self->b.fd, self->b.ioas_id,
							IOVA, RAM_SIZE, NULL));
			read_bits(_metadata, self, 0);
		}
		EXPECT_LT(0, dirty(self, page, 1));
		EXPECT_EQ(dirty(self, leaf, 512), dirty(self, 0, RAM_PAGES));
		ASSERT_EQ(0, realbed_map(&self->b, RAM_SIZE, HUGE));
		read_bits(_metadata, self, 0);
		EXPECT_EQ(dirty_at_map, dirty(self, 0, RAM_PAGES));
		write_page(_metadata, self, page);
		read_bits(_metadata, self, 0);
		EXPECT_EQ(1, dirty(self, page, 1));
		large += dirty(self, 0, RAM_PAGES) != pages_of(variant);
	}
	EXPECT_EQ(0, large);
}

/* Dirty pages of a domain that the device leaves, and what it writes in the next */
TEST_F(real, attach_and_detach)
{
	__u32 other;
	unsigned int i;

	ASSERT_EQ(0, realbed_hwpt(&self->b, &other));
	for (i = 0; i < 8; i++) {
		__u64 page = i * 300 + 5;

		write_page(_metadata, self, page);
		if (i % 2)
			ASSERT_EQ(0, edu_detach(&self->b.dev));
		ASSERT_EQ(0, edu_attach(&self->b.dev, i / 2 % 2 ? other :
						    self->b.hwpt_id, NULL));
		read_bits(_metadata, self, 0);
		expect_only(_metadata, self, variant, page);
		write_page(_metadata, self, page + 1);
		read_bits(_metadata, self, 0);
		expect_only(_metadata, self, variant, page + 1);
	}
}

struct replacing {
	struct edu *dev;
	__u32 hwpt_id[2];
	atomic_bool stop;
	unsigned int rounds;
	int rc;
};

static void *replace(void *arg)
{
	struct replacing *r = arg;

	while (!r->stop && !r->rc)
		r->rc = edu_attach(r->dev, r->hwpt_id[++r->rounds % 2], NULL);
	return NULL;
}

/*
 * Replaces while the device writes. These drivers take the old domain away first, so a
 * write in between is refused; what arrives must be reported. In intel-iommu
 * of 6.12 device_block_translation() removes the cache tags of the domain before the PASID
 * entry, and dmar_domain_attach_device() adds them after it: a harvest in between would
 * flush without the device, whose IOTLB entry still says that the page is dirty.
 */
TEST_F(real, replaced_under_dma)
{
	struct replacing r = { .dev = &self->b.dev };
	unsigned int i, refused = 0, lost = 0;
	pthread_t thread;

	r.hwpt_id[0] = self->b.hwpt_id;
	ASSERT_EQ(0, realbed_hwpt(&self->b, &r.hwpt_id[1]));
	ASSERT_EQ(0, pthread_create(&thread, NULL, replace, &r));
	for (i = 0; i < 300; i++) {
		__u64 page = i * 7 % RAM_PAGES;
		volatile __u64 *at = (volatile __u64 *)(self->b.ram + page * PAGE);

		*at = ~0ull;
		ASSERT_EQ(0, edu_write(&self->b.dev, IOVA + page * PAGE, 0, REAL_BYTES));
		read_bits(_metadata, self, 0);
		if (*at) {
			refused++;
			continue;
		}
		self->writes++;
		lost += !dirty(self, page, 1);
	}
	r.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, r.rc);
	TH_LOG("%u replaces, of 300 writes %u refused, %u lost", r.rounds,
	       refused, lost);
	EXPECT_EQ(0, lost);
}

/* What is written while it is off is not reported after the next START. */
TEST_F(real, stop_and_start)
{
	unsigned int i;

	for (i = 0; i < 6; i++) {
		write_page(_metadata, self, 900);
		ASSERT_EQ(0, tracker_set(self->b.fd, self->b.tracker_id, 0, NULL,
					 NULL));
		write_page(_metadata, self, 2000);
		ASSERT_EQ(0, tracker_set(self->b.fd, self->b.tracker_id,
					 IOMMU_DIRTY_TRACKER_ENABLE, NULL,
					 NULL));
		read_bits(_metadata, self, 0);
		EXPECT_EQ(0, dirty(self, 0, RAM_PAGES));
		write_page(_metadata, self, 2000);
		read_bits(_metadata, self, 0);
		expect_only(_metadata, self, variant, 2000);
	}
}

/* A write that the domain refuses reaches nothing and makes nothing dirty. */
TEST_F(real, refused)
{
	__u64 far = IOVA + 2 * RAM_SIZE;

	ASSERT_EQ(0, iommufd_ioas_map(self->b.fd, self->b.ioas_id, self->b.ram, PAGE,
				      far, IOMMU_IOAS_MAP_READABLE));
	memset(self->b.ram, 0xff, PAGE);
	ASSERT_EQ(0, edu_read(&self->b.dev, far, READ_TO, REAL_BYTES));
	ASSERT_EQ(0, edu_write(&self->b.dev, far, 0, REAL_BYTES));
	EXPECT_EQ((char)0xff, self->b.ram[0]);
	ASSERT_EQ(0, edu_write(&self->b.dev, far + PAGE, 0, REAL_BYTES));
	read_bits(_metadata, self, 0);
	EXPECT_EQ(0, dirty(self, 0, RAM_PAGES));
	write_page(_metadata, self, 0);
	read_bits(_metadata, self, 0);
	expect_only(_metadata, self, variant, 0);
}

/*
 * A walker that differs from iommu_iova_to_phys() is not used.
 * The driver's own read, which is asked then, fails in such a kernel.
 */
TEST_F(real, wrong_walker_is_not_used)
{
	struct tracker_read_out out = {};
	__u32 other;

	if (!iommufd_has_walker())
		SKIP(return, "the driver reads its dirty bits in this kernel");
	ASSERT_EQ(0, tracker_break("walk_wrong"));
	ASSERT_EQ(0, realbed_hwpt(&self->b, &other));
	ASSERT_EQ(0, edu_attach(&self->b.dev, other, NULL));
	write_page(_metadata, self, 900);
	ASSERT_EQ(0, tracker_read_bitmap(self->b.fd, self->b.tracker_id, IOVA,
					 RAM_SIZE, PAGE, self->bits, 0, &out));
	EXPECT_EQ(0, tracker_break("nothing"));
	EXPECT_EQ(RAM_PAGES, dirty(self, 0, RAM_PAGES));
	EXPECT_NE(0, out.flags & IOMMU_DIRTY_TRACKER_DEGRADED);
}

TEST_HARNESS_MAIN
