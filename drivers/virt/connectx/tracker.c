// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page trackers: general objects of the PF that record which pages a virtual
 * function writes, and report them on request in messages through a QP. This file
 * has the commands about them, and their limits; report.c has the reports.
 */
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "check.h"
#include "connectx.h"
#include "faults.h"
#include "object.h"
#include "quirks.h"
#include "report.h"
#include "tracker.h"

#define MAX_TRACKERS		8
#define LOG_MIN_MESSAGE		12
#define LOG_MAX_MESSAGE		16
#define LOG_MIN_PAGE		12
#define LOG_MAX_PAGE		20
#define TRACK_DIRTY		1	/* track_type: pages that are written */
#define MODIFY_STATE_AND_RANGE	3	/* modify_field_select */

static uint connectx_ranges = 4;
module_param(connectx_ranges, uint, 0644);
MODULE_PARM_DESC(connectx_ranges, "Ranges that a page tracker can have, at most 255");

static uint connectx_space = 42;
module_param(connectx_space, uint, 0444);
MODULE_PARM_DESC(connectx_space, "log2 of the bytes that a page tracker can track in total, at most 63");

static uint connectx_trackers = MAX_TRACKERS;
module_param(connectx_trackers, uint, 0644);
MODULE_PARM_DESC(connectx_trackers, "Page trackers that a ConnectX can have, a power of two, at most 8");

static uint connectx_min_space = 12;
module_param(connectx_min_space, uint, 0644);
MODULE_PARM_DESC(connectx_min_space,
		 "log2 of the fewest bytes that a page tracker tracks, at least 12");

static uint connectx_message = LOG_MAX_MESSAGE;
module_param(connectx_message, uint, 0444);
MODULE_PARM_DESC(connectx_message,
		 "log2 of the longest message of a page tracker, in bytes, 12 to 16");

static struct cx_tracker *to_tracker(struct cx_object *object)
{
	return container_of(object, struct cx_tracker, object);
}

static unsigned int max_trackers(void)
{
	return rounddown_pow_of_two(clamp_t(uint, READ_ONCE(connectx_trackers),
					    1, MAX_TRACKERS));
}

static unsigned int max_space(void)
{
	return clamp_t(uint, connectx_space, 12, 63);
}

static unsigned int min_space(void)
{
	return clamp_t(uint, READ_ONCE(connectx_min_space), 12, max_space());
}

static unsigned int max_message(void)
{
	return clamp_t(uint, connectx_message, LOG_MIN_MESSAGE, LOG_MAX_MESSAGE);
}

/**
 * cx_tracker_caps() - Capabilities
 * @caps: struct mlx5_ifc_adv_virtualization_cap_bits
 */
void cx_tracker_caps(void *caps)
{
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_max_num,
		 ilog2(max_trackers()));
	MLX5_SET(adv_virtualization_cap, caps, pg_track_max_num_range,
		 min(READ_ONCE(connectx_ranges), 255));
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_min_addr_space,
		 min_space());
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_max_addr_space,
		 max_space());
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_min_msg_size,
		 LOG_MIN_MESSAGE);
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_max_msg_size,
		 max_message());
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_min_page_size,
		 LOG_MIN_PAGE);
	MLX5_SET(adv_virtualization_cap, caps, pg_track_log_max_page_size,
		 LOG_MAX_PAGE);
}

static void release_tracker(struct cx_vhca *pf, struct cx_object *object)
{
	struct cx_tracker *tracker = to_tracker(object);

	if (tracker->cmd)
		tracker->cmd->ops->forget(tracker->cmd);
	cx_pages_return(pf, tracker->pages);
	mutex_lock(&tracker->vhca->lock);
	list_del(&tracker->entry);
	mutex_unlock(&tracker->vhca->lock);
	virt_pagelog_end(&tracker->log);
	kvfree(tracker->message);
	kfree(tracker);
}

static bool may_create(struct cx_vhca *pf)
{
	unsigned int count = 0;
	u32 id = 0;

	while (cx_object_next(pf, CX_PAGE_TRACK, &id))
		count++;
	return count < max_trackers();
}

static bool is_within(unsigned int value, unsigned int low, unsigned int high)
{
	return value >= low && value <= high;
}

static u8 take_ranges(struct cx_command *cmd, struct cx_tracker *tracker,
		      const void *context)
{
	const void *range = MLX5_ADDR_OF(page_track, context, track_range);
	u64 total = 0;
	u32 i;

	for (i = 0; i < tracker->log.range_count; i++) {
		u64 start = MLX5_GET64(page_track_range, range, start_address);
		u64 length = MLX5_GET64(page_track_range, range, length);

		if (!length || start + length - 1 < start ||
		    length > BIT_ULL(tracker->log_space) - total)
			return MLX5_CMD_STAT_BAD_PARAM_ERR;
		total += length;
		tracker->log.ranges[i].start = start;
		tracker->log.ranges[i].last = start + length - 1;
		range += MLX5_ST_SZ_BYTES(page_track_range);
	}
	return MLX5_CMD_STAT_OK;
}

/* Check the limits and take everything but the ranges. */
static u8 take_context(struct cx_command *cmd, struct cx_tracker *tracker,
		       const void *context)
{
	unsigned int log_message = MLX5_GET(page_track, context, log_msg_size);
	unsigned int ranges = MLX5_GET(page_track, context, num_ranges);

	tracker->log.page_shift = MLX5_GET(page_track, context, log_page_size);
	tracker->log_space = MLX5_GET(page_track, context,
				      log_addr_space_size);
	tracker->qpn = MLX5_GET(page_track, context, reporting_qpn);
	if (!is_within(tracker->log.page_shift, LOG_MIN_PAGE, LOG_MAX_PAGE) ||
	    !is_within(log_message, LOG_MIN_MESSAGE, max_message()) ||
	    !is_within(tracker->log_space, min_space(), max_space()) ||
	    !is_within(ranges, 1, READ_ONCE(connectx_ranges)) ||
	    MLX5_GET(page_track, context, track_type) != TRACK_DIRTY)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR, "limits");
	tracker->message_size = BIT(log_message);
	tracker->message = kvmalloc(tracker->message_size, GFP_KERNEL);
	if (!tracker->message || !virt_pagelog_alloc(&tracker->log, ranges))
		return MLX5_CMD_STAT_NO_RES_ERR;
	return MLX5_CMD_STAT_OK;
}

static u8 take_pages(struct cx_vhca *pf, struct cx_tracker *tracker)
{
	u32 count = cx_pages_of_tracker(tracker->log_space);

	if (!cx_pages_take(pf, count))
		return MLX5_CMD_STAT_NO_RES_ERR;
	tracker->pages = count;
	return MLX5_CMD_STAT_OK;
}

static u8 tracker_create(struct cx_command *cmd, struct cx_tracker *tracker)
{
	void *context = MLX5_ADDR_OF(create_page_track_obj_in, cmd->in,
				     obj_context);
	u8 status = cx_check_tracker(cmd, true);

	if (!status)
		status = take_context(cmd, tracker, context);
	if (status)
		return status;
	if (cmd->in_len != MLX5_ST_SZ_BYTES(create_page_track_obj_in) +
	    tracker->log.range_count * MLX5_ST_SZ_BYTES(page_track_range))
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_INP_LEN_ERR,
				  "length of the input");
	status = cx_object_use(cmd, &tracker->object, CX_QP, tracker->qpn);
	if (!status)
		status = take_ranges(cmd, tracker, context);
	if (!status)
		status = take_pages(cmd->vhca, tracker);
	if (!status && cx_object_add(cmd->vhca, &tracker->object))
		status = MLX5_CMD_STAT_NO_RES_ERR;
	return status;
}

/* OBJECT_CHANGE: of the tracker (@own), or of another object with its number. */
static void send_event(struct cx_vhca *pf, struct cx_tracker *tracker, bool own)
{
	struct mlx5_eqe_obj_change change = {
		.obj_type = cpu_to_be16(own ? MLX5_OBJ_TYPE_PAGE_TRACK :
					      MLX5_OBJ_TYPE_MKEY),
		.obj_id = cpu_to_be32(tracker->object.id),
	};

	cx_eq_event(pf, MLX5_EVENT_TYPE_OBJECT_CHANGE, &change, sizeof(change));
}

/* From here on the function's thread sees it, and all of it is there. */
static void begin_tracking(struct cx_tracker *tracker, struct cx_command *cmd)
{
	mutex_lock(&tracker->vhca->lock);
	list_add_tail(&tracker->entry, &tracker->vhca->trackers);
	mutex_unlock(&tracker->vhca->lock);
	/* Before the answer: the driver does not know the number yet. */
	if (cx_quirk(CX_EVENTS))
		send_event(cmd->vhca, tracker, true);
	MLX5_SET(general_obj_out_cmd_hdr, cmd->out, obj_id,
		 tracker->object.id);
}

/* CREATE_GENERAL_OBJECT of a page tracker. It is answered when its pages are there. */
u8 cx_create_tracker(struct cx_command *cmd)
{
	void *context = MLX5_ADDR_OF(create_page_track_obj_in, cmd->in,
				     obj_context);
	struct cx_tracker *tracker;
	u8 status;

	if (MLX5_GET(general_obj_in_cmd_hdr, cmd->in, obj_type) !=
	    MLX5_OBJ_TYPE_PAGE_TRACK)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	if (cmd->in_len < MLX5_ST_SZ_BYTES(create_page_track_obj_in))
		return MLX5_CMD_STAT_BAD_INP_LEN_ERR;
	if (!may_create(cmd->vhca))
		return MLX5_CMD_STAT_LIM_ERR;
	tracker = kzalloc_obj(*tracker, GFP_KERNEL);
	if (!tracker)
		return MLX5_CMD_STAT_NO_RES_ERR;
	tracker->object.kind = CX_PAGE_TRACK;
	tracker->object.release = release_tracker;
	tracker->state = MLX5_PAGE_TRACK_STATE_TRACKING;
	virt_pagelog_init(&tracker->log);
	tracker->vhca = cx_vf_by_vhca_id(cmd->vhca, MLX5_GET(page_track,
							     context, vhca_id));
	if (!tracker->vhca) {
		kfree(tracker);
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	}
	INIT_LIST_HEAD(&tracker->entry);
	status = tracker_create(cmd, tracker);
	if (status) {
		cx_object_discard(cmd->vhca, &tracker->object);
		return status;
	}
	cmd->later = tracker->pages;
	if (cmd->later)
		tracker->cmd = cmd;
	else
		begin_tracking(tracker, cmd);
	return MLX5_CMD_STAT_OK;
}

static struct cx_tracker *find_tracker(struct cx_command *cmd)
{
	struct cx_object *object;

	if (MLX5_GET(general_obj_in_cmd_hdr, cmd->in, obj_type) !=
	    MLX5_OBJ_TYPE_PAGE_TRACK)
		return NULL;
	object = cx_object_find(cmd->vhca, CX_PAGE_TRACK,
				MLX5_GET(general_obj_in_cmd_hdr, cmd->in,
					 obj_id));
	/* Of one that is not made yet no driver knows. */
	return object && !to_tracker(object)->cmd ? to_tracker(object) : NULL;
}

/* MODIFY_GENERAL_OBJECT: begin a report */
u8 cx_modify_tracker(struct cx_command *cmd)
{
	struct cx_tracker *tracker = find_tracker(cmd);
	u64 start, length;
	void *context;
	u32 event;
	u8 status;

	if (!tracker)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	if (cmd->in_len != MLX5_ST_SZ_BYTES(modify_page_track_obj_in))
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_INP_LEN_ERR,
				  "length of the input");
	status = cx_check_tracker(cmd, false);
	if (status)
		return status;
	context = MLX5_ADDR_OF(modify_page_track_obj_in, cmd->in, obj_context);
	start = MLX5_GET64(page_track, context, range_start_address);
	length = MLX5_GET64(page_track, context, length);
	if (MLX5_GET(page_track, context, state) !=
	    MLX5_PAGE_TRACK_STATE_REPORTING || !length ||
	    MLX5_GET64(page_track, context, modify_field_select) !=
	    MODIFY_STATE_AND_RANGE || start + length - 1 < start)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR, "context");
	if (tracker->state == MLX5_PAGE_TRACK_STATE_REPORTING ||
	    (cx_quirk(CX_REPORT_ALONE) && tracker->vhca->job &&
	     tracker->vhca->job->loads))
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;

	if (cx_fault_event(MLX5_CMD_OP_MODIFY_GENERAL_OBJECT, &event))
		cx_qp_event(cmd->vhca, tracker->qpn, event);
	if (cx_fault_overrun(MLX5_CMD_OP_MODIFY_GENERAL_OBJECT, &event))
		cx_qp_limit(cmd->vhca, tracker->qpn, event);
	cx_report_begin(tracker, start, start + length - 1);
	if (cx_quirk(CX_EVENTS))
		send_event(cmd->vhca, tracker, false);
	mutex_lock(&tracker->vhca->lock);
	tracker->lose_after = 0;
	if (tracker->state == MLX5_PAGE_TRACK_STATE_TRACKING) {
		tracker->state = MLX5_PAGE_TRACK_STATE_REPORTING;
		if (cx_fault_lose(MLX5_CMD_OP_MODIFY_GENERAL_OBJECT,
				  &tracker->lose_after) &&
		    !tracker->lose_after)
			cx_report_fail(tracker);
	} else {
		cx_report_send_error(cmd->vhca, tracker);
	}
	mutex_unlock(&tracker->vhca->lock);
	return MLX5_CMD_STAT_OK;
}

/* QUERY_GENERAL_OBJECT */
u8 cx_query_tracker(struct cx_command *cmd)
{
	struct cx_tracker *tracker = find_tracker(cmd);
	void *context;

	if (!tracker)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	if (cmd->out_len < MLX5_ST_SZ_BYTES(query_page_track_obj_out))
		return MLX5_CMD_STAT_BAD_OUTP_LEN_ERR;
	context = MLX5_ADDR_OF(query_page_track_obj_out, cmd->out, obj_context);
	MLX5_SET(page_track, context, vhca_id, tracker->vhca->vhca_id);
	MLX5_SET(page_track, context, state, READ_ONCE(tracker->state));
	MLX5_SET(page_track, context, log_page_size, tracker->log.page_shift);
	MLX5_SET(page_track, context, log_addr_space_size, tracker->log_space);
	MLX5_SET(page_track, context, log_msg_size,
		 ilog2(tracker->message_size));
	MLX5_SET(page_track, context, reporting_qpn, tracker->qpn);
	MLX5_SET(page_track, context, num_ranges, tracker->log.range_count);
	return MLX5_CMD_STAT_OK;
}

/* DESTROY_GENERAL_OBJECT */
u8 cx_destroy_tracker(struct cx_command *cmd)
{
	struct cx_tracker *tracker = find_tracker(cmd);

	if (!tracker)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	return cx_object_destroy(cmd, CX_PAGE_TRACK, tracker->object.id);
}

static void tracker_send_error(struct cx_vhca *pf, struct cx_tracker *tracker)
{
	tracker->unsent = false;
	if (!cx_quirk(CX_LOST_EVENTS))
		send_event(pf, tracker, true);
}

/**
 * cx_tracker_reports() - Is a page tracker of a function in the middle of a report
 * @vhca: The function; on the PF's thread
 *
 * Return: true if so.
 */
bool cx_tracker_reports(struct cx_vhca *vhca)
{
	struct cx_tracker *tracker;

	/* Only this thread changes the list. */
	list_for_each_entry(tracker, &vhca->trackers, entry)
		if (READ_ONCE(tracker->state) == MLX5_PAGE_TRACK_STATE_REPORTING)
			return true;
	return false;
}

/* Continue a CREATE once its pages are there. */
static bool poll_create(struct cx_vhca *pf, struct cx_tracker *tracker)
{
	struct cx_command *cmd = tracker->cmd;
	bool there;
	u8 status = cx_pages_status(pf, &there);

	if (!status && !there)
		return false;
	tracker->cmd = NULL;
	if (status)
		cx_object_remove(pf, &tracker->object);
	else
		begin_tracking(tracker, cmd);
	cmd->ops->answer(cmd, status);
	return true;
}

/**
 * cx_trackers_cancel() - Forget the waiting CREATEs of a command queue that ends
 * @pf: The physical function; on its thread, or without one
 */
void cx_trackers_cancel(struct cx_vhca *pf)
{
	struct cx_object *object;
	u32 id = 0;

	while ((object = cx_object_next(pf, CX_PAGE_TRACK, &id)))
		if (to_tracker(object)->cmd)
			cx_object_remove(pf, object);
}

/**
 * cx_tracker_poll() - Continue the reports, and the CREATEs that wait for pages
 * @pf: The physical function; on its thread
 *
 * Return: true when there is more to do at once.
 */
bool cx_tracker_poll(struct cx_vhca *pf)
{
	struct cx_object *object;
	bool more = false;
	u32 id = 0;

	while ((object = cx_object_next(pf, CX_PAGE_TRACK, &id))) {
		struct cx_tracker *tracker = to_tracker(object);

		if (tracker->cmd) {
			more |= poll_create(pf, tracker);
			continue;
		}
		if (READ_ONCE(tracker->unsent))
			tracker_send_error(pf, tracker);
		if (READ_ONCE(tracker->state) == MLX5_PAGE_TRACK_STATE_REPORTING)
			more |= cx_report_send(pf, tracker);
	}
	return more;
}
