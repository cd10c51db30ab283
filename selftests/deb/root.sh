#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# root.sh: make build/deb-test/root.tar, a Debian of this machine's release as an
# administrator has it before our packages: systemd, an older kernel of the newest series
# with its headers, dkms, and what the packages depend on; and in build/deb-test/debs what
# the test installs besides: the newest kernel of the series, and one that is not
# supported. Needs the network once, through apt.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"
. "$TOP/build-aux/apt.sh"

load_kernel
dir=$BUILD/deb-test
# shellcheck disable=SC1091
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")

# Kernels of amd64 that have headers, oldest first: kernels SERIES
kernels()
{
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

mkdir -p "$dir/debs"
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

# shellcheck disable=SC2153,SC2086
for release in $NEWER $OTHER; do
	for p in $(packages_of "$release"); do
		! compgen -G "$dir/debs/${p}_*.deb" >/dev/null || continue
		say "fetching $p ..."
		(cd "$dir/debs" && quietly apt-get -q -o APT::Sandbox::User=root download "$p") ||
			die "could not fetch $p; check the network and run again"
	done
done

[ ! -e "$dir/root.tar" ] || exit 0
rm -rf "$dir/root.tar.new"
say "making a Debian $codename with kernel $OLDER (build/deb-test/root.tar) ..."
sources >"$dir/sources"
include=(systemd-sysv udev kmod procps dbus initramfs-tools dkms gcc make libc6-dev
	 "linux-image-$OLDER" "linux-headers-$OLDER"
	 libjson-c5 libncurses6 libnl-3-200 libnl-genl-3-200)
quietly mmdebstrap --mode=root --format=tar --variant=minbase \
	--aptopt='APT::Sandbox::User "root"' \
	--include="$(IFS=,; echo "${include[*]}")" \
	"$codename" "$dir/root.tar.new" - <"$dir/sources" ||
	die "mmdebstrap failed; check the network and run again"
mv "$dir/root.tar.new" "$dir/root.tar"
