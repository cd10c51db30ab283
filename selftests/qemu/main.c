// SPDX-License-Identifier: GPL-2.0-only
/*
 * qemu_migrate: in the VM, try those cases of cases.txt that are for its IOMMU
 * ($WHERE, and of them $CASES if that is not empty). Prints TAP, and writes a
 * line of JSON for each case to /out/results.
 *
 * A case whose outcome is that of today and not the right one is skipped in TAP,
 * with both named: it neither passes nor fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"
#include "host.h"
#include "migrate.h"
#include "qmp.h"
#include "vmm.h"

#define MAX_CASES	64
#define KSFT_SKIP	4

static struct qcase cases[MAX_CASES];

/* Whether @name is one of the words of @list; every name is of an empty one. */
static bool listed(const char *list, const char *name)
{
	size_t length = strlen(name);
	const char *at;

	if (!list || !*list)
		return true;
	for (at = list; (at = strstr(at, name)); at += length) {
		if ((at == list || at[-1] == ' ') &&
		    (!at[length] || at[length] == ' '))
			return true;
	}
	return false;
}

/* How many cases there are for this VM and QEMU, -1 if it is not understood. */
static int read_cases(const char *path, bool tracker)
{
	const char *where = getenv("WHERE"), *names = getenv("CASES");
	FILE *file = fopen(path, "r");
	char line[512], copy[512];
	int n = 0;

	if (!file)
		return -1;
	while (n < MAX_CASES && fgets(line, sizeof(line), file)) {
		if (*line == '#' || !*(line + strspn(line, " \t\n")))
			continue;
		strcpy(copy, line);
		if (!case_parse(&cases[n], copy)) {
			printf("# not understood: %s", line);
			fclose(file);
			return -1;
		}
		if (tracker) {
			cases[n].right = cases[n].tracker;
			cases[n].today = OUTCOME_NONE;
			cases[n].tracker_used = !cases[n].legacy && !cases[n].type1;
		}
		if (cases[n].right && (!where || !strcmp(where, cases[n].where)) &&
		    listed(names, cases[n].name))
			n++;
	}
	fclose(file);
	return n;
}

static bool good(const struct qcase *c, const struct result *r)
{
	return r->outcome == c->right;
}

static void print_tap(int n, const struct qcase *c, const struct result *r)
{
	bool known = r->outcome == OUTCOME_SKIP ||
		     (c->today && r->outcome == c->today);

	printf("%s %d - %s: %s", good(c, r) || known ? "ok" : "not ok", n, c->name,
	       outcome_name(r->outcome));
	if (!good(c, r))
		printf("%s, right is %s", known ? " # SKIP today" : "",
		       outcome_name(c->right));
	else if (c->today)
		printf(", no longer %s: take that out of cases.txt",
		       outcome_name(c->today));
	printf("\n#   %lu of %lu words wrong, %lld passes, %lld bytes, down %lld of %lld ms%s%s\n",
	       r->wrong, r->words, r->passes, r->bytes, r->downtime, r->total,
	       *r->text ? "; " : "", r->text);
	fflush(stdout);
}

static void write_json(FILE *out, const struct qcase *c, const struct result *r)
{
	char text[512];

	json_escape(r->text, text, sizeof(text));
	fprintf(out,
		"{\"case\": \"%s\", \"iommu\": \"%s\", \"outcome\": \"%s\", \"right\": \"%s\", \"today\": \"%s\", \"passes\": %lld, \"bytes\": %lld, \"downtime_ms\": %lld, \"total_ms\": %lld, \"words\": %lu, \"wrong\": %lu, \"text\": \"%s\"}\n",
		c->name, c->where, outcome_name(r->outcome), outcome_name(c->right),
		outcome_name(c->today), r->passes, r->bytes, r->downtime, r->total,
		r->words, r->wrong, text);
	fflush(out);
}

int main(void)
{
	bool tracker = vmm_has_tracker();
	int count = read_cases(VMM_FOLDER "/cases.txt", tracker);
	int n, rc, bad = 0;
	FILE *out = fopen("/out/results", "w");

	if (count < 0 || !out)
		return 1;
	if (!count) {
		printf("1..0 # SKIP none of the cases is for this QEMU\n");
		return KSFT_SKIP;
	}
	printf("TAP version 13\n# a QEMU %s the tracker\n1..%d\n",
	       tracker ? "with" : "without", count);
	rc = host_init();
	if (rc) {
		printf("# the VFs: %s\n", strerror(-rc));
		return 1;
	}
	for (n = 0; n < count; n++) {
		struct result result;

		migrate_case(&cases[n], &result);
		print_tap(n + 1, &cases[n], &result);
		write_json(out, &cases[n], &result);
		bad |= !good(&cases[n], &result) && result.outcome != OUTCOME_SKIP &&
		       result.outcome != cases[n].today;
	}
	fclose(out);
	return bad;
}
