// SPDX-License-Identifier: GPL-2.0-only
/* The model of a dirty_set; see model.h. Takes granules, unless it says bytes. */
#include <stdlib.h>
#include <string.h>

#include <iommufd/dirty_set.h>
#include "model.h"

static void region_init(struct model *m, unsigned long first, unsigned long n)
{
	m->r[m->nr++] = (struct region){ first, n, calloc(1, n) };
}

/**
 * model_init() - A model of the bottom, the middle and the top of the address
 *	space, or of all of it when it has few granules
 * @m: The model
 * @shift: log2 of the granule
 * @n: Granules of each region
 */
void model_init(struct model *m, unsigned int shift, unsigned long n)
{
	unsigned long top = ~0UL >> shift, middle = (1UL << 47) >> shift;

	*m = (struct model){ .shift = shift };
	if (top / 16 < n) {
		region_init(m, 0, top < n ? top + 1 : n);
		return;
	}
	if (middle < 4 * n)
		middle = top / 2;
	region_init(m, 0, n);
	region_init(m, middle - n / 3, n);
	region_init(m, top - n + 1, n);
}

/** model_init_one() - A model of one region */
void model_init_one(struct model *m, unsigned int shift, unsigned long first,
		    unsigned long n)
{
	*m = (struct model){ .shift = shift };
	region_init(m, first, n);
}

/** model_copy() - Make a model @to that is a copy */
void model_copy(struct model *to, const struct model *from)
{
	unsigned int i;

	*to = (struct model){ .shift = from->shift };
	for (i = 0; i < from->nr; i++) {
		region_init(to, from->r[i].first, from->r[i].n);
		memcpy(to->r[i].dirty, from->r[i].dirty, from->r[i].n);
	}
}

void model_free(struct model *m)
{
	while (m->nr)
		free(m->r[--m->nr].dirty);
}

/** model_zero() - All is clean */
void model_zero(struct model *m)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		memset(m->r[i].dirty, 0, m->r[i].n);
}

/** model_mark() - Make granules dirty (1) or clean (0), where it knows them */
void model_mark(struct model *m, unsigned long first, unsigned long last,
		unsigned char value)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++) {
		struct region *r = &m->r[i];
		unsigned long end = r->first + r->n - 1;
		unsigned long lo = first > r->first ? first : r->first;
		unsigned long hi = last < end ? last : end;

		if (lo <= hi)
			memset(r->dirty + (lo - r->first), value, hi - lo + 1);
	}
}

/** model_add() - Bytes were written: every granule they touch is dirty */
void model_add(struct model *m, unsigned long first, unsigned long last)
{
	model_mark(m, first >> m->shift, last >> m->shift, 1);
}

/** model_remove() - Bytes are clean: so is a granule of which all bytes are */
void model_remove(struct model *m, unsigned long first, unsigned long last)
{
	unsigned long lo = first >> m->shift, hi = last >> m->shift;

	if (lo << m->shift < first)
		lo++;
	if ((hi << m->shift) + ((1UL << m->shift) - 1) > last) {
		if (!hi)
			return;
		hi--;
	}
	if (lo <= hi)
		model_mark(m, lo, hi, 0);
}

/** model_full() - Does it know all of a range, as dirty? */
bool model_full(const struct model *m, unsigned long first, unsigned long last)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++) {
		const struct region *r = &m->r[i];

		if (first >= r->first && last <= r->first + r->n - 1)
			return !memchr(r->dirty + (first - r->first), 0,
				       last - first + 1);
	}
	return false;
}

/** model_also() - What is dirty in a range of @src becomes so in @dst, too */
void model_also(struct model *dst, const struct model *src, unsigned long first,
		unsigned long last)
{
	unsigned long i, j;

	for (i = 0; i < src->nr; i++) {
		const struct region *r = &src->r[i];

		for (j = 0; j < r->n; j++)
			if (r->first + j >= first && r->first + j <= last)
				dst->r[i].dirty[j] |= r->dirty[j];
	}
}

/** model_move() - What is dirty in a range of @src becomes so in @dst instead */
void model_move(struct model *dst, struct model *src, unsigned long first,
		unsigned long last)
{
	model_also(dst, src, first, last);
	model_mark(src, first, last, 0);
}

unsigned long model_count(const struct model *m)
{
	unsigned long i, j, count = 0;

	for (i = 0; i < m->nr; i++)
		for (j = 0; j < m->r[i].n; j++)
			count += m->r[i].dirty[j];
	return count;
}

/** model_next() - The first dirty granule in a range */
bool model_next(const struct model *m, unsigned long first, unsigned long last,
		unsigned long *found)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++) {
		const struct region *r = &m->r[i];
		unsigned long end = r->first + r->n - 1;
		unsigned long lo = first > r->first ? first : r->first;
		unsigned long hi = last < end ? last : end;
		const unsigned char *p;

		if (lo > hi)
			continue;
		p = memchr(r->dirty + (lo - r->first), 1, hi - lo + 1);
		if (p) {
			*found = r->first + (p - r->dirty);
			return true;
		}
	}
	return false;
}

/**
 * model_read() - Make the model what a set really has
 *
 * Return: How many runs of the set the model does not know in full.
 */
unsigned long model_read(struct model *m, struct dirty_set *set)
{
	unsigned long at = 0, first, last, outside = 0;

	model_zero(m);
	while (dirty_set_next_run(set, at, ~0UL, &first, &last)) {
		unsigned int i;
		bool known = false;

		for (i = 0; i < m->nr; i++)
			known |= first >> m->shift >= m->r[i].first &&
				 last >> m->shift <= m->r[i].first + m->r[i].n - 1;
		outside += !known;
		model_add(m, first, last);
		if (last == ~0UL)
			break;
		at = last + 1;
	}
	return outside;
}

/** model_covers() - Is all that is dirty in @part dirty in @all? */
bool model_covers(const struct model *all, const struct model *part)
{
	unsigned long i, j;

	for (i = 0; i < all->nr; i++) {
		unsigned char missing = 0;

		for (j = 0; j < all->r[i].n; j++)
			missing |= part->r[i].dirty[j] & ~all->r[i].dirty[j];
		if (missing)
			return false;
	}
	return true;
}

bool model_equal(const struct model *a, const struct model *b)
{
	return model_covers(a, b) && model_covers(b, a);
}

/** model_same() - Has the set exactly what the model has? */
bool model_same(const struct model *m, struct dirty_set *set)
{
	struct model real;
	bool same;

	model_copy(&real, m);
	same = !model_read(&real, set) && model_equal(&real, m);
	model_free(&real);
	return same;
}

/** model_inside() - Has the set at least what the model has? */
bool model_inside(const struct model *m, struct dirty_set *set)
{
	struct model real;
	bool inside;

	model_copy(&real, m);
	model_read(&real, set);
	inside = model_covers(&real, m);
	model_free(&real);
	return inside;
}
