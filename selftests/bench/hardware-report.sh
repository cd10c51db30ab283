#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# hardware-report.sh: "make hardware-report". What this machine's IOMMU and a device make of
# dirty tracking, as a text to send in. Also runs in the VM, whose shell is busybox's.
set -u

usage()
{
	cat <<'END'
Usage: hardware-report.sh [OPTION...] PCI-ADDRESS...

Write a report: kernel, IOMMU, device, "iommufdctl check", dirty tests and the rows of make
bench-native. The devices are bound to vfio-pci and to spare: they are opened, attached to
address spaces of their own, and reset, again and again; the first is tested. Must be root;
this project's modules must be loaded. Serial numbers, MAC addresses and the host's name are
left out.

  --file FILE      the report (default: build/hardware-report.txt)
  --quick          fewer rows
  --programs DIR   where bench, report and hardware are (default: build/bench)
  --tools DIR      where iommufdctl is (default: build/tools)
  -h, --help       this text

Exit status: 0 the report was written, whatever is in it; 1 it was not, and a message.
END
}

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
programs=$top/build/bench tools=$top/build/tools file=$top/build/hardware-report.txt
quick=''

say()
{
	printf '%s\n' "$*" >&2
}

die()
{
	say "error: $*"
	exit 1
}

# field NAME VALUE...
field()
{
	name=$1
	shift
	printf '%-14s%s\n' "$name" "${*:-unknown}"
}

section()
{
	printf '\n== %s\n' "$1"
}

read_line()
{
	head -n 1 "$1" 2>/dev/null
}

# What of the kernel's command line is about IOMMUs and vfio; the rest is nobody's business.
command_line()
{
	tr ' ' '\n' </proc/cmdline |
		grep -E '^(iommu|intel_iommu|amd_iommu|vfio|iommufd|arm-smmu|pci=|mitigations=)' |
		tr '\n' ' '
}

# IOMMUs and what their registers say, as far as the driver shows it
iommus()
{
	for iommu in /sys/class/iommu/*; do
		[ -e "$iommu" ] || continue
		shown=
		for register in intel-iommu/version intel-iommu/cap intel-iommu/ecap \
			amd-iommu/cap amd-iommu/features; do
			[ ! -r "$iommu/$register" ] ||
				shown="$shown ${register#*/} $(read_line "$iommu/$register")"
		done
		field "IOMMU" "${iommu##*/}$shown"
	done
}

host()
{
	field 'version' "$("$tools/iommufdctl" --version)"
	field 'distribution' "$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' \
		/etc/os-release 2>/dev/null)"
	field 'kernel' "$(uname -r) $(uname -v) $(uname -m), tainted" \
		"$(read_line /proc/sys/kernel/tainted)"
	field 'command line' "$(command_line)"
	field 'processor' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sort | uniq -c |
		sed 's/^ *//' | tr '\n' ' ')"
	for module in iommufd vfio vfio_pci_core vfio_pci; do
		field 'module' "$module $(read_line "/sys/module/$module/srcversion")"
	done
	iommus
}

device()
{
	at=/sys/bus/pci/devices/$1
	field 'id' "$(read_line "$at/vendor"):$(read_line "$at/device")," \
		"subsystem $(read_line "$at/subsystem_vendor"):$(read_line "$at/subsystem_device")," \
		"class $(read_line "$at/class"), revision $(read_line "$at/revision")"
	driver=$(readlink "$at/driver")
	iommu=$(readlink "$at/iommu")
	# shellcheck disable=SC2012 # names of PCI devices
	field 'driver' "${driver##*/}, IOMMU ${iommu##*/}," \
		"group of $(ls "$at/iommu_group/devices" | wc -l)"
	field 'reset' "$(read_line "$at/reset_method")"
}

# What the kernel says of IOMMUs and vfio; its lines are counted from $log_lines on.
kernel_log()
{
	lines=$(dmesg | tail -n "+$((log_lines + 1))" |
		grep -E '(iommufd|vfio|DMAR|AMD-Vi|arm-smmu|WARNING:|BUG:)' | tail -n 100)
	echo "${lines:-nothing about IOMMUs and vfio}"
}

# redact: take out what names this machine. It should not be there to begin with.
redact()
{
	{
		uname -n
		uname -n | sed 's/\..*//'
		cat /etc/machine-id /sys/class/net/*/address /sys/class/dmi/id/*serial \
			/sys/class/dmi/id/product_uuid /sys/class/dmi/id/*asset_tag \
			/sys/class/nvme/*/serial /sys/class/scsi_host/*/serial_num \
			/sys/class/infiniband/*/node_guid 2>/dev/null
	} | awk 'length >= 3 && !/^[0:-]*$/ {
			low = tolower($0)
			if (low !~ /^(none|unknown|default string|to be filled.*|not .*)$/)
				print low
		}' | sort -u >"$file.secrets"
	awk -v secrets="$file.secrets" '
		BEGIN {
			while ((getline line <secrets) > 0)
				secret[n++] = line
		}
		{
			for (i = 0; i < n; i++) {
				done = ""
				while ((at = index(tolower($0), secret[i])) > 0) {
					done = done substr($0, 1, at - 1) "(removed)"
					$0 = substr($0, at + length(secret[i]))
				}
				$0 = done $0
			}
			print
		}'
	rm -f "$file.secrets"
}

report()
{
	echo "iommufd-dirty hardware report, format 1"
	echo
	echo "Serial numbers, MAC addresses and the host's name are left out; read it before you"
	echo "send it. README, \"Reports of hardware\", says where to."
	section 'Host'
	host
	for address; do
		section "Device $address"
		device "$address"
	done
	section 'iommufdctl check'
	"$tools/iommufdctl" check "$@" 2>&1
	"$tools/iommufdctl" --pretty check "$@" 2>&1
	section "Dirty tests with $1"
	say "hardware-report: tests with $1 ..."
	"$programs/hardware" "$1" 2>&1
	section 'What tracking costs (make bench-native)'
	# shellcheck disable=SC2086 # nothing, or a word
	"$here/native.sh" $quick --programs "$programs" --out "$file.bench" "$@" 2>"$file.errors" ||
		cat "$file.errors"
	section "The kernel's log"
	kernel_log
	echo
	echo "end of the report"
}

while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage; exit 0 ;;
	--quick) quick=--quick ;;
	--file | --programs | --tools)
		[ $# -gt 1 ] || { usage >&2; exit 1; }
		case $1 in
		--file) file=$2 ;;
		--programs) programs=$2 ;;
		--tools) tools=$2 ;;
		esac
		shift ;;
	-*) usage >&2; exit 1 ;;
	*) break ;;
	esac
	shift
done

"$here/native.sh" --check "$@" || exit 1
for program in "$programs/bench" "$programs/report" "$programs/hardware" "$tools/iommufdctl"; do
	[ -x "$program" ] || die "there is no $program; make hardware-report builds it"
done
cannot_write="$file cannot be written; FILE= names another"
mkdir -p "$(dirname "$file")" || die "$cannot_write"
: >"$file" || die "$cannot_write"
log_lines=$(dmesg | wc -l)
report "$@" >"$file.all"
redact <"$file.all" >"$file" || die "$cannot_write"
rm -rf "$file.all" "$file.bench" "$file.errors"
failed=$(grep -c '^not ok' "$file")
say "hardware-report: $file, $(grep -c '^ok' "$file") tests passed or skipped, $failed failed"
say "read it, and send it in as README says under \"Reports of hardware\""
