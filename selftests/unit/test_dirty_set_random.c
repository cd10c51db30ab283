// SPDX-License-Identifier: GPL-2.0-only
/*
 * dirty_set against its model: exact while there is memory, never less than the
 * model when there is none, and exact again once it has been emptied.
 */
#include <linux/minmax.h>
#include <linux/xarray.h>

#include <iommufd/dirty_set.h>
#include "harness.h"
#include "model.h"

#define CHUNK DIRTY_CHUNK_BITS

/* A range of bytes in a region, with a liking for the borders of chunks. */
static void pick_range(const struct model *m, unsigned long *first,
		       unsigned long *last)
{
	static const unsigned long lengths[] = { 1, 2, 63, 64, 65, 700, CHUNK - 1,
						 CHUNK, CHUNK + 1, 3 * CHUNK };
	const struct region *r = &m->r[rnd_below(m->nr)];
	unsigned long mask = (1UL << m->shift) - 1;
	unsigned long end = r->first + r->n - 1;
	unsigned long b = rnd_between(r->first, end), e;
	unsigned long n = lengths[rnd_below(sizeof(lengths) / sizeof(*lengths))];

	if (rnd_chance(30) && (b & ~(CHUNK - 1)) >= r->first)
		b &= ~(CHUNK - 1);
	else if (rnd_chance(10))
		b = r->first;
	if (rnd_chance(50))
		n = rnd_between(1, n);
	e = n - 1 > end - b ? end : b + (n - 1);
	if (rnd_chance(10))
		e = end;
	*first = b << m->shift;
	*last = (e << m->shift) | mask;
	if (rnd_chance(20)) {
		*first += rnd_between(0, mask);
		if ((*last & ~mask) >= *first)
			*last = (*last & ~mask) + rnd_between(0, mask);
	}
}

static unsigned int pick_shift(void)
{
	static const unsigned int shifts[] = { 12, 12, 12, 16, 21, 30, 45, 51 };

	return shifts[rnd_below(sizeof(shifts) / sizeof(*shifts))];
}

/* In order, with gaps between them, and in a list that can be walked both ways. */
static enum greatest_test_res check_runs(const struct dirty_runs *runs)
{
	const struct dirty_block *block, *prev = NULL;
	unsigned long blocks = 0, i, end = 0;
	bool cur = !runs->cur;

	for (block = runs->head; block; prev = block, block = block->next) {
		EXPECT_RANDOM(block->prev == prev);
		EXPECT_RANDOM(block->nr >= 1 && block->nr <= DIRTY_BLOCK_RUNS);
		for (i = 0; i < block->nr; i++) {
			EXPECT_RANDOM(block->run[i].first <= block->run[i].last);
			EXPECT_RANDOM((!blocks && !i) ||
				      block->run[i].first > end + 1);
			end = block->run[i].last;
		}
		cur |= block == runs->cur;
		blocks++;
	}
	EXPECT_RANDOM(runs->tail == prev);
	EXPECT_RANDOM(cur);
	EXPECT(blocks == runs->nr_blocks, "%lu, %lu", blocks, runs->nr_blocks);
	PASS();
}

/* What must hold of a set by itself, at any time. */
static enum greatest_test_res check_shape(struct dirty_set *set)
{
	unsigned long index, chunks = 0;
	void *entry;
	unsigned int i;

	CHECK_CALL(check_runs(&set->runs));
	EXPECT_RANDOM(xa_empty(&set->chunks) || dirty_runs_empty(&set->runs));
	EXPECT_RANDOM(!set->cur || !xa_empty(&set->chunks));
	xa_for_each(&set->chunks, index, entry) {
		struct dirty_chunk *chunk = entry;
		unsigned long any = 0;

		if (xa_is_value(entry))
			continue;
		chunks++;
		for (i = 0; i < DIRTY_CHUNK_WORDS; i++)
			any |= chunk->words[i];
		EXPECT(any, "chunk %lu is all clear", index);
	}
	EXPECT(chunks == set->nr_chunks, "%lu, %lu", chunks, set->nr_chunks);
	EXPECT_RANDOM(dirty_set_memory(set) ==
		      chunks * sizeof(struct dirty_chunk) +
		      set->runs.nr_blocks * sizeof(struct dirty_block));
	EXPECT_RANDOM(set->nr_coarse <= DIRTY_SET_COARSE);
	for (i = 0; i < set->nr_coarse; i++)
		EXPECT_RANDOM(set->coarse[i].first <= set->coarse[i].last);
	PASS();
}

/* The same in pieces, as INFO counts it */
static enum greatest_test_res check_count(struct dirty_set *set, u64 want)
{
	unsigned long index = 0;
	u64 bytes = 0;

	while (dirty_set_count(set, &index, 3, &bytes))
		;
	EXPECT(bytes == want, "%#llx, %#llx", (unsigned long long)bytes,
	       (unsigned long long)want);
	PASS();
}

static enum greatest_test_res check_exact(struct dirty_set *set,
					  const struct model *m)
{
	unsigned long count = model_count(m);
	bool overflow = (__uint128_t)count << m->shift >> 64;

	CHECK_CALL(check_shape(set));
	EXPECT_RANDOM(model_same(m, set));
	EXPECT_RANDOM(overflow || dirty_set_bytes(set) == count << m->shift);
	if (!overflow)
		CHECK_CALL(check_count(set, count << m->shift));
	EXPECT_RANDOM(dirty_set_empty(set) == !count);
	EXPECT_RANDOM(set->nr_coarse == 0);
	PASS();
}

/* The next run in a random range, byte by byte what the model says. */
static enum greatest_test_res check_run(struct dirty_set *set,
					const struct model *m)
{
	unsigned long first, last, at = 0, run_first = 0, run_last = 0, g;
	bool found;

	pick_range(m, &first, &last);
	if (rnd_chance(20))
		first = 0;
	if (rnd_chance(20))
		last = ~0UL;
	found = dirty_set_next_run(set, first, last, &run_first, &run_last);
	EXPECT_RANDOM(found == model_next(m, first >> m->shift, last >> m->shift,
					  &at));
	if (!found)
		PASS();
	EXPECT_RANDOM(run_first == max(first, at << m->shift));
	EXPECT_RANDOM(run_last >= run_first && run_last <= last);
	EXPECT_RANDOM(model_full(m, at, run_last >> m->shift));
	if (run_last != last) {
		EXPECT_RANDOM((run_last + 1) << (64 - m->shift) == 0);
		/* It may end early, but only at the end of a chunk */
		g = (run_last >> m->shift) + 1;
		EXPECT_RANDOM(g % CHUNK == 0 || !model_full(m, g, g));
	}
	PASS();
}

/* dirty_set_copy() and its model: chunks are copied as a whole. */
static void copy_granules(struct dirty_set *set, struct model *m, unsigned int i,
			  unsigned long first, unsigned long last)
{
	unsigned long part;

	dirty_set_settle(&set[!i]);
	part = xa_empty(&set[!i].chunks) ? 0 : CHUNK - 1;
	dirty_set_copy(&set[i], &set[!i], first, last);
	model_also(&m[i], &m[!i], (first >> m[i].shift) & ~part,
		   (last >> m[i].shift) | part);
}

/* Many short runs, so far from one another that they may stay runs, in any order. */
static void sprinkle(struct dirty_set *set, struct model *m)
{
	const struct region *r = &m->r[rnd_below(m->nr)];
	unsigned long step = rnd_between(2, rnd_chance(30) ? 150 : 600);
	unsigned long begin = rnd_below(step), n = rnd_between(1, 400), i;
	unsigned long stride = rnd_chance(50) ? 1 : 389;

	n = min(n, r->n / step);
	if (rnd_chance(50))
		begin += rnd_below(r->n - n * step + 1);
	for (i = 0; i < n; i++) {
		unsigned long b = begin + i * stride % n * step;

		if (b >= r->n)
			continue;
		b += r->first;
		dirty_set_add(set, b << m->shift, b << m->shift);
		model_mark(m, b, b, 1);
	}
}

static void move_granules(struct model *dst, struct model *src,
			  unsigned long first, unsigned long last)
{
	model_move(dst, src, first >> src->shift, last >> src->shift);
}

/* One random change of the sets and of their models; 0: to the first. */
static void change(struct dirty_set *set, struct model *m)
{
	unsigned int i = rnd_below(2), what = rnd_below(100);
	unsigned long first, last;

	pick_range(&m[0], &first, &last);
	if (what < 4) {
		sprinkle(&set[i], &m[i]);
	} else if (what < 55) {
		dirty_set_add(&set[i], first, last);
		model_add(&m[i], first, last);
	} else if (what < 90) {
		dirty_set_remove(&set[i], first, last);
		model_remove(&m[i], first, last);
	} else if (what < 92) {
		copy_granules(set, m, i, first, last);
	} else if (what < 95) {
		dirty_set_move(&set[i], &set[!i], first, last);
		move_granules(&m[i], &m[!i], first, last);
	} else if (what < 98) {
		dirty_set_merge(&set[i], &set[!i]);
		move_granules(&m[i], &m[!i], 0, ~0UL);
	} else {
		dirty_set_destroy(&set[i]);
		model_zero(&m[i]);
	}
}

/* Short runs with short gaps */
static void make_dense(struct dirty_set *set, struct model *m)
{
	const struct region *r = &m->r[rnd_below(m->nr)];
	unsigned long b;

	for (b = r->first; b < r->first + min(4ul * DIRTY_BLOCK_RUNS, r->n); b += 2) {
		dirty_set_add(set, b << m->shift, b << m->shift);
		model_mark(m, b, b, 1);
	}
}

static void make_pair(struct dirty_set *set, struct model *m)
{
	unsigned int shift = pick_shift();
	unsigned long n = rnd_between(1, rnd_chance(10) ? 32 : 4) * CHUNK +
			  rnd_below(CHUNK);
	int i;

	for (i = 0; i < 2; i++) {
		dirty_set_init(&set[i], shift);
		model_init(&m[i], shift, n);
	}
	/* Half of them begin with bits and not with runs */
	for (i = 0; i < 2; i++)
		if (rnd_chance(50))
			make_dense(&set[i], &m[i]);
}

/* Nothing is left, in the sets or of their memory. */
static enum greatest_test_res end_pair(struct dirty_set *set, struct model *m)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (rnd_chance(50))
			dirty_set_destroy(&set[i]);
		else
			dirty_set_remove(&set[i], 0, ~0UL);
		EXPECT_RANDOM(dirty_set_empty(&set[i]));
		EXPECT_RANDOM(!set[i].nr_chunks && !dirty_set_bytes(&set[i]));
		model_free(&m[i]);
	}
	EXPECT(shim.nr_live == 0, "%ld chunks leaked", shim.nr_live);
	PASS();
}

TEST random_exact(void)
{
	struct dirty_set set[2];
	struct model m[2];
	unsigned long round;
	int step, i;

	random_rounds(round, 150) {
		make_pair(set, m);
		for (step = 0; step < 150 && !rnd_ended(); step++) {
			change(set, m);
			CHECK_CALL(check_run(&set[step & 1], &m[step & 1]));
			if (rnd_chance(10))
				for (i = 0; i < 2; i++)
					CHECK_CALL(check_exact(&set[i], &m[i]));
		}
		for (i = 0; i < 2; i++)
			CHECK_CALL(check_exact(&set[i], &m[i]));
		CHECK_CALL(end_pair(set, m));
	}
	PASS();
}

/*
 * Without memory a move takes more along than was asked for. What the source
 * has lost must be in the destination.
 */
static enum greatest_test_res follow(struct dirty_set *set, struct model *m)
{
	struct model real[2];
	unsigned long i, j;
	int k;

	for (k = 0; k < 2; k++) {
		model_copy(&real[k], &m[k]);
		model_read(&real[k], &set[k]);
	}
	for (i = 0; i < m[0].nr; i++) {
		if (model_covers(&real[0], &m[0]) && model_covers(&real[1], &m[1]))
			break;
		for (j = 0; j < m[0].r[i].n; j++) {
			for (k = 0; k < 2; k++) {
				unsigned char *must = &m[k].r[i].dirty[j];

				if (!*must || real[k].r[i].dirty[j])
					continue;
				EXPECT(real[!k].r[i].dirty[j],
				       "granule %#lx was lost",
				       m[0].r[i].first + j);
				*must = 0;
				m[!k].r[i].dirty[j] = 1;
			}
		}
	}
	for (k = 0; k < 2; k++)
		model_free(&real[k]);
	PASS();
}

TEST random_without_memory(void)
{
	static const unsigned int permille[] = { 1000, 500, 100, 20 };
	struct dirty_set set[2];
	struct model m[2];
	unsigned long round;
	int step, i;

	random_rounds(round, 150) {
		make_pair(set, m);
		shim.fail_mask = rnd_between(1, SHIM_FAIL_ANY);
		shim.fail_permille = permille[rnd_below(4)];
		for (step = 0; step < 60 && !rnd_ended(); step++) {
			struct model before;
			int to = rnd_below(2);
			unsigned long first, last;

			change(set, m);
			CHECK_CALL(follow(set, m));
			for (i = 0; i < 2; i++)
				CHECK_CALL(check_shape(&set[i]));
			if (!rnd_chance(10))
				continue;
			/* What is in the range must move, whatever else does */
			model_copy(&before, &m[!to]);
			pick_range(&m[0], &first, &last);
			dirty_set_move(&set[to], &set[!to], first, last);
			move_granules(&m[to], &before, first, last);
			CHECK_CALL(follow(set, m));
			EXPECT_RANDOM(model_inside(&m[to], &set[to]));
			model_free(&before);
		}
		shim.fail_mask = 0;
		for (i = 0; i < 2; i++) {
			dirty_set_remove(&set[i], 0, ~0UL);
			model_zero(&m[i]);
		}
		for (step = 0; step < 30 && !rnd_ended(); step++)
			change(set, m);
		for (i = 0; i < 2; i++)
			CHECK_CALL(check_exact(&set[i], &m[i]));
		CHECK_CALL(end_pair(set, m));
	}
	PASS();
}

/* Every allocation of a fixed series of changes fails in its turn. */
TEST every_allocation_fails_once(void)
{
	static const unsigned int masks[] = { SHIM_FAIL_HOOK, SHIM_FAIL_KZALLOC,
					      SHIM_FAIL_XA };
	unsigned long round, nth, mask;
	struct dirty_set set[2];
	struct model m[2];
	int step;

	random_rounds(round, 1000) {
		mask = masks[round % 3];
		nth = round / 3 + 1;
		make_pair(set, m);
		shim.fail_mask = mask;
		shim.fail_nth = nth;
		for (step = 0; step < 8; step++)
			change(set, m);
		CHECK_CALL(follow(set, m));
		CHECK_CALL(end_pair(set, m));
		if (nth > 20)
			break;
	}
	PASS();
}

GREATEST_MAIN_DEFS();

int main(int argc, char **argv)
{
	GREATEST_MAIN_BEGIN();
	random_init();
	RUN_TEST(random_exact);
	RUN_TEST(random_without_memory);
	RUN_TEST(every_allocation_fails_once);
	HARNESS_MAIN_END();
}
