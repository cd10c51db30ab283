#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# deb.sh [DIR [SUFFIX]]: "make deb". The Debian packages, in DIR (build/deb), from a tree
# that is put together in DIR/tree: the files of this repository, and in overlay/ those of
# the kernel's source (dkms-tree.sh). The same files give the same packages. SUFFIX is
# added to the version.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

dir=${1:-$BUILD/deb}
suffix=${2:-}
lock_build
load_kernel
rm -rf "$dir"
mkdir -p "$dir/tree"
log=$dir/build.log

# What is in the repository or could be; not what a build left
(cd "$TOP" && find . -path ./build -prune -o -path ./.git -prune -o -type f ! -name '*.o' \
	! -name '*.ko' -print0 | tar -c --null -T -) | tar -x -C "$dir/tree"
chmod -R u=rwX,go=rX "$dir/tree"
sed -i "1s/)/$suffix)/" "$dir/tree/debian/changelog"
"$TOP/build-aux/dkms-tree.sh" "$dir/tree/overlay" \
	"$(sed -n '1s/.*(\(.*\)).*/\1/p' "$dir/tree/debian/changelog")"

# Ours are for another make
unset MAKEFLAGS MAKEOVERRIDES MAKELEVEL MFLAGS CFLAGS LDFLAGS V
(cd "$dir/tree" && dpkg-buildpackage -b -us -uc "-j$(nproc)") >"$log" 2>&1 || {
	grep -E '[Ee]rror|dpkg-checkbuilddeps' "$log" >&2 || tail -n 20 "$log" >&2
	die "the packages did not build ($log)"
}
rm -rf "$dir/tree"
for f in "$dir"/*.deb; do
	say "built ${f#"$TOP/"}"
done
