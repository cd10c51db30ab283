// SPDX-License-Identifier: GPL-2.0-only
/* dirty_ranges against a map of bytes that is simpler than it. */
#include <stdlib.h>

#include <iommufd/ranges.h>
#include "harness.h"
#include "random.h"

/* The whole address space, seen in this many pieces. */
#define PIECES		256u
#define PIECE_BITS	56

static unsigned long first_of(unsigned int piece)
{
	return (unsigned long)piece << PIECE_BITS;
}

static unsigned long last_of(unsigned int piece)
{
	return first_of(piece) | ((1ul << PIECE_BITS) - 1);
}

static bool has(const struct dirty_ranges *r, unsigned int piece)
{
	unsigned long first, last;

	return dirty_ranges_next(r, first_of(piece), last_of(piece), &first, &last);
}

static bool in_order(const struct dirty_ranges *r)
{
	unsigned int i;

	if (r->nr > DIRTY_RANGES_MAX)
		return false;
	for (i = 0; i < r->nr; i++)
		if (r->first[i] > r->last[i] ||
		    (i && r->first[i] <= r->last[i - 1]))
			return false;
	return true;
}

TEST ends_of_the_address_space(void)
{
	struct dirty_ranges r = {};
	unsigned long first, last;

	ASSERT(dirty_ranges_empty(&r));
	ASSERT(!dirty_ranges_next(&r, 0, ~0ul, &first, &last));
	dirty_ranges_add(&r, 0, ~0ul);
	ASSERT(dirty_ranges_next(&r, 5, 9, &first, &last));
	ASSERT_EQ(5ul, first);
	ASSERT_EQ(9ul, last);
	dirty_ranges_remove(&r, 0, 0);
	dirty_ranges_remove(&r, ~0ul, ~0ul);
	ASSERT_EQ(1u, r.nr);
	ASSERT_EQ(1ul, r.first[0]);
	ASSERT_EQ(~0ul - 1, r.last[0]);
	dirty_ranges_add(&r, 0, 0);
	dirty_ranges_add(&r, ~0ul, ~0ul);
	ASSERT_EQ(1u, r.nr);
	ASSERT_EQ(0ul, r.first[0]);
	ASSERT_EQ(~0ul, r.last[0]);
	dirty_ranges_remove(&r, 100, 199);
	ASSERT_EQ(2u, r.nr);
	ASSERT(!dirty_ranges_next(&r, 100, 199, &first, &last));
	dirty_ranges_remove(&r, 0, ~0ul);
	ASSERT(dirty_ranges_empty(&r));
	PASS();
}

/* Full: adding joins, a hole that has no room is not cut. Never less than it is. */
TEST full(void)
{
	struct dirty_ranges r = {};
	unsigned int i;

	for (i = 0; i < 2 * DIRTY_RANGES_MAX; i++)
		dirty_ranges_add(&r, i * 100, i * 100 + 9);
	ASSERT_EQ((unsigned int)DIRTY_RANGES_MAX, r.nr);
	for (i = 0; i < 2 * DIRTY_RANGES_MAX; i++) {
		unsigned long first, last;

		ASSERT(dirty_ranges_next(&r, i * 100, i * 100 + 9, &first, &last));
		ASSERT_EQ(i * 100ul, first);
		ASSERT_EQ(i * 100ul + 9, last);
	}
	dirty_ranges_clear(&r);
	dirty_ranges_add(&r, 0, 999999);
	for (i = 1; i < 20; i++)
		dirty_ranges_remove(&r, i * 100, i * 100 + 9);
	ASSERT_EQ((unsigned int)DIRTY_RANGES_MAX, r.nr);
	ASSERT_EQ(999999ul, r.last[r.nr - 1]);
	PASS();
}

/* A full container joins the two that are closest. */
TEST closest(void)
{
	struct dirty_ranges r = {};
	unsigned long first, last;
	unsigned int i;

	for (i = 0; i < DIRTY_RANGES_MAX; i++)
		dirty_ranges_add(&r, i * 1000 - (i == 5) * 900, i * 1000 + 9);
	dirty_ranges_add(&r, 100000, 100009);
	ASSERT_EQ((unsigned int)DIRTY_RANGES_MAX, r.nr);
	ASSERT(dirty_ranges_next(&r, 4010, 4099, &first, &last));
	for (i = 0; i < DIRTY_RANGES_MAX; i++)
		ASSERT_EQ(i == 4, dirty_ranges_next(&r, i * 1000 + 10, i * 1000 + 99,
						    &first, &last));
	PASS();
}

TEST random_changes(void)
{
	unsigned long round;
	unsigned int i;

	random_rounds(round, 2000) {
		bool model[PIECES] = {};
		struct dirty_ranges r = {};
		bool exact = true;

		for (i = 0; i < 40; i++) {
			unsigned int a = rnd_below(PIECES), b = rnd_below(PIECES);
			unsigned int lo = a < b ? a : b, hi = a < b ? b : a;
			bool add = rnd_chance(50);
			unsigned int p;

			/* What may be joined or left whole when it is full */
			if (r.nr == DIRTY_RANGES_MAX)
				exact = false;
			if (add)
				dirty_ranges_add(&r, first_of(lo), last_of(hi));
			else
				dirty_ranges_remove(&r, first_of(lo), last_of(hi));
			for (p = lo; p <= hi; p++)
				model[p] = add;
			EXPECT_RANDOM(in_order(&r));
			for (p = 0; p < PIECES; p++) {
				EXPECT_RANDOM(!model[p] || has(&r, p));
				EXPECT_RANDOM(!exact || model[p] == has(&r, p));
			}
		}
	}
	PASS();
}

GREATEST_MAIN_DEFS();

int main(int argc, char **argv)
{
	GREATEST_MAIN_BEGIN();
	random_init();
	RUN_TEST(ends_of_the_address_space);
	RUN_TEST(full);
	RUN_TEST(closest);
	RUN_TEST(random_changes);
	HARNESS_MAIN_END();
}
