#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# new-hook.sh FOLDER/NNNN-purpose.patch: write a hook, FOLDER iommufd or vfio, for the newest
# kernel series or for KERNEL=. The first call makes new-hook/new in the series' build
# folder: upstream's files with all hooks in them. Add the lines of the hook there. The
# second call writes them to kernels/SERIES/hooks and tries all hooks of the series.
set -euo pipefail
top=$(dirname "$0")/..
KERNEL=${KERNEL:-$(awk '!/^#/ && NF { newest = $1 } END { print newest }' "$top/kernels/series")}
export KERNEL
. "$top/build-aux/lib.sh"

[[ $# = 1 && $1 =~ ^(iommufd|vfio)/[0-9]{4}-[a-z0-9-]+\.patch$ ]] ||
	die "usage: new-hook.sh iommufd/NNNN-purpose.patch, or vfio/..."
load_kernel
work=$BUILD/new-hook
hook=$TOP/kernels/$SERIES/hooks/$1
[ ! -s "$hook" ] || die "${hook#"$TOP"/} is there already"

if [ ! -d "$work/new" ]; then
	rm -rf "$work"
	mkdir -p "$work/old/drivers/iommu"
	cp -r "$KSRC/drivers/iommu/iommufd" "$work/old/drivers/iommu/"
	cp -r "$KSRC/drivers/vfio" "$work/old/drivers/"
	apply_hooks "$work/old" "kernel $RELEASE"
	cp -r "$work/old" "$work/new.part"
	mv "$work/new.part" "$work/new"
	say "add the lines of the hook in ${work#"$TOP"/}/new, then call this again"
	exit
fi

! diff -rq "$work/old" "$work/new" >/dev/null || die "nothing was changed in $work/new"
mkdir -p "${hook%/*}"
printf '%s: say here in one sentence what the hook is for\n\n' "${1%%/*}" >"$hook"
write_hook "$hook" "$work/old" "$work/new"
"$TOP/build-aux/hooks-check.sh"
rm -rf "$work"
say "${hook#"$TOP"/} is written; its first line has to say what it is for"
