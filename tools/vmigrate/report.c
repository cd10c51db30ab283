// SPDX-License-Identifier: GPL-2.0-only
/*
 * What people get to see: the setting, the plan in words, a progress bar where
 * there is a terminal, a row for each pass, totals and the verdict.
 */
#include <stdio.h>
#include <unistd.h>

#include "vmigrate.h"

#define BAR	30
#define MIB	(1024.0 * 1024.0)

static bool silent(const struct report *r)
{
	return r->opt->json || r->opt->quiet;
}

static double seconds(u64 ns)
{
	return (double)ns / 1e9;
}

static double rate(u64 bytes, u64 ns)
{
	return ns ? (double)bytes / MIB / seconds(ns) : 0;
}

/* A size in words: 4 KiB, 2 MiB. */
static const char *size_text(u64 bytes, char *buf, size_t len)
{
	static const char * const units[] = { "bytes", "KiB", "MiB", "GiB" };
	unsigned int i = 0;

	while (i < 3 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	snprintf(buf, len, "%llu %s", bytes, units[i]);
	return buf;
}

static void print_writer(const char *what, u32 id, const char *name, u64 length,
			 u64 iova, const char *unit, u64 writes)
{
	char ram[32];

	printf("  device %u (%s %s) writes to %s from IOVA %#llx on, ", id, what,
	       name, size_text(length, ram, sizeof(ram)), iova);
	if (writes)
		printf("%llu %s a second\n", writes, unit);
	else
		puts("as fast as it can");
}

/**
 * report_setup() - What is going to be migrated
 * @r: The report
 */
void report_setup(const struct report *r)
{
	const struct guest *g = r->guest;
	char ram[32];
	unsigned int i;

	if (silent(r))
		return;
	printf("vmigrate " VMIGRATE_VERSION ": %s of guest RAM",
	       size_text(g->length, ram, sizeof(ram)));
	if (r->vmm && r->vmm->vfs.nr)
		printf(", %u VF%s", r->vmm->vfs.nr,
		       r->vmm->vfs.nr == 1 ? "" : "s");
	if (r->vmm && r->vmm->nics.nr)
		printf(", %u NIC%s", r->vmm->nics.nr, r->vmm->nics.nr == 1 ? "" : "s");
	if (r->vmm)
		printf(", %u DMA device%s, seed %#llx", r->vmm->nr_devices,
		       r->vmm->nr_devices == 1 ? "" : "s", r->opt->seed);
	putchar('\n');
	for (i = 0; i < g->nr_slots; i++)
		printf("  IOVA %#llx to %#llx\n", g->slots[i].iova,
		       g->slots[i].iova + g->slots[i].length - 1);
	for (i = 0; r->vmm && i < r->vmm->vfs.nr; i++) {
		const struct vf_device *d = &r->vmm->vfs.devices[i];

		print_writer("VF", d->vf.dev_id, d->vf.name, d->job.length,
			     d->job.base, "pages", d->job.rate);
	}
	for (i = 0; r->vmm && i < r->vmm->nr_devices; i++) {
		const struct vdev_job *job = &r->vmm->jobs[i];
		const struct vdev *d = &r->vmm->devices[i];

		print_writer("DMA device", d->dev_id, d->name, job->length,
			     job->iova, "pages", job->rate);
	}
	for (i = 0; r->vmm && i < r->vmm->nics.nr; i++) {
		const struct nic_device *d = &r->vmm->nics.devices[i];

		print_writer(nic_chip_name(&d->nic), d->nic.dev_id, d->nic.name, d->job.length,
			     d->job.base, "frames", d->job.rate);
	}
	fflush(stdout);
}

static void print_source(const struct iommu_dirty_source_info *src)
{
	char granule[32];

	if (src->dev_id)
		printf("  device %u on HWPT %u: ", src->dev_id, src->hwpt_id);
	else
		printf("  HWPT %u without a device: ", src->hwpt_id);
	fputs(iommufd_source_words(src->kind) ?:
		      "a source that this vmigrate does not know",
	      stdout);
	if (src->platform[0] && src->kind == IOMMU_DIRTY_SOURCE_IOMMU)
		printf(" (%.*s)", (int)sizeof(src->platform), src->platform);
	if (src->granule && src->kind != IOMMU_DIRTY_SOURCE_MAPPED)
		printf(", %s granule",
		       size_text(src->granule, granule, sizeof(granule)));
	if (src->state == IOMMU_DIRTY_SOURCE_FAILED)
		fputs("; it failed, so everything mapped writable is reported dirty",
		      stdout);
	putchar('\n');
}

/**
 * report_plan() - Which sources are used
 * @r: The report; devices and tracker run
 */
void report_plan(const struct report *r)
{
	const struct vmm *vmm = r->vmm;
	char unit[32];
	unsigned int i;

	if (silent(r))
		return;
	if (vmm->nr_hwpts) {
		printf("no dirty tracker: dirty bits of %u HWPT%s\n", vmm->nr_hwpts,
		       vmm->nr_hwpts == 1 ? "" : "s");
	} else if (!vmm->tracker_id) {
		puts("no dirty tracker: everything is sent once, and what the devices write after that is lost");
	} else {
		printf("dirty tracker %u of IOAS %u, in units of %s\n",
		       vmm->tracker_id, vmm->ioas_id,
		       size_text(vmm->page_size, unit, sizeof(unit)));
		for (i = 0; i < vmm->nr_sources; i++)
			print_source(&vmm->sources[i]);
	}
	if (vmm->leaves.nr)
		printf("small leaves: %u HWPT%s filled in %.1f ms while the devices ran; the devices stood still for %.1f ms\n",
		       vmm->leaves.nr, vmm->leaves.nr == 1 ? "" : "s",
		       (double)vmm->leaves.fill_ns / 1e6,
		       (double)vmm->leaves.pause_ns / 1e6);
	puts("pass      dirty       sent        MiB      MiB/s     time");
	fflush(stdout);
}

/**
 * report_progress() - Draw the progress bar of a pass
 * @r: The report
 * @p: The pass
 */
void report_progress(const struct report *r, const struct pass *p)
{
	unsigned int done, i;

	if (silent(r) || !isatty(STDOUT_FILENO) || !p->dirty)
		return;
	done = p->sent < p->dirty ? (unsigned int)(p->sent * BAR / p->dirty) :
				    BAR;
	printf("\r%4u  [", p->number);
	for (i = 0; i < BAR; i++)
		putchar(i < done ? '#' : '.');
	printf("] %3u%%  %.1f MiB/s\033[K", done * 100 / BAR,
	       rate(p->bytes, p->ns));
	fflush(stdout);
	process.progress = true;
}

/**
 * report_pass() - A row of the table
 * @r: The report
 * @p: The pass, ended
 */
void report_pass(const struct report *r, const struct pass *p)
{
	if (silent(r))
		return;
	progress_clear();
	if (p->last)
		fputs("last", stdout);
	else
		printf("%4u", p->number);
	printf(" %10llu %10llu %10.2f %10.1f %6.2f s\n", p->dirty, p->sent,
	       (double)p->bytes / MIB, rate(p->bytes, p->ns), seconds(p->ns));
	fflush(stdout);
}

/**
 * report_reason() - Why the devices were stopped, in words
 * @reason: enum reason
 *
 * Return: A constant string.
 */
const char *report_reason(enum reason reason)
{
	switch (reason) {
	case REASON_CONVERGED:
		return "little enough was left";
	case REASON_PASSES:
		return "the pass limit was reached before little enough was left";
	case REASON_STUCK:
		return "the dirty set did not shrink any more";
	case REASON_UNTRACKED:
		break;
	}
	return "there is no tracker to continue with";
}

static void print_flags(const struct vmm *vmm)
{
	char size[32];
	unsigned int i;
	u64 largest = 0;

	if (vmm->flags & IOMMU_DIRTY_TRACKER_CONSERVATIVE)
		puts("conservative: a device cannot be tracked, and everything mapped for it was sent in every pass");
	if (vmm->flags & IOMMU_DIRTY_TRACKER_DEGRADED)
		puts("degraded: a source failed, and everything mapped for its devices was reported dirty");
	for (i = 0; i < vmm->nr_sources; i++)
		if (vmm->sources[i].largest > largest)
			largest = vmm->sources[i].largest;
	if (vmm->flags & IOMMU_DIRTY_TRACKER_COARSE)
		printf("coarse: IOMMU leaves of up to %s were dirty, and were sent as a whole\n",
		       size_text(largest, size, sizeof(size)));
}

/* What a device did, and what its source made of it. */
static void print_device(const struct vmm *vmm, u32 id, u64 writes, u64 refused)
{
	unsigned int j;

	printf("device %u made %llu writes", id, writes);
	if (refused)
		printf(", and the IOMMU refused %llu more", refused);
	for (j = 0; j < vmm->nr_sources; j++) {
		const struct iommu_dirty_source_info *src = &vmm->sources[j];

		if (src->dev_id != id || !src->harvests)
			continue;
		printf("; HWPT %u reported %.2f MiB in %llu harvests, %.1f ms",
		       src->hwpt_id, (double)src->dirty_bytes / MIB,
		       src->harvests, (double)src->harvest_ns / 1e6);
		if (src->flags & IOMMU_DIRTY_SOURCE_GATHER)
			fputs(", read through its flush ranges", stdout);
	}
	putchar('\n');
}

/**
 * report_phase() - A phase in words
 * @phase: Which
 *
 * Return: A constant string.
 */
const char *report_phase(enum phase phase)
{
	static const char * const names[NR_PHASES] = {
		[PHASE_PRECOPY] = "RAM and state while it runs",
		[PHASE_QUIESCE] = "all devices to RUNNING_P2P",
		[PHASE_RAM] = "last pages",
		[PHASE_STATE] = "STOP_COPY, rest of the state",
		[PHASE_LOAD] = "loaded, all to RUNNING_P2P",
		[PHASE_RUN] = "all to RUNNING",
	};

	return names[phase];
}

static void print_phases(const struct report *r)
{
	unsigned int i;

	puts("VF                state while it ran         rest of the state");
	for (i = 0; i < r->vmm->vfs.nr; i++) {
		const struct vf_device *d = &r->vmm->vfs.devices[i];

		printf("%s  %9.1f KiB %8.1f ms  %9.1f KiB %8.1f ms\n",
		       d->vf.name, (double)d->bytes[0] / 1024,
		       (double)d->ns[0] / 1e6, (double)d->bytes[1] / 1024,
		       (double)d->ns[1] / 1e6);
	}
	puts("phase                                 time");
	for (i = 0; i < NR_PHASES; i++)
		printf("%-30s %8.1f ms%s\n", report_phase(i),
		       (double)r->phase_ns[i] / 1e6,
		       i == PHASE_QUIESCE ? "  (the guest stands still from here on)" :
					    "");
}

/**
 * report_totals() - How it went
 * @r: The report; RAM has been sent
 */
void report_totals(const struct report *r)
{
	unsigned int i;

	if (silent(r))
		return;
	printf("devices stopped: %s\n", report_reason(r->reason));
	print_flags(r->vmm);
	for (i = 0; i < r->vmm->vfs.nr; i++)
		print_device(r->vmm, r->vmm->vfs.devices[i].vf.dev_id,
			     r->vmm->vfs.devices[i].position,
			     r->vmm->vfs.devices[i].refused);
	for (i = 0; i < r->vmm->nr_devices; i++)
		print_device(r->vmm, r->vmm->devices[i].dev_id, r->writes[i],
			     r->refused[i]);
	for (i = 0; i < r->vmm->nics.nr; i++) {
		const struct nic_device *d = &r->vmm->nics.devices[i];

		print_device(r->vmm, d->nic.dev_id, d->writes, d->refused);
	}
	if (r->vmm->vfs.nr)
		print_phases(r);
	printf("sent %.2f MiB, %.2f times RAM, in %.2f s, downtime %.0f ms\n",
	       (double)r->bytes / MIB,
	       (double)r->bytes / (double)r->guest->length,
	       seconds(r->total_ns), (double)r->downtime_ns / 1e6);
	fflush(stdout);
}

/**
 * report_proof() - How the VFs and NICs continued at the other side
 * @r: The report
 */
void report_proof(const struct report *r)
{
	unsigned int i;

	if (silent(r) || r->differ)
		return;
	for (i = 0; i < r->vmm->vfs.nr; i++)
		printf("VF %s went on at write %llu on the other side, %llu more, none missing\n",
		       r->vmm->vfs.devices[i].vf.name,
		       r->proof[i].position - r->proof[i].went_on,
		       r->proof[i].went_on);
	for (i = 0; i < r->vmm->nics.nr; i++) {
		const struct wire_mark *proof = &r->proof[r->vmm->vfs.nr + i];

		printf("NIC %s went on at frame %llu on the other side, %llu more, none missing\n",
		       r->vmm->nics.devices[i].nic.name, proof->position - proof->went_on,
		       proof->went_on);
	}
	fflush(stdout);
}

/**
 * report_goes_on() - The migration has failed, and the guest runs on
 * @r: The report
 * @marks: What its VFs and NICs have written since
 */
void report_goes_on(const struct report *r, const struct wire_mark *marks)
{
	unsigned int i;

	if (silent(r))
		return;
	puts("verdict: the migration failed, and the guest continues at the source");
	for (i = 0; i < r->vmm->vfs.nr; i++)
		printf("  VF %s: %llu writes since, none of %llu missing\n",
		       r->vmm->vfs.devices[i].vf.name, marks[i].went_on,
		       marks[i].position);
	for (i = 0, marks += r->vmm->vfs.nr; i < r->vmm->nics.nr; i++)
		printf("  NIC %s: %llu frames since, none of %llu missing\n",
		       r->vmm->nics.devices[i].nic.name, marks[i].went_on,
		       marks[i].position);
	fflush(stdout);
}

/**
 * report_received() - What arrived, as the destination saw it
 * @r: The report
 */
void report_received(const struct report *r)
{
	if (silent(r))
		return;
	printf("received %.2f MiB in %u passes, %.2f s\n",
	       (double)r->bytes / MIB, r->nr_passes, seconds(r->total_ns));
	fflush(stdout);
}

/**
 * report_verdict() - The last line, or the JSON object
 * @r: The report, complete
 */
void report_verdict(const struct report *r)
{
	u64 i;

	if (r->opt->quiet)
		return;
	if (r->opt->json) {
		/* main() sees whether it could be written */
		json_report(stdout, r);
		return;
	}
	if (!r->differ) {
		printf("verdict: %llu of %llu pages match, migration complete\n",
		       r->pages, r->pages);
		return;
	}
	printf("verdict: FAILED, %llu of %llu pages differ (first: IOVA",
	       r->differ, r->pages);
	for (i = 0; i < r->differ && i < MAX_DIFFS; i++)
		printf("%s %#llx", i ? "," : "", r->diffs[i]);
	puts(")");
}
