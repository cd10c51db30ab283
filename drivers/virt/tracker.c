// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tracker of a virtual DMA device: a log of the pages that the device
 * has written, with limits like those of real ones (virt_dma.h is the contract).
 *
 * All of it runs on the function's thread, as the DMA does, so what is in the
 * log is what was written, exactly: no access is under way while a command is
 * executed. A REPORT takes pages out of the log when it begins and may be done
 * much later (virt_track_due()); DMA continues in between, and the next REPORT has
 * what it writes.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/bits.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "bus.h"
#include "engine.h"
#include "faults.h"
#include "pagelog.h"
#include "tracker.h"
#include "virt_dma.h"

#define BAR		4
#define BAR_SIZE	SZ_64K
#define MAX_PAGE	SZ_1M

/**
 * struct virt_tracker - A tracker
 * @fn: The function that it is part of
 * @bar: Its registers
 * @limits: What it can do
 * @tracking: There is a log
 * @lost: It is of no use any more
 * @log: The log
 * @command: CTRL that is being executed, 0 for none
 * @result: What came of it
 * @began_ns: Since when
 */
struct virt_tracker {
	struct virt_function *fn;
	void __iomem *bar;
	struct virt_tracker_limits limits;

	bool tracking;
	bool lost;
	struct virt_pagelog log;

	u64 command;
	u64 result;
	u64 began_ns;
};

static u64 get_reg(struct virt_tracker *t, unsigned int reg)
{
	return readq(t->bar + reg);
}

static void set_reg(struct virt_tracker *t, unsigned int reg, u64 value)
{
	writeq(value, t->bar + reg);
}

/* ---- The log ---- */

static void end_log(struct virt_tracker *t)
{
	virt_pagelog_end(&t->log);
	t->tracking = false;
	t->lost = false;
}

/**
 * virt_tracker_write() - Memory was written
 * @t: The tracker, or NULL
 * @iova: First byte
 * @len: Bytes, all of them in one page of 4 KiB
 */
void virt_tracker_write(struct virt_tracker *t, u64 iova, size_t len)
{
	if (!t || !t->tracking || t->lost ||
	    !virt_pagelog_covers(&t->log, iova, iova + len - 1))
		return;
	if (virt_pagelog_has(&t->log, iova) || virt_drop_track(t->fn->dma.number))
		return;
	if (!virt_pagelog_add(&t->log, iova, t->limits.log))
		t->lost = true;
}

/* ---- Commands ---- */

static u64 check_ranges(const struct virt_tracker *t)
{
	u64 left = BIT_ULL(t->limits.space);
	unsigned int i;

	for (i = 0; i < t->log.range_count; i++) {
		const struct virt_span *r = &t->log.ranges[i];

		if (r->start > r->last)
			return VIRT_TRACK_BAD_RANGES;
		if (r->last >> t->limits.bits || r->last - r->start >= left)
			return VIRT_TRACK_BAD_ADDRESS;
		left -= r->last - r->start + 1;
	}
	return VIRT_TRACK_OK;
}

static u64 tracker_start(struct virt_tracker *t)
{
	u64 page_size = get_reg(t, VIRT_TRACK_PAGE_SIZE);
	u64 count = get_reg(t, VIRT_TRACK_NR_RANGES);
	unsigned int i;
	u64 result;

	if (t->tracking)
		return VIRT_TRACK_BUSY;
	if (virt_fail_track_start(t->fn->dma.number))
		return VIRT_TRACK_FAILED;
	if (!is_power_of_2(page_size) ||
	    !(get_reg(t, VIRT_TRACK_PAGE_SIZES) & page_size))
		return VIRT_TRACK_BAD_ARGUMENT;
	if (!count || count > t->limits.ranges)
		return VIRT_TRACK_BAD_RANGES;
	if (!virt_pagelog_alloc(&t->log, count))
		return VIRT_TRACK_FAILED;
	for (i = 0; i < count; i++) {
		t->log.ranges[i].start = get_reg(t, VIRT_TRACK_RANGES + 16 * i);
		t->log.ranges[i].last = get_reg(t, VIRT_TRACK_RANGES + 16 * i + 8);
	}
	result = check_ranges(t);
	if (result != VIRT_TRACK_OK) {
		end_log(t);
		return result;
	}
	t->log.page_shift = ilog2(page_size);
	t->tracking = true;
	return VIRT_TRACK_OK;
}

static u64 tracker_stop(struct virt_tracker *t)
{
	end_log(t);
	return VIRT_TRACK_OK;
}

/* Fill PAGES with what is in the log from @start to @last. */
static void take_pages(struct virt_tracker *t, u64 start, u64 last)
{
	unsigned long page_last = last >> t->log.page_shift;
	unsigned long page = start >> t->log.page_shift;
	u64 next = last + 1;
	unsigned int n = 0;

	while (virt_pagelog_next(&t->log, &page, page_last)) {
		u64 first = (u64)page << t->log.page_shift;
		u64 end = first + BIT_ULL(t->log.page_shift) - 1;

		if (n == VIRT_TRACK_PAGE_MAX) {
			next = first;
			break;
		}
		set_reg(t, VIRT_TRACK_PAGES + 8 * n++, first);
		if (first >= start && end <= last)
			virt_pagelog_remove(&t->log, page);
		if (page++ == page_last)
			break;
	}
	set_reg(t, VIRT_TRACK_COUNT, n);
	set_reg(t, VIRT_TRACK_LOOKED_AT, next - start);
}

static u64 tracker_report(struct virt_tracker *t)
{
	u64 iova = get_reg(t, VIRT_TRACK_IOVA);
	u64 length = get_reg(t, VIRT_TRACK_LENGTH);
	u64 last;

	if (!t->tracking)
		return VIRT_TRACK_NO_LOG;
	if (virt_lose_track(t->fn->dma.number))
		t->lost = true;
	if (t->lost)
		return VIRT_TRACK_LOST;
	if (!length || check_add_overflow(iova, length - 1, &last))
		return VIRT_TRACK_BAD_ARGUMENT;
	if (virt_fail_track_report(t->fn->dma.number))
		return VIRT_TRACK_FAILED;
	take_pages(t, iova, last);
	return VIRT_TRACK_OK;
}

static u64 tracker_execute(struct virt_tracker *t)
{
	switch (t->command) {
	case VIRT_TRACK_CTRL_START:
		return tracker_start(t);
	case VIRT_TRACK_CTRL_STOP:
		return tracker_stop(t);
	case VIRT_TRACK_CTRL_REPORT:
		return tracker_report(t);
	default:
		return VIRT_TRACK_BAD_ARGUMENT;
	}
}

static bool tracker_is_due(const struct virt_tracker *t)
{
	return t->command != VIRT_TRACK_CTRL_REPORT ||
	       virt_track_due(t->fn->dma.number, t->began_ns);
}

/**
 * virt_tracker_wants() - Is there something to do
 * @t: The tracker, or NULL
 *
 * Return: true if its thread should serve it.
 */
bool virt_tracker_wants(struct virt_tracker *t)
{
	u64 command;

	if (!t)
		return false;
	command = get_reg(t, VIRT_TRACK_CTRL);
	return command && (command != t->command || tracker_is_due(t));
}

/**
 * virt_tracker_poll() - Take a command, and say when one is done
 * @t: The tracker, or NULL
 */
void virt_tracker_poll(struct virt_tracker *t)
{
	u64 command;

	if (!virt_tracker_wants(t))
		return;
	command = get_reg(t, VIRT_TRACK_CTRL);
	if (command != t->command) {
		t->command = command;
		t->began_ns = ktime_get_ns();
		t->result = tracker_execute(t);
		if (!tracker_is_due(t))
			return;
	}
	set_reg(t, VIRT_TRACK_RESULT, t->result);
	t->command = 0;
	virt_ctrl_done(t->bar + VIRT_TRACK_CTRL, command);
}

/**
 * virt_tracker_reset() - function-level reset
 * @t: The tracker, or NULL
 */
void virt_tracker_reset(struct virt_tracker *t)
{
	if (!t)
		return;
	end_log(t);
	t->command = 0;
	memset_io(t->bar, 0, BAR_SIZE);
	set_reg(t, VIRT_TRACK_ID, VIRT_TRACK_MAGIC);
	set_reg(t, VIRT_TRACK_MAX_RANGES, t->limits.ranges);
	set_reg(t, VIRT_TRACK_ADDR_BITS, t->limits.bits);
	set_reg(t, VIRT_TRACK_SPACE_BITS, t->limits.space);
	set_reg(t, VIRT_TRACK_PAGE_SIZES,
		GENMASK(ilog2(MAX_PAGE), ilog2(t->limits.page)));
	set_reg(t, VIRT_TRACK_LOG_SIZE, t->limits.log);
	set_reg(t, VIRT_TRACK_PAGE_SIZE, t->limits.page);
}

/* ---- Making one ---- */

/**
 * virt_tracker_create() - Give a function a tracker
 * @fn: The function, not on the bus yet; gets BAR 4
 * @limits: What it can do
 *
 * Return: The tracker; or an ERR_PTR: -ENOMEM, or -ENOSPC without room for the BAR.
 */
struct virt_tracker *virt_tracker_create(struct virt_function *fn,
					 const struct virt_tracker_limits *limits)
{
	struct virt_tracker *t = kzalloc_obj(*t, GFP_KERNEL);
	int err;

	if (!t)
		return ERR_PTR(-ENOMEM);
	err = virt_bus_alloc_bar(fn, BAR, BAR_SIZE);
	if (err) {
		kfree(t);
		return ERR_PTR(err);
	}
	t->fn = fn;
	t->bar = fn->bar[BAR];
	t->limits.ranges = limits->ranges ?: 16;
	t->limits.bits = limits->bits ?: VIRT_IOVA_BITS;
	t->limits.space = limits->space ?: VIRT_IOVA_BITS;
	t->limits.page = limits->page ?: SZ_4K;
	t->limits.log = limits->log ?: 1 << 20;
	virt_pagelog_init(&t->log);
	return t;
}

/**
 * virt_tracker_destroy() - After virt_bus_remove()
 * @t: The tracker, or NULL
 */
void virt_tracker_destroy(struct virt_tracker *t)
{
	if (!t)
		return;
	end_log(t);
	kfree(t);
}

static int parse_number(const char *text, unsigned int low, unsigned int high,
			unsigned int *number)
{
	if (kstrtouint(text, 0, number) || *number < low || *number > high)
		return -EINVAL;
	return 0;
}

static int parse_page(const char *text, unsigned long *page)
{
	char *end;

	*page = memparse(text, &end);
	if (*end || !is_power_of_2(*page) || *page < SZ_4K || *page > MAX_PAGE)
		return -EINVAL;
	return 0;
}

/**
 * virt_tracker_option() - Take an option of iommus=
 * @limits: Changed by it
 * @option: "tracker", or NAME=VALUE; is taken apart
 *
 * Return: 0, -ENOENT when it is none of a tracker's, -EINVAL when the value is wrong.
 */
int virt_tracker_option(struct virt_tracker_limits *limits, char *option)
{
	char *name = strsep(&option, "=");
	int err = -ENOENT;

	if (!option)
		err = strcmp(name, "tracker") ? -ENOENT : 0;
	else if (!strcmp(name, "ranges"))
		err = parse_number(option, 1, VIRT_TRACK_RANGE_MAX,
				   &limits->ranges);
	else if (!strcmp(name, "bits"))
		err = parse_number(option, 12, 63, &limits->bits);
	else if (!strcmp(name, "space"))
		err = parse_number(option, 12, 63, &limits->space);
	else if (!strcmp(name, "log"))
		err = parse_number(option, 1, INT_MAX, &limits->log);
	else if (!strcmp(name, "page"))
		err = parse_page(option, &limits->page);
	if (!err)
		limits->present = true;
	return err;
}
