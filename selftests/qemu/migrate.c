// SPDX-License-Identifier: GPL-2.0-only
/*
 * A case from nothing to a verdict: a QEMU with the guest, another that waits, the
 * migration, and what the guest finds after it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "migrate.h"
#include "qmp.h"
#include "vmm.h"

#define MIGRATE_MS	240000
#define ANSWER_MS	120000
#define POLL_MS		50
#define WARNING		"tracking of dirty pages failed"	/* contrib/qemu, 0003 */
#define WARM_WRITES	1500	/* of the first VF: more than a sweep */
#define SOCKET		"/tmp/migration"

/* Too little for the VFs, so that the migration does not end by itself. */
#define SLOW_BANDWIDTH	(2 << 20)
#define FULL_BANDWIDTH	(1 << 30)

static bool broken(struct result *r, const char *what, int rc)
{
	r->outcome = OUTCOME_BROKEN;
	snprintf(r->text, sizeof(r->text), "%s%s%s", what, rc ? ": " : "",
		 rc ? strerror(-rc) : "");
	return false;
}

/* Position of the first VF, or -1. */
static long position(struct vmm *vmm)
{
	const char *text = vmm_ask(vmm, "p", "position ", deadline_in(ANSWER_MS));

	return text ? atol(text) : -1;
}

/* Wait until the first VF has gone beyond @from; its position, -1 if it does not. */
static long wait_position(struct vmm *vmm, long from)
{
	long long deadline = deadline_in(ANSWER_MS);
	long now;

	do {
		now = position(vmm);
		if (now < 0 || now > from)
			return now;
		sleep_ms(POLL_MS);
	} while (now_ms() < deadline);
	return -1;
}

/* ---- The migration -------------------------------------------------------- */

#define CAPABILITY(name) "{\"capability\": \"" name "\", \"state\": %s}"

static int set_up(struct vmm *vmm, const struct qcase *c)
{
	const char *state = c->multifd ? "true" : "false";
	const char *ack = c->ack ? "true" : "false";
	int rc;

	rc = qmp_call(&vmm->qmp, NULL, "migrate-set-capabilities",
		      "\"capabilities\": [" CAPABILITY("multifd") ", "
		      CAPABILITY("return-path") ", " CAPABILITY("switchover-ack") "]",
		      state, ack, ack);
	return rc ? rc : qmp_call(&vmm->qmp, NULL, "migrate-set-parameters",
				  "\"max-bandwidth\": %d",
				  c->map ? SLOW_BANDWIDTH : FULL_BANDWIDTH);
}

/* Have the guest change its memory map when its memory was sent once. */
static bool change_map(struct vmm *src, struct result *r)
{
	long long deadline = deadline_in(MIGRATE_MS);
	const char *json;
	int rc;

	do {
		rc = qmp_call(&src->qmp, &json, "query-migrate", NULL);
		if (rc)
			return broken(r, "query-migrate", rc);
		if (now_ms() > deadline)
			return broken(r, "the first pass does not end", 0);
		sleep_ms(POLL_MS);
	} while (json_number(json, "ram", "dirty-sync-count") < 2);
	if (!vmm_ask(src, "m", "map ", deadline_in(ANSWER_MS)))
		return broken(r, "the guest does not change its memory map", 0);
	rc = qmp_call(&src->qmp, NULL, "migrate-set-parameters",
		      "\"max-bandwidth\": %d", FULL_BANDWIDTH);
	return rc ? broken(r, "migrate-set-parameters", rc) : true;
}

static void read_figures(struct result *r, const char *json)
{
	long long ms;

	r->passes = json_number(json, "ram", "dirty-sync-count");
	r->bytes = json_number(json, "ram", "transferred") +
		   json_number(json, "vfio", "transferred");
	ms = json_number(json, NULL, "downtime");
	if (ms > r->downtime)
		r->downtime = ms;
	ms = json_number(json, NULL, "total-time");
	if (ms > r->total)
		r->total = ms;
}

/* Wait until it has ended; false if it does not. Sets @outcome to OK or FAILS. */
static bool wait_end(struct vmm *src, struct result *r)
{
	long long deadline = deadline_in(MIGRATE_MS);
	char status[32];
	const char *json;
	int rc;

	for (;;) {
		rc = qmp_call(&src->qmp, &json, "query-migrate", NULL);
		if (rc)
			return broken(r, "query-migrate", rc);
		json_string(json, "status", status, sizeof(status));
		if (!strcmp(status, "completed")) {
			read_figures(r, json);
			r->outcome = OUTCOME_OK;
			return true;
		}
		if (!strcmp(status, "failed")) {
			json_string(json, "error-desc", r->text, sizeof(r->text));
			r->outcome = OUTCOME_FAILS;
			return true;
		}
		if (now_ms() > deadline)
			return broken(r, "the migration does not end", 0);
		sleep_ms(POLL_MS);
	}
}

/* Sets @outcome; false if it has broken. */
static bool migrate(struct vmm *src, struct vmm *dst, const struct qcase *c,
		    struct result *r)
{
	const char *json;
	int rc;

	rc = set_up(src, c);
	if (!rc)
		rc = set_up(dst, c);
	if (!rc)
		rc = qmp_call(&dst->qmp, NULL, "migrate-incoming",
			      "\"uri\": \"unix:" SOCKET "\"");
	if (rc)
		return broken(r, "preparing the migration", rc);
	rc = host_faults(c);
	if (rc)
		return broken(r, "connectx_faults", rc);
	rc = qmp_call(&src->qmp, &json, "migrate", "\"uri\": \"unix:" SOCKET "\"");
	if (rc == -EREMOTEIO) {
		json_string(json, "desc", r->text, sizeof(r->text));
		r->outcome = OUTCOME_BLOCKED;
		return true;
	}
	if (rc)
		return broken(r, "migrate", rc);
	if (c->map && !change_map(src, r))
		return false;
	return wait_end(src, r);
}

/* ---- The verdict ---------------------------------------------------------- */

/* The guest and its first VF continue here, and the guest compares. */
static void judge(struct vmm *vmm, struct result *r)
{
	long from = position(vmm);
	const char *text;

	if (from < 0 || wait_position(vmm, from) < 0) {
		broken(r, "the guest or its VF does not continue", 0);
		return;
	}
	text = vmm_ask(vmm, "v", "verdict ", deadline_in(ANSWER_MS));
	if (!text || sscanf(text, "%lu %lu", &r->words, &r->wrong) != 2)
		broken(r, "the guest does not compare", 0);
	else if (r->words < WARM_WRITES)
		broken(r, "nothing was written", 0);
	else if (r->wrong && r->outcome == OUTCOME_OK)
		r->outcome = OUTCOME_LOST;
	else if (r->wrong)
		broken(r, "no migration, and yet words are wrong", 0);
}

/*
 * Migrate from @here to a new QEMU that gets the other devices. Afterwards @here is
 * the one that has the guest; false if there is no need to continue.
 */
static bool hop(struct vmm *here, const struct qcase *c, unsigned int n,
		struct result *r)
{
	static struct vmm there, old;
	char name[80], words[128];
	bool good;
	int rc;

	snprintf(name, sizeof(name), "%s-%s-%u", c->name, c->where, n + 1);
	rc = vmm_start(&there, name, c, (n + 1) % 2, true);
	if (rc) {
		vmm_last_words(&there, words, sizeof(words));
		broken(r, *words ? words : "the second QEMU does not start", rc);
		vmm_end(&there);
		return false;
	}
	good = migrate(here, &there, c, r);
	if (good && r->outcome == OUTCOME_FAILS && !*r->text)
		vmm_last_words(here, r->text, sizeof(r->text));
	if (!good || r->outcome != OUTCOME_OK) {
		vmm_end(&there);
		return good;
	}
	old = *here;
	*here = there;
	vmm_end(&old);
	if (c->tracker_used && vmm_count(&old, WARNING) != c->warns)
		return broken(r, "QEMU does not warn as often as it should", 0);
	return true;
}

static void run(const struct qcase *c, struct result *r)
{
	static struct vmm here;
	char name[80], words[128];
	unsigned int n;
	long from = WARM_WRITES;
	int rc;

	snprintf(name, sizeof(name), "%s-%s-0", c->name, c->where);
	rc = vmm_start(&here, name, c, 0, false);
	if (rc) {
		vmm_last_words(&here, words, sizeof(words));
		broken(r, *words ? words : "QEMU does not start", rc);
		vmm_end(&here);
		return;
	}
	for (n = 0; n < c->times; n++) {
		from = wait_position(&here, from);
		if (from < 0) {
			broken(r, "the guest or its VF does not run", 0);
			break;
		}
		if (!hop(&here, c, n, r) || r->outcome != OUTCOME_OK)
			break;
	}
	if (r->outcome != OUTCOME_BROKEN)
		judge(&here, r);
	vmm_end(&here);
}

/**
 * migrate_case() - Try a case
 * @c: The case
 * @r: What came of it
 */
void migrate_case(const struct qcase *c, struct result *r)
{
	static const struct qcase nothing;
	const char *cannot;
	int rc;

	memset(r, 0, sizeof(*r));
	cannot = host_cannot(c);
	if (cannot) {
		r->outcome = OUTCOME_SKIP;
		snprintf(r->text, sizeof(r->text), "%s", cannot);
		return;
	}
	rc = host_prepare(c);
	if (rc)
		broken(r, "module parameters", rc);
	else
		run(c, r);
	rc = host_prepare(&nothing);
	if (rc)
		broken(r, "module parameters", rc);
}
