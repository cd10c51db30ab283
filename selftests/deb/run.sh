#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh: "make deb-test". Installs the packages as an administrator would, into the
# Debian that root.sh has made. What compiles runs in a chroot, where it takes minutes and
# not hours; what needs the modules in a VM that has the same folder as its root (9p),
# with systemd. Prints TAP; root only. Logs of apt, dkms and the VM are in
# build/deb-test/logs.
#
# At last what stood before must stand after: lists of all files are compared.
#
# Environment: KEEP=1 leaves the root in build/deb-test/root, and FROM=vm goes on with that
# where the VM is booted; UPTO=vm ends there. LIMIT=seconds replaces the time limit of the VM.
set -uo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"
. "$TOP/selftests/tap.sh"

here=$(cd "$(dirname "$0")" && pwd)
dir=$BUILD/deb-test root=$BUILD/deb-test/root logs=$BUILD/deb-test/logs
load_kernel
[ "$(id -u)" = 0 ] || die "a root file system is made and entered: run this as root"
# shellcheck disable=SC1091
. "$dir/kernels"

qemu=''
# shellcheck disable=SC2317 # called by the trap
cleanup()
{
	[ -z "$qemu" ] || kill "$qemu" 2>/dev/null
	[ -n "${KEEP:-}" ] || rm -rf "$root"
}
trap cleanup EXIT

# inside COMMAND: in the root's own namespace; with no network there is nothing to fetch
inside()
{
	# shellcheck disable=SC2016 # for the shell inside
	unshare --mount --pid --fork --net --kill-child sh -c '
		mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit 125
		exec chroot "$1" /usr/bin/env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
			sh -c "$2"' sh "$root" "$1" </dev/null
}

# step LOG COMMAND: the same, with its words in a log
step()
{
	inside "$2" >"$logs/$1.log" 2>&1
}

# said LOG PATTERN
said()
{
	grep -qE -- "$2" "$logs/$1.log" || {
		sed 's/^/# /' "$logs/$1.log" | tail -n 25
		return 1
	}
}

apt="apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 install"

# Packages of ours are copied to /debs; put DIR
put()
{
	rm -rf "$root/debs"
	mkdir "$root/debs"
	cp "$1"/*.deb "$root/debs/"
	rm -f "$root"/debs/*-dbgsym_*
}

# What there is: type, rights, owner, name, target or size of files. Not of folders that are
# caches or logs, nor of the lists that depmod makes and dpkg's own.
list()
{
	(cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run \
		-o -path ./tmp -o -path ./debs -o -path ./deb-test -o -path ./var/log \
		-o -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg \
		-o -path ./var/lib/systemd -o -path ./var/tmp -o -path './etc/*cache*' \) -prune -o \
		! -name 'modules.*' ! -name 'initrd.img*' ! -name .updated \
		-printf '%y %m %u:%g %p %l ' \
		\( -type f -printf '%s' -o -true \) -printf '\n') | sort
}

# Are the files that list() has as they were? as_before NAME
as_before()
{
	list | diff "$dir/list-$1" - >"$logs/files.diff" && return
	sed 's/^/# /' "$logs/files.diff" | head -n 20
	return 1
}

# Does modprobe take vfio from updates/ for this kernel?
ours_for()
{
	[[ $(inside "modinfo -k $1 -n vfio") == */updates/dkms/* ]]
}

# boot RELEASE SCRIPT: the root with systemd, which runs SCRIPT and turns itself off; TAP
# lines that it writes are in logs/SCRIPT.log.
boot()
{
	local release=$1 script=$2 initrd=$dir/initrd module path status=0

	rm -rf "$dir/initrd.d" "$root/deb-test"
	mkdir -p "$dir/initrd.d/bin" "$dir/initrd.d/modules" "$root/deb-test"
	cp "$(command -v busybox)" "$dir/initrd.d/bin/busybox"
	cp "$here/initrd.sh" "$dir/initrd.d/init"
	for module in virtio_pci 9pnet_virtio 9p; do
		modprobe -d "$root" -S "$release" --show-depends "$module" |
			sed -n 's/^insmod //p'
	done | awk '!seen[$1]++ { print $1 }' | while read -r path; do
		module=${path##*/}
		module=${module%.xz}
		case $path in
		*.xz) xz -dc "$path" >"$dir/initrd.d/modules/$module" ;;
		*) cp "$path" "$dir/initrd.d/modules/$module" ;;
		esac
		echo "$module" >>"$dir/initrd.d/modules/order"
	done
	(cd "$dir/initrd.d" && find . -mindepth 1 | cpio -o -H newc -R 0:0 --quiet) >"$initrd"

	cp "$here/$script.sh" "$here/guest.sh" "$root/deb-test/"
	cp "$here/deb-test.service" "$root/etc/systemd/system/"
	ln -sf /etc/systemd/system/deb-test.service \
		"$root/etc/systemd/system/multi-user.target.wants/deb-test.service"
	echo "SCRIPT=$script" >"$root/deb-test/env"
	# shellcheck disable=SC2054 # the commas are QEMU's
	local machine=(-machine q35 -accel tcg -cpu max,-erms -smp 2 -m 2560 -nodefaults
		-no-user-config -display none -no-reboot
		-device intel-iommu,intremap=on -device edu
		-fsdev "local,id=root,path=$root,security_model=passthrough"
		-device virtio-9p-pci,fsdev=root,mount_tag=root
		-kernel "$root/boot/vmlinuz-$release" -initrd "$initrd"
		-append "console=ttyS0 panic=-1 oops=panic mitigations=off maxcpus=1 intel_iommu=on memmap=65M\$0x70000000 rcupdate.rcu_cpu_stall_timeout=120 systemd.default_timeout_start_sec=600 systemd.show_status=no"
		-chardev "file,id=log,path=$logs/$script.console" -serial chardev:log)
	[ ! -w /dev/kvm ] || [ "$(cut -d' ' -f2 "$BUILD/vm/accel" 2>/dev/null)" != kvm ] ||
		machine[3]=kvm
	timeout -k 5 "${LIMIT:-1500}" setpriv --pdeathsig KILL qemu-system-x86_64 "${machine[@]}" \
		</dev/null >"$logs/$script.qemu" 2>&1 &
	qemu=$!
	wait $qemu || status=$?
	qemu=
	rm -f "$root/etc/systemd/system/multi-user.target.wants/deb-test.service" \
		"$root/etc/systemd/system/deb-test.service"
	cp "$root/deb-test/output" "$logs/$script.log" 2>/dev/null || : >"$logs/$script.log"
	if grep -qE '(WARNING: CPU|BUG: |Oops|Kernel panic|general protection)' "$logs/$script.console"; then
		say "the kernel complained ($logs/$script.console)"
		status=1
	fi
	[ "$(cat "$root/deb-test/status" 2>/dev/null)" = 0 ] || status=1
	return $status
}

# The guest's lines of TAP become ours.
relay()
{
	local line before=$n

	while IFS= read -r line; do
		case $line in
		"ok "*) ok "${line#ok * }" 0 ;;
		"not ok "*) ok "${line#not ok * }" 1 ;;
		*) echo "# $line" ;;
		esac
	done <"$logs/$1.log"
	# None at all is no success.
	[ $n -gt "$before" ] || tail -n 20 "$logs/$1.console" | sed 's/^/# /'
}

# All that needs no VM
in_chroot()
{
	unpack_root
	broken_build
	installation
	other_kernels
	upgrade
}

unpack_root()
{
	rm -rf "$root" "$logs"
	mkdir -p "$root" "$logs"
	say "unpacking the Debian that it is tried in ..."
	tar -xf "$dir/root.tar" -C "$root"
	# Small and quick to make
	echo MODULES=list >"$root/etc/initramfs-tools/conf.d/deb-test"
	# Machine IDs, links to run levels and the like are made once.
	inside 'systemd-machine-id-setup' >/dev/null 2>&1
	list >"$dir/list-first"
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
	[ -z "$(find "$root/lib/modules" -path '*updates*')" ] && ! ours_for "$OLDER"
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
	step dkms "dkms status"
	said dkms "iommufd-dirty/.*$OLDER.*: installed" && said dkms "iommufd-dirty-virt/.*$OLDER.*: installed"
	ok "dkms has both" $?
}

# One that is not supported, and the newest that is
other_kernels()
{
	if [ -n "$OTHER" ]; then
		rm -rf "$root/debs"
		mkdir "$root/debs"
		cp "$dir"/debs/*.deb "$root/debs/"
		rm -f "$root"/debs/linux-*"${NEWER%-amd64}"*
		step other "$apt /debs/*.deb"
		ok "kernel $OTHER can be installed beside them" $?
		said other "iommufd-dirty: kernel $OTHER is not supported \(supported: "
		ok "and is refused by name" $?
		! ours_for "$OTHER"
		ok "and keeps its own vfio" $?
	fi
	rm -rf "$root/debs"
	mkdir "$root/debs"
	cp "$dir"/debs/*"${NEWER%-amd64}"* "$root/debs/"
	step newer "$apt /debs/*.deb"
	ok "kernel $NEWER can be installed" $?
	ours_for "$NEWER" && ours_for "$OLDER"
	ok "modules for kernel $NEWER are built, those of $OLDER stay" $?
}

upgrade()
{
	"$TOP/build-aux/deb.sh" "$BUILD/deb-again" +next 2>/dev/null
	put "$BUILD/deb-again"
	step upgrade "$apt /debs/*.deb"
	ok "apt upgrades the four packages" $?
	# shellcheck disable=SC2016 # for dpkg-query
	[ "$(inside 'dpkg-query -W -f "\${Version}" iommufd-dirty-dkms')" = "$(sed -n '1s/.*(\(.*\)).*/\1/p' "$TOP/debian/changelog")+next" ] &&
		ours_for "$NEWER"
	ok "and the new version's modules are there" $?
	[ "$(find "$root/usr/src" -maxdepth 1 -name 'iommufd-dirty*' | wc -l)" = 2 ] &&
		[ "$(find "$root/var/lib/dkms/iommufd-dirty" -maxdepth 1 -name '[0-9]*' | wc -l)" = 1 ]
	ok "and nothing of the old one" $?
	rm -rf "$BUILD/deb-again"
}

# ---- In use, and removed while in use -------------------------------------------

[ "${FROM:-}" = vm ] || in_chroot
[ "${UPTO:-}" != vm ] || exit $bad
say "booting kernel $NEWER with systemd ..."
boot "$NEWER" in-use
status=$?
relay in-use
ok "the VM ends well and its kernel has no complaint" $status

# ---- And after all of it --------------------------------------------------------

step purge-tools "apt-get -q -y purge 'iommufd-dirty*' 'libiommufd-dirty*'"
ok "the rest is purged" $?
gone="-e ${NEWER%-amd64}"
[ -z "$OTHER" ] || gone+=" -e ${OTHER%-amd64} -e kbuild-$(cut -d. -f1,2 <<<"$OTHER")\$ -e linux-compiler"
step purge-kernels "dpkg-query -W -f '\${Package}\n' 'linux-*' | grep $gone | xargs dpkg --purge"
ok "the other kernels are purged" $?
as_before first
ok "what stood before stands after" $?
touch "$root/etc/planted"
! as_before first >/dev/null
ok "control: a file more is noticed" $?
echo "1..$n"
exit $bad
