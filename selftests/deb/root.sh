#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# root.sh SUITE: make build/deb-test/SUITE/root.tar, a Debian of that release (bookworm,
# trixie) as an administrator has it before our packages: systemd, an older kernel of the
# release's series with its headers, dkms, and what the packages depend on; in debs/ beside
# it what the test installs besides: the newest kernel of the series, that of the newest
# series of debian/series, and one that is not supported, where the release and its backports
# have them; and in firmware/ what a machine with Secure Boot starts with. Needs the
# network once, through apt.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"
. "$TOP/build-aux/apt.sh"

load_kernel
suite=$1
dir=$BUILD/deb-test/$suite
# shellcheck disable=SC1091
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
apt_opts=()

# Kernels of amd64 that have headers, oldest first: kernels SERIES
kernels()
{
	local release

	apt-cache "${apt_opts[@]}" pkgnames "linux-headers-$1." |
		sed -n 's/^linux-headers-\([0-9.]*\(+deb[0-9.]*\|-[0-9]*\)-amd64\)$/\1/p' | sort -V |
		while read -r release; do
			! apt-cache "${apt_opts[@]}" policy "linux-image-$release" |
				grep 'Candidate: [0-9]' >/dev/null || echo "$release"
		done
}

# packages_of RELEASE
packages_of()
{
	apt-cache "${apt_opts[@]}" depends --recurse --no-suggests --no-recommends --no-conflicts \
		--no-breaks --no-replaces --no-enhances "linux-image-$1" "linux-headers-$1" |
		grep -E '^linux-((image|headers|kbuild|base|binary|modules)-[0-9]|compiler-)' |
		grep -v -- -unsigned | sort -u
}

# What a kernel of the backports depends on that is of the release
needs_of_backports()
{
	local release

	[ -n "$OTHER$NEXT" ] || return 0
	apt-cache "${apt_opts[@]}" madison linux-base |
		sed -n "s, *\([^ ]*\) .* $suite-backports/.*,\1/$suite-backports,p" | sort -u
	for release in $OTHER $NEXT; do
		apt-cache "${apt_opts[@]}" depends "linux-headers-$release" |
			sed -n 's/.*Depends: \(gcc-[0-9]*-for-host\)$/\1/p'
	done | sort -u
}

# The machine's own sources of its release and of its updates, for this release
sources()
{
	local f space='[[:space:]]' suites="$codename(-security|-updates)?"

	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ ! -r "$f" ] || grep -E "^deb$space.*$space$suites$space.*main" "$f" || true
	done
	for f in /etc/apt/sources.list.d/*.sources; do
		[ ! -r "$f" ] || awk -v RS= -v ORS='\n\n' -v codename="$codename" \
			'$0 ~ "(^|\n)Suites:[^\n]*[ \t]" codename "(-security|-updates)?([ \t\n]|$)"' "$f"
	done
}

# Another release than the machine's has a place for apt of its own, with its backports,
# which have newer kernels.
use_suite()
{
	local parts=$dir/apt/parts

	[ "$suite" != "$codename" ] || return 0
	apt_options "$dir/apt"
	[ ! -d "$dir/apt/done" ] || return 0
	rm -rf "$dir/apt"
	mkdir -p "$parts" "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial"
	if grep -q ^Suites: "$dir/sources"; then
		sed "s/^\\(Suites:.* $suite-updates\\)/\\1 $suite-backports/" "$dir/sources" \
			>"$parts/copy.sources"
	else
		sed "p; s/ $suite-updates / $suite-backports /" "$dir/sources" | sort -u \
			>"$parts/copy.list"
	fi
	say "fetching the package lists of $suite ..."
	quietly apt-get "${apt_opts[@]}" update || die "could not fetch the lists; check the network"
	mkdir "$dir/apt/done"
}

# fetch DIR PACKAGE...: as files
fetch()
{
	local to=$1 p

	mkdir -p "$to"
	for p in "${@:2}"; do
		! compgen -G "$to/${p}_*.deb" >/dev/null || continue
		say "fetching $p ..."
		(cd "$to" && quietly apt-get -q "${apt_opts[@]}" -o APT::Sandbox::User=root download "$p") ||
			die "could not fetch $p; check the network and run again"
	done
}

# Folders of drivers whose devices neither the VMs nor the packages have. depmod unpacks each
# module whenever dkms installs or removes one, which takes minutes in a VM without KVM.
without=(sound drivers/{ata,bluetooth,comedi,gpu,hid,hwmon,iio,infiniband,input,leds,media}
	drivers/{misc,mtd,net/wireless,platform,scsi,usb,video,w1})

# make_root PACKAGE...
make_root()
{
	local from=$dir/sources made_of="$* without ${without[*]}" excluded

	# What it is made of may have changed since it was made
	[ "$(cat "$dir/root.of" 2>/dev/null)" != "$made_of" ] || return 0
	rm -rf "$dir/root.tar.new" "$dir/root.of"
	say "making a Debian $suite (${dir#"$TOP/"}/root.tar) ..."
	[ "$suite" = "$codename" ] || from=$(echo "$dir"/apt/parts/copy.*)
	mapfile -t excluded < <(printf -- '--dpkgopt=path-exclude=*/lib/modules/*/kernel/%s/*\n' \
		"${without[@]}")
	# A small initrd, which is quick to make; none is used. The options of dpkg remain in
	# the root, for the kernels that are installed later.
	# shellcheck disable=SC2016 # for the hooks
	quietly mmdebstrap --mode=root --format=tar --variant=minbase \
		--aptopt='APT::Sandbox::User "root"' \
		"${excluded[@]}" \
		--essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"' \
		--essential-hook='echo MODULES=list >"$1/etc/initramfs-tools/conf.d/deb-test"' \
		--include="$(IFS=,; echo "$*")" \
		"$suite" "$dir/root.tar.new" - <"$from" ||
		die "mmdebstrap failed; check the network and run again"
	mv "$dir/root.tar.new" "$dir/root.tar"
	echo "$made_of" >"$dir/root.of"
}

mkdir -p "$dir"
sources | sed "s/\\b$codename\\b/$suite/g" >"$dir/sources"
use_suite

# shellcheck disable=SC2153 # of kernel.env
series=${RELEASE%%.*}.$(cut -d. -f2 <<<"$RELEASE")
if [ ! -s "$dir/kernels" ]; then
	# The newest is the one that everything else is tested with, where it is for this release.
	newer=$RELEASE
	[ "$suite" = "$codename" ] || newer=$(kernels "$series" | tail -n 1)
	older=$(kernels "$series" | grep -vxF "$newer" | tail -n 1) || true
	other=$(apt-cache "${apt_opts[@]}" pkgnames linux-headers- |
		sed -n 's/^linux-headers-\([0-9.]*\)[-+].*amd64$/\1/p' |
		cut -d. -f1,2 | sort -uV | grep -vxF "$(packaged_series)" | sed -n 1p) || true
	[ -z "$other" ] || other=$(kernels "$other" | tail -n 1)
	next=$(packaged_series | tail -n 1)
	[ "$next" = "$series" ] && next='' || next=$(kernels "$next" | tail -n 1)
	printf 'OLDER=%s\nNEWER=%s\nNEXT=%s\nOTHER=%s\n' "$older" "$newer" "$next" "$other" \
		>"$dir/kernels.new"
	mv "$dir/kernels.new" "$dir/kernels"
fi
# shellcheck disable=SC1091,SC2153
. "$dir/kernels"
[ -n "$OLDER" ] || die "the package lists of $suite have no second kernel $series to upgrade from"

# shellcheck disable=SC2153
for release in $NEWER $NEXT $OTHER; do
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
# shellcheck disable=SC2046 # words
make_root systemd-sysv udev kmod procps dbus initramfs-tools dkms gcc make libc6-dev openssl \
	mokutil libjson-c5 libncurses6 libnl-3-200 libnl-genl-3-200 \
	"linux-image-$OLDER" "linux-headers-$OLDER" $(needs_of_backports)
