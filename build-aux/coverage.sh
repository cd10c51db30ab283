#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# coverage.sh: "make coverage". Which lines of our kernel code the tests in the VM
# reach: the modules compiled with gcov for the debug kernel, all of plan.txt run
# with them, and a table per file; build/coverage.txt has it too, and the lines
# that were not reached. TESTS="name ..." runs only these lines of the plan; COUNT=1
# runs nothing, and counts what the last run has left.
#
# Only the modules are instrumented, and upstream's part of them is not counted.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

load_kernel
dir=$BUILD/coverage
lines=$BUILD/coverage.lines
status=0

# The kernel keeps the counts of unloaded modules, too, and shows all counts as files.
# shellcheck disable=SC2016 # for the guest's shell
collect='cd /sys/kernel/debug/gcov && find . -name "*.gcda" | while read -r f; do
	mkdir -p "/out/gcov/${f%/*}" && cat "$f" >"/out/gcov/$f"; done'

run()
{
	env -u KCSAN "$TOP/build-aux/debug-kernel.sh"
	say "coverage: modules with gcov ..."
	KERNEL_DIR=$BUILD/debug-kernel "$TOP/build-aux/modules.sh" coverage GCOV_PROFILE=y \
		>"$BUILD/coverage.log" 2>&1 || {
		grep -E 'error|\*\*\*' "$BUILD/coverage.log" | tail -n 10 >&2
		die "they do not build ($BUILD/coverage.log)"
	}
	rm -rf "$BUILD"/vm/debug-*/gcov
	KCSAN='' DEBUG=1 MODULES=$dir EXTRA=$collect "$TOP/selftests/run.sh" kselftest || status=$?
}

[ -n "${COUNT:-}" ] || run

# ---- Count ------------------------------------------------------------------

# For each VM and object, gcov's text: "count:line:source".
gcov_of()
{
	local data=$1 object=$2 work

	work=$(mktemp -d "$BUILD/.gcov.XXXXXX")
	cp "$data" "$work/x.gcda"
	cp "$object.gcno" "$work/x.gcno"
	if ! (cd "$BUILD/debug-kernel" && gcov -t "$work/x.gcda" 2>"$work/why"); then
		cat "$work/why" >&2
		rm -rf "$work"
		die "$data does not go with the modules in $dir: make coverage, without COUNT=1, counts again"
	fi
	rm -rf "$work"
}

ours()
{
	sed "$(our_folders '^.*/coverage')"
}

say "coverage: counting ..."
while read -r data; do
	object=$dir/${data##*/coverage/}
	gcov_of "$data" "${object%.gcda}"
done < <(find "$BUILD"/vm/debug-*/gcov -name '*.gcda' -path '*/coverage/*' 2>/dev/null) |
	awk -F: '{ gsub(/ /, "", $1); gsub(/ /, "", $2) }
		$2 == 0 && $3 == "Source" { source = $4; next }
		$2 > 0 && $1 != "-" {
			key = source ":" $2
			sub(/\*$/, "", $1)
			if ($1 ~ /^[0-9]/)
				hit[key] = 1
			else if (!(key in hit))
				hit[key] = 0
		}
		END { for (key in hit) print key, hit[key] }' |
	ours | grep -E '^(iommufd|vfio|drivers/(platform|virt|mlx5))/' | sort >"$lines"
[ -s "$lines" ] || die "no VM brought back counts"

awk '{ n = split($1, at, ":"); all[at[1]]++; hit[at[1]] += $2 }
	END { for (f in all) print f, hit[f], all[f] }' "$lines" | sort |
	awk 'function row(what, hit, all) {
			printf "%-36s %6d %6d %7.1f %%\n", what, all, hit, 100 * hit / all
		}
		BEGIN { printf "%-36s %6s %6s %9s\n", "file", "lines", "run", "" }
		{ row($1, $2, $3); hit += $2; all += $3
		  part = $1; sub(/\/[^\/]*$/, "", part); sub(/\/connectx$/, "", part)
		  phit[part] += $2; pall[part] += $3 }
		END { print ""
		      for (part in pall) row(part "/", phit[part], pall[part])
		      row("all", hit, all) }' |
	tee "$BUILD/coverage.txt"
# Each line that was not reached, by function, with the reason that unreached.txt has.
awk -v top="$TOP" '
	FILENAME ~ /unreached.txt$/ {
		if (/^[^#]/ && NF > 2) {
			key = $1 " " $2
			sub(/^[^ ]+ +[^ ]+ +/, "")
			reason[key] = $0
		}
		next
	}
	$2 { next }
	{ split($1, at, ":"); missed[at[1], at[2]] = 1; files[at[1]] = 1 }
	END {
		for (file in files) {
			name = "-"
			for (n = 1; (getline text < (top "/" file)) > 0; n++) {
				if (text ~ /^[a-z].*[a-z0-9_]\(/ && text !~ /;$/) {
					name = text
					sub(/\(.*/, "", name)
					sub(/.*[ *]/, "", name)
				}
				if (!((file, n) in missed))
					continue
				why = "?"
				if ((file " *") in reason)
					why = reason[file " *"]
				if ((file " " name) in reason)
					why = reason[file " " name]
				gsub(/\t/, " ", text)
				sub(/^ +/, "", text)
				printf "%s\t%s\t%s:%d\t%s\n", why, name, file, n, text
			}
		}
	}' "$TOP/selftests/unreached.txt" "$lines" | sort -t"$(printf '\t')" -k1,1 -k3,3V >"$lines.why"
awk -F'\t' '
	$1 != why { why = $1; print "\n" (why == "?" ? "Not reached, without a reason:" : \
					  "Not reached: " why) }
	{ print "  " $3 ": " $2 ": " $4 }' "$lines.why" >>"$BUILD/coverage.txt"
say "coverage: $(wc -l <"$lines.why") lines were not reached, of which $(grep -c '^?' "$lines.why" || true) have no reason in selftests/unreached.txt (build/coverage.txt)"
exit $status
