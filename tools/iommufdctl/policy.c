// SPDX-License-Identifier: GPL-2.0-only
/*
 * policy: what holds on this host where a user has chosen nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iommufdctl.h"

#define SAVED "/etc/modprobe.d/iommufd-dirty.conf"

/* Those that are yes or no, by the name of the module's parameter */
static const struct {
	const char *name, *param;
	int attr;
} switches[] = {
	{ "small-leaves", "dirty_small_leaves", IOMMUFD_DIRTY_A_SMALL_LEAVES },
	{ "serve-hwpt-ioctls", "serve_hwpt_ioctls", IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS },
};

static int policy_show(void)
{
	struct object o;
	unsigned int i;
	int status = kernel_policy_get(&o);

	if (status)
		return status;
	if (options.json) {
		print_json(json_of(&o));
		return STATUS_OK;
	}
	printf("default %s\n", policy_name(o.number[IOMMUFD_DIRTY_A_POLICY]));
	for (i = 0; i < ARRAY_SIZE(switches); i++)
		if (has(&o, switches[i].attr))
			printf("%s %s\n", switches[i].name,
			       o.number[switches[i].attr] ? "on" : "off");
	return STATUS_OK;
}

static int policy_set(const char *name, const char *value)
{
	unsigned int i;

	if (!strcmp(name, "default")) {
		for (i = IOMMU_DIRTY_POLICY_AUTO; i <= IOMMU_DIRTY_POLICY_DEVICE; i++)
			if (!strcmp(value, policy_name(i)))
				return kernel_policy_set(IOMMUFD_DIRTY_A_POLICY, i);
		return fail("'%s' is none of auto, iommu, device", value);
	}
	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		if (strcmp(name, switches[i].name))
			continue;
		if (strcmp(value, "on") && strcmp(value, "off"))
			return fail("'%s' is neither on nor off", value);
		return kernel_policy_set(switches[i].attr, !strcmp(value, "on"));
	}
	return fail("'%s' is none of default, small-leaves, serve-hwpt-ioctls: \"iommufdctl policy show\" lists them",
		    name);
}

/* As a whole or not at all */
static int policy_save(const char *path)
{
	char new[4096];
	struct object o;
	unsigned int i;
	FILE *f;
	int status = kernel_policy_get(&o);
	bool failed;

	if (status)
		return status;
	if (snprintf(new, sizeof(new), "%s.new", path) >= (int)sizeof(new))
		return fail("%s: the name is too long", path);
	f = fopen(new, "w");
	if (!f)
		return fail("%s: %s", new, strerror(errno));
	fprintf(f, "# Written by \"iommufdctl policy save\"\noptions iommufd dirty_policy=%s",
		policy_name(o.number[IOMMUFD_DIRTY_A_POLICY]));
	for (i = 0; i < ARRAY_SIZE(switches); i++)
		if (has(&o, switches[i].attr))
			fprintf(f, " %s=%d", switches[i].param, !!o.number[switches[i].attr]);
	fputc('\n', f);
	failed = ferror(f) || fflush(f) || fsync(fileno(f));
	if (fclose(f) || failed || rename(new, path)) {
		status = fail("%s: %s", path, strerror(errno));
		unlink(new);
	}
	return status;
}

/** cmd_policy() - Policy [show | set NAME VALUE | save [FILE]] */
int cmd_policy(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "show";

	if (!strcmp(what, "show") && argc <= 2)
		return policy_show();
	if (!strcmp(what, "set") && argc == 4)
		return policy_set(argv[2], argv[3]);
	if (!strcmp(what, "save") && argc <= 3)
		return policy_save(argc == 3 ? argv[2] : SAVED);
	return fail("policy: show, set NAME VALUE, or save [FILE]");
}
