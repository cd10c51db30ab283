#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# modules.sh VARIANT [MAKE-ARGUMENT...]: build the modules of a variant
# (product, test, ours, check, coverage or upstream) in build/VARIANT; for the kernel
# KERNEL_DIR, if that is set. upstream is the kernel's iommufd and vfio without a line
# of ours, to compare with, and the virtual platform; ours is the product and that
# platform.
#
# The distribution's kernel hides what it was configured without; the make
# variables and -D options here show it again (CONTRIBUTING.md, "How the build is
# put together").
set -euo pipefail
. "$(dirname "$0")/lib.sh"

variant=$1
shift
dir=$BUILD/$variant

lock_build
load_kernel
kind=ours
[ "$variant" != upstream ] || kind=upstream
"$TOP/build-aux/overlay.sh" "$dir" $kind

module_flags "$dir"
variant_flags "$variant"

rm -f "$dir/.built"

# Show paths as they are in this tree.
if kbuild -C "$KDIR" M="$dir" V="${V:-0}" "${vars[@]}" KCFLAGS="${flags[*]}" "$@" \
		modules 2>&1; then
	# Newer kernels' kbuild has paths in it that begin in $dir.
	sed "s,^[^/],$dir/&," "$dir/modules.order" >"$dir/modules.list"
	touch "$dir/.built"
# Newer ones have no $dir before them.
fi | sed -u -e "s#\(^\|[[:space:]]\)\(drivers/iommu/iommufd/\(dirty\|virt\)/\)#\1$dir/\2#g" \
	-e "s#\(^\|[[:space:]]\)\(drivers/vfio/\)#\1$dir/\2#g" \
	-e "$(our_folders "$dir")" -e "s#$dir/#build/$variant/#g"
[ -e "$dir/.built" ] || die "the $variant modules did not build"
