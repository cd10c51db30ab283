// SPDX-License-Identifier: GPL-2.0-only
/* Documentation/fault-injection/fault-injection.rst of the kernel */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/sysfs.h"
#include "inject.h"

static int set(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", name);
	return sysfs_write(path, value);
}

/**
 * inject_open() - Get ready for the thread that calls
 * @in: To be closed by inject_close() also when this fails
 *
 * Return: 0, or -errno on a kernel that cannot.
 */
int inject_open(struct injector *in)
{
	static const struct {
		const char *name;
		const char *value;
	} settings[] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "failslab/task-filter", "Y" },
		{ "failslab/times", "-1" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
		{}
	};
	unsigned int i;
	int rc = 0;

	in->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	in->starve = open("/proc/thread-self/make-it-fail",
			  O_WRONLY | O_CLOEXEC);
	if (in->nth < 0 || in->starve < 0)
		return -errno;
	for (i = 0; !rc && settings[i].name; i++)
		rc = set(settings[i].name, settings[i].value);
	return rc;
}

/** inject_close() - Close what inject_open() opened */
void inject_close(struct injector *in)
{
	if (in->nth >= 0)
		close(in->nth);
	if (in->starve >= 0)
		close(in->starve);
}

/** inject_nth() - The n-th place of what this thread asks of the kernel fails */
void inject_nth(const struct injector *in, unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(in->nth, text, len, 0) != len)
		perror("fail-nth");
}

/** inject_done() - Nothing fails any more; did it come to the n-th place? */
bool inject_done(const struct injector *in)
{
	char text[16] = "";
	int rc = pread(in->nth, text, sizeof(text) - 1, 0);
	/* Taking it back may be what fails, when nothing before did */
	bool hit = rc > 0 && atoi(text) == 0;

	while (pwrite(in->nth, "0", 1, 0) != 1)
		;
	return hit;
}

/** inject_all() - Is every place to be tried (FAIL_NTH=all)? */
bool inject_all(void)
{
	const char *all = getenv("FAIL_NTH");

	return all && !strcmp(all, "all");
}

/**
 * inject_next() - The place to be tried after @n
 * @n: The last
 * @each: So many at the beginning are all tried, since they differ; of the many
 *	later ones some
 *
 * Return: Its number, from 1.
 */
unsigned int inject_next(unsigned int n, unsigned int each)
{
	return inject_all() || n < each ? n + 1 : n + n / 8;
}

/**
 * inject_starve() - Let this thread have @bytes of slab's memory, and no more until
 *	inject_feed(): what does not fit into the rest of it fails
 *
 * Return: 0, or -errno, and then nothing fails.
 */
int inject_starve(const struct injector *in, unsigned int bytes)
{
	char space[16];
	int rc;

	snprintf(space, sizeof(space), "%u", bytes);
	rc = set("failslab/space", space);
	if (!rc)
		rc = set("failslab/probability", "100");
	if (!rc && pwrite(in->starve, "1", 1, 0) != 1)
		rc = -errno;
	return rc;
}

/** inject_feed() - There is memory again */
void inject_feed(const struct injector *in)
{
	while (pwrite(in->starve, "0", 1, 0) != 1)
		;
	set("failslab/probability", "0");
}
