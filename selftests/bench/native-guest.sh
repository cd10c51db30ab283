#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# In the VM: native-guest.sh edu|virtual: are make bench-native and make hardware-report
# refused where they must be, and what do they say otherwise? TAP. "edu" is a machine with an
# IOMMU of QEMU, whose edu and NVMe devices have no driver; "virtual" is a machine with the
# virtual platform: two devices behind an IOMMU that tracks, and one with a page tracker behind
# an IOMMU that does not track.

tests=0
out=/tmp/said

# ok NAME STATUS: a line of TAP, and after a failure what was said last
ok()
{
	tests=$((tests + 1))
	if [ "$2" = 0 ]; then
		echo "ok $tests - $1"
	else
		echo "not ok $tests - $1"
		sed 's/^/# /' $out
	fi
}

says()
{
	grep -qE -- "$1" $out
}

# refused NAME PATTERN [ADDRESS...]: by both commands, with a message like that
refused()
{
	name=$1 pattern=$2
	shift 2
	native.sh --programs /job/bin --out /tmp/refused "$@" >$out 2>&1
	[ $? = 1 ] && says "^error: .*$pattern"
	ok "bench-native is refused: $name" $?
	hardware-report.sh --programs /job/bin --tools /job/bin --file /tmp/refused.txt "$@" \
		>$out 2>&1
	[ $? = 1 ] && says "^error: .*$pattern" && [ ! -e /tmp/refused.txt ]
	ok "hardware-report is refused: $name" $?
}

native()
{
	native.sh --quick --rounds 1 --programs /job/bin --out /tmp/native "$@" >$out 2>&1
}

# find_device FILE VALUE: the first device that has this in its file
find_device()
{
	for at in /sys/bus/pci/devices/*; do
		[ "$(cat "$at/$1")" != "$2" ] || break
	done
	echo "${at##*/}"
}

# rows NAME...: each is in the table
rows()
{
	for row; do
		says "^$row +[0-9-]" || {
			echo "# no row $row"
			return 1
		}
	done
}

report()
{
	hardware-report.sh --quick --programs /job/bin --tools /job/bin --file /out/report.txt \
		"$@" >/tmp/messages 2>&1
	status=$?
	cat /tmp/messages /out/report.txt >$out 2>&1
	return $status
}

# sections NAME...: each is in the report, in this order
sections()
{
	at=0
	for section; do
		next=$(grep -n "^== $section" /out/report.txt | head -n 1 | cut -d: -f1)
		[ "${next:-0}" -gt "$at" ] || return 1
		at=$next
	done
}

unload_ours()
{
	for module in vfio-pci vfio-pci-core vfio_iommu_type1 vfio iommufd; do
		rmmod $module || echo "# $module cannot be unloaded"
	done
}

unprivileged()
{
	mkdir -p /etc
	echo 'nobody:x:65534:65534::/:/bin/sh' >/etc/passwd
	su -s /bin/sh -c "PATH=$PATH native.sh --check $1" nobody >$out 2>&1
	[ $? = 1 ] && says '^error: this user is not root.*sudo'
	ok "bench-native is refused: not root" $?
}

# tests_of DEVICE: what hardware says
tests_of()
{
	hardware "$1" >$out 2>&1
}

edu()
{
	device=$(find_device device 0x11e8)
	refused 'no device' 'no device is given; DEVICE='
	refused 'no such device' 'there is no PCI device 0000:ff:1f.7.*lspci -D' 0000:ff:1f.7
	refused 'not bound to vfio-pci' "$device is bound to no driver, not to vfio-pci; .*driver_override" \
		"$device"
	unprivileged "$device"
	echo vfio-pci >"/sys/bus/pci/devices/$device/driver_override"
	echo "$device" >/sys/bus/pci/drivers_probe
	mdev -s

	native "$device" && rows read-4K-mapped.1G.0.seq count.4K.1G.0.seq start.4K.1G \
		stop.4K.1G map.4K.none map.4K.running unmap.4K.idle attach-alone.none \
		detach-alone.running attach-fill-alone.none &&
		says '^(instructions|nanoseconds) of one operation' &&
		says '^measured in (instructions|nanoseconds)' &&
		says '^not measured: READ of dirty memory:' &&
		says '^not measured: upstream.s READ, START and STOP: nothing tracks' &&
		! says '^read-4K.1G'
	ok 'bench-native with an IOMMU that does not track' $?

	nvme=$(find_device class 0x010802)
	echo vfio-pci >"/sys/bus/pci/devices/$nvme/driver_override"
	echo "$nvme" >/sys/bus/pci/drivers_probe
	mdev -s
	tests_of "$nvme" && says 'writes of: an NVMe controller' &&
		says 'ok [0-9]+ a page that is written again and again$' && [ "$(grep -c SKIP $out)" = 3 ]
	ok 'dirty tests with an NVMe controller' $?

	hostname edu-host-of-mine
	report "$device" && sections Host "Device $device" 'iommufdctl check' 'Dirty tests' \
		'What tracking costs' "The kernel's log" &&
		says "^kernel +$(uname -r | tr + .) " && says '^IOMMU  .*cap [0-9a-f]' &&
		says '"dirty-bits":"?.*no' && says '^end of the report' &&
		says 'ok [0-9]+ what is mapped is reported where nothing tracks$' &&
		says 'ok [0-9]+ clean memory is reported clean # SKIP nothing tracks' &&
		says 'ok [0-9]+ a page that is written again and again$' && ! says '^not ok'
	ok 'hardware-report with an IOMMU that does not track' $?
	! says 'edu-host-of-mine|serial-of-mine'
	ok "no name of the host and no serial number in the report" $?
	hostname group
	report "$device" && says 'removed' && ! grep -q group /out/report.txt
	ok "control: what is the host's name is taken out" $?

	exec 5<>"/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$device/iommu_group")")"
	! native "$device" && says "$device is in use, or another device of its IOMMU group"
	ok 'bench-native is refused: the device is in use' $?
	exec 5>&-

	unload_ours
	refused 'no iommufd' 'there is no /dev/iommu, since iommufd is not loaded.*modprobe iommufd' \
		"$device"
	for module in iommufd vfio vfio_iommu_type1 vfio-pci-core vfio-pci; do
		insmod "/job/bin/upstream-$module.ko" || echo "# upstream's $module does not load"
	done
	refused "upstream's modules" "has no dirty tracker, so it is not this project's.*updates/" \
		"$device"
}

virtual()
{
	tracked=/sys/module/iommufd/parameters/dirty_break
	inject=/sys/module/iommufd_virt/parameters/set_dirty
	bind-all >/dev/null
	# shellcheck disable=SC2046 # words
	set -- $(cd /sys/bus/pci/devices && grep -l 0x1d55 ./*/vendor | cut -d/ -f2)
	native "$1" "$2" && rows read-4K.1G.0.seq 'peek-4K.1G.0.seq' unmap-dirty.4K.0 attach.none \
		attach.running ranges.4K.1G.0.seq && says '^read-4K.1G.0.seq .* [0-9]+\.[0-9]{3} ' &&
		! says 'mapped|alone'
	ok 'bench-native with an IOMMU that tracks, and two devices' $?
	grep -q '"wall_ns"\|"instructions"' /tmp/native/bench.json
	ok 'bench.json' $?
	tests_of "$1" && says '^ok .* clean memory is reported clean$' && says '^ok .* small leaves$' &&
		[ "$(grep -c SKIP $out)" = 1 ]
	ok 'dirty tests with an IOMMU that tracks' $?

	echo no_flush >$tracked
	! tests_of "$1" && says '^not ok .* written again and again$' && says 'page 77 is LOST'
	ok 'control: an IOTLB that is not flushed' $?
	echo no_unmap >$tracked
	! tests_of "$1" && says '^not ok .* a write to what is unmapped then$'
	ok 'control: an unmap that is not harvested' $?
	echo nothing >$tracked

	while :; do
		echo "0 $((4 << 30)) $((4 << 20)) 4096 1 0" >$inject
	done 2>/dev/null &
	! tests_of "$1" && says '^not ok .* clean memory is reported clean$' &&
		says 'reports 1 pages; the contents of 0 have changed'
	ok 'control: a dirty page that nobody has written' $?
	! native "$1" && says '^error: the benchmark failed, .*not the 0 bits'
	ok 'control: bench-native finds a page dirty that should be clean' $?
	kill $!

	bind-all iommufd_virt_vfio_pci >/dev/null
	native "$3" && rows start-logs-1.1G.0 read-logs-1.1G.0 stop-logs-1.1G.0 &&
		says 'page tracker of the first: yes'
	ok 'bench-native with a device that has a log' $?
	tests_of "$3" && says 'its own page tracker' && says '^ok .* clean memory is reported clean$'
	ok 'dirty tests with a device that has a log' $?
}

"$1"
echo "1..$tests"
