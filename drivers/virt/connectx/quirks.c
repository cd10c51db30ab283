// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other firmware: the parameters connectx_lacks, capabilities that are missing, and
 * connectx_quirks, what is done differently. Both are lists of names that can be
 * changed at any time; drivers look at capabilities when they probe.
 *
 * What belongs to a capability that is missing does not work either: commands fail as
 * if they did not exist, and fields of theirs are reserved.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/bits.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "quirks.h"

static const char * const cap_names[CX_CAPS] = {
	[CX_CAP_MIGRATION] = "migration",
	[CX_CAP_MIGRATABLE] = "migratable",
	[CX_CAP_MULTI_LOAD] = "multi_load",
	[CX_CAP_TRACKING] = "tracking_state",
	[CX_CAP_CHUNKS] = "in_chunks",
	[CX_CAP_ADV_VIRT] = "adv_virtualization",
	[CX_CAP_STATE] = "migration_state",
};

static const char * const quirk_names[CX_QUIRKS] = {
	[CX_TRACK_RUNNING] = "track_running",
	[CX_RESUME_OK] = "resume_ok",
	[CX_RESUME_SYS] = "resume_sys",
	[CX_QUERY_ZERO] = "query_zero",
	[CX_TOTAL_LESS] = "total_less",
	[CX_NEXT_MORE] = "next_more",
	[CX_SAVE_WHOLE] = "save_whole",
	[CX_FULL_LAST] = "full_last",
	[CX_EMPTY_MESSAGE] = "empty_message",
	[CX_DUPLICATES] = "duplicates",
	[CX_OUTSIDE] = "outside",
	[CX_EVENTS] = "events",
	[CX_LOST_EVENTS] = "lost_events",
	[CX_REPORT_ALONE] = "report_alone",
	[CX_REINIT] = "reinit",
	[CX_UAR_ARM] = "uar_arm",
	[CX_LOAD_COMMAND] = "load_command",
	[CX_LOAD_MSIX] = "load_msix",
	[CX_ENDLESS] = "endless",
	[CX_ENDLESS_EMPTY] = "endless_empty",
	[CX_IMAGE_MORE] = "image_more",
};

/**
 * struct list - A parameter that is a list of names
 * @names: All that there are
 * @count: How many
 * @set: Those in the list, a bit each
 */
struct list {
	const char * const *names;
	unsigned int count;
	unsigned long set;
};

static struct list lacks = { cap_names, CX_CAPS };
static struct list quirks = { quirk_names, CX_QUIRKS };

static int set_list(const char *value, const struct kernel_param *kp)
{
	struct list *list = kp->arg;
	char *copy = kstrdup(value, GFP_KERNEL);
	unsigned long set = 0;
	char *rest, *name;

	if (!copy)
		return -ENOMEM;
	rest = strim(copy);
	while ((name = strsep(&rest, ","))) {
		int i = match_string(list->names, list->count, name);

		if (!*name)
			continue;
		if (i < 0) {
			pr_err("%s: unknown name \"%s\"\n", kp->name, name);
			kfree(copy);
			return -EINVAL;
		}
		set |= BIT(i);
	}
	kfree(copy);
	WRITE_ONCE(list->set, set);
	return 0;
}

static int get_list(char *buffer, const struct kernel_param *kp)
{
	const struct list *list = kp->arg;
	unsigned long set = READ_ONCE(list->set);
	unsigned int i;
	int len = 0;

	for (i = 0; i < list->count; i++)
		if (set & BIT(i))
			len += sysfs_emit_at(buffer, len, "%s%s",
					     len ? "," : "", list->names[i]);
	return len + sysfs_emit_at(buffer, len, "\n");
}

static const struct kernel_param_ops list_ops = {
	.set = set_list,
	.get = get_list,
};
module_param_cb(connectx_lacks, &list_ops, &lacks, 0644);
MODULE_PARM_DESC(connectx_lacks,
		 "Capabilities to leave out: migration, migratable, multi_load, tracking_state, in_chunks, adv_virtualization, migration_state");
module_param_cb(connectx_quirks, &list_ops, &quirks, 0644);
MODULE_PARM_DESC(connectx_quirks,
		 "Deviations of the firmware: track_running, resume_ok, resume_sys, query_zero, total_less, next_more, save_whole, full_last, empty_message, duplicates, outside, events, lost_events, report_alone, reinit, uar_arm, load_command, load_msix, endless, endless_empty, image_more");

/**
 * cx_has() - Is a capability there
 * @cap: Which
 *
 * Return: false if connectx_lacks has it.
 */
bool cx_has(enum cx_cap cap)
{
	return !(READ_ONCE(lacks.set) & BIT(cap));
}

/**
 * cx_quirk() - Does the firmware do this differently
 * @quirk: What
 *
 * Return: true if connectx_quirks has it.
 */
bool cx_quirk(enum cx_quirk quirk)
{
	return READ_ONCE(quirks.set) & BIT(quirk);
}
