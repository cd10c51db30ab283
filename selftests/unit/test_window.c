// SPDX-License-Identifier: GPL-2.0-only
/* The window: what a driver records is clipped, and counted as clipped. */
#include <linux/iova_bitmap.h>

#include <iommufd/dirty_set.h>
#include <iommufd/window.h>
#include "harness.h"

#define TOP (~0UL)

static struct dirty_set set;
static struct dirty_window window;

static void setup(void *unused)
{
	(void)unused;
	shim_reset();
	dirty_set_init(&set, 12);
	dirty_window_init(&window, &set);
}

static void teardown(void *unused)
{
	(void)unused;
	dirty_set_destroy(&set);
}

/* The set has one run, from first to last, and nothing else. */
static bool only(unsigned long first, unsigned long last)
{
	unsigned long a, b;

	return dirty_set_next_run(&set, 0, TOP, &a, &b) && a == first &&
	       b == last && (b == TOP ||
			     !dirty_set_next_run(&set, b + 1, TOP, &a, &b));
}

TEST rounds_to_units(void)
{
	window.unit_mask = 0xffff;
	window.first = 0x21000;
	window.last = 0x8ffff;
	dirty_window_record(&window, 0x20000, 0x2000);
	ASSERT(only(0x20000, 0x2ffff));
	ASSERT_EQ(0x1000UL, window.bytes);
	PASS();
}

TEST records_everything(void)
{
	dirty_window_record(&window, 0x3000, 0x2000);
	ASSERT(only(0x3000, 0x4fff));
	ASSERT_EQ(1UL, window.records);
	ASSERT_EQ(0x2000UL, window.largest);
	ASSERT_EQ(0x2000UL, window.bytes);
	dirty_window_record(&window, 0x2000, 0x1000);
	ASSERT(only(0x2000, 0x4fff));
	ASSERT_EQ(2UL, window.records);
	ASSERT_EQ(0x2000UL, window.largest);
	ASSERT_EQ(0x3000UL, window.bytes);
	PASS();
}

/* The way a driver calls it: the first member of struct iova_bitmap. */
TEST is_an_iova_bitmap(void)
{
	struct iova_bitmap *bitmap = dirty_window_bitmap(&window);
	void (*set_fn)(struct iova_bitmap *bitmap, unsigned long iova,
		       size_t length);

	memcpy(&set_fn, bitmap, sizeof(set_fn));
	ASSERT(set_fn == window.set_fn);
	set_fn(bitmap, 0x7000, 0x1000);
	ASSERT(only(0x7000, 0x7fff));
	ASSERT_EQ(1UL, window.records);
	PASS();
}

/* Bytes that share a granule make all of it dirty; bytes count as recorded. */
TEST part_of_a_granule(void)
{
	dirty_window_record(&window, 0x3fff, 2);
	ASSERT(only(0x3000, 0x4fff));
	ASSERT_EQ(2UL, window.bytes);
	PASS();
}

TEST zero_length(void)
{
	window.last = 0xffff;
	dirty_window_record(&window, 0x3000, 0);
	dirty_window_record(&window, 0, 0);
	ASSERT(dirty_set_empty(&set));
	window.last = TOP;
	dirty_window_record(&window, TOP, 0);
	ASSERT(dirty_set_empty(&set));
	ASSERT_EQ(3UL, window.records);
	ASSERT_EQ(0UL, window.largest);
	ASSERT_EQ(0UL, window.bytes);
	PASS();
}

TEST clipped(void)
{
	window.first = 0x10000;
	window.last = 0x1ffff;
	dirty_window_record(&window, 0xf000, 0x1000);
	dirty_window_record(&window, 0x20000, 0x1000);
	ASSERT(dirty_set_empty(&set));
	ASSERT_EQ(0UL, window.bytes);
	dirty_window_record(&window, 0xf000, 0x2000);
	ASSERT(only(0x10000, 0x10fff));
	dirty_set_remove(&set, 0, TOP);
	dirty_window_record(&window, 0x1f000, 0x2000);
	ASSERT(only(0x1f000, 0x1ffff));
	dirty_set_remove(&set, 0, TOP);
	ASSERT_EQ(0x1000UL, window.largest);
	dirty_window_record(&window, 0, TOP);
	ASSERT(only(0x10000, 0x1ffff));
	ASSERT_EQ(5UL, window.records);
	ASSERT_EQ(0x10000UL, window.largest);
	ASSERT_EQ(0x12000UL, window.bytes);
	PASS();
}

/* A window of one byte, and one of nothing. */
TEST narrow(void)
{
	window.first = 0x1fff;
	window.last = 0x1fff;
	dirty_window_record(&window, 0x1fff, 1);
	ASSERT(only(0x1000, 0x1fff));
	ASSERT_EQ(1UL, window.bytes);
	dirty_set_remove(&set, 0, TOP);
	window.last = 0x1ffe;
	dirty_window_record(&window, 0, TOP);
	ASSERT(dirty_set_empty(&set));
	PASS();
}

/* A record that wraps ends at the top; it does not continue at the bottom. */
TEST wraps(void)
{
	dirty_window_record(&window, -0x2000UL, 0x2000);
	ASSERT(only(-0x2000UL, TOP));
	ASSERT_EQ(0x2000UL, window.bytes);
	dirty_window_record(&window, -0x1000UL, 0x1001);
	dirty_window_record(&window, -0x1000UL, TOP);
	dirty_window_record(&window, TOP, 1);
	dirty_window_record(&window, TOP, TOP);
	ASSERT(only(-0x2000UL, TOP));
	ASSERT_EQ(5UL, window.records);
	ASSERT_EQ(0x2000UL, window.largest);
	ASSERT_EQ(0x4002UL, window.bytes);
	window.last = 0xffff;
	dirty_window_record(&window, -0x1000UL, 0x3000);
	ASSERT(only(-0x2000UL, TOP));
	ASSERT_EQ(0x4002UL, window.bytes);
	PASS();
}

/* Numbers at random, among them hostile ones, against arithmetic in 128 bits. */
TEST random_records(void)
{
	unsigned long round, records = 0, largest = 0, bytes = 0;

	random_rounds(round, 20000) {
		unsigned long iova, length;
		__uint128_t lo, hi;

		window.first = rnd() >> rnd_below(64);
		window.last = window.first + rnd_below(1UL << 24);
		if (window.last < window.first)
			window.last = TOP;
		iova = rnd_chance(70) ? window.first - 0x800000 + rnd_below(1UL << 25) :
					rnd();
		length = rnd() >> rnd_below(64);
		lo = iova;
		hi = lo + length;
		if (hi > (__uint128_t)window.last + 1)
			hi = (__uint128_t)window.last + 1;
		if (lo < window.first)
			lo = window.first;
		dirty_window_record(&window, iova, length);
		records++;
		if (lo < hi) {
			unsigned long a, b, n = hi - lo;

			largest = n > largest ? n : largest;
			bytes += n;
			EXPECT_RANDOM(dirty_set_next_run(&set, 0, TOP, &a, &b));
			EXPECT_RANDOM(a == ((unsigned long)lo & ~0xfffUL));
		} else {
			EXPECT_RANDOM(dirty_set_empty(&set));
		}
		EXPECT_RANDOM(window.records == records);
		EXPECT_RANDOM(window.largest == largest);
		EXPECT_RANDOM(window.bytes == bytes);
		dirty_set_remove(&set, 0, TOP);
	}
	PASS();
}

GREATEST_MAIN_DEFS();

int main(int argc, char **argv)
{
	GREATEST_MAIN_BEGIN();
	random_init();
	SET_SETUP(setup, NULL);
	SET_TEARDOWN(teardown, NULL);
	RUN_TEST(rounds_to_units);
	RUN_TEST(records_everything);
	RUN_TEST(is_an_iova_bitmap);
	RUN_TEST(part_of_a_granule);
	RUN_TEST(zero_length);
	RUN_TEST(clipped);
	RUN_TEST(narrow);
	RUN_TEST(wraps);
	RUN_TEST(random_records);
	HARNESS_MAIN_END();
}
