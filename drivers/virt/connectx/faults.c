// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults of the firmware on purpose: the module parameter connectx_faults, a
 * list of
 *
 *	OPCODE:ACTION[=ARGUMENT][@NTH][*TIMES]
 *
 * separated by commas. From the @NTH command with this opcode on (1 if not
 * given: the next), TIMES of them (1 if not given; 0 for all) are broken:
 *
 *	fail=STATUS	the command fails with this status (1 if not given)
 *	deliver=STATUS	it is not executed, and its entry says that it was not delivered
 *			(1 if not given)
 *	flip=BYTE	a bit of this byte of its entry is wrong when the firmware reads it
 *	drop		it is not executed, nor answered until the list is set
 *			again; then with an error
 *	mute		it is executed, and then as one that was dropped
 *	late=MS		it is executed and answered so many milliseconds late
 *	cut=BYTES	SAVE, LOAD: the image lacks so many bytes at its end;
 *			MODIFY_GENERAL_OBJECT: the page tracker's next message does
 *	corrupt=OFFSET	SAVE, LOAD: a byte of the image is wrong;
 *			MODIFY_GENERAL_OBJECT: one of the next message is
 *	fatal		the firmware dies with it, until it is reset
 *	lose=N		MODIFY_GENERAL_OBJECT: the page tracker is lost in the report,
 *			after N messages (0 if not given)
 *	event=TYPE	MODIFY_GENERAL_OBJECT: its queues send this event, too
 *	overrun=N	MODIFY_GENERAL_OBJECT: its completion queue has room for N entries
 *	cqe=OPCODE	MODIFY_GENERAL_OBJECT: the next message completes with this opcode
 *
 * Writing replaces the list; an empty one ends all faults. Reading shows what
 * is left, with the number of commands still to pass instead of NTH.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/jiffies.h>
#include <linux/mlx5/device.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "faults.h"

#define MAX_FAULTS	16

enum action {
	FAIL,
	DELIVER,
	DROP,
	LATE,
	CUT,
	CORRUPT,
	FATAL,
	LOSE,
	EVENT,
	FLIP,
	OVERRUN,
	MUTE,
	CQE,
};

static const char * const actions[] = {
	[FAIL] = "fail",
	[DELIVER] = "deliver",
	[DROP] = "drop",
	[LATE] = "late",
	[CUT] = "cut",
	[CORRUPT] = "corrupt",
	[FATAL] = "fatal",
	[LOSE] = "lose",
	[EVENT] = "event",
	[FLIP] = "flip",
	[OVERRUN] = "overrun",
	[MUTE] = "mute",
	[CQE] = "cqe",
};

/**
 * struct fault - An entry of the list
 * @opcode: Of the command
 * @action: What happens to it
 * @argument: To @action
 * @pass: Commands that pass before
 * @times: How many to break then; 0 when it is over
 */
struct fault {
	u16 opcode;
	enum action action;
	u32 argument;
	u32 pass;
	u32 times;
};

static struct fault faults[MAX_FAULTS];
static unsigned int fault_count;
static unsigned int generation;
static DEFINE_SPINLOCK(lock);		/* all of them */

/* Does this command suffer this? Counts it down. */
static bool fault_take(u16 opcode, enum action action, u32 *argument)
{
	bool hit = false;
	unsigned int i;

	spin_lock(&lock);
	for (i = 0; i < fault_count && !hit; i++) {
		struct fault *fault = &faults[i];

		if (fault->opcode != opcode || fault->action != action ||
		    !fault->times)
			continue;
		if (fault->pass) {
			fault->pass--;
			continue;
		}
		if (fault->times != U32_MAX)
			fault->times--;
		*argument = fault->argument;
		hit = true;
	}
	spin_unlock(&lock);
	return hit;
}

/**
 * cx_fault_fail() - Should this command fail
 * @opcode: Of the command
 * @status: Its status then
 *
 * Return: true if so, with @status set.
 */
bool cx_fault_fail(u16 opcode, u8 *status)
{
	u32 argument;

	if (!fault_take(opcode, FAIL, &argument))
		return false;
	*status = argument;
	return true;
}

/**
 * cx_fault_deliver() - Should this command not be delivered
 * @opcode: Of the command
 * @status: Of its delivery then, 1 to 0x10
 *
 * Return: true if so, with @status set.
 */
bool cx_fault_deliver(u16 opcode, u8 *status)
{
	u32 argument;

	if (!fault_take(opcode, DELIVER, &argument))
		return false;
	*status = argument;
	return true;
}

/**
 * cx_fault_flip() - Should a byte of this command's entry be wrong
 * @opcode: Of the command
 * @byte: Which, modulo the size of the entry
 *
 * Return: true if so, with @byte set.
 */
bool cx_fault_flip(u16 opcode, u32 *byte)
{
	return fault_take(opcode, FLIP, byte);
}

/**
 * cx_fault_drop() - Should this command not be answered
 * @opcode: Of the command
 *
 * Return: true if so.
 */
bool cx_fault_drop(u16 opcode)
{
	u32 argument;

	return fault_take(opcode, DROP, &argument);
}

/**
 * cx_fault_generation() - How often the list has been set
 *
 * Commands that were dropped are answered with an error when this changes.
 *
 * Return: A number that changes with each write to connectx_faults.
 */
unsigned int cx_fault_generation(void)
{
	return READ_ONCE(generation);
}

/**
 * cx_fault_delay() - Should this command be answered late
 * @opcode: Of the command
 * @due: When, in jiffies
 *
 * Return: true if so, with @due set.
 */
bool cx_fault_delay(u16 opcode, unsigned long *due)
{
	u32 argument;

	if (!fault_take(opcode, LATE, &argument))
		return false;
	*due = jiffies + msecs_to_jiffies(argument);
	return true;
}

/**
 * cx_fault_cut() - How much of an image or a message gets through
 * @opcode: SAVE, LOAD or MODIFY_GENERAL_OBJECT
 * @size: Its bytes
 *
 * Return: Bytes, @size unless it is cut.
 */
u32 cx_fault_cut(u16 opcode, u32 size)
{
	u32 argument;

	if (!fault_take(opcode, CUT, &argument))
		return size;
	return size - min(size, argument);
}

/**
 * cx_fault_corrupt() - Should a byte of an image or a message be wrong
 * @opcode: SAVE, LOAD or MODIFY_GENERAL_OBJECT
 * @offset: Which, modulo the size of the image
 *
 * Return: true if so, with @offset set.
 */
bool cx_fault_corrupt(u16 opcode, u32 *offset)
{
	return fault_take(opcode, CORRUPT, offset);
}

/**
 * cx_fault_fatal() - Should the firmware die with this command
 * @opcode: Of the command
 *
 * Return: true if so.
 */
bool cx_fault_fatal(u16 opcode)
{
	u32 argument;

	return fault_take(opcode, FATAL, &argument);
}

/**
 * cx_fault_lose() - Should the page tracker be lost in this report
 * @opcode: MODIFY_GENERAL_OBJECT
 * @after: So many of its messages
 *
 * Return: true if so, with @after set.
 */
bool cx_fault_lose(u16 opcode, u32 *after)
{
	return fault_take(opcode, LOSE, after);
}

/**
 * cx_fault_event() - Should a queue of the page tracker seem to fail
 * @opcode: MODIFY_GENERAL_OBJECT
 * @type: Of the event that says so
 *
 * Return: true if so, with @type set.
 */
bool cx_fault_event(u16 opcode, u32 *type)
{
	return fault_take(opcode, EVENT, type);
}

/**
 * cx_fault_overrun() - Should the completion queue of the page tracker be small
 * @opcode: MODIFY_GENERAL_OBJECT
 * @entries: How many it has room for
 *
 * Return: true if so, with @entries set.
 */
bool cx_fault_overrun(u16 opcode, u32 *entries)
{
	return fault_take(opcode, OVERRUN, entries);
}

/**
 * cx_fault_mute() - Should the answer to this command get lost
 * @opcode: Of the command, executed
 *
 * Return: true if so.
 */
bool cx_fault_mute(u16 opcode)
{
	u32 argument;

	return fault_take(opcode, MUTE, &argument);
}

/**
 * cx_fault_cqe() - Should the completion of a message have another opcode
 * @opcode: MODIFY_GENERAL_OBJECT
 * @cqe_opcode: Which
 *
 * Return: true if so, with @cqe_opcode set.
 */
bool cx_fault_cqe(u16 opcode, u32 *cqe_opcode)
{
	return fault_take(opcode, CQE, cqe_opcode);
}

/* Cut "@NTH" and "*TIMES" off; the number, @missing if it is not there. */
static int cut_number(char *text, char mark, u32 missing, u32 *number)
{
	char *where = strrchr(text, mark);

	*number = missing;
	if (!where)
		return 0;
	*where = '\0';
	return kstrtou32(where + 1, 0, number);
}

static int parse_fault(struct fault *fault, char *text)
{
	char *opcode = strsep(&text, ":");
	char *name;
	u32 nth;
	int action;

	if (!text || kstrtou16(opcode, 0, &fault->opcode) ||
	    cut_number(text, '*', 1, &fault->times) ||
	    cut_number(text, '@', 1, &nth) || !nth)
		return -EINVAL;
	name = strsep(&text, "=");
	action = match_string(actions, ARRAY_SIZE(actions), name);
	if (action < 0)
		return -EINVAL;
	fault->action = action;
	fault->argument = action == FAIL || action == DELIVER ? 1 : 0;
	if (text && kstrtou32(text, 0, &fault->argument))
		return -EINVAL;
	/* Event types that queues of events can take */
	if (action == DELIVER && (!fault->argument || fault->argument > 0x10))
		return -EINVAL;
	if (action == EVENT && (!fault->argument || fault->argument > 63))
		return -EINVAL;
	fault->pass = nth - 1;
	if (!fault->times)
		fault->times = U32_MAX;
	return 0;
}

static int set_faults(const char *value, const struct kernel_param *kp)
{
	struct fault new[MAX_FAULTS];
	unsigned int count = 0;
	char *copy = kstrdup(value, GFP_KERNEL);
	char *rest, *text;
	int err = 0;

	if (!copy)
		return -ENOMEM;
	rest = strim(copy);
	while (!err && (text = strsep(&rest, ","))) {
		if (!*text)
			continue;
		if (count == MAX_FAULTS)
			err = -ENOSPC;
		else
			err = parse_fault(&new[count++], text);
	}
	kfree(copy);
	if (err) {
		pr_err("connectx_faults: use OPCODE:ACTION[=ARGUMENT][@NTH][*TIMES],... (%u at most); actions fail deliver flip drop late cut corrupt fatal lose event overrun mute cqe\n",
		       MAX_FAULTS);
		return err;
	}
	spin_lock(&lock);
	memcpy(faults, new, count * sizeof(*new));
	fault_count = count;
	WRITE_ONCE(generation, generation + 1);
	spin_unlock(&lock);
	return 0;
}

static int get_faults(char *buffer, const struct kernel_param *kp)
{
	unsigned int i;
	int len = 0;

	spin_lock(&lock);
	for (i = 0; i < fault_count; i++) {
		const struct fault *fault = &faults[i];

		if (fault->times)
			len += sysfs_emit_at(buffer, len, "%#x:%s=%u@%u*%u,",
					     fault->opcode,
					     actions[fault->action],
					     fault->argument, fault->pass + 1,
					     fault->times == U32_MAX ? 0 :
					     fault->times);
	}
	spin_unlock(&lock);
	return len + sysfs_emit_at(buffer, len, "\n");
}

static const struct kernel_param_ops faults_ops = {
	.set = set_faults,
	.get = get_faults,
};
module_param_cb(connectx_faults, &faults_ops, NULL, 0644);
MODULE_PARM_DESC(connectx_faults,
		 "Faults of firmware commands: OPCODE:fail|deliver|flip|drop|late|cut|corrupt|fatal|lose|event|overrun|mute|cqe[=ARGUMENT][@NTH][*TIMES],...");
