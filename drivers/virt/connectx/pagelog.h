/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log of a page tracker. See pagelog.c.
 */
#ifndef _VIRT_CONNECTX_PAGELOG_H
#define _VIRT_CONNECTX_PAGELOG_H

#include <linux/types.h>
#include <linux/xarray.h>

#include "object.h"

struct cx_command;
struct cx_vhca;

struct cx_span {
	u64 start;
	u64 last;
};

/**
 * struct cx_tracker - A page tracker
 * @object: Its number is the obj_id
 * @entry: In the trackers of @vhca
 * @vhca: The function that is tracked
 * @cmd: Its CREATE, which waits for pages of the host; or NULL
 * @pages: How many of them it needs
 * @qpn: QP that sends the messages
 * @log_page: log2 of the size of a page
 * @log_space: log2 of the address space
 * @message_size: Bytes of a message at most
 * @ranges: What is tracked
 * @range_count: How many
 * @state: MLX5_PAGE_TRACK_STATE_*
 * @unsent: The state has become an error, and the driver has got no event yet
 * @log: The pages that were written, by number
 * @logged: How many they are
 * @first: First page of the report
 * @cursor: First page that the report has not looked at
 * @last: Its last page
 * @message: The message to send next
 * @ready: Its bytes; those of an empty one are 0
 * @built: There is one
 * @more: There are pages for another
 * @empty: An empty one was sent before it
 * @lose_after: So many messages of this report, on purpose; 0 never
 * @due_ns: Not before this time
 *
 * The lock of the tracked function protects @log, @logged, @state, @unsent and
 * @lose_after; the PF's thread has the rest.
 */
struct cx_tracker {
	struct cx_object object;
	struct list_head entry;
	struct cx_vhca *vhca;
	struct cx_command *cmd;
	u32 pages;
	u32 qpn;
	unsigned int log_page;
	unsigned int log_space;
	u32 message_size;
	struct cx_span *ranges;
	u32 range_count;

	u8 state;
	bool unsent;
	struct xarray log;
	u32 logged;

	unsigned long first;
	unsigned long cursor;
	unsigned long last;
	__be64 *message;
	u32 ready;
	bool built;
	bool more;
	bool empty;
	u32 lose_after;
	u64 due_ns;
};

void cx_pagelog_begin(struct cx_tracker *tracker, u64 start, u64 last);
bool cx_pagelog_send(struct cx_vhca *pf, struct cx_tracker *tracker);
void cx_pagelog_send_error(struct cx_vhca *pf, struct cx_tracker *tracker);
void cx_pagelog_lose(struct cx_tracker *tracker);
void cx_pagelog_written(struct cx_vhca *vhca, u64 iova);

#endif
