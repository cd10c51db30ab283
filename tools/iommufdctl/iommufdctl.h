/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iommufdctl: what the dirty trackers of this host do. See iommufdctl.8.
 *
 * kernel.c asks the kernel, describe.c says in words and in JSON what it answers, and each
 * command has a file of its own.
 */
#ifndef _IOMMUFDCTL_H
#define _IOMMUFDCTL_H

#include <stdbool.h>
#include <stdint.h>
#include <json-c/json.h>
#include <linux/iommufd_dirty.h>
#include <linux/iommufd_dirty_netlink.h>

#define IOMMUFDCTL_VERSION "1.0"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Exit status */
enum {
	STATUS_OK,
	STATUS_NO,		/* check: something is reported because it is mapped */
	STATUS_ERROR,		/* usage, or no answer */
};

/**
 * struct object - A message of the kernel's: an object or an event
 * @cmd: enum iommufd_dirty_cmd
 * @has: Bit n: attribute n is there
 * @number: Attributes that are numbers
 * @string: Attributes that are strings
 */
struct object {
	uint8_t cmd;
	uint64_t has;
	uint64_t number[IOMMUFD_DIRTY_A_MAX + 1];
	char string[IOMMUFD_DIRTY_A_MAX + 1][32];
};

/**
 * struct objects - An answer
 * @nr: Entries of @object
 * @object: In the kernel's order
 * @room: Entries that fit
 * @changed: Something has changed in between
 * @complete: All of it is there
 */
struct objects {
	unsigned int nr;
	struct object *object;
	unsigned int room;
	bool changed;
	bool complete;
};

/**
 * struct options - The command line's
 * @json: JSON and not words
 * @pretty: JSON with line breaks
 */
struct options {
	bool json;
	bool pretty;
};

extern struct options options;

/* Called before fail() prints, if it is set: gives the terminal back */
extern void (*before_message)(void);

/* util.c */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* kernel.c */
int kernel_open(void);
void kernel_close(void);
int kernel_dump(uint8_t cmd, uint64_t context, int attr, uint32_t id,
	    struct objects *answer);
int kernel_policy_set(int attr, uint32_t value);
int kernel_policy_get(struct object *answer);
int kernel_listen(void);
bool kernel_has_event(void);
int kernel_events(int (*event)(const struct object *ev), int (*lost)(void));
void objects_free(struct objects *answer);

static inline bool has(const struct object *o, int attr)
{
	return o->has >> attr & 1;
}

/* describe.c */
void print_object(const struct object *o);
void print_event(const struct object *ev);
void print_plan(const struct object *tracker, const struct objects *sources);
struct json_object *json_of(const struct object *o);
void print_json(struct json_object *json);
const char *kind_name(uint64_t kind);
const char *policy_name(uint64_t policy);
const char *tracker_name(const struct object *o);

/* show.c */
int cmd_show(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int show_trackers(void);

/* top.c, plot.c, monitor.c, policy.c, check.c */
int cmd_top(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_monitor(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_check(int argc, char **argv);

#endif
