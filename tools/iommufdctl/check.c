// SPDX-License-Identifier: GPL-2.0-only
/*
 * check: how exact a migration with a device is. Sysfs has the IOMMU and the driver.
 * A device that is bound to vfio and not in use is opened, attached to an address space
 * of its own and tracked for a moment: then the kernel itself reports the plan. For one
 * that is in use, check shows the plan of its user's tracker, if there is one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "../../selftests/lib/feature.h"
#include "../../selftests/lib/iommufd.h"
#include "../../selftests/lib/sysfs.h"
#include "iommufdctl.h"

#define DEVICES "/sys/bus/pci/devices"

/* From the IOMMU's registers */
#define AMD_HDSUP	(1ull << 52)	/* EFR: sets dirty bits */
#define INTEL_SMTS	(1ull << 43)	/* ECAP: scalable mode */
#define INTEL_SLADS	(1ull << 45)	/* ECAP: dirty bits in the second stage */

enum answer { UNKNOWN, NO, YES };

/**
 * struct finding - What is known of a device
 * @name: PCI address
 * @driver: Driver, or ""
 * @iommu: Its IOMMU, or ""
 * @group: IOMMU group; -1 if none
 * @group_size: Devices in it
 * @dirty_bits: Has the IOMMU dirty bits? From sysfs
 * @opened: The kernel was asked for the plan
 * @why_not: errno if not
 * @asked: The next two are known
 * @states: VFIO_MIGRATION_*; 0 if it cannot migrate
 * @has_log: Its driver has a page tracker
 * @source: What the kernel answered, if @opened
 * @top: Last IOVA that can be mapped for it, if @opened
 * @in_use: It was the tracker of its user that answered
 * @exact: Of what its user has mapped nothing is reported because it is mapped; if
 *	@in_use
 */
struct finding {
	const char *name;
	char driver[64];
	char iommu[64];
	int group;
	unsigned int group_size;
	enum answer dirty_bits;
	bool opened;
	int why_not;
	bool asked;
	uint64_t states;
	bool has_log;
	struct iommu_dirty_source_info source;
	uint64_t top;
	bool in_use;
	bool exact;
};

/* Highest IOVA that is going to be mapped, as far as the caller of this program knows */
static uint64_t up_to = UINT64_MAX;

/* ---- Sysfs ---- */

/* The last part of where a link of the device points to; "" if there is none. */
static void link_of(const char *name, const char *link, char *to, size_t len)
{
	char path[PATH_MAX], target[PATH_MAX], *last;
	ssize_t n;

	*to = 0;
	snprintf(path, sizeof(path), DEVICES "/%s/%s", name, link);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return;
	target[n] = 0;
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) < len)
		strcpy(to, last);
}

static bool hex_in(const char *iommu, const char *file, uint64_t *value)
{
	char path[PATH_MAX], text[64];
	FILE *f;
	bool ok;

	snprintf(path, sizeof(path), "/sys/class/iommu/%s/%s", iommu, file);
	f = fopen(path, "r");
	if (!f)
		return false;
	ok = fgets(text, sizeof(text), f);
	fclose(f);
	if (ok)
		*value = strtoull(text, NULL, 16);
	return ok;
}

static enum answer iommu_dirty_bits(const char *iommu)
{
	uint64_t value;

	if (!*iommu)
		return NO;
	if (hex_in(iommu, "amd-iommu/features", &value))
		return value & AMD_HDSUP ? YES : NO;
	if (hex_in(iommu, "intel-iommu/ecap", &value))
		return value & INTEL_SMTS && value & INTEL_SLADS ? YES : NO;
	/* The SMMU's driver shows no registers */
	return UNKNOWN;
}

static unsigned int group_size(const char *name)
{
	char path[PATH_MAX];
	unsigned int n = 0;
	struct dirent *de;
	DIR *dir;

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group/devices", name);
	dir = opendir(path);
	while (dir && (de = readdir(dir)))
		n += de->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static int look_at_sysfs(struct finding *f)
{
	char path[PATH_MAX], group[16];

	snprintf(path, sizeof(path), DEVICES "/%s", f->name);
	if (strchr(f->name, '/') || access(path, F_OK))
		return fail("%s: there is no such PCI device; addresses are written as in lspci -D, like 0000:01:00.2",
			    f->name);
	link_of(f->name, "driver", f->driver, sizeof(f->driver));
	link_of(f->name, "iommu", f->iommu, sizeof(f->iommu));
	link_of(f->name, "iommu_group", group, sizeof(group));
	f->group = *group ? atoi(group) : -1;
	f->group_size = group_size(f->name);
	f->dirty_bits = iommu_dirty_bits(f->iommu);
	return STATUS_OK;
}

/* ---- The kernel's own answer ---- */

static void ask_features(struct finding *f, int fd)
{
	struct vfio_device_feature_migration mig = {};

	f->asked = true;
	if (!vfio_feature(fd, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION, &mig,
			  sizeof(mig)))
		f->states = mig.flags;
	f->has_log = !vfio_feature(fd, VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
				       VFIO_DEVICE_FEATURE_DMA_LOGGING_START, NULL, 0);
}

/* What its IOMMU lets a VMM map ends here. */
static uint64_t ask_top(int iommufd, __u32 ioas)
{
	struct iommu_iova_range ranges[64];
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = ARRAY_SIZE(ranges),
		.allowed_iovas = (uintptr_t)ranges,
	};

	if (ioctl(iommufd, IOMMU_IOAS_IOVA_RANGES, &cmd) || !cmd.num_iovas)
		return UINT64_MAX;
	return ranges[cmd.num_iovas - 1].last;
}

/* Track it, with nothing mapped. */
static int ask_plan(struct finding *f, int iommufd, int fd)
{
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	struct iommu_dirty_tracker_info info;
	__u32 ioas, tracker;
	int rc;

	rc = iommufd_ioas_alloc(iommufd, &ioas);
	if (rc)
		return rc;
	attach.pt_id = ioas;
	if (ioctl(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		return -errno;
	f->top = ask_top(iommufd, ioas);
	rc = tracker_alloc(iommufd, ioas, IOMMU_DIRTY_POLICY_AUTO, 0, 0, &tracker);
	if (!rc)
		rc = tracker_set(iommufd, tracker, IOMMU_DIRTY_TRACKER_ENABLE, NULL, NULL);
	if (!rc)
		rc = tracker_info(iommufd, tracker, &info, &f->source, 1);
	if (!rc && !info.nr_sources)
		rc = -ENODATA;
	return rc;
}

static int ask_kernel(struct finding *f)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	int iommufd, fd = -1, rc;
	char path[64];

	rc = sysfs_vfio_cdev(f->name, path, sizeof(path));
	if (rc)
		return rc;
	iommufd = iommufd_open();
	if (iommufd < 0)
		return iommufd;
	fd = open(path, O_RDWR | O_CLOEXEC);
	bind.iommufd = iommufd;
	if (fd < 0) {
		rc = -errno;
	} else if (ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind)) {
		/* What a device answers that is in use */
		rc = errno == EINVAL ? -EBUSY : -errno;
	} else {
		ask_features(f, fd);
		rc = ask_plan(f, iommufd, fd);
	}
	if (fd >= 0)
		close(fd);
	close(iommufd);
	return rc;
}

/* Does the tracker of a source report anything because it is mapped? */
static bool tracker_is_exact(const struct object *source)
{
	bool hwpt = has(source, IOMMUFD_DIRTY_A_TRACKER_HWPT);
	int attr = hwpt ? IOMMUFD_DIRTY_A_TRACKER_HWPT : IOMMUFD_DIRTY_A_TRACKER;
	struct objects trackers;
	uint64_t flags = ~0ull;

	if (kernel_dump(IOMMUFD_DIRTY_CMD_TRACKER_GET, source->number[IOMMUFD_DIRTY_A_CONTEXT],
			attr, (uint32_t)source->number[attr], &trackers))
		return false;
	if (trackers.nr == 1 && has(trackers.object, IOMMUFD_DIRTY_A_OUT_FLAGS))
		flags = trackers.object->number[IOMMUFD_DIRTY_A_OUT_FLAGS];
	objects_free(&trackers);
	return !(flags & (IOMMU_DIRTY_TRACKER_CONSERVATIVE | IOMMU_DIRTY_TRACKER_DEGRADED));
}

/* What the tracker of its user says; -ENODATA if there is none that runs. */
static int ask_family(struct finding *f)
{
	struct objects devices, sources;
	unsigned int i, j;
	int rc = -ENODATA;

	if (kernel_open() ||
	    kernel_dump(IOMMUFD_DIRTY_CMD_DEVICE_GET, 0, 0, 0, &devices))
		return rc;
	if (kernel_dump(IOMMUFD_DIRTY_CMD_SOURCE_GET, 0, 0, 0, &sources)) {
		objects_free(&devices);
		return rc;
	}
	for (i = 0; i < devices.nr; i++) {
		const struct object *d = &devices.object[i];

		if (strcmp(d->string[IOMMUFD_DIRTY_A_NAME], f->name))
			continue;
		for (j = 0; j < sources.nr; j++) {
			const uint64_t *n = sources.object[j].number;

			if (n[IOMMUFD_DIRTY_A_CONTEXT] != d->number[IOMMUFD_DIRTY_A_CONTEXT] ||
			    n[IOMMUFD_DIRTY_A_DEVICE] != d->number[IOMMUFD_DIRTY_A_DEVICE] ||
			    has(&sources.object[j], IOMMUFD_DIRTY_A_BUSY) ||
			    has(&sources.object[j], IOMMUFD_DIRTY_A_PASID) ||
			    n[IOMMUFD_DIRTY_A_STATE] == IOMMU_DIRTY_SOURCE_OFF)
				continue;
			f->source.kind = (__u32)n[IOMMUFD_DIRTY_A_KIND];
			f->source.flags = (__u32)n[IOMMUFD_DIRTY_A_SOURCE_FLAGS];
			f->source.granule = n[IOMMUFD_DIRTY_A_GRANULE];
			f->source.first = n[IOMMUFD_DIRTY_A_FIRST];
			f->source.last = n[IOMMUFD_DIRTY_A_LAST];
			f->top = UINT64_MAX;
			f->in_use = true;
			f->exact = tracker_is_exact(&sources.object[j]);
			rc = 0;
		}
	}
	objects_free(&devices);
	objects_free(&sources);
	return rc;
}

static void look_at_kernel(struct finding *f)
{
	int rc = ask_kernel(f);

	if (rc == -EBUSY)
		rc = ask_family(f) ? -EBUSY : 0;
	f->opened = !rc;
	f->why_not = -rc;
}

/* ---- In words ---- */

static const char *answer_words(enum answer answer)
{
	return answer == YES ? "has dirty bits" :
	       answer == NO ? "has no dirty bits" : "does not show whether it has dirty bits";
}

/* Does its log leave out addresses that may be mapped? */
static bool is_limited(const struct finding *f)
{
	if (f->source.kind != IOMMU_DIRTY_SOURCE_DEVICE)
		return false;
	if (f->in_use)
		return !f->exact;
	return f->source.first || f->source.last < (up_to < f->top ? up_to : f->top);
}

/* Is nothing reported only because it is mapped? Not if that is not known. */
static bool is_tracked(const struct finding *f)
{
	return f->opened && f->source.kind != IOMMU_DIRTY_SOURCE_MAPPED &&
	       f->source.kind != IOMMU_DIRTY_SOURCE_NONE && !is_limited(f);
}

static const char *outcome(const struct finding *f)
{
	if (f->group < 0)
		return "nothing: without an IOMMU it cannot be given to a VM";
	if (!f->opened)
		return f->dirty_bits == YES && f->why_not == ENXIO ?
			       "not known; sysfs says that the IOMMU has dirty bits" :
			       "not known";
	switch (f->source.kind) {
	case IOMMU_DIRTY_SOURCE_IOMMU:
		return f->source.flags & IOMMU_DIRTY_SOURCE_FINE ?
			       "exact at pages, by the IOMMU" :
			       "exact at leaves of the IOMMU: pages, or 2 MiB and more where memory is in huge pages";
	case IOMMU_DIRTY_SOURCE_DEVICE:
		return is_limited(f) ?
			       "exact at units of the device's own log, where that covers what is mapped" :
			       "exact at units of the device's own log";
	case IOMMU_DIRTY_SOURCE_SCOPE:
		return "the pages that it has declared";
	}
	return "everything mapped for it is reported dirty, at every READ";
}

/* Why the kernel could not be asked, and what to do. */
static const char *advice_not_opened(const struct finding *f)
{
	switch (f->why_not) {
	case ENXIO:
		return f->group < 0 ? "switch the IOMMU on, in the firmware's setup and on the kernel's command line" :
			"bind it to vfio-pci or to a vfio driver of its own, and check again";
	case EACCES:
	case EPERM:
		return "this needs access to /dev/iommu and /dev/vfio: use sudo";
	case EBUSY:
		return "it is in use and not tracked: check again when it is free, or while it migrates";
	case ENOENT:
		return "there is no /dev/iommu: modprobe iommufd";
	case ENOTTY:
		return "the iommufd that is loaded has no dirty tracker: see modinfo -n iommufd";
	}
	return strerror(f->why_not);
}

/* What to do for a better outcome; NULL if there is nothing. */
static const char *advice(const struct finding *f)
{
	if (!f->opened)
		return advice_not_opened(f);
	if (f->source.kind == IOMMU_DIRTY_SOURCE_IOMMU &&
	    !(f->source.flags & IOMMU_DIRTY_SOURCE_FINE))
		return "for pages: IOMMU_OPTION_DIRTY_SMALL_LEAVES, or \"iommufdctl policy set small-leaves on\" before its user starts";
	if (is_tracked(f))
		return NULL;
	if (is_limited(f))
		return f->in_use ? "its user has mapped more than the log covers; that is reported because it is mapped" :
			"if a VMM maps nothing above an address: iommufdctl check --up-to ADDRESS";
	if (f->has_log && f->group_size > 1)
		return "its driver has a page tracker, which is not used because other devices share its IOMMU group";
	return "use an IOMMU with dirty bits, or a vfio driver that has a page tracker";
}

static void print_finding(const struct finding *f)
{
	const char *what = advice(f);

	printf("%s:\n", f->name);
	if (*f->iommu)
		printf("  IOMMU       %s, which %s\n", f->iommu, answer_words(f->dirty_bits));
	else
		puts("  IOMMU       none");
	if (f->group >= 0)
		printf("  group       %d, with %u device%s\n", f->group, f->group_size,
		       f->group_size == 1 ? "" : "s");
	printf("  driver      %s\n", *f->driver ? f->driver : "none");
	if (f->asked) {
		printf("  migration   %s%s%s\n",
		       f->states ? "STOP_COPY" : "not by this driver",
		       f->states & VFIO_MIGRATION_P2P ? ", P2P" : "",
		       f->states & VFIO_MIGRATION_PRE_COPY ? ", PRE_COPY" : "");
		printf("  page log    %s\n", f->has_log ? "yes" : "no");
	}
	if (f->opened && f->source.granule)
		printf("  granule     %llu bytes\n", f->source.granule);
	if (f->opened && f->source.kind == IOMMU_DIRTY_SOURCE_DEVICE &&
	    (f->source.first || f->source.last < f->top))
		printf("  log covers  IOVA %#llx to %#llx; what is mapped elsewhere is reported because it is mapped\n",
		       f->source.first, f->source.last);
	printf("  a VMM gets  %s\n", outcome(f));
	if (what)
		printf("  advice      %s\n", what);
}

static struct json_object *json_finding(const struct finding *f)
{
	static const char * const answers[] = { "unknown", "no", "yes" };
	static const char * const names[] = {
		"none", "iommu", "device", "scope", "mapped", "access",
	};
	struct json_object *json = json_object_new_object();
	const char *what = advice(f);

	json_object_object_add(json, "name", json_object_new_string(f->name));
	json_object_object_add(json, "driver", json_object_new_string(f->driver));
	json_object_object_add(json, "iommu", json_object_new_string(f->iommu));
	json_object_object_add(json, "dirty-bits",
			       json_object_new_string(answers[f->dirty_bits]));
	json_object_object_add(json, "group", json_object_new_int(f->group));
	json_object_object_add(json, "group-size", json_object_new_int((int)f->group_size));
	if (f->asked) {
		json_object_object_add(json, "migration", json_object_new_boolean(f->states));
		json_object_object_add(json, "p2p", json_object_new_boolean(
					f->states & VFIO_MIGRATION_P2P));
		json_object_object_add(json, "pre-copy", json_object_new_boolean(
					f->states & VFIO_MIGRATION_PRE_COPY));
		json_object_object_add(json, "page-log", json_object_new_boolean(f->has_log));
	}
	if (f->opened) {
		json_object_object_add(json, "kind", json_object_new_string(
					names[f->source.kind < 6 ? f->source.kind : 0]));
		json_object_object_add(json, "granule",
				       json_object_new_uint64(f->source.granule));
		json_object_object_add(json, "fine", json_object_new_boolean(
					f->source.flags & IOMMU_DIRTY_SOURCE_FINE));
		json_object_object_add(json, "first",
				       json_object_new_uint64(f->source.first));
		json_object_object_add(json, "last", json_object_new_uint64(f->source.last));
	}
	json_object_object_add(json, "tracked", json_object_new_boolean(is_tracked(f)));
	json_object_object_add(json, "outcome", json_object_new_string(outcome(f)));
	if (what)
		json_object_object_add(json, "advice", json_object_new_string(what));
	return json;
}

static int check_one(const char *name, struct json_object *list)
{
	struct finding f = { .name = name };
	int status = look_at_sysfs(&f);

	if (status)
		return status;
	look_at_kernel(&f);
	if (list)
		json_object_array_add(list, json_finding(&f));
	else
		print_finding(&f);
	return is_tracked(&f) ? STATUS_OK : STATUS_NO;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int check_all(struct json_object *list)
{
	int status = STATUS_OK, n, i, one;
	bool any = false;
	struct dirent **all;
	char path[64];

	n = scandir(DEVICES, &all, NULL, by_name);
	if (n < 0)
		return fail(DEVICES ": %s", strerror(errno));
	for (i = 0; i < n; i++) {
		if (all[i]->d_name[0] != '.' &&
		    !sysfs_vfio_cdev(all[i]->d_name, path, sizeof(path))) {
			any = true;
			one = check_one(all[i]->d_name, list);
			status = one > status ? one : status;
		}
		free(all[i]);
	}
	free(all);
	return any ? status :
		fail("no device is bound to vfio: give the addresses of those to be checked");
}

/* An address, or a size with K, M, G or T: what is mapped is below it. */
static int parse_up_to(const char *text)
{
	static const char units[] = "KMGT";
	const char *unit;
	uint64_t value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (unit && end != text && !end[1] && !errno) {
		int shift = 10 * (int)(unit - units + 1);

		if (value << shift >> shift != value)
			errno = ERANGE;
		value <<= shift;
		end++;
	}
	if (errno || end == text || *end || !value || strchr(text, '-'))
		return fail("check: --up-to: '%s' is no address, nor a size with K, M, G or T",
			    text);
	up_to = value - 1;
	return STATUS_OK;
}

/** cmd_check() - Check [--up-to ADDRESS] [PCI-ADDRESS ...] */
int cmd_check(int argc, char **argv)
{
	struct json_object *list = options.json ? json_object_new_array() : NULL;
	int status = STATUS_OK, one, i = 1;

	if (argc > 1 && !strcmp(argv[1], "--up-to")) {
		if (argc == 2)
			return fail("check: --up-to: an address is missing");
		status = parse_up_to(argv[2]);
		if (status)
			return status;
		i = 3;
	}
	if (argc == i)
		status = check_all(list);
	for (; i < argc; i++) {
		one = check_one(argv[i], list);
		status = one > status ? one : status;
	}
	if (list)
		print_json(list);
	return status;
}
