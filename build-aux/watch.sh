#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# watch.sh TREE [OTHER-TREE]: the hash of each upstream function and structure whose meaning
# the project relies on (kernels/watch.list), as TREE has it: FILE NAME HASH, a line each.
# With a second tree, what differs between them, for a person to read: such a change may
# compile and be wrong. kernels/SERIES/watch has the hashes of the tree that a person has
# read last; "--check kernels/SERIES/watch TREE" compares, and fails if anything differs.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# file_of TREE FILE: as it is without our hooks, if TREE was patched
file_of()
{
	[ -e "$1.orig/$2" ] && echo "$1.orig/$2" || echo "$1/$2"
}

# text_of FILE NAME: the function, structure or table, from its first line to its "}"
text_of()
{
	[ -r "$1" ] || return 0
	awk -v name="$2" '
		!inside && /^[a-zA-Z_]/ { head = "" }
		!inside { head = head $0 "\n" }
		!inside && $0 ~ "^([a-z].*[ *])?" name "(\\(|\\[| \\{| = \\{)" && !/;$/ {
			inside = 1
			printf "%s", head
			next
		}
		inside { print }
		inside && /^}/ { exit }' "$1"
}

# hashes TREE
hashes()
{
	local file name text

	while read -r file name; do
		[[ $file != '' && $file != \#* ]] || continue
		text=$(text_of "$(file_of "$1" "$file")" "$name")
		[ -n "$text" ] && text=$(sha256sum <<<"$text" | cut -c1-16) || text=absent
		echo "$file $name $text"
	done <"$TOP/kernels/watch.list"
}

# differences WATCH TREE
differences()
{
	awk '
		function names() { return $2 " (" $1 ")" }
		NR == FNR { read[$1 " " $2] = $3; next }
		{ key = $1 " " $2; now[key] = 1 }
		!(key in read) { print "not read yet: " names(); next }
		read[key] == $3 { next }
		$3 == "absent" { print "gone since it was read: " names(); next }
		{ print "changed since it was read: " names() }
		END {
			for (key in read)
				if (!(key in now))
					print "not in kernels/watch.list: " key
		}' "$1" <(hashes "$2")
}

usage="usage: watch.sh TREE [OTHER-TREE], watch.sh --check kernels/SERIES/watch TREE"
check=''
if [ "${1:-}" = --check ]; then
	check=${2:-}
	[[ -r $check && $# = 3 ]] || die "$usage"
	shift 2
fi
[ $# -gt 0 ] || die "$usage"
[ -r "$1/drivers/iommu/iommu.c" ] ||
	die "$1 is not a kernel source (no drivers/iommu/iommu.c)"
if [ "$check" ]; then
	found=$(differences "$check" "$1")
	[ -z "$found" ] && exit
	say "$found"
	exit 1
elif [ $# = 1 ]; then
	[ ! -e "$1/.parts" ] ||
		die "$1 is only a part of a kernel source; take a full one (build-aux/setup.sh build tree)"
	hashes "$1"
	exit
fi
join -j 1 <(hashes "$1" | sed 's/ /:/' | sort) <(hashes "$2" | sed 's/ /:/' | sort) |
	awk '$2 != $3 { print $1, $2, $3 }' | tr : ' ' |
	while read -r file name old new; do
		case $old:$new in
		*:absent) echo "gone: $name ($file)" ;;
		absent:*) echo "new: $name ($file)" ;;
		*)
			echo "changed: $name ($file)"
			diff -u <(text_of "$(file_of "$1" "$file")" "$name") \
				<(text_of "$(file_of "$2" "$file")" "$name") |
				sed '1,2d; s/^/    /' || true
			;;
		esac
	done
