// SPDX-License-Identifier: GPL-2.0-only
/*
 * What machines get to see: one JSON object. Sizes are in bytes, times in
 * seconds, addresses in numbers. The members are described in vmigrate(8).
 */
#include <stdio.h>

#include "vmigrate.h"

static const char *boolean(u32 value)
{
	return value ? "true" : "false";
}

static void put_string(const char *text, size_t max)
{
	putchar('"');
	for (; max && *text; text++, max--) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

/**
 * json_error - The object of a migration that did not take place
 * @message: why
 */
void json_error(const char *message)
{
	fputs("{\"error\": ", stdout);
	put_string(message, (size_t)-1);
	puts("}");
}

static void put_guest(const struct guest *g)
{
	unsigned int i;

	printf("  \"ram_bytes\": %llu,\n  \"page_size\": %u,\n  \"slots\": [",
	       g->length, GUEST_PAGE);
	for (i = 0; i < g->nr_slots; i++)
		printf("%s{\"iova\": %llu, \"length\": %llu}", i ? ", " : "",
		       g->slots[i].iova, g->slots[i].length);
	puts("],");
}

static void put_tracker(const struct vmm *vmm)
{
	unsigned int i;

	if (!vmm->tracker_id) {
		puts("  \"tracker\": null,");
		return;
	}
	printf("  \"tracker\": {\"page_size\": %llu, \"conservative\": %s, \"degraded\": %s, \"coarse\": %s,\n    \"sources\": [",
	       vmm->page_size,
	       boolean(vmm->flags & IOMMU_DIRTY_TRACKER_CONSERVATIVE),
	       boolean(vmm->flags & IOMMU_DIRTY_TRACKER_DEGRADED),
	       boolean(vmm->flags & IOMMU_DIRTY_TRACKER_COARSE));
	for (i = 0; i < vmm->nr_sources; i++) {
		static const char * const kinds[] = {
			"none", "iommu", "device", "scope", "mapped", "access",
		};
		static const char * const states[] = { "off", "on", "failed" };
		const struct iommu_dirty_source_info *src = &vmm->sources[i];

		printf("%s\n      {\"device\": %u, \"hwpt\": %u, \"kind\": \"%s\", \"state\": \"%s\", \"platform\": ",
		       i ? "," : "", src->dev_id, src->hwpt_id,
		       src->kind < 6 ? kinds[src->kind] : "unknown",
		       src->state < 3 ? states[src->state] : "unknown");
		put_string(src->platform, sizeof(src->platform));
		printf(", \"gather\": %s, \"first\": %llu, \"last\": %llu, \"granule\": %llu, \"largest\": %llu, \"dirty_bytes\": %llu, \"harvests\": %llu, \"harvest_s\": %.6f, \"failures\": %llu}",
		       boolean(src->flags & IOMMU_DIRTY_SOURCE_GATHER),
		       src->first, src->last, src->granule, src->largest,
		       src->dirty_bytes, src->harvests,
		       (double)src->harvest_ns / 1e9, src->failures);
	}
	puts("]},");
}

static void put_leaves(const struct leaves *leaves)
{
	if (!leaves->nr) {
		puts("  \"leaves\": null,");
		return;
	}
	printf("  \"leaves\": {\"hwpts\": %u, \"fill_s\": %.6f, \"pause_s\": %.6f},\n",
	       leaves->nr, (double)leaves->fill_ns / 1e9,
	       (double)leaves->pause_ns / 1e9);
}

static void put_devices(const struct report *r)
{
	unsigned int i;

	fputs("  \"devices\": [", stdout);
	for (i = 0; i < r->vmm->nr_devices; i++) {
		const struct vdev *d = &r->vmm->devices[i];
		const struct vdev_job *job = &r->vmm->jobs[i];

		printf("%s{\"id\": %u, \"address\": ", i ? ", " : "",
		       d->dev_id);
		put_string(d->name, sizeof(d->name));
		printf(", \"iova\": %llu, \"length\": %llu, \"rate\": %llu, \"writes\": %llu, \"refused\": %llu}",
		       job->iova, job->length, job->rate, r->writes[i],
		       r->refused[i]);
	}
	puts("],");
}

static void put_vfs(const struct report *r)
{
	static const char * const phases[NR_PHASES] = {
		[PHASE_PRECOPY] = "precopy",
		[PHASE_QUIESCE] = "quiesce",
		[PHASE_RAM] = "ram",
		[PHASE_STATE] = "state",
		[PHASE_LOAD] = "load",
		[PHASE_RUN] = "run",
	};
	unsigned int i;

	fputs("  \"vfs\": [", stdout);
	for (i = 0; i < r->vmm->vfs.nr; i++) {
		const struct vf_device *d = &r->vmm->vfs.devices[i];

		printf("%s{\"id\": %u, \"address\": ", i ? ", " : "",
		       d->vf.dev_id);
		put_string(d->vf.name, sizeof(d->vf.name));
		printf(", \"iova\": %llu, \"length\": %llu, \"rate\": %llu, \"writes\": %llu, \"refused\": %llu, \"precopy_bytes\": %llu, \"precopy_s\": %.6f, \"stop_copy_bytes\": %llu, \"stop_copy_s\": %.6f, \"went_on\": %llu}",
		       d->job.base, d->job.length, d->job.rate, d->position,
		       d->refused, d->bytes[0], (double)d->ns[0] / 1e9,
		       d->bytes[1], (double)d->ns[1] / 1e9,
		       r->proof[i].went_on);
	}
	fputs("],\n  \"phases\": {", stdout);
	for (i = 0; i < NR_PHASES; i++)
		printf("%s\"%s_s\": %.6f", i ? ", " : "", phases[i],
		       (double)r->phase_ns[i] / 1e9);
	puts("},");
}

static void put_passes(const struct report *r)
{
	unsigned int i;

	fputs("  \"passes\": [", stdout);
	for (i = 0; i < r->nr_passes; i++) {
		const struct pass *p = &r->passes[i];

		printf("%s\n    {\"pass\": %u, \"last\": %s, \"dirty_pages\": %llu, \"sent_pages\": %llu, \"zero_pages\": %llu, \"bytes\": %llu, \"seconds\": %.6f}",
		       i ? "," : "", p->number, boolean(p->last), p->dirty,
		       p->sent, p->zero, p->bytes, (double)p->ns / 1e9);
	}
	puts("],");
}

/**
 * json_report - The object of a migration that took place
 * @r: the report, complete
 */
void json_report(const struct report *r)
{
	static const char * const reasons[] = {
		[REASON_CONVERGED] = "converged",
		[REASON_PASSES] = "passes",
		[REASON_STUCK] = "stuck",
		[REASON_UNTRACKED] = "untracked",
	};
	u64 i;

	puts("{\n  \"version\": \"" VMIGRATE_VERSION "\",");
	printf("  \"role\": \"%s\",\n", r->vmm ? "source" : "destination");
	put_guest(r->guest);
	if (r->vmm) {
		printf("  \"seed\": %llu,\n", r->opt->seed);
		put_devices(r);
		put_vfs(r);
		put_tracker(r->vmm);
		put_leaves(&r->vmm->leaves);
		printf("  \"stop_reason\": \"%s\",\n", reasons[r->reason]);
		printf("  \"downtime_s\": %.6f,\n",
		       (double)r->downtime_ns / 1e9);
	}
	put_passes(r);
	printf("  \"bytes\": %llu,\n  \"total_s\": %.6f,\n", r->bytes,
	       (double)r->total_ns / 1e9);
	printf("  \"pages\": %llu,\n  \"pages_differ\": %llu,\n  \"first_differ\": [",
	       r->pages, r->differ);
	for (i = 0; i < r->differ && i < MAX_DIFFS; i++)
		printf("%s%llu", i ? ", " : "", r->diffs[i]);
	printf("],\n  \"complete\": %s\n}\n", boolean(!r->differ));
}
