#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# root.sh [CODENAME]: make build/deb-test/root.tar, a Debian of this machine's release as an
# administrator has it before our packages: systemd, an older kernel of the newest series
# with its headers, dkms, and what the packages depend on; in build/deb-test/debs what
# the test installs besides: the newest kernel of the series, and one that is not
# supported; and in build/deb-test/firmware what a machine with Secure Boot starts with.
# With CODENAME: make only build/deb-test-CODENAME/root.tar, of that release, with its
# newest kernel. Needs the network once, through apt.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"
. "$TOP/build-aux/apt.sh"

load_kernel
dir=$BUILD/deb-test${1:+-$1}
# shellcheck disable=SC1091
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")

# Kernels of amd64 that have headers, oldest first: kernels SERIES
kernels()
{
	local release

	apt-cache pkgnames "linux-headers-$1." |
		sed -n 's/^linux-headers-\([0-9.]*\(+deb[0-9]*\|-[0-9]*\)-amd64\)$/\1/p' | sort -V |
		while read -r release; do
			! apt-cache policy "linux-image-$release" | grep 'Candidate: [0-9]' >/dev/null ||
				echo "$release"
		done
}

# packages_of RELEASE
packages_of()
{
	apt-cache depends --recurse --no-suggests --no-recommends --no-conflicts \
		--no-breaks --no-replaces --no-enhances "linux-image-$1" "linux-headers-$1" |
		grep -E '^linux-((image|headers|kbuild)-[0-9]|compiler-)' | grep -v -- -unsigned | sort -u
}

# The machine's own sources of its release and of its updates
sources()
{
	local f

	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ ! -r "$f" ] || grep -E "^deb[[:space:]].*[[:space:]]$codename(-security|-updates)?[[:space:]].*main" "$f" || true
	done
	for f in /etc/apt/sources.list.d/*.sources; do
		[ ! -r "$f" ] || awk -v RS= -v ORS='\n\n' -v codename="$codename" \
			'$0 ~ "(^|\n)Suites:[^\n]*[ \t]" codename "(-security|-updates)?([ \t\n]|$)"' "$f"
	done
}

# fetch DIR PACKAGE...: as files
fetch()
{
	local to=$1 p

	mkdir -p "$to"
	for p in "${@:2}"; do
		! compgen -G "$to/${p}_*.deb" >/dev/null || continue
		say "fetching $p ..."
		(cd "$to" && quietly apt-get -q -o APT::Sandbox::User=root download "$p") ||
			die "could not fetch $p; check the network and run again"
	done
}

# make_root CODENAME PACKAGE...
make_root()
{
	# What it is made of may have grown since it was made
	[ "$(cat "$dir/root.of" 2>/dev/null)" != "$*" ] || return 0
	rm -rf "$dir/root.tar.new" "$dir/root.of"
	say "making a Debian $1 (${dir#"$TOP/"}/root.tar) ..."
	sources | sed "s/\\b$codename\\b/$1/g" >"$dir/sources"
	# A small initrd, which is quick to make; none is used
	# shellcheck disable=SC2016 # for the hooks
	quietly mmdebstrap --mode=root --format=tar --variant=minbase \
		--aptopt='APT::Sandbox::User "root"' \
		--essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"' \
		--essential-hook='echo MODULES=list >"$1/etc/initramfs-tools/conf.d/deb-test"' \
		--include="$(IFS=,; echo "${*:2}")" \
		"$1" "$dir/root.tar.new" - <"$dir/sources" ||
		die "mmdebstrap failed; check the network and run again"
	mv "$dir/root.tar.new" "$dir/root.tar"
	echo "$*" >"$dir/root.of"
}

mkdir -p "$dir"
packages=(systemd-sysv udev kmod procps dbus initramfs-tools dkms gcc make libc6-dev openssl)
if [ $# -gt 0 ]; then
	make_root "$1" "${packages[@]}" linux-image-amd64 linux-headers-amd64
	exit 0
fi

# shellcheck disable=SC2153 # of kernel.env
series=${RELEASE%%.*}.$(cut -d. -f2 <<<"$RELEASE")
if [ ! -s "$dir/kernels" ]; then
	older=$(kernels "$series" | grep -vxF "$RELEASE" | tail -n 1)
	other=$(apt-cache pkgnames linux-headers- | sed -n 's/^linux-headers-\([0-9.]*\)-.*-amd64$/\1/p' |
		cut -d. -f1,2 | sort -uV | grep -vxF "$series" | sed -n 1p)
	other=$(kernels "$other" | tail -n 1)
	printf 'OLDER=%s\nNEWER=%s\nOTHER=%s\n' "$older" "$RELEASE" "$other" >"$dir/kernels.new"
	mv "$dir/kernels.new" "$dir/kernels"
fi
# shellcheck disable=SC1091,SC2153
. "$dir/kernels"
[ -n "$OLDER" ] || die "the package lists have no second kernel $series to upgrade from"

# shellcheck disable=SC2153
for release in $NEWER $OTHER; do
	# shellcheck disable=SC2046 # words
	fetch "$dir/debs" $(packages_of "$release")
done
if [ ! -d "$dir/firmware" ]; then
	rm -rf "$dir/firmware.new"
	fetch "$dir/firmware.new" ovmf shim-signed shim-helpers-amd64-signed grub-efi-amd64-signed
	for p in "$dir"/firmware.new/*.deb; do
		dpkg-deb -x "$p" "$dir/firmware.new"
	done
	mv "$dir/firmware.new" "$dir/firmware"
fi
make_root "$codename" "${packages[@]}" mokutil libjson-c5 libncurses6 libnl-3-200 \
	libnl-genl-3-200 "linux-image-$OLDER" "linux-headers-$OLDER"
