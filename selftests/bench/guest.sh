#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# In the VM, which has come up with our modules:
#
#	guest.sh [quick] [rounds=N] [keep=WAY] PLATFORM GROUP... [-- PLATFORM GROUP...]...
#	guest.sh migrations
#
# runs groups of the benchmark on each PLATFORM (iommus= of iommufd-virt),
# the tracker's way, exchanges all modules for
# upstream's (/job/bin/upstream-*.ko) in the same boot, and does the same
# upstream's way; all of it N times. With keep=WAY it measures only this way, and all mappings
# stay until the machine ends. The second form runs whole migrations, both ways.

quick='' keep='' rounds=1
while :; do
	case $1 in
	quick) quick=$1 ;;
	rounds=*) rounds=${1#rounds=} ;;
	keep=*) keep=${1#keep=} ;;
	*) break ;;
	esac
	shift
done
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
		bench "$way" $quick ${keep:+keep} $list || exit 1
	done
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

# both_ways PLATFORM GROUP... [-- ...]
both_ways()
{
	while :; do
		echo "way tracker"
		groups tracker /modules '' "$@"
		exchange /job/bin upstream-
		echo "way upstream"
		groups upstream /job/bin upstream- "$@"
		rounds=$((rounds - 1))
		[ $rounds != 0 ] || break
		exchange /modules ''
	done
}

# one_way WAY PLATFORM GROUP... [-- ...]. Upstream's GET_DIRTY_BITMAP and START keep the
# processor until they are done, which the kernel's watchdogs report as a lockup.
one_way()
{
	way=$1
	shift
	echo 0 >/proc/sys/kernel/watchdog
	echo 0 >/proc/sys/kernel/hung_task_timeout_secs
	echo 1 >/sys/module/rcupdate/parameters/rcu_cpu_stall_suppress
	echo "way $way"
	if [ "$way" = tracker ]; then
		groups tracker /modules '' "$@"
	else
		exchange /job/bin upstream-
		groups upstream /job/bin upstream- "$@"
	fi
}

# migrate NAME OPTION...: a whole migration
migrate()
{
	name=$1
	shift
	vmigrate --demo --json --seed 1 --devices 2 "$@" >/tmp/migration ||
		fail "$name: $(cat /tmp/migration)"
	bench migration "$name" /tmp/migration || exit 1
}

# migrate_writers WAY FROM PREFIX PLATFORM OPTION...: devices that write all of memory in
# random order; and as network cards do: rings, some pages much more often than others, and
# pages that are far from one another.
migrate_writers()
{
	way=$1 from=$2 prefix=$3 platform=$4
	shift 4
	unload_platform
	load "$from" "$prefix" iommufd-virt memmap_start=0x70000000 "$platform"
	mdev -s
	bind-all >/dev/null || fail "no devices to migrate with"
	migrate "all.$way" "$@"
	migrate "ring.$way" --writes ring --working-set 512K --rate 4000 "$@"
	migrate "hot.$way" --working-set 1M --rate 4000 "$@"
	migrate "sparse.$way" --writes sparse --rate 4000 "$@"
}

migrations()
{
	migrate_writers tracker-4K /modules '' iommus=intel:2
	migrate_writers tracker-2M /modules '' iommus=intel:2 --hugepages
	migrate_writers tracker-small /modules '' iommus=intel:2 --hugepages \
		--leaves migration
	migrate_writers mapped /modules '' iommus=none:2
	exchange /job/bin upstream-
	migrate_writers upstream-4K /job/bin upstream- iommus=intel:2 --tracker hwpt
	migrate_writers upstream-2M /job/bin upstream- iommus=intel:2 --tracker hwpt \
		--hugepages
}

if [ "$1" = migrations ]; then
	migrations
elif [ -n "$keep" ]; then
	one_way "$keep" "$@"
else
	both_ways "$@"
fi
