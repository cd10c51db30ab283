/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/bitmap.h> and <linux/bitops.h> */
#pragma once

#include <linux/bits.h>
#include <linux/types.h>

#define BITMAP_FIRST_WORD_MASK(start)	(~0UL << ((start) & (BITS_PER_LONG - 1)))
#define BITMAP_LAST_WORD_MASK(nbits)	(~0UL >> (-(nbits) & (BITS_PER_LONG - 1)))

static inline unsigned long hweight_long(unsigned long w)
{
	return __builtin_popcountl(w);
}

static inline void __set_bit(unsigned long nr, unsigned long *map)
{
	map[nr / BITS_PER_LONG] |= BIT(nr % BITS_PER_LONG);
}

/* The next bit that is set after inverting with @flip, or @size. */
static inline unsigned long shim_find_bit(const unsigned long *map,
					  unsigned long size,
					  unsigned long at, unsigned long flip)
{
	while (at < size) {
		unsigned long w = (map[at / BITS_PER_LONG] ^ flip) >>
				  at % BITS_PER_LONG;

		if (w) {
			at += __builtin_ctzl(w);
			return at < size ? at : size;
		}
		at = (at / BITS_PER_LONG + 1) * BITS_PER_LONG;
	}
	return size;
}

static inline unsigned long find_next_bit(const unsigned long *map,
					  unsigned long size, unsigned long at)
{
	return shim_find_bit(map, size, at, 0);
}

static inline unsigned long find_next_zero_bit(const unsigned long *map,
					       unsigned long size,
					       unsigned long at)
{
	return shim_find_bit(map, size, at, ~0UL);
}

/* The bits of word @w that are in the @n bits from @start. */
static inline unsigned long shim_word_mask(unsigned int w, unsigned int start,
					   unsigned int n)
{
	unsigned long mask = ~0UL;

	if (w == start / BITS_PER_LONG)
		mask &= ~0UL << start % BITS_PER_LONG;
	if (w == (start + n - 1) / BITS_PER_LONG)
		mask &= ~0UL >> (BITS_PER_LONG - 1 -
				 (start + n - 1) % BITS_PER_LONG);
	return mask;
}

static inline void bitmap_set(unsigned long *map, unsigned int start,
			      unsigned int n)
{
	unsigned int w;

	for (w = start / BITS_PER_LONG; n && w <= (start + n - 1) / BITS_PER_LONG;
	     w++)
		map[w] |= shim_word_mask(w, start, n);
}

static inline void bitmap_clear(unsigned long *map, unsigned int start,
				unsigned int n)
{
	unsigned int w;

	for (w = start / BITS_PER_LONG; n && w <= (start + n - 1) / BITS_PER_LONG;
	     w++)
		map[w] &= ~shim_word_mask(w, start, n);
}

static inline void bitmap_fill(unsigned long *map, unsigned int n)
{
	memset(map, 0xff, (n + BITS_PER_LONG - 1) / BITS_PER_LONG * sizeof(*map));
}

static inline bool bitmap_empty(const unsigned long *map, unsigned int n)
{
	return find_next_bit(map, n, 0) == n;
}

static inline unsigned int bitmap_weight(const unsigned long *map, unsigned int n)
{
	unsigned int w, weight = 0;

	for (w = 0; w < n / BITS_PER_LONG; w++)
		weight += hweight_long(map[w]);
	return weight;
}

static inline void bitmap_or(unsigned long *to, const unsigned long *a,
			     const unsigned long *b, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < (n + BITS_PER_LONG - 1) / BITS_PER_LONG; i++)
		to[i] = a[i] | b[i];
}

static inline void bitmap_zero(unsigned long *map, unsigned int n)
{
	memset(map, 0, (n + BITS_PER_LONG - 1) / BITS_PER_LONG * sizeof(*map));
}

static inline void bitmap_and(unsigned long *to, const unsigned long *a,
			      const unsigned long *b, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < (n + BITS_PER_LONG - 1) / BITS_PER_LONG; i++)
		to[i] = a[i] & b[i];
}
