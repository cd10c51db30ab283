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

/* Dense granules in chunk FAR: the set keeps bits from then on, until it is empty */
#define FAR		1000
#define DENSE		(2 * DIRTY_BLOCK_RUNS + 1)

static void make_dense(struct dirty_set *set)
{
	unsigned int i;

	for (i = 0; i < DENSE; i++)
		dirty_set_add(set, B(FAR * CHUNK + 2 * i), E(FAR * CHUNK + 2 * i));
	dirty_set_settle(set);
}

/* @n granules from @first on, @step from one to the next */
static void add_each(struct dirty_set *set, unsigned long first, unsigned long step,
		     unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n; i++)
		dirty_set_add(set, B(first + i * step), E(first + i * step));
	dirty_set_settle(set);
}

#define BLOCK		sizeof(struct dirty_block)

/* Runs that are far from one another stay runs. */
TEST runs_while_sparse(void)
{
	struct dirty_set set;

	dirty_set_init(&set, 12);
	add_each(&set, 7, CHUNK, DIRTY_BLOCK_RUNS);
	ASSERT_EQ(BLOCK, dirty_set_memory(&set));
	add_each(&set, 7 + DIRTY_BLOCK_RUNS * CHUNK, CHUNK, 1);
	ASSERT_EQ(2 * BLOCK, dirty_set_memory(&set));
	ASSERT_EQ(B(DIRTY_BLOCK_RUNS + 1), dirty_set_bytes(&set));
	/* One that goes on where the last ended, one that fills a gap, one over many */
	dirty_set_add(&set, B(8 + DIRTY_BLOCK_RUNS * CHUNK), E(8 + DIRTY_BLOCK_RUNS * CHUNK));
	dirty_set_add(&set, B(8), E(6 + CHUNK));
	ASSERT(dirty(&set, 7, 7 + CHUNK));
	ASSERT(!dirty(&set, 6, 6) && !dirty(&set, 8 + CHUNK, 8 + CHUNK));
	ASSERT_EQ(B(DIRTY_BLOCK_RUNS + 1 + CHUNK), dirty_set_bytes(&set));
	dirty_set_add(&set, B(9), E(DIRTY_BLOCK_RUNS * CHUNK));
	ASSERT_EQ(B(DIRTY_BLOCK_RUNS * CHUNK - 7 + 1 + 2), dirty_set_bytes(&set));
	ASSERT_EQ(2 * BLOCK, dirty_set_memory(&set));
	ASSERT(dirty(&set, 7, DIRTY_BLOCK_RUNS * CHUNK));
	dirty_set_remove(&set, B(20), E(30));
	ASSERT(dirty(&set, 7, 19) && dirty(&set, 31, DIRTY_BLOCK_RUNS * CHUNK));
	ASSERT(!dirty(&set, 20, 20) && !dirty(&set, 30, 30));
	dirty_set_remove(&set, B(25), ~0UL);
	ASSERT_EQ(B(13), dirty_set_bytes(&set));
	ASSERT_EQ(BLOCK, dirty_set_memory(&set));
	dirty_set_remove(&set, 0, ~0UL);
	ASSERT(dirty_set_empty(&set));
	ASSERT_EQ(0L, shim.nr_live);
	PASS();
}

/* Where a full block spans less than a chunk has bits, all runs become bits. */
TEST bits_when_dense(void)
{
	unsigned long span = DIRTY_BLOCK_SPAN - 1;
	struct dirty_set set, other;

	dirty_set_init(&set, 12);
	dirty_set_init(&other, 12);
	add_each(&set, 0, 2, DIRTY_BLOCK_RUNS - 1);
	add_each(&set, span + 1, 1, 1);
	ASSERT_EQ(BLOCK, dirty_set_memory(&set));
	add_each(&set, 20 * CHUNK, 1, 1);
	ASSERT_EQ(2 * BLOCK, dirty_set_memory(&set));
	dirty_set_destroy(&set);

	add_each(&set, 0, 2, DIRTY_BLOCK_RUNS - 1);
	add_each(&set, span, 1, 1);
	ASSERT_EQ(BLOCK, dirty_set_memory(&set));
	add_each(&set, 20 * CHUNK, 1, 1);
	ASSERT_EQ(2 * sizeof(struct dirty_chunk), dirty_set_memory(&set));
	ASSERT_EQ(B(DIRTY_BLOCK_RUNS + 1), dirty_set_bytes(&set));
	/* It begins with runs again when it is empty */
	dirty_set_remove(&set, 0, ~0UL);
	add_each(&set, 0, 2, DIRTY_BLOCK_RUNS);
	ASSERT_EQ(BLOCK, dirty_set_memory(&set));
	/* One in the middle of a full block that is dense */
	add_each(&set, 21, 1, 1);
	dirty_set_add(&set, B(2 * CHUNK), E(2 * CHUNK));
	ASSERT_EQ(B(DIRTY_BLOCK_RUNS + 2), dirty_set_bytes(&set));
	dirty_set_destroy(&set);
	/* The last run of one is cut into two */
	add_each(&set, 0, 2, DIRTY_BLOCK_RUNS - 1);
	dirty_set_add(&set, B(100), E(109));
	dirty_set_settle(&set);
	dirty_set_move(&other, &set, B(104), E(105));
	ASSERT_EQ(B(2), dirty_set_bytes(&other));
	ASSERT_EQ(B(DIRTY_BLOCK_RUNS - 1 + 8), dirty_set_bytes(&set));
	ASSERT_EQ(sizeof(struct dirty_chunk), dirty_set_memory(&set));
	dirty_set_destroy(&other);
	dirty_set_destroy(&set);
	ASSERT_EQ(0L, shim.nr_live);
	PASS();
}

/* So many blocks, and no more. */
TEST bits_when_many(void)
{
	unsigned long n = (unsigned long)DIRTY_RUNS_BLOCKS * DIRTY_BLOCK_RUNS;
	struct dirty_set set;

	dirty_set_init(&set, 12);
	add_each(&set, 0, 200, n);
	ASSERT_EQ(DIRTY_RUNS_BLOCKS * BLOCK, dirty_set_memory(&set));
	add_each(&set, n * 200, 1, 1);
	ASSERT_EQ(B(n + 1), dirty_set_bytes(&set));
	ASSERT_EQ((n * 200 / CHUNK + 1) * sizeof(struct dirty_chunk),
		  dirty_set_memory(&set));
	dirty_set_destroy(&set);
	ASSERT_EQ(0L, shim.nr_live);
	PASS();
}

/* Without memory for a block, a run is a coarse range, and exact while there is room. */
TEST runs_without_memory(void)
{
	struct dirty_set set;

	dirty_set_init(&set, 12);
	shim.fail_mask = SHIM_FAIL_KZALLOC;
	shim.fail_permille = 1000;
	dirty_set_add(&set, B(5), E(9));
	ASSERT_EQ(1U, coarse(&set));
	ASSERT_EQ(B(5), dirty_set_bytes(&set));
	ASSERT_EQ(0UL, dirty_set_memory(&set));
	shim.fail_mask = 0;
	add_each(&set, CHUNK, CHUNK, DIRTY_BLOCK_RUNS - 1);
	dirty_set_add(&set, B(100 * CHUNK), E(101 * CHUNK));
	dirty_set_settle(&set);
	/* A full block whose last run would become two: all of it stays */
	shim.fail_mask = SHIM_FAIL_KZALLOC;
	dirty_set_remove(&set, B(100 * CHUNK + 1), E(100 * CHUNK + 1));
	ASSERT(dirty(&set, 100 * CHUNK, 101 * CHUNK));
	ASSERT_EQ(BLOCK, dirty_set_memory(&set));
	dirty_set_remove(&set, 0, E(100 * CHUNK));
	ASSERT_EQ(B(CHUNK), dirty_set_bytes(&set));
	dirty_set_destroy(&set);
	ASSERT_EQ(0L, shim.nr_live);
	PASS();
}

/* Runs of one set go between those of another. */
TEST runs_merge(void)
{
	struct dirty_set set, other;
	unsigned long first, last;

	dirty_set_init(&set, 12);
	dirty_set_init(&other, 12);
	add_each(&set, 0, 2 * CHUNK, 40);
	add_each(&other, CHUNK, 2 * CHUNK, 50);
	dirty_set_merge(&set, &other);
	ASSERT(dirty_set_empty(&other));
	ASSERT_EQ(B(90), dirty_set_bytes(&set));
	ASSERT(dirty_runs_empty(&other.runs) && !dirty_runs_empty(&set.runs));
	dirty_set_move(&other, &set, B(10 * CHUNK), E(12 * CHUNK));
	ASSERT_EQ(B(3), dirty_set_bytes(&other));
	ASSERT_EQ(B(87), dirty_set_bytes(&set));
	dirty_set_copy(&other, &set, B(12 * CHUNK), E(14 * CHUNK));
	ASSERT_EQ(B(5), dirty_set_bytes(&other));
	ASSERT_EQ(B(87), dirty_set_bytes(&set));
	/* Into chunks, and chunks into them */
	make_dense(&set);
	dirty_set_merge(&other, &set);
	ASSERT(dirty_runs_empty(&other.runs));
	ASSERT_EQ(B(90 + DENSE), dirty_set_bytes(&other));
	ASSERT(dirty_set_empty(&set));
	add_each(&set, 1, CHUNK, 5);
	dirty_set_move(&set, &other, 0, E(20 * CHUNK));
	ASSERT(dirty_runs_empty(&set.runs));
	ASSERT_EQ(B(5 + 21), dirty_set_bytes(&set));
	dirty_set_destroy(&set);
	/* What was added last and is all there is goes along as it is */
	dirty_set_add(&set, B(5), E(6));
	dirty_set_move(&other, &set, B(5), E(5));
	ASSERT(!dirty_set_only_run(&set, &first, &last));
	ASSERT_EQ(B(1), dirty_set_bytes(&set));
	dirty_set_destroy(&other);
	dirty_set_destroy(&set);
	dirty_set_add(&set, B(5), E(6));
	dirty_set_move(&other, &set, B(6), E(6));
	ASSERT_EQ(B(1), dirty_set_bytes(&other));
	ASSERT_EQ(B(1), dirty_set_bytes(&set));
	dirty_set_destroy(&other);
	dirty_set_destroy(&set);
	dirty_set_add(&set, B(5), E(6));
	dirty_set_move(&other, &set, B(5), E(6));
	ASSERT(dirty_set_empty(&set));
	ASSERT(dirty_set_only_run(&other, &first, &last));
	ASSERT_EQ(B(5), first);
	ASSERT_EQ(E(6), last);
	ASSERT_EQ(0UL, dirty_set_memory(&other));
	dirty_set_destroy(&other);
	ASSERT_EQ(0L, shim.nr_live);
	PASS();
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
	const unsigned long one = sizeof(struct dirty_chunk);

	dirty_set_init(&set, 12);
	dirty_set_init(&other, 12);
	make_dense(&set);
	make_dense(&other);
	dirty_set_add(&set, B(CHUNK), E(2 * CHUNK - 1));
	ASSERT_EQ(one, dirty_set_memory(&set));
	ASSERT_EQ(B(CHUNK + DENSE), dirty_set_bytes(&set));
	dirty_set_add(&set, B(CHUNK + 7), E(CHUNK + 9));
	ASSERT_EQ(one, dirty_set_memory(&set));
	dirty_set_remove(&set, B(CHUNK + 5), E(CHUNK + 5));
	ASSERT_EQ(2 * one, dirty_set_memory(&set));
	ASSERT_EQ(B(CHUNK - 1 + DENSE), dirty_set_bytes(&set));
	dirty_set_add(&other, B(CHUNK), E(2 * CHUNK - 1));
	dirty_set_merge(&other, &set);
	ASSERT_EQ(B(CHUNK + DENSE), dirty_set_bytes(&other));
	ASSERT_EQ(one, dirty_set_memory(&other));
	ASSERT(dirty_set_empty(&set));

	make_dense(&set);
	dirty_set_add(&set, B(CHUNK), E(CHUNK));
	dirty_set_merge(&set, &other);
	ASSERT_EQ(one, dirty_set_memory(&set));
	dirty_set_add(&set, B(3 * CHUNK), E(3 * CHUNK));
	dirty_set_add(&set, B(3 * CHUNK), E(4 * CHUNK - 1));
	ASSERT_EQ(one, dirty_set_memory(&set));
	dirty_set_add(&set, B(3 * CHUNK), E(3 * CHUNK));
	ASSERT_EQ(B(2 * CHUNK + DENSE), dirty_set_bytes(&set));
	dirty_set_remove(&set, B(CHUNK), E(4 * CHUNK - 1));
	ASSERT_EQ(B(DENSE), dirty_set_bytes(&set));
	dirty_set_remove(&set, 0, ~0UL);
	ASSERT(dirty_set_empty(&set));
	ASSERT_EQ(0L, shim.nr_live);
	PASS();
}

/* Without memory a part of a full chunk cannot become clean, and stays dirty. */
TEST full_chunk_without_memory(void)
{
	struct dirty_set set;

	dirty_set_init(&set, 12);
	make_dense(&set);
	dirty_set_add(&set, 0, E(CHUNK - 1));
	dirty_set_settle(&set);
	shim.fail_mask = SHIM_FAIL_KZALLOC;
	shim.fail_permille = 1000;
	dirty_set_remove(&set, B(1), E(CHUNK - 1));
	ASSERT(dirty(&set, 0, CHUNK - 1));
	ASSERT_EQ(sizeof(struct dirty_chunk), dirty_set_memory(&set));
	dirty_set_remove(&set, 0, ~0UL);
	ASSERT(dirty_set_empty(&set));
	PASS();
}

/* A new chunk without memory becomes a value where the tree has its node. */
TEST chunk_without_memory_is_full(void)
{
	struct dirty_set set;

	dirty_set_init(&set, 12);
	make_dense(&set);
	shim.fail_mask = SHIM_FAIL_KZALLOC;
	shim.fail_permille = 1000;
	dirty_set_add(&set, B(CHUNK + 5), E(CHUNK + 5));
	ASSERT_EQ(0U, coarse(&set));
	ASSERT_EQ(B(CHUNK + DENSE), dirty_set_bytes(&set));
	ASSERT(dirty(&set, CHUNK, 2 * CHUNK - 1));
	dirty_set_destroy(&set);
	PASS();
}

/* With no memory: chunks 10, 20, 30 and 40 have a range each. */
static void make_coarse(struct dirty_set *set)
{
	unsigned long i;

	make_dense(set);
	dirty_set_add(set, B(5), E(5));
	dirty_set_remove(set, B(FAR * CHUNK), ~0UL);
	shim.fail_mask = SHIM_FAIL_ANY;
	shim.fail_permille = 1000;
	for (i = 10; i <= 40; i += 10)
		dirty_set_add(set, B(i * CHUNK + 3), E(i * CHUNK + 3));
}

TEST coarse_ranges(void)
{
	struct dirty_set set, other;

	dirty_set_init(&set, 12);
	dirty_set_init(&other, 12);
	make_coarse(&set);
	ASSERT_EQ(4U, coarse(&set));
	/* 11 joins 10; 29 joins 30 */
	dirty_set_add(&set, B(11 * CHUNK), E(11 * CHUNK));
	dirty_set_add(&set, B(29 * CHUNK), E(29 * CHUNK));
	ASSERT_EQ(4U, coarse(&set));
	ASSERT(dirty(&set, 10 * CHUNK, 12 * CHUNK - 1));
	ASSERT(dirty(&set, 29 * CHUNK, 31 * CHUNK - 1));
	ASSERT_EQ(6 * B(CHUNK) + B(1), dirty_set_bytes(&set));
	/* There is no fifth: chunk 17 goes to its nearest, 20 */
	dirty_set_add(&set, B(17 * CHUNK), E(17 * CHUNK));
	ASSERT(dirty(&set, 17 * CHUNK, 21 * CHUNK - 1));
	ASSERT_EQ(9 * B(CHUNK) + B(1), dirty_set_bytes(&set));
	/* A hole needs a fifth, too; so it stays dirty */
	dirty_set_remove(&set, B(18 * CHUNK), E(18 * CHUNK));
	ASSERT_EQ(9 * B(CHUNK) + B(1), dirty_set_bytes(&set));
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
static enum greatest_test_res takes_exactly(bool dense)
{
	struct dirty_set set, other;

	dirty_set_init(&set, 12);
	dirty_set_init(&other, 12);
	if (dense)
		add_each(&set, CHUNK, 2, DENSE);
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
	ASSERT_EQ(B(3 + (dense ? DENSE : 0)), dirty_set_bytes(&other));
	dirty_set_merge(&set, &other);
	/* Nothing of a chunk that is dirty as a whole goes along either */
	if (dense) {
		dirty_set_add(&set, 0, E(4 * CHUNK - 1));
		dirty_set_add(&set, B(5 * CHUNK), E(5 * CHUNK));
		dirty_set_move(&other, &set, B(8), E(3 * CHUNK + 8));
		ASSERT_EQ(B(3 * CHUNK + 1), dirty_set_bytes(&other));
		ASSERT_EQ(B(CHUNK), dirty_set_bytes(&set));
		ASSERT(dirty(&set, 5 * CHUNK, 5 * CHUNK));
		dirty_set_remove(&set, B(5 * CHUNK), ~0UL);
		dirty_set_merge(&set, &other);
		dirty_set_move(&other, &set, B(8), E(3 * CHUNK + 8));
		ASSERT_EQ(B(3 * CHUNK + 1), dirty_set_bytes(&other));
		ASSERT_EQ(B(CHUNK - 1), dirty_set_bytes(&set));
		ASSERT(dirty(&set, 0, 7));
		ASSERT(dirty(&set, 3 * CHUNK + 9, 4 * CHUNK - 1));
	}
	dirty_set_destroy(&set);
	dirty_set_destroy(&other);
	ASSERT_EQ(0L, shim.nr_live);
	PASS();
}

TEST takes_runs_exactly(void)
{
	return takes_exactly(false);
}

TEST takes_chunks_exactly(void)
{
	return takes_exactly(true);
}

/* A coarse range and chunks that overlap are not counted twice. */
TEST coarse_over_chunks(void)
{
	struct dirty_set set;
	unsigned long index = 0;
	u64 bytes = 0;

	dirty_set_init(&set, 12);
	dirty_set_add(&set, B(CHUNK - 1), E(CHUNK - 1));
	dirty_set_add(&set, B(2 * CHUNK), E(2 * CHUNK + 9));
	set.nr_coarse = 2;
	set.coarse[0] = (struct dirty_run){ 2 * CHUNK + 5, 2 * CHUNK + 14 };
	set.coarse[1] = (struct dirty_run){ CHUNK, CHUNK + 1 };
	ASSERT_EQ(B(18), dirty_set_bytes(&set));
	ASSERT(dirty(&set, CHUNK - 1, CHUNK + 1));
	ASSERT(dirty(&set, 2 * CHUNK, 2 * CHUNK + 14));
	/* In pieces, what lies in both is counted twice: it is an estimate */
	while (dirty_set_count(&set, &index, 1, &bytes))
		;
	ASSERT_EQ(B(23), bytes);
	dirty_set_remove(&set, B(2 * CHUNK + 5), E(2 * CHUNK + 5));
	ASSERT_EQ(B(17), dirty_set_bytes(&set));
	dirty_set_destroy(&set);
	PASS();
}

/* A walk of the chunks ends behind the last, and behind what it was asked for. */
TEST walk_of_chunks(void)
{
	unsigned long index = 0;
	struct dirty_set set;

	dirty_set_init(&set, 12);
	make_dense(&set);
	ASSERT(dirty_set_next_chunk(&set, &index, FAR));
	ASSERT_EQ((unsigned long)FAR, index);
	index++;
	ASSERT_EQ(NULL, dirty_set_next_chunk(&set, &index, FAR + 10));
	ASSERT_EQ(FAR + 11UL, index);
	index = 0;
	ASSERT_EQ(NULL, dirty_set_next_chunk(&set, &index, FAR - 1));
	ASSERT_EQ((unsigned long)FAR, index);
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
	set.coarse[0] = (struct dirty_run){ 0, ~0UL >> 12 };
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
	RUN_TEST(runs_while_sparse);
	RUN_TEST(bits_when_dense);
	RUN_TEST(bits_when_many);
	RUN_TEST(runs_without_memory);
	RUN_TEST(runs_merge);
	RUN_TEST(last_run);
	RUN_TEST(full_chunk);
	RUN_TEST(full_chunk_without_memory);
	RUN_TEST(chunk_without_memory_is_full);
	RUN_TEST(coarse_ranges);
	RUN_TEST(takes_runs_exactly);
	RUN_TEST(takes_chunks_exactly);
	RUN_TEST(coarse_over_chunks);
	RUN_TEST(walk_of_chunks);
	RUN_TEST(top_of_the_address_space);
	RUN_TEST(coarsest_granule);
	RUN_TEST(bytes_of_everything);
	HARNESS_MAIN_END();
}
