// SPDX-License-Identifier: GPL-2.0-only
/* The tape, with the interface of selftests/unit/random.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tape.h"
#include "../shim/shim.h"

static const unsigned char *tape;
static size_t left;
static bool begun;

/** tape_load() - Take the choices from here */
void tape_load(const unsigned char *data, size_t size)
{
	tape = data;
	left = size;
	begun = false;
	shim_reset();
}

/** fuzz_bug() - The code under test did what it must not; the input is saved */
void fuzz_bug(const char *what, ...)
{
	va_list args;

	va_start(args, what);
	fputs("BUG in the code under test: ", stderr);
	vfprintf(stderr, what, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

static unsigned long take(unsigned int bytes)
{
	unsigned long value = 0;

	while (bytes--) {
		value = value << 8 | (left ? *tape : 0);
		tape += !!left;
		left -= !!left;
	}
	return value;
}

unsigned long rnd(void)
{
	return take(sizeof(long));
}

unsigned long rnd_below(unsigned long n)
{
	unsigned int bytes = 1;

	while (bytes < sizeof(long) && (n - 1) >> (8 * bytes))
		bytes++;
	return take(bytes) % n;
}

unsigned long rnd_between(unsigned long first, unsigned long last)
{
	return last - first == ~0UL ? rnd() : first + rnd_below(last - first + 1);
}

bool rnd_chance(unsigned int percent)
{
	return rnd_below(100) < percent;
}

bool rnd_ended(void)
{
	return !left;
}

void random_init(void)
{
}

/** random_round() - One round; its number, which decides things, is a choice too */
bool random_round(const char *test, unsigned long *round, unsigned long rounds)
{
	(void)test;
	if (begun)
		return false;
	begun = true;
	*round = rnd_below(rounds < 256 ? rounds : 256);
	return true;
}

const char *random_repeat(void)
{
	return "the input is saved";
}
