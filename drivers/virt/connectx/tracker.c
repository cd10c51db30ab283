// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page trackers: general objects of the PF that record which pages a virtual
 * function writes, and report them on request in messages through a QP.
 *
 * The log holds the pages that were written and not reported yet; a page is taken out
 * when it is put into a message. A write is either visible before that, or puts the page
 * into the log again. When the log is full the tracker is in error for good, which the
 * driver learns from an event, a query, or the next report.
 *
 * The lock of the tracked function protects log and state; the PF's thread has the rest.
 */
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "check.h"
#include "connectx.h"
#include "faults.h"
#include "object.h"
#include "quirks.h"
#include "tracker.h"

#define MAX_TRACKERS		8
#define LOG_MIN_MESSAGE		12
#define LOG_MAX_MESSAGE		16
#define LOG_MIN_PAGE		12
#define LOG_MAX_PAGE		20
#define TRACK_DIRTY		1	/* track_type: pages that are written */
#define MODIFY_STATE_AND_RANGE	3	/* modify_field_select */
#define STATUS_SHIFT		28	/* of the state in immediate data */

static uint connectx_ranges = 4;
module_param(connectx_ranges, uint, 0444);
MODULE_PARM_DESC(connectx_ranges, "ranges that a page tracker can have, up to 255");

static uint connectx_space = 42;
module_param(connectx_space, uint, 0444);
MODULE_PARM_DESC(connectx_space, "log2 of the bytes that a page tracker can track, up to 63");

static uint connectx_trackers = MAX_TRACKERS;
module_param(connectx_trackers, uint, 0644);
MODULE_PARM_DESC(connectx_trackers, "page trackers that a ConnectX can have, a power of two up to 8");

static uint connectx_min_space = 12;
module_param(connectx_min_space, uint, 0644);
MODULE_PARM_DESC(connectx_min_space,
		 "log2 of the bytes that a page tracker tracks at least, 12 or more");

static uint connectx_message = LOG_MAX_MESSAGE;
module_param(connectx_message, uint, 0444);
MODULE_PARM_DESC(connectx_message,
		 "log2 of the bytes of a page tracker's message at most, 12 to 16");

static uint connectx_log = 1 << 20;
module_param(connectx_log, uint, 0644);
MODULE_PARM_DESC(connectx_log, "dirty pages that the log of a page tracker holds");

static uint connectx_report_us;
module_param(connectx_report_us, uint, 0644);
MODULE_PARM_DESC(connectx_report_us,
		 "microseconds that a page tracker takes for each message");

struct span {
	u64 start;
	u64 last;
};

/**
 * struct tracker - A page tracker
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
 */
struct tracker {
	struct cx_object object;
	struct list_head entry;
	struct cx_vhca *vhca;
	struct cx_command *cmd;
	u32 pages;
	u32 qpn;
	unsigned int log_page;
	unsigned int log_space;
	u32 message_size;
	struct span *ranges;
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

static struct tracker *to_tracker(struct cx_object *object)
{
	return container_of(object, struct tracker, object);
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
		 min(connectx_ranges, 255));
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
	struct tracker *tracker = to_tracker(object);

	if (tracker->cmd)
		tracker->cmd->ops->forget(tracker->cmd);
	cx_pages_return(pf, tracker->pages);
	mutex_lock(&tracker->vhca->lock);
	list_del(&tracker->entry);
	mutex_unlock(&tracker->vhca->lock);
	xa_destroy(&tracker->log);
	kvfree(tracker->message);
	kfree(tracker->ranges);
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

static u8 take_ranges(struct cx_command *cmd, struct tracker *tracker,
		      const void *context)
{
	const void *range = MLX5_ADDR_OF(page_track, context, track_range);
	u64 total = 0;
	u32 i;

	for (i = 0; i < tracker->range_count; i++) {
		u64 start = MLX5_GET64(page_track_range, range, start_address);
		u64 length = MLX5_GET64(page_track_range, range, length);

		if (!length || start + length - 1 < start ||
		    length > BIT_ULL(tracker->log_space) - total)
			return MLX5_CMD_STAT_BAD_PARAM_ERR;
		total += length;
		tracker->ranges[i].start = start;
		tracker->ranges[i].last = start + length - 1;
		range += MLX5_ST_SZ_BYTES(page_track_range);
	}
	return MLX5_CMD_STAT_OK;
}

/* Check the limits and take everything but the ranges. */
static u8 take_context(struct cx_command *cmd, struct tracker *tracker,
		       const void *context)
{
	unsigned int log_message = MLX5_GET(page_track, context, log_msg_size);

	tracker->log_page = MLX5_GET(page_track, context, log_page_size);
	tracker->log_space = MLX5_GET(page_track, context,
				      log_addr_space_size);
	tracker->qpn = MLX5_GET(page_track, context, reporting_qpn);
	tracker->range_count = MLX5_GET(page_track, context, num_ranges);
	if (!is_within(tracker->log_page, LOG_MIN_PAGE, LOG_MAX_PAGE) ||
	    !is_within(log_message, LOG_MIN_MESSAGE, max_message()) ||
	    !is_within(tracker->log_space, min_space(), max_space()) ||
	    !is_within(tracker->range_count, 1, connectx_ranges) ||
	    MLX5_GET(page_track, context, track_type) != TRACK_DIRTY)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR, "limits");
	tracker->message_size = BIT(log_message);
	tracker->message = kvmalloc(tracker->message_size, GFP_KERNEL);
	tracker->ranges = kcalloc(tracker->range_count,
				  sizeof(*tracker->ranges), GFP_KERNEL);
	return tracker->message && tracker->ranges ? MLX5_CMD_STAT_OK :
						     MLX5_CMD_STAT_NO_RES_ERR;
}

static u8 take_pages(struct cx_vhca *pf, struct tracker *tracker)
{
	u32 count = cx_pages_of_tracker(tracker->log_space);

	if (!cx_pages_take(pf, count))
		return MLX5_CMD_STAT_NO_RES_ERR;
	tracker->pages = count;
	return MLX5_CMD_STAT_OK;
}

static u8 tracker_create(struct cx_command *cmd, struct tracker *tracker)
{
	void *context = MLX5_ADDR_OF(create_page_track_obj_in, cmd->in,
				     obj_context);
	u8 status = cx_check_tracker(cmd, true);

	if (!status)
		status = take_context(cmd, tracker, context);
	if (status)
		return status;
	if (cmd->in_len != MLX5_ST_SZ_BYTES(create_page_track_obj_in) +
	    tracker->range_count * MLX5_ST_SZ_BYTES(page_track_range))
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
static void send_event(struct cx_vhca *pf, struct tracker *tracker, bool own)
{
	struct mlx5_eqe_obj_change change = {
		.obj_type = cpu_to_be16(own ? MLX5_OBJ_TYPE_PAGE_TRACK :
					      MLX5_OBJ_TYPE_MKEY),
		.obj_id = cpu_to_be32(tracker->object.id),
	};

	cx_eq_event(pf, MLX5_EVENT_TYPE_OBJECT_CHANGE, &change, sizeof(change));
}

/* From here on the function's thread sees it, and all of it is there. */
static void begin_tracking(struct tracker *tracker, struct cx_command *cmd)
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
	struct tracker *tracker;
	u8 status;

	if (MLX5_GET(general_obj_in_cmd_hdr, cmd->in, obj_type) !=
	    MLX5_OBJ_TYPE_PAGE_TRACK)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	if (cmd->in_len < MLX5_ST_SZ_BYTES(create_page_track_obj_in))
		return MLX5_CMD_STAT_BAD_INP_LEN_ERR;
	if (!may_create(cmd->vhca))
		return MLX5_CMD_STAT_LIM_ERR;
	tracker = kzalloc(sizeof(*tracker), GFP_KERNEL);
	if (!tracker)
		return MLX5_CMD_STAT_NO_RES_ERR;
	tracker->object.kind = CX_PAGE_TRACK;
	tracker->object.release = release_tracker;
	tracker->state = MLX5_PAGE_TRACK_STATE_TRACKING;
	xa_init(&tracker->log);
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

static struct tracker *find_tracker(struct cx_command *cmd)
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

static void tracker_lose(struct tracker *tracker)
{
	if (tracker->state == MLX5_PAGE_TRACK_STATE_ERROR)
		return;
	tracker->state = MLX5_PAGE_TRACK_STATE_ERROR;
	tracker->unsent = true;
}

/* MODIFY_GENERAL_OBJECT: begin a report */
u8 cx_modify_tracker(struct cx_command *cmd)
{
	struct tracker *tracker = find_tracker(cmd);
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
	tracker->first = start >> tracker->log_page;
	tracker->cursor = tracker->first;
	tracker->last = (start + length - 1) >> tracker->log_page;
	tracker->built = false;
	tracker->empty = false;
	if (cx_quirk(CX_EVENTS))
		send_event(cmd->vhca, tracker, false);
	tracker->due_ns = ktime_get_ns() +
			  (u64)READ_ONCE(connectx_report_us) * NSEC_PER_USEC;
	mutex_lock(&tracker->vhca->lock);
	tracker->lose_after = 0;
	if (tracker->state == MLX5_PAGE_TRACK_STATE_TRACKING) {
		tracker->state = MLX5_PAGE_TRACK_STATE_REPORTING;
		if (cx_fault_lose(MLX5_CMD_OP_MODIFY_GENERAL_OBJECT,
				  &tracker->lose_after) &&
		    !tracker->lose_after)
			tracker_lose(tracker);
	} else {
		cx_qp_send(cmd->vhca, tracker->qpn, NULL, 0,
			   (u32)MLX5_PAGE_TRACK_STATE_ERROR << STATUS_SHIFT);
	}
	mutex_unlock(&tracker->vhca->lock);
	return MLX5_CMD_STAT_OK;
}

/* QUERY_GENERAL_OBJECT */
u8 cx_query_tracker(struct cx_command *cmd)
{
	struct tracker *tracker = find_tracker(cmd);
	void *context;

	if (!tracker)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	if (cmd->out_len < MLX5_ST_SZ_BYTES(query_page_track_obj_out))
		return MLX5_CMD_STAT_BAD_OUTP_LEN_ERR;
	context = MLX5_ADDR_OF(query_page_track_obj_out, cmd->out, obj_context);
	MLX5_SET(page_track, context, vhca_id, tracker->vhca->vhca_id);
	MLX5_SET(page_track, context, state, READ_ONCE(tracker->state));
	MLX5_SET(page_track, context, log_page_size, tracker->log_page);
	MLX5_SET(page_track, context, log_addr_space_size, tracker->log_space);
	MLX5_SET(page_track, context, log_msg_size,
		 ilog2(tracker->message_size));
	MLX5_SET(page_track, context, reporting_qpn, tracker->qpn);
	MLX5_SET(page_track, context, num_ranges, tracker->range_count);
	return MLX5_CMD_STAT_OK;
}

/* DESTROY_GENERAL_OBJECT */
u8 cx_destroy_tracker(struct cx_command *cmd)
{
	struct tracker *tracker = find_tracker(cmd);

	if (!tracker)
		return MLX5_CMD_STAT_BAD_RES_ERR;
	return cx_object_destroy(cmd, CX_PAGE_TRACK, tracker->object.id);
}

static void tracker_record(struct tracker *tracker, unsigned long page)
{
	if (tracker->state == MLX5_PAGE_TRACK_STATE_ERROR ||
	    xa_load(&tracker->log, page))
		return;
	if (tracker->logged >= READ_ONCE(connectx_log) ||
	    xa_is_err(xa_store(&tracker->log, page, xa_mk_value(1),
			       GFP_KERNEL)))
		tracker_lose(tracker);
	else
		tracker->logged++;
}

/**
 * cx_tracker_written() - A virtual function has written memory
 * @vhca: The function; with its lock
 * @iova: Where, within a page
 */
void cx_tracker_written(struct cx_vhca *vhca, u64 iova)
{
	struct tracker *tracker;
	u32 i;

	list_for_each_entry(tracker, &vhca->trackers, entry)
		for (i = 0; i < tracker->range_count; i++)
			if (iova >= tracker->ranges[i].start &&
			    iova <= tracker->ranges[i].last)
				tracker_record(tracker, iova >> tracker->log_page);
}

/* Change a byte of a message or cut it, if a test has asked for that. */
static void tracker_spoil(struct tracker *tracker)
{
	u8 *bytes = (u8 *)tracker->message;
	u32 offset;

	if (cx_fault_corrupt(MLX5_CMD_OP_MODIFY_GENERAL_OBJECT, &offset))
		bytes[offset % tracker->ready] ^= 0x10;
	tracker->ready = cx_fault_cut(MLX5_CMD_OP_MODIFY_GENERAL_OBJECT,
				      tracker->ready);
}

/* Add what is legal and rare, where there is room. */
static u32 add_odd(struct tracker *tracker, u32 count, u32 room)
{
	u32 i, pages = count;

	if (cx_quirk(CX_ENDLESS)) {
		while (count < room)
			tracker->message[count++] =
				cpu_to_be64((u64)tracker->first << tracker->log_page);
		tracker->more = true;
	}
	for (i = 0; cx_quirk(CX_DUPLICATES) && i < pages && count < room - 1; i++)
		tracker->message[count++] = tracker->message[i];
	if (cx_quirk(CX_OUTSIDE) && !tracker->more && tracker->first &&
	    count < room - 1)
		tracker->message[count++] =
			cpu_to_be64((u64)(tracker->first - 1) <<
				    tracker->log_page);
	return count;
}

/* Move pages from the log to a message. */
static void report_build(struct tracker *tracker)
{
	u32 room = tracker->message_size / sizeof(*tracker->message);
	unsigned long page = tracker->cursor;
	u32 count = 0;
	void *entry;

	tracker->more = false;
	mutex_lock(&tracker->vhca->lock);
	xa_for_each_range(&tracker->log, page, entry, tracker->cursor,
			  tracker->last) {
		if (count == room) {
			tracker->more = true;
			break;
		}
		xa_erase(&tracker->log, page);
		tracker->logged--;
		tracker->message[count++] =
			cpu_to_be64((u64)page << tracker->log_page);
		tracker->cursor = page + 1;
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
static int report_send(struct cx_vhca *pf, struct tracker *tracker, bool *last)
{
	bool empty = cx_quirk(CX_EMPTY_MESSAGE) && !tracker->empty;
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

/* Is it lost after this message? One in the middle of a report says so. */
static bool lose_now(struct cx_vhca *pf, struct tracker *tracker, bool last)
{
	if (!tracker->lose_after || --tracker->lose_after)
		return false;
	if (!last)
		cx_qp_send(pf, tracker->qpn, NULL, 0,
			   (u32)MLX5_PAGE_TRACK_STATE_ERROR << STATUS_SHIFT);
	return true;
}

/* Send the next message of a report. Returns false when it has to wait. */
static bool tracker_report(struct cx_vhca *pf, struct tracker *tracker)
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
		tracker_lose(tracker);
	else if (last && tracker->state == MLX5_PAGE_TRACK_STATE_REPORTING)
		tracker->state = MLX5_PAGE_TRACK_STATE_TRACKING;
	mutex_unlock(&tracker->vhca->lock);
	return true;
}

static void tracker_send_error(struct cx_vhca *pf, struct tracker *tracker)
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
	struct tracker *tracker;

	/* Only this thread changes the list. */
	list_for_each_entry(tracker, &vhca->trackers, entry)
		if (READ_ONCE(tracker->state) == MLX5_PAGE_TRACK_STATE_REPORTING)
			return true;
	return false;
}

/* Continue a CREATE once its pages are there. */
static bool poll_create(struct cx_vhca *pf, struct tracker *tracker)
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
		struct tracker *tracker = to_tracker(object);

		if (tracker->cmd) {
			more |= poll_create(pf, tracker);
			continue;
		}
		if (READ_ONCE(tracker->unsent))
			tracker_send_error(pf, tracker);
		if (READ_ONCE(tracker->state) == MLX5_PAGE_TRACK_STATE_REPORTING)
			more |= tracker_report(pf, tracker);
	}
	return more;
}
