// SPDX-License-Identifier: GPL-2.0-only
/* Delivery, case by case. */
#include <errno.h>

#include <iommufd/deliver.h>
#include "harness.h"

#define B(granule)	((unsigned long)(granule) << 12)
#define E(granule)	(B(granule) | 0xfff)
#define CHUNK		DIRTY_CHUNK_BITS
#define TOP		(~0UL)

/* The coarsest granule a set may have */
#ifndef DIRTY_SET_MAX_SHIFT
#define DIRTY_SET_MAX_SHIFT 63
#endif

static struct dirty_set set;
static u64 bits[512];
static struct iommu_dirty_range ranges[8];

static void setup(void *unused)
{
	(void)unused;
	shim_reset();
	dirty_set_init(&set, 12);
	memset(bits, 0, sizeof(bits));
	memset(ranges, 0, sizeof(ranges));
}

static void teardown(void *unused)
{
	(void)unused;
	dirty_set_destroy(&set);
}

static struct dirty_read bitmap_read(unsigned long iova, unsigned long last,
				     unsigned int shift)
{
	shim_user(bits, sizeof(bits));
	return (struct dirty_read){ .iova = iova, .last = last, .shift = shift,
				    .next = iova, .bitmap = bits };
}

static struct dirty_read ranges_read(unsigned long iova, unsigned long last,
				     unsigned int shift, unsigned int room)
{
	shim_user(ranges, room * sizeof(*ranges));
	return (struct dirty_read){ .iova = iova, .last = last, .shift = shift,
				    .next = iova, .ranges = ranges,
				    .max_ranges = room };
}

static int deliver(struct dirty_read *rd)
{
	return dirty_deliver(rd, &set, rd->iova, rd->last);
}

/* Every offset of a word in the set against every offset in the bitmap. */
TEST every_alignment(void)
{
	static const unsigned int lengths[] = { 1, 63, 64, 65, 128, 130 };
	unsigned long start, n, l, i;

	for (start = CHUNK - 140; start < CHUNK + 70; start++) {
		for (l = 0; l < 6; l++) {
			struct dirty_read rd;

			n = lengths[l];
			for (i = 0; i < 64; i += 7) {
				unsigned long iova = start - i;
				unsigned long end = iova + i + n + i % 3;

				rd = bitmap_read(B(iova), E(end), 12);
				/* Dirty pages on both sides, too, which must stay */
				dirty_set_add(&set, B(iova - 1), B(iova - 1));
				dirty_set_add(&set, B(start), E(start + n - 1));
				dirty_set_add(&set, B(end + 1), B(end + 1));
				ASSERT_EQ(0, deliver(&rd));
				ASSERT_EQ(B(n), rd.dirty);
				ASSERT_EQ(B(2), dirty_set_bytes(&set));
				for (end = 0; end < 256; end++) {
					bool want = end >= i && end < i + n;

					ASSERT_EQ(want, bits[end / 64] >> end % 64 & 1);
				}
				memset(bits, 0, 256);
				dirty_set_destroy(&set);
			}
		}
	}
	PASS();
}

/* Dense granules in the first word, so that the set has chunks */
static void make_dense(void)
{
	unsigned int i;

	for (i = 0; i < 32; i++)
		dirty_set_add(&set, B(1 + 2 * i), E(1 + 2 * i));
}

#define DENSE_WORD 0xaaaaaaaaaaaaaaaaUL

/* Words without news are not touched: their page may not even be there. */
TEST clean_words_are_not_touched(void)
{
	struct dirty_read rd = bitmap_read(0, E(64 * 512 - 1), 12);

	make_dense();
	dirty_set_add(&set, B(64 * 300), E(64 * 300));
	shim.bad = 8;
	shim.bad_len = 299 * 8;
	ASSERT_EQ(0, deliver(&rd));
	ASSERT_EQ(B(33), rd.dirty);
	ASSERT_EQ(DENSE_WORD, bits[0]);
	ASSERT_EQ(1UL, bits[300]);
	ASSERT_EQ(4UL, shim.nr_user);
	memset(bits, 0, sizeof(bits));
	shim.nr_user = 0;

	rd = bitmap_read(0, E(64 * 512 - 1), 12);
	dirty_set_add(&set, B(5), E(5));
	dirty_set_add(&set, B(64 * 300), E(64 * 300));
	shim.bad = 8;
	shim.bad_len = 299 * 8;
	ASSERT_EQ(0, deliver(&rd));
	ASSERT_EQ(B(2), rd.dirty);
	ASSERT_EQ(1UL << 5, bits[0]);
	ASSERT_EQ(1UL, bits[300]);
	ASSERT_EQ(4UL, shim.nr_user);
	PASS();
}

/* A fault in the third run: those before have been delivered, it and the last stay. */
TEST fault_between_runs(void)
{
	struct dirty_read rd = bitmap_read(0, E(3 * CHUNK - 1), 12);

	dirty_set_add(&set, B(1), E(1));
	dirty_set_add(&set, B(CHUNK), E(CHUNK));
	dirty_set_add(&set, B(CHUNK + 70), E(CHUNK + 70));
	dirty_set_add(&set, B(2 * CHUNK), E(2 * CHUNK));
	shim.bad = CHUNK / 8 + 8;
	shim.bad_len = 1;
	ASSERT_EQ(-EFAULT, deliver(&rd));
	ASSERT_EQ(B(CHUNK + 70), rd.next);
	ASSERT_EQ(B(2), rd.dirty);
	ASSERT_EQ(B(2), dirty_set_bytes(&set));
	ASSERT_EQ(2UL, bits[0]);
	ASSERT_EQ(1UL, bits[CHUNK / 64]);
	ASSERT_EQ(0UL, bits[2 * CHUNK / 64]);
	shim.bad_len = 0;
	ASSERT_EQ(0, dirty_deliver(&rd, &set, rd.next, rd.last));
	ASSERT_EQ(1UL << 6, bits[CHUNK / 64 + 1]);
	ASSERT_EQ(1UL, bits[2 * CHUNK / 64]);
	ASSERT(dirty_set_empty(&set));

	/* In the first: all stay */
	rd = bitmap_read(0, E(3 * CHUNK - 1), 12);
	dirty_set_add(&set, 0, 0);
	dirty_set_add(&set, B(CHUNK), E(CHUNK));
	shim.bad = 0;
	shim.bad_len = 1;
	ASSERT_EQ(-EFAULT, deliver(&rd));
	ASSERT_EQ(0UL, rd.next);
	ASSERT_EQ(B(2), dirty_set_bytes(&set));
	PASS();
}

/* A fault in the second chunk: the first has been delivered, the second stays. */
TEST fault_between_chunks(void)
{
	struct dirty_read rd = bitmap_read(0, E(3 * CHUNK - 1), 12);

	make_dense();
	dirty_set_add(&set, B(CHUNK), E(CHUNK));
	dirty_set_add(&set, B(CHUNK + 70), E(CHUNK + 70));
	dirty_set_add(&set, B(2 * CHUNK), E(2 * CHUNK));
	shim.bad = CHUNK / 8 + 8;
	shim.bad_len = 1;
	ASSERT_EQ(-EFAULT, deliver(&rd));
	ASSERT_EQ(B(CHUNK), rd.next);
	ASSERT_EQ(B(32), rd.dirty);
	ASSERT_EQ(B(3), dirty_set_bytes(&set));
	ASSERT_EQ(DENSE_WORD, bits[0]);
	/* Half of a chunk that failed may be there; it comes again */
	ASSERT_EQ(1UL, bits[CHUNK / 64]);
	ASSERT_EQ(0UL, bits[2 * CHUNK / 64]);
	PASS();
}

/* A run that is longer than what is filled in one go */
TEST long_run(void)
{
	unsigned long n = 64 * 9000, i;
	static u64 all[9001];
	struct dirty_read rd;

	rd = (struct dirty_read){ .last = E(n - 1), .shift = 12, .bitmap = all };
	shim_user(all, sizeof(all));
	all[0] = 1;
	dirty_set_add(&set, B(3), E(n - 2));
	ASSERT_EQ(0, deliver(&rd));
	ASSERT_EQ(~6ULL, all[0]);
	for (i = 1; i < 8999; i++)
		ASSERT_EQ(~0ULL, all[i]);
	ASSERT_EQ(~0ULL >> 1, all[8999]);
	ASSERT_EQ(0ULL, all[9000]);
	PASS();
}

/* A 2M page of the user over granules of 4K: once, and then all clean. */
TEST folded(void)
{
	struct dirty_read rd = ranges_read(0, B(4096) - 1, 21, 8);

	dirty_set_add(&set, B(511), E(512));
	dirty_set_add(&set, B(1535), E(1535));
	dirty_set_add(&set, B(2048), E(2048));
	ASSERT_EQ(0, deliver(&rd));
	ASSERT_EQ(2UL, rd.nr_ranges);
	ASSERT_EQ(0ULL, ranges[0].iova);
	ASSERT_EQ(B(1536), ranges[0].length);
	ASSERT_EQ(B(2048), ranges[1].iova);
	ASSERT_EQ(B(512), ranges[1].length);
	ASSERT_EQ(B(2048), rd.dirty);
	ASSERT(dirty_set_empty(&set));
	PASS();
}

/* Half of a granule was read: the rest of it must be reported, too. */
TEST spread(void)
{
	struct dirty_read rd = bitmap_read(0, E(255), 12);

	dirty_set_init(&set, 21);
	dirty_set_add(&set, 0, 0);
	ASSERT_EQ(0, deliver(&rd));
	ASSERT_EQ(B(256), rd.dirty);
	ASSERT_EQ(TOP, bits[3]);
	ASSERT_EQ(0UL, bits[4]);
	ASSERT_EQ(B(512), dirty_set_bytes(&set));
	rd = bitmap_read(B(256), E(511), 12);
	ASSERT_EQ(0, deliver(&rd));
	ASSERT_EQ(B(256), rd.dirty);
	rd = bitmap_read(0, E(1023), 12);
	ASSERT_EQ(0, deliver(&rd));
	ASSERT_EQ(B(512), rd.dirty);
	ASSERT(dirty_set_empty(&set));
	PASS();
}

/* One range, though it is found in two chunks, and in two windows. */
TEST ranges_join(void)
{
	struct dirty_read rd = ranges_read(0, E(4 * CHUNK - 1), 12, 1);

	dirty_set_add(&set, B(CHUNK - 1), E(2 * CHUNK));
	ASSERT_EQ(0, dirty_deliver(&rd, &set, 0, E(CHUNK + 9)));
	ASSERT_EQ(1UL, rd.nr_ranges);
	ASSERT_EQ(B(11), ranges[0].length);
	ASSERT_EQ(0, dirty_deliver(&rd, &set, B(CHUNK + 10), rd.last));
	ASSERT_EQ(1UL, rd.nr_ranges);
	ASSERT_EQ(B(CHUNK - 1), ranges[0].iova);
	ASSERT_EQ(B(CHUNK + 2), ranges[0].length);
	ASSERT(dirty_set_empty(&set));
	PASS();
}

/* The whole address space has a byte more than fits into a length. */
TEST ranges_of_everything(void)
{
	struct dirty_read rd = ranges_read(0, ULONG_MAX, 12, 1);

	dirty_set_add(&set, 0, ULONG_MAX);
	ASSERT_EQ(0, deliver(&rd));
	ASSERT_EQ(1UL, rd.nr_ranges);
	ASSERT_EQ(0ULL, ranges[0].iova);
	ASSERT_EQ(~0ULL, ranges[0].length);
	ASSERT_EQ(~0ULL, rd.dirty);
	ASSERT(dirty_set_empty(&set));

	rd = ranges_read(0, ULONG_MAX, 12, 1);
	dirty_set_add(&set, 0, E(8));
	ASSERT_EQ(0, dirty_deliver(&rd, &set, 0, E(8)));
	dirty_set_add(&set, B(9), ULONG_MAX);
	ASSERT_EQ(0, dirty_deliver(&rd, &set, B(9), ULONG_MAX));
	ASSERT_EQ(1UL, rd.nr_ranges);
	ASSERT_EQ(~0ULL, ranges[0].length);
	ASSERT(dirty_set_empty(&set));
	PASS();
}

/* Full means: this one and all after it stay, and next is where it begins. */
TEST ranges_full(void)
{
	struct dirty_read rd = ranges_read(0, E(CHUNK - 1), 12, 2);
	unsigned int i;

	for (i = 10; i < 50; i += 10)
		dirty_set_add(&set, B(i), E(i + 1));
	ASSERT_EQ(DIRTY_DELIVER_FULL, deliver(&rd));
	ASSERT_EQ(2UL, rd.nr_ranges);
	ASSERT_EQ(B(4), rd.dirty);
	ASSERT_EQ(B(30), rd.next);
	ASSERT_EQ(B(4), dirty_set_bytes(&set));
	/* As many as fit is not full */
	rd = ranges_read(rd.next, rd.last, 12, 2);
	ASSERT_EQ(0, deliver(&rd));
	ASSERT(dirty_set_empty(&set));
	PASS();
}

/* The same where bits are denser than runs; the last one ends with its chunk. */
TEST ranges_full_of_bits(void)
{
	struct dirty_read rd = ranges_read(0, E(2 * CHUNK - 1), 12, 8);
	unsigned int i, n = 0;
	int rc;

	for (i = 0; i < CHUNK; i += 64)
		dirty_set_add(&set, B(i + 60), E(i + 63));
	dirty_set_add(&set, B(CHUNK), E(CHUNK));
	do {
		shim_user(ranges, sizeof(ranges));
		rc = deliver(&rd);
		for (i = 0; i < rd.nr_ranges; i++, n++) {
			ASSERT_EQ(B(n * 64 + 60), ranges[i].iova);
			ASSERT_EQ(B(n == CHUNK / 64 - 1 ? 5 : 4), ranges[i].length);
		}
		ASSERT_EQ(B(CHUNK / 16 + 1 - n * 4 - (n == CHUNK / 64)),
			  dirty_set_bytes(&set));
		ASSERT(!rc || rd.next == B(n * 64 + 60));
		rd = ranges_read(rc ? rd.next : 0, E(2 * CHUNK - 1), 12, 8);
	} while (rc == DIRTY_DELIVER_FULL);
	ASSERT_EQ(0, rc);
	ASSERT_EQ(CHUNK / 64, n);
	PASS();
}

/* A fatal signal ends it after one step; what was not delivered stays. */
TEST killed(void)
{
	struct dirty_read rd = ranges_read(0, E(CHUNK - 1), 12, 8);

	dirty_set_add(&set, B(10), E(10));
	dirty_set_add(&set, B(20), E(20));
	shim.signal_nth = 1;
	ASSERT_EQ(-EINTR, deliver(&rd));
	ASSERT_EQ(1UL, rd.nr_ranges);
	ASSERT_EQ(B(11), rd.next);
	ASSERT_EQ(B(1), dirty_set_bytes(&set));
	PASS();
}

/* Short runs are delivered in one piece; what was delivered then is not kept. */
TEST killed_after_short_runs(void)
{
	struct dirty_read rd = bitmap_read(0, E(63), 12);

	dirty_set_add(&set, B(10), E(10));
	dirty_set_add(&set, B(20), E(20));
	shim.signal_nth = 1;
	ASSERT_EQ(-EINTR, deliver(&rd));
	ASSERT_EQ(1UL << 10 | 1UL << 20, bits[0]);
	ASSERT_EQ(B(21), rd.next);
	ASSERT(dirty_set_empty(&set));
	PASS();
}

/* Nothing has been delivered, whatever @next was before. */
TEST killed_between_runs(void)
{
	struct dirty_read rd = ranges_read(B(20), E(30), 12, 8);

	dirty_set_add(&set, B(10), E(10));
	dirty_set_add(&set, B(100), E(100));
	rd.next = 0;
	shim.signal_nth = 1;
	ASSERT_EQ(-EINTR, deliver(&rd));
	ASSERT_EQ(B(20), rd.next);
	ASSERT_EQ(B(2), dirty_set_bytes(&set));
	PASS();
}

/* Many small pages in one long run: a killed caller must not wait for its end. */
TEST killed_in_a_long_run(void)
{
	struct dirty_read rd = ranges_read(0, E(64 * CHUNK - 1), 13, 8);
	unsigned long i;

	for (i = 0; i < 64 * CHUNK; i += 2)
		dirty_set_add(&set, B(i), E(i));
	shim.signal_nth = 1;
	ASSERT_EQ(-EINTR, deliver(&rd));
	ASSERT_EQ(rd.next, rd.dirty);
	ASSERT(rd.next < rd.last);
	PASS();
}

TEST peek_and_count(void)
{
	struct dirty_read rd = { .last = E(9), .shift = 12,
				 .flags = IOMMU_DIRTY_TRACKER_READ_NO_CLEAR |
					  IOMMU_DIRTY_TRACKER_READ_COUNT };

	dirty_set_add(&set, B(3), E(4));
	dirty_set_add(&set, B(10), E(10));
	ASSERT_EQ(0, deliver(&rd));
	ASSERT_EQ(B(2), rd.dirty);
	rd = bitmap_read(0, E(9), 12);
	rd.flags = IOMMU_DIRTY_TRACKER_READ_NO_CLEAR;
	ASSERT_EQ(0, deliver(&rd));
	ASSERT_EQ(3UL << 3, bits[0]);
	ASSERT_EQ(B(3), dirty_set_bytes(&set));
	PASS();
}

/* The user's page is the set's granule, for every possible granule. */
TEST every_granule(void)
{
	unsigned int shift;

	for (shift = 12; shift <= DIRTY_SET_MAX_SHIFT; shift++) {
		unsigned long size = 1UL << shift;
		struct dirty_read rd = bitmap_read(-2 * size, TOP, shift);

		dirty_set_init(&set, shift);
		dirty_set_add(&set, TOP, TOP);
		ASSERT_EQ(0, deliver(&rd));
		ASSERT_EQ(2UL, bits[0]);
		ASSERT_EQ(size, rd.dirty);
		ASSERT(dirty_set_empty(&set));
		bits[0] = 0;
		rd = bitmap_read(0, 2 * size - 1, shift);
		dirty_set_add(&set, 5, 5);
		ASSERT_EQ(0, deliver(&rd));
		ASSERT_EQ(1UL, bits[0]);
		ASSERT(dirty_set_empty(&set));
		bits[0] = 0;
	}
	PASS();
}

GREATEST_MAIN_DEFS();

int main(int argc, char **argv)
{
	GREATEST_MAIN_BEGIN();
	SET_SETUP(setup, NULL);
	SET_TEARDOWN(teardown, NULL);
	RUN_TEST(every_alignment);
	RUN_TEST(clean_words_are_not_touched);
	RUN_TEST(fault_between_runs);
	RUN_TEST(long_run);
	RUN_TEST(fault_between_chunks);
	RUN_TEST(folded);
	RUN_TEST(spread);
	RUN_TEST(ranges_join);
	RUN_TEST(ranges_of_everything);
	RUN_TEST(ranges_full);
	RUN_TEST(ranges_full_of_bits);
	RUN_TEST(killed);
	RUN_TEST(killed_after_short_runs);
	RUN_TEST(killed_between_runs);
	RUN_TEST(killed_in_a_long_run);
	RUN_TEST(peek_and_count);
	RUN_TEST(every_granule);
	HARNESS_MAIN_END();
}
