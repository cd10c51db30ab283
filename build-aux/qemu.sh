#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# qemu.sh DIR: fill DIR with a QEMU that can run inside of the VM: the binary, its
# loader, its libraries and the firmware that an x86 guest needs, all in one
# folder. In the VM it is started as
#
#	ld-linux-x86-64.so.2 --library-path FOLDER qemu-system-x86_64 -L FOLDER
#
# Which QEMU: $QEMU, if that is set; else the machine's own if it is new enough to
# migrate VFs with iommufd (9.1); else that of Debian 12's backports, which is
# fetched into build/qemu and not installed. What is there already is not made
# again.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/apt.sh"

SUITE=bookworm-backports
PACKAGES=(qemu-system-x86 qemu-system-data seabios)
FIRMWARE=(bios-256k.bin kvmvapic.bin linuxboot_dma.bin multiboot_dma.bin)

dir=${1:?usage: qemu.sh DIR}
fetched=$BUILD/qemu/$SUITE

# new_enough BINARY
new_enough()
{
	local version

	version=$("$1" --version 2>/dev/null |
		sed -n 's/^QEMU emulator version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
	# shellcheck disable=SC2086
	set -- $version
	[ $# = 2 ] && [ $(($1 * 100 + $2)) -ge 901 ]
}

# The packages of $SUITE that the machine has older, unpacked in $fetched.
fetch_qemu()
{
	local apt=$BUILD/qemu/.apt p f

	[ ! -d "$fetched" ] || return 0
	# shellcheck disable=SC1091
	[ "$(. /etc/os-release && echo "$VERSION_CODENAME")" = "${SUITE%-*}" ] ||
		die "this machine's QEMU cannot migrate VFs, and a newer one is fetched for Debian 12 only; give QEMU 9.1 or newer with QEMU=/path/to/qemu-system-x86_64"
	say "fetching QEMU of $SUITE (13 MB) ..."
	apt_private "$apt" deb "$SUITE"
	if ! quietly apt-get "${apt_opts[@]}" update ||
	   ! quietly apt-get "${apt_opts[@]}" -y --no-install-recommends \
		-o Debug::NoLocking=1 -o Acquire::Retries=2 --download-only \
		install -t "$SUITE" "${PACKAGES[@]}"; then
		die "could not fetch ${PACKAGES[*]} of $SUITE; check the network and that the mirror has it, or give QEMU 9.1 or newer with QEMU=/path/to/qemu-system-x86_64"
	fi
	rm -rf "$fetched.new"
	mkdir -p "$fetched.new"
	for f in "$apt"/cache/archives/*.deb; do
		p=${f##*/}
		[[ " ${PACKAGES[*]} " != *" ${p%%_*} "* ]] ||
			dpkg-deb -x "$f" "$fetched.new"
	done
	[ -x "$fetched.new/usr/bin/qemu-system-x86_64" ] ||
		die "$SUITE has no qemu-system-x86_64 for this machine; give one with QEMU=/path/to/qemu-system-x86_64"
	mv "$fetched.new" "$fetched"
	rm -rf "$apt"
}

# Set binary, and share: the folders where its firmware may be.
choose_qemu()
{
	local own

	own=$(command -v qemu-system-x86_64 || true)
	if [ -n "${QEMU:-}" ]; then
		binary=$(command -v "$QEMU") ||
			die "QEMU=$QEMU: there is no such program"
		new_enough "$binary" ||
			die "QEMU=$QEMU does not run, or is older than 9.1"
	elif [ -n "$own" ] && new_enough "$own"; then
		binary=$own
	else
		fetch_qemu
		binary=$fetched/usr/bin/qemu-system-x86_64
		share=("$fetched/usr/share/qemu" "$fetched/usr/share/seabios")
		return
	fi
	mapfile -t share < <("$binary" -L help)
	# One that was not installed has none, or only what it was built with.
	share+=("$fetched/usr/share/qemu" /usr/share/qemu /usr/share/seabios)
}

# Its loader and all libraries, one a line. Those of a package that was not
# installed are the machine's, whose versions the package's depend on.
list_libraries()
{
	local loader

	loader=$(LC_ALL=C readelf -l "$binary" |
		sed -n 's/.*program interpreter: \(.*\)].*/\1/p')
	[ -n "$loader" ] || return 0	# a static one
	"$loader" --list "$binary" |
		sed -n 's/.* => \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p'
}

bundle()
{
	local f d

	rm -rf "$dir.new"
	mkdir -p "$dir.new"
	cp -L "$binary" "$dir.new/qemu-system-x86_64"
	for f in $(list_libraries); do
		cp -L "$f" "$dir.new/"
	done
	for f in "${FIRMWARE[@]}"; do
		for d in "${share[@]}"; do
			[ ! -r "$d/$f" ] || { cp -L "$d/$f" "$dir.new/"; continue 2; }
		done
		die "there is no $f in ${share[*]}, where $binary looks for its firmware"
	done
	strip --strip-unneeded "$dir.new/qemu-system-x86_64" 2>/dev/null || true
	"$binary" --version | head -n 1 >"$dir.new/.version"
	echo "$identity" >"$dir.new/.identity"
	rm -rf "$dir"
	mv "$dir.new" "$dir"
}

lock_build
mkdir -p "$BUILD/qemu"
share=()
choose_qemu
identity="$binary $(stat -Lc '%s %Y' "$binary")"
[ "$(cat "$dir/.identity" 2>/dev/null)" = "$identity" ] || bundle
