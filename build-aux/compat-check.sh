#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# compat-check.sh: a part of "make check". Does the kernel that is set up lack just what a
# person has found its series to lack (kernels/SERIES/missing; the newest lacks nothing)? A
# regular expression of compat/features.list that matches too much or too little may well
# compile. And is each file of compat/ for a feature of the list? It is tried on planted
# mistakes, too. (compat/vmlinux is for what vmlinux was built without: overlay.sh.)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

load_kernel
list=$TOP/compat/features.list
expected=$work/expected
if [ "$SERIES" = "$(newest_series)" ]; then
	: >"$expected"
else
	sed '/^#/d' "$TOP/kernels/$SERIES/missing" | sort >"$expected"
fi

# differs LIST: the features that LIST has as missing and the kernel has, or the opposite
differs()
{
	{ diff "$expected" <(missing_features "$KSRC" "$1" | sort) || true; } |
		sed -n 's/^< \(.*\)/\1 is found and should not be/p
			s/^> \(.*\)/\1 is not found and should be/p'
}

# planted NAME REGEX PATTERN: with this regular expression for NAME, the check says PATTERN
planted()
{
	awk -v name="$1" -v regex="$2" '
		$1 == name { print $1 "\t" $2 "\t" regex; next } { print }' "$list" >"$work/list"
	differs "$work/list" >"$work/said"
	grep -q "$3" "$work/said" ||
		die "compat-check: $3 was planted and not noticed"
}

found=$(differs "$list")
[ -z "$found" ] || die "compat/features.list and kernels/$SERIES/missing disagree about $KSRC: $found"
for dir in "$TOP"/compat/*/; do
	name=$(basename "$dir")
	[ "$name" != vmlinux ] || continue
	grep -q "^${name}[[:space:]]" "$list" || die "compat/$name is for no feature of compat/features.list"
done
# They get compat/slab.h by way of that line
grep -rlE "\\bk[mvz]+alloc_(obj|objs|flex)\\(" "$TOP"/{iommufd,vfio,drivers} | while read -r f; do
	grep -q '<linux/slab.h>' "$f" || die "${f#"$TOP/"} allocates by type without <linux/slab.h>"
done

if [ -s "$expected" ]; then
	planted PASID_ATTACH 'struct' "PASID_ATTACH is found and should not be"
else
	planted PASID_ATTACH 'no such text' "PASID_ATTACH is not found and should be"
fi
