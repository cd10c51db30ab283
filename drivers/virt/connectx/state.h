/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device state of a virtual function. See state.c.
 */
#ifndef _VIRT_CONNECTX_STATE_H
#define _VIRT_CONNECTX_STATE_H

#include <linux/types.h>
#include <linux/xarray.h>

#define CX_STATE_PAGE	4096
#define CX_STATE_WORDS	(CX_STATE_PAGE / sizeof(u64))

/**
 * struct cx_state - Device state, beside the generator's registers
 * @count: Its pages
 * @pages: How those that were written differ from what they were at first
 * @changed: Those that have changed since they were saved, or, while a state is loaded,
 *	have not arrived yet; a bit each
 * @changes: How many they are
 * @sum: A sum over all words in @pages
 *
 * Under the lock of the vhca.
 */
struct cx_state {
	u32 count;
	struct xarray pages;
	unsigned long *changed;
	u32 changes;
	u64 sum;
};

int cx_state_init(struct cx_state *state);
void cx_state_destroy(struct cx_state *state);
void cx_state_reset(struct cx_state *state);
int cx_state_write(struct cx_state *state, u64 position, u64 value);
void cx_state_change_all(struct cx_state *state);
int cx_state_next(struct cx_state *state, u32 *index, void *page);
void cx_state_expect(struct cx_state *state);
int cx_state_load(struct cx_state *state, u32 index, void *page);

#endif
