#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# patch.sh [TREE]: put the hooks and our files into a full kernel tree: "make
# patch". Without TREE, into the package's own in build/ (setup.sh tree).
#
# A tree that has them already is brought up to date. Only what differs is
# written, so that a built tree compiles only that. Nothing is written unless
# every hook applies.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

kconfig=drivers/iommu/iommufd/Kconfig
mlx5=drivers/vfio/pci/mlx5	# ours has the name of upstream's, and replaces it
source_line='source "drivers/iommu/iommufd/dirty/Kconfig"'
orig=''

if [ -n "${1:-}" ]; then
	[ -d "$1" ] || die "KSRC=$1: no such folder"
	tree=$(cd "$1" && pwd)
	version=$(sed -n 's/^\(VERSION\|PATCHLEVEL\|SUBLEVEL\) = *//p' "$tree/Makefile" \
		2>/dev/null | paste -sd. || true)
	[ -r "$tree/$kconfig" ] ||
		die "KSRC=$tree is not a kernel tree with iommufd (no $kconfig); it takes a full one, of $(all_series | paste -sd' ')"
	SERIES=$(tree_series "$tree")
	MISSING=$(missing_features "$tree" | paste -sd" ")
	name="the tree $tree (kernel $version; these are the hooks of $SERIES)"
else
	load_kernel
	tree=$BUILD/linux-${RELEASE%%[+-]*}
	[ -d "$tree" ] || die "there is no $tree; run \"make patch\""
	# What hooks change is kept as it was, so that hooks can be changed.
	orig=$tree.orig
	name="kernel $RELEASE ($tree)"
fi

mkdir -p "$BUILD" 2>/dev/null || true
stage=$(mktemp -d "$([ -w "$BUILD" ] && echo "$BUILD" || echo "${TMPDIR:-/tmp}")/.stage.XXXXXX")
trap 'rm -rf "$stage"' EXIT

# ---- Upstream's files, as they were --------------------------------------

take_back_hooks()
{
	local patch

	for patch in $(list_hooks | sort -r); do
		patch -d "$stage" -p1 -R -F0 -f -s --no-backup-if-mismatch \
			<"$patch" >/dev/null 2>&1 ||
			die "$tree has hooks of another version of this project (${patch##*/} is not in it): take the changes to drivers/ back there, with git or from a pristine copy, and run again"
	done
	sed -i "\\#^$source_line#d" "$stage/$kconfig"
}

mapfile -t hooked < <({ list_hooks | xargs sed -n 's,^+++ b/,,p'; echo "$kconfig"; } | sort -u)
for f in "${hooked[@]}"; do
	[ -r "$tree/$f" ] || die "$name has no $f, which a hook changes"
	mkdir -p "$stage/${f%/*}"
	if [ -n "$orig" ]; then
		[ -e "$orig/$f" ] || {
			mkdir -p "$orig/${f%/*}"
			cp -p "$tree/$f" "$orig/$f"
		}
		cp "$orig/$f" "$stage/$f"
	else
		cp -p "$tree/$f" "$stage/$f"
	fi
done
[ -z "$orig" ] || [ -e "$orig/$mlx5" ] || {
	mkdir -p "$orig/${mlx5%/*}"
	cp -rp "$tree/$mlx5" "$orig/$mlx5"
}
# Undo the changes of hooks that no longer exist.
[ -z "$orig" ] || cp -rn "$orig/." "$stage/"
[ -n "$orig" ] || [ ! -d "$tree/drivers/iommu/iommufd/dirty" ] || take_back_hooks

# ---- With hooks and ours --------------------------------------------------

apply_hooks "$stage" "$name"
copy_all_ours "$stage"
cp "$TOP/drivers/mlx5/Kconfig" "$stage/$mlx5/"
cp "$TOP/Kconfig" "$stage/drivers/iommu/iommufd/dirty/Kconfig"
echo "$source_line" >>"$stage/$kconfig"

written=0
while read -r f; do
	cmp -s "$stage/$f" "$tree/$f" && continue
	mkdir -p "$tree/$(dirname "$f")"
	cp "$stage/$f" "$tree/$f" || die "$tree/$f cannot be written"
	written=$((written + 1))
done < <(cd "$stage" && find . -type f)

# Remove files of ours that no longer exist, and files that ours replace.
for dir in drivers/iommu/iommufd/{dirty,virt} drivers/vfio/dirty "$mlx5"; do
	if [ ! -d "$tree/$dir" ] || [ ! -d "$stage/$dir" ]; then
		continue
	fi
	while read -r f; do
		[ -e "$stage/$dir/$f" ] || rm -f "$tree/$dir/$f"
	done < <(cd "$tree/$dir" && find . -name '*.[ch]' ! -name '*.mod.c' -o -name 'K*' -o -name Makefile)
done

say "patched $tree ($written files written)"
