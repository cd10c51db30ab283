// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device state of a virtual function: pages of words, changed by each write
 * of the generator, that have no other purpose than to be large, to change while
 * the device runs and to be the same on the other side. Only pages that were written
 * are kept, but all are saved: those that were not have zeros, or, with connectx_fill,
 * words that follow from their place. So a state can be larger than memory.
 *
 * While a state is loaded, a page counts as changed until it has arrived.
 */
#include <linux/bitmap.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../virt_connectx.h"
#include "state.h"

#define MAX_KIB		(8ull * SZ_1G / SZ_1K)
#define PER_PAGE	64	/* writes before the next page changes */
#define FILL_STEP	0x9e3779b97f4a7c15ull

static uint connectx_state = 1024;
module_param(connectx_state, uint, 0444);
MODULE_PARM_DESC(connectx_state,
		 "Device state of a function, in KiB, a multiple of 4, at most 2^23");

static bool connectx_fill;
module_param(connectx_fill, bool, 0444);
MODULE_PARM_DESC(connectx_fill,
		 "Y: fill device state that was never written with words that depend on their offset, not with 0");

/* What a word contributes to the sum: nothing when it is zero. */
static u64 sum_share(u64 index, u64 word)
{
	return word ? virt_dma_value(word, index, 0) : 0;
}

static u64 share_of_page(u32 index, const u64 *words)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < CX_STATE_WORDS; i++)
		sum ^= sum_share((u64)index * CX_STATE_WORDS + i, words[i]);
	return sum;
}

/* What is kept of a page is how it differs from what it was at first. */
static void toggle_fill(u32 index, u64 *words)
{
	u64 fill = ((u64)index * CX_STATE_WORDS + 1) * FILL_STEP;
	unsigned int i;

	if (!connectx_fill)
		return;
	for (i = 0; i < CX_STATE_WORDS; i++, fill += FILL_STEP)
		words[i] ^= fill;
}

static void set_changed(struct cx_state *state, u32 index)
{
	if (!__test_and_set_bit(index, state->changed))
		state->changes++;
}

/* The words of a page that is about to be changed. */
static u64 *get_page_words(struct cx_state *state, u32 index)
{
	u64 *words = xa_load(&state->pages, index);

	if (words)
		return words;
	words = kzalloc(CX_STATE_PAGE, GFP_KERNEL);
	if (words && xa_is_err(xa_store(&state->pages, index, words,
					GFP_KERNEL))) {
		kfree(words);
		return NULL;
	}
	return words;
}

/**
 * cx_state_init() - All zero
 * @state: The state
 *
 * Return: 0 or -ENOMEM.
 */
int cx_state_init(struct cx_state *state)
{
	u32 kib = min_t(u32, connectx_state, MAX_KIB);

	state->count = max_t(u32, kib / (CX_STATE_PAGE / SZ_1K), 1);
	xa_init(&state->pages);
	state->changed = bitmap_zalloc(state->count, GFP_KERNEL);
	return state->changed ? 0 : -ENOMEM;
}

/**
 * cx_state_destroy() - Free it
 * @state: The state
 */
void cx_state_destroy(struct cx_state *state)
{
	cx_state_reset(state);
	bitmap_free(state->changed);
}

/**
 * cx_state_reset() - All zero, nothing has changed
 * @state: The state
 */
void cx_state_reset(struct cx_state *state)
{
	unsigned long index;
	u64 *words;

	xa_for_each(&state->pages, index, words)
		kfree(words);
	xa_destroy(&state->pages);
	bitmap_zero(state->changed, state->count);
	state->changes = 0;
	state->sum = 0;
}

/**
 * cx_state_write() - What a write of the generator leaves in the state
 * @state: The state
 * @position: Number of the write
 * @value: What it writes
 *
 * Return: 0, or -ENOMEM for a page that was never written.
 */
int cx_state_write(struct cx_state *state, u64 position, u64 value)
{
	unsigned int word = position % CX_STATE_WORDS;
	u64 *words;
	u32 index;

	div_u64_rem(position / PER_PAGE, state->count, &index);
	words = get_page_words(state, index);
	if (!words)
		return -ENOMEM;
	state->sum ^= sum_share((u64)index * CX_STATE_WORDS + word, words[word]) ^
		      sum_share((u64)index * CX_STATE_WORDS + word, value);
	words[word] = value;
	set_changed(state, index);
	return 0;
}

/**
 * cx_state_change_all() - All of it is to be saved
 * @state: The state
 */
void cx_state_change_all(struct cx_state *state)
{
	bitmap_fill(state->changed, state->count);
	state->changes = state->count;
}

/**
 * cx_state_next() - Take a page that has changed
 * @state: The state
 * @index: Where to look from; set to the page
 * @page: Where to copy it to
 *
 * Return: 0, or -ENOENT when there is none from @index on.
 */
int cx_state_next(struct cx_state *state, u32 *index, void *page)
{
	u32 found = find_next_bit(state->changed, state->count, *index);
	u64 *words;

	if (found >= state->count)
		return -ENOENT;
	__clear_bit(found, state->changed);
	state->changes--;
	words = xa_load(&state->pages, found);
	if (words)
		memcpy(page, words, CX_STATE_PAGE);
	else
		memset(page, 0, CX_STATE_PAGE);
	toggle_fill(found, page);
	*index = found;
	return 0;
}

/**
 * cx_state_expect() - All zero, and all of it is going to be loaded
 * @state: The state
 */
void cx_state_expect(struct cx_state *state)
{
	cx_state_reset(state);
	cx_state_change_all(state);
}

/**
 * cx_state_load() - A page from elsewhere
 * @state: The state
 * @index: The page, below state->count
 * @page: Its words, which are changed
 *
 * Return: 0 or -ENOMEM.
 */
int cx_state_load(struct cx_state *state, u32 index, void *page)
{
	u64 *words = xa_load(&state->pages, index);

	toggle_fill(index, page);
	if (__test_and_clear_bit(index, state->changed))
		state->changes--;
	if (!words && !memchr_inv(page, 0, CX_STATE_PAGE))
		return 0;
	words = get_page_words(state, index);
	if (!words)
		return -ENOMEM;
	state->sum ^= share_of_page(index, words);
	memcpy(words, page, CX_STATE_PAGE);
	state->sum ^= share_of_page(index, words);
	return 0;
}
