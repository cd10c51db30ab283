// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery against a model, at random: what is dirty is reported once when
 * nothing fails, and what did not reach the user is in the set when something
 * does.
 */
#include <errno.h>
#include <stdlib.h>

#include <linux/minmax.h>

#include "harness.h"
#include "scene.h"

/* The format of a round, so that each has its share. */
static enum scene_format format_of(unsigned long round)
{
	return round % 5 == 4 ? SCENE_COUNT : round % 2 ? SCENE_RANGES :
							  SCENE_BITMAP;
}

static enum greatest_test_res check_sane(struct scene *s)
{
	EXPECT(!shim.nr_outside, "%lu accesses outside of the buffer",
	       shim.nr_outside);
	EXPECT_RANDOM(!shim.access_open);
	EXPECT_RANDOM(scene_got(s));
	EXPECT_RANDOM(s->rd.nr_ranges <= s->rd.max_ranges);
	PASS();
}

/* All that was wanted was reported, and nothing else. */
static enum greatest_test_res check_complete(struct scene *s)
{
	unsigned long i;

	CHECK_CALL(check_sane(s));
	for (i = 0; s->format != SCENE_COUNT && i < s->pages; i++)
		EXPECT(s->got[i] == (s->want[i] | s->old[i]),
		       "page %lu of %lu: wanted %d, had %d, got %d", i,
		       s->pages, s->want[i], s->old[i], s->got[i]);
	EXPECT_RANDOM(s->rd.dirty == scene_count(s, s->want) << s->rd.shift);
	PASS();
}

/* The set has what the model says; with coarse ranges it may have more. */
static enum greatest_test_res check_set(struct scene *s)
{
	if (s->coarse)
		EXPECT_RANDOM(model_inside(&s->m, &s->set));
	else
		EXPECT_RANDOM(model_same(&s->m, &s->set));
	model_read(&s->m, &s->set);
	PASS();
}

/* READs in one or several windows, with new dirty pages between them. */
TEST windowed_reads(void)
{
	struct scene s;
	unsigned long round;
	int i;

	random_rounds(round, 2500) {
		scene_make(&s);
		for (i = 0; i < 3; i++) {
			unsigned long first, last;

			scene_random_read(&s, format_of(round + i));
			s.rd.max_ranges = s.room = min(s.room, s.pages);
			if (s.format == SCENE_RANGES && s.room < s.pages) {
				scene_end_read(&s);
				continue;
			}
			for (first = s.rd.iova;; first = last + 1) {
				unsigned long n = scene_page(&s, s.rd.last) -
						  scene_page(&s, first);

				if (n && !rnd_ended() && rnd_chance(50))
					n = rnd_below(n);
				last = first + (n << s.rd.shift) +
				       ((1UL << s.rd.shift) - 1);
				EXPECT_RANDOM(!dirty_deliver(&s.rd, &s.set,
							     first, last));
				scene_deliver_model(&s, first, last);
				if (last == s.rd.last)
					break;
			}
			CHECK_CALL(check_complete(&s));
			CHECK_CALL(check_set(&s));
			scene_end_read(&s);
			scene_dirty(&s, rnd_below(3));
		}
		scene_free(&s);
		EXPECT(!shim.nr_live, "%ld chunks leaked", shim.nr_live);
	}
	PASS();
}

/* A small buffer of ranges, again and again, gives what a large one gives. */
TEST resumed_ranges(void)
{
	struct scene s, whole;
	unsigned long round;

	random_rounds(round, 800) {
		unsigned char *all, *want;
		unsigned long next, last, pages, i, base, before = ~0UL;
		int rc;

		scene_make(&s);
		scene_random_read(&s, SCENE_RANGES);
		s.rd.flags = 0;
		whole = s;
		pages = s.pages;
		all = calloc(1, pages);
		want = malloc(pages);
		memcpy(want, s.want, pages);
		next = base = s.rd.iova;
		last = s.rd.last;
		do {
			scene_end_read(&s);
			scene_read(&s, SCENE_RANGES, next, last, whole.rd.shift,
				   rnd_ended() ? 64 :
				   rnd_chance(50) ? 1 : rnd_between(1, 64));
			rc = dirty_deliver(&s.rd, &s.set, next, last);
			EXPECT_RANDOM(rc == 0 || rc == DIRTY_DELIVER_FULL);
			CHECK_CALL(check_sane(&s));
			EXPECT_RANDOM(rc == 0 || s.rd.nr_ranges == s.room);
			EXPECT_RANDOM(s.rd.dirty == scene_count(&s, s.got)
						     << s.rd.shift);
			for (i = 0; i < s.pages; i++) {
				unsigned long page = i + ((next - base) >>
							  s.rd.shift);

				EXPECT(!(s.got[i] && all[page]),
				       "page %lu was reported twice", page);
				all[page] |= s.got[i];
			}
			/* Ranges do not touch across calls either */
			if (s.rd.nr_ranges) {
				struct iommu_dirty_range r;

				memcpy(&r, s.data, sizeof(r));
				EXPECT_RANDOM(r.iova != before);
				before = s.rd.range.iova + s.rd.range.length;
			}
			EXPECT_RANDOM(rc == 0 || s.rd.next > next);
			next = s.rd.next;
		} while (rc);
		EXPECT_RANDOM(!memcmp(all, want, pages));
		free(all);
		free(want);
		scene_free(&s);
	}
	PASS();
}

/* Did all of a page that did not reach the user stay in the set? */
static bool page_stays(const struct model *real, const struct scene *s,
		       unsigned long page)
{
	unsigned long first = s->rd.iova + (page << s->rd.shift);
	unsigned long last = first + ((1UL << s->rd.shift) - 1);
	const struct region *r = &s->m.r[0];
	unsigned long i, lo, hi;

	first >>= s->m.shift;
	last >>= s->m.shift;
	lo = first > r->first ? first - r->first : 0;
	hi = min(last, r->first + r->n - 1) - r->first;
	for (i = lo; i <= hi && i < r->n; i++)
		if (s->m.r[0].dirty[i] && !real->r[0].dirty[i])
			return false;
	return true;
}

/* Whatever happened: nothing is lost, and what is said is true. */
static enum greatest_test_res check_partial(struct scene *s, int rc)
{
	bool fold = s->rd.shift >= s->set.shift;
	unsigned long i, next = s->pages, removed = 0;
	struct model real;

	CHECK_CALL(check_sane(s));
	model_copy(&real, &s->m);
	model_read(&real, &s->set);
	EXPECT_RANDOM(model_covers(&s->m, &real) || shim.fail_mask);
	if (!dirty_read_clears(&s->rd))
		EXPECT_RANDOM(model_equal(&s->m, &real));
	if (rc)
		next = scene_page(s, s->rd.next);
	EXPECT_RANDOM(!rc || (s->rd.next >= s->rd.iova &&
			      s->rd.next <= s->rd.last));
	for (i = 0; i < s->pages; i++) {
		bool stays = page_stays(&real, s, i);

		EXPECT(s->format == SCENE_COUNT ||
		       (s->got[i] >= s->old[i] &&
			s->got[i] <= (s->old[i] | s->want[i])),
		       "page %lu: had %d, wanted %d, got %d", i, s->old[i],
		       s->want[i], s->got[i]);
		if (!s->want[i])
			continue;
		EXPECT(stays || s->got[i], "page %lu of %lu was lost (rc %d)", i,
		       s->pages, rc);
		EXPECT(i >= next || s->got[i] || s->format == SCENE_COUNT,
		       "page %lu below next is not reported", i);
		EXPECT(i < next || stays, "page %lu above next is missing", i);
		removed += !stays;
	}
	if (dirty_read_clears(&s->rd) && fold && !s->coarse && !shim.fail_mask) {
		EXPECT_RANDOM(s->rd.dirty >= removed << s->rd.shift);
		if (rc != -EINTR)
			EXPECT_RANDOM(s->rd.dirty == removed << s->rd.shift);
	}
	if (s->format == SCENE_RANGES)
		EXPECT_RANDOM(s->rd.dirty == scene_count(s, s->got)
					     << s->rd.shift);
	if (s->format == SCENE_BITMAP)
		EXPECT_RANDOM(s->rd.dirty <= scene_count(s, s->got)
					     << s->rd.shift);
	model_free(&real);
	PASS();
}

/* Nothing fails any more: continue where the READ ended, with a new buffer. */
static enum greatest_test_res check_rest(struct scene *s, int rc)
{
	unsigned long next = s->rd.next, last = s->rd.last;
	unsigned int shift = s->rd.shift;

	shim.bad_len = 0;
	shim.fault_nth = 0;
	shim.signal_nth = 0;
	shim.fail_mask = 0;
	model_read(&s->m, &s->set);
	if (!rc)
		PASS();
	scene_end_read(s);
	scene_read(s, SCENE_BITMAP, next, last, shift, 0);
	EXPECT_RANDOM(!dirty_deliver(&s->rd, &s->set, next, last));
	CHECK_CALL(check_complete(s));
	scene_deliver_model(s, next, last);
	CHECK_CALL(check_set(s));
	PASS();
}

/* What goes wrong in a round. */
static void sabotage(struct scene *s)
{
	if (rnd_chance(40) && shim.user_len) {
		shim.bad = rnd_below(shim.user_len);
		shim.bad_len = rnd_chance(50) ? 1 : 4096;
	}
	if (rnd_chance(20))
		shim.fault_nth = rnd_between(1, 40);
	if (rnd_chance(40))
		shim.signal_nth = rnd_between(1, rnd_chance(50) ? 3 : 40);
	if (rnd_chance(20)) {
		/* Else what is in it would get larger, which is not looked at */
		dirty_set_settle(&s->set);
		shim.fail_mask = rnd_between(1, SHIM_FAIL_ANY);
		shim.fail_permille = rnd_chance(50) ? 1000 : 300;
	}
	if (rnd_chance(30))
		s->rd.max_ranges = rnd_between(1, s->room);
}

TEST failing_reads(void)
{
	struct scene s;
	unsigned long round, failed = 0;

	random_rounds(round, 3000) {
		int rc;

		scene_make(&s);
		scene_random_read(&s, format_of(round));
		sabotage(&s);
		if (s.format != SCENE_RANGES)
			s.rd.max_ranges = 0;
		rc = dirty_deliver(&s.rd, &s.set, s.rd.iova, s.rd.last);
		failed += !!rc;
		EXPECT(rc == 0 || rc == -EFAULT || rc == -EINTR ||
		       (rc == DIRTY_DELIVER_FULL && s.format == SCENE_RANGES),
		       "it returned %d", rc);
		EXPECT_RANDOM(rc != -EINTR || shim.signal_nth);
		EXPECT_RANDOM(rc != -EFAULT || shim.bad_len || shim.fault_nth);
		CHECK_CALL(check_partial(&s, rc));
		CHECK_CALL(check_rest(&s, rc));
		scene_free(&s);
		EXPECT(!shim.nr_live, "%ld chunks leaked", shim.nr_live);
	}
	EXPECT(failed > 300 || round < 3000, "only %lu READs failed", failed);
	PASS();
}

GREATEST_MAIN_DEFS();

int main(int argc, char **argv)
{
	GREATEST_MAIN_BEGIN();
	random_init();
	RUN_TEST(windowed_reads);
	RUN_TEST(resumed_ranges);
	RUN_TEST(failing_reads);
	HARNESS_MAIN_END();
}
