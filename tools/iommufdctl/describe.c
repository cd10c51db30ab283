// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects and events, in words and in JSON. In JSON an attribute has the name that it
 * has in iommufd_dirty_netlink.yaml.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <linux/vfio.h>

#include "../../selftests/lib/iommufd.h"
#include "../lib/json.h"
#include "iommufdctl.h"

#define NAMES(...) ((const char * const[]){ __VA_ARGS__, NULL })

/* How an attribute is printed in JSON: a number if nothing else is given */
enum as { AS_NUMBER, AS_FLAG, AS_BOOL, AS_STRING, AS_ENUM, AS_BITS };

static const struct {
	const char *name;
	enum as as;
	const char * const *names;
} attrs[IOMMUFD_DIRTY_A_MAX + 1] = {
	[IOMMUFD_DIRTY_A_CONTEXT] = { "context" },
	[IOMMUFD_DIRTY_A_IOAS] = { "ioas" },
	[IOMMUFD_DIRTY_A_HWPT] = { "hwpt" },
	[IOMMUFD_DIRTY_A_DEVICE] = { "device" },
	[IOMMUFD_DIRTY_A_TRACKER] = { "tracker" },
	[IOMMUFD_DIRTY_A_PARENT] = { "parent" },
	[IOMMUFD_DIRTY_A_BUSY] = { "busy", AS_FLAG },
	[IOMMUFD_DIRTY_A_PID] = { "pid" },
	[IOMMUFD_DIRTY_A_COMM] = { "comm", AS_STRING },
	[IOMMUFD_DIRTY_A_PINNED] = { "pinned" },
	[IOMMUFD_DIRTY_A_AREAS] = { "areas" },
	[IOMMUFD_DIRTY_A_MAPPED] = { "mapped" },
	[IOMMUFD_DIRTY_A_SMALL_LEAVES] = { "small-leaves", AS_BOOL },
	[IOMMUFD_DIRTY_A_HWPT_TYPE] = { "hwpt-type", AS_ENUM,
		NAMES("?", "paging", "nested") },
	[IOMMUFD_DIRTY_A_LEAF_SIZES] = { "leaf-sizes" },
	[IOMMUFD_DIRTY_A_CAN_TRACK] = { "can-track", AS_FLAG },
	[IOMMUFD_DIRTY_A_AUTOMATIC] = { "automatic", AS_FLAG },
	[IOMMUFD_DIRTY_A_PLATFORM] = { "platform", AS_STRING },
	[IOMMUFD_DIRTY_A_NAME] = { "name", AS_STRING },
	[IOMMUFD_DIRTY_A_GROUP] = { "group" },
	[IOMMUFD_DIRTY_A_LOG_OWNER] = { "log-owner", AS_ENUM,
		NAMES("?", "free", "user", "tracker", "ending") },
	[IOMMUFD_DIRTY_A_MIGRATION] = { "migration", AS_ENUM,
		NAMES("ERROR", "STOP", "RUNNING", "STOP_COPY", "RESUMING", "RUNNING_P2P",
		      "PRE_COPY", "PRE_COPY_P2P") },
	[IOMMUFD_DIRTY_A_POLICY] = { "policy", AS_ENUM, NAMES("auto", "iommu", "device") },
	[IOMMUFD_DIRTY_A_FLAGS] = { "flags", AS_BITS, NAMES("require-precise", "eventfd") },
	[IOMMUFD_DIRTY_A_OUT_FLAGS] = { "out-flags", AS_BITS,
		NAMES("conservative", "degraded", "coarse", "running") },
	[IOMMUFD_DIRTY_A_OLD_FLAGS] = { "old-flags", AS_BITS,
		NAMES("conservative", "degraded", "coarse", "running") },
	[IOMMUFD_DIRTY_A_PAGE_SIZE] = { "page-size" },
	[IOMMUFD_DIRTY_A_PENDING] = { "pending" },
	[IOMMUFD_DIRTY_A_MEMORY] = { "memory" },
	[IOMMUFD_DIRTY_A_KIND] = { "kind", AS_ENUM,
		NAMES("none", "iommu", "device", "scope", "mapped", "access") },
	[IOMMUFD_DIRTY_A_OLD_KIND] = { "old-kind", AS_ENUM,
		NAMES("none", "iommu", "device", "scope", "mapped", "access") },
	[IOMMUFD_DIRTY_A_STATE] = { "state", AS_ENUM, NAMES("off", "on", "failed") },
	[IOMMUFD_DIRTY_A_SOURCE_FLAGS] = { "source-flags", AS_BITS,
		NAMES("gather", "fine") },
	[IOMMUFD_DIRTY_A_GRANULE] = { "granule" },
	[IOMMUFD_DIRTY_A_LARGEST] = { "largest" },
	[IOMMUFD_DIRTY_A_FIRST] = { "first" },
	[IOMMUFD_DIRTY_A_LAST] = { "last" },
	[IOMMUFD_DIRTY_A_DIRTY_BYTES] = { "dirty-bytes" },
	[IOMMUFD_DIRTY_A_HARVESTS] = { "harvests" },
	[IOMMUFD_DIRTY_A_HARVEST_NS] = { "harvest-ns" },
	[IOMMUFD_DIRTY_A_FAILURES] = { "failures" },
	[IOMMUFD_DIRTY_A_EVENT] = { "event", AS_ENUM,
		NAMES("?", "created", "started", "stopped", "destroyed", "plan", "flags",
		      "read", "migration") },
	[IOMMUFD_DIRTY_A_EVENT_SEQ] = { "event-seq" },
	[IOMMUFD_DIRTY_A_TIME_NS] = { "time-ns" },
	[IOMMUFD_DIRTY_A_READS] = { "reads" },
	[IOMMUFD_DIRTY_A_DURATION_NS] = { "duration-ns" },
	[IOMMUFD_DIRTY_A_OLD_MIGRATION] = { "old-migration", AS_ENUM,
		NAMES("ERROR", "STOP", "RUNNING", "STOP_COPY", "RESUMING", "RUNNING_P2P",
		      "PRE_COPY", "PRE_COPY_P2P") },
	[IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS] = { "serve-hwpt-ioctls", AS_BOOL },
	[IOMMUFD_DIRTY_A_TRACKER_HWPT] = { "tracker-hwpt" },
	[IOMMUFD_DIRTY_A_PASID] = { "pasid" },
};

static const char *enum_name(int attr, uint64_t value)
{
	const char * const *names = attrs[attr].names;
	uint64_t i;

	for (i = 0; names[i]; i++)
		if (i == value)
			return names[i];
	return "?";
}

/** kind_name() - A kind of source, as it is written */
const char *kind_name(uint64_t kind)
{
	return enum_name(IOMMUFD_DIRTY_A_KIND, kind);
}

/** policy_name() - A policy, as it is written */
const char *policy_name(uint64_t policy)
{
	return enum_name(IOMMUFD_DIRTY_A_POLICY, policy);
}

static struct json_object *json_bits(int attr, uint64_t value)
{
	const char * const *names = attrs[attr].names;
	struct json_object *bits = json_object_new_array();
	unsigned int i;

	for (i = 0; names[i]; i++)
		if (value >> i & 1)
			json_object_array_add(bits, json_object_new_string(names[i]));
	return bits;
}

/** json_of() - An object or event as a JSON object, which is the caller's */
struct json_object *json_of(const struct object *o)
{
	struct json_object *json = json_object_new_object();
	int attr;

	for (attr = 1; attr <= IOMMUFD_DIRTY_A_MAX; attr++) {
		struct json_object *value = NULL;

		if (!has(o, attr) && attrs[attr].as != AS_FLAG)
			continue;
		switch (attrs[attr].as) {
		case AS_NUMBER:
			value = json_object_new_uint64(o->number[attr]);
			break;
		case AS_FLAG:
			if (has(o, attr))
				value = json_object_new_boolean(true);
			break;
		case AS_BOOL:
			value = json_object_new_boolean(o->number[attr]);
			break;
		case AS_STRING:
			value = json_object_new_string(o->string[attr]);
			break;
		case AS_ENUM:
			value = json_object_new_string(enum_name(attr, o->number[attr]));
			break;
		case AS_BITS:
			value = json_bits(attr, o->number[attr]);
			break;
		}
		if (value)
			json_object_object_add(json, attrs[attr].name, value);
	}
	return json;
}

/** print_json() - Print a JSON object, and free it */
void print_json(struct json_object *json)
{
	json_write(stdout, json, options.pretty);
}

/* A size in words: 4 KiB, 2 MiB, 1.5 GiB. Four may be in one statement. */
static const char *size(uint64_t bytes)
{
	static const char * const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
	static char text[4][32];
	static unsigned int turn;
	char *buf = text[turn++ % 4];
	double value = (double)bytes;
	unsigned int i = 0;

	while (i < 5 && value >= 1024) {
		value /= 1024;
		i++;
	}
	if (value == (double)(uint64_t)value)
		snprintf(buf, sizeof(text[0]), "%" PRIu64 " %s", (uint64_t)value, units[i]);
	else
		snprintf(buf, sizeof(text[0]), "%.1f %s", value, units[i]);
	return buf;
}

static void print_bits(int attr, uint64_t value, const char *before)
{
	const char * const *names = attrs[attr].names;
	unsigned int i;

	for (i = 0; names[i]; i++) {
		if (!(value >> i & 1))
			continue;
		printf("%s%s", before, names[i]);
		before = ", ";
	}
}

static const uint64_t *n(const struct object *o)
{
	return o->number;
}

/**
 * tracker_name() - CONTEXT/ID, or CONTEXT/hwptID of the tracker of an HWPT
 * @o: The tracker, or a source or an event of it
 *
 * Return: Text, until the next call.
 */
const char *tracker_name(const struct object *o)
{
	static char text[64];
	bool hwpt = has(o, IOMMUFD_DIRTY_A_TRACKER_HWPT);

	snprintf(text, sizeof(text), "%" PRIu64 "/%s%" PRIu64, n(o)[IOMMUFD_DIRTY_A_CONTEXT],
		 hwpt ? "hwpt" : "",
		 n(o)[hwpt ? IOMMUFD_DIRTY_A_TRACKER_HWPT : IOMMUFD_DIRTY_A_TRACKER]);
	return text;
}

static void print_hwpt(const struct object *o)
{
	uint64_t sizes = n(o)[IOMMUFD_DIRTY_A_LEAF_SIZES];

	printf(" of ioas %" PRIu64, n(o)[IOMMUFD_DIRTY_A_IOAS]);
	if (has(o, IOMMUFD_DIRTY_A_PARENT)) {
		printf(", nested on hwpt %" PRIu64, n(o)[IOMMUFD_DIRTY_A_PARENT]);
		return;
	}
	if (has(o, IOMMUFD_DIRTY_A_CAN_TRACK))
		printf(", dirty bits (%s)", o->string[IOMMUFD_DIRTY_A_PLATFORM]);
	else
		fputs(", no dirty bits", stdout);
	if (n(o)[IOMMUFD_DIRTY_A_SMALL_LEAVES])
		printf(", small leaves (%s)", size(sizes & -sizes));
	else if (sizes)
		printf(", leaves from %s", size(sizes & -sizes));
	if (n(o)[IOMMUFD_DIRTY_A_LARGEST])
		printf(", %s was the largest dirty one", size(n(o)[IOMMUFD_DIRTY_A_LARGEST]));
	if (has(o, IOMMUFD_DIRTY_A_AUTOMATIC))
		fputs(", automatic", stdout);
}

static void print_device(const struct object *o)
{
	if (has(o, IOMMUFD_DIRTY_A_NAME))
		printf(" %s, group %" PRIu64, o->string[IOMMUFD_DIRTY_A_NAME],
		       n(o)[IOMMUFD_DIRTY_A_GROUP]);
	else
		fputs(" without DMA", stdout);
	if (has(o, IOMMUFD_DIRTY_A_HWPT))
		printf(", on hwpt %" PRIu64, n(o)[IOMMUFD_DIRTY_A_HWPT]);
	if (has(o, IOMMUFD_DIRTY_A_IOAS))
		printf(" of ioas %" PRIu64, n(o)[IOMMUFD_DIRTY_A_IOAS]);
	else if (!has(o, IOMMUFD_DIRTY_A_BUSY))
		fputs(", not attached", stdout);
	if (has(o, IOMMUFD_DIRTY_A_LOG_OWNER))
		printf(", own log (%s)", enum_name(IOMMUFD_DIRTY_A_LOG_OWNER,
						   n(o)[IOMMUFD_DIRTY_A_LOG_OWNER]));
	if (has(o, IOMMUFD_DIRTY_A_MIGRATION))
		printf(", %s", enum_name(IOMMUFD_DIRTY_A_MIGRATION,
					 n(o)[IOMMUFD_DIRTY_A_MIGRATION]));
}

static void print_tracker(const struct object *o)
{
	uint64_t flags = n(o)[IOMMUFD_DIRTY_A_OUT_FLAGS];

	if (has(o, IOMMUFD_DIRTY_A_TRACKER_HWPT))
		printf(" of hwpt %" PRIu64, n(o)[IOMMUFD_DIRTY_A_TRACKER_HWPT]);
	printf(" of ioas %" PRIu64, n(o)[IOMMUFD_DIRTY_A_IOAS]);
	if (!has(o, IOMMUFD_DIRTY_A_OUT_FLAGS))
		return;
	fputs(flags & IOMMU_DIRTY_TRACKER_RUNNING ? ", running" : ", not started", stdout);
	print_bits(IOMMUFD_DIRTY_A_OUT_FLAGS,
		   flags & ~(uint64_t)IOMMU_DIRTY_TRACKER_RUNNING, ", ");
	printf(", policy %s", policy_name(n(o)[IOMMUFD_DIRTY_A_POLICY]));
	print_bits(IOMMUFD_DIRTY_A_FLAGS, n(o)[IOMMUFD_DIRTY_A_FLAGS], ", ");
	printf(", unit %s, %s pending in %s", size(n(o)[IOMMUFD_DIRTY_A_PAGE_SIZE]),
	       size(n(o)[IOMMUFD_DIRTY_A_PENDING]), size(n(o)[IOMMUFD_DIRTY_A_MEMORY]));
}

/** print_object() - An object in a line of words */
void print_object(const struct object *o)
{
	uint64_t context = n(o)[IOMMUFD_DIRTY_A_CONTEXT];

	switch (o->cmd) {
	case IOMMUFD_DIRTY_CMD_CONTEXT_GET:
		printf("context %" PRIu64 ": %s (pid %" PRIu64 "), %s pinned", context,
		       o->string[IOMMUFD_DIRTY_A_COMM], n(o)[IOMMUFD_DIRTY_A_PID],
		       size(n(o)[IOMMUFD_DIRTY_A_PINNED]));
		break;
	case IOMMUFD_DIRTY_CMD_IOAS_GET:
		printf("ioas %" PRIu64 "/%" PRIu64 ":", context, n(o)[IOMMUFD_DIRTY_A_IOAS]);
		if (has(o, IOMMUFD_DIRTY_A_MAPPED))
			printf(" %s in %" PRIu64 " mappings, %s pinned",
			       size(n(o)[IOMMUFD_DIRTY_A_MAPPED]),
			       n(o)[IOMMUFD_DIRTY_A_AREAS], size(n(o)[IOMMUFD_DIRTY_A_PINNED]));
		if (n(o)[IOMMUFD_DIRTY_A_SMALL_LEAVES])
			fputs(", small leaves", stdout);
		break;
	case IOMMUFD_DIRTY_CMD_HWPT_GET:
		printf("hwpt %" PRIu64 "/%" PRIu64 ":", context, n(o)[IOMMUFD_DIRTY_A_HWPT]);
		print_hwpt(o);
		break;
	case IOMMUFD_DIRTY_CMD_DEVICE_GET:
		printf("device %" PRIu64 "/%" PRIu64 ":", context,
		       n(o)[IOMMUFD_DIRTY_A_DEVICE]);
		print_device(o);
		break;
	case IOMMUFD_DIRTY_CMD_TRACKER_GET:
		printf("tracker %s:", tracker_name(o));
		print_tracker(o);
		break;
	}
	puts(has(o, IOMMUFD_DIRTY_A_BUSY) ? ", busy" : "");
}

/* ---- Plans ---- */

static void print_source(const struct object *o)
{
	uint64_t kind = n(o)[IOMMUFD_DIRTY_A_KIND];
	uint64_t last = n(o)[IOMMUFD_DIRTY_A_LAST];

	if (has(o, IOMMUFD_DIRTY_A_BUSY)) {
		puts("  busy: the plan is being changed, or the kernel waits for a device");
		return;
	}
	if (has(o, IOMMUFD_DIRTY_A_DEVICE))
		printf("  device %" PRIu64, n(o)[IOMMUFD_DIRTY_A_DEVICE]);
	if (has(o, IOMMUFD_DIRTY_A_PASID))
		printf(" PASID %" PRIu64, n(o)[IOMMUFD_DIRTY_A_PASID]);
	if (has(o, IOMMUFD_DIRTY_A_HWPT))
		printf("%s %" PRIu64 "%s", has(o, IOMMUFD_DIRTY_A_DEVICE) ? " on HWPT" : "  HWPT",
		       n(o)[IOMMUFD_DIRTY_A_HWPT],
		       has(o, IOMMUFD_DIRTY_A_DEVICE) ? "" : " without a device");
	printf(": %s", iommufd_source_words(kind) ?:
	       "a source that this iommufdctl does not know");
	if (kind == IOMMU_DIRTY_SOURCE_IOMMU)
		printf(" (%s)", o->string[IOMMUFD_DIRTY_A_PLATFORM]);
	if (n(o)[IOMMUFD_DIRTY_A_GRANULE] && kind != IOMMU_DIRTY_SOURCE_MAPPED &&
	    kind != IOMMU_DIRTY_SOURCE_NONE)
		printf(", %s granule", size(n(o)[IOMMUFD_DIRTY_A_GRANULE]));
	if (kind == IOMMU_DIRTY_SOURCE_DEVICE && last != UINT64_MAX)
		printf(", IOVA %#" PRIx64 " to %#" PRIx64, n(o)[IOMMUFD_DIRTY_A_FIRST], last);
	if (n(o)[IOMMUFD_DIRTY_A_STATE] == IOMMU_DIRTY_SOURCE_FAILED)
		fputs("; it failed, so everything mapped writable is reported dirty", stdout);
	if (n(o)[IOMMUFD_DIRTY_A_HARVESTS])
		printf("; %s dirty in %" PRIu64 " harvests, %.1f ms each",
		       size(n(o)[IOMMUFD_DIRTY_A_DIRTY_BYTES]),
		       n(o)[IOMMUFD_DIRTY_A_HARVESTS],
		       (double)n(o)[IOMMUFD_DIRTY_A_HARVEST_NS] / 1e6 /
			       (double)n(o)[IOMMUFD_DIRTY_A_HARVESTS]);
	putchar('\n');
}

/** print_plan() - A tracker and what it relies on, in words */
void print_plan(const struct object *tracker, const struct objects *sources)
{
	unsigned int i;

	printf("dirty tracker %s of IOAS %" PRIu64, tracker_name(tracker),
	       n(tracker)[IOMMUFD_DIRTY_A_IOAS]);
	if (has(tracker, IOMMUFD_DIRTY_A_PAGE_SIZE))
		printf(", in units of %s", size(n(tracker)[IOMMUFD_DIRTY_A_PAGE_SIZE]));
	if (!has(tracker, IOMMUFD_DIRTY_A_BUSY) &&
	    !(n(tracker)[IOMMUFD_DIRTY_A_OUT_FLAGS] & IOMMU_DIRTY_TRACKER_RUNNING))
		fputs(", not started; it would take", stdout);
	putchar('\n');
	for (i = 0; i < sources->nr; i++)
		print_source(&sources->object[i]);
}

/* ---- Events ---- */

static void print_time(uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000);
	char text[32];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%F %T", &tm);
	printf("%s.%06u ", text, (unsigned int)(ns % 1000000000 / 1000));
}

/** print_event() - An event in a line of words */
void print_event(const struct object *ev)
{
	uint64_t event = n(ev)[IOMMUFD_DIRTY_A_EVENT];

	print_time(n(ev)[IOMMUFD_DIRTY_A_TIME_NS]);
	if (has(ev, IOMMUFD_DIRTY_A_TRACKER))
		printf("tracker %s ", tracker_name(ev));
	if (has(ev, IOMMUFD_DIRTY_A_DEVICE))
		printf("device %" PRIu64 "/%" PRIu64 " (%s) ", n(ev)[IOMMUFD_DIRTY_A_CONTEXT],
		       n(ev)[IOMMUFD_DIRTY_A_DEVICE], ev->string[IOMMUFD_DIRTY_A_NAME]);
	if (has(ev, IOMMUFD_DIRTY_A_PASID))
		printf("PASID %" PRIu64 " ", n(ev)[IOMMUFD_DIRTY_A_PASID]);
	fputs(enum_name(IOMMUFD_DIRTY_A_EVENT, event), stdout);
	switch (event) {
	case IOMMUFD_DIRTY_EVENT_TYPE_PLAN:
		printf(" %s -> %s", enum_name(IOMMUFD_DIRTY_A_OLD_KIND,
					      n(ev)[IOMMUFD_DIRTY_A_OLD_KIND]),
		       enum_name(IOMMUFD_DIRTY_A_KIND, n(ev)[IOMMUFD_DIRTY_A_KIND]));
		break;
	case IOMMUFD_DIRTY_EVENT_TYPE_FLAGS:
		if (!n(ev)[IOMMUFD_DIRTY_A_OUT_FLAGS])
			fputs(" exact", stdout);
		print_bits(IOMMUFD_DIRTY_A_OUT_FLAGS, n(ev)[IOMMUFD_DIRTY_A_OUT_FLAGS], " ");
		print_bits(IOMMUFD_DIRTY_A_OLD_FLAGS, n(ev)[IOMMUFD_DIRTY_A_OLD_FLAGS],
			   ", before ");
		break;
	case IOMMUFD_DIRTY_EVENT_TYPE_READ:
		printf(" %s in %" PRIu64 " READs, %.3f ms", size(n(ev)[IOMMUFD_DIRTY_A_DIRTY_BYTES]),
		       n(ev)[IOMMUFD_DIRTY_A_READS],
		       (double)n(ev)[IOMMUFD_DIRTY_A_DURATION_NS] / 1e6);
		break;
	case IOMMUFD_DIRTY_EVENT_TYPE_MIGRATION:
		if (has(ev, IOMMUFD_DIRTY_A_OLD_MIGRATION))
			printf(" %s ->", enum_name(IOMMUFD_DIRTY_A_OLD_MIGRATION,
						   n(ev)[IOMMUFD_DIRTY_A_OLD_MIGRATION]));
		printf(" %s", enum_name(IOMMUFD_DIRTY_A_MIGRATION,
					n(ev)[IOMMUFD_DIRTY_A_MIGRATION]));
		break;
	}
	putchar('\n');
}
