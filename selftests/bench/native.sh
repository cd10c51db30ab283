#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# native.sh: "make bench-native". The rows of the benchmark that need no virtual platform,
# on this machine and on devices that the user has given. Also runs in the VM, whose shell
# is busybox's. Documentation/performance.rst says how to read the result.
set -u

usage()
{
	cat <<'END'
Usage: native.sh [OPTION...] PCI-ADDRESS...
       native.sh --check PCI-ADDRESS...

Measure what dirty tracking costs on this machine: by the tracker, and by upstream's ioctls
of the same modules. The devices are bound to vfio-pci and to spare: they are opened,
attached to address spaces of their own, and reset. Must be root; this project's modules
must be loaded.

  --check          only say whether it can be measured here
  --quick          fewer rows
  --rounds N       how often each row is measured; the least counts (default 2)
  --programs DIR   where bench and report are (default: build/bench)
  --out DIR        where the results go (default: build/bench-native)
  -h, --help       this text

Exit status: 0, or 1 and a message.
END
}

top=$(cd "$(dirname "$0")/../.." && pwd)
programs=$top/build/bench out=$top/build/bench-native rounds=2 quick='' check=''

say()
{
	printf '%s\n' "$*" >&2
}

die()
{
	say "error: $*"
	exit 1
}

# driver_of ADDRESS: the name of its driver; nothing where there is none
driver_of()
{
	link=$(readlink "/sys/bus/pci/devices/$1/driver") || return 0
	echo "${link##*/}"
}

# binding ADDRESS DRIVER: how one gives a device to vfio-pci
binding()
{
	echo "echo vfio-pci >/sys/bus/pci/devices/$1/driver_override;" \
		"${2:+echo $1 >/sys/bus/pci/devices/$1/driver/unbind; }echo $1 >/sys/bus/pci/drivers_probe"
}

check_device()
{
	[ -e "/sys/bus/pci/devices/$1" ] ||
		die "there is no PCI device $1; addresses are written as by lspci -D, like 0000:01:00.0"
	[ -e "/sys/bus/pci/devices/$1/iommu_group" ] ||
		die "device $1 is behind no IOMMU; switch the IOMMU on in the firmware's setup and on the kernel's command line (intel_iommu=on)"
	driver=$(driver_of "$1")
	for cdev in "/sys/bus/pci/devices/$1/vfio-dev"/vfio*; do
		[ ! -e "$cdev" ] || return 0
	done
	[ "$driver" != vfio-pci ] ||
		die "device $1 is bound to vfio-pci, but has no character device: the vfio that is loaded is not this project's; modinfo -n vfio must point to updates/ (README, Troubleshooting)"
	die "device $1 is bound to ${driver:-no driver}, not to vfio-pci; if nothing on this machine needs it: $(binding "$1" "$driver")"
}

check_host()
{
	[ $# -gt 0 ] ||
		die "no device is given; DEVICE=0000:01:00.0 names one that is to spare and bound to vfio-pci (several in quotes)"
	[ "$(id -u)" = 0 ] ||
		die "this user is not root, and may not use /dev/iommu, vfio devices and perf's counter; run it with sudo"
	if [ ! -d /sys/module/iommufd ] || [ ! -c /dev/iommu ]; then
		die "there is no /dev/iommu, since iommufd is not loaded; install this project's modules (README, Install), then: modprobe iommufd"
	fi
	[ -e /sys/module/iommufd/parameters/dirty_policy ] ||
		die "the iommufd that is loaded has no dirty tracker, so it is not this project's; modinfo -n iommufd must point to updates/ (README, Install), then unload and load it: rmmod iommufd; modprobe iommufd"
	for device; do
		check_device "$device"
	done
}

# measure FILE DEVICE...: both ways
measure()
{
	file=$1
	shift
	: >"$file"
	for way in tracker upstream; do
		# shellcheck disable=SC2086 # nothing, or a word
		"$programs/bench" native $way $quick "$@" >>"$file" && continue
		why=$(sed -n 's/^error.//p' "$file")
		die "the benchmark failed, $way's way: ${why:-see $file}"
	done
}

# all DEVICE...: each round goes into a file, and the least of all of them into count.out
all()
{
	round=1
	while [ "$round" -le "$rounds" ]; do
		say "bench-native: round $round of $rounds ..."
		measure "$out/round.out" "$@"
		if [ "$round" = 1 ]; then
			mv "$out/round.out" "$out/count.out"
		else
			"$programs/report" --least "$out/count.out" "$out/round.out" \
				>"$out/least.out" || exit 1
			mv "$out/least.out" "$out/count.out"
			rm "$out/round.out"
		fi
		round=$((round + 1))
	done
}

table()
{
	unit=$(sed -n 's/^unit \([a-z]*\).*/\1/p' "$out/count.out" | sort -u)
	case $unit in
	instructions | nanoseconds) ;;
	*) die "instructions were counted in one way or round, and time taken in another; run it again" ;;
	esac
	"$programs/report" --unit "$unit" --kernel "$(uname -r)" --dir "$out" \
		"$out/count.out" || exit 1
	sed -n 's/^unit /measured in /p; s/^devices /devices: /p; s/^skip /not measured: /p' \
		"$out/count.out" | awk '!seen[$0]++'
	echo "upstream: upstream's ioctls, of the modules that are loaded"
}

while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage; exit 0 ;;
	--check) check=yes ;;
	--quick) quick=quick ;;
	--rounds | --programs | --out)
		[ $# -gt 1 ] || { usage >&2; exit 1; }
		case $1 in
		--rounds) rounds=$2 ;;
		--programs) programs=$2 ;;
		--out) out=$2 ;;
		esac
		shift ;;
	-*) usage >&2; exit 1 ;;
	*) break ;;
	esac
	shift
done
case $rounds in
'' | *[!0-9]* | 0) die "--rounds $rounds: expected a number from 1 on" ;;
esac

check_host "$@"
[ -z "$check" ] || exit 0
if [ ! -x "$programs/bench" ] || [ ! -x "$programs/report" ]; then
	die "there are no programs in $programs; make bench-native builds them"
fi
mkdir -p "$out" || exit 1
all "$@"
table >"$out/table.txt" || exit 1
cat "$out/table.txt"
