// SPDX-License-Identifier: GPL-2.0-only
/*
 * A real IOMMU driver and a device of another project: QEMU's intel-iommu,
 * amd-iommu or SMMUv3, and its edu device (docs/specs/edu in QEMU's source). No
 * IOMMU of QEMU can track, so the tracker's answer is "all that is mapped".
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "../lib/edu.h"
#include "../lib/random.h"
#include "fixture.h"

/* The device has 28 address bits */
#define EDU_IOVA	0x100000ull
#define EDU_PAGES	16

FIXTURE(edu) {
	int fd;
	struct edu dev;
	__u32 ioas_id;
	__u32 tracker_id;
	char *ram;
	__u64 bits;
};

FIXTURE_SETUP(edu)
{
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, edu_open(&self->dev, self->fd, 0));

	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	self->ram = mmap(NULL, EDU_PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->ram);
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, self->ram,
				      EDU_PAGES * PAGE, EDU_IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, edu_attach(&self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, tracker_alloc(self->fd, self->ioas_id,
				   IOMMU_DIRTY_POLICY_AUTO, 0, 0,
				   &self->tracker_id));
}

FIXTURE_TEARDOWN(edu)
{
	tracker_break("nothing");
	edu_close(&self->dev);
	close(self->fd);
}

static int read_bits(int fd, __u32 tracker_id, __u64 *bits,
		     struct tracker_read_out *out)
{
	*bits = 0;
	return tracker_read_bitmap(fd, tracker_id, EDU_IOVA, EDU_PAGES * PAGE,
				   PAGE, bits, 0, out);
}

/* Memory to the device and back to another page. */
TEST_F(edu, dma_both_ways)
{
	unsigned int i;

	for (i = 0; i < 256; i++)
		self->ram[3 * PAGE + i] = i * 7;
	ASSERT_EQ(0, edu_read(&self->dev, EDU_IOVA + 3 * PAGE, 0, 256));
	ASSERT_EQ(0, edu_write(&self->dev, EDU_IOVA + 9 * PAGE, 0, 256));
	EXPECT_EQ(0, memcmp(self->ram + 3 * PAGE, self->ram + 9 * PAGE, 256));
}

/* The plan says what it is: this IOMMU cannot track. */
TEST_F(edu, tracker_falls_back)
{
	struct iommu_dirty_source_info source = {};
	struct iommu_dirty_tracker_info info;
	struct tracker_read_out out;
	__u32 flags;

	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id,
				 IOMMU_DIRTY_TRACKER_ENABLE, NULL, &flags));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, flags);
	ASSERT_EQ(0, edu_write(&self->dev, EDU_IOVA + 5 * PAGE, 0, 64));
	ASSERT_EQ(0, read_bits(self->fd, self->tracker_id, &self->bits, &out));
	EXPECT_EQ((1ull << EDU_PAGES) - 1, self->bits);
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, out.flags);
	ASSERT_EQ(0, tracker_info(self->fd, self->tracker_id, &info, &source,
				  1));
	EXPECT_EQ(1, info.nr_sources);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_MAPPED, source.kind);
	EXPECT_STREQ("none", source.platform);
}

/* Bits stand for pages of the kernel or larger units, whatever the size of its pages. */
TEST_F(edu, units)
{
	__u64 bits = 0;

	ASSERT_EQ(PAGE, sysconf(_SC_PAGESIZE));
	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id,
				 IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	EXPECT_EQ(-EINVAL, tracker_read_bitmap(self->fd, self->tracker_id, EDU_IOVA,
					       EDU_PAGES * PAGE, PAGE / 2, &bits, 0, NULL));
	EXPECT_EQ(0, bits);
	ASSERT_EQ(0, tracker_read_bitmap(self->fd, self->tracker_id, EDU_IOVA,
					 EDU_PAGES * PAGE, PAGE, &bits, 0, NULL));
	EXPECT_EQ((1ull << EDU_PAGES) - 1, bits);
	bits = 0;
	ASSERT_EQ(0, tracker_read_bitmap(self->fd, self->tracker_id, EDU_IOVA,
					 EDU_PAGES * PAGE, 4 * PAGE, &bits, 0, NULL));
	EXPECT_EQ((1ull << EDU_PAGES / 4) - 1, bits);
	EXPECT_EQ(-EINVAL, iommufd_ioas_map(self->fd, self->ioas_id, self->ram, PAGE / 2,
					    EDU_IOVA + EDU_PAGES * PAGE, IOMMUFD_MAP_RW));
}

/* Map, unmap, attach and detach under a running tracker. */
TEST_F(edu, comes_and_goes)
{
	struct tracker_read_out out;
	unsigned int i;

	ASSERT_EQ(0, tracker_set(self->fd, self->tracker_id,
				 IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, edu_detach(&self->dev));
		ASSERT_EQ(0, read_bits(self->fd, self->tracker_id, &self->bits,
				       &out));
		EXPECT_EQ((1ull << EDU_PAGES) - 1, self->bits);
		ASSERT_EQ(0, read_bits(self->fd, self->tracker_id, &self->bits,
				       &out));
		EXPECT_EQ(0, self->bits);
		ASSERT_EQ(0, edu_attach(&self->dev, self->ioas_id, NULL));
		ASSERT_EQ(0, iommufd_ioas_unmap(self->fd, self->ioas_id,
						EDU_IOVA, EDU_PAGES * PAGE,
						NULL));
		ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id,
					      self->ram, EDU_PAGES * PAGE,
					      EDU_IOVA, IOMMUFD_MAP_RW));
		self->ram[0] = i;
		ASSERT_EQ(0, edu_read(&self->dev, EDU_IOVA, 0, 64));
		ASSERT_EQ(0, edu_write(&self->dev, EDU_IOVA + 2 * PAGE, 0, 64));
		EXPECT_EQ((char)i, self->ram[2 * PAGE]);
		ASSERT_EQ(0, read_bits(self->fd, self->tracker_id, &self->bits,
				       &out));
		EXPECT_EQ((1ull << EDU_PAGES) - 1, self->bits);
	}
}

TEST_F(edu, reset)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	ASSERT_EQ(0, ioctl(self->dev.fd, VFIO_DEVICE_GET_INFO, &info));
	if (!(info.flags & VFIO_DEVICE_FLAGS_RESET))
		SKIP(return, "the device has no reset of its own");
	ASSERT_EQ(0, ioctl(self->dev.fd, VFIO_DEVICE_RESET));
	ASSERT_EQ(0, edu_bus_master(&self->dev));
	self->dev.reg[EDU_LIVENESS / 4] = 0x12345678;
	EXPECT_EQ(~0x12345678u, self->dev.reg[EDU_LIVENESS / 4]);
	EXPECT_EQ(0, edu_write(&self->dev, EDU_IOVA, 0, 64));
}

TEST_F(edu, interrupt)
{
	struct {
		struct vfio_irq_set set;
		__s32 fd;
	} irq = {
		.set = {
			.argsz = sizeof(irq),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD |
				 VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_MSI_IRQ_INDEX,
			.count = 1,
		},
	};
	struct pollfd poll_fd = { .events = POLLIN };
	__u64 count;

	poll_fd.fd = irq.fd = eventfd(0, EFD_NONBLOCK);
	ASSERT_LE(0, irq.fd);
	ASSERT_EQ(0, ioctl(self->dev.fd, VFIO_DEVICE_SET_IRQS, &irq));
	self->dev.reg[EDU_IRQ_RAISE / 4] = 1;
	ASSERT_EQ(1, poll(&poll_fd, 1, 10000));
	ASSERT_EQ(sizeof(count), read(irq.fd, &count, sizeof(count)));
	EXPECT_EQ(1, count);
	self->dev.reg[EDU_IRQ_ACK / 4] = 1;
}

/**
 * struct steps - Random steps, and what the tracker must report of them
 * @random: State of the random numbers
 * @mapped: Pages that are mapped, one bit each
 * @owed: Pages that the device wrote, and that were not reported since
 * @unmapped: Pages that were unmapped without a report since the last READ
 * @attached: The device is
 * @writes: How often the device wrote
 * @lost: Pages owed that were not reported
 * @wrong: READs that left out what is mapped, or reported what was not
 */
struct steps {
	__u64 random;
	__u64 mapped;
	__u64 owed;
	__u64 unmapped;
	bool attached;
	unsigned int writes;
	unsigned int lost;
	unsigned int wrong;
};

/* What the device writes, and where the device has it */
#define STEPS_WORD	0x5ea1ed0fd1257700ull
#define STEPS_AT	2048u

static void steps_reported(struct steps *s, __u64 asked, __u64 bits)
{
	s->lost += __builtin_popcountll(s->owed & asked & ~bits);
	s->owed &= ~asked;
}

static int steps_write(FIXTURE_DATA(edu) *self, struct steps *s, unsigned int page)
{
	volatile __u64 *at = (volatile __u64 *)(self->ram + page * PAGE);
	int rc;

	*at = 0;
	rc = edu_write(&self->dev, EDU_IOVA + page * PAGE, STEPS_AT, sizeof(*at));
	if (rc)
		return rc;
	s->writes++;
	s->owed |= 1ull << page;
	return *at == STEPS_WORD ? 0 : -EIO;
}

static int steps_read(FIXTURE_DATA(edu) *self, struct steps *s)
{
	struct tracker_read_out out;
	__u64 bits;
	int rc = read_bits(self->fd, self->tracker_id, &bits, &out);

	if (rc)
		return rc;
	steps_reported(s, ~0ull, bits);
	s->wrong += s->attached && s->mapped & ~bits;
	s->wrong += !!(bits & ~(s->mapped | s->unmapped));
	s->unmapped = 0;
	return 0;
}

/* IOMMU_IOAS_UNMAP leaves the report to the next READ. */
static int steps_unmap(FIXTURE_DATA(edu) *self, struct steps *s, unsigned int page, bool report)
{
	__u64 bits = 0, bit = 1ull << page;
	struct iommu_dirty_tracker_unmap cmd = {
		.tracker_id = self->tracker_id,
		.iova = EDU_IOVA + page * PAGE,
		.length = PAGE,
		.page_size = PAGE,
		.data = (__u64)(unsigned long)&bits,
		.data_len = sizeof(bits),
	};
	int rc;

	s->mapped &= ~bit;
	if (report) {
		rc = tracker_unmap(self->fd, &cmd);
		steps_reported(s, bit, bits << page);
	} else {
		rc = iommufd_ioas_unmap(self->fd, self->ioas_id, cmd.iova, PAGE, NULL);
		s->unmapped |= bit;
	}
	return rc;
}

static int steps_map(FIXTURE_DATA(edu) *self, struct steps *s, unsigned int page)
{
	s->mapped |= 1ull << page;
	return iommufd_ioas_map(self->fd, self->ioas_id, self->ram + page * PAGE, PAGE,
				EDU_IOVA + page * PAGE, IOMMUFD_MAP_RW);
}

/* A READ that cannot deliver leaves what is dirty; without that it has nothing to fail of */
static int steps_read_fault(FIXTURE_DATA(edu) *self, struct steps *s)
{
	int rc = tracker_read_bitmap(self->fd, self->tracker_id, EDU_IOVA, EDU_PAGES * PAGE,
				     PAGE, (__u64 *)8, 0, NULL);

	if (!rc)
		steps_reported(s, ~0ull, 0);
	return rc == -EFAULT ? 0 : rc;
}

static int steps_next(FIXTURE_DATA(edu) *self, struct steps *s)
{
	unsigned int page = random_below(&s->random, EDU_PAGES);

	if (!(s->mapped & 1ull << page))
		return steps_map(self, s, page);
	switch (random_below(&s->random, 10)) {
	case 0:
		return steps_read(self, s);
	case 1:
	case 2:
		return steps_unmap(self, s, page, false);
	case 3:
		return steps_unmap(self, s, page, true);
	case 4:
		s->attached = !s->attached;
		return s->attached ? edu_attach(&self->dev, self->ioas_id, NULL) :
				     edu_detach(&self->dev);
	case 5:
		return steps_read_fault(self, s);
	default:
		return s->attached ? steps_write(self, s, page) : 0;
	}
}

/* From all mapped and attached to the same again; 0 or -errno */
static int steps_run(FIXTURE_DATA(edu) *self, struct steps *s, __u64 seed)
{
	unsigned int i;
	int rc;

	s->random = seed;
	s->attached = true;
	*(volatile __u64 *)self->ram = STEPS_WORD;
	rc = edu_read(&self->dev, EDU_IOVA, STEPS_AT, sizeof(__u64));
	for (i = 0; !rc && i < 80; i++)
		rc = steps_next(self, s);
	if (!rc)
		rc = steps_read(self, s);
	if (!rc && !s->attached)
		rc = edu_attach(&self->dev, self->ioas_id, NULL);
	for (i = 0; !rc && i < EDU_PAGES; i++)
		if (!(s->mapped & 1ull << i))
			rc = steps_map(self, s, i);
	return rc;
}

/* Each page is a mapping of its own */
static int steps_begin(FIXTURE_DATA(edu) *self, struct steps *s)
{
	unsigned int i;
	int rc = iommufd_ioas_unmap(self->fd, self->ioas_id, EDU_IOVA, EDU_PAGES * PAGE, NULL);

	*s = (struct steps){};
	for (i = 0; !rc && i < EDU_PAGES; i++)
		rc = steps_map(self, s, i);
	return rc ?: tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL);
}

/* What the device writes is reported, and of the rest what is mapped. */
TEST_F(edu, loses_nothing)
{
	struct steps s;
	__u64 seed;

	ASSERT_EQ(0, steps_begin(self, &s));
	for (seed = 1; seed <= 4; seed++)
		ASSERT_EQ(0, steps_run(self, &s, seed));
	TH_LOG("%u writes checked", s.writes);
	EXPECT_LT(0, s.writes);
	EXPECT_EQ(0, s.lost);
	EXPECT_EQ(0, s.wrong);
}

/* Controls: a tracker that forgets loses writes of the same steps. */
TEST_F(edu, notices_what_is_lost)
{
	static const char *const broken[] = { "no_unmap", "no_mark", "lose_undelivered" };
	struct steps s;
	unsigned int i;
	__u64 seed;

	ASSERT_EQ(0, steps_begin(self, &s));
	for (i = 0; i < ARRAY_SIZE(broken); i++) {
		ASSERT_EQ(0, tracker_break(broken[i]));
		s.lost = 0;
		for (seed = 1; !s.lost && seed <= 20; seed++)
			ASSERT_EQ(0, steps_run(self, &s, seed));
		TH_LOG("%s: %u lost, seed %llu", broken[i], s.lost, seed - 1);
		EXPECT_LT(0, s.lost);
	}
}

TEST_HARNESS_MAIN
