// SPDX-License-Identifier: GPL-2.0-only
/* A READ, its set and its buffer, at random; see scene.h. */
#include <stdlib.h>
#include <string.h>

#include <linux/minmax.h>

#include "random.h"
#include "scene.h"
#include "../shim/shim.h"

#define CHUNK		DIRTY_CHUNK_BITS
#define MAX_PAGES	(1UL << 16)

/** scene_page() - Number of the page of the READ in which @iova lies */
unsigned long scene_page(const struct scene *s, unsigned long iova)
{
	return (iova - s->rd.iova) >> s->rd.shift;
}

/** scene_count() - How many pages of an array are marked */
unsigned long scene_count(const struct scene *s, const unsigned char *pages)
{
	unsigned long i, n = 0;

	for (i = 0; i < s->pages; i++)
		n += pages[i];
	return n;
}

/** scene_dirty() - Add runs to the set and to the model */
void scene_dirty(struct scene *s, unsigned int runs)
{
	static const unsigned long lengths[] = { 1, 1, 3, 64, 100, 513, CHUNK,
						 2 * CHUNK };
	const struct region *r = &s->m.r[0];
	unsigned long mask = (1UL << s->set.shift) - 1;

	while (runs--) {
		unsigned long n = lengths[rnd_below(8)];
		unsigned long b = r->first + rnd_below(r->n), e;

		n = min(rnd_chance(50) ? n : rnd_between(1, n),
			r->first + r->n - b);
		e = b + n - 1;
		dirty_set_add(&s->set, b << s->set.shift,
			      (e << s->set.shift) | mask);
		model_mark(&s->m, b, e, 1);
	}
}

/* A few chunks for which there is no memory, or granules one by one, dense or not. */
static void odd_dirty_pages(struct scene *s)
{
	const struct region *r = &s->m.r[0];
	unsigned long i, n, step;

	if (rnd_chance(20)) {
		shim.fail_mask = SHIM_FAIL_ANY;
		shim.fail_permille = 1000;
		scene_dirty(s, rnd_between(1, 6));
		dirty_set_settle(&s->set);
		shim.fail_mask = 0;
		if (s->set.nr_coarse && rnd_chance(70))
			dirty_set_remove(&s->set, (r->first + rnd_below(r->n))
					 << s->set.shift, ~0UL);
		s->coarse = s->set.nr_coarse;
		model_read(&s->m, &s->set);
	}
	if (rnd_chance(20)) {
		step = rnd_between(2, rnd_chance(50) ? 70 : 400);
		n = min(rnd_between(1, 3000), r->n / step);
		for (i = 0; i < n; i++) {
			model_mark(&s->m, r->first + i * step,
				   r->first + i * step, 1);
			dirty_set_add(&s->set,
				      (r->first + i * step) << s->set.shift,
				      (r->first + i * step) << s->set.shift);
		}
	}
}

/** scene_make() - Make a set, with something in it or not */
void scene_make(struct scene *s)
{
	static const unsigned int shifts[] = { 12, 12, 12, 16, 21 };
	unsigned int shift = shifts[rnd_below(5)];
	unsigned long top = ~0UL >> shift, n = rnd_between(1, 6) * CHUNK;
	const unsigned long bases[] = { 0, (1UL << 47) >> shift, top - n + 1,
					(rnd() % (top / 2)) & ~(CHUNK - 1) };

	*s = (struct scene){};
	dirty_set_init(&s->set, shift);
	model_init_one(&s->m, shift, bases[rnd_below(4)], n);
	if (rnd_chance(95))
		scene_dirty(s, rnd_below(rnd_chance(50) ? 6 : 60));
	odd_dirty_pages(s);
	/* One run that is alone has a way of its own */
	if (rnd_chance(10)) {
		unsigned long first = s->m.r[0].first + rnd_below(n);

		dirty_set_destroy(&s->set);
		model_zero(&s->m);
		model_mark(&s->m, first, s->m.r[0].first + n - 1, 1);
		dirty_set_add(&s->set, first << shift,
			      ((s->m.r[0].first + n - 1) << shift) |
			      ((1UL << shift) - 1));
	}
}

static unsigned int pick_shift(unsigned int granule)
{
	static const unsigned int shifts[] = { 12, 13, 16, 21, 30, 39, 51, 57, 63 };

	if (rnd_chance(50))
		return granule;
	if (rnd_chance(60))
		return rnd_between(12, granule + 14);
	return shifts[rnd_below(sizeof(shifts) / sizeof(*shifts))];
}

/** scene_random_read() - A READ of anything that begins in the set's region */
void scene_random_read(struct scene *s, enum scene_format format)
{
	const struct region *r = &s->m.r[0];
	unsigned int shift = pick_shift(s->set.shift);
	unsigned long mask = (1UL << shift) - 1;
	unsigned long end = ((r->first + r->n - 1) << s->set.shift) |
			    ((1UL << s->set.shift) - 1);
	unsigned long first = r->first << s->set.shift;
	unsigned long iova = rnd_chance(20) ? first : rnd_between(first, end);
	unsigned long last, length;

	iova &= ~mask;
	last = rnd_chance(20) ? end : rnd_between(max(iova, first), end);
	length = min((last - iova) >> shift,
		     (rnd_chance(10) ? MAX_PAGES : MAX_PAGES / 4) - 1);
	last = iova + (length << shift) + mask;
	scene_read(s, format, iova, last, shift,
		   rnd_chance(50) ? rnd_between(1, 5) : MAX_PAGES);
	if (rnd_chance(25) || format == SCENE_COUNT)
		s->rd.flags = IOMMU_DIRTY_TRACKER_READ_NO_CLEAR;
}

/**
 * scene_read() - Begin a READ
 * @s: The scene
 * @format: What to ask for
 * @iova: First byte
 * @last: Last byte
 * @shift: log2 of the page size
 * @room: Ranges that fit, at most; as many as pages are enough
 *
 * The user's buffer has exactly as many bytes as are needed.
 */
void scene_read(struct scene *s, enum scene_format format, unsigned long iova,
		unsigned long last, unsigned int shift, unsigned long room)
{
	unsigned long i, size = 0;

	s->pages = ((last - iova) >> shift) + 1;
	s->want = calloc(3, s->pages);
	s->got = s->want + s->pages;
	s->old = s->got + s->pages;
	s->room = min(room, s->pages);
	s->format = format;
	s->rd = (struct dirty_read){
		.iova = iova,
		.last = last,
		.shift = shift,
		.next = iova,
	};
	if (format == SCENE_BITMAP)
		size = (s->pages + 63) / 64 * sizeof(u64);
	else if (format == SCENE_RANGES)
		size = s->room * sizeof(struct iommu_dirty_range);
	s->buf = calloc(1, size + 8);
	s->data = s->buf + (rnd_chance(70) ? 0 : rnd_below(8));
	shim_user(s->data, size);
	if (format == SCENE_BITMAP) {
		s->rd.bitmap = (void *)s->data;
		for (i = 0; i < s->pages; i++) {
			s->old[i] = rnd_chance(3);
			s->data[i / 8] |= s->old[i] << i % 8;
		}
		for (; i < size * 8; i++)
			s->data[i / 8] |= 1 << i % 8;
	} else if (format == SCENE_RANGES) {
		s->rd.ranges = (void *)s->data;
		s->rd.max_ranges = s->room;
	}
	scene_want(s);
}

/** scene_want() - What should be reported, from the model as it is now */
void scene_want(struct scene *s)
{
	const struct region *r = &s->m.r[0];
	unsigned int shift = s->set.shift;
	unsigned long i;

	memset(s->want, 0, s->pages);
	for (i = 0; i < r->n; i++) {
		unsigned long first = (r->first + i) << shift;
		unsigned long last = first | ((1UL << shift) - 1);

		if (!r->dirty[i] || last < s->rd.iova || first > s->rd.last)
			continue;
		first = scene_page(s, max(first, s->rd.iova));
		last = scene_page(s, min(last, s->rd.last));
		memset(s->want + first, 1, last - first + 1);
	}
}

static bool got_bitmap(struct scene *s)
{
	unsigned long i;

	for (i = 0; i < s->pages; i++)
		s->got[i] = s->data[i / 8] >> i % 8 & 1;
	for (; i % 64; i++)
		if (!(s->data[i / 8] >> i % 8 & 1))
			return false;
	return true;
}

/* Ranges must be sorted, disjoint, not adjacent, and in the READ. */
static bool got_ranges(struct scene *s)
{
	unsigned long i, before = 0;

	for (i = 0; i < s->rd.nr_ranges; i++) {
		struct iommu_dirty_range range;
		unsigned long last;

		memcpy(&range, s->data + i * sizeof(range), sizeof(range));
		last = range.iova + (range.length - 1);
		if (!range.length || range.iova < s->rd.iova ||
		    last > s->rd.last || last < range.iova ||
		    (i && range.iova <= before) ||
		    ((range.iova | range.length) & ((1UL << s->rd.shift) - 1)))
			return false;
		before = last + 1;
		memset(s->got + scene_page(s, range.iova), 1,
		       range.length >> s->rd.shift);
	}
	return true;
}

/**
 * scene_got() - Read the user's buffer
 *
 * Return: false when it is malformed.
 */
bool scene_got(struct scene *s)
{
	memset(s->got, 0, s->pages);
	switch (s->format) {
	case SCENE_BITMAP:
		return got_bitmap(s);
	case SCENE_RANGES:
		return s->rd.nr_ranges <= s->room && got_ranges(s);
	default:
		return true;
	}
}

/** scene_deliver_model() - Clean what a delivery of [first, last] cleans */
void scene_deliver_model(struct scene *s, unsigned long first,
			 unsigned long last)
{
	unsigned long i = scene_page(s, first), n = scene_page(s, last) + 1, j;

	if (!dirty_read_clears(&s->rd))
		return;
	for (; i < n; i = j + 1) {
		for (j = i; j < n && s->want[j]; j++)
			;
		if (j > i)
			model_remove(&s->m, s->rd.iova + (i << s->rd.shift),
				     s->rd.iova + ((j << s->rd.shift) - 1));
	}
}

/** scene_end_read() - The user has seen enough */
void scene_end_read(struct scene *s)
{
	free(s->want);
	free(s->buf);
	s->want = NULL;
	s->buf = NULL;
}

void scene_free(struct scene *s)
{
	scene_end_read(s);
	dirty_set_destroy(&s->set);
	model_free(&s->m);
}
