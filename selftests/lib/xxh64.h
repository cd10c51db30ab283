/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xxh64 with seed 0, by its published description: what drivers/mlx5/stream.h has
 * for a checksum.
 */
#ifndef _SELFTESTS_LIB_XXH64_H
#define _SELFTESTS_LIB_XXH64_H

#include <endian.h>
#include <stddef.h>
#include <string.h>
#include <linux/types.h>

#define XXH_P1	0x9e3779b185ebca87ull
#define XXH_P2	0xc2b2ae3d27d4eb4full
#define XXH_P3	0x165667b19e3779f9ull
#define XXH_P4	0x85ebca77c2b2ae63ull
#define XXH_P5	0x27d4eb2f165667c5ull

static inline __u64 xxh64_rol(__u64 x, int n)
{
	return x << n | x >> (64 - n);
}

static inline __u64 xxh64_word(const unsigned char *at)
{
	__u64 word;

	memcpy(&word, at, sizeof(word));
	return le64toh(word);
}

static inline __u64 xxh64_round(__u64 lane, __u64 word)
{
	return xxh64_rol(lane + word * XXH_P2, 31) * XXH_P1;
}

/* Take all whole stripes of 32 bytes; the sum of the lanes. */
static inline __u64 xxh64_stripes(const unsigned char **at, size_t *n)
{
	__u64 lane[4] = { XXH_P1 + XXH_P2, XXH_P2, 0, 0 - XXH_P1 }, sum;
	int i;

	for (; *n >= 32; *n -= 32)
		for (i = 0; i < 4; i++, *at += 8)
			lane[i] = xxh64_round(lane[i], xxh64_word(*at));
	sum = xxh64_rol(lane[0], 1) + xxh64_rol(lane[1], 7) +
	      xxh64_rol(lane[2], 12) + xxh64_rol(lane[3], 18);
	for (i = 0; i < 4; i++)
		sum = (sum ^ xxh64_round(0, lane[i])) * XXH_P1 + XXH_P4;
	return sum;
}

static inline __u64 xxh64(const void *data, size_t length)
{
	const unsigned char *at = data;
	size_t n = length;
	__u32 half;
	__u64 sum;

	sum = (n >= 32 ? xxh64_stripes(&at, &n) : XXH_P5) + length;
	for (; n >= 8; n -= 8, at += 8)
		sum = xxh64_rol(sum ^ xxh64_round(0, xxh64_word(at)), 27) *
		      XXH_P1 + XXH_P4;
	if (n >= 4) {
		memcpy(&half, at, sizeof(half));
		sum = xxh64_rol(sum ^ le32toh(half) * XXH_P1, 23) * XXH_P2 +
		      XXH_P3;
		n -= 4;
		at += 4;
	}
	for (; n; n--, at++)
		sum = xxh64_rol(sum ^ *at * XXH_P5, 11) * XXH_P1;
	sum = (sum ^ sum >> 33) * XXH_P2;
	sum = (sum ^ sum >> 29) * XXH_P3;
	return sum ^ sum >> 32;
}

#endif
