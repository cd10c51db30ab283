// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reports of a page tracker: what its log has is sent in messages.
 *
 * A page is taken out of the log when it is put into a message. A write is either visible
 * before that, or puts the page into the log again. When the log is full the tracker is in
 * error for good, which the driver learns from an event, a query, or the next report.
 */
#include <linux/moduleparam.h>
#include <linux/timekeeping.h>

#include "connectx.h"
#include "faults.h"
#include "quirks.h"
#include "report.h"

#define STATUS_SHIFT		28	/* of the state in immediate data */

static uint connectx_log = 1 << 20;
module_param(connectx_log, uint, 0644);
MODULE_PARM_DESC(connectx_log, "Dirty pages that the log of a page tracker can hold");

static uint connectx_report_us;
module_param(connectx_report_us, uint, 0644);
MODULE_PARM_DESC(connectx_report_us,
		 "Time that a page tracker takes for each message, in microseconds");

/**
 * cx_report_fail() - Put a tracker into error for good: its log is lost
 * @tracker: The tracker; with the lock of the tracked function
 */
void cx_report_fail(struct cx_tracker *tracker)
{
	if (tracker->state == MLX5_PAGE_TRACK_STATE_ERROR)
		return;
	tracker->state = MLX5_PAGE_TRACK_STATE_ERROR;
	tracker->unsent = true;
}

/**
 * cx_report_record() - Record that a virtual function has written memory
 * @vhca: The function; with its lock
 * @iova: Where, within a page
 */
void cx_report_record(struct cx_vhca *vhca, u64 iova)
{
	unsigned int most = READ_ONCE(connectx_log);
	struct cx_tracker *tracker;

	list_for_each_entry(tracker, &vhca->trackers, entry)
		if (tracker->state != MLX5_PAGE_TRACK_STATE_ERROR &&
		    virt_pagelog_covers(&tracker->log, iova, iova) &&
		    !virt_pagelog_add(&tracker->log, iova, most))
			cx_report_fail(tracker);
}

/**
 * cx_report_begin() - Begin a report
 * @tracker: The tracker; on the PF's thread
 * @start: First address of it
 * @last: Its last address
 *
 * The first message is not due before connectx_report_us.
 */
void cx_report_begin(struct cx_tracker *tracker, u64 start, u64 last)
{
	tracker->first = start >> tracker->log.page_shift;
	tracker->cursor = tracker->first;
	tracker->last = last >> tracker->log.page_shift;
	tracker->built = false;
	tracker->empty = false;
	tracker->due_ns = ktime_get_ns() +
			  (u64)READ_ONCE(connectx_report_us) * NSEC_PER_USEC;
}

/* Change a byte of a message or cut it, if a test has asked for that. */
static void tracker_spoil(struct cx_tracker *tracker)
{
	u8 *bytes = (u8 *)tracker->message;
	u32 offset;

	if (cx_fault_corrupt(MLX5_CMD_OP_MODIFY_GENERAL_OBJECT, &offset))
		bytes[offset % tracker->ready] ^= 0x10;
	tracker->ready = cx_fault_cut(MLX5_CMD_OP_MODIFY_GENERAL_OBJECT,
				      tracker->ready);
}

/* Add what is legal and rare, where there is room. */
static u32 add_odd(struct cx_tracker *tracker, u32 count, u32 room)
{
	u32 i, pages = count;

	if (cx_quirk(CX_ENDLESS)) {
		while (count < room)
			tracker->message[count++] =
				cpu_to_be64((u64)tracker->first << tracker->log.page_shift);
		tracker->more = true;
	}
	for (i = 0; cx_quirk(CX_DUPLICATES) && i < pages && count < room - 1; i++)
		tracker->message[count++] = tracker->message[i];
	if (cx_quirk(CX_OUTSIDE) && !tracker->more && tracker->first &&
	    count < room - 1)
		tracker->message[count++] =
			cpu_to_be64((u64)(tracker->first - 1) << tracker->log.page_shift);
	return count;
}

/* Move pages from the log to a message. */
static void report_build(struct cx_tracker *tracker)
{
	u32 room = tracker->message_size / sizeof(*tracker->message);
	unsigned long page = tracker->cursor;
	u32 count = 0;

	tracker->more = false;
	mutex_lock(&tracker->vhca->lock);
	while (virt_pagelog_next(&tracker->log, &page, tracker->last)) {
		if (count == room) {
			tracker->more = true;
			break;
		}
		virt_pagelog_remove(&tracker->log, page);
		tracker->message[count++] =
			cpu_to_be64((u64)page << tracker->log.page_shift);
		tracker->cursor = ++page;
	}
	mutex_unlock(&tracker->vhca->lock);
	/* A full message is not the last: an empty one follows. */
	if (count == room && !cx_quirk(CX_FULL_LAST))
		tracker->more = true;
	count = add_odd(tracker, count, room);
	tracker->ready = count * sizeof(*tracker->message);
	if (count)
		tracker_spoil(tracker);
	tracker->built = true;
}

/* Send the message, or the empty one before it. */
static int report_send(struct cx_vhca *pf, struct cx_tracker *tracker, bool *last)
{
	bool empty = (cx_quirk(CX_EMPTY_MESSAGE) && !tracker->empty) ||
		     cx_quirk(CX_ENDLESS_EMPTY);
	int err;

	*last = !tracker->more && !empty;
	err = cx_qp_send(pf, tracker->qpn, tracker->message,
			 empty ? 0 : tracker->ready,
			 (u32)(*last ? MLX5_PAGE_TRACK_STATE_TRACKING :
				       MLX5_PAGE_TRACK_STATE_REPORTING) <<
			 STATUS_SHIFT);
	if (err != -EAGAIN) {
		tracker->empty = empty;
		tracker->built = empty;
	}
	return err;
}

/**
 * cx_report_send_error() - Send the message of a tracker in error, which ends a report
 * @pf: The physical function; on its thread
 * @tracker: The tracker; with the lock of the tracked function
 */
void cx_report_send_error(struct cx_vhca *pf, struct cx_tracker *tracker)
{
	cx_qp_send(pf, tracker->qpn, NULL, 0,
		   (u32)MLX5_PAGE_TRACK_STATE_ERROR << STATUS_SHIFT);
}

/* Is it lost after this message? One in the middle of a report says so. */
static bool lose_now(struct cx_vhca *pf, struct cx_tracker *tracker, bool last)
{
	if (!tracker->lose_after || --tracker->lose_after)
		return false;
	if (!last)
		cx_report_send_error(pf, tracker);
	return true;
}

/**
 * cx_report_send() - Send the next message of a report
 * @pf: The physical function; on its thread
 * @tracker: A tracker that is reporting
 *
 * Return: false when it has to wait.
 */
bool cx_report_send(struct cx_vhca *pf, struct cx_tracker *tracker)
{
	u32 delay = READ_ONCE(connectx_report_us);
	bool last;
	int err;

	if (delay && ktime_get_ns() < tracker->due_ns)
		return false;
	if (!tracker->built)
		report_build(tracker);
	err = report_send(pf, tracker, &last);
	if (err == -EAGAIN)
		return false;
	tracker->due_ns = ktime_get_ns() + (u64)delay * NSEC_PER_USEC;
	mutex_lock(&tracker->vhca->lock);
	if (err || lose_now(pf, tracker, last))
		cx_report_fail(tracker);
	else if (last && tracker->state == MLX5_PAGE_TRACK_STATE_REPORTING)
		tracker->state = MLX5_PAGE_TRACK_STATE_TRACKING;
	mutex_unlock(&tracker->vhca->lock);
	return true;
}
