/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _SELFTESTS_RANDOM_H
#define _SELFTESTS_RANDOM_H

#include <linux/types.h>

/**
 * random_below() - A random number
 * @state: What seeds it, not 0; changed
 * @below: One more than the largest
 *
 * Return: The number, from 0 to @below - 1.
 */
static inline __u64 random_below(__u64 *state, __u64 below)
{
	/* xorshift64*, Vigna 2014 */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * 0x2545f4914f6cdd1dull >> 11) % below;
}

#endif
