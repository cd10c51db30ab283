#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# packages.sh: build the Debian packages and look at them. Prints TAP. Needs neither root
# nor a kernel of the series; "make deb-test" installs them.
set -uo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"
. "$TOP/selftests/tap.sh"

load_kernel
deb=$BUILD/deb again=$BUILD/deb-again
work=$(mktemp -d "$BUILD/.deb.XXXXXX")
trap 'rm -rf "$work" "$again"' EXIT
names="iommufd-dirty-dkms iommufd-dirty-tools iommufd-dirty-virt-dkms libiommufd-dirty-dev"

# same DIR DIR: are there the same packages with the same bytes in both?
same()
{
	local f status=0

	diff <(cd "$1" && ls ./*.deb) <(cd "$2" && ls ./*.deb) | sed 's/^/# /'
	for f in "$1"/*.deb; do
		cmp "$f" "$2/${f##*/}" 2>&1 | sed 's/^/# /'
		[ "${PIPESTATUS[0]}" = 0 ] || status=1
	done
	return $status
}

# No errors of lintian's in FILE...
lint()
{
	lintian --allow-root --no-cfg --fail-on error "$@"
}

echo "1..18"
"$TOP/build-aux/deb.sh" && [ "$(find "$deb" -name "*.deb" -printf "%f\n" |
	sed "s,_.*,," | grep -v -- -dbgsym | sort | xargs)" = "$names" ]
ok "the four packages are built" $?

# Elsewhere, as another user would have it
(umask 077 && TZ=Pacific/Chatham LC_ALL=C.UTF-8 "$TOP/build-aux/deb.sh" "$again") 2>/dev/null &&
	same "$deb" "$again"
ok "a second build gives the same bytes" $?
echo >>"$(ls "$again"/iommufd-dirty-dkms_*.deb)"
! same "$deb" "$again" >/dev/null
ok "control: a byte more is noticed" $?

lint "$deb"/*.changes | sed 's/^/# /'
ok "lintian has no errors" "${PIPESTATUS[0]}"
dpkg-deb -R "$deb"/iommufd-dirty-tools_*.deb "$work/planted"
mkdir -p "$work/planted/usr/local/bin"
touch "$work/planted/usr/local/bin/planted"
dpkg-deb -b "$work/planted" "$work/planted.deb" >/dev/null
! lint "$work/planted.deb" >"$work/lint" && grep -q '^E: .*usr/local' "$work/lint"
ok "control: lintian notices a planted error" $?

for f in "$deb"/*.deb; do
	dpkg-deb -x "$f" "$work/root"
done
! grep -rlF "$TOP" "$work/root" | sed 's/^/# /' | grep .
ok "no path of this tree is in them" $?

for f in usr/sbin/{iommufdctl,vmigrate} usr/share/man/man8/{iommufdctl,vmigrate}.8.gz \
	usr/share/bash-completion/completions/{iommufdctl,vmigrate} \
	usr/lib/udev/rules.d/60-iommufd-dirty-dkms.rules etc/modprobe.d/iommufd-dirty-dkms.conf \
	usr/share/pkgconfig/iommufd-dirty.pc usr/share/doc/libiommufd-dirty-dev/vmm-guide.rst.gz; do
	[ -s "$work/root/$f" ] || echo "# $f is missing"
done | { ! grep .; }
ok "programs, their pages, rules and the guide are where they are expected" $?

for f in "$deb"/*.deb; do
	[[ $f == */iommufd-dirty-virt-dkms_* ]] ||
		dpkg-deb -f "$f" Pre-Depends Depends Recommends Suggests
done | { ! grep dirty-virt; }
ok "no other package pulls in the virtual platform" $?

# What the test variant builds is what dkms is told of, one way and the other.
if [ -s "$BUILD/test/modules.order" ]; then
	sed 's,.*/,,; s/\.o$//' "$BUILD/test/modules.order" | sort >"$work/built"
	(
		# shellcheck disable=SC2034 # for dkms.conf
		kernelver=$RELEASE kernel_source_dir=$KDIR dkms_tree='' arch=''
		for f in "$work"/root/usr/src/*/dkms.conf; do
			BUILT_MODULE_NAME=()
			# shellcheck disable=SC1090
			. "$f"
			printf '%s\n' "${BUILT_MODULE_NAME[@]}"
		done
	) | sort | diff "$work/built" - | sed 's/^/# /'
	ok "dkms.conf names each module that is built" "${PIPESTATUS[2]}"
else
	ok "dkms.conf names each module that is built # SKIP no test modules are built" 0
fi

# Short of compiling: nothing that the product includes was left out.
(cd "$work"/root/usr/src/iommufd-dirty-[0-9]* &&
	grep -rhoE '^#include "[^"]+"' ./*/drivers/iommu \
		./*/drivers/vfio/{*.c,mdev,dirty,pci/*.c,pci/mlx5} |
		sed 's/.*"\(.*\)"/\1/; s,.*/,,' | sort -u | while read -r f; do
		find . -name "$f" | grep -q . || echo "# $f is missing"
	done) | { ! grep .; }
ok "each header that is included is there" $?

# Chosen by the release; others are not built for
chosen()
{
	(
		# shellcheck disable=SC2034,SC2154 # for and from dkms.conf
		kernelver=$1 kernel_source_dir='' dkms_tree='' arch='' series=''
		# shellcheck disable=SC1090
		. "$work"/root/usr/src/iommufd-dirty-[0-9]*/dkms.conf
		[[ ! $kernelver =~ $BUILD_EXCLUSIVE_KERNEL ]] || echo "$series"
	)
}
[ "$(chosen "$RELEASE")" = "${RELEASE%%."${RELEASE#*.*.}"}" ] &&
	[ "$(chosen 7.3.4+deb13-amd64)" = 7.3 ] && [ "$(chosen 6.12.1)" = 6.12 ] &&
	[ -z "$(chosen 6.1.0-56-amd64)" ] && [ -z "$(chosen 16.12.1)" ] &&
	[ -z "$(chosen 6.120.1)" ] && [ -z "$(chosen 7.2.12+deb13-amd64)" ]
ok "dkms.conf takes kernels $RELEASE, 6.12 and 7.3, and not 6.1, 16.12, 6.120, 7.2" $?

# asked_for RELEASE: does "dkms autoinstall" build for it? If it did for one that is excluded, the
# dkms of Debian 12 would fail, and so would the installation of that kernel.
asked_for()
{
	# shellcheck disable=SC2016 # for that shell, whose arguments dkms.conf reads
	[ -n "$(bash -c 'kernelver= install_tree=$4; . "$5"; echo "$AUTOINSTALL"' \
		dkms autoinstall --kernelver "$1" "$work/modules" \
		"$work"/root/usr/src/iommufd-dirty-[0-9]*/dkms.conf)" ]
}
mkdir -p "$work/modules/6.12.1-own/build"
echo CONFIG_IOMMUFD=m >"$work/modules/6.12.1-own/build/.config"
asked_for "$RELEASE" && ! asked_for 6.1.0-56-amd64 && ! asked_for 6.12.1-own
ok "dkms is not asked for modules of a kernel that is excluded" $?

mkdir "$work/boot"
echo CONFIG_IOMMUFD=m >"$work/boot/config-6.12.1-own"
said=$(TABLE=$work/root/usr/share/iommufd-dirty/series BOOT=$work/boot \
	"$work/root/usr/libexec/iommufd-dirty/kernels" 6.1.0-56-amd64 6.12.1-none 6.12.1-own 2>&1)
grep -q 'kernel 6.1.0-56-amd64 is not supported (supported: 6\.12, 7\.3)' <<<"$said" &&
	grep -q 'no headers of kernel 6.12.1-none' <<<"$said" &&
	grep -q 'kernel 6.12.1-own has an iommufd of its own' <<<"$said" &&
	[ "$(wc -l <<<"$said")" = 3 ]
ok "kernels without modules are named, with the reason" $?

# vfio that the initramfs has is exchanged as well, for each kernel that has one
mkdir "$work/bin"
touch "$work/boot/initrd.img-6.12.1-a" "$work/boot/initrd.img-6.12.2-b"
printf '#!/bin/sh\necho "$*"\n' >"$work/bin/update-initramfs"
chmod +x "$work/bin/update-initramfs"
early()
{
	echo "$1" >"$work/modules.list"
	PATH=$work/bin:$PATH CONF=$work/modules.list BOOT=$work/boot \
		"$work/root/usr/libexec/iommufd-dirty/early-vfio" 6.12.1-a 6.12.2-b 6.12.3-c | xargs
}
[ "$(early vfio_pci)" = "-u -k 6.12.1-a -u -k 6.12.2-b" ] && [ -z "$(early ext4)" ]
ok "an initramfs that has vfio is rebuilt for each kernel" $?

"$TOP/selftests/deb/reload.sh" "$work/root/usr/libexec/iommufd-dirty/vfio-modules" | sed 's/^/# /'
ok "vfio-modules reloads what is idle and leaves what is in use" "${PIPESTATUS[0]}"
# shellcheck disable=SC2016
sed 's/-le "$holders"/-le 99/' "$work/root/usr/libexec/iommufd-dirty/vfio-modules" >"$work/blind"
! "$TOP/selftests/deb/reload.sh" "$work/blind" >/dev/null
ok "control: one that is blind to use is noticed" $?

version=$(dpkg-parsechangelog -l "$TOP/debian/changelog" -S Version)
[ "$("$work/root/usr/sbin/iommufdctl" -V)" = "iommufdctl $version" ]
ok "iommufdctl and the packages have the same version" $?

cat >"$work/user.c" <<-'END'
	#include <linux/iommufd.h>
	#include <linux/vfio.h>
	#include <linux/iommufd_dirty.h>
	#include <linux/iommufd_dirty_netlink.h>
	#include <linux/vfio_mig_precopy.h>

	int main(void)
	{
		struct iommu_dirty_tracker_alloc alloc = { .size = sizeof(alloc) };

		return alloc.size != sizeof(alloc) || !IOMMU_DIRTY_TRACKER_ALLOC;
	}
END
# shellcheck disable=SC2046 # words
PKG_CONFIG_PATH=$work/root/usr/share/pkgconfig pkg-config --exists iommufd-dirty &&
	gcc -Wall -Werror $(PKG_CONFIG_SYSROOT_DIR=$work/root \
		PKG_CONFIG_PATH=$work/root/usr/share/pkgconfig pkg-config --cflags iommufd-dirty) \
		-o "$work/user" "$work/user.c" && "$work/user"
ok "a program builds with the headers" $?

exit $bad
