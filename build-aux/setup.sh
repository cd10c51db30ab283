#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# setup.sh [build] [vm] [check] [unit] [model] [plot] [deb] [deb-test] [docs] [tree]
# [matrix] [conformance] [qemu-build] [tools]: make the machine able to do these things;
# without arguments, the first five. "tools" is to build programs and run them here, "deb"
# to make Debian packages, "deb-test" to install them, "tree" a full kernel tree to patch
# and build, "matrix" a compiler for arm64 besides, "conformance" what upstream's tests
# link, "qemu-build" what a build of QEMU needs.
#
# Installs the Debian packages that are missing, and puts the kernel's image,
# headers and source under build/, all of one version and without installing a
# kernel. What is there already is neither fetched nor asked for again, so a
# second run needs no network. Every step is made in a temporary place and
# renamed, so an interrupted run is repaired by the next.
#
# Environment: KERNEL= the series, of kernels/series; ARCH= arm64 or arm64-16k in place of
# amd64; KDIR= headers and KSRC= kernel source to take instead of the packages'; UPDATE=1 to
# move to the newest kernel.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt.sh"
. "$(dirname "$0")/toolchain.sh"

SERIES=$KERNEL
GREATEST_SHA256=4ecd1c1c1b1d2cd7f0c8b0c9d87f92030b9ef7910da3a8197076b17d13076940

# Out of the source package; the rest of the kernel is not unpacked.
SOURCE_PARTS=(
	.clang-format COPYING LICENSES/preferred/GPL-2.0 Makefile
	Documentation/sphinx
	drivers/iommu/iommufd drivers/iommu/iommu-priv.h drivers/vfio
	Documentation/netlink/genetlink.yaml tools/net/ynl
	include/uapi/linux/iommufd.h include/uapi/linux/vfio.h
	include/linux/export.h include/linux/gfp.h include/linux/iommu.h
	include/linux/msi.h include/linux/pci.h include/linux/vfio.h
	include/linux/vfio_pci_core.h include/linux/workqueue.h
	lib/interval_tree.c
	scripts/checkpatch.pl scripts/const_structs.checkpatch
	scripts/spelling.txt
	tools/testing/selftests/iommu
	tools/testing/selftests/kselftest.h
	tools/testing/selftests/kselftest_harness.h
)
# Others have moved from one series to the next.
case $SERIES in
6.12) SOURCE_PARTS+=(scripts/kernel-doc) ;;
*) SOURCE_PARTS+=(tools/docs/kernel-doc tools/lib/python include/uapi/linux/stddef.h
		  drivers/iommu/generic_pt drivers/iommu/iommu-pages.h) ;;
esac
# What kernels/SERIES/watch compares, as far as it is not among these
while read -r part; do
	for p in "${SOURCE_PARTS[@]}"; do
		[[ "$part/" != "$p/"* ]] || continue 2
	done
	SOURCE_PARTS+=("$part")
done < <(awk '$3 != "absent" { print $1 }' "$TOP/kernels/$SERIES/watch" | sort -u)

want=("$@")
[ $# -gt 0 ] || want=(build vm check unit model)

wants()
{
	[[ " ${want[*]} " == *" $1 "* ]]
}

# ---- Debian packages ------------------------------------------------------

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		return 126
	fi
}

# The kernel is from suites that the machine does not have: apt_opts are for a place in
# build/ that has them. Empty: it is from the machine's own.
apt_opts=()
suites=$(awk -v series="$SERIES" '$1 == series { $1 = ""; print }' "$TOP/kernels/series")
use_suites()
{
	# Where the suites are the machine's own, they are used as they are.
	[ -n "${suites// }$CROSS" ] && [ -z "${KDIR:-}" ] || return 0
	# The lists are its own, too.
	updated=
	if [ -z "${suites// }" ]; then
		apt_foreign "$FETCHED/apt-$DEB_ARCH"
		return
	fi
	apt_options "$BUILD/apt"
	[ -d "$BUILD/apt/parts" ] && return
	# shellcheck disable=SC2086 # words
	apt_private "$BUILD/apt" deb $suites
}

updated=
update_lists()
{
	[ -z "$updated" ] || return 0
	updated=yes
	if [ ${#apt_opts[@]} -gt 0 ]; then
		say "updating the package lists of ${suites:-$DEB_ARCH} ..."
		quietly apt-get "${apt_opts[@]}" update || true
	else
		say "updating the package lists ..."
		quietly as_root apt-get -q update || true
	fi
}

install_missing()
{
	local need=(gcc libc6-dev patch xz-utils kmod) missing=() p rc=0

	[ -z "$CROSS" ] || need+=("gcc-$TRIPLET" "libc6-dev-$DEB_ARCH-cross")
	[ "$DEB_ARCH" != arm64 ] || ! wants vm || need+=(qemu-system-arm)
	wants vm && need+=(qemu-system-x86 busybox-static cpio)
	! wants vm && ! wants tools ||
		need+=(libnl-3-dev libnl-genl-3-dev libjson-c-dev libncurses-dev)
	wants model && need+=(spin)
	wants conformance && need+=(libcap-dev uuid-dev)
	wants plot && need+=(gnuplot-nox)
	wants check && need+=(sparse shellcheck perl)
	wants docs && need+=(python3-sphinx perl)
	wants tree && need+=(bc bison flex libelf-dev perl)
	wants matrix && need+=(gcc-aarch64-linux-gnu)
	wants deb && need+=(build-essential debhelper dh-dkms lintian pkg-config
			      libnl-3-dev libnl-genl-3-dev libjson-c-dev libncurses-dev)
	wants deb-test && need+=(mmdebstrap)
	wants qemu-build && need+=(ninja-build pkg-config python3-venv libglib2.0-dev
				     zlib1g-dev libfdt-dev)
	for p in "${need[@]}"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
			missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
		die "packages are missing and this is neither root nor is there sudo; have someone run: apt-get install ${missing[*]}"
	say "installing packages: ${missing[*]} ..."
	apt-cache show "${missing[@]}" >/dev/null 2>&1 || update_lists
	apt_install "${missing[@]}" || {
		# Lists that are too old name files that the archive no longer has.
		update_lists
		apt_install "${missing[@]}" || rc=$?
	}
	[ $rc = 0 ] ||
		die "could not install packages; check the network and /etc/apt, then run again (by hand: apt-get install ${missing[*]})"
}

apt_install()
{
	quietly as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get -q -y -o DPkg::Lock::Timeout=120 \
		install --no-install-recommends "$@"
}

# ---- Which kernel ---------------------------------------------------------

# One field of the candidate version of a package, "" if there is none.
field()
{
	apt-cache "${apt_opts[@]}" --no-all-versions show "$1" 2>/dev/null |
		sed -n "s/^$2: //p" | head -n 1
}

# newest_headers META: RELEASE of the newest headers of the series: META's or, since others
# have none for the series, the newest by name
newest_headers()
{
	local release

	release=$(field "$1" Depends | sed -n 's/.*linux-headers-\([0-9][^ ,]*\).*/\1/p')
	[ -n "$release" ] || release=$(apt-cache "${apt_opts[@]}" pkgnames "linux-headers-$SERIES." |
		sed -n 's/^linux-headers-\([0-9.+a-z]*-'"$ARCH"'\)$/\1/p' | sort -V | tail -n 1)
	echo "$release"
}

choose_kernel()
{
	local meta=linux-headers-$SERIES-$ARCH

	RELEASE='' PKGVER=''
	if [ -n "${KDIR:-}" ]; then
		[ -r "$KDIR/include/config/kernel.release" ] ||
			die "KDIR=$KDIR has no built kernel headers (no include/config/kernel.release)"
		RELEASE=$(cat "$KDIR/include/config/kernel.release")
		return
	fi
	if [ -z "${UPDATE:-}" ] && [ -r "$BUILD/kernel.chosen" ]; then
		# shellcheck disable=SC1091
		. "$BUILD/kernel.chosen"
		return
	fi
	[ -z "${UPDATE:-}" ] || update_lists
	[ -n "$(newest_headers "$meta")" ] || update_lists
	RELEASE=$(newest_headers "$meta")
	[ -n "$RELEASE" ] ||
		die "there is no package with the headers of a kernel $SERIES in ${suites:-the lists of this machine}; it comes with Debian 12's security archive (bookworm-security) and with Debian 13: check the network and /etc/apt/sources.list, then run again"
	PKGVER=$(field "linux-headers-$RELEASE" Version)
	printf 'RELEASE=%s\nPKGVER=%s\n' "$RELEASE" "$PKGVER" >"$BUILD/kernel.chosen.new"
	mv "$BUILD/kernel.chosen.new" "$BUILD/kernel.chosen"
}

# ---- Fetching and unpacking -----------------------------------------------

need_space()
{
	local mb=$1 free

	free=$(df -Pm "$BUILD" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$mb" ] ||
		die "$mb MB are needed under $BUILD and $free MB are free; make room and run again"
}

# Of packages that are not the kernel's
declare -A version_of=()
deb_of()
{
	echo "$FETCHED/dl/${1}_${version_of[$1]:-$PKGVER}.deb"
}

# With KDIR= the version of the packages follows from the headers' release.
need_version()
{
	local image=linux-image-$RELEASE-unsigned

	[ -z "$PKGVER" ] || return 0
	[ -n "$(field "$image" Version)" ] || update_lists
	PKGVER=$(field "$image" Version)
	[ -n "$PKGVER" ] ||
		die "there is no Debian package of kernel $RELEASE; give its source with KSRC=, and use verbs that need no VM"
}

# Fetch packages of version $PKGVER that are not in build/dl yet. apt compares
# each with the hash in the signed lists before it gives it its name.
fetch()
{
	local p size=0 s missing=() versions=() tmp=$FETCHED/dl/.partial

	need_version
	for p in "$@"; do
		if [ -e "$(deb_of "$p")" ]; then
			dpkg-deb -I "$(deb_of "$p")" >/dev/null 2>&1 && continue
			rm -f "$(deb_of "$p")"
		fi
		missing+=("$p")
		versions+=("$p=${version_of[$p]:-$PKGVER}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	apt-cache "${apt_opts[@]}" show "${versions[@]}" >/dev/null 2>&1 || update_lists
	for p in "${versions[@]}"; do
		s=$(apt-cache "${apt_opts[@]}" show "$p" 2>/dev/null |
			sed -n 's/^Size: //p' | head -n 1)
		[ -n "$s" ] ||
			die "$p is not in the package lists (any more): check the network, or run \"make setup UPDATE=1\" to take the newest kernel"
		size=$((size + s / 1000000 + 1))
	done
	# Twice: apt's part and what comes out of it; and the objects.
	need_space $((size * 2 + 400))
	say "fetching ${missing[*]} ($size MB) ..."
	rm -rf "$tmp"
	mkdir -p "$tmp"
	(cd "$tmp" && apt_download "${versions[@]}") || {
		update_lists
		(cd "$tmp" && apt_download "${versions[@]}") ||
			die "could not fetch ${missing[*]}; check the network and run again (what is complete is kept)"
	}
	for p in "${missing[@]}"; do
		mv "$tmp/${p%:*}"_*.deb "$(deb_of "$p")"
	done
	rm -rf "$tmp"
}

apt_download()
{
	local user=()

	# As root, apt would complain that its own user cannot write here.
	[ "$(id -u)" != 0 ] || user=(-o APT::Sandbox::User=root)
	quietly apt-get -q "${apt_opts[@]}" "${user[@]}" -o Acquire::Retries=2 download "$@"
}

# unpack_debs DIR PACKAGE...: DIR appears when it is complete.
unpack_debs()
{
	local dir=$1 p

	shift
	[ ! -d "$dir" ] || return 0
	fetch "$@"
	rm -rf "$dir.new"
	mkdir -p "$dir.new"
	for p in "$@"; do
		dpkg-deb -x "$(deb_of "$p")" "$dir.new" || {
			rm -f "$(deb_of "$p")"
			die "could not unpack $p (disk full, or a bad file, which is now removed); run again"
		}
	done
	mv "$dir.new" "$dir"
}

setup_headers()
{
	local version=${RELEASE%"-$ARCH"} dir=$BUILD/headers-$RELEASE makefile

	if [ -z "${KDIR:-}" ]; then
		KDIR=$dir/usr/src/linux-headers-$RELEASE
		unpack_debs "$dir" "linux-headers-$RELEASE" \
			"linux-headers-$version-common" "linux-kbuild-$version"
		# Absolute paths: "include /usr/src/...-common/Makefile", KBUILD_OUTPUT
		makefile=$KDIR/Makefile
		# shellcheck disable=SC2016
		sed -i -e 's,^include /usr/src/,include $(dir $(lastword $(MAKEFILE_LIST)))../,' \
			-e "s,^KBUILD_OUTPUT=.*,KBUILD_OUTPUT=$KDIR," "$makefile"
	fi
	KDIR=$(cd "$KDIR" && pwd)
	case $(sed -n 's/^CONFIG_IOMMUFD=//p' "$KDIR/.config" 2>/dev/null) in
	m) say "note: kernel $RELEASE has an iommufd module of its own, which ours replaces; its vmlinux has the iova_bitmap of upstream" ;;
	y) die "kernel $RELEASE has iommufd in its vmlinux, which no module can replace; build a kernel from \"make patch\"" ;;
	esac
}

# The compiler that the headers name; of the kernel's own release, if this has none.
setup_compiler()
{
	local compiler package dir=$BUILD/toolchain p

	compiler=$(compiler_of "$KDIR")
	package=$compiler${CROSS:+-$TRIPLET}
	TOOLS=''
	! command -v "$TRIPLET-$compiler" >/dev/null || return 0
	if [ ${#apt_opts[@]} = 0 ] ||
	   [ -n "$(apt-cache --no-all-versions show "$package" 2>/dev/null)" ]; then
		say "installing packages: $package ..."
		apt_install "$package" || {
			update_lists
			apt_install "$package"
		} || die "could not install $compiler, with which kernel $RELEASE was built"
		return
	fi
	TOOLS=$dir/bin
	[ ! -d "$dir" ] || return 0
	for p in $(toolchain_packages "$compiler"); do
		[ -n "$(field "$p" Version)" ] || update_lists
		version_of[$p]=$(field "$p" Version)
	done
	# shellcheck disable=SC2046 # words
	unpack_debs "$dir.unpacked" $(toolchain_packages "$compiler")
	toolchain_wrap "$dir.unpacked" "$dir" "$compiler"
	kbuild_wrap "$BUILD/headers-$RELEASE/usr/lib" "$dir"
	mv "$dir.unpacked" "$dir"
}

setup_image()
{
	KROOT=$BUILD/image-$RELEASE
	# Since 6.19 what was one package is several
	if [ ! -d "$KROOT" ] && wants vm; then
		if [ -n "$(field "linux-binary-$RELEASE" Version)" ]; then
			unpack_debs "$KROOT" "linux-binary-$RELEASE" "linux-modules-$RELEASE"
		else
			unpack_debs "$KROOT" "linux-image-$RELEASE-unsigned"
		fi
	fi
}

# Always of the machine's own release, as the cross compiler's C library is
setup_guest()
{
	local p packages=() PKGVER=none

	[ -n "$CROSS" ] && wants vm && [ ! -d "$GUEST" ] || return 0
	apt_foreign "$FETCHED/apt-$DEB_ARCH"
	updated=
	for p in $GUEST_PACKAGES; do
		p+=:$DEB_ARCH
		[ -n "$(field "$p" Version)" ] || update_lists
		version_of[$p]=$(field "$p" Version)
		packages+=("$p")
	done
	unpack_debs "$GUEST" "${packages[@]}"
}

setup_source()
{
	local package=linux-source-$SERIES dir parts

	if [ -n "${KSRC:-}" ]; then
		[ -r "$KSRC/drivers/iommu/iommufd/main.c" ] ||
			die "KSRC=$KSRC is not a kernel source tree (no drivers/iommu/iommufd/main.c)"
		[ ! -d "$KSRC/drivers/iommu/iommufd/dirty" ] ||
			die "KSRC=$KSRC was patched already (make patch); the modules are built from an unmodified tree, so give one that was not"
		KSRC=$(cd "$KSRC" && pwd)
		return
	fi
	[[ $RELEASE == "$SERIES".* ]] ||
		die "kernel $RELEASE is not of series $SERIES; give its source with KSRC="
	dir=$BUILD/source-${RELEASE%%[+-]*}
	KSRC=$dir
	# What is needed of it may have grown since it was unpacked
	[ "$(cat "$dir/.parts" 2>/dev/null)" != "${SOURCE_PARTS[*]}" ] || return 0
	fetch "$package"
	say "unpacking the kernel source ..."
	rm -rf "$dir.new"
	mkdir -p "$dir.new"
	parts=("${SOURCE_PARTS[@]/#/$package/}")
	dpkg-deb --fsys-tarfile "$(deb_of "$package")" |
		tar -xO "./usr/src/$package.tar.xz" |
		xz -dc -T0 |
		tar -x -C "$dir.new" --strip-components=1 "${parts[@]}" || {
			rm -f "$(deb_of "$package")"
			die "could not unpack $package (disk full, or a bad file, which is now removed); run again"
		}
	echo "${SOURCE_PARTS[*]}" >"$dir.new/.parts"
	rm -rf "$dir"
	mv "$dir.new" "$dir"
}

# The whole kernel, for the verbs that patch or build it. Always the package's.
setup_tree()
{
	local package=linux-source-$SERIES dir=$BUILD/linux-${RELEASE%%[+-]*}

	[ ! -d "$dir" ] || return 0
	[[ $RELEASE == "$SERIES".* ]] ||
		die "kernel $RELEASE is not of series $SERIES, of which there is a source package; run without KDIR="
	fetch "$package"
	need_space 2000
	say "unpacking the full kernel source (1.6 GB) ..."
	rm -rf "$dir.new"
	mkdir -p "$dir.new"
	dpkg-deb --fsys-tarfile "$(deb_of "$package")" |
		tar -xO "./usr/src/$package.tar.xz" |
		xz -dc -T0 |
		tar -x -C "$dir.new" --strip-components=1 || {
			rm -f "$(deb_of "$package")"
			die "could not unpack $package (disk full, or a bad file, which is now removed); run again"
		}
	mv "$dir.new" "$dir"
}

# ---- greatest.h -----------------------------------------------------------

# The header-only test library is not a package of its own; the source package
# of fzy carries it unmodified. deb-src is off on most machines, so apt gets a
# copy of the machine's own sources with it on, and a state directory of ours.
setup_greatest()
{
	local apt=$FETCHED/.apt dir=$FETCHED/greatest codename tarball

	[ ! -e "$dir/greatest.h" ] || return 0
	say "fetching greatest.h (in Debian's source package fzy) ..."
	# shellcheck disable=SC1091
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	apt_private "$apt" deb-src "$codename"
	if ! quietly apt-get "${apt_opts[@]}" update ||
	   ! (cd "$apt/out" && quietly apt-get "${apt_opts[@]}" source --download-only fzy); then
		die "could not fetch the source package fzy; check the network and run again"
	fi
	tarball=$(echo "$apt"/out/fzy_*.orig.tar.*)
	mkdir -p "$dir"
	tar -xOf "$tarball" --wildcards '*/deps/greatest/greatest.h' >"$dir/greatest.h.new"
	echo "$GREATEST_SHA256  $dir/greatest.h.new" | sha256sum -c --status ||
		die "greatest.h in ${tarball##*/} is not the version this project was written for"
	mv "$dir/greatest.h.new" "$dir/greatest.h"
	rm -rf "$apt"
}

# ---------------------------------------------------------------------------

[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] ||
	die "this needs Debian (or a relative of it) on amd64"
for p in "${want[@]}"; do
	[ -z "$CROSS" ] || [[ " build vm unit model plot " == *" $p "* ]] ||
		die "ARCH=$ARCH is for modules, test-modules, kselftest, vm, vm-test and install"
done
lock_build
all_series | grep -qxF "$SERIES" ||
	die "KERNEL=$SERIES: must be one of $(all_series | paste -sd" ")"
mkdir -p "$BUILD" "$FETCHED/dl"
install_missing
use_suites
choose_kernel
setup_headers
setup_compiler
setup_source
setup_image
setup_guest
! wants unit || setup_greatest
! wants tree || setup_tree

printf 'RELEASE=%q\nKDIR=%q\nKSRC=%q\nKROOT=%q\nTOOLS=%q\n' \
	"$RELEASE" "$KDIR" "$KSRC" "$KROOT" "$TOOLS" >"$BUILD/kernel.env.new"
cmp -s "$BUILD/kernel.env.new" "$BUILD/kernel.env" ||
	say "kernel $RELEASE is ready"
mv "$BUILD/kernel.env.new" "$BUILD/kernel.env"

# The packages have modules for each of these.
if wants deb; then
	for other in $(packaged_series | grep -vxF "$SERIES"); do
		env -u KSRC -u KDIR KERNEL="$other" "$0" build
	done
fi
