// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tracker delivers, and what a VMM has to do to get the same from a
 * bitmap: ranges, and a count.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

#define SIZE GIB
#define MAX_RANGES (SIZE / PAGE / 2)

static struct iommu_dirty_range ranges[MAX_RANGES];

/* Ranges of the VMM's bitmap, which is emptied */
static __u64 to_ranges(struct scene *s)
{
	__u64 words = SIZE / PAGE / 64, w, n = 0, next = 0;

	for (w = 0; w < words; w++) {
		__u64 word = s->bitmap[w];

		while (word) {
			unsigned int first = (unsigned int)__builtin_ctzll(word);
			__u64 rest = ~(word >> first);
			unsigned int run = rest ? (unsigned int)__builtin_ctzll(rest) : 64;
			__u64 iova = IOVA + (w * 64 + first) * PAGE;

			if (n && iova == next) {
				ranges[n - 1].length += run * PAGE;
			} else {
				ranges[n].iova = iova;
				ranges[n++].length = run * PAGE;
			}
			next = iova + run * PAGE;
			word = first + run < 64 ? word & -1ull << (first + run) : 0;
		}
		s->bitmap[w] = 0;
	}
	return n;
}

static __u64 read_ranges(struct scene *s, const struct way *way)
{
	int n;

	if (way == &upstream) {
		way->read(s, IOVA, SIZE, PAGE, false);
		return to_ranges(s);
	}
	n = tracker_read_ranges(s->fd, s->tracker_id, IOVA, SIZE, PAGE, ranges,
				MAX_RANGES, 0, NULL);
	must(n, "READ of ranges");
	return (__u64)n;
}

static __u64 read_count(struct scene *s, const struct way *way)
{
	struct tracker_read_out out;

	if (way == &upstream) {
		way->read(s, IOVA, SIZE, PAGE, true);
		return scene_count(s, SIZE);
	}
	must(tracker_count(s->fd, s->tracker_id, IOVA, SIZE, PAGE, &out),
	     "COUNT");
	return out.dirty_bytes / PAGE;
}

static void formats(struct scene *s, const struct way *way,
		    unsigned int density, enum pattern pattern)
{
	__u64 dirty = scene_expected(s, SIZE / PAGE * density / 10000, SIZE / PAGE);
	__u64 n, i, pages = 0;
	struct row row = { .ops = 1, .leaves = SIZE / PAGE, .dirty = dirty };
	const char *p = pattern ? "random" : "seq";

	scene_dirty(s, 0, IOVA, SIZE, PAGE, SIZE / PAGE * density / 10000, pattern);

	meter_begin();
	n = read_count(s, way);
	meter_end(&row.cost);
	snprintf(row.name, sizeof(row.name), "count.4K.1G.%g.%s",
		 density / 100.0, p);
	if (n != dirty)
		die("%s: %llu instead of %llu", row.name, n, dirty);
	row_add(&row);

	row.cost = (struct cost){};
	meter_begin();
	n = read_ranges(s, way);
	meter_end(&row.cost);
	snprintf(row.name, sizeof(row.name), "ranges.4K.1G.%g.%s",
		 density / 100.0, p);
	for (i = 0; i < n; i++)
		pages += ranges[i].length / PAGE;
	if (pages != dirty)
		die("%s: %llu pages instead of %llu", row.name, pages, dirty);
	row_add(&row);
}

/** rows_formats() - Ranges and counts; the bitmap is in rows_read() */
void rows_formats(const struct way *way, bool quick)
{
	struct scene_plan plan = { .leaf = PAGE, .nr_devices = 1 };
	struct scene s;

	if (native_only_log() || (native_no_source() && way == &upstream))
		return;
	memset(ranges, 0, sizeof(ranges));
	scene_open(&s, &plan);
	scene_grow(&s, SIZE);
	way->create(&s);
	way->start(&s);
	if (native.nr) {
		formats(&s, way, 0, SEQ);
	} else {
		formats(&s, way, 1, RANDOM);
		formats(&s, way, 100, SEQ);
		formats(&s, way, 100, RANDOM);
		if (!quick)
			formats(&s, way, 5000, RANDOM);
	}
	way->stop(&s);
	way->destroy(&s);
	scene_close(&s);
}
