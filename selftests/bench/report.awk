# SPDX-License-Identifier: GPL-2.0-only
#
# report.awk TARGETS RESULT...: put rows side by side. Reads what the program in
# the VM and the one on the host have printed (files count.out, again.out,
# parallel.out, wall.out, host.out); prints a table, writes the data for the
# plots to dir, and has the program bench write bench.json there. With quick, compares
# ratios with the file ratios; with quick=parallel, only its status says how two READs
# at once compare.
#
# Lines of a result: "way NAME", then "row NAME BUSY-NS WALL-NS OPS LEAVES DIRTY
# WORDS BYTES" with tabs; "over NAME WRITTEN REPORTED", in pages; "meter INSTRUCTIONS
# NS-EACH"; "host NAME BYTES-PER-SECOND"; "parallel NAME ONE TWO TURNS CHANCES", in nanoseconds:
# one thread, two with a half each, and two of which only one reads at a time; and how
# often two threads could run at once.

BEGIN {
	FS = "\t"
	limit = 1.03
	# Of wall times, which the machine's other work is in
	limit_parallel = 1.15
	# So many pairs of READs must have had a chance to run at once, in each way
	least_chances = 3
}

FNR == 1 {
	what = FILENAME
	sub(/.*\//, "", what)
	sub(/\..*/, "", what)
	way = ""
}

# "PATTERN  LIMIT  TEXT", with more than one blank between
what == "targets" {
	if ($0 ~ /^#/ || $0 == "")
		next
	n = split($0, f, /  +/)
	target_pattern[++nr_targets] = f[1]
	target_limit[nr_targets] = f[2]
	target_text[nr_targets] = f[3]
	next
}

/^way / { way = substr($0, 5); sub(/ .*/, "", way); next }
$1 == "meter" { meter[++nr_meter] = $2 " " $3; next }
$1 == "migration" && what == "count" { migration[++nr_migrations] = $0; next }
$1 == "over" && what == "count" {
	if (!(("tracker", $2) in over) && !(("upstream", $2) in over))
		over_name[++nr_over] = $2
	over[way, $2] = $4 / $3
	next
}
# The best of all rounds
function least(key, value)
{
	if (!(key in best) || value + 0 < best[key])
		best[key] = value + 0
}
$1 == "parallel" {
	for (i = 3; i <= 5; i++)
		least(way SUBSEP i, $i)
	chances[way] += $6
	parallel_row = $2
	next
}
$1 == "host" { host[++nr_host] = $2; host_rate[$2] = $3; next }

$1 == "row" {
	key = way SUBSEP $2
	if (what == "count") {
		if (!($2 in known)) {
			known[$2] = 1
			row[++nr_rows] = $2
		}
		count[key] = $3 / $5 / 2 ^ shift
		leaves[$2] = $6
		if (way == "tracker")
			dirty[$2] = $7
		words[$2] = $8
		if (way == "tracker")
			held[$2] = $9
	} else if (what == "wall") {
		other[what, key] = $4 / $5
	} else {
		other[what, key] = $3 / $5
	}
}

# What a row is compared with: upstream's way, or where upstream has none (it
# reads nothing from a driver without a bitmap) the same with a driver that has.
function base(name,	direct)
{
	if (("upstream", name) in count)
		return count["upstream", name]
	direct = name
	if (sub(/-gather/, "", direct) && ("tracker", direct) in count)
		return count["tracker", direct]
	return 0
}

function human(n)
{
	if (n >= 1e6)
		return sprintf("%.2fM", n / 1e6)
	if (n >= 1e4)
		return sprintf("%.1fk", n / 1e3)
	return sprintf("%.0f", n)
}

function table(	i, name, t, u)
{
	printf "%-36s %10s %10s %7s %9s %9s\n", "", "upstream", "tracker", \
		"ratio", "per leaf", "per dirty"
	for (i = 1; i <= nr_rows; i++) {
		name = row[i]
		if (name ~ /^held/) {
			printf "%-36s %10s %10d bytes\n", name, "", held[name]
			continue
		}
		t = count["tracker", name]
		u = base(name)
		ratio[name] = u ? t / u : 0
		printf "%-36s %10s %10s %7s %9s %9s\n", name, \
			u ? human(u) : "-", human(t), \
			u ? sprintf("%.3f", t / u) : "-", \
			leaves[name] ? sprintf("%.1f", t / leaves[name]) : "", \
			dirty[name] ? sprintf("%.1f", t / dirty[name]) : ""
	}
}

function targets(	i, j, worst, n, bad, value)
{
	print ""
	for (i = 1; i <= nr_targets; i++) {
		worst = -1
		n = bad = 0
		for (j = 1; j <= nr_rows; j++) {
			if (row[j] !~ target_pattern[i])
				continue
			value = row[j] ~ /^held/ ? held[row[j]] : ratio[row[j]]
			n++
			if (value > target_limit[i])
				bad++
			if (value > worst) {
				worst = value
				where = row[j]
			}
		}
		if (n)
			printf "%-8s %s: %d of %d rows at most %s; the worst %.3f (%s)\n", \
				bad ? "NOT MET" : "met", target_text[i], n - bad, \
				n, target_limit[i], worst, where
	}
}

# How far two runs of the same rows differ, at most
function repeatability(	key, d, worst, n, sum)
{
	for (key in count)
		if (("again", key) in other && count[key] && key !~ /held/) {
			d = other["again", key] / 2 ^ shift / count[key] - 1
			d = d < 0 ? -d : d
			n++
			sum += d
			if (d > worst)
				worst = d
		}
	if (n)
		printf "two runs: %d rows, differ by %.5f at most, %.6f on average\n", \
			n, worst, sum / n
	for (n = 1; n <= nr_meter; n++) {
		split(meter[n], m, " ")
		printf "%d instructions took %.4f ns each\n", m[1], m[2]
	}
}

function migrations(	i, f)
{
	if (nr_migrations)
		printf "%-36s %10s %7s %10s %8s\n", "a migration of 64 MiB", \
			"MiB sent", "passes", "downtime", "total"
	for (i = 1; i <= nr_migrations; i++) {
		split(migration[i], f, "\t")
		printf "%-36s %10.2f %7d %7.2f ms %6.2f s\n", f[2], f[3] / 2 ^ 20, \
			f[4], f[5] * 1000, f[6]
	}
}

# How much of one thread's time two threads take, and what it would be with a lock
function factor(way, i)
{
	return best[way, i] / best[way, 3]
}

function parallel_table(	w, i, names)
{
	if (!parallel_row)
		return
	printf "%-36s %10s %10s %7s %14s %8s\n", "two READs at once, " parallel_row, \
		"one thread", "two", "factor", "one at a time", "chances"
	split("upstream tracker", names, " ")
	for (i = 1; i <= 2; i++) {
		w = names[i]
		printf "%-36s %7.1f ms %7.1f ms %7.3f %14.3f %8d\n", w, best[w, 3] / 1e6, \
			best[w, 4] / 1e6, factor(w, 4), factor(w, 5), chances[w]
	}
}

# Two READs at once have to gain what upstream's do. 0 they do, 1 they do not, 2 there
# was no chance: another processor was missing or busy, and two that take turns were as
# quick.
function parallel_judge()
{
	if (!parallel_row || chances["upstream"] < least_chances ||
	    chances["tracker"] < least_chances ||
	    factor("tracker", 5) / factor("upstream", 4) <= limit_parallel)
		return 2
	return factor("tracker", 4) / factor("upstream", 4) > limit_parallel
}

function parallel_worse(	judged)
{
	judged = parallel_judge()
	if (judged == 2) {
		print "two READs at once: not compared, no other processor was free for long enough"
		return 0
	}
	printf "%s two READs at once: factor %.3f, upstream's %.3f\n", \
		(judged ? "FAILED" : "met     "), factor("tracker", 4), \
		factor("upstream", 4)
	return judged
}

function each(way, name)
{
	return (way, name) in over ? sprintf("%.2f", over[way, name]) : "-"
}

function over_reporting(	i)
{
	if (nr_over)
		printf "%-36s %10s %10s\n", "pages reported for each written", \
			"upstream", "tracker"
	for (i = 1; i <= nr_over; i++)
		printf "%-36s %10s %10s\n", over_name[i], \
			each("upstream", over_name[i]), each("tracker", over_name[i])
}

function json_over(way, name)
{
	return (way, name) in over ? sprintf("%.4f", over[way, name]) : "-"
}

function json_way(way, name)
{
	if (!((way, name) in count))
		return "-\t-"
	return sprintf("%.0f", count[way, name]) "\t" \
		((("wall", way, name) in other) ? sprintf("%.0f", other["wall", way, name]) : "-")
}

# As selftests/bench/json.c wants it
function json(	i, f, name, to)
{
	to = sprintf("'%s' json '%s' >'%s/bench.json'", program, kernel, dir)
	for (i = 1; i <= nr_rows; i++) {
		name = row[i]
		printf "row\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\n", name, \
			json_way("upstream", name), json_way("tracker", name), \
			ratio[name] ? sprintf("%.4f", ratio[name]) : "-", \
			leaves[name], dirty[name], \
			8 * leaves[name] + (dirty[name] ? 8 * words[name] : 0), held[name] | to
	}
	if (parallel_row)
		printf "parallel\t%s\t%.4f\t%.4f\n", parallel_row, \
			factor("upstream", 4), factor("tracker", 4) | to
	for (i = 1; i <= nr_migrations; i++) {
		split(migration[i], f, "\t")
		printf "migration\t%s\t%.0f\t%d\t%s\t%s\n", f[2], f[3], f[4], f[5], f[6] | to
	}
	for (i = 1; i <= nr_over; i++)
		printf "over\t%s\t%s\t%s\n", over_name[i], \
			json_over("upstream", over_name[i]), json_over("tracker", over_name[i]) | to
	for (i = 1; i <= nr_host; i++)
		printf "host\t%s\t%.0f\n", host[i], host_rate[host[i]] | to
	if (close(to)) {
		print "bench.json could not be written"
		exit failed = 1
	}
}

# name.SIZE.DENSITY.PATTERN
function plots(	i, f, size, density, pattern, line)
{
	for (i = 1; i <= nr_rows; i++) {
		if (row[i] ~ /^read-logs-.*\.1G$/) {
			split(row[i], f, /[-.]/)
			line = sprintf("%s %.0f %.0f", f[3], base(row[i]), \
				       count["tracker", row[i]])
			print line >(dir "/devices.dat")
		}
		if (row[i] !~ /^read-/ || split(row[i], f, ".") < 4)
			continue
		# A density may have a point of its own: 0.01
		density = f[3] (f[5] != "" ? "." f[4] : "")
		pattern = f[5] != "" ? f[5] : f[4]
		size = f[2] + 0
		if (f[2] ~ /T$/)
			size *= 1024
		line = sprintf("%s %s %.0f %.0f", size, density, \
			       base(row[i]), count["tracker", row[i]])
		print line >(dir "/size-" f[1] "-" density "-" pattern ".dat")
		print line >(dir "/density-" f[1] "-" f[2] "-" pattern ".dat")
	}
}

# What the threads do that play the hardware differs from run to run.
function varies(name)
{
	return name ~ /-(logs|mixed)-/
}

function compare(	i, name, line, old, bad, n)
{
	if (quick == "update") {
		print "# Made by \"make bench QUICK=update\":", \
			"tracker / upstream, in instructions" >ratios
		for (i = 1; i <= nr_rows; i++)
			if (ratio[row[i]] && !varies(row[i]))
				printf "%s %.4f\n", row[i], ratio[row[i]] >ratios
		close(ratios)
		return 0
	}
	while ((getline line <ratios) > 0) {
		if (line ~ /^#/)
			continue
		split(line, f, " ")
		n++
		if (!(f[1] in ratio)) {
			print "FAILED " f[1] ": is in " ratios ", and was not measured"
			bad++
		} else if (ratio[f[1]] > f[2] * limit) {
			printf "FAILED %s: %.4f, was %s\n", f[1], ratio[f[1]], f[2]
			bad++
		}
	}
	printf "%d ratios compared, %d worse by more than %.0f %%\n", n, bad + 0, \
		(limit - 1) * 100
	return bad > 0 || !n
}

END {
	if (failed)
		exit 1
	if (quick == "parallel")
		exit parallel_judge()
	table()
	targets()
	repeatability()
	parallel_table()
	over_reporting()
	migrations()
	for (i = 1; i <= nr_host; i++)
		printf "host: %-28s %7.2f GB/s\n", host[i], host_rate[host[i]] / 1e9
	json()
	plots()
	if (quick != "")
		exit (compare() + parallel_worse() > 0)
}
