// SPDX-License-Identifier: GPL-2.0-only
/* Pages that firmware has reported, until a reader gets them (drivers/mlx5/pages.c). */
#include <linux/bitmap.h>
#include <linux/types.h>

#include <drivers/mlx5/pages.h>
#include "harness.h"

#define UNIT	(1ul << MLX5VF_PAGE_SHIFT)
/* Three chunks, from the middle of one on */
#define UNITS	(3 * MLX5VF_PAGES_BITS)
#define BASE	((7ul * MLX5VF_PAGES_BITS + 1000) * UNIT)

static struct mlx5vf_pages pages;
static bool dirty[UNITS];
static bool got[UNITS];

static void setup(void *unused)
{
	(void)unused;
	shim_reset();
	mlx5vf_pages_init(&pages);
	memset(dirty, 0, sizeof(dirty));
}

static void teardown(void *unused)
{
	(void)unused;
	mlx5vf_pages_destroy(&pages);
}

/* Units from a to b, both relative to BASE. */
static void add(unsigned long a, unsigned long b)
{
	mlx5vf_pages_add(&pages, BASE + a * UNIT, BASE + b * UNIT + UNIT - 1);
	while (a <= b)
		dirty[a++] = true;
}

/* As the driver does it; bytes relative to BASE. False if it is outside. */
static bool take(unsigned long from, unsigned long last)
{
	static unsigned long bits[MLX5VF_PAGES_BITS / BITS_PER_LONG];
	u64 at = BASE + from, base, low, high;
	unsigned long bit, unit;

	memset(got, 0, sizeof(got));
	if (mlx5vf_pages_take_all(&pages, BASE + from, BASE + last, &low, &high)) {
		if (low < BASE + from || high > BASE + last || low > high)
			return false;
		for (unit = (low - BASE) / UNIT; unit <= (high - BASE) / UNIT; unit++)
			got[unit] = true;
	}
	while (at <= BASE + last &&
	       mlx5vf_pages_take(&pages, &at, BASE + last, bits, &base))
		for (bit = find_next_bit(bits, MLX5VF_PAGES_BITS, 0);
		     bit < MLX5VF_PAGES_BITS;
		     bit = find_next_bit(bits, MLX5VF_PAGES_BITS, bit + 1)) {
			unit = (base + bit * UNIT - BASE) / UNIT;
			if (unit < from / UNIT || unit > last / UNIT)
				return false;
			got[unit] = true;
		}
	return true;
}

/* No page is missing; none is surplus, if @exact; whole pages have left the set. */
static bool right(unsigned long from, unsigned long last, bool exact)
{
	unsigned long unit;

	for (unit = from / UNIT; unit <= last / UNIT; unit++) {
		if (dirty[unit] && !got[unit])
			return false;
		if (exact && got[unit] && !dirty[unit])
			return false;
		if (unit * UNIT >= from && unit * UNIT + UNIT - 1 <= last)
			dirty[unit] = false;
	}
	return true;
}

TEST one_page(void)
{
	add(5, 5);
	ASSERT(take(0, 5 * UNIT - 1) && right(0, 5 * UNIT - 1, true));
	ASSERT(take(5 * UNIT, 6 * UNIT - 1) && got[5]);
	ASSERT(take(0, UNITS * UNIT - 1) && !got[5]);
	PASS();
}

/* A reader that asks for a part gets it, until one has asked for all. */
TEST part_of_a_page(void)
{
	add(5, 5);
	ASSERT(take(5 * UNIT + 1, 9 * UNIT - 1) && got[5]);
	ASSERT(take(0, 5 * UNIT) && got[5]);
	ASSERT(take(5 * UNIT, 6 * UNIT - 1) && got[5]);
	ASSERT(take(5 * UNIT, 6 * UNIT - 1) && !got[5]);
	PASS();
}

TEST over_chunks(void)
{
	add(0, UNITS - 1);
	ASSERT(take(0, UNITS * UNIT - 1) && right(0, UNITS * UNIT - 1, true));
	ASSERT(got[0] && got[UNITS - 1]);
	ASSERT_EQ(0, shim.nr_live);
	PASS();
}

TEST without_memory(void)
{
	shim.fail_mask = SHIM_FAIL_ANY;
	shim.fail_permille = 1000;
	add(10, 10);
	add(40000, 40000);
	ASSERT(take(0, UNITS * UNIT - 1) && right(0, UNITS * UNIT - 1, false));
	/* And no more than between them */
	ASSERT(!got[9] && !got[40001]);
	ASSERT(take(0, UNITS * UNIT - 1) && !got[10]);
	PASS();
}

/* The control: one that was not added is missed. */
TEST a_page_that_is_missing(void)
{
	add(5, 5);
	dirty[6] = true;
	ASSERT(take(0, UNITS * UNIT - 1) && !right(0, UNITS * UNIT - 1, true));
	PASS();
}

static enum greatest_test_res random_steps(bool fail, unsigned long round)
{
	unsigned long i, steps = rnd_between(1, 60);

	shim_reset();
	memset(dirty, 0, sizeof(dirty));
	if (fail) {
		shim.fail_mask = SHIM_FAIL_ANY;
		shim.fail_permille = rnd_between(1, 900);
	}
	for (i = 0; i < steps; i++) {
		unsigned long a = rnd_below(UNITS), b;

		b = rnd_chance(80) ? a + rnd_below(20) : rnd_below(UNITS);
		if (b < a || b >= UNITS)
			b = a;
		if (rnd_chance(60)) {
			add(a, b);
			continue;
		}
		a = a * UNIT + (rnd_chance(30) ? rnd_below(UNIT) : 0);
		b = b * UNIT + (rnd_chance(30) ? rnd_below(UNIT) : UNIT - 1);
		if (b < a)
			b = a;
		EXPECT(take(a, b), "round %lu", round);
		EXPECT(right(a, b, !fail), "round %lu", round);
	}
	EXPECT(take(0, UNITS * UNIT - 1), "round %lu", round);
	EXPECT(right(0, UNITS * UNIT - 1, !fail), "round %lu", round);
	EXPECT(!shim.nr_live, "round %lu: %ld chunks are left", round,
	       shim.nr_live);
	mlx5vf_pages_destroy(&pages);
	PASS();
}

TEST random_exact(void)
{
	unsigned long round;

	random_rounds(round, 300)
		CHECK_CALL(random_steps(false, round));
	PASS();
}

TEST random_without_memory(void)
{
	unsigned long round;

	random_rounds(round, 300)
		CHECK_CALL(random_steps(true, round));
	PASS();
}

GREATEST_MAIN_DEFS();

int main(int argc, char **argv)
{
	GREATEST_MAIN_BEGIN();
	random_init();
	SET_SETUP(setup, NULL);
	SET_TEARDOWN(teardown, NULL);
	RUN_TEST(one_page);
	RUN_TEST(part_of_a_page);
	RUN_TEST(over_chunks);
	RUN_TEST(without_memory);
	RUN_TEST(a_page_that_is_missing);
	RUN_TEST(random_exact);
	RUN_TEST(random_without_memory);
	HARNESS_MAIN_END();
}
