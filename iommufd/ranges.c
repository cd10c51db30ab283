// SPDX-License-Identifier: GPL-2.0-only
/*
 * A few disjoint ranges in fixed memory; see ranges.h.
 */
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "ranges.h"

static void ranges_delete(struct dirty_ranges *ranges, unsigned int at)
{
	size_t n = ranges->nr - at - 1;

	memmove(&ranges->first[at], &ranges->first[at + 1],
		n * sizeof(ranges->first[0]));
	memmove(&ranges->last[at], &ranges->last[at + 1],
		n * sizeof(ranges->last[0]));
	ranges->nr--;
}

/* There is room. */
static void ranges_insert(struct dirty_ranges *ranges, unsigned int at,
			  unsigned long first, unsigned long last)
{
	size_t n = ranges->nr - at;

	memmove(&ranges->first[at + 1], &ranges->first[at],
		n * sizeof(ranges->first[0]));
	memmove(&ranges->last[at + 1], &ranges->last[at],
		n * sizeof(ranges->last[0]));
	ranges->first[at] = first;
	ranges->last[at] = last;
	ranges->nr++;
}

/* Make room for one more: the two entries with the least between them join. */
static void ranges_squeeze(struct dirty_ranges *ranges)
{
	unsigned int i, best = 0;

	for (i = 1; i + 1 < ranges->nr; i++)
		if (ranges->first[i + 1] - ranges->last[i] <
		    ranges->first[best + 1] - ranges->last[best])
			best = i;
	ranges->last[best] = ranges->last[best + 1];
	ranges_delete(ranges, best + 1);
}

/**
 * dirty_ranges_add() - Add a range
 * @ranges: The container
 * @first: First byte
 * @last: Last byte
 *
 * A container that is full joins two ranges and covers what is between them.
 */
void dirty_ranges_add(struct dirty_ranges *ranges, unsigned long first,
		      unsigned long last)
{
	unsigned int i = 0;

	while (i < ranges->nr) {
		bool before = ranges->last[i] < first &&
			      first - ranges->last[i] > 1;
		bool behind = ranges->first[i] > last &&
			      ranges->first[i] - last > 1;

		if (behind)
			break;
		if (before) {
			i++;
			continue;
		}
		first = min(first, ranges->first[i]);
		last = max(last, ranges->last[i]);
		ranges_delete(ranges, i);
	}
	if (ranges->nr == DIRTY_RANGES_MAX) {
		ranges_squeeze(ranges);
		dirty_ranges_add(ranges, first, last);
		return;
	}
	ranges_insert(ranges, i, first, last);
}

/**
 * dirty_ranges_remove() - Remove a range
 * @ranges: The container
 * @first: First byte
 * @last: Last byte
 *
 * A hole for which the container has no room is not made.
 */
void dirty_ranges_remove(struct dirty_ranges *ranges, unsigned long first,
			 unsigned long last)
{
	unsigned int i = 0;

	while (i < ranges->nr) {
		unsigned long a = ranges->first[i], b = ranges->last[i];

		if (b < first || a > last) {
			i++;
		} else if (first <= a && last >= b) {
			ranges_delete(ranges, i);
		} else if (first <= a) {
			ranges->first[i++] = last + 1;
		} else if (last >= b) {
			ranges->last[i++] = first - 1;
		} else {
			if (ranges->nr < DIRTY_RANGES_MAX) {
				ranges->last[i] = first - 1;
				ranges_insert(ranges, i + 1, last + 1, b);
			}
			return;
		}
	}
}

/**
 * dirty_ranges_next() - Find the first part of a range that is contained
 * @ranges: The container
 * @first: First byte to look at
 * @last: Last byte to look at
 * @next_first: Out: first byte of the part
 * @next_last: Out: last byte of the part
 *
 * Return: false when nothing of [@first, @last] is contained.
 */
bool dirty_ranges_next(const struct dirty_ranges *ranges, unsigned long first,
		       unsigned long last, unsigned long *next_first,
		       unsigned long *next_last)
{
	unsigned int i;

	for (i = 0; i < ranges->nr; i++) {
		if (ranges->last[i] < first)
			continue;
		if (ranges->first[i] > last)
			break;
		*next_first = max(first, ranges->first[i]);
		*next_last = min(last, ranges->last[i]);
		return true;
	}
	return false;
}
