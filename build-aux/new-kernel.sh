#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# new-kernel.sh SERIES TREE: begin the support of a kernel series that is newer than all of
# kernels/series. TREE is its source, unmodified. The hooks of the newest series are merged
# into it one by one and written to kernels/SERIES/hooks. Where the merge has conflicts, it
# stops and names the file: mend it there, as far as the hook goes, and call it again. At
# the end it tells which features are missing, and which functions have changed whose meaning
# the project relies on.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

[ $# = 2 ] || die "usage: new-kernel.sh SERIES TREE"
[ -r "$2/drivers/iommu/iommufd/main.c" ] ||
	die "$2 is not a kernel source (no drivers/iommu/iommufd/main.c)"
new_series=$1
tree=$(cd "$2" && pwd)
newest=$(all_series | grep -vxF "$new_series" | tail -n 1)
# The source that the hooks are for now is the newest series', whatever KERNEL= says
export KERNEL=$newest
BUILD=$(build_of "$newest")
work=$BUILD/new-kernel
hooks=$TOP/kernels/$new_series/hooks

# pristine TREE DIR: the files of TREE that hooks are for, in DIR
pristine()
{
	local f

	cat "$TOP"/kernels/*/hooks/*/*.patch | sed -n 's,^+++ b/,,p' | sort -u |
	while read -r f; do
		mkdir -p "$2/${f%/*}"
		if [ -e "$1.orig/$f" ]; then
			cp "$1.orig/$f" "$2/$f"
		elif [ -e "$1/$f" ]; then
			cp "$1/$f" "$2/$f"
		fi
	done
}

# The steps of a hook: old and new without it, old2 and new2 with it
begin()
{
	rm -rf "$work/old2" "$work/new2"
	cp -r "$work/old" "$work/old2"
	cp -r "$work/new" "$work/new2"
	patch -s -d "$work/old2" -p1 -F0 -f --no-backup-if-mismatch <"$1"
	echo "$1" >"$work/at"
	sed -n 's,^+++ b/,,p' "$1" | while read -r f; do
		git merge-file --diff3 -L "kernel $new_series" -L "kernel $newest" -L hook \
			"$work/new2/$f" "$work/old/$f" "$work/old2/$f" || true
	done
}

finish()
{
	local to=$hooks/${1#"$TOP"/kernels/*/hooks/} conflicts

	conflicts=$(grep -rlE '^(<<<<<<<|\|\|\|\|\|\|\||=======|>>>>>>>)( |$)' "$work/new2" || true)
	[ -z "$conflicts" ] ||
		die "the hook ${1#"$TOP"/} does not fit any more; resolve the conflicts in these files and call this again: ${conflicts//$'\n'/ }"
	mkdir -p "${to%/*}"
	cp "$1" "$to.new"
	mv "$to.new" "$to"
	write_hook "$to" "$work/new" "$work/new2"
	rm -rf "$work/old" "$work/new"
	mv "$work/old2" "$work/old"
	mv "$work/new2" "$work/new"
	echo "$1" >>"$work/done"
	rm -f "$work/at"
}

command -v git >/dev/null || die "git is missing; install the package git"
load_kernel
if [ "$(cat "$work/of" 2>/dev/null)" != "$new_series $tree" ]; then
	rm -rf "$work"
	mkdir -p "$work/old" "$work/new"
	pristine "$KSRC" "$work/old"
	pristine "$tree" "$work/new"
	: >"$work/done"
	echo "$new_series $tree" >"$work/of"
fi
[ ! -e "$work/at" ] || finish "$(cat "$work/at")"
SERIES=$newest
for patch in $(list_hooks); do
	! grep -qxF "$patch" "$work/done" || continue
	begin "$patch"
	finish "$patch"
done
say "hooks: $(wc -l <"$work/done") are in ${hooks#"$TOP"/}"

missing=$(missing_features "$tree")
say "features that it lacks, each of which needs a look at compat/:
${missing:-none}"
"$TOP/build-aux/watch.sh" "$KSRC" "$tree" >"$work/changed"
changed=$(grep -v '^  ' "$work/changed" || true)
say "what has changed in upstream's functions, to be read (${work#"$TOP"/}/changed has the text):
${changed:-nothing}"
rm -f "$work/of"
