// SPDX-License-Identifier: GPL-2.0-only
/*
 * plot: pictures of a record of "top --record". What is in a record is believed no more
 * than any other input from outside: a number has to be one, and text is only
 * shown.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/json.h"
#include "../lib/plot.h"
#include "iommufdctl.h"
#include "record.h"

#define MAX_LINE	(4u << 20)	/* bytes of an interval */
#define MAX_SERIES	32		/* sources that are drawn */
#define MAX_POINTS	1000000u	/* of all sources together */
#define MAX_CELLS	200000u		/* of the heat maps */
#define MAX_MAPS	8		/* contexts that have one */
#define MAX_CHANGES	4096		/* of migration states */
#define MAX_ROWS	16		/* devices that are drawn with them */

/**
 * struct point - A source in an interval
 * @series: Which
 * @time: Seconds, its end
 * @rate: Bytes dirty a second
 * @pending: Bytes in its tracker
 */
struct point {
	unsigned int series;
	double time, rate, pending;
};

struct heat {
	uint64_t context;
	struct plot_cell cell;
};

/**
 * struct change - A device goes to another migration state
 * @device: Which, entry of struct record::device
 * @time: Seconds
 * @state: Entry of states[]
 */
struct change {
	unsigned int device;
	double time;
	unsigned int state;
};

/**
 * struct record - What is in a record
 * @end: Seconds
 * @lines: Intervals
 * @left_out: Something was not taken, since there is too much of it
 */
struct record {
	double end;
	unsigned long lines;
	bool left_out;
	unsigned int nr_series, nr_maps, nr_devices, nr_changes;
	char series[MAX_SERIES][96];
	uint64_t map[MAX_MAPS];
	char device[MAX_ROWS][48];
	struct change change[MAX_CHANGES];
	size_t nr_points, room_points, nr_heat, room_heat;
	struct point *point;
	struct heat *heat;
};

static const char * const states[] = {
	"ERROR", "STOP", "RUNNING", "STOP_COPY", "RESUMING", "RUNNING_P2P", "PRE_COPY",
	"PRE_COPY_P2P",
};

/* ---- What is in it ---- */

/* A number that is finite and not below 0 */
static bool number(struct json_object *json, const char *name, double *value)
{
	struct json_object *v;

	if (!json_object_object_get_ex(json, name, &v) ||
	    (!json_object_is_type(v, json_type_int) && !json_object_is_type(v, json_type_double)))
		return false;
	*value = json_object_get_double(v);
	return isfinite(*value) && *value >= 0 && *value < 1e20;
}

static bool whole(struct json_object *json, const char *name, uint64_t *value)
{
	struct json_object *v;

	if (!json_object_object_get_ex(json, name, &v) ||
	    !json_object_is_type(v, json_type_int))
		return false;
	*value = json_object_get_uint64(v);
	return true;
}

static const char *text(struct json_object *json, const char *name)
{
	struct json_object *v;

	if (!json_object_object_get_ex(json, name, &v) ||
	    !json_object_is_type(v, json_type_string))
		return NULL;
	return json_object_get_string(v);
}

/* Number of entries of a list; 0 if it is none. */
static size_t list_of(struct json_object *json, const char *name, struct json_object **list)
{
	if (!json_object_object_get_ex(json, name, list) ||
	    !json_object_is_type(*list, json_type_array))
		return 0;
	return json_object_array_length(*list);
}

/* The entry of @names that is @name, which is added; @max if there is no room. */
static unsigned int name_index(char *names, size_t size, unsigned int *nr, unsigned int max,
			       const char *name)
{
	unsigned int i;

	for (i = 0; i < *nr; i++)
		if (!strcmp(names + i * size, name))
			return i;
	if (i == max)
		return max;
	snprintf(names + i * size, size, "%s", name);
	(*nr)++;
	return i;
}

/* Room for one more; false if there is none, or too much already. */
static bool room_for(void **array, size_t size, size_t nr, size_t *room, size_t max)
{
	void *more;
	size_t want = *room * 2 + 256;

	if (nr < *room)
		return true;
	if (nr >= max)
		return false;
	more = realloc(*array, want * size);
	if (!more)
		return false;
	*array = more;
	*room = want;
	return true;
}

static bool add_source(struct record *rec, struct json_object *json, double time)
{
	const char *name = text(json, "name"), *tracker = text(json, "tracker");
	char label[96], part[2][44];
	struct point p = { .time = time };

	if (!name || !tracker || !number(json, "rate", &p.rate) ||
	    !number(json, "pending", &p.pending))
		return false;
	snprintf(label, sizeof(label), "%s %s", plot_text(tracker, part[0], sizeof(part[0])),
		 plot_text(name, part[1], sizeof(part[1])));
	p.series = name_index(rec->series[0], sizeof(rec->series[0]), &rec->nr_series,
			      MAX_SERIES, label);
	if (p.series == MAX_SERIES ||
	    !room_for((void **)&rec->point, sizeof(p), rec->nr_points, &rec->room_points,
		      MAX_POINTS))
		rec->left_out = true;
	else
		rec->point[rec->nr_points++] = p;
	return true;
}

static bool add_read(struct record *rec, struct json_object *json, double time, double seconds)
{
	struct heat h = { .cell = { .begin = time - seconds, .end = time } };
	uint64_t length;
	unsigned int i;

	if (!whole(json, "context", &h.context) || !whole(json, "first", &h.cell.first) ||
	    !whole(json, "length", &length) || !number(json, "dirty", &h.cell.dirty) ||
	    !length || h.cell.first + (length - 1) < h.cell.first)
		return false;
	h.cell.last = h.cell.first + (length - 1);
	for (i = 0; i < rec->nr_maps && rec->map[i] != h.context; i++)
		;
	if (i == rec->nr_maps && i < MAX_MAPS)
		rec->map[rec->nr_maps++] = h.context;
	if (i == MAX_MAPS ||
	    !room_for((void **)&rec->heat, sizeof(h), rec->nr_heat, &rec->room_heat,
		      MAX_CELLS))
		rec->left_out = true;
	else
		rec->heat[rec->nr_heat++] = h;
	return true;
}

static bool add_change(struct record *rec, struct json_object *json)
{
	const char *name = text(json, "name"), *state = text(json, "state");
	struct change c = {};
	uint64_t context;
	char label[48], part[32];

	if (!name || !state || !whole(json, "context", &context) ||
	    !number(json, "time", &c.time))
		return false;
	for (; c.state < ARRAY_SIZE(states) && strcmp(state, states[c.state]); c.state++)
		;
	if (c.state == ARRAY_SIZE(states))
		return false;
	snprintf(label, sizeof(label), "%" PRIu64 " %s", context % 1000000000,
		 plot_text(name, part, sizeof(part)));
	c.device = name_index(rec->device[0], sizeof(rec->device[0]), &rec->nr_devices,
			      MAX_ROWS, label);
	if (c.device == MAX_ROWS || rec->nr_changes == MAX_CHANGES)
		rec->left_out = true;
	else
		rec->change[rec->nr_changes++] = c;
	if (c.time > rec->end)
		rec->end = c.time;
	return true;
}

static bool add_interval(struct record *rec, struct json_object *json)
{
	struct json_object *list;
	double time, seconds;
	size_t i, n;

	if (!number(json, "time", &time) || !number(json, "seconds", &seconds))
		return false;
	if (seconds > time)
		seconds = time;
	if (time > rec->end)
		rec->end = time;
	n = list_of(json, "sources", &list);
	for (i = 0; i < n; i++)
		if (!add_source(rec, json_object_array_get_idx(list, i), time))
			return false;
	n = list_of(json, "reads", &list);
	for (i = 0; i < n; i++)
		if (!add_read(rec, json_object_array_get_idx(list, i), time, seconds))
			return false;
	n = list_of(json, "migration", &list);
	for (i = 0; i < n; i++)
		if (!add_change(rec, json_object_array_get_idx(list, i)))
			return false;
	rec->lines++;
	return true;
}

static int take_header(const char *path, const char *line)
{
	struct json_object *json = json_tokener_parse(line);
	uint64_t version;
	int status = STATUS_OK;

	if (!json || !whole(json, "iommufdctl-record", &version))
		status = fail("%s is not a record: \"iommufdctl top --record\" makes one", path);
	else if (version != RECORD_VERSION)
		status = fail("%s is a record of version %" PRIu64 ", and this iommufdctl draws version %d",
			      path, version, RECORD_VERSION);
	json_object_put(json);
	return status;
}

/* Line by line; the last may be the part of one that was not written to its end. */
static int record_take(const char *path, FILE *file, struct record *rec)
{
	char *line = malloc(MAX_LINE);
	unsigned long n = 0;
	int status = line ? STATUS_OK : fail("out of memory");

	while (!status && fgets(line, MAX_LINE, file)) {
		bool whole_line = strchr(line, '\n');
		struct json_object *json;

		if (!n++) {
			status = take_header(path, line);
			continue;
		}
		json = whole_line ? json_tokener_parse(line) : NULL;
		if (!whole_line && feof(file))
			fprintf(stderr, "iommufdctl: %s ends within line %lu, which is left out\n",
				path, n);
		else if (!json || !add_interval(rec, json))
			status = fail("%s: line %lu is not an interval of a record", path, n);
		json_object_put(json);
	}
	if (!status && ferror(file))
		status = fail("%s: %s", path, strerror(errno));
	if (!status && !n)
		status = fail("%s is empty, and not a record: \"iommufdctl top --record\" makes one",
			      path);
	free(line);
	return status;
}

/* ---- Pictures ---- */

static int draw_series(struct plot *plot, const struct record *rec, const char *name,
		       const char *title, const char *y, bool pending)
{
	char commands[MAX_SERIES * 200] = "";
	struct picture pic;
	size_t len = 0, j;
	unsigned int i;
	int rc;

	rc = picture_begin(plot, &pic, name, title, "seconds", y);
	if (rc)
		return rc;
	fputs("set xrange [0:*]\nset yrange [0:*]\n", pic.script);
	for (i = 0; i < rec->nr_series; i++) {
		for (j = 0; j < rec->nr_points; j++) {
			const struct point *p = &rec->point[j];

			if (p->series != i)
				continue;
			fprintf(pic.data, "%.6f %.6f\n", p->time,
				(pending ? p->pending : p->rate) / (1 << 20));
			pic.rows++;
		}
		fputs("\n\n", pic.data);
		len += (size_t)snprintf(commands + len, sizeof(commands) - len,
			"%s\"%s.dat\" index %u using 1:2 with linespoints pt 7 ps 0.3 title \"%s\"",
			i ? ", " : "", name, i, rec->series[i]);
	}
	return picture_end(&pic, "plot %s\n", commands);
}

static int draw_map(struct plot *plot, const struct record *rec, const char *name,
		    const char *title, uint64_t context)
{
	struct plot_cell *cells = calloc(rec->nr_heat + 1, sizeof(*cells));
	size_t i, n = 0;
	int rc;

	if (!cells)
		return -ENOMEM;
	for (i = 0; i < rec->nr_heat; i++)
		if (rec->heat[i].context == context)
			cells[n++] = rec->heat[i].cell;
	rc = plot_heat(plot, name, title, cells, n);
	free(cells);
	return rc;
}

/* One for each context, or one that says that there is none. */
static int draw_maps(struct plot *plot, const struct record *rec)
{
	char name[32], title[80];
	unsigned int i;
	int rc = 0;

	if (!rec->nr_maps)
		return draw_map(plot, rec, "heat", "Where memory becomes dirty", 0);
	for (i = 0; i < rec->nr_maps && !rc; i++) {
		snprintf(name, sizeof(name), "heat-%" PRIu64, rec->map[i]);
		snprintf(title, sizeof(title), "Where memory becomes dirty, context %" PRIu64,
			 rec->map[i]);
		rc = draw_map(plot, rec, name, title, rec->map[i]);
	}
	return rc;
}

/* How long a device is in the state that it goes to */
static double change_end(const struct record *rec, unsigned int i)
{
	unsigned int j;

	for (j = i + 1; j < rec->nr_changes; j++)
		if (rec->change[j].device == rec->change[i].device)
			return rec->change[j].time;
	return rec->end;
}

/* A row for each device, with what it did one behind the other. */
static int draw_states(struct plot *plot, const struct record *rec)
{
	char commands[ARRAY_SIZE(states) * 160] = "";
	bool seen[ARRAY_SIZE(states)] = {};
	struct picture pic;
	unsigned int i;
	size_t len = 0;
	int rc;

	rc = picture_begin(plot, &pic, "downtime", "States of devices that migrate",
			   "seconds", "");
	if (rc)
		return rc;
	for (i = 0; i < rec->nr_changes; i++) {
		const struct change *c = &rec->change[i];

		fprintf(pic.data, "%.6f %.6f %u %u\n", c->time, change_end(rec, i), c->device,
			c->state);
		seen[c->state] = true;
		pic.rows++;
	}
	if (pic.rows)
		fprintf(pic.script, "set xrange [0:*]\nset yrange [-0.5:%.1f]\nset ytics (",
			rec->nr_devices - 0.5);
	for (i = 0; i < rec->nr_devices; i++)
		fprintf(pic.script, "%s\"%s\" %u", i ? ", " : "", rec->device[i], i);
	if (pic.rows)
		fputs(")\n", pic.script);
	for (i = 0; i < ARRAY_SIZE(states); i++)
		if (seen[i])
			len += (size_t)snprintf(commands + len, sizeof(commands) - len,
				"%s\"downtime.dat\" using ($4==%u?($1+$2)/2:NaN):3:1:2:($3-0.3):($3+0.3) with boxxyerror fill solid 0.7 title \"%s\"",
				len ? ", " : "", i, states[i]);
	return picture_end(&pic, "plot %s\n", commands);
}

static int draw(const char *dir, const struct record *rec)
{
	struct plot plot;
	int rc;

	rc = plot_open(&plot, dir);
	if (!rc)
		rc = draw_series(&plot, rec, "rate", "Memory that each source reports dirty",
				 "MiB a second", false);
	if (!rc)
		rc = draw_series(&plot, rec, "pending", "What waits in the tracker of each source",
				 "MiB", true);
	if (!rc)
		rc = draw_maps(&plot, rec);
	if (!rc)
		rc = draw_states(&plot, rec);
	if (rc)
		return fail("%s: %s", dir, strerror(-rc));
	rc = plot_draw(&plot);
	if (rc == -ENOENT)
		return fail(PLOT_NO_GNUPLOT, dir);
	if (rc)
		return fail("%s: gnuplot could not draw", dir);
	printf("%lu intervals, %.1f s: %u pictures in %s\n", rec->lines, rec->end, plot.nr, dir);
	return STATUS_OK;
}

/** cmd_plot() - Plot FILE -o DIR */
int cmd_plot(int argc, char **argv)
{
	const char *path = NULL, *dir = NULL;
	struct record *rec;
	int i, status;
	FILE *file;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-o") && i + 1 < argc)
			dir = argv[++i];
		else if (!path && (argv[i][0] != '-' || !argv[i][1]))
			path = argv[i];
		else
			return fail("plot: '%s' is not an option of it", argv[i]);
	}
	if (!path || !dir)
		return fail("plot: write plot FILE -o DIRECTORY");
	file = fopen(path, "re");
	if (!file)
		return fail("%s: %s", path, strerror(errno));
	rec = calloc(1, sizeof(*rec));
	status = rec ? record_take(path, file, rec) : fail("out of memory");
	fclose(file);
	if (!status && rec->left_out)
		fprintf(stderr, "iommufdctl: %s has more than can be drawn; some is left out\n",
			path);
	if (!status)
		status = draw(dir, rec);
	if (rec) {
		free(rec->point);
		free(rec->heat);
	}
	free(rec);
	return status;
}
