/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reports of a page tracker. See report.c.
 */
#ifndef _VIRT_CONNECTX_REPORT_H
#define _VIRT_CONNECTX_REPORT_H

#include <linux/types.h>

#include "../pagelog.h"
#include "object.h"

struct cx_command;
struct cx_vhca;

/**
 * struct cx_tracker - A page tracker
 * @object: Its number is the obj_id
 * @entry: In the trackers of @vhca
 * @vhca: The function that is tracked
 * @cmd: Its CREATE, which waits for pages of the host; or NULL
 * @pages: How many of them it needs
 * @qpn: QP that sends the messages
 * @log_space: log2 of the address space
 * @message_size: Bytes of a message at most
 * @state: MLX5_PAGE_TRACK_STATE_*
 * @unsent: The state has become an error, and the driver has got no event yet
 * @log: The ranges, and the pages that were written
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
 * The lock of the tracked function protects @log, @state, @unsent and @lose_after;
 * the PF's thread has the rest.
 */
struct cx_tracker {
	struct cx_object object;
	struct list_head entry;
	struct cx_vhca *vhca;
	struct cx_command *cmd;
	u32 pages;
	u32 qpn;
	unsigned int log_space;
	u32 message_size;

	u8 state;
	bool unsent;
	struct virt_pagelog log;

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

void cx_report_begin(struct cx_tracker *tracker, u64 start, u64 last);
bool cx_report_send(struct cx_vhca *pf, struct cx_tracker *tracker);
void cx_report_send_error(struct cx_vhca *pf, struct cx_tracker *tracker);
void cx_report_fail(struct cx_tracker *tracker);
void cx_report_record(struct cx_vhca *vhca, u64 iova);

#endif
