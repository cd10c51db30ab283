// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pictures by gnuplot: see plot.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plot.h"

/**
 * plot_text() - Text that may stand in a script and in a picture
 * @text: From anywhere
 * @buf: Room for it
 * @len: Bytes of that
 *
 * Return: @buf; what is not a letter, a digit or one of -+.,:/_() and blank is '_' in it.
 */
const char *plot_text(const char *text, char *buf, size_t len)
{
	size_t i;

	for (i = 0; text[i] && i + 1 < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';

		buf[i] = letter || (c >= '0' && c <= '9') || strchr("-+.,:/_() ", c) ?
				 text[i] : '_';
	}
	buf[i] = 0;
	return buf;
}

/**
 * plot_open() - Make a folder for pictures, if it is not there
 * @plot: Out
 * @dir: The folder
 *
 * Return: 0, or -errno.
 */
int plot_open(struct plot *plot, const char *dir)
{
	struct stat st;

	memset(plot, 0, sizeof(*plot));
	plot->dir = dir;
	if (mkdir(dir, 0777) && errno != EEXIST)
		return -errno;
	if (stat(dir, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return access(dir, W_OK | X_OK) ? -errno : 0;
}

static FILE *open_in(const struct plot *plot, const char *name, const char *ending)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s.%s", plot->dir, name, ending) >=
	    sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return fopen(path, "we");
}

static int close_both(struct picture *pic)
{
	int rc = 0;

	if (pic->data && (fflush(pic->data) || ferror(pic->data)))
		rc = -errno;
	if (pic->script && (fflush(pic->script) || ferror(pic->script)) && !rc)
		rc = -errno;
	if (pic->data)
		fclose(pic->data);
	if (pic->script)
		fclose(pic->script);
	return rc;
}

/**
 * picture_begin() - Begin a picture
 * @plot: Where it belongs to
 * @pic: Out; to be ended with picture_end() if this returns 0
 * @name: Of its files
 * @title: What is above it
 * @x: What the horizontal axis is
 * @y: What the vertical axis is
 *
 * Return: 0, or -errno.
 */
int picture_begin(struct plot *plot, struct picture *pic, const char *name,
		  const char *title, const char *x, const char *y)
{
	int rc;

	memset(pic, 0, sizeof(*pic));
	if (plot->nr == PLOT_PICTURES)
		return -E2BIG;
	pic->plot = plot;
	snprintf(pic->name, sizeof(pic->name), "%s", name);
	pic->data = open_in(plot, name, "dat");
	if (pic->data)
		pic->script = open_in(plot, name, "gp");
	if (!pic->script) {
		rc = -errno;
		close_both(pic);
		return rc;
	}
	fprintf(pic->script,
		/* One gnuplot draws several, one behind the other */
		"reset\n"
		"set terminal svg size 860,480 noenhanced font \"sans,13\" background \"white\"\n"
		"set output \"%s.svg\"\n"
		"set title \"%s\"\n"
		"set xlabel \"%s\"\n"
		"set ylabel \"%s\"\n"
		"set key outside below\n"
		"set grid lc rgb \"#d0d0d0\"\n",
		name, title, x, y);
	return 0;
}

/**
 * picture_end() - End a picture
 * @pic: The picture
 * @fmt: Its plot command, as for printf; not used when it has no rows
 *
 * Return: 0, or -errno.
 */
int picture_end(struct picture *pic, const char *fmt, ...)
{
	struct plot *plot = pic->plot;
	va_list args;
	int rc;

	if (pic->rows) {
		va_start(args, fmt);
		vfprintf(pic->script, fmt, args);
		va_end(args);
	} else {
		fputs("unset tics\nunset key\n"
		      "set label \"no data\" at graph 0.5,0.5 center font \"sans,24\"\n"
		      "plot [0:1][0:1] NaN notitle\n", pic->script);
	}
	rc = close_both(pic);
	if (!rc)
		strcpy(plot->name[plot->nr++], pic->name);
	return rc;
}

/* ---- Heat maps ---- */

/**
 * struct band - IOVA that cells are in, without a hole
 * @first: First byte
 * @last: Last byte, inclusive
 * @at: Where it begins in the picture, in MiB
 */
struct band {
	uint64_t first, last;
	double at;
};

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static int by_first(const void *va, const void *vb)
{
	const struct band *a = va, *b = vb;

	return a->first < b->first ? -1 : a->first > b->first;
}

/* Sort, join what touches, and put one behind the other; how many are left. */
static size_t bands_join(struct band *bands, size_t nr)
{
	size_t i, n = 0;
	double at = 0;

	if (!nr)
		return 0;
	qsort(bands, nr, sizeof(*bands), by_first);
	for (i = 1; i < nr; i++) {
		if (bands[n].last == UINT64_MAX || bands[i].first <= bands[n].last + 1) {
			if (bands[i].last > bands[n].last)
				bands[n].last = bands[i].last;
		} else {
			bands[++n] = bands[i];
		}
	}
	for (i = 0; i <= n; i++) {
		bands[i].at = at;
		at += mib(bands[i].last - bands[i].first) + mib(1);
	}
	return n + 1;
}

static double band_place(const struct band *bands, size_t nr, uint64_t iova)
{
	size_t low = 0, high = nr;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (bands[middle].first <= iova)
			low = middle;
		else
			high = middle;
	}
	return bands[low].at + mib(iova - bands[low].first);
}

/* Each band has its first address beside it, and all together the last one. */
static void bands_ticks(FILE *script, const struct band *bands, size_t nr)
{
	const struct band *end = &bands[nr - 1];
	size_t step = nr / 16 + 1, i;

	fputs("set ytics (", script);
	for (i = 0; i < nr; i += step)
		fprintf(script, "\"%#" PRIx64 "\" %.6f, ", bands[i].first, bands[i].at);
	fprintf(script, "\"%#" PRIx64 "\" %.6f)\n", end->last,
		end->at + mib(end->last - end->first));
}

static bool cell_is_good(const struct plot_cell *c)
{
	return c->last >= c->first && c->end > c->begin && c->dirty > 0;
}

/**
 * plot_heat() - A heat map of IOVA over time
 * @plot: Where it belongs to
 * @name: Of its files
 * @title: What is above it
 * @cells: What became dirty; those without dirty bytes show what is looked at
 * @nr: How many
 *
 * IOVA that no cell is in is left out. The colour is how much of a cell became dirty
 * each second.
 *
 * Return: 0, or -errno.
 */
int plot_heat(struct plot *plot, const char *name, const char *title,
	      const struct plot_cell *cells, size_t nr)
{
	struct band *bands = calloc(nr + 1, sizeof(*bands));
	struct picture pic;
	size_t i, n = 0;
	int rc;

	if (!bands)
		return -ENOMEM;
	rc = picture_begin(plot, &pic, name, title, "seconds", "IOVA, without holes");
	if (rc)
		goto out_free;
	for (i = 0; i < nr; i++)
		if (cells[i].last >= cells[i].first)
			bands[n++] = (struct band){ cells[i].first, cells[i].last, 0 };
	n = bands_join(bands, n);
	for (i = 0; i < nr; i++) {
		const struct plot_cell *c = &cells[i];
		double low, size;

		if (!cell_is_good(c))
			continue;
		low = band_place(bands, n, c->first);
		size = mib(c->last - c->first) + mib(1);
		fprintf(pic.data, "%.6f %.6f %.6f %.6f %.6g\n", c->begin, c->end, low,
			low + size, c->dirty / (c->end - c->begin) / (size * (1 << 20)) * 100);
		pic.rows++;
	}
	if (pic.rows) {
		bands_ticks(pic.script, bands, n);
		fputs("set cblabel \"% dirty a second\"\n"
		      "set palette defined (0 \"#ffffe0\", 1 \"#ff8000\", 2 \"#800000\")\n"
		      "set cbrange [0:*]\nunset key\n", pic.script);
	}
	rc = picture_end(&pic, "plot \"%s.dat\" using (($1+$2)/2):(($3+$4)/2):1:2:3:4:5 with boxxyerror fill solid noborder lc palette notitle\n",
			 name);
out_free:
	free(bands);
	return rc;
}

/**
 * plot_bars() - A bar for each of a few things
 * @plot: Where it belongs to
 * @name: Of its files
 * @title: What is above it
 * @unit: Of the values
 * @bars: The bars, from the top
 * @nr: How many; their sum is shown, too
 *
 * Return: 0, or -errno.
 */
int plot_bars(struct plot *plot, const char *name, const char *title, const char *unit,
	      const struct plot_bar *bars, size_t nr)
{
	struct picture pic;
	double sum = 0, longest = 0;
	char text[48];
	size_t i;
	int rc;

	rc = picture_begin(plot, &pic, name, title, unit, "");
	if (rc)
		return rc;
	for (i = 0; i < nr; i++) {
		fprintf(pic.data, "%zu %.6f \"%s\"\n", nr - i, bars[i].value,
			plot_text(bars[i].what, text, sizeof(text)));
		pic.rows++;
		sum += bars[i].value;
		if (bars[i].value > longest)
			longest = bars[i].value;
	}
	if (pic.rows)
		fprintf(pic.script, "unset key\nset yrange [0.4:%zu.6]\nset xrange [0:%.6f]\n"
			"set label \"total %.1f %s\" at graph 0.98,0.06 right\n", nr,
			longest > 0 ? 1.15 * longest : 1.0, sum, unit);
	rc = picture_end(&pic, "plot \"%s.dat\" using ($2/2):1:($2/2):(0.35):ytic(3) with boxxyerror fill solid 0.6 lc rgb \"#4060a0\" notitle, \"\" using 2:1:(sprintf(\"  %%.1f\", $2)) with labels left notitle\n",
			 name);
	return rc;
}

/* ---- gnuplot ---- */

static void run_gnuplot(const struct plot *plot, int report)
{
	char *argv[PLOT_PICTURES + 3] = { "gnuplot", "-d" };
	char script[PLOT_PICTURES][40];
	unsigned int i;
	int error;

	for (i = 0; i < plot->nr; i++) {
		snprintf(script[i], sizeof(script[i]), "%s.gp", plot->name[i]);
		argv[2 + i] = script[i];
	}
	if (!chdir(plot->dir))
		execvp(argv[0], argv);
	error = errno;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/**
 * plot_draw() - Have gnuplot draw the pictures that are complete
 * @plot: Pictures
 *
 * Return: -ENOENT when there is no gnuplot; -EIO when it failed, which it has said why.
 */
int plot_draw(const struct plot *plot)
{
	int report[2], status = 0, error = 0;
	ssize_t n;
	pid_t pid;

	if (!plot->nr)
		return 0;
	if (pipe2(report, O_CLOEXEC))
		return -errno;
	/* What is buffered would be there twice */
	fflush(NULL);
	pid = fork();
	if (!pid)
		run_gnuplot(plot, report[1]);
	error = errno;
	close(report[1]);
	if (pid < 0) {
		close(report[0]);
		return -error;
	}
	n = read(report[0], &error, sizeof(error));
	close(report[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (n == sizeof(error))
		return -error;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}
