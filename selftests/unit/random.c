// SPDX-License-Identifier: GPL-2.0-only
/* Random choices that can be repeated; see random.h. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "random.h"
#include "../shim/shim.h"

static unsigned long seed, state, only_round;
static bool one_round, quick;
static char repeat[160] = "no random choice was made";

/**
 * random_init() - Take SEED, ROUND and QUICK from the environment
 *
 * Without SEED the time makes one. It is printed. QUICK is a tenth of the rounds.
 */
void random_init(void)
{
	const char *s = getenv("SEED"), *r = getenv("ROUND");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = s && *s ? strtoul(s, NULL, 0) :
			 ((unsigned long)now.tv_nsec ^ (unsigned long)now.tv_sec ^
			  (unsigned long)getpid() << 8) % 1000000000;
	one_round = r && *r;
	only_round = one_round ? strtoul(r, NULL, 0) : 0;
	quick = getenv("QUICK");
	printf("# SEED=%lu\n", seed);
	fflush(stdout);
}

/**
 * random_round() - Begin a round: all that follows is decided by the seed, the
 *	name of the test and the number of the round
 * @test: The test's function
 * @round: Which round; changed to ROUND if there is one
 * @rounds: How many there are
 *
 * Return: false after the last.
 */
bool random_round(const char *test, unsigned long *round, unsigned long rounds)
{
	const char *c;

	if (quick)
		rounds /= 10;
	if (one_round && *round <= only_round)
		*round = only_round;
	else if (one_round || *round >= rounds)
		return false;
	state = seed * 0x9e3779b97f4a7c15UL + *round;
	for (c = test; *c; c++)
		state = (state ^ (unsigned char)*c) * 0x100000001b3UL;
	shim_reset();
	snprintf(repeat, sizeof(repeat),
		 "to repeat: SEED=%lu ROUND=%lu PROGRAM -t %s", seed, *round,
		 test);
	return true;
}

/** random_repeat() - What to say when the present round fails */
const char *random_repeat(void)
{
	return repeat;
}

/** rnd() - 64 random bits (splitmix64) */
unsigned long rnd(void)
{
	unsigned long z = state += 0x9e3779b97f4a7c15UL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
	return z ^ (z >> 31);
}

/** rnd_below() - Less than @n, which is not 0 */
unsigned long rnd_below(unsigned long n)
{
	return rnd() % n;
}

/** rnd_between() - From @first to @last, inclusive */
unsigned long rnd_between(unsigned long first, unsigned long last)
{
	return last - first == ~0UL ? rnd() : first + rnd_below(last - first + 1);
}

/** rnd_chance() - True in @percent of all cases */
bool rnd_chance(unsigned int percent)
{
	return rnd_below(100) < percent;
}

/** rnd_ended() - Is there nothing more to choose? Never here: see selftests/fuzz */
bool rnd_ended(void)
{
	return false;
}
