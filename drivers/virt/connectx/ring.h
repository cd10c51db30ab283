/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a queue: pages of the host, given in the command that creates it.
 */
#ifndef _VIRT_CONNECTX_RING_H
#define _VIRT_CONNECTX_RING_H

#include <linux/types.h>

struct cx_command;
struct cx_vhca;

/**
 * struct cx_ring - Pages
 * @page: Their addresses
 * @count: How many
 * @shift: log2 of their size
 */
struct cx_ring {
	u64 *page;
	u32 count;
	unsigned int shift;
};

u8 cx_ring_init(struct cx_ring *ring, struct cx_command *cmd, const void *pas,
		u64 size, unsigned int log_page_size);
void cx_ring_free(struct cx_ring *ring);
int cx_ring_access(struct cx_vhca *vhca, const struct cx_ring *ring, u64 offset,
		   void *buf, size_t len, bool write);

#endif
