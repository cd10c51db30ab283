#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh SUITE: "make deb-test". Installs the packages as an administrator would, into the
# Debian that root.sh has made of this release. What compiles runs in a chroot, where it
# takes minutes and not hours; what needs the modules in a VM that has the same folder as
# its root (9p), with systemd: first with Secure Boot, then without. Prints TAP; root only.
# Logs of apt, dkms and the VMs are in build/deb-test/SUITE/logs.
#
# At last what stood before must stand after: lists of all files are compared.
#
# Environment: KEEP=1 leaves the root in build/deb-test/SUITE/root. UPTO=vm ends before
# the first VM; FROM=vm, in-use or removal goes on there with the root that was kept.
# LIMIT=seconds replaces the time limit of a VM.
set -uo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"
. "$TOP/selftests/tap.sh"

here=$(cd "$(dirname "$0")" && pwd)
dir=$BUILD/deb-test/$1
root=$dir/root logs=$dir/logs
load_kernel
[ "$(id -u)" = 0 ] || die "a root file system is made and entered: run this as root"
# shellcheck disable=SC1091
. "$dir/kernels"
. "$here/chroot.sh"
. "$here/vm.sh"
. "$here/firmware.sh"

qemu=''
# shellcheck disable=SC2317 # called by the trap
cleanup()
{
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null
	[ -n "${KEEP:-}" ] || rm -rf "$root"
}
trap cleanup EXIT

# All that needs no VM
in_chroot()
{
	unpack_root
	broken_build
	installation
	other_kernels
	upgrade
}

# A build that fails leaves everything as it was
broken_build()
{
	local vfio

	put "$BUILD/deb"
	vfio=$root/usr/src/linux-headers-${OLDER%-amd64}-common/include/linux/vfio.h
	cp -p "$vfio" "$dir/vfio.h"
	echo '#error broken for a test' >>"$vfio"
	! step broken "$apt /debs/iommufd-dirty-dkms_*.deb"
	ok "a build that fails is an error of apt's" $?
	said broken 'Bad return status for module build on kernel: '
	ok "and dkms names the kernel" $?
	[ -z "$(find "$root/lib/modules" -path '*updates*')" ] && own_for "$OLDER"
	ok "and the kernel keeps its own vfio" $?
	cp -p "$dir/vfio.h" "$vfio"
	step unbroken "apt-get -q -y purge iommufd-dirty-dkms"
	ok "the package can be purged then" $?
	as_before first
	ok "and nothing of it is left" $?
}

installation()
{
	step install "$apt /debs/*.deb"
	ok "apt installs the four packages" $?
	ours_for "$OLDER"
	ok "modules for kernel $OLDER are built" $?
	installed "$OLDER"
	ok "dkms has both" $?
}

# version_of RELEASE: what the names of all its packages have
version_of()
{
	echo "${1%-amd64}"
}

# One that is not supported, that of the newest series, and the newest of this one
other_kernels()
{
	local release

	if [ -n "$OTHER" ]; then
		rm -rf "$root/debs"
		mkdir "$root/debs"
		cp "$dir"/debs/*.deb "$root/debs/"
		rm -f "$root"/debs/linux-*"${NEWER%-amd64}"*
		[ -z "$NEXT" ] || rm -f "$root"/debs/linux-*"$(version_of "$NEXT")"*
		step other "$apt /debs/*.deb"
		ok "kernel $OTHER can be installed beside them" $?
		said other "iommufd-dirty: kernel ${OTHER//+/\\+} is not supported \(supported: "
		ok "and is refused by name" $?
		own_for "$OTHER"
		ok "and keeps its own vfio" $?
	else
		echo '# SKIP: the lists of packages have no kernel that is not supported'
	fi
	for release in $NEXT $NEWER; do
		rm -rf "$root/debs"
		mkdir "$root/debs"
		cp "$dir"/debs/*"$(version_of "$release")"* "$root/debs/"
		step "install-$release" "$apt /debs/*.deb"
		ok "kernel $release can be installed" $?
		ours_for "$release" && ours_for "$OLDER"
		ok "modules for kernel $release are built, those of $OLDER stay" $?
	done
}

upgrade()
{
	local version

	"$TOP/build-aux/deb.sh" "$BUILD/deb-again" +next 2>/dev/null
	put "$BUILD/deb-again"
	step upgrade "$apt /debs/*.deb"
	ok "apt upgrades the four packages" $?
	version=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$TOP/debian/changelog")+next
	# shellcheck disable=SC2016 # for dpkg-query
	[ "$(inside 'dpkg-query -W -f "\${Version}" iommufd-dirty-dkms')" = "$version" ] &&
		ours_for "$NEWER" && ours_for "$OLDER" && ours_for "${NEXT:-$NEWER}"
	ok "and the new version's modules are there, for each kernel" $?
	[ "$(find "$root/usr/src" -maxdepth 1 -name 'iommufd-dirty*' | wc -l)" = 2 ] &&
		[ "$(find "$root/var/lib/dkms/iommufd-dirty" -maxdepth 1 -name '[0-9]*' | wc -l)" = 1 ]
	ok "and nothing of the old one" $?
	rm -rf "$BUILD/deb-again"
}

# A host that is bought with Secure Boot on: the recipe of README
secure_boot()
{
	say "booting kernel $NEWER with Secure Boot ..."
	secure_boot_disk "$NEWER"
	boot key-unknown "${firmware[@]}"
	say "enrolling the key with MokManager ..."
	enrol iommufd-dirty
	ok "MokManager enrols the key at the next boot" $?
	say "booting with the key ..."
	boot key-enrolled "${firmware[@]}"
}

# in-use.sh removes the modules while nothing uses them. Once more, while something does, and on the
# kernel of the newest series:
removal_in_use()
{
	local release=${NEXT:-$NEWER}

	step again "$apt /debs/iommufd-dirty-dkms_*.deb" && ours_for "$release"
	ok "iommufd-dirty-dkms is installed again" $?
	say "booting kernel $release ..."
	boot_kernel "$release" removal
}

# ---------------------------------------------------------------------------------

case ${FROM:-chroot} in
chroot)
	in_chroot
	[ "${UPTO:-}" != vm ] || exit $bad
	;&
vm)
	secure_boot
	;&
in-use)
	say "booting kernel $NEWER ..."
	boot_kernel "$NEWER" in-use
	;&
removal)
	removal_in_use
	;;
esac

# ---- And after all of it --------------------------------------------------------

step purge-tools "apt-get -q -y purge 'iommufd-dirty*' 'libiommufd-dirty*'"
ok "the rest is purged" $?
gone="-e ${NEWER%-amd64}"
for release in $NEXT $OTHER; do
	gone+=" -e $(version_of "$release") -e kbuild-$(cut -d. -f1,2 <<<"$release")\$ -e linux-compiler"
done
step purge-kernels "dpkg-query -W -f '\${Package}\n' 'linux-*' | grep $gone | xargs dpkg --purge"
ok "the other kernels are purged" $?
as_before first
ok "what stood before stands after" $?
touch "$root/etc/planted"
! as_before first >/dev/null
ok "control: a file more is noticed" $?
echo "1..$n"
exit $bad
