// SPDX-License-Identifier: GPL-2.0-only
/*
 * Delivery: from a dirty_set to user memory, as a bitmap, as ranges or as a
 * count. The caller decides where dirty pages come from, and keeps those that could not be
 * delivered. This file takes no lock, and is tested on the host.
 *
 * Delivery is in units of the caller's page size, as runs: dirty units without
 * a gap. A run that is delivered only in part is not delivered.
 */
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "deliver.h"

/* One chunk of bits, shifted, spills into one word more */
#define STAGE_WORDS (DIRTY_CHUNK_WORDS + 1)

/* Words that are filled without a chance for others to run */
#define FILL_WORDS 4096UL

/* A run of so many is delivered together with others */
#define SHORT_WORDS 128

/* A longer run is delivered in parts, so that a caller can be killed */
#define RUN_PIECES 1024

/*
 * OR @n words into the caller's bitmap at word @word, and count their bits, of partial
 * words outside of user access, where nothing may be called. Zero words cost nothing.
 */
static int or_words(struct dirty_read *rd, unsigned long word,
		    const unsigned long *from, unsigned int n,
		    unsigned long *bits)
{
	u64 __user *to = rd->bitmap + word;
	unsigned long count = 0;
	bool partial = false;
	unsigned int i;

	if (!user_access_begin(to, n * sizeof(u64)))
		return -EFAULT;
	for (i = 0; i < n; i++) {
		u64 old;

		if (!from[i])
			continue;
		if (!~from[i]) {
			count += BITS_PER_LONG;
			unsafe_put_user(~0ULL, to + i, fault);
			continue;
		}
		partial = true;
		unsafe_get_user(old, to + i, fault);
		unsafe_put_user(old | from[i], to + i, fault);
	}
	user_access_end();
	for (i = 0; partial && i < n; i++)
		if (from[i] && ~from[i])
			count += hweight_long(from[i]);
	*bits = count;
	return 0;
fault:
	user_access_end();
	return -EFAULT;
}

/*
 * Set all bits of @n words, but of the first one only those in @head and of the last one only
 * those in @tail. Inside of user access, where nothing may be called: always inline.
 */
static __always_inline bool fill_unsafe(u64 __user *to, unsigned int n,
					unsigned long head, unsigned long tail)
{
	unsigned int i = 0;
	u64 old;

	if (n == 1)
		head &= tail;
	if (~head) {
		unsafe_get_user(old, to, fault);
		unsafe_put_user(old | head, to, fault);
		i++;
	}
	if (n > 1 && ~tail) {
		n--;
		unsafe_get_user(old, to + n, fault);
		unsafe_put_user(old | tail, to + n, fault);
	}
	for (; i + 4 <= n; i += 4) {
		unsafe_put_user(~0ULL, to + i, fault);
		unsafe_put_user(~0ULL, to + i + 1, fault);
		unsafe_put_user(~0ULL, to + i + 2, fault);
		unsafe_put_user(~0ULL, to + i + 3, fault);
	}
	for (; i < n; i++)
		unsafe_put_user(~0ULL, to + i, fault);
	return true;
fault:
	return false;
}

/* The same for words of the caller's bitmap */
static int fill_words(struct dirty_read *rd, unsigned long word, unsigned int n,
		      unsigned long head, unsigned long tail)
{
	u64 __user *to = rd->bitmap + word;
	bool filled;

	if (!user_access_begin(to, n * sizeof(u64)))
		return -EFAULT;
	filled = fill_unsafe(to, n, head, tail);
	user_access_end();
	return filled ? 0 : -EFAULT;
}

/* Set bits @first to @last of the caller's bitmap. */
static int bitmap_run(struct dirty_read *rd, unsigned long first,
		      unsigned long last)
{
	unsigned long word = first / BITS_PER_LONG;
	unsigned long last_word = last / BITS_PER_LONG;
	unsigned long head = BITMAP_FIRST_WORD_MASK(first);
	unsigned long tail = BITMAP_LAST_WORD_MASK(last + 1);
	int rc;

	while (last_word - word >= FILL_WORDS) {
		rc = fill_words(rd, word, FILL_WORDS, head, ~0UL);
		if (rc)
			return rc;
		word += FILL_WORDS;
		head = ~0UL;
		cond_resched();
	}
	return fill_words(rd, word, last_word - word + 1, head, tail);
}

/* The whole address space is U64_MAX, which has one byte less. */
static u64 run_bytes(unsigned long first, unsigned long last)
{
	return first || last != ULONG_MAX ? last - first + 1 : U64_MAX;
}

/* @first and @last are bytes at borders of the caller's pages. */
static int range_run(struct dirty_read *rd, unsigned long first,
		     unsigned long last)
{
	struct iommu_dirty_range range = rd->range;
	u64 at = rd->nr_ranges;

	if (at && range.iova + range.length == first) {
		if (check_add_overflow(range.length, run_bytes(first, last),
				       &range.length))
			range.length = U64_MAX;
		at--;
	} else {
		if (at == rd->max_ranges)
			return DIRTY_DELIVER_FULL;
		range.iova = first;
		range.length = run_bytes(first, last);
	}
	if (copy_to_user(rd->ranges + at, &range, sizeof(range)))
		return -EFAULT;
	rd->range = range;
	rd->nr_ranges = at + 1;
	return 0;
}

static int deliver_run(struct dirty_read *rd, unsigned long first,
		       unsigned long last)
{
	int rc = 0;

	if (rd->ranges)
		rc = range_run(rd, first, last);
	else if (rd->bitmap)
		rc = bitmap_run(rd, (first - rd->iova) >> rd->shift,
				(last - rd->iova) >> rd->shift);
	if (!rc)
		rd->dirty += run_bytes(first, last);
	return rc;
}

/*
 * The next run at or after @first, in the caller's pages: it grows as long as
 * the next dirty range begins in the page where the last ended or in the one after it.
 */
static bool next_run(struct dirty_read *rd, struct dirty_set *set,
		     unsigned long first, unsigned long last,
		     unsigned long *run_first, unsigned long *run_last)
{
	unsigned long mask = BIT(rd->shift) - 1;
	unsigned long more_first, more_last;
	unsigned int pieces = 0;

	if (!dirty_set_next_run(set, first, last, run_first, run_last))
		return false;
	*run_first &= ~mask;
	*run_last |= mask;
	while (*run_last < last && pieces++ < RUN_PIECES &&
	       dirty_set_next_run(set, *run_last + 1, last, &more_first,
				  &more_last) &&
	       (more_first & ~mask) == *run_last + 1)
		*run_last = more_last | mask;
	return true;
}

static int deliver_runs(struct dirty_read *rd, struct dirty_set *set,
			unsigned long first, unsigned long last)
{
	unsigned long run_first, run_last;
	int rc = 0;

	while (next_run(rd, set, first, last, &run_first, &run_last)) {
		rc = deliver_run(rd, run_first, run_last);
		if (rc) {
			rd->next = run_first;
			return rc;
		}
		if (dirty_read_clears(rd))
			dirty_set_remove(set, run_first, run_last);
		if (run_last == last)
			break;
		first = run_last + 1;
		if (fatal_signal_pending(current)) {
			rd->next = first;
			return -EINTR;
		}
		cond_resched();
	}
	return 0;
}

/* The bytes of a run that are in [first, last]; false if none is. */
static __always_inline bool run_clip(const struct dirty_run *run, unsigned int shift,
				     unsigned long first, unsigned long last,
				     unsigned long *from, unsigned long *to)
{
	*from = max(first, run->first << shift);
	*to = min(last, run->last << shift | (BIT(shift) - 1));
	return *from <= *to;
}

static __always_inline unsigned long words_of(unsigned long bit, unsigned long last_bit)
{
	return last_bit / BITS_PER_LONG - bit / BITS_PER_LONG + 1;
}

/*
 * Set the bits of short runs, from @run on, which does not begin behind @last. All in one user
 * access, which takes longer to begin and to end than such a run. rd->next tells how far it
 * has got. Return: the first run that is not short, or met a fault; or @end.
 */
static const struct dirty_run *
fill_short_runs(struct dirty_read *rd, unsigned int shift, const struct dirty_run *run,
		const struct dirty_run *end, unsigned long first, unsigned long last)
{
	unsigned long from = max(first, run->first << shift);
	unsigned long to = min(last, end[-1].last << shift | (BIT(shift) - 1));
	unsigned long bit = (from - rd->iova) >> rd->shift;
	unsigned long last_bit = (to - rd->iova) >> rd->shift;
	unsigned long bytes = 0;

	if (!user_access_begin(rd->bitmap + bit / BITS_PER_LONG,
			       words_of(bit, last_bit) * sizeof(u64)))
		return run;
	for (; run < end; run++) {
		if (!run_clip(run, shift, first, last, &from, &to))
			continue;
		bit = (from - rd->iova) >> rd->shift;
		last_bit = (to - rd->iova) >> rd->shift;
		if (words_of(bit, last_bit) > SHORT_WORDS ||
		    !fill_unsafe(rd->bitmap + bit / BITS_PER_LONG, words_of(bit, last_bit),
				 BITMAP_FIRST_WORD_MASK(bit),
				 BITMAP_LAST_WORD_MASK(last_bit + 1)))
			break;
		rd->next = to + 1;
		bytes += to - from + 1;
	}
	user_access_end();
	rd->dirty += bytes;
	return run;
}

/* The runs of a block that are in [first, last]; rd->next tells how far it has got. */
static int deliver_block(struct dirty_read *rd, const struct dirty_set *set,
			 const struct dirty_block *block, unsigned long first,
			 unsigned long last)
{
	const struct dirty_run *run = block->run, *end = run + block->nr;
	unsigned long from, to;
	int rc;

	for (; run < end && run->first <= last >> set->shift; run++) {
		if (rd->bitmap)
			run = fill_short_runs(rd, set->shift, run, end, first, last);
		if (run < end && run_clip(run, set->shift, first, last, &from, &to)) {
			rd->next = from;
			rc = deliver_run(rd, from, to);
			if (rc)
				return rc;
			rd->next = to + 1;
		}
		if (rd->next - 1 != last && fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/*
 * Runs as the set has them, for a caller whose pages are not larger. What was
 * delivered is removed at once, so that a block is found and freed as a whole.
 */
static int deliver_blocks(struct dirty_read *rd, struct dirty_set *set,
			  unsigned long first, unsigned long last)
{
	struct dirty_block *block;
	int rc = 0;

	rd->next = first;
	block = dirty_runs_block(&set->runs, first >> set->shift);
	while (block && block->run[0].first <= last >> set->shift) {
		rc = deliver_block(rd, set, block, first, last);
		if (rc)
			break;
		block = block->next;
		cond_resched();
	}
	if (rc)
		last = rd->next - 1;
	if (dirty_read_clears(rd) && (!rc || rd->next != first))
		dirty_set_remove(set, first, last);
	return rc;
}

/* All of a chunk, to words of the bitmap that begin where its words do */
static int deliver_whole_chunk(struct dirty_read *rd, struct dirty_chunk *chunk,
			       unsigned long first)
{
	unsigned long word = ((first - rd->iova) >> rd->shift) / BITS_PER_LONG;
	unsigned long bits;
	int rc;

	rc = or_words(rd, word, chunk->words, DIRTY_CHUNK_WORDS, &bits);
	if (!rc)
		rd->dirty += bits << rd->shift;
	return rc;
}

/*
 * A chunk of bits to a bitmap in the same unit: word by word. [first, last] is
 * in the chunk.
 */
static int deliver_chunk(struct dirty_read *rd, struct dirty_chunk *chunk,
			 unsigned long first, unsigned long last)
{
	unsigned long bit = (first - rd->iova) >> rd->shift;
	unsigned int lo = (first >> rd->shift) % DIRTY_CHUNK_BITS;
	unsigned int hi = (last >> rd->shift) % DIRTY_CHUNK_BITS;
	unsigned long bits, stage[STAGE_WORDS + 1];
	unsigned int w, n, words = hi / BITS_PER_LONG - lo / BITS_PER_LONG + 1;
	long shift = bit % BITS_PER_LONG - lo % BITS_PER_LONG;
	int rc;

	/* Word lo / 64 of the chunk meets word bit / 64 of the bitmap */
	memset(stage, 0, (words + 2) * sizeof(*stage));
	for (w = 0; w < words; w++) {
		unsigned long v = chunk->words[lo / BITS_PER_LONG + w];

		if (w == 0)
			v &= BITMAP_FIRST_WORD_MASK(lo);
		if (w == words - 1)
			v &= BITMAP_LAST_WORD_MASK(hi + 1);
		if (!v)
			continue;
		if (shift > 0) {
			stage[w] |= v << shift;
			stage[w + 1] |= v >> (BITS_PER_LONG - shift);
		} else if (shift < 0) {
			if (w)
				stage[w - 1] |= v << (BITS_PER_LONG + shift);
			stage[w] |= v >> -shift;
		} else {
			stage[w] |= v;
		}
	}
	n = ((last - rd->iova) >> rd->shift) / BITS_PER_LONG -
	    bit / BITS_PER_LONG + 1;
	rc = or_words(rd, bit / BITS_PER_LONG, stage, n, &bits);
	if (!rc)
		rd->dirty += bits << rd->shift;
	return rc;
}

/*
 * What is dirty in [first, last] of a chunk, in the same unit, for a caller without a bitmap:
 * run by run. rd->next tells where it has failed.
 */
static int deliver_chunk_runs(struct dirty_read *rd, const struct dirty_chunk *chunk,
			      unsigned long first, unsigned long last)
{
	unsigned long at = (first >> rd->shift) % DIRTY_CHUNK_BITS, end;
	unsigned long n = (last >> rd->shift) % DIRTY_CHUNK_BITS + 1;
	unsigned long base = first - (at << rd->shift);
	int rc;

	for (at = find_next_bit(chunk->words, n, at); at < n;
	     at = find_next_bit(chunk->words, n, end)) {
		unsigned long from = base + (at << rd->shift);

		end = find_next_zero_bit(chunk->words, n, at);
		rc = deliver_run(rd, from, base + (end << rd->shift) - 1);
		if (rc) {
			rd->next = from;
			return rc;
		}
	}
	return 0;
}

static int deliver_chunks(struct dirty_read *rd, struct dirty_set *set,
			  unsigned long first, unsigned long last)
{
	unsigned int chunk_shift = set->shift + DIRTY_CHUNK_SHIFT;
	unsigned long index = first >> chunk_shift;
	/* Do words of a chunk and of the bitmap begin at the same addresses? */
	bool aligned = !((rd->iova >> rd->shift) % BITS_PER_LONG);

	for (; index <= last >> chunk_shift; index++) {
		struct dirty_chunk *chunk;
		unsigned long from, to;
		bool whole;
		int rc;

		chunk = dirty_set_next_chunk(set, &index, last >> chunk_shift);
		if (index > last >> chunk_shift)
			break;
		from = max(first, index << chunk_shift);
		to = min(last, (index << chunk_shift) | (BIT(chunk_shift) - 1));
		whole = to - from == BIT(chunk_shift) - 1;
		rd->next = from;
		if (chunk && !rd->bitmap)
			rc = deliver_chunk_runs(rd, chunk, from, to);
		else if (chunk && whole && aligned)
			rc = deliver_whole_chunk(rd, chunk, from);
		else if (chunk)
			rc = deliver_chunk(rd, chunk, from, to);
		else
			rc = deliver_run(rd, from, to);
		if (!rc && fatal_signal_pending(current))
			rc = -EINTR;
		if (rc) {
			/* Runs before the one that could not be delivered */
			if (dirty_read_clears(rd) && rd->next != from)
				dirty_set_remove(set, from, rd->next - 1);
			return rc;
		}
		if (dirty_read_clears(rd) && whole)
			dirty_set_drop_chunk(set, index);
		else if (dirty_read_clears(rd))
			dirty_set_remove(set, from, to);
		cond_resched();
	}
	return 0;
}

/*
 * Often all that is dirty is one run, the last that was added. Then it need not
 * go where the rest would be.
 */
static bool deliver_only_run(struct dirty_read *rd, struct dirty_set *set,
			     unsigned long first, unsigned long last, int *rc)
{
	unsigned long mask = BIT(rd->shift) - 1, run_first, run_last;

	if (!dirty_set_only_run(set, &run_first, &run_last) ||
	    run_first < first || run_last > last)
		return false;
	*rc = deliver_run(rd, run_first & ~mask, run_last | mask);
	if (*rc)
		rd->next = run_first & ~mask;
	else if (dirty_read_clears(rd))
		dirty_set_destroy(set);
	return true;
}

/**
 * dirty_deliver() - Give a range of a set to the user
 * @rd: The READ; @rd->next tells where it ended if it did not get to @last
 * @set: The dirty pages; what was delivered is removed, unless the READ does
 *	not clear. May contain dirty pages outside the range
 * @first: First byte, at a border of the caller's pages
 * @last: Last byte; ditto
 *
 * Return: 0, DIRTY_DELIVER_FULL, -EFAULT, or -EINTR when killed.
 */
int dirty_deliver(struct dirty_read *rd, struct dirty_set *set,
		  unsigned long first, unsigned long last)
{
	int rc;

	if (deliver_only_run(rd, set, first, last, &rc))
		return rc;
	dirty_set_settle(set);
	if (!dirty_runs_empty(&set->runs) && !set->nr_coarse &&
	    rd->shift <= set->shift)
		return deliver_blocks(rd, set, first, last);
	if (rd->shift == set->shift && !set->nr_coarse)
		return deliver_chunks(rd, set, first, last);
	return deliver_runs(rd, set, first, last);
}
