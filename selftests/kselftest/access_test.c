// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the CPU writes for a device without DMA: with iommufd_access_rw(), and to
 * pages that it has pinned. And a device that can only write to some pages.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "mediated.h"
#include "virt_cpu.h"

/* As in plan.txt: has no log, and no IOMMU that tracks */
#define UNTRACKED 0

FIXTURE(access) {
	struct testbed b;
	int cpu;
};

FIXTURE_SETUP(access)
{
	self->cpu = mediated_testbed(&self->b);
	ASSERT_LE(0, self->cpu);
}

FIXTURE_TEARDOWN(access)
{
	EXPECT_EQ(0, tracker_break("nothing"));
	EXPECT_EQ(0, parameter_set("iommufd_virt_vfio_pci", "scope_last", "0"));
	close(self->cpu);
	testbed_close(&self->b);
}

static int cpu(FIXTURE_DATA(access) *self, __u32 op, __u64 page, __u64 pages)
{
	return mediated_do(self->cpu, op, page, pages);
}

/* Of 7 pages, those that were really written and not reported. */
static int lost(FIXTURE_DATA(access) *self, __u64 page)
{
	int i, n = 0;

	for (i = 0; i < 7; i++)
		n += self->b.ram[(page + i) * PAGE] &&
		     !testbed_bit(&self->b, page + i);
	return n;
}

TEST_F(access, writes_are_dirty)
{
	struct iommu_dirty_tracker_info info;

	ASSERT_EQ(0, testbed_start(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_READ, 0, 100));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_WRITE, 5, 7));
	EXPECT_EQ(5, self->b.ram[5 * PAGE]);
	EXPECT_EQ(7, testbed_read_ram(&self->b));
	EXPECT_EQ(0, lost(self, 5));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	/* Half of it is not mapped */
	EXPECT_EQ(-ENOENT, cpu(self, VIRT_CPU_WRITE, RAM_PAGES - 2, 4));
	EXPECT_EQ(2, testbed_read_ram(&self->b));
	/* and that half is not dirty */
	ASSERT_EQ(0, tracker_info(self->b.fd, self->b.tracker_id, &info, NULL, 0));
	EXPECT_EQ(0, info.out_pending_bytes);
}

TEST_F(access, is_in_info)
{
	struct iommu_dirty_source_info sources[4];
	struct iommu_dirty_tracker_info info;

	ASSERT_EQ(0, testbed_start(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_WRITE, 5, 7));
	ASSERT_EQ(0, tracker_info(self->b.fd, self->b.tracker_id, &info, sources,
				  4));
	ASSERT_EQ(1, info.nr_sources);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_ACCESS, sources[0].kind);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_ON, sources[0].state);
	EXPECT_EQ(7 * PAGE, sources[0].dirty_bytes);
	EXPECT_STREQ("cpu", sources[0].platform);
	/* What is pinned counts when a READ reports it */
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_WRITE, 20, 3));
	EXPECT_EQ(10, testbed_read_ram(&self->b));
	ASSERT_EQ(0, tracker_info(self->b.fd, self->b.tracker_id, &info, sources,
				  4));
	EXPECT_EQ(10 * PAGE, sources[0].dirty_bytes);
}

TEST_F(access, writes_control)
{
	ASSERT_EQ(0, tracker_break("no_access"));
	ASSERT_EQ(0, testbed_start(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_WRITE, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	EXPECT_EQ(7, lost(self, 5));
}

TEST_F(access, write_pins_are_dirty)
{
	/* From before START, too */
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_WRITE, 5, 7));
	ASSERT_EQ(0, testbed_start(&self->b));
	EXPECT_EQ(7, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_TOUCH, 5, 7));
	EXPECT_EQ(7, testbed_read_ram(&self->b));
	EXPECT_EQ(0, lost(self, 5));
	/* A part of them */
	ASSERT_EQ(0, testbed_read(&self->b, 0, 8, 0, NULL));
	EXPECT_EQ(3, testbed_count(&self->b));
	/* and once more when they are unpinned */
	ASSERT_EQ(0, cpu(self, VIRT_CPU_UNPIN, 5, 7));
	EXPECT_EQ(7, testbed_read_ram(&self->b));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

TEST_F(access, write_pins_control)
{
	ASSERT_EQ(0, tracker_break("no_access"));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_WRITE, 5, 7));
	ASSERT_EQ(0, testbed_start(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_TOUCH, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	EXPECT_EQ(7, lost(self, 5));
}

TEST_F(access, read_pins_are_not)
{
	ASSERT_EQ(0, testbed_start(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_READ, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_UNPIN, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

/* What could not be pinned is not pinned, and not dirty. */
TEST_F(access, pin_that_fails)
{
	ASSERT_EQ(0, testbed_start(&self->b));
	EXPECT_GT(0, cpu(self, VIRT_CPU_PIN_WRITE, RAM_PAGES, 1));
	ASSERT_EQ(0, testbed_read(&self->b, RAM_PAGES, 4, 0, NULL));
	EXPECT_EQ(0, testbed_count(&self->b));
	/* Nor is it when it can be pinned, for reading */
	ASSERT_EQ(0, iommufd_ioas_map(self->b.fd, self->b.ioas_id, self->b.ram, PAGE,
				      IOVA + RAM_SIZE, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_READ, RAM_PAGES, 1));
	ASSERT_EQ(0, testbed_read(&self->b, RAM_PAGES, 4, 0, NULL));
	EXPECT_EQ(0, testbed_count(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_UNPIN, RAM_PAGES, 1));
}

/* Reported in the unit of the tracker, also when READs want less. */
TEST_F(access, a_unit_of_the_tracker)
{
	struct testbed *b = &self->b;
	unsigned int pass;

	ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 16 * PAGE, &b->tracker_id));
	ASSERT_EQ(0, testbed_start(b));
	for (pass = 0; pass < 2; pass++) {
		ASSERT_EQ(0, cpu(self, VIRT_CPU_WRITE, 21, 1));
		EXPECT_EQ(16, testbed_read_ram(&self->b));
		EXPECT_TRUE(testbed_bit(b, 16) && testbed_bit(b, 31));
		EXPECT_EQ(0, testbed_read_ram(&self->b));
	}
}

/*
 * What waits in whole units when a READ first wants less, the last unit of the address
 * space too.
 */
TEST_F(access, units_are_taken_apart)
{
	const __u64 top = 0 - 16 * PAGE;
	struct testbed *b = &self->b;
	__u64 bits = 0;

	ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 16 * PAGE, &b->tracker_id));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 15 * PAGE, top,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_WRITE, (top - IOVA) / PAGE + 3, 1));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_WRITE, 21, 1));
	EXPECT_EQ(16, testbed_read_ram(&self->b));
	ASSERT_EQ(0, tracker_read_bitmap(b->fd, b->tracker_id, top, 16 * PAGE, PAGE,
					 &bits, 0, NULL));
	EXPECT_EQ(0xffff, bits);
}

/* Memory that no one may write is not dirty, whatever is pinned or marked there. */
TEST_F(access, read_only_memory)
{
	struct testbed *b = &self->b;

	ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, 4 * PAGE,
				      IOVA + RAM_SIZE, IOMMU_IOAS_MAP_READABLE));
	/* An old pin could be one for writing, but not here */
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_READ, RAM_PAGES, 2));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_read(b, RAM_PAGES, 4, 0, NULL));
	EXPECT_EQ(0, testbed_count(b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_MARK, RAM_PAGES, 2));
	ASSERT_EQ(0, testbed_read(b, RAM_PAGES, 4, 0, NULL));
	EXPECT_EQ(0, testbed_count(b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_UNPIN, RAM_PAGES, 2));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

/* A driver that says what it writes is believed about pins from before a tracker, too. */
TEST_F(access, older_pins_of_a_driver_that_marks)
{
	struct testbed *b = &self->b;

	ASSERT_EQ(0, cpu(self, VIRT_CPU_DECLARE, 0, 0));
	ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_WRITE, 5, 7));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id));
	ASSERT_EQ(0, testbed_start(b));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_MARK, 6, 2));
	EXPECT_EQ(2, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_UNPIN, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

TEST_F(access, a_driver_that_marks)
{
	ASSERT_EQ(0, cpu(self, VIRT_CPU_DECLARE, 0, 0));
	ASSERT_EQ(0, testbed_start(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_WRITE, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_TOUCH, 5, 2));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_MARK, 5, 2));
	EXPECT_EQ(2, testbed_read_ram(&self->b));
	EXPECT_EQ(0, lost(self, 5));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_UNPIN, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	/* What is not mapped is not dirty */
	ASSERT_EQ(0, cpu(self, VIRT_CPU_MARK, RAM_PAGES, 2));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

/* Two drivers that pin the same pages: what one unpins, the other still has. */
TEST_F(access, pins_of_another)
{
	int other = mediated_open(".1", self->b.fd);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, mediated_attach(other, self->b.ioas_id));
	ASSERT_EQ(0, testbed_start(&self->b));
	/* One reads; the other writes, and is the first to go */
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_READ, 5, 7));
	ASSERT_EQ(0, mediated_do(other, VIRT_CPU_PIN_WRITE, 5, 7));
	EXPECT_EQ(7, testbed_read_ram(&self->b));
	ASSERT_EQ(0, mediated_do(other, VIRT_CPU_UNPIN, 5, 7));
	EXPECT_EQ(7, testbed_read_ram(&self->b));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_UNPIN, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	close(other);
}

/* Unmap, replace and close take the pins away, and not their dirty pages. */
TEST_F(access, pins_that_are_taken_away)
{
	struct testbed *b = &self->b;
	__u32 ioas;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_WRITE, 5, 7));
	ASSERT_EQ(7, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_TOUCH, 5, 7));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	EXPECT_EQ(7, testbed_read_ram(&self->b));
	EXPECT_EQ(0, lost(self, 5));

	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE, IOVA,
				      IOMMUFD_MAP_RW));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_WRITE, 20, 3));
	ASSERT_EQ(3, testbed_read_ram(&self->b));
	ASSERT_EQ(0, iommufd_ioas_alloc(b->fd, &ioas));
	ASSERT_EQ(0, mediated_attach(self->cpu, ioas));
	EXPECT_EQ(3, testbed_read_ram(&self->b));
	EXPECT_EQ(0, testbed_read_ram(&self->b));

	ASSERT_EQ(0, mediated_attach(self->cpu, b->ioas_id));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_WRITE, 30, 4));
	close(self->cpu);
	self->cpu = -1;
	EXPECT_EQ(4, testbed_read_ram(&self->b));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

/* Pins from before the tracker was made: until they are undone, what is pinned is dirty. */
static int pin_and_make_tracker(FIXTURE_DATA(access) *self)
{
	struct testbed *b = &self->b;
	int rc;

	rc = iommufd_destroy(b->fd, b->tracker_id) ?:
	     cpu(self, VIRT_CPU_PIN_WRITE, 5, 7) ?:
	     cpu(self, VIRT_CPU_PIN_READ, 40, 2);
	return rc ?: tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &b->tracker_id);
}

TEST_F(access, pins_older_than_the_tracker)
{
	ASSERT_EQ(0, pin_and_make_tracker(self));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_READ, 20, 3));
	ASSERT_EQ(0, testbed_start(&self->b));
	/* The purpose of each pin cannot be distinguished */
	EXPECT_EQ(12, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_TOUCH, 5, 7));
	EXPECT_EQ(12, testbed_read_ram(&self->b));
	EXPECT_EQ(0, lost(self, 5));
	ASSERT_EQ(0, testbed_read(&self->b, 0, 8, 0, NULL));
	EXPECT_EQ(3, testbed_count(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_UNPIN, 5, 7));
	EXPECT_EQ(12, testbed_read_ram(&self->b));
	EXPECT_EQ(0, lost(self, 5));
	EXPECT_EQ(5, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_UNPIN, 40, 2));
	EXPECT_EQ(2, testbed_read_ram(&self->b));
	/* From now on all pins are known */
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_PIN_WRITE, 60, 1));
	EXPECT_EQ(1, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_UNPIN, 60, 1));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_UNPIN, 20, 3));
	EXPECT_EQ(1, testbed_read_ram(&self->b));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

TEST_F(access, older_pins_control)
{
	ASSERT_EQ(0, tracker_break("no_access"));
	ASSERT_EQ(0, pin_and_make_tracker(self));
	ASSERT_EQ(0, testbed_start(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_TOUCH, 5, 7));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
	EXPECT_EQ(7, lost(self, 5));
}

TEST_F(access, older_pins_that_are_taken_away)
{
	struct testbed *b = &self->b;

	ASSERT_EQ(0, pin_and_make_tracker(self));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(9, testbed_read_ram(&self->b));
	ASSERT_EQ(0, cpu(self, VIRT_CPU_TOUCH, 5, 7));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	EXPECT_EQ(9, testbed_read_ram(&self->b));
	EXPECT_EQ(0, lost(self, 5));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

/* ---- A device that declares the only pages that it may write ---- */

static int scope(__u64 page, __u64 pages)
{
	char first[32], last[32];

	snprintf(first, sizeof(first), "%llu", IOVA + page * PAGE);
	snprintf(last, sizeof(last), "%llu", IOVA + (page + pages) * PAGE - 1);
	return parameter_set("iommufd_virt_vfio_pci", "scope_first", first) ?:
	       parameter_set("iommufd_virt_vfio_pci", "scope_last", last);
}

static int open_scoped(FIXTURE_DATA(access) *self)
{
	return vdev_open_driver(&self->b.dev, self->b.fd, UNTRACKED,
				VDEV_TRACKER_DRIVER) ?:
	       vdev_attach(&self->b.dev, self->b.ioas_id, NULL);
}

static int kind(FIXTURE_DATA(access) *self)
{
	struct iommu_dirty_source_info sources[4];
	struct iommu_dirty_tracker_info info;
	unsigned int i;
	int rc;

	rc = tracker_info(self->b.fd, self->b.tracker_id, &info, sources, 4);
	for (i = 0; !rc && i < info.nr_sources; i++)
		if (sources[i].dev_id == self->b.dev.dev_id)
			return sources[i].kind;
	return rc ? rc : -ENOENT;
}

TEST_F(access, scope)
{
	struct tracker_read_out out;

	ASSERT_EQ(0, scope(100, 20));
	ASSERT_EQ(0, open_scoped(self));
	ASSERT_EQ(0, testbed_start(&self->b));
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_SCOPE, kind(self));
	ASSERT_EQ(0, testbed_write(&self->b, 103, 2));
	ASSERT_EQ(0, testbed_read(&self->b, 0, RAM_PAGES, 0, &out));
	EXPECT_EQ(20, testbed_count(&self->b));
	EXPECT_TRUE(testbed_bit(&self->b, 103) && testbed_bit(&self->b, 104));
	EXPECT_EQ(0, out.flags);
	/* always */
	EXPECT_EQ(20, testbed_read_ram(&self->b));
	ASSERT_EQ(0, testbed_write(&self->b, 103, 2));
	ASSERT_EQ(0, vdev_detach(&self->b.dev));
	EXPECT_EQ(20, testbed_read_ram(&self->b));
	EXPECT_EQ(0, testbed_read_ram(&self->b));
}

/* A scope is precise enough for REQUIRE_PRECISE. */
TEST_F(access, scope_is_precise)
{
	struct testbed *b = &self->b;

	ASSERT_EQ(0, scope(100, 20));
	ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0,
				   IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE, 0,
				   &b->tracker_id));
	ASSERT_EQ(0, testbed_start(b));
	EXPECT_EQ(0, open_scoped(self));
	vdev_close(&b->dev);
	ASSERT_EQ(0, parameter_set("iommufd_virt_vfio_pci", "scope_last", "0"));
	EXPECT_EQ(-ENXIO, open_scoped(self));
}

TEST_HARNESS_MAIN
