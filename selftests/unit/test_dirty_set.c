// SPDX-License-Identifier: GPL-2.0-only
/* dirty_set, case by case: full chunks, coarse ranges, the ends of the space. */
#include <iommufd/dirty_set.h>
#include "harness.h"

#define CHUNK DIRTY_CHUNK_BITS

/* The coarsest granule a set may have */
#ifndef DIRTY_SET_MAX_SHIFT
#define DIRTY_SET_MAX_SHIFT 63
#endif

#define B(granule)	((unsigned long)(granule) << 12)
#define E(granule)	(B(granule) | 0xfff)

static bool dirty(struct dirty_set *set, unsigned long first,
		  unsigned long last)
{
	unsigned long at = B(first), run_first, run_last;

	while (dirty_set_next_run(set, at, E(last), &run_first, &run_last) &&
	       run_first == at) {
		if (run_last == E(last))
			return true;
		at = run_last + 1;
	}
	return false;
}

/* Ranges for which there was no memory */
static unsigned int coarse(struct dirty_set *set)
{
	dirty_set_settle(set);
	return set->nr_coarse;
}

/* What was added last is a run of its own until something else comes. */
TEST last_run(void)
{
	unsigned long first, last;
	struct dirty_set set;

	dirty_set_init(&set, 12);
	ASSERT(!dirty_set_only_run(&set, &first, &last));
	dirty_set_add(&set, B(5), E(5));
	ASSERT(!dirty_set_empty(&set));
	dirty_set_add(&set, B(6), E(8));
	dirty_set_add(&set, B(7), E(7));
	ASSERT(dirty_set_only_run(&set, &first, &last));
	ASSERT_EQ(B(5), first);
	ASSERT_EQ(E(8), last);
	/* A gap of one */
	dirty_set_add(&set, B(10), E(10));
	ASSERT(!dirty_set_only_run(&set, &first, &last));
	ASSERT_EQ(B(5), dirty_set_bytes(&set));
	ASSERT(dirty(&set, 5, 8) && dirty(&set, 10, 10));
	dirty_set_destroy(&set);
	ASSERT(dirty_set_empty(&set));

	/* Not alone where there is a coarse range */
	shim.fail_mask = SHIM_FAIL_ANY;
	shim.fail_permille = 1000;
	dirty_set_add(&set, B(CHUNK), E(CHUNK));
	dirty_set_settle(&set);
	dirty_set_add(&set, B(9 * CHUNK), E(9 * CHUNK));
	ASSERT(!dirty_set_only_run(&set, &first, &last));
	dirty_set_destroy(&set);
	ASSERT(dirty_set_empty(&set));
	PASS();
}

/* A chunk that is dirty as a whole has no memory of its own. */
TEST full_chunk(void)
{
	struct dirty_set set, other;

	dirty_set_init(&set, 12);
	dirty_set_init(&other, 12);
	dirty_set_add(&set, B(CHUNK), E(2 * CHUNK - 1));
	ASSERT_EQ(0UL, dirty_set_memory(&set));
	ASSERT_EQ(B(CHUNK), dirty_set_bytes(&set));
	dirty_set_add(&set, B(CHUNK + 7), E(CHUNK + 9));
	ASSERT_EQ(0UL, dirty_set_memory(&set));
	dirty_set_remove(&set, B(CHUNK + 5), E(CHUNK + 5));
	ASSERT_EQ(sizeof(struct dirty_chunk), dirty_set_memory(&set));
	ASSERT_EQ(B(CHUNK - 1), dirty_set_bytes(&set));
	dirty_set_add(&other, B(CHUNK), E(2 * CHUNK - 1));
	dirty_set_merge(&other, &set);
	ASSERT_EQ(B(CHUNK), dirty_set_bytes(&other));
	ASSERT_EQ(0UL, dirty_set_memory(&other));
	ASSERT(dirty_set_empty(&set));

	dirty_set_add(&set, B(CHUNK), E(CHUNK));
	dirty_set_merge(&set, &other);
	ASSERT_EQ(0UL, dirty_set_memory(&set));
	dirty_set_add(&set, B(3 * CHUNK), E(3 * CHUNK));
	dirty_set_add(&set, B(3 * CHUNK), E(4 * CHUNK - 1));
	ASSERT_EQ(0UL, dirty_set_memory(&set));
	dirty_set_add(&set, B(3 * CHUNK), E(3 * CHUNK));
	ASSERT_EQ(2 * B(CHUNK), dirty_set_bytes(&set));
	dirty_set_remove(&set, B(CHUNK), E(4 * CHUNK - 1));
	ASSERT(dirty_set_empty(&set));
	ASSERT_EQ(0L, shim.nr_live);
	PASS();
}

/* Without memory a part of a full chunk cannot become clean, and stays dirty. */
TEST full_chunk_without_memory(void)
{
	struct dirty_set set;

	dirty_set_init(&set, 12);
	dirty_set_add(&set, 0, E(CHUNK - 1));
	shim.fail_mask = SHIM_FAIL_KZALLOC;
	shim.fail_permille = 1000;
	dirty_set_remove(&set, B(1), E(CHUNK - 1));
	ASSERT(dirty(&set, 0, CHUNK - 1));
	ASSERT_EQ(0UL, dirty_set_memory(&set));
	dirty_set_remove(&set, 0, E(CHUNK - 1));
	ASSERT(dirty_set_empty(&set));
	PASS();
}

/* A new chunk without memory becomes a value where the tree has its node. */
TEST chunk_without_memory_is_full(void)
{
	struct dirty_set set;

	dirty_set_init(&set, 12);
	shim.fail_mask = SHIM_FAIL_KZALLOC;
	shim.fail_permille = 1000;
	dirty_set_add(&set, B(CHUNK + 5), E(CHUNK + 5));
	ASSERT_EQ(0U, coarse(&set));
	ASSERT_EQ(B(CHUNK), dirty_set_bytes(&set));
	ASSERT(dirty(&set, CHUNK, 2 * CHUNK - 1));
	dirty_set_destroy(&set);
	PASS();
}

TEST coarse_ranges(void)
{
	struct dirty_set set, other;
	unsigned long i;

	shim.fail_mask = SHIM_FAIL_ANY;
	shim.fail_permille = 1000;
	dirty_set_init(&set, 12);
	dirty_set_init(&other, 12);
	/* Chunks 10, 20, 30 and 40 have a range each; 11 joins 10; 29 joins 30 */
	for (i = 10; i <= 40; i += 10)
		dirty_set_add(&set, B(i * CHUNK + 3), E(i * CHUNK + 3));
	ASSERT_EQ(4U, coarse(&set));
	dirty_set_add(&set, B(11 * CHUNK), E(11 * CHUNK));
	dirty_set_add(&set, B(29 * CHUNK), E(29 * CHUNK));
	ASSERT_EQ(4U, coarse(&set));
	ASSERT(dirty(&set, 10 * CHUNK, 12 * CHUNK - 1));
	ASSERT(dirty(&set, 29 * CHUNK, 31 * CHUNK - 1));
	ASSERT_EQ(6 * B(CHUNK), dirty_set_bytes(&set));
	/* There is no fifth: chunk 17 goes to its nearest, 20 */
	dirty_set_add(&set, B(17 * CHUNK), E(17 * CHUNK));
	ASSERT(dirty(&set, 17 * CHUNK, 21 * CHUNK - 1));
	ASSERT_EQ(9 * B(CHUNK), dirty_set_bytes(&set));
	/* A hole needs a fifth, too; so it stays dirty */
	dirty_set_remove(&set, B(18 * CHUNK), E(18 * CHUNK));
	ASSERT_EQ(9 * B(CHUNK), dirty_set_bytes(&set));
	/* From its beginning, from its end, all of it */
	dirty_set_remove(&set, 0, E(10 * CHUNK + 4));
	ASSERT_EQ(9 * B(CHUNK) - B(5), dirty_set_bytes(&set));
	dirty_set_remove(&set, B(30 * CHUNK), E(31 * CHUNK));
	ASSERT_EQ(8 * B(CHUNK) - B(5), dirty_set_bytes(&set));
	dirty_set_remove(&set, B(35 * CHUNK), E(50 * CHUNK));
	ASSERT_EQ(3U, coarse(&set));
	ASSERT_EQ(7 * B(CHUNK) - B(5), dirty_set_bytes(&set));
	/* Now there is room to split */
	dirty_set_remove(&set, B(18 * CHUNK), E(18 * CHUNK + 1));
	ASSERT_EQ(4U, coarse(&set));
	ASSERT_EQ(7 * B(CHUNK) - B(7), dirty_set_bytes(&set));
	ASSERT(dirty(&set, 17 * CHUNK, 18 * CHUNK - 1));
	ASSERT(!dirty(&set, 18 * CHUNK + 1, 18 * CHUNK + 1));
	ASSERT(dirty(&set, 18 * CHUNK + 2, 21 * CHUNK - 1));
	/* A copy takes those that touch; a move what is in the range */
	dirty_set_copy(&other, &set, B(20 * CHUNK), E(20 * CHUNK));
	ASSERT_EQ(3 * B(CHUNK) - B(2), dirty_set_bytes(&other));
	ASSERT_EQ(7 * B(CHUNK) - B(7), dirty_set_bytes(&set));
	dirty_set_destroy(&other);
	dirty_set_move(&other, &set, B(20 * CHUNK), E(20 * CHUNK));
	ASSERT(dirty(&other, 20 * CHUNK, 20 * CHUNK));
	ASSERT_EQ(B(1), dirty_set_bytes(&other));
	/* There is no room for a fifth range, so it stays as well */
	ASSERT(dirty(&set, 20 * CHUNK, 20 * CHUNK));
	ASSERT_EQ(7 * B(CHUNK) - B(7), dirty_set_bytes(&set));
	ASSERT(!dirty_set_empty(&set));
	dirty_set_merge(&other, &set);
	ASSERT(dirty_set_empty(&set));
	ASSERT_EQ(7 * B(CHUNK) - B(7), dirty_set_bytes(&other));
	dirty_set_remove(&other, 0, ~0UL);
	ASSERT(dirty_set_empty(&other));
	ASSERT_EQ(0L, shim.nr_live);
	PASS();
}

/* All of a set moves at once, but for what lies outside in the chunks at the ends. */
TEST takes_exactly(void)
{
	struct dirty_set set, other;

	dirty_set_init(&set, 12);
	dirty_set_init(&other, 12);
	dirty_set_add(&set, B(5), E(5));
	dirty_set_add(&set, B(10), E(10));
	dirty_set_add(&set, B(2 * CHUNK + 7), E(2 * CHUNK + 9));
	dirty_set_move(&other, &set, B(8), E(2 * CHUNK + 8));
	ASSERT(!dirty(&other, 5, 5));
	ASSERT(dirty(&other, 10, 10));
	ASSERT(dirty(&other, 2 * CHUNK + 7, 2 * CHUNK + 8));
	ASSERT(!dirty(&other, 2 * CHUNK + 9, 2 * CHUNK + 9));
	ASSERT(dirty(&set, 5, 5));
	ASSERT(dirty(&set, 2 * CHUNK + 9, 2 * CHUNK + 9));
	ASSERT_EQ(B(2), dirty_set_bytes(&set));
	dirty_set_destroy(&set);
	dirty_set_destroy(&other);
	ASSERT_EQ(0L, shim.nr_live);
	PASS();
}

/* A coarse range and chunks that overlap are not counted twice. */
TEST coarse_over_chunks(void)
{
	struct dirty_set set;

	dirty_set_init(&set, 12);
	dirty_set_add(&set, B(CHUNK - 1), E(CHUNK - 1));
	dirty_set_add(&set, B(2 * CHUNK), E(2 * CHUNK + 9));
	set.nr_coarse = 2;
	set.coarse[0] = (struct dirty_coarse){ 2 * CHUNK + 5, 2 * CHUNK + 14 };
	set.coarse[1] = (struct dirty_coarse){ CHUNK, CHUNK + 1 };
	ASSERT_EQ(B(18), dirty_set_bytes(&set));
	ASSERT(dirty(&set, CHUNK - 1, CHUNK + 1));
	ASSERT(dirty(&set, 2 * CHUNK, 2 * CHUNK + 14));
	dirty_set_remove(&set, B(2 * CHUNK + 5), E(2 * CHUNK + 5));
	ASSERT_EQ(B(17), dirty_set_bytes(&set));
	dirty_set_destroy(&set);
	PASS();
}

/* The last granule there is, at every granule's size. */
TEST top_of_the_address_space(void)
{
	unsigned int shift;

	for (shift = 12; shift <= DIRTY_SET_MAX_SHIFT; shift++) {
		unsigned long size = 1UL << shift, first, last;
		struct dirty_set set;

		dirty_set_init(&set, shift);
		dirty_set_add(&set, ~0UL, ~0UL);
		ASSERT_EQ(size, dirty_set_bytes(&set));
		ASSERT(dirty_set_next_run(&set, 0, ~0UL, &first, &last));
		ASSERT_EQ(-size, first);
		ASSERT_EQ(~0UL, last);
		dirty_set_remove(&set, 0, ~0UL - 1);
		ASSERT_EQ(size, dirty_set_bytes(&set));
		dirty_set_remove(&set, -size + 1, ~0UL);
		ASSERT_EQ(size, dirty_set_bytes(&set));
		dirty_set_add(&set, 0, 0);
		ASSERT(shift == 63 || dirty_set_bytes(&set) == 2 * size);
		dirty_set_remove(&set, 1, ~0UL);
		ASSERT_EQ(size, dirty_set_bytes(&set));
		dirty_set_remove(&set, 0, size - 1);
		ASSERT(dirty_set_empty(&set));
		ASSERT(!dirty_set_next_run(&set, ~0UL, ~0UL, &first, &last));
	}
	ASSERT_EQ(0L, shim.nr_live);
	PASS();
}

/* A chunk without memory is no larger than the address space. */
TEST coarsest_granule(void)
{
	unsigned int shift;

	for (shift = 12; shift <= DIRTY_SET_MAX_SHIFT; shift++) {
		struct dirty_set set;

		dirty_set_init(&set, shift);
		shim.fail_mask = SHIM_FAIL_KZALLOC;
		shim.fail_permille = 1000;
		dirty_set_add(&set, 0, 0);
		shim.fail_mask = 0;
		dirty_set_remove(&set, 0, ~0UL);
		ASSERT_EQ_FMT(0UL, set.nr_chunks, "%lu");
		ASSERT(dirty_set_empty(&set));
		dirty_set_destroy(&set);
	}
	PASS();
}

/* All of the address space is more than an unsigned long can count. */
TEST bytes_of_everything(void)
{
	struct dirty_set set;

	dirty_set_init(&set, 12);
	set.coarse[0] = (struct dirty_coarse){ 0, ~0UL >> 12 };
	set.nr_coarse = 1;
	ASSERT_EQ(~0UL, dirty_set_bytes(&set));
	dirty_set_destroy(&set);
	PASS();
}

static void reset(void *unused)
{
	(void)unused;
	shim_reset();
}

GREATEST_MAIN_DEFS();

int main(int argc, char **argv)
{
	GREATEST_MAIN_BEGIN();
	SET_SETUP(reset, NULL);
	RUN_TEST(last_run);
	RUN_TEST(full_chunk);
	RUN_TEST(full_chunk_without_memory);
	RUN_TEST(chunk_without_memory_is_full);
	RUN_TEST(coarse_ranges);
	RUN_TEST(takes_exactly);
	RUN_TEST(coarse_over_chunks);
	RUN_TEST(top_of_the_address_space);
	RUN_TEST(coarsest_granule);
	RUN_TEST(bytes_of_everything);
	HARNESS_MAIN_END();
}
