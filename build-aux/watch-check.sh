#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# watch-check.sh: a part of "make check". Has a person read, in each series, all upstream
# functions of kernels/watch.list, and, in the kernel that is set up, as they are there? It
# is tried on planted mistakes, too.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

load_kernel
bad=0

# rows FILE: the names in it
rows()
{
	awk '!/^#/ && NF { print $1, $2 }' "$1" | sort
}

for series in $(all_series); do
	unread=$(comm -3 <(rows "$TOP/kernels/watch.list") <(rows "$TOP/kernels/$series/watch"))
	[ -z "$unread" ] || {
		say "watch-check: kernels/watch.list and kernels/$series/watch differ: $unread"
		bad=1
	}
done
watch=$TOP/kernels/$SERIES/watch
"$TOP/build-aux/watch.sh" --check "$watch" "$KSRC" || {
	say "watch-check: read what is named above in $KSRC, then write kernels/$SERIES/watch (CONTRIBUTING.md, \"Add a kernel\")"
	bad=1
}
[ $bad = 0 ] || exit 1

# noticed WATCH PATTERN: watch.sh fails with these words
noticed()
{
	! "$TOP/build-aux/watch.sh" --check "$1" "$work/tree" 2>"$work/said" ||
		die "watch-check: \"$2\" was planted and not noticed"
	grep -qF "$2" "$work/said" ||
		die "watch-check: \"$2\" was planted and noticed as: $(cat "$work/said")"
}

awk '!/^#/ && NF { print $1 }' "$TOP/kernels/watch.list" | sort -u | while read -r f; do
	[ ! -e "$KSRC/$f" ] || install -D -m 644 "$KSRC/$f" "$work/tree/$f"
done
grep -v ' iopt_area_split ' "$watch" >"$work/watch"
noticed "$work/watch" "not read yet: iopt_area_split"
{ cat "$watch"; echo "planted.c planted 0"; } >"$work/watch"
noticed "$work/watch" "not in kernels/watch.list: planted.c planted"
sed -i '/^static int iopt_fill_domain(/,/^}/s/^}/\t;\n}/' \
	"$work/tree/drivers/iommu/iommufd/io_pagetable.c"
noticed "$watch" "changed since it was read: iopt_fill_domain"
sed -i 's/vfio_log_ops {/vfio_other_ops {/' "$work/tree/include/linux/vfio.h"
noticed "$watch" "gone since it was read: vfio_log_ops"
say "watch: $(wc -l <"$watch") functions are in kernel $RELEASE as they were read"
