#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kcsan.sh LOG KERNEL: which data races that KCSAN reports in LOG are in our files?
# KERNEL is the folder of the build that LOG is of. Prints "N:title" for each that
# is, N being its line, and on stderr how many there are, of which functions.
#
# An access is of the first function of its stack that is not one of lib/ (a tree or
# a list is its caller's to lock); functions that the compiler has inlined are part of
# their callers. A race is ours when one of its two accesses is.
set -euo pipefail

log=$1 kernel=$2

# functions FOLDER...: of the objects in them
functions()
{
	local d

	for d; do
		[ ! -d "$kernel/$d" ] || find "$kernel/$d" -name '*.o' ! -name '*.mod.o' -print0
	done | xargs -0r nm --defined-only 2>/dev/null |
		awk '$2 ~ /^[tTwW]$/ { print $3 }' | sort -u
}

awk -v log_name="$log" '
	# A stack: " lib_function+0x12/0x34 [module]"
	function take_frame(line) {
		if (owner != "")
			return
		sub(/^ */, "", line)
		if (line !~ /^[A-Za-z_][A-Za-z0-9_.]*\+0x/)
			return
		sub(/\+0x.*/, "", line)
		if (line in lib && !(line in ours))
			return
		owner = line
		if (line in ours)
			hit = 1
	}
	function finish() {
		if (!at)
			return
		if (hit)
			print at ":" title
		count[hit]++
		seen[hit, title]++
		at = 0
	}
	FILENAME == "/dev/fd/3" { ours[$1] = 1; next }
	FILENAME == "/dev/fd/4" { lib[$1] = 1; next }
	{
		sub(/\r$/, "")
		sub(/^\[ *[0-9.]+\]( *\[ *[TC][0-9]+\])? ?/, "")
	}
	/BUG: KCSAN: / {
		finish()
		at = FNR
		title = $0
		sub(/.*BUG: KCSAN: /, "", title)
		hit = 0
		owner = "none yet"
		next
	}
	# Where an access and its stack begin
	at && /(read|write|read-write|assert no .*) .*to 0x[0-9a-f]+ of [0-9]+ bytes/ {
		owner = ""
		next
	}
	at && /^(value changed|Reported by Kernel Concurrency Sanitizer)/ { finish() }
	at && /^ / { take_frame($0) }
	at && /^$/ { owner = "none yet" }
	END {
		finish()
		what[0] = "others"
		what[1] = "our files"
		for (hit = 0; hit < 2; hit++)
			if (count[hit])
				printf "kcsan: %d reports of %s (%s)\n", count[hit],
					what[hit], log_name > "/dev/stderr"
		for (key in seen) {
			split(key, part, SUBSEP)
			printf "kcsan: %5d  %s: %s\n", seen[key], what[part[1]],
				part[2] > "/dev/stderr"
		}
	}' 3< <(functions drivers/iommu/iommufd/dirty drivers/iommu/iommufd/virt \
		drivers/vfio/dirty drivers/vfio/pci/mlx5) \
	4< <(functions lib arch/x86/lib) /dev/fd/3 /dev/fd/4 "$log"
