// SPDX-License-Identifier: GPL-2.0-only
/*
 * show: objects, one a line. plan: what a tracker relies on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iommufdctl.h"

static const struct {
	const char *name;
	uint8_t cmd;
	int id;
} kinds[] = {
	{ "context", IOMMUFD_DIRTY_CMD_CONTEXT_GET, 0 },
	{ "ioas", IOMMUFD_DIRTY_CMD_IOAS_GET, IOMMUFD_DIRTY_A_IOAS },
	{ "hwpt", IOMMUFD_DIRTY_CMD_HWPT_GET, IOMMUFD_DIRTY_A_HWPT },
	{ "device", IOMMUFD_DIRTY_CMD_DEVICE_GET, IOMMUFD_DIRTY_A_DEVICE },
	{ "tracker", IOMMUFD_DIRTY_CMD_TRACKER_GET, IOMMUFD_DIRTY_A_TRACKER },
};

/**
 * struct name - Which object
 * @context: Number of the context; 0 for all
 * @one: Only the object with @id
 * @hwpt: The tracker of the HWPT with @id
 * @id: Its ID
 */
struct name {
	uint64_t context;
	bool one;
	bool hwpt;
	uint32_t id;
};

/* CONTEXT, CONTEXT/ID or, of a tracker, CONTEXT/hwptID */
static int parse_name(const char *text, struct name *name)
{
	unsigned long id = 0;
	char *end;

	memset(name, 0, sizeof(*name));
	errno = 0;
	name->context = strtoull(text, &end, 10);
	if (end != text && *end == '/') {
		const char *rest = end + 1;

		name->one = true;
		name->hwpt = !strncmp(rest, "hwpt", 4);
		if (name->hwpt)
			rest += 4;
		id = strtoul(rest, &end, 10);
		if (end == rest)
			errno = EINVAL;
	}
	if (errno || end == text || *end || !name->context || id > UINT32_MAX ||
	    strchr(text, '-'))
		return fail("'%s' names no object: write CONTEXT or CONTEXT/ID, as \"iommufdctl show\" prints them",
			    text);
	name->id = (uint32_t)id;
	return STATUS_OK;
}

/* Attribute with the ID in the name of an object of a kind */
static int name_attr(unsigned int kind, const struct name *name)
{
	return !name->one ? 0 : name->hwpt ? IOMMUFD_DIRTY_A_TRACKER_HWPT : kinds[kind].id;
}

static int show_kind(unsigned int kind, const struct name *name, struct json_object *json)
{
	struct json_object *list = json ? json_object_new_array() : NULL;
	struct objects answer;
	unsigned int i;
	int status;

	status = kernel_dump(kinds[kind].cmd, name->context, name_attr(kind, name), name->id,
			     &answer);
	if (status)
		return status;
	if (!answer.nr && name->context)
		status = fail("there is no such %s", kinds[kind].name);
	for (i = 0; i < answer.nr; i++) {
		if (json)
			json_object_array_add(list, json_of(&answer.object[i]));
		else
			print_object(&answer.object[i]);
	}
	if (answer.changed)
		fprintf(stderr, "iommufdctl: %ss changed faster than they could be read; some may be missing\n",
			kinds[kind].name);
	if (json)
		json_object_object_add(json, kinds[kind].name, list);
	objects_free(&answer);
	return status;
}

#define TRACKERS (ARRAY_SIZE(kinds) - 1)

/** show_trackers() - Print all trackers */
int show_trackers(void)
{
	const struct name all = {};

	return show_kind(TRACKERS, &all, NULL);
}

/** cmd_show() - Show [context|ioas|hwpt|device|tracker [CONTEXT[/ID]]] */
int cmd_show(int argc, char **argv)
{
	struct json_object *json = options.json ? json_object_new_object() : NULL;
	unsigned int kind, first = 0, last = TRACKERS;
	struct name name = {};
	int status = STATUS_OK;

	if (argc > 1) {
		for (kind = 0; kind < ARRAY_SIZE(kinds); kind++)
			if (!strcmp(argv[1], kinds[kind].name))
				break;
		if (kind == ARRAY_SIZE(kinds))
			return fail("'%s' is none of context, ioas, hwpt, device, tracker",
				    argv[1]);
		first = last = kind;
	}
	if (argc > 3)
		return fail("show: too many arguments");
	if (argc > 2)
		status = parse_name(argv[2], &name);
	if (!status && name.one && !kinds[first].id)
		status = fail("a context has a number and no ID: %" PRIu64, name.context);
	if (!status && name.hwpt && first != TRACKERS)
		status = fail("only a tracker is named by its HWPT: %s", argv[2]);
	for (kind = first; !status && kind <= last; kind++)
		status = show_kind(kind, &name, json);
	if (json && !status)
		print_json(json);
	else
		json_object_put(json);
	return status;
}

static int plan_print(const struct object *tracker)
{
	bool hwpt = has(tracker, IOMMUFD_DIRTY_A_TRACKER_HWPT);
	int attr = hwpt ? IOMMUFD_DIRTY_A_TRACKER_HWPT : IOMMUFD_DIRTY_A_TRACKER;
	struct json_object *json, *list;
	struct objects sources;
	unsigned int i;
	int status;

	status = kernel_dump(IOMMUFD_DIRTY_CMD_SOURCE_GET,
			     tracker->number[IOMMUFD_DIRTY_A_CONTEXT], attr,
			     (uint32_t)tracker->number[attr], &sources);
	if (status)
		return status;
	if (options.json) {
		json = json_of(tracker);
		list = json_object_new_array();
		for (i = 0; i < sources.nr; i++)
			json_object_array_add(list, json_of(&sources.object[i]));
		json_object_object_add(json, "sources", list);
		print_json(json);
	} else {
		print_plan(tracker, &sources);
	}
	objects_free(&sources);
	return STATUS_OK;
}

/** cmd_plan() - Plan [CONTEXT[/TRACKER]] */
int cmd_plan(int argc, char **argv)
{
	struct objects trackers;
	struct name name = {};
	unsigned int i;
	int status;

	if (argc > 2)
		return fail("plan: too many arguments");
	if (argc > 1) {
		status = parse_name(argv[1], &name);
		if (status)
			return status;
	}
	status = kernel_dump(IOMMUFD_DIRTY_CMD_TRACKER_GET, name.context,
			     name_attr(TRACKERS, &name), name.id, &trackers);
	if (status)
		return status;
	if (!trackers.nr && name.context)
		status = fail("there is no such tracker: \"iommufdctl show tracker\" lists them");
	for (i = 0; i < trackers.nr && !status; i++)
		status = plan_print(&trackers.object[i]);
	objects_free(&trackers);
	return status;
}
