// SPDX-License-Identifier: GPL-2.0-only
/*
 * What machines get to see: one JSON object. Sizes are in bytes, times in
 * seconds, addresses in numbers. The members are described in vmigrate(8).
 */
#include "../lib/json.h"
#include "vmigrate.h"

static void add_guest(struct json_object *json, const struct guest *g)
{
	struct json_object *list, *slot;
	unsigned int i;

	json_add_number(json, "ram_bytes", g->length);
	json_add_number(json, "page_size", GUEST_PAGE);
	list = json_add_list(json, "slots");
	for (i = 0; i < g->nr_slots; i++) {
		slot = json_add_entry(list);
		json_add_number(slot, "iova", g->slots[i].iova);
		json_add_number(slot, "length", g->slots[i].length);
	}
}

static void add_source(struct json_object *json, const struct iommu_dirty_source_info *src)
{
	static const char * const kinds[] = {
		"none", "iommu", "device", "scope", "mapped", "access",
	};
	static const char * const states[] = { "off", "on", "failed" };

	json_add_number(json, "device", src->dev_id);
	json_add_number(json, "hwpt", src->hwpt_id);
	json_add_text(json, "kind", src->kind < 6 ? kinds[src->kind] : "unknown", 16);
	json_add_text(json, "state", src->state < 3 ? states[src->state] : "unknown", 16);
	json_add_text(json, "platform", src->platform, sizeof(src->platform));
	json_add_bool(json, "gather", src->flags & IOMMU_DIRTY_SOURCE_GATHER);
	json_add_number(json, "first", src->first);
	json_add_number(json, "last", src->last);
	json_add_number(json, "granule", src->granule);
	json_add_number(json, "largest", src->largest);
	json_add_number(json, "dirty_bytes", src->dirty_bytes);
	json_add_number(json, "harvests", src->harvests);
	json_add_seconds(json, "harvest_s", src->harvest_ns);
	json_add_number(json, "failures", src->failures);
}

static void add_tracker(struct json_object *json, const struct vmm *vmm)
{
	struct json_object *tracker = NULL, *list;
	unsigned int i;

	if (vmm->tracker_id)
		tracker = json_object_new_object();
	json_object_object_add(json, "tracker", tracker);
	if (!tracker)
		return;
	json_add_number(tracker, "page_size", vmm->page_size);
	json_add_bool(tracker, "conservative", vmm->flags & IOMMU_DIRTY_TRACKER_CONSERVATIVE);
	json_add_bool(tracker, "degraded", vmm->flags & IOMMU_DIRTY_TRACKER_DEGRADED);
	json_add_bool(tracker, "coarse", vmm->flags & IOMMU_DIRTY_TRACKER_COARSE);
	list = json_add_list(tracker, "sources");
	for (i = 0; i < vmm->nr_sources; i++)
		add_source(json_add_entry(list), &vmm->sources[i]);
}

static void add_leaves(struct json_object *json, const struct leaves *leaves)
{
	struct json_object *entry = leaves->nr ? json_object_new_object() : NULL;

	json_object_object_add(json, "leaves", entry);
	if (!entry)
		return;
	json_add_number(entry, "hwpts", leaves->nr);
	json_add_seconds(entry, "fill_s", leaves->fill_ns);
	json_add_seconds(entry, "pause_s", leaves->pause_ns);
}

static struct json_object *add_writer(struct json_object *list, u32 id, const char *name,
				      size_t len)
{
	struct json_object *json = json_add_entry(list);

	json_add_number(json, "id", id);
	json_add_text(json, "address", name, len);
	return json;
}

static void add_devices(struct json_object *json, const struct report *r)
{
	struct json_object *list = json_add_list(json, "devices"), *entry;
	unsigned int i;

	for (i = 0; i < r->vmm->nr_devices; i++) {
		const struct vdev *d = &r->vmm->devices[i];
		const struct vdev_job *job = &r->vmm->jobs[i];

		entry = add_writer(list, d->dev_id, d->name, sizeof(d->name));
		json_add_number(entry, "iova", job->iova);
		json_add_number(entry, "length", job->length);
		json_add_number(entry, "rate", job->rate);
		json_add_number(entry, "writes", r->writes[i]);
		json_add_number(entry, "refused", r->refused[i]);
	}
}

static void add_phases(struct json_object *json, const struct report *r)
{
	static const char * const names[NR_PHASES] = {
		[PHASE_PRECOPY] = "precopy_s",
		[PHASE_QUIESCE] = "quiesce_s",
		[PHASE_RAM] = "ram_s",
		[PHASE_STATE] = "state_s",
		[PHASE_LOAD] = "load_s",
		[PHASE_RUN] = "run_s",
	};
	struct json_object *phases = json_object_new_object();
	unsigned int i;

	json_object_object_add(json, "phases", phases);
	for (i = 0; i < NR_PHASES; i++)
		json_add_seconds(phases, names[i], r->phase_ns[i]);
}

static void add_vfs(struct json_object *json, const struct report *r)
{
	struct json_object *list = json_add_list(json, "vfs"), *entry;
	unsigned int i;

	for (i = 0; i < r->vmm->vfs.nr; i++) {
		const struct vf_device *d = &r->vmm->vfs.devices[i];

		entry = add_writer(list, d->vf.dev_id, d->vf.name, sizeof(d->vf.name));
		json_add_number(entry, "iova", d->job.base);
		json_add_number(entry, "length", d->job.length);
		json_add_number(entry, "rate", d->job.rate);
		json_add_number(entry, "writes", d->position);
		json_add_number(entry, "refused", d->refused);
		json_add_number(entry, "precopy_bytes", d->bytes[0]);
		json_add_seconds(entry, "precopy_s", d->ns[0]);
		json_add_number(entry, "again", d->again);
		json_add_number(entry, "stop_copy_bytes", d->bytes[1]);
		json_add_seconds(entry, "stop_copy_s", d->ns[1]);
		json_add_number(entry, "went_on", r->proof[i].went_on);
	}
	add_phases(json, r);
}

static void add_nics(struct json_object *json, const struct report *r)
{
	struct json_object *list = json_add_list(json, "nics"), *entry;
	unsigned int i;

	for (i = 0; i < r->vmm->nics.nr; i++) {
		const struct nic_device *d = &r->vmm->nics.devices[i];

		entry = add_writer(list, d->nic.dev_id, d->nic.name, sizeof(d->nic.name));
		json_add_text(entry, "kind", nic_chip_name(&d->nic), NIC_KIND);
		json_add_number(entry, "iova", d->job.base);
		json_add_number(entry, "length", d->job.length);
		json_add_number(entry, "rate", d->job.rate);
		json_add_number(entry, "frames", d->position);
		json_add_number(entry, "writes", d->writes);
		json_add_number(entry, "refused", d->refused);
		json_add_number(entry, "went_on", r->proof[r->vmm->vfs.nr + i].went_on);
	}
}

static void add_passes(struct json_object *json, const struct report *r)
{
	struct json_object *list = json_add_list(json, "passes"), *entry;
	unsigned int i;

	for (i = 0; i < r->nr_passes; i++) {
		const struct pass *p = &r->passes[i];

		entry = json_add_entry(list);
		json_add_number(entry, "pass", p->number);
		json_add_bool(entry, "last", p->last);
		json_add_number(entry, "dirty_pages", p->dirty);
		json_add_number(entry, "sent_pages", p->sent);
		json_add_number(entry, "zero_pages", p->zero);
		json_add_number(entry, "bytes", p->bytes);
		json_add_seconds(entry, "seconds", p->ns);
		json_add_seconds(entry, "read_s", p->read_ns);
	}
}

static void add_source_side(struct json_object *json, const struct report *r)
{
	static const char * const reasons[] = {
		[REASON_CONVERGED] = "converged",
		[REASON_PASSES] = "passes",
		[REASON_STUCK] = "stuck",
		[REASON_UNTRACKED] = "untracked",
	};

	json_add_number(json, "seed", r->opt->seed);
	add_devices(json, r);
	add_vfs(json, r);
	add_nics(json, r);
	add_tracker(json, r->vmm);
	add_leaves(json, &r->vmm->leaves);
	json_add_text(json, "stop_reason", reasons[r->reason], 16);
	json_add_seconds(json, "downtime_s", r->downtime_ns);
}

/**
 * json_report() - The object of a migration that took place
 * @file: Where to
 * @r: The report, complete
 *
 * Return: 0 or -errno.
 */
int json_report(FILE *file, const struct report *r)
{
	struct json_object *json = json_object_new_object(), *list;
	u64 i;

	json_add_text(json, "version", VMIGRATE_VERSION, 16);
	json_add_text(json, "role", r->vmm ? "source" : "destination", 16);
	add_guest(json, r->guest);
	if (r->vmm)
		add_source_side(json, r);
	add_passes(json, r);
	json_add_number(json, "bytes", r->bytes);
	json_add_seconds(json, "total_s", r->total_ns);
	json_add_number(json, "pages", r->pages);
	json_add_number(json, "pages_differ", r->differ);
	list = json_add_list(json, "first_differ");
	for (i = 0; i < r->differ && i < MAX_DIFFS; i++)
		json_object_array_add(list, json_object_new_uint64(r->diffs[i]));
	json_add_bool(json, "complete", !r->differ);
	return json_write(file, json, true);
}
