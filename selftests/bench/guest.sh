#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# In the VM, which has come up with our modules:
#
#	guest.sh [quick] [rounds=N] PLATFORM GROUP... [-- PLATFORM GROUP...]...
#
# runs groups of the benchmark on each PLATFORM (iommus= of iommufd-virt),
# the tracker's way, exchanges all modules for
# upstream's (/job/bin/upstream-*.ko) in the same boot, and does the same
# upstream's way; all of it N times.

quick=
if [ "$1" = quick ]; then
	quick=$1
	shift
fi
rounds=1
case $1 in
rounds=*)
	rounds=${1#rounds=}
	shift
	;;
esac
modules='iommufd vfio vfio_iommu_type1 vfio-pci-core vfio-pci iommufd-virt-vfio-pci'

fail()
{
	echo "guest.sh: $*"
	exit 1
}

unload_platform()
{
	[ -d /sys/module/iommufd_virt ] || return 0
	echo 1 >/sys/module/iommufd_virt/parameters/remove
	rmmod iommufd-virt || fail "iommufd-virt is still in use"
}

# load FROM FILE-PREFIX NAME PARAMETERS...
load()
{
	file=$1/$2$3.ko
	shift 3
	insmod "$file" "$@" || fail "$file does not load"
}

# groups WAY DIRECTORY PREFIX PLATFORM GROUP... [-- ...]
groups()
{
	way=$1 from=$2 prefix=$3
	shift 3
	while [ $# -gt 0 ]; do
		platform=$1 list=
		shift
		while [ $# -gt 0 ] && [ "$1" != -- ]; do
			list="$list $1"
			shift
		done
		[ $# = 0 ] || shift
		unload_platform
		load "$from" "$prefix" iommufd-virt memmap_start=0x70000000 \
			tag_us=0 "$platform"
		mdev -s
		# shellcheck disable=SC2086 # several words
		bench "$way" $quick $list || exit 1
	done
}

# migrate NAME FROM PREFIX PLATFORM OPTION...: a whole migration
migrate()
{
	name=$1 from=$2 prefix=$3 platform=$4
	shift 4
	[ -z "$quick" ] || return 0
	unload_platform
	load "$from" "$prefix" iommufd-virt memmap_start=0x70000000 "$platform"
	mdev -s
	bind-all >/dev/null || fail "no devices to migrate with"
	vmigrate --demo --json --seed 1 --devices 2 "$@" >/tmp/migration ||
		fail "$name: $(cat /tmp/migration)"
	bench migration "$name" /tmp/migration || exit 1
}

# exchange FROM PREFIX: all modules for those of another build
exchange()
{
	unload_platform
	reversed=
	for m in $modules; do
		reversed="$m $reversed"
	done
	for m in $reversed; do
		rmmod "$m" || fail "$m is still in use"
	done
	for m in $modules; do
		case $m in
		iommufd | vfio_iommu_type1)
			load "$1" "$2" "$m" allow_unsafe_interrupts=1 ;;
		*) load "$1" "$2" "$m" ;;
		esac
	done
}

while :; do
	echo "way tracker"
	groups tracker /modules '' "$@"
	migrate 'tracker, leaves of 4 KiB' /modules '' iommus=intel:2
	migrate 'tracker, leaves of 2 MiB' /modules '' iommus=intel:2 --hugepages
	migrate 'everything mapped' /modules '' iommus=none:2

	exchange /job/bin upstream-
	echo "way upstream"
	groups upstream /job/bin upstream- "$@"
	migrate "upstream's way, leaves of 4 KiB" /job/bin upstream- iommus=intel:2 \
		--tracker hwpt
	migrate "upstream's way, leaves of 2 MiB" /job/bin upstream- iommus=intel:2 \
		--tracker hwpt --hugepages

	rounds=$((rounds - 1))
	[ $rounds != 0 ] || break
	exchange /modules ''
done
