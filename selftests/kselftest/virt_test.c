// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual platform itself, where no other test covers it: its parameters
 * and which values they refuse, ground truth whose log is full, an IOTLB with few
 * entries, and injected dirty bits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"
#include "pair.h"
#include "../lib/truth.h"

#define NINE "1:fail,2:fail,3:fail,4:fail,5:fail,6:fail,7:fail,8:fail,9:fail"
#define FAULTS "/sys/module/iommufd_virt/parameters/connectx_faults"

FIXTURE(virt) {
	struct testbed b;
};

FIXTURE_SETUP(virt)
{
	ASSERT_EQ(0, testbed_open(&self->b, AMD_0, false));
	ASSERT_EQ(0, testbed_start(&self->b));
}

FIXTURE_TEARDOWN(virt)
{
	EXPECT_EQ(0, virt_set("iotlb_entries", "0"));
	EXPECT_EQ(0, virt_set("truth_records", "1048576"));
	EXPECT_EQ(0, firmware_faults(""));
	testbed_close(&self->b);
}

/* Said once; then it continues with what is written from then on. */
TEST_F(virt, truth_overflows)
{
	struct virt_truth_rec recs[64];
	int fd;

	ASSERT_EQ(1048576, virt_get("truth_records"));
	ASSERT_EQ(0, virt_set("truth_records", "16"));
	fd = truth_open();
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, truth_open());
	EXPECT_EQ(-1, read(fd, recs, sizeof(recs[0]) - 1));
	EXPECT_EQ(EINVAL, errno);

	ASSERT_EQ(0, testbed_write(&self->b, 0, 16));
	EXPECT_EQ(16, truth_read(fd, recs, 64));
	ASSERT_EQ(0, testbed_write(&self->b, 0, 17));
	EXPECT_EQ(-EOVERFLOW, truth_read(fd, recs, 64));
	EXPECT_EQ(0, truth_read(fd, recs, 64));
	ASSERT_EQ(0, testbed_write(&self->b, 100, 5));
	EXPECT_EQ(5, truth_read(fd, recs, 64));
	EXPECT_EQ(IOVA + 100 * PAGE, recs[0].iova);
	close(fd);

	ASSERT_EQ(0, virt_set("truth_records", "0"));
	EXPECT_EQ(-EINVAL, truth_open());
}

/* Leaves that were pushed out are walked to again, and nothing is lost by it. */
TEST_F(virt, iotlb_is_small)
{
	struct testbed *b = &self->b;
	unsigned long walks, more;

	ASSERT_EQ(0, testbed_write(b, 0, 64));
	walks = virt_get("walks");
	ASSERT_EQ(0, testbed_write(b, 0, 64));
	EXPECT_EQ(walks, virt_get("walks"));

	testbed_close(b);
	ASSERT_EQ(0, virt_set("iotlb_entries", "8"));
	ASSERT_EQ(0, testbed_open(b, AMD_0, false));
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 0, 64));
	walks = virt_get("walks");
	ASSERT_EQ(0, testbed_write(b, 0, 64));
	more = virt_get("walks") - walks;
	EXPECT_EQ(64, more);
	/* The last 8 are there still */
	ASSERT_EQ(0, testbed_write(b, 56, 8));
	EXPECT_EQ(walks + more, virt_get("walks"));

	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(64, testbed_count(b));
	ASSERT_EQ(0, testbed_write(b, 60, 1));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(1, testbed_count(b));
}

TEST_F(virt, injected_dirty_bits)
{
	static const char *const wrong[] = {
		"0", "0 0x10000000 0x1000000 0x1000 3",	/* too few */
		"0 0x10000000 0x1000000 0x1800 3 0",	/* no power of two */
		"0 0x10000000 0x1000000 0x800 3 0",	/* less than a page */
		"0 0x10000000 0 0x1000 0 0",
		"0 0x10000000 0x1000800 0x1000 3 0",
		"0 0x10000800 0x1000000 0x1000 3 0",
		"0 0x10000000 0x1000000 0x1000 4097 0",	/* more than there are */
		"0 0x10000000 0x3000 0x1000 1 7",	/* none to choose from */
		"0 0xfffffffffffff000 0x2000 0x1000 1 0",
		"0 0x7ffffffffffff000 0x1000 0x1000 1 0",
	};
	struct testbed *b = &self->b;
	unsigned int i;

	/* The first ones */
	ASSERT_EQ(0, virt_set("set_dirty", "0 0x10000000 0x1000000 0x1000 40 0"));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(40, testbed_count(b));
	for (i = 0; i < 40; i++)
		EXPECT_TRUE(testbed_bit(b, i));
	/* Any, with gaps, each once; the same ones each time */
	ASSERT_EQ(0, virt_set("set_dirty", "0 0x10000000 0x1000000 0x2000 700 5"));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(700, testbed_count(b));
	EXPECT_NE(~0ull / 3, b->bits[0]);
	for (i = 0; i < RAM_WORDS; i++)
		EXPECT_EQ(0, b->bits[i] & ~(~0ull / 3));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(0, testbed_count(b));

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(-EINVAL, virt_set("set_dirty", wrong[i])) {
			TH_LOG("\"%s\"", wrong[i]);
		}
	}
	EXPECT_EQ(-ENODEV, virt_set("set_dirty", "77 0x10000000 0x1000 0x1000 1 0"));
	/* Not mapped; and AMD is always tracked */
	EXPECT_EQ(-EFAULT, virt_set("set_dirty", "0 0x20000000 0x1000 0x1000 1 0"));
	ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	EXPECT_EQ(0, virt_set("set_dirty", "0 0x10000000 0x1000 0x1000 1 0"));
}

static bool says(const char *path, const char *expected)
{
	char text[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	text[n] = '\0';
	return !strcmp(text, expected);
}

TEST_F(virt, faults_are_listed)
{
	static const char *const wrong[] = {
		"0x118", "0x118:", "0x118:burn", "x:fail", "0x118:fail=x",
		"0x118:fail@0", "0x118:fail@x", "0x118:fail*x", "0x11800:fail",
		"0xa01:event", "0xa01:event=64",
		"1:fail,2:fail,3:fail,4:fail,5:fail,6:fail,7:fail,8:fail," NINE,
	};
	unsigned int i;

	ASSERT_EQ(0, firmware_faults("0x118:cut=5@2*3,0x119:drop*0,,280:late=10"));
	EXPECT_TRUE(says(FAULTS, "0x118:cut=5@2*3,0x119:drop=0@1*0,0x118:late=10@1*1,\n"));
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_GT(0, firmware_faults(wrong[i])) {
			TH_LOG("\"%s\"", wrong[i]);
		}
	}
	/* What is refused changes nothing */
	EXPECT_TRUE(says(FAULTS, "0x118:cut=5@2*3,0x119:drop=0@1*0,0x118:late=10@1*1,\n"));
	ASSERT_EQ(0, firmware_faults(""));
	EXPECT_TRUE(says(FAULTS, "\n"));
}

TEST_F(virt, counters_count)
{
	struct testbed *b = &self->b;
	unsigned long faults = virt_get("faults"), hits = virt_get("tlb_hits");
	unsigned long flushes = virt_get("flushes");
	unsigned long visits = virt_get("leaf_visits");

	ASSERT_EQ(0, testbed_write(b, 0, 10));
	ASSERT_EQ(0, testbed_write(b, 0, 10));
	EXPECT_EQ(hits + 10, virt_get("tlb_hits"));
	EXPECT_EQ(faults, virt_get("faults"));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_LE(visits + RAM_PAGES, virt_get("leaf_visits"));
	EXPECT_LT(flushes, virt_get("flushes"));
	EXPECT_NE(0, testbed_write(b, RAM_PAGES, 1));
	EXPECT_LT(faults, virt_get("faults"));
}

TEST_HARNESS_MAIN
