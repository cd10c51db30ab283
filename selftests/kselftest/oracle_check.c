// SPDX-License-Identifier: GPL-2.0-only
/* The oracle's verdict: which writes no READ has reported, and what explains the rest. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/truth.h"
#include "oracle.h"

#define BATCH 4096	/* records of ground truth that are read at a time */

static int earlier(const void *a, const void *b)
{
	const struct oracle_event *x = a, *y = b;

	return x->begin_ns < y->begin_ns ? -1 : x->begin_ns > y->begin_ns;
}

static bool covers(const struct oracle_event *e, __u64 iova)
{
	return iova >= e->iova && iova - e->iova < e->length;
}

static bool reports(const struct oracle_event *e, __u64 iova)
{
	__u64 page = (iova - e->iova) / ORACLE_PAGE;

	return e->bits && covers(e, iova) && e->bits[page / 64] >> (page % 64) & 1;
}

/* Has a READ harvested a page and given it back, since it ended before that? */
static bool gave_back(const struct oracle_event *e, __u64 iova)
{
	return e->bits && iova >= e->iova && iova - e->iova < e->tried &&
	       (e->killed || !covers(e, iova));
}

/* Must this READ report what was written before it, if no other READ has? */
static bool has_to_report(const struct oracle *o, const struct oracle_event *e,
			  __u64 iova)
{
	unsigned int i;

	if (!covers(e, iova) || e->killed)
		return false;
	for (i = 0; i < o->nr_events; i++) {
		const struct oracle_event *other = &o->events[i];

		if (other->begin_ns > e->end_ns)
			break;
		if (other->end_ns >= e->begin_ns && gave_back(other, iova))
			return false;
	}
	return true;
}

/* One page's worth of a write. */
static bool write_is_lost(const struct oracle *o, __u64 iova, __u64 begin,
			  __u64 end)
{
	__u64 first_end = UINT64_MAX;
	unsigned int i;

	if (end <= o->start_ns)
		return false;
	for (i = 0; i < o->nr_events; i++) {
		const struct oracle_event *e = &o->events[i];

		if (e->begin_ns >= first_end)
			return true;
		if (e->restart && end <= e->end_ns)
			return false;
		if (e->races && covers(e, iova) && begin <= e->end_ns &&
		    end >= e->begin_ns)
			return false;
		if (!e->bits)
			continue;
		if (e->end_ns >= begin && reports(e, iova))
			return false;
		/* What runs at the same time may have taken it */
		if (e->begin_ns >= end && first_end == UINT64_MAX &&
		    has_to_report(o, e, iova))
			first_end = e->end_ns;
	}
	return true;
}

/* The READs and UNMAPs of a lost write's page, from the last before it on. */
static void print_events(const struct oracle *o, __u64 iova,
			 const struct virt_truth_rec *rec)
{
	unsigned int i, printed = 0;

	printf("# lost: a write of 0x%llx, %llu us long, on\n", iova,
	       (rec->end_ns - rec->begin_ns) / 1000);
	for (i = 0; i < o->nr_events && printed < 12; i++) {
		const struct oracle_event *e = &o->events[i];

		if ((!covers(e, iova) && !gave_back(e, iova)) ||
		    e->end_ns + 20000000 < rec->begin_ns)
			continue;
		printf("# %8lld to %8lld us after its begin: %s of 0x%llx, 0x%llx bytes: %s%s\n",
		       (long long)(e->begin_ns - rec->begin_ns) / 1000,
		       (long long)(e->end_ns - rec->begin_ns) / 1000,
		       e->bits ? e->unmap ? "UNMAP" : "READ" : "IOAS_UNMAP",
		       e->iova, e->length,
		       reports(e, iova) ? "dirty" : "clean",
		       gave_back(e, iova) ? ", ended before" : "");
		printed++;
	}
}

/* Mark, in a copy of each READ's bits, what a write explains. */
static void explain(const struct oracle *o, __u64 **left, __u64 iova,
		    __u64 begin, __u64 end)
{
	__u64 first_end = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < o->nr_events; i++) {
		const struct oracle_event *e = &o->events[i];

		if (e->begin_ns > first_end)
			return;
		if (!e->bits || e->end_ns < begin || !covers(e, iova))
			continue;
		left[i][(iova - e->iova) / ORACLE_PAGE / 64] &=
			~(1ull << ((iova - e->iova) / ORACLE_PAGE % 64));
		/*
		 * A later READ has no excuse, unless this one could miss it. An UNMAP that
		 * runs at the same time may have taken it.
		 */
		if (e->begin_ns >= end && e->end_ns < first_end && has_to_report(o, e, iova))
			first_end = e->end_ns;
	}
}

static void check_record(struct oracle *o, __u64 **left,
			 const struct virt_truth_rec *rec)
{
	__u64 at = rec->iova & ~(ORACLE_PAGE - 1);

	for (; at < rec->iova + rec->length; at += ORACLE_PAGE) {
		o->writes++;
		explain(o, left, at, rec->begin_ns, rec->end_ns);
		if (!write_is_lost(o, at, rec->begin_ns, rec->end_ns))
			continue;
		if (!o->lost++) {
			o->lost_iova = at;
			o->lost_begin_ns = rec->begin_ns;
			print_events(o, at, rec);
		}
	}
}

/* Does the record before this one explain the same leaf at the same time? */
static bool same_leaf(const struct oracle *o, unsigned int i)
{
	const struct virt_truth_rec *rec = &o->recs[i];

	return i && rec->begin_ns == rec[-1].begin_ns && rec->end_ns == rec[-1].end_ns &&
	       !((rec->iova ^ rec[-1].iova) & ~(o->leaf - 1));
}

/* What a record makes dirty, in units of @unit bytes: a leaf by a write, a page by a map */
static void explain_record(const struct oracle *o, __u64 **left,
			   const struct virt_truth_rec *rec, __u64 unit)
{
	__u64 at = rec->iova & ~(unit - 1);

	for (; at < rec->iova + rec->length || at % unit; at += ORACLE_PAGE)
		explain(o, left, at, rec->begin_ns, rec->end_ns);
}

/* One page of a CONSERVATIVE unmap; see explain_unmap() */
static void explain_unmapped(const struct oracle *o, __u64 **left,
			     const struct oracle_event *unmap, __u64 iova)
{
	bool given_back = false;
	unsigned int i;

	for (i = 0; i < o->nr_events; i++) {
		const struct oracle_event *e = &o->events[i];
		__u64 page = (iova - e->iova) / ORACLE_PAGE;

		if (!e->bits || e->end_ns < unmap->begin_ns ||
		    e->begin_ns > unmap->end_ns)
			continue;
		if (covers(e, iova))
			left[i][page / 64] &= ~(1ull << (page % 64));
		given_back |= gave_back(e, iova);
	}
	if (given_back)
		explain(o, left, iova, unmap->begin_ns, unmap->end_ns);
}

/*
 * A CONSERVATIVE unmap; a READ at the same time may take what it marks, or give it back
 * for the next one.
 */
static void explain_unmap(const struct oracle *o, __u64 **left,
			  const struct oracle_event *unmap)
{
	__u64 at;

	for (at = 0; at < unmap->length; at += ORACLE_PAGE)
		explain_unmapped(o, left, unmap, unmap->iova + at);
}

static __u64 count_bits(const __u64 *bits, __u64 length)
{
	__u64 i, n = 0;

	for (i = 0; i < length / ORACLE_PAGE / 64 + 1; i++)
		n += __builtin_popcountll(bits[i]);
	return n;
}

static void print_stray(struct oracle *o, const struct oracle_event *e,
			const __u64 *left)
{
	__u64 i, n = count_bits(left, e->length);

	if (!o->strays)
		for (i = 0; i < e->length / ORACLE_PAGE; i++)
			if (left[i / 64] >> (i % 64) & 1) {
				printf("# %llu pages that were not written, from 0x%llx on, in a %s\n",
				       n, e->iova + i * ORACLE_PAGE,
				       e->unmap ? "UNMAP" : "READ");
				break;
			}
	o->strays += n;
}

/**
 * oracle_check() - Give the verdict in @o, after the last READ of everything
 *
 * Return: 0 when it could be given, whatever it is.
 */
int oracle_check(struct oracle *o)
{
	struct virt_truth_rec *recs = calloc(BATCH, sizeof(*recs));
	__u64 **left = calloc(o->nr_events + 1, sizeof(*left));
	unsigned int i;
	int n = -ENOMEM;

	if (!recs || !left)
		goto out;
	qsort(o->events, o->nr_events, sizeof(*o->events), earlier);
	for (i = 0; i < o->nr_events; i++) {
		const struct oracle_event *e = &o->events[i];
		size_t words = e->length / ORACLE_PAGE / 64 + 1;

		if (!e->bits)
			continue;
		o->reported += count_bits(e->bits, e->length);
		left[i] = malloc(words * 8);
		if (!left[i])
			goto out;
		memcpy(left[i], e->bits, words * 8);
	}
	for (i = 0; i < o->nr_recs; i++)
		check_record(o, left, &o->recs[i]);
	n = 0;
	while (o->truth_fd >= 0 &&
	       (n = truth_read(o->truth_fd, recs, BATCH)) > 0)
		for (i = 0; i < (unsigned int)n; i++)
			check_record(o, left, &recs[i]);
	for (i = 0; i < o->nr_events; i++)
		if (left[i])
			o->over += count_bits(left[i], o->events[i].length);
	for (i = 0; o->leaf && i < o->nr_recs; i++)
		if (!same_leaf(o, i))
			explain_record(o, left, &o->recs[i], o->leaf);
	for (i = 0; o->leaf && i < o->nr_maps; i++)
		explain_record(o, left, &o->maps[i], ORACLE_PAGE);
	for (i = 0; o->leaf && i < o->nr_events; i++)
		if (o->events[i].unmap && !o->events[i].races)
			explain_unmap(o, left, &o->events[i]);
	for (i = 0; o->leaf && i < o->nr_events; i++)
		if (left[i] && count_bits(left[i], o->events[i].length))
			print_stray(o, &o->events[i], left[i]);
out:
	for (i = 0; left && i < o->nr_events; i++)
		free(left[i]);
	free(left);
	free(recs);
	return n;
}
