// SPDX-License-Identifier: GPL-2.0-only
/*
 * --report: pictures of a migration. What READ has reported is noted while it migrates,
 * and drawn when it has ended: pages of each pass, how fast each device makes memory
 * dirty, where, and what the downtime was made of.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/plot.h"
#include "vmigrate.h"

#define BINS	64	/* pieces of RAM in the heat map, and one a slot at least */

/**
 * struct note - What a READ has reported
 * @at_ns: When
 * @bins: Pages dirty in each piece of RAM
 * @nr_sources: Entries of @bytes
 * @ids: Of the devices
 * @bytes: What each has made dirty since START
 * @counted: Its counter
 */
struct note {
	u64 at_ns;
	u32 bins[BINS + MAX_SLOTS];
	unsigned int nr_sources;
	u32 ids[MAX_SOURCES];
	u64 bytes[MAX_SOURCES];
	u64 counted[MAX_SOURCES];
};

/**
 * struct history - Notes, from START on
 * @dir: Folder of the pictures
 * @begin_ns: When the first was made
 * @bin_pages: Pages in a piece of RAM; fewer in the last of a slot
 * @nr_sources: Entries of @before
 * @before: The tracker's counters before the READ that is about to be noted
 * @nr: Entries of @notes; the first is empty
 * @notes: One for each pass, and more
 */
struct history {
	const char *dir;
	u64 begin_ns;
	u64 bin_pages;
	unsigned int nr_sources;
	struct iommu_dirty_source_info before[MAX_SOURCES];
	unsigned int nr;
	struct note notes[MAX_PASSES + 3];
};

static int cannot(const char *dir, int rc)
{
	return fail(STATUS_ERROR, "--report %s: %s", dir, strerror(-rc));
}

/**
 * history_new() - Begin a history
 * @dir: Folder of the pictures; NULL for no history
 * @h: The history; NULL if there is none
 *
 * Return: A status.
 */
int history_new(const char *dir, struct history **h)
{
	struct plot plot;
	int rc;

	*h = NULL;
	if (!dir)
		return 0;
	/* Before anything happens for which there would be no memory then */
	rc = plot_open(&plot, dir);
	if (rc)
		return cannot(dir, rc);
	*h = calloc(1, sizeof(**h));
	if (!*h)
		return fail(STATUS_ERROR, "no memory for a history");
	(*h)->dir = dir;
	return 0;
}

static u64 count_bits(const struct slot *slot, u64 page, u64 end)
{
	u64 n = 0;

	for (; page < end; page++)
		n += slot->dirty[page / 64] >> page % 64 & 1;
	return n;
}

static void note_bins(const struct history *h, struct note *note, const struct guest *g)
{
	unsigned int i, bin = 0;
	u64 page, pages, end;

	for (i = 0; i < g->nr_slots; i++) {
		pages = g->slots[i].length / GUEST_PAGE;
		for (page = 0; page < pages; page = end) {
			end = page + h->bin_pages < pages ? page + h->bin_pages : pages;
			note->bins[bin++] = (u32)count_bits(&g->slots[i], page, end);
		}
	}
}


/**
 * history_before() - A READ is about to begin
 * @h: The history, or NULL
 * @vmm: With a running tracker, or with none
 *
 * Return: A status.
 */
int history_before(struct history *h, struct vmm *vmm)
{
	int status;

	if (!h || !vmm->tracker_id)
		return 0;
	status = vmm_read_plan(vmm);
	h->nr_sources = vmm->nr_sources;
	memcpy(h->before, vmm->sources, sizeof(h->before));
	return status;
}

static const struct iommu_dirty_source_info *before_of(const struct history *h,
						       const struct iommu_dirty_source_info *src)
{
	unsigned int i;

	for (i = 0; i < h->nr_sources; i++)
		if (h->before[i].dev_id == src->dev_id)
			return &h->before[i];
	return NULL;
}

/* Bytes that a source had made dirty by a note; 0 if it was not known then. */
static u64 bytes_by(const struct note *note, u32 id)
{
	unsigned int i;

	for (i = 0; i < note->nr_sources; i++)
		if (note->ids[i] == id)
			return note->bytes[i];
	return 0;
}

/*
 * What a source has reported since the note before. Dirty bits are reported by COUNT and
 * again by the READ that follows, so only what READ adds is new; a log gives what it has
 * to the first that asks.
 */
static u64 bytes_since(const struct history *h, const struct iommu_dirty_source_info *src,
		       u64 counted)
{
	const struct iommu_dirty_source_info *before = before_of(h, src);
	bool log = src->kind == IOMMU_DIRTY_SOURCE_DEVICE;
	u64 from = log || !before ? counted : before->dirty_bytes;

	return src->dirty_bytes > from ? src->dirty_bytes - from : 0;
}

static void note_sources(struct note *note, const struct note *last, const struct history *h,
			 const struct vmm *vmm)
{
	unsigned int i;

	note->nr_sources = vmm->nr_sources;
	for (i = 0; i < vmm->nr_sources; i++) {
		const struct iommu_dirty_source_info *src = &vmm->sources[i];

		note->ids[i] = src->dev_id;
		note->counted[i] = src->dirty_bytes;
		if (last)
			note->bytes[i] = bytes_by(last, src->dev_id) +
				bytes_since(h, src, i < last->nr_sources ?
						    last->counted[i] : 0);
	}
}

/**
 * history_note() - Note what the slots' bitmaps and the tracker's counters say
 * @h: The history, or NULL
 * @vmm: With a running tracker, or with none
 * @g: RAM
 * @begin: Nothing was READ yet
 *
 * Return: A status.
 */
int history_note(struct history *h, struct vmm *vmm, const struct guest *g, bool begin)
{
	struct note *note;
	int status = 0;

	if (!h || h->nr == sizeof(h->notes) / sizeof(*h->notes))
		return 0;
	note = &h->notes[h->nr++];
	note->at_ns = now_ns();
	if (begin) {
		h->begin_ns = note->at_ns;
		h->bin_pages = (guest_pages(g) + BINS - 1) / BINS;
	} else {
		note_bins(h, note, g);
	}
	if (!vmm->tracker_id)
		return 0;
	status = vmm_read_plan(vmm);
	if (!status)
		note_sources(note, begin ? NULL : note - 1, h, vmm);
	return status;
}

/* ---- The pictures ---- */

static int draw_passes(struct plot *plot, const struct report *r)
{
	struct picture pic;
	unsigned int i;
	int rc;

	rc = picture_begin(plot, &pic, "passes", "Pages dirty and sent, pass by pass", "pass",
			   "pages");
	if (rc)
		return rc;
	fputs("set logscale y\nset yrange [0.8:*]\nset boxwidth 0.8\n", pic.script);
	for (i = 0; i < r->nr_passes; i++, pic.rows++)
		fprintf(pic.data, "%u %llu %llu\n", r->passes[i].number, r->passes[i].dirty,
			r->passes[i].sent);
	return picture_end(&pic, "plot \"passes.dat\" using 1:($2>0?$2:NaN) with boxes fill solid 0.4 lc rgb \"#4060a0\" title \"dirty\", \"\" using 1:($3>0?$3:NaN) with points pt 7 ps 0.7 lc rgb \"#c04000\" title \"sent\"\n");
}

static double seconds_of(const struct history *h, const struct note *note)
{
	return (double)(note->at_ns - h->begin_ns) / 1e9;
}

static const char *device_name(const struct vmm *vmm, u32 id, char *buf, size_t len)
{
	char name[48];
	unsigned int i;

	snprintf(name, sizeof(name), "device %u", id);
	for (i = 0; i < vmm->nr_devices; i++)
		if (vmm->devices[i].dev_id == id)
			snprintf(name, sizeof(name), "device %u (%s)", id,
				 vmm->devices[i].name);
	for (i = 0; i < vmm->vfs.nr; i++)
		if (vmm->vfs.devices[i].vf.dev_id == id)
			snprintf(name, sizeof(name), "VF %u (%s)", id,
				 vmm->vfs.devices[i].vf.name);
	for (i = 0; i < vmm->nics.nr; i++)
		if (vmm->nics.devices[i].nic.dev_id == id)
			snprintf(name, sizeof(name), "NIC %u (%s)", id,
				 vmm->nics.devices[i].nic.name);
	return plot_text(name, buf, len);
}

/* One block of data for each device. */
static int draw_rates(struct plot *plot, const struct report *r, const struct history *h)
{
	const struct note *last = h->nr ? &h->notes[h->nr - 1] : NULL;
	unsigned int i, j, blocks = 0;
	char commands[8192] = "", name[64];
	struct picture pic;
	size_t len = 0;
	int rc;

	rc = picture_begin(plot, &pic, "rate", "Memory that each device makes dirty",
			   "seconds", "MiB a second");
	if (rc)
		return rc;
	fputs("set xrange [0:*]\nset yrange [0:*]\n", pic.script);
	for (i = 0; last && i < last->nr_sources; i++) {
		/* Drivers without DMA, and HWPTs without a device, are of no use here */
		if (!last->ids[i])
			continue;
		for (j = 1; j < h->nr; j++) {
			const struct note *a = &h->notes[j - 1], *b = &h->notes[j];
			u64 from = bytes_by(a, last->ids[i]), to = bytes_by(b, last->ids[i]);

			if (b->at_ns == a->at_ns)
				continue;
			fprintf(pic.data, "%.6f %.6f\n", seconds_of(h, b),
				to > from ? (double)(to - from) / (1 << 20) /
					(seconds_of(h, b) - seconds_of(h, a)) : 0.0);
			pic.rows++;
		}
		fputs("\n\n", pic.data);
		len += (size_t)snprintf(commands + len, sizeof(commands) - len,
			"%s\"rate.dat\" index %u using 1:2 with linespoints pt 7 ps 0.4 title \"%s\"",
			blocks ? ", " : "", blocks,
			device_name(r->vmm, last->ids[i], name, sizeof(name)));
		blocks++;
	}
	return picture_end(&pic, "plot %s\n", commands);
}

/* From each READ to the next. */
static int draw_heat(struct plot *plot, const struct report *r, const struct history *h)
{
	const struct guest *g = r->guest;
	struct plot_cell *cells;
	unsigned int i, j, bin;
	size_t n = 0;
	u64 at, size;
	int rc;

	cells = calloc((size_t)h->nr * (BINS + MAX_SLOTS) + 1, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	for (j = 1; j < h->nr; j++) {
		const struct note *note = &h->notes[j];

		bin = 0;
		for (i = 0; i < g->nr_slots; i++) {
			for (at = 0; at < g->slots[i].length; at += size) {
				size = h->bin_pages * GUEST_PAGE;
				if (size > g->slots[i].length - at)
					size = g->slots[i].length - at;
				cells[n++] = (struct plot_cell){
					.begin = seconds_of(h, note - 1),
					.end = seconds_of(h, note),
					.first = g->slots[i].iova + at,
					.last = g->slots[i].iova + at + size - 1,
					.dirty = (double)note->bins[bin++] * GUEST_PAGE,
				};
			}
		}
	}
	rc = plot_heat(plot, "heat", "Where memory becomes dirty", cells, n);
	free(cells);
	return rc;
}

static int draw_downtime(struct plot *plot, const struct report *r)
{
	struct plot_bar bars[NR_PHASES];
	unsigned int i, n = 0;

	for (i = PHASE_PRECOPY + 1; r->downtime_ns && i < NR_PHASES; i++, n++) {
		bars[n].value = (double)r->phase_ns[i] / 1e6;
		snprintf(bars[n].what, sizeof(bars[n].what), "%s", report_phase(i));
	}
	return plot_bars(plot, "downtime", "What the guest stood still for", "ms", bars, n);
}

static int write_json(const char *dir, const struct report *r)
{
	char path[PATH_MAX];
	FILE *file;
	int rc;

	snprintf(path, sizeof(path), "%s/report.json", dir);
	file = fopen(path, "we");
	if (!file)
		return -errno;
	rc = json_report(file, r);
	return fclose(file) && !rc ? -errno : rc;
}

/**
 * history_draw() - Write the pictures
 * @h: The history, or NULL
 * @r: The report, complete or not
 *
 * Return: A status. Without gnuplot the data and the scripts are there, and a message says so.
 */
int history_draw(const struct history *h, const struct report *r)
{
	struct plot plot;
	int rc;

	if (!h)
		return 0;
	rc = plot_open(&plot, h->dir);
	if (!rc)
		rc = draw_passes(&plot, r);
	if (!rc)
		rc = draw_rates(&plot, r, h);
	if (!rc)
		rc = draw_heat(&plot, r, h);
	if (!rc)
		rc = draw_downtime(&plot, r);
	if (!rc)
		rc = write_json(h->dir, r);
	if (rc)
		return cannot(h->dir, rc);
	rc = plot_draw(&plot);
	if (rc == -ENOENT)
		fprintf(stderr, "vmigrate: --report: " PLOT_NO_GNUPLOT "\n", h->dir);
	else if (rc)
		return fail(STATUS_ERROR, "--report %s: gnuplot could not draw", h->dir);
	else if (!r->opt->json)
		printf("pictures: %s/*.svg\n", h->dir);
	return 0;
}
