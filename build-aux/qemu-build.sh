#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# qemu-build.sh: "make qemu-build". Build Debian 13's QEMU with the patches of
# contrib/qemu, so that its iommufd backend uses the dirty tracker, and those of
# contrib/qemu/iommu, so that its IOMMUs can set dirty bits: qemu-system-x86_64 and
# qemu-system-aarch64 in build/qemu/patched. Without what a guest on a serial port
# does not need: twelve minutes on two processors.
#
# Nothing is done if neither the patches, the uAPI header nor this script (the comments of
# both aside) have changed; when they have, the source is patched and built again as a whole.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt.sh"

SUITE=trixie
SERIES=10.0
# Debian's own that the build of its source needs
DEBIAN_PATCHES=(skip-unpack-edk2-blobs disable-pycotap microvm-default-machine-type)

work=$BUILD/qemu
result=$work/patched
log=$work/build.log
binaries=(qemu-system-x86_64 qemu-system-aarch64)
header=$TOP/uapi/linux/iommufd_dirty.h
patches=("$TOP"/contrib/qemu/*.patch "$TOP"/contrib/qemu/iommu/*.patch)

# fetch_source: orig and Debian's part, in $work/source
fetch_source()
{
	local apt=$work/.apt

	[ ! -d "$work/source" ] || return 0
	say "fetching the source of QEMU $SERIES (40 MB) ..."
	apt_private "$apt" deb-src "$SUITE"
	if ! quietly apt-get "${apt_opts[@]}" update ||
	   ! (cd "$apt/out" && quietly apt-get "${apt_opts[@]}" source --download-only qemu); then
		die "could not fetch the source package qemu of $SUITE; check the network and run again"
	fi
	compgen -G "$apt/out/qemu_$SERIES.*.orig.tar.xz" >/dev/null ||
		die "the source package qemu of $SUITE is not $SERIES, for which contrib/qemu is"
	rm -rf "$work/source.new"
	mkdir -p "$work/source.new"
	mv "$apt"/out/qemu_"$SERIES".*.tar.xz "$work/source.new/"
	mv "$work/source.new" "$work/source"
	rm -rf "$apt"
}

# Of Debian 12 it is too old. Only unpacked, like all that is not in the release.
fetch_meson()
{
	local apt=$work/.apt suite codename

	[ ! -d "$work/meson" ] || return 0
	# shellcheck disable=SC1091
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	suite=$codename
	[ "$codename" != bookworm ] || suite=bookworm-backports
	say "fetching meson of $suite (1 MB) ..."
	apt_private "$apt" deb "$suite"
	if ! quietly apt-get "${apt_opts[@]}" update ||
	   ! (cd "$apt/out" && quietly apt-get "${apt_opts[@]}" download meson); then
		die "could not fetch meson of $suite; check the network and run again"
	fi
	rm -rf "$work/meson.new"
	mkdir -p "$work/meson.new"
	dpkg-deb -x "$apt"/out/meson_*.deb "$work/meson.new"
	mv "$work/meson.new" "$work/meson"
	rm -rf "$apt"
}

# apply PATCH: to $tree, at the very place
apply()
{
	patch -d "$tree" -p1 -F0 -f -s --no-backup-if-mismatch <"$1" >>"$log" 2>&1 ||
		die "${1#"$TOP/"} does not apply to ${tree##*/} ($log)"
}

unpack()
{
	local p

	say "unpacking and patching it ..."
	rm -rf "$work/tree" "$work/tree.new"
	mkdir -p "$work/tree.new"
	tar -xJf "$work"/source/qemu_*.orig.tar.xz -C "$work/tree.new" --strip-components=1
	tar -xJf "$work"/source/qemu_*.debian.tar.xz -C "$work/tree.new"
	tree=$work/tree.new
	for p in "${DEBIAN_PATCHES[@]}"; do
		p=$(find "$tree/debian/patches" -name "$p.patch")
		[ -z "$p" ] || apply "$p"
	done
	for p in "${patches[@]}"; do
		apply "$p"
	done
	# As scripts/update-linux-headers.sh would
	cp "$header" "$tree/linux-headers/linux/iommufd_dirty.h"
	mv "$tree" "$work/tree"
	tree=$work/tree
}

build()
{
	local dir=$tree/build jobs b

	jobs=$(nproc)
	[[ ! ${MAKEFLAGS:-} =~ -j([0-9]+) ]] || jobs=${BASH_REMATCH[1]}
	say "building it, for about $((24 / jobs)) minutes ..."
	mkdir -p "$dir"
	(
		unset MAKEFLAGS MAKELEVEL MFLAGS
		export PYTHONPATH=$work/meson/usr/lib/python3/dist-packages
		export PATH=$work/meson/usr/bin:$PATH
		cd "$dir"
		../configure --python=/usr/bin/python3 --disable-download \
			--target-list=x86_64-softmmu,aarch64-softmmu --without-default-features \
			--enable-tcg --enable-kvm --enable-fdt=system \
			--disable-docs --disable-tools --disable-guest-agent \
			--disable-install-blobs &&
			ninja -j"$jobs" "${binaries[@]}"
	) >>"$log" 2>&1 || {
		grep -E 'error:|ERROR|FAILED' "$log" | tail -n 10 >&2 || tail -n 20 "$log" >&2
		die "QEMU did not build ($log)"
	}
	rm -rf "$result.new"
	mkdir -p "$result.new"
	for b in "${binaries[@]}"; do
		strip -o "$result.new/$b" "$dir/$b"
	done
	echo "$identity" >"$result.new/.identity"
	rm -rf "$result"
	mv "$result.new" "$result"
}

"$TOP/build-aux/setup.sh" build qemu-build
mkdir -p "$work"
# Not the lock of build/, which other commands need while this runs
exec 6>"$work/.lock-build"
flock -n 6 || {
	say "waiting for another build of QEMU ..."
	flock 6
}
: >"$log"
identity=$({ grep -v "^#" "$0"
	cat "${patches[@]}"
	gcc -fpreprocessed -dD -E -P "$header"; } | sha256sum)
if [ "$(cat "$result/.identity" 2>/dev/null)" != "$identity" ]; then
	fetch_source
	fetch_meson
	unpack
	build
	rm -rf "$work/tree"
fi
say "QEMU with the tracker: ${result#"$TOP/"}/qemu-system-x86_64 (make qemu QEMU=...)"
